//! Gathering rows on the CPU.

use proptest::prelude::*;
use striatum_kernels::{Backend, Cpu};

fn gather(agents: usize, width: usize, source: &[f32], rows: &[u32]) -> Vec<f32> {
    let mut out = vec![f32::NAN; rows.len() * width];
    Cpu::new().gather(agents, width, &source.to_vec(), &rows.to_vec(), &mut out);
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
