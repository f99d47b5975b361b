//! Sampling on the CPU: the first ratio, frequencies and moments, and what the environment gets.

#[path = "common/loss/mod.rs"]
mod loss;

use loss::{Case, layout, metrics, params, policies};
use striatum_kernels::{
    Cpu, HeadLayout, Noise, Objective, Policy, PolicyHead, environment_action, net_logits, probabilities,
};
use striatum_rng::{Purpose, Stream};

fn policy_head(
    layout: &HeadLayout,
    outputs: &[f32],
    log_std: &[f32],
    gains: [&[f32]; 2],
    noise: Noise<'_>,
    actions: &mut [f32],
    log_probs: &mut [f32],
) {
    let mut head = PolicyHead::new(layout);
    head.load(log_std);
    head.act(outputs, gains, noise, actions, log_probs);
}

/// Actions and log probabilities of all rows of a case.
fn act(case: &Case, noise: Noise<'_>) -> (Vec<f32>, Vec<f32>) {
    let rows = case.rows;
    let mut actions = vec![f32::NAN; rows * case.layout.policy.action_width()];
    let mut log_probs = vec![f32::NAN; rows];
    let gains = [&case.tone[..], &case.inverse_temperature];
    policy_head(&case.layout, &case.outputs, &case.log_std, gains, noise, &mut actions, &mut log_probs);
    (actions, log_probs)
}

/// Random outputs in which every row counts.
fn whole(layout: HeadLayout, rows: usize, seed: u64) -> Case {
    let mut case = Case::random(layout, 1, rows, params(Objective::Clipped), seed);
    let mut stream = Stream::new(seed, Purpose::User, 1, 0);
    case.mask.fill(1.0);
    for numbers in [
        &mut case.outputs,
        &mut case.advantages,
        &mut case.returns,
        &mut case.values,
        &mut case.tone,
        &mut case.inverse_temperature,
    ] {
        for x in numbers.iter_mut().filter(|x| x.is_nan()) {
            *x = 0.5 + 0.5 * stream.uniform();
        }
    }
    case
}

#[test]
fn the_first_ratio_is_1() {
    for (seed, policy) in policies().into_iter().enumerate() {
        for dual in [false, true] {
            let mut case = whole(layout(policy.clone(), dual, 1), 300, seed as u64);
            let matrix: Vec<f32> = {
                let mut stream = Stream::new(1, Purpose::Exploration, 0, 0);
                (0..300 * policy.log_std_len()).map(|_| stream.normal()).collect()
            };
            let mut noises = vec![Noise::Mode, Noise::Counted { seed: 3, step: 5, first_lane: 0 }];
            if policy.features() > 0 {
                noises.push(Noise::Matrix { exploration: &matrix });
            }
            for noise in noises {
                (case.actions, case.log_probs) = act(&case, noise);
                let deviation = metrics(&case.run(&Cpu::new()), 0).ratio_deviation;
                assert!(deviation < 1e-6, "{policy:?} {noise:?}: {deviation}");
            }
        }
    }
}

#[test]
fn a_row_depends_on_its_lane_alone() {
    let case = whole(layout(Policy::Gaussian { dims: 3, squash: false }, false, 1), 8, 2);
    let (all, _) = act(&case, Noise::Counted { seed: 9, step: 4, first_lane: 10 });
    let mut last = case.clone();
    last.rows = 3;
    last.outputs.drain(..5 * case.layout.width());
    let (some, _) = act(&last, Noise::Counted { seed: 9, step: 4, first_lane: 15 });
    assert_eq!(all[15..], some[..]);
    let (other, _) = act(&case, Noise::Counted { seed: 9, step: 5, first_lane: 10 });
    assert_ne!(all, other);
}

#[test]
fn choices_come_as_often_as_they_should() {
    let n = 40_000;
    let policy = Policy::Categorical { nvec: vec![3, 2] };
    // Two pathways, tone 0.5, inverse temperature 2: l = sqrt 2 (1.5 g - 0.5 n).
    let (g, indirect) = ([0.4, -0.2, 0.1, 0.0, 0.6], [0.1, 0.5, -0.3, 0.2, -0.2]);
    let row: Vec<f32> = g.iter().chain(&indirect).copied().chain([0.0]).collect();
    let layout = layout(policy, true, 1);
    let outputs: Vec<f32> = row.iter().copied().cycle().take(n * row.len()).collect();
    let (tone, inverse_temperature) = (vec![0.5; n], vec![2.0; n]);
    let (mut actions, mut log_probs) = (vec![0.0; 2 * n], vec![0.0; n]);
    let noise = Noise::Counted { seed: 1, step: 0, first_lane: 0 };
    policy_head(&layout, &outputs, &[], [&tone, &inverse_temperature], noise, &mut actions, &mut log_probs);

    let mut expected = [0.0; 5];
    net_logits(&layout, 1, &row, &[0.5], &[2.0], &mut expected);
    let by_hand: Vec<f32> = (0..5).map(|k| 2.0_f32.sqrt() * (1.5 * g[k] - 0.5 * indirect[k])).collect();
    assert!(expected.iter().zip(&by_hand).all(|(a, b)| (a - b).abs() < 1e-6), "{expected:?} {by_hand:?}");
    probabilities(&[3, 2], &mut expected);
    for (choice, (first, options)) in [(0, 3), (3, 2)].into_iter().enumerate() {
        for option in 0..options {
            let taken = actions.chunks_exact(2).filter(|row| row[choice] == option as f32).count();
            let (share, p) = (taken as f32 / n as f32, expected[first + option]);
            // Five standard deviations.
            assert!((share - p).abs() < 5.0 * (p * (1.0 - p) / n as f32).sqrt(), "{choice} {option}: {share}, not {p}");
        }
    }
}

#[test]
fn an_impossible_option_is_never_taken() {
    let layout = layout(Policy::Categorical { nvec: vec![3] }, false, 1);
    let n = 5_000;
    let outputs: Vec<f32> = [0.0, 0.0, -1e4, 0.0].iter().copied().cycle().take(4 * n).collect();
    let (mut actions, mut log_probs) = (vec![0.0; n], vec![0.0; n]);
    let noise = Noise::Counted { seed: 2, step: 0, first_lane: 0 };
    policy_head(&layout, &outputs, &[], [&vec![0.0; n], &vec![1.0; n]], noise, &mut actions, &mut log_probs);
    assert!(actions.iter().all(|&a| a < 2.0));
    assert!(log_probs.iter().all(|p| (p - 0.5_f32.ln()).abs() < 1e-6));
}

/// Two choices among 3 and 2 with everything allowed but the likeliest option of each.
#[test]
fn what_a_mask_forbids_is_never_taken_and_never_the_mode() {
    let layout = HeadLayout { masked: true, carried: 1, ..layout(Policy::Categorical { nvec: vec![3, 2] }, true, 1) };
    let n = 20_000;
    let g = [9.0, 1.0, 2.0, 0.0, 9.0];
    let row = [&g[..], &[0.0; 5], &[7.0], &[0.0, 1.0, 1.0, 1.0, 0.0], &[f32::NAN]].concat();
    let outputs: Vec<f32> = row.iter().copied().cycle().take(n * row.len()).collect();
    let ones = vec![1.0; n];
    let (mut actions, mut log_probs) = (vec![0.0; 2 * n], vec![0.0; n]);
    let gains = [&vec![0.0; n][..], &ones];
    let noise = Noise::Counted { seed: 2, step: 0, first_lane: 0 };
    policy_head(&layout, &outputs, &[], gains, noise, &mut actions, &mut log_probs);
    assert!(actions.chunks_exact(2).all(|row| row[0] != 0.0 && row[1] == 0.0));
    // c (2 - 1) apart: 1 / (1 + e^c) for the second option.
    let p = 1.0 / (1.0 + (0.5_f32).sqrt().exp());
    let share = actions.chunks_exact(2).filter(|row| row[0] == 1.0).count() as f32 / n as f32;
    assert!((share - p).abs() < 5.0 * (p * (1.0 - p) / n as f32).sqrt(), "{share}, not {p}");
    for (row, log_prob) in actions.chunks_exact(2).zip(&log_probs) {
        let expected = if row[0] == 1.0 { p.ln() } else { (1.0 - p).ln() };
        assert!((log_prob - expected).abs() < 1e-6);
    }
    policy_head(&layout, &outputs, &[], gains, Noise::Mode, &mut actions, &mut log_probs);
    assert!(actions.chunks_exact(2).all(|row| row == [2.0, 0.0]));
    let mut net = [0.0; 5];
    net_logits(&layout, 1, &row, &[0.0], &[1.0], &mut net);
    probabilities(&[3, 2], &mut net);
    assert_eq!([net[0], net[3], net[4]], [0.0, 1.0, 0.0]);
    assert!((net[1] - p).abs() < 1e-6 && (net[1] + net[2] - 1.0).abs() < 1e-6);
}

/// Mean and standard deviation of dimension 0 of many samples of one row.
fn moments(layout: &HeadLayout, row: &[f32], log_std: &[f32], matrix: bool) -> (f64, f64) {
    let (n, dims) = (40_000, layout.policy.action_width());
    let outputs: Vec<f32> = row.iter().copied().cycle().take(n * row.len()).collect();
    let mut stream = Stream::new(4, Purpose::Exploration, 0, 0);
    let exploration: Vec<f32> = (0..if matrix { n * log_std.len() } else { 0 }).map(|_| stream.normal()).collect();
    let noise = match matrix {
        true => Noise::Matrix { exploration: &exploration },
        false => Noise::Counted { seed: 4, step: 0, first_lane: 0 },
    };
    let (mut actions, mut log_probs) = (vec![0.0; dims * n], vec![0.0; n]);
    policy_head(layout, &outputs, log_std, [&vec![0.0; n], &vec![1.0; n]], noise, &mut actions, &mut log_probs);
    let first: Vec<f64> = actions.iter().step_by(dims).map(|&a| f64::from(a)).collect();
    let mean = first.iter().sum::<f64>() / n as f64;
    (mean, (first.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / n as f64).sqrt())
}

#[test]
fn samples_have_the_mean_and_deviation_of_their_policy() {
    let gaussian = layout(Policy::Gaussian { dims: 2, squash: true }, false, 1);
    let (mean, deviation) = moments(&gaussian, &[0.7, 9.0, 0.0], &[-0.5, 0.0], false);
    assert!((mean - 0.7).abs() < 0.02 && (deviation - 0.606_5).abs() < 0.02, "{mean} {deviation}");
    // Features 2 and -1: sigma_0^2 = 4 exp(2 * -1) + 1 exp(2 * 0.2) = 0.54134 + 1.49182, sigma_0 = 1.42590.
    let policy = Policy::StateDependent { dims: 2, features: 2, squash: false };
    for matrix in [false, true] {
        let layout = layout(policy.clone(), false, 1);
        let (mean, deviation) = moments(&layout, &[0.7, 9.0, 0.0, 2.0, -1.0], &[-1.0, 0.5, 0.2, 0.5], matrix);
        assert!((mean - 0.7).abs() < 0.04 && (deviation - 1.425_9).abs() < 0.04, "{matrix}: {mean} {deviation}");
    }
}

#[test]
fn the_mode_is_the_best_option_or_the_mean() {
    let choices = layout(Policy::Categorical { nvec: vec![2, 3] }, false, 1);
    let case = Case { outputs: vec![0.1, 0.2, 5.0, 1.0, 5.0, 0.0], rows: 1, ..whole(choices, 1, 0) };
    assert_eq!(act(&case, Noise::Mode).0, [1.0, 0.0]);
    let mean = layout(Policy::Gaussian { dims: 2, squash: true }, false, 1);
    let case = Case { outputs: vec![0.1, -0.2, 5.0], rows: 1, ..whole(mean, 1, 0) };
    assert_eq!(act(&case, Noise::Mode).0, [0.1, -0.2]);
}

#[test]
fn the_environment_gets_actions_within_its_bounds() {
    let (low, high) = ([-2.0, 0.0], [2.0, 10.0]);
    let environment = |policy: Policy, u: &[f32]| {
        let mut out = vec![f32::NAN; u.len()];
        environment_action(&policy, &low, &high, u, &mut out);
        out
    };
    assert_eq!(environment(Policy::Categorical { nvec: vec![4, 9] }, &[3.0, 8.0]), [3.0, 8.0]);
    assert_eq!(environment(Policy::Gaussian { dims: 2, squash: false }, &[-2.5, 4.0]), [-2.0, 4.0]);
    // tanh(0) is the middle of the range, tanh(ln 2) = (4 - 1) / (4 + 1) = 0.6 of 0..10 is 8.
    let squashed = environment(Policy::Gaussian { dims: 2, squash: true }, &[0.0, 2.0_f32.ln()]);
    assert!(squashed[0].abs() < 1e-6 && (squashed[1] - 8.0).abs() < 1e-5, "{squashed:?}");
    let extreme = environment(Policy::StateDependent { dims: 2, features: 3, squash: true }, &[-60.0, 60.0]);
    assert_eq!(extreme, [-2.0, 10.0]);
}
