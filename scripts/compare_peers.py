#!/usr/bin/env python3
"""Times PPO on CartPole-v1 by Striatum and by its peers, the same work one after the other on the same machine.

    pip install rejax "gymnax<1" stable-baselines3
    python3 scripts/compare_peers.py --binary target/release/striatum

Everyone trains two separate 64-64 tanh networks with a learning rate of 2.5e-4, without evaluation. A peer that is not installed is left
out; Stable-Baselines3 runs with one PyTorch thread and with one a core, of which the better counts. Steps a second are the peers'
steady ones: rejax's compile time and Stable-Baselines3's first rollout and update do not count. Striatum's are of a whole process, from
its start to its last checkpoint. Each number is the best of `--repeats`.

With `--device gpu` Striatum and rejax run on the GPU, at that device's size; Stable-Baselines3 is a CPU library here. On the CPU a last
line tells what ten agents in one launch cost beside one.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import tempfile
import time

LEARNING_RATE = 2.5e-4

# Environments, steps, minibatches, epochs; then steps of a run of Striatum, rejax and Stable-Baselines3 (0: it is left out).
SETTINGS = {
    "cpu": [
        ((8, 32, 1, 20), 500_000, 100_000, 20_000),
        ((128, 32, 8, 4), 4_000_000, 500_000, 100_000),
        ((1024, 128, 16, 4), 8_000_000, 1_000_000, 0),
    ],
    "gpu": [((4096, 128, 4, 4), 200_000_000, 50_000_000, 0)],
}

# Setting and steps an agent of the launch that is set beside a single run, and its agents.
LAUNCH = ((128, 32, 8, 4), 1_000_000, 10)


def striatum(arguments, shape, total):
    return total_and_seconds(arguments, shape, total)[0]


def total_and_seconds(arguments, shape, total, *flags):
    """Steps a second of a whole process, if it trains one agent, and its seconds."""
    envs, steps, minibatches, epochs = shape
    settings = {
        "ppo.num_steps": steps,
        "ppo.minibatches": minibatches,
        "ppo.epochs": epochs,
        "ppo.learning_rate": LEARNING_RATE,
        "network.hidden": [64, 64],
        "network.activation": "tanh",
        "network.shared_trunk": "false",
        "eval.interval": 0,
        "eval.episodes": 1,
        "run.checkpoint_interval": 0,
    }
    with tempfile.TemporaryDirectory() as out:
        command = [arguments.binary, "train", "CartPole-v1", "--device", arguments.device, "--quiet", "--json"]
        command += ["--num-envs", str(envs), "--total-steps", str(total), "--out", os.path.join(out, "run")]
        command += flags
        for key, value in settings.items():
            command += ["--set", f"{key}={value}"]
        begun = time.perf_counter()
        result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        seconds = time.perf_counter() - begun
    return json.loads(result.splitlines()[-1])["steps"] / seconds, seconds


def launch_cost(arguments):
    """What a launch of several agents costs beside one of them, in times."""
    shape, total, agents = LAUNCH

    def best(*flags):
        return min(total_and_seconds(arguments, shape, total, *flags)[1] for _ in range(arguments.repeats))

    return best("--seeds", str(agents)) / best()


def rejax(arguments, shape, total):
    import jax
    from rejax import get_algo

    if arguments.device != "cpu" and jax.default_backend() == "cpu":
        raise SystemExit("error: JAX finds no GPU here; install its build for this GPU, or leave rejax out")

    envs, steps, minibatches, epochs = shape
    total = max(1, total // (envs * steps)) * envs * steps
    algorithm = get_algo("ppo").create(
        env="CartPole-v1",
        agent_kwargs={"activation": "tanh", "hidden_layer_sizes": (64, 64)},
        num_envs=envs,
        num_steps=steps,
        num_minibatches=minibatches,
        num_epochs=epochs,
        total_timesteps=total,
        eval_freq=total,
        learning_rate=LEARNING_RATE,
        max_grad_norm=0.5,
    )
    # It evaluates 128 episodes before and after training, which is no part of the work.
    algorithm = algorithm.replace(eval_callback=lambda algorithm, state, key: (), skip_initial_evaluation=True)
    train = jax.jit(algorithm.train).lower(jax.random.PRNGKey(0)).compile()
    begun = time.perf_counter()
    jax.block_until_ready(train(jax.random.PRNGKey(0)))
    return total / (time.perf_counter() - begun)


def stable_baselines3(_, shape, total):
    import torch

    def speed(threads):
        torch.set_num_threads(threads)
        return steady(shape, total)

    # More threads than one slow networks this small down on many machines, and beside other work on all.
    return max(speed(1), speed(os.cpu_count()))


def steady(shape, total):
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env
    from torch import nn

    envs, steps, minibatches, epochs = shape
    model = PPO(
        "MlpPolicy",
        make_vec_env("CartPole-v1", n_envs=envs),
        n_steps=steps,
        batch_size=envs * steps // minibatches,
        n_epochs=epochs,
        learning_rate=LEARNING_RATE,
        policy_kwargs={"net_arch": {"pi": [64, 64], "vf": [64, 64]}, "activation_fn": nn.Tanh},
        device="cpu",
        seed=0,
    )
    model.learn(total_timesteps=envs * steps)
    warm = model.num_timesteps
    begun = time.perf_counter()
    model.learn(total_timesteps=total, reset_num_timesteps=False)
    return (model.num_timesteps - warm) / (time.perf_counter() - begun)


PEERS = [("rejax", "rejax", rejax), ("Stable-Baselines3", "stable_baselines3", stable_baselines3)]


def machine():
    """The processor, its cores, and the versions of who takes part."""
    model = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as lines:
            model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    versions = []
    for package in ("rejax", "jax", "stable-baselines3", "torch"):
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            pass
    return f"{model}, {os.cpu_count()} cores; " + ", ".join(versions)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/striatum", help="the striatum command")
    parser.add_argument("--device", default="cpu", help="where Striatum and rejax run: cpu, gpu or gpu:N")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each, of which the best counts")
    arguments = parser.parse_args()
    if shutil.which(arguments.binary) is None:
        parser.error(f"there is no command `{arguments.binary}`; build it, or give --binary")
    if arguments.repeats < 1:
        parser.error("--repeats is at least 1")
    kind = arguments.device.split(":")[0]
    if kind not in SETTINGS:
        parser.error(f"--device is cpu, gpu or gpu:N, not `{arguments.device}`")
    if kind == "cpu":
        os.environ["JAX_PLATFORMS"] = "cpu"

    peers = [(title, run) for title, module, run in PEERS if importlib.util.find_spec(module)]
    print(f"{machine()}\n")
    print("| PPO, CartPole-v1 | Striatum |" + "".join(f" {title} | times |" for title, _ in peers))
    print("|---|---|" + "---|---|" * len(peers))
    for shape, own_steps, *their_steps in SETTINGS[kind]:
        best = lambda run, steps: max(run(arguments, shape, steps) for _ in range(arguments.repeats))
        own = best(striatum, own_steps)
        steps_of = dict(zip((title for title, _, _ in PEERS), their_steps))
        cells = [f"{own:,.0f}"]
        for title, run in peers:
            speed = best(run, steps_of[title]) if steps_of[title] else None
            cells += [f"{speed:,.0f}", f"{own / speed:.1f}"] if speed else ["-", "-"]
        envs, steps, minibatches, epochs = shape
        name = f"{envs} x {steps}, batch {envs * steps // minibatches}, {epochs} epochs"
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    if kind == "cpu":
        (envs, steps, _, _), _, agents = LAUNCH
        print(f"\n{agents} agents in one launch, {envs} x {steps}: {launch_cost(arguments):.2f} times the seconds of one alone")


if __name__ == "__main__":
    main()
