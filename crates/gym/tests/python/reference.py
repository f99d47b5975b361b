"""Steps one environment of Gymnasium as the bridge should, and prints what it gave: `reference.py ID SEEDS ACTIONS`, both in JSON."""

import json
import sys

import gymnasium
import numpy as np

sys.path.insert(0, ".")
import tests.python.tasks  # noqa: E402, F401: registers tasks

env = gymnasium.make(sys.argv[1])
seeds, actions = json.loads(sys.argv[2]), json.loads(sys.argv[3])


def row(observation):
    return np.asarray(observation, np.float32).ravel().tolist()


episode = 0
observation, _ = env.reset(seed=seeds[episode])
print(json.dumps({"observation": row(observation)}))
for action in actions:
    action = int(action[0]) + getattr(env.action_space, "start", 0) if hasattr(env.action_space, "n") else np.float32(action)
    observation, reward, terminated, truncated, _ = env.step(action)
    step = {"reward": float(np.float32(reward)), "terminated": bool(terminated), "truncated": bool(truncated and not terminated)}
    if terminated or truncated:
        step["final"] = row(observation)
        episode += 1
        observation, _ = env.reset(seed=seeds[episode])
    print(json.dumps({"observation": row(observation), **step}))
