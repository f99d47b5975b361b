//! Proximal policy optimisation (Schulman et al. 2017), with the details of CleanRL's `ppo.py` and Stable-Baselines3's `PPO`.

use crate::learner::{Chosen, StepSettings};
use crate::{AgentUpdate, Learner, Outcome, PpoSettings, Rollout};
use striatum_kernels::{Backend, KernelError, LossParams, Objective, OptimizerParams};
use striatum_rng::{Purpose, Stream};

/// Several epochs of minibatches over one rollout of every agent. What came of it is told by `outcome`, once that is settled.
///
/// # Errors
/// If the device fails.
pub fn update_ppo<'a, B: Backend>(
    learner: &mut Learner<B>,
    rollout: &Rollout<B>,
    agents: impl Iterator<Item = AgentUpdate<'a, PpoSettings>> + Clone,
    iteration: u32,
    outcome: &mut Outcome<B>,
) -> Result<(), KernelError> {
    let Some(&PpoSettings { epochs, minibatches, sequence_length, .. }) =
        agents.clone().next().map(|agent| agent.settings)
    else {
        return Ok(());
    };
    let sequence = match sequence_length {
        _ if !learner.spec().has_memory() => 1,
        0 => rollout.steps,
        length => length,
    };
    let rows = rollout.rows() / minibatches;
    let settings = |agent: AgentUpdate<'_, PpoSettings>| step_settings(&agent);
    learner.begin_update(epochs * minibatches, agents.clone().map(settings));

    'epochs: for epoch in 0..epochs {
        let keys = agents.clone().map(|agent| key(agent.seed, epoch, iteration));
        if learner.spec().has_memory() {
            learner.shuffle_sequences(rollout, sequence, minibatches, keys);
        } else {
            learner.shuffle(rollout.rows(), keys);
        }
        for minibatch in 0..minibatches {
            if !learner.step(rollout, Chosen { first: minibatch * rows, rows, sequence })? {
                break 'epochs;
            }
        }
    }
    learner.finish_update(outcome);
    Ok(())
}

/// What an epoch's order of samples depends on.
fn key(seed: u64, epoch: usize, iteration: u32) -> [u32; 2] {
    let mut stream = Stream::new(seed, Purpose::Shuffle, epoch as u32, iteration);
    [stream.word(), stream.word()]
}

fn step_settings(agent: &AgentUpdate<'_, PpoSettings>) -> StepSettings {
    let AgentUpdate { settings, dopamine, critic, remaining, .. } = *agent;
    let annealed = |on: bool| if on { remaining } else { 1.0 };
    StepSettings {
        loss: LossParams {
            objective: Objective::Clipped as u32,
            clip: settings.clip * annealed(settings.anneal_clip),
            value_clip: settings.value_clip,
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
