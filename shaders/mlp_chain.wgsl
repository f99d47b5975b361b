// All layers of small networks in one dispatch, forward or back: 32 rows a workgroup, whose values stay in workgroup memory
// on their way from layer to layer, and 2 x 4 numbers an invocation. The same bits as of mlp_layer.wgsl and mlp_heads.wgsl.
// Mirror: crates/kernels/src/mlp/tile.rs.
// #include "grid.wgsl"
// #include "mlp_parts.wgsl"
// #include "mlp_outputs.inc"

/// A product of the chain.
struct Step {
    network: array<Network, 2>,
    /// Columns of the product, where it is a hidden layer's.
    width: u32,
    /// The first vector of the block `[A, networks, R, stride]` that is written, and vectors in a row.
    output_at: u32,
    output_stride: u32,
    /// Whether the weights are the heads'.
    heads: u32,
}

@group(0) @binding(6) var<storage, read_write> outputs: array<f32>;  // [A, R, W]
@group(0) @binding(7) var<storage, read> steps: array<Step>;

override STEPS: u32 = 1u;

// Rows lie an odd number of vectors apart, so that neighbours are in different banks.
const LEFT_STRIDE: u32 = 5u;
const WIDE_STRIDE: u32 = 17u;
/// Where rows of the last layer begin, behind those from outside.
const WIDE: u32 = 160u;

var<workgroup> lefts: array<vec4<f32>, 704>;   // [32 rows, 4 vectors of depth], [32 rows, 16 vectors of depth]
var<workgroup> rights: array<vec4<f32>, 272>;  // [16 of depth, 16 vectors of columns]

/// The actor's last hidden layer, as far as it scales the noise.
fn features(place: Place, local: u32) {
    if place.network == 0u && shape.features > 0u {
        for (var i = local; i < 512u; i += 256u) {
            write_features(place, place.row + i / 16u, 4u * (i % 16u), lefts[WIDE + i / 16u * WIDE_STRIDE + i % 16u]);
        }
    }
}

@compute @workgroup_size(256)
fn mlp_chain(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let flat = flat_group(group, groups);
    if flat >= shape.agents * shape.networks * shape.row_tiles {
        return;
    }
    let place = place_of(flat, 32u, 16u);
    // What this invocation brings into workgroup memory: a vector of weights, and in the first step perhaps one of a row.
    // Neighbours read neighbouring weights.
    let left_row = local / 4u;
    let left_k = local % 4u;
    let right_k = select(local / 16u, local % 16u, BACK);
    let right_n = select(local % 16u, local / 16u, BACK);
    for (var step = 0u; step < STEPS; step++) {
        let network = steps[step].network[place.network];
        let heads = steps[step].heads != 0u;
        let last = heads && !BACK;
        let width = select(steps[step].width, network.outputs, last);
        // What it computes: rows m and m + 16, and one vector of columns. Heads are narrow: there the same vector is taken by
        // neighbours, so that whole groups of them have nothing to do.
        let m = select(local / 16u, local % 16u, last);
        let n = select(local % 16u, local / 16u, last);
        let idle = 4u * n >= width;
        var next_right = right(place, network, width, heads, right_k, right_n);
        var c0 = vec4<f32>();
        var c1 = vec4<f32>();
        for (var k = 0u; k < network.depth; k += 16u) {
            if step == 0u && left_row < 32u {
                lefts[left_row * LEFT_STRIDE + left_k] = left(place, network, place.row + left_row, k / 4u + left_k);
            }
            rights[right_k * WIDE_STRIDE + right_n] = next_right;
            workgroupBarrier();
            next_right = right(place, network, width, heads, k + 16u + right_k, right_n);
            let vectors = select(min(4u, (network.depth - k + 3u) / 4u), 0u, idle);
            let a = select(WIDE + m * WIDE_STRIDE + k / 4u, m * LEFT_STRIDE, step == 0u);
            let below = 16u * select(WIDE_STRIDE, LEFT_STRIDE, step == 0u);
            for (var s = 0u; s < vectors; s++) {
                let b = 4u * s * WIDE_STRIDE + n;
                let b0 = rights[b];
                let b1 = rights[b + WIDE_STRIDE];
                let b2 = rights[b + 2u * WIDE_STRIDE];
                let b3 = rights[b + 3u * WIDE_STRIDE];
                c0 = four_steps(c0, lefts[a + s], b0, b1, b2, b3);
                c1 = four_steps(c1, lefts[a + below + s], b0, b1, b2, b3);
            }
            workgroupBarrier();
        }
        if last {
            write_outputs(place, place.row + m, 4u * n, c0);
            write_outputs(place, place.row + m + 16u, 4u * n, c1);
            features(place, local);
        } else {
            // Nobody reads the last layer's values any more, and the next barrier comes before the next reads.
            let block = Block(steps[step].output_at, steps[step].output_stride);
            let biases = bias(place, network, width, n);
            let to = WIDE + m * WIDE_STRIDE + n;
            lefts[to] = finish(place, block, place.row + m, n, c0, biases);
            lefts[to + 16u * WIDE_STRIDE] = finish(place, block, place.row + m + 16u, n, c1, biases);
        }
    }
}
