//! Running statistics for normalising observations and rewards.

use serde::{Deserialize, Serialize};

/// Added to a variance before its root.
const EPSILON: f64 = 1e-8;

/// Columns whose sums are kept at once.
const COLUMNS: usize = 32;

/// Mean and variance of every column of the rows seen so far, in double precision (Welford 1962; Chan, Golub & LeVeque 1979).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunningMoments {
    count: f64,
    mean: Vec<f64>,
    /// Sum of squared deviations.
    m2: Vec<f64>,
}

impl RunningMoments {
    /// Statistics of no rows of `width` columns.
    pub fn new(width: usize) -> Self {
        Self { count: 0.0, mean: vec![0.0; width], m2: vec![0.0; width] }
    }

    /// Statistics as [`count`](Self::count), [`mean`](Self::mean) and [`m2`](Self::m2) gave them.
    pub fn from_parts(count: f64, mean: Vec<f64>, m2: Vec<f64>) -> Self {
        Self { count, mean, m2 }
    }

    /// How many rows were seen.
    pub fn count(&self) -> f64 {
        self.count
    }

    /// The mean of every column.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The sum of squared deviations of every column.
    pub fn m2(&self) -> &[f64] {
        &self.m2
    }

    /// The (population) variance of every column; 0 before the first row.
    pub fn variance(&self) -> impl Iterator<Item = f64> {
        self.m2.iter().map(|m2| m2 / self.count.max(1.0))
    }

    /// Adds `rows` `[R, width]`, those whose `mask` `[R]` is not 0, or all.
    pub fn update(&mut self, rows: &[f32], mask: Option<&[f32]>) {
        let width = self.mean.len();
        let counts = |row: usize| mask.is_none_or(|mask| mask[row] != 0.0);
        let taken = || rows.chunks_exact(width.max(1)).enumerate().filter(|&(row, _)| counts(row)).map(|(_, row)| row);
        let n = taken().count() as f64;
        if n == 0.0 {
            return;
        }
        // Two passes over the batch, then one merge, for some columns at a time.
        for first in (0..width).step_by(COLUMNS) {
            let columns = first..width.min(first + COLUMNS);
            let (mut mean, mut m2) = ([0.0; COLUMNS], [0.0; COLUMNS]);
            for row in taken() {
                mean.iter_mut().zip(&row[columns.clone()]).for_each(|(mean, &x)| *mean += f64::from(x));
            }
            mean.iter_mut().for_each(|mean| *mean /= n);
            for row in taken() {
                for ((m2, mean), &x) in m2.iter_mut().zip(&mean).zip(&row[columns.clone()]) {
                    *m2 += (f64::from(x) - mean).powi(2);
                }
            }
            self.merge_columns(first, n, &mean[..columns.len()], &m2[..columns.len()]);
        }
        self.count += n;
    }

    /// Adds `n` rows of which the means and the sums of squared deviations of the columns are known, each `[width]`, as
    /// [`column_moments`](crate::column_moments()) finds them.
    pub fn merge_batch(&mut self, n: f64, mean: &[f64], m2: &[f64]) {
        if n == 0.0 {
            return;
        }
        self.merge_columns(0, n, &mean[..self.mean.len()], &m2[..self.mean.len()]);
        self.count += n;
    }

    /// Merges the columns from `first` on, before the rows are counted.
    fn merge_columns(&mut self, first: usize, n: f64, mean: &[f64], m2: &[f64]) {
        let total = self.count + n;
        let own = self.mean[first..].iter_mut().zip(&mut self.m2[first..]);
        for ((own_mean, own_m2), (mean, m2)) in own.zip(mean.iter().zip(m2)) {
            let apart = mean - *own_mean;
            *own_mean += apart * n / total;
            *own_m2 += m2 + apart * apart * self.count * n / total;
        }
    }

    /// What the statistics make of observations now; numbers are clipped to `-clip..clip`.
    pub fn standardizer(&self, clip: f32) -> Standardizer {
        let mut standardizer = Standardizer { mean: Vec::new(), scale: Vec::new(), clip };
        standardizer.follow(self);
        standardizer
    }
}

/// Mean and scale of every column, fixed.
#[derive(Clone, Debug, PartialEq)]
pub struct Standardizer {
    mean: Vec<f64>,
    scale: Vec<f64>,
    clip: f32,
}

impl Standardizer {
    /// Takes over statistics of the same columns.
    pub fn follow(&mut self, moments: &RunningMoments) {
        self.mean.clone_from(&moments.mean);
        self.scale.clear();
        // Before the first row numbers are only clipped: a variance of 0 would send all of them to the clip.
        let scale = |variance: f64| if moments.count > 0.0 { 1.0 / (variance + EPSILON).sqrt() } else { 1.0 };
        self.scale.extend(moments.variance().map(scale));
    }

    /// `(x - mean) / sqrt(variance + 1e-8)` of every number of `rows` `[R, width]`, clipped.
    pub fn apply(&self, rows: &mut [f32]) {
        for row in rows.chunks_exact_mut(self.mean.len().max(1)) {
            for ((x, mean), scale) in row.iter_mut().zip(&self.mean).zip(&self.scale) {
                *x = (((f64::from(*x) - mean) * scale) as f32).clamp(-self.clip, self.clip);
            }
        }
    }

    /// The means, then the scales: what a rollout on a GPU normalises by, `[2, width]`.
    pub fn numbers(&self) -> impl Iterator<Item = f32> {
        self.mean.iter().chain(&self.scale).map(|&x| x as f32)
    }
}

/// Divides rewards by the running standard deviation of the discounted return, which it follows in every environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReturnScaler {
    gamma: f64,
    returns: Vec<f64>,
    moments: RunningMoments,
}

impl ReturnScaler {
    /// A scaler for N environments and the agent's discount.
    pub fn new(gamma: f64, envs: usize) -> Self {
        Self { gamma, returns: vec![0.0; envs], moments: RunningMoments::new(1) }
    }

    /// A scaler as [`returns`](Self::returns) and [`moments`](Self::moments) gave it.
    pub fn from_parts(gamma: f64, returns: Vec<f64>, moments: RunningMoments) -> Self {
        Self { gamma, returns, moments }
    }

    /// The discounted return of the episode under way, one an environment.
    pub fn returns(&self) -> &[f64] {
        &self.returns
    }

    /// Statistics of all discounted returns, one column.
    pub fn moments(&self) -> &RunningMoments {
        &self.moments
    }

    /// Takes one step of every environment: `R = gamma R + r`, which is then 0 where an episode ended. `rewards` and `dones` are
    /// `[N]`.
    pub fn update(&mut self, rewards: &[f32], dones: &[f32]) {
        for (sum, &reward) in self.returns.iter_mut().zip(rewards) {
            *sum = self.gamma * *sum + f64::from(reward);
        }
        let n = self.returns.len() as f64;
        if n > 0.0 {
            let mean = self.returns.iter().sum::<f64>() / n;
            let m2 = self.returns.iter().map(|r| (r - mean).powi(2)).sum();
            self.moments.merge_batch(n, &[mean], &[m2]);
        }
        for (sum, &done) in self.returns.iter_mut().zip(dones) {
            if done != 0.0 {
                *sum = 0.0;
            }
        }
    }

    /// Takes a whole rollout: the `returns` `[N]` under way after it, and count, mean and sum of squared deviations of all of its
    /// returns, as [`discounted_returns`](crate::discounted_returns()) finds them.
    pub fn merge_batch(&mut self, returns: &[f32], [count, mean, m2]: [f32; 3]) {
        self.returns.iter_mut().zip(returns).for_each(|(own, &sum)| *own = f64::from(sum));
        self.moments.merge_batch(f64::from(count), &[f64::from(mean)], &[f64::from(m2)]);
    }

    /// What a reward is multiplied by: `1 / sqrt(variance + 1e-8)`, or 1 before the second return.
    pub fn scale(&self) -> f32 {
        if self.moments.count < 2.0 {
            return 1.0;
        }
        self.moments.variance().next().map_or(1.0, |variance| (1.0 / (variance + EPSILON).sqrt()) as f32)
    }
}
