// As mlp_layer.wgsl, with 256 rows and 64 columns a workgroup and 8 x 8 of them an invocation: twice the arithmetic for a
// number read from workgroup memory, where there are rows enough to fill the device.
// Mirror: crates/kernels/src/mlp/tile.rs.
// #include "grid.wgsl"
// #include "mlp_parts.wgsl"

// Rows lie an odd number of vectors apart, so that neighbours are in different banks.
const LEFT_STRIDE: u32 = 3u;
const RIGHT_STRIDE: u32 = 17u;

var<workgroup> lefts: array<vec4<f32>, 768>;   // [256 rows, 2 vectors of depth]
var<workgroup> rights: array<vec4<f32>, 136>;  // [8 of depth, 16 vectors of columns]

@compute @workgroup_size(256)
fn mlp_layer_large(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let flat = flat_group(group, groups);
    if flat >= shape.agents * shape.networks * shape.row_tiles * shape.column_tiles {
        return;
    }
    let place = place_of(flat, 256u, 16u);
    let network = shape.network[place.network];
    let block = Block(shape.output_at, shape.output_stride);
    // What this invocation brings into workgroup memory: two rows' vectors, and the first half a vector of weights.
    let left_row = local / 2u;
    let left_k = local % 2u;
    let brings_right = local < 128u;
    let right_k = select(local / 16u, local % 8u, BACK);
    let right_n = select(local % 16u, local / 8u, BACK);
    var next0 = left(place, network, place.row + left_row, left_k);
    var next1 = left(place, network, place.row + left_row + 128u, left_k);
    var next_right = vec4<f32>();
    if brings_right {
        next_right = right(place, network, shape.width, EDGE && BACK, right_k, place.column + right_n);
    }
    // What it computes: rows m, m + 32, ..., and two vectors of columns.
    let m = local / 8u;
    let n = local % 8u;
    var c00 = vec4<f32>();
    var c01 = vec4<f32>();
    var c02 = vec4<f32>();
    var c03 = vec4<f32>();
    var c04 = vec4<f32>();
    var c05 = vec4<f32>();
    var c06 = vec4<f32>();
    var c07 = vec4<f32>();
    var c10 = vec4<f32>();
    var c11 = vec4<f32>();
    var c12 = vec4<f32>();
    var c13 = vec4<f32>();
    var c14 = vec4<f32>();
    var c15 = vec4<f32>();
    var c16 = vec4<f32>();
    var c17 = vec4<f32>();
    for (var k = 0u; k < network.depth; k += 8u) {
        lefts[left_row * LEFT_STRIDE + left_k] = next0;
        lefts[(left_row + 128u) * LEFT_STRIDE + left_k] = next1;
        if brings_right {
            rights[right_k * RIGHT_STRIDE + right_n] = next_right;
        }
        workgroupBarrier();
        next0 = left(place, network, place.row + left_row, k / 4u + 2u + left_k);
        next1 = left(place, network, place.row + left_row + 128u, k / 4u + 2u + left_k);
        if brings_right {
            next_right = right(place, network, shape.width, EDGE && BACK, k + 8u + right_k, place.column + right_n);
        }
        let steps = min(2u, (network.depth - k + 3u) / 4u);
        for (var s = 0u; s < steps; s++) {
            let a = m * LEFT_STRIDE + s;
            let a0 = lefts[a];
            let a1 = lefts[a + 32u * LEFT_STRIDE];
            let a2 = lefts[a + 64u * LEFT_STRIDE];
            let a3 = lefts[a + 96u * LEFT_STRIDE];
            let a4 = lefts[a + 128u * LEFT_STRIDE];
            let a5 = lefts[a + 160u * LEFT_STRIDE];
            let a6 = lefts[a + 192u * LEFT_STRIDE];
            let a7 = lefts[a + 224u * LEFT_STRIDE];
            let b = 4u * s * RIGHT_STRIDE + n;
            var b0 = rights[b];
            var b1 = rights[b + RIGHT_STRIDE];
            var b2 = rights[b + 2u * RIGHT_STRIDE];
            var b3 = rights[b + 3u * RIGHT_STRIDE];
            c00 = four_steps(c00, a0, b0, b1, b2, b3);
            c01 = four_steps(c01, a1, b0, b1, b2, b3);
            c02 = four_steps(c02, a2, b0, b1, b2, b3);
            c03 = four_steps(c03, a3, b0, b1, b2, b3);
            c04 = four_steps(c04, a4, b0, b1, b2, b3);
            c05 = four_steps(c05, a5, b0, b1, b2, b3);
            c06 = four_steps(c06, a6, b0, b1, b2, b3);
            c07 = four_steps(c07, a7, b0, b1, b2, b3);
            b0 = rights[b + 8u];
            b1 = rights[b + RIGHT_STRIDE + 8u];
            b2 = rights[b + 2u * RIGHT_STRIDE + 8u];
            b3 = rights[b + 3u * RIGHT_STRIDE + 8u];
            c10 = four_steps(c10, a0, b0, b1, b2, b3);
            c11 = four_steps(c11, a1, b0, b1, b2, b3);
            c12 = four_steps(c12, a2, b0, b1, b2, b3);
            c13 = four_steps(c13, a3, b0, b1, b2, b3);
            c14 = four_steps(c14, a4, b0, b1, b2, b3);
            c15 = four_steps(c15, a5, b0, b1, b2, b3);
            c16 = four_steps(c16, a6, b0, b1, b2, b3);
            c17 = four_steps(c17, a7, b0, b1, b2, b3);
        }
        workgroupBarrier();
    }
    let row = place.row + m;
    let column = place.column + n;
    var biases = bias(place, network, shape.width, column);
    _ = finish(place, block, row, column, c00, biases);
    _ = finish(place, block, row + 32u, column, c01, biases);
    _ = finish(place, block, row + 64u, column, c02, biases);
    _ = finish(place, block, row + 96u, column, c03, biases);
    _ = finish(place, block, row + 128u, column, c04, biases);
    _ = finish(place, block, row + 160u, column, c05, biases);
    _ = finish(place, block, row + 192u, column, c06, biases);
    _ = finish(place, block, row + 224u, column, c07, biases);
    biases = bias(place, network, shape.width, column + 8u);
    _ = finish(place, block, row, column + 8u, c10, biases);
    _ = finish(place, block, row + 32u, column + 8u, c11, biases);
    _ = finish(place, block, row + 64u, column + 8u, c12, biases);
    _ = finish(place, block, row + 96u, column + 8u, c13, biases);
    _ = finish(place, block, row + 128u, column + 8u, c14, biases);
    _ = finish(place, block, row + 160u, column + 8u, c15, biases);
    _ = finish(place, block, row + 192u, column + 8u, c16, biases);
    _ = finish(place, block, row + 224u, column + 8u, c17, biases);
}
