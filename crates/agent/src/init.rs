//! Initial weights, drawn from the counter-based generator: the same on every engine and device.

use crate::{NetworkSettings, NetworkSpec};
use striatum_kernels::ParamSpec;
use striatum_rng::{Purpose, Stream};

/// The gain of an orthogonal matrix by the part it plays: hidden layers sqrt(2), policy heads 0.01, value head and memory 1.
fn gain(name: &str) -> f64 {
    if name.contains(".memory.") {
        return 1.0;
    }
    match name.split('.').next() {
        Some("direct" | "indirect") => 0.01,
        Some("value") => 1.0,
        _ => std::f64::consts::SQRT_2,
    }
}

/// Initial weights in arena order. Orthogonal with biases 0, or PyTorch's default: uniform in `±1/sqrt(inputs)`, of a memory in
/// `±1/sqrt(width)`. A normalisation starts
/// as one that neither scales nor moves.
pub fn initial_weights(spec: &NetworkSpec, settings: &NetworkSettings, seed: u64) -> Vec<f32> {
    let mut weights = vec![0.0; spec.param_count()];
    let mut fan_in = spec.observation.len();
    for (lane, param) in spec.params().iter().enumerate() {
        let mut stream = Stream::new(seed, Purpose::Init, lane as u32, 0);
        let values = &mut weights[param.offset..param.offset + param.len()];
        if param.name == "log_std" {
            values.fill(settings.log_std_init);
            continue;
        }
        if let Some(part) = norm_part(&param.name) {
            values.fill(if part == "weight" { 1.0 } else { 0.0 });
            continue;
        }
        if let Some([inputs, _]) = matrix(param) {
            fan_in = inputs;
        }
        if param.name.contains(".memory.") {
            fan_in = spec.memory_width;
        }
        if settings.orthogonal_init {
            orthogonal(param, &mut stream, values);
        } else {
            let bound = 1.0 / (fan_in as f64).sqrt();
            values.fill_with(|| stream.range(-bound, bound) as f32);
        }
    }
    weights
}

/// Which parameter of a normalisation it is, if it is one.
fn norm_part(name: &str) -> Option<&str> {
    name.rsplit_once('.').filter(|(owner, _)| owner.ends_with(".norm")).map(|(_, part)| part)
}

/// Inputs and outputs of a weight; a convolution's are those of one of its places.
fn matrix(param: &ParamSpec) -> Option<[usize; 2]> {
    match param.shape[..] {
        [inputs, outputs] => Some([inputs, outputs]),
        [outputs, inputs, height, width] => Some([inputs * height * width, outputs]),
        _ => None,
    }
}

/// Rows and columns of a weight as it lies in the arena.
fn stored(param: &ParamSpec) -> Option<[usize; 2]> {
    let [inputs, outputs] = matrix(param)?;
    Some(if param.shape.len() == 2 { [inputs, outputs] } else { [outputs, inputs] })
}

/// A matrix with orthonormal rows or columns, whichever are fewer (Saxe et al. 2014), by Gram-Schmidt on a normal matrix,
/// twice over for accuracy. Biases stay 0.
fn orthogonal(param: &ParamSpec, stream: &mut Stream, values: &mut [f32]) {
    let Some([rows, columns]) = stored(param) else { return };
    let (count, length) = (rows.min(columns), rows.max(columns));
    // The other order of sums is that of networks without encoders, whose weights are to stay the same.
    let product = if param.name.contains(".encoder.") { dot_in_parts } else { dot };
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(count);
    while basis.len() < count {
        let mut vector: Vec<f64> = (0..length).map(|_| f64::from(stream.normal())).collect();
        for _ in 0..2 {
            for other in &basis {
                let along = product(&vector, other);
                vector.iter_mut().zip(other).for_each(|(v, o)| *v -= along * o);
            }
        }
        let norm = product(&vector, &vector).sqrt();
        if norm > 1e-6 {
            vector.iter_mut().for_each(|v| *v /= norm);
            basis.push(vector);
        }
    }
    let gain = gain(&param.name);
    for (i, value) in values.iter_mut().enumerate() {
        let (row, column) = (i / columns, i % columns);
        let entry = if rows <= columns { basis[row][column] } else { basis[column][row] };
        *value = (gain * entry) as f32;
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// The same by eight sums, which vectors make fast.
fn dot_in_parts(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (x, y))| *sum += x * y);
    }
    sums.iter().sum::<f64>() + dot(a_rest, b_rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pathways;
    use striatum_kernels::{Activation, HeadLayout, MlpSpec, Policy};

    fn spec() -> NetworkSpec {
        let mlp = MlpSpec {
            inputs: 4,
            hidden: vec![64, 32],
            activation: Activation::Tanh,
            shared_trunk: false,
            head: HeadLayout::new(Policy::Gaussian { dims: 3, squash: false }, true, 1),
        };
        mlp.into()
    }

    #[test]
    fn orthogonal_weights_have_orthonormal_rows_or_columns_times_gain() {
        let spec = spec();
        let weights = initial_weights(&spec, &NetworkSettings { pathways: Pathways::Dual, ..Default::default() }, 3);
        for param in spec.params() {
            let values = &weights[param.offset..param.offset + param.len()];
            let [rows, columns] = param.shape[..] else {
                assert!(values.iter().all(|&b| b == 0.0), "{} is not zero", param.name);
                continue;
            };
            let expected = gain(&param.name).powi(2);
            let vectors = rows.min(columns);
            let at = |i: usize, j: usize| {
                f64::from(if rows <= columns { values[i * columns + j] } else { values[j * columns + i] })
            };
            for i in 0..vectors {
                for j in 0..vectors {
                    let product: f64 = (0..rows.max(columns)).map(|k| at(i, k) * at(j, k)).sum();
                    let wanted = if i == j { expected } else { 0.0 };
                    assert!((product - wanted).abs() < 1e-5 * expected, "{} {i} {j}: {product}", param.name);
                }
            }
        }
    }

    #[test]
    fn uniform_weights_stay_within_their_bound_and_log_std_starts_where_asked() {
        let spec = spec();
        let settings = NetworkSettings { orthogonal_init: false, log_std_init: -1.5, ..Default::default() };
        let weights = initial_weights(&spec, &settings, 3);
        for param in spec.params() {
            let values = &weights[param.offset..param.offset + param.len()];
            if param.name == "log_std" {
                assert_eq!(values, [-1.5; 3]);
            } else if let [inputs, _] = param.shape[..] {
                let bound = 1.0 / (inputs as f32).sqrt();
                let largest = values.iter().fold(0.0_f32, |m, w| m.max(w.abs()));
                assert!(largest <= bound && largest > 0.8 * bound, "{}: {largest} of {bound}", param.name);
            }
        }
    }

    #[test]
    fn another_seed_gives_other_weights() {
        let settings = NetworkSettings::default();
        assert_eq!(initial_weights(&spec(), &settings, 1), initial_weights(&spec(), &settings, 1));
        assert_ne!(initial_weights(&spec(), &settings, 1), initial_weights(&spec(), &settings, 2));
    }
}
