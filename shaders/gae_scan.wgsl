// Generalised advantage estimation, one workgroup an agent, head and environment: a scan from the last step to the first.
// A_t = b_t + a_t A_{t+1} with b_t = delta_t and a_t = gamma lambda (1 - terminated_t) (1 - truncated_t), and affine maps
// compose associatively (Blelloch 1990, "Prefix sums and their applications").
// Mirror: crates/kernels/src/gae.rs. The other form: gae.wgsl.
// #include "grid.wgsl"

struct Shape {
    agents: u32,
    heads: u32,
    steps: u32,
    envs: u32,
}

/// x -> b + a x
struct Affine {
    a: f32,
    b: f32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;           // [A, K]
@group(0) @binding(2) var<storage, read> lambda: array<f32>;          // [A, K]
@group(0) @binding(3) var<storage, read> deltas: array<f32>;          // [A, K, T, N]
@group(0) @binding(4) var<storage, read> terminated: array<f32>;      // [A, T, N]
@group(0) @binding(5) var<storage, read> truncated: array<f32>;       // [A, T, N]
@group(0) @binding(6) var<storage, read> values: array<f32>;          // [A, K, T + 1, N]
@group(0) @binding(7) var<storage, read_write> advantages: array<f32>; // [A, K, T, N]
@group(0) @binding(8) var<storage, read_write> returns: array<f32>;   // [A, K, T, N]

const GROUP: u32 = 256u;
/// Steps that an invocation takes by itself; a chunk is GROUP times as many.
const STEPS: u32 = 4u;

var<workgroup> maps: array<Affine, 256>;

/// The value of a map. A factor of 0 cuts what follows off even if that is not a number.
fn apply(map: Affine, x: f32) -> f32 {
    return map.b + select(map.a * x, 0.0, map.a == 0.0);
}

/// First `inner`, then `outer`.
fn compose(outer: Affine, inner: Affine) -> Affine {
    return Affine(outer.a * inner.a, apply(outer, inner.b));
}

@compute @workgroup_size(256)
fn gae_scan(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_group(group, groups); // [A, K, N]
    if i >= shape.agents * shape.heads * shape.envs {
        return;
    }
    let sequence = i / shape.envs; // [A, K]
    let env = i % shape.envs;
    let rollout = shape.steps * shape.envs;
    let flags = (sequence / shape.heads) * rollout + env;
    let first = sequence * rollout + env;
    let decay = gamma[sequence] * lambda[sequence];

    // The advantage right after the chunk.
    var carried = 0.0;
    for (var done = 0u; done < shape.steps; done += GROUP * STEPS) {
        // Position p counts back from the last step, so that invocation 0 holds the latest steps.
        let position = done + local * STEPS;
        var own: array<Affine, STEPS>;
        var whole = Affine(1.0, 0.0);
        for (var j = 0u; j < STEPS; j++) {
            own[j] = Affine(1.0, 0.0);
            if position + j < shape.steps {
                let row = (shape.steps - 1u - position - j) * shape.envs;
                let ended = terminated[flags + row] != 0.0 || truncated[flags + row] != 0.0;
                own[j] = Affine(select(decay, 0.0, ended), deltas[first + row]);
            }
            whole = compose(own[j], whole);
        }
        maps[local] = whole;
        workgroupBarrier();

        // Inclusive scan (Hillis & Steele 1986).
        for (var reach = 1u; reach < GROUP; reach *= 2u) {
            var scanned = maps[local];
            if local >= reach {
                scanned = compose(scanned, maps[local - reach]);
            }
            workgroupBarrier();
            maps[local] = scanned;
            workgroupBarrier();
        }

        var advantage = carried;
        if local > 0u {
            advantage = apply(maps[local - 1u], carried);
        }
        for (var j = 0u; j < STEPS; j++) {
            if position + j < shape.steps {
                let row = (shape.steps - 1u - position - j) * shape.envs;
                advantage = apply(own[j], advantage);
                advantages[first + row] = advantage;
                returns[first + row] = advantage + values[first + row + sequence * shape.envs];
            }
        }
        carried = apply(maps[GROUP - 1u], carried);
        workgroupBarrier();
    }
}
