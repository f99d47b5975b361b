//! Tonic signals in the trainer: rewards that are centred, and an inverse temperature that follows them.

use striatum_envs::{Batch, Env, EnvError, Space, Step, Stream, VecEnv};
use striatum_kernels::Cpu;
use striatum_train::TrainError;
use striatum_train::config::{Config, Request};
use striatum_train::engine::{AnyTrainer, open_trainer};
use striatum_train::trainer::{Iteration, Trainer};

/// Eight places in a ring, of which the first two are rewarded; actions go one forward or back. It never ends.
#[derive(Clone, Debug, Default)]
struct Ring {
    place: u32,
    offset: f32,
    limit: Option<u32>,
    claims_to_go_on: bool,
}

impl Ring {
    fn observe(&self, observation: &mut [f32]) {
        observation.fill(0.0);
        observation[self.place as usize] = 1.0;
    }
}

impl Env for Ring {
    fn observation_space(&self) -> Space {
        Space::uniform_box(8, 0.0, 1.0)
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }

    fn time_limit(&self) -> Option<u32> {
        self.limit
    }

    fn continuing(&self) -> bool {
        self.claims_to_go_on
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f32]) {
        self.place = rng.below(8);
        self.observe(observation);
    }

    fn step(&mut self, action: &[f32], _: &mut Stream, observation: &mut [f32]) -> Step {
        self.place = (self.place + if action[0] > 0.5 { 1 } else { 7 }) % 8;
        self.observe(observation);
        let reward = self.offset + if self.place < 2 { 1.0 } else { 0.0 };
        Step { reward, terminated: false, truncated: false }
    }

    fn state(&self) -> Vec<f64> {
        vec![f64::from(self.place)]
    }

    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        self.place = state[0] as u32;
        self.observe(observation);
        Ok(())
    }
}

const COMMON: [&str; 6] =
    ["device=cpu", "num_envs=16", "network.hidden=[16]", "ppo.num_steps=64", "ppo.learning_rate=3e-3", "ppo.epochs=2"];

fn open(ring: &Ring, sets: &[&str]) -> Result<Trainer<Cpu>, TrainError> {
    let sets = COMMON.iter().chain(sets).map(|&set| set.to_owned()).collect();
    let config = Config::resolve(&Request { task: "Ring".to_owned(), sets, ..Request::default() })?;
    let make = |count| Ok(Box::new(Batch::new(count, || ring.clone())?) as Box<dyn VecEnv>);
    match open_trainer(vec![config], &make)?.0 {
        AnyTrainer::Cpu(trainer) => Ok(trainer),
        AnyTrainer::Gpu(_) => panic!("the CPU was asked for"),
    }
}

fn ring(offset: f32) -> Ring {
    Ring { offset, claims_to_go_on: true, ..Ring::default() }
}

fn iterations(trainer: &mut Trainer<Cpu>, count: usize) -> Vec<Iteration> {
    let iterate = |_| {
        trainer.iterate().expect("an iteration");
        trainer.iteration(0).expect("finite gradients")
    };
    (0..count).map(iterate).collect()
}

fn average_reward(trainer: &mut Trainer<Cpu>) -> f64 {
    trainer.checkpoint(0).expect("a checkpoint").numbers["tonic.average_reward"]
}

#[test]
fn rewards_are_centred_where_no_episode_ends() {
    let centred = ["dopamine.reward_centering=td"];
    open(&ring(0.0), &centred).expect("a continuing task");
    let limited = Ring { limit: Some(50), ..ring(0.0) };
    for episodic in [Ring::default(), Ring { limit: Some(50), ..Ring::default() }, limited] {
        let error = open(&episodic, &centred).err().expect("episodes end").to_string();
        let parts =
            ["`dopamine.reward_centering` is for continuing tasks", "`Ring`", "`dopamine.force_centering` to true"];
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        open(&episodic, &[&centred[..], &["dopamine.force_centering=true"]].concat()).expect("it was forced");
        open(&episodic, &[]).expect("rewards stay as they are");
    }
}

/// Whatever is added to every reward, TD errors are the same, and nearly so all that is learned from them. Those of plain rewards are not.
#[test]
fn a_constant_offset_leaves_a_centred_agent_unaffected() {
    const ITERATIONS: usize = 20;
    for form in ["td", "mean", "none"] {
        let set = format!("dopamine.reward_centering={form}");
        let runs = [-10.0, 0.0, 10.0]
            .map(|offset| iterations(&mut open(&ring(offset), &[&set]).expect("a trainer"), ITERATIONS));
        let apart = |of: fn(&Iteration) -> f64| {
            let pairs = runs[1].iter().zip(runs[0].iter().zip(&runs[2]));
            let largest = |(b, (a, c))| (of(a) - of(b)).abs().max((of(c) - of(b)).abs());
            pairs.map(largest).fold(0.0, f64::max)
        };
        let (mean, std) = (apart(|i| i.rollout.delta_mean), apart(|i| i.rollout.delta_std));
        match form {
            "none" => assert!(mean > 5.0, "{form}: {mean} {std}"),
            _ => assert!(mean < 1e-3 && std < 1e-3, "{form}: {mean} {std}"),
        }
    }
}

/// The average reward comes to what a step is worth, and TD errors to 0 on the mean. The TD form stops short of it where values have
/// taken up the rest meanwhile: with a discount, TD errors are 0 as well if rbar is too small by (1 - gamma) of what values are too large.
#[test]
fn the_average_reward_is_that_of_the_policy() {
    for (form, near) in [("td", 0.03), ("mean", 0.002)] {
        let set = format!("dopamine.reward_centering={form}");
        let mut trainer = open(&ring(10.0), &[&set, "total_steps=200000"]).expect("a trainer");
        let last = iterations(&mut trainer, 190).pop().expect("iterations");
        let (average, mean) = (average_reward(&mut trainer), last.rollout.reward_mean);
        assert!((average / mean - 1.0).abs() < near, "{form}: {average} for {mean}");
        assert!(last.rollout.delta_mean.abs() < 0.05 * last.rollout.delta_std.max(0.1), "{form}: {last:?}");
        // Both rewarded places are next to each other: all rewards can be had.
        assert!(mean > 10.8, "{form}: the agent learns nothing ({mean})");
    }
}

#[test]
fn rewards_are_scaled_before_they_are_centred() {
    // With a step size of 1 the moving average is the last rollout's mean.
    let sets = ["dopamine.reward_centering=mean", "dopamine.centering_rate=1", "normalize.rewards=true"];
    let mut trainer = open(&ring(10.0), &sets).expect("a trainer");
    let mean = iterations(&mut trainer, 5).pop().expect("iterations").rollout.reward_mean;
    let average = average_reward(&mut trainer);
    assert!((average / mean - 1.0).abs() < 1e-6 && mean < 5.0, "{average} for {mean}");
}

#[test]
fn the_first_rollout_is_centred_by_its_own_mean() {
    // A step size of next to nothing leaves the average where it starts. Without a discount TD errors are r - rbar - V, and the first
    // values are of the size of 1.
    let sets = ["dopamine.reward_centering=td", "dopamine.centering_rate=1e-6", "ppo.gamma=0"];
    let mut trainer = open(&ring(64.0), &sets).expect("a trainer");
    let first = iterations(&mut trainer, 1).pop().expect("an iteration").rollout;
    assert!((average_reward(&mut trainer) - first.reward_mean).abs() < 1e-5, "{first:?}");
    assert!(first.delta_mean.abs() < 2.0 && first.reward_mean > 64.0, "{first:?}");
}

#[test]
fn the_temperature_follows_rewards() {
    let sets = ["dopamine.tonic_gain=2", "dopamine.inverse_temperature=0.5", "dopamine.tonic_slow=0.05"];
    let mut trainer = open(&ring(0.0), &sets).expect("a trainer");
    let mut seen = Vec::new();
    for _ in 0..12 {
        seen.push(trainer.sessions()[0].inverse_temperature());
        trainer.iterate().expect("an iteration");
        let deviation = trainer.iteration(0).expect("finite gradients").update.first_ratio_deviation;
        assert!(deviation < 1e-5, "the rollout's temperature is not replayed: ratio off by {deviation}");
    }
    // There is no spread before the second rollout has been seen.
    assert_eq!(seen[..2], [0.5, 0.5]);
    assert!(seen[2..].iter().all(|&beta| beta != 0.5 && (0.125..=2.0).contains(&beta)), "{seen:?}");
    // The agent learns, so rewards rise, and the policy is sharpened.
    assert!(seen[11] > 0.55, "{seen:?}");
}
