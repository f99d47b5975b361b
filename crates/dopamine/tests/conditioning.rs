//! TD(lambda) on a complete serial compound: numbers worked by hand and properties.

use striatum_dopamine::{Cue, Rates, SerialCompound, Trial};

fn near(measured: f64, expected: f64) {
    assert!((measured - expected).abs() < 1e-12, "{measured} instead of {expected}");
}

fn all_near(measured: &[f64], expected: &[f64]) {
    assert_eq!(measured.len(), expected.len());
    measured.iter().zip(expected).for_each(|(&measured, &expected)| near(measured, expected));
}

fn paired(steps: usize, onset: usize, reward: usize) -> Trial {
    Trial { steps, cues: vec![Cue::from(0, onset)], reward: Some((reward, 1.0)) }
}

/// Four steps, cue at 1, reward at 3; alpha = 1/2, gamma = 1/2, lambda = 0. Write w0, w1 for the weights 0 and 1 steps after the onset.
///
/// Trial 1: all errors are 0 but that of the reward, 1, which only w1 was active before: w1 = 1/2.
/// Trial 2: delta_1 = gamma w0 = 0; delta_2 = gamma w1 - w0 = 1/4, so w0 = 1/8; delta_3 = 1 - w1 = 1/2, so w1 = 3/4.
/// Trial 3: delta_1 = 1/16; delta_2 = 3/8 - 1/8 = 1/4, so w0 = 1/4; delta_3 = 1/4, so w1 = 7/8.
#[test]
fn first_trials_of_td_0() {
    let mut learner = SerialCompound::new(Rates { alpha: 0.5, gamma: 0.5, lambda: 0.0 }, &[1.0]);
    let trial = paired(4, 1, 3);
    all_near(&learner.learn(&trial), &[0.0, 0.0, 0.0, 1.0]);
    all_near(&learner.learn(&trial), &[0.0, 0.0, 0.25, 0.5]);
    near(learner.value(0), 0.125);
    all_near(&learner.learn(&trial), &[0.0, 0.0625, 0.25, 0.25]);
    near(learner.value(0), 0.25);
    near(learner.value_at(&trial, 2), 0.875);
    near(learner.value_at(&trial, 0), 0.0);
}

/// The same with lambda = 1/2: the eligibility of w0 at the reward is gamma lambda = 1/4.
///
/// Trial 1: delta_3 = 1: w1 = 1/2, w0 = 1/2 * 1/4 = 1/8.
/// Trial 2: delta_1 = 1/16; delta_2 = 1/4 - 1/8 = 1/8, so w0 = 3/16; delta_3 = 1/2, so w1 = 3/4 and w0 = 3/16 + 1/16 = 1/4.
#[test]
fn first_trials_with_a_trace() {
    let mut learner = SerialCompound::new(Rates { alpha: 0.5, gamma: 0.5, lambda: 0.5 }, &[1.0]);
    let trial = paired(4, 1, 3);
    all_near(&learner.learn(&trial), &[0.0, 0.0, 0.0, 1.0]);
    near(learner.value(0), 0.125);
    all_near(&learner.learn(&trial), &[0.0, 0.0625, 0.125, 0.5]);
    near(learner.value(0), 0.25);
    near(learner.value_at(&trial, 2), 0.75);
}

/// Saliences 1 and 1/2, both on from step 0, reward at 1, alpha = 1/2.
///
/// Trial 1: delta_1 = 1: V_A = 1/2, V_B = 1/4. Trial 2: delta_1 = 1 - 3/4 = 1/4: V_A = 5/8, V_B = 5/16.
#[test]
fn stimuli_share_an_error_by_salience() {
    let mut learner = SerialCompound::new(Rates { alpha: 0.5, gamma: 0.9, lambda: 0.0 }, &[1.0, 0.5]);
    let trial = Trial { steps: 2, cues: vec![Cue::from(0, 0), Cue::from(1, 0)], reward: Some((1, 1.0)) };
    all_near(&learner.learn(&trial), &[0.0, 1.0]);
    // The cue itself surprises by gamma (1/2 + 1/4).
    all_near(&learner.learn(&trial), &[0.675, 0.25]);
    near(learner.value(0), 0.625);
    near(learner.value(1), 0.3125);
}

/// With lambda = 1 every weight moves to the discounted reward that followed, as a Monte Carlo estimate does:
/// after n trials it is gamma^(steps to the reward - 1) (1 - (1 - alpha)^n).
#[test]
fn lambda_1_is_monte_carlo() {
    let rates = Rates::published(1.0);
    let mut learner = SerialCompound::new(rates, &[1.0]);
    let trial = paired(20, 5, 15);
    for n in 1..=60 {
        learner.learn(&trial);
        for step in 5..15 {
            let follows = rates.gamma.powi(14 - step);
            near(learner.value_at(&trial, step as usize), follows * (1.0 - (1.0 - rates.alpha).powi(n)));
        }
        near(learner.value_at(&trial, 15), 0.0);
    }
}

/// Whatever lambda, the learned value is the discounted reward, and errors are 0 but at the cue.
#[test]
fn every_lambda_learns_the_same() {
    for lambda in [0.0, 0.3, 0.9, 1.0] {
        let mut learner = SerialCompound::new(Rates::published(lambda), &[1.0]);
        let trial = paired(20, 5, 15);
        for _ in 0..1000 {
            learner.learn(&trial);
        }
        let mut expected = vec![0.0; 20];
        expected[5] = 0.98_f64.powi(10);
        all_near(&learner.probe(&trial), &expected);
        expected[15] = -1.0;
        all_near(&learner.probe(&trial.unrewarded()), &expected);
    }
}

/// A reward larger by a factor gives all errors larger by it; probing changes nothing.
#[test]
fn errors_scale_with_the_reward() {
    let (mut one, mut three) =
        (SerialCompound::new(Rates::published(0.9), &[1.0]), SerialCompound::new(Rates::published(0.9), &[1.0]));
    let small = paired(20, 5, 15);
    let large = Trial { reward: Some((15, 3.0)), ..small.clone() };
    for _ in 0..30 {
        assert_eq!(one.probe(&small).len(), 20);
        let scaled: Vec<f64> = one.learn(&small).iter().map(|error| 3.0 * error).collect();
        all_near(&three.learn(&large), &scaled);
    }
}

/// A cue that is off does nothing: one of 3 steps teaches nothing of a reward 6 steps after its onset with lambda = 0,
/// but a trace bridges the gap.
#[test]
fn only_a_trace_bridges_a_gap() {
    let cues = vec![Cue { stimulus: 0, onset: 5, duration: 3 }];
    let trial = Trial { steps: 20, cues, reward: Some((11, 1.0)) };
    let learned = |lambda| {
        let mut learner = SerialCompound::new(Rates::published(lambda), &[1.0]);
        for _ in 0..200 {
            learner.learn(&trial);
        }
        learner.value(0)
    };
    near(learned(0.0), 0.0);
    // The last weight is bootstrapped from nothing, so the reward is credited with lambda^3 beside the discount.
    assert!(learned(0.9) > 0.3, "{}", learned(0.9));
    near(learned(1.0), 0.98_f64.powi(5) * (1.0 - 0.9_f64.powi(200)));
}
