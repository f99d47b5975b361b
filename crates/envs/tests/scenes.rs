//! What tasks draw: shapes where trigonometry and the rules put them, and the picture of an episode's end.

mod common;

use common::Run;
use std::f64::consts::{FRAC_PI_2, FRAC_PI_6};
use striatum_envs::scene::{Point, Rgb, Shape, colors};
use striatum_envs::wrappers::{WrapperSettings, wrap};
use striatum_envs::{LastStep, Moment, Picture, Scene, make, make_one, tasks};

/// What a task draws in a state, after a step of this action and reward.
fn scene(task: &str, state: &[f64], last: Option<(f32, f32)>) -> Scene {
    let mut env = make_one(task).unwrap();
    let mut observation = vec![0.0; env.observation_space().width()];
    env.set_state(state, &mut observation).unwrap();
    let action = [last.map_or(0.0, |(action, _)| action)];
    env.scene(last.map(|(_, reward)| LastStep { action: &action, reward })).unwrap()
}

#[track_caller]
fn polygon(scene: &Scene, color: Rgb) -> &[Point] {
    let found = scene.shapes.iter().find_map(|(shape, own)| match shape {
        Shape::Polygon(corners) if *own == color => Some(corners),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no polygon of {color:?}"))
}

fn discs(scene: &Scene, color: Rgb) -> Vec<Point> {
    let disc = |(shape, own): &(Shape, Rgb)| match shape {
        Shape::Disc { center, .. } if *own == color => Some(*center),
        _ => None,
    };
    scene.shapes.iter().filter_map(disc).collect()
}

#[track_caller]
fn near(a: Point, b: Point) {
    assert!((a[0] - b[0]).hypot(a[1] - b[1]) < 1e-9, "{a:?} is not {b:?}");
}

/// The middle between two points.
fn between(a: Point, b: Point) -> Point {
    [(a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0]
}

#[test]
fn every_task_draws_itself() {
    for task in tasks() {
        let env = make_one(task.name).unwrap();
        let scene = env.scene(None).unwrap_or_else(|| panic!("`{}` draws nothing", task.name));
        assert!(scene.width >= 100.0 && scene.height >= 100.0 && !scene.shapes.is_empty(), "{}", task.name);
        assert!((1.0..=60.0).contains(&env.frame_rate()), "{}", task.name);
        assert_eq!(env.scene(None), Some(scene), "{}", task.name);
        let mut batch = make(task.name, 2).unwrap();
        assert!(matches!(batch.picture(1, Moment::Now), Ok(Some(Picture::Scene(_)))), "{}", task.name);
        assert_eq!(batch.picture(1, Moment::End), Ok(None), "nothing has ended yet in `{}`", task.name);
    }
}

#[test]
fn a_cart_stands_at_its_position_and_its_pole_leans_by_its_angle() {
    // 125 pixels a metre; the pole leans to the right by 30 degrees from an axle 7.5 above the track at 100.
    let scene = scene("CartPole-v1", &[0.8, 0.0, FRAC_PI_6, 0.0], None);
    let cart = polygon(&scene, colors::BLACK);
    near(between(cart[0], cart[2]), [400.0, 100.0]);
    let pole = polygon(&scene, [202, 152, 101]);
    // Half a width of 5 below the axle begins what is 125 long.
    near(between(pole[1], pole[2]), [400.0 + 120.0 * 0.5, 107.5 + 120.0 * 0.75_f64.sqrt()]);
    assert_eq!(scene, self::scene("CartPoleNoVel-v1", &[0.8, 3.0, FRAC_PI_6, -2.0], None));
}

#[test]
fn a_car_stands_on_its_hill() {
    // sin(3 x) is -1 at x = -pi / 6: the bottom is 0.1 high. 600 / 1.8 pixels a unit; the body begins 10 higher.
    let scale = 600.0 / 1.8;
    for (task, goal) in [("MountainCar-v0", 0.5_f64), ("MountainCarContinuous-v0", 0.45)] {
        let scene = scene(task, &[-FRAC_PI_6, 0.0], None);
        let car = polygon(&scene, colors::BLACK);
        near(between(car[0], car[3]), [(1.2 - FRAC_PI_6) * scale, 0.1 * scale + 10.0]);
        let flag = polygon(&scene, [204, 204, 0]);
        near(flag[0], [(1.2 + goal) * scale, ((3.0 * goal).sin() * 0.45 + 0.55) * scale + 50.0]);
    }
}

#[test]
fn the_links_of_an_acrobot_hang_by_their_angles() {
    // The first link points to the right, the second from there straight up; a link is 500 / 4.4 pixels long.
    let scene = scene("Acrobot-v1", &[FRAC_PI_2, FRAC_PI_2, 0.0, 0.0], None);
    let length = 500.0 / 4.4;
    let joints = discs(&scene, [204, 204, 0]);
    near(joints[0], [250.0, 250.0]);
    near(joints[1], [250.0 + length, 250.0]);
    let links: Vec<&Vec<Point>> = scene
        .shapes
        .iter()
        .filter_map(|(shape, _)| if let Shape::Polygon(corners) = shape { Some(corners) } else { None })
        .collect();
    near(between(links[1][2], links[1][3]), [250.0 + length, 250.0 + length]);
    let Shape::Line { points, .. } = &scene.shapes[0].0 else { panic!("no line of the goal") };
    assert_eq!(points[0][1], 250.0 + length);
}

#[test]
fn a_pendulum_points_up_at_0_and_turns_against_the_clock() {
    let length = 500.0 / 4.4;
    for task in ["Pendulum-v1", "Pendulum-continuing-v0"] {
        let up = scene(task, &[0.0, 0.0], None);
        near(discs(&up, [204, 77, 77])[1], [250.0, 250.0 + length]);
        let left = scene(task, &[FRAC_PI_2, 0.0], Some((2.0, 0.0)));
        near(discs(&left, [204, 77, 77])[1], [250.0 - length, 250.0]);
        // A torque of 1 makes an arc from the top over the left to the right, whose radius is 0.93 / 4 of the rod's length.
        let half = scene(task, &[0.0, 0.0], Some((1.0, 0.0)));
        let line = half.shapes.iter().find_map(|(shape, _)| match shape {
            Shape::Line { points, .. } => Some(points),
            _ => None,
        });
        let line = line.expect("a torque's arrow");
        near(line[0], [250.0, 250.0 + 0.93 * length / 4.0]);
        near(line[line.len() - 1], [250.0 + 0.93 * length / 4.0, 250.0]);
        assert!(line.iter().any(|point| point[0] < 250.0 - 0.9 * length / 4.0));
    }
}

#[test]
fn a_bandit_shows_the_pulled_arm_and_what_it_gave() {
    let height = |scene: &Scene, color| polygon(scene, color)[2][1] - 60.0;
    let best = scene("Bandit-v0", &[1.0], Some((0.0, 1.0)));
    assert_eq!(height(&best, colors::AGENT), 270.0 * 0.8);
    near(discs(&best, colors::GOLD)[0], [75.0, 364.0]);
    let other = scene("Bandit-v0", &[1.0], Some((2.0, 0.0)));
    assert_eq!(height(&other, colors::AGENT), 270.0 * 0.2);
    near(discs(&other, colors::FAINT)[0], [375.0, 364.0]);
    assert_eq!(discs(&scene("Bandit-v0", &[0.0], None), colors::GOLD), [[0.0; 2]; 0]);
}

#[test]
fn a_lamp_and_a_drop_tell_of_a_trial() {
    let lamp = |scene: &Scene| !discs(scene, colors::GOLD).is_empty();
    let drop = |scene: &Scene| !discs(scene, colors::AGENT).is_empty();
    // The cue is there from 0 to 9; the reward comes with the step that ends the trial.
    let at = |clock, reward| scene("Conditioning-v0", &[3.0, clock], Some((0.0, reward)));
    assert!(!lamp(&at(-1.0, 0.0)) && lamp(&at(0.0, 0.0)) && lamp(&at(9.0, 0.0)) && !lamp(&at(10.0, 0.0)));
    assert!(drop(&at(-5.0, 1.0)) && !drop(&at(-5.0, 0.0)));
    // The longest wait is 15 steps and the delay 10: the onset lies at 3 fifths of 540 pixels.
    near(discs(&at(0.0, 0.0), colors::INK)[0], [30.0 + 0.6 * 540.0, 70.0]);
}

#[test]
fn a_choice_is_framed() {
    let framed = |action| discs(&scene("RiskyChoice-v0", &[1.0], Some((action, 1.0))), colors::AGENT);
    assert_eq!((framed(0.0), framed(1.0)), (vec![[155.0, 220.0]], vec![[445.0, 220.0]]));
    // Half of the wheel is won: the sector ends straight below.
    let scene = scene("RiskyChoice-v0", &[0.0], None);
    let sector = polygon(&scene, colors::GOOD);
    near(sector[0], [445.0, 220.0 - 95.0]);
}

#[test]
fn the_walker_stands_in_its_cell_with_a_ring_after_a_gamble() {
    let walker = |scene: &Scene| discs(scene, colors::WALKER)[0];
    // 13 columns of 48 pixels, three rows.
    let won = scene("CliffGamble-v0", &[1.0, 6.0], Some((1.0, 1.0)));
    near(walker(&won), [6.5 * 48.0, 1.5 * 48.0]);
    assert_eq!(discs(&won, colors::GOOD), [walker(&won)]);
    let lost = scene("CliffGamble-v0", &[1.0, 6.0], Some((1.0, -7.0)));
    assert_eq!(discs(&lost, colors::BAD), [walker(&lost)]);
    let start = scene("CliffGamble-v0", &[2.0, 0.0], Some((1.0, -6.0)));
    near(walker(&start), [24.0, 24.0]);
    assert!(discs(&start, colors::BAD).is_empty());
}

#[test]
fn a_latency_stands_between_haste_and_sloth() {
    // Latencies from 0.1 to 10: action 0 is 1, in the middle; the best, 2, lies log10(20) / 2 of the way.
    let done = scene("Vigour-v0", &[40.0], Some((0.0, 0.0)));
    near(discs(&done, colors::GOLD)[0], [300.0, 130.0]);
    near(polygon(&done, colors::GOOD)[0], [40.0 + 520.0 * 20.0_f64.log10() / 2.0, 112.0]);
    assert_eq!(polygon(&done, colors::AGENT)[2][0], 40.0 + 520.0 * 0.4);
    let cut = scene("Vigour-v0", &[100.0], Some((0.0, -1.0)));
    near(discs(&cut, colors::BAD)[0], [300.0, 130.0]);
}

#[test]
fn the_card_to_name_is_framed() {
    let mut state = vec![6.0];
    state.extend((0..52).map(|card| f64::from(card % 4)));
    // The fourth card from the last of six; the newest is at the right.
    let scene = scene("RepeatPrevious-v0", &state, Some((1.0, -0.1)));
    let frame = polygon(&scene, colors::GOLD);
    near(between(frame[0], frame[2]), [600.0 - 3.5 * 60.0, 205.0]);
    assert_eq!(discs(&scene, colors::BAD), [[300.0, 75.0]]);
}

#[test]
fn the_end_of_an_episode_is_kept_for_who_watches() {
    let state = [2.39, 1.0, 0.0, 0.0];
    let mut end = make_one("CartPole-v1").unwrap();
    let mut observation = [0.0; 4];
    end.set_state(&state, &mut observation).unwrap();
    end.step(&[1.0], &mut striatum_envs::Stream::new(0, striatum_envs::Purpose::Dynamics, 0, 0), &mut observation);

    let mut run = Run::seeded(make("CartPole-v1", 2).unwrap(), 5);
    let before = run.batch.snapshot();
    let mut near_end = before.clone();
    near_end.states[4..].copy_from_slice(&state);
    for watches in [false, true] {
        if watches {
            run.batch.watch();
        }
        run.batch.restore(&near_end, &mut run.observations).unwrap();
        run.step(&[1.0, 1.0]).unwrap();
        assert_eq!(run.terminated, [0.0, 1.0]);
        assert_eq!(run.batch.picture(0, Moment::End), Ok(None));
        let kept = watches.then(|| Picture::Scene(end.scene(None).unwrap()));
        assert_eq!(run.batch.picture(1, Moment::End), Ok(kept.clone()));
        assert_ne!(run.batch.picture(1, Moment::Now), Ok(kept), "the next episode has begun");
    }
}

#[test]
fn watching_changes_nothing_but_what_pictures_show() {
    let mut plain = Run::seeded(make("Pendulum-v1", 3).unwrap(), 1);
    let mut watched = Run::seeded(make("Pendulum-v1", 3).unwrap(), 1);
    watched.batch.watch();
    for t in 0..450 {
        plain.step_random(t);
        watched.step_random(t);
        assert_eq!(plain.observations, watched.observations);
        assert_eq!(plain.rewards, watched.rewards);
    }
    let shapes = |run: &mut Run<_>| match striatum_envs::VecEnv::picture(&mut run.batch, 0, Moment::Now) {
        Ok(Some(Picture::Scene(scene))) => scene.shapes.len(),
        other => panic!("{other:?}"),
    };
    // The torque's arrow is a line and a head.
    let count: (usize, usize) = (shapes(&mut plain), shapes(&mut watched));
    assert_eq!(count.1, count.0 + 2);
}

#[test]
fn a_cell_of_minatar_has_a_colour_where_something_is() {
    for game in ["Breakout", "Asterix", "Freeway", "Seaquest", "SpaceInvaders"] {
        let task = format!("MinAtar/{game}-v1");
        let mut run = Run::seeded(make(&task, 1).unwrap(), 2);
        let mut seen = 0;
        for t in 0..60 {
            run.step_random(t);
            let Ok(Some(Picture::Scene(scene))) = run.batch.picture(0, Moment::Now) else {
                panic!("no scene of {task}")
            };
            assert_eq!((scene.width, scene.shapes.len()), (400.0, 100));
            for (cell, (_, color)) in scene.shapes.iter().enumerate() {
                let is_there = run.observations.chunks_exact(100).any(|channel| channel[cell] > 0.0);
                assert_eq!(is_there, *color != colors::BLACK, "cell {cell} of {task} at step {t}");
                seen += usize::from(is_there);
            }
        }
        assert!(seen > 100, "{task}");
    }
}

#[test]
fn the_ball_of_breakout_lies_over_its_trail() {
    // Over, last action; paddle, ball and its direction, where it was, struck; three rows of bricks, of which one is left.
    let scene = scene("MinAtar/Breakout-v1", &[0.0, 0.0, 4.0, 7.0, 5.0, 0.0, 6.0, 4.0, 0.0, 0.0, 2.0, 0.0], None);
    let color = |row: usize, column: usize| scene.shapes[row * 10 + column].1;
    let [paddle, ball, trail, brick] = [color(9, 4), color(5, 7), color(4, 6), color(2, 1)];
    assert_eq!([paddle, ball, trail, brick], [[77, 171, 247], [248, 249, 250], [66, 70, 75], [250, 82, 82]]);
    assert_eq!(scene.shapes.iter().filter(|(_, color)| *color != colors::BLACK).count(), 4);
}

#[test]
fn walkers_stand_in_their_cells() {
    let walker = |task, cell: f64, reward| discs(&scene(task, &[cell], Some((0.0, reward))), colors::WALKER)[0];
    near(walker("FrozenLake-v1", 6.0, 0.0), [2.5 * 96.0, 2.5 * 96.0]);
    near(walker("FrozenLake8x8-v1", 63.0, 1.0), [7.5 * 64.0, 0.5 * 64.0]);
    near(walker("CliffWalking-v1", 13.0, -1.0), [1.5 * 48.0, 2.5 * 48.0]);
    let fallen = scene("CliffWalking-v1", &[36.0], Some((1.0, -100.0)));
    assert_eq!(discs(&fallen, colors::BAD), [[24.0, 24.0]]);
    // Holes of the small lake.
    let holes = discs(&scene("FrozenLake-v1", &[0.0], None), [28, 60, 110]);
    assert_eq!(holes.len(), 4);
    near(holes[0], [1.5 * 96.0, 2.5 * 96.0]);
}

#[test]
fn a_passenger_waits_or_sits_in_the_taxi() {
    // Row 1 and column 2, a passenger at the yellow stand who wants to go to the blue one; then aboard.
    let at = |passenger: f64| scene("Taxi-v3", &[((1.0 * 5.0 + 2.0) * 5.0 + passenger) * 4.0 + 3.0, 0.0], None);
    near(discs(&at(2.0), colors::INK)[0], [40.0, 40.0]);
    near(discs(&at(4.0), colors::INK)[0], [200.0, 280.0]);
    let waiting = at(2.0);
    let Some((Shape::Line { points, .. }, _)) =
        waiting.shapes.iter().find(|(shape, _)| matches!(shape, Shape::Line { .. }))
    else {
        panic!("no frame of the destination")
    };
    near(between(points[0], points[2]), [280.0, 40.0]);
}

#[test]
fn the_dealer_shows_one_card_until_the_player_sticks() {
    let texts = |action, reward| {
        let scene = scene("Blackjack-v1", &[10.0, 1.0, 3.0, 18.0, 0.0, 3.0, 9.0], Some((action, reward)));
        let text = |(shape, _): (Shape, Rgb)| if let Shape::Text { text, .. } = shape { Some(text) } else { None };
        scene.shapes.into_iter().filter_map(text).collect::<Vec<_>>()
    };
    assert_eq!(texts(1.0, 0.0), ["9", "dealer", "20", "player, with an ace of 11"]);
    assert_eq!(texts(0.0, 1.0), ["18", "dealer", "20", "player, with an ace of 11"]);
}

#[test]
fn wrappers_show_the_task_that_is_in_them() {
    let settings = WrapperSettings { frame_skip: 2, time_limit: 3, ..Default::default() };
    let wrapped = wrap(make("CartPole-v1", 1).unwrap(), &settings).unwrap();
    let (mut wrapped, mut plain) = (Run::seeded(wrapped, 4), Run::seeded(make("CartPole-v1", 1).unwrap(), 4));
    assert_eq!((wrapped.batch.frame_rate(), plain.batch.frame_rate()), (25.0, 50.0));
    wrapped.batch.watch();
    for step in 1..=3 {
        assert_eq!(wrapped.batch.picture(0, Moment::Now), plain.batch.picture(0, Moment::Now));
        wrapped.step(&[1.0]).unwrap();
        plain.step(&[1.0]).unwrap();
        plain.step(&[1.0]).unwrap();
        assert_eq!(wrapped.truncated[0], f32::from(u8::from(step == 3)));
    }
    assert_eq!(wrapped.batch.picture(0, Moment::End), plain.batch.picture(0, Moment::Now), "the wrapper ended it");
    assert_ne!(wrapped.batch.picture(0, Moment::Now), plain.batch.picture(0, Moment::Now));
}
