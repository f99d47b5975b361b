//! Many horizons and vigour: numbers worked by hand and properties.

use striatum_dopamine::{Cue, Presser, Timescales, Trial};
use striatum_rng::{Purpose, Stream};

fn near(measured: f64, expected: f64, tolerance: f64) {
    assert!((measured - expected).abs() < tolerance, "{measured} instead of {expected}");
}

fn trial(delay: usize, size: f64) -> Trial {
    Trial { steps: delay + 1, cues: vec![Cue::from(0, 0)], reward: Some((delay, size)) }
}

#[test]
fn horizons_are_spaced_by_their_logarithm() {
    let horizons = Timescales::new(0.1, 1.0, [5.0, 80.0], 5).horizons();
    horizons.iter().zip([5.0, 10.0, 20.0, 40.0, 80.0]).for_each(|(&horizon, expected)| near(horizon, expected, 1e-9));
    assert!(Timescales::new(0.1, 1.0, [4.0, 4.0], 1).gammas().eq([0.75]));
}

/// Discount 3/4, reward 2 after 2 steps: the response to the cue is 2 (3/4)^2 = 9/8 once it is learned; TD(1) with step size 1 learns at once.
#[test]
fn a_response_is_the_discounted_reward() {
    let mut learners = Timescales::new(1.0, 1.0, [4.0, 4.0], 1);
    learners.learn(1.0, &trial(2, 2.0));
    near(learners.responses(&trial(2, 2.0), 0)[0], 1.125, 1e-12);
}

#[test]
fn single_rewards_are_found_exactly() {
    let learners = Timescales::new(0.1, 1.0, [5.0, 200.0], 24);
    let responses = |rewards: &[(f64, f64)]| {
        let response = |gamma: f64| rewards.iter().map(|&(delay, size)| size * gamma.powf(delay)).sum();
        learners.gammas().map(response).collect::<Vec<f64>>()
    };
    for (delay, size) in [(1.0, 1.0), (7.0, 0.5), (25.0, 3.0), (60.0, 1.0)] {
        let (found, found_size) = learners.decode_single(&responses(&[(delay, size)]), 100.0, 0.25);
        near(found, delay, 1e-9);
        near(found_size, size, 1e-9);
        let rewards = learners.decode(&responses(&[(delay, size)]), 100, 0.0);
        near(rewards[delay as usize - 1], size, 1e-6);
        near(rewards.iter().sum(), size, 1e-6);
    }
    let rewards = learners.decode(&responses(&[(5.0, 1.0), (30.0, 2.0)]), 100, 0.0);
    near(rewards[4], 1.0, 1e-6);
    near(rewards[29], 2.0, 1e-6);
    // Noise of twice the size, or a reward of half the size, leaves twice the uncertainty.
    let bound = learners.delay_bound(20.0, 1.0, 0.01);
    near(learners.delay_bound(20.0, 1.0, 0.02), 2.0 * bound, 1e-12);
    near(learners.delay_bound(20.0, 0.5, 0.01), 2.0 * bound, 1e-12);
}

/// Learners of one horizon cannot tell delay from size: the bound is not finite.
#[test]
fn one_horizon_does_not_tell_delay_from_size() {
    let learner = Timescales::new(0.1, 1.0, [20.0, 20.0], 1);
    let bound = learner.delay_bound(10.0, 1.0, 0.01);
    assert!(bound.is_nan() || bound > 1e3, "{bound}");
}

/// Latencies 1, 2, 4; cost 2, reward 3, step size of the average 1/2, of values 1/4.
///
/// Latency 2: delta = 3 - 1 - 0 = 2: rbar = 1, Q = 1/2. Latency 1: delta = 3 - 2 - 1 = 0. Latency 4: delta = 3 - 1/2 - 4 = -3/2: rbar = 1/4,
/// Q = -3/8.
#[test]
fn first_presses() {
    let mut presser = Presser::new([1.0, 4.0], 3, 1.0, 0.25);
    for (chosen, average, value) in [(1, 1.0, 0.5), (0, 1.0, 0.0), (2, 0.25, -0.375)] {
        presser.learn(chosen, 3.0, 2.0, 0.5);
        near(presser.average, average, 1e-12);
        near(presser.values[chosen], value, 1e-12);
    }
    near(presser.preferred(), 2.0, 1e-12);
    let policy = presser.policy();
    near(policy.iter().sum(), 1.0, 1e-12);
    near(policy[1] / policy[0], 0.5_f64.exp(), 1e-12);
}

/// With values 0 all three latencies are equally likely: the geometric mean is 2; a press of mean length 7/3 brings
/// 3 - (2 + 1 + 1/2) / 3 = 11/6, which is 11/14 in a unit of time.
#[test]
fn rates_are_of_the_policy() {
    let presser = Presser::new([1.0, 4.0], 3, 1.0, 0.25);
    near(presser.typical(), 2.0, 1e-12);
    near(presser.reward_rate(3.0, 2.0), 11.0 / 14.0, 1e-12);
}

/// Four times the cost doubles the latency for one average reward; here the average falls to a quarter too: four times the latency.
#[test]
fn dearer_presses_are_slower() {
    let learned = |cost: f64| {
        let mut presser = Presser::new([0.05, 40.0], 60, 20.0, 0.1);
        let mut stream = Stream::new(0, Purpose::User, 0, 0);
        for press in 0..20_000 {
            presser.press(2.0, cost, 0.1 / (1.0 + f64::from(press) / 200.0), &mut stream);
        }
        presser
    };
    let (cheap, dear) = (learned(1.0), learned(4.0));
    // By itself the best policy earns reward^2 / (4 cost) at a latency of 2 cost / reward.
    near(cheap.typical(), 1.0, 0.03);
    near(dear.typical(), 4.0, 0.12);
    near(cheap.average / dear.average, 4.0, 0.2);
}
