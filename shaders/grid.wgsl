// A dispatch spreads its workgroups over x and y, because a dimension holds at most 65 535 of them.

/// The workgroup's flat index. It can be beyond the last one that has work: guard it.
fn flat_group(group: vec3<u32>, groups: vec3<u32>) -> u32 {
    return group.y * groups.x + group.x;
}
