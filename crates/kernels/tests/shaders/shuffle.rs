use crate::{Test, check};
use proptest::prelude::*;
use striatum_kernels::{Backend, Bind, Gpu, Permutation, Shader, shuffle};

pub const TESTS: &[Test] = &[
    ("shuffle_gives_the_same_words_as_its_mirror", random),
    ("shuffle_of_powers_of_two_and_their_neighbours", lengths),
    ("shuffle_over_65535_workgroups", many_workgroups),
    ("shuffle_of_nothing", nothing),
];

/// Indices as numbers whose bits they are, which can be downloaded.
const BITS: Shader = Shader {
    label: "test_bits",
    source: "
        @group(0) @binding(0) var<storage, read> words: array<u32>;
        @group(0) @binding(1) var<storage, read_write> out: array<u32>;
        @compute @workgroup_size(256) fn bits(
            @builtin(global_invocation_id) id: vec3<u32>,
            @builtin(num_workgroups) groups: vec3<u32>,
        ) {
            let i = id.y * groups.x * 256u + id.x;
            if i < arrayLength(&out) { out[i] = words[i]; }
        }",
};

fn shuffled(gpu: &Gpu, keys: &[[u32; 2]], rows: usize) -> Result<Vec<u32>, String> {
    let len = keys.len() * rows;
    let mut words = gpu.upload_indices(&vec![u32::MAX; len]);
    gpu.shuffle(keys, rows, &mut words);
    let mut out = gpu.zeros(len);
    gpu.launch(&BITS, &[], &[Bind::Indices(&words), (&mut out).into()], len.div_ceil(256));
    let out = gpu.download(&out).map_err(|error| error.to_string())?;
    Ok(out.into_iter().map(f32::to_bits).collect())
}

fn agrees(gpu: &Gpu, keys: &[[u32; 2]], rows: usize) -> Result<(), String> {
    let mut expected = vec![0; keys.len() * rows];
    shuffle(keys, rows, &mut expected);
    let actual = shuffled(gpu, keys, rows)?;
    match actual.iter().zip(&expected).position(|(a, b)| a != b) {
        None => Ok(()),
        Some(i) => Err(format!("{rows} rows: out[{i}] is {}, not {}", actual[i], expected[i])),
    }
}

fn random(gpu: &Gpu) -> Result<(), String> {
    check((prop::collection::vec(any::<[u32; 2]>(), 1..4), 1..1000usize), |(keys, rows)| agrees(gpu, &keys, rows))
}

fn lengths(gpu: &Gpu) -> Result<(), String> {
    (1..20).chain([31, 32, 33, 255, 256, 257, 65_535, 65_537]).try_for_each(|rows| agrees(gpu, &[[3, 4], [5, 6]], rows))
}

fn many_workgroups(gpu: &Gpu) -> Result<(), String> {
    // 65 537 workgroups, of which a few places are compared.
    let (key, rows) = ([7, 8], 65_536 * 256 + 1);
    let (order, out) = (Permutation::new(key, rows), shuffled(gpu, &[key], rows as usize)?);
    match (0..rows).step_by(1009).chain([rows - 1]).find(|&i| out[i as usize] != order.at(i)) {
        None => Ok(()),
        Some(i) => Err(format!("out[{i}] is {}, not {}", out[i as usize], order.at(i))),
    }
}

fn nothing(gpu: &Gpu) -> Result<(), String> {
    agrees(gpu, &[], 5)?;
    agrees(gpu, &[[1, 2]], 0)
}
