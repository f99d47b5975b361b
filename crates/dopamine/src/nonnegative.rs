//! Non-negative least squares (Lawson & Hanson 1974).

/// Least squares `|A x - b|^2 + ridge |x|^2` over `x >= 0`.
///
/// `columns` are those of A, each as long as `target`.
///
/// # Panics
///
/// When a column has another length than `target`.
#[must_use]
pub fn nonnegative_least_squares(columns: &[Vec<f64>], target: &[f64], ridge: f64) -> Vec<f64> {
    let rows = target.len() + if ridge > 0.0 { columns.len() } else { 0 };
    // The ridge is one more row a column: sqrt(ridge) x_j should be 0.
    let extend = |(index, column): (usize, &Vec<f64>)| {
        assert_eq!(column.len(), target.len(), "column {index} and the target differ in length");
        let mut extended = vec![0.0; rows];
        extended[..target.len()].copy_from_slice(column);
        if ridge > 0.0 {
            extended[target.len() + index] = ridge.sqrt();
        }
        extended
    };
    let columns: Vec<Vec<f64>> = columns.iter().enumerate().map(extend).collect();
    let target: Vec<f64> = target.iter().copied().chain(std::iter::repeat(0.0)).take(rows).collect();
    Solver { x: vec![0.0; columns.len()], passive: Vec::new(), columns, target }.solve()
}

struct Solver {
    columns: Vec<Vec<f64>>,
    target: Vec<f64>,
    x: Vec<f64>,
    /// Which unknowns may be more than 0.
    passive: Vec<usize>,
}

impl Solver {
    fn solve(mut self) -> Vec<f64> {
        let scale = self.columns.iter().map(|column| dot(column, &self.target).abs()).fold(0.0, f64::max);
        // Beyond three rounds an unknown the gradient is rounding error.
        for _ in 0..3 * self.columns.len() {
            let residual = self.residual();
            let gain = |index: &usize| dot(&self.columns[*index], &residual);
            let free = (0..self.columns.len()).filter(|index| !self.passive.contains(index));
            let Some(best) = free.max_by(|a, b| gain(a).total_cmp(&gain(b))) else { break };
            if gain(&best) <= 1e-13 * scale {
                break;
            }
            self.passive.push(best);
            self.settle();
        }
        self.x
    }

    /// Solves for the passive unknowns; those that would turn negative leave.
    fn settle(&mut self) {
        while !self.passive.is_empty() {
            let chosen: Vec<&[f64]> = self.passive.iter().map(|&index| self.columns[index].as_slice()).collect();
            let solution = least_squares(&chosen, &self.target);
            let negative = self.passive.iter().zip(&solution).filter(|(_, solved)| **solved <= 0.0);
            let step =
                negative.map(|(&index, solved)| self.x[index] / (self.x[index] - solved)).fold(f64::NAN, f64::min);
            if step.is_nan() {
                self.passive.iter().zip(&solution).for_each(|(&index, &solved)| self.x[index] = solved);
                return;
            }
            for (&index, solved) in self.passive.iter().zip(&solution) {
                let moved = self.x[index] + step * (solved - self.x[index]);
                // The unknown that sets the step arrives at 0 but for rounding.
                self.x[index] = if *solved <= 0.0 && moved <= 1e-15 { 0.0 } else { moved };
            }
            let x = &self.x;
            self.passive.retain(|&index| x[index] > 0.0);
        }
    }

    fn residual(&self) -> Vec<f64> {
        let mut residual = self.target.clone();
        for &index in &self.passive {
            subtract(&mut residual, self.x[index], &self.columns[index]);
        }
        residual
    }
}

/// Least squares by Gram and Schmidt's orthogonal columns, each made orthogonal twice.
fn least_squares(columns: &[&[f64]], target: &[f64]) -> Vec<f64> {
    let n = columns.len();
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(n);
    let mut triangle = vec![vec![0.0; n]; n];
    for (j, column) in columns.iter().enumerate() {
        let mut direction = column.to_vec();
        for _ in 0..2 {
            for (i, earlier) in basis.iter().enumerate() {
                let share = dot(earlier, &direction);
                triangle[i][j] += share;
                subtract(&mut direction, share, earlier);
            }
        }
        triangle[j][j] = dot(&direction, &direction).sqrt();
        direction.iter_mut().for_each(|x| *x /= triangle[j][j].max(f64::MIN_POSITIVE));
        basis.push(direction);
    }
    let mut solution = vec![0.0; n];
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|j| triangle[i][j] * solution[j]).sum();
        solution[i] = (dot(&basis[i], target) - known) / triangle[i][i].max(f64::MIN_POSITIVE);
    }
    solution
}

/// The inner product.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn subtract(from: &mut [f64], share: f64, of: &[f64]) {
    from.iter_mut().zip(of).for_each(|(from, of)| *from -= share * of);
}
