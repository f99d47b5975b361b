// Philox4x32-10 (Salmon et al. 2011), the same words as the crate striatum-rng. WGSL has no 64-bit integers, so the high half of
// a product is put together from 16-bit halves.

/// The high 32 bits of a * b.
fn multiply_high(a: u32, b: u32) -> u32 {
    let a0 = a & 0xffffu;
    let a1 = a >> 16u;
    let b0 = b & 0xffffu;
    let b1 = b >> 16u;
    let low = a0 * b0;
    let middle = a1 * b0 + (low >> 16u);
    let other = a0 * b1 + (middle & 0xffffu);
    return a1 * b1 + (middle >> 16u) + (other >> 16u);
}

/// Four random words for a counter and a key.
fn philox4x32(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
    var c = counter;
    var k = key;
    for (var round = 0u; round < 10u; round++) {
        let high0 = multiply_high(0xd2511f53u, c.x);
        let low0 = 0xd2511f53u * c.x;
        let high1 = multiply_high(0xcd9e8d57u, c.z);
        let low1 = 0xcd9e8d57u * c.z;
        c = vec4<u32>(high1 ^ c.y ^ k.x, low1, high0 ^ c.w ^ k.y, low0);
        k = k + vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
    }
    return c;
}

/// Uniform in [0, 1) with 24 bits, from one random word.
fn unit_f32(word: u32) -> f32 {
    return f32(word >> 8u) * (1.0 / 16777216.0);
}
