// Output rows of every agent and network: all heads' products with the last hidden layer (or the observations), and a copy
// of the features that scale the noise. One invocation a row and four columns.
// Mirror: crates/kernels/src/mlp/tile.rs.
// #include "grid.wgsl"
// #include "mlp_input.wgsl"

@group(0) @binding(5) var<storage, read_write> outputs: array<f32>;  // [A, R, W]

/// Vectors of columns that a workgroup takes: 1, 2 or 4, and as many rows as fill it.
override VECTORS: u32 = 1u;

// A tile of rows is [256 / VECTORS rows, 2 VECTORS vectors of depth], with an odd number of vectors from row to row.
var<workgroup> lefts: array<vec4<f32>, 768>;
var<workgroup> rights: array<vec4<f32>, 128>;  // [8 VECTORS of depth, VECTORS]

fn head_number(place: Place, k: u32, column: u32) -> f32 {
    let head = head_of(place.network, column);
    if head.width == 0u || k >= shape.network[place.network].depth {
        return 0.0;
    }
    return weights[place.agent * shape.parameters + head.weight + k * head.width + column - head.column];
}

/// Four columns of row `k` of all heads' weights.
fn right(place: Place, k: u32, column: u32) -> vec4<f32> {
    return vec4<f32>(
        head_number(place, k, column),
        head_number(place, k, column + 1u),
        head_number(place, k, column + 2u),
        head_number(place, k, column + 3u),
    );
}

/// Adds the bias of a column of the network to its sum, and writes it.
fn write(place: Place, row: u32, column: u32, sum: f32) {
    let head = head_of(place.network, column);
    if row >= shape.rows || head.width == 0u {
        return;
    }
    let bias = weights[place.agent * shape.parameters + head.bias + column - head.column];
    outputs[(place.agent * shape.rows + row) * shape.width + shape.network[place.network].output + column] = sum + bias;
}

fn write_feature(place: Place, row: u32, k: u32, number: f32) {
    if row < shape.rows && k < shape.features {
        outputs[(place.agent * shape.rows + row) * shape.width + shape.features_at + k] = number;
    }
}

/// A vector of the input; where it is the actor's and the first columns' turn, its numbers are features.
fn input(place: Place, row: u32, k: u32) -> vec4<f32> {
    let numbers = left(place, row, k);
    if place.network == 0u && place.column == 0u && shape.features > 0u {
        write_feature(place, row, 4u * k, numbers.x);
        write_feature(place, row, 4u * k + 1u, numbers.y);
        write_feature(place, row, 4u * k + 2u, numbers.z);
        write_feature(place, row, 4u * k + 3u, numbers.w);
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
        lefts[left_row * stride + left_k] = input(place, place.row + left_row, k / 4u + left_k);
        lefts[(left_row + below) * stride + left_k] = input(place, place.row + left_row + below, k / 4u + left_k);
        if local < 4u * vectors * VECTORS {
            rights[local] = right(place, k + local / VECTORS, 4u * (place.column + local % VECTORS));
        }
        workgroupBarrier();
        for (var s = 0u; s < vectors; s++) {
            let b = 4u * s * VECTORS + vector;
            let a = lefts[row * stride + s];
            c = four_steps(c, a, rights[b], rights[b + VECTORS], rights[b + 2u * VECTORS], rights[b + 3u * VECTORS]);
        }
        workgroupBarrier();
    }
    let column = 4u * (place.column + vector);
    write(place, place.row + row, column, c.x);
    write(place, place.row + row, column + 1u, c.y);
    write(place, place.row + row, column + 2u, c.z);
    write(place, place.row + row, column + 3u, c.w);
}
