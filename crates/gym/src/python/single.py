"""Environments made one by one, stepped in turn, each reset in the step that ends its episode."""

import copy
import importlib

import gymnasium
import numpy as np


def load(path):
    """The object at `package.module.Name`, or `package.module:Name`."""
    module, _, name = path.replace(":", ".").rpartition(".")
    if not module:
        raise ValueError(f"the wrapper `{path}` must have the form package.module.Class")
    found = getattr(importlib.import_module(module), name, None)
    if found is None:
        raise ValueError(f"the module `{module}` has no `{name}`")
    return found


def make(options):
    """One environment as the options say, without the layers of `gymnasium.make` that only check."""
    name, arguments = options["id"], dict(options["arguments"])
    if options["render_mode"]:
        arguments["render_mode"] = options["render_mode"]
    module, _, plain = name.rpartition(":")
    if module:
        importlib.import_module(module)
    spec = gymnasium.registry.get(plain)
    if spec is not None:
        name = copy.copy(spec)
        name.order_enforce = False
    env = gymnasium.make(name, disable_env_checker=True, **arguments)
    for wrapper in options["wrappers"]:
        env = load(wrapper)(env)
    return env


def mask_source(env, info):
    """A function from a step's info to the mask of allowed actions; none if the task has no such mask."""
    if "action_mask" in info:
        return lambda info: info["action_mask"]
    for name in ("action_masks", "action_mask"):
        try:
            method = env.get_wrapper_attr(name)
        except AttributeError:
            continue
        if callable(method):
            return lambda info: method()
    return None


def flat_mask(mask, width):
    """A mask as one row: that of several choices is one after the other."""
    if isinstance(mask, (tuple, list)):
        mask = np.concatenate([np.asarray(part).ravel() for part in mask])
    mask = np.asarray(mask).ravel()
    if mask.shape != (width,):
        raise ValueError(f"an action mask has {len(mask)} entries, but the actions have {width} choices")
    return mask != 0


def action_names(env, action):
    """What the choices are called, as those of Atari games are; none if they have no names."""
    try:
        names = env.get_wrapper_attr("get_action_meanings")
    except AttributeError:
        return []
    return [str(name) for name in names()] if action.discrete and callable(names) else []


class Repeating:
    """An environment that takes each action several times or until its episode ends, and sums the rewards. If `pool` is set, its pictures
    are the brighter ones of the last two of a step, pixel by pixel."""

    def __init__(self, env, times, pool):
        self.env, self.times, self.pool, self.reset, self.before = env, times, pool, env.reset, None

    def step(self, action):
        total, observation = 0.0, None
        for k in range(self.times):
            if k > 0 and self.pool:
                # The task may give the same array every time.
                self.keep(observation)
            observation, reward, terminal, cut, info = self.env.step(action)
            total += float(reward)
            if terminal or cut:
                break
        if k > 0 and self.pool:
            observation = np.maximum(observation, self.before)
        return observation, total, terminal, cut, info

    def keep(self, observation):
        if self.before is None:
            self.before = np.empty_like(observation)
        np.copyto(self.before, observation)


class Single:
    """Some environments of one task."""

    def __init__(self, options):
        self.options = options
        self.current = None
        self.watched, self.last_frames = False, {}
        self.envs = [make(options)]
        env = self.envs[0]
        self.observation = Observation(env.observation_space)
        self.action = Action(env.action_space)

    def describe(self):
        """What the trainer has to know; the first environment is reset for it."""
        self.current = 0
        env = self.envs[0]
        _, info = env.reset(seed=0)
        self.current = None
        # Rows of pixels have no room for a mask.
        may_be_masked = self.action.discrete and not self.observation.picture
        self.masked = may_be_masked and mask_source(env, info) is not None
        self.has_lives = "lives" in info
        spec = env.spec
        return {
            "time_limit": getattr(spec, "max_episode_steps", None),
            "solved_at": getattr(spec, "reward_threshold", None),
            "counts": False,
            "together": False,
            "action_names": action_names(env, self.action),
        }

    def metadata(self):
        return self.envs[0].metadata

    def attach(self, memory):
        """Makes the other environments, and views of the shared memory."""
        self.memory = memory
        while len(self.envs) < memory.count:
            self.envs.append(make(self.options))
        words = self.observation.words
        self.write = [self.observation.writer(row[:words]) for row in memory.observations]
        self.write_final = [self.observation.writer(row[:words]) for row in memory.finals]
        self.actions = self.action.reader(memory.actions)
        self.everyone = range(memory.count)
        self.repeat = None
        self.masks = [None] * memory.count
        self.plain = not self.masked and not self.has_lives

    def reset(self, chosen):
        for i in chosen:
            self.current = i
            observation, info = self.envs[i].reset(seed=self.memory.seeds[i])
            if self.masked:
                self.masks[i] = mask_source(self.envs[i], info)
            self.write[i](observation)
            self.extras(i, info)

    def repeating(self, times, pool):
        """The environments as such that take each action several times."""
        if (times, pool) != self.repeat:
            self.repeat = (times, pool)
            self.repeated = [Repeating(env, times, pool) for env in self.envs]
        return self.repeated

    def step(self, chosen, envs=None):
        memory, write, envs = self.memory, self.write, envs or self.envs
        rewards, terminated, truncated = memory.rewards, memory.terminated, memory.truncated
        actions, plain = self.actions(), self.plain
        for i in chosen:
            self.current = i
            observation, reward, terminal, cut, info = envs[i].step(actions[i])
            rewards[i] = reward
            if terminal or cut:
                terminated[i] = 1.0 if terminal else 0.0
                truncated[i] = 0.0 if terminal else 1.0
                self.write_final[i](observation)
                if self.masked:
                    self.write_mask(memory.finals[i], i, info)
                if self.watched:
                    self.last_frames[i] = self.frame(i)
                observation, info = envs[i].reset(seed=memory.seeds[i])
            else:
                terminated[i] = truncated[i] = 0.0
            write[i](observation)
            if not plain:
                self.extras(i, info)

    def extras(self, i, info):
        """What goes beside an observation."""
        if self.masked:
            self.write_mask(self.memory.observations[i], i, info)
        if self.has_lives:
            self.memory.lives[i] = int(info.get("lives", 0))

    def write_mask(self, row, i, info):
        row[self.observation.words :] = flat_mask(self.masks[i](info), self.action.logits)

    def frame(self, i):
        self.current = i
        env = self.envs[i]
        return None if env.render_mode is None else env.render()

    def close(self):
        for env in self.envs:
            env.close()
