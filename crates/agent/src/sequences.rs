//! In which order a network with memory learns from a rollout.

use striatum_kernels::shuffle;

/// The rows of a rollout of T `steps` of N `envs`, cut into sequences of `length` steps, which a key shuffles as it does single rows. A
/// minibatch has so many of them side by side: row `t * E + e` of its rows is step t of its sequence e.
pub(crate) fn order(key: [u32; 2], [steps, envs]: [usize; 2], length: usize, minibatches: usize) -> Vec<u32> {
    let count = steps * envs / length;
    let mut sequences = vec![0; count];
    shuffle(&[key], count, &mut sequences);
    let mut rows = Vec::with_capacity(steps * envs);
    for chosen in sequences.chunks(count / minibatches) {
        for step in 0..length {
            rows.extend(chosen.iter().map(|&sequence| {
                let (part, env) = (sequence as usize / envs, sequence as usize % envs);
                ((part * length + step) * envs + env) as u32
            }));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::order;
    use std::collections::BTreeSet;

    #[test]
    fn a_minibatch_is_whole_sequences_of_an_environment_in_the_order_of_time() {
        let (steps, envs, length, minibatches) = (12, 5, 4, 3);
        let rows = order([3, 4], [steps, envs], length, minibatches);
        assert_eq!(rows.iter().copied().collect::<BTreeSet<u32>>(), (0..60).collect());
        let mut starts = Vec::new();
        for minibatch in rows.chunks_exact(20) {
            for sequence in 0..5 {
                let own: Vec<u32> = minibatch[sequence..].iter().step_by(5).copied().collect();
                assert!(own.windows(2).all(|pair| pair[1] == pair[0] + envs as u32), "{own:?}");
                assert_eq!(own[0] / envs as u32 % length as u32, 0, "{own:?}");
                starts.push(own[0]);
            }
        }
        assert!(!starts.is_sorted(), "sequences are shuffled: {starts:?}");
        assert_ne!(rows, order([3, 5], [steps, envs], length, minibatches));
        // One sequence an environment and one minibatch: the rollout's own rows, environments in another order.
        let whole = order([1, 2], [steps, envs], steps, 1);
        assert!(whole.chunks_exact(5).enumerate().all(|(t, row)| row.iter().all(|&row| row as usize / envs == t)));
    }
}
