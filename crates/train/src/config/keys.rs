//! Every configuration key, what it means and what it may be: the one source of validation, error texts and the
//! comments that `to_toml` writes.

use super::kind::{Kind, MAX_COUNT};
use std::ops::Bound::{Excluded, Included, Unbounded};
use striatum_kernels::MAX_QUANTILES;

/// A key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its dotted name, such as `ppo.clip`.
    pub name: &'static str,
    /// What it means, in a sentence.
    pub doc: &'static str,
    /// Which values it may have.
    pub kind: Kind,
}

impl Key {
    /// The section and the name within it; the section of a top-level key is empty.
    #[must_use]
    pub fn split(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').unwrap_or(("", self.name))
    }
}

const COUNT: Kind = Kind::Whole { min: 0, max: MAX_COUNT };
const COUNT_FROM_1: Kind = Kind::Whole { min: 1, max: MAX_COUNT };
const ROLLOUT_SIDE: Kind = Kind::Whole { min: 1, max: 1 << 20 };
const POSITIVE: Kind = Kind::Real { min: Excluded(0.0), max: Unbounded };
const NOT_NEGATIVE: Kind = Kind::Real { min: Included(0.0), max: Unbounded };
const FRACTION: Kind = Kind::Real { min: Included(0.0), max: Included(1.0) };
const SIGNED_FRACTION: Kind = Kind::Real { min: Included(-1.0), max: Included(1.0) };
const HORIZON: Kind = Kind::Real { min: Included(1.0), max: Unbounded };
const RATE: Kind = Kind::Real { min: Excluded(0.0), max: Included(1.0) };
const DECAY: Kind = Kind::Real { min: Included(0.0), max: Excluded(1.0) };

const fn key(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, doc, kind }
}

/// Every key, in the order in which `to_toml` writes them: top-level keys first, then section by section.
pub const KEYS: &[Key] = &[
    key(
        "task",
        Kind::Text,
        "The task: a built-in name such as CartPole-v1; the name that its runs get for a task of your own.",
    ),
    key("algo", Kind::OneOf(&["ppo", "a2c"]), "The algorithm; its section below applies, the other one is ignored."),
    key("engine", Kind::OneOf(&["auto", "fused", "burn"]), "What computes the networks."),
    key(
        "device",
        Kind::Device,
        "Where to train; auto takes the faster one, N counts the GPUs that `striatum devices` lists.",
    ),
    key("seed", COUNT, "Seed of everything random."),
    key("total_steps", COUNT_FROM_1, "Environment steps of the run, all environments together."),
    key("num_envs", ROLLOUT_SIDE, "Environments that are stepped together."),
    key(
        "threads",
        Kind::Whole { min: 0, max: 1024 },
        "Threads of the CPU engine; 0 is one a core. Results do not depend on it.",
    ),
    key("ppo.num_steps", ROLLOUT_SIDE, "Steps of each environment in a rollout."),
    key(
        "ppo.minibatches",
        Kind::Whole { min: 1, max: 1 << 24 },
        "Parts that a rollout is split into; must divide ppo.num_steps * num_envs.",
    ),
    key(
        "ppo.sequence_length",
        Kind::Whole { min: 0, max: 1 << 20 },
        "Steps of the sequences that networks with memory learn from; must divide ppo.num_steps, and 0 is all of them.",
    ),
    key("ppo.epochs", Kind::Whole { min: 1, max: 10_000 }, "Passes over a rollout."),
    key("ppo.learning_rate", POSITIVE, "Step size of Adam."),
    key("ppo.anneal_learning_rate", Kind::Flag, "Whether the step size falls linearly to 0 over the run."),
    key("ppo.gamma", FRACTION, "Discount."),
    key("ppo.gae_lambda", FRACTION, "Lambda of generalised advantage estimation."),
    key("ppo.clip", POSITIVE, "Clip range of the probability ratio."),
    key("ppo.anneal_clip", Kind::Flag, "Whether the clip range falls linearly to 0 over the run."),
    key("ppo.value_clip", NOT_NEGATIVE, "Clip range of the value's change; 0 is off."),
    key(
        "ppo.value_coef",
        NOT_NEGATIVE,
        "Weight of the value loss 1/2 mean (V - R)^2; Stable-Baselines3's vf_coef = 0.5 is 1.0 here.",
    ),
    key("ppo.entropy_coef", NOT_NEGATIVE, "Weight of the entropy bonus."),
    key("ppo.max_grad_norm", POSITIVE, "Largest global norm of the gradient."),
    key("ppo.normalize_advantages", Kind::Flag, "Whether advantages are normalised in each minibatch."),
    key(
        "ppo.target_kl",
        NOT_NEGATIVE,
        "Approximate KL divergence beyond 1.5 times which an iteration's remaining minibatches are skipped; 0 is off.",
    ),
    key("ppo.adam_epsilon", POSITIVE, "Adam's epsilon."),
    key("a2c.num_steps", ROLLOUT_SIDE, "Steps of each environment in a rollout."),
    key("a2c.learning_rate", POSITIVE, "Step size of the optimiser."),
    key("a2c.anneal_learning_rate", Kind::Flag, "Whether the step size falls linearly to 0 over the run."),
    key("a2c.gamma", FRACTION, "Discount."),
    key("a2c.gae_lambda", FRACTION, "Lambda of generalised advantage estimation; 1 is the n-step return."),
    key(
        "a2c.value_coef",
        NOT_NEGATIVE,
        "Weight of the value loss 1/2 mean (V - R)^2; Stable-Baselines3's vf_coef = 0.5 is 1.0 here.",
    ),
    key("a2c.entropy_coef", NOT_NEGATIVE, "Weight of the entropy bonus."),
    key("a2c.max_grad_norm", POSITIVE, "Largest global norm of the gradient."),
    key("a2c.normalize_advantages", Kind::Flag, "Whether advantages are normalised in each batch."),
    key("a2c.optimizer", Kind::OneOf(&["rmsprop", "adam"]), "The optimiser."),
    key("a2c.rmsprop_alpha", DECAY, "RMSProp's decay of the mean square."),
    key("a2c.epsilon", POSITIVE, "The optimiser's epsilon."),
    key(
        "network.encoder",
        Kind::OneOf(&["mlp", "nature-cnn", "impala-cnn", "minatar-cnn", "custom"]),
        "What reads observations; those named cnn read images, and the hidden layers follow them; custom is a module of a program of yours.",
    ),
    key(
        "network.hidden",
        Kind::Widths { layers: 8, width: 1024 },
        "Widths of the hidden layers, after the encoder; [] is a linear policy and critic.",
    ),
    key("network.activation", Kind::OneOf(&["tanh", "relu", "silu"]), "The nonlinearity of hidden layers."),
    key(
        "network.layer_norm",
        Kind::Flag,
        "Whether hidden layers, the encoder's linear one included, are normalised before their nonlinearity.",
    ),
    key(
        "network.memory",
        Kind::OneOf(&["none", "gru", "lstm", "mingru"]),
        "What is kept between steps, after the hidden layers, and forgotten where an episode starts; the burn engine has it.",
    ),
    key("network.memory_width", Kind::Whole { min: 1, max: 1024 }, "Width of the memory."),
    key("network.shared_trunk", Kind::Flag, "Whether actor and critic share their hidden layers."),
    key(
        "network.pathways",
        Kind::OneOf(&["single", "dual"]),
        "One policy head, or a direct and an indirect one with opposite signs.",
    ),
    key(
        "network.orthogonal_init",
        Kind::Flag,
        "Whether layers start orthogonal (gain sqrt(2), policy head 0.01), else uniform as PyTorch's do.",
    ),
    key(
        "network.log_std_init",
        Kind::Real { min: Included(-20.0), max: Included(2.0) },
        "Initial log standard deviation of a continuous policy.",
    ),
    key(
        "network.squash",
        Kind::Flag,
        "Whether a continuous action is tanh(u), rescaled to the bounds, else clipped to them.",
    ),
    key(
        "network.state_dependent_exploration",
        Kind::Flag,
        "Whether the exploration noise depends on the state (gSDE); continuous policies only.",
    ),
    key(
        "network.exploration_interval",
        Kind::Whole { min: 0, max: 1 << 20 },
        "Steps between new exploration matrices; 0 is one a rollout.",
    ),
    key(
        "critic.kind",
        Kind::OneOf(&["scalar", "quantile", "expectile"]),
        "What the value heads are: a mean return, or the return's distribution, by its quantiles or expectiles.",
    ),
    key(
        "critic.quantiles",
        Kind::Whole { min: 2, max: MAX_QUANTILES as u64 },
        "Heads of a distribution; head i of K is the quantile or expectile (i - 1/2) / K.",
    ),
    key(
        "critic.huber",
        NOT_NEGATIVE,
        "Errors up to this count squared in the quantiles' loss, which makes them expectiles at this scale; 0 is off.",
    ),
    key(
        "critic.opponent",
        Kind::Flag,
        "Whether kappa tells gains by the distribution's upper half for the direct pathway, losses by the lower one for the indirect.",
    ),
    key(
        "critic.horizons",
        Kind::Whole { min: 0, max: 64 },
        "Auxiliary value heads, which predict the return under other discounts; the actor learns from the main one alone.",
    ),
    key("critic.shortest_horizon", HORIZON, "The shortest horizon in steps; its head's discount is 1 - 1 / horizon."),
    key("critic.longest_horizon", HORIZON, "The longest horizon; those between are evenly spaced in their logarithm."),
    key("critic.auxiliary_coef", NOT_NEGATIVE, "Weight of the auxiliary heads' value loss, a mean over them."),
    key(
        "dopamine.tone",
        SIGNED_FRACTION,
        "Dopamine tone: positive weighs the direct pathway more; dual pathways only.",
    ),
    key("dopamine.inverse_temperature", POSITIVE, "Inverse temperature of a categorical policy."),
    key(
        "dopamine.kappa",
        FRACTION,
        "How much more the direct pathway learns from gains and the indirect one from losses; dual pathways only.",
    ),
    key("dopamine.sum_decay", NOT_NEGATIVE, "Weight of the decay of the pathways' sum; must be above 0 when kappa is."),
    key(
        "dopamine.reward_centering",
        Kind::OneOf(&["none", "td", "mean"]),
        "Whether the average reward is subtracted from rewards, learned from TD errors or as a moving average; continuing tasks only.",
    ),
    key("dopamine.centering_rate", RATE, "Step size of the average reward, which takes one step a rollout."),
    key(
        "dopamine.force_centering",
        Kind::Flag,
        "Whether rewards may be centred in tasks whose episodes end, where that changes what is best.",
    ),
    key(
        "dopamine.tonic_gain",
        NOT_NEGATIVE,
        "How strongly rising rewards sharpen a categorical policy and falling ones make it explore; 0 is off.",
    ),
    key(
        "dopamine.tonic_fast",
        RATE,
        "Step size of the fast average of rollouts' mean rewards that tonic_gain compares.",
    ),
    key("dopamine.tonic_slow", RATE, "Step size of the slow average; must be below tonic_fast when tonic_gain is on."),
    key(
        "dopamine.logit_decay",
        NOT_NEGATIVE,
        "Weight of the decay 1/2 mean |l|^2 of a categorical policy's logits at inverse temperature 1.",
    ),
    key(
        "normalize.observations",
        Kind::Flag,
        "Whether observations are centred and scaled by their running statistics.",
    ),
    key(
        "normalize.rewards",
        Kind::Flag,
        "Whether rewards are divided by the running standard deviation of the discounted return.",
    ),
    key("normalize.observation_clip", POSITIVE, "Normalised observations are clipped to plus and minus this."),
    key("normalize.reward_clip", POSITIVE, "Normalised rewards are clipped to plus and minus this."),
    key(
        "wrappers.preset",
        Kind::OneOf(&["auto", "none", "atari"]),
        "Where the other keys of this section get their defaults: atari is CleanRL's for Atari games, auto that for tasks gym:ALE/... only.",
    ),
    key("wrappers.sticky", FRACTION, "Probability that the last action is taken again; 0 is off."),
    key(
        "wrappers.noop_max",
        Kind::Whole { min: 0, max: 10_000 },
        "A reset is followed by 1 to so many steps with action 0, at random; 0 is off.",
    ),
    key(
        "wrappers.frame_skip",
        Kind::Whole { min: 1, max: 1000 },
        "Times that the environment takes an action; its rewards are summed.",
    ),
    key(
        "wrappers.max_pool",
        Kind::Flag,
        "Whether pixels are the larger ones of the last two frames of a skip; pictures only.",
    ),
    key(
        "wrappers.time_limit",
        Kind::Whole { min: 0, max: 1 << 30 },
        "Steps of the agent after which an episode is cut; 0 is off.",
    ),
    key(
        "wrappers.episodic_life",
        Kind::Flag,
        "Whether a lost life ends an episode for the agent; returns are still the game's.",
    ),
    key(
        "wrappers.fire_reset",
        Kind::Flag,
        "Whether an episode starts with actions 1 and 2, in games whose action 1 is named FIRE.",
    ),
    key("wrappers.reward_sign", Kind::Flag, "Whether the agent learns from the signs of rewards."),
    key("wrappers.reward_clip", Kind::Range, "Bounds that rewards are clipped to; [] is off."),
    key(
        "wrappers.action_rescale",
        Kind::Flag,
        "Whether the agent sees a bounded box of actions as -1 to 1; what lies outside is clipped.",
    ),
    key(
        "wrappers.resize",
        Kind::Size { side: 4096 },
        "Height and width that pictures are made smaller to, by area as OpenCV does; [] is off.",
    ),
    key("wrappers.grayscale", Kind::Flag, "Whether pictures of three channels become gray."),
    key("wrappers.flatten", Kind::Flag, "Whether a picture becomes a box of numbers."),
    key("wrappers.flatten_scale", POSITIVE, "What the bytes of a flattened picture are divided by."),
    key(
        "wrappers.observation_rescale",
        Kind::Range,
        "Bounds that a bounded box of observations is stretched to; [] is off.",
    ),
    key(
        "wrappers.frame_stack",
        Kind::Whole { min: 1, max: 1024 },
        "Observations that the agent sees at once, oldest first; an episode starts with its first one in every place.",
    ),
    key("eval.interval", COUNT, "Environment steps between evaluations; 0 is only at the end."),
    key(
        "eval.episodes",
        Kind::Whole { min: 1, max: 100_000 },
        "Episodes of an evaluation, with deterministic actions, in environments of their own.",
    ),
    key(
        "eval.continuing_steps",
        Kind::Whole { min: 1, max: 1 << 20 },
        "Steps that count as an episode of an evaluation where a task goes on for ever.",
    ),
    key(
        "run.checkpoint_interval",
        COUNT,
        "Environment steps between checkpoints; 0 is only at the end and when interrupted.",
    ),
    key("run.log_interval", COUNT, "Environment steps between the points of learning curves; 0 is one an iteration."),
    key("run.stop_at_threshold", Kind::Flag, "Whether the run ends once the task counts as solved."),
    key(
        "gym.python",
        Kind::AnyText,
        "The Python of tasks named gym:ID or envpool:ID; if empty, that of the active virtual environment, else python3.",
    ),
    key(
        "gym.workers",
        Kind::Whole { min: 0, max: 1024 },
        "Python processes that step such a task's environments; 0 is one a core. Results do not depend on it.",
    ),
    key("gym.imports", Kind::Texts, "Python modules to import first, which register tasks."),
    key("gym.wrappers", Kind::Texts, "Python wrappers by import path, such as my_module.MyWrapper, innermost first."),
    key(
        "gym.vectorization",
        Kind::OneOf(&["none", "sync", "async", "vector-entry-point"]),
        "Who steps the environments of a worker: the worker, or a vector environment of Gymnasium's or the task's own.",
    ),
    key(
        "gym.autoreset",
        Kind::OneOf(&["default", "next-step", "same-step", "disabled"]),
        "When a vector environment starts the next episode; the transitions are the same.",
    ),
    key("gym.render_mode", Kind::AnyText, "Gymnasium's render mode; if empty, none."),
    key(
        "gym.on_env_failure",
        Kind::OneOf(&["stop", "restart"]),
        "What a failed worker means: the end of the run, or a new worker and episodes that count as cut.",
    ),
    key("gym.timeout", POSITIVE, "Seconds after which a worker that does not answer counts as hanging."),
];

/// The section of a task's parameters, which the task declares.
pub(super) const ENV: &str = "env";

/// The key of this dotted name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The names of the sections, in order, each once.
pub(super) fn sections() -> Vec<&'static str> {
    let mut names: Vec<_> = KEYS.iter().map(|key| key.split().0).filter(|section| !section.is_empty()).collect();
    names.dedup();
    names
}

/// The known keys and sections nearest to an unknown name, quoted and joined by "or"; empty when none is near.
pub(super) fn suggest(unknown: &str) -> String {
    const NEAR: f64 = 0.6;
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let score = |known: &str| {
        // `clip` and `a2c.clip` both mean `ppo.clip`.
        let full = strsim::normalized_damerau_levenshtein(unknown, known);
        full.max(strsim::normalized_damerau_levenshtein(&last(unknown), &last(known)))
    };
    let known = KEYS.iter().map(|key| key.name).chain(sections()).chain([ENV]);
    let scored: Vec<_> = known.map(|name| (score(name), name)).collect();
    let best = scored.iter().map(|(score, _)| *score).fold(NEAR, f64::max);
    let nearest: Vec<_> =
        scored.iter().filter(|(score, _)| *score >= best).map(|(_, name)| format!("`{name}`")).collect();
    nearest.join(" or ")
}
