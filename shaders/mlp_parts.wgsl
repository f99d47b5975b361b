// How a product of a hidden layer ends.
// #include "mlp_input.wgsl"
// #include "mlp_activation.wgsl"

/// What the slope is made from. The forward pass writes it (SiLU's slope), the backward pass reads it (SiLU's slope, or
/// the values).
@group(0) @binding(5) var<storage, read_write> kept: array<vec4<f32>>;

/// Whether the forward pass stores values, and slopes.
override STORE: bool = true;
override KEEP: bool = false;

fn bias_number(place: Place, network: Network, width: u32, n: u32) -> f32 {
    if n >= width {
        return 0.0;
    }
    return weights[place.agent * shape.parameters + network.bias + n];
}

/// The biases of columns `4 n` to `4 n + 3`.
fn bias(place: Place, network: Network, width: u32, n: u32) -> vec4<f32> {
    if BACK {
        return vec4<f32>();
    }
    return vec4<f32>(
        bias_number(place, network, width, 4u * n),
        bias_number(place, network, width, 4u * n + 1u),
        bias_number(place, network, width, 4u * n + 2u),
        bias_number(place, network, width, 4u * n + 3u),
    );
}

/// Where a layer's block begins, and vectors in a row of it.
struct Block {
    at: u32,
    stride: u32,
}

/// Ends four columns of a row, whose vector index is `n`, and gives them. Columns beyond the last become 0, since all three
/// nonlinearities are 0 there.
fn finish(place: Place, block: Block, row: u32, n: u32, sum: vec4<f32>, biases: vec4<f32>) -> vec4<f32> {
    if row >= shape.rows || n >= block.stride {
        return vec4<f32>();
    }
    let block_row = (place.agent * shape.networks + place.network) * shape.rows + row;
    let at = block.at + block_row * block.stride + n;
    if BACK {
        let back = sum * slope(kept[at]);
        blocks[at] = back;
        return back;
    }
    let z = activate(sum + biases);
    if STORE {
        blocks[at] = z.value;
    }
    if KEEP {
        kept[at] = z.slope;
    }
    return z.value;
}
