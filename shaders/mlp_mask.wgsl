// outputs[a, i, mask_at + k] = observations[a, row, inputs - columns + k]: action masks, the end of an observation, pass a network as
// they are. Row i itself, or where rows are selected the one that its index names; one that is not there counts as 0. One invocation a
// number.
// Mirror: crates/kernels/src/mlp/tile.rs.
// #include "grid.wgsl"

struct Shape {
    agents: u32,
    rows: u32,
    /// Numbers in an observation and in an output row.
    inputs: u32,
    width: u32,
    /// Of an output row: the mask's first column, and its width.
    mask_at: u32,
    columns: u32,
    /// Selected rows: their first place among an agent's indices, and how many there are of these.
    first: u32,
    selectable: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> observations: array<f32>;   // [A, R or selectable, inputs]
@group(0) @binding(2) var<storage, read> selection: array<u32>;      // [A, selectable], if rows are selected
@group(0) @binding(3) var<storage, read_write> outputs: array<f32>;  // [A, R, W]

override SELECTED: bool = false;

@compute @workgroup_size(256)
fn mlp_mask(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_group(group, groups) * 256u + local;
    if i >= shape.agents * shape.rows * shape.columns {
        return;
    }
    let row = i / shape.columns; // [A, R]
    let k = i % shape.columns;
    var source = row;
    var there = true;
    if SELECTED {
        let agent = row / shape.rows;
        let taken = selection[agent * shape.selectable + shape.first + row % shape.rows];
        source = agent * shape.selectable + taken;
        there = taken < shape.selectable;
    }
    var number = 0.0;
    if there {
        number = observations[(source + 1u) * shape.inputs - shape.columns + k];
    }
    outputs[row * shape.width + shape.mask_at + k] = number;
}
