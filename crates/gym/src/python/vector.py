"""Environments that a vector environment of Gymnasium's or EnvPool's steps as a whole.

Whatever its autoreset mode, the trainer gets the same: an episode's last observation with its end, the next episode's first one as what
the next action is for. With resets in the next step there is a row between the two that is no transition; it counts for nothing.
"""

import difflib

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import iterate

MODES = {"next-step": AutoresetMode.NEXT_STEP, "same-step": AutoresetMode.SAME_STEP, "disabled": AutoresetMode.DISABLED}


class GymnasiumVector:
    """What `gymnasium.make_vec` makes."""

    def __init__(self, options, count, seed):
        arguments = dict(options["arguments"])
        if options["render_mode"]:
            arguments["render_mode"] = options["render_mode"]
        mode, reset = options["vectorization"], options["autoreset"]
        self.has_seeds = mode in ("sync", "async")
        if options["wrappers"]:
            loaded = [load(path) for path in options["wrappers"]]
            arguments["wrappers"] = loaded
        if self.has_seeds and reset != "default":
            arguments["vector_kwargs"] = {"autoreset_mode": MODES[reset]}
        self.envs = gymnasium.make_vec(options["id"], num_envs=count, vectorization_mode=mode.replace("-", "_"), **arguments)
        self.space, self.batch = self.envs.single_observation_space, self.envs.observation_space
        self.actions = self.envs.single_action_space
        self.mode = self.envs.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP)
        if reset != "default" and self.mode != MODES[reset]:
            raise Unsupported(f"`gym.autoreset` is {reset}, but the environment makes its own resets ({self.mode.value}); set it to default")
        spec = self.envs.spec
        self.time_limit = getattr(spec, "max_episode_steps", None)
        self.solved_at = getattr(spec, "reward_threshold", None)
        self.render_mode = getattr(self.envs, "render_mode", None)

    def reset(self, seeds, chosen=None):
        options = {} if chosen is None else {"options": {"reset_mask": chosen}}
        # Environments that are vectors by themselves take one seed for all.
        return self.envs.reset(seed=seeds if self.has_seeds else seeds[0], **options)

    def rows(self, observations):
        return iterate(self.batch, observations)


class EnvPool:
    """What `envpool.make` makes."""

    def __init__(self, options, count, seed):
        import envpool

        if options["wrappers"]:
            raise Unsupported("`gym.wrappers` wrap single environments, and EnvPool has none; leave them out")
        if options["autoreset"] not in ("default", "next-step"):
            raise Unsupported(f"`gym.autoreset` is {options['autoreset']}, but EnvPool resets in the next step; set it to default")
        if options["id"] not in envpool.list_all_envs():
            near = difflib.get_close_matches(options["id"], envpool.list_all_envs(), 1)
            hint = f"; did you mean `{near[0]}`?" if near else ""
            raise Unsupported(f"EnvPool has no `{options['id']}`{hint}")
        # The workers are the parallelism.
        arguments = {"num_threads": 1, **options["arguments"]}
        self.envs = envpool.make(options["id"], env_type="gymnasium", num_envs=count, seed=seed, **arguments)
        self.space, self.actions, self.mode = self.envs.observation_space, self.envs.action_space, AutoresetMode.NEXT_STEP
        self.time_limit = getattr(self.envs.spec.config, "max_episode_steps", None)
        self.solved_at = getattr(self.envs.spec, "reward_threshold", None)
        self.render_mode = None

    def reset(self, seeds, chosen=None):
        return self.envs.reset()

    def rows(self, observations):
        return observations


class Vector:
    """A vector environment as a host of environments that step together."""

    def __init__(self, options):
        self.options = options
        self.kind = EnvPool if options["kind"] == "envpool" else GymnasiumVector
        self.current = None
        # What it looks like where an episode ends, only a host of single environments can tell.
        self.watched, self.last_frames = False, {}
        self.vector = self.kind(options, 1, 0)
        self.observation = Observation(self.vector.space)
        self.action = Action(self.vector.actions)

    def describe(self):
        vector = self.vector
        _, info = vector.reset([0])
        self.masked = self.action.discrete and not self.observation.picture and "action_mask" in info
        self.has_lives = "lives" in info
        return {
            "time_limit": vector.time_limit,
            "solved_at": vector.solved_at,
            "counts": vector.mode == AutoresetMode.NEXT_STEP,
            "together": True,
            "action_names": [],
        }

    def metadata(self):
        return getattr(self.vector.envs, "metadata", {})

    def attach(self, memory):
        self.memory = memory
        words = self.observation.words
        self.write = [self.observation.writer(row[:words]) for row in memory.observations]
        self.write_final = [self.observation.writer(row[:words]) for row in memory.finals]
        self.actions = self.action.reader(memory.actions)
        self.everyone = range(memory.count)
        self.close()
        self.vector = None

    def reset(self, chosen):
        if len(chosen) != self.memory.count:
            raise RuntimeError("the environments of a vector environment start together")
        seeds = self.memory.seeds.tolist()
        if self.vector is None or self.kind is EnvPool:
            # EnvPool takes its seed when it is made.
            self.close()
            self.vector = self.kind(self.options, self.memory.count, seeds[0])
        self.ended = np.zeros(self.memory.count, bool)
        self.put(*self.vector.reset(seeds))

    def put(self, observations, info):
        """Writes the observations that the next actions are for."""
        for write, observation in zip(self.write, self.vector.rows(observations)):
            write(observation)
        if self.masked:
            for i in self.everyone:
                self.write_mask(self.memory.observations[i], info["action_mask"][i])
        if self.has_lives:
            self.memory.lives[:] = memoryview(np.asarray(info["lives"], np.uint32))

    def write_mask(self, row, mask):
        row[self.observation.words :] = flat_mask(mask, self.action.logits)

    def step(self, chosen):
        memory, mode = self.memory, self.vector.mode
        actions = np.asarray(self.actions())
        observations, rewards, terminated, truncated, info = self.vector.envs.step(actions)
        terminated, truncated = np.asarray(terminated, bool), np.asarray(truncated, bool)
        counts = ~self.ended if mode == AutoresetMode.NEXT_STEP else np.ones(memory.count, bool)
        ends = (terminated | truncated) & counts
        if not counts.all():
            # The row between two episodes belongs to neither: it is cut, where it began.
            for i in np.flatnonzero(~counts):
                memory.finals[i] = memory.observations[i]
        self.finish(ends, observations, info)
        if ends.any() and mode == AutoresetMode.DISABLED:
            observations, info = self.restart(ends, observations, info)
        self.put(observations, info)
        memory.rewards[:] = memoryview(np.where(counts, rewards, 0.0).astype(np.float32))
        memory.terminated[:] = memoryview((terminated & counts).astype(np.float32))
        memory.truncated[:] = memoryview((ends & ~terminated | ~counts).astype(np.float32))
        memory.counts[:] = memoryview(counts.astype(np.float32))
        self.ended = ends

    def finish(self, ends, observations, info):
        """Writes the last observations of the episodes that end."""
        if not ends.any():
            return
        same_step = self.vector.mode == AutoresetMode.SAME_STEP
        rows = None if same_step else list(self.vector.rows(observations))
        for i in np.flatnonzero(ends):
            self.write_final[i](info["final_obs"][i] if same_step else rows[i])
            if self.masked:
                self.write_mask(self.memory.finals[i], (info["final_info"] if same_step else info)["action_mask"][i])

    def restart(self, ends, observations, info):
        """Starts the next episode of those that ended. What `reset` tells of the others is nothing."""
        fresh, told = self.vector.reset(self.memory.seeds.tolist(), ends)
        for key in ("action_mask", "lives"):
            if key in told and key in info:
                merged = np.array(info[key])
                merged[ends] = np.asarray(told[key])[ends]
                told[key] = merged
        return fresh, told

    def frame(self, i):
        if self.vector.render_mode is None:
            return None
        pictures = self.vector.envs.render()
        return None if pictures is None else pictures[i]

    def close(self):
        if self.vector is not None:
            self.vector.envs.close()
