//! Rollouts on the host against a plain loop: the same numbers whatever the threads, and however the environments are split.

use striatum_agent::{
    FusedNetwork, Learner, LearnerState, Network, NetworkSpec, Pass, Rollout, WithOutputs, initial_weights,
};
use striatum_envs::{Purpose, Snapshot, StepBuffers, Stream, VecEnv};
use striatum_kernels::{Cpu, KernelError, Noise, PolicyHead, ReturnScaler, RunningMoments, environment_action};
use striatum_train::TrainError;
use striatum_train::collector::Collector;
use striatum_train::config::{Config, Request};
use striatum_train::session::Session;
use striatum_train::spec::{action_bounds, network_spec};

/// Steps of a rollout; the time limit of 200 falls into the second one.
const STEPS: usize = 110;
const ROLLOUTS: usize = 3;
const COMMON: [&str; 6] = [
    "seed=11",
    "normalize.observations=true",
    "normalize.rewards=true",
    "normalize.observation_clip=1.5",
    "normalize.reward_clip=2",
    "network.hidden=[8]",
];

/// What a rollout holds, by name; values of final observations only where an episode was truncated.
type Columns = Vec<(&'static str, Vec<f32>)>;

fn resolve(task: &str, sets: &[&str], num_envs: usize) -> Config {
    let num_envs = format!("num_envs={num_envs}");
    let sets = COMMON.iter().chain(sets).chain([&num_envs.as_str()]).map(|&set| set.to_owned()).collect();
    let request = Request { task: task.to_owned(), sets, ..Request::default() };
    Config::resolve(&request).unwrap_or_else(|error| panic!("{error}"))
}

fn make(task: &str, count: usize) -> Result<Box<dyn VecEnv>, TrainError> {
    Ok(striatum_envs::make(task, count)?)
}

fn spec_of(config: &Config) -> NetworkSpec {
    let envs = make(&config.task, 1).expect("a task");
    network_spec(config, &*envs).expect("a network")
}

/// A network that is asked through the backend at every step, as one on another device.
struct Remote(FusedNetwork);

impl Network<Cpu> for Remote {
    fn load(&mut self, cpu: &Cpu, weights: &Vec<f32>) -> Result<(), KernelError> {
        self.0.load(cpu, weights)
    }

    fn forward(
        &mut self,
        cpu: &Cpu,
        observations: &[f32],
        rows: usize,
        with: &mut WithOutputs<'_, Cpu>,
    ) -> Result<(), KernelError> {
        self.0.forward(cpu, observations, rows, with)
    }

    fn differentiate(&mut self, cpu: &Cpu, pass: Pass<'_, Cpu>) -> Result<(), KernelError> {
        self.0.differentiate(cpu, pass)
    }
}

fn learner(config: &Config, spec: &NetworkSpec, threads: usize, remote: bool) -> Learner<Cpu> {
    let cpu = Cpu::with_threads(threads);
    let fused = FusedNetwork::new(&spec.as_mlp().expect("a multilayer perceptron"), 1, &cpu);
    let network: Box<dyn Network<Cpu>> = if remote { Box::new(Remote(fused)) } else { Box::new(fused) };
    let state = LearnerState::new(initial_weights(spec, &config.network, config.seed));
    Learner::new(cpu, network, spec.clone(), &[state]).expect("a learner")
}

/// One environment batch, one step after the other.
struct Plain {
    config: Config,
    spec: NetworkSpec,
    learner: Learner<Cpu>,
    policy: PolicyHead,
    envs: Box<dyn VecEnv>,
    observations: Vec<f32>,
    exploration: Vec<f32>,
    moments: RunningMoments,
    scaler: ReturnScaler,
    steps: u32,
}

impl Plain {
    fn new(config: &Config) -> Self {
        let (spec, n) = (spec_of(config), config.num_envs);
        let learner = learner(config, &spec, 1, false);
        let mut policy = PolicyHead::new(&spec.head);
        let mut log_std = vec![0.0; spec.head.policy.log_std_len()];
        learner.read_log_std(0, &mut log_std).expect("the CPU works");
        policy.load(&log_std);
        let mut envs = make(&config.task, n).expect("a task");
        let mut observations = vec![0.0; n * spec.inputs()];
        envs.reset(config.seed, 0, &mut observations).expect("finite numbers");
        Self {
            moments: RunningMoments::new(spec.inputs()),
            scaler: ReturnScaler::new(f64::from(config.gamma()), n),
            exploration: vec![0.0; if spec.head.policy.features() > 0 { n * log_std.len() } else { 0 }],
            config: config.clone(),
            spec,
            learner,
            policy,
            envs,
            observations,
            steps: 0,
        }
    }

    fn normalized(&self, rows: &[f32]) -> Vec<f32> {
        let mut rows = rows.to_vec();
        self.moments.standardizer(self.config.normalize.observation_clip).apply(&mut rows);
        rows
    }

    fn values(&mut self, rows: &[f32]) -> Vec<f32> {
        let (at, width) = (self.spec.head.values_at(), self.spec.head.width());
        let outputs = self.learner.predict(&self.normalized(rows)).expect("the CPU works");
        outputs.iter().skip(at).step_by(width).copied().collect()
    }

    fn explore(&mut self, t: usize) {
        let interval = self.config.network.exploration_interval;
        if t == 0 || interval > 0 && t.is_multiple_of(interval) {
            let len = self.exploration.len() / self.config.num_envs;
            for (env, matrix) in self.exploration.chunks_exact_mut(len.max(1)).enumerate() {
                let mut stream = Stream::new(self.config.seed, Purpose::Exploration, env as u32, self.steps);
                matrix.iter_mut().for_each(|z| *z = stream.normal());
            }
        }
    }

    /// Stored actions, actions taken, and log probabilities.
    fn act(&mut self, outputs: &[f32]) -> [Vec<f32>; 3] {
        let (n, width) = (self.config.num_envs, self.spec.head.policy.action_width());
        let (tone, beta) = (vec![self.config.dopamine.tone; n], vec![self.config.dopamine.inverse_temperature; n]);
        let noise = match self.exploration.is_empty() {
            true => Noise::Counted { seed: self.config.seed, step: self.steps, first_lane: 0 },
            false => Noise::Matrix { exploration: &self.exploration },
        };
        let (mut stored, mut taken, mut log_probs) = (vec![0.0; n * width], vec![0.0; n * width], vec![0.0; n]);
        self.policy.act(outputs, [&tone, &beta], noise, &mut stored, &mut log_probs);
        let (low, high) = action_bounds(self.envs.action_space());
        for (stored, taken) in stored.chunks_exact(width).zip(taken.chunks_exact_mut(width)) {
            environment_action(&self.spec.head.policy, low, high, stored, taken);
        }
        [stored, taken, log_probs]
    }

    fn rollout(&mut self) -> Columns {
        let n = self.config.num_envs;
        let mut all: [Vec<f32>; 9] = Default::default();
        let (mut seen, mut rewards) = (Vec::new(), Vec::new());
        for t in 0..STEPS {
            let normalized = self.normalized(&self.observations);
            let outputs = self.learner.predict(&normalized).expect("the CPU works");
            self.explore(t);
            let [stored, taken, log_probs] = self.act(&outputs);
            let values = self.values(&self.observations.clone());
            seen.extend_from_slice(&self.observations);
            let [mut reward, mut terminated, mut truncated] = [0; 3].map(|_| vec![0.0; n]);
            let mut last = vec![0.0; self.observations.len()];
            let buffers = StepBuffers {
                observations: &mut self.observations,
                rewards: &mut reward,
                terminated: &mut terminated,
                truncated: &mut truncated,
                final_observations: &mut last,
            };
            self.envs.step(&taken, buffers).expect("finite numbers");
            let finals = self.values(&last);
            let finals =
                finals.iter().zip(&truncated).map(|(&value, &cut)| if cut > 0.0 { value } else { 0.0 }).collect();
            let ends: Vec<f32> = terminated.iter().zip(&truncated).map(|(a, b)| a + b).collect();
            self.scaler.update(&reward, &ends);
            rewards.extend(reward);
            let tone = vec![self.config.dopamine.tone; n];
            let beta = vec![self.config.dopamine.inverse_temperature; n];
            for (all, own) in
                all.iter_mut().zip([normalized, stored, log_probs, terminated, truncated, tone, beta, values, finals])
            {
                all.extend(own);
            }
            self.steps += 1;
        }
        all[7].extend(self.values(&self.observations.clone()));
        let (scale, clip) = (self.scaler.scale(), self.config.normalize.reward_clip);
        rewards.iter_mut().for_each(|reward| *reward = (*reward * scale).clamp(-clip, clip));
        self.moments.update(&seen, None);
        let mut columns: Columns = NAMES.into_iter().zip(all).collect();
        columns.push(("mask", vec![1.0; STEPS * n]));
        columns.push(("rewards", rewards));
        columns
    }
}

const NAMES: [&str; 9] = [
    "observations",
    "actions",
    "log_probs",
    "terminated",
    "truncated",
    "tone",
    "inverse_temperature",
    "values",
    "final_values",
];

/// The collector's, with everything that it goes on from.
struct Collected {
    collector: Collector,
    session: Session,
    learner: Learner<Cpu>,
    rollout: Rollout<Cpu>,
}

impl Collected {
    fn new(config: &Config, threads: usize, parallel: bool, remote: bool) -> Self {
        let spec = spec_of(config);
        let make_envs = |count| make(&config.task, count);
        let learner = learner(config, &spec, threads, remote);
        Self {
            collector: Collector::new(config, &spec, parallel, &make_envs).expect("environments"),
            session: Session::new(config.clone(), spec.inputs(), None),
            rollout: Rollout::new(learner.backend(), &spec, &config.critic, 1, STEPS, config.num_envs),
            learner,
        }
    }

    fn rollout(&mut self) -> Columns {
        let Self { collector, session, learner, rollout } = self;
        collector.collect(learner, session, rollout).expect("a rollout");
        collector.finish_iteration(session);
        let finals = rollout.final_values.iter().zip(&rollout.truncated);
        let finals = finals.map(|(&value, &cut)| if cut > 0.0 { value } else { 0.0 }).collect();
        let own = [
            &rollout.observations,
            &rollout.actions,
            &rollout.log_probs,
            &rollout.terminated,
            &rollout.truncated,
            &rollout.tone,
            &rollout.inverse_temperature,
            &rollout.values,
            &finals,
        ];
        let mut columns: Columns = NAMES.into_iter().zip(own.map(Clone::clone)).collect();
        columns.push(("mask", rollout.mask.clone()));
        columns.push(("rewards", rollout.rewards.clone()));
        columns
    }
}

#[track_caller]
fn assert_same(name: &str, actual: &Columns, expected: &Columns) {
    for ((column, actual), (_, expected)) in actual.iter().zip(expected) {
        assert_eq!(actual.len(), expected.len(), "{name}: {column}");
        let differs = (0..actual.len()).find(|&i| actual[i].to_bits() != expected[i].to_bits());
        assert!(differs.is_none(), "{name}: {column} {differs:?}");
    }
}

/// Threads, whether the environments are split, and whether the network is asked through the backend.
const WAYS: [(usize, bool, bool); 5] =
    [(1, true, false), (2, true, false), (3, true, false), (2, false, false), (1, false, true)];

#[track_caller]
fn same_whatever_the_way(task: &str, sets: &[&str]) {
    for num_envs in [1, 3, 8, 130] {
        let config = resolve(task, sets, num_envs);
        let mut plain = Plain::new(&config);
        let expected: Vec<Columns> = (0..ROLLOUTS).map(|_| plain.rollout()).collect();
        let ended = |name: &str| expected.iter().flatten().any(|(n, flags)| *n == name && flags.contains(&1.0));
        assert!(ended(if task == "CartPole-v1" { "terminated" } else { "truncated" }), "{task}: no episode ended");
        let end: Snapshot = plain.envs.snapshot();
        for (threads, parallel, remote) in WAYS {
            let name = format!("{task}, {num_envs} environments, {threads} threads, {parallel}, {remote}");
            let mut collected = Collected::new(&config, threads, parallel, remote);
            let mut before = None;
            for (i, expected) in expected.iter().enumerate() {
                if i == ROLLOUTS - 1 {
                    before = Some(collected.collector.snapshot());
                }
                assert_same(&format!("{name}, rollout {i}"), &collected.rollout(), expected);
            }
            assert_eq!(collected.collector.snapshot(), end, "{name}");
            assert_eq!(collected.collector.state_width(), end.state_width, "{name}");
            // Put back, the environments are where they were.
            let before = before.expect("a snapshot");
            collected.collector.restore(&before).expect("a snapshot of as many");
            assert_eq!(collected.collector.snapshot(), before, "{name}");
        }
    }
}

#[test]
fn choices() {
    same_whatever_the_way(
        "CartPole-v1",
        &["network.pathways=dual", "dopamine.tone=0.3", "dopamine.inverse_temperature=2"],
    );
}

#[test]
fn squashed_actions() {
    same_whatever_the_way("Pendulum-v1", &["network.squash=true", "network.state_dependent_exploration=false"]);
}

#[test]
fn state_dependent_exploration() {
    let common = ["network.squash=false", "network.state_dependent_exploration=true"];
    same_whatever_the_way("Pendulum-v1", &[&common[..], &["network.exploration_interval=7"]].concat());
    same_whatever_the_way("Pendulum-v1", &[&common[..], &["network.exploration_interval=0"]].concat());
}
