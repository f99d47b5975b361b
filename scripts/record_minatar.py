"""Records what the MinAtar games do, for the parity tests of `crates/envs`.

    pip install minatar==1.0.15
    python scripts/record_minatar.py

Writes crates/envs/tests/fixtures/minatar/<game>.json: runs of random or skilled actions with sticky actions and ramping on and off.
Every number that a game draws is replaced by a recorded one, so that our games can be given the same: a list [n, k] is the choice of k
among n, a number is a uniform one. Of every observation, channel first, the run has a hash (32-bit FNV-1a of its packed bits); a few
are there in full, as hexadecimal bits.

Where `undying` is set, a game that is over is let go on, so that random actions reach what only skilled players see.
"""

import json
import logging
import pathlib
from importlib.metadata import version

logging.disable(logging.WARNING)

import numpy as np
from minatar import Environment

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "crates/envs/tests/fixtures/minatar"
FULL_EVERY = 100

# Of each game: steps of its runs, and whether most actions end it too early to see much.
GAMES = {
    "breakout": ([800] * 5, False),
    "asterix": ([1200] * 5, True),
    "freeway": ([2600, 500, 500, 500, 500], False),
    "seaquest": ([600, 600, 2500, 1500, 2500], True),
    "space_invaders": ([800, 800, 800, 800, 3000], True),
}


class Dice:
    """A source of random numbers that notes what it gave, with four digits, so that no comparison hangs on more."""

    def __init__(self, seed):
        self.source, self.given = np.random.RandomState(seed), []

    def rand(self, *shape):
        if shape:
            return np.array([self.rand() for _ in range(shape[0])])
        # An odd number of ten-thousandths: never exactly a half.
        number = round((2 * int(self.source.rand() * 5000) + 1) / 10000, 4)
        self.given.append(number)
        return number

    def randint(self, low, high=None, size=None):
        if size is not None:
            return np.array([self.randint(low, high) for _ in range(size)])
        low, high = (0, low) if high is None else (low, high)
        choice = int(self.source.randint(high - low))
        self.given.append([high - low, choice])
        return low + choice


def bits(state):
    """An observation's packed bits, channel first."""
    return np.packbits(np.moveaxis(state, -1, 0).ravel()).tobytes()


def fnv(data):
    value = 0x811C9DC5
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return f"{value:08x}"


def skilled_breakout(game, rng):
    """Follows where the ball will be, and meets it with either side of the paddle."""
    x = game.ball_x + (1 if game.ball_dir in (1, 2) else -1)
    target = min(9, max(0, x if rng.random() < 0.5 else game.ball_x))
    return 0 if target == game.pos else 1 if target < game.pos else 3


def skilled_seaquest(game, rng):
    """Gathers divers, surfaces with six of them or with little air, and fires."""
    if rng.random() < 0.2:
        return 5
    if game.diver_count == 6 or (game.oxygen < 40 and game.diver_count > 0):
        return 2
    if not game.divers:
        return 4 if game.sub_y < 3 else 5
    x, y, right, _ = min(game.divers, key=lambda d: abs(d[0] - game.sub_x) + abs(d[1] - game.sub_y))
    if game.sub_y != y:
        return 4 if game.sub_y < y else 2
    return 3 if game.sub_x < x else 1


def policy(game_name, moves, rng):
    """Gives the next action's place among the minimal ones; each run leans towards some of them."""
    leaning = rng.dirichlet([2.0] * len(moves))
    if game_name == "freeway":
        leaning = np.array([0.1, 0.85, 0.05])
    if game_name == "space_invaders":
        leaning = np.array([0.1, 0.25, 0.25, 0.4])

    def act(game):
        if game_name == "breakout" and rng.random() < 0.97:
            return moves.index(skilled_breakout(game, rng))
        if game_name == "seaquest" and rng.random() < 0.9:
            return moves.index(skilled_seaquest(game, rng))
        return int(rng.choice(len(moves), p=leaning))

    return act


def run(game_name, sticky, ramping, undying, steps, seed):
    environment = Environment(game_name, sticky_action_prob=sticky, difficulty_ramping=ramping)
    dice = environment.random = environment.env.random = Dice(seed)
    rng = np.random.default_rng(seed + 1000)
    moves = environment.minimal_action_set()
    act = policy(game_name, moves, rng)
    record = {"sticky": sticky, "ramping": ramping, "undying": undying, "actions": "", "rewards": [], "over": []}
    hashes, full = [], []

    def observe(t):
        observation = bits(environment.state())
        hashes.append(fnv(observation))
        if t % FULL_EVERY == 0:
            full.append([t, observation.hex()])

    environment.reset()
    observe(0)
    for t in range(1, steps + 1):
        action = act(environment.env)
        reward, over = environment.act(moves[action])
        record["actions"] += str(action)
        if reward:
            record["rewards"].append([t, int(reward)])
        if over:
            record["over"].append(t)
        observe(t)
        if over and undying:
            environment.env.terminal = False
        elif over:
            environment.reset()
            environment.last_action = 0
            observe(t)
    record["level"] = environment.env.difficulty_ramp()
    return record | {"draws": dice.given, "hashes": "".join(hashes), "full": full}


def main():
    FIXTURES.mkdir(parents=True, exist_ok=True)
    for game_name, (lengths, lives_on) in GAMES.items():
        environment = Environment(game_name)
        settings = [(0.1, True, False), (0.0, False, False), (0.3, True, lives_on), (0.0, False, lives_on), (0.1, True, lives_on)]
        settings = [(*setting, steps) for setting, steps in zip(settings, lengths)]
        runs = [run(game_name, *setting, seed) for seed, setting in enumerate(settings)]
        fixture = {
            "minatar": version("minatar"),
            "channels": environment.n_channels,
            "moves": environment.minimal_action_set(),
            "runs": runs,
        }
        path = FIXTURES / f"{game_name}.json"
        path.write_text(json.dumps(fixture, separators=(",", ":")) + "\n")
        seen = [(sum(reward for _, reward in r["rewards"]), len(r["over"]), r["level"]) for r in runs]
        print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB, rewards, ends and levels {seen}")


if __name__ == "__main__":
    main()
