//! What a batch promises whatever the task: reproducible rows, resets, limits, snapshots, named errors.

mod common;

use common::{Run, random_actions};
use proptest::prelude::*;
use striatum_envs::classic::CartPole;
use striatum_envs::{Batch, Env, EnvError, Space, Step, Stream, VecEnv, make, make_one, tasks};

/// A task with random dynamics and no time limit of its own: a walk that ends beyond 3.
#[derive(Clone, Debug, Default)]
struct Walk {
    position: f64,
    limit: Option<u32>,
}

impl Env for Walk {
    fn observation_space(&self) -> Space {
        Space::uniform_box(1, f32::NEG_INFINITY, f32::INFINITY)
    }

    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }

    fn time_limit(&self) -> Option<u32> {
        self.limit
    }

    fn reset(&mut self, rng: &mut Stream, observation: &mut [f32]) {
        self.position = f64::from(rng.normal());
        observation[0] = self.position as f32;
    }

    fn step(&mut self, action: &[f32], rng: &mut Stream, observation: &mut [f32]) -> Step {
        self.position += f64::from(action[0] - 0.5 + rng.normal());
        observation[0] = self.position as f32;
        Step { reward: -observation[0].abs(), terminated: self.position.abs() > 3.0, truncated: false }
    }

    fn state(&self) -> Vec<f64> {
        vec![self.position]
    }

    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        let &[position] = state else {
            return Err(EnvError::BadState(format!("{} numbers for 1", state.len())));
        };
        self.position = position;
        observation[0] = position as f32;
        Ok(())
    }
}

/// A task that does what it is told: episodes of given lengths, a chosen number at a chosen step.
#[derive(Clone, Debug)]
struct Scripted {
    step: u32,
    episode: u32,
    ends_after: u32,
    limit: Option<u32>,
    cut_at: u32,
    /// Episode, step (0 is the reset), and whether the reward or observation 1 is the number.
    poison: Option<(u32, u32, bool, f32)>,
}

impl Scripted {
    fn new(ends_after: u32, limit: Option<u32>) -> Self {
        Self { step: 0, episode: 0, ends_after, limit, cut_at: u32::MAX, poison: None }
    }

    fn observe(&self, observation: &mut [f32]) -> f32 {
        observation.copy_from_slice(&[self.episode as f32, self.step as f32]);
        match self.poison {
            Some((episode, step, in_reward, value)) if (episode, step) == (self.episode, self.step) => {
                if in_reward {
                    return value;
                }
                observation[1] = value;
                1.0
            }
            _ => 1.0,
        }
    }
}

impl Env for Scripted {
    fn observation_space(&self) -> Space {
        Space::uniform_box(2, 0.0, 1e9)
    }

    fn action_space(&self) -> Space {
        Space::MultiBinary { n: 2 }
    }

    fn time_limit(&self) -> Option<u32> {
        self.limit
    }

    fn reset(&mut self, _: &mut Stream, observation: &mut [f32]) {
        // A batch resets a new environment once more than its user does.
        self.episode = if self.step == 0 { 0 } else { self.episode + 1 };
        self.step = 0;
        self.observe(observation);
    }

    fn step(&mut self, _: &[f32], _: &mut Stream, observation: &mut [f32]) -> Step {
        self.step += 1;
        let reward = self.observe(observation);
        Step { reward, terminated: self.step >= self.ends_after, truncated: self.step == self.cut_at }
    }

    fn state(&self) -> Vec<f64> {
        vec![self.episode.into(), self.step.into()]
    }

    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        (self.episode, self.step) = (state[0] as u32, state[1] as u32);
        self.observe(observation);
        Ok(())
    }
}

fn scripted(n: usize, env: &Scripted) -> Run<Batch<Scripted>> {
    Run::seeded(Batch::new(n, || env.clone()).unwrap(), 0)
}

/// Every row of `steps` steps in a batch made by `make`, with `seed`.
fn history<V: VecEnv>(batch: V, seed: u64, steps: u32) -> Vec<Vec<Vec<f32>>> {
    let mut run = Run::seeded(batch, seed);
    (0..steps)
        .map(|t| {
            run.step_random(t);
            run.rows()
        })
        .collect()
}

#[test]
fn an_environment_is_the_same_in_a_batch_of_any_size() {
    for task in tasks() {
        let seven = history(make(task.name, 7).unwrap(), 5, 300);
        let one = history(make(task.name, 1).unwrap(), 5, 300);
        for (seven, one) in seven.iter().zip(&one) {
            assert_eq!(seven[0], one[0], "{}", task.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rows_depend_neither_on_the_size_nor_on_the_threads(
        seed: u64, n in 1_usize..40, more in 1_usize..40, threads in 2_usize..9,
    ) {
        let make = |n| Batch::new(n, Walk::default).unwrap();
        let small = history(make(n).with_threads(1), seed, 40);
        let large = history(make(n + more).with_threads(threads), seed, 40);
        for (small, large) in small.iter().zip(&large) {
            prop_assert_eq!(&small[..], &large[..n]);
        }
    }

    #[test]
    fn a_restored_snapshot_goes_on_bit_for_bit(task in 0..tasks().len(), seed: u64, n in 1_usize..6, cut in 0_u32..260) {
        let name = tasks()[task].name;
        let mut straight = Run::seeded(make(name, n).unwrap(), seed);
        (0..cut).for_each(|t| straight.step_random(t));
        let snapshot = straight.batch.snapshot();
        let mut resumed = Run::new(make(name, n).unwrap());
        resumed.batch.restore(&snapshot, &mut resumed.observations).unwrap();
        prop_assert_eq!(&straight.observations, &resumed.observations);
        prop_assert_eq!(&snapshot, &resumed.batch.snapshot());
        straight.final_observations.fill(0.0);
        resumed.final_observations.fill(0.0);
        for t in cut..cut + 60 {
            straight.step_random(t);
            resumed.step_random(t);
            prop_assert_eq!(straight.rows(), resumed.rows());
        }
        prop_assert_eq!(straight.batch.snapshot(), resumed.batch.snapshot());
    }

    #[test]
    fn random_dynamics_resume_too(seed: u64, cut in 0_u32..100) {
        let make = || Batch::new(3, || Walk { limit: Some(9), ..Walk::default() }).unwrap();
        let mut straight = Run::seeded(make(), seed);
        (0..cut).for_each(|t| straight.step_random(t));
        let mut resumed = Run::new(make());
        resumed.batch.restore(&straight.batch.snapshot(), &mut resumed.observations).unwrap();
        for t in cut..cut + 30 {
            straight.step_random(t);
            resumed.step_random(t);
            prop_assert_eq!(&straight.observations, &resumed.observations);
            prop_assert_eq!(&straight.rewards, &resumed.rewards);
        }
    }
}

#[test]
fn built_in_tasks_are_the_same_on_any_number_of_threads() {
    for task in tasks() {
        let make = |threads| Batch::new(67, || make_one(task.name).unwrap()).unwrap().with_threads(threads);
        let one = history(make(1), 3, 60);
        // Starting many threads takes long.
        for (threads, steps) in [(0, 60), (2, 60), (3, 60), (5, 60), (67, 8), (1000, 8)] {
            assert_eq!(history(make(threads), 3, steps), one[..steps as usize], "{} on {threads} threads", task.name);
        }
    }
}

#[test]
fn seeds_environments_and_episodes_differ() {
    let mut run = Run::seeded(Batch::new(2, || Walk { limit: Some(1), ..Walk::default() }).unwrap(), 1);
    let mut first = run.observations.clone();
    run.step(&[0.0, 0.0]).unwrap();
    first.extend(&run.observations);
    run.batch.reset(2, 0, &mut run.observations).unwrap();
    first.extend(&run.observations);
    for (i, a) in first.iter().enumerate() {
        assert!(first[..i].iter().all(|b| a != b), "first observations {first:?} repeat");
    }
    run.batch.reset(1, 0, &mut run.observations).unwrap();
    assert_eq!(run.observations, first[..2], "the same seed starts the same episodes");
}

/// The noise of a step must not repeat in the next episode, whose steps count from 0 again.
#[test]
fn dynamics_draw_anew_in_every_episode() {
    let mut run = Run::seeded(Batch::new(1, || Walk { limit: Some(1), ..Walk::default() }).unwrap(), 1);
    let mut noise = Vec::new();
    for _ in 0..20 {
        let before = run.observations[0];
        run.step(&[0.0]).unwrap();
        noise.push(run.final_observations[0] - before);
    }
    for (i, a) in noise.iter().enumerate() {
        assert!(noise[..i].iter().all(|b| (a - b).abs() > 1e-5), "noise {noise:?} repeats");
    }
}

#[test]
fn an_ended_environment_is_reset_in_the_same_step() {
    let mut run = scripted(1, &Scripted::new(2, None));
    assert_eq!(run.observations, [0.0, 0.0]);
    run.step(&[0.0; 2]).unwrap();
    let fill = Run::<Batch<Scripted>>::FILL;
    assert_eq!(run.row(0), [0.0, 1.0, 1.0, 0.0, 0.0, fill, fill], "mid-episode: final observation left alone");
    run.step(&[0.0; 2]).unwrap();
    assert_eq!(run.row(0), [1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 2.0], "terminal: first of episode 1, last of episode 0");
    run.step(&[0.0; 2]).unwrap();
    assert_eq!(run.row(0), [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 2.0]);
    let snapshot = run.batch.snapshot();
    assert_eq!((snapshot.episodes, snapshot.steps, snapshot.total_steps), (vec![1], vec![1], vec![3]));
}

#[test]
fn a_limit_truncates_unless_the_state_is_terminal() {
    let ends = |ends_after, limit, cut_at| {
        let mut run = scripted(1, &Scripted { cut_at, ..Scripted::new(ends_after, limit) });
        (1..=9)
            .map(|step| {
                run.step(&[0.0; 2]).unwrap();
                (step, run.terminated[0], run.truncated[0])
            })
            .find(|&(_, terminated, truncated)| terminated + truncated > 0.0)
    };
    assert_eq!(ends(100, Some(3), 100), Some((3, 0.0, 1.0)), "the limit");
    assert_eq!(ends(3, Some(3), 100), Some((3, 1.0, 0.0)), "terminal at the limit");
    assert_eq!(ends(3, Some(9), 3), Some((3, 1.0, 0.0)), "terminal where the task itself cuts");
    assert_eq!(ends(100, Some(9), 4), Some((4, 0.0, 1.0)), "the task itself cuts");
    assert_eq!(ends(100, None, 100), None, "no limit");
}

#[test]
fn numbers_that_are_not_finite_are_named() {
    let error = |poison, threads| {
        let env = Scripted { poison: Some(poison), ..Scripted::new(3, None) };
        let mut count = 0;
        let fresh = Scripted::new(3, None);
        // Only environment 4 of 6 is poisoned.
        let made = std::cell::Cell::new(0);
        let make = || {
            made.set(made.get() + 1);
            if made.get() == 5 { env.clone() } else { fresh.clone() }
        };
        let mut run = Run::seeded(Batch::new(6, make).unwrap().with_threads(threads), 0);
        loop {
            count += 1;
            assert!(count < 20, "no error");
            if let Err(error) = run.step(&[0.0; 12]) {
                return error;
            }
        }
    };
    for threads in [1, 4] {
        let expected =
            "environment 4 gave reward = NaN at step 2 of its episode 1; rewards and observations must be finite";
        assert_eq!(error((1, 2, true, f32::NAN), threads).to_string(), expected);
        let infinite = f32::NEG_INFINITY;
        assert_eq!(
            error((0, 3, false, infinite), threads),
            EnvError::NotFinite { env: 4, episode: 0, step: 3, what: "observation[1]".to_owned(), value: infinite }
        );
        assert_eq!(
            error((2, 0, false, infinite), threads),
            EnvError::NotFinite { env: 4, episode: 2, step: 0, what: "observation[1]".to_owned(), value: infinite }
        );
    }
}

#[test]
fn a_bad_first_observation_is_an_error_of_new() {
    let poison = Some((0, 0, false, f32::NAN));
    let error = Batch::new(2, || Scripted { poison, ..Scripted::new(3, None) }).err();
    assert!(matches!(error, Some(EnvError::NotFinite { env: 0, episode: 0, step: 0, .. })), "{error:?}");
}

#[test]
fn of_two_errors_on_two_threads_the_lower_environment_is_named() {
    let poison = Some((0, 1, true, f32::NAN));
    let mut run = scripted(8, &Scripted { poison, ..Scripted::new(3, None) });
    run.batch = run.batch.with_threads(8);
    let error = run.step(&[0.0; 16]);
    assert!(matches!(error, Err(EnvError::NotFinite { env: 0, .. })), "{error:?}");
}

#[test]
fn an_action_that_is_not_finite_surfaces_as_a_named_error() {
    for name in ["Pendulum-v1", "MountainCarContinuous-v0"] {
        let mut run = Run::seeded(make(name, 2).unwrap(), 0);
        let error = run.step(&[0.0, f32::NAN]);
        assert!(matches!(error, Err(EnvError::NotFinite { env: 1, step: 1, .. })), "{name}: {error:?}");
    }
}

#[test]
fn no_environments_is_an_error() {
    assert_eq!(Batch::new(0, CartPole::default).err(), Some(EnvError::NoEnvironments));
}

#[test]
fn a_snapshot_of_another_batch_is_refused() {
    let mut observations = [0.0; 8];
    let mut batch = make("CartPole-v1", 2).unwrap();
    let good = batch.snapshot();
    let other_size = make("CartPole-v1", 3).unwrap().snapshot();
    let other_task = make("Pendulum-v1", 2).unwrap().snapshot();
    let mut cut = good.clone();
    cut.steps.pop();
    let mut overflowing = good.clone();
    overflowing.state_width = usize::MAX;
    let mut not_a_number = good.clone();
    not_a_number.states[5] = f64::NAN;
    for bad in [other_size, other_task, cut, overflowing, not_a_number] {
        let error = batch.restore(&bad, &mut observations);
        assert!(matches!(error, Err(EnvError::BadState(_))), "{bad:?} gave {error:?}");
    }
    batch.restore(&good, &mut observations).unwrap();
}

#[test]
#[should_panic(expected = "`actions` must have 2 rows of 1 numbers")]
fn rows_of_the_wrong_length_are_a_bug_of_the_caller() {
    let mut run = Run::seeded(make("CartPole-v1", 2).unwrap(), 0);
    let actions = random_actions(&Space::Discrete { n: 2 }, 3, 0);
    run.step(&actions).unwrap();
}

#[test]
fn environments_that_are_not_active_are_left_alone() {
    let walks = |n| Batch::new(n, Walk::default).unwrap();
    let (mut some, mut alone) = (Run::seeded(walks(3), 5), Run::seeded(walks(3), 5));
    let before = [some.row(0), some.row(2)];
    for t in 0..50 {
        let actions = random_actions(alone.batch.action_space(), 3, t);
        alone.step(&actions).unwrap();
        some.step_active(&[false, true, false], &actions).unwrap();
        assert_eq!(some.row(1), alone.row(1), "step {t}");
        assert_eq!([some.row(0), some.row(2)], before);
    }
    assert_eq!(some.batch.snapshot().total_steps, [0, 50, 0]);

    let episodes = some.batch.snapshot().episodes;
    let (own, mut observations) = (some.row(1)[0], some.observations.clone());
    some.batch.reset_active(&[false, true, false], &mut observations).unwrap();
    assert_eq!([observations[0], observations[2]], [some.observations[0], some.observations[2]]);
    assert_ne!(observations[1], own);
    assert_eq!(some.batch.snapshot().episodes, [episodes[0], episodes[1] + 1, episodes[2]]);
    assert_eq!(some.batch.snapshot().steps[1], 0);
}
