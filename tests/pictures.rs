//! Networks that read pictures, and networks of one's own, in whole runs.
#![cfg(feature = "burn")]

mod common;

use common::{checkpoint, latest, striatum, train};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use striatum::agent::burn_engine::{BurnModel, Features, OwnModule, burn};
use striatum::agent::{Encoder, NetworkSettings, NetworkSpec, PpoSettings};
use striatum::envs::{Batch, Env, EnvError, Pixel, Space, Step, Stream, VecEnv};
use striatum::train::TrainError;
use striatum::train::config::Config;
use striatum::train::own;
use striatum::train::run::{self, RunOptions};
use tempfile::tempdir;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};

/// Rows and columns of a picture.
const SIDE: usize = 5;
/// Steps of an episode.
const STEPS: u8 = 8;

/// A bright pixel on one side of a picture of bytes, which the action names: two outer columns each side, the middle one is never lit.
#[derive(Default)]
struct Spot {
    place: [u8; 2],
    step: u8,
}

impl Spot {
    fn show(&self, observation: &mut [f32]) {
        let mut bytes = [7; (SIDE * SIDE).next_multiple_of(4)];
        bytes[usize::from(self.place[0]) * SIDE + usize::from(self.place[1])] = 250;
        for (word, four) in observation.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *word = f32::from_ne_bytes(*four);
        }
    }

    fn draw(&mut self, rng: &mut Stream) {
        let [row, column] = [rng.below(SIDE as u32) as u8, rng.below(4) as u8];
        self.place = [row, if column > 1 { column + 1 } else { column }];
    }
}

impl Env for Spot {
    fn observation_space(&self) -> Space {
        Space::Image { channels: 1, height: SIDE, width: SIDE, pixel: Pixel::Byte }
    }
    fn action_space(&self) -> Space {
        Space::Discrete { n: 2 }
    }
    fn reset(&mut self, rng: &mut Stream, observation: &mut [f32]) {
        self.step = 0;
        self.draw(rng);
        self.show(observation);
    }
    fn step(&mut self, action: &[f32], rng: &mut Stream, observation: &mut [f32]) -> Step {
        let right = f32::from(u8::from(self.place[1] > 2));
        self.step += 1;
        self.draw(rng);
        self.show(observation);
        let reward = if action[0] == right { 1.0 } else { 0.0 };
        Step { reward, terminated: self.step == STEPS, truncated: false }
    }
    fn state(&self) -> Vec<f64> {
        [self.place[0], self.place[1], self.step].map(f64::from).to_vec()
    }
    fn set_state(&mut self, state: &[f64], observation: &mut [f32]) -> Result<(), EnvError> {
        let state: [f64; 3] = state.try_into().map_err(|_| EnvError::BadState("give 3 numbers".to_owned()))?;
        let [row, column, step] = state.map(|x| x as u8);
        (self.place, self.step) = ([row, column], step);
        self.show(observation);
        Ok(())
    }
}

fn spots(count: usize) -> Result<Box<dyn VecEnv>, TrainError> {
    Ok(Box::new(Batch::new(count, Spot::default)?))
}

fn config(network: NetworkSettings) -> Config {
    Config {
        task: "Spot".to_owned(),
        total_steps: 6144,
        num_envs: 8,
        ppo: PpoSettings { num_steps: 64, epochs: 4, learning_rate: 3e-3, ..Default::default() },
        network: NetworkSettings { shared_trunk: true, hidden: vec![], ..network },
        ..Config::default()
    }
}

fn options(out: &Path, stop_after: Option<u64>) -> RunOptions<'_> {
    static NEVER: AtomicBool = AtomicBool::new(false);
    RunOptions { out: out.to_owned(), stop_after, interrupted: &NEVER, quiet: true }
}

#[track_caller]
fn assert_same(a: &Path, b: &Path) {
    let (a, b) = (checkpoint(a), checkpoint(b));
    assert!(a.tensors.keys().eq(b.tensors.keys()));
    for (name, array) in &a.tensors {
        assert!(*array == b.tensors[name], "{name} differs");
    }
    assert_eq!(a.counters, b.counters);
}

#[test]
fn pictures_of_bytes_are_learned_from_and_a_resumed_run_is_the_same() {
    let networks = [
        NetworkSettings { encoder: Encoder::MinatarCnn, layer_norm: true, ..Default::default() },
        NetworkSettings { encoder: Encoder::ImpalaCnn, ..Default::default() },
        // A multilayer perceptron sees the bytes as numbers as well.
        NetworkSettings::default(),
    ];
    for network in networks {
        let mut config = config(network);
        if config.network.encoder == Encoder::Mlp {
            config.network.hidden = vec![32];
        }
        let folder = tempdir().unwrap();
        let [straight, resumed] = ["straight", "resumed"].map(|name| folder.path().join(name));
        let summary = run::train(config.clone(), &spots, &options(&straight, None)).unwrap();
        assert_eq!(summary.engine, "burn");
        assert!(summary.last_return >= Some(7.5), "{:?}: {summary:?}", config.network.encoder);
        run::train(config.clone(), &spots, &options(&resumed, Some(2000))).unwrap();
        run::resume(config, &checkpoint(&resumed), &spots, &options(&resumed, None)).unwrap();
        assert_same(&straight, &resumed);
    }
}

#[test]
fn what_a_network_cannot_read_is_refused_with_a_fix() {
    let folder = tempdir().unwrap();
    let error = |change: &dyn Fn(&mut Config)| {
        let mut config = config(NetworkSettings::default());
        change(&mut config);
        run::train(config, &spots, &options(&folder.path().join("run"), None)).unwrap_err().to_string()
    };
    let text = error(&|config| config.normalize.observations = true);
    assert!(text.contains("`normalize.observations`") && text.contains("false"), "{text}");
    let text = error(&|config| config.network.encoder = Encoder::NatureCnn);
    assert!(text.contains("`network.encoder = \"nature-cnn\"`") && text.contains("36 x 36"), "{text}");
    let text = error(&|config| config.engine = striatum::train::config::EngineChoice::Fused);
    assert!(text.contains("images of bytes") && text.contains("--engine auto"), "{text}");

    let run = folder.path().join("cli");
    let cartpole = "CartPole-v1 --quiet --total-steps 100 --set";
    train(&format!("{cartpole} network.encoder=nature-cnn"), &run).refused(&[
        "`network.encoder = \"nature-cnn\"`",
        "box",
        "\"mlp\"",
    ]);
    train(&format!("{cartpole} network.encoder=custom"), &run).refused(&["\"custom\"", "custom_network.rs"]);
    train(&format!("{cartpole} network.layer_norm=true --engine fused"), &run)
        .refused(&["`network.layer_norm` is true", "--engine auto"]);
    train("MinAtar/Breakout-v1 --quiet --engine fused --set network.encoder=minatar-cnn", &run)
        .refused(&["`network.encoder` is \"minatar-cnn\"", "--engine auto"]);
    assert!(!run.exists());
}

/// Encoder, normalised layers and two pathways by configuration alone.
#[test]
fn a_command_trains_an_encoder_resumes_it_and_exports_it() {
    let folder = tempdir().unwrap();
    let [straight, resumed] = ["straight", "resumed"].map(|name| folder.path().join(name));
    let args = "MinAtar/Breakout-v1 --quiet --device cpu --seed 3 --num-envs 4 --total-steps 512 --set network.encoder=minatar-cnn \
        --set network.hidden=[16] --set network.layer_norm=true --set network.pathways=dual --set dopamine.kappa=0.4 \
        --set dopamine.sum_decay=0.01 --set normalize.observations=true --set ppo.num_steps=32 --set ppo.minibatches=4 \
        --set eval.episodes=2 --set run.checkpoint_interval=200";
    train(args, &straight).ok();
    train(&format!("{args} --stop-after 200"), &resumed).ok();
    striatum("resume --quiet", &[&resumed]).ok();
    assert_same(&straight, &resumed);
    let names: Vec<_> = checkpoint(&straight).tensors.into_keys().collect();
    for name in ["actor.encoder.0.weight", "actor.encoder.norm.bias", "critic.0.norm.weight", "indirect.weight"] {
        assert!(names.iter().any(|found| found == name), "no {name} in {names:?}");
    }
    for format in ["onnx", "safetensors"] {
        let file = folder.path().join("policy").with_extension(format);
        striatum(&format!("export --format {format} -o {}", file.display()), &[&straight]).ok();
        assert!(file.metadata().unwrap().len() > 1000);
    }
    striatum("eval --json --episodes 2", &[&straight]).ok();
}

/// Two linear layers, whose features actor and critic share.
#[derive(Module, Debug)]
struct Plain {
    below: Vec<Linear>,
    above: Linear,
}

impl Plain {
    fn new(spec: &NetworkSpec, device: &Device) -> Self {
        let outputs = spec.head.policy.logits() + spec.head.value_heads;
        Self {
            below: vec![LinearConfig::new(spec.observation.len(), 24).init(device)],
            above: LinearConfig::new(24, outputs).init(device),
        }
    }
}

impl BurnModel for Plain {
    fn trunk(&self, observations: Tensor<2>) -> Features {
        let features = self.below[0].forward(observations).tanh();
        Features { actor: features.clone(), critic: features }
    }

    fn heads(&self, features: Features) -> Tensor<2> {
        self.above.forward(features.actor)
    }
}

#[test]
fn a_network_of_ones_own_learns_and_a_resumed_run_is_the_same() {
    let network = OwnModule::new(Plain::new);
    let folder = tempdir().unwrap();
    let [straight, resumed] = ["straight", "resumed"].map(|name| folder.path().join(name));
    let config = config(NetworkSettings::default());
    let summary = own::train(config.clone(), &network, &spots, &options(&straight, None)).unwrap();
    assert!(summary.last_return >= Some(7.5), "{summary:?}");
    own::train(config, &network, &spots, &options(&resumed, Some(2000))).unwrap();
    let half = checkpoint(&resumed);
    let saved = Config::from_toml(&half.config, "the checkpoint").unwrap();
    assert_eq!(saved.network.encoder, Encoder::Custom);
    own::resume(saved, &half, &network, &spots, &options(&resumed, None)).unwrap();
    assert_same(&straight, &resumed);
    let shape = |name: &str| checkpoint(&straight).tensors[name].shape.clone();
    assert_eq!(shape("module.below.0.weight"), [25, 24]);
    assert_eq!(shape("module.above.bias"), [3]);
    assert_eq!(shape("optimizer.second_moment.module.below.0.bias"), [24]);
}

/// Heads of the wrong width.
#[derive(Module, Debug)]
struct Narrow {
    layer: Linear,
}

impl BurnModel for Narrow {
    fn trunk(&self, observations: Tensor<2>) -> Features {
        Features { actor: observations.clone(), critic: observations }
    }

    fn heads(&self, features: Features) -> Tensor<2> {
        self.layer.forward(features.actor)
    }
}

#[test]
fn a_network_of_ones_own_that_does_not_fit_is_refused() {
    let network = OwnModule::new(|spec: &NetworkSpec, device: &Device| Narrow {
        layer: LinearConfig::new(spec.observation.len(), 2).init(device),
    });
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let error = own::train(config(NetworkSettings::default()), &network, &spots, &options(&out, None)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("rows of 2 numbers") && text.contains("needs 3"), "{text}");
    assert!(!out.exists());
}

#[test]
fn a_command_exports_a_network_of_ones_own_but_does_not_play_it() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    let config = Config {
        task: "CartPole-v1".to_owned(),
        total_steps: 512,
        num_envs: 4,
        ppo: PpoSettings { num_steps: 32, ..Default::default() },
        ..Config::default()
    };
    striatum::train_network(config, Plain::new, &run).unwrap();
    assert!(latest(&run).is_file());
    striatum("eval --episodes 1", &[&run]).refused(&["network.encoder = \"custom\"", "examples/custom_network.rs"]);
    let file = folder.path().join("policy.safetensors");
    striatum(&format!("export --format safetensors -o {}", file.display()), &[&run]).ok();
    let bytes = std::fs::read(&file).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("module.below.0.weight").unwrap().shape(), [4, 24]);
    let onnx = folder.path().join("policy.onnx");
    striatum(&format!("export --format onnx -o {}", onnx.display()), &[&run])
        .refused(&["module of your own", "--format safetensors"]);
}
