//! The tasks that need memory: trajectories worked by hand, and that shuffled cards are shuffled.

mod common;

use common::Run;
use striatum_envs::{Params, Purpose, Stream, make, make_one, make_one_with, make_with, trace_env};

/// CartPoleNoVel-v1 is CartPole-v1, of whose observation it shows the position and the angle.
#[test]
fn a_cart_shows_where_it_is_and_not_how_fast() {
    let (mut all, mut part) = (make("CartPole-v1", 3).unwrap(), make("CartPoleNoVel-v1", 3).unwrap());
    let (mut whole, mut shown) = (vec![0.0; 12], vec![0.0; 6]);
    all.reset(5, 0, &mut whole).unwrap();
    part.reset(5, 0, &mut shown).unwrap();
    let (mut whole, mut shown) = (Run::seeded(all, 5), Run::seeded(part, 5));
    let mut ends = 0;
    for t in 0..200 {
        let actions = common::random_actions(whole.batch.action_space(), 3, t);
        whole.step(&actions).unwrap();
        shown.step(&actions).unwrap();
        for i in 0..3 {
            let [full, seen] = [&whole.observations[4 * i..], &shown.observations[2 * i..]];
            assert_eq!([full[0], full[2]], [seen[0], seen[1]]);
            if whole.terminated[i] > 0.0 {
                let [full, seen] = [&whole.final_observations[4 * i..], &shown.final_observations[2 * i..]];
                assert_eq!([full[0], full[2]], [seen[0], seen[1]]);
                ends += 1;
            }
        }
        assert_eq!((&whole.rewards, &whole.terminated), (&shown.rewards, &shown.terminated));
        assert_eq!(whole.batch.snapshot().states, shown.batch.snapshot().states);
    }
    assert!(ends > 10, "{ends} episodes ended");
    let (cart, hidden) = (make_one("CartPole-v1").unwrap(), make_one("CartPoleNoVel-v1").unwrap());
    assert_eq!((cart.time_limit(), cart.solved_at()), (hidden.time_limit(), hidden.solved_at()));
}

/// Suits 2 0 1 3 and so on, k = 2: the card before the last one. The first step has nothing to name, and 50 others share a return of 1.
#[test]
fn the_second_last_card_is_named() {
    let mut env = make_one_with("RepeatPrevious-v0", &Params::default().with("k", 2)).unwrap();
    let suits: Vec<f64> = [2.0, 0.0, 1.0, 3.0].into_iter().cycle().take(52).collect();
    let start: Vec<f64> = std::iter::once(1.0).chain(suits.clone()).collect();
    let answer = |step: usize| if step == 0 { 3.0 } else { suits[step - 1] as f32 };
    let right: Vec<_> = (0..51).map(|step| vec![answer(step)]).collect();
    let steps = trace_env(&mut *env, &start, &right).unwrap();
    assert_eq!(steps[0].reward, 0.0);
    assert!(steps[1..].iter().all(|step| step.reward == 1.0 / 50.0));
    let total: f32 = steps.iter().map(|step| step.reward).sum();
    assert!((total - 1.0).abs() < 1e-6);
    assert!(steps.iter().enumerate().all(|(i, step)| step.terminated == (i == 50)), "51 steps show 52 cards");
    assert_eq!(steps[0].observation, [1.0, 0.0, 0.0, 0.0], "the second card is of suit 0");
    assert_eq!(steps[2].observation, [0.0, 0.0, 0.0, 1.0]);
    let wrong: Vec<_> = (0..51).map(|step| vec![(answer(step) + 1.0) % 4.0]).collect();
    let steps = trace_env(&mut *env, &start, &wrong).unwrap();
    assert!(steps[1..].iter().all(|step| step.reward == -1.0 / 50.0));
}

/// With k = 1 the card that is seen is the one to name, at every step.
#[test]
fn the_last_card_is_named_without_memory() {
    let batch = make_with("RepeatPrevious-v0", 4, &Params::default().with("k", 1).with("decks", 2)).unwrap();
    let mut run = Run::seeded(batch, 1);
    let mut total = 0.0;
    for _ in 0..103 {
        let suits = |row: &[f32]| row.iter().position(|&x| x == 1.0).unwrap() as f32;
        let actions: Vec<f32> = run.observations.chunks_exact(4).map(suits).collect();
        run.step(&actions).unwrap();
        total += run.rewards[0];
    }
    assert!((total - 1.0).abs() < 1e-5 && run.terminated == [1.0; 4], "{total} {:?}", run.terminated);
}

#[test]
fn states_that_no_game_has_are_refused() {
    let mut env = make_one("RepeatPrevious-v0").unwrap();
    let mut observation = [0.0; 4];
    let suits = |suit: f64| [vec![1.0; 51], vec![suit]].concat();
    for (shown, suits, expected) in [
        (0.0, suits(1.0), "cards shown is 0"),
        (53.0, suits(1.0), "cards shown is 53"),
        (1.5, suits(1.0), "cards shown is 1.5"),
        (f64::NAN, suits(1.0), "cards shown is NaN"),
        (1.0, suits(4.0), "a suit is 4"),
        (1.0, suits(-1.0), "a suit is -1"),
        (1.0, vec![1.0; 5], "it has 6 numbers; give 53"),
    ] {
        let state = [vec![shown], suits].concat();
        let error = env.set_state(&state, &mut observation).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(env.set_state(&[], &mut observation).is_err());
    let last: Vec<f64> = std::iter::once(52.0).chain(vec![2.0; 52]).collect();
    env.set_state(&last, &mut observation).unwrap();
    assert_eq!((env.state(), observation), (last, [0.0, 0.0, 1.0, 0.0]));
    let error = make_with("RepeatPrevious-v0", 1, &Params::default().with("k", 52)).err().unwrap().to_string();
    assert_eq!(error, "`env.k` (52) of task `RepeatPrevious-v0` must be below the 52 cards of `env.decks`; try 4");
}

/// Every deck has 13 cards of each suit; each suit comes first, last and beside every other as often as it should.
#[test]
fn cards_are_shuffled() {
    const N: usize = 20_000;
    let mut env = make_one("RepeatPrevious-v0").unwrap();
    let mut observation = [0.0; 4];
    let mut counts = [[0_u32; 4]; 3];
    for i in 0..N {
        env.reset(&mut Stream::new(3, Purpose::Reset, i as u32, 0), &mut observation);
        let state = env.state();
        assert_eq!(state[0], 1.0);
        assert_eq!(observation[state[1] as usize], 1.0);
        let of = |suit: f64| state[1..].iter().filter(|&&x| x == suit).count();
        assert_eq!([0.0, 1.0, 2.0, 3.0].map(of), [13; 4]);
        counts[0][state[1] as usize] += 1;
        counts[1][state[52] as usize] += 1;
        // How far apart neighbours are: the same suit in 12 of 51, each other one in 13 of 51.
        counts[2][(state[20] + 4.0 - state[21]) as usize % 4] += 1;
    }
    for (count, share) in
        counts.iter().zip([[0.25; 4], [0.25; 4], [12.0 / 51.0, 13.0 / 51.0, 13.0 / 51.0, 13.0 / 51.0]])
    {
        for (&found, p) in count.iter().zip(share) {
            let (expected, deviation) = (N as f64 * p, (N as f64 * p * (1.0 - p)).sqrt());
            assert!((f64::from(found) - expected).abs() < 5.0 * deviation, "{counts:?}");
        }
    }
}
