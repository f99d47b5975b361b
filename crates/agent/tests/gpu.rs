//! The agent on a GPU: neutral pathways in the fused engine's network, and burn, with the shaders on the same device, against the fused
//! network on the CPU with the mirrors: the same TD errors and the same weights after an update. Ignored where there is no adapter.

mod common;
#[path = "common/neutral.rs"]
mod neutral;

use libtest_mimic::{Arguments, Failed, Trial};
use striatum_agent::{FusedGpuNetwork, Network};
use striatum_kernels::{Gpu, adapters};

type Case = (&'static str, fn() -> Result<(), Failed>);

const FUSED: &[Case] = &[("neutral_pathways_learn_as_a_single_one", neutral_pathways)];
#[cfg(feature = "burn")]
const BURN: &[Case] = &[
    ("ppo_with_choices_and_two_asymmetric_pathways", compare::choices),
    ("ppo_with_a_normal_distribution", compare::gaussian),
    ("a2c_with_state_dependent_exploration", compare::state_dependent),
    ("ppo_with_memory", compare::memory),
    ("ppo_with_encoders_of_pictures", compare::pictures),
];
#[cfg(not(feature = "burn"))]
const BURN: &[Case] = &[];

fn main() {
    let arguments = Arguments::from_args();
    let no_adapter = adapters().is_empty();
    let trial = |&(name, case): &Case| Trial::test(name, case).with_ignored_flag(no_adapter);
    // One after the other: burn's device is made anew in each.
    let arguments = Arguments { test_threads: Some(1), ..arguments };
    libtest_mimic::run(&arguments, FUSED.iter().chain(BURN).map(trial).collect()).exit();
}

fn neutral_pathways() -> Result<(), Failed> {
    let gpu = Gpu::open(None)?;
    let make = |spec: &_| -> Box<dyn Network<Gpu>> { Box::new(FusedGpuNetwork::new(spec, 1, &gpu)) };
    let difference = neutral::largest_difference(&gpu, 10, 0.02, make);
    if difference > 1e-5 {
        return Err(format!("net logits differ by {difference}").into());
    }
    Ok(())
}

#[cfg(feature = "burn")]
mod compare {
    use crate::common::{normals, policies, relative_error, spec};
    use libtest_mimic::Failed;
    use striatum_agent::burn_engine::{ActorCritic, BurnNetwork, burn_device, cpu_device};
    use striatum_agent::{
        A2cSettings, AgentUpdate, CriticSettings, DopamineSettings, Encoder, FusedNetwork, Learner, LearnerState,
        MemoryKind, Network, NetworkSettings, NetworkSpec, Observation, Outcome, PpoSettings, Rollout, Transitions,
        initial_weights, update_a2c, update_ppo,
    };
    use striatum_kernels::{Activation, Backend, Cpu, Gpu, HeadLayout, Noise, PolicyHead};

    const STEPS: usize = 6;
    const ENVS: usize = 8;
    const ROWS: usize = STEPS * ENVS;

    pub fn choices() -> Result<(), Failed> {
        let (kappa, sum_decay, logit_decay) = (0.5, 0.01, 0.02);
        let dopamine = DopamineSettings {
            kappa,
            sum_decay,
            logit_decay,
            tone: 0.2,
            inverse_temperature: 1.5,
            ..Default::default()
        };
        compare(&spec(policies()[1].clone(), true, &[16, 8], false, Activation::Tanh), Some(ppo()), &dopamine)
    }

    pub fn gaussian() -> Result<(), Failed> {
        let mut spec = spec(policies()[2].clone(), false, &[16], true, Activation::Silu);
        spec.head.value_heads = 4;
        compare(&spec, Some(ppo()), &DopamineSettings::default())
    }

    pub fn state_dependent() -> Result<(), Failed> {
        let spec = spec(policies()[4].clone(), false, &[16, 8], false, Activation::Relu);
        compare(&spec, None, &DopamineSettings::default())
    }

    /// burn on the CPU and on the GPU, across ends of episodes within sequences.
    pub fn memory() -> Result<(), Failed> {
        for memory in [MemoryKind::Gru, MemoryKind::Lstm, MemoryKind::MinGru] {
            let settings = NetworkSettings { hidden: vec![9], memory, memory_width: 7, ..Default::default() };
            let head = spec(policies()[1].clone(), true, &[9], false, Activation::Tanh).head;
            let spec = NetworkSpec::new(&settings, Observation::Numbers(5), head);
            let state = [LearnerState::new(initial_weights(&spec, &settings, 1))];
            let make = |device: &_| ActorCritic::new(&spec, device);
            let network = Box::new(BurnNetwork::new(&spec, &cpu_device(), make));
            let cpu = Learner::new(Cpu::new(), network, spec.clone(), &state)?;
            let gpu = Gpu::open(None)?;
            let network = Box::new(BurnNetwork::new(&spec, &burn_device(&gpu)?, make));
            let gpu = Learner::new(gpu, network, spec.clone(), &state)?;
            let dopamine = DopamineSettings { kappa: 0.5, sum_decay: 0.01, tone: 0.2, ..Default::default() };
            let ppo = PpoSettings { sequence_length: 3, ..ppo() };
            let (_, cpu_weights) = learn(cpu, Some(&ppo), &dopamine)?;
            let (_, gpu_weights) = learn(gpu, Some(&ppo), &dopamine)?;
            let error = relative_error(&gpu_weights, &cpu_weights);
            if cpu_weights == state[0].weights || error > 1e-4 {
                return Err(format!("{memory:?}: weights differ by {error}, or nothing was learned").into());
            }
        }
        Ok(())
    }

    fn ppo() -> PpoSettings {
        PpoSettings { minibatches: 2, epochs: 2, learning_rate: 1e-3, value_clip: 0.2, ..Default::default() }
    }

    pub fn pictures() -> Result<(), Failed> {
        for (encoder, side, bytes) in
            [(Encoder::NatureCnn, 36, true), (Encoder::ImpalaCnn, 9, true), (Encoder::MinatarCnn, 5, false)]
        {
            let observation = Observation::Image { channels: 3, height: side, width: side, bytes };
            let settings = NetworkSettings {
                encoder,
                layer_norm: encoder == Encoder::MinatarCnn,
                shared_trunk: encoder != Encoder::ImpalaCnn,
                hidden: vec![6],
                ..Default::default()
            };
            let spec = NetworkSpec::new(&settings, observation, HeadLayout::new(policies()[0].clone(), true, 1));
            let dopamine = DopamineSettings { kappa: 0.5, sum_decay: 0.01, ..Default::default() };
            compare(&spec, Some(ppo()), &dopamine)?;
        }
        Ok(())
    }

    /// A network on the CPU, in the fused engine if that can.
    fn on_cpu(spec: &NetworkSpec, cpu: &Cpu) -> Box<dyn Network<Cpu>> {
        match spec.as_mlp() {
            Some(mlp) => Box::new(FusedNetwork::new(&mlp, 1, cpu)),
            None => Box::new(BurnNetwork::on_cpu(spec, cpu)),
        }
    }

    fn compare(
        spec: &(impl Clone + Into<NetworkSpec>),
        ppo: Option<PpoSettings>,
        dopamine: &DopamineSettings,
    ) -> Result<(), Failed> {
        let spec: NetworkSpec = spec.clone().into();
        let weights = initial_weights(&spec, &NetworkSettings::default(), 1);
        let state = [LearnerState::new(weights.clone())];
        let cpu = Cpu::new();
        let network = on_cpu(&spec, &cpu);
        let cpu = Learner::new(cpu, network, spec.clone(), &state)?;
        let gpu = Gpu::open(None)?;
        let device = burn_device(&gpu)?;
        let network = BurnNetwork::new(&spec, &device, |device| ActorCritic::new(&spec, device));
        let gpu = Learner::new(gpu, Box::new(network), spec, &state)?;

        let (cpu_deltas, cpu_weights) = learn(cpu, ppo.as_ref(), dopamine)?;
        let (gpu_deltas, gpu_weights) = learn(gpu, ppo.as_ref(), dopamine)?;
        if cpu_weights == weights {
            return Err("nothing was learned".into());
        }
        let (deltas, weights) = (relative_error(&gpu_deltas, &cpu_deltas), relative_error(&gpu_weights, &cpu_weights));
        if deltas > 1e-5 || weights > 1e-4 {
            return Err(format!("TD errors differ by {deltas}, weights by {weights}").into());
        }
        Ok(())
    }

    /// TD errors of a rollout, and the weights after learning from it.
    fn learn<B: Backend>(
        mut learner: Learner<B>,
        ppo: Option<&PpoSettings>,
        dopamine: &DopamineSettings,
    ) -> Result<(Vec<f32>, Vec<f32>), Failed> {
        let rollout = rollout(&mut learner, dopamine)?;
        let deltas = learner.backend().download(&rollout.deltas)?;
        let critic = &CriticSettings::default();
        let agent = |settings| AgentUpdate { settings, dopamine, critic, remaining: 1.0, seed: 3 };
        let mut outcome = Outcome::default();
        match ppo {
            Some(ppo) => update_ppo(&mut learner, &rollout, std::iter::once(agent(ppo)), 0, &mut outcome)?,
            None => {
                let settings = A2cSettings::default();
                let agent = AgentUpdate { settings: &settings, dopamine, critic, remaining: 1.0, seed: 3 };
                update_a2c(&mut learner, &rollout, std::iter::once(agent), &mut outcome)?;
            }
        }
        outcome.settle(learner.backend())?;
        let update = outcome.of(0)?;
        if update.first_ratio_deviation > 1e-5 {
            return Err(format!("the first ratio deviates by {}", update.first_ratio_deviation).into());
        }
        Ok((deltas, learner.state(0)?.weights))
    }

    fn rollout<B: Backend>(learner: &mut Learner<B>, dopamine: &DopamineSettings) -> Result<Rollout<B>, Failed> {
        let spec = learner.spec().clone();
        let (inputs, head) = (spec.inputs(), &spec.head);
        let mut rollout = Rollout::new(learner.backend(), &spec, &CriticSettings::default(), 1, STEPS, ENVS);
        let mut observations = normals(30, ROWS * inputs, 1.0);
        let mut terminated = vec![0.0; ROWS];
        let mut truncated = vec![0.0; ROWS];
        terminated[13] = 1.0;
        truncated[21] = 1.0;
        truncated[40] = 1.0;
        let (tone, beta) = (vec![dopamine.tone; ROWS], vec![dopamine.inverse_temperature; ROWS]);
        let width = head.policy.action_width();
        let (mut actions, mut log_probs) = (vec![0.0; ROWS * width], vec![0.0; ROWS]);
        let (mut log_std, mut outputs) = (vec![0.0; head.policy.log_std_len()], vec![0.0; ENVS * head.width()]);
        learner.read_log_std(0, &mut log_std)?;
        let mut policy = PolicyHead::new(head);
        policy.load(&log_std);
        for t in 0..STEPS {
            let rows = t * ENVS..(t + 1) * ENVS;
            for row in rows.clone().filter(|_| spec.has_memory()) {
                let starts = t == 0 || terminated[row - ENVS] + truncated[row - ENVS] > 0.0;
                let state = &outputs[row % ENVS * head.width()..][head.carried_at()..head.width()];
                let memory = &mut observations[row * inputs..(row + 1) * inputs][spec.observed()..];
                memory[0] = f32::from(u8::from(starts));
                memory[1..].copy_from_slice(state);
                memory[1..].iter_mut().filter(|_| starts).for_each(|number| *number = 0.0);
            }
            learner.act(
                &mut rollout,
                rows.start,
                &observations[rows.start * inputs..rows.end * inputs],
                &mut outputs,
            )?;
            let exploration = normals(31 + t as u64, ENVS * head.policy.log_std_len(), 1.0);
            let noise = match head.policy.features() {
                0 => Noise::Counted { seed: 5, step: t as u32, first_lane: 0 },
                _ => Noise::Matrix { exploration: &exploration },
            };
            let own = &mut actions[rows.start * width..rows.end * width];
            policy.act(&outputs, [&tone[rows.clone()], &beta[rows.clone()]], noise, own, &mut log_probs[rows]);
        }
        let transitions = Transitions {
            observations,
            actions,
            log_probs,
            rewards: normals(40, ROWS, 1.0),
            terminated,
            truncated,
            mask: vec![1.0; ROWS],
            tone,
            inverse_temperature: beta,
        };
        rollout.write(learner.backend(), 0..ENVS, &transitions);
        let (last, finals) = (normals(41, ENVS * inputs, 1.0), normals(42, 2 * inputs, 1.0));
        learner.bootstrap(&mut rollout, (0, &last), &finals, &[21, 40])?;
        let gamma: Vec<f32> = (0..head.value_heads).map(|k| 0.97 - 0.1 * k as f32).collect();
        rollout.estimate(learner.backend(), &gamma, &vec![0.9; head.value_heads], &[0.2]);
        Ok(rollout)
    }
}
