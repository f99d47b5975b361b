//! The mirror of `shaders/global_norm.wgsl` and `shaders/optimizer.wgsl`.

use crate::{OptimizerArgs, OptimizerParams};

/// Independent partial sums of the norm.
const LANES: usize = 16;

/// Numbers whose squares are added in single precision before the sum goes on in double.
const BLOCK: usize = 4096;

impl<B> OptimizerArgs<'_, B> {
    /// P. All the buffers must be long enough for it.
    pub(crate) fn parameters(&self, len: impl Fn(&B) -> usize) -> usize {
        let total = len(self.gradients);
        let long_enough = self.params.len() >= self.agents
            && [&*self.weights, &*self.first_moment, &*self.second_moment]
                .into_iter()
                .all(|buffer| len(buffer) >= total)
            && len(self.grad_norm) >= self.agents;
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

/// One agent's slices, each of length P.
struct Agent<'a> {
    gradients: &'a [f32],
    weights: &'a mut [f32],
    first_moment: &'a mut [f32],
    second_moment: &'a mut [f32],
}

impl Agent<'_> {
    /// The whole step; the global norm before clipping. Nothing changes if that is not finite.
    #[inline(always)]
    fn step(self, params: &OptimizerParams) -> f32 {
        let norm = sum_of_squares(self.gradients).sqrt() as f32;
        if norm.is_finite() {
            let clip = clip_coefficient(norm, params.max_grad_norm);
            if params.kind == 0 { self.adam(params, clip) } else { self.rms_prop(params, clip) }
        }
        norm
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
fn step_avx2(agent: Agent<'_>, params: &OptimizerParams) -> f32 {
    agent.step(params)
}

fn step(agent: Agent<'_>, params: &OptimizerParams) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has just been found to have AVX2.
        return unsafe { step_avx2(agent, params) };
    }
    agent.step(params)
}

pub(crate) fn mirror(args: OptimizerArgs<'_, Vec<f32>>) {
    let parameters = args.parameters(Vec::len);
    for (index, params) in args.params.iter().enumerate().take(args.agents) {
        let range = index * parameters..(index + 1) * parameters;
        let agent = Agent {
            gradients: &args.gradients[range.clone()],
            weights: &mut args.weights[range.clone()],
            first_moment: &mut args.first_moment[range.clone()],
            second_moment: &mut args.second_moment[range],
        };
        args.grad_norm[index] = step(agent, params);
    }
}
