//! Where rollouts come from.

use crate::collector::Collector;
use crate::error::TrainError;
use crate::session::Session;
use striatum_agent::{Learner, Rollout};
use striatum_envs::Snapshot;
use striatum_kernels::Backend;

/// The environments of all agents of a [`Trainer`](crate::trainer::Trainer).
pub trait Source<B: Backend> {
    /// T steps of every environment: fills the rollout, values included, with rewards as they are learned from, and brings the
    /// sessions' reward statistics up to date, and their episodes where they end on the host.
    ///
    /// # Errors
    /// If an environment or the device fails.
    fn collect(
        &mut self,
        learner: &mut Learner<B>,
        sessions: &mut [Session],
        rollout: &mut Rollout<B>,
    ) -> Result<(), TrainError>;

    /// Whether a rollout is launched on the device as a whole, which nobody waits for.
    fn is_resident(&self) -> bool;

    /// Starts to fetch what the sessions are to know of the last rollout, after the update.
    fn begin_report(&self, backend: &B, reading: &mut B::Reading);

    /// Lets the sessions' episodes and normalisers learn from what was fetched.
    fn report(&mut self, numbers: &[f32], sessions: &mut [Session]);

    /// Steps of every environment since the run began.
    fn steps(&self) -> u32;

    /// Where an agent's environments are. What a device keeps of its session is brought to the host.
    ///
    /// # Errors
    /// If the device fails.
    fn snapshot(&self, backend: &B, agent: usize, session: &mut Session) -> Result<Snapshot, TrainError>;

    /// Puts an agent's environments where a snapshot of as many says, after `steps` steps.
    ///
    /// # Errors
    /// If it does not fit the task, or the device fails.
    fn restore(
        &mut self,
        backend: &B,
        agent: usize,
        snapshot: &Snapshot,
        steps: u32,
        session: &Session,
    ) -> Result<(), TrainError>;

    /// Length of an environment's state.
    fn state_width(&self) -> usize;
}

impl<B: Backend> Source<B> for Collector {
    fn collect(
        &mut self,
        learner: &mut Learner<B>,
        sessions: &mut [Session],
        rollout: &mut Rollout<B>,
    ) -> Result<(), TrainError> {
        self.collect(learner, &mut sessions[0], rollout)
    }

    fn is_resident(&self) -> bool {
        false
    }

    fn begin_report(&self, _: &B, _: &mut B::Reading) {}

    fn report(&mut self, _: &[f32], sessions: &mut [Session]) {
        self.finish_iteration(&mut sessions[0]);
    }

    fn steps(&self) -> u32 {
        self.steps
    }

    fn snapshot(&self, _: &B, _: usize, session: &mut Session) -> Result<Snapshot, TrainError> {
        session.memory = self.memory();
        Ok(self.snapshot())
    }

    fn restore(
        &mut self,
        _: &B,
        _: usize,
        snapshot: &Snapshot,
        steps: u32,
        session: &Session,
    ) -> Result<(), TrainError> {
        self.steps = steps;
        self.restore_memory(&session.memory);
        self.restore(snapshot)
    }

    fn state_width(&self) -> usize {
        self.state_width()
    }
}
