//! Each learner's first updates, worked by hand.

use striatum_dopamine::{
    Clock, DualPolicy, DualRates, Model, Opal, PolicyGradient, QLearner, State, Tone, Tonic, TonicLearner, TonicRates,
    Ucb, one_hot,
};

#[track_caller]
fn assert_close(actual: &[f64], expected: &[f64]) {
    let close = actual.len() == expected.len() && actual.iter().zip(expected).all(|(a, e)| (a - e).abs() < 1e-12);
    assert!(close, "{actual:?} is not {expected:?}");
}

/// What a learner with two arms knows after the choices and rewards, and its policy then.
fn after<M: Model<2, R>, const R: usize>(model: &M, trials: &[(usize, f64)]) -> (State<f64, 2, R>, [f64; 2]) {
    let mut state = model.start();
    for (trial, &(arm, reward)) in trials.iter().enumerate() {
        let clock = Clock::at(trial);
        let policy = model.policy(&state, &clock);
        state = model.learn(&state, &clock, &policy, one_hot(arm), reward);
    }
    (state, model.policy(&state, &Clock::at(trials.len())))
}

#[test]
fn opal_learns_by_its_actors() {
    // Trial 1, arm 0, r = 1: Beta(1, 1) has v = 1/12; annealing a = 1 / (1 + 1 / (10 * 10 / 12)) = (100/12) / (1 + 100/12) = 100/112
    // = 25/28. delta = 1 - .5 = .5, so V0 = .5 + .1 * .5 = .55, G0 = 1 + 25/56 = 81/56, N0 = 1 - 25/56 = 31/56.
    let opal = Opal::plain(0.1, 1.0, 2.0);
    let (state, policy) = after(&opal, &[(0, 1.0)]);
    assert_close(&state.arms[0], &[81.0 / 56.0, 1.0]);
    assert_close(&state.arms[1], &[31.0 / 56.0, 1.0]);
    assert_close(&state.arms[2], &[0.55, 0.5]);
    assert_eq!(state.shared, 1.0);
    // Act0 = 2 (81/56 - 31/56) = 100/56, Act1 = 0
    let p = 1.0 / (1.0 + (-100.0_f64 / 56.0).exp());
    assert_close(&policy, &[p, 1.0 - p]);

    // Trial 2, arm 0, r = 0: counts (2, 1) shared out to two arms are Beta(1, .5): v = 2/3 * 1/3 / 2.5 = 4/45; 100 v = 80/9,
    // a = (80/9) / (89/9) = 80/89. delta = -.55: G0 = 81/56 (1 - 44/89) = 81/56 * 45/89, N0 = 31/56 * 133/89, V0 = .55 - .055 = .495.
    let (state, _) = after(&opal, &[(0, 1.0), (0, 0.0)]);
    assert_close(&state.arms[0], &[81.0 / 56.0 * 45.0 / 89.0, 1.0]);
    assert_close(&state.arms[1], &[31.0 / 56.0 * 133.0 / 89.0, 1.0]);
    assert_close(&state.arms[2], &[0.495, 0.5]);
    assert_eq!(state.shared, 1.0);
}

#[test]
fn without_hebb_the_actors_change_by_the_error_itself() {
    // As above, but G0 = 81/56 - 44/89 and N0 = 31/56 + 44/89.
    let (state, _) = after(&Opal::without_hebb(0.1, 1.0, 2.0), &[(0, 1.0), (0, 0.0)]);
    assert_close(&state.arms[0], &[81.0 / 56.0 - 44.0 / 89.0, 1.0]);
    assert_close(&state.arms[1], &[31.0 / 56.0 + 44.0 / 89.0, 1.0]);
}

#[test]
fn actors_do_not_fall_below_zero() {
    // delta = -.5 with a rate of 4 * 25/28 = 25/7 makes G0 = 1 - 25/14 < 0.
    let (state, _) = after(&Opal::plain(0.1, 4.0, 2.0), &[(0, 0.0)]);
    assert_close(&state.arms[0], &[0.0, 1.0]);
    assert_close(&state.arms[1], &[1.0 + 25.0 / 14.0, 1.0]);
}

#[test]
fn dopamine_follows_the_mean_reward_once_it_is_sure() {
    let state = |rewards: f64| State { arms: [[1.2, 1.0], [0.9, 1.0], [0.5, 0.5]], shared: rewards };
    let policy = |opal: &Opal, rewards: f64| {
        let policy: [f64; 2] = opal.policy(&state(rewards), &Clock::at(10));
        (policy[0] / policy[1]).ln()
    };
    let star = Opal { k: 2.0, ..Opal::star(0.1, 1.0, 2.0) };
    // 10 trials, 9 rewards: counts (10, 2), shared out (5, 1): mu = 5/6, v = 5/6 * 1/6 / 7, s = .141 < mu - .5, so rho = 2/3:
    // b_G = 10/3, b_N = 2/3; Act0 - Act1 = 10/3 * .2 + 2/3 * .1 = 11/15.
    assert_close(&[policy(&star, 9.0)], &[11.0 / 15.0]);
    // 1 reward: rho = -2/3, b_G = 2/3, b_N = 10/3: 2/3 * .2 + 10/3 * .1 = 7/15.
    assert_close(&[policy(&star, 1.0)], &[7.0 / 15.0]);
    // 6 rewards: mu = 7/12, s = sqrt(35/144 / 7) = .186 > 1/12: rho = 0, 2 * .2 + 2 * .1 = .6.
    assert_close(&[policy(&star, 6.0)], &[0.6]);
    // |rho| as temperature: b_G = b_N = 10/3 in both cases: 10/3 * .3 = 1.
    let temperature = Opal { tone: Tone::Temperature, ..star };
    assert_close(&[policy(&temperature, 9.0), policy(&temperature, 1.0)], &[1.0, 1.0]);
    // k = 20: rho = 20/3 and -20/3 silence the other pathway: b_G = 2 (1 + 20/3) = 46/3, so 46/3 * .2; b_N alike, so 46/3 * .1.
    let strong = Opal::star(0.1, 1.0, 2.0);
    assert_close(&[policy(&strong, 9.0), policy(&strong, 1.0)], &[46.0 / 15.0, 23.0 / 15.0]);
}

#[test]
fn ucb_tries_every_arm_and_then_the_highest_bound() {
    let ucb = Ucb { bonus: 0.5 };
    assert_close(&after(&ucb, &[]).1, &[0.5, 0.5]);
    assert_close(&after(&ucb, &[(1, 1.0)]).1, &[1.0, 0.0]);
    // Equal means and counts: both.
    assert_close(&after(&ucb, &[(1, 1.0), (0, 1.0)]).1, &[0.5, 0.5]);
    // Arm 0 paid 1 of 1, arm 1 2 of 3; trial 5: 1 + .5 sqrt(ln 5) = 1.634 against 2/3 + .5 sqrt(ln 5 / 3) = 1.033.
    assert_close(&after(&ucb, &[(1, 1.0), (0, 1.0), (1, 1.0), (1, 0.0)]).1, &[1.0, 0.0]);
    // Arm 0 paid 0 of 1: .634 against 1.033; with a bonus of 2: 2.537 against 2.131.
    let trials = [(1, 1.0), (0, 0.0), (1, 1.0), (1, 0.0)];
    assert_close(&after(&ucb, &trials).1, &[0.0, 1.0]);
    assert_close(&after(&Ucb { bonus: 2.0 }, &trials).1, &[1.0, 0.0]);
}

#[test]
fn q_learning_moves_the_chosen_value() {
    // Q0 = .5 + .2 * .5 = .6, then .6 - .2 * .6 = .48; P0 = 1 / (1 + exp(-10 (.48 - .5)))
    let (state, policy) = after(&QLearner { rate: 0.2, beta: 10.0 }, &[(0, 1.0), (0, 0.0)]);
    assert_close(&state.arms[0], &[0.48, 0.5]);
    let p = 1.0 / (1.0 + 0.2_f64.exp());
    assert_close(&policy, &[p, 1.0 - p]);
}

#[test]
fn policy_gradient_moves_all_logits_and_the_baseline() {
    // delta = .5: theta = (.4 * .5 * (1 - .5), .4 * .5 * (0 - .5)) = (.1, -.1), b = .5 + .1 * .5 = .55
    let model = PolicyGradient { rate: 0.4, baseline_rate: 0.1 };
    let (state, policy) = after(&model, &[(0, 1.0)]);
    assert_close(&state.arms[0], &[0.1, -0.1]);
    assert_close(&[state.shared], &[0.55]);
    let p = 1.0 / (1.0 + (-0.2_f64).exp());
    assert_close(&policy, &[p, 1.0 - p]);
    // Arm 1, r = 0: delta = -.55: theta = (.1 + .4 * .55 * p, -.1 - .4 * .55 * p)
    let (state, _) = after(&model, &[(0, 1.0), (1, 0.0)]);
    assert_close(&state.arms[0], &[0.1 + 0.22 * p, -0.1 - 0.22 * p]);
}

#[test]
fn two_pathways_learn_apart() {
    // Equal logits: J = .5 (1[i = 1] - .5) = (-.25, .25). kappa .5 and a good outcome: w_G 1.5, w_N .5; c = 1/sqrt 2:
    // g = .1 c 1.5 J = c (-.0375, .0375), n = -.1 c .5 J = c (.0125, -.0125).
    let c = 0.5_f64.sqrt();
    let rates = DualRates { rate: 0.1, kappa: 0.5, sum_decay: 0.02 };
    let mut policy = DualPolicy::<2>::default();
    policy.learn(&rates, 1, 0.5);
    assert_close(&policy.go, &[-0.0375 * c, 0.0375 * c]);
    assert_close(&policy.no_go, &[0.0125 * c, -0.0125 * c]);
    // At rho = 0 the logits have moved by .1 J whatever kappa; u = c (-.025, .025), and rho adds rho c u.
    assert_close(&policy.logits(0.0), &[-0.025, 0.025]);
    assert_close(&policy.sum_mode(), &[-0.025 * c, 0.025 * c]);
    assert_close(&policy.logits(1.0), &[-0.0375, 0.0375]);
    assert_close(&policy.logits(-1.0), &[-0.0125, 0.0125]);

    // A bad outcome of the same action: p = 1 / (1 + exp(-.05)), J = -.5 (-p, p) with p the other's probability; w_G .5, w_N 1.5;
    // both pathways lose .02 / 2 u.
    let p = 1.0 / (1.0 + 0.05_f64.exp());
    policy.learn(&rates, 1, -0.5);
    assert_close(&[policy.go[1]], &[0.0375 * c - 0.1 * c * 0.5 * 0.5 * p - 0.01 * 0.025 * c]);
    assert_close(&[policy.no_go[1]], &[-0.0125 * c + 0.1 * c * 1.5 * 0.5 * p - 0.01 * 0.025 * c]);
}

#[test]
fn tonic_temperature_compares_reward_averages() {
    // Nothing has been paid: the averages are equal.
    let mut tonic = Tonic::default();
    assert_close(&[tonic.beta(2.0)], &[1.0]);
    // A first reward of 1 sets both to 1; the variance becomes .25 - .01 * .25 = .2475.
    tonic.learn(1.0);
    assert_close(&[tonic.beta(2.0)], &[1.0]);
    // 0: fast .9, slow .99, variance .2475 + .01 (1 - .2475) = .255025.
    tonic.learn(0.0);
    assert_close(&[tonic.beta(2.0)], &[(2.0 * -0.09 / 0.255_025_f64.sqrt()).exp()]);
    assert_eq!([tonic.beta(100.0), tonic.beta(-100.0)], [0.25, 4.0]);
}

#[test]
fn the_tonic_learner_decays_and_keeps_entropy() {
    let rates = TonicRates { rate: 0.4, baseline_rate: 0.1, entropy: 0.5, decay: 0.25, tonic: 0.0 };
    let mut learner = TonicLearner::<2> { theta: [1.0, 0.0], ..TonicLearner::default() };
    let policy = learner.policy(&rates);
    let p = 1.0 / (1.0 + (-1.0_f64).exp());
    assert_close(&policy, &[p, 1.0 - p]);
    learner.learn(&rates, &policy, 1, 1.0);
    // delta = .5; dH/dz_0 = -p (ln p + H), and as H = -p ln p - (1 - p) ln (1 - p): -p (1 - p) (ln p - ln (1 - p)) = -p (1 - p).
    let bonus = -0.5 * p * (1.0 - p);
    assert_close(&learner.theta, &[0.75 + 0.4 * (-0.5 * p + bonus), 0.4 * (0.5 * p - bonus)]);
    assert_close(&[learner.baseline], &[0.55]);
    // A rise in reward, at its strongest: beta = 4.
    let sharp = TonicRates { tonic: 1e9, ..rates };
    learner.tonic = Tonic::default();
    learner.tonic.learn(0.0);
    learner.tonic.learn(1.0);
    assert_eq!(learner.beta(&sharp), 4.0);
    let [a, b] = learner.policy(&sharp);
    assert_close(&[(a / b).ln()], &[4.0 * (learner.theta[0] - learner.theta[1])]);
}
