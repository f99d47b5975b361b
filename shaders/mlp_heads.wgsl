// Output rows of every agent and network: all heads' products with the last hidden layer (or the observations), and a copy
// of the features that scale the noise. One invocation a row and four columns.
// Mirror: crates/kernels/src/mlp/tile.rs.
// #include "grid.wgsl"
// #include "mlp_input.wgsl"
// #include "mlp_outputs.inc"

@group(0) @binding(5) var<storage, read_write> outputs: array<f32>;  // [A, R, W]

/// Vectors of columns that a workgroup takes: 1, 2 or 4, and as many rows as fill it.
override VECTORS: u32 = 1u;

// A tile of rows is [256 / VECTORS rows, 2 VECTORS vectors of depth], with an odd number of vectors from row to row.
var<workgroup> lefts: array<vec4<f32>, 768>;
var<workgroup> rights: array<vec4<f32>, 128>;  // [8 VECTORS of depth, VECTORS]

/// A vector of the input; where it is the actor's and the first columns' turn, its numbers are features.
fn input(place: Place, network: Network, row: u32, k: u32) -> vec4<f32> {
    let numbers = left(place, network, row, k);
    if place.network == 0u && place.column == 0u && shape.features > 0u {
        write_features(place, row, 4u * k, numbers);
    }
    return numbers;
}

@compute @workgroup_size(256)
fn mlp_heads(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let rows = 256u / VECTORS;
    let flat = flat_group(group, groups);
    if flat >= shape.agents * shape.networks * shape.row_tiles * shape.column_tiles {
        return;
    }
    let place = place_of(flat, rows, VECTORS);
    let network = shape.network[place.network];
    if 4u * place.column >= network.outputs {
        return;
    }
    let vectors = 2u * VECTORS;
    let stride = vectors + 1u;
    // What this invocation brings into workgroup memory: two vectors of the input, and perhaps one of the weights.
    let left_row = local / vectors;
    let left_k = local % vectors;
    let below = 256u / vectors;
    // What it computes.
    let row = local / VECTORS;
    let vector = local % VECTORS;
    var c = vec4<f32>();
    for (var k = 0u; k < network.depth; k += 4u * vectors) {
        lefts[left_row * stride + left_k] = input(place, network, place.row + left_row, k / 4u + left_k);
        lefts[(left_row + below) * stride + left_k] = input(place, network, place.row + left_row + below, k / 4u + left_k);
        if local < 4u * vectors * VECTORS {
            rights[local] = right(place, network, network.outputs, true, k + local / VECTORS, place.column + local % VECTORS);
        }
        workgroupBarrier();
        for (var s = 0u; s < vectors; s++) {
            let b = 4u * s * VECTORS + vector;
            let a = lefts[row * stride + s];
            c = four_steps(c, a, rights[b], rights[b + VECTORS], rights[b + 2u * VECTORS], rights[b + 3u * VECTORS]);
        }
        workgroupBarrier();
    }
    write_outputs(place, place.row + row, 4u * (place.column + vector), c);
}
