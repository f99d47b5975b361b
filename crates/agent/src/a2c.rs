//! Synchronous advantage actor-critic (Mnih et al. 2016): one gradient step on the whole rollout.

use crate::learner::{Chosen, StepSettings};
use crate::{A2cSettings, AgentUpdate, Learner, OptimizerKind, Outcome, Rollout};
use striatum_kernels::{Backend, KernelError, LossParams, Objective, OptimizerParams};

/// One gradient step on a rollout of every agent. What came of it is told by `outcome`, once that is settled.
///
/// # Errors
/// If the device fails.
pub fn update_a2c<'a, B: Backend>(
    learner: &mut Learner<B>,
    rollout: &Rollout<B>,
    agents: impl Iterator<Item = AgentUpdate<'a, A2cSettings>> + Clone,
    outcome: &mut Outcome<B>,
) -> Result<(), KernelError> {
    let settings = |agent: AgentUpdate<'_, A2cSettings>| step_settings(&agent);
    learner.begin_update(1, agents.map(settings));
    learner.in_order(rollout.rows());
    // A rollout's rows are one sequence an environment as they lie.
    let sequence = if learner.spec().has_memory() { rollout.steps } else { 1 };
    learner.step(rollout, Chosen { first: 0, rows: rollout.rows(), sequence })?;
    learner.finish_update(outcome);
    Ok(())
}

fn step_settings(agent: &AgentUpdate<'_, A2cSettings>) -> StepSettings {
    let AgentUpdate { settings, dopamine, critic, remaining, .. } = *agent;
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
            auxiliary_coef: critic.auxiliary_coef,
            critic: critic.kind as u32,
            huber: critic.huber,
            opponent: u32::from(critic.opponent),
            entropy_coef: settings.entropy_coef,
            kappa: dopamine.kappa,
            sum_decay: dopamine.sum_decay,
            logit_decay: dopamine.logit_decay,
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
