// Weight gradients X^T dZ and bias gradients of every agent, network, layer and segment of rows, where a side of the
// product is narrow. One workgroup takes one tile; as many groups of invocations as find room go through the rows
// together, each invocation with 4 x 4 numbers, and are added up in the end.
// Mirror: crates/kernels/src/mlp/tile.rs.
// #include "grid.wgsl"
// #include "mlp_factors.wgsl"

/// Rows that are in workgroup memory together.
const DEPTH: u32 = 32u;

/// First rows of X and of dZ, then sums.
var<workgroup> shared_vectors: array<vec4<f32>, 1024>;

@compute @workgroup_size(256)
fn mlp_gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let flat = flat_group(group, groups);
    if flat >= shape.agents * shape.segments * shape.tiles {
        return;
    }
    let place = place_of(flat);
    let job = jobs[place.job];
    let log_m = job.log_m;
    let log_n = job.log_n;
    let tile_m = 1u << log_m;
    let tile_n = 1u << log_n;
    let rights = DEPTH << log_m;
    // What this invocation computes, and which rows it takes.
    let n = local & (tile_n - 1u);
    let m = (local >> log_n) & (tile_m - 1u);
    let turn = local >> (log_m + log_n);
    let turns = 256u >> (log_m + log_n);
    var c0 = vec4<f32>();
    var c1 = vec4<f32>();
    var c2 = vec4<f32>();
    var c3 = vec4<f32>();
    // The sum of what it brings into workgroup memory, which is always of the same columns.
    var bias = vec4<f32>();
    for (var row = place.start; row < place.end; row += DEPTH) {
        for (var i = local; i < DEPTH << log_m; i += 256u) {
            shared_vectors[i] = left(place, job, row + (i >> log_m), place.m + (i & (tile_m - 1u)));
        }
        for (var i = local; i < DEPTH << log_n; i += 256u) {
            let numbers = right(place, job, row + (i >> log_n), place.n + (i & (tile_n - 1u)));
            shared_vectors[rights + i] = numbers;
            bias += numbers;
        }
        workgroupBarrier();
        for (var r = turn; r < DEPTH; r += turns) {
            let a = shared_vectors[(r << log_m) + m];
            let b = shared_vectors[rights + (r << log_n) + n];
            c0 = fma(vec4<f32>(a.x), b, c0);
            c1 = fma(vec4<f32>(a.y), b, c1);
            c2 = fma(vec4<f32>(a.z), b, c2);
            c3 = fma(vec4<f32>(a.w), b, c3);
        }
        workgroupBarrier();
    }
    shared_vectors[4u * local] = c0;
    shared_vectors[4u * local + 1u] = c1;
    shared_vectors[4u * local + 2u] = c2;
    shared_vectors[4u * local + 3u] = c3;
    workgroupBarrier();
    let vectors = 4u << (log_m + log_n);
    for (var i = local; i < vectors; i += 256u) {
        var sum = shared_vectors[i];
        for (var t = 1u; t < turns; t++) {
            sum += shared_vectors[t * vectors + i];
        }
        let taken = i / 4u;
        write_weight(place, job, 4u * (place.m + (taken >> log_n)) + i % 4u, 4u * (place.n + (taken & (tile_n - 1u))), sum);
    }
    workgroupBarrier();
    shared_vectors[local] = bias;
    workgroupBarrier();
    if place.m == 0u && local < tile_n {
        for (var i = local + tile_n; i < 256u; i += tile_n) {
            bias += shared_vectors[i];
        }
        write(place, job, job.m, 4u * (place.n + local), bias);
    }
}
