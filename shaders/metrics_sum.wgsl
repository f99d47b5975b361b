// The sums of the loss's metrics over a workgroup of 256, always added in the same order.

const METRICS: u32 = 15u;

var<workgroup> metric_sums: array<array<f32, 15>, 256>;

/// Adds up `metric_sums` into its first element. All invocations must call it.
fn sum_metrics_of_group(local: u32) {
    workgroupBarrier();
    for (var half = 128u; half > 0u; half /= 2u) {
        if local < half {
            for (var m = 0u; m < METRICS; m++) {
                metric_sums[local][m] += metric_sums[local + half][m];
            }
        }
        workgroupBarrier();
    }
}
