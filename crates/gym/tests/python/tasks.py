"""Tasks for the tests: `--import tests.python.tasks` registers them."""

import os
import signal
import time

import gymnasium
import numpy as np
from gymnasium import spaces


class Counter(gymnasium.Env):
    """Counts its steps; ends at a step that its seed decides. The observation is (seed part, steps)."""

    metadata = {"render_modes": ["rgb_array"]}

    def __init__(self, longest=7, truncates=False, render_mode=None):
        self.observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float64)
        self.action_space = spaces.Discrete(3, start=-1)
        self.longest, self.truncates, self.render_mode = longest, truncates, render_mode

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        self.mark = float(self.np_random.integers(1000))
        self.end = int(self.np_random.integers(1, self.longest + 1))
        return self.observe(), {}

    def observe(self):
        return np.array([self.mark, self.steps])

    def step(self, action):
        self.steps += 1
        done = self.steps >= self.end
        return self.observe(), float(action) + self.steps, done and not self.truncates, done and self.truncates, {}

    def render(self):
        picture = np.zeros((4, 6, 3), np.uint8)
        picture[:, :, 0], picture[1, 2] = self.steps, (7, 8, 9)
        return picture


class Parts(gymnasium.Env):
    """Every kind of observation, and every kind of action."""

    def __init__(self, actions="multi"):
        self.observation_space = spaces.Dict(
            {
                "place": spaces.Discrete(3, start=5),
                "arm": spaces.Tuple((spaces.Box(-1.0, 1.0, (2, 2), np.float32), spaces.MultiBinary(2))),
                "many": spaces.MultiDiscrete([2, 3]),
            }
        )
        self.action_space = {
            "multi": spaces.MultiDiscrete([2, 3], start=[10, 20]),
            "binary": spaces.MultiBinary(3),
            "box": spaces.Box(np.array([[-1.0, 0.0]]), np.array([[1.0, 2.0]]), (1, 2), np.float64),
            "dict": spaces.Dict({"a": spaces.Discrete(2)}),
        }[actions]

    def observe(self, value):
        arm = (np.full((2, 2), value / 10, np.float32), np.array([value % 2, 1], np.int8))
        return {"place": 5 + value % 3, "arm": arm, "many": np.array([value % 2, value % 3])}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self.observe(0), {}

    def step(self, action):
        assert self.action_space.contains(action), (action, type(action))
        self.steps += 1
        return self.observe(self.steps), float(np.sum(action)), False, False, {}


class Picture(gymnasium.Env):
    """A picture whose bytes are all different."""

    def __init__(self, shape=(2, 3, 4)):
        self.observation_space = spaces.Box(0, 255, tuple(shape), np.uint8)
        self.action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        shape = self.observation_space.shape
        return np.arange(np.prod(shape), dtype=np.uint8).reshape(shape), {"lives": 3}

    def step(self, action):
        return self.reset()[0], 0.0, False, False, {"lives": 2 - action}


class Masked(gymnasium.Env):
    """Allows one action of three, in turn; tells it in `info` or by a method."""

    def __init__(self, by="info"):
        self.observation_space = spaces.Box(0.0, 100.0, (1,))
        self.action_space = spaces.Discrete(3)
        self.by = by
        if by == "method":
            self.action_masks = self.mask

    def mask(self):
        return np.arange(3) == self.steps % 3

    def told(self):
        return {"action_mask": self.mask().astype(np.int8)} if self.by == "info" else {}

    def reset(self, *, seed=None, options=None):
        self.steps = 0
        return np.zeros(1, np.float32), self.told()

    def step(self, action):
        self.steps += 1
        return np.full(1, self.steps, np.float32), 0.0, self.steps == 4, False, self.told()


class Faulty(Counter):
    """Fails in the way and at the step of the episode that it is told."""

    def __init__(self, fault="none", at=3):
        super().__init__(longest=1)
        if fault == "make":
            raise RuntimeError("no such robot")
        self.fault, self.at = fault, at

    def reset(self, *, seed=None, options=None):
        observation, info = super().reset(seed=seed)
        self.end = 1000
        if self.fault == "reset":
            raise RuntimeError("the robot does not stand up")
        return observation, info

    def step(self, action):
        observation, reward, terminated, truncated, info = super().step(action)
        if self.steps == self.at:
            if self.fault == "step":
                raise RuntimeError("the robot is on fire")
            if self.fault == "nan":
                observation[1] = np.nan
            if self.fault == "reward":
                reward = float("inf")
            if self.fault == "shape":
                observation = np.zeros(3)
            if self.fault == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.fault == "exit":
                print("the robot has left", flush=True)
                os._exit(7)
            if self.fault == "hang":
                time.sleep(1000)
        return observation, reward, terminated, truncated, info


class Clock(gymnasium.Env):
    """Tells its episode and the time. Episodes end in turn by themselves and by being cut; nothing is random."""

    def __init__(self):
        self.observation_space = spaces.Dict({"episode": spaces.Box(0, 99, (1,)), "time": spaces.Discrete(6)})
        self.action_space = spaces.Discrete(3)
        self.episode = -1

    def observe(self):
        return {"episode": np.full(1, self.episode, np.float32), "time": self.steps}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        # The first reset is made to look at the task.
        self.episode, self.steps = self.episode + 1, 0
        return self.observe(), {"action_mask": np.array([True, True, False]), "lives": 3}

    def step(self, action):
        self.steps += 1
        done = self.steps == self.episode % 4 + 2
        info = {"action_mask": np.arange(3) != self.steps % 3, "lives": 3 - self.steps // 2}
        return self.observe(), float(action) + 10.0 * self.episode, done and self.episode % 2 == 0, done and self.episode % 2 == 1, info


class Half(gymnasium.Wrapper):
    """Halves the reward."""

    def step(self, action):
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, reward / 2, terminated, truncated, info


for task in (Counter, Parts, Picture, Masked, Faulty, Clock):
    gymnasium.register(f"Test/{task.__name__}-v0", entry_point=task, max_episode_steps=6 if task is Counter else None, reward_threshold=20.5)
