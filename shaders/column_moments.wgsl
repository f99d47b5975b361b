// Count, mean and sum of squared deviations of every column, one workgroup a part of the rows and 256 columns or fewer, whose rows lie
// side by side in it. merge_moments.wgsl merges the parts.
// Mirror: crates/kernels/src/column_moments.rs.
// #include "grid.wgsl"
// #include "moments.wgsl"

struct Shape {
    agents: u32,
    rows: u32,
    columns: u32,
    /// Parts of the rows.
    parts: u32,
    /// Rows a part.
    part: u32,
    /// Workgroups that the columns take.
    blocks: u32,
    padding0: u32,
    padding1: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> rows: array<f32>;            // [A, R, C]
@group(0) @binding(2) var<storage, read_write> moments: array<f32>;   // [A, C, 3], or [A, parts, C, 4] to be merged

@compute @workgroup_size(256)
fn column_moments(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_group(group, groups); // [A, parts, blocks]
    if i >= shape.agents * shape.parts * shape.blocks {
        return;
    }
    let first_column = (i % shape.blocks) * 256u;
    let part = i / shape.blocks; // [A, parts]
    let agent = part / shape.parts;
    let width = min(256u, shape.columns - first_column);
    let rows_at_once = 256u / width;
    let column = first_column + local % width;

    let first = (part % shape.parts) * shape.part;
    let end = min(first + shape.part, shape.rows);
    var own = NO_MOMENTS;
    if local < rows_at_once * width {
        for (var row = first + local / width; row < end; row += rows_at_once) {
            own = with_number(own, rows[(agent * shape.rows + row) * shape.columns + column]);
        }
    }
    let all = moments_of_group(local, own, width);
    if local < width {
        let whole = shape.parts == 1u;
        let at = select(4u, 3u, whole) * (part * shape.columns + column);
        moments[at] = all.count;
        moments[at + 1u] = select(all.origin, mean_of(all), whole);
        moments[at + 2u] = all.m2;
        if !whole {
            moments[at + 3u] = all.offset;
        }
    }
}
