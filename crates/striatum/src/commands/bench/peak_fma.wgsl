// Independent fused multiply-adds in registers, 128 of them an invocation and turn: the GPU's peak.

struct Params {
    turns: u32,
    invocations: u32,
    unused_1: u32,
    unused_2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> factors: array<f32>;      // [2]
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;   // [invocations]

@compute @workgroup_size(256)
fn peak_fma(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_group(group, groups) * 256u + local;
    if i >= params.invocations {
        return;
    }
    // From memory, so that no compiler knows them.
    let x = vec4<f32>(factors[0]);
    let y = vec4<f32>(factors[1]);
    var a = y; var b = y; var c = y; var d = y;
    var e = y; var f = y; var g = y; var h = y;
    for (var turn = 0u; turn < params.turns; turn++) {
        a = fma(a, x, y); b = fma(b, x, y); c = fma(c, x, y); d = fma(d, x, y);
        e = fma(e, x, y); f = fma(f, x, y); g = fma(g, x, y); h = fma(h, x, y);
        a = fma(a, x, y); b = fma(b, x, y); c = fma(c, x, y); d = fma(d, x, y);
        e = fma(e, x, y); f = fma(f, x, y); g = fma(g, x, y); h = fma(h, x, y);
        a = fma(a, x, y); b = fma(b, x, y); c = fma(c, x, y); d = fma(d, x, y);
        e = fma(e, x, y); f = fma(f, x, y); g = fma(g, x, y); h = fma(h, x, y);
        a = fma(a, x, y); b = fma(b, x, y); c = fma(c, x, y); d = fma(d, x, y);
        e = fma(e, x, y); f = fma(f, x, y); g = fma(g, x, y); h = fma(h, x, y);
    }
    sums[i] = dot(a + b + c + d + e + f + g + h, vec4<f32>(1.0));
}
