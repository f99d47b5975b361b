// As mlp_gradient.wgsl, where both sides are wide: tiles of 64 x 64, four groups of invocations, 8 x 8 numbers each.
// Mirror: crates/kernels/src/mlp/tile.rs.
// #include "grid.wgsl"
// #include "mlp_factors.wgsl"

/// Rows that are in workgroup memory together.
const DEPTH: u32 = 32u;
/// Where rows of dZ begin.
const RIGHTS: u32 = 512u;

/// First rows of X and of dZ, 16 vectors each, then sums.
var<workgroup> shared_vectors: array<vec4<f32>, 1024>;

@compute @workgroup_size(256)
fn mlp_gradient_large(
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
    // What this invocation brings into workgroup memory.
    let own_row = local / 16u;
    let own_vector = local % 16u;
    var left0 = left(place, job, place.start + own_row, place.m + own_vector);
    var left1 = left(place, job, place.start + own_row + 16u, place.m + own_vector);
    var right0 = right(place, job, place.start + own_row, place.n + own_vector);
    var right1 = right(place, job, place.start + own_row + 16u, place.n + own_vector);
    var bias = vec4<f32>();
    // What it computes: vectors m and m + 8 by n and n + 8, of every fourth row.
    let tile = local % 64u;
    let m = tile / 8u;
    let n = tile % 8u;
    let turn = local / 64u;
    var c00 = vec4<f32>();
    var c10 = vec4<f32>();
    var c01 = vec4<f32>();
    var c11 = vec4<f32>();
    var c02 = vec4<f32>();
    var c12 = vec4<f32>();
    var c03 = vec4<f32>();
    var c13 = vec4<f32>();
    var c04 = vec4<f32>();
    var c14 = vec4<f32>();
    var c05 = vec4<f32>();
    var c15 = vec4<f32>();
    var c06 = vec4<f32>();
    var c16 = vec4<f32>();
    var c07 = vec4<f32>();
    var c17 = vec4<f32>();
    for (var row = place.start; row < place.end; row += DEPTH) {
        shared_vectors[local] = left0;
        shared_vectors[local + 256u] = left1;
        shared_vectors[RIGHTS + local] = right0;
        shared_vectors[RIGHTS + local + 256u] = right1;
        bias += right0;
        bias += right1;
        workgroupBarrier();
        left0 = left(place, job, row + DEPTH + own_row, place.m + own_vector);
        left1 = left(place, job, row + DEPTH + own_row + 16u, place.m + own_vector);
        right0 = right(place, job, row + DEPTH + own_row, place.n + own_vector);
        right1 = right(place, job, row + DEPTH + own_row + 16u, place.n + own_vector);
        for (var r = turn; r < DEPTH; r += 8u) {
            var a0 = shared_vectors[16u * r + m];
            var a1 = shared_vectors[16u * r + m + 8u];
            var b0 = shared_vectors[RIGHTS + 16u * r + n];
            var b1 = shared_vectors[RIGHTS + 16u * r + n + 8u];
            c00 = fma(vec4<f32>(a0.x), b0, c00);
            c10 = fma(vec4<f32>(a0.x), b1, c10);
            c01 = fma(vec4<f32>(a0.y), b0, c01);
            c11 = fma(vec4<f32>(a0.y), b1, c11);
            c02 = fma(vec4<f32>(a0.z), b0, c02);
            c12 = fma(vec4<f32>(a0.z), b1, c12);
            c03 = fma(vec4<f32>(a0.w), b0, c03);
            c13 = fma(vec4<f32>(a0.w), b1, c13);
            c04 = fma(vec4<f32>(a1.x), b0, c04);
            c14 = fma(vec4<f32>(a1.x), b1, c14);
            c05 = fma(vec4<f32>(a1.y), b0, c05);
            c15 = fma(vec4<f32>(a1.y), b1, c15);
            c06 = fma(vec4<f32>(a1.z), b0, c06);
            c16 = fma(vec4<f32>(a1.z), b1, c16);
            c07 = fma(vec4<f32>(a1.w), b0, c07);
            c17 = fma(vec4<f32>(a1.w), b1, c17);
            // The same for the next row, because a loop costs as much as a few products.
            a0 = shared_vectors[16u * (r + 4u) + m];
            a1 = shared_vectors[16u * (r + 4u) + m + 8u];
            b0 = shared_vectors[RIGHTS + 16u * (r + 4u) + n];
            b1 = shared_vectors[RIGHTS + 16u * (r + 4u) + n + 8u];
            c00 = fma(vec4<f32>(a0.x), b0, c00);
            c10 = fma(vec4<f32>(a0.x), b1, c10);
            c01 = fma(vec4<f32>(a0.y), b0, c01);
            c11 = fma(vec4<f32>(a0.y), b1, c11);
            c02 = fma(vec4<f32>(a0.z), b0, c02);
            c12 = fma(vec4<f32>(a0.z), b1, c12);
            c03 = fma(vec4<f32>(a0.w), b0, c03);
            c13 = fma(vec4<f32>(a0.w), b1, c13);
            c04 = fma(vec4<f32>(a1.x), b0, c04);
            c14 = fma(vec4<f32>(a1.x), b1, c14);
            c05 = fma(vec4<f32>(a1.y), b0, c05);
            c15 = fma(vec4<f32>(a1.y), b1, c15);
            c06 = fma(vec4<f32>(a1.z), b0, c06);
            c16 = fma(vec4<f32>(a1.z), b1, c16);
            c07 = fma(vec4<f32>(a1.w), b0, c07);
            c17 = fma(vec4<f32>(a1.w), b1, c17);
        }
        workgroupBarrier();
    }
    for (var t = 1u; t < 4u; t++) {
        if turn == t {
            shared_vectors[tile] = c00;
            shared_vectors[tile + 64u] = c10;
            shared_vectors[tile + 128u] = c01;
            shared_vectors[tile + 192u] = c11;
            shared_vectors[tile + 256u] = c02;
            shared_vectors[tile + 320u] = c12;
            shared_vectors[tile + 384u] = c03;
            shared_vectors[tile + 448u] = c13;
            shared_vectors[tile + 512u] = c04;
            shared_vectors[tile + 576u] = c14;
            shared_vectors[tile + 640u] = c05;
            shared_vectors[tile + 704u] = c15;
            shared_vectors[tile + 768u] = c06;
            shared_vectors[tile + 832u] = c16;
            shared_vectors[tile + 896u] = c07;
            shared_vectors[tile + 960u] = c17;
        }
        workgroupBarrier();
        if turn == 0u {
            c00 += shared_vectors[tile];
            c10 += shared_vectors[tile + 64u];
            c01 += shared_vectors[tile + 128u];
            c11 += shared_vectors[tile + 192u];
            c02 += shared_vectors[tile + 256u];
            c12 += shared_vectors[tile + 320u];
            c03 += shared_vectors[tile + 384u];
            c13 += shared_vectors[tile + 448u];
            c04 += shared_vectors[tile + 512u];
            c14 += shared_vectors[tile + 576u];
            c05 += shared_vectors[tile + 640u];
            c15 += shared_vectors[tile + 704u];
            c06 += shared_vectors[tile + 768u];
            c16 += shared_vectors[tile + 832u];
            c07 += shared_vectors[tile + 896u];
            c17 += shared_vectors[tile + 960u];
        }
        workgroupBarrier();
    }
    shared_vectors[local] = bias;
    workgroupBarrier();
    if turn == 0u {
        let rows = 4u * (place.m + m);
        let columns = 4u * (place.n + n);
        write_weight(place, job, rows, columns, c00);
        write_weight(place, job, rows, columns + 32u, c10);
        write_weight(place, job, rows + 1u, columns, c01);
        write_weight(place, job, rows + 1u, columns + 32u, c11);
        write_weight(place, job, rows + 2u, columns, c02);
        write_weight(place, job, rows + 2u, columns + 32u, c12);
        write_weight(place, job, rows + 3u, columns, c03);
        write_weight(place, job, rows + 3u, columns + 32u, c13);
        write_weight(place, job, rows + 32u, columns, c04);
        write_weight(place, job, rows + 32u, columns + 32u, c14);
        write_weight(place, job, rows + 33u, columns, c05);
        write_weight(place, job, rows + 33u, columns + 32u, c15);
        write_weight(place, job, rows + 34u, columns, c06);
        write_weight(place, job, rows + 34u, columns + 32u, c16);
        write_weight(place, job, rows + 35u, columns, c07);
        write_weight(place, job, rows + 35u, columns + 32u, c17);
    }
    if place.m == 0u && local < 16u {
        for (var i = local + 16u; i < 256u; i += 16u) {
            bias += shared_vectors[i];
        }
        write(place, job, job.m, 4u * (place.n + local), bias);
    }
}
