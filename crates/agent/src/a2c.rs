//! Synchronous advantage actor-critic (Mnih et al. 2016): one gradient step on the whole rollout.

use crate::learner::{Report, StepSettings};
use crate::update::summarize;
use crate::{A2cSettings, DopamineSettings, Learner, OptimizerKind, Rollout, UpdateError, UpdateMetrics};
use striatum_kernels::{Backend, LossParams, Objective, OptimizerParams};

/// One gradient step on a rollout. `remaining` is the share of the run that is left, 1 to 0, for annealing.
///
/// # Errors
/// If the device fails or the gradient is not finite.
pub fn update_a2c<B: Backend>(
    learner: &mut Learner<B>,
    rollout: &Rollout<B>,
    settings: &A2cSettings,
    dopamine: &DopamineSettings,
    remaining: f32,
) -> Result<UpdateMetrics, UpdateError> {
    let step_settings = step_settings(settings, dopamine, remaining);
    let first_step = learner.optimizer_steps() + 1;
    let mut report = Report::new(learner.backend(), 1);
    let rows: Vec<u32> = (0..rollout.rows() as u32).collect();
    learner.step(rollout, &rows, &step_settings, &mut report)?;
    let (metrics, grad_norms) = report.read(learner.backend())?;
    summarize(&metrics, &grad_norms, first_step)
}

fn step_settings(settings: &A2cSettings, dopamine: &DopamineSettings, remaining: f32) -> StepSettings {
    let (kind, beta2) = match settings.optimizer {
        OptimizerKind::Adam => (0, 0.999),
        OptimizerKind::Rmsprop => (1, settings.rmsprop_alpha),
    };
    StepSettings {
        loss: LossParams {
            objective: Objective::PolicyGradient as u32,
            clip: 0.0,
            value_clip: 0.0,
            value_coef: settings.value_coef,
            entropy_coef: settings.entropy_coef,
            kappa: dopamine.kappa,
            sum_decay: dopamine.sum_decay,
            padding: 0.0,
        },
        optimizer: OptimizerParams {
            kind,
            learning_rate: settings.learning_rate * if settings.anneal_learning_rate { remaining } else { 1.0 },
            beta1: 0.9,
            beta2,
            epsilon: settings.epsilon,
            correction1: 1.0,
            correction2: 1.0,
            max_grad_norm: settings.max_grad_norm,
        },
        normalize_advantages: settings.normalize_advantages,
        kl_limit: 0.0,
    }
}
