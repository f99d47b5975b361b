#!/usr/bin/env python3
"""Checks an exported policy against the outputs that Striatum expects of it.

    python scripts/check_export.py policy.onnx expected.json
    python scripts/check_export.py policy.safetensors expected.json

The JSON holds `observations`, and `actions` with `logits`, or with `mean` and `log_std`; of a policy with memory also `state`, and
`next_state` after the step. Where there are two pathways, `tones` lists the
same for several dopamine tones, and the numbers beside it are what the policy does without being given one. An ONNX file goes through onnx's full check
and onnxruntime; a safetensors file is evaluated with numpy by what its metadata says. Numbers must agree within the tolerance,
relative to their size where that is above 1. An action among choices may differ only where the largest logits are equal within
the tolerance. Exits with 1 if anything differs, with 2 if something cannot be read.

Needs numpy, and onnx with onnxruntime or safetensors.
"""

import argparse
import json
import sys

import numpy as np


def shaped(observations, given):
    """Observations as an ONNX input takes them."""
    kind = np.uint8 if given.type == "tensor(uint8)" else np.float32
    return observations.reshape(-1, *given.shape[1:]).astype(kind)


def run_onnx(path, observations, state=None, tone=None):
    import onnx
    import onnxruntime

    onnx.checker.check_model(path, full_check=True)
    options = onnxruntime.SessionOptions()
    # Errors only: it warns of every input that has a default.
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    observations = shaped(observations, session.get_inputs()[0])
    rows = {"observations": observations} | ({} if state is None else {"state": state})
    given = {} if tone is None else {"tone": np.asarray(tone, dtype=np.float32)}
    whole = dict(zip(names, session.run(names, rows | given)))
    # The batch size must not be baked in.
    single = session.run(names, {name: values[:1] for name, values in rows.items()} | given)
    for name, value in zip(names, single):
        if value.shape != whole[name][:1].shape:
            raise ValueError(f"`{name}` has shape {value.shape} for a batch of one")
    return whole


ENCODERS = {
    "mlp": [],
    "nature-cnn": [("convolve", 4, 0, True), ("convolve", 2, 0, True), ("convolve", 1, 0, True)],
    "minatar-cnn": [("convolve", 1, 0, True)],
    "impala-cnn": 3 * [("convolve", 1, 1, False), ("pool",), ("residual",), ("residual",)] + [("relu",)],
}


def windows(x, side, stride, padding, outside):
    """`[rows, channels, height, width, side, side]`."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), constant_values=outside)
    return np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(2, 3))[:, :, ::stride, ::stride]


def encode(network, tensors, name, x, norm):
    """What the hidden layers read, from flat rows."""
    image = network.get("observation", {}).get("image")
    if image and image["bytes"]:
        x = x / np.float32(255)
    steps = ENCODERS[network.get("encoder", "mlp")]
    if not steps:
        return x
    x, layer = x.reshape(-1, image["channels"], image["height"], image["width"]), 0

    def convolve(x, stride, padding):
        nonlocal layer
        weight, bias = tensors[f"{name}.{layer}.weight"], tensors[f"{name}.{layer}.bias"]
        layer += 1
        seen = windows(x, weight.shape[2], stride, padding, 0)
        return np.einsum("nchwij,ocij->nohw", seen, weight, optimize=True) + bias[:, None, None]

    for kind, *rest in steps:
        if kind == "convolve":
            x = convolve(x, *rest[:2])
        elif kind == "pool":
            x = windows(x, 3, 2, 1, -np.inf).max(axis=(4, 5))
        elif kind == "residual":
            x = x + convolve(np.maximum(convolve(np.maximum(x, 0), 1, 1), 0), 1, 1)
        if kind == "relu" or kind == "convolve" and rest[2]:
            x = np.maximum(x, 0)
    z = x.reshape(len(x), -1) @ tensors[f"{name}.linear.weight"] + tensors[f"{name}.linear.bias"]
    return np.maximum(norm(z, name), 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def remember(network, tensors, name, x, state):
    """What the heads read, and the state after the step: memories as in PyTorch, and minGRU (Feng et al. 2024)."""
    kind, width = network.get("memory", "none"), network.get("memory_width", 0)
    if kind == "none":
        return x, None
    parts = lambda rows: [rows[:, at : at + width] for at in range(0, rows.shape[1], width)]
    layer = lambda part, x: parts(x @ tensors[f"{name}.{part}.weight"] + tensors[f"{name}.{part}.bias"])
    i, (h, *cell) = layer("input", x), parts(state)
    if kind == "mingru":
        z = sigmoid(i[0])
        h = (1 - z) * h + z * np.where(i[1] >= 0, i[1] + 0.5, sigmoid(i[1]))
        return h, h
    u = layer("recurrent", h)
    if kind == "gru":
        r, z = sigmoid(i[0] + u[0]), sigmoid(i[1] + u[1])
        h = (1 - z) * np.tanh(i[2] + r * u[2]) + z * h
        return h, h
    sums = [a + b for a, b in zip(i, u)]
    c = sigmoid(sums[1]) * cell[0] + sigmoid(sums[0]) * np.tanh(sums[2])
    h = sigmoid(sums[3]) * np.tanh(c)
    return h, np.concatenate([h, c], axis=1)


def run_safetensors(path, observations, state=None, tone=None):
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        policy = json.loads(file.metadata()["policy"])
    network, x = policy["network"], observations
    marks = sum(network["head"]["policy"].get("nvec", [])) if network["head"].get("masked") else 0
    x, mask = np.split(x, [x.shape[1] - marks], axis=1)
    if "normalizer.mean" in tensors:
        x = (x.astype(np.float64) - tensors["normalizer.mean"]) / tensors["normalizer.std"]
        x = np.clip(x.astype(np.float32), -policy["observation_clip"], policy["observation_clip"])
    activation = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0), "silu": lambda z: z * sigmoid(z)}[network["activation"]]
    trunk = "trunk" if network["shared_trunk"] else "actor"

    def norm(z, name):
        if not network.get("layer_norm"):
            return z
        scale = 1 / np.sqrt(z.var(axis=1, keepdims=True) + 1e-5)
        return (z - z.mean(axis=1, keepdims=True)) * scale * tensors[f"{name}.norm.weight"] + tensors[f"{name}.norm.bias"]

    x = encode(network, tensors, f"{trunk}.encoder", x, norm)
    for layer in range(len(network["hidden"])):
        z = x @ tensors[f"{trunk}.{layer}.weight"] + tensors[f"{trunk}.{layer}.bias"]
        x = activation(norm(z, f"{trunk}.{layer}"))
    x, after = remember(network, tensors, f"{trunk}.memory", x, state)
    kept = {} if after is None else {"next_state": after}
    head, kind = network["head"], network["head"]["policy"]
    rho = policy["tone"] if tone is None else tone
    beta = policy["inverse_temperature"] if kind["kind"] == "categorical" else 1.0
    net = x @ tensors["direct.weight"] + tensors["direct.bias"]
    if head["dual"]:
        no_go = x @ tensors["indirect.weight"] + tensors["indirect.bias"]
        net = ((1 + rho) * net - (1 - rho) * no_go) / np.sqrt(2)
    net = beta * net
    if marks:
        net = np.where(mask > 0, net, -np.inf)
    if kind["kind"] == "categorical":
        parts = np.split(net, np.cumsum(kind["nvec"])[:-1], axis=1)
        actions = np.stack([part.argmax(axis=1) for part in parts], axis=1)
        return {"actions": actions[:, 0] if len(parts) == 1 else actions, "logits": net} | kept
    low, high = tensors["action.low"], tensors["action.high"]
    actions = low + (high - low) * (np.tanh(net) + 1) / 2 if kind["squash"] else np.clip(net, low, high)
    log_std = np.clip(tensors["log_std"], -20, 2)
    if kind["kind"] == "state_dependent":
        variance = x**2 @ np.exp(2 * log_std.reshape(kind["features"], kind["dims"])) + 1e-6
        log_std = 0.5 * np.log(variance)
    return {"actions": actions, "mean": net, "log_std": np.broadcast_to(log_std, net.shape)} | kept


def worst(found, expected):
    """The largest difference, relative to the expected size where that is above 1; infinite for other shapes or NaN."""
    if found.shape != expected.shape:
        return np.inf
    # JSON has no infinity: nothing stands for the logit of what is not allowed.
    forbidden = np.isnan(expected)
    if not (found[forbidden] == -np.inf).all():
        return np.inf
    found, expected = found[~forbidden], expected[~forbidden]
    if not np.isfinite(found).all():
        return np.inf
    error = np.abs(found.astype(np.float64) - expected) / np.maximum(1.0, np.abs(expected))
    return float(error.max(initial=0.0))


def check_choices(found, expected, logits, tolerance):
    """How many choices differ without a tie to excuse it, and how many a tie excuses."""
    if found.dtype != np.int64:
        raise ValueError(f"`actions` are {found.dtype}, not int64")
    if found.shape != expected.shape:
        raise ValueError(f"`actions` have shape {found.shape}, not {expected.shape}")
    if found.ndim > 1:
        # Which logits belong to which choice is not in the file: ties excuse nothing there.
        return int((found != expected).sum()), 0
    rows = np.flatnonzero(found != expected)
    gaps = np.abs(logits[rows, found[rows]] - logits[rows, expected[rows]])
    tied = gaps <= tolerance * np.maximum(1.0, np.nanmax(np.abs(logits[rows]), axis=1, initial=0.0))
    return int((~tied).sum()), int(tied.sum())


def check(found, expected, tolerance):
    """Whether anything differs, and in words how much."""
    if set(found) != set(expected):
        raise ValueError(f"it has outputs {sorted(found)}, and {sorted(expected)} are expected")
    logits = np.asarray(expected.get("logits", []), dtype=np.float64)
    failed, report = False, []
    for name, values in expected.items():
        if name == "actions" and "logits" in expected:
            wrong, tied = check_choices(found[name], np.asarray(values), logits, tolerance)
            failed |= wrong > 0
            report.append(f"actions differ in {wrong}" + (f" (and {tied} ties)" if tied else ""))
        else:
            error = worst(found[name], np.asarray(values, dtype=np.float64))
            failed |= not error <= tolerance
            report.append(f"{name} within {error:.1e}")
    return failed, report


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("policy", help="the .onnx or .safetensors file")
    parser.add_argument("expected", help="the JSON file of observations and expected outputs")
    parser.add_argument("--tolerance", type=float, default=1e-5, help="largest difference (default 1e-5)")
    args = parser.parse_args()

    try:
        with open(args.expected, encoding="utf-8") as file:
            expected = json.load(file)
        observations = np.asarray(expected.pop("observations"), dtype=np.float32)
        state = np.asarray(expected.pop("state"), dtype=np.float32) if "state" in expected else None
        run = run_safetensors if args.policy.endswith(".safetensors") else run_onnx
        tones = expected.pop("tones", [])
        failed, report = check(run(args.policy, observations, state), expected, args.tolerance)
        for other in tones:
            tone = other.pop("tone")
            wrong, more = check(run(args.policy, observations, state, tone), other, args.tolerance)
            failed |= wrong
            report.append(f"with tone {tone:g} " + ", ".join(more))
    except Exception as error:  # whatever is wrong with the files, the caller needs its text and status 2
        print(f"{args.policy}: {error}", file=sys.stderr)
        return 2
    verdict = "FAILED" if failed else "ok"
    print(f"{args.policy}: {verdict}: {len(observations)} observations, " + ", ".join(report))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
