use crate::common::close;
use crate::{Test, check};
use proptest::prelude::*;
use striatum_kernels::{Backend, Cpu, Gpu};

pub const TESTS: &[Test] = &[("advantage_moments_agree_with_their_mirror", random)];

#[path = "../common/moments.rs"]
mod plain;

fn moments<B: Backend>(backend: &B, agents: usize, normalize: bool, rows: &[(f32, bool)]) -> Vec<f32> {
    let mask: Vec<f32> = rows.iter().map(|&(_, counts)| if counts { 1.0 } else { 0.0 }).collect();
    let advantages: Vec<f32> = rows.iter().map(|&(a, counts)| if counts { a } else { f32::NAN }).collect();
    plain::moments(backend, agents, normalize, &advantages, &mask)
}

fn random(gpu: &Gpu) -> Result<(), String> {
    let rows = (1..4usize, 0..900usize).prop_flat_map(|(agents, rows)| {
        (Just(agents), any::<bool>(), prop::collection::vec((-10.0_f32..30.0, any::<bool>()), agents * rows))
    });
    check(rows, |(agents, normalize, rows)| {
        close("moments", &moments(gpu, agents, normalize, &rows), &moments(&Cpu::new(), agents, normalize, &rows), 2e-5)
    })
}
