// The sum of a number of every invocation of a workgroup of 256, always added in the same order.

var<workgroup> summands: array<f32, 256>;

/// The sum, which every invocation gets. All of them must call it.
fn sum_of_group(local: u32, number: f32) -> f32 {
    summands[local] = number;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half /= 2u) {
        if local < half {
            summands[local] += summands[local + half];
        }
        workgroupBarrier();
    }
    let sum = summands[0];
    workgroupBarrier();
    return sum;
}
