//! Where everything of a network lies, and how its gradient is cut into tiles.

use crate::{MlpSpec, ParamSpec};
use bytemuck::{Pod, Zeroable};

use super::super::word;

/// As `Network` in `mlp_input.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable)]
pub(super) struct NetworkWords {
    pub(super) weight: u32,
    pub(super) bias: u32,
    pub(super) column: u32,
    pub(super) depth: u32,
    pub(super) output: u32,
    pub(super) outputs: u32,
    padding: [u32; 2],
}

/// As `Head` in `mlp_input.wgsl` and `mlp_factors.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable)]
pub(super) struct HeadWords {
    weight: u32,
    bias: u32,
    width: u32,
    column: u32,
}

/// As `Job` in `mlp_factors.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable)]
pub(super) struct JobWords {
    network: u32,
    m: u32,
    n: u32,
    from_observations: u32,
    from_outputs: u32,
    left_at: u32,
    left_stride: u32,
    right_at: u32,
    right_stride: u32,
    weight: u32,
    bias: u32,
    column: u32,
    log_m: u32,
    log_n: u32,
    column_tiles: u32,
    first_tile: u32,
}

/// A hidden layer of all networks.
pub(super) struct Layer {
    pub(super) inputs: usize,
    pub(super) width: usize,
    /// Vectors of four in a row of its values, and in those of the layers below it.
    pub(super) stride: usize,
    pub(super) below: usize,
    /// In the arena, of each network.
    pub(super) weight: Vec<usize>,
    pub(super) bias: Vec<usize>,
}

/// Heads of a network; their columns are neighbours in an output row.
pub(super) struct Outputs {
    pub(super) column: usize,
    pub(super) columns: usize,
}

/// Jobs of a dispatch, and how many tiles they are.
#[derive(Default)]
pub(super) struct Jobs {
    pub(super) words: Vec<JobWords>,
    pub(super) tiles: usize,
}

pub(super) struct Plan {
    pub(super) inputs: usize,
    pub(super) layers: Vec<Layer>,
    pub(super) networks: Vec<Outputs>,
    /// Three a network.
    pub(super) heads: [HeadWords; 6],
    /// Width of the last hidden layer.
    pub(super) features: usize,
    /// Of an output row: its width, and its features block.
    pub(super) width: usize,
    pub(super) features_at: usize,
    pub(super) features_width: usize,
    /// Its mask block, which is that at the end of an observation.
    pub(super) mask_at: usize,
    pub(super) mask_width: usize,
    /// Length of the arena, and of what the network itself has of it.
    pub(super) parameters: usize,
    pub(super) learned: usize,
}

/// Finds parameters by their names.
struct Names(Vec<ParamSpec>);

impl Names {
    fn offset(&self, name: &str) -> usize {
        self.0.iter().find(|p| p.name == name).map_or(0, |p| p.offset)
    }

    fn head(&self, name: &str, width: usize, column: usize) -> HeadWords {
        let [weight, bias] = ["weight", "bias"].map(|part| word(self.offset(&format!("{name}.{part}"))));
        HeadWords { weight, bias, width: word(width), column: word(column) }
    }
}

impl Plan {
    pub(super) fn new(spec: &MlpSpec) -> Self {
        let names = Names(spec.params());
        let head = &spec.head;
        let logits = head.policy.logits();
        let trunks: &[&str] = if spec.shared_trunk { &["trunk"] } else { &["actor", "critic"] };
        let mut heads = [HeadWords::default(); 6];
        heads[0] = names.head("direct", logits, 0);
        if head.dual {
            heads[1] = names.head("indirect", logits, logits);
        }
        let networks = if spec.shared_trunk {
            heads[2] = names.head("value", head.value_heads, head.values_at());
            vec![Outputs { column: 0, columns: head.features_at() }]
        } else {
            heads[3] = names.head("value", head.value_heads, 0);
            vec![
                Outputs { column: 0, columns: head.values_at() },
                Outputs { column: head.values_at(), columns: head.value_heads },
            ]
        };
        let parameters = spec.param_count();
        Self {
            inputs: spec.inputs,
            layers: layers(spec, trunks, &names),
            networks,
            heads,
            features: spec.features(),
            width: head.width(),
            features_at: head.features_at(),
            features_width: head.policy.features(),
            mask_at: head.mask_at(),
            mask_width: head.mask_width(),
            parameters,
            learned: parameters - head.policy.log_std_len(),
        }
    }

    /// Vectors in a row of all layers' values.
    pub(super) fn row_vectors(&self) -> usize {
        self.layers.iter().map(|l| l.stride).sum()
    }

    /// Vectors in a row of the widest layer's values.
    pub(super) fn widest(&self) -> usize {
        self.layers.iter().map(|l| l.stride).max().unwrap_or(0)
    }

    /// What a product of hidden layer `l` reads of each network.
    pub(super) fn layer_words(&self, l: &Layer, depth: usize) -> [NetworkWords; 2] {
        let mut words = [NetworkWords::default(); 2];
        for (i, words) in words.iter_mut().enumerate().take(self.networks.len()) {
            *words = NetworkWords {
                weight: word(l.weight[i]),
                bias: word(l.bias[i]),
                depth: word(depth),
                ..NetworkWords::default()
            };
        }
        words
    }

    /// What a product with the heads reads of each network: forward, from `depth` features, or with 0 for it back, from an
    /// output row.
    pub(super) fn head_words(&self, depth: usize) -> [NetworkWords; 2] {
        let mut words = [NetworkWords::default(); 2];
        for (words, network) in words.iter_mut().zip(&self.networks) {
            let (column, depth) = if depth == 0 { (network.column, network.columns) } else { (0, depth) };
            *words = NetworkWords {
                column: word(column),
                depth: word(depth),
                output: word(network.column),
                outputs: word(network.columns),
                ..NetworkWords::default()
            };
        }
        words
    }

    /// The weight gradients for `rows` rows of all agents and networks: those with a narrow side, and the others.
    pub(super) fn jobs(&self, block_rows: usize) -> [Jobs; 2] {
        let mut jobs = [Jobs::default(), Jobs::default()];
        for (i, network) in self.networks.iter().enumerate() {
            for (above, layer) in self.layers.iter().enumerate() {
                let job = JobWords {
                    right_at: word(block_rows * layer.below),
                    right_stride: word(layer.stride),
                    weight: word(layer.weight[i]),
                    bias: word(layer.bias[i]),
                    ..self.job(i, above, block_rows)
                };
                add(&mut jobs, job, layer.inputs, layer.width);
            }
            let job = JobWords {
                from_outputs: 1,
                column: word(network.column),
                ..self.job(i, self.layers.len(), block_rows)
            };
            add(&mut jobs, job, self.features, network.columns);
        }
        jobs
    }

    /// The left side of a job: what is below layer `above`.
    fn job(&self, network: usize, above: usize, block_rows: usize) -> JobWords {
        let below = above.checked_sub(1).map(|l| &self.layers[l]);
        JobWords {
            network: word(network),
            from_observations: u32::from(below.is_none()),
            left_at: word(below.map_or(0, |l| block_rows * l.below)),
            left_stride: word(below.map_or(0, |l| l.stride)),
            ..JobWords::default()
        }
    }
}

fn layers(spec: &MlpSpec, trunks: &[&str], names: &Names) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::with_capacity(spec.hidden.len());
    for (i, &width) in spec.hidden.iter().enumerate() {
        let of = |part: &str| trunks.iter().map(|trunk| names.offset(&format!("{trunk}.{i}.{part}"))).collect();
        let last = layers.last();
        layers.push(Layer {
            inputs: last.map_or(spec.observed(), |l| l.width),
            width,
            stride: width.div_ceil(4),
            below: last.map_or(0, |l| l.below + l.stride),
            weight: of("weight"),
            bias: of("bias"),
        });
    }
    layers
}

/// A side of a tile, as the logarithm of its vectors, for a side of the product.
fn log_side(width: usize) -> u32 {
    match width {
        0..=4 => 0,
        5..=16 => 2,
        _ => 4,
    }
}

/// Appends a job `[m, n]` to those with a narrow side or to the others.
fn add([narrow, wide]: &mut [Jobs; 2], job: JobWords, m: usize, n: usize) {
    let (mut log_m, mut log_n) = (log_side(m), log_side(n));
    if log_m + log_n < 4 {
        // More groups of invocations than this would have to be added up in the end.
        (log_m, log_n) = (2, 2);
    }
    let jobs = if log_m + log_n == 8 { wide } else { narrow };
    let [row_tiles, column_tiles] = [(m, log_m), (n, log_n)].map(|(width, log)| width.div_ceil(4 << log));
    jobs.words.push(JobWords {
        m: word(m),
        n: word(n),
        log_m,
        log_n,
        column_tiles: word(column_tiles),
        first_tile: word(jobs.tiles),
        ..job
    });
    jobs.tiles += row_tiles * column_tiles;
}
