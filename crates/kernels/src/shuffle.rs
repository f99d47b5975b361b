//! The mirror of `shaders/shuffle.wgsl`.

use crate::pool::{Parts, Pool};
use striatum_rng::philox4x32;

/// Rounds of the network, as many as the paper takes. 16 still show in how neighbours are placed.
const ROUNDS: usize = 24;

/// That of Philox2x32. Odd, so that a product's low bits tell the factor.
const MULTIPLIER: u32 = 0xD256_D193;

/// The network of fewer bits is too narrow to mix.
const LEAST_BITS: u32 = 4;

/// Numbers scrambled together.
const LANES: usize = 16;

/// A keyed bijection of `0..len`, whose value at any place is computed without the others.
///
/// Mitchell, Stokes, Frank & Holmes 2022 ("Bandwidth-optimal random shuffling for GPUs"): a Feistel network of Philox's rounds over
/// the next power of two, applied again and again until the number is below `len`. Every key gives the network a permutation of the
/// same sign, which small lengths would show; so the key also decides whether the values 0 and 1 change places.
///
/// ```
/// let order = striatum_kernels::Permutation::new([1, 2], 5);
/// let mut rows: Vec<u32> = (0..5).map(|i| order.at(i)).collect();
/// rows.sort();
/// assert_eq!(rows, [0, 1, 2, 3, 4]);
/// ```
#[derive(Clone, Debug)]
pub struct Permutation {
    keys: [u32; ROUNDS],
    len: u32,
    /// Bits of the left half.
    left: u32,
    /// Bits of the right half: as many, or one more.
    right: u32,
    /// 1 if the values 0 and 1 change places.
    swapped: u32,
}

/// Bits of the left and the right half of the network for `len` numbers.
pub(crate) fn halves(len: u32) -> [u32; 2] {
    let bits = (u32::BITS - len.saturating_sub(1).leading_zeros()).max(LEAST_BITS);
    [bits / 2, bits.div_ceil(2)]
}

impl Permutation {
    /// The bijection of `0..len` that two random words choose.
    pub fn new(key: [u32; 2], len: u32) -> Self {
        let mut keys = [0; ROUNDS];
        for (block, words) in (0..).zip(keys.as_chunks_mut().0) {
            *words = philox4x32([block, 0, 0, 0], key);
        }
        let [left, right] = halves(len);
        // A round takes the low bits of its key only.
        let swapped = if len > 1 { keys[0] >> 31 } else { 0 };
        Self { keys, len, left, right, swapped }
    }

    /// What stands at place `i`, which is below the length.
    pub fn at(&self, i: u32) -> u32 {
        self.walk(self.scramble_one(i))
    }

    /// What stands at the places from `first` on, as many as `out` has.
    pub fn fill(&self, first: u32, out: &mut [u32]) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has just been found to have AVX2.
            return unsafe { fill_avx2(self, first, out) };
        }
        self.fill_lanes(first, out);
    }

    /// Once through all rounds.
    #[inline(always)]
    fn scramble<const L: usize>(&self, numbers: [u32; L]) -> [u32; L] {
        let (left_mask, right_mask) = ((1 << self.left) - 1, (1 << self.right) - 1);
        let mut left = numbers.map(|x| x >> self.right);
        let mut right = numbers.map(|x| x & right_mask);
        for key in self.keys {
            for (left, right) in left.iter_mut().zip(&mut right) {
                let product = u64::from(MULTIPLIER) * u64::from(*left);
                let (high, low) = ((product >> 32) as u32, product as u32);
                // The low bits of the product and the bit of the right half that the left one has no room for are enough to
                // go back.
                *left = (high ^ key ^ *right) & left_mask;
                *right = ((low << (self.right - self.left)) | (*right >> self.left)) & right_mask;
            }
        }
        let mut numbers = [0; L];
        for ((number, left), right) in numbers.iter_mut().zip(left).zip(right) {
            *number = left << self.right | right;
        }
        numbers
    }

    fn scramble_one(&self, number: u32) -> u32 {
        let [number] = self.scramble([number]);
        number
    }

    /// Where a number that has been scrambled once ends.
    fn walk(&self, mut number: u32) -> u32 {
        while number >= self.len {
            number = self.scramble_one(number);
        }
        number ^ (self.swapped & u32::from(number < 2))
    }

    /// Those that fall out of range wait until there are enough to go on with all lanes.
    #[inline(always)]
    fn fill_lanes(&self, first: u32, out: &mut [u32]) {
        let (mut waiting, mut places, mut count) = ([0; 2 * LANES], [0; 2 * LANES], 0);
        let mut begun = 0;
        loop {
            let (mut numbers, mut taken) = ([0; LANES], [0; LANES]);
            if count >= LANES {
                count -= LANES;
                numbers.copy_from_slice(&waiting[count..count + LANES]);
                taken.copy_from_slice(&places[count..count + LANES]);
            } else if begun + LANES <= out.len() {
                for lane in 0..LANES {
                    taken[lane] = begun + lane;
                    numbers[lane] = first + (begun + lane) as u32;
                }
                begun += LANES;
            } else {
                break;
            }
            for (number, place) in self.scramble(numbers).into_iter().zip(taken) {
                out[place] = number ^ (self.swapped & u32::from(number < 2));
                (waiting[count], places[count]) = (number, place);
                count += usize::from(number >= self.len);
            }
        }
        for (&number, &place) in waiting.iter().zip(&places).take(count) {
            out[place] = self.walk(number);
        }
        for (i, out) in out.iter_mut().enumerate().skip(begun) {
            *out = self.at(first + i as u32);
        }
    }
}

/// The same numbers, eight at once.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn fill_avx2(order: &Permutation, first: u32, out: &mut [u32]) {
    order.fill_lanes(first, out);
}

pub(crate) fn assert_lengths(agents: usize, rows: usize, out: usize) {
    assert!(rows <= 1 << 31, "shuffle: {rows} rows are more than 2^31");
    assert!(out >= agents * rows, "shuffle: {out} numbers cannot hold {agents} x {rows} rows");
}

/// An order of `0..rows` for every agent: `out[a, i]` is [`Permutation::at`] `i` of the agent's key. `out` is `[A, rows]`, `rows` at
/// most 2^31; A is the number of keys, each of two random words.
pub fn shuffle(keys: &[[u32; 2]], rows: usize, out: &mut [u32]) {
    mirror(&Pool::new(1), keys, rows, out);
}

/// Numbers that a thread takes at once.
const PART: usize = 2048;

pub(crate) fn mirror(pool: &Pool, keys: &[[u32; 2]], rows: usize, out: &mut [u32]) {
    assert_lengths(keys.len(), rows, out.len());
    let parts = rows.div_ceil(PART);
    for (&key, out) in keys.iter().zip(out.chunks_exact_mut(rows.max(1))) {
        let (order, out) = (Permutation::new(key, rows as u32), Parts::new(out));
        pool.split(parts, parts > 1, &|_, part| {
            let range = part * PART..rows.min((part + 1) * PART);
            // SAFETY: every part is one item's.
            order.fill(range.start as u32, unsafe { out.part(range) });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::Permutation;

    #[test]
    fn instruction_sets_do_not_change_a_word() {
        for len in [1, 15, 16, 17, 256, 257, 1000] {
            let order = Permutation::new([len, 9], len);
            let (mut plain, mut best) = (vec![u32::MAX; len as usize], vec![u32::MAX; len as usize]);
            order.fill_lanes(0, &mut plain);
            order.fill(0, &mut best);
            assert_eq!(plain, best, "{len}");
        }
    }
}
