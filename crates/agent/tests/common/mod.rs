//! Random networks and inputs for the tests.
#![allow(dead_code, reason = "each test binary uses its part")]

use striatum_kernels::{Activation, HeadLayout, MlpSpec, Policy};
use striatum_rng::{Purpose, Stream};

pub fn spec(policy: Policy, dual: bool, hidden: &[usize], shared_trunk: bool, activation: Activation) -> MlpSpec {
    let mut policy = policy;
    if let Policy::StateDependent { features, .. } = &mut policy {
        *features = hidden.last().copied().unwrap_or(5);
    }
    MlpSpec {
        inputs: 5,
        hidden: hidden.to_vec(),
        activation,
        shared_trunk,
        head: HeadLayout { policy, dual, value_heads: 1 },
    }
}

/// Every policy kind.
pub fn policies() -> Vec<Policy> {
    vec![
        Policy::Categorical { nvec: vec![3] },
        Policy::Categorical { nvec: vec![2, 4] },
        Policy::Gaussian { dims: 2, squash: false },
        Policy::Gaussian { dims: 2, squash: true },
        Policy::StateDependent { dims: 2, features: 0, squash: false },
    ]
}

/// Normal numbers times `scale`.
pub fn normals(seed: u64, len: usize, scale: f32) -> Vec<f32> {
    let mut stream = Stream::new(seed, Purpose::User, 0, 0);
    (0..len).map(|_| scale * stream.normal()).collect()
}

/// The largest difference relative to the largest number.
pub fn relative_error(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().fold(1e-6_f32, |m, x| m.max(x.abs()));
    a.iter().zip(b).fold(0.0_f32, |m, (x, y)| m.max((x - y).abs())) / scale
}
