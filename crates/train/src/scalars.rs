//! The numbers of an iteration under the tags that TensorBoard shows: CleanRL's, and `dopamine/*` and `pathways/*`.

use crate::session::Session;
use crate::trainer::Iteration;
use striatum_agent::Pathways;

/// Tag and value; what is not known yet is left out.
pub(crate) fn scalars(iteration: &Iteration, session: &Session) -> Vec<(&'static str, f64)> {
    let Session { config, episodes, tonic, .. } = session;
    let (loss, rollout) = (&iteration.update.loss, &iteration.rollout);
    let mut scalars = vec![
        ("charts/learning_rate", f64::from(iteration.learning_rate)),
        ("losses/policy_loss", f64::from(loss.policy_loss)),
        ("losses/value_loss", f64::from(loss.value_loss)),
        ("losses/entropy", f64::from(loss.entropy)),
        ("losses/approx_kl", f64::from(loss.approx_kl)),
        ("losses/clipfrac", f64::from(loss.clip_fraction)),
        ("losses/explained_variance", rollout.explained_variance),
        ("losses/grad_norm", f64::from(iteration.update.grad_norm)),
        ("dopamine/phasic_mean", rollout.delta_mean),
        ("dopamine/phasic_std", rollout.delta_std),
        ("dopamine/positive_fraction", rollout.delta_positive),
        ("dopamine/tonic", tonic.average_reward.unwrap_or(rollout.reward_mean)),
        ("pathways/direct_mean", f64::from(loss.direct_mean)),
        ("pathways/direct_std", spread(loss.direct_mean, loss.direct_square)),
    ];
    if config.network.pathways == Pathways::Dual {
        scalars.extend([
            ("pathways/indirect_mean", f64::from(loss.indirect_mean)),
            ("pathways/indirect_std", spread(loss.indirect_mean, loss.indirect_square)),
            ("pathways/sum_mode", f64::from(loss.sum_mode)),
            ("pathways/direct_weight", f64::from(loss.direct_weight)),
            ("pathways/indirect_weight", f64::from(loss.indirect_weight)),
        ]);
    }
    if config.critic.horizons > 0 {
        scalars.push(("losses/auxiliary_value_loss", f64::from(loss.auxiliary_value_loss)));
    }
    if let Some(averages) = &tonic.averages {
        scalars.extend([
            ("dopamine/inverse_temperature", f64::from(session.inverse_temperature())),
            ("dopamine/reward_fast", averages.fast),
            ("dopamine/reward_slow", averages.slow),
        ]);
    }
    if session.failures > 0 {
        scalars.push(("charts/env_failures", session.failures as f64));
    }
    scalars.extend(episodes.mean_length().map(|mean| ("charts/episodic_length", mean)));
    scalars.retain(|(_, value)| value.is_finite());
    scalars
}

/// Standard deviation from mean and mean square.
fn spread(mean: f32, square: f32) -> f64 {
    (f64::from(square) - f64::from(mean).powi(2)).max(0.0).sqrt()
}
