//! Numbers that kernels are checked and timed with: the same ones every time, and none of them special.

/// A number of -0.5 to 0.5 by its index; `salt` tells arrays apart.
pub fn number(index: usize, salt: u32) -> f32 {
    (word(index, salt) >> 8) as f32 / (1 << 24) as f32 - 0.5
}

/// A word by its index, by the finaliser of MurmurHash3 (Appleby 2008).
pub fn word(index: usize, salt: u32) -> u32 {
    let mut x = (index as u32).wrapping_add(salt.wrapping_mul(0x9e37_79b9));
    x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

/// An array of [`number`]s times `scale`.
pub fn numbers(len: usize, salt: u32, scale: f32) -> Vec<f32> {
    (0..len).map(|i| scale * number(i, salt)).collect()
}

/// An array of flags, of which one in `every` is set.
pub fn flags(len: usize, salt: u32, every: u32) -> Vec<f32> {
    (0..len).map(|i| f32::from(u8::from(word(i, salt).is_multiple_of(every)))).collect()
}

/// Twice the precision, for a reference.
pub fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&x| f64::from(x)).collect()
}
