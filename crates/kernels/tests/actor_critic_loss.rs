//! The loss on the CPU: numbers worked by hand, the textbook loss in float64, and identities of the two pathways.

#[path = "common/loss/mod.rs"]
mod loss;

use loss::{Case, Outcome, agrees, by_hand, cases, layout, metrics, near, params, policies};
use striatum_kernels::{Cpu, CriticKind, HeadLayout, LOSS_METRICS, LossParams, Objective, PATHWAY_SCALE, Policy};

#[test]
fn every_gradient_is_that_of_the_textbook_loss() {
    for case in cases() {
        let checked = agrees(&case.run(&Cpu::new()), &case.oracle(), 1e-4);
        assert!(checked.is_ok(), "{checked:?} with {:?} {:?}", case.layout, case.params);
    }
}

#[test]
fn the_clipped_surrogate_worked_by_hand() {
    // softmax(ln 3, 0) = (3/4, 1/4). Action 0 had probability 0.7: ratio = 0.75 / 0.7 = 15/14, inside 0.8..1.2. A = 2.
    //   loss = -2 * 15/14 = -15/7
    //   d loss / dl = -A ratio (1[k = 0] - p) = -15/7 * (1/4, -1/4) = (-15/28, 15/28)
    //   value: 1/2 (2 - 5)^2 = 9/2, gradient 0.5 * (2 - 5) = -3/2
    let outcome = by_hand(Objective::Clipped, 0.7_f32.ln(), 2.0).run(&Cpu::new());
    near("d_outputs", &outcome.d_outputs, &[-15.0 / 28.0, 15.0 / 28.0, -1.5], 1e-6).unwrap();
    let m = metrics(&outcome, 0);
    let (log_ratio, entropy) = ((15.0_f32 / 14.0).ln(), -(0.75 * 0.75_f32.ln() + 0.25 * 0.25_f32.ln()));
    let expected = [-15.0 / 7.0, 4.5, entropy, 1.0 / 14.0 - log_ratio, 0.0, 1.0];
    let actual = [m.policy_loss, m.value_loss, m.entropy, m.approx_kl, m.clip_fraction, m.positive_fraction];
    near("metrics", &actual, &expected, 1e-6).unwrap();

    // Probability 0.5 before: ratio 1.5 is above 1.2. With A = 2 the clipped -2.4 is the greater and has no gradient; with A = -2
    // the free 3 is the greater and has -A ratio (1[k = 0] - p) = 3 * (1/4, -1/4).
    let outcome = by_hand(Objective::Clipped, 0.5_f32.ln(), 2.0).run(&Cpu::new());
    near("d_outputs", &outcome.d_outputs, &[0.0, 0.0, -1.5], 1e-6).unwrap();
    near("loss and clip fraction", &[outcome.metrics[0], outcome.metrics[4]], &[-2.4_f32, 1.0], 1e-6).unwrap();
    let outcome = by_hand(Objective::Clipped, 0.5_f32.ln(), -2.0).run(&Cpu::new());
    near("d_outputs", &outcome.d_outputs, &[0.75, -0.75, -1.5], 1e-6).unwrap();
}

#[test]
fn the_policy_gradient_worked_by_hand() {
    // loss = -2 ln(3/4); d loss / dl = -2 * (1/4, -1/4), whatever the ratio.
    let outcome = by_hand(Objective::PolicyGradient, 0.1_f32.ln(), 2.0).run(&Cpu::new());
    near("d_outputs", &outcome.d_outputs, &[-0.5, 0.5, -1.5], 1e-6).unwrap();
    near("loss", &outcome.metrics[..1], &[-2.0 * 0.75_f32.ln()], 1e-6).unwrap();
}

#[test]
fn the_decay_of_logits_worked_by_hand() {
    // No advantage. The preferences are (ln 3, 0), whatever the temperature: 1/2 * 0.1 * |g|^2 has the gradient 0.1 * (ln 3, 0).
    let mut case = by_hand(Objective::Clipped, 0.75_f32.ln(), 0.0);
    case.params[0].logit_decay = 0.1;
    for beta in [1.0, 2.0, 0.25] {
        case.inverse_temperature[0] = beta;
        let outcome = case.run(&Cpu::new());
        near("d_outputs", &outcome.d_outputs, &[0.1 * 3.0_f32.ln(), 0.0, -1.5], 1e-6).unwrap();
    }
    // Two pathways, tone 0.5: z = c [1.5 (ln 3, 0) - 0.5 (1, 2)], dg = 1.5 c 0.1 z, dn = -0.5 c 0.1 z, with c^2 = 1/2. It is not a
    // matter of gains and losses: kappa changes nothing.
    case.layout.dual = true;
    case.outputs = vec![3.0_f32.ln(), 0.0, 1.0, 2.0, 2.0];
    case.tone[0] = 0.5;
    for kappa in [0.0, 0.8] {
        case.params[0].kappa = kappa;
        let outcome = case.run(&Cpu::new());
        let z = [1.5 * 3.0_f32.ln() - 0.5, -1.0];
        let expected = [0.075 * z[0], 0.075 * z[1], -0.025 * z[0], -0.025 * z[1], -1.5];
        near("d_outputs", &outcome.d_outputs, &expected, 1e-6).unwrap();
        near("d_trunk", &outcome.d_trunk, &expected, 1e-6).unwrap();
    }
}

/// Of three options with the logits (ln 3, 5, 0) the second is not allowed: softmax(ln 3, 0) = (3/4, 0, 1/4), as without it.
#[test]
fn a_mask_worked_by_hand() {
    let alone = {
        let mut case = by_hand(Objective::Clipped, 0.7_f32.ln(), 2.0);
        case.params[0] = LossParams { entropy_coef: 0.1, logit_decay: 0.1, ..case.params[0] };
        case
    };
    let mut case = alone.clone();
    case.layout = HeadLayout { masked: true, carried: 2, ..layout(Policy::Categorical { nvec: vec![3] }, false, 1) };
    case.outputs = vec![3.0_f32.ln(), 5.0, 0.0, 2.0, 1.0, 0.0, 1.0, f32::NAN, f32::NAN];
    let (with, without) = (case.run(&Cpu::new()), alone.run(&Cpu::new()));
    let [l0, l1, value] = without.d_outputs[..] else { panic!("two logits and a value") };
    assert_eq!(with.d_outputs, [l0, 0.0, l1, value, 0.0, 0.0, 0.0, 0.0, 0.0]);
    near("metrics", &with.metrics, &without.metrics, 1e-6).unwrap();
    // Every other one as well, with two pathways: nothing moves what is not allowed, the sum mode's decay neither.
    for critic in [CriticKind::Scalar, CriticKind::Quantile] {
        let mut case = case.clone();
        case.layout.dual = true;
        case.params[0] = LossParams { critic: critic as u32, kappa: 0.5, sum_decay: 0.1, ..case.params[0] };
        case.outputs = vec![1.0, 5.0, 0.0, 0.5, 7.0, -1.0, 2.0, 1.0, 0.0, 1.0, f32::NAN, f32::NAN];
        let outcome = case.run(&Cpu::new());
        for d in [&outcome.d_outputs, &outcome.d_trunk] {
            assert_eq!([d[1], d[4], d[7], d[8], d[9], d[10], d[11]], [0.0; 7]);
            assert!([d[0], d[2], d[3], d[5]].iter().all(|&d| d != 0.0), "{d:?}");
        }
        let m = metrics(&outcome, 0);
        near("g", &[m.direct_mean, m.direct_square], &[0.5_f32, 0.5], 1e-6).unwrap();
        near("n", &[m.indirect_mean, m.indirect_square, m.sum_mode], &[-0.25_f32, 0.625, 3.25], 1e-6).unwrap();
    }
}

#[test]
fn means_of_a_continuous_policy_do_not_decay() {
    for policy in policies().into_iter().filter(Policy::is_continuous) {
        let mut case = Case::random(layout(policy, true, 1), 1, 20, params(Objective::Clipped), 4);
        let without = case.run(&Cpu::new());
        case.params[0].logit_decay = 0.5;
        assert_eq!(numbers(case.run(&Cpu::new())), numbers(without));
    }
}

#[test]
fn the_clipped_value_worked_by_hand() {
    // V = 2, V_old = 1, R = 5, clip 0.4: 1/2 (1 + 0.4 - 5)^2 = 6.48 exceeds 1/2 (2 - 5)^2 = 4.5 and does not depend on V.
    let mut case = by_hand(Objective::Clipped, 0.75_f32.ln(), 0.0);
    case.params[0].value_clip = 0.4;
    let outcome = case.run(&Cpu::new());
    near("value", &[outcome.d_outputs[2], outcome.metrics[1]], &[0.0_f32, 6.48], 1e-6).unwrap();
    // R = 0: 1/2 (1.4 - 0)^2 = 0.98 is below 1/2 2^2 = 2, whose gradient is 0.5 * 2.
    case.returns[0] = 0.0;
    let outcome = case.run(&Cpu::new());
    near("value", &[outcome.d_outputs[2], outcome.metrics[1]], &[1.0_f32, 2.0], 1e-6).unwrap();
}

#[test]
fn auxiliary_heads_worked_by_hand() {
    // V = (2, 3, -1) and R = (5, 1, 1): 1/2 (2 - 5)^2 = 4.5 for the main head; 1/2 2^2 = 2 for both others, whose mean is 2.
    // Gradients: 0.5 * -3, then 0.3 / 2 * (2, -2).
    let mut case = by_hand(Objective::Clipped, 0.75_f32.ln(), 0.0);
    case.layout.value_heads = 3;
    case.outputs.extend([3.0, -1.0]);
    case.returns.extend([1.0, 1.0]);
    case.values.extend([0.0, 0.0]);
    let outcome = case.run(&Cpu::new());
    near("values", &outcome.d_outputs[2..], &[-1.5_f32, 0.3, -0.3], 1e-6).unwrap();
    let m = metrics(&outcome, 0);
    near("losses", &[m.value_loss, m.auxiliary_value_loss], &[4.5_f32, 2.0], 1e-6).unwrap();
    // Without them nothing else changes, to the last bit.
    case.params[0].auxiliary_coef = 0.0;
    let alone = by_hand(Objective::Clipped, 0.75_f32.ln(), 0.0).run(&Cpu::new());
    let outcome = case.run(&Cpu::new());
    assert_eq!(outcome.d_outputs, [&alone.d_outputs[..], &[0.0; 2]].concat());
    assert_eq!(outcome.metrics[..12], alone.metrics[..12]);
}

/// A distribution of two heads, theta = (1, 2), and the targets (0, 4): tau = (1/4, 3/4) and u = (-1, 3), (-2, 2).
fn distribution(critic: CriticKind, huber: f32) -> Outcome<f32> {
    let mut case = by_hand(Objective::Clipped, 0.75_f32.ln(), 0.0);
    case.layout.value_heads = 2;
    (case.params[0].critic, case.params[0].huber) = (critic as u32, huber);
    case.outputs.truncate(2);
    case.outputs.extend([1.0, 2.0]);
    (case.returns, case.values) = (vec![0.0, 4.0], vec![9.0, 9.0]);
    case.run(&Cpu::new())
}

#[test]
fn distributions_worked_by_hand() {
    // |tau - 1[u < 0]| is (3/4, 1/4) for the first head and (1/4, 3/4) for the second; everything is a mean over two targets.
    // Quantiles: losses 3/4 * 1 + 1/4 * 3 = 1.5 and 1/4 * 2 + 3/4 * 2 = 2; slopes 3/4 - 1/4 = 1/2 and 1/4 - 3/4 = -1/2.
    let check = |outcome: &Outcome<f32>, slopes: [f32; 2], loss: f32| {
        near("gradient", &outcome.d_outputs[2..], &slopes.map(|slope| 0.5 * slope / 2.0), 1e-6).unwrap();
        near("loss", &[metrics(outcome, 0).value_loss], &[loss / 2.0], 1e-6).unwrap();
        assert_eq!(metrics(outcome, 0).auxiliary_value_loss, 0.0);
    };
    check(&distribution(CriticKind::Quantile, 0.0), [0.5, -0.5], 3.5);
    // Huber's function of threshold 2, by 2: 1/4 for 1, 2 for 3 and 1 for 2. Losses 3/4 * 1/4 + 1/4 * 2 = 11/16 and 1/4 + 3/4 = 1;
    // slopes 3/4 * 1/2 - 1/4 = 1/8 and 1/4 - 3/4 = -1/2.
    check(&distribution(CriticKind::Quantile, 2.0), [0.125, -0.5], 27.0 / 16.0);
    // Expectiles: 3/4 * 1 + 1/4 * 9 = 3 and 1/4 * 4 + 3/4 * 4 = 4; slopes 3/4 * 2 - 1/4 * 6 = 0 and 1/4 * 4 - 3/4 * 4 = -2.
    check(&distribution(CriticKind::Expectile, 0.0), [0.0, -2.0], 7.0);
}

#[test]
fn opponents_worked_by_hand() {
    // g = (ln 3, 0) * sqrt 2 and n = 0 give p = (3/4, 1/4); ratio 1, A = 2: J = -2 * (1/4, -1/4). With kappa = 1/2 the direct pathway
    // has 1 + 1/2 where the upper half's advantage is above 0, else 1/2; the indirect one 1/2 where the lower half's is, else 3/2.
    let run = |halves: [f32; 2], opponent: u32| {
        let mut case = by_hand(Objective::Clipped, 0.75_f32.ln(), 2.0);
        case.layout.dual = true;
        case.params[0] = LossParams { kappa: 0.5, opponent, ..case.params[0] };
        case.outputs = vec![3.0_f32.ln() / PATHWAY_SCALE, 0.0, 0.0, 0.0, 2.0];
        case.halves = halves.to_vec();
        case.run(&Cpu::new())
    };
    let j = -0.5 * PATHWAY_SCALE;
    for (halves, [g, n]) in [([1.0, 3.0], [1.5, 0.5]), ([-1.0, 1.0], [0.5, 0.5]), ([-3.0, -1.0], [0.5, 1.5])] {
        let outcome = run(halves, 1);
        near("gradient", &outcome.d_outputs[..4], &[g * j, -g * j, -n * j, n * j], 1e-6).unwrap();
        near("trunk", &outcome.d_trunk[..4], &[j, -j, -j, j], 1e-6).unwrap();
        let m = metrics(&outcome, 0);
        assert_eq!((m.direct_weight, m.indirect_weight), (g, n));
        near("without", &run(halves, 0).d_outputs[..4], &[1.5 * j, -1.5 * j, -0.5 * j, 0.5 * j], 1e-6).unwrap();
    }
}

#[test]
fn the_weights_of_the_pathways_go_by_normalised_advantages() {
    // Advantages 4, 1 and 1 are all positive; their mean is 2, so that one is above it. With kappa = 1/2 the direct pathway has
    // (3/2 + 1/2 + 1/2) / 3 on the mean, and the indirect one (1/2 + 3/2 + 3/2) / 3.
    let mut case = by_hand(Objective::Clipped, 0.5_f32.ln(), 1.0);
    (case.layout.dual, case.rows, case.normalize, case.params[0].kappa) = (true, 3, true, 0.5);
    case.advantages = vec![4.0, 1.0, 1.0];
    case.outputs = [0.1, 0.2, 0.3, 0.4, 2.0].repeat(3);
    for numbers in
        [&mut case.actions, &mut case.log_probs, &mut case.returns, &mut case.values, &mut case.mask, &mut case.tone]
    {
        *numbers = numbers.repeat(3);
    }
    case.inverse_temperature = vec![1.0; 3];
    let m = metrics(&case.run(&Cpu::new()), 0);
    near("weights", &[m.direct_weight, m.indirect_weight], &[2.5_f32 / 3.0, 3.5 / 3.0], 1e-6).unwrap();
    assert_eq!(m.positive_fraction, 1.0);
    // A row that does not count has no weight: one of two is above the mean.
    case.mask[2] = 0.0;
    let m = metrics(&case.run(&Cpu::new()), 0);
    assert_eq!((m.direct_weight, m.indirect_weight), (1.0, 1.0));
    // A single pathway learns as it does.
    let single = by_hand(Objective::Clipped, 0.5_f32.ln(), 1.0);
    let mut single = Case { params: vec![LossParams { kappa: 0.5, ..single.params[0] }], ..single };
    single.advantages[0] = -1.0;
    let m = metrics(&single.run(&Cpu::new()), 0);
    assert_eq!((m.direct_weight, m.indirect_weight), (1.0, 1.0));
}

#[test]
fn extreme_numbers_stay_finite() {
    // A log ratio of +-200 and more, and a choice that has no probability left.
    for log_prob in [-200.0, 0.0] {
        for (advantage, far) in [(1.0, 200.0), (-1.0, 200.0), (1.0, -200.0), (-1.0, -200.0)] {
            let mut case = by_hand(Objective::Clipped, log_prob, advantage);
            case.params[0].entropy_coef = 0.01;
            case.outputs[0] = far;
            let outcome = case.run(&Cpu::new());
            let numbers = outcome.d_outputs.iter().chain(&outcome.metrics);
            assert!(numbers.copied().all(f32::is_finite), "{outcome:?}");
        }
    }
}

#[test]
fn what_is_not_a_number_reaches_the_gradient() {
    let mut case = by_hand(Objective::Clipped, 0.0, 1.0);
    case.outputs[1] = f32::NAN;
    assert!(case.run(&Cpu::new()).d_outputs[0].is_nan());
    for critic in [CriticKind::Scalar, CriticKind::Quantile, CriticKind::Expectile] {
        let mut case = by_hand(Objective::Clipped, 0.0, 1.0);
        (case.params[0].critic, case.outputs[2]) = (critic as u32, f32::NAN);
        assert!(case.run(&Cpu::new()).d_outputs[2].is_nan(), "{critic:?}");
    }
}

#[test]
fn no_counted_row_gives_zeros() {
    for policy in policies() {
        let mut case = Case::random(layout(policy, true, 2), 1, 9, params(Objective::Clipped), 4);
        case.mask.fill(0.0);
        let outcome = case.run(&Cpu::new());
        let gradients = outcome.d_outputs.iter().chain(&outcome.d_trunk).chain(&outcome.d_log_std);
        assert!(gradients.chain(&outcome.metrics).all(|&x| x == 0.0), "{outcome:?}");
        assert_eq!(outcome.moments, [0.0, 0.0, 1.0, 0.0]);
    }
}

/// The same policy with one pathway (g0) and with two (g0 / sqrt 2, -g0 / sqrt 2).
fn single_and_dual(policy: &Policy, seed: u64) -> (Case, Case) {
    let params = params(Objective::Clipped);
    let mut single = Case::random(layout(policy.clone(), false, 1), 1, 200, params, seed);
    single.mask.fill(1.0);
    let clean = Case::random(layout(policy.clone(), false, 1), 1, 200, params, seed + 1);
    for (numbers, others) in [
        (&mut single.outputs, &clean.outputs),
        (&mut single.actions, &clean.actions),
        (&mut single.advantages, &clean.advantages),
        (&mut single.returns, &clean.returns),
        (&mut single.log_probs, &clean.log_probs),
        (&mut single.inverse_temperature, &clean.inverse_temperature),
    ] {
        for (x, &other) in numbers.iter_mut().zip(others) {
            if x.is_nan() {
                *x = if other.is_nan() { 0.5 } else { other };
            }
        }
    }
    single.values.fill(0.0);
    single.tone.fill(0.0);
    let (logits, width) = (policy.logits(), single.layout.width());
    let mut dual = single.clone();
    dual.layout = HeadLayout { dual: true, ..single.layout.clone() };
    dual.outputs.clear();
    for row in single.outputs.chunks_exact(width) {
        dual.outputs.extend(row[..logits].iter().map(|g| PATHWAY_SCALE * g));
        dual.outputs.extend(row[..logits].iter().map(|g| -PATHWAY_SCALE * g));
        dual.outputs.extend(&row[logits..]);
    }
    (single, dual)
}

#[test]
fn two_neutral_pathways_equal_one() {
    for (seed, policy) in policies().iter().enumerate() {
        let (single, dual) = single_and_dual(policy, 2 * seed as u64);
        let (one, two) = (single.run(&Cpu::new()), dual.run(&Cpu::new()));
        let (logits, width) = (policy.logits(), single.layout.width());
        // dg = c J and dn = -c J, and everything else alike.
        let mut expected = Vec::new();
        for row in one.d_outputs.chunks_exact(width) {
            expected.extend(row[..logits].iter().map(|d| PATHWAY_SCALE * d));
            expected.extend(row[..logits].iter().map(|d| -PATHWAY_SCALE * d));
            expected.extend(&row[logits..]);
        }
        near("d_outputs", &two.d_outputs, &expected, 2e-5).unwrap();
        near("d_log_std", &two.d_log_std, &one.d_log_std, 2e-5).unwrap();
        near("metrics", &two.metrics[..6], &one.metrics[..6], 2e-5).unwrap();
        assert!(two.metrics[10].abs() < 1e-12, "g + n is {}", two.metrics[10]);
    }
}

#[test]
fn kappa_does_not_change_the_gradient_of_neutral_net_logits() {
    // dl = c beta (dg - dn), and w_G + w_N = 2.
    let net = |case: &Case| -> Vec<f32> {
        let (logits, width) = (case.layout.policy.logits(), case.layout.width());
        let outcome = case.run(&Cpu::new());
        let rows = outcome.d_outputs.chunks_exact(width);
        rows.flat_map(|row| (0..logits).map(|k| row[k] - row[logits + k]).collect::<Vec<_>>()).collect()
    };
    for (seed, policy) in policies().iter().enumerate() {
        let (_, mut case) = single_and_dual(policy, 2 * seed as u64);
        let neutral = net(&case);
        let neutral_outputs = case.run(&Cpu::new()).d_outputs;
        for kappa in [0.3, 1.0] {
            case.params[0].kappa = kappa;
            near("net logits", &net(&case), &neutral, 2e-5).unwrap();
            let outcome = case.run(&Cpu::new());
            assert_eq!(outcome.d_trunk, neutral_outputs, "the trunk does not see kappa");
            assert_ne!(outcome.d_outputs, neutral_outputs, "the heads do");
        }
    }
}

#[test]
fn scattered_rows_are_rows_in_order() {
    for policy in policies() {
        let case = Case::random(layout(policy, true, 2), 2, 300, params(Objective::Clipped), 6);
        let in_order: Vec<u32> = (0..300).chain(0..300).collect();
        assert_eq!(numbers(case.run(&Cpu::new())), numbers(case.run_at(&Cpu::new(), 300, 0, &in_order)));
    }
}

/// Bits, because rows that do not count are not numbers.
fn numbers(outcome: Outcome<f32>) -> Vec<u32> {
    let Outcome { moments, d_outputs, d_trunk, d_log_std, metrics } = outcome;
    [moments, d_outputs, d_trunk, d_log_std, metrics].concat().into_iter().map(f32::to_bits).collect()
}

#[test]
fn agents_do_not_touch_each_other() {
    let case = Case::random(layout(policies().remove(6), true, 2), 3, 40, params(Objective::Clipped), 8);
    let together = case.run(&Cpu::new());
    let (width, log_std) = (case.layout.width(), case.layout.policy.log_std_len());
    let part = |numbers: &[f32], agent: usize, len: usize| numbers[agent * len..(agent + 1) * len].to_vec();
    for agent in 0..3 {
        let actions = case.layout.policy.action_width();
        let alone = Case {
            agents: 1,
            params: vec![case.params[agent]],
            outputs: part(&case.outputs, agent, 40 * width),
            log_std: part(&case.log_std, agent, log_std),
            actions: part(&case.actions, agent, 40 * actions),
            log_probs: part(&case.log_probs, agent, 40),
            advantages: part(&case.advantages, agent, 40),
            returns: part(&case.returns, agent, 80),
            values: part(&case.values, agent, 80),
            mask: part(&case.mask, agent, 40),
            tone: part(&case.tone, agent, 40),
            inverse_temperature: part(&case.inverse_temperature, agent, 40),
            ..case.clone()
        }
        .run(&Cpu::new());
        assert_eq!(alone.d_outputs, part(&together.d_outputs, agent, 40 * width));
        assert_eq!(alone.d_log_std, part(&together.d_log_std, agent, log_std));
        assert_eq!(alone.metrics, part(&together.metrics, agent, LOSS_METRICS));
    }
}
