//! The mirror of `shaders/global_norm.wgsl` and `shaders/optimizer.wgsl`.

use crate::pool::{Parts, Pool};
use crate::{OptimizerArgs, OptimizerParams};

/// Independent partial sums of the norm.
const LANES: usize = 16;

/// Numbers whose squares are added in single precision before the sum goes on in double.
const BLOCK: usize = 2048;

/// Parts that a step is split into, at most.
const MOST_PARTS: usize = 64;

impl<B> OptimizerArgs<'_, B> {
    /// P. All the buffers must be long enough for it.
    pub(crate) fn parameters(&self, len: impl Fn(&B) -> usize) -> usize {
        let total = len(self.gradients);
        let long_enough = self.params.len() >= self.agents
            && [&*self.weights, &*self.first_moment, &*self.second_moment]
                .into_iter()
                .all(|buffer| len(buffer) >= total)
            && len(self.grad_norm) >= self.grad_norm_at + self.agents;
        assert!(long_enough, "optimizer_step: a buffer is too short for {total} gradients");
        total.checked_div(self.agents).unwrap_or(0)
    }
}

/// The squares' sum, always added in the same order.
#[inline(always)]
fn sum_of_squares(numbers: &[f32]) -> f64 {
    numbers
        .chunks(BLOCK)
        .map(|block| {
            let mut sums = [0.0_f32; LANES];
            let (rows, rest) = block.as_chunks::<LANES>();
            for row in rows {
                for (sum, x) in sums.iter_mut().zip(row) {
                    *sum += x * x;
                }
            }
            for (sum, x) in sums.iter_mut().zip(rest) {
                *sum += x * x;
            }
            sums.iter().map(|&sum| f64::from(sum)).sum::<f64>()
        })
        .sum()
}

/// What the gradient is multiplied by, so that its norm is at most `max`.
fn clip_coefficient(norm: f32, max: f32) -> f32 {
    let norm = norm + 1e-6;
    if norm > max { max / norm } else { 1.0 }
}

/// A part of one agent's parameters.
struct Part<'a> {
    gradients: &'a [f32],
    weights: &'a mut [f32],
    first_moment: &'a mut [f32],
    second_moment: &'a mut [f32],
}

impl Part<'_> {
    #[inline(always)]
    fn step(self, params: &OptimizerParams, clip: f32) {
        match params.kind {
            0 => self.adam(params, clip),
            1 => self.rms_prop(params, clip),
            _ => {}
        }
    }

    #[inline(always)]
    fn adam(self, p: &OptimizerParams, clip: f32) {
        let len = self.gradients.len();
        let (weights, m, v) = (&mut self.weights[..len], &mut self.first_moment[..len], &mut self.second_moment[..len]);
        let rate = p.learning_rate / p.correction1;
        let spread = 1.0 / p.correction2.sqrt();
        for i in 0..len {
            let g = clip * self.gradients[i];
            m[i] = p.beta1 * m[i] + (1.0 - p.beta1) * g;
            v[i] = p.beta2 * v[i] + (1.0 - p.beta2) * g * g;
            // w -= lr (m / c1) / (sqrt(v / c2) + eps)
            weights[i] -= rate * m[i] / (v[i].sqrt() * spread + p.epsilon);
        }
    }

    #[inline(always)]
    fn rms_prop(self, p: &OptimizerParams, clip: f32) {
        let len = self.gradients.len();
        let (weights, v) = (&mut self.weights[..len], &mut self.second_moment[..len]);
        for i in 0..len {
            let g = clip * self.gradients[i];
            v[i] = p.beta2 * v[i] + (1.0 - p.beta2) * g * g;
            weights[i] -= p.learning_rate * g / (v[i].sqrt() + p.epsilon);
        }
    }
}

/// The same operations in the same order, eight at once; so also the same bits.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn step_avx2(part: Part<'_>, params: &OptimizerParams, clip: f32) {
    part.step(params, clip);
}

fn step(part: Part<'_>, params: &OptimizerParams, clip: f32) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has just been found to have AVX2.
        return unsafe { step_avx2(part, params, clip) };
    }
    part.step(params, clip);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn sum_of_squares_avx2(numbers: &[f32]) -> f64 {
    sum_of_squares(numbers)
}

fn norm_part(numbers: &[f32]) -> f64 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has just been found to have AVX2.
        return unsafe { sum_of_squares_avx2(numbers) };
    }
    sum_of_squares(numbers)
}

pub(crate) fn mirror(pool: &Pool, args: OptimizerArgs<'_, Vec<f32>>) {
    let parameters = args.parameters(Vec::len);
    let part = parameters.div_ceil(MOST_PARTS).next_multiple_of(BLOCK).max(1);
    let parts = parameters.div_ceil(part);
    let mut sums = [0.0_f64; MOST_PARTS];
    for (agent, params) in args.params.iter().enumerate().take(args.agents) {
        let all = agent * parameters..(agent + 1) * parameters;
        let gradients = &args.gradients[all.clone()];
        let range = |item: usize| item * part..parameters.min((item + 1) * part);
        for (item, sum) in sums.iter_mut().enumerate().take(parts) {
            *sum = norm_part(&gradients[range(item)]);
        }
        let norm = sums[..parts].iter().sum::<f64>().sqrt() as f32;
        args.grad_norm[args.grad_norm_at + agent] = norm;
        if !norm.is_finite() {
            continue;
        }
        let clip = clip_coefficient(norm, params.max_grad_norm);
        let memory = [&mut *args.weights, &mut *args.first_moment, &mut *args.second_moment];
        let memory = memory.map(|buffer| Parts::new(&mut buffer[all.clone()]));
        pool.split(parts, parts > 1, &|_, item| {
            // SAFETY: every item has a part of its own.
            let [weights, first_moment, second_moment] = memory.each_ref().map(|m| unsafe { m.part(range(item)) });
            step(Part { gradients: &gradients[range(item)], weights, first_moment, second_moment }, params, clip);
        });
    }
}
