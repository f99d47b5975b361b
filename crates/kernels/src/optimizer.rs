//! The mirror of `shaders/global_norm.wgsl` and `shaders/optimizer.wgsl`.

use crate::pool::{Parts, Pool};
use bytemuck::{Pod, Zeroable};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Independent partial sums of the norm.
const LANES: usize = 16;

/// Numbers whose squares are added in single precision before the sum goes on in double.
const BLOCK: usize = 2048;

/// Parts that a step is split into, at most.
const MOST_PARTS: usize = 64;

/// Numbers of an optimiser step, one set an agent. Laid out as `shaders/optimizer.wgsl` reads it.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct OptimizerParams {
    /// 0 is Adam (Kingma & Ba 2015), 1 is RMSProp (Hinton 2012, in PyTorch's form, which Stable-Baselines3 uses), 2 takes no step
    /// ([`OptimizerParams::REST`]).
    pub kind: u32,
    /// Step size.
    pub learning_rate: f32,
    /// Adam's beta1; unused by RMSProp.
    pub beta1: f32,
    /// Adam's beta2, or RMSProp's alpha.
    pub beta2: f32,
    /// Added to the root.
    pub epsilon: f32,
    /// `1 - beta1^t` for Adam, 1 for RMSProp.
    pub correction1: f32,
    /// `1 - beta2^t` for Adam, 1 for RMSProp.
    pub correction2: f32,
    /// Gradients are scaled so that their global norm is at most this; infinite is off.
    pub max_grad_norm: f32,
}

/// Arguments of [`Backend::optimizer_step`](crate::Backend::optimizer_step): P parameters an agent.
#[derive(Debug)]
pub struct OptimizerArgs<'a, B> {
    /// A.
    pub agents: usize,
    /// `[A]`.
    pub params: &'a [OptimizerParams],
    /// `[A, P]`.
    pub gradients: &'a B,
    /// `[A, P]`, changed.
    pub weights: &'a mut B,
    /// First moment, `[A, P]`, changed by Adam.
    pub first_moment: &'a mut B,
    /// Second moment, `[A, P]`, changed.
    pub second_moment: &'a mut B,
    /// Output: global norm before clipping, `[A]` from `grad_norm_at` on.
    pub grad_norm: &'a mut B,
    /// Where in `grad_norm` they are written.
    pub grad_norm_at: usize,
}

impl OptimizerParams {
    /// The [`kind`](Self::kind) of an agent that changes nothing.
    pub const REST: u32 = 2;
}

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

/// The squares' sum, always added in the same order. Plain loops, because what an iterator calls would not be compiled for the
/// caller's vectors.
#[inline(always)]
fn sum_of_squares(numbers: &[f32]) -> f64 {
    let mut total = 0.0;
    for block in numbers.chunks(BLOCK) {
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
        let mut own = 0.0;
        for sum in sums {
            own += f64::from(sum);
        }
        total += own;
    }
    total
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

/// One agent's step under way: first the squares of every part, then changes of disjoint places, on any thread.
pub(crate) struct AgentStep<'a> {
    params: OptimizerParams,
    gradients: &'a [f32],
    /// Weights, first and second moment.
    memory: [Parts<'a>; 3],
    grad_norm: &'a mut f32,
    /// Numbers of a part, and how many parts there are.
    part: usize,
    parts: usize,
    /// Every part's sum of squares, the bits of an `f64`.
    sums: [AtomicU64; MOST_PARTS],
}

impl<'a> AgentStep<'a> {
    /// Every agent's step.
    pub(crate) fn each(args: OptimizerArgs<'a, Vec<f32>>) -> impl Iterator<Item = Self> {
        let parameters = args.parameters(Vec::len);
        let part = parameters.div_ceil(MOST_PARTS).next_multiple_of(BLOCK).max(1);
        let agents = |buffer: &'a mut Vec<f32>| buffer.chunks_exact_mut(parameters.max(1)).map(Parts::new);
        let moments = agents(args.first_moment).zip(agents(args.second_moment));
        let norms = args.grad_norm[args.grad_norm_at..].iter_mut();
        args.params[..args.agents]
            .iter()
            .zip(args.gradients.chunks_exact(parameters.max(1)))
            .zip(agents(args.weights).zip(moments).zip(norms))
            .map(move |((&params, gradients), ((weights, (first, second)), grad_norm))| Self {
                params,
                gradients,
                memory: [weights, first, second],
                grad_norm,
                part,
                parts: parameters.div_ceil(part),
                sums: [const { AtomicU64::new(0) }; MOST_PARTS],
            })
    }

    /// Parts of the norm.
    pub(crate) fn parts(&self) -> usize {
        self.parts
    }

    fn range(&self, part: usize) -> Range<usize> {
        part * self.part..self.gradients.len().min((part + 1) * self.part)
    }

    /// Adds up a part of the norm.
    pub(crate) fn add_squares(&self, part: usize) {
        self.sums[part].store(norm_part(&self.gradients[self.range(part)]).to_bits(), Ordering::Relaxed);
    }

    fn norm(&self) -> f32 {
        let sums = self.sums[..self.parts].iter().map(|sum| f64::from_bits(sum.load(Ordering::Relaxed)));
        sums.sum::<f64>().sqrt() as f32
    }

    /// Takes the step of some parameters, once the norm is added up; gives the new ones if there is a step.
    ///
    /// # Safety
    /// No two places may overlap.
    pub(crate) unsafe fn change(&self, place: Range<usize>) -> Option<&[f32]> {
        let norm = self.norm();
        if !norm.is_finite() || self.params.kind == OptimizerParams::REST {
            return None;
        }
        // SAFETY: by this function's contract.
        let [weights, first_moment, second_moment] =
            self.memory.each_ref().map(|memory| unsafe { memory.part(place.clone()) });
        let gradients = &self.gradients[place];
        let part = Part { gradients, weights: &mut *weights, first_moment, second_moment };
        step(part, &self.params, clip_coefficient(norm, self.params.max_grad_norm));
        Some(weights)
    }

    /// Tells the norm.
    pub(crate) fn finish(self) {
        *self.grad_norm = self.norm();
    }
}

pub(crate) fn mirror(pool: &Pool, args: OptimizerArgs<'_, Vec<f32>>) {
    for step in AgentStep::each(args) {
        let norm = |_, part| step.add_squares(part);
        let change = |_, part| {
            // SAFETY: parts lie apart.
            unsafe { step.change(step.range(part)) };
        };
        pool.phases(step.parts > 1, &[(step.parts, &norm), (step.parts, &change)]);
        step.finish();
    }
}
