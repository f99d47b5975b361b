//! A few threads that wait for work: for a while awake, because a minibatch's passes follow each other within
//! microseconds.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Turns of the wait before a thread goes to sleep (a worker) or yields (the caller): some tens of microseconds.
const PATIENCE: u32 = 2000;

type Work = dyn Fn(usize) + Sync;

struct Shared {
    /// The current job; written only while none is open and no worker is inside one.
    work: UnsafeCell<Option<*const Work>>,
    /// Number of the open job, 0 if there is none.
    open: AtomicU64,
    /// Workers inside a job, or about to find that it is closed.
    inside: AtomicUsize,
    panicked: AtomicBool,
    stop: AtomicBool,
    asleep: Mutex<usize>,
    wake: Condvar,
}

// SAFETY: a worker enters `inside` and then reads `work` only if the job is still open; `run` closes the job and then
// waits until nobody is inside, both in one total order (`SeqCst`), before the job's borrow ends or `work` is written
// again. The pointee is `Sync`.
unsafe impl Sync for Shared {}
// SAFETY: as above.
unsafe impl Send for Shared {}

/// Threads that run one function together.
pub(super) struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    jobs: u64,
}

impl Pool {
    /// A pool of `threads` (at least 1), one of which is the caller of [`run`](Self::run). Makes do with fewer if the
    /// system gives fewer.
    pub(super) fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            work: UnsafeCell::new(None),
            open: AtomicU64::new(0),
            inside: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            asleep: Mutex::new(0),
            wake: Condvar::new(),
        });
        let workers = (1..threads)
            .map_while(|i| {
                let shared = shared.clone();
                std::thread::Builder::new().name(format!("mlp-{i}")).spawn(move || shared.serve(i)).ok()
            })
            .collect();
        Self { shared, workers, jobs: 0 }
    }

    /// Threads, the caller included.
    pub(super) fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Runs `work(0)` here, and `work(i)` on each other thread `i` that comes before `work(0)` ends; so `work` must
    /// hand out what there is to do itself. A thread that the system keeps from running is not waited for.
    pub(super) fn run(&mut self, work: &(dyn Fn(usize) + Sync)) {
        let shared = &*self.shared;
        self.jobs += 1;
        // SAFETY: no job is open and nobody is inside one (`&mut self`, and the last `run` waited); the lifetime is
        // erased, but see `Sync` above.
        unsafe { *shared.work.get() = Some(core::mem::transmute::<*const (dyn Fn(usize) + Sync), *const Work>(work)) };
        let sleepers = {
            let asleep = shared.asleep.lock().unwrap_or_else(PoisonError::into_inner);
            shared.open.store(self.jobs, Ordering::SeqCst);
            *asleep
        };
        if sleepers > 0 {
            shared.wake.notify_all();
        }
        let own = catch_unwind(AssertUnwindSafe(|| work(0)));
        shared.open.store(0, Ordering::SeqCst);
        let mut turns = 0;
        while shared.inside.load(Ordering::SeqCst) > 0 {
            turns += 1;
            if turns < PATIENCE { core::hint::spin_loop() } else { std::thread::yield_now() }
        }
        if let Err(panic) = own {
            std::panic::resume_unwind(panic);
        }
        assert!(!shared.panicked.swap(false, Ordering::Relaxed), "a worker thread panicked");
    }
}

impl Shared {
    fn serve(&self, index: usize) {
        let mut seen = 0;
        loop {
            seen = self.next(seen);
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            self.inside.fetch_add(1, Ordering::SeqCst);
            if self.open.load(Ordering::SeqCst) == seen {
                // SAFETY: inside, and the job is open; see `Sync` above.
                let work = unsafe { (*self.work.get()).map(|work| &*work) };
                if catch_unwind(AssertUnwindSafe(|| work.inspect(|work| work(index)))).is_err() {
                    self.panicked.store(true, Ordering::Relaxed);
                }
            }
            self.inside.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Waits for an open job other than number `seen`, or for the end; gives its number.
    fn next(&self, seen: u64) -> u64 {
        let new = || match self.open.load(Ordering::SeqCst) {
            0 => None,
            now => (now != seen).then_some(now),
        };
        for _ in 0..PATIENCE {
            if let Some(now) = new() {
                return now;
            }
            core::hint::spin_loop();
        }
        let mut asleep = self.asleep.lock().unwrap_or_else(PoisonError::into_inner);
        *asleep += 1;
        let now = loop {
            if let Some(now) = new() {
                break now;
            }
            asleep = self.wake.wait(asleep).unwrap_or_else(PoisonError::into_inner);
        };
        *asleep -= 1;
        now
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        {
            let _asleep = self.shared.asleep.lock().unwrap_or_else(PoisonError::into_inner);
            self.shared.stop.store(true, Ordering::SeqCst);
            self.shared.open.store(self.jobs + 1, Ordering::SeqCst);
        }
        self.shared.wake.notify_all();
        for worker in self.workers.drain(..) {
            // A worker's panic was caught and reported by `run`.
            let _ = worker.join();
        }
    }
}
