//! Each wrapper by hand (`steps`, `views`), and what all of them promise: rows that do not depend on the batch, snapshots to the bit,
//! accounts that add up.

mod common;
#[path = "wrappers/steps.rs"]
mod steps;
#[path = "wrappers/tasks.rs"]
mod tasks;
#[path = "wrappers/views.rs"]
mod views;

use common::{Run, random_actions};
use proptest::prelude::*;
use striatum_envs::wrappers::{WrapperSettings, wrap};
use striatum_envs::{Batch, EnvError, Pixel, Purpose, Snapshot, Space, StepBuffers, Stream, VecEnv, make};
use tasks::{Choices, Clock, Echo, Lives, clock, clock_of, film};

fn settings(change: impl FnOnce(&mut WrapperSettings)) -> WrapperSettings {
    let mut settings = WrapperSettings::default();
    change(&mut settings);
    settings
}

/// The error of wrapping a task so.
fn misfit(envs: impl VecEnv + 'static, change: impl FnOnce(&mut WrapperSettings)) -> String {
    wrap(Box::new(envs), &settings(change)).err().expect("it must be refused").to_string()
}

/// A wrapped batch after its reset. A [`Batch`] resets once more than its user, so that the first episode is number 1.
fn started(envs: impl VecEnv + 'static, change: impl FnOnce(&mut WrapperSettings)) -> Run<Box<dyn VecEnv>> {
    Run::seeded(wrap(Box::new(envs), &settings(change)).unwrap(), 3)
}

/// A row's bytes.
fn bytes(row: &[f32]) -> Vec<u8> {
    row.iter().flat_map(|word| word.to_bits().to_le_bytes()).collect()
}

/// Reward, terminated, truncated, and the raw reward and end of the first environment.
fn outcome(run: &Run<Box<dyn VecEnv>>) -> (f32, f32, f32, f32, f32) {
    let account = run.batch.account().expect("an account");
    (run.rewards[0], run.terminated[0], run.truncated[0], account.rewards[0], account.ends[0])
}

/// A batch of every wrapper of actions, episodes and frames.
fn everything(count: usize) -> Box<dyn VecEnv> {
    let clock = Clock { rewards: &[1.0, -2.0, 0.5], ..Clock::new(&[17, 4, 31, 9, 2, 50]) };
    let envs = Lives::new(clock_of(count, clock), 7);
    let all = settings(|s| {
        s.sticky = 0.3;
        s.noop_max = 6;
        s.frame_skip = 3;
        s.time_limit = 8;
        s.episodic_life = true;
        s.fire_reset = true;
        s.reward_sign = true;
        s.frame_stack = 3;
    });
    wrap(Box::new(envs), &all).unwrap()
}

/// What a run holds, to the bit.
fn bits(run: &Run<Box<dyn VecEnv>>) -> Vec<Vec<u32>> {
    let account = run.batch.account().expect("an account");
    let rows = [&run.observations[..], &run.rewards, &run.terminated, &run.truncated, account.rewards, account.ends];
    rows.into_iter().map(|row| row.iter().map(|x| x.to_bits()).collect()).collect()
}

/// The last observations of episodes that have ended, to the bit.
fn final_bits(run: &Run<Box<dyn VecEnv>>, env: usize) -> Option<Vec<u8>> {
    let width = run.observations.len() / run.rewards.len();
    let ended = run.terminated[env] + run.truncated[env] > 0.0;
    ended.then(|| bytes(&run.final_observations[env * width..][..width]))
}

#[test]
fn a_batch_goes_on_from_a_snapshot_to_the_bit() {
    let mut run = Run::seeded(everything(3), 11);
    (0..40).for_each(|t| run.step_random(t));
    let (snapshot, observations) = (run.batch.snapshot(), run.observations.clone());
    let mut other = Run::seeded(everything(3), 99);
    (0..7).for_each(|t| other.step_random(t));
    other.batch.restore(&snapshot, &mut other.observations).unwrap();
    assert_eq!(bytes(&other.observations), bytes(&observations));
    assert_eq!(other.batch.snapshot(), snapshot);
    for t in 40..200 {
        run.step_random(t);
        other.step_random(t);
        assert_eq!(bits(&other), bits(&run), "step {t}");
        (0..3).for_each(|env| assert_eq!(final_bits(&other, env), final_bits(&run, env), "step {t}"));
    }
    let mut short = snapshot.clone();
    short.states.pop();
    assert!(matches!(other.batch.restore(&short, &mut other.observations), Err(EnvError::BadState(_))));
    let bare = Snapshot { state_width: 2, states: vec![0.0; 6], ..snapshot };
    assert!(matches!(other.batch.restore(&bare, &mut other.observations), Err(EnvError::BadState(_))));
}

#[test]
fn environments_do_the_same_in_a_batch_of_any_size() {
    let mut together = Run::seeded(everything(5), 23);
    let mut alone: Vec<_> = (0..5).map(|_| Run::new(everything(1))).collect();
    for (env, run) in alone.iter_mut().enumerate() {
        run.batch.reset(23, env as u32, &mut run.observations).unwrap();
    }
    let mut ends = 0;
    for t in 0..300 {
        let actions = random_actions(together.batch.action_space(), 5, t);
        together.step(&actions).unwrap();
        let all = bits(&together);
        for (env, run) in alone.iter_mut().enumerate() {
            run.step(&actions[env..=env]).unwrap();
            for (own, all) in bits(run).iter().zip(&all) {
                let width = own.len();
                assert_eq!(own, &all[env * width..(env + 1) * width], "environment {env} at step {t}");
            }
            assert_eq!(final_bits(run, 0), final_bits(&together, env), "environment {env} at step {t}");
            ends += usize::from(final_bits(run, 0).is_some());
        }
    }
    assert!(ends > 100, "{ends} ends");
}

#[test]
fn only_those_that_are_asked_step_and_reset() {
    let mut run = Run::seeded(everything(3), 5);
    let before = run.observations.clone();
    run.step_active(&[false, true, false], &[1.0; 3]).unwrap();
    let changed = |run: &Run<Box<dyn VecEnv>>, env: usize| {
        bytes(&run.observations[3 * env..3 * (env + 1)]) != bytes(&before[3 * env..3 * (env + 1)])
    };
    assert_eq!([0, 1, 2].map(|env| changed(&run, env)), [false, true, false]);
    assert_eq!(run.rewards[0], Run::<Box<dyn VecEnv>>::FILL);
    let steps = run.batch.snapshot().episodes;
    run.batch.reset_active(&[false, false, true], &mut run.observations).unwrap();
    let after = run.batch.snapshot().episodes;
    assert_eq!([0, 1].map(|env| after[env] - steps[env]), [0, 0]);
    assert!(after[2] > steps[2]);
}

/// A batch that steps as a whole.
struct Whole(Box<dyn VecEnv>);

impl VecEnv for Whole {
    fn num_envs(&self) -> usize {
        self.0.num_envs()
    }

    fn observation_space(&self) -> &Space {
        self.0.observation_space()
    }

    fn action_space(&self) -> &Space {
        self.0.action_space()
    }

    fn solved_at(&self) -> Option<f32> {
        None
    }

    fn reset(&mut self, seed: u64, first: u32, observations: &mut [f32]) -> Result<(), EnvError> {
        self.0.reset(seed, first, observations)
    }

    fn step(&mut self, actions: &[f32], out: StepBuffers<'_>) -> Result<(), EnvError> {
        self.0.step(actions, out)
    }

    fn keeps_episodes(&self) -> bool {
        false
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot { state_width: 0, states: vec![], ..self.0.snapshot() }
    }

    fn restore(&mut self, snapshot: &Snapshot, observations: &mut [f32]) -> Result<(), EnvError> {
        self.0.reset(snapshot.seed, snapshot.first, observations)
    }
}

#[test]
fn what_steps_as_a_whole_is_refused_at_once_where_that_does_not_do() {
    let whole = || Whole(Box::new(clock(2, &[9])));
    assert_eq!(wrap(Box::new(whole()), &settings(|s| s.frame_skip = 4)).err(), Some(EnvError::Together));
    let mut run = started(whole(), |s| {
        s.reward_sign = true;
        s.frame_stack = 2;
    });
    run.step(&[1.0; 2]).unwrap();
    assert_eq!(bytes(&run.observations)[..8], [1, 0, 0, 200, 1, 1, 1, 100]);
}

#[test]
fn what_keeps_no_state_starts_anew_and_so_do_its_wrappers() {
    let mut run = started(Whole(Box::new(clock(2, &[9]))), |s| s.frame_stack = 2);
    run.step(&[1.0; 2]).unwrap();
    let snapshot = run.batch.snapshot();
    assert_eq!((snapshot.state_width, &snapshot.states), (0, &vec![]));
    run.batch.restore(&snapshot, &mut run.observations).unwrap();
    assert_eq!(bytes(&run.observations), [2, 0, 0, 200].repeat(4), "no frame of the episode before");
}

proptest! {
    /// Returns are the game's whatever the wrappers, and the sum of a game's raw rewards.
    #[test]
    fn accounts_add_up(seed in 0u64..1000, skip in 1u32..5, life in 1u32..9, lengths in 0usize..4) {
        const ENDS: [&[u32]; 4] = [&[17, 4, 31], &[1, 2, 3], &[40], &[5, 50, 2, 9]];
        let clock = Clock { rewards: &[1.0, 3.0, -2.0], ..Clock::new(ENDS[lengths]) };
        let mut run = Run::seeded(wrap(Box::new(Lives::new(clock_of(1, clock), life)), &settings(|s| {
            s.frame_skip = skip;
            s.episodic_life = true;
            s.reward_sign = true;
        })).unwrap(), seed);
        // The first game is number 1.
        let (mut game, mut sum) = (1, 0.0);
        for t in 0..200 {
            run.step_random(t);
            let account = run.batch.account().unwrap();
            sum += account.rewards[0];
            if account.ends[0] > 0.0 {
                let length = ENDS[lengths][game % ENDS[lengths].len()];
                let expected: f32 = (0..length as usize).map(|step| [1.0, 3.0, -2.0][step % 3]).sum();
                prop_assert_eq!(sum, expected);
                prop_assert!(run.terminated[0] > 0.0);
                (game, sum) = (game + 1, 0.0);
            }
        }
        prop_assert!(game > 1);
    }
}
