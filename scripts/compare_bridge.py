#!/usr/bin/env python3
"""Compares the Gymnasium bridge with Gymnasium's AsyncVectorEnv and with Stable-Baselines3, on CartPole-v1.

    cargo build --release -p striatum-gym --example throughput
    cargo build --release
    python scripts/compare_bridge.py [--sb3 PYTHON]

This Python must have Gymnasium; that of --sb3, Stable-Baselines3. Prints Markdown tables.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TASK = "CartPole-v1"
ROOT = Path(__file__).resolve().parent.parent
THROUGHPUT = ROOT / "target/release/examples/throughput"
STRIATUM = ROOT / "target/release/striatum"

# PPO of RL Baselines3 Zoo for CartPole-v1; what the built-in settings have otherwise, they are told.
ZOO = ["ppo.minibatches=1", "ppo.epochs=20", "ppo.learning_rate=1e-3"]
SB3 = """
import sys, time
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv
if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[3]))
    kind = {"dummy": DummyVecEnv, "subproc": SubprocVecEnv}[sys.argv[1]]
    envs = make_vec_env("CartPole-v1", n_envs=8, vec_env_cls=kind)
    line = lambda start: lambda left: start * left
    model = PPO("MlpPolicy", envs, n_steps=32, batch_size=256, gae_lambda=0.8, gamma=0.98, n_epochs=20, ent_coef=0.0,
                learning_rate=line(1e-3), clip_range=line(0.2), device="cpu")
    begun = time.perf_counter()
    model.learn(int(sys.argv[2]))
    print(model.num_timesteps / (time.perf_counter() - begun))
    envs.close()
"""


def async_vector(processes, seconds):
    """Steps a second of AsyncVectorEnv with random actions, which are drawn beforehand."""
    import gymnasium
    from gymnasium.vector import AsyncVectorEnv, AutoresetMode

    rates = {}
    for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP):
        envs = AsyncVectorEnv([lambda: gymnasium.make(TASK)] * processes, autoreset_mode=mode)
        envs.reset(seed=0)
        actions = [envs.action_space.sample() for _ in range(256)]
        steps, begun, warm = 0, time.perf_counter(), False
        while True:
            envs.step(actions[steps % 256])
            steps += 1
            past = time.perf_counter() - begun
            if not warm and past > seconds / 10:
                steps, begun, warm = 0, time.perf_counter(), True
            elif warm and past > seconds:
                break
        rates[mode] = steps * processes / past
        envs.close()
    return max(rates.values())


def bridge(envs, workers, seconds):
    command = [THROUGHPUT, f"gym:{TASK}", str(envs), str(workers), str(seconds), sys.executable]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {what: float(rate) for what, rate in re.findall(r"(.+): (\d+) steps/s", text)}


def stepping(seconds, repeats):
    print("| processes | environments | what | steps/s | beside AsyncVectorEnv |")
    print("|---|---|---|---|---|")
    for processes in (2, 8):
        best = max(async_vector(processes, seconds) for _ in range(repeats))
        print(f"| {processes} | {processes} | AsyncVectorEnv, the faster of two autoreset modes | {best:,.0f} | 1.0 |")
        for each in (1, 4, 16):
            runs = [bridge(processes * each, processes, seconds) for _ in range(repeats)]
            for what in runs[0]:
                rate = max(run[what] for run in runs)
                print(f"| {processes} | {processes * each} | bridge, {what} | {rate:,.0f} | {rate / best:.1f} |", flush=True)


def training(sb3, steps, repeats):
    print("\n| what | steps/s | beside the faster |")
    print("|---|---|---|")
    rates = {}
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "sb3.py"
        script.write_text(SB3)
        for kind in ("dummy", "subproc"):
            for threads in sorted({1, os.cpu_count()}):
                command = [sb3, script, kind, str(steps), str(threads)]
                runs = [subprocess.run(command, check=True, capture_output=True, text=True) for _ in range(repeats)]
                rates[f"Stable-Baselines3, {kind}, {threads} thread(s)"] = max(float(run.stdout.split()[-1]) for run in runs)
        best = max(rates.values())
        for run in range(repeats):
            out = Path(folder) / f"run{run}"
            command = [STRIATUM, "train", f"gym:{TASK}", "--total-steps", str(steps), "--set", "eval.interval=0", "--set", "eval.episodes=1"]
            command += ["--python", sys.executable, "--quiet", "--out", out]
            command += [part for setting in ZOO for part in ("--set", setting)]
            subprocess.run(command, check=True)
            lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
            points = [line for line in lines if line["event"] == "iteration"]
            # As for the other, without what comes before the first step and after the last.
            first, last = points[0], points[-1]
            rate = (last["step"] - first["step"]) / (last["wall_seconds"] - first["wall_seconds"])
            rates["Striatum, gym:"] = max(rate, rates.get("Striatum, gym:", 0.0))
    for what, rate in rates.items():
        print(f"| PPO, {what} | {rate:,.0f} | {rate / best:.1f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sb3", help="a Python with Stable-Baselines3; without it PPO is not compared")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--steps", type=int, default=40_000)
    parser.add_argument("--repeats", type=int, default=2)
    arguments = parser.parse_args()
    stepping(arguments.seconds, arguments.repeats)
    if arguments.sb3:
        training(arguments.sb3, arguments.steps, arguments.repeats)
