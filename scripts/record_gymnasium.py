"""Records what Gymnasium's classic control tasks do, for the parity tests of `crates/envs`.

    pip install "gymnasium>=1,<2"
    python scripts/record_gymnasium.py

Writes crates/envs/tests/fixtures/<task>.json, each with the task's spaces, time limit and reward threshold, and

- trajectories: from a given internal state, 200 random actions. A terminal state does not stop them; the time limit only
  raises its flag.
- episodes: whole ones, from a first state to the end that Gymnasium declares: the actions, the sum of rewards, the last
  observation and the flags.

Infinite bounds are written as null. Numbers have nine significant digits, which single precision needs.
"""

import json
import math
import pathlib
import warnings

import gymnasium
import numpy as np

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "crates/envs/tests/fixtures"
STEPS = 200

# Internal states far from those of a reset: fast, about to hit a wall, about to reach the goal, turned several times.
FAR_STATES = {
    "CartPole-v1": [[-2.3, 1.5, 0.1, -1.0], [1.0, -0.5, -0.15, 2.0]],
    "MountainCar-v0": [[-1.1, -0.06], [0.3, 0.055]],
    "MountainCarContinuous-v0": [[-1.1, -0.06], [0.3, 0.055]],
    "Acrobot-v1": [[2.0, -1.0, 3.0, -5.0], [-0.5, 2.5, -4.0, 6.0]],
    "Pendulum-v1": [[9.0, -7.5], [-3.1, 2.0]],
}

# Policies that reach the end that random actions do not: balance, rock or pump.
SKILLED = {
    "CartPole-v1": lambda o: int(o[2] + 0.5 * o[3] + 0.05 * o[0] + 0.1 * o[1] > 0),
    "MountainCar-v0": lambda o: 2 if o[1] >= 0 else 0,
    "MountainCarContinuous-v0": lambda o: [1.0 if o[1] >= 0 else -1.0],
    "Acrobot-v1": lambda o: 2 if o[4] < 0 else 0,
    "Pendulum-v1": lambda o: [2.0 if o[2] >= 0 else -2.0],
}


def nine_digits(values):
    """Plain numbers with nine significant digits."""
    return [float(f"{float(value):.9g}") for value in np.ravel(values)]


def space_of(space):
    """A space as the Rust side spells it, with null for an infinite bound."""
    if isinstance(space, gymnasium.spaces.Discrete):
        return {"kind": "discrete", "n": int(space.n)}
    bound = lambda values: [x if math.isfinite(x) else None for x in nine_digits(values)]
    return {"kind": "box", "low": bound(space.low), "high": bound(space.high)}


def random_action(env, rng):
    """A choice, or numbers of a sixty-fourth that reach a quarter beyond the bounds."""
    space = env.action_space
    if isinstance(space, gymnasium.spaces.Discrete):
        return int(rng.integers(space.n))
    return [float(round(x * 64) / 64) for x in rng.uniform(1.25 * space.low, 1.25 * space.high)]


def take(env, action):
    """One step; a list becomes an array of single precision."""
    return env.step(np.array(action, dtype=np.float32) if isinstance(action, list) else action)


def start(env, state, rng):
    """Resets, puts the environment into `state` (or keeps the drawn one) and returns the state, in nine digits."""
    env.reset(seed=int(rng.integers(2**31)))
    state = nine_digits(env.unwrapped.state if state is None else state)
    env.unwrapped.state = np.array(state)
    return state


def observe(env):
    """The observation of the current state, which some of the tasks have no method for: it is the state itself."""
    method = getattr(env, "_get_obs", None) or getattr(env, "_get_ob", None)
    return method() if method else env.state


def trajectory(env, state, rng):
    """`STEPS` random actions, past any end."""
    record = {"state": start(env, state, rng), "actions": [], "observations": []}
    record |= {"rewards": [], "terminated": [], "truncated": []}
    for _ in range(STEPS):
        action = random_action(env, rng)
        observation, reward, terminated, truncated, _ = take(env, action)
        record["actions"].append(action)
        record["observations"].append(nine_digits(observation))
        record["rewards"] += nine_digits(reward)
        record["terminated"].append(int(terminated))
        record["truncated"].append(int(truncated))
    return record


def episode(env, policy, rng):
    """One whole episode under `policy`, or under random actions."""
    record = {"state": start(env, None, rng), "actions": []}
    total, observation = 0.0, observe(env.unwrapped)
    while True:
        action = random_action(env, rng) if policy is None else policy(observation)
        observation, reward, terminated, truncated, _ = take(env, action)
        record["actions"].append(action)
        total += float(reward)
        if terminated or truncated:
            break
    record |= {"return": nine_digits(total)[0], "final_observation": nine_digits(observation)}
    return record | {"terminated": int(terminated), "truncated": int(truncated)}


def main():
    warnings.filterwarnings("ignore")
    gymnasium.logger.min_level = gymnasium.logger.ERROR
    FIXTURES.mkdir(parents=True, exist_ok=True)
    for task, far_states in FAR_STATES.items():
        rng = np.random.default_rng(20_250_101)
        env = gymnasium.make(task, disable_env_checker=True)
        fixture = {
            "task": task,
            "gymnasium": gymnasium.__version__,
            "observation_space": space_of(env.observation_space),
            "action_space": space_of(env.action_space),
            "time_limit": env.spec.max_episode_steps,
            "reward_threshold": env.spec.reward_threshold,
            "trajectories": [trajectory(env, state, rng) for state in [None, None, *far_states]],
            "episodes": [episode(env, policy, rng) for policy in [None, None, SKILLED[task]]],
        }
        path = FIXTURES / f"{task}.json"
        path.write_text(json.dumps(fixture, separators=(",", ":")) + "\n")
        ends = [(len(e["actions"]), e["terminated"], e["truncated"]) for e in fixture["episodes"]]
        print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB, episodes {ends}")


if __name__ == "__main__":
    main()
