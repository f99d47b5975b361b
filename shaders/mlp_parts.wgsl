// What the two sizes of tiles of a hidden layer share: the weights on the right of its product, and how it ends.
// #include "mlp_input.wgsl"
// #include "mlp_activation.wgsl"

/// What the slope is made from. The forward pass writes it (SiLU's slope), the backward pass reads it (SiLU's slope, or
/// the values).
@group(0) @binding(5) var<storage, read_write> kept: array<vec4<f32>>;

/// Whether the forward pass keeps slopes.
override KEEP: bool = false;

/// Row `k`, column `n` of the right factor: of the weight `[depth, width]`, or in the backward pass of the transpose of
/// what lies above, a weight `[width, depth]` or that of all heads.
fn right_number(place: Place, k: u32, n: u32) -> f32 {
    let network = shape.network[place.network];
    if k >= network.depth || n >= shape.width {
        return 0.0;
    }
    let arena = place.agent * shape.parameters;
    if !BACK {
        return weights[arena + network.weight + k * shape.width + n];
    }
    if !EDGE {
        return weights[arena + network.weight + n * network.depth + k];
    }
    let head = head_of(place.network, k);
    return weights[arena + head.weight + n * head.width + k - head.column];
}

/// Columns `4 n` to `4 n + 3` of row `k`.
fn right(place: Place, k: u32, n: u32) -> vec4<f32> {
    return vec4<f32>(
        right_number(place, k, 4u * n),
        right_number(place, k, 4u * n + 1u),
        right_number(place, k, 4u * n + 2u),
        right_number(place, k, 4u * n + 3u),
    );
}

fn bias_number(place: Place, n: u32) -> f32 {
    if n >= shape.width {
        return 0.0;
    }
    return weights[place.agent * shape.parameters + shape.network[place.network].bias + n];
}

/// The biases of columns `4 n` to `4 n + 3`.
fn bias(place: Place, n: u32) -> vec4<f32> {
    if BACK {
        return vec4<f32>();
    }
    return vec4<f32>(
        bias_number(place, 4u * n),
        bias_number(place, 4u * n + 1u),
        bias_number(place, 4u * n + 2u),
        bias_number(place, 4u * n + 3u),
    );
}

/// Ends four columns of a row, whose vector index is `n`. Columns beyond the last become 0, since all three nonlinearities
/// are 0 there.
fn finish(place: Place, row: u32, n: u32, sum: vec4<f32>, biases: vec4<f32>) {
    if row >= shape.rows || n >= shape.output_stride {
        return;
    }
    let block_row = (place.agent * shape.networks + place.network) * shape.rows + row;
    let at = shape.output_at + block_row * shape.output_stride + n;
    if BACK {
        blocks[at] = sum * slope(kept[at]);
        return;
    }
    let z = activate(sum + biases);
    blocks[at] = z.value;
    if KEEP {
        kept[at] = z.slope;
    }
}
