//! Networks with memory: gradients through time against finite differences of a plain loop over episodes in float64, and sequences that
//! begin anywhere in a rollout.
#![cfg(feature = "burn")]

#[path = "memory/oracle.rs"]
mod oracle;

use oracle::Oracle;
use striatum_agent::burn_engine::{ActorCritic, BurnNetwork, cpu_device};
use striatum_agent::{MemoryKind, Network, NetworkSettings, NetworkSpec, Observation};
use striatum_kernels::{
    Activation, Backend, Cpu, CriticKind, HeadLayout, LOSS_METRICS, LogStd, LossParams, Minibatch, Noise, Objective,
    PassArgs, Policy, PolicyHead, Selection,
};
use striatum_rng::{Purpose, Stream};

const STEPS: usize = 12;
const ENVS: usize = 4;
const ROWS: usize = STEPS * ENVS;
const KINDS: [MemoryKind; 3] = [MemoryKind::Gru, MemoryKind::Lstm, MemoryKind::MinGru];

fn numbers(seed: u64, len: usize, scale: f32) -> Vec<f32> {
    let mut stream = Stream::new(seed, Purpose::User, 0, 0);
    (0..len).map(|_| scale * stream.normal()).collect()
}

fn spec(memory: MemoryKind, shared_trunk: bool, masked: bool) -> NetworkSpec {
    let settings = NetworkSettings {
        hidden: vec![5],
        activation: Activation::Tanh,
        memory,
        memory_width: 3,
        shared_trunk,
        ..Default::default()
    };
    let head = HeadLayout { masked, ..HeadLayout::new(Policy::Categorical { nvec: vec![3] }, false, 1) };
    NetworkSpec::new(&settings, Observation::Numbers(2), head)
}

/// A rollout in which the network acted: rows as it saw them, and what is learned from.
struct Rollout {
    rows: Vec<f32>,
    actions: Vec<f32>,
    log_probs: Vec<f32>,
    advantages: Vec<f32>,
    returns: Vec<f32>,
}

/// Whether an episode starts at a row: at first, and in places of its own for each environment.
fn starts(t: usize, env: usize) -> bool {
    t == 0 || (5 * t + 3 * env).is_multiple_of(7)
}

fn network(spec: &NetworkSpec, weights: &[f32]) -> BurnNetwork<Cpu, ActorCritic> {
    let mut network = BurnNetwork::new(spec, &cpu_device(), |device| ActorCritic::new(spec, device));
    network.load(&Cpu::with_threads(1), &weights.to_vec()).unwrap();
    network
}

/// Acts step by step, each state being the one that the step before gave, or nothing where an episode starts.
fn act(spec: &NetworkSpec, weights: &[f32]) -> Rollout {
    let (cpu, head) = (Cpu::with_threads(1), &spec.head);
    let (mut network, width) = (network(spec, weights), head.width());
    let observations = numbers(2, ROWS * 2, 1.0);
    let mut marks = Stream::new(3, Purpose::User, 0, 0);
    let mut policy = PolicyHead::new(head);
    policy.load(&[]);
    let mut states = vec![vec![0.0; head.carried]; ENVS];
    let mut rows = Vec::new();
    let (mut actions, mut log_probs) = (vec![0.0; ROWS], vec![0.0; ROWS]);
    for t in 0..STEPS {
        let first = rows.len();
        for (env, state) in states.iter_mut().enumerate() {
            rows.extend_from_slice(&observations[(t * ENVS + env) * 2..][..2]);
            if head.masked {
                let free = marks.below(3);
                rows.extend((0..3).map(|k| if k == free { 1.0 } else { marks.below(2) as f32 }));
            }
            if starts(t, env) {
                state.fill(0.0);
            }
            rows.push(f32::from(u8::from(starts(t, env))));
            rows.extend_from_slice(state);
        }
        let mut outputs = vec![0.0; ENVS * width];
        let mut keep = |buffer: &Vec<f32>| {
            outputs.copy_from_slice(buffer);
            Ok(())
        };
        network.forward(&cpu, &rows[first..], ENVS, &mut keep).unwrap();
        let (noise, at) = (Noise::Counted { seed: 4, step: t as u32, first_lane: 0 }, t * ENVS..(t + 1) * ENVS);
        let gains = [&[0.0; ENVS][..], &[1.0; ENVS]];
        policy.act(&outputs, gains, noise, &mut actions[at.clone()], &mut log_probs[at]);
        for (state, output) in states.iter_mut().zip(outputs.chunks_exact(width)) {
            state.copy_from_slice(&output[head.carried_at()..]);
        }
    }
    Rollout { rows, actions, log_probs, advantages: numbers(5, ROWS, 1.0), returns: numbers(6, ROWS, 1.0) }
}

fn params(objective: Objective) -> LossParams {
    LossParams {
        objective: objective as u32,
        clip: 0.2,
        value_clip: 0.0,
        value_coef: 0.5,
        auxiliary_coef: 0.0,
        critic: CriticKind::Scalar as u32,
        huber: 0.0,
        opponent: 0,
        entropy_coef: 0.1,
        kappa: 0.0,
        sum_decay: 0.0,
        logit_decay: 0.0,
    }
}

/// Gradients and metrics of all rows, as sequences of so many steps.
fn differentiate(
    spec: &NetworkSpec,
    weights: &[f32],
    rollout: &Rollout,
    objective: Objective,
    sequence: usize,
) -> (Vec<f32>, Vec<f32>) {
    // The first `sequence` steps of all environments, then the next ones: sequences of one minibatch lie side by side.
    let order: Vec<u32> = (0..sequence)
        .flat_map(|step| (0..STEPS / sequence).map(move |part| part * sequence + step))
        .flat_map(|t| (0..ENVS).map(move |env| (t * ENVS + env) as u32))
        .collect();
    let cpu = Cpu::with_threads(1);
    let count = spec.param_count();
    let (mut gradients, mut metrics) = (vec![f32::NAN; count], vec![f32::NAN; LOSS_METRICS]);
    let (zeros, ones) = (vec![0.0; ROWS], vec![1.0; ROWS]);
    let batch = Minibatch {
        agents: 1,
        rows: ROWS,
        source_rows: ROWS,
        heads: 1,
        advantage_heads: 1,
        selection: Selection { rows: &order, stride: ROWS, first: 0 },
        actions: &rollout.actions,
        log_probs: &rollout.log_probs,
        advantages: &rollout.advantages,
        returns: &rollout.returns,
        values: &zeros,
        value_rows: ROWS,
        mask: &ones,
        tone: &zeros,
        inverse_temperature: &ones,
    };
    let mut moments = vec![0.0; 4];
    cpu.advantage_moments(batch, false, &mut moments);
    let pass = PassArgs {
        layout: &spec.head,
        params: &[params(objective)],
        batch,
        is_first: true,
        sequence,
        observations: &rollout.rows,
        moments: &moments,
        log_std: LogStd { stride: count, at: count },
        weights: &weights.to_vec(),
        gradients: &mut gradients,
        metrics: &mut metrics,
        metrics_at: 0,
    };
    network(spec, weights).differentiate(&cpu, pass).unwrap();
    (gradients, metrics)
}

/// Every kind of memory, shared by actor and critic or not, with a mask and without.
fn specs() -> impl Iterator<Item = NetworkSpec> {
    let ways = [(true, false), (false, true)];
    KINDS.into_iter().flat_map(move |kind| ways.map(|(shared, masked)| spec(kind, shared, masked)))
}

#[test]
fn the_gradient_through_time_is_that_of_a_plain_loop_over_episodes() {
    for spec in specs() {
        let weights = numbers(1, spec.param_count(), 0.7);
        let rollout = act(&spec, &weights);
        for sequence in [STEPS, 4] {
            let (gradients, metrics) = differentiate(&spec, &weights, &rollout, Objective::PolicyGradient, sequence);
            let oracle = Oracle { spec: &spec, rollout: &rollout, sequence };
            let (loss, expected) = oracle.gradient(&weights);
            let total = metrics[0] + 0.5 * metrics[1] - 0.1 * metrics[2];
            assert!((f64::from(total) - loss).abs() < 1e-5, "{:?}: {total}, not {loss}", spec.memory);
            let largest = expected.iter().fold(0.0_f64, |largest, d| largest.max(d.abs()));
            for param in spec.params() {
                for i in param.offset..param.offset + param.len() {
                    let (found, expected) = (f64::from(gradients[i]), expected[i]);
                    let place = format!("{:?} {} by {sequence}", spec.memory, param.name);
                    assert!((found - expected).abs() < 1e-5 * largest, "{place}: {found}, not {expected}");
                }
            }
        }
    }
}

/// A sequence takes the state that acting had at its first row from there, and finds the others by itself, across ends of episodes.
#[test]
fn the_first_ratio_is_1_wherever_sequences_begin() {
    for spec in specs() {
        let weights = numbers(1, spec.param_count(), 0.7);
        let rollout = act(&spec, &weights);
        let gradient = |sequence| {
            let (gradients, metrics) = differentiate(&spec, &weights, &rollout, Objective::Clipped, sequence);
            assert!(metrics[11] < 2e-6, "{:?} by {sequence}: the ratio is off by {}", spec.memory, metrics[11]);
            gradients
        };
        let [whole, half, single] = [12, 6, 1].map(gradient);
        assert!(whole != half && half != single, "time has no part in the gradient");
        for length in [2, 3, 4] {
            gradient(length);
        }
        // Were the starts forgotten, the states after them would be others.
        let mut forgetful = act(&spec, &weights);
        let at = spec.observed();
        forgetful.rows.iter_mut().skip(at).step_by(spec.inputs()).for_each(|start| *start = 0.0);
        let (_, metrics) = differentiate(&spec, &weights, &forgetful, Objective::Clipped, STEPS);
        assert!(metrics[11] > 1e-3, "{:?}: {}", spec.memory, metrics[11]);
    }
}

#[test]
fn an_episode_starts_with_nothing_whatever_was_before() {
    for spec in specs() {
        let weights = numbers(1, spec.param_count(), 0.7);
        let outputs = |state: f32, start: f32| {
            let mut row = vec![1.0; spec.inputs()];
            row[spec.observed()] = start;
            row[spec.observed() + 1..].fill(state);
            let mut outputs = Vec::new();
            let mut keep = |buffer: &Vec<f32>| {
                outputs.clone_from(buffer);
                Ok(())
            };
            network(&spec, &weights).forward(&Cpu::with_threads(1), &row, 1, &mut keep).unwrap();
            outputs
        };
        assert_eq!(outputs(0.9, 1.0), outputs(0.0, 0.0), "{:?}", spec.memory);
        assert_ne!(outputs(0.9, 0.0), outputs(0.0, 0.0), "{:?}", spec.memory);
    }
}
