//! The tonic side of dopamine: the average reward that rewards are centred by, and an inverse temperature that follows the rise and
//! fall of rewards. Rewards are those that are learned from: where they are normalised, scaled and clipped ones.

use striatum_agent::{DopamineSettings, RewardCentering};

/// What the inverse temperature is multiplied by, at least and at most.
const FACTOR: [f64; 2] = [0.25, 4.0];

/// A spread that is smaller than this share of the average is rounding.
const NEGLIGIBLE: f64 = 1e-6;

/// What an agent keeps of the rewards of its rollouts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tonic {
    /// rbar; none before the first rollout, and without reward centering.
    pub average_reward: Option<f64>,
    /// None before the first rollout, and without a gain.
    pub averages: Option<Averages>,
}

/// Exponential averages of the rollouts' mean rewards.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Averages {
    /// r_f.
    pub fast: f64,
    /// r_s.
    pub slow: f64,
    /// Of the means around `slow`, forgotten as fast as it, and started at 0.
    pub variance: f64,
    /// The weights of the rollouts that `variance` is of: it divides the variance, which counts none at the start.
    pub weight: f64,
}

impl Tonic {
    /// Lets the average reward take its step on a rollout, from the mean of its rewards and of its first TD errors, which are those
    /// under the average reward before (0 if there was none).
    ///
    /// The first rollout's mean is where it starts. The TD form (Naik et al. 2024) goes down the gradient of the mean squared TD
    /// error, the other one is a moving average.
    pub fn center(&mut self, settings: &DopamineSettings, reward_mean: f64, delta_mean: f64) {
        let (before, delta_mean) = match self.average_reward {
            Some(before) => (before, delta_mean),
            None => (reward_mean, delta_mean - reward_mean),
        };
        let step = match settings.reward_centering {
            RewardCentering::None => return,
            // -1/2 d/drbar mean delta^2
            RewardCentering::Td => delta_mean,
            RewardCentering::Mean => reward_mean - before,
        };
        self.average_reward = Some(before + f64::from(settings.centering_rate) * step);
    }

    /// Takes a rollout's mean reward into the fast and the slow average.
    pub fn follow(&mut self, settings: &DopamineSettings, reward_mean: f64) {
        if settings.tonic_gain == 0.0 {
            return;
        }
        let [fast, slow] = [settings.tonic_fast, settings.tonic_slow].map(f64::from);
        match &mut self.averages {
            None => {
                self.averages = Some(Averages { fast: reward_mean, slow: reward_mean, variance: 0.0, weight: 0.0 });
            }
            Some(averages) => {
                let off = reward_mean - averages.slow;
                averages.fast += fast * (reward_mean - averages.fast);
                averages.slow += slow * off;
                averages.variance = (1.0 - slow) * (averages.variance + slow * off * off);
                averages.weight += slow * (1.0 - averages.weight);
            }
        }
    }

    /// What the inverse temperature is multiplied by: `clip(exp(k (r_f - r_s) / sigma_r), 1/4, 4)`, where sigma_r is the running
    /// standard deviation of the rollouts' mean rewards. 1 as long as they have none.
    pub fn factor(&self, settings: &DopamineSettings) -> f64 {
        let Some(Averages { fast, slow, variance, weight }) = self.averages else { return 1.0 };
        if settings.tonic_gain == 0.0 || weight == 0.0 {
            return 1.0;
        }
        let sigma = (variance / weight).sqrt();
        if sigma <= NEGLIGIBLE * slow.abs() {
            return 1.0;
        }
        let [low, high] = FACTOR;
        (f64::from(settings.tonic_gain) * (fast - slow) / sigma).exp().clamp(low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn centering(form: RewardCentering) -> DopamineSettings {
        DopamineSettings { reward_centering: form, centering_rate: 0.5, ..DopamineSettings::default() }
    }

    #[test]
    fn the_average_reward_worked_by_hand() {
        // First rollout: mean reward 4, TD errors of plain rewards 4.5 on the mean. rbar starts at 4, under which they are 0.5, and
        // goes to 4 + 0.5 * 0.5. Second one: TD errors -1 on the mean, 4.25 - 0.5.
        let mut tonic = Tonic::default();
        tonic.center(&centering(RewardCentering::Td), 4.0, 4.5);
        assert_eq!(tonic.average_reward, Some(4.25));
        tonic.center(&centering(RewardCentering::Td), 100.0, -1.0);
        assert_eq!(tonic.average_reward, Some(3.75));

        // The moving average: 4, then 4 + 0.5 (6 - 4).
        let mut tonic = Tonic::default();
        tonic.center(&centering(RewardCentering::Mean), 4.0, 9.0);
        assert_eq!(tonic.average_reward, Some(4.0));
        tonic.center(&centering(RewardCentering::Mean), 6.0, 9.0);
        assert_eq!(tonic.average_reward, Some(5.0));

        let mut tonic = Tonic::default();
        tonic.center(&centering(RewardCentering::None), 4.0, 4.5);
        assert_eq!(tonic, Tonic::default());
    }

    #[test]
    fn an_offset_of_rewards_is_an_offset_of_their_average() {
        // (mean reward, mean TD error beyond what rewards and their average give)
        let rollouts = [(3.0, 0.5), (2.0, -0.25), (5.0, 1.0)];
        for form in [RewardCentering::Td, RewardCentering::Mean] {
            let averages = [0.0, 64.0].map(|offset| {
                let (mut tonic, settings) = (Tonic::default(), centering(form));
                for (reward, rest) in rollouts {
                    let centred = reward + offset - tonic.average_reward.unwrap_or(0.0);
                    tonic.center(&settings, reward + offset, centred + rest);
                }
                tonic.average_reward.unwrap()
            });
            assert_eq!(averages[0] + 64.0, averages[1], "{form:?}");
        }
    }

    fn gain(tonic_gain: f32) -> DopamineSettings {
        DopamineSettings { tonic_gain, tonic_fast: 0.5, tonic_slow: 0.25, ..DopamineSettings::default() }
    }

    fn after(rewards: &[f64]) -> Tonic {
        let mut tonic = Tonic::default();
        rewards.iter().for_each(|&reward| tonic.follow(&gain(2.0), reward));
        tonic
    }

    #[test]
    fn the_temperature_worked_by_hand() {
        assert_eq!(Tonic::default().factor(&gain(2.0)), 1.0);
        assert_eq!(after(&[7.0]).factor(&gain(2.0)), 1.0, "one mean has no spread");
        // 8, then 0: fast 4, slow 8 - 2 = 6; variance 3/4 * 1/4 * 64 = 12, weight 1/4, sigma^2 = 48.
        let tonic = after(&[8.0, 0.0]);
        let averages = Averages { fast: 4.0, slow: 6.0, variance: 12.0, weight: 0.25 };
        assert_eq!(tonic.averages, Some(averages));
        assert!((tonic.factor(&gain(2.0)) - (-4.0 / 48.0_f64.sqrt()).exp()).abs() < 1e-15);
        // 8 again: fast 6, slow 6.5; off = 2: variance 3/4 (12 + 1) = 9.75, weight 7/16, sigma^2 = 156/7.
        let tonic = after(&[8.0, 0.0, 8.0]);
        assert_eq!(tonic.averages, Some(Averages { fast: 6.0, slow: 6.5, variance: 9.75, weight: 0.4375 }));
        assert!((tonic.factor(&gain(2.0)) - (-1.0 / (156.0_f64 / 7.0).sqrt()).exp()).abs() < 1e-15);
    }

    #[test]
    fn a_fall_explores_a_rise_sharpens_and_both_have_limits() {
        let steady = [1.0, 2.0, 1.0, 2.0, 1.0, 2.0];
        let then = |reward: f64, k: f32| after(&[&steady[..], &[reward; 2]].concat()).factor(&gain(k));
        assert!(then(-1.0, 0.5) < 0.9 && then(4.0, 0.5) > 1.1);
        assert_eq!((then(-1.0, 1e6), then(4.0, 1e6)), (0.25, 4.0));
        assert_eq!(then(4.0, 0.0), 1.0, "off");
        // Neither the unit nor the origin of rewards matters.
        let other: Vec<f64> = steady.iter().chain(&[4.0; 2]).map(|reward| 1000.0 + 8.0 * reward).collect();
        assert!((after(&other).factor(&gain(2.0)) - then(4.0, 2.0)).abs() < 1e-9);
    }

    #[test]
    fn what_rounding_does_to_a_constant_reward_is_no_change() {
        assert_eq!(after(&[1.0; 9]).factor(&gain(2.0)), 1.0);
        assert_eq!(after(&[1.0, 1.0, 1.0 - 6e-8, 1.0, 1.0 + 1.2e-7]).factor(&gain(2.0)), 1.0);
        assert_eq!(after(&[0.0; 9]).factor(&gain(2.0)), 1.0);
    }

    #[test]
    fn without_a_gain_nothing_is_kept() {
        let mut tonic = Tonic::default();
        tonic.follow(&DopamineSettings::default(), 3.0);
        assert_eq!(tonic, Tonic::default());
    }
}
