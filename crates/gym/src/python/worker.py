"""The worker's side of the bridge: waits for commands, obeys, answers.

Descriptor 0 is a socket to the trainer, descriptor 1 the file that is shared with it. A command is a byte, or one line of JSON; the answer to
either is the byte `k`, or one line of JSON; `w` has none. Numbers never go through the socket but for pictures.
"""

import ctypes
import faulthandler
import gc
import json
import mmap
import os
import platform
import signal
import sys
import traceback

MAGIC = 0x42475453  # "STGB"
VERSION = 1


class Memory:
    """The shared file as arrays. `crates/gym/src/layout.rs` says where everything is."""

    def __init__(self, file, message):
        self.count, at = message["count"], message["sections"]
        self.map = mmap.mmap(file, message["size"])
        magic, version, count, row, action = np.frombuffer(self.map, np.uint32, 5)
        if (magic, version, count, row, action) != (MAGIC, VERSION, self.count, message["row"], message["action"]):
            raise RuntimeError("the shared file is not the trainer's")

        def array(name, kind, *shape):
            flat = np.frombuffer(self.map, kind, int(np.prod(shape)), at[name])
            return flat.reshape(shape)

        self.repeat = np.frombuffer(self.map, np.uint32, 2, 20)
        self.active = array("active", np.uint8, self.count)
        self.actions = array("actions", np.int64 if message["discrete"] else np.float32, self.count, int(action))
        self.observations = array("observations", np.float32, self.count, int(row))
        self.finals = array("finals", np.float32, self.count, int(row))
        # One number of a memoryview is written faster than one of an array.
        self.seeds = memoryview(array("seeds", np.uint32, self.count))
        self.rewards = memoryview(array("rewards", np.float32, self.count))
        self.terminated = memoryview(array("terminated", np.float32, self.count))
        self.truncated = memoryview(array("truncated", np.float32, self.count))
        self.counts = memoryview(array("counts", np.float32, self.count))
        self.lives = memoryview(array("lives", np.uint32, self.count))


class Worker:
    def __init__(self):
        self.control, self.file = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        # What environments print goes where their errors go.
        os.dup2(2, 1)
        self.host = None
        self.phase = "start"

    def run(self):
        while True:
            command = os.read(self.control, 1)
            if not command:
                break
            try:
                answer = self.obey(command)
                if answer is None:
                    continue
            except BaseException as error:  # noqa: BLE001: whatever it is, the trainer has to know
                answer = self.failure(error)
            self.send(answer)
        if self.host is not None:
            self.host.close()

    def obey(self, command):
        host = self.host
        if command == b"s":
            self.phase = "step"
            host.step(host.everyone)
        elif command == b"a":
            self.phase = "step"
            host.step(np.flatnonzero(host.memory.active).tolist())
        elif command == b"p":
            self.phase = "step"
            host.step(host.everyone, host.repeating(*host.memory.repeat.tolist()))
        elif command == b"q":
            self.phase = "step"
            host.step(np.flatnonzero(host.memory.active).tolist(), host.repeating(*host.memory.repeat.tolist()))
        elif command == b"r":
            self.phase = "reset"
            host.reset(np.flatnonzero(host.memory.active).tolist())
        elif command in (b"f", b"e"):
            self.phase = "render"
            env = int(np.flatnonzero(host.memory.active)[0])
            return self.frame(host.frame(env) if command == b"f" else host.last_frames.get(env))
        elif command == b"w":
            host.watched = True
            return None
        elif command == b"{":
            message = json.loads(b"{" + self.line())
            return self.open(message) if message["do"] == "open" else self.attach(message)
        else:
            raise RuntimeError(f"there is no command {command!r}")
        return b"k"

    def line(self):
        text = b""
        while not text.endswith(b"\n"):
            part = os.read(self.control, 1 << 16)
            if not part:
                sys.exit(0)
            text += part
        return text

    def send(self, data):
        view = memoryview(data)
        while view:
            view = view[os.write(self.control, view) :]

    def open(self, options):
        self.phase = "make"
        for module in options["imports"]:
            importlib.import_module(module)
        self.host = host_of(options)
        self.phase = "reset"
        description = self.host.describe()
        host = self.host
        metadata = host.metadata()
        description |= {
            "render_modes": list(metadata.get("render_modes", [])),
            "frame_rate": float(metadata["render_fps"]) if metadata.get("render_fps") else None,
            "observation": host.observation.with_mask(host.action.logits if host.masked else 0),
            "action": host.action.description,
            "names": host.observation.names,
            "words": host.observation.words,
            "mask": host.action.logits if host.masked else 0,
            "lives": host.has_lives,
            "versions": f"Gymnasium {gymnasium.__version__}, Python {platform.python_version()}",
        }
        return json.dumps(description).encode() + b"\n"

    def attach(self, message):
        self.phase = "make"
        self.host.attach(Memory(self.file, message))
        # Whatever is there now stays for good: no need to look at it again and again.
        gc.collect()
        gc.freeze()
        return b"k"

    def frame(self, picture):
        if isinstance(picture, list):
            picture = picture[-1] if picture else None
        picture = None if picture is None else np.ascontiguousarray(picture)
        if picture is None or picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
            return json.dumps({"width": 0, "height": 0}).encode() + b"\n"
        head = {"width": picture.shape[1], "height": picture.shape[0]}
        return json.dumps(head).encode() + b"\n" + picture.tobytes()

    def failure(self, error):
        known = isinstance(error, (Unsupported, gymnasium.error.UnregisteredEnv))
        message = {
            "failed": self.phase,
            "env": getattr(self.host, "current", None),
            "what": f"{type(error).__name__}: {error}",
            # Where the user's request is at fault, a traceback into Gymnasium says nothing.
            "traceback": "" if known else trace(error),
        }
        return json.dumps(message).encode() + b"\n"


def trace(error):
    """The traceback below this script."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != "striatum-worker"]
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames), *traceback.format_exception_only(error)]
    return "".join(lines)


def host_of(options):
    return Single(options) if options["kind"] == "gym" and options["vectorization"] == "none" else Vector(options)


def end_with_parent():
    """Has the system end this process with the one that started it, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


# A worker must not outlive a trainer that is killed while an environment hangs, nor must what it starts outlive the worker.
end_with_parent()
os.register_at_fork(after_in_child=end_with_parent)
# Ctrl-C is the trainer's; it ends the worker when it is done.
signal.signal(signal.SIGINT, signal.SIG_IGN)
faulthandler.enable()
faulthandler.register(signal.SIGUSR1, all_threads=False)
Worker().run()
