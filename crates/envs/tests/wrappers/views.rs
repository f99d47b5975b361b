//! Wrappers of what is seen, by hand, and what is refused.

use super::*;

#[test]
fn actions_from_minus_one_to_one_reach_the_bounds_and_no_further() {
    let mut run = started(Batch::new(1, Echo::default).unwrap(), |s| s.action_rescale = true);
    assert_eq!(run.batch.action_space(), &Space::uniform_box(2, -1.0, 1.0));
    for (action, taken) in [(-1.0, -2.0), (0.0, 2.0), (0.5, 4.0), (1.0, 6.0), (9.0, 6.0), (-9.0, -2.0)] {
        run.step(&[action, 0.0]).unwrap();
        assert_eq!(run.observations, [taken, 0.0], "{action}");
    }
    run.step(&[0.0, -1.0]).unwrap();
    assert_eq!(run.observations[1], -f32::MAX);
}

#[test]
fn observations_are_stretched_from_their_bounds() {
    let run = started(Batch::new(1, Echo::default).unwrap(), |s| s.observation_rescale = vec![-1.0, 1.0]);
    assert_eq!(run.batch.observation_space(), &Space::uniform_box(2, -1.0, 1.0));
    assert_eq!(run.observations, [-1.0, 1.0]);
}

#[test]
fn a_stack_starts_with_the_first_observation_in_every_place() {
    let mut run = started(clock(1, &[3]), |s| s.frame_stack = 3);
    let frames = |row: &[f32]| bytes(row).chunks(4).map(|frame| [frame[0], frame[1]]).collect::<Vec<_>>();
    assert_eq!(run.batch.observation_space(), &Space::Image { channels: 3, height: 2, width: 2, pixel: Pixel::Byte });
    assert_eq!(frames(&run.observations), [[1, 0]; 3]);
    run.step(&[1.0]).unwrap();
    assert_eq!(frames(&run.observations), [[1, 0], [1, 0], [1, 1]]);
    run.step(&[1.0]).unwrap();
    assert_eq!(frames(&run.observations), [[1, 0], [1, 1], [1, 2]]);
    run.step(&[1.0]).unwrap();
    assert_eq!(frames(&run.final_observations), [[1, 1], [1, 2], [1, 3]], "of the episode that ended");
    assert_eq!(frames(&run.observations), [[2, 0]; 3], "of the next one");
}

#[test]
fn boxes_are_stacked_too() {
    let mut run = started(Batch::new(1, Echo::default).unwrap(), |s| s.frame_stack = 2);
    assert_eq!(run.batch.observation_space(), &Space::uniform_box(4, -2.0, 6.0));
    assert_eq!(run.observations, [-2.0, 6.0, -2.0, 6.0]);
    run.step(&[1.0, 3.0]).unwrap();
    assert_eq!(run.observations, [-2.0, 6.0, 1.0, 3.0]);
}

#[test]
fn frames_whose_bytes_do_not_fill_their_numbers_are_stacked_without_gaps() {
    let mut run = started(film(1, 1, 1, 3), |s| s.frame_stack = 3);
    assert_eq!(bytes(&run.observations), [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 0, 0]);
    run.step(&[0.0; 2]).unwrap();
    assert_eq!(bytes(&run.observations), [0, 1, 2, 0, 1, 2, 1, 2, 3, 0, 0, 0]);
}

#[test]
fn bytes_become_numbers_of_any_scale() {
    for (scale, high) in [(255.0, 1.0), (1.0, 255.0)] {
        let run = started(film(1, 1, 1, 3), |s| {
            s.flatten = true;
            s.flatten_scale = scale;
        });
        assert_eq!(run.batch.observation_space(), &Space::uniform_box(3, 0.0, high));
        assert_eq!(run.observations, [0.0, 1.0 / scale, 2.0 / scale]);
    }
}

#[test]
fn colours_become_gray_channel_by_channel() {
    let run = started(film(1, 3, 1, 2), |s| s.grayscale = true);
    assert_eq!(run.batch.observation_space(), &Space::Image { channels: 1, height: 1, width: 2, pixel: Pixel::Byte });
    // Red 0 and 1, green 2 and 3, blue 4 and 5.
    let gray = |r: f32, g: f32, b: f32| (0.299 * r + 0.587 * g + 0.114 * b).round() as u8;
    assert_eq!(bytes(&run.observations), [gray(0.0, 2.0, 4.0), gray(1.0, 3.0, 5.0), 0, 0]);
}

#[test]
fn pictures_of_whole_blocks_become_their_means() {
    let run = started(film(1, 1, 4, 4), |s| s.resize = vec![2, 2]);
    // The blocks' bytes are 0 1 4 5, 2 3 6 7 and so on: a mean of 2.5 is rounded up.
    assert_eq!(bytes(&run.observations), [3, 5, 11, 13]);
    let run = started(film(1, 1, 4, 4), |s| s.resize = vec![1, 2]);
    assert_eq!(bytes(&run.observations), [6, 8, 0, 0], "means of 6.5 and 8.5: to the even number");
    let run = started(film(1, 1, 4, 4), |s| s.resize = vec![4, 4]);
    assert_eq!(bytes(&run.observations), (0..16).collect::<Vec<_>>(), "nothing to do");
}

#[test]
fn choices_are_seen_one_hot_without_being_asked_for() {
    for (space, observed, seen) in [
        (Space::Discrete { n: 3 }, vec![1.0], vec![0.0, 1.0, 0.0]),
        (Space::MultiDiscrete { nvec: vec![2, 3] }, vec![1.0, 2.0], vec![0.0, 1.0, 0.0, 0.0, 1.0]),
        (Space::MultiBinary { n: 3 }, vec![1.0, 0.0, 1.0], vec![1.0, 0.0, 1.0]),
    ] {
        let envs = Batch::new(2, || Choices(space.clone(), observed.clone())).unwrap();
        let run = started(envs, |_| ());
        assert_eq!(run.batch.observation_space(), &Space::uniform_box(seen.len(), 0.0, 1.0));
        assert_eq!(run.observations, seen.repeat(2));
    }
    for value in [3.0, -1.0, 0.5] {
        let envs = Batch::new(1, || Choices(Space::Discrete { n: 3 }, vec![value])).unwrap();
        let mut envs = wrap(Box::new(envs), &WrapperSettings::default()).unwrap();
        let error = envs.reset(0, 0, &mut [0.0; 3]).unwrap_err();
        assert_eq!(error, EnvError::NoChoice { env: 0, index: 0, value, n: 3 });
    }
}

#[test]
fn a_wrapper_that_does_not_fit_names_its_key_and_the_fix() {
    let cart = || make("CartPole-v1", 1).unwrap();
    assert_eq!(
        misfit(cart(), |s| s.grayscale = true),
        "`wrappers.grayscale` needs pictures of 3 channels, and this task has a box; set it to false"
    );
    assert_eq!(
        misfit(cart(), |s| s.resize = vec![84, 84]),
        "`wrappers.resize` needs pictures, and this task has a box; set it to []"
    );
    assert_eq!(
        misfit(film(1, 1, 10, 20), |s| s.resize = vec![12, 8]),
        "`wrappers.resize` needs pictures of at least 12 x 8, and this task has 10 x 20 ones; set it to at most [10, 20]"
    );
    assert_eq!(
        misfit(cart(), |s| s.observation_rescale = vec![0.0, 1.0]),
        "`wrappers.observation_rescale` needs bounded observations, and this task has an observation 1 without bounds; set it to []"
    );
    for (key, change) in [
        ("flatten", Box::new(|s: &mut WrapperSettings| s.flatten = true) as Box<dyn FnOnce(&mut WrapperSettings)>),
        ("episodic_life", Box::new(|s| s.episodic_life = true)),
        ("fire_reset", Box::new(|s| s.fire_reset = true)),
        ("action_rescale", Box::new(|s| s.action_rescale = true)),
    ] {
        let message = misfit(cart(), change);
        assert!(message.starts_with(&format!("`wrappers.{key}` needs ")) && message.ends_with("set it to false"));
    }
    let mut named = Lives::new(clock(1, &[9]), 4);
    named.names[0] = "LEFT".to_owned();
    assert!(misfit(named, |s| s.noop_max = 30).starts_with("`wrappers.noop_max` needs a task whose action 0 is NOOP"));
}
