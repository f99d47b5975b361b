//! Pictures: pixels of shapes by hand, and the classic tasks beside Gymnasium's.

use std::path::Path;
use striatum_envs::scene::colors::{BLACK, WHITE};
use striatum_envs::{Frame, LastStep, Picture, Scene, make_one};
use striatum_train::picture::{draw, fit};

fn pixel(frame: &Frame, x: usize, y: usize) -> [u8; 3] {
    let at = 3 * (y * frame.width + x);
    [frame.rgb[at], frame.rgb[at + 1], frame.rgb[at + 2]]
}

/// How much of a white frame is black, in pixels.
fn area(frame: &Frame) -> f64 {
    frame.rgb.chunks_exact(3).map(|rgb| f64::from(255 - rgb[0]) / 255.0).sum()
}

fn on_white(shape: impl Fn(&mut Scene)) -> Scene {
    let mut scene = Scene::new(40.0, 20.0, WHITE);
    shape(&mut scene);
    scene
}

#[test]
fn a_rectangle_covers_pixels_by_its_share() {
    // From 2.5 to 6 and from 3 to 5.25, counted from below.
    let frame = draw(&on_white(|scene| scene.rectangle([2.5, 3.0], [3.5, 2.25], BLACK)), 1.0);
    assert_eq!((frame.width, frame.height), (40, 20));
    assert_eq!(pixel(&frame, 3, 16), BLACK);
    assert_eq!(pixel(&frame, 2, 16), [128; 3]);
    assert_eq!(pixel(&frame, 6, 16), WHITE);
    assert_eq!(pixel(&frame, 3, 14), [191; 3], "a quarter of the row from 5 to 6");
    assert_eq!((pixel(&frame, 3, 17), pixel(&frame, 3, 13)), (WHITE, WHITE));
    assert!((area(&frame) - 3.5 * 2.25).abs() < 0.02, "{}", area(&frame));
}

#[test]
fn shapes_have_their_areas_at_any_scale() {
    for scale in [0.5, 1.0, 3.0] {
        let shapes = [
            (on_white(|scene| scene.disc([11.3, 9.1], 7.0, BLACK)), std::f64::consts::PI * 49.0),
            (on_white(|scene| scene.polygon([[3.0, 2.0], [33.3, 4.0], [14.0, 18.7]], BLACK)), 242.005),
            // Two ends of half a disc each.
            (
                on_white(|scene| scene.line([[5.0, 5.0], [29.0, 15.0]], 4.0, BLACK)),
                26.0 * 4.0 + 4.0 * std::f64::consts::PI,
            ),
            // Out of sight, but for a part.
            (on_white(|scene| scene.rectangle([-100.0, 15.0], [110.0, 900.0], BLACK)), 50.0),
        ];
        for (scene, expected) in shapes {
            let area = area(&draw(&scene, scale)) / scale.powi(2);
            assert!((area / expected - 1.0).abs() < 0.02, "{area} is not {expected} at {scale}");
        }
    }
}

#[test]
fn an_outline_that_crosses_itself_is_filled_where_edges_are_odd() {
    // The inner square is wound round twice.
    let corners = [
        [5.0, 5.0],
        [15.0, 5.0],
        [15.0, 15.0],
        [5.0, 15.0],
        [5.0, 5.0],
        [8.0, 8.0],
        [12.0, 8.0],
        [12.0, 12.0],
        [8.0, 12.0],
        [8.0, 8.0],
    ];
    let frame = draw(&on_white(|scene| scene.polygon(corners, BLACK)), 1.0);
    assert_eq!((pixel(&frame, 10, 10), pixel(&frame, 6, 10)), (WHITE, BLACK));
}

#[test]
fn thin_lines_stay_a_whole_pixel() {
    let scene = on_white(|scene| scene.line([[0.0, 10.0], [40.0, 10.0]], 1.0, BLACK));
    for scale in [0.2, 1.0] {
        let frame = draw(&scene, scale);
        let dark: Vec<_> = (0..frame.height).filter(|&y| pixel(&frame, frame.width / 2, y) == BLACK).collect();
        assert_eq!(dark.len(), 1, "at {scale}");
        assert!((area(&frame) - frame.width as f64).abs() < 1e-9);
    }
}

#[test]
fn later_shapes_lie_over_earlier_ones_and_text_is_drawn_around_its_middle() {
    let scene = on_white(|scene| {
        scene.rectangle([0.0, 0.0], [40.0, 20.0], [1, 2, 3]);
        scene.rectangle([0.0, 0.0], [20.0, 20.0], WHITE);
        scene.text("0", [10.0, 10.0], 16.0, BLACK);
    });
    let frame = draw(&scene, 1.0);
    assert_eq!((pixel(&frame, 30, 3), pixel(&frame, 1, 1)), ([1, 2, 3], WHITE));
    let inked = (0..20).flat_map(|y| (0..20).map(move |x| (x, y))).filter(|&(x, y)| pixel(&frame, x, y)[0] < 128);
    let (xs, ys): (Vec<usize>, Vec<usize>) = inked.unzip();
    let middle = |values: &[usize]| (values.iter().min().unwrap() + values.iter().max().unwrap()) as f64 / 2.0 + 0.5;
    assert!((middle(&xs) - 10.0).abs() <= 1.0 && (middle(&ys) - 10.0).abs() <= 1.0, "{xs:?} {ys:?}");
}

#[test]
fn a_picture_fits_the_room_in_its_proportions() {
    let mut scene = Scene::new(600.0, 400.0, WHITE);
    scene.text("label", [300.0, 100.0], 20.0, BLACK);
    let (frame, labels) = fit(&Picture::Scene(scene), (90, 90));
    assert_eq!((frame.width, frame.height), (90, 60));
    assert!(frame.rgb.iter().all(|&x| x == 255), "texts are given beside");
    assert_eq!((labels[0].text.as_str(), labels[0].center), ("label", [45.0, 45.0]));

    let rgb = [[0; 3], [100; 3], [200; 3], [60; 3]].concat();
    let (mean, labels) = fit(&Picture::Frame(Frame { width: 2, height: 2, rgb: rgb.clone() }), (1, 5));
    assert_eq!((mean, labels), (Frame { width: 1, height: 1, rgb: vec![90; 3] }, Vec::new()));
    let (large, _) = fit(&Picture::Frame(Frame { width: 2, height: 2, rgb }), (4, 9));
    assert_eq!((large.width, large.height), (4, 4));
    assert_eq!((pixel(&large, 1, 1), pixel(&large, 2, 1), pixel(&large, 3, 3)), ([0; 3], [100; 3], [60; 3]));
}

/// A task in a state, after a step with an action.
fn drawn(task: &str, state: &[f64], action: f32) -> Frame {
    let mut env = make_one(task).unwrap();
    let mut observation = vec![0.0; env.observation_space().width()];
    env.set_state(state, &mut observation).unwrap();
    draw(&env.scene(Some(LastStep { action: &[action], reward: 0.0 })).unwrap(), 1.0)
}

/// The pictures of `scripts/record_pictures.py`.
fn gymnasium(task: &str) -> Vec<Frame> {
    let path = Path::new("tests/fixtures/pictures").join(format!("{task}.gif"));
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(std::fs::File::open(path).unwrap()).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        let rgb = frame.buffer.chunks_exact(4).flat_map(|rgba| rgba[..3].to_vec()).collect();
        frames.push(Frame { width: frame.width.into(), height: frame.height.into(), rgb });
    }
    frames
}

#[test]
fn classic_tasks_look_as_in_gymnasium() {
    /// A state and an action.
    type Instant = (&'static [f64], f32);
    let states: [(&str, [Instant; 2]); 5] = [
        ("CartPole-v1", [(&[0.3, 0.0, 0.15, 0.0], 0.0), (&[-2.0, 0.0, -0.1, 0.0], 0.0)]),
        ("MountainCar-v0", [(&[-0.9, 0.0], 0.0), (&[0.45, 0.0], 0.0)]),
        ("MountainCarContinuous-v0", [(&[-0.3, 0.0], 0.0), (&[0.4, 0.0], 0.0)]),
        ("Acrobot-v1", [(&[0.5, 0.7, 0.0, 0.0], 0.0), (&[2.6, -0.4, 0.0, 0.0], 0.0)]),
        ("Pendulum-v1", [(&[0.6, 0.0], 1.5), (&[2.5, 0.0], -2.0)]),
    ];
    for (task, states) in states {
        let theirs = gymnasium(task);
        assert_eq!(theirs.len(), 2);
        for (i, (state, action)) in states.into_iter().enumerate() {
            let ours = drawn(task, state, action);
            assert_eq!(ours, drawn(task, state, action), "a picture depends on the state alone");
            let [own, other] = [i, 1 - i].map(|i| difference(&ours, &theirs[i]));
            // Edges lie half a pixel apart, and the torque's arrow is a drawing of its own there.
            assert!(own < 0.008 && own < other / 2.0, "{task} in {state:?}: {own}, and {other} in the other state");
        }
    }
}

/// The share of pixels that differ much.
fn difference(a: &Frame, b: &Frame) -> f64 {
    assert_eq!((a.width, a.height), (b.width, b.height));
    let pixels = a.rgb.chunks_exact(3).zip(b.rgb.chunks_exact(3));
    let apart = |a: &[u8], b: &[u8]| a.iter().zip(b).any(|(&a, &b)| a.abs_diff(b) > 64);
    pixels.filter(|(a, b)| apart(a, b)).count() as f64 / (a.width * a.height) as f64
}
