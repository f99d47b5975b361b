//! A trainer's whole state to and from a checkpoint: what makes a resumed run the same run.

use crate::checkpoint::{Array, Checkpoint, CheckpointError, Data};
use crate::error::TrainError;
use crate::session::Session;
use crate::tonic::Averages;
use crate::trainer::Trainer;
use striatum_agent::LearnerState;
use striatum_envs::Snapshot;
use striatum_kernels::{Backend, ReturnScaler, RunningMoments};

impl<B: Backend> Trainer<B> {
    /// Everything that has to be kept of an agent to go on bit for bit.
    ///
    /// # Errors
    /// If the device fails.
    pub fn checkpoint(&mut self, agent: usize) -> Result<Checkpoint, TrainError> {
        let snapshot = self.source.snapshot(self.learner.backend(), agent, &mut self.sessions[agent])?;
        let session = &self.sessions[agent];
        let mut checkpoint = Checkpoint { config: session.config.to_toml(), ..Default::default() };
        self.save_progress(agent, &mut checkpoint);
        self.save_learner(agent, &mut checkpoint)?;
        save_environments(&mut checkpoint, snapshot, session);
        if let Some(normalizer) = &session.normalizer {
            save_moments(&mut checkpoint, "normalizer", normalizer);
        }
        if let Some(scaler) = &session.scaler {
            put(&mut checkpoint, "reward_scaler.returns", scaler.returns().to_vec());
            save_moments(&mut checkpoint, "reward_scaler", scaler.moments());
        }
        Ok(checkpoint)
    }

    /// Takes over for an agent what [`checkpoint`](Self::checkpoint) gave.
    ///
    /// # Errors
    /// If the checkpoint lacks something, or something has another shape than this configuration's.
    pub fn restore(&mut self, agent: usize, checkpoint: &Checkpoint) -> Result<(), TrainError> {
        restore_progress(checkpoint, &mut self.sessions[agent])?;
        restore_tonic(checkpoint, &mut self.sessions[agent]);
        self.restore_learner(agent, checkpoint)?;
        let inputs = self.learner.spec().observation.words();
        restore_statistics(checkpoint, &mut self.sessions[agent], inputs)?;
        self.restore_environments(agent, checkpoint)
    }

    fn save_progress(&self, agent: usize, checkpoint: &mut Checkpoint) {
        let session = &self.sessions[agent];
        let (progress, averages) = (&session.progress, session.tonic.averages.as_ref());
        let counters = [
            ("steps", Some(progress.steps)),
            ("iterations", Some(u64::from(progress.iterations))),
            ("batch_steps", Some(u64::from(self.source.steps()))),
            ("optimizer_steps", Some(self.learner.optimizer_steps(agent))),
            ("episodes", Some(session.episodes.finished)),
            ("evaluated_at", Some(progress.evaluated_at)),
            ("saved_at", Some(progress.saved_at)),
            ("reported_at", Some(progress.reported_at)),
            ("solved_at_steps", progress.solved_at_steps),
            ("env_failures", Some(session.failures).filter(|&failures| failures > 0)),
        ];
        let numbers = [
            ("wall_seconds", Some(session.wall_seconds())),
            ("solved_at_seconds", progress.solved_at_seconds),
            ("best_return", progress.best_return),
            ("last_return", progress.last_return),
            ("tonic.average_reward", session.tonic.average_reward),
            ("tonic.fast", averages.map(|averages| averages.fast)),
            ("tonic.slow", averages.map(|averages| averages.slow)),
            ("tonic.variance", averages.map(|averages| averages.variance)),
            ("tonic.weight", averages.map(|averages| averages.weight)),
        ];
        let present = |(name, value): (&str, Option<u64>)| Some((name.to_owned(), value?));
        checkpoint.counters.extend(counters.into_iter().filter_map(present));
        let present = |(name, value): (&str, Option<f64>)| Some((name.to_owned(), value?));
        checkpoint.numbers.extend(numbers.into_iter().filter_map(present));
    }

    fn save_learner(&self, agent: usize, checkpoint: &mut Checkpoint) -> Result<(), TrainError> {
        let state = self.learner.state(agent)?;
        for param in self.learner.spec().params() {
            let part = param.offset..param.offset + param.len();
            for (prefix, values) in [
                ("", &state.weights),
                ("optimizer.first_moment.", &state.first_moment),
                ("optimizer.second_moment.", &state.second_moment),
            ] {
                let array = Array::new(param.shape.clone(), values[part.clone()].to_vec());
                checkpoint.tensors.insert(format!("{prefix}{}", param.name), array);
            }
        }
        Ok(())
    }

    fn restore_learner(&mut self, agent: usize, checkpoint: &Checkpoint) -> Result<(), TrainError> {
        let params = self.learner.spec().params();
        let read = |prefix: &str| -> Result<Vec<f32>, CheckpointError> {
            let mut arena = Vec::new();
            for param in &params {
                arena.extend_from_slice(checkpoint.f32(&format!("{prefix}{}", param.name), &param.shape)?);
            }
            Ok(arena)
        };
        let state = LearnerState {
            weights: read("")?,
            first_moment: read("optimizer.first_moment.")?,
            second_moment: read("optimizer.second_moment.")?,
            optimizer_steps: checkpoint.counter("optimizer_steps")?,
        };
        Ok(self.learner.restore(agent, &state)?)
    }

    fn restore_environments(&mut self, agent: usize, checkpoint: &Checkpoint) -> Result<(), TrainError> {
        let memory = self.learner.spec().inputs() - self.learner.spec().observed();
        let session = &mut self.sessions[agent];
        let (count, state_width) = (session.config.num_envs, self.source.state_width());
        let snapshot = Snapshot {
            seed: checkpoint.counter("env_seed")?,
            first: 0,
            state_width,
            states: checkpoint.f64("envs.states", &[count, state_width])?.to_vec(),
            episodes: checkpoint.u32("envs.episodes", &[count])?.to_vec(),
            steps: checkpoint.u32("envs.steps", &[count])?.to_vec(),
            total_steps: checkpoint.u32("envs.total_steps", &[count])?.to_vec(),
        };
        if memory > 0 {
            session.memory = checkpoint.f32("envs.memory", &[count, memory])?.to_vec();
        }
        let episodes = &mut session.episodes;
        episodes.running_returns = checkpoint.f64("episodes.running_returns", &[count])?.to_vec();
        episodes.running_lengths = checkpoint.u32("episodes.running_lengths", &[count])?.to_vec();
        let finished = checkpoint.shape("episodes.returns")?.to_vec();
        episodes.returns = checkpoint.f64("episodes.returns", &finished)?.iter().copied().collect();
        episodes.lengths = checkpoint.f64("episodes.lengths", &[episodes.returns.len()])?.iter().copied().collect();
        if state_width == 0 {
            // Without their state the environments start new episodes.
            (0..count).for_each(|env| episodes.abandon(env));
            for own in session.memory.chunks_exact_mut(memory.max(1)) {
                own.fill(0.0);
                own[0] = 1.0;
            }
            if let Some(scaler) = &mut session.scaler {
                let gamma = f64::from(session.config.gamma());
                *scaler = ReturnScaler::from_parts(gamma, vec![0.0; count], scaler.moments().clone());
            }
        }
        let steps = checkpoint.counter("batch_steps")? as u32;
        self.source.restore(self.learner.backend(), agent, &snapshot, steps, session)
    }
}

fn restore_progress(checkpoint: &Checkpoint, session: &mut Session) -> Result<(), CheckpointError> {
    let progress = &mut session.progress;
    progress.steps = checkpoint.counter("steps")?;
    progress.iterations = checkpoint.counter("iterations")? as u32;
    session.episodes.finished = checkpoint.counter("episodes")?;
    session.failures = checkpoint.counters.get("env_failures").copied().unwrap_or(0);
    progress.evaluated_at = checkpoint.counter("evaluated_at")?.min(progress.steps);
    progress.saved_at = checkpoint.counter("saved_at")?.min(progress.steps);
    progress.reported_at = checkpoint.counter("reported_at")?.min(progress.steps);
    progress.solved_at_steps = checkpoint.counters.get("solved_at_steps").copied();
    progress.wall_seconds = checkpoint.number("wall_seconds")?;
    progress.solved_at_seconds = checkpoint.numbers.get("solved_at_seconds").copied();
    progress.best_return = checkpoint.numbers.get("best_return").copied();
    progress.last_return = checkpoint.numbers.get("last_return").copied();
    Ok(())
}

/// Checkpoints of before there were these averages have none.
fn restore_tonic(checkpoint: &Checkpoint, session: &mut Session) {
    let names = ["average_reward", "fast", "slow", "variance", "weight"];
    let [average_reward, averages @ ..] = names.map(|name| checkpoint.numbers.get(&format!("tonic.{name}")).copied());
    session.tonic.average_reward = average_reward;
    session.tonic.averages = match averages {
        [Some(fast), Some(slow), Some(variance), Some(weight)] => Some(Averages { fast, slow, variance, weight }),
        _ => None,
    };
}

fn restore_statistics(checkpoint: &Checkpoint, session: &mut Session, inputs: usize) -> Result<(), TrainError> {
    if let Some(normalizer) = &mut session.normalizer {
        *normalizer = load_moments(checkpoint, "normalizer", inputs)?;
    }
    if let Some(scaler) = &mut session.scaler {
        let returns = checkpoint.f64("reward_scaler.returns", &[session.config.num_envs])?.to_vec();
        let moments = load_moments(checkpoint, "reward_scaler", 1)?;
        *scaler = ReturnScaler::from_parts(f64::from(session.config.gamma()), returns, moments);
    }
    Ok(())
}

fn save_environments(checkpoint: &mut Checkpoint, snapshot: Snapshot, session: &Session) {
    checkpoint.counters.insert("env_seed".into(), snapshot.seed);
    let states = Array::new([session.config.num_envs, snapshot.state_width], snapshot.states);
    checkpoint.tensors.insert("envs.states".into(), states);
    if !session.memory.is_empty() {
        let width = session.memory.len() / session.config.num_envs;
        let memory = Array::new([session.config.num_envs, width], session.memory.clone());
        checkpoint.tensors.insert("envs.memory".into(), memory);
    }
    put(checkpoint, "envs.episodes", snapshot.episodes);
    put(checkpoint, "envs.steps", snapshot.steps);
    put(checkpoint, "envs.total_steps", snapshot.total_steps);
    let episodes = &session.episodes;
    put(checkpoint, "episodes.running_returns", episodes.running_returns.clone());
    put(checkpoint, "episodes.running_lengths", episodes.running_lengths.clone());
    put(checkpoint, "episodes.returns", episodes.returns.iter().copied().collect());
    put(checkpoint, "episodes.lengths", episodes.lengths.iter().copied().collect());
}

/// Adds an array of one dimension.
fn put<T>(checkpoint: &mut Checkpoint, name: &str, values: Vec<T>)
where
    Data: From<Vec<T>>,
{
    checkpoint.tensors.insert(name.to_owned(), Array::new([values.len()], values));
}

fn save_moments(checkpoint: &mut Checkpoint, name: &str, moments: &RunningMoments) {
    checkpoint.numbers.insert(format!("{name}.count"), moments.count());
    put(checkpoint, &format!("{name}.mean"), moments.mean().to_vec());
    put(checkpoint, &format!("{name}.m2"), moments.m2().to_vec());
}

/// The running moments of `width` features that a checkpoint holds under `name`.
///
/// # Errors
/// If they are missing or of another width.
pub(crate) fn load_moments(
    checkpoint: &Checkpoint,
    name: &str,
    width: usize,
) -> Result<RunningMoments, CheckpointError> {
    Ok(RunningMoments::from_parts(
        checkpoint.number(&format!("{name}.count"))?,
        checkpoint.f64(&format!("{name}.mean"), &[width])?.to_vec(),
        checkpoint.f64(&format!("{name}.m2"), &[width])?.to_vec(),
    ))
}
