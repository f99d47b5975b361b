//! Networks with memory and action masks on the host: rollouts and evaluations against plain loops in which every environment has a state of
//! its own.
#![cfg(feature = "burn")]

use striatum_agent::burn_engine::{ActorCritic, BurnNetwork, cpu_device};
use striatum_agent::{Learner, LearnerState, NetworkSpec, Rollout, initial_weights};
use striatum_envs::{Env, EnvError, Purpose, Space, Step, StepBuffers, Stream, VecEnv, make_with};
use striatum_kernels::{Cpu, Noise, PolicyHead, RunningMoments};
use striatum_train::TrainError;
use striatum_train::actor::Choice;
use striatum_train::collector::Collector;
use striatum_train::config::{Config, Request};
use striatum_train::evaluate::{Occasion, evaluate};
use striatum_train::session::Session;
use striatum_train::spec::network_spec;

const STEPS: usize = 40;
const ENVS: usize = 3;

/// A walk whose observations change at every step, with episodes that end by themselves and by a limit, and two choices of which some
/// options are closed.
#[derive(Clone, Default)]
struct Walk {
    steps: u32,
    place: f64,
}

impl Walk {
    fn observe(&self, rng: &mut Stream, observation: &mut [f32]) {
        let open = rng.below(3) as usize;
        observation.copy_from_slice(&[self.place as f32, 3.0, 1.0, 1.0, 1.0, 0.0, 1.0]);
        observation[2 + open] = 0.0;
        if rng.below(2) == 0 {
            observation[5] = 1.0;
        }
    }
}

impl Env for Walk {
    fn observation_space(&self) -> Space {
        Space::uniform_box(7, -100.0, 100.0)
    }

    fn action_space(&self) -> Space {
        Space::MultiDiscrete { nvec: vec![3, 2] }
    }

    fn time_limit(&self) -> Option<u32> {
        Some(9)
    }

    fn action_mask_width(&self) -> usize {
        5
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f32]) {
        (self.steps, self.place) = (0, rng.range(-1.0, 1.0));
        self.observe(rng, observation);
    }

    fn step(&mut self, action: &[f32], rng: &mut Stream, observation: &mut [f32]) -> Step {
        self.steps += 1;
        self.place += f64::from(action[0]) - 1.0 + 0.1 * f64::from(action[1]);
        self.observe(rng, observation);
        Step { reward: self.place as f32, terminated: self.place.abs() > 2.0, truncated: false }
    }

    fn state(&self) -> Vec<f64> {
        vec![self.steps.into(), self.place]
    }

    fn set_state(&mut self, _: &[f64], _: &mut [f32]) -> Result<(), EnvError> {
        Err(EnvError::BadState("there is none".to_owned()))
    }
}

fn make(count: usize) -> Result<Box<dyn VecEnv>, TrainError> {
    Ok(Box::new(striatum_envs::Batch::new(count, Walk::default)?))
}

fn config(sets: &[&str]) -> Config {
    let common = [
        "seed=4",
        "num_envs=3",
        "ppo.minibatches=3",
        "normalize.observations=true",
        "network.hidden=[6]",
        "network.memory_width=4",
    ];
    let sets = common.iter().chain(sets).map(|&set| set.to_owned()).collect();
    Config::resolve(&Request { task: "Walk".to_owned(), sets, ..Request::default() }).expect("settings")
}

fn learner(config: &Config, spec: &NetworkSpec) -> Learner<Cpu> {
    let network = BurnNetwork::new(spec, &cpu_device(), |device| ActorCritic::new(spec, device));
    let mut state = LearnerState::new(initial_weights(spec, &config.network, config.seed));
    // The policy's head starts at almost nothing, and so would choices hardly depend on the state.
    state.weights.iter_mut().for_each(|weight| *weight *= 1.5);
    Learner::new(Cpu::with_threads(1), Box::new(network), spec.clone(), &[state]).expect("a learner")
}

/// One environment after the other, each with its own state.
struct Plain {
    spec: NetworkSpec,
    learner: Learner<Cpu>,
    moments: RunningMoments,
    envs: Box<dyn VecEnv>,
    observations: Vec<f32>,
    starts: Vec<bool>,
    states: Vec<Vec<f32>>,
    clip: f32,
}

impl Plain {
    fn new(config: &Config, seed: u64, envs: usize) -> Self {
        let mut batch = make(envs).expect("a task");
        let spec = network_spec(config, &*batch).expect("a network");
        let mut observations = vec![0.0; envs * 7];
        batch.reset(seed, 0, &mut observations).expect("finite numbers");
        Self {
            learner: learner(config, &spec),
            moments: RunningMoments::new(2),
            starts: vec![true; envs],
            states: vec![vec![0.0; spec.head.carried]; envs],
            clip: config.normalize.observation_clip,
            spec,
            envs: batch,
            observations,
        }
    }

    /// A row; the mask is left as it is.
    fn row(&self, observation: &[f32], start: bool, state: &[f32]) -> Vec<f32> {
        let mut row = observation.to_vec();
        self.moments.standardizer(self.clip).apply(&mut row[..2]);
        row.push(f32::from(u8::from(start)));
        row.extend_from_slice(state);
        row
    }

    fn rows(&self) -> Vec<f32> {
        let rows = self.observations.chunks_exact(7).zip(&self.starts).zip(&self.states);
        rows.flat_map(|((observation, &start), state)| self.row(observation, start, state)).collect()
    }

    /// One step: rows, outputs, rewards, ends by themselves and by a limit, and rows after the latter.
    fn step(&mut self, act: impl FnOnce(&[f32]) -> Vec<f32>) -> ([Vec<f32>; 5], Vec<Vec<f32>>) {
        let (n, width) = (self.starts.len(), self.spec.head.width());
        let rows = self.rows();
        let outputs = self.learner.predict(&rows).expect("the CPU works");
        let actions = act(&outputs);
        let [mut rewards, mut terminated, mut truncated] = [0; 3].map(|_| vec![0.0; n]);
        let mut last = vec![0.0; n * 7];
        let marks: Vec<f32> = self.observations.chunks_exact(7).flat_map(|row| row[2..].to_vec()).collect();
        for (action, marks) in actions.chunks_exact(2).zip(marks.chunks_exact(5)) {
            assert!(marks[action[0] as usize] == 1.0 && marks[3 + action[1] as usize] == 1.0, "{action:?} {marks:?}");
        }
        let buffers = StepBuffers {
            observations: &mut self.observations,
            rewards: &mut rewards,
            terminated: &mut terminated,
            truncated: &mut truncated,
            final_observations: &mut last,
        };
        self.envs.step(&actions, buffers).expect("finite numbers");
        let mut finals = Vec::new();
        for env in 0..n {
            self.states[env]
                .copy_from_slice(&outputs[env * width + self.spec.head.carried_at()..][..self.spec.head.carried]);
            if truncated[env] > 0.0 {
                finals.push(self.row(&last[env * 7..][..7], false, &self.states[env].clone()));
            }
            self.starts[env] = terminated[env] + truncated[env] > 0.0;
            if self.starts[env] {
                self.states[env].fill(0.0);
            }
        }
        ([rows, outputs, rewards, terminated, truncated], finals)
    }
}

const MEMORIES: [&str; 3] = ["network.memory=gru", "network.memory=lstm", "network.memory=mingru"];

#[test]
fn a_rollout_is_that_of_a_plain_loop() {
    for memory in MEMORIES {
        let config = config(&[memory]);
        let mut plain = Plain::new(&config, config.seed, ENVS);
        let spec = plain.spec.clone();
        let mut policy = PolicyHead::new(&spec.head);
        policy.load(&[]);
        let mut learner = learner(&config, &spec);
        let mut collector = Collector::new(&config, &spec, false, &make).expect("environments");
        let mut session = Session::new(config.clone(), 2, None);
        let mut rollout = Rollout::new(learner.backend(), &spec, &config.critic, 1, STEPS, ENVS);
        let values_at = spec.head.values_at();
        for part in 0..2 {
            collector.collect(&mut learner, &mut session, &mut rollout).expect("a rollout");
            let [mut ends, mut cuts] = [0, 0];
            let mut seen = Vec::new();
            for t in 0..STEPS {
                seen.extend(plain.observations.chunks_exact(7).flat_map(|row| row[..2].to_vec()));
                let step = (part * STEPS + t) as u32;
                let ([rows, outputs, _, terminated, truncated], finals) = plain.step(|outputs| {
                    let (mut actions, mut log_probs) = (vec![0.0; 2 * ENVS], vec![0.0; ENVS]);
                    let noise = Noise::Counted { seed: config.seed, step, first_lane: 0 };
                    policy.act(outputs, [&[0.0; ENVS], &[1.0; ENVS]], noise, &mut actions, &mut log_probs);
                    assert_eq!(rollout.actions[t * 2 * ENVS..][..2 * ENVS], actions);
                    assert_eq!(rollout.log_probs[t * ENVS..][..ENVS], log_probs);
                    actions
                });
                assert_eq!(rollout.observations[t * rows.len()..][..rows.len()], rows, "{memory}, step {t}");
                let values: Vec<f32> = outputs.chunks_exact(spec.head.width()).map(|row| row[values_at]).collect();
                assert_eq!(rollout.values[t * ENVS..][..ENVS], values);
                let mut finals = finals.iter();
                for env in 0..ENVS {
                    ends += usize::from(terminated[env] > 0.0);
                    if truncated[env] > 0.0 {
                        cuts += 1;
                        let value =
                            plain.learner.predict(finals.next().expect("a row")).expect("the CPU works")[values_at];
                        let found = rollout.final_values[t * ENVS + env];
                        assert!((found - value).abs() < 1e-6, "{memory}, step {t}: {found}, not {value}");
                    }
                }
            }
            assert!(ends > 0 && cuts > 0, "{ends} ends and {cuts} cuts");
            let last = plain.learner.predict(&plain.rows()).expect("the CPU works");
            let last: Vec<f32> = last.chunks_exact(spec.head.width()).map(|row| row[values_at]).collect();
            assert_eq!(rollout.values[STEPS * ENVS..], last);
            plain.moments.update(&seen, None);
            collector.finish_iteration(&mut session);
        }
    }
}

#[test]
fn an_evaluation_starts_every_episode_with_nothing() {
    for memory in MEMORIES {
        let config = config(&[memory]);
        let words = |seed: u64| {
            let mut stream = Stream::new(seed, Purpose::Evaluation, Occasion::Measurement as u32, 0);
            u64::from(stream.word()) | u64::from(stream.word()) << 32
        };
        let mut plain = Plain::new(&config, words(7), 2);
        let mut policy = PolicyHead::new(&plain.spec.head);
        policy.load(&[]);
        let mut learner = learner(&config, &plain.spec.clone());
        let mut envs = make(2).expect("a task");
        let moments = RunningMoments::new(2);
        let choice = Choice::Deterministic;
        let found =
            evaluate(&mut learner, Some(&moments), &config, &mut *envs, choice, (Occasion::Measurement, 7), 8).unwrap();
        let (mut running, mut returns) = ([0.0_f64; 2], [Vec::new(), Vec::new()]);
        while returns.iter().any(|own| own.len() < 4) {
            let ([_, _, rewards, terminated, truncated], _) = plain.step(|outputs| {
                let (mut actions, mut log_probs) = (vec![0.0; 4], vec![0.0; 2]);
                policy.act(outputs, [&[0.0; 2], &[1.0; 2]], Noise::Mode, &mut actions, &mut log_probs);
                actions
            });
            for env in 0..2 {
                running[env] += f64::from(rewards[env]);
                if terminated[env] + truncated[env] > 0.0 {
                    returns[env].push(std::mem::take(&mut running[env]));
                }
            }
        }
        let mean = returns.iter().flat_map(|own| &own[..4]).sum::<f64>() / 8.0;
        assert!((found.mean_return - mean).abs() < 1e-9, "{memory}: {}, not {mean}", found.mean_return);
    }
}

/// A task that allows nothing.
struct Shut;

impl Env for Shut {
    fn observation_space(&self) -> Space {
        Space::uniform_box(3, 0.0, 1.0)
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }

    fn action_mask_width(&self) -> usize {
        2
    }

    fn reset(&mut self, _: &mut Stream, observation: &mut [f32]) {
        observation.copy_from_slice(&[0.5, 0.0, 1.0]);
    }

    fn step(&mut self, _: &[f32], _: &mut Stream, observation: &mut [f32]) -> Step {
        observation.copy_from_slice(&[0.5, 0.0, 0.0]);
        Step { reward: 0.0, terminated: false, truncated: false }
    }

    fn state(&self) -> Vec<f64> {
        vec![]
    }

    fn set_state(&mut self, _: &[f64], _: &mut [f32]) -> Result<(), EnvError> {
        Ok(())
    }
}

#[test]
fn a_mask_that_allows_nothing_is_an_error_that_says_where() {
    let config = config(&["normalize.observations=false"]);
    let make = |count| Ok(Box::new(striatum_envs::Batch::new(count, || Shut)?) as Box<dyn VecEnv>);
    let spec = network_spec(&config, &*make(1).expect("a task")).expect("a network");
    let mut learner = learner(&config, &spec);
    let mut collector = Collector::new(&config, &spec, false, &make).expect("environments");
    let mut session = Session::new(config.clone(), 1, None);
    let mut rollout = Rollout::new(learner.backend(), &spec, &config.critic, 1, STEPS, ENVS);
    let error = collector.collect(&mut learner, &mut session, &mut rollout).unwrap_err().to_string();
    let expected =
        "environment 0 allows no option of action 0 in step 1; its action mask must allow at least one of them";
    assert!(error.contains(expected), "{error}");
    let mut envs = make(1).expect("a task");
    let error = evaluate(&mut learner, None, &config, &mut *envs, Choice::Deterministic, (Occasion::Selection, 1), 1);
    assert!(error.unwrap_err().to_string().contains("environment 0 allows no option"));
}

#[test]
fn masks_that_do_not_fit_the_actions_are_refused() {
    let config = config(&["normalize.observations=false"]);
    struct Ill(usize, Space);
    impl Env for Ill {
        fn observation_space(&self) -> Space {
            Space::uniform_box(3, 0.0, 1.0)
        }

        fn action_space(&self) -> Space {
            self.1.clone()
        }

        fn action_mask_width(&self) -> usize {
            self.0
        }

        fn reset(&mut self, _: &mut Stream, observation: &mut [f32]) {
            observation.fill(1.0);
        }

        fn step(&mut self, _: &[f32], _: &mut Stream, _: &mut [f32]) -> Step {
            Step { reward: 0.0, terminated: false, truncated: false }
        }

        fn state(&self) -> Vec<f64> {
            vec![]
        }

        fn set_state(&mut self, _: &[f64], _: &mut [f32]) -> Result<(), EnvError> {
            Ok(())
        }
    }
    for (mask, space, expected) in [
        (2, Space::Discrete { n: 3 }, "its actions have 3 options"),
        (3, Space::Discrete { n: 3 }, "nothing to observe beside"),
        (1, Space::uniform_box(1, 0.0, 1.0), "takes real actions"),
    ] {
        let envs = striatum_envs::Batch::new(1, || Ill(mask, space.clone())).expect("a batch");
        let error = network_spec(&config, &envs).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("`Walk`"), "{error}");
    }
    let closed = make_with("Bandit-v0", 1, &striatum_envs::Params::default().with("closed", 1)).expect("a task");
    let spec = network_spec(&config, &*closed).expect("a network");
    assert_eq!((spec.observation.words(), spec.inputs(), spec.head.masked), (1, 5, true));
}
