//! Proximal policy optimisation (Schulman et al. 2017), with the details of CleanRL's `ppo.py` and Stable-Baselines3's `PPO`.

use crate::learner::{Report, StepSettings};
use crate::update::summarize;
use crate::{DopamineSettings, Learner, PpoSettings, Rollout, UpdateError, UpdateMetrics};
use striatum_kernels::{Backend, LossParams, Objective, OptimizerParams};
use striatum_rng::{Purpose, Stream};

/// Several epochs of minibatches over one rollout.
///
/// `remaining` is the share of the run that is left, 1 to 0, for annealing; `seed` and `iteration` decide the order of samples.
///
/// # Errors
/// If the device fails or the gradient is not finite.
pub fn update_ppo<B: Backend>(
    learner: &mut Learner<B>,
    rollout: &Rollout<B>,
    settings: &PpoSettings,
    dopamine: &DopamineSettings,
    remaining: f32,
    seed: u64,
    iteration: u32,
) -> Result<UpdateMetrics, UpdateError> {
    let step_settings = step_settings(settings, dopamine, remaining);
    let minibatch_rows = rollout.rows() / settings.minibatches;
    let first_step = learner.optimizer_steps() + 1;
    let mut report = Report::new(learner.backend(), settings.epochs * settings.minibatches);
    let mut rows: Vec<u32> = (0..rollout.rows() as u32).collect();

    'epochs: for epoch in 0..settings.epochs {
        shuffle(&mut rows, &mut Stream::new(seed, Purpose::Shuffle, epoch as u32, iteration));
        for minibatch in rows.chunks_exact(minibatch_rows) {
            if !learner.step(rollout, minibatch, &step_settings, &mut report)? {
                break 'epochs;
            }
        }
    }
    let (metrics, grad_norms) = report.read(learner.backend())?;
    summarize(&metrics, &grad_norms, first_step)
}

fn step_settings(settings: &PpoSettings, dopamine: &DopamineSettings, remaining: f32) -> StepSettings {
    let annealed = |on: bool| if on { remaining } else { 1.0 };
    StepSettings {
        loss: LossParams {
            objective: Objective::Clipped as u32,
            clip: settings.clip * annealed(settings.anneal_clip),
            value_clip: settings.value_clip,
            value_coef: settings.value_coef,
            entropy_coef: settings.entropy_coef,
            kappa: dopamine.kappa,
            sum_decay: dopamine.sum_decay,
            padding: 0.0,
        },
        optimizer: OptimizerParams {
            kind: 0,
            learning_rate: settings.learning_rate * annealed(settings.anneal_learning_rate),
            beta1: 0.9,
            beta2: 0.999,
            epsilon: settings.adam_epsilon,
            correction1: 1.0,
            correction2: 1.0,
            max_grad_norm: settings.max_grad_norm,
        },
        normalize_advantages: settings.normalize_advantages,
        kl_limit: 1.5 * settings.target_kl,
    }
}

/// Fisher and Yates's shuffle.
fn shuffle(rows: &mut [u32], stream: &mut Stream) {
    for i in (1..rows.len()).rev() {
        rows.swap(i, stream.below(i as u32 + 1) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_is_a_permutation_and_depends_on_its_stream() {
        let shuffled = |index| {
            let mut rows: Vec<u32> = (0..100).collect();
            shuffle(&mut rows, &mut Stream::new(1, Purpose::Shuffle, 0, index));
            rows
        };
        let mut sorted = shuffled(0);
        assert_ne!(sorted, shuffled(1));
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
    }
}
