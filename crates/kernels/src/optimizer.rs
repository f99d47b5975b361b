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

/// What one agent's step works on, `[P]` each.
pub(crate) struct AgentArgs<'a> {
    pub params: OptimizerParams,
    pub gradients: Parts<'a>,
    pub weights: Parts<'a>,
    pub first_moment: Parts<'a>,
    pub second_moment: Parts<'a>,
    pub grad_norm: &'a mut f32,
}

impl<'a> OptimizerArgs<'a, Vec<f32>> {
    /// Every agent's.
    pub(crate) fn each_agent(self) -> impl Iterator<Item = AgentArgs<'a>> {
        let parameters = self.parameters(Vec::len).max(1);
        let agents = |buffer: &'a mut Vec<f32>| buffer.chunks_exact_mut(parameters).map(Parts::new);
        let moments = agents(self.first_moment).zip(agents(self.second_moment));
        let norms = self.grad_norm[self.grad_norm_at..].iter_mut();
        let memory = agents(self.weights).zip(moments).zip(norms);
        let given = self.params[..self.agents].iter().zip(self.gradients.chunks_exact(parameters));
        given.zip(memory).map(|((&params, gradients), ((weights, (first_moment, second_moment)), grad_norm))| {
            AgentArgs {
                params,
                // SAFETY: an `AgentStep` takes no part of its gradients.
                gradients: unsafe { Parts::fixed(gradients) },
                weights,
                first_moment,
                second_moment,
                grad_norm,
            }
        })
    }
}

/// One agent's step under way: first the squares of every part, then changes of disjoint places, on any thread.
pub(crate) struct AgentStep<'a> {
    args: AgentArgs<'a>,
    /// Every part's sum of squares, the bits of an `f64`.
    sums: &'a [AtomicU64],
    /// Once somebody has added them up, the norm's bits.
    norm: AtomicU64,
}

/// No bits of an `f32`.
const UNKNOWN: u64 = u64::MAX;

impl<'a> AgentStep<'a> {
    /// A step whose norm is added up in as many parts as there are `sums`.
    pub(crate) fn new(args: AgentArgs<'a>, sums: &'a [AtomicU64]) -> Self {
        Self { args, sums, norm: AtomicU64::new(UNKNOWN) }
    }

    /// The agent's gradient.
    pub(crate) fn gradients(&self) -> &Parts<'a> {
        &self.args.gradients
    }

    /// Adds up a part of the norm, of the gradients that lie there.
    ///
    /// # Safety
    /// Nobody may write there.
    pub(crate) unsafe fn add_squares(&self, part: usize, place: Range<usize>) {
        // SAFETY: by this function's contract.
        let gradients = unsafe { self.args.gradients.shared(place) };
        self.sums[part].store(norm_part(gradients).to_bits(), Ordering::Relaxed);
    }

    /// Once all its parts are added up.
    fn norm(&self) -> f32 {
        let known = self.norm.load(Ordering::Relaxed);
        if known != UNKNOWN {
            return f32::from_bits(known as u32);
        }
        let sums = self.sums.iter().map(|sum| f64::from_bits(sum.load(Ordering::Relaxed)));
        let norm = sums.sum::<f64>().sqrt() as f32;
        self.norm.store(u64::from(norm.to_bits()), Ordering::Relaxed);
        norm
    }

    /// Takes the step of some parameters, once the norm is added up; gives the new ones if there is a step.
    ///
    /// # Safety
    /// No two places may overlap, and nobody may write gradients any more.
    pub(crate) unsafe fn change(&self, place: Range<usize>) -> Option<&[f32]> {
        let (args, norm) = (&self.args, self.norm());
        if !norm.is_finite() || args.params.kind == OptimizerParams::REST {
            return None;
        }
        // SAFETY: by this function's contract.
        let part = unsafe {
            Part {
                gradients: args.gradients.shared(place.clone()),
                weights: args.weights.part(place.clone()),
                first_moment: args.first_moment.part(place.clone()),
                second_moment: args.second_moment.part(place.clone()),
            }
        };
        step(part, &args.params, clip_coefficient(norm, args.params.max_grad_norm));
        // SAFETY: as above.
        Some(unsafe { args.weights.shared(place) })
    }

    /// Tells the norm.
    pub(crate) fn finish(self) {
        *self.args.grad_norm = self.norm();
    }
}

pub(crate) fn mirror(pool: &Pool, args: OptimizerArgs<'_, Vec<f32>>) {
    let sums = [const { AtomicU64::new(0) }; MOST_PARTS];
    for args in args.each_agent() {
        let parameters = args.gradients.len();
        let part = parameters.div_ceil(MOST_PARTS).next_multiple_of(BLOCK);
        let parts = parameters.div_ceil(part);
        let range = |number: usize| number * part..parameters.min((number + 1) * part);
        let step = AgentStep::new(args, &sums[..parts]);
        // SAFETY: the gradients are whole.
        let norm = |_, part| unsafe { step.add_squares(part, range(part)) };
        let change = |_, part| {
            // SAFETY: parts lie apart, and the gradients are whole.
            unsafe { step.change(range(part)) };
        };
        pool.phases(parts > 1, &[(parts, &norm), (parts, &change)]);
        step.finish();
    }
}
