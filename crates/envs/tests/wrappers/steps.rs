//! Wrappers of actions, rewards and episodes, by hand.

use super::*;

#[test]
fn nothing_asked_for_wraps_nothing() {
    let envs = wrap(make("CartPole-v1", 3).unwrap(), &WrapperSettings::default()).unwrap();
    assert_eq!(envs.builtin(), Some("CartPole-v1"), "the batch itself");
    let envs = wrap(envs, &settings(|s| s.frame_stack = 2)).unwrap();
    assert_eq!(envs.builtin(), None, "another task for an engine");
    assert_eq!(envs.solved_at(), Some(475.0));
}

#[test]
fn a_skip_sums_rewards_and_shows_the_brighter_of_the_last_two_frames() {
    let rewards = Clock { rewards: &[1.0, 2.0, 4.0, 8.0], ..Clock::new(&[7]) };
    let mut run = started(clock_of(1, rewards), |s| s.frame_skip = 4);
    assert_eq!(bytes(&run.observations), [1, 0, 0, 200]);
    run.step(&[2.0]).unwrap();
    assert_eq!(bytes(&run.observations), [1, 4, 2, 200], "the brighter of 200 and 100");
    assert_eq!(outcome(&run), (15.0, 0.0, 0.0, 15.0, 0.0));
    // The episode ends with the third of four steps: the fourth is not taken.
    run.step(&[3.0]).unwrap();
    assert_eq!(bytes(&run.final_observations), [1, 7, 3, 200], "made of steps 6 and 7");
    assert_eq!(bytes(&run.observations), [2, 0, 0, 200]);
    assert_eq!(outcome(&run), (7.0, 1.0, 0.0, 7.0, 1.0));
}

#[test]
fn an_episode_that_ends_with_the_first_step_of_a_skip_shows_its_own_last_frame() {
    let cut = Clock { truncates: true, ..Clock::new(&[5]) };
    let mut run = started(clock_of(1, cut), |s| s.frame_skip = 4);
    run.step(&[1.0]).unwrap();
    run.step(&[1.0]).unwrap();
    assert_eq!(bytes(&run.final_observations), [1, 5, 1, 100], "no frame of the step before");
    assert_eq!(outcome(&run), (1.0, 0.0, 1.0, 1.0, 1.0));
    assert_eq!(bytes(&run.observations), [2, 0, 0, 200]);
    for (times, shown) in [(2, 200), (3, 200), (4, 200)] {
        let mut run = started(clock(1, &[9]), |s| s.frame_skip = times);
        run.step(&[1.0]).unwrap();
        assert_eq!(bytes(&run.observations), [1, times as u8, 1, shown], "{times} times");
    }
    let mut run = started(clock(1, &[9]), |s| {
        s.frame_skip = 3;
        s.max_pool = false;
    });
    run.step(&[1.0]).unwrap();
    assert_eq!(bytes(&run.observations), [1, 3, 1, 100], "the last frame alone");
}

#[test]
fn environments_of_a_skip_rest_while_others_go_on() {
    let mut run = started(clock(3, &[2, 9, 6]), |s| s.frame_skip = 4);
    run.step(&[1.0; 3]).unwrap();
    // All are in their episode 1, which ends after 9 steps; then 6, then 2.
    run.step(&[1.0; 3]).unwrap();
    run.step(&[1.0; 3]).unwrap();
    assert_eq!(run.terminated, [1.0; 3]);
    assert_eq!(run.rewards, [1.0; 3]);
    assert_eq!(bytes(&run.observations), [2, 0, 0, 200].repeat(3));
    assert_eq!(run.batch.snapshot().total_steps, [9; 3], "the rest of the skip is not taken");
}

#[test]
fn a_lost_life_ends_the_agent_s_episode_and_not_the_game() {
    let mut run = started(Lives::new(clock(1, &[7]), 3), |s| s.episodic_life = true);
    run.step(&[1.0]).unwrap();
    run.step(&[1.0]).unwrap();
    assert_eq!(outcome(&run), (1.0, 0.0, 0.0, 1.0, 0.0));
    // The third step costs a life; the game goes on with a no-op, whose reward counts for the game with the next step.
    run.step(&[1.0]).unwrap();
    assert_eq!(outcome(&run), (1.0, 1.0, 0.0, 1.0, 0.0));
    assert_eq!(bytes(&run.final_observations), [1, 3, 1, 100]);
    assert_eq!(bytes(&run.observations), [1, 4, 0, 200]);
    run.step(&[1.0]).unwrap();
    assert_eq!(outcome(&run), (1.0, 0.0, 0.0, 2.0, 0.0));
    // The sixth step costs the second life; the no-op after it ends the game, which counts with this step.
    run.step(&[1.0]).unwrap();
    assert_eq!(bytes(&run.final_observations), [1, 6, 1, 200]);
    assert_eq!(outcome(&run), (1.0, 1.0, 0.0, 2.0, 1.0));
    assert_eq!(bytes(&run.observations), [2, 0, 0, 200]);
    run.step(&[1.0]).unwrap();
    assert_eq!(outcome(&run), (1.0, 0.0, 0.0, 1.0, 0.0), "nothing is left of the game before");
}

#[test]
fn an_episode_starts_with_one_to_so_many_no_ops() {
    let mut run = started(clock(2, &[40]), |s| s.noop_max = 5);
    let expected = |env, episode| 1 + Stream::new(3, Purpose::Noop, env, episode).below(5) as u8;
    let no_ops = |run: &Run<Box<dyn VecEnv>>| [bytes(&run.observations)[1], bytes(&run.observations)[5]];
    assert_eq!(no_ops(&run), [expected(0, 0), expected(1, 0)]);
    let mut seen = std::collections::BTreeSet::new();
    let mut episodes = [0, 0];
    for _ in 0..600 {
        run.step(&[1.0; 2]).unwrap();
        for (env, episode) in episodes.iter_mut().enumerate() {
            if run.terminated[env] > 0.0 {
                *episode += 1;
                assert_eq!(no_ops(&run)[env], expected(env as u32, *episode));
                seen.insert(no_ops(&run)[env]);
            }
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

#[test]
fn no_ops_outlast_short_episodes_whose_rewards_no_agent_sees() {
    let mut run = started(clock(1, &[2]), |s| s.noop_max = 30);
    // Episodes of two steps: those that no-ops ended are dropped, and what is carried is of the one under way.
    let no_ops = 1 + Stream::new(3, Purpose::Noop, 0, 0).below(30);
    assert_eq!(bytes(&run.observations)[..2], [1 + (no_ops / 2) as u8, (no_ops % 2) as u8]);
    run.step(&[1.0]).unwrap();
    assert_eq!(outcome(&run).3, 1.0 + (no_ops % 2) as f32);
}

#[test]
fn fire_is_pressed_at_the_start_of_a_life() {
    let mut run = started(Lives::new(clock(1, &[9]), 4), |s| {
        s.episodic_life = true;
        s.fire_reset = true;
    });
    assert_eq!(bytes(&run.observations), [1, 2, 2, 200], "FIRE, then action 2");
    run.step(&[3.0]).unwrap();
    assert_eq!(outcome(&run), (1.0, 0.0, 0.0, 3.0, 0.0), "rewards of the two count for the game");
    // The fourth step costs a life; then come a no-op, FIRE and action 2.
    run.step(&[3.0]).unwrap();
    assert_eq!(bytes(&run.final_observations), [1, 4, 3, 200]);
    assert_eq!(bytes(&run.observations), [1, 7, 2, 100]);
    assert_eq!(outcome(&run), (1.0, 1.0, 0.0, 1.0, 0.0));
    // The eighth costs the next: the no-op ends the game, and the next one starts with both.
    run.step(&[3.0]).unwrap();
    assert_eq!(bytes(&run.observations), [2, 2, 2, 200]);
    assert_eq!(outcome(&run), (1.0, 1.0, 0.0, 5.0, 1.0));
}

#[test]
fn fire_is_pressed_in_games_that_have_it_only() {
    let mut other = Lives::new(clock(1, &[9]), 4);
    other.names[1] = "UP".to_owned();
    let run = started(other, |s| s.fire_reset = true);
    assert_eq!(bytes(&run.observations), [1, 0, 0, 200]);
}

#[test]
fn a_time_limit_cuts_with_the_observation_at_the_cut() {
    let mut run = started(clock(2, &[5, 9]), |s| s.time_limit = 3);
    for step in 1..=3 {
        run.step(&[1.0; 2]).unwrap();
        assert_eq!(run.truncated, [f32::from(u8::from(step == 3)); 2]);
    }
    assert_eq!(bytes(&run.final_observations), [1, 3, 1, 100].repeat(2));
    assert_eq!(bytes(&run.observations), [2, 0, 0, 200].repeat(2));
    assert_eq!(outcome(&run), (1.0, 0.0, 1.0, 1.0, 1.0));
    // An end of the task's own at the limit is no cut.
    let mut run = started(clock(1, &[3]), |s| s.time_limit = 3);
    (0..3).for_each(|_| run.step(&[1.0]).unwrap());
    assert_eq!(outcome(&run), (1.0, 1.0, 0.0, 1.0, 1.0));
}

#[test]
fn a_time_limit_ends_what_would_go_on_for_ever() {
    let envs = wrap(make("Pendulum-continuing-v0", 1).unwrap(), &settings(|s| s.time_limit = 5)).unwrap();
    assert!(!envs.continuing());
    assert!(wrap(make("Pendulum-continuing-v0", 1).unwrap(), &settings(|s| s.frame_skip = 2)).unwrap().continuing());
}

#[test]
fn actions_stick_with_their_probability_but_never_at_first() {
    let mut run = started(clock(1, &[50]), |s| s.sticky = 0.25);
    let (mut stuck, mut last, mut first) = (0, 0, true);
    for step in 0..4000_u32 {
        let action = (step % 4) as u8;
        run.step(&[f32::from(action)]).unwrap();
        let ended = run.terminated[0] > 0.0;
        let taken = bytes(if ended { &run.final_observations } else { &run.observations })[2];
        let sticks = Stream::new(3, Purpose::Sticky, 0, step).uniform() < 0.25;
        assert_eq!(taken, if sticks && !first { last } else { action }, "step {step}");
        stuck += u32::from(taken != action);
        (last, first) = (taken, ended);
    }
    assert!((600..1050).contains(&stuck), "{stuck} of 4000");
}

#[test]
fn rewards_are_clipped_for_the_agent_and_not_for_the_game() {
    let rewards = Clock { rewards: &[-3.0, 0.0, 0.5, 7.0], ..Clock::new(&[9]) };
    for (sign, range, expected) in [
        (true, vec![], [-1.0, 0.0, 1.0, 1.0]),
        (false, vec![-1.0, 2.0], [-1.0, 0.0, 0.5, 2.0]),
        (true, vec![0.0, 0.5], [0.0, 0.0, 0.5, 0.5]),
    ] {
        let mut run = started(clock_of(1, rewards.clone()), |s| {
            s.reward_sign = sign;
            s.reward_clip = range;
        });
        for (seen, raw) in expected.into_iter().zip(rewards.rewards) {
            run.step(&[1.0]).unwrap();
            assert_eq!(outcome(&run), (seen, 0.0, 0.0, *raw, 0.0));
        }
    }
}
