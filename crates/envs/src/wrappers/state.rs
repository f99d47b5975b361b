//! The state of wrappers within a [`Snapshot`]: behind that of the inner batch, in each environment's row.

use crate::{EnvError, Snapshot};

/// Adds what `save` writes of each environment.
pub(super) fn extend(inner: Snapshot, mut save: impl FnMut(usize, &mut Vec<f64>)) -> Snapshot {
    let count = inner.episodes.len();
    let mut states = Vec::new();
    for env in 0..count {
        states.extend_from_slice(&inner.states[env * inner.state_width..][..inner.state_width]);
        save(env, &mut states);
    }
    Snapshot { state_width: states.len().checked_div(count).unwrap_or(0), states, ..inner }
}

/// Takes a snapshot of `count` environments apart into the inner batch's and a wrapper's rows of `own` numbers.
pub(super) fn split(
    snapshot: &Snapshot,
    count: usize,
    own: usize,
) -> Result<(Snapshot, impl Iterator<Item = Reader<'_>>), EnvError> {
    let width = snapshot.state_width;
    if width < own || Some(snapshot.states.len()) != count.checked_mul(width) {
        return Err(EnvError::BadState(format!(
            "a snapshot of {} numbers, {width} an environment, does not fit {count} wrapped environments",
            snapshot.states.len(),
        )));
    }
    let row = move |env: usize| snapshot.states[env * width..][..width].split_at(width - own);
    let states = (0..count).flat_map(|env| row(env).0).copied().collect();
    let inner = Snapshot { state_width: width - own, states, ..snapshot.clone() };
    Ok((inner, (0..count).map(move |env| Reader(row(env).1))))
}

/// The numbers of a row, one after the other.
pub(super) struct Reader<'a>(&'a [f64]);

impl Reader<'_> {
    /// The next number; the rows are as long as what is read of them.
    pub fn number(&mut self) -> f64 {
        let (&first, rest) = self.0.split_first().unwrap_or((&0.0, &[]));
        self.0 = rest;
        first
    }

    /// The next numbers that [`push_words`] wrote.
    pub fn words(&mut self, words: &mut [f32]) {
        words.iter_mut().for_each(|word| *word = f32::from_bits(self.number() as u32));
    }
}

/// Writes words of a row bit for bit.
pub(super) fn push_words(state: &mut Vec<f64>, words: &[f32]) {
    state.extend(words.iter().map(|word| f64::from(word.to_bits())));
}
