//! Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
//!
//! A number depends only on what it is for: the seed, the [`Purpose`], the lane (environment, row or parameter) and the
//! index (episode, step or update). So a result never depends on the thread count, on the batch size, or on where a run
//! was interrupted. `shaders/philox.wgsl` computes the same words.

use core::convert::Infallible;
use rand_core::TryRng;

const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// One block of Philox4x32-10: four random words for a counter and a key.
pub const fn philox4x32(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    let mut round = 0;
    while round < 10 {
        let p0 = MULTIPLIER[0] as u64 * counter[0] as u64;
        let p1 = MULTIPLIER[1] as u64 * counter[2] as u64;
        counter =
            [(p1 >> 32) as u32 ^ counter[1] ^ key[0], p1 as u32, (p0 >> 32) as u32 ^ counter[3] ^ key[1], p0 as u32];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        round += 1;
    }
    counter
}

/// What a random number is for. Two purposes never share numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// The initial state of an episode.
    Reset = 0,
    /// Noise inside an environment's dynamics.
    Dynamics = 1,
    /// Sampling an action.
    Action = 2,
    /// The order of samples in an epoch.
    Shuffle = 3,
    /// Initial network parameters.
    Init = 4,
    /// The exploration matrix of generalised state-dependent exploration.
    Exploration = 5,
    /// Seeds of evaluation episodes.
    Evaluation = 6,
    /// Anything a user's own code draws.
    User = 7,
    /// Which samples of a distributional critic's targets go on along the trajectory.
    Replacement = 8,
    /// Whether an action sticks.
    Sticky = 9,
    /// How often nothing is done after a reset.
    Noop = 10,
}

/// Uniform in `[0, 1)` with 24 bits, from one random word.
pub const fn unit_f32(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// Two independent standard normal numbers from two random words (Box and Muller 1958).
pub fn normal_pair(a: u32, b: u32) -> [f32; 2] {
    // 1 - u lies in (0, 1], so that the logarithm is finite.
    let radius = (-2.0 * f64::from(1.0 - unit_f32(a)).ln()).sqrt();
    let (sin, cos) = (core::f64::consts::TAU * f64::from(unit_f32(b))).sin_cos();
    [(radius * cos) as f32, (radius * sin) as f32]
}

/// A stream of random numbers for one seed, purpose, lane and index.
///
/// Implements [`rand_core::Rng`], so that the distributions of the `rand` crate work with it.
///
/// ```
/// use striatum_rng::{Purpose, Stream};
/// let mut a = Stream::new(7, Purpose::Reset, 3, 0);
/// let mut b = Stream::new(7, Purpose::Reset, 3, 0);
/// assert_eq!(a.uniform(), b.uniform());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    key: [u32; 2],
    counter: [u32; 4],
    words: [u32; 4],
    used: usize,
}

impl Stream {
    /// The stream of `seed` for `purpose`, at `lane` (which environment, row or parameter) and `index` (which episode,
    /// step or update).
    pub const fn new(seed: u64, purpose: Purpose, lane: u32, index: u32) -> Self {
        Self {
            key: [seed as u32, (seed >> 32) as u32],
            counter: [0, lane, index, purpose as u32],
            words: [0; 4],
            used: 4,
        }
    }

    /// The next random word.
    pub const fn word(&mut self) -> u32 {
        if self.used == 4 {
            self.words = philox4x32(self.counter, self.key);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        let word = self.words[self.used];
        self.used += 1;
        word
    }

    /// Uniform in `[0, 1)`.
    pub const fn uniform(&mut self) -> f32 {
        unit_f32(self.word())
    }

    /// Uniform in `[low, high)`.
    pub fn range(&mut self, low: f64, high: f64) -> f64 {
        let unit = (f64::from(self.word()) + f64::from(self.word() >> 11) / 2_097_152.0) / 4_294_967_296.0;
        low + (high - low) * unit
    }

    /// Standard normal.
    pub fn normal(&mut self) -> f32 {
        let (a, b) = (self.word(), self.word());
        normal_pair(a, b)[0]
    }

    /// Uniform in `0..n` by multiplication (Lemire 2019, without the rejection step: the bias is below `n / 2^32`).
    pub const fn below(&mut self, n: u32) -> u32 {
        ((self.word() as u64 * n as u64) >> 32) as u32
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from(self.word()) | u64::from(self.word()) << 32)
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(4) {
            chunk.copy_from_slice(&self.word().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::Rng;

    /// Known answers of Random123 (`kat_vectors`, philox4x32 with 10 rounds).
    #[test]
    fn philox_gives_the_published_words() {
        let cases: [([u32; 4], [u32; 2], [u32; 4]); 3] = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, expected) in cases {
            assert_eq!(philox4x32(counter, key), expected);
        }
    }

    #[test]
    fn uniform_and_normal_have_their_moments() {
        let mut stream = Stream::new(1, Purpose::User, 0, 0);
        let n = 100_000;
        let (mut u, mut z, mut zz) = (0.0, 0.0, 0.0);
        for _ in 0..n {
            u += f64::from(stream.uniform());
            let x = f64::from(stream.normal());
            z += x;
            zz += x * x;
        }
        let n = f64::from(n);
        assert!((u / n - 0.5).abs() < 0.005, "mean of uniforms {}", u / n);
        assert!((z / n).abs() < 0.02, "mean of normals {}", z / n);
        assert!((zz / n - 1.0).abs() < 0.03, "variance of normals {}", zz / n);
    }

    #[test]
    fn purposes_lanes_and_indices_are_apart() {
        let base = Stream::new(1, Purpose::Reset, 0, 0).next_u64();
        assert_ne!(base, Stream::new(2, Purpose::Reset, 0, 0).next_u64());
        assert_ne!(base, Stream::new(1, Purpose::Action, 0, 0).next_u64());
        assert_ne!(base, Stream::new(1, Purpose::Reset, 1, 0).next_u64());
        assert_ne!(base, Stream::new(1, Purpose::Reset, 0, 1).next_u64());
    }

    #[test]
    fn below_covers_its_range_evenly() {
        let mut stream = Stream::new(3, Purpose::Shuffle, 0, 0);
        let mut counts = [0_u32; 5];
        for _ in 0..50_000 {
            counts[stream.below(5) as usize] += 1;
        }
        assert!(counts.iter().all(|&c| (9_500..10_500).contains(&c)), "{counts:?}");
    }
}
