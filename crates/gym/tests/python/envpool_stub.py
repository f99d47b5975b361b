"""EnvPool's interface over one task of Gymnasium, for machines without EnvPool: resets in the next step, which ignores its action."""

import sys
import types

import gymnasium
import numpy as np


class Pool:
    def __init__(self, name, num_envs, seed, num_threads):
        self.envs = [gymnasium.make(name) for _ in range(num_envs)]
        self.seed, self.ended = seed, [False] * num_envs
        self.observation_space, self.action_space = self.envs[0].observation_space, self.envs[0].action_space
        self.spec = types.SimpleNamespace(config=types.SimpleNamespace(max_episode_steps=500), reward_threshold=475.0)

    def reset(self):
        rows = [env.reset(seed=self.seed + i)[0] for i, env in enumerate(self.envs)]
        return np.stack(rows), {"env_id": np.arange(len(rows))}

    def step(self, actions):
        rows = []
        for i, (env, action) in enumerate(zip(self.envs, actions)):
            rows.append((env.reset()[0], 0.0, False, False) if self.ended[i] else env.step(int(action))[:4])
        observations, rewards, terminated, truncated = (np.stack(part) for part in zip(*rows))
        self.ended = (terminated | truncated).tolist()
        return observations, rewards, terminated, truncated, {"env_id": np.arange(len(rows))}

    def close(self):
        pass


stub = types.ModuleType("envpool")
stub.list_all_envs = lambda: ["CartPole-v1"]
stub.make = lambda name, env_type, **arguments: Pool(name, **arguments)
sys.modules["envpool"] = stub
