//! Exported policies. With `STRIATUM_EXPORT_DIR` set, the files stay there, each `NAME.onnx` and `NAME.safetensors` beside a `NAME.json` of
//! observations and expected outputs for `scripts/check_export.py`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use striatum_agent::{Encoder, MemoryKind, NetworkSettings, NetworkSpec, Observation, initial_weights};
use striatum_kernels::{Activation, HeadLayout, MlpSpec, Policy};
use striatum_rng::{Purpose, Stream};
use striatum_train::export::{ExportError, ObservationNormalizer, PolicyExport};

const INPUTS: usize = 5;
const OBSERVATIONS: usize = 1000;

struct Case {
    name: &'static str,
    policy: Policy,
    dual: bool,
    shared_trunk: bool,
    activation: Activation,
    hidden: &'static [usize],
    normalized: bool,
    masked: bool,
}

fn cases() -> Vec<Case> {
    use Activation::{Relu, Silu, Tanh};
    let case = |name, policy, dual, shared_trunk, activation, hidden, normalized| Case {
        name,
        policy,
        dual,
        shared_trunk,
        activation,
        hidden,
        normalized,
        masked: false,
    };
    let masked = |case| Case { masked: true, ..case };
    let one = || Policy::Categorical { nvec: vec![4] };
    let gsde = |features, squash| Policy::StateDependent { dims: 3, features, squash };
    vec![
        case("discrete_single", one(), false, false, Tanh, &[64, 64], false),
        case("discrete_dual", one(), true, false, Tanh, &[64, 64], true),
        case("discrete_shared", one(), true, true, Silu, &[32], true),
        case("linear", one(), false, false, Relu, &[], true),
        case("multi_discrete", Policy::Categorical { nvec: vec![2, 5, 3] }, true, false, Relu, &[64, 32], true),
        masked(case("masked", one(), false, false, Tanh, &[64, 64], true)),
        masked(case("masked_choices", Policy::Categorical { nvec: vec![2, 5, 3] }, true, true, Silu, &[32], false)),
        case("gaussian_clip", Policy::Gaussian { dims: 3, squash: false }, false, false, Tanh, &[64, 64], true),
        case("gaussian_squash", Policy::Gaussian { dims: 3, squash: true }, true, true, Silu, &[48], false),
        case("gsde", gsde(64, false), true, false, Tanh, &[64, 64], true),
        case("gsde_squash", gsde(16, true), false, true, Relu, &[32, 16], true),
    ]
}

fn export(case: &Case, seed: u64) -> PolicyExport {
    let mut stream = Stream::new(seed, Purpose::Init, 0, 0);
    let head = HeadLayout { masked: case.masked, ..HeadLayout::new(case.policy.clone(), case.dual, 1) };
    let spec = MlpSpec {
        inputs: INPUTS + head.mask_width(),
        hidden: case.hidden.to_vec(),
        activation: case.activation,
        shared_trunk: case.shared_trunk,
        head,
    };
    let mut params = vec![0.0; spec.param_count()];
    for param in spec.params() {
        let scale = 1.0 / (param.shape[0] as f32).sqrt();
        params[param.offset..param.offset + param.len()].fill_with(|| scale * stream.normal());
    }
    let dims = if case.policy.is_continuous() { case.policy.action_width() } else { 0 };
    PolicyExport {
        task: "Test-v0".into(),
        spec: spec.into(),
        params,
        observation_normalizer: case.normalized.then(|| ObservationNormalizer {
            // The last column is the hard one: its mean is large beside its deviation.
            mean: vec![0.3, -2.0, 0.0, 1.0 / 3.0, 1000.1],
            std: vec![1.0, 0.5, 2.0, 0.7, 0.1],
            clip: 10.0,
        }),
        action_low: [-2.0, 0.5, -0.1][..dims].to_vec(),
        action_high: [2.0, 4.0, 0.1][..dims].to_vec(),
        tone: 0.3,
        inverse_temperature: 1.7,
    }
}

/// Observations in the range that the normaliser expects, where there is one.
fn observations(export: &PolicyExport, rows: usize) -> Vec<f32> {
    let mut stream = Stream::new(9, Purpose::Evaluation, 0, 0);
    let column = |i: usize| match &export.observation_normalizer {
        Some(normalizer) => (normalizer.mean[i] as f32, normalizer.std[i] as f32),
        None => (0.0, 1.0),
    };
    (0..rows * INPUTS).map(|i| column(i % INPUTS)).map(|(mean, std)| mean + std * 2.0 * stream.normal()).collect()
}

#[test]
fn every_kind_of_policy_is_written_in_both_formats() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = std::env::var_os("STRIATUM_EXPORT_DIR").map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&folder).unwrap();
    for (seed, case) in cases().iter().enumerate() {
        let export = export(case, seed as u64);
        let file = |extension: &str| folder.join(case.name).with_extension(extension);
        let given = match case.masked {
            true => export.random_observations(OBSERVATIONS),
            false => observations(&export, OBSERVATIONS),
        };
        let expected = export.expectations(&given).unwrap();
        std::fs::write(file("json"), expected.to_string()).unwrap();
        export.to_onnx(&file("onnx")).unwrap();
        export.to_safetensors(&file("safetensors")).unwrap();

        let bytes = std::fs::read(file("safetensors")).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let mut names = tensors.names();
        names.sort_unstable();
        let trunk = if case.shared_trunk { "trunk" } else { "actor" };
        assert_eq!(names.iter().filter(|name| name.starts_with(trunk)).count(), 2 * case.hidden.len(), "{names:?}");
        assert!(!names.iter().any(|name| name.starts_with("critic") || name.starts_with("value")), "{names:?}");
        assert_eq!(names.contains(&"indirect.weight"), case.dual);
        assert_eq!(names.contains(&"log_std") && names.contains(&"action.low"), case.policy.is_continuous());
        assert_eq!(names.contains(&"normalizer.mean"), case.normalized);
    }
}

/// Encoders and normalised layers, in both formats, beside the files for `scripts/check_export.py`.
#[test]
fn encoders_and_normalised_layers_are_written_in_both_formats() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = std::env::var_os("STRIATUM_EXPORT_DIR").map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&folder).unwrap();
    let encoders = [Encoder::Mlp, Encoder::NatureCnn, Encoder::ImpalaCnn, Encoder::MinatarCnn];
    for (i, encoder) in encoders.into_iter().cycle().take(8).enumerate() {
        let plain = i < 4;
        let side = encoder.smallest().max(6);
        let observation = Observation::Image { channels: 3, height: side, width: side + 1, bytes: plain };
        let settings = NetworkSettings {
            encoder,
            layer_norm: !plain,
            hidden: if plain { vec![] } else { vec![9] },
            shared_trunk: plain,
            ..Default::default()
        };
        let head = HeadLayout::new(Policy::Categorical { nvec: vec![4] }, !plain, 1);
        let spec = NetworkSpec::new(&settings, observation, head);
        let mut stream = Stream::new(i as u64, Purpose::Init, 0, 0);
        let mut params = initial_weights(&spec, &NetworkSettings { orthogonal_init: false, ..settings }, 7);
        params.iter_mut().for_each(|param| *param += 0.02 * stream.normal());
        let words = observation.words();
        let export = PolicyExport {
            observation_normalizer: (i > 5).then(|| ObservationNormalizer {
                mean: (0..words).map(|i| 0.1 * i as f64 % 1.0).collect(),
                std: vec![0.7; words],
                clip: 3.0,
            }),
            params,
            spec,
            ..tiny(Policy::Categorical { nvec: vec![4] }, !plain, &[])
        };
        let name = format!("{}_{}", encoder.name(), if plain { "bytes" } else { "norm" });
        let file = |extension: &str| folder.join(&name).with_extension(extension);
        let expected = export.expectations(&export.random_observations(20)).unwrap();
        std::fs::write(file("json"), expected.to_string()).unwrap();
        export.to_onnx(&file("onnx")).unwrap();
        export.to_safetensors(&file("safetensors")).unwrap();
        let distinct: BTreeSet<_> = expected["logits"].as_array().unwrap().iter().map(ToString::to_string).collect();
        assert!(distinct.len() > 10, "{name} sees nothing");
    }
}

/// The reference against the network that trains.
#[test]
#[cfg(feature = "burn")]
fn the_reference_of_an_encoder_is_the_network_that_trains() {
    use striatum_agent::burn_engine::BurnNetwork;
    use striatum_agent::{Learner, LearnerState};
    for (encoder, bytes) in [(Encoder::NatureCnn, true), (Encoder::ImpalaCnn, false), (Encoder::MinatarCnn, true)] {
        let side = encoder.smallest().max(7);
        let observation = Observation::Image { channels: 2, height: side, width: side, bytes };
        let settings = NetworkSettings { encoder, layer_norm: bytes, hidden: vec![5], ..Default::default() };
        let policy = Policy::Categorical { nvec: vec![3] };
        let spec = NetworkSpec::new(&settings, observation, HeadLayout::new(policy.clone(), false, 1));
        let params = initial_weights(&spec, &NetworkSettings { orthogonal_init: false, ..settings }, 2);
        let export = PolicyExport { params: params.clone(), spec: spec.clone(), ..tiny(policy, false, &[]) };
        let cpu = striatum_kernels::Cpu::with_threads(2);
        let network = Box::new(BurnNetwork::on_cpu(&spec, &cpu));
        let mut learner = Learner::new(cpu, network, spec, &[LearnerState::new(params)]).unwrap();
        let observations = export.random_observations(9);
        let outputs = learner.predict(&observations).unwrap();
        let found = export.evaluate(&observations).unwrap().net;
        for (output, logits) in outputs.chunks_exact(4).zip(found.chunks_exact(3)) {
            for (x, y) in output.iter().zip(logits) {
                assert!((x - y).abs() < 2e-5, "{encoder:?}: {output:?} and {logits:?}");
            }
        }
    }
}

/// One input, no hidden layer, so that everything is worked by hand.
fn tiny(policy: Policy, dual: bool, params: &[f32]) -> PolicyExport {
    let head = HeadLayout::new(policy, dual, 1);
    PolicyExport {
        task: "Tiny".into(),
        spec: MlpSpec { inputs: 1, hidden: vec![], activation: Activation::Tanh, shared_trunk: true, head }.into(),
        params: params.to_vec(),
        observation_normalizer: None,
        action_low: vec![],
        action_high: vec![],
        tone: 0.0,
        inverse_temperature: 1.0,
    }
}

#[test]
fn a_mask_is_the_end_of_an_observation() {
    // Logits (x, 2 x, 3 x) with x = 1; the third option is not allowed, then the second neither.
    let params = [1.0, 2.0, 3.0, 0.0, 0.0, 0.0, 7.0, 7.0];
    let mut export = tiny(Policy::Categorical { nvec: vec![3] }, false, &params);
    let head = HeadLayout { masked: true, ..export.spec.head.clone() };
    export.spec = MlpSpec { inputs: 4, hidden: vec![], activation: Activation::Tanh, shared_trunk: true, head }.into();
    let result = export.evaluate(&[1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0]).unwrap();
    assert_eq!(result.actions, [1.0, 0.0]);
    assert_eq!(result.net, [1.0, 2.0, f32::NEG_INFINITY, 1.0, f32::NEG_INFINITY, f32::NEG_INFINITY]);
    let random = export.random_observations(50);
    assert!(random.chunks_exact(4).all(|row| row[1..].iter().sum::<f32>() == 2.0));
}

const MEMORIES: [MemoryKind; 3] = [MemoryKind::Gru, MemoryKind::Lstm, MemoryKind::MinGru];

/// A policy with memory, its parameters drawn.
fn remembering(memory: MemoryKind, policy: &Policy, dual: bool, shared_trunk: bool) -> PolicyExport {
    let settings = NetworkSettings { memory, memory_width: 6, hidden: vec![5], shared_trunk, ..Default::default() };
    let head = HeadLayout { masked: !policy.is_continuous(), ..HeadLayout::new(policy.clone(), dual, 1) };
    let spec = NetworkSpec::new(&settings, Observation::Numbers(3), head);
    let mut stream = Stream::new(4, Purpose::Init, 0, 0);
    let dims = if policy.is_continuous() { policy.action_width() } else { 0 };
    PolicyExport {
        params: (0..spec.param_count()).map(|_| 0.7 * stream.normal()).collect(),
        spec,
        action_low: vec![-1.0; dims],
        action_high: vec![2.0; dims],
        ..tiny(policy.clone(), dual, &[])
    }
}

#[test]
fn memories_are_written_in_both_formats_as_one_step() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = std::env::var_os("STRIATUM_EXPORT_DIR").map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&folder).unwrap();
    let policies =
        [Policy::Categorical { nvec: vec![4] }, Policy::StateDependent { dims: 2, features: 6, squash: true }];
    for (memory, policy) in MEMORIES.into_iter().flat_map(|memory| policies.each_ref().map(|policy| (memory, policy))) {
        let dual = policy.is_continuous();
        let export = remembering(memory, policy, dual, dual);
        let name = format!("{}_{}", memory.name(), if dual { "gsde" } else { "masked" });
        let file = |extension: &str| folder.join(&name).with_extension(extension);
        let expected = export.expectations(&export.random_observations(OBSERVATIONS)).unwrap();
        let state = if memory == MemoryKind::Lstm { 12 } else { 6 };
        for (key, width) in [("observations", 3 + if dual { 0 } else { 4 }), ("state", state), ("next_state", state)] {
            let rows = expected[key].as_array().unwrap();
            assert!(rows.len() == OBSERVATIONS && rows[0].as_array().unwrap().len() == width, "{name}: {key}");
        }
        std::fs::write(file("json"), expected.to_string()).unwrap();
        export.to_onnx(&file("onnx")).unwrap();
        export.to_safetensors(&file("safetensors")).unwrap();
    }
}

#[test]
fn safetensors_say_how_a_memory_goes_on() {
    let export = remembering(MemoryKind::Lstm, &Policy::Categorical { nvec: vec![2] }, false, false);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.safetensors");
    export.to_safetensors(&file).unwrap();
    let bytes = std::fs::read(file).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("actor.memory.input.weight").unwrap().shape(), [5, 24]);
    assert_eq!(tensors.tensor("actor.memory.recurrent.weight").unwrap().shape(), [6, 24]);
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let policy = &metadata.metadata().as_ref().unwrap()["policy"];
    assert!(policy.contains("h = sigmoid(i3 + u3) * tanh(c)"), "{policy}");
}

/// The reference against the network that trains, step by step: logits, and what either keeps.
#[test]
#[cfg(feature = "burn")]
fn the_reference_of_a_memory_is_the_network_that_trains() {
    use striatum_agent::burn_engine::BurnNetwork;
    use striatum_agent::{Learner, LearnerState};
    let policy = Policy::Categorical { nvec: vec![3] };
    for (memory, shared) in MEMORIES.into_iter().flat_map(|memory| [(memory, false), (memory, true)]) {
        let export = remembering(memory, &policy, false, shared);
        let (spec, params) = (export.spec.clone(), export.params.clone());
        let cpu = striatum_kernels::Cpu::with_threads(1);
        let network = Box::new(BurnNetwork::on_cpu(&spec, &cpu));
        let mut learner = Learner::new(cpu, network, spec.clone(), &[LearnerState::new(params)]).unwrap();
        // What is random there is only the observations: the states are those that each keeps.
        let (observed, width, at) = (spec.observed(), export.state_width(), spec.head.carried_at());
        let (mut kept, mut own) = (vec![0.0; spec.head.carried], vec![0.0; width]);
        for (step, row) in export.random_observations(30).chunks_exact(export.row_width()).enumerate() {
            let starts = step % 10 == 0;
            if starts {
                own.fill(0.0);
            }
            let given = [&row[..observed], &[f32::from(u8::from(starts))], &kept].concat();
            let output = learner.predict(&given).unwrap();
            let found = export.evaluate(&[&row[..observed], &own].concat()).unwrap();
            kept.copy_from_slice(&output[at..at + spec.head.carried]);
            own = found.next_state;
            for (x, y) in output[..3].iter().zip(&found.net).chain(kept[..width].iter().zip(&own)) {
                assert!(!y.is_finite() || (x - y).abs() < 1e-5, "{memory:?}, step {step}: {x} and {y}");
            }
        }
    }
}

#[test]
fn the_reference_agrees_with_arithmetic_by_hand() {
    // g = [1 2] x + [0 1], n = [2 0] x + [1 1]; then the value head, unused. rho = 1/2, beta = 2, c = 1/sqrt 2.
    let params = [1.0, 2.0, 0.0, 1.0, 2.0, 0.0, 1.0, 1.0, 7.0, 7.0];
    let mut export = tiny(Policy::Categorical { nvec: vec![2] }, true, &params);
    (export.tone, export.inverse_temperature) = (0.5, 2.0);
    export.observation_normalizer = Some(ObservationNormalizer { mean: vec![1.0], std: vec![2.0], clip: 1.5 });
    // x = (5 - 1) / 2 = 2, clipped to 1.5: g = [1.5 4], n = [4 1];
    // l = 2 c ([2.25 6] - [2 0.5]) = sqrt 2 [0.25 5.5].
    let result = export.evaluate(&[5.0]).unwrap();
    let root = std::f32::consts::SQRT_2;
    assert!((result.net[0] - 0.25 * root).abs() < 1e-6 && (result.net[1] - 5.5 * root).abs() < 1e-6, "{result:?}");
    assert_eq!((result.actions, result.log_std), (vec![1.0], vec![]));
}

/// Tone favours what the direct pathway holds for good (1: g alone counts, twice) or shuns what the indirect one holds for bad.
#[test]
fn other_tones_are_expected_beside_the_policys_own() {
    // Whatever x is, g = [0 1] and n = [0 3]; then the value head, unused. The net logits of action 1 are c [(1 + rho) 1 - (1 - rho) 3].
    let params = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0];
    let export = PolicyExport { tone: 0.25, ..tiny(Policy::Categorical { nvec: vec![2] }, true, &params) };
    let expected = export.expectations(&[7.0]).unwrap();
    let logit = |value: &serde_json::Value| value["logits"][0][1].as_f64().unwrap() * std::f64::consts::SQRT_2;
    assert!((logit(&expected) - (1.25 - 0.75 * 3.0)).abs() < 1e-6, "{expected}");
    let tones = expected["tones"].as_array().unwrap();
    let found: Vec<_> =
        tones.iter().map(|tone| (tone["tone"].as_f64().unwrap(), tone["actions"][0].as_i64())).collect();
    // (1 + rho) - 3 (1 - rho) = 4 rho - 2 is above 0 from rho = 1/2 on, where it is a tie.
    assert_eq!(found, [(-1.0, Some(0)), (-0.5, Some(0)), (0.0, Some(0)), (0.5, Some(0)), (1.0, Some(1))]);
    assert!(tones.iter().all(|tone| (logit(tone) - (4.0 * tone["tone"].as_f64().unwrap() - 2.0)).abs() < 1e-6));

    let single = tiny(Policy::Categorical { nvec: vec![2] }, false, &[0.0; 6]);
    assert!(single.expectations(&[7.0]).unwrap().get("tones").is_none());
}

#[test]
fn ties_go_to_the_first_and_real_actions_to_their_bounds() {
    let tied = tiny(Policy::Categorical { nvec: vec![3, 2] }, false, &[0.0; 12]);
    assert_eq!(tied.evaluate(&[1.0, 2.0]).unwrap().actions, [0.0; 4]);
    // Means are x; log sigma is 5, which is clamped to 2.
    let mut clipped = tiny(Policy::Gaussian { dims: 1, squash: false }, false, &[1.0, 0.0, 0.0, 0.0, 5.0]);
    (clipped.action_low, clipped.action_high) = (vec![-1.0], vec![3.0]);
    let result = clipped.evaluate(&[-9.0, 2.0, 9.0]).unwrap();
    assert_eq!(
        (result.actions, result.net, result.log_std),
        (vec![-1.0, 2.0, 3.0], vec![-9.0, 2.0, 9.0], vec![2.0; 3])
    );
    // Squashed: tanh(0) = 0 is the middle of -1..3.
    clipped.spec.head.policy = Policy::Gaussian { dims: 1, squash: true };
    assert_eq!(clipped.evaluate(&[0.0, 99.0, -99.0]).unwrap().actions, [1.0, 3.0, -1.0]);
    // sigma^2 = x^2 exp(2 log_std) + 1e-6: at x = 3 with log_std = 0, log sigma = log 3.
    clipped.spec.head.policy = Policy::StateDependent { dims: 1, features: 1, squash: false };
    clipped.params[4] = 0.0;
    assert!((clipped.evaluate(&[3.0]).unwrap().log_std[0] - 3.0_f32.ln()).abs() < 1e-6);
}

#[test]
fn parts_that_do_not_fit_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.onnx");
    let good = tiny(Policy::Gaussian { dims: 1, squash: false }, false, &[1.0, 0.0, 0.0, 0.0, 0.0]);
    let error = good.to_onnx(&path).unwrap_err();
    assert!(error.to_string().contains("lower action bounds has length 0, and the network needs 1"), "{error}");
    let good = PolicyExport { action_low: vec![-1.0], action_high: vec![1.0], ..good };
    let short = PolicyExport { params: vec![0.0; 4], ..good.clone() };
    assert!(matches!(short.to_safetensors(&path), Err(ExportError::Length { expected: 5, found: 4, .. })));
    assert!(matches!(good.to_onnx(&path.join("below")), Err(ExportError::Write { .. })));
    assert!(!path.exists());
}
