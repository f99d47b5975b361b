"""Records Gymnasium's toy text tasks, for the parity tests of `crates/envs`.

    pip install "gymnasium>=1.3,<2"
    python scripts/record_toy_text.py

Writes crates/envs/tests/fixtures/toy_text.json: for each task and choice of arguments

- its spaces' sizes, time limit and reward threshold,
- `table`: where Gymnasium has one, all transitions. `table[state][action]` is a list of [probability, state, reward, terminated].
- `masks`: where Gymnasium has them, the allowed actions of every state,
- `run`: a run of random actions. Every number that the task draws is a recorded one, so that our task can be given the same: a list
  [n, k] is the choice of k among n, a number is a uniform one.
"""

import json
import pathlib

import gymnasium
import numpy as np

FIXTURE = pathlib.Path(__file__).resolve().parent.parent / "crates/envs/tests/fixtures/toy_text.json"

OWN_MAP = ["SFHS", "FFFG", "HFFF"]

# Our task and arguments, Gymnasium's name and arguments, steps of the run.
TASKS = [
    ("FrozenLake-v1", {}, "FrozenLake-v1", {}, 300),
    ("FrozenLake-v1", {"slippery": False}, "FrozenLake-v1", {"is_slippery": False}, 100),
    ("FrozenLake-v1", {"success_rate": 0.8, "rewards": [5.0, -2.0, -0.5]}, "FrozenLake-v1",
     {"success_rate": 0.8, "reward_schedule": (5, -2, -0.5)}, 300),
    ("FrozenLake-v1", {"map": "/".join(OWN_MAP)}, "FrozenLake-v1", {"desc": OWN_MAP}, 200),
    ("FrozenLake8x8-v1", {}, "FrozenLake8x8-v1", {}, 300),
    ("CliffWalking-v1", {}, "CliffWalking-v1", {}, 300),
    ("CliffWalkingSlippery-v1", {}, "CliffWalkingSlippery-v1", {}, 300),
    ("Taxi-v4", {}, "Taxi-v4", {}, 300),
    ("Taxi-v4", {"rainy": True, "rainy_probability": 0.6}, "Taxi-v4", {"is_rainy": True, "rainy_probability": 0.6}, 300),
    ("Taxi-v4", {"fickle": True, "fickle_probability": 0.7}, "Taxi-v4", {"fickle_passenger": True, "fickle_probability": 0.7}, 3000),
    ("Blackjack-v1", {}, "Blackjack-v1", {}, 1500),
    ("Blackjack-v1", {"sab": False}, "Blackjack-v1", {"sab": False}, 500),
    ("Blackjack-v1", {"sab": False, "natural": True}, "Blackjack-v1", {"sab": False, "natural": True}, 1500),
]


class Dice:
    """A source of random numbers that notes what it gave, with four digits, so that no comparison hangs on more."""

    def __init__(self, seed):
        self.source, self.given = np.random.RandomState(seed), []

    def random(self):
        number = round((2 * int(self.source.rand() * 5000) + 1) / 10000, 4)
        self.given.append(number)
        return number

    def choice(self, options):
        chosen = int(self.source.randint(len(options)))
        # The suits and faces of cards are for pictures only.
        if not isinstance(options[0], str):
            self.given.append([len(options), chosen])
        return options[chosen]


def table(env):
    if not hasattr(env, "P"):
        return None
    short = lambda x: int(x) if x == int(x) else float(x)
    plain = lambda p, state, reward, terminated: [short(p), int(state), short(reward), int(terminated)]
    return [[[plain(*t) for t in env.P[s][a]] for a in range(len(env.P[s]))] for s in range(len(env.P))]


def observed(observation):
    return [int(x) for x in np.ravel(observation)]


def policy(task, rng, observation, count):
    """Random, but a taxi mostly does what its place allows, so that it has passengers."""
    if task.startswith("Taxi") and rng.random() < 0.3:
        return int(rng.choice([4, 5]))
    return int(rng.integers(count))


def run(task, env, steps):
    """Steps of `env`, with a reset at every end; an end is noted with the observation of the reset."""
    dice, rng = Dice(7), np.random.default_rng(8)
    env._np_random = dice
    record = {"first": observed(env.reset()[0]), "actions": "", "observations": [], "rewards": [], "restarts": []}
    observation = None
    for t in range(steps):
        action = policy(task, rng, observation, env.action_space.n)
        observation, reward, terminated, _, _ = env.step(action)
        record["actions"] += str(action)
        record["observations"].append(observed(observation))
        record["rewards"].append(float(reward))
        if terminated:
            record["restarts"].append([t, observed(env.reset()[0])])
    return record | {"draws": dice.given}


def main():
    tasks = []
    for task, params, theirs, arguments, steps in TASKS:
        made = gymnasium.make(theirs, disable_env_checker=True, **arguments)
        env, spec = made.unwrapped, made.spec
        space = env.observation_space
        masks = [env.action_mask(s).tolist() for s in range(space.n)] if hasattr(env, "action_mask") else None
        record = {
            "task": task,
            "params": params,
            "choices": [int(s.n) for s in space] if isinstance(space, gymnasium.spaces.Tuple) else [int(space.n)],
            "actions": int(env.action_space.n),
            "time_limit": spec.max_episode_steps,
            "reward_threshold": spec.reward_threshold,
            # A fickle passenger is in no table.
            "table": None if "fickle" in params else table(env),
            "masks": masks,
            "run": run(task, env, steps),
        }
        tasks.append(record)
        ends = len(record["run"]["restarts"])
        print(f"{task} {params}: {ends} ends, rewards {sorted(set(record['run']['rewards']))}")
    fixture = {"gymnasium": gymnasium.__version__, "tasks": tasks}
    FIXTURE.write_text(json.dumps(fixture, separators=(",", ":")) + "\n")
    print(f"{FIXTURE.name}: {FIXTURE.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
