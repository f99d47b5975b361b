//! The mirror of `shaders/discounted_returns.wgsl`.

use crate::RolloutShape;
use crate::moments::Moments;

/// Environments followed together.
const ENVS: usize = 16;

/// Arguments of [`discounted_returns`].
#[derive(Debug)]
pub struct DiscountedReturnsArgs<'a, B: ?Sized> {
    /// A, T, N; K does not matter.
    pub shape: RolloutShape,
    /// Discount, `[A]`.
    pub gamma: &'a [f32],
    /// `[A, T, N]`.
    pub rewards: &'a B,
    /// `[A, T, N]`.
    pub terminated: &'a B,
    /// `[A, T, N]`.
    pub truncated: &'a B,
    /// Discounted return of the episode under way before and after the rollout, `[A, N]`.
    pub running: &'a mut B,
    /// Output: count, mean and sum of squared deviations of the T N returns, `[A, 3]`.
    pub moments: &'a mut B,
}

impl<B: ?Sized> DiscountedReturnsArgs<'_, B> {
    pub(crate) fn assert_lengths(&self, len: impl Fn(&B) -> usize) {
        let s = self.shape;
        let long_enough = self.gamma.len() >= s.agents
            && [self.rewards, self.terminated, self.truncated]
                .into_iter()
                .all(|buffer| len(buffer) >= s.agents * s.steps * s.envs)
            && len(self.running) >= s.agents * s.envs
            && len(self.moments) >= 3 * s.agents;
        assert!(long_enough, "discounted_returns: a buffer is too short for {s:?}");
    }
}

/// Rewards, terminated and truncated of one agent, each `[T, N]`.
struct Agent<'a> {
    gamma: f64,
    envs: usize,
    inputs: [&'a [f32]; 3],
}

impl Agent<'_> {
    /// Follows up to [`ENVS`] environments from `first` on.
    fn follow(&self, first: usize, running: &mut [f32]) -> Moments {
        let mut sums = [0.0; ENVS];
        sums.iter_mut().zip(&*running).for_each(|(sum, &running)| *sum = f64::from(running));
        let (mut count, mut mean, mut m2) = (0.0, [0.0; ENVS], [0.0; ENVS]);
        for step in 0..self.inputs[0].len() / self.envs {
            let at = step * self.envs + first;
            let [rewards, terminated, truncated] = self.inputs.map(|input| &input[at..at + running.len()]);
            count += 1.0;
            let share = 1.0 / count;
            for i in 0..running.len() {
                // R = gamma R + r
                let sum = self.gamma * sums[i] + f64::from(rewards[i]);
                let apart = sum - mean[i];
                mean[i] += apart * share;
                m2[i] += apart * (sum - mean[i]);
                sums[i] = if terminated[i] != 0.0 || truncated[i] != 0.0 { 0.0 } else { sum };
            }
        }
        let mut all = Moments::default();
        for (i, running) in running.iter_mut().enumerate() {
            *running = sums[i] as f32;
            all.merge(Moments { count, mean: mean[i], m2: m2[i] });
        }
        all
    }
}

/// The discounted return of the episode under way, `R = gamma R + r` and then 0 where the episode ended, through a rollout of every
/// environment, and the statistics of all R before they become 0: what [`ReturnScaler`](crate::ReturnScaler) follows step by step.
pub fn discounted_returns<B: AsRef<[f32]> + AsMut<[f32]> + ?Sized>(args: DiscountedReturnsArgs<'_, B>) {
    args.assert_lengths(|buffer| buffer.as_ref().len());
    let RolloutShape { agents, steps, envs, .. } = args.shape;
    let (running, out) = (args.running.as_mut(), args.moments.as_mut());
    let inputs = [args.rewards, args.terminated, args.truncated].map(AsRef::as_ref);
    for (index, out) in out.as_chunks_mut().0.iter_mut().enumerate().take(agents) {
        let at = index * steps * envs;
        let inputs = inputs.map(|input| &input[at..at + steps * envs]);
        let agent = Agent { gamma: f64::from(args.gamma[index]), envs, inputs };
        let mut all = Moments::default();
        for (block, running) in running[index * envs..(index + 1) * envs].chunks_mut(ENVS).enumerate() {
            all.merge(agent.follow(block * ENVS, running));
        }
        *out = all.to_f32();
    }
}
