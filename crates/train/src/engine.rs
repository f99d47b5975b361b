//! Choosing and opening the engine and the device.

use crate::config::{Config, DeviceChoice, EngineChoice};
use crate::error::TrainError;
use striatum_agent::{Learner, LearnerState, Network, initial_weights};
use striatum_kernels::{Cpu, Gpu, MlpSpec};

/// Parameters from which a GPU is preferred. Below, launches cost more than the arithmetic: two 64-64 networks have 9 thousand, and
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

/// Opens what the configuration asks for, with initial weights.
///
/// # Errors
/// If the engine is not in this build, cannot do what was asked, or the device cannot be opened.
pub fn open(config: &Config, spec: &MlpSpec) -> Result<(Engine, EngineInfo), TrainError> {
    let (device, reason) = choose_device(config.device, spec);
    let engine = choose_engine(config.engine, device)?;
    let state = LearnerState::new(initial_weights(spec, &config.network, config.seed));
    match device {
        Device::Cpu => {
            let backend = Cpu::with_threads(threads(config));
            let network = cpu_network(engine, spec, &backend)?;
            let learner = Learner::new(backend, network, spec.clone(), &[state])?;
            Ok((Engine::Cpu(learner), EngineInfo { engine, device: "cpu".into(), reason }))
        }
        Device::Gpu(index) => {
            let gpu = Gpu::open(index)?;
            let info = EngineInfo { engine, device: gpu.info().name.clone(), reason };
            let network = gpu_network(&gpu, spec)?;
            Ok((Engine::Gpu(Learner::new(gpu, network, spec.clone(), &[state])?), info))
        }
    }
}

/// Whether agents of this configuration may train side by side, each on threads of its own, without opening anything.
///
/// # Errors
/// If the engine is not in this build, or cannot do what was asked.
pub(crate) fn may_share_out(config: &Config, spec: &MlpSpec) -> Result<bool, TrainError> {
    let (device, _) = choose_device(config.device, spec);
    Ok(choose_engine(config.engine, device)? == "fused" && device == Device::Cpu)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Device {
    Cpu,
    Gpu(Option<usize>),
}

/// The device, and why if it was chosen here. A software adapter is the CPU in disguise and never chosen.
fn choose_device(choice: DeviceChoice, spec: &MlpSpec) -> (Device, Option<String>) {
    match choice {
        DeviceChoice::Cpu => return (Device::Cpu, None),
        DeviceChoice::Gpu(index) => return (Device::Gpu(index), None),
        DeviceChoice::Auto => {}
    }
    let count = spec.param_count();
    if count < GPU_PAYS_FROM {
        let reason = format!("{count} parameters train faster on the CPU; `--device gpu` takes the GPU");
        return (Device::Cpu, Some(reason));
    }
    match striatum_kernels::adapters().into_iter().filter(|a| !a.is_software).min_by_key(|a| a.kind) {
        Some(adapter) => {
            let reason = format!("{count} parameters are enough for {}", adapter.name);
            (Device::Gpu(Some(adapter.index)), Some(reason))
        }
        None => (Device::Cpu, Some("there is no GPU (a software adapter is used only when asked for)".into())),
    }
}

/// `fused` or `burn`.
fn choose_engine(choice: EngineChoice, device: Device) -> Result<&'static str, TrainError> {
    match (choice, device) {
        (EngineChoice::Auto | EngineChoice::Fused, Device::Cpu) => Ok("fused"),
        (EngineChoice::Fused, Device::Gpu(_)) => Err(TrainError::Engine(
            "`engine = \"fused\"` runs on the CPU; use `--device cpu`, or `--set engine=burn` for a GPU".into(),
        )),
        (EngineChoice::Burn, _) | (EngineChoice::Auto, Device::Gpu(_)) if cfg!(feature = "burn") => Ok("burn"),
        _ => Err(TrainError::Engine(
            "this build has no burn engine, which GPUs need; build with the default features, or use `--device cpu` and \
             `--set engine=fused`"
                .into(),
        )),
    }
}

/// Threads of the CPU engine: `threads`, or one a core.
pub(crate) fn threads(config: &Config) -> usize {
    match config.threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads => threads,
    }
}

fn cpu_network(engine: &str, spec: &MlpSpec, backend: &Cpu) -> Result<Box<dyn Network<Cpu>>, TrainError> {
    #[cfg(feature = "burn")]
    if engine == "burn" {
        use striatum_agent::burn_engine::{ActorCritic, BurnNetwork, cpu_device};
        return Ok(Box::new(BurnNetwork::new(spec.inputs, &cpu_device(), |device| ActorCritic::new(spec, device))));
    }
    let _ = engine;
    Ok(Box::new(striatum_agent::FusedNetwork::new(spec, 1, backend)))
}

#[cfg(feature = "burn")]
fn gpu_network(gpu: &Gpu, spec: &MlpSpec) -> Result<Box<dyn Network<Gpu>>, TrainError> {
    use striatum_agent::burn_engine::{ActorCritic, BurnNetwork, burn_device};
    let device = burn_device(gpu)?;
    Ok(Box::new(BurnNetwork::new(spec.inputs, &device, |device| ActorCritic::new(spec, device))))
}

#[cfg(not(feature = "burn"))]
fn gpu_network(_: &Gpu, _: &MlpSpec) -> Result<Box<dyn Network<Gpu>>, TrainError> {
    Err(TrainError::Engine("this build has no burn engine, which GPUs need".into()))
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
