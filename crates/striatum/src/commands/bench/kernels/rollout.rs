//! The resident rollout: policy, sampling and environments of CartPole-v1 in one dispatch.

use super::{Cost, Entry, Expected, Kernel, Make, Outputs, flops, mlp};
use anyhow::Result;
use striatum_envs::{Purpose, Stream, make, make_one};
use striatum_kernels::{
    Backend, Cpu, EnvStates, Gpu, GpuBuffer, GpuTask, MlpCpu, MlpSpec, Policy, ResidentEnvs, RolloutArgs,
};

const TASK: GpuTask = GpuTask::CartPole;
const SEED: u64 = 7;

/// Nearer to the border between two actions than this, rounding decides.
const TIE: f64 = 1e-5;

pub fn entry() -> Entry<Gpu> {
    let at = |steps, envs| -> Make<Gpu> { Box::new(move |gpu| Ok(Box::new(Resident::new(gpu, steps, envs)?))) };
    Entry {
        name: "rollout",
        tolerance: 1e-5,
        checks: vec![at(40, 37)],
        small: vec![at(32, 128)],
        large: vec![at(128, 4096), at(128, 32_768)],
    }
}

/// Numbers that a step writes: observation, action, density, reward, both flags, value, final value, and an ended episode's two.
const WRITTEN: usize = TASK.observation_width() + 9;

struct Resident {
    spec: MlpSpec,
    steps: usize,
    next_step: u32,
    envs: ResidentEnvs,
    weights: GpuBuffer,
    observations: GpuBuffer,
    actions: GpuBuffer,
    values: GpuBuffer,
    /// `[T, N]` each: densities, rewards, terminated, truncated, final values, returns and lengths of episodes.
    rows: [GpuBuffer; 7],
}

impl Resident {
    fn new(gpu: &Gpu, steps: usize, count: usize) -> Result<Self> {
        let spec = mlp::spec(&[64, 64], Policy::Categorical { nvec: vec![2] });
        let mut batch = make(TASK.name(), count)?;
        batch.reset(SEED, 0, &mut vec![0.0; count * spec.inputs])?;
        let start = batch.snapshot();
        let mut envs = ResidentEnvs::new(gpu, TASK, 1, count);
        let states = EnvStates {
            states: start.states,
            episodes: start.episodes,
            steps: start.steps,
            total_steps: start.total_steps,
            running_returns: vec![0.0; count],
            running_lengths: vec![0; count],
        };
        envs.write(gpu, 0, &states);
        let rows = steps * count;
        Ok(Self {
            weights: gpu.upload(&mlp::weights(&spec)),
            observations: gpu.zeros(rows * spec.inputs),
            actions: gpu.zeros(rows),
            values: gpu.zeros(rows + count),
            rows: [(); 7].map(|()| gpu.zeros(rows)),
            next_step: 0,
            spec,
            steps,
            envs,
        })
    }
}

impl Kernel<Gpu> for Resident {
    fn shape(&self) -> String {
        format!("{}, {} x {}", TASK.name(), self.envs.envs(), self.steps)
    }

    fn cost(&self) -> Cost {
        let items = (self.steps * self.envs.envs()) as f64;
        // The observations after the rollout are valued as well.
        let [forward, _] = flops(&self.spec, items + self.envs.envs() as f64);
        Cost { items, flops: Some(forward), bytes: Some(4.0 * WRITTEN as f64 * items) }
    }

    fn launch(&mut self, gpu: &Gpu) -> Result<()> {
        let [log_probs, rewards, terminated, truncated, final_values, episode_returns, episode_lengths] =
            self.rows.each_mut();
        gpu.rollout(
            &mut self.envs,
            RolloutArgs {
                spec: &self.spec,
                steps: self.steps,
                seeds: &[SEED],
                first_step: self.next_step,
                weights: &self.weights,
                normalizer: None,
                observation_clip: f32::INFINITY,
                tone: &[0.0],
                inverse_temperature: &[1.0],
                exploration_interval: 0,
                observations: &mut self.observations,
                raw_observations: None,
                actions: &mut self.actions,
                log_probs,
                rewards,
                terminated,
                truncated,
                values: &mut self.values,
                final_values,
                episode_returns,
                episode_lengths,
            },
        );
        self.next_step = self.next_step.wrapping_add(self.steps as u32);
        Ok(())
    }

    fn outputs(&self, gpu: &Gpu) -> Result<Outputs> {
        let mut values = gpu.download(&self.values)?;
        values.truncate(self.steps * self.envs.envs());
        Ok(vec![
            ("values", values),
            ("log probabilities", gpu.download(&self.rows[0])?),
            ("actions", gpu.download(&self.actions)?),
            ("observations", gpu.download(&self.observations)?),
        ])
    }

    /// By the host's network upon the observations that were stored, and by the host's environment, one step from each of them.
    fn expected(&self, gpu: &Gpu) -> Result<Expected> {
        let [observations, actions] = [&self.observations, &self.actions].map(|buffer| gpu.download(buffer));
        let (observations, actions) = (observations?, actions?);
        let (count, inputs, width) = (self.envs.envs(), self.spec.inputs, self.spec.head.width());
        let mut outputs = vec![0.0; actions.len() * width];
        let mut network = MlpCpu::new(&self.spec, 1, &Cpu::with_threads(1));
        network.load(&mlp::weights(&self.spec));
        network.forward(0, &observations, actions.len(), &mut outputs);
        let mut expected = vec![Vec::new(); 3];
        for (row, (output, &action)) in outputs.chunks(width).zip(&actions).enumerate() {
            let margin = f64::from(output[1]) - f64::from(output[0]);
            let second = 1.0 / (1.0 + (-margin).exp());
            let mut stream = Stream::new(SEED, Purpose::Action, (row % count) as u32, (row / count) as u32);
            let draw = f64::from(stream.uniform());
            let tied = (draw - (1.0 - second)).abs() < TIE;
            let drawn = f64::from(u8::from(draw >= 1.0 - second));
            expected[0].push(f64::from(output[self.spec.head.values_at()]));
            expected[1].push(if action == 0.0 { (1.0 - second).ln() } else { second.ln() });
            expected[2].push(if tied { f64::from(action) } else { drawn });
        }
        let ended = [gpu.download(&self.rows[2])?, gpu.download(&self.rows[3])?];
        let mut states = super::super::data::wide(&observations);
        let (mut env, mut after) = (make_one(TASK.name())?, vec![0.0; inputs]);
        for row in 0..actions.len() - count {
            if ended.iter().any(|flags| flags[row] != 0.0) {
                continue;
            }
            let state: Vec<f64> = observations[row * inputs..][..inputs].iter().map(|&x| f64::from(x)).collect();
            env.set_state(&state, &mut after)?;
            env.step(&actions[row..=row], &mut Stream::new(SEED, Purpose::Dynamics, 0, 0), &mut after);
            let next = &mut states[(row + count) * inputs..][..inputs];
            next.iter_mut().zip(&after).for_each(|(next, &x)| *next = f64::from(x));
        }
        expected.push(states);
        Ok(expected)
    }
}
