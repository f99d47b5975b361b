#!/usr/bin/env python3
"""Times PPO on CartPole-v1 by Striatum and by its peers, the same work one after the other on the same machine.

    pip install rejax "gymnax<1"             # stable-baselines3 too, if it is to be compared
    python3 scripts/compare_peers.py --binary target/release/striatum

Networks are two separate 64-64 tanh networks, learning rate 2.5e-4. rejax's compile time is left out; Stable-Baselines3 and rejax are
skipped where they are not installed. Steps a second are of whole runs, evaluation off, best of `--repeats`.
"""

import argparse
import importlib.util
import json
import shutil
import subprocess
import tempfile
import time

# Name, environments, steps, minibatches, epochs, steps of a run of Striatum, rejax and Stable-Baselines3.
SETTINGS = [
    ("8 x 32, 1 minibatch of 256, 20 epochs", 8, 32, 1, 20, 200_000, 100_000, 20_000),
    ("128 x 32, 8 minibatches, 4 epochs", 128, 32, 8, 4, 2_000_000, 500_000, 100_000),
    ("1024 x 128, 16 minibatches, 4 epochs", 1024, 128, 16, 4, 4_000_000, 1_000_000, 0),
]


def striatum(binary, envs, steps, minibatches, epochs, total):
    out = tempfile.mkdtemp()
    settings = {
        "num_envs": envs,
        "total_steps": total,
        "ppo.num_steps": steps,
        "ppo.minibatches": minibatches,
        "ppo.epochs": epochs,
        "ppo.learning_rate": 2.5e-4,
        "eval.interval": 0,
        "eval.episodes": 1,
    }
    command = [binary, "train", "CartPole-v1", "--device", "cpu", "--quiet", "--json", "--out", f"{out}/run"]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    begun = time.perf_counter()
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    seconds = time.perf_counter() - begun
    shutil.rmtree(out)
    return result["steps"] / seconds


def rejax(envs, steps, minibatches, epochs, total):
    import jax
    from rejax import get_algo

    total = max(1, total // (envs * steps)) * envs * steps
    algorithm = get_algo("ppo").create(
        env="CartPole-v1",
        num_envs=envs,
        num_steps=steps,
        num_minibatches=minibatches,
        num_epochs=epochs,
        total_timesteps=total,
        eval_freq=total,
        learning_rate=2.5e-4,
    )
    train = jax.jit(algorithm.train).lower(jax.random.PRNGKey(0)).compile()
    begun = time.perf_counter()
    jax.block_until_ready(train(jax.random.PRNGKey(0)))
    return total / (time.perf_counter() - begun)


def stable_baselines3(envs, steps, minibatches, epochs, total):
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env

    model = PPO(
        "MlpPolicy",
        make_vec_env("CartPole-v1", n_envs=envs),
        n_steps=steps,
        batch_size=envs * steps // minibatches,
        n_epochs=epochs,
        learning_rate=2.5e-4,
        device="cpu",
    )
    begun = time.perf_counter()
    model.learn(total_timesteps=total)
    return total / (time.perf_counter() - begun)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/striatum", help="the striatum command")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each, of which the best counts")
    arguments = parser.parse_args()
    installed = {name: importlib.util.find_spec(name) is not None for name in ("rejax", "stable_baselines3")}

    print("| setting | Striatum | rejax | Stable-Baselines3 |")
    print("|---|---|---|---|")
    for name, *shape, own, theirs, slow in SETTINGS:
        best = lambda call: max(call() for _ in range(arguments.repeats))
        cells = [best(lambda: striatum(arguments.binary, *shape, own))]
        cells.append(best(lambda: rejax(*shape, theirs)) if installed["rejax"] else None)
        cells.append(best(lambda: stable_baselines3(*shape, slow)) if installed["stable_baselines3"] and slow else None)
        print(f"| {name} | " + " | ".join("-" if cell is None else f"{cell:,.0f}" for cell in cells) + " |", flush=True)


if __name__ == "__main__":
    main()
