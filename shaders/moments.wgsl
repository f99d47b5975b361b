// Count, mean and sum of squared deviations: one number at a time (Welford 1962), and two sets at once (Chan, Golub & LeVeque 1979).
// Mirror: crates/kernels/src/moments.rs.

struct Moments {
    count: f32,
    /// A number near the mean: the first.
    origin: f32,
    /// The mean less the origin, so that a mean far from 0 takes no digits from the deviations.
    offset: f32,
    /// Sum of squared deviations.
    m2: f32,
}

const NO_MOMENTS: Moments = Moments(0.0, 0.0, 0.0, 0.0);

fn mean_of(moments: Moments) -> f32 {
    return moments.origin + moments.offset;
}

/// With one number more.
fn with_number(own: Moments, x: f32) -> Moments {
    if own.count == 0.0 {
        return Moments(1.0, x, 0.0, 0.0);
    }
    let count = own.count + 1.0;
    let from_origin = x - own.origin;
    let apart = from_origin - own.offset;
    let offset = own.offset + apart / count;
    return Moments(count, own.origin, offset, own.m2 + apart * (from_origin - offset));
}

/// Of the numbers of both.
fn merged(a: Moments, b: Moments) -> Moments {
    if b.count == 0.0 {
        return a;
    }
    if a.count == 0.0 {
        return b;
    }
    let count = a.count + b.count;
    let apart = (b.origin - a.origin) + (b.offset - a.offset);
    let share = b.count / count;
    return Moments(count, a.origin, a.offset + apart * share, a.m2 + b.m2 + apart * apart * a.count * share);
}

var<workgroup> moments_of_invocations: array<Moments, 256>;

/// Merges the moments of a workgroup of 256, always in the same order, column by column: invocation i holds some of column
/// i % columns, those beyond the last whole row hold none. The first `columns` invocations get the result of theirs. All invocations must
/// call it.
fn moments_of_group(local: u32, own: Moments, columns: u32) -> Moments {
    moments_of_invocations[local] = own;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half /= 2u) {
        let other = local + half * columns;
        if local < half * columns && other < 256u {
            moments_of_invocations[local] = merged(moments_of_invocations[local], moments_of_invocations[other]);
        }
        workgroupBarrier();
    }
    let all = moments_of_invocations[local];
    workgroupBarrier();
    return all;
}
