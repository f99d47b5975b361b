#!/usr/bin/env python3
"""Compares the learning curves of two engines on the CPU and prints a table.

    python3 scripts/compare_engines.py --binary target/release/striatum

PPO with the task's built-in settings, the same seeds for both engines, or others for the second one (`--second-seed`), so that an
engine can be compared with itself. A point of the curve is the mean over the seeds of the mean return of the last 100 training
episodes, with its 95 % bootstrap interval (2000 resamples of the seeds). Ends with 1 if two intervals do not overlap. Only Python's
standard library is needed.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

# Task, steps of a run, and those at which the curves are compared.
CASES = [
    ("CartPole-v1", 60_000, [10_000, 20_000, 30_000, 45_000, 60_000]),
    ("Pendulum-v1", 60_000, [10_000, 20_000, 30_000, 45_000, 60_000]),
]


def train(binary, task, engine, seeds, total, settings, parent):
    """One launch of all seeds; the curve of each."""
    command = [binary, "train", task, "--algo", "ppo", "--device", "cpu", "--engine", engine, "--quiet", "--out", parent]
    command += ["--seed", f"{seeds[0]}..{seeds[-1]}", "--total-steps", total]
    for setting in ["run.log_interval=0", "run.checkpoint_interval=0", "eval.interval=0", "eval.episodes=1", *settings]:
        command += ["--set", setting]
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed with {result.returncode}:\n{result.stderr}")
    return [curve(parent / f"seed{seed}" / "metrics.jsonl") for seed in seeds]


def curve(metrics):
    """Steps and mean returns of the last 100 episodes; none before the first one has ended."""
    lines = map(json.loads, metrics.read_text().splitlines())
    return [(line["step"], line["charts/episodic_return"]) for line in lines if "charts/episodic_return" in line]


def value_at(points, step):
    """The last point up to a step."""
    past = [value for at, value in points if at <= step and value is not None]
    if not past:
        sys.exit(f"no episode has ended within {step} steps; compare later")
    return past[-1]


def bootstrap_interval(values, resamples=2000):
    """95 % percentile interval of the mean."""
    generator = random.Random(0)
    means = sorted(sum(generator.choices(values, k=len(values))) / len(values) for _ in range(resamples))
    return means[int(0.025 * resamples)], means[int(0.975 * resamples)]


def cell(values, interval):
    return f"{sum(values) / len(values):.1f} ({interval[0]:.1f} to {interval[1]:.1f})"


def compare(arguments, task, total, steps, folder):
    """Prints the rows of a task; the steps at which the intervals are apart."""
    curves = []
    for i, (engine, first) in enumerate(zip(arguments.engines, (arguments.seed, arguments.second_seed))):
        seeds = range(first, first + arguments.seeds)
        parent = folder / f"{task}-{i}"
        curves.append(train(arguments.binary, task, engine, seeds, total, arguments.set, parent))
    apart = []
    for step in steps:
        values = [[value_at(points, step) for points in runs] for runs in curves]
        (low, high), (other_low, other_high) = intervals = [bootstrap_interval(v) for v in values]
        overlap = low <= other_high and other_low <= high
        if not overlap:
            apart.append(step)
        cells = " | ".join(cell(*of) for of in zip(values, intervals))
        print(f"| {task} | {step:,} | {cells} | {'yes' if overlap else 'no'} |", flush=True)
    return apart


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/striatum", help="the striatum command")
    parser.add_argument("--engines", nargs=2, default=["burn", "fused"], metavar="ENGINE", help="the two engines")
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds, 2 or more")
    parser.add_argument("--seed", type=int, default=100, help="the first of them")
    parser.add_argument("--second-seed", type=int, help="the first of the second engine's, if not the same")
    parser.add_argument("--only", action="append", default=[], help="a task; may be repeated")
    parser.add_argument("--set", action="append", default=[], help="a setting for every run, KEY=VALUE")
    arguments = parser.parse_args()
    if arguments.seeds < 2:
        parser.error("an interval needs two seeds or more")
    if arguments.second_seed is None:
        arguments.second_seed = arguments.seed

    first, second = arguments.engines
    print(f"| task | steps | {first}, seeds from {arguments.seed} | {second}, seeds from {arguments.second_seed} | overlap |")
    print("|---|---|---|---|---|")
    apart = []
    with tempfile.TemporaryDirectory() as folder:
        for task, total, steps in CASES:
            if not arguments.only or task in arguments.only:
                apart += [f"{task} at {step:,}" for step in compare(arguments, task, total, steps, pathlib.Path(folder))]
    if apart:
        sys.exit("intervals do not overlap: " + ", ".join(apart))


if __name__ == "__main__":
    main()
