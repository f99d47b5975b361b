use crate::given::Given;
use crate::{Test, check};
use proptest::prelude::*;
use striatum_kernels::{
    Activation, Backend, Cpu, Gpu, GpuBuffer, HeadLayout, MlpCpu, MlpGpu, MlpSpec, MlpTiles, ParamSpec, Policy,
};
use striatum_rng::{Purpose, Stream};

pub const TESTS: &[Test] = &[
    ("mlp_agrees_with_its_mirror", random),
    ("mlp_of_many_widths_agrees_with_its_mirror", widths),
    ("mlp_of_several_tiles_and_segments_agrees_with_its_mirror", long),
    ("mlp_of_many_outputs_agrees_with_its_mirror", many_outputs),
    ("mlp_without_hidden_layers_agrees_with_its_mirror", no_layers),
    ("mlp_of_an_agent_does_not_depend_on_the_others", agents_apart),
    ("mlp_tiles_give_the_same_bits", tiles_agree),
    ("mlp_inference_gives_the_bits_of_training", inference),
    ("mlp_second_batch_owes_nothing_to_the_first", second_batch),
    ("mlp_of_no_rows_has_no_gradient", no_rows),
    ("mlp_nan_stays_in_its_row", nan),
    ("mlp_saturates", saturates),
    ("mlp_unknown_row_counts_as_zeros", unknown_row),
    ("mlp_needs_few_dispatches", dispatches),
];

/// A network, a batch, and gradients of its outputs.
#[derive(Clone, Debug)]
struct Case {
    spec: MlpSpec,
    agents: usize,
    rows: usize,
    /// Whether the rows are selected from more of them.
    selected: bool,
    /// Whether everything below the heads learns from other gradients.
    trunk: bool,
    weights: Vec<f32>,
    observations: Vec<f32>,
    indices: Vec<u32>,
    d_outputs: Vec<f32>,
    d_trunk: Vec<f32>,
}

const TILES: [MlpTiles; 3] = [MlpTiles::Small, MlpTiles::Large, MlpTiles::Whole];

/// Rows that a selection skips on either side.
const SKIPPED: usize = 3;

impl Case {
    fn new(spec: &MlpSpec, [agents, rows]: [usize; 2], selected: bool, trunk: bool, seed: u64) -> Self {
        let mut stream = Stream::new(seed, Purpose::User, 0, 0);
        // With ReLU all numbers are multiples of 1/8 and all sums exact: the mirror and the shader find the same side of 0.
        let exact = spec.activation == Activation::Relu;
        let mut numbers = |len: usize, scale: f32, step: f32| -> Vec<f32> {
            let number = |_| {
                let number = scale * (2.0 * stream.uniform() - 1.0);
                if exact { (number / step).round() * step } else { number }
            };
            (0..len).map(number).collect()
        };
        let observed = if selected { rows + 2 * SKIPPED } else { rows };
        let scale = |p: &ParamSpec| if p.shape.len() == 2 { 2.0 / (p.shape[0] as f32).sqrt() } else { 0.5 };
        let list = spec.params();
        let weights =
            (0..agents).flat_map(|_| list.iter().flat_map(|p| numbers(p.len(), scale(p), 0.125)).collect::<Vec<_>>());
        let weights = weights.collect();
        let outputs = agents * rows * spec.head.width();
        let observations = numbers(agents * observed * spec.inputs, 1.5, 0.25);
        let [d_outputs, d_trunk] = [0; 2].map(|_| numbers(outputs, 0.1, 1.0 / 1024.0));
        let indices = (0..agents * observed).map(|_| stream.below(observed as u32)).collect();
        Self { spec: spec.clone(), agents, rows, selected, trunk, weights, observations, indices, d_outputs, d_trunk }
    }

    fn observed(&self) -> usize {
        if self.selected { self.rows + 2 * SKIPPED } else { self.rows }
    }

    /// An agent's own.
    fn part<'a>(&self, all: &'a [f32], agent: usize) -> &'a [f32] {
        let len = all.len() / self.agents;
        &all[agent * len..][..len]
    }

    /// The observations of an agent's batch.
    fn batch(&self, agent: usize) -> Vec<f32> {
        let own = self.part(&self.observations, agent);
        if !self.selected {
            return own.to_vec();
        }
        let indices = &self.indices[agent * self.observed() + SKIPPED..][..self.rows];
        indices.iter().flat_map(|&i| own[i as usize * self.spec.inputs..][..self.spec.inputs].to_vec()).collect()
    }

    /// Outputs and gradients by the mirror.
    fn mirror(&self) -> [Vec<f32>; 2] {
        let mut all = [Vec::new(), Vec::new()];
        for agent in 0..self.agents {
            let mut network = MlpCpu::new(&self.spec, 1, &Cpu::with_threads(1));
            let (weights, batch) = (self.part(&self.weights, agent), self.batch(agent));
            let mut gradients = vec![f32::NAN; weights.len()];
            let d_trunk = self.trunk.then(|| self.part(&self.d_trunk, agent));
            let pass = Given::new(&self.spec.head, &batch, self.part(&self.d_outputs, agent), d_trunk);
            network.load(weights);
            network.train_pass(0, self.rows, self.trunk, &pass, &mut gradients);
            all[0].extend(pass.into_outputs());
            all[1].extend(gradients);
        }
        all
    }

    /// The case of one agent alone.
    fn alone(&self, agent: usize) -> Self {
        let observed = self.observed();
        Self {
            agents: 1,
            weights: self.part(&self.weights, agent).to_vec(),
            observations: self.part(&self.observations, agent).to_vec(),
            indices: self.indices[agent * observed..][..observed].to_vec(),
            d_outputs: self.part(&self.d_outputs, agent).to_vec(),
            d_trunk: self.part(&self.d_trunk, agent).to_vec(),
            ..self.clone()
        }
    }

    /// Outputs and gradients on the device.
    fn run(&self, gpu: &Gpu, network: &mut MlpGpu) -> Result<[Vec<f32>; 2], String> {
        let outputs = gpu.upload(&vec![f32::NAN; self.agents * self.rows * self.spec.head.width()]);
        let gradients = gpu.upload(&vec![f32::NAN; self.weights.len()]);
        let weights = gpu.upload(&self.weights);
        let indices = gpu.upload_indices(&self.indices);
        let selection = self.selected.then_some((&indices, SKIPPED, self.observed()));
        network.forward_train(gpu, &weights, &gpu.upload(&self.observations), selection, self.rows, &outputs);
        let d_trunk = self.trunk.then(|| gpu.upload(&self.d_trunk));
        network.backward(gpu, &weights, &gpu.upload(&self.d_outputs), d_trunk.as_ref(), &gradients);
        Ok([download(gpu, &outputs)?, download(gpu, &gradients)?])
    }

    fn network(&self, gpu: &Gpu) -> MlpGpu {
        MlpGpu::new(gpu, &self.spec, self.agents)
    }

    /// Compares with the mirror, and with a second run.
    fn agrees(&self, gpu: &Gpu, tiles: Option<MlpTiles>) -> Result<(), String> {
        let network = self.network(gpu);
        let mut network = if let Some(tiles) = tiles { network.with_tiles(tiles) } else { network };
        let got = self.run(gpu, &mut network)?;
        let want = self.mirror();
        close("outputs", &got[0], &want[0], 1.0)?;
        let p = self.spec.param_count();
        for (agent, (got, want)) in got[1].chunks(p).zip(want[1].chunks(p)).enumerate() {
            for param in self.spec.params().iter().filter(|param| param.name != "log_std") {
                let range = param.offset..param.offset + param.len();
                // Where a sum over the rows happens to cancel, the size of a row's own share stands for its size.
                close(&format!("{} of agent {agent}", param.name), &got[range.clone()], &want[range], 0.1)?;
            }
        }
        same("a second run", &self.run(gpu, &mut network)?, &got)
    }
}

/// Within 1e-5 of the largest magnitude, which counts as `least` at least.
fn close(what: &str, got: &[f32], want: &[f32], least: f32) -> Result<(), String> {
    let largest = want.iter().fold(least, |m, w| m.max(w.abs()));
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let near = (got - want).abs() <= 1e-5 * largest;
        if !near {
            return Err(format!("{what}[{i}] is {got}, not {want}; the largest is {largest}"));
        }
    }
    if got.len() == want.len() { Ok(()) } else { Err(format!("{what}: {} numbers for {}", got.len(), want.len())) }
}

fn same(what: &str, got: &[Vec<f32>; 2], want: &[Vec<f32>; 2]) -> Result<(), String> {
    let bits = |x: &[Vec<f32>; 2]| x.each_ref().map(|x| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
    if bits(got) == bits(want) { Ok(()) } else { Err(format!("{what} gives other bits")) }
}

fn download(gpu: &Gpu, buffer: &GpuBuffer) -> Result<Vec<f32>, String> {
    gpu.download(buffer).map_err(|error| error.to_string())
}

fn spec(inputs: usize, hidden: &[usize], activation: Activation) -> MlpSpec {
    let head = HeadLayout::new(Policy::Categorical { nvec: vec![2] }, true, 1);
    MlpSpec { inputs, hidden: hidden.to_vec(), activation, shared_trunk: false, head }
}

fn policies(features: usize) -> impl Strategy<Value = Policy> {
    prop_oneof![
        proptest::collection::vec(1usize..5, 1..4).prop_map(|nvec| Policy::Categorical { nvec }),
        (1usize..7, any::<bool>()).prop_map(|(dims, squash)| Policy::Gaussian { dims, squash }),
        (1usize..4, any::<bool>()).prop_map(move |(dims, squash)| Policy::StateDependent { dims, features, squash }),
    ]
}

fn specs() -> impl Strategy<Value = MlpSpec> {
    let activations = prop_oneof![Just(Activation::Tanh), Just(Activation::Relu), Just(Activation::Silu)];
    let layers = proptest::collection::vec(1usize..81, 1..5);
    (1usize..40, layers, activations, any::<(bool, bool, bool)>(), 1usize..4).prop_flat_map(
        |(observed, hidden, activation, (shared_trunk, dual, masked), value_heads)| {
            policies(hidden[hidden.len() - 1]).prop_map(move |policy| {
                let masked = masked && !policy.is_continuous();
                let head = HeadLayout { masked, ..HeadLayout::new(policy, dual, value_heads) };
                let inputs = observed + head.mask_width();
                MlpSpec { inputs, hidden: hidden.clone(), activation, shared_trunk, head }
            })
        },
    )
}

fn random(gpu: &Gpu) -> Result<(), String> {
    let sizes = (prop_oneof![Just(1usize), Just(3)], prop_oneof![Just(1usize), Just(2), 3usize..300]);
    let tiles = prop_oneof![Just(MlpTiles::Small), Just(MlpTiles::Large), Just(MlpTiles::Whole)];
    check(
        (specs(), sizes, any::<(bool, bool)>(), tiles, any::<u64>()),
        |(spec, sizes, (selected, trunk), tiles, seed)| {
            Case::new(&spec, sizes.into(), selected, trunk, seed).agrees(gpu, Some(tiles))
        },
    )
}

fn widths(gpu: &Gpu) -> Result<(), String> {
    for hidden in [&[1, 7][..], &[64, 64], &[130, 64, 7], &[256, 256], &[7, 130, 1, 256]] {
        for (activation, tiles) in [
            (Activation::Tanh, MlpTiles::Large),
            (Activation::Relu, MlpTiles::Small),
            (Activation::Silu, MlpTiles::Large),
        ] {
            let spec = spec(4, hidden, activation);
            Case::new(&spec, [2, 70], true, true, 5)
                .agrees(gpu, Some(tiles))
                .map_err(|e| format!("{hidden:?}: {e}"))?;
        }
    }
    Ok(())
}

fn long(gpu: &Gpu) -> Result<(), String> {
    Case::new(&spec(6, &[64, 64], Activation::Tanh), [1, 33_000], true, false, 6).agrees(gpu, None)
}

fn many_outputs(gpu: &Gpu) -> Result<(), String> {
    for (hidden, dims) in [(&[40][..], 23), (&[], 23), (&[20, 12], 4)] {
        let features = hidden.last().copied().unwrap_or(20);
        let policy = Policy::StateDependent { dims, features, squash: false };
        let head = HeadLayout::new(policy, true, 3);
        for shared_trunk in [false, true] {
            let spec = MlpSpec {
                inputs: 20,
                hidden: hidden.to_vec(),
                activation: Activation::Silu,
                shared_trunk,
                head: head.clone(),
            };
            Case::new(&spec, [2, 130], false, true, 7).agrees(gpu, None)?;
        }
    }
    Ok(())
}

fn no_layers(gpu: &Gpu) -> Result<(), String> {
    let plain = spec(5, &[], Activation::Tanh);
    Case::new(&plain, [3, 300], true, true, 8).agrees(gpu, None)?;
    let masked = MlpSpec { head: HeadLayout { masked: true, ..plain.head.clone() }, ..plain };
    Case::new(&masked, [3, 300], true, true, 8).agrees(gpu, None)
}

fn agents_apart(gpu: &Gpu) -> Result<(), String> {
    let case = Case::new(&spec(4, &[64, 40], Activation::Silu), [3, 700], true, true, 9);
    let all = case.run(gpu, &mut case.network(gpu))?;
    for agent in 0..3 {
        let alone = case.alone(agent);
        let own = all.each_ref().map(|all| case.part(all, agent).to_vec());
        same(&format!("agent {agent} alone"), &alone.run(gpu, &mut alone.network(gpu))?, &own)?;
    }
    Ok(())
}

fn tiles_agree(gpu: &Gpu) -> Result<(), String> {
    for activation in [Activation::Tanh, Activation::Relu, Activation::Silu] {
        for hidden in [[70, 64], [64, 30]] {
            let case = Case::new(&spec(9, &hidden, activation), [2, 300], false, true, 10);
            let [small, large, whole] = TILES.map(|tiles| case.run(gpu, &mut case.network(gpu).with_tiles(tiles)));
            let small = small?;
            same("a larger tile", &large?, &small)?;
            same("a tile of all layers", &whole?, &small)?;
        }
    }
    Ok(())
}

fn inference(gpu: &Gpu) -> Result<(), String> {
    let shapes = [&[][..], &[33], &[20, 64, 8], &[64, 7, 20, 12]];
    for (hidden, tiles) in shapes.into_iter().flat_map(|hidden| TILES.map(|tiles| (hidden, tiles))) {
        let case = Case::new(&spec(5, hidden, Activation::Silu), [2, 150], false, false, 11);
        let mut network = case.network(gpu).with_tiles(tiles);
        let want = case.run(gpu, &mut network)?;
        let [weights, observations] = [&case.weights, &case.observations].map(|x| gpu.upload(x));
        let [outputs, others] = [0; 2].map(|_| gpu.upload(&vec![f32::NAN; want[0].len()]));
        let gradients = gpu.upload(&vec![f32::NAN; want[1].len()]);
        network.forward_train(gpu, &weights, &observations, None, case.rows, &outputs);
        // In between, inference of other observations.
        network.forward(gpu, &weights, &gpu.upload(&vec![0.5; case.observations.len()]), case.rows, &others);
        network.backward(gpu, &weights, &gpu.upload(&case.d_outputs), None, &gradients);
        network.forward(gpu, &weights, &observations, case.rows, &outputs);
        same("inference", &[download(gpu, &outputs)?, download(gpu, &gradients)?], &want)?;
    }
    Ok(())
}

fn second_batch(gpu: &Gpu) -> Result<(), String> {
    let spec = spec(4, &[64, 64], Activation::Silu);
    let (long, short) = (Case::new(&spec, [1, 2000], true, true, 12), Case::new(&spec, [1, 70], false, false, 13));
    let mut used = long.network(gpu);
    long.run(gpu, &mut used)?;
    let got = short.run(gpu, &mut used)?;
    same("a used network", &got, &short.run(gpu, &mut short.network(gpu))?)
}

fn no_rows(gpu: &Gpu) -> Result<(), String> {
    let case = Case::new(&spec(4, &[8], Activation::Tanh), [2, 0], false, false, 14);
    let got = case.run(gpu, &mut case.network(gpu))?;
    same("no rows", &got, &[vec![], vec![0.0; case.weights.len()]])
}

fn nan(gpu: &Gpu) -> Result<(), String> {
    for activation in [Activation::Tanh, Activation::Relu, Activation::Silu] {
        for tiles in TILES {
            let mut case = Case::new(&spec(4, &[64, 64], activation), [1, 20], false, false, 15);
            case.observations[7 * 4 + 1] = f32::NAN;
            let [outputs, _] = case.run(gpu, &mut case.network(gpu).with_tiles(tiles))?;
            for (row, out) in outputs.chunks(5).enumerate() {
                if !out.iter().all(|o| o.is_nan() == (row == 7)) {
                    return Err(format!("{activation:?}, {tiles:?}, row {row}: {out:?}"));
                }
            }
        }
    }
    Ok(())
}

fn saturates(gpu: &Gpu) -> Result<(), String> {
    for activation in [Activation::Tanh, Activation::Silu] {
        let mut case = Case::new(&spec(4, &[16], activation), [1, 40], false, false, 16);
        case.observations.iter_mut().for_each(|x| *x *= 1e4);
        case.agrees(gpu, None)?;
    }
    Ok(())
}

fn unknown_row(gpu: &Gpu) -> Result<(), String> {
    let mut case = Case::new(&spec(4, &[16], Activation::Tanh), [1, 10], true, false, 17);
    // Nothing but the row in question reads the last observation.
    let last = case.observed() - 1;
    case.indices.iter_mut().for_each(|i| *i %= last as u32);
    let mut zeros = case.clone();
    case.indices[SKIPPED + 2] = u32::MAX;
    zeros.indices[SKIPPED + 2] = last as u32;
    zeros.observations[last * 4..].fill(0.0);
    let got = case.run(gpu, &mut case.network(gpu))?;
    same("an unknown row", &got, &zeros.run(gpu, &mut zeros.network(gpu))?)
}

fn dispatches(_: &Gpu) -> Result<(), String> {
    // A device of its own, because other tests run beside this one.
    let gpu = &Gpu::open(None).map_err(|error| error.to_string())?;
    let counts: [(&[usize], MlpTiles, u64); 3] = [
        (&[64, 64], MlpTiles::Whole, 1 + 4),
        (&[64, 64], MlpTiles::Small, 3 + 5),
        // Too wide for one dispatch.
        (&[256, 256, 64], MlpTiles::Whole, 4 + 6),
    ];
    for (hidden, tiles, want) in counts {
        let case = Case::new(&spec(4, hidden, Activation::Tanh), [2, 100], true, true, 18);
        let mut network = case.network(gpu).with_tiles(tiles);
        let before = gpu.dispatches();
        case.run(gpu, &mut network)?;
        let count = gpu.dispatches() - before;
        if count != want {
            return Err(format!("{count} dispatches for {hidden:?}, not {want}"));
        }
    }
    Ok(())
}
