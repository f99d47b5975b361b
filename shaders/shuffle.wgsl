// An epoch's order of rows: out[a, i] is what a keyed bijection of 0..rows makes of i, one invocation a number of `out`.
// A Feistel network over the next power of two, walked until it is back among the rows (Mitchell, Stokes, Frank & Holmes 2022,
// "Bandwidth-optimal random shuffling for GPUs"). Mirror, which explains it: crates/kernels/src/shuffle.rs.
// #include "grid.wgsl"
// #include "philox.wgsl"

struct Shape {
    agents: u32,
    rows: u32,
    /// Workgroups an agent.
    groups: u32,
    /// Bits of the left half.
    left: u32,
    /// Bits of the right half: as many, or one more.
    right: u32,
    padding0: u32,
    padding1: u32,
    padding2: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> keys: array<vec2<u32>>;     // [A]
@group(0) @binding(2) var<storage, read_write> out: array<u32>;      // [A, rows]

const ROUNDS: u32 = 24u;
const MULTIPLIER: u32 = 0xd256d193u;

/// A key a round.
var<workgroup> round_keys: array<vec4<u32>, 6>;

/// Once through all rounds.
fn scrambled(x: u32) -> u32 {
    let left_mask = (1u << shape.left) - 1u;
    let right_mask = (1u << shape.right) - 1u;
    var left = x >> shape.right;
    var right = x & right_mask;
    for (var round = 0u; round < ROUNDS; round++) {
        let high = multiply_high(MULTIPLIER, left);
        let low = MULTIPLIER * left;
        left = (high ^ round_keys[round / 4u][round % 4u] ^ right) & left_mask;
        right = ((low << (shape.right - shape.left)) | (right >> shape.left)) & right_mask;
    }
    return (left << shape.right) | right;
}

@compute @workgroup_size(256)
fn shuffle(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let flat = flat_group(group, groups); // [A, groups]
    let agent = flat / shape.groups;
    if agent >= shape.agents {
        return;
    }
    if local < 6u {
        round_keys[local] = philox4x32(vec4<u32>(local, 0u, 0u, 0u), keys[agent]);
    }
    workgroupBarrier();
    let i = (flat % shape.groups) * 256u + local;
    if i >= shape.rows {
        return;
    }
    var x = scrambled(i);
    while x >= shape.rows {
        x = scrambled(x);
    }
    // The last step of the mirror.
    if x < 2u && shape.rows > 1u {
        x ^= round_keys[0].x >> 31u;
    }
    out[agent * shape.rows + i] = x;
}
