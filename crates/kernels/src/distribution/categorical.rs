use super::{Density, Pull};
use crate::SimdLevel;
use crate::elementary::{exp, ln};
use crate::lanes::{LANES, get, put};
use crate::mlp::{Job, Simd};
use striatum_rng::Stream;

/// Independent choices, each a softmax over its own logits. Up to [`LANES`] rows are taken up at once; what is asked is about one of
/// them.
pub(crate) struct Categorical {
    nvec: Box<[usize]>,
    level: SimdLevel,
    /// Lines of rows, one line a logit.
    pub net: Vec<f32>,
    pub probs: Vec<f32>,
    pub log_probs: Vec<f32>,
    /// One line a choice.
    pub entropies: Vec<f32>,
    /// The row that is asked about.
    row: usize,
}

impl Categorical {
    pub(crate) fn new(nvec: &[usize]) -> Self {
        let lines = vec![0.0; nvec.iter().sum::<usize>() * LANES];
        Self {
            nvec: nvec.into(),
            level: SimdLevel::detect(),
            net: lines.clone(),
            probs: lines.clone(),
            log_probs: lines,
            entropies: vec![0.0; nvec.len() * LANES],
            row: 0,
        }
    }

    /// The probabilities of every choice, one after another.
    pub(crate) fn probs(&self) -> impl Iterator<Item = f32> {
        self.probs[self.row..].iter().step_by(LANES).copied()
    }

    /// `(first line, number of options)` of every choice.
    pub(crate) fn choices(&self) -> impl Iterator<Item = (usize, usize)> + use<'_> {
        choices(&self.nvec)
    }

    /// Options of a choice.
    pub(crate) fn options(&self, choice: usize) -> usize {
        self.nvec[choice]
    }

    /// Puts down the net logits of a row.
    pub(crate) fn set(&mut self, row: usize, net: &[f32]) {
        self.net[row..].iter_mut().step_by(LANES).zip(net).for_each(|(to, &l)| *to = l);
    }

    /// Takes up the rows that were [`set`](Self::set), from the first on.
    pub(crate) fn prepare_rows(&mut self, rows: usize) {
        // SAFETY: the machine's own level.
        unsafe { self.level.run(Softmax { density: self, rows }) };
    }

    /// The questions that follow are about this row.
    pub(crate) fn turn_to(&mut self, row: usize) {
        self.row = row;
    }

    /// Softmax, its logarithm and the entropy of the rows from lane `at` on.
    ///
    /// # Safety
    /// As [`Simd`].
    #[inline(always)]
    pub(crate) unsafe fn softmax<S: Simd>(&mut self, at: usize) {
        let mut first = 0;
        for choice in 0..self.nvec.len() {
            let end = first + self.nvec[choice];
            // SAFETY: by the caller's contract.
            unsafe {
                let mut max = S::splat(f32::NEG_INFINITY);
                for k in first..end {
                    max = S::max(get::<S>(&self.net, k, at), max);
                }
                let mut sum = S::splat(0.0);
                for k in first..end {
                    let p = exp::<S>(S::sub(get::<S>(&self.net, k, at), max));
                    put::<S>(&mut self.probs, k, at, p);
                    sum = S::add(sum, p);
                }
                let (inverse, log_sum) = (S::div(S::splat(1.0), sum), ln::<S>(sum));
                let mut entropy = S::splat(0.0);
                for k in first..end {
                    let p = S::mul(get::<S>(&self.probs, k, at), inverse);
                    let log_p = S::sub(S::sub(get::<S>(&self.net, k, at), max), log_sum);
                    put::<S>(&mut self.probs, k, at, p);
                    put::<S>(&mut self.log_probs, k, at, log_p);
                    // An option that cannot be taken adds 0 ln 0 = 0.
                    entropy = S::sub(entropy, S::below(S::splat(0.0), p, S::mul(p, log_p), p));
                }
                put::<S>(&mut self.entropies, choice, at, entropy);
            }
            first = end;
        }
    }
}

struct Softmax<'a> {
    density: &'a mut Categorical,
    rows: usize,
}

impl Job for Softmax<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for at in (0..self.rows).step_by(S::LANES) {
            // SAFETY: by the caller's contract.
            unsafe { self.density.softmax::<S>(at) };
        }
    }
}

/// `(first column, number of options)` of every choice.
fn choices(nvec: &[usize]) -> impl Iterator<Item = (usize, usize)> {
    nvec.iter().scan(0, |end, &n| {
        let first = *end;
        *end += n;
        Some((first, n))
    })
}

/// The option that an action names; the last one where it names none.
pub(crate) fn option(action: f32, n: usize) -> usize {
    (action as usize).min(n.saturating_sub(1))
}

impl Density for Categorical {
    fn load(&mut self, _log_std: &[f32]) {}

    fn prepare(&mut self, net: &[f32], _features: &[f32]) {
        self.set(0, net);
        self.prepare_rows(1);
        self.turn_to(0);
    }

    fn log_prob(&self, action: &[f32]) -> f32 {
        let log_prob = |column: usize| self.log_probs[column * LANES + self.row];
        self.choices().zip(action).map(|((first, n), &a)| log_prob(first + option(a, n))).sum()
    }

    fn entropy(&self) -> f32 {
        self.entropies[self.row..].iter().step_by(LANES).sum()
    }

    fn mode(&self, action: &mut [f32]) {
        for ((first, n), a) in self.choices().zip(action) {
            let p = |i: usize| self.probs[(first + i) * LANES + self.row];
            let best = (1..n).fold(0, |best, i| if p(i) > p(best) { i } else { best });
            *a = best as f32;
        }
    }

    /// By inverting the cumulative distribution, one word a choice.
    fn sample(&self, stream: &mut Stream, action: &mut [f32]) {
        for ((first, n), a) in self.choices().zip(action) {
            let u = stream.uniform();
            let mut cumulative = 0.0;
            let mut taken = None;
            let mut last = 0;
            for i in 0..n {
                let p = self.probs[(first + i) * LANES + self.row];
                cumulative += p;
                if p > 0.0 {
                    last = i;
                }
                if u < cumulative {
                    taken = Some(i);
                    break;
                }
            }
            // Rounding can leave the sum short of u: then it is the last option that can be taken.
            *a = taken.unwrap_or(last) as f32;
        }
    }

    fn gradient(&mut self, _features: &[f32], action: &[f32], pull: Pull, policy: &mut [f32], entropy: &mut [f32]) {
        for (choice, ((first, n), &a)) in self.choices().zip(action).enumerate() {
            let h = self.entropies[choice * LANES + self.row];
            let columns = first..first + n;
            for ((j, j_h), column) in policy[columns.clone()].iter_mut().zip(&mut entropy[columns.clone()]).zip(columns)
            {
                let [p, log_p] = [&self.probs, &self.log_probs].map(|lines| lines[column * LANES + self.row]);
                // d log pi(a) / dl_k = 1[k = a] - p_k
                *j = -pull.log_prob * p;
                // dH / dl_k = -p_k (log p_k + H)
                *j_h = if p > 0.0 { -pull.entropy * p * (log_p + h) } else { -pull.entropy * p };
            }
            policy[first + option(a, n)] += pull.log_prob;
        }
    }

    fn add_to(&self, _sums: &mut [f64]) {}

    fn finish(&self, _sums: &[f64], _d_log_std: &mut [f32]) {}
}
