// A hidden layer of every agent and network, forward or back: values = f(X W + b), or dZ = (dZ' W'^T) f'. One workgroup
// takes 64 rows and 64 columns, one invocation 4 x 4 of them. mlp_layer_large.wgsl does the same in larger tiles, with
// the same bits for result.
// Mirror: crates/kernels/src/mlp/tile.rs.
// #include "grid.wgsl"
// #include "mlp_parts.wgsl"

// Rows lie an odd number of vectors apart, so that neighbours are in different banks.
const LEFT_STRIDE: u32 = 5u;
const RIGHT_STRIDE: u32 = 17u;

var<workgroup> lefts: array<vec4<f32>, 320>;   // [64 rows, 4 vectors of depth]
var<workgroup> rights: array<vec4<f32>, 272>;  // [16 of depth, 16 vectors of columns]

@compute @workgroup_size(256)
fn mlp_layer(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let flat = flat_group(group, groups);
    if flat >= shape.agents * shape.networks * shape.row_tiles * shape.column_tiles {
        return;
    }
    let place = place_of(flat, 64u, 16u);
    let network = shape.network[place.network];
    let block = Block(shape.output_at, shape.output_stride);
    // What this invocation brings into workgroup memory. Neighbours read neighbouring weights.
    let left_row = local / 4u;
    let left_k = local % 4u;
    let right_k = select(local / 16u, local % 16u, BACK);
    let right_n = select(local % 16u, local / 16u, BACK);
    var next_left = left(place, network, place.row + left_row, left_k);
    var next_right = right(place, network, shape.width, EDGE && BACK, right_k, place.column + right_n);
    // What it computes: rows m, m + 16, ..., and one vector of columns.
    let m = local / 16u;
    let n = local % 16u;
    var c0 = vec4<f32>();
    var c1 = vec4<f32>();
    var c2 = vec4<f32>();
    var c3 = vec4<f32>();
    for (var k = 0u; k < network.depth; k += 16u) {
        lefts[left_row * LEFT_STRIDE + left_k] = next_left;
        rights[right_k * RIGHT_STRIDE + right_n] = next_right;
        workgroupBarrier();
        next_left = left(place, network, place.row + left_row, k / 4u + 4u + left_k);
        next_right = right(place, network, shape.width, EDGE && BACK, k + 16u + right_k, place.column + right_n);
        let steps = min(4u, (network.depth - k + 3u) / 4u);
        for (var s = 0u; s < steps; s++) {
            let b = 4u * s * RIGHT_STRIDE + n;
            let b0 = rights[b];
            let b1 = rights[b + RIGHT_STRIDE];
            let b2 = rights[b + 2u * RIGHT_STRIDE];
            let b3 = rights[b + 3u * RIGHT_STRIDE];
            let a = m * LEFT_STRIDE + s;
            c0 = four_steps(c0, lefts[a], b0, b1, b2, b3);
            c1 = four_steps(c1, lefts[a + 16u * LEFT_STRIDE], b0, b1, b2, b3);
            c2 = four_steps(c2, lefts[a + 32u * LEFT_STRIDE], b0, b1, b2, b3);
            c3 = four_steps(c3, lefts[a + 48u * LEFT_STRIDE], b0, b1, b2, b3);
        }
        workgroupBarrier();
    }
    let column = place.column + n;
    let biases = bias(place, network, shape.width, column);
    _ = finish(place, block, place.row + m, column, c0, biases);
    _ = finish(place, block, place.row + m + 16u, column, c1, biases);
    _ = finish(place, block, place.row + m + 32u, column, c2, biases);
    _ = finish(place, block, place.row + m + 48u, column, c3, biases);
}
