//! The mirror of `shaders/moments.wgsl`, in double precision.

/// Independent partial sums, so that the loop is not one chain of additions.
const LANES: usize = 8;

/// The sum of `f(number)`, always added in the same order.
fn sum(numbers: &[f32], f: impl Fn(f64) -> f64) -> f64 {
    let mut sums = [0.0; LANES];
    let (whole, rest) = numbers.as_chunks::<LANES>();
    for numbers in whole {
        for (sum, &x) in sums.iter_mut().zip(numbers) {
            *sum += f(f64::from(x));
        }
    }
    for (sum, &x) in sums.iter_mut().zip(rest) {
        *sum += f(f64::from(x));
    }
    sums.iter().sum()
}

/// Of some numbers of one column.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Moments {
    pub(crate) count: f64,
    pub(crate) mean: f64,
    /// Sum of squared deviations.
    pub(crate) m2: f64,
}

impl Moments {
    /// Two passes.
    pub(crate) fn of(numbers: &[f32]) -> Self {
        let count = numbers.len() as f64;
        let mean = sum(numbers, |x| x) / count.max(1.0);
        Self { count, mean, m2: sum(numbers, |x| (x - mean) * (x - mean)) }
    }

    /// Of the numbers of both (Chan, Golub & LeVeque 1979).
    pub(crate) fn merge(&mut self, other: Self) {
        if other.count == 0.0 {
            return;
        }
        let count = self.count + other.count;
        let (apart, share) = (other.mean - self.mean, other.count / count);
        self.mean += apart * share;
        self.m2 += other.m2 + apart * apart * self.count * share;
        self.count = count;
    }

    /// The population variance; 0 of nothing.
    pub(crate) fn variance(&self) -> f64 {
        self.m2 / self.count.max(1.0)
    }

    pub(crate) fn to_f32(self) -> [f32; 3] {
        [self.count as f32, self.mean as f32, self.m2 as f32]
    }
}
