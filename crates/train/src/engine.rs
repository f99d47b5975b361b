//! Choosing and opening the engine and the device.

use crate::config::{Config, DeviceChoice, EngineChoice};
use crate::error::TrainError;
use crate::resident::Resident;
use crate::run::MakeEnvs;
use crate::spec::{may_train, rows_spec, training_spec};
use crate::trainer::Trainer;
use striatum_agent::{
    FusedGpuNetwork, FusedNetwork, Learner, LearnerState, Network, NetworkSpec, OwnNetwork, initial_weights,
};
use striatum_kernels::{Cpu, Gpu, GpuTask, MlpSpec};

/// Parameters, or multiply-adds a row, from which a GPU is preferred. Below, launches cost more than the arithmetic: two 64-64 networks have 9 thousand, and
/// others have measured burn's launches to be the slower choice for them by 4 to 10 times. Where exactly it turns has not been measured.
const GPU_PAYS_FROM: usize = 2_000_000;

/// A learner on its backend.
#[allow(clippy::large_enum_variant, reason = "there is one of it, and it is taken apart at once")]
pub enum Engine {
    /// On the CPU.
    Cpu(Learner<Cpu>),
    /// On a GPU.
    Gpu(Learner<Gpu>),
}

/// What was opened, for people and for `--json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    /// `fused` or `burn`.
    pub engine: &'static str,
    /// `cpu`, or the adapter's name.
    pub device: String,
    /// Why, where it was chosen automatically.
    pub reason: Option<String>,
}

/// Opens what the configuration asks for with one agent's initial weights, to evaluate it.
///
/// # Errors
/// If the engine is not in this build, cannot do what was asked, or the device cannot be opened.
pub fn open(config: &Config, spec: &NetworkSpec) -> Result<(Engine, EngineInfo), TrainError> {
    let (device, reason) = choose_device(config.device, spec);
    let engine = choose_engine(config.engine, device, spec)?;
    let states = initial_states(std::slice::from_ref(config), spec);
    match device {
        Device::Cpu => {
            let info = EngineInfo { engine: engine.name(), device: "cpu".into(), reason };
            Ok((Engine::Cpu(cpu_learner(&engine, config, spec, &states)?), info))
        }
        Device::Gpu(index) => {
            let gpu = Gpu::open(index)?;
            let info = EngineInfo { engine: engine.name(), device: gpu.info().name.clone(), reason };
            let network = gpu_network(&engine, &gpu, spec, 1)?;
            Ok((Engine::Gpu(Learner::new(gpu, network, spec.clone(), &states)?), info))
        }
    }
}

/// A trainer on its backend.
#[allow(clippy::large_enum_variant, reason = "there is one of it, and it is taken apart at once")]
pub enum AnyTrainer {
    /// On the CPU.
    Cpu(Trainer<Cpu>),
    /// On a GPU.
    Gpu(Trainer<Gpu>),
}

/// Opens what the configurations ask for, one agent each, at step 0. Several agents need the fused engine on a GPU, a built-in task
/// and the same [`Config::shape`].
///
/// # Errors
/// If settings and task do not fit, the engine is not in this build or cannot do what was asked, the device cannot be opened, or an
/// environment fails.
pub fn open_trainer(configs: Vec<Config>, make_envs: &MakeEnvs<'_>) -> Result<(AnyTrainer, EngineInfo), TrainError> {
    let (probe, config) = (make_envs(1)?, configs[0].clone());
    let spec = training_spec(&config, &*probe)?;
    for other in &configs[1..] {
        training_spec(other, &*probe)?;
    }
    let (device, reason) = choose_device(config.device, &spec);
    let engine = choose_engine(config.engine, device, &spec)?;
    let states = initial_states(&configs, &spec);
    open_on((device, reason), &engine, (configs, spec, states), (probe.builtin(), make_envs))
}

/// The same for one agent with a network of one's own.
///
/// # Errors
/// As [`open_trainer`], and if the network does not fit the task.
pub fn open_own_trainer(
    config: Config,
    network: &dyn OwnNetwork,
    make_envs: &MakeEnvs<'_>,
) -> Result<(AnyTrainer, EngineInfo), TrainError> {
    let probe = make_envs(1)?;
    may_train(&config, &*probe)?;
    let spec = network.spec(rows_spec(&config, &*probe)?).map_err(TrainError::Engine)?;
    let (device, reason) = choose_device(config.device, &spec);
    choose_engine(config.engine, device, &spec)?;
    let mut weights = network.weights(&spec, config.seed);
    weights.resize(spec.param_count(), config.network.log_std_init);
    let learners = (vec![config], spec, vec![LearnerState::new(weights)]);
    open_on((device, reason), &Chosen::Own(network), learners, (probe.builtin(), make_envs))
}

fn open_on(
    (device, reason): (Device, Option<String>),
    engine: &Chosen<'_>,
    (configs, spec, states): (Vec<Config>, NetworkSpec, Vec<LearnerState>),
    (builtin, make_envs): (Option<&str>, &MakeEnvs<'_>),
) -> Result<(AnyTrainer, EngineInfo), TrainError> {
    let config = configs[0].clone();
    let Device::Gpu(index) = device else {
        let learner = cpu_learner(engine, &config, &spec, &states)?;
        let info = EngineInfo { engine: engine.name(), device: "cpu".into(), reason };
        return Ok((AnyTrainer::Cpu(Trainer::new(config, learner, make_envs)?), info));
    };
    let gpu = Gpu::open(index)?;
    let info = EngineInfo { engine: engine.name(), device: gpu.info().name.clone(), reason };
    let resident = resident_task(engine, builtin)
        .map(|(task, mlp)| Resident::new(&gpu, task, &configs, mlp, make_envs))
        .transpose()?;
    let network = gpu_network(engine, &gpu, &spec, states.len())?;
    let learner = Learner::new(gpu, network, spec.clone(), &states)?;
    let trainer = match resident {
        None => Trainer::new(config, learner, make_envs)?,
        Some(resident) => {
            let evaluator = cpu_learner(engine, &config, &spec, &states[..1])?;
            Trainer::with_source(configs, learner, Box::new(resident), Some(evaluator), make_envs)?
        }
    };
    Ok((AnyTrainer::Gpu(trainer), info))
}

/// Whether agents of this configuration, and others of the same [`Config::shape`], can be trained by one [`Trainer`]: on a GPU by the
/// fused engine, on a built-in task.
///
/// # Errors
/// If the engine is not in this build or cannot do what was asked.
pub(crate) fn trains_together(config: &Config, spec: &NetworkSpec, builtin: Option<&str>) -> Result<bool, TrainError> {
    let (device, _) = choose_device(config.device, spec);
    let engine = choose_engine(config.engine, device, spec)?;
    Ok(device != Device::Cpu && resident_task(&engine, builtin).is_some())
}

/// The task that the fused engine steps on a GPU, and its network.
fn resident_task<'a>(engine: &'a Chosen<'_>, builtin: Option<&str>) -> Option<(GpuTask, &'a MlpSpec)> {
    let Chosen::Fused(mlp) = engine else { return None };
    Some((GpuTask::from_name(builtin?)?, mlp))
}

fn initial_states(configs: &[Config], spec: &NetworkSpec) -> Vec<LearnerState> {
    configs.iter().map(|config| LearnerState::new(initial_weights(spec, &config.network, config.seed))).collect()
}

fn cpu_learner(
    engine: &Chosen<'_>,
    config: &Config,
    spec: &NetworkSpec,
    states: &[LearnerState],
) -> Result<Learner<Cpu>, TrainError> {
    let backend = Cpu::with_threads(threads(config));
    let network = cpu_network(engine, spec, &backend)?;
    Ok(Learner::new(backend, network, spec.clone(), states)?)
}

/// Whether agents of this configuration may train side by side, each on threads of its own, without opening anything.
///
/// # Errors
/// If the engine is not in this build, or cannot do what was asked.
pub(crate) fn may_share_out(config: &Config, spec: &NetworkSpec) -> Result<bool, TrainError> {
    let (device, _) = choose_device(config.device, spec);
    let engine = choose_engine(config.engine, device, spec)?;
    Ok(matches!(engine, Chosen::Fused(_)) && device == Device::Cpu)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Device {
    Cpu,
    Gpu(Option<usize>),
}

/// The device, and why if it was chosen here. A software adapter is the CPU in disguise and never chosen.
fn choose_device(choice: DeviceChoice, spec: &NetworkSpec) -> (Device, Option<String>) {
    match choice {
        DeviceChoice::Cpu => return (Device::Cpu, None),
        DeviceChoice::Gpu(index) => return (Device::Gpu(index), None),
        DeviceChoice::Auto => {}
    }
    // A weight of a multilayer perceptron is used once a row, and one of a convolution many times.
    let (count, what) = match spec.convolutions() {
        None => (spec.param_count(), "parameters"),
        Some(convolutions) => (spec.param_count() + convolutions.work(), "multiply-adds a row"),
    };
    if count < GPU_PAYS_FROM {
        let reason = format!("{count} {what} train faster on the CPU; `--device gpu` takes the GPU");
        return (Device::Cpu, Some(reason));
    }
    match striatum_kernels::adapters().into_iter().filter(|a| !a.is_software).min_by_key(|a| a.kind) {
        Some(adapter) => {
            let reason = format!("{count} {what} are enough for {}", adapter.name);
            (Device::Gpu(Some(adapter.index)), Some(reason))
        }
        None => (Device::Cpu, Some("there is no GPU (a software adapter is used only when asked for)".into())),
    }
}

/// Hidden layers up to which the fused engine runs on a GPU.
const FUSED_LAYERS: usize = 4;

/// What computes the network.
enum Chosen<'a> {
    /// The fused engine, for this network.
    Fused(MlpSpec),
    /// burn.
    Burn,
    /// burn with a module of one's own.
    Own(&'a dyn OwnNetwork),
}

impl Chosen<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Fused(_) => "fused",
            Self::Burn | Self::Own(_) => "burn",
        }
    }
}

fn choose_engine(choice: EngineChoice, device: Device, spec: &NetworkSpec) -> Result<Chosen<'static>, TrainError> {
    let fits = device == Device::Cpu || spec.hidden.len() <= FUSED_LAYERS;
    match (choice, spec.as_mlp()) {
        (EngineChoice::Auto | EngineChoice::Fused, Some(mlp)) if fits => Ok(Chosen::Fused(mlp)),
        (EngineChoice::Fused, _) => Err(TrainError::Engine(match spec.beyond_mlp() {
            Some(what) => {
                format!("`engine = \"fused\"` computes multilayer perceptrons, and {what}; use `--engine auto`")
            }
            None => format!(
                "`engine = \"fused\"` takes at most {FUSED_LAYERS} hidden layers on a GPU; shorten `network.hidden`, or use \
                 `--engine burn` or `--device cpu`"
            ),
        })),
        (EngineChoice::Burn | EngineChoice::Auto, _) if cfg!(feature = "burn") => Ok(Chosen::Burn),
        (EngineChoice::Burn | EngineChoice::Auto, _) => Err(TrainError::Engine(match spec.beyond_mlp() {
            Some(what) => {
                format!("this build has no burn engine, which it takes because {what}; build with the default features")
            }
            None => "this build has no burn engine; build with the default features, or use `--engine fused`".into(),
        })),
    }
}

/// Threads of the CPU engine: `threads`, or one a core.
pub(crate) fn threads(config: &Config) -> usize {
    match config.threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads => threads,
    }
}

fn cpu_network(engine: &Chosen<'_>, spec: &NetworkSpec, backend: &Cpu) -> Result<Box<dyn Network<Cpu>>, TrainError> {
    match engine {
        Chosen::Fused(mlp) => Ok(Box::new(FusedNetwork::new(mlp, 1, backend))),
        Chosen::Burn => burn::cpu(spec, backend),
        Chosen::Own(network) => Ok(network.on_cpu(spec)),
    }
}

fn gpu_network(
    engine: &Chosen<'_>,
    gpu: &Gpu,
    spec: &NetworkSpec,
    agents: usize,
) -> Result<Box<dyn Network<Gpu>>, TrainError> {
    match engine {
        Chosen::Fused(mlp) => Ok(Box::new(FusedGpuNetwork::new(mlp, agents, gpu))),
        Chosen::Burn => burn::gpu(spec, gpu),
        Chosen::Own(network) => Ok(network.on_gpu(spec, gpu)?),
    }
}

/// Networks of the burn engine.
#[cfg(feature = "burn")]
mod burn {
    use super::{Cpu, Gpu, Network, NetworkSpec, TrainError};
    use striatum_agent::burn_engine::{ActorCritic, BurnNetwork, burn_device};

    pub fn cpu(spec: &NetworkSpec, backend: &Cpu) -> Result<Box<dyn Network<Cpu>>, TrainError> {
        Ok(Box::new(BurnNetwork::on_cpu(spec, backend)))
    }

    pub fn gpu(spec: &NetworkSpec, gpu: &Gpu) -> Result<Box<dyn Network<Gpu>>, TrainError> {
        Ok(Box::new(BurnNetwork::new(spec, &burn_device(gpu)?, |device| ActorCritic::new(spec, device))))
    }
}

/// Never called: [`choose_engine`] knows that there is none.
#[cfg(not(feature = "burn"))]
mod burn {
    use super::{Cpu, Gpu, Network, NetworkSpec, TrainError};

    pub fn cpu(_: &NetworkSpec, _: &Cpu) -> Result<Box<dyn Network<Cpu>>, TrainError> {
        Err(absent())
    }

    pub fn gpu(_: &NetworkSpec, _: &Gpu) -> Result<Box<dyn Network<Gpu>>, TrainError> {
        Err(absent())
    }

    fn absent() -> TrainError {
        TrainError::Engine("this build has no burn engine; build with the default features".into())
    }
}

/// Calls the same generic code for whichever backend a trainer was opened on.
#[macro_export]
macro_rules! with_trainer {
    ($trainer:expr, $name:ident => $body:expr) => {
        match $trainer {
            $crate::engine::AnyTrainer::Cpu($name) => $body,
            $crate::engine::AnyTrainer::Gpu($name) => $body,
        }
    };
}

/// Calls the same generic code for whichever backend was opened.
#[macro_export]
macro_rules! with_learner {
    ($engine:expr, $learner:ident => $body:expr) => {
        match $engine {
            $crate::engine::Engine::Cpu($learner) => $body,
            $crate::engine::Engine::Gpu($learner) => $body,
        }
    };
}
