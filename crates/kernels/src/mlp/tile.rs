//! One tile of samples through the networks, forward and back.

use super::activation::{Relu, Silu, Slope, Tanh, activate};
use super::plan::{Layer, Network, Plan};
use super::product::{Accumulate, Bias, Dots, Product};
use super::{Activation, buffer::Buffer, pack::copy, sparse::Sparse};
use core::ptr::null_mut;

/// Gradients smaller than this are taken for 0: denormal numbers stall whole loops on many processors.
const SMALLEST: f32 = 1e-30;

/// A worker's own memory.
pub(super) struct Scratch {
    /// A tile's activations, where they are not kept.
    pub(super) values: Buffer,
    /// Outputs of a network, in whole vectors.
    pub(super) heads: Buffer,
    pub(super) sparse: Sparse,
    pub(super) back: Back,
    /// A tile's observations and outputs in a training pass.
    pub(super) observations: Buffer,
    pub(super) outputs: Buffer,
}

/// A worker's own memory for the backward pass.
pub(super) struct Back {
    above: Buffer,
    below: Buffer,
    d_outputs: Buffer,
    d_trunk: Buffer,
    /// Numbers of a tile in `d_outputs`, and whether `d_trunk` holds another gradient.
    len: usize,
    asymmetric: bool,
}

impl Back {
    /// Lets `write` fill in the gradient with respect to `len` outputs, and with `asymmetric` that for the layers below the heads.
    pub(super) fn seed(&mut self, asymmetric: bool, len: usize, write: impl FnOnce(&mut [f32], Option<&mut [f32]>)) {
        (self.len, self.asymmetric) = (len, asymmetric);
        let d_outputs = &mut self.d_outputs.as_mut_slice()[..len];
        let d_trunk = &mut self.d_trunk.as_mut_slice()[..len];
        write(d_outputs, asymmetric.then_some(&mut *d_trunk));
        flush_denormals(d_outputs);
        if asymmetric {
            flush_denormals(d_trunk);
        }
    }
}

impl Scratch {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            values: Buffer::new(plan.tile_len),
            heads: Buffer::new(plan.tile * plan.widest_head),
            sparse: Sparse::new(plan),
            back: Back {
                above: Buffer::new(plan.tile * plan.widest),
                below: Buffer::new(plan.tile * plan.widest),
                d_outputs: Buffer::new(plan.tile * plan.width),
                d_trunk: Buffer::new(plan.tile * plan.width),
                len: 0,
                asymmetric: false,
            },
            observations: Buffer::new(plan.tile * plan.inputs),
            outputs: Buffer::new(plan.tile * plan.width),
        }
    }
}

/// Maps at most a tile of observations `[rows, inputs]` to outputs `[rows, width]`; `values` holds the activations
/// afterwards. `sparse` is what was [found](Sparse::find) in the observations.
pub(super) fn forward(
    plan: &Plan,
    packed: &[f32],
    (observations, sparse): (&[f32], Option<&Sparse>),
    outputs: &mut [f32],
    values: &mut [f32],
    heads: &mut Buffer,
) {
    for number in 0..plan.networks.len() {
        forward_network(plan, number, packed, (observations, sparse), outputs, (&mut *values, &mut *heads));
    }
}

/// As [`forward`], the columns of one network; those behind the values are the first one's.
pub(super) fn forward_network(
    plan: &Plan,
    number: usize,
    packed: &[f32],
    (observations, sparse): (&[f32], Option<&Sparse>),
    outputs: &mut [f32],
    (values, heads): (&mut [f32], &mut Buffer),
) {
    let (network, rows) = (&plan.networks[number], outputs.len() / plan.width);
    assert!(rows <= plan.tile && observations.len() == rows * plan.inputs && outputs.len() == rows * plan.width);
    assert!(packed.len() == plan.packed_len && values.len() == plan.tile_len);
    if network.layers.is_empty() {
        let to = values[network.feature_values..].chunks_exact_mut(network.features_ld);
        for (to, from) in to.zip(observations.chunks_exact(plan.inputs)) {
            to[..network.features].copy_from_slice(&from[..network.features]);
        }
    }
    let base = values.as_mut_ptr();
    let mut below = (observations.as_ptr(), plan.inputs);
    for (i, layer) in network.layers.iter().enumerate() {
        let sparse = sparse.filter(|_| i == 0);
        // SAFETY: `base` holds `tile_len` numbers, and `below` the rows of the layer below.
        below = unsafe { layer_forward(plan, layer, packed, (rows, sparse), below, base) };
    }
    heads_forward(plan, network, packed, values, heads, outputs);
    if number > 0 {
        return;
    }
    if plan.features_width > 0 {
        let from = values[network.feature_values..].chunks_exact(network.features_ld);
        for (to, from) in outputs.chunks_exact_mut(plan.width).zip(from) {
            to[plan.features_column..].copy_from_slice(&from[..plan.features_width]);
        }
    }
    if plan.mask_width > 0 {
        for (to, from) in outputs.chunks_exact_mut(plan.width).zip(observations.chunks_exact(plan.inputs)) {
            to[plan.mask_column..].copy_from_slice(&from[plan.inputs - plan.mask_width..]);
        }
    }
}

/// A hidden layer; gives its values and the distance of their rows.
///
/// # Safety
/// `a` must hold `rows` rows of the layer's inputs, `lda` apart, and `base` a tile's activations.
unsafe fn layer_forward(
    plan: &Plan,
    layer: &Layer,
    packed: &[f32],
    (rows, sparse): (usize, Option<&Sparse>),
    (a, lda): (*const f32, usize),
    base: *mut f32,
) -> (*const f32, usize) {
    let b = &packed[layer.packed..][..layer.inputs * layer.cols];
    let bias = &packed[layer.packed_bias..][..layer.cols];
    // SAFETY: `Plan` laid the places out for `tile >= rows` rows of whole vectors; `level` was checked when the plan
    // was made.
    unsafe {
        let c = base.add(layer.values);
        if let Some(sparse) = sparse {
            sparse.forward(plan, layer, packed, c);
        } else {
            plan.level.run(Product::<false, _> {
                m: rows,
                n: layer.cols,
                k: layer.inputs,
                a,
                lda,
                b: b.as_ptr(),
                ldb: 0,
                c,
                ldc: layer.ld,
                finish: Bias(bias.as_ptr()),
                sums: null_mut(),
            });
        }
        activate(plan.level, plan.activation, c, base.add(layer.slopes), rows * layer.ld);
        (c, layer.ld)
    }
}

/// All heads of a network into their columns of `outputs`; `heads` is memory for `[rows, columns_padded]`.
fn heads_forward(
    plan: &Plan,
    network: &Network,
    packed: &[f32],
    values: &[f32],
    heads: &mut Buffer,
    outputs: &mut [f32],
) {
    let rows = outputs.len() / plan.width;
    let a = &values[network.feature_values..][..plan.tile * network.features_ld];
    let bias = packed[network.packed_bias..][..network.columns_padded].as_ptr();
    let (a, lda) = (a.as_ptr(), network.features_ld);
    if network.narrow {
        let (n, k) = (network.columns, network.features_cols);
        let w = packed[network.packed..][..n * k].as_ptr();
        let c = outputs[network.column..][..(rows - 1) * plan.width + n].as_mut_ptr();
        // SAFETY: every place was checked by slicing, and `level` when the plan was made.
        unsafe { plan.level.run(Dots { m: rows, n, k, a, lda, w, bias, c, ldc: plan.width }) };
        return;
    }
    let (n, k) = (network.columns_padded, network.features);
    let b = packed[network.packed..][..n * k].as_ptr();
    let c = heads.as_mut_slice()[..rows * n].as_mut_ptr();
    // SAFETY: as above.
    unsafe {
        plan.level.run(Product::<false, _> {
            m: rows,
            n,
            k,
            a,
            lda,
            b,
            ldb: 0,
            c,
            ldc: n,
            finish: Bias(bias),
            sums: null_mut(),
        })
    };
    for (to, from) in outputs.chunks_exact_mut(plan.width).zip(heads.as_slice().chunks_exact(n)) {
        copy(&mut to[network.column..][..network.columns], &from[..network.columns]);
    }
}

/// Adds a tile's gradient to a network's `gradient`, or begins it if that is `fresh`, from the activations that [`forward_network`] left
/// and the gradient that [`Back::seed`] took up.
pub(super) fn backward(
    plan: &Plan,
    network: &Network,
    packed: &[f32],
    (observations, sparse): (&[f32], Option<&Sparse>),
    values: &[f32],
    (gradient, fresh): (&mut [f32], bool),
    scratch: &mut Back,
) {
    let rows = scratch.len / plan.width;
    assert!(rows <= plan.tile && observations.len() == rows * plan.inputs && scratch.len == rows * plan.width);
    assert!(
        packed.len() == plan.packed_len && values.len() == plan.tile_len && gradient.len() == network.gradient.len()
    );
    let d_heads = &scratch.d_outputs.as_slice()[..scratch.len];
    let d_trunk = if scratch.asymmetric { &scratch.d_trunk.as_slice()[..scratch.len] } else { d_heads };
    heads_gradient(plan, network, rows, values, d_heads, (gradient, fresh));
    let (mut above, mut below) = (scratch.above.as_mut_slice(), scratch.below.as_mut_slice());
    for (i, layer) in network.layers.iter().enumerate().rev() {
        // dz of this layer, from the heads or from dz of the layer above.
        match network.layers.get(i + 1) {
            None => {
                let d = (&d_trunk[network.column..], plan.width);
                let b = &packed[network.packed_transpose..];
                layer_back(plan, layer, rows, (network.columns, d, b), values, below);
            }
            Some(l) => {
                let b = &packed[l.packed_transpose..];
                layer_back(plan, layer, rows, (l.width, (&*above, l.ld), b), values, below);
            }
        }
        let (inputs, sparse) = match i.checked_sub(1).map(|i| &network.layers[i]) {
            None => ((observations, plan.inputs), sparse),
            Some(l) => ((&values[l.values..], l.ld), None),
        };
        layer_gradient(plan, layer, (rows, sparse), inputs, below, (gradient, fresh));
        core::mem::swap(&mut above, &mut below);
    }
}

fn flush_denormals(numbers: &mut [f32]) {
    for x in numbers {
        *x = if x.abs() < SMALLEST { 0.0 } else { *x };
    }
}

/// Gradient of the heads' weights, transposed, and biases.
fn heads_gradient(
    plan: &Plan,
    network: &Network,
    rows: usize,
    values: &[f32],
    d: &[f32],
    (gradient, fresh): (&mut [f32], bool),
) {
    let features = &values[network.feature_values..][..plan.tile * network.features_ld];
    let c = &mut gradient[network.weight_gradient..][..network.columns * network.features_cols];
    assert!(d.len() == rows * plan.width);
    // SAFETY: every place was checked by the slicing above, and `level` when the plan was made.
    unsafe {
        plan.level.run(Product::<true, _> {
            m: network.columns,
            n: network.features_cols,
            k: rows,
            a: d[network.column..].as_ptr(),
            lda: plan.width,
            b: features.as_ptr(),
            ldb: network.features_ld,
            c: c.as_mut_ptr(),
            ldc: network.features_cols,
            finish: Accumulate { fresh },
            sums: null_mut(),
        });
    }
    let bias = &mut gradient[network.bias_gradient..][..network.columns];
    for (column, bias) in (network.column..).zip(bias) {
        let sum = strided_sum(d, column, plan.width);
        *bias = if fresh { sum } else { *bias + sum };
    }
}

/// The sum of a column of rows `width` wide.
fn strided_sum(rows: &[f32], column: usize, width: usize) -> f32 {
    let mut sums = [0.0_f32; 4];
    for rows in rows.chunks(4 * width) {
        sums.iter_mut().zip(rows.chunks_exact(width)).for_each(|(sum, row)| *sum += row[column]);
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

/// `dz` of a layer: what stands above it, `(k, (d [rows, k], distance of rows), transposed weights)`, times its slope.
fn layer_back(
    plan: &Plan,
    layer: &Layer,
    rows: usize,
    (k, (d, ld), weights): (usize, (&[f32], usize), &[f32]),
    values: &[f32],
    to: &mut [f32],
) {
    let kept_at = if plan.activation == Activation::Silu { layer.slopes } else { layer.values };
    let kept = values[kept_at..][..plan.tile * layer.ld].as_ptr();
    let (d, weights) = (&d[..(rows - 1) * ld + k], &weights[..k * layer.cols]);
    let to = &mut to[..rows * layer.ld];
    macro_rules! product {
        ($activation:expr) => {
            plan.level.run(Product::<false, _> {
                m: rows,
                n: layer.cols,
                k,
                a: d.as_ptr(),
                lda: ld,
                b: weights.as_ptr(),
                ldb: 0,
                c: to.as_mut_ptr(),
                ldc: layer.ld,
                finish: Slope(kept, $activation),
                sums: null_mut(),
            })
        };
    }
    // SAFETY: every place was checked by the slicing above, and `level` when the plan was made.
    unsafe {
        match plan.activation {
            Activation::Tanh => product!(Tanh),
            Activation::Relu => product!(Relu),
            Activation::Silu => product!(Silu),
        }
    }
}

/// Gradient of a hidden layer's weight and bias.
fn layer_gradient(
    plan: &Plan,
    layer: &Layer,
    (rows, sparse): (usize, Option<&Sparse>),
    (inputs, lda): (&[f32], usize),
    d: &[f32],
    (gradient, fresh): (&mut [f32], bool),
) {
    let (inputs, d) = (&inputs[..(rows - 1) * lda + layer.inputs], &d[..rows * layer.ld]);
    let (before, bias) = gradient.split_at_mut(layer.bias_gradient);
    let weight = &mut before[layer.weight_gradient..][..layer.inputs * layer.cols];
    // The weight's gradient is the sparse one's own work.
    let m = if sparse.is_some() { 0 } else { layer.inputs };
    // SAFETY: every place was checked by the slicing, and `level` when the plan was made.
    unsafe {
        plan.level.run(Product::<true, _> {
            m,
            n: layer.cols,
            k: rows,
            a: inputs.as_ptr(),
            lda,
            b: d.as_ptr(),
            ldb: layer.ld,
            c: weight.as_mut_ptr(),
            ldc: layer.cols,
            finish: Accumulate { fresh },
            sums: bias[..layer.cols].as_mut_ptr(),
        });
    }
    if let Some(sparse) = sparse {
        if fresh {
            weight.fill(0.0);
        }
        sparse.gradient(plan, layer, d, weight);
    }
}
