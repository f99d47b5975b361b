//! Orders of rows: bijections, and as even as drawing them.

use proptest::prelude::*;
use std::collections::HashSet;
use striatum_kernels::{Permutation, shuffle};
use striatum_rng::{Purpose, Stream};

/// Keys of which the statistics are made.
const KEYS: u32 = 200_000;

fn key(i: u32) -> [u32; 2] {
    let mut stream = Stream::new(11, Purpose::Shuffle, 0, i);
    [stream.word(), stream.word()]
}

fn order(key: [u32; 2], len: u32) -> Vec<u32> {
    let mut rows = vec![u32::MAX; len as usize];
    shuffle(&[key], len as usize, &mut rows);
    rows
}

/// The squared distance from cells that are as likely.
fn chi_square(cells: &[u32]) -> f64 {
    let expected = cells.iter().map(|&n| f64::from(n)).sum::<f64>() / cells.len() as f64;
    cells.iter().map(|&n| (f64::from(n) - expected).powi(2) / expected).sum()
}

/// How many standard deviations a chi-square is from what `freedom` degrees lead to expect (Wilson & Hilferty 1931).
fn deviations(chi_square: f64, freedom: usize) -> f64 {
    let (freedom, variance) = (freedom as f64, 2.0 / (9.0 * freedom as f64));
    ((chi_square / freedom).cbrt() - (1.0 - variance)) / variance.sqrt()
}

/// The place of a permutation among all of its length.
fn rank(rows: &[u32]) -> usize {
    let smaller_after = |i: usize| rows[i + 1..].iter().filter(|&&row| row < rows[i]).count();
    (0..rows.len()).fold(0, |rank, i| rank * (rows.len() - i) + smaller_after(i))
}

#[test]
fn golden_values() {
    assert_eq!(order([0, 0], 10), [5, 0, 8, 3, 4, 6, 9, 2, 7, 1]);
    assert_eq!(order([1, 2], 10), [5, 1, 0, 9, 7, 6, 8, 3, 4, 2]);
    let wide = Permutation::new([0x0123_4567, 0x89ab_cdef], 1 << 31);
    assert_eq!([0, 1, 0x7fff_ffff].map(|i| wide.at(i)), [1_270_531_490, 2_063_931_041, 2_049_188_655]);
    let odd = Permutation::new([0x0123_4567, 0x89ab_cdef], 1_000_003);
    assert_eq!([0, 1, 1_000_002].map(|i| odd.at(i)), [938_153, 310_524, 686_278]);
}

#[test]
fn every_length_is_a_bijection() {
    for len in (0..300).chain([511, 512, 513, 4095, 4096, 4097, 65_535, 65_537, 1 << 20]) {
        let mut rows = order(key(len), len);
        rows.sort_unstable();
        assert!(rows.iter().copied().eq(0..len), "{len}");
    }
}

#[test]
fn the_largest_length_keeps_within_and_apart() {
    let order = Permutation::new([5, 6], 1 << 31);
    let rows: HashSet<u32> = (0..100_000).map(|i| order.at(i * 21_474)).collect();
    assert_eq!(rows.len(), 100_000);
    assert!(rows.iter().all(|&row| row < 1 << 31));
}

#[test]
fn agents_have_orders_of_their_own() {
    let mut rows = vec![0; 3 * 100];
    shuffle(&[[1, 2], [1, 3], [1, 2]], 100, &mut rows);
    assert_eq!(rows[..100], order([1, 2], 100));
    assert_eq!(rows[100..200], order([1, 3], 100));
    assert_eq!(rows[200..], rows[..100]);
    assert_ne!(rows[100..200], rows[..100]);
}

#[test]
#[should_panic]
fn more_rows_than_memory_are_a_bug() {
    shuffle(&[[1, 2]], 5, &mut [0; 4]);
}

#[test]
fn all_orders_of_five_are_as_likely() {
    let mut counts = vec![0; 120];
    (0..KEYS).for_each(|i| counts[rank(&order(key(i), 5))] += 1);
    let z = deviations(chi_square(&counts), 119);
    assert!(z.abs() < 4.0, "{z} deviations");
}

#[test]
fn every_place_gets_every_value() {
    for len in [5, 10, 64] {
        let mut counts = vec![0; len * len];
        for i in 0..KEYS {
            for (place, row) in order(key(i), len as u32).into_iter().enumerate() {
                counts[place * len + row as usize] += 1;
            }
        }
        // Each key fills a place and uses a value once: all sums are fixed, and the squares n / (n - 1) times those of free draws.
        let free = len - 1;
        let z = deviations(chi_square(&counts) * free as f64 / len as f64, free * free);
        assert!(z.abs() < 4.0, "{len}: {z} deviations");
    }
}

#[test]
fn neighbours_tell_nothing_of_each_other() {
    for len in [5, 10, 64] {
        for place in [0, len / 2 - 1, len - 2] {
            let mut counts = vec![0; len * (len - 1)];
            for i in 0..KEYS {
                let order = Permutation::new(key(i), len as u32);
                let [a, b] = [place, place + 1].map(|place| order.at(place as u32) as usize);
                counts[a * (len - 1) + b - usize::from(b > a)] += 1;
            }
            let z = deviations(chi_square(&counts), counts.len() - 1);
            assert!(z.abs() < 4.0, "{len}, places {place} and {}: {z} deviations", place + 1);
        }
    }
}

#[test]
fn keys_that_differ_by_one_tell_nothing_of_each_other() {
    let mut counts = vec![0; 64 * 64];
    for i in 0..KEYS {
        let [a, b] = [2 * i, 2 * i + 1].map(|low| Permutation::new([low, 7], 64).at(0) as usize);
        counts[a * 64 + b] += 1;
    }
    let z = deviations(chi_square(&counts), counts.len() - 1);
    assert!(z.abs() < 4.0, "{z} deviations");
}

proptest! {
    #[test]
    fn a_stretch_is_what_its_places_hold(words: [u32; 2], len in 1..3000_u32, from in 0.0..1.0, to in 0.0..1.0) {
        let order = Permutation::new(words, len);
        let [a, b] = [from, to].map(|share: f64| (share * f64::from(len)) as u32);
        let mut rows = vec![u32::MAX; a.abs_diff(b) as usize];
        order.fill(a.min(b), &mut rows);
        let expected: Vec<u32> = (a.min(b)..a.max(b)).map(|i| order.at(i)).collect();
        prop_assert_eq!(rows, expected);
    }
}
