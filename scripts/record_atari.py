"""Records what CleanRL's wrappers of Atari games make of raw frames, for crates/envs/tests/atari.rs.

    pip install ale-py gymnasium opencv-python-headless stable-baselines3
    python scripts/record_atari.py

The wrappers are those of CleanRL's ppo_atari.py, in its order: Stable-Baselines3's NoopResetEnv, MaxAndSkipEnv, EpisodicLifeEnv,
FireResetEnv and ClipRewardEnv, then resize to 84 x 84, grayscale and a stack of 4. Gymnasium 0.26's grayscale was OpenCV's, that of
Gymnasium 1.x is another, so cv2.cvtColor is called here. How many no-ops a game begins with is drawn as the Rust wrapper draws it.

crates/envs/tests/fixtures/atari.bin holds the raw frames: colours as indices of a palette, each frame as what differs from the one before (skip, count, bytes).
atari.json beside it holds every raw call of reset and step in order, and what the wrapped environment gave; pictures as 64-bit FNV-1a hashes.
It also holds hashes of cv2.resize (INTER_AREA) of random pictures of many sizes.

    python scripts/record_atari.py play ALE/Pong-v5 1000 2 7

prints what the wrapped game gives in 1000 steps of 2 environments with seed 7, for crates/gym/tests/bridge/atari.rs; pictures as Adler-32.
"""

import json
import pathlib
import sys
import zlib

import ale_py
import cv2
import gymnasium as gym
import numpy as np
from gymnasium.wrappers import FrameStackObservation, ResizeObservation
from stable_baselines3.common import atari_wrappers as sb3

gym.register_envs(ale_py)

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "crates/envs/tests/fixtures"
GAME, SEED, ENVS, STEPS, NOOP_MAX = "ALE/Breakout-v5", 5, 2, 260, 30
RESET, NOOP = 0, 10  # striatum_rng::Purpose
SIZES = [
    (3, 210, 160, 84, 84), (1, 210, 160, 84, 84), (1, 210, 160, 105, 80), (1, 64, 96, 16, 32), (3, 31, 17, 7, 5),
    (2, 50, 50, 49, 50), (1, 50, 49, 25, 7), (1, 100, 90, 64, 64), (1, 13, 29, 1, 1), (1, 96, 96, 84, 84), (1, 250, 160, 84, 84),
]


def philox(counter, key):
    for _ in range(10):
        p0, p1 = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [(p1 >> 32) ^ counter[1] ^ key[0], p1 & 0xFFFFFFFF, (p0 >> 32) ^ counter[3] ^ key[1], p0 & 0xFFFFFFFF]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return counter


def fnv(array):
    value = 0xCBF29CE484222325
    for byte in np.ascontiguousarray(array).tobytes():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def bytes_of(count, seed):
    """Bytes 1 and 3 of the words of a linear congruential generator."""
    words, x = [], seed
    for _ in range((count + 1) // 2):
        x = (x * 1664525 + 1013904223) & 0xFFFFFFFF
        words += [x >> 8 & 0xFF, x >> 24]
    return np.array(words[:count], np.uint8)


class Recorder(gym.Wrapper):
    """Logs every raw call."""

    def __init__(self, env):
        super().__init__(env)
        self.calls, self.frames = [], []

    def reset(self, **kwargs):
        frame, info = self.env.reset(**kwargs)
        self.log(-1, frame, 0.0, False, False)
        return frame, info

    def step(self, action):
        frame, reward, terminated, truncated, info = self.env.step(action)
        self.log(int(action), frame, float(reward), terminated, truncated)
        return frame, reward, terminated, truncated, info

    def log(self, action, frame, reward, terminated, truncated):
        self.calls.append([action, reward, int(terminated), int(truncated), self.unwrapped.ale.lives()])
        self.frames.append(frame.copy())


class CountedNoops(sb3.NoopResetEnv):
    """No-ops drawn as Stream::new(seed, Purpose::Noop, env, episode).below draws them."""

    def __init__(self, env, lane, seed):
        super().__init__(env, NOOP_MAX)
        self.lane, self.key, self.episode = lane, [seed, 0], 0

    def reset(self, **kwargs):
        word = philox([0, self.lane, self.episode, NOOP], self.key)[0]
        self.override_num_noops = 1 + (word * NOOP_MAX >> 32)
        self.episode += 1
        return super().reset(**kwargs)


class Grayscale(gym.ObservationWrapper):
    def __init__(self, env):
        super().__init__(env)
        self.observation_space = gym.spaces.Box(0, 255, env.observation_space.shape[:2], np.uint8)

    def observation(self, observation):
        return cv2.cvtColor(observation, cv2.COLOR_RGB2GRAY)


def cleanrl(env, lane, seed):
    env = CountedNoops(env, lane, seed)
    env = sb3.MaxAndSkipEnv(env, skip=4)
    env = sb3.EpisodicLifeEnv(env)
    if "FIRE" in env.unwrapped.get_action_meanings():
        env = sb3.FireResetEnv(env)
    env = sb3.ClipRewardEnv(env)
    env = ResizeObservation(env, (84, 84))
    env = Grayscale(env)
    return FrameStackObservation(env, 4)


def record(lane):
    recorder = Recorder(gym.make(GAME, frameskip=1, repeat_action_probability=0.0))
    env = cleanrl(recorder, lane, SEED)
    rng = np.random.default_rng(lane)
    observation, _ = env.reset(seed=lane)
    first, steps = fnv(observation), []
    for _ in range(STEPS):
        action, before = int(rng.integers(env.action_space.n)), len(recorder.calls)
        observation, reward, terminated, truncated, _ = env.step(action)
        # MaxAndSkipEnv gives the frames of an earlier step where an episode ends before the fourth.
        final = fnv(observation) if len(recorder.calls) == before + 4 else None
        if terminated or truncated:
            observation, _ = env.reset()
        steps.append([action, float(reward), int(terminated), int(truncated), fnv(observation), final])
    return recorder, {"first": first, "steps": steps, "calls": recorder.calls}


class Seeds(gym.Wrapper):
    """Every episode has the seed that the bridge gives it, and tells how many frames it had."""

    def __init__(self, env, lane, seed):
        super().__init__(env)
        self.lane, self.key, self.episode, self.frames = lane, [seed, 0], 0, 0

    def reset(self, **kwargs):
        seed = philox([0, self.lane, self.episode, RESET], self.key)[0] >> 1
        self.episode += 1
        return self.env.reset(seed=seed)

    def step(self, action):
        self.frames += 1
        return self.env.step(action)


def play(game, steps, count, seed):
    """Prints a line for the first observations and one a step: of each environment reward, ends, and sums of what was seen."""
    seeded = [Seeds(gym.make(game, frameskip=1, repeat_action_probability=0.0), lane, seed) for lane in range(count)]
    envs = [cleanrl(env, lane, seed) for lane, env in enumerate(seeded)]
    print(json.dumps([zlib.adler32(np.ascontiguousarray(env.reset()[0])) for env in envs]))
    choices = int(envs[0].action_space.n)
    for step in range(steps):
        line = []
        for lane, env in enumerate(envs):
            before = seeded[lane].frames
            # As the test chooses them.
            action = (step * (2 * lane + 3) + step // 7) % choices
            observation, reward, terminated, truncated, _ = env.step(action)
            whole = seeded[lane].frames == before + 4
            final = zlib.adler32(np.ascontiguousarray(observation)) if (terminated or truncated) and whole else None
            if terminated or truncated:
                observation, _ = env.reset()
            line.append([float(reward), int(terminated), int(truncated), zlib.adler32(np.ascontiguousarray(observation)), final])
        print(json.dumps(line))


def varint(number, out):
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)


def packed(frame, before, out):
    """What differs, in runs that are joined over gaps of up to two pixels."""
    at, changed = 0, np.flatnonzero(frame != before)
    runs = np.split(changed, np.flatnonzero(np.diff(changed) > 3) + 1) if len(changed) else []
    for run in runs:
        start, end = int(run[0]), int(run[-1]) + 1
        varint(start - at, out)
        varint(end - start, out)
        out += frame[start:end].tobytes()
        at = end
    varint(len(frame) - at, out)


def main():
    recorders, envs = zip(*(record(lane) for lane in range(ENVS)))
    frames = np.array([frame for recorder in recorders for frame in recorder.frames])
    palette, indices = np.unique(frames.reshape(-1, 3), axis=0, return_inverse=True)
    indices = indices.reshape(len(frames), -1).astype(np.uint8)
    out, before = bytearray(), np.zeros(indices.shape[1], np.uint8)
    for frame in indices:
        packed(frame, before, out)
        before = frame
    resizes = []
    for seed, (channels, *size, height, width) in enumerate(SIZES):
        picture = bytes_of(channels * size[0] * size[1], seed).reshape(channels, *size)
        small = [cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA) for plane in picture]
        resizes.append({"channels": channels, "from": size, "to": [height, width], "seed": seed, "hash": fnv(np.array(small))})
    meta = {
        "versions": {"ale_py": ale_py.__version__, "cv2": cv2.__version__, "gymnasium": gym.__version__},
        "seed": SEED, "noop_max": NOOP_MAX, "palette": palette.tolist(), "size": list(frames.shape[1:3]),
        "names": recorders[0].unwrapped.get_action_meanings(), "envs": envs, "resizes": resizes,
    }
    (FIXTURES / "atari.bin").write_bytes(out)
    (FIXTURES / "atari.json").write_text(json.dumps(meta, separators=(",", ":")) + "\n")
    for env in envs:
        games = sum(call[2] or call[3] for call in env["calls"])
        lives = sum(step[2] or step[3] for step in env["steps"])
        print(f"{len(env['calls'])} raw calls, {games} games and {lives} episodes ended, rewards {sum(c[1] for c in env['calls'])}")
    print(len(out), "bytes of frames")


if __name__ == "__main__":
    play(sys.argv[2], *map(int, sys.argv[3:])) if sys.argv[1:2] == ["play"] else main()
