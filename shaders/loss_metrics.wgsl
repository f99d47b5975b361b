// The means of the loss's metrics, one workgroup an agent, from the sums that actor_critic_loss.wgsl left.
// Mirror: crates/kernels/src/actor_critic_loss/mod.rs.
// #include "grid.wgsl"
// #include "metrics_sum.wgsl"

struct Shape {
    agents: u32,
    /// Workgroups an agent of the loss.
    parts: u32,
    /// Where the metrics are written.
    metrics_at: u32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> partial: array<f32>;       // [A, parts, METRICS]
@group(0) @binding(2) var<storage, read> moments: array<f32>;       // [A, 4]
@group(0) @binding(3) var<storage, read_write> metrics: array<f32>; // [A, METRICS]

@compute @workgroup_size(256)
fn loss_metrics(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let agent = flat_group(group, groups);
    if agent >= shape.agents {
        return;
    }
    for (var m = 0u; m < METRICS; m++) {
        metric_sums[local][m] = 0.0;
    }
    for (var part = local; part < shape.parts; part += 256u) {
        for (var m = 0u; m < METRICS; m++) {
            metric_sums[local][m] += partial[(agent * shape.parts + part) * METRICS + m];
        }
    }
    sum_metrics_of_group(local);
    if local < METRICS {
        let count = moments[4u * agent];
        metrics[shape.metrics_at + agent * METRICS + local] = select(0.0, metric_sums[0][local] / max(count, 1.0), count > 0.0);
    }
}
