//! Spaces: what Gymnasium has, as rows of numbers.

use crate::Test;
use crate::common::{Rig, task};
use striatum_envs::{EnvError, Params, Pixel, Space, VecEnv};
use striatum_gym::describe;

pub const TESTS: &[Test] = &[
    ("parts_of_an_observation_follow_each_other", parts_of_an_observation_follow_each_other),
    ("every_kind_of_action_arrives", every_kind_of_action_arrives),
    ("pictures_are_channel_after_channel", pictures_are_channel_after_channel),
    ("masks_stand_behind_the_observation", masks_stand_behind_the_observation),
    ("lives_are_counted", lives_are_counted),
];

fn parts_of_an_observation_follow_each_other() {
    let task = task("Parts", 1, 1);
    let described = describe(&task).unwrap();
    let names = [("arm/0", 4), ("arm/1", 2), ("many", 5), ("place", 3)];
    assert_eq!(described.observation_names, names.map(|(name, width)| (name.to_owned(), width)));
    let Space::Box { low, high } = &described.observation_space else { panic!("{described:?}") };
    assert_eq!((low[..5].to_vec(), high[..5].to_vec()), (vec![-1.0, -1.0, -1.0, -1.0, 0.0], vec![1.0; 5]));
    let mut rig = Rig::new(&task, 0);
    assert_eq!(rig.observations, [0., 0., 0., 0., 0., 1., 1., 0., 1., 0., 0., 1., 0., 0.]);
    for _ in 0..5 {
        rig.step(&[0.0, 0.0]).unwrap();
    }
    assert_eq!(rig.observations, [0.5, 0.5, 0.5, 0.5, 1., 1., 0., 1., 0., 0., 1., 0., 0., 1.]);
}

fn every_kind_of_action_arrives() {
    let with = |kind: &str| {
        let mut task = task("Parts", 2, 1);
        task.arguments = Params::default().with("actions", kind);
        task
    };
    let mut multi = Rig::new(&with("multi"), 0);
    assert_eq!(multi.envs.action_space(), &Space::MultiDiscrete { nvec: vec![2, 3] });
    multi.step(&[1.0, 2.0, 0.0, 1.0]).unwrap();
    assert_eq!(multi.rewards, [33.0, 31.0]);

    let mut binary = Rig::new(&with("binary"), 0);
    assert_eq!(binary.envs.action_space(), &Space::MultiBinary { n: 3 });
    binary.step(&[1.0, 0.0, 1.0, 0.0, 0.0, 1.0]).unwrap();
    assert_eq!(binary.rewards, [2.0, 1.0]);

    let mut plane = Rig::new(&with("box"), 0);
    assert_eq!(plane.envs.action_space(), &Space::Box { low: vec![-1.0, 0.0], high: vec![1.0, 2.0] });
    plane.step(&[-0.5, 1.5, 0.25, 0.5]).unwrap();
    assert_eq!(plane.rewards, [1.0, 0.75]);

    let error = describe(&with("dict")).unwrap_err();
    assert!(matches!(&error, EnvError::Unavailable(text) if text.contains("actions of Dict")), "{error}");
}

fn pictures_are_channel_after_channel() {
    let bytes = |shape: &[usize]| {
        let mut task = task("Picture", 2, 1);
        task.arguments = Params::default().with("shape", shape.to_vec());
        let rig = Rig::new(&task, 0);
        let space = rig.envs.observation_space().clone();
        let row = &rig.observations[rig.observations.len() / 2..];
        (space, bytemuck::cast_slice::<f32, u8>(row).to_vec())
    };
    let image = |channels, height, width| Space::Image { channels, height, width, pixel: Pixel::Byte };

    // The last axis is the channels: [2, 2, 3] is row, column, channel.
    let (space, row) = bytes(&[2, 2, 3]);
    assert_eq!(space, image(3, 2, 2));
    assert_eq!(row, [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]);
    // The first one is, of stacked frames.
    let (space, row) = bytes(&[4, 5, 6]);
    assert_eq!(space, image(4, 5, 6));
    assert_eq!(row, (0..120).collect::<Vec<u8>>());
    assert_eq!(bytes(&[9, 8, 6]).0, image(6, 9, 8), "the smaller of first and last");
    assert_eq!(bytes(&[6, 9, 8]).0, image(6, 9, 8));
    // Without channels, and with a row that four bytes do not fill.
    let (space, row) = bytes(&[2, 3]);
    assert_eq!(space, image(1, 2, 3));
    assert_eq!(row, [0, 1, 2, 3, 4, 5, 0, 0]);
    // One axis, or four, are numbers.
    let mut task = task("Picture", 1, 1);
    task.arguments = Params::default().with("shape", vec![5]);
    assert_eq!(Rig::new(&task, 0).observations, [0.0, 1.0, 2.0, 3.0, 4.0]);
}

fn masks_stand_behind_the_observation() {
    for by in ["info", "method"] {
        let mut task = task("Masked", 2, 2);
        task.arguments = Params::default().with("by", by);
        let mut rig = Rig::new(&task, 0);
        assert_eq!((rig.envs.action_mask_width(), rig.envs.observation_space().width()), (3, 4));
        assert_eq!(rig.observations, [0., 1., 0., 0., 0., 1., 0., 0.]);
        rig.step(&[0.0, 0.0]).unwrap();
        assert_eq!(rig.observations, [1., 0., 1., 0., 1., 0., 1., 0.]);
        for _ in 0..3 {
            rig.step(&[0.0, 0.0]).unwrap();
        }
        assert_eq!(rig.terminated, [1.0, 1.0]);
        assert_eq!(rig.finals, [4., 0., 1., 0., 4., 0., 1., 0.]);
        assert_eq!(rig.observations, [0., 1., 0., 0., 0., 1., 0., 0.]);
    }
}

fn lives_are_counted() {
    let mut task = task("Picture", 3, 2);
    task.arguments = Params::default().with("shape", vec![4, 4]);
    let mut rig = Rig::new(&task, 0);
    assert_eq!(rig.envs.lives(), Some(&[3, 3, 3][..]));
    rig.step(&[0.0, 1.0, 0.0]).unwrap();
    assert_eq!(rig.envs.lives(), Some(&[2, 1, 2][..]));
    assert_eq!(Rig::new(&super::common::task("Masked", 1, 1), 0).envs.lives(), None);
}
