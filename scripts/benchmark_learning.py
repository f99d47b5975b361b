#!/usr/bin/env python3
"""Trains a group of tasks with several seeds and prints a table of what was learned.

    python3 scripts/benchmark_learning.py --binary target/release/striatum --seeds 10
    python3 scripts/benchmark_learning.py --group minatar --seeds 3 --episodes 100

Each run uses the task's built-in settings. Its best checkpoint (by 10 evaluation episodes during training), and then its last one,
plays 1000 deterministic episodes with seeds that training never saw. A table each gives the interquartile mean of the seeds' mean
returns, its 95 % bootstrap interval (2000 resamples), their median, the worst seed, the interquartile mean of what the training's last 100
episodes returned, and the median time. Only Python's standard library is needed, and for the groups `box2d` and `mujoco` a Python with
Gymnasium that `striatum` finds.
"""

import argparse
import json
import pathlib
import random
import shutil
import statistics
import subprocess
import sys

# By group: task, algorithm, the mean return to reach, and whether every seed must reach it (else the interquartile mean).
GROUPS = {
    "classic": [
        ("CartPole-v1", "ppo", 475.0, True),
        ("CartPole-v1", "a2c", 475.0, True),
        ("Acrobot-v1", "ppo", -90.0, False),
        ("Acrobot-v1", "a2c", -90.0, False),
        ("Pendulum-v1", "ppo", -200.0, False),
        ("Pendulum-v1", "a2c", -200.0, False),
        ("MountainCarContinuous-v0", "ppo", 88.0, False),
        ("MountainCarContinuous-v0", "a2c", 88.0, False),
        ("MountainCar-v0", "ppo", -120.0, False),
        ("MountainCar-v0", "a2c", -120.0, False),
    ],
    "memory": [
        ("CartPoleNoVel-v1", "ppo", 475.0, True),
        ("RepeatPrevious-v0", "ppo", 0.9, True),
    ],
    "minatar": [
        ("MinAtar/Breakout-v1", "ppo", 28.0, False),
        ("MinAtar/Freeway-v1", "ppo", 58.0, False),
        ("MinAtar/Asterix-v1", "ppo", 15.0, False),
        ("MinAtar/SpaceInvaders-v1", "ppo", 131.0, False),
    ],
    "box2d": [
        ("gym:LunarLander-v3", "ppo", 240.0, False),
        ("gym:LunarLanderContinuous-v3", "ppo", 240.0, False),
        ("gym:BipedalWalker-v3", "ppo", 250.0, False),
    ],
    "mujoco": [
        ("gym:HalfCheetah-v5", "ppo", 1443.0, False),
        ("gym:Hopper-v5", "ppo", 2383.0, False),
        ("gym:Walker2d-v5", "ppo", 2288.0, False),
    ],
}

# Evaluation episodes are drawn from this seed, which is none of training's.
EVAL_SEED = 1_000_003


def call(*command):
    """Runs a command and parses the last line of its output as JSON."""
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed with {result.returncode}:\n{result.stderr}")
    return json.loads(result.stdout.splitlines()[-1])


def interquartile_mean(values):
    """Mean of the middle half; the quarters cut off are weighted where they fall between two values."""
    values = sorted(values)
    n = len(values)
    low, high = n / 4, 3 * n / 4
    weights = [max(0.0, min(i + 1, high) - max(i, low)) for i in range(n)]
    return sum(w * v for w, v in zip(weights, values)) / sum(weights)


def bootstrap_interval(values, resamples=2000):
    """95 % percentile interval of the interquartile mean."""
    generator = random.Random(0)
    means = sorted(interquartile_mean(generator.choices(values, k=len(values))) for _ in range(resamples))
    return means[int(0.025 * resamples)], means[int(0.975 * resamples)]


def run_case(arguments, task, algo):
    """Every seed's mean return with each checkpoint, and its run."""
    returns, runs = {checkpoint: [] for checkpoint in arguments.checkpoints}, []
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        out = arguments.out / f"{task.replace('/', '-').replace(':', '-')}-{algo}-{seed}"
        shutil.rmtree(out, ignore_errors=True)
        train = [arguments.binary, "train", task, "--algo", algo, "--seed", seed, "--out", out, "--json", "--quiet"]
        for setting in arguments.set:
            train += ["--set", setting]
        runs.append(call(*train))
        episodes = arguments.episodes
        evaluate = [arguments.binary, "eval", out, "--episodes", episodes, "--seed", EVAL_SEED, "--json"]
        for checkpoint, of_seeds in returns.items():
            of_seeds.append(call(*evaluate, "--checkpoint", checkpoint)["mean_return"])
            if arguments.verbose:
                print(f"{task} {algo} seed {seed}, {checkpoint}: {of_seeds[-1]:.1f}", file=sys.stderr)
    return returns, runs


def row(case, returns, runs):
    """A line of the table, and whether the task was learned."""
    task, algo, wanted, every_seed = case
    iqm, (low, high), worst = interquartile_mean(returns), bootstrap_interval(returns), min(returns)
    reached = (worst if every_seed else iqm) >= wanted
    bar = f"{wanted:g}{' every seed' if every_seed else ''}{'' if reached else ' (missed)'}"
    median, training = statistics.median(returns), interquartile_mean([run["episodic_return"] for run in runs])
    seconds = statistics.median(run["wall_seconds"] for run in runs)
    learned = f"{iqm:.1f} | {low:.1f} to {high:.1f} | {median:.1f} | {worst:.1f} | {training:.1f}"
    return f"| {task} | {algo} | {runs[0]['steps']:,} | {bar} | {learned} | {seconds:.2f} |", reached


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/striatum", help="the striatum command")
    parser.add_argument("--group", choices=list(GROUPS), default="classic", help="which tasks")
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds")
    parser.add_argument("--first-seed", type=int, default=100, help="the first of them")
    parser.add_argument("--episodes", type=int, default=1000, help="evaluation episodes a seed")
    parser.add_argument(
        "--checkpoints", nargs="+", choices=["best", "latest"], default=["best", "latest"], help="those to evaluate"
    )
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/benchmark"), help="folder for the runs")
    parser.add_argument("--only", action="append", default=[], help="a task, or TASK:ALGO; may be repeated")
    parser.add_argument("--set", action="append", default=[], help="a setting for every run, KEY=VALUE")
    parser.add_argument("--verbose", action="store_true", help="a line a seed on stderr")
    arguments = parser.parse_args()

    tables, missed = {checkpoint: [] for checkpoint in arguments.checkpoints}, []
    for case in GROUPS[arguments.group]:
        task, algo, *_ = case
        if arguments.only and not {task, f"{task}:{algo}"} & set(arguments.only):
            continue
        returns, runs = run_case(arguments, task, algo)
        for checkpoint, table in tables.items():
            line, reached = row(case, returns[checkpoint], runs)
            table.append(line)
            if not reached:
                missed.append(f"{task} {algo} ({checkpoint})")
    for checkpoint, table in tables.items():
        print(f"\n{checkpoint} checkpoint\n")
        print("| task | algorithm | steps | wanted | IQM of mean returns | 95 % interval | median | worst seed | training | seconds |")
        print("|---|---|---|---|---|---|---|---|---|---|")
        print("\n".join(table), flush=True)
    if missed:
        sys.exit("missed: " + ", ".join(missed))


if __name__ == "__main__":
    main()
