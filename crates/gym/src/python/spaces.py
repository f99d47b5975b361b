"""Spaces as the trainer sees them: rows of numbers."""

import numpy as np
from gymnasium import spaces

LARGEST = float(np.finfo(np.float32).max)


class Unsupported(Exception):
    """A space, or something else of the task, that there is no way to train on."""


def bounds(values):
    """Bounds as JSON; none where there is none."""
    # Plus 0: a bound of -0.0 is one of 0.0.
    return [float(v) + 0.0 if abs(v) <= LARGEST else None for v in np.asarray(values, dtype=np.float64).ravel()]


def box(low, high):
    return {"kind": "box", "low": bounds(low), "high": bounds(high)}


def picture_axes(shape):
    """Where channels, rows and columns of a picture of bytes are among its axes."""
    if len(shape) == 2:
        return (None, 0, 1)
    last, first = shape[2], shape[0]
    is_last = last in (1, 3, 4) or (first not in (1, 3, 4) and last <= first)
    return (2, 0, 1) if is_last else (0, 1, 2)


def is_picture(space):
    return isinstance(space, spaces.Box) and space.dtype == np.uint8 and len(space.shape) in (2, 3)


class Observation:
    """An observation space: its description, and writers of its values into rows."""

    def __init__(self, space):
        self.space = space
        self.picture = is_picture(space)
        if self.picture:
            axes = picture_axes(space.shape)
            channels = 1 if axes[0] is None else space.shape[axes[0]]
            height, width = space.shape[axes[1]], space.shape[axes[2]]
            self.axes = axes
            self.description = {
                "kind": "image",
                "channels": channels,
                "height": height,
                "width": width,
                "pixel": "byte",
            }
            self.words = (channels * height * width + 3) // 4
            self.names = []
        else:
            self.names, low, high = [], [], []
            describe(space, "", self.names, low, high)
            self.description = {"kind": "box", "low": low, "high": high}
            self.words = len(low)

    def with_mask(self, width):
        """The description of rows that end with a mask of so many numbers."""
        if width == 0:
            return self.description
        low, high = self.description["low"], self.description["high"]
        return {"kind": "box", "low": low + [0.0] * width, "high": high + [1.0] * width}

    def writer(self, row):
        """A function that writes a value into `row`, `[words]` of float32."""
        if not self.picture:
            return writer(self.space, row)
        d, space = self.description, self.space
        pixels = row.view(np.uint8)[: d["channels"] * d["height"] * d["width"]]
        if len(space.shape) == 2:
            return box_writer(pixels.reshape(space.shape), space.shape)
        planes = pixels.reshape(d["channels"], d["height"], d["width"])
        # Rows are channel after channel whatever order the task has.
        return box_writer(planes.transpose(1, 2, 0) if self.axes[0] == 2 else planes, space.shape)


def describe(space, path, names, low, high):
    """Appends the parts of a space: their names and widths, and bounds."""
    if isinstance(space, spaces.Box):
        part = (bounds(space.low), bounds(space.high))
    elif isinstance(space, spaces.Discrete):
        part = ([0.0] * int(space.n), [1.0] * int(space.n))
    elif isinstance(space, spaces.MultiDiscrete):
        part = ([0.0] * int(space.nvec.sum()), [1.0] * int(space.nvec.sum()))
    elif isinstance(space, spaces.MultiBinary):
        part = ([0.0] * int(np.prod(space.shape)), [1.0] * int(np.prod(space.shape)))
    elif isinstance(space, (spaces.Dict, spaces.Tuple)):
        for key, inner in parts_of(space):
            describe(inner, f"{path}/{key}" if path else str(key), names, low, high)
        return
    else:
        where = f" at `{path}`" if path else ""
        raise Unsupported(f"observations of {type(space).__name__}{where} have no fixed number of numbers; flatten them in a wrapper")
    names.append([path or "observation", len(part[0])])
    low.extend(part[0])
    high.extend(part[1])


def parts_of(space):
    return space.spaces.items() if isinstance(space, spaces.Dict) else enumerate(space.spaces)


def width_of(space):
    names = []
    describe(space, "", names, [], [])
    return sum(width for _, width in names)


def writer(space, row):
    """A function that writes a value of `space` into `row`, which holds exactly its numbers."""
    if isinstance(space, spaces.Box):
        return box_writer(row.reshape(space.shape), space.shape)
    if isinstance(space, spaces.MultiBinary):
        shape = space.shape if isinstance(space.shape, tuple) else (space.n,)
        return box_writer(row.reshape(shape), shape)
    if isinstance(space, spaces.Discrete):
        return one_hot_writer(row, int(space.start), int(space.n))
    if isinstance(space, spaces.MultiDiscrete):
        return many_hot_writer(space, row)
    parts, at = [], 0
    for key, inner in parts_of(space):
        width = width_of(inner)
        parts.append((key, writer(inner, row[at : at + width])))
        at += width

    def write(value):
        for key, part in parts:
            part(value[key])

    return write


def box_writer(view, shape):
    def write(value):
        if getattr(value, "shape", None) != shape:
            value = np.asarray(value)
            if value.shape != shape:
                raise ValueError(f"an observation has shape {value.shape}, but its space says {shape}")
        view[...] = value

    return write


def one_hot_writer(row, start, n):
    def write(value):
        index = int(value) - start
        if not 0 <= index < n:
            raise ValueError(f"an observation is {value}, but its space says {start} to {start + n - 1}")
        row[:] = 0.0
        row[index] = 1.0

    return write


def many_hot_writer(space, row):
    sizes = space.nvec.ravel()
    start, ends = np.asarray(space.start).ravel(), np.cumsum(sizes)

    def write(value):
        index = np.asarray(value).ravel() - start
        if index.shape != sizes.shape or (index < 0).any() or (index >= sizes).any():
            raise ValueError(f"an observation is {value}, but its space says {space}")
        row[:] = 0.0
        row[ends - sizes + index] = 1.0

    return write


class Action:
    """An action space: its description, and what environments get of the trainer's numbers."""

    def __init__(self, space):
        self.space = space
        self.discrete = not isinstance(space, spaces.Box)
        self.shape = space.shape or ()
        self.logits = 0
        if isinstance(space, spaces.Box):
            self.description = box(space.low, space.high)
            self.width = int(np.prod(space.shape))
        elif isinstance(space, spaces.Discrete):
            self.description = {"kind": "discrete", "n": int(space.n)}
            self.width, self.logits, self.start = 1, int(space.n), int(space.start)
        elif isinstance(space, spaces.MultiDiscrete):
            sizes = [int(n) for n in space.nvec.ravel()]
            self.description = {"kind": "multi_discrete", "nvec": sizes}
            self.width, self.logits, self.start = len(sizes), sum(sizes), np.asarray(space.start)
        elif isinstance(space, spaces.MultiBinary):
            self.width = int(np.prod(space.shape))
            self.logits, self.start = 2 * self.width, 0
            self.description = {"kind": "multi_binary", "n": self.width}
        else:
            raise Unsupported(f"actions of {type(space).__name__} are none that a policy gives; make them a Box or MultiDiscrete in a wrapper")

    def reader(self, numbers):
        """A function that gives an action for every row of `numbers`. None of them lies in the shared memory, for an environment may
        keep what it is given."""
        space, count = self.space, len(numbers)
        if isinstance(space, spaces.Discrete):
            flat, start = numbers.reshape(count), self.start
            # NumPy's integers, as vector environments give them: those that `Discrete.contains` is quicker with.
            return lambda: list(flat + start)
        shaped = numbers.reshape((count, *self.shape))
        if isinstance(space, spaces.MultiDiscrete):
            start, dtype = self.start, space.dtype
            return lambda: (shaped + start).astype(dtype, copy=False)
        return lambda: shaped.astype(space.dtype)
