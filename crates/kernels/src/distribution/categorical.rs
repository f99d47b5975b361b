use super::{Density, Pull};
use striatum_rng::Stream;

/// Independent choices, each a softmax over its own logits.
pub(crate) struct Categorical {
    nvec: Box<[usize]>,
    probs: Vec<f32>,
    log_probs: Vec<f32>,
    /// One a choice.
    entropies: Vec<f32>,
}

impl Categorical {
    pub(crate) fn new(nvec: &[usize]) -> Self {
        let logits = nvec.iter().sum();
        Self {
            nvec: nvec.into(),
            probs: vec![0.0; logits],
            log_probs: vec![0.0; logits],
            entropies: vec![0.0; nvec.len()],
        }
    }

    /// The probabilities of every choice, one after another.
    pub(crate) fn probs(&self) -> &[f32] {
        &self.probs
    }

    /// `(first column, number of options)` of every choice.
    fn choices(&self) -> impl Iterator<Item = (usize, usize)> + use<'_> {
        choices(&self.nvec)
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
fn option(action: f32, n: usize) -> usize {
    (action as usize).min(n.saturating_sub(1))
}

/// Softmax and its logarithm; the entropy.
fn softmax(logits: &[f32], probs: &mut [f32], log_probs: &mut [f32]) -> f32 {
    let max = logits.iter().fold(f32::NEG_INFINITY, |max, &l| if l > max { l } else { max });
    let mut sum = 0.0;
    for (p, l) in probs.iter_mut().zip(logits) {
        *p = (l - max).exp();
        sum += *p;
    }
    let (inverse, log_sum) = (1.0 / sum, sum.ln());
    let mut entropy = 0.0;
    for ((p, log_p), l) in probs.iter_mut().zip(log_probs).zip(logits) {
        *p *= inverse;
        *log_p = l - max - log_sum;
        // An option that cannot be taken adds 0 ln 0 = 0.
        entropy -= if *p > 0.0 { *p * *log_p } else { *p };
    }
    entropy
}

impl Density for Categorical {
    fn load(&mut self, _log_std: &[f32]) {}

    fn prepare(&mut self, net: &[f32], _features: &[f32]) {
        for (choice, (first, n)) in choices(&self.nvec).enumerate() {
            let columns = first..first + n;
            let (probs, log_probs) = (&mut self.probs[columns.clone()], &mut self.log_probs[columns.clone()]);
            self.entropies[choice] = softmax(&net[columns], probs, log_probs);
        }
    }

    fn log_prob(&self, action: &[f32]) -> f32 {
        self.choices().zip(action).map(|((first, n), &a)| self.log_probs[first + option(a, n)]).sum()
    }

    fn entropy(&self) -> f32 {
        self.entropies.iter().sum()
    }

    fn mode(&self, action: &mut [f32]) {
        for ((first, n), a) in self.choices().zip(action) {
            let probs = &self.probs[first..first + n];
            let best = (1..n).fold(0, |best, i| if probs[i] > probs[best] { i } else { best });
            *a = best as f32;
        }
    }

    /// By inverting the cumulative distribution, one word a choice.
    fn sample(&self, stream: &mut Stream, action: &mut [f32]) {
        for ((first, n), a) in self.choices().zip(action) {
            let probs = &self.probs[first..first + n];
            let u = stream.uniform();
            let mut cumulative = 0.0;
            let mut taken = None;
            let mut last = 0;
            for (i, &p) in probs.iter().enumerate() {
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
            let h = self.entropies[choice];
            let columns = first..first + n;
            let rows = policy[columns.clone()].iter_mut().zip(&mut entropy[columns.clone()]);
            for ((j, j_h), (p, log_p)) in rows.zip(self.probs[columns.clone()].iter().zip(&self.log_probs[columns])) {
                // d log pi(a) / dl_k = 1[k = a] - p_k
                *j = -pull.log_prob * p;
                // dH / dl_k = -p_k (log p_k + H)
                *j_h = if *p > 0.0 { -pull.entropy * p * (log_p + h) } else { -pull.entropy * p };
            }
            policy[first + option(a, n)] += pull.log_prob;
        }
    }

    fn add_to(&self, _sums: &mut [f64]) {}

    fn finish(&self, _sums: &[f64], _d_log_std: &mut [f32]) {}
}
