// Elementary functions whose precision WGSL leaves open (it asks for 2^-11 of sin and cos), and normal numbers as striatum-rng
// draws them, within single precision of its double one.
// #include "philox.wgsl"

const TAU: f32 = 6.283185307;
const LN_OF_2: f32 = 0.6931471806;

/// Sine and cosine of an angle in -pi/4..pi/4, by their Taylor series.
fn sin_cos_near_zero(x: f32) -> vec2<f32> {
    let s = x * x;
    let sine = x + x * s * (-1.0 / 6.0 + s * (1.0 / 120.0 + s * (-1.0 / 5040.0 + s * (1.0 / 362880.0))));
    let cosine = 1.0 + s * (-0.5 + s * (1.0 / 24.0 + s * (-1.0 / 720.0 + s * (1.0 / 40320.0))));
    return vec2<f32>(sine, cosine);
}

/// Sine and cosine of an angle that is `quarters` quarter turns further.
fn turn(sin_cos: vec2<f32>, quarters: i32) -> vec2<f32> {
    let swapped = select(sin_cos, sin_cos.yx, (quarters & 1) != 0);
    let sine = select(swapped.x, -swapped.x, (quarters & 2) != 0);
    let cosine = select(swapped.y, -swapped.y, ((quarters + 1) & 2) != 0);
    return vec2<f32>(sine, cosine);
}

/// Sine and cosine within 2e-7 for |x| up to a few thousand.
fn sin_cos(x: f32) -> vec2<f32> {
    let quarters = round(x * (4.0 / TAU));
    // pi / 2 in three parts (Cody and Waite 1980); the first two have so few bits that their products are exact.
    let rest = ((x - quarters * (201.0 / 128.0)) - quarters * (2029.0 / 4194304.0)) - quarters * 7.549789949e-8;
    return turn(sin_cos_near_zero(rest), i32(quarters));
}

/// The angle in -pi..pi.
fn wrap_angle(x: f32) -> f32 {
    let turns = round(x / TAU);
    // 2 pi in three parts, as above.
    return ((x - turns * (201.0 / 32.0)) - turns * (2029.0 / 1048576.0)) - turns * 3.019915980e-7;
}

/// The logarithm of a number in 0..1 (0 excluded), exact near 1, where log may be off by 2^-21.
fn log_of_unit(x: f32) -> f32 {
    let bits = bitcast<u32>(x);
    var exponent = f32(bits >> 23u) - 127.0;
    var mantissa = bitcast<f32>((bits & 0x7fffffu) | 0x3f800000u);
    if mantissa > 1.41421356 {
        mantissa *= 0.5;
        exponent += 1.0;
    }
    // ln m = 2 artanh((m - 1) / (m + 1))
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let z = s * s;
    let series = 2.0 * s * (1.0 + z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0 + z * (1.0 / 9.0)))));
    return exponent * LN_OF_2 + series;
}

/// A standard normal number from two random words (Box and Muller 1958).
fn normal(a: u32, b: u32) -> f32 {
    let radius = sqrt(max(-2.0 * log_of_unit(1.0 - unit_f32(a)), 0.0));
    let u = unit_f32(b);
    let quarters = round(4.0 * u);
    return radius * turn(sin_cos_near_zero(TAU * (u - 0.25 * quarters)), i32(quarters)).y;
}

/// A number around `centre`, uniform within `half`, from the first of the two words that the host's double takes.
fn around(centre: f32, half: f32, word: u32) -> f32 {
    // A signed integer keeps the bits of numbers near the centre.
    return centre + half * (f32(bitcast<i32>(word ^ 0x80000000u)) * (1.0 / 2147483648.0));
}
