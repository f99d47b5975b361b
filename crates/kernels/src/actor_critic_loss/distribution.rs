//! The loss of a distribution's heads: every head against every target, in vectors.

use crate::CriticKind;
use crate::mlp::{Job, Simd};

/// Targets are padded to a multiple of this, the widest vector.
pub(super) const PADDING: usize = 16;

/// One row. The loss is a sum over heads i and a mean over targets j of `|tau_i - 1[u < 0]| rho(|u|)` with `u = target_j - theta_i`.
pub(super) struct Distribution<'a> {
    pub kind: CriticKind,
    /// Huber's threshold for quantiles; 0 is off.
    pub huber: f32,
    pub thetas: &'a [f32],
    /// As many, then NaN up to a multiple of [`PADDING`].
    pub targets: &'a [f32],
    /// What slopes are multiplied with.
    pub weight: f32,
    /// Output: the gradient with respect to the heads.
    pub d_thetas: &'a mut [f32],
    /// Output: the loss.
    pub loss: &'a mut f32,
}

impl Job for Distribution<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: by the trait's contract.
        unsafe {
            match self.kind {
                CriticKind::Expectile => self.heads::<S>(Square),
                _ if self.huber > 0.0 => {
                    let threshold = self.huber;
                    self.heads::<S>(Huber { threshold });
                }
                _ => self.heads::<S>(Line),
            }
        }
    }
}

impl Distribution<'_> {
    /// # Safety
    /// As [`Job::run`].
    #[inline(always)]
    unsafe fn heads<S: Simd>(self, rho: impl Rho) {
        assert!(self.targets.len().is_multiple_of(S::LANES) && self.thetas.len() <= self.targets.len());
        let heads = self.thetas.len() as f32;
        let [value_scale, slope_scale] = rho.scales().map(|scale| scale / heads);
        *self.loss = 0.0;
        for (i, (&theta, d)) in self.thetas.iter().zip(self.d_thetas).enumerate() {
            let tau = (i as f32 + 0.5) / heads;
            // SAFETY: by this function's contract, and within the targets by the check above.
            let [above, below] = unsafe { sums::<S>(theta, self.targets, &rho) };
            *self.loss += value_scale * (tau * above[0] + (1.0 - tau) * below[0]);
            // What is not a number is neither above nor below anything: it goes on.
            *d = self.weight * (slope_scale * ((1.0 - tau) * below[1] - tau * above[1]) + 0.0 * theta);
        }
    }
}

/// Sums of rho and of its slope over the targets above theta, and over those below.
///
/// # Safety
/// As [`Simd`]; the targets are whole vectors.
#[inline(always)]
unsafe fn sums<S: Simd>(theta: f32, targets: &[f32], rho: &impl Rho) -> [[f32; 2]; 2] {
    // SAFETY: by this function's contract.
    unsafe {
        let [theta, one, zero] = [theta, 1.0, 0.0].map(|x| S::splat(x));
        let mut sums = [[zero; 2]; 2];
        for at in (0..targets.len()).step_by(S::LANES) {
            let target = S::load(targets.as_ptr().add(at));
            // u and -u where they are above 0, else 0; the padding is neither.
            let sizes = [S::fnma(one, theta, target), S::fnma(one, target, theta)].map(|u| S::max(u, zero));
            for (sums, size) in sums.iter_mut().zip(sizes) {
                let [value, slope] = rho.of::<S>(size);
                *sums = [S::add(sums[0], value), S::add(sums[1], slope)];
            }
        }
        sums.map(|sums| sums.map(|sum| S::sum(sum)))
    }
}

/// A function of `|u|` and its slope, both 0 at 0, up to a factor each.
trait Rho {
    fn scales(&self) -> [f32; 2];
    /// # Safety
    /// As [`Simd`].
    unsafe fn of<S: Simd>(&self, size: S::V) -> [S::V; 2];
}

/// `|u|`.
struct Line;

impl Rho for Line {
    #[inline(always)]
    fn scales(&self) -> [f32; 2] {
        [1.0, 1.0]
    }
    #[inline(always)]
    unsafe fn of<S: Simd>(&self, size: S::V) -> [S::V; 2] {
        // SAFETY: by the trait's contract.
        unsafe { [size, S::gate(size, S::splat(1.0))] }
    }
}

/// `u^2`.
struct Square;

impl Rho for Square {
    #[inline(always)]
    fn scales(&self) -> [f32; 2] {
        [1.0, 2.0]
    }
    #[inline(always)]
    unsafe fn of<S: Simd>(&self, size: S::V) -> [S::V; 2] {
        // SAFETY: by the trait's contract.
        unsafe { [S::mul(size, size), size] }
    }
}

/// Huber's function by its threshold k: `u^2 / 2k` where `|u| <= k`, else `|u| - k/2` (Dabney et al. 2018).
struct Huber {
    threshold: f32,
}

impl Rho for Huber {
    #[inline(always)]
    fn scales(&self) -> [f32; 2] {
        [1.0 / self.threshold; 2]
    }
    #[inline(always)]
    unsafe fn of<S: Simd>(&self, size: S::V) -> [S::V; 2] {
        // SAFETY: by the trait's contract.
        unsafe {
            let c = S::min(size, S::splat(self.threshold));
            [S::mul(c, S::fnma(S::splat(0.5), c, size)), c]
        }
    }
}
