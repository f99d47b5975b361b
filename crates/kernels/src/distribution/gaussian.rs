use super::{Density, Pull, squash_correction};
use crate::LOG_STD_RANGE;
use striatum_rng::Stream;

/// `1/2 ln(2 pi)`.
const HALF_LOG_TAU: f32 = 0.918_938_5;

/// What generalised state-dependent exploration adds to a variance.
const VARIANCE_FLOOR: f32 = 1e-6;

/// A diagonal normal distribution, with a `log_std` for every dimension or, with features, for every feature and dimension.
pub(crate) struct Gaussian {
    squash: bool,
    features: usize,
    /// `exp(2 log_std)`, and how far `log_std` is above its range (or, negative, below), one each.
    squares: Vec<f32>,
    beyond: Vec<f32>,
    mean: Vec<f32>,
    variance: Vec<f32>,
    log_sigma: Vec<f32>,
    /// The sum of the rows' gradients, up to the factor that [`finish`](Density::finish) puts in.
    sums: Vec<f64>,
    /// dL / dsigma^2 of the row, up to a factor; scratch.
    shares: Vec<f32>,
}

impl Gaussian {
    /// A distribution over `dims` numbers whose [`load`](Density::load) takes `[dims]`, or `[features, dims]` where `features` is not 0.
    pub(crate) fn new(dims: usize, features: usize, squash: bool) -> Self {
        let len = dims * features.max(1);
        Self {
            squash,
            features,
            squares: vec![1.0; len],
            beyond: vec![0.0; len],
            mean: vec![0.0; dims],
            variance: vec![1.0; dims],
            log_sigma: vec![0.0; dims],
            sums: vec![0.0; len],
            shares: vec![0.0; dims],
        }
    }

    /// `mean_d + sum_h features_h exp(log_std[h][d]) matrix[h][d]`: a matrix of standard normal numbers, held for several steps,
    /// makes the noise a smooth function of the state.
    pub(crate) fn explore(&self, features: &[f32], matrix: &[f32], action: &mut [f32]) {
        let dims = self.mean.len();
        action.copy_from_slice(&self.mean);
        for (h, feature) in features.iter().enumerate() {
            let row = h * dims..(h + 1) * dims;
            for ((a, square), z) in action.iter_mut().zip(&self.squares[row.clone()]).zip(&matrix[row]) {
                *a += feature * square.sqrt() * z;
            }
        }
    }
}

impl Density for Gaussian {
    fn load(&mut self, log_std: &[f32]) {
        let [low, high] = LOG_STD_RANGE;
        for (i, &l) in log_std.iter().enumerate() {
            let clamped = l.clamp(low, high);
            self.squares[i] = (2.0 * clamped).exp();
            self.beyond[i] = l - clamped;
            if self.features == 0 {
                self.variance[i] = self.squares[i];
                self.log_sigma[i] = clamped;
            }
        }
        self.sums.fill(0.0);
    }

    fn prepare(&mut self, net: &[f32], features: &[f32]) {
        self.mean.copy_from_slice(net);
        if self.features == 0 {
            return;
        }
        self.variance.fill(VARIANCE_FLOOR);
        for (feature, squares) in features.iter().zip(self.squares.chunks_exact(self.mean.len())) {
            // sigma_d^2 = sum_h features_h^2 exp(2 log_std[h][d]) + 1e-6
            for (variance, square) in self.variance.iter_mut().zip(squares) {
                *variance += feature * feature * square;
            }
        }
        for (log_sigma, variance) in self.log_sigma.iter_mut().zip(&self.variance) {
            *log_sigma = 0.5 * variance.ln();
        }
    }

    fn log_prob(&self, action: &[f32]) -> f32 {
        let mut log_prob = 0.0;
        for (d, &u) in action.iter().enumerate() {
            let off = u - self.mean[d];
            // log N(u) = -1/2 (u - mu)^2 / sigma^2 - log sigma - 1/2 ln(2 pi)
            log_prob -= 0.5 * off * off / self.variance[d] + self.log_sigma[d] + HALF_LOG_TAU;
            if self.squash {
                log_prob += squash_correction(u);
            }
        }
        log_prob
    }

    fn entropy(&self) -> f32 {
        self.log_sigma.iter().map(|log_sigma| log_sigma + HALF_LOG_TAU + 0.5).sum()
    }

    fn mode(&self, action: &mut [f32]) {
        action.copy_from_slice(&self.mean);
    }

    fn sample(&self, stream: &mut Stream, action: &mut [f32]) {
        for (d, a) in action.iter_mut().enumerate() {
            *a = self.mean[d] + self.variance[d].sqrt() * stream.normal();
        }
    }

    fn gradient(&mut self, features: &[f32], action: &[f32], pull: Pull, policy: &mut [f32], entropy: &mut [f32]) {
        for (d, &u) in action.iter().enumerate() {
            let (off, variance) = (u - self.mean[d], self.variance[d]);
            // d log N / dmu = (u - mu) / sigma^2
            policy[d] = pull.log_prob * off / variance;
            entropy[d] = 0.0;
            // d log N / d log sigma = (u - mu)^2 / sigma^2 - 1 and dH / d log sigma = 1
            let share = pull.log_prob * (off * off / variance - 1.0) + pull.entropy;
            // d log sigma / d log_std[h][d] = features_h^2 exp(2 log_std[h][d]) / sigma^2
            self.shares[d] = if self.features == 0 { share } else { share / variance };
        }
        if self.features == 0 {
            for (sum, share) in self.sums.iter_mut().zip(&self.shares) {
                *sum += f64::from(*share);
            }
            return;
        }
        for (feature, sums) in features.iter().zip(self.sums.chunks_exact_mut(self.shares.len())) {
            for (sum, share) in sums.iter_mut().zip(&self.shares) {
                *sum += f64::from(feature * feature * share);
            }
        }
    }

    fn add_to(&self, sums: &mut [f64]) {
        sums.iter_mut().zip(&self.sums).for_each(|(sum, own)| *sum += own);
    }

    fn finish(&self, sums: &[f64], d_log_std: &mut [f32]) {
        for (i, d) in d_log_std.iter_mut().enumerate() {
            let factor = if self.features == 0 { 1.0 } else { self.squares[i] };
            let slope = sums[i] as f32 * factor;
            // Beyond the range only a step back passes; with none, a step too far would be for ever.
            *d = if slope * self.beyond[i] < 0.0 { 0.0 } else { slope };
        }
    }
}
