//! The numbers that both algorithms have, of the one that was chosen.

use crate::config::Config;
use striatum_agent::Algorithm;

impl Config {
    /// Discount.
    pub fn gamma(&self) -> f32 {
        match self.algo {
            Algorithm::Ppo => self.ppo.gamma,
            Algorithm::A2c => self.a2c.gamma,
        }
    }

    /// Lambda of generalised advantage estimation.
    pub fn gae_lambda(&self) -> f32 {
        match self.algo {
            Algorithm::Ppo => self.ppo.gae_lambda,
            Algorithm::A2c => self.a2c.gae_lambda,
        }
    }

    /// Step size with this share of the run left.
    pub fn learning_rate(&self, remaining: f32) -> f32 {
        let (rate, anneal) = match self.algo {
            Algorithm::Ppo => (self.ppo.learning_rate, self.ppo.anneal_learning_rate),
            Algorithm::A2c => (self.a2c.learning_rate, self.a2c.anneal_learning_rate),
        };
        if anneal { rate * remaining } else { rate }
    }

    /// `ppo` or `a2c`.
    pub fn algo_name(&self) -> &'static str {
        match self.algo {
            Algorithm::Ppo => "ppo",
            Algorithm::A2c => "a2c",
        }
    }
}
