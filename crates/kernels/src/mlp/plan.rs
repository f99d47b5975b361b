//! Where everything lies: parameters, packed weights, activations, gradients.

use super::{Activation, MlpSpec, SimdLevel, buffer::GAP};
use core::ops::Range;

/// A hidden layer.
pub(super) struct Layer {
    pub(super) inputs: usize,
    pub(super) width: usize,
    /// The width in whole vectors, and the distance between rows of activations.
    pub(super) cols: usize,
    pub(super) ld: usize,
    /// In the arena.
    pub(super) weight: usize,
    pub(super) bias: usize,
    /// In the packed parameters: `[inputs, cols]`, `[cols]`, and (not the first layer) the transpose `[width, cols of
    /// the layer below]`.
    pub(super) packed: usize,
    pub(super) packed_bias: usize,
    pub(super) packed_transpose: usize,
    /// In a tile's activations: `[tile, ld]` each.
    pub(super) values: usize,
    pub(super) slopes: usize,
    /// In the network's gradient: `[inputs, cols]`, `[cols]`.
    pub(super) weight_gradient: usize,
    pub(super) bias_gradient: usize,
}

/// One weight and bias behind the last hidden layer: a pathway, or the value heads.
pub(super) struct Head {
    /// In the arena.
    pub(super) weight: usize,
    pub(super) bias: usize,
    pub(super) width: usize,
    /// First column among the network's own.
    pub(super) column: usize,
}

/// Hidden layers and the heads upon them; their columns are neighbours in an output row.
pub(super) struct Network {
    pub(super) layers: Vec<Layer>,
    pub(super) heads: Vec<Head>,
    /// First column in an output row, and how many.
    pub(super) column: usize,
    pub(super) columns: usize,
    /// The same in whole vectors.
    pub(super) columns_padded: usize,
    pub(super) features: usize,
    /// The same in whole vectors, and the distance between rows.
    pub(super) features_cols: usize,
    pub(super) features_ld: usize,
    /// In a tile's activations: the features, `[tile, features_ld]` (a copy of the observations if there are no hidden
    /// layers).
    pub(super) feature_values: usize,
    /// Whether the forward pass takes the heads as [`Dots`](super::product::Dots), from rows of weights, not as a
    /// product that is mostly padding.
    pub(super) narrow: bool,
    /// In the packed parameters: all heads together, `[features, columns_padded]` in panels (`[columns, features_cols]`
    /// in rows if `narrow`), `[columns_padded]`, and `[columns, features_cols]`.
    pub(super) packed: usize,
    pub(super) packed_bias: usize,
    pub(super) packed_transpose: usize,
    /// Its gradient in a segment's, and within that: `[columns, features_cols]` (transposed), `[columns]`.
    pub(super) gradient: Range<usize>,
    pub(super) weight_gradient: usize,
    pub(super) bias_gradient: usize,
}

/// A part of the parameters whose gradient is summed up at once, which takes a step and is packed at once.
pub(super) struct Piece {
    /// Among the plan's networks.
    pub(super) network: usize,
    pub(super) kind: PieceKind,
    /// In a segment's gradient, `[rows, cols]`.
    pub(super) from: usize,
    pub(super) rows: usize,
    pub(super) cols: usize,
    /// In the arena: `[rows, width]`, or `[width, rows]` if transposed.
    pub(super) to: usize,
    pub(super) width: usize,
    pub(super) transposed: bool,
}

/// What a [`Piece`] is of its network; numbers are those of layer and head.
#[derive(Clone, Copy)]
pub(super) enum PieceKind {
    /// Rows of a layer's weight from `first` on.
    Weight {
        layer: usize,
        first: usize,
    },
    Bias {
        layer: usize,
    },
    HeadWeight {
        head: usize,
    },
    HeadBias {
        head: usize,
    },
}

/// Numbers of a [`Piece`], about.
const PIECE: usize = 2048;

/// The whole.
pub(super) struct Plan {
    pub(super) level: SimdLevel,
    pub(super) activation: Activation,
    /// Rows that go through the network together.
    pub(super) tile: usize,
    pub(super) inputs: usize,
    pub(super) networks: Vec<Network>,
    pub(super) pieces: Vec<Piece>,
    /// Width of an output row, and its features and mask blocks: column and width.
    pub(super) width: usize,
    pub(super) features_column: usize,
    pub(super) features_width: usize,
    pub(super) mask_column: usize,
    pub(super) mask_width: usize,
    /// Length of the arena, and of `log_std` at its end.
    pub(super) params: usize,
    pub(super) log_std_len: usize,
    /// Lengths of the packed parameters, of a tile's activations and of a segment's gradient.
    pub(super) packed_len: usize,
    pub(super) tile_len: usize,
    pub(super) gradient_len: usize,
    /// The widest padded layer, and padded head.
    pub(super) widest: usize,
    pub(super) widest_head: usize,
}

/// Hands out places of a buffer, each starting on a cache line.
#[derive(Default)]
struct Places(usize);

impl Places {
    fn take(&mut self, len: usize) -> usize {
        let at = self.0;
        self.0 += len.next_multiple_of(16);
        at
    }
}

#[derive(Default)]
struct Builder {
    lanes: usize,
    tile_rows: usize,
    arena: usize,
    packed: Places,
    tile: Places,
    /// Of the network under way, and where it begins.
    gradient: Places,
    gradient_start: usize,
}

impl Builder {
    fn arena(&mut self, len: usize) -> usize {
        self.arena += len;
        self.arena - len
    }

    /// Keeps what follows away from what another thread may write meanwhile.
    fn gap(&mut self) {
        self.packed.take(GAP);
        self.gradient_start += GAP;
    }

    /// `width` in whole vectors, and the distance of rows: more by a line where rows would fall into few sets of the
    /// first cache.
    fn pad(&self, width: usize) -> (usize, usize) {
        let cols = width.next_multiple_of(self.lanes);
        (cols, if cols.is_multiple_of(128) { cols + 16 } else { cols })
    }

    fn layers(&mut self, spec: &MlpSpec) -> Vec<Layer> {
        let mut layers: Vec<Layer> = Vec::with_capacity(spec.hidden.len());
        for &width in &spec.hidden {
            let below = layers.last().map(|l| (l.width, l.cols));
            let inputs = below.map_or(spec.observed(), |b| b.0);
            let (cols, ld) = self.pad(width);
            layers.push(Layer {
                inputs,
                width,
                cols,
                ld,
                weight: self.arena(inputs * width),
                bias: self.arena(width),
                packed: self.packed.take(inputs * cols),
                packed_bias: self.packed.take(cols),
                packed_transpose: below.map_or(0, |b| self.packed.take(width * b.1)),
                values: self.tile.take(self.tile_rows * ld),
                slopes: if spec.activation == Activation::Silu { self.tile.take(self.tile_rows * ld) } else { 0 },
                weight_gradient: self.gradient.take(inputs * cols),
                bias_gradient: self.gradient.take(cols),
            });
        }
        layers
    }

    fn network(&mut self, spec: &MlpSpec, layers: Vec<Layer>, heads: Vec<Head>, column: usize) -> Network {
        let columns: usize = heads.iter().map(|h| h.width).sum();
        let columns_padded = columns.next_multiple_of(self.lanes);
        let features = spec.features();
        let (features_cols, features_ld) = self.pad(features);
        let (weight_gradient, bias_gradient) =
            (self.gradient.take(columns * features_cols), self.gradient.take(columns));
        let start = self.gradient_start;
        self.gradient_start += std::mem::take(&mut self.gradient).0;
        Network {
            narrow: columns <= self.lanes / 2 && features >= 32,
            column,
            columns,
            columns_padded,
            features,
            features_cols,
            features_ld,
            feature_values: layers.last().map_or_else(|| self.tile.take(self.tile_rows * features_ld), |l| l.values),
            packed: self.packed.take((features * columns_padded).max(columns * features_cols)),
            packed_bias: self.packed.take(columns_padded),
            packed_transpose: self.packed.take(columns * features_cols),
            gradient: start..self.gradient_start,
            weight_gradient,
            bias_gradient,
            layers,
            heads,
        }
    }

    fn head(&mut self, features: usize, width: usize, column: usize) -> Head {
        Head { weight: self.arena(features * width), bias: self.arena(width), width, column }
    }
}

impl Plan {
    pub(super) fn new(spec: &MlpSpec, level: SimdLevel) -> Self {
        let widest = spec.hidden.iter().copied().max().unwrap_or(0);
        let tile = if widest > 128 { 128 } else { 64 };
        let mut b = Builder { lanes: level.lanes(), tile_rows: tile, ..Builder::default() };
        let (head, features) = (&spec.head, spec.features());
        let logits = head.policy.logits();
        let actor_layers = b.layers(spec);
        let mut actor_heads = vec![b.head(features, logits, 0)];
        if head.dual {
            actor_heads.push(b.head(features, logits, logits));
        }
        let networks = if spec.shared_trunk {
            actor_heads.push(b.head(features, head.value_heads, head.values_at()));
            vec![b.network(spec, actor_layers, actor_heads, 0)]
        } else {
            let actor = b.network(spec, actor_layers, actor_heads, 0);
            b.gap();
            let critic_layers = b.layers(spec);
            let critic_heads = vec![b.head(features, head.value_heads, 0)];
            vec![actor, b.network(spec, critic_layers, critic_heads, head.values_at())]
        };
        b.arena(head.policy.log_std_len());
        Self {
            level,
            activation: spec.activation,
            tile,
            inputs: spec.inputs,
            width: head.width(),
            features_column: head.features_at(),
            features_width: head.policy.features(),
            mask_column: head.mask_at(),
            mask_width: head.mask_width(),
            params: b.arena,
            log_std_len: head.policy.log_std_len(),
            packed_len: b.packed.0,
            tile_len: b.tile.0,
            gradient_len: b.gradient_start + GAP,
            widest: networks.iter().flat_map(|n| &n.layers).map(|l| l.ld).max().unwrap_or(0),
            widest_head: networks.iter().map(|n| n.columns_padded).max().unwrap_or(0),
            pieces: networks.iter().enumerate().flat_map(pieces).collect(),
            networks,
        }
    }
}

impl Plan {
    /// Places of the arena that are taken up one by one: the pieces', and that of `log_std`.
    pub(super) fn places(&self) -> usize {
        self.pieces.len() + 1
    }

    /// One of them.
    pub(super) fn place(&self, number: usize) -> Range<usize> {
        self.pieces.get(number).map_or(self.params - self.log_std_len..self.params, Piece::place)
    }
}

/// All of a network's gradient but what is padding.
fn pieces((number, network): (usize, &Network)) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut add = |kind, from: usize, (rows, cols), (to, width), transposed| {
        let from = network.gradient.start + from;
        pieces.push(Piece { network: number, kind, from, rows, cols, to, width, transposed });
    };
    for (layer, l) in network.layers.iter().enumerate() {
        let step = (PIECE / l.cols).max(1);
        for first in (0..l.inputs).step_by(step) {
            let (from, rows) = (l.weight_gradient + first * l.cols, step.min(l.inputs - first));
            let to = (l.weight + first * l.width, l.width);
            add(PieceKind::Weight { layer, first }, from, (rows, l.cols), to, false);
        }
        add(PieceKind::Bias { layer }, l.bias_gradient, (1, l.cols), (l.bias, l.width), false);
    }
    for (head, h) in network.heads.iter().enumerate() {
        let from = network.weight_gradient + h.column * network.features_cols;
        let shape = (h.width, network.features_cols);
        add(PieceKind::HeadWeight { head }, from, shape, (h.weight, network.features), true);
        add(PieceKind::HeadBias { head }, network.bias_gradient + h.column, (1, h.width), (h.bias, h.width), false);
    }
    pieces
}

impl Piece {
    /// Where it lies in a segment's gradient.
    pub(super) fn numbers(&self) -> Range<usize> {
        self.from..self.from + self.rows * self.cols
    }

    /// Where it lies in the arena.
    pub(super) fn place(&self) -> Range<usize> {
        self.to..self.to + self.rows * self.width
    }
}
