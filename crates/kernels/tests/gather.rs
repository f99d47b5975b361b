//! Gathering rows on the CPU.

use proptest::prelude::*;
use striatum_kernels::{Backend, Cpu, Selection, TakeColumnsArgs, UnpackBytesArgs};

fn gather(agents: usize, width: usize, source: &[f32], rows: &[u32]) -> Vec<f32> {
    let mut out = vec![f32::NAN; rows.len() * width];
    let stride = rows.len() / agents;
    let selection = Selection { rows: &rows.to_vec(), stride, first: 0 };
    Cpu::new().gather(agents, width, &source.to_vec(), selection, stride, &mut out);
    out
}

#[test]
fn numbers_worked_by_hand() {
    // Two agents with three rows of two; the second agent's rows start at 6.
    let source: Vec<f32> = (0..12u8).map(f32::from).collect();
    assert_eq!(gather(2, 2, &source, &[2, 0, 1, 1]), [4.0, 5.0, 0.0, 1.0, 8.0, 9.0, 8.0, 9.0]);
    // The same numbers as six rows of one an agent.
    assert_eq!(gather(2, 1, &source, &[5, 0, 0, 5]), [5.0, 0.0, 6.0, 11.0]);
}

#[test]
fn a_selection_starts_where_it_is_told() {
    // Two agents with lists of three, of which the last two count.
    let (source, rows) = (vec![0.0, 1.0, 2.0, 3.0], vec![9, 1, 0, 9, 0, 1]);
    let mut out = vec![f32::NAN; 4];
    let selection = Selection { rows: &rows, stride: 3, first: 1 };
    Cpu::new().gather(2, 1, &source, selection, 2, &mut out);
    assert_eq!(out, [1.0, 0.0, 2.0, 3.0]);
}

#[test]
fn columns_become_lines() {
    // One agent, rows of three, columns 1 and 2, to places 1.. of lines of four.
    let take = |places: Option<&Vec<u32>>| {
        let mut out = vec![-1.0; 8];
        Cpu::new().take_columns(TakeColumnsArgs {
            agents: 1,
            rows: 2,
            source: &vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
            width: 3,
            column: 1,
            columns: 2,
            places,
            at: 1,
            out: &mut out,
            stride: 4,
        });
        out
    };
    assert_eq!(take(None), [-1.0, 1.0, 4.0, -1.0, -1.0, 2.0, 5.0, -1.0]);
    assert_eq!(take(Some(&vec![2, 0])), [-1.0, 4.0, -1.0, 1.0, -1.0, 5.0, -1.0, 2.0]);
}

#[test]
fn packed_bytes_become_numbers_from_0_to_1() {
    // Two rows of five bytes in two words, and a number that is copied.
    let words = |bytes: [u8; 8]| [0, 4].map(|at| f32::from_le_bytes([0, 1, 2, 3].map(|i| bytes[at + i])));
    let [a, b] = words([0, 51, 102, 255, 5, 0, 0, 0]);
    let [c, d] = words([255, 255, 255, 127, 1, 9, 9, 9]);
    let mut out = vec![f32::NAN; 12];
    let source = vec![a, b, -3.5, c, d, 7.0];
    Cpu::new().unpack_bytes(UnpackBytesArgs { rows: 2, bytes: 5, rest: 1, source: &source, out: &mut out });
    let expected = [0.0, 0.2, 0.4, 1.0, 5.0 / 255.0, -3.5, 1.0, 1.0, 1.0, 127.0 / 255.0, 1.0 / 255.0, 7.0];
    for (i, (number, expected)) in out.iter().zip(expected).enumerate() {
        assert!((number - expected).abs() < 1e-7, "{i}: {number} is not {expected}");
    }
}

#[test]
fn gathering_keeps_bit_patterns() {
    // A signalling NaN, a denormal and a negative zero: four bytes each that are no numbers.
    let patterns = [0x7fa0_1234_u32, 0x0000_0101, 0x8000_0000, 0xffff_ffff];
    let out = gather(1, 2, &patterns.map(f32::from_bits), &[1, 0]);
    assert_eq!(
        out.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
        [patterns[2], patterns[3], patterns[0], patterns[1]]
    );
}

#[test]
fn nothing_to_do_is_done() {
    assert!(gather(1, 3, &[1.0, 2.0, 3.0], &[]).is_empty());
    assert!(gather(1, 0, &[], &[0, 0]).is_empty());
}

#[test]
#[should_panic]
fn a_row_that_is_not_there_is_a_bug() {
    gather(1, 2, &[1.0, 2.0], &[1]);
}

proptest! {
    #[test]
    fn every_number_comes_from_its_row(agents in 1..4usize, width in 1..9usize, source_rows in 1..50usize, words in prop::collection::vec(any::<u32>(), 1..200)) {
        let source: Vec<f32> = (0..agents * source_rows * width).map(|i| i as f32).collect();
        let per_agent = words.len() / agents;
        let rows: Vec<u32> = words[..per_agent * agents].iter().map(|word| word % source_rows as u32).collect();
        let out = gather(agents, width, &source, &rows);
        prop_assert_eq!(out.len(), rows.len() * width);
        for (i, number) in out.into_iter().enumerate() {
            let (taken, column) = (i / width, i % width);
            let expected = (taken / per_agent * source_rows + rows[taken] as usize) * width + column;
            prop_assert_eq!(number, expected as f32);
        }
    }
}
