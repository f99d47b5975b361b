//! Pictures of tasks: beside Gymnasium's, and what pixels show.

use striatum_envs::{LastStep, make_one, tasks};
use striatum_train::picture::draw;

#[test]
fn dump() {
    let Some(folder) = std::env::var_os("STRIATUM_PICTURE_DIR").map(std::path::PathBuf::from) else { return };
    let states: &[(&str, &[f64], f32, f32)] = &[
        ("CartPole-v1", &[0.3, 0.0, 0.15, 0.0], 1.0, 1.0),
        ("CartPole-v1", &[-2.0, 0.0, -0.1, 0.0], 1.0, 1.0),
        ("MountainCar-v0", &[-0.9, 0.0], 1.0, 1.0),
        ("MountainCar-v0", &[0.45, 0.0], 1.0, 1.0),
        ("MountainCarContinuous-v0", &[-0.3, 0.0], 1.0, 1.0),
        ("Acrobot-v1", &[0.5, 0.7, 0.0, 0.0], 1.0, 1.0),
        ("Acrobot-v1", &[2.6, -0.4, 0.0, 0.0], 1.0, 1.0),
        ("Pendulum-v1", &[0.6, 0.0], 1.5, 1.0),
        ("Pendulum-v1", &[2.5, 0.0], -2.0, 1.0),
        ("Bandit-v0", &[1.0], 2.0, 1.0),
        ("Conditioning-v0", &[3.0, 4.0], 1.0, 0.0),
        ("Conditioning-v0", &[3.0, -9.0], 1.0, 1.0),
        ("RiskyChoice-v0", &[1.0], 1.0, 1.0),
        ("RiskyChoice-v0", &[1.0], 0.0, 0.5),
        ("CliffGamble-v0", &[1.0, 6.0], 1.0, 1.0),
        ("CliffGamble-v0", &[2.0, 0.0], 1.0, -6.0),
        ("Vigour-v0", &[40.0], 0.1, 0.5),
    ];
    for (i, (task, state, action, reward)) in states.iter().enumerate() {
        let mut env = make_one(task).unwrap();
        let mut observation = vec![0.0; env.observation_space().width()];
        env.set_state(state, &mut observation).unwrap();
        let scene = env.scene(Some(LastStep { action: &[*action], reward: *reward })).unwrap();
        let frame = draw(&scene, 1.0);
        let mut bytes = format!("P6 {} {} 255\n", frame.width, frame.height).into_bytes();
        bytes.extend(&frame.rgb);
        std::fs::write(folder.join(format!("own-{i:02}-{task}.ppm")), bytes).unwrap();
    }
    assert!(tasks().iter().all(|task| make_one(task.name).unwrap().scene(None).is_some()));
}
