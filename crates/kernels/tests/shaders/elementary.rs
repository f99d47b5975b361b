//! The elementary functions of the rollout against double precision, and its numbers against the host's streams.

use crate::Test;
use bytemuck::cast_slice;
use std::f64::consts::TAU;
use striatum_kernels::{Backend, Bind, Gpu, PHILOX_WGSL, Shader, WORKGROUP};
use striatum_rng::{Purpose, Stream, normal_pair, unit_f32};

pub const TESTS: &[Test] = &[
    ("elementary_sine_and_cosine", sine_and_cosine),
    ("elementary_wrapped_angle", wrapped_angle),
    ("elementary_logarithm", logarithm),
    ("elementary_normal_numbers_are_the_hosts", normal),
    ("elementary_uniform_numbers_are_the_hosts", around),
];

const ELEMENTARY: &str = include_str!("../../../../shaders/elementary.wgsl");

/// `f` of every pair of words: two numbers each.
fn map(gpu: &Gpu, label: &'static str, f: &str, words: &[[u32; 2]]) -> Result<Vec<f32>, String> {
    let kernel = format!(
        "{ELEMENTARY}{PHILOX_WGSL}
        @group(0) @binding(0) var<storage, read> words: array<vec2<u32>>;
        @group(0) @binding(1) var<storage, read_write> out: array<vec2<f32>>;
        @compute @workgroup_size(256) fn map(@builtin(global_invocation_id) id: vec3<u32>) {{
            if id.x >= arrayLength(&out) {{ return; }}
            let word = words[id.x];
            let x = bitcast<f32>(word.x);
            out[id.x] = {f};
        }}"
    );
    let shader = Shader { label, source: Box::leak(kernel.into_boxed_str()) };
    let mut out = gpu.zeros(2 * words.len());
    gpu.launch(&shader, &[], &[Bind::Data(cast_slice(words)), (&mut out).into()], words.len().div_ceil(WORKGROUP));
    gpu.download(&out).map_err(|error| error.to_string())
}

fn random_words(n: usize) -> Vec<[u32; 2]> {
    let mut stream = Stream::new(3, Purpose::User, 0, 0);
    (0..n).map(|_| [stream.word(), stream.word()]).collect()
}

/// Angles of every size up to `largest`, and multiples of an eighth of a turn with their neighbours.
fn angles(largest: f64) -> Vec<f32> {
    let mut stream = Stream::new(4, Purpose::User, 0, 0);
    let mut angles: Vec<f32> =
        (0..6000).map(|i| stream.range(-largest, largest) as f32 * 0.5_f32.powi(i % 12)).collect();
    for eighth in -20..=20 {
        let angle = (f64::from(eighth) * TAU / 8.0) as f32;
        angles.extend([angle, angle.next_up(), angle.next_down()]);
    }
    angles
}

fn words_of(numbers: &[f32]) -> Vec<[u32; 2]> {
    numbers.iter().map(|x| [x.to_bits(), 0]).collect()
}

fn within(what: &str, x: f32, actual: f32, expected: f64, tolerance: f64) -> Result<(), String> {
    let near = (f64::from(actual) - expected).abs() <= tolerance;
    if near { Ok(()) } else { Err(format!("{what} of {x} is {actual}, not {expected}")) }
}

fn sine_and_cosine(gpu: &Gpu) -> Result<(), String> {
    let angles = angles(2000.0);
    let out = map(gpu, "test_sin_cos", "sin_cos(x)", &words_of(&angles))?;
    angles.iter().zip(out.chunks_exact(2)).try_for_each(|(&x, out)| {
        let (sin, cos) = f64::from(x).sin_cos();
        within("the sine", x, out[0], sin, 2e-7)?;
        within("the cosine", x, out[1], cos, 2e-7)
    })
}

fn wrapped_angle(gpu: &Gpu) -> Result<(), String> {
    let angles = angles(200.0);
    let out = map(gpu, "test_wrap_angle", "vec2<f32>(wrap_angle(x))", &words_of(&angles))?;
    angles.iter().zip(out.chunks_exact(2)).try_for_each(|(&x, out)| {
        let turns = (f64::from(x) - f64::from(out[0])) / TAU;
        if f64::from(out[0]).abs() > TAU / 2.0 + 1e-5 {
            return Err(format!("{x} is wrapped to {}", out[0]));
        }
        within("the turns", x, (turns - turns.round()) as f32, 0.0, 1e-7)
    })
}

fn logarithm(gpu: &Gpu) -> Result<(), String> {
    let edge = |k: u32| [1 << 24, (1 << 24) - 1 - k, k + 1].map(|k| k as f32 / 16_777_216.0);
    let mut numbers: Vec<f32> = (0..200).flat_map(edge).collect();
    numbers.extend(random_words(4000).iter().map(|[word, _]| 1.0 - unit_f32(*word)));
    let out = map(gpu, "test_log_of_unit", "vec2<f32>(log_of_unit(x))", &words_of(&numbers))?;
    numbers.iter().zip(out.chunks_exact(2)).try_for_each(|(&x, out)| {
        let expected = f64::from(x).ln();
        within("the logarithm", x, out[0], expected, 3e-7 * expected.abs())
    })
}

fn normal(gpu: &Gpu) -> Result<(), String> {
    let mut words = random_words(6000);
    // The farthest and the nearest numbers, in every direction.
    for [_, direction] in random_words(50) {
        words.extend([0, 1 << 8, 2 << 8, u32::MAX, u32::MAX - (1 << 8)].map(|word| [word, direction]));
        words.extend([[direction, 0], [direction, 1 << 30], [direction, 1 << 31], [direction, u32::MAX]]);
    }
    let out = map(gpu, "test_normal", "vec2<f32>(normal(word.x, word.y))", &words)?;
    words.iter().zip(out.chunks_exact(2)).try_for_each(|(&[a, b], out)| {
        let [expected, _] = normal_pair(a, b);
        within("the normal number", unit_f32(a), out[0], f64::from(expected), 1e-6)
    })
}

fn around(gpu: &Gpu) -> Result<(), String> {
    let words: Vec<[u32; 2]> = (0..2000)
        .map(|lane| {
            let mut stream = Stream::new(8, Purpose::User, lane, 0);
            [stream.word(), stream.word()]
        })
        .collect();
    let out = map(gpu, "test_around", "vec2<f32>(around(-0.5, 0.1, word.x), around(0.0, 0.05, word.x))", &words)?;
    (0..2000).zip(out.chunks_exact(2)).try_for_each(|(lane, out)| {
        let mut streams = [0, 1].map(|_| Stream::new(8, Purpose::User, lane, 0));
        let (off_centre, centred) = (streams[0].range(-0.6, -0.4), streams[1].range(-0.05, 0.05));
        within("the number", lane as f32, out[0], off_centre, 6e-8)?;
        within("the centred number", lane as f32, out[1], centred, 2e-7 * centred.abs() + 1e-10)
    })
}
