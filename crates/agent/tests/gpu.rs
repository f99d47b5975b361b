//! Burn on a GPU, with the shaders on the same device, against the fused network on the CPU with the mirrors: the same TD errors
//! and the same weights after an update. Ignored where there is no adapter.

#[cfg(feature = "burn")]
mod common;

#[cfg(not(feature = "burn"))]
fn main() {}

#[cfg(feature = "burn")]
fn main() {
    use libtest_mimic::{Arguments, Failed, Trial};
    let arguments = Arguments::from_args();
    let no_adapter = striatum_kernels::adapters().is_empty();
    type Case = fn() -> Result<(), Failed>;
    let cases: [(&str, Case); 3] = [
        ("ppo_with_choices_and_two_asymmetric_pathways", compare::choices),
        ("ppo_with_a_normal_distribution", compare::gaussian),
        ("a2c_with_state_dependent_exploration", compare::state_dependent),
    ];
    let trials = cases.map(|(name, case)| Trial::test(name, case).with_ignored_flag(no_adapter));
    // One after the other: burn's device is made anew in each.
    let arguments = Arguments { test_threads: Some(1), ..arguments };
    libtest_mimic::run(&arguments, trials.into()).exit();
}

#[cfg(feature = "burn")]
mod compare {
    use crate::common::{normals, policies, relative_error, spec};
    use libtest_mimic::Failed;
    use striatum_agent::burn_engine::{ActorCritic, BurnNetwork, burn_device};
    use striatum_agent::{
        A2cSettings, DopamineSettings, FusedNetwork, Learner, NetworkSettings, PpoSettings, Rollout, Transitions,
        initial_weights, update_a2c, update_ppo,
    };
    use striatum_kernels::{Activation, Backend, Cpu, Gpu, MlpSpec, Noise, policy_head};

    const STEPS: usize = 6;
    const ENVS: usize = 8;
    const ROWS: usize = STEPS * ENVS;

    pub fn choices() -> Result<(), Failed> {
        let dopamine = DopamineSettings { kappa: 0.5, sum_decay: 0.01, tone: 0.2, inverse_temperature: 1.5 };
        compare(&spec(policies()[1].clone(), true, &[16, 8], false, Activation::Tanh), Some(ppo()), &dopamine)
    }

    pub fn gaussian() -> Result<(), Failed> {
        let spec = spec(policies()[2].clone(), false, &[16], true, Activation::Silu);
        compare(&spec, Some(ppo()), &DopamineSettings::default())
    }

    pub fn state_dependent() -> Result<(), Failed> {
        let spec = spec(policies()[4].clone(), false, &[16, 8], false, Activation::Relu);
        compare(&spec, None, &DopamineSettings::default())
    }

    fn ppo() -> PpoSettings {
        PpoSettings { minibatches: 2, epochs: 2, learning_rate: 1e-3, value_clip: 0.2, ..Default::default() }
    }

    fn compare(spec: &MlpSpec, ppo: Option<PpoSettings>, dopamine: &DopamineSettings) -> Result<(), Failed> {
        let weights = initial_weights(spec, &NetworkSettings::default(), 1);
        let cpu = Learner::new(Cpu::new(), Box::new(FusedNetwork::new(spec, 1)), spec.clone(), weights.clone())?;
        let gpu = Gpu::open(None)?;
        let device = burn_device(&gpu)?;
        let network = BurnNetwork::new(spec.inputs, &device, |device| ActorCritic::new(spec, device));
        let gpu = Learner::new(gpu, Box::new(network), spec.clone(), weights.clone())?;

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
        let transitions = transitions(&mut learner, dopamine)?;
        let rollout = Rollout::new(&mut learner, &transitions, 0.97, 0.9)?;
        let deltas = learner.backend().download(&rollout.deltas)?;
        let update = match ppo {
            Some(ppo) => update_ppo(&mut learner, &rollout, ppo, dopamine, 1.0, 3, 0)?,
            None => update_a2c(&mut learner, &rollout, &A2cSettings::default(), dopamine, 1.0)?,
        };
        if update.first_ratio_deviation > 1e-5 {
            return Err(format!("the first ratio deviates by {}", update.first_ratio_deviation).into());
        }
        Ok((deltas, learner.state()?.weights))
    }

    fn transitions<B: Backend>(learner: &mut Learner<B>, dopamine: &DopamineSettings) -> Result<Transitions, Failed> {
        let spec = learner.spec().clone();
        let (inputs, head) = (spec.inputs, &spec.head);
        let observations = normals(30, ROWS * inputs, 1.0);
        let (tone, beta) = (vec![dopamine.tone; ROWS], vec![dopamine.inverse_temperature; ROWS]);
        let mut actions = vec![0.0; ROWS * head.policy.action_width()];
        let mut log_probs = vec![0.0; ROWS];
        learner.begin_rollout(ROWS);
        let log_std = learner.log_std()?;
        for t in 0..STEPS {
            let outputs = learner.act(&observations[t * ENVS * inputs..(t + 1) * ENVS * inputs], t * ENVS)?;
            let rows = t * ENVS..(t + 1) * ENVS;
            let width = head.policy.action_width();
            let exploration = normals(31 + t as u64, ENVS * head.policy.log_std_len(), 1.0);
            let noise = match head.policy.features() {
                0 => Noise::Counted { seed: 5, step: t as u32, first_lane: 0 },
                _ => Noise::Matrix { exploration: &exploration },
            };
            policy_head(
                head,
                ENVS,
                &outputs,
                &log_std,
                &tone[rows.clone()],
                &beta[rows.clone()],
                noise,
                &mut actions[rows.start * width..rows.end * width],
                &mut log_probs[rows],
            );
        }
        let mut terminated = vec![0.0; ROWS];
        let mut truncated = vec![0.0; ROWS];
        terminated[13] = 1.0;
        truncated[21] = 1.0;
        truncated[40] = 1.0;
        Ok(Transitions {
            observations,
            actions,
            log_probs,
            rewards: normals(40, ROWS, 1.0),
            terminated,
            truncated,
            mask: vec![1.0; ROWS],
            tone,
            inverse_temperature: beta,
            bootstrap_observations: normals(41, (ENVS + 2) * inputs, 1.0),
            truncated_rows: vec![21, 40],
        })
    }
}
