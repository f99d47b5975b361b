//! Over how many threads a batch's steps are divided.

use std::thread;
use std::time::Duration;

/// Steps that are timed on one thread before the thread count is chosen.
const TIMED_STEPS: u32 = 16;

/// Work that a thread must have for starting it to pay: starting and joining one takes about 45 us.
const WORK_PER_THREAD: Duration = Duration::from_micros(150);

/// How a step is divided.
#[derive(Debug)]
pub(crate) enum Split {
    /// Still on one thread: how many steps were timed, and the shortest time.
    Timing { steps: u32, shortest: Duration },
    /// Over this many threads.
    Threads(usize),
}

impl Split {
    /// Takes the time of one more step on one thread and, after enough of them, chooses.
    pub(crate) fn time(&mut self, time: Duration, num_envs: usize) {
        if let Self::Timing { steps, shortest } = self {
            *steps += 1;
            *shortest = time.min(*shortest);
            if *steps == TIMED_STEPS {
                let cores = thread::available_parallelism().map_or(1, usize::from);
                let worthwhile = (shortest.as_nanos() / WORK_PER_THREAD.as_nanos()) as usize;
                *self = Self::Threads(worthwhile.min(cores).min(num_envs).max(1));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_started_for_long_steps_only() {
        let choice = |times: &[u64], num_envs| {
            let mut split = Split::Timing { steps: 0, shortest: Duration::MAX };
            times.iter().for_each(|&micros| split.time(Duration::from_micros(micros), num_envs));
            match split {
                Split::Timing { .. } => None,
                Split::Threads(threads) => Some(threads),
            }
        };
        let cores = thread::available_parallelism().map_or(1, usize::from);
        assert_eq!(choice(&[10_000_000; 15], 1 << 20), None, "still timing");
        assert_eq!(choice(&[10_000_000; 16], 1 << 20), Some(cores));
        assert_eq!(choice(&[10_000_000; 16], 1), Some(1));
        assert_eq!(choice(&[299; 16], 1024), Some(1));
        assert_eq!(choice(&[300; 16], 1024), Some(2.min(cores)));
        let mut spike = [20; 16];
        spike[3] = 10_000_000;
        assert_eq!(choice(&spike, 1024), Some(1), "one slow step is chance");
    }
}
