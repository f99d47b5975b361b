//! Bandits: what the arms pay, and which is best when.

/// Arms that pay 1 with some probability, else 0.
///
/// ```
/// use striatum_dopamine::Bandit;
/// let bandit = Bandit::reversing(4, 0.8, 0.2, 100);
/// assert_eq!(bandit.probability(0, 99), 0.8);
/// assert_eq!(bandit.probability(0, 100), 0.2);
/// assert_eq!(bandit.best(100), 1);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Bandit {
    probabilities: Vec<f64>,
    period: Option<usize>,
}

impl Bandit {
    /// Arms that pay with these probabilities; `None` if there is no arm or a number is not a probability.
    #[must_use]
    pub fn new(probabilities: Vec<f64>) -> Option<Self> {
        let valid = !probabilities.is_empty() && probabilities.iter().all(|p| (0.0..=1.0).contains(p));
        valid.then_some(Self { probabilities, period: None })
    }

    /// Every arm pays often: the first 0.8, the others 0.7 (Jaskir and Frank 2023).
    #[must_use]
    pub fn rich(arms: usize) -> Self {
        Self::one_best(arms, 0.8, 0.7)
    }

    /// Every arm pays rarely: the first 0.3, the others 0.2 (Jaskir and Frank 2023).
    #[must_use]
    pub fn lean(arms: usize) -> Self {
        Self::one_best(arms, 0.3, 0.2)
    }

    /// One arm pays `best`, the others `other`; every `period` steps the next arm in turn is the one. A period of 0 is never.
    #[must_use]
    pub fn reversing(arms: usize, best: f64, other: f64, period: usize) -> Self {
        Self { period: (period > 0).then_some(period), ..Self::one_best(arms, best, other) }
    }

    fn one_best(arms: usize, best: f64, other: f64) -> Self {
        let probabilities = (0..arms.max(1)).map(|arm| if arm == 0 { best } else { other }).collect();
        Self { probabilities, period: None }
    }

    /// How many arms there are.
    #[must_use]
    pub fn arms(&self) -> usize {
        self.probabilities.len()
    }

    /// With which probability `arm` pays at `step`.
    #[must_use]
    pub fn probability(&self, arm: usize, step: usize) -> f64 {
        let arms = self.arms();
        // A reversal moves every arm's probability to the next arm.
        self.probabilities[(arm + arms - self.reversals(step) % arms) % arms]
    }

    /// The arm that pays most at `step`; the first of equals before any reversal.
    #[must_use]
    pub fn best(&self, step: usize) -> usize {
        let first = (0..self.arms()).rev().max_by(|&a, &b| self.probabilities[a].total_cmp(&self.probabilities[b]));
        (first.unwrap_or(0) + self.reversals(step)) % self.arms()
    }

    /// How often the arms have changed before `step`.
    #[must_use]
    pub fn reversals(&self, step: usize) -> usize {
        self.period.map_or(0, |period| step / period)
    }

    /// What choosing `arm` at `step` pays, given a uniform number in `[0, 1)`.
    #[must_use]
    pub fn pay(&self, arm: usize, step: usize, uniform: f64) -> f64 {
        if uniform < self.probability(arm, step) { 1.0 } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_take_turns_at_being_the_best() {
        let bandit = Bandit::reversing(3, 0.8, 0.2, 10);
        for (step, best) in [(0, 0), (9, 0), (10, 1), (19, 1), (20, 2), (30, 0)] {
            assert_eq!(bandit.best(step), best, "step {step}");
            for arm in 0..3 {
                let expected = if arm == best { 0.8 } else { 0.2 };
                assert_eq!(bandit.probability(arm, step), expected, "arm {arm} at step {step}");
            }
        }
        assert_eq!(bandit.pay(0, 0, 0.79), 1.0);
        assert_eq!(bandit.pay(0, 0, 0.8), 0.0);
    }

    #[test]
    fn rich_and_lean_have_one_best_arm() {
        assert_eq!(Bandit::rich(6).probabilities, [0.8, 0.7, 0.7, 0.7, 0.7, 0.7]);
        assert_eq!(Bandit::lean(2).probabilities, [0.3, 0.2]);
        assert_eq!(Bandit::rich(2).best(1000), 0);
    }

    #[test]
    fn what_is_not_a_probability_is_refused() {
        assert_eq!(Bandit::new(vec![0.5, 1.5]), None);
        assert_eq!(Bandit::new(vec![f64::NAN]), None);
        assert_eq!(Bandit::new(vec![]), None);
        let bandit = Bandit::new(vec![0.1, 0.9, 0.9]).unwrap();
        assert_eq!((bandit.arms(), bandit.best(5)), (3, 1));
    }
}
