//! Where the random numbers of a task come from: a stream, or in tests the numbers that another implementation drew.

use crate::Stream;

/// A source of random numbers.
pub(crate) trait Chance {
    /// Uniform in `[0, 1)`.
    fn unit(&mut self) -> f64;

    /// Uniform in `0..n`.
    fn below(&mut self, n: u32) -> u32;

    /// Whether something of this probability happens.
    fn happens(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }
}

impl Chance for Stream {
    fn unit(&mut self) -> f64 {
        self.uniform().into()
    }

    fn below(&mut self, n: u32) -> u32 {
        Self::below(self, n)
    }
}

#[cfg(test)]
pub(crate) mod replay {
    use super::Chance;
    use serde::Deserialize;
    use std::vec::IntoIter;

    /// A number that was drawn: a uniform one, or the choice of one among so many.
    #[derive(Clone, Copy, Debug, Deserialize)]
    #[serde(untagged)]
    pub(crate) enum Draw {
        Unit(f64),
        Choice(u32, u32),
    }

    /// Recorded numbers in their order.
    pub(crate) struct Replay(IntoIter<Draw>);

    impl Replay {
        pub(crate) fn new(draws: Vec<Draw>) -> Self {
            Self(draws.into_iter())
        }

        pub(crate) fn is_used_up(&self) -> bool {
            self.0.len() == 0
        }
    }

    impl Chance for Replay {
        fn unit(&mut self) -> f64 {
            match self.0.next() {
                Some(Draw::Unit(number)) => number,
                other => panic!("a uniform number is drawn where {other:?} was"),
            }
        }

        fn below(&mut self, n: u32) -> u32 {
            match self.0.next() {
                Some(Draw::Choice(count, choice)) if count == n => choice,
                other => panic!("one of {n} is drawn where {other:?} was"),
            }
        }
    }
}
