//! A few threads that wait for work: for a while awake, because a minibatch's passes follow each other within
//! microseconds.

use core::marker::PhantomData;
use core::ops::Range;

use core::cell::{Cell, UnsafeCell};
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Turns of the wait before a thread goes to sleep (a worker) or yields (the caller): some tens of microseconds.
const PATIENCE: u32 = 2000;

/// Turns of the longest of the waits before something is taken of another thread's share, some microseconds together. What belongs to that
/// share would have to be fetched from the other's cache, now, and by the other in the next job.
const RESPECT: u32 = 256;

/// The most phases of a job.
const PHASES: usize = 4;

thread_local! {
    static THREAD: Cell<usize> = const { Cell::new(0) };
}

/// The calling thread's number in its pool; 0 if it is in none.
pub(crate) fn current() -> usize {
    THREAD.get()
}

type Work = dyn Fn(usize) + Sync;

struct Shared {
    /// The current job; written only while none is open and no worker is inside one.
    work: UnsafeCell<Option<*const Work>>,
    /// Number of the open job, 0 if there is none.
    open: Apart<AtomicU64>,
    /// Workers inside a job, or about to find that it is closed.
    inside: Apart<AtomicUsize>,
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
pub(crate) struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// Jobs so far; held during one.
    jobs: Mutex<u64>,
    /// The next items of every thread's share.
    cursors: Vec<Counters>,
    /// Items of a phase that are done.
    done: Counters,
}

/// A phase of a job: how many items it has, and what is done, `(thread, item)`.
pub(crate) type Phase<'a> = (usize, &'a (dyn Fn(usize, usize) + Sync));

/// A counter a phase.
type Counters = Apart<[AtomicUsize; PHASES]>;

/// On cache lines of its own, of which processors fetch two.
#[derive(Default)]
#[repr(align(128))]
struct Apart<T>(T);

/// Items that a thread has taken of a share, counted as done when dropped: at once, because others watch the counter.
struct Taken<'a> {
    items: usize,
    done: &'a AtomicUsize,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if self.items > 0 {
            self.done.fetch_add(self.items, Ordering::Release);
        }
    }
}

/// Whether another thread's share, up to `end`, is all taken before long. Each look delays the other, so they become rarer.
fn is_emptied(cursor: &AtomicUsize, end: usize) -> bool {
    let mut turns = 8;
    while cursor.load(Ordering::Relaxed) < end {
        if turns > RESPECT {
            return false;
        }
        (0..turns).for_each(|_| core::hint::spin_loop());
        turns *= 2;
    }
    true
}

fn wait_until(condition: impl Fn() -> bool) {
    let mut turns = 0;
    while !condition() {
        turns += 1;
        if turns < PATIENCE { core::hint::spin_loop() } else { std::thread::yield_now() }
    }
}

impl Pool {
    /// A pool of `threads` (at least 1), one of which is the caller of [`run`](Self::run). Makes do with fewer if the
    /// system gives fewer.
    pub(crate) fn new(threads: usize) -> Self {
        let threads = threads.max(1);
        let shared = Arc::new(Shared {
            work: UnsafeCell::new(None),
            open: Apart(AtomicU64::new(0)),
            inside: Apart(AtomicUsize::new(0)),
            panicked: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            asleep: Mutex::new(0),
            wake: Condvar::new(),
        });
        let workers: Vec<_> = (1..threads)
            .map_while(|i| {
                let shared = shared.clone();
                std::thread::Builder::new().name(format!("striatum-{i}")).spawn(move || shared.serve(i)).ok()
            })
            .collect();
        let cursors = (0..=workers.len()).map(|_| Counters::default()).collect();
        Self { shared, workers, jobs: Mutex::new(0), cursors, done: Counters::default() }
    }

    /// Threads, the caller included.
    pub(crate) fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Runs `work(thread, item)` once for every item. Each thread begins with its own share, the same in every job so that it
    /// finds its data in its cache, and then helps the others. `parallel` tells whether other threads are worth waking.
    ///
    /// Not to be called from within `work`.
    pub(crate) fn split(&self, items: usize, parallel: bool, work: &(dyn Fn(usize, usize) + Sync)) {
        self.phases(parallel, &[(items, work)]);
    }

    /// As [`split`](Self::split), one phase after the other: none begins before the one before it is done.
    pub(crate) fn phases(&self, parallel: bool, phases: &[Phase<'_>]) {
        let most = phases.iter().map(|&(items, _)| items).max().unwrap_or(0);
        let shares = if parallel { self.threads().min(most) } else { 1 };
        if shares <= 1 {
            phases.iter().for_each(|&(items, work)| (0..items).for_each(|item| work(0, item)));
            return;
        }
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        for (phase, &(items, _)) in phases.iter().enumerate() {
            self.done.0[phase].store(0, Ordering::Relaxed);
            for (share, cursors) in self.cursors.iter().enumerate().take(shares) {
                cursors.0[phase].store(share * items / shares, Ordering::Relaxed);
            }
        }
        self.run(&mut jobs, &|thread| {
            for (number, &(items, work)) in phases.iter().enumerate() {
                let done = &self.done.0[number];
                for share in (thread..shares).chain(0..thread.min(shares)) {
                    let (cursor, end) = (&self.cursors[share].0[number], (share + 1) * items / shares);
                    if share != thread && is_emptied(cursor, end) {
                        continue;
                    }
                    let mut taken = Taken { items: 0, done };
                    loop {
                        let item = cursor.fetch_add(1, Ordering::Relaxed);
                        if item >= end {
                            break;
                        }
                        // Counted even if it panics, so that nobody waits for it.
                        taken.items += 1;
                        work(thread, item);
                    }
                }
                if number + 1 < phases.len() {
                    wait_until(|| done.load(Ordering::Acquire) == items);
                }
            }
        });
    }

    /// Runs `work(0)` here, and `work(i)` on each other thread `i` that comes before `work(0)` ends; so `work` must
    /// hand out what there is to do itself. A thread that the system keeps from running is not waited for.
    fn run(&self, jobs: &mut u64, work: &(dyn Fn(usize) + Sync)) {
        let shared = &*self.shared;
        *jobs += 1;
        // SAFETY: no job is open and nobody is inside one (`jobs` is held, and the last `run` waited); the lifetime is
        // erased, but see `Sync` above.
        unsafe { *shared.work.get() = Some(core::mem::transmute::<*const (dyn Fn(usize) + Sync), *const Work>(work)) };
        let sleepers = {
            let asleep = shared.asleep.lock().unwrap_or_else(PoisonError::into_inner);
            shared.open.0.store(*jobs, Ordering::SeqCst);
            *asleep
        };
        if sleepers > 0 {
            shared.wake.notify_all();
        }
        let own = catch_unwind(AssertUnwindSafe(|| work(0)));
        shared.open.0.store(0, Ordering::SeqCst);
        wait_until(|| shared.inside.0.load(Ordering::SeqCst) == 0);
        if let Err(panic) = own {
            std::panic::resume_unwind(panic);
        }
        assert!(!shared.panicked.swap(false, Ordering::Relaxed), "a worker thread panicked");
    }
}

impl Shared {
    fn serve(&self, index: usize) {
        THREAD.set(index);
        let mut seen = 0;
        loop {
            seen = self.next(seen);
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            self.inside.0.fetch_add(1, Ordering::SeqCst);
            if self.open.0.load(Ordering::SeqCst) == seen {
                // SAFETY: inside, and the job is open; see `Sync` above.
                let work = unsafe { (*self.work.get()).map(|work| &*work) };
                if catch_unwind(AssertUnwindSafe(|| work.inspect(|work| work(index)))).is_err() {
                    self.panicked.store(true, Ordering::Relaxed);
                }
            }
            self.inside.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Waits for an open job other than number `seen`, or for the end; gives its number.
    fn next(&self, seen: u64) -> u64 {
        let new = || match self.open.0.load(Ordering::SeqCst) {
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
            self.shared.open.0.store(u64::MAX, Ordering::SeqCst);
        }
        self.shared.wake.notify_all();
        for worker in self.workers.drain(..) {
            // A worker's panic was caught and reported by `run`.
            let _ = worker.join();
        }
    }
}

/// A slice whose disjoint parts go to several threads.
pub(crate) struct Parts<'a, T = f32> {
    start: *mut T,
    len: usize,
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: stands for an exclusive borrow; `part`'s contract keeps the parts apart.
unsafe impl<T: Send> Sync for Parts<'_, T> {}

impl<'a, T> Parts<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    /// Parts of a slice that is only read.
    ///
    /// # Safety
    /// No [`part`](Self::part) may be taken.
    pub(crate) unsafe fn fixed(slice: &'a [T]) -> Self {
        Self { start: slice.as_ptr().cast_mut(), len: slice.len(), slice: PhantomData }
    }

    /// # Safety
    /// No two parts in use may overlap.
    #[expect(clippy::mut_from_ref, reason = "parts are disjoint by contract")]
    pub(crate) unsafe fn part(&self, range: Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: inside the slice by the check, and exclusive by this function's contract.
        unsafe { core::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }

    /// A part to read.
    ///
    /// # Safety
    /// No [`part`](Self::part) in use may overlap.
    pub(crate) unsafe fn shared(&self, range: Range<usize>) -> &[T] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: inside the slice by the check, and written by nobody by this function's contract.
        unsafe { core::slice::from_raw_parts(self.start.add(range.start), range.len()) }
    }

    /// Where a range begins, of which not everything need be the caller's.
    pub(crate) fn start_of(&self, range: Range<usize>) -> *mut T {
        assert!(range.start <= range.end && range.end <= self.len);
        self.start.wrapping_add(range.start)
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::Pool;
    use core::sync::atomic::{AtomicUsize, Ordering};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn no_phase_begins_before_the_one_before_it_is_done() {
        for threads in [1, 2, 3] {
            let pool = Pool::new(threads);
            for round in 0..300 {
                let items = round % 7;
                let (first, second) = (AtomicUsize::new(0), AtomicUsize::new(0));
                let count = |_, _| {
                    first.fetch_add(1, Ordering::Relaxed);
                };
                let check = |_, _| {
                    assert_eq!(first.load(Ordering::Relaxed), items);
                    second.fetch_add(1, Ordering::Relaxed);
                };
                pool.phases(true, &[(items, &count), (5, &check)]);
                assert_eq!(second.into_inner(), 5);
            }
        }
    }

    #[test]
    fn a_panic_in_a_phase_ends_the_job_and_leaves_the_threads() {
        let pool = Pool::new(3);
        for item in 0..4 {
            let fail = |_, i| assert_ne!(i, item, "as it should");
            assert!(catch_unwind(AssertUnwindSafe(|| pool.phases(true, &[(4, &fail), (4, &|_, _| ())]))).is_err());
        }
        let done = AtomicUsize::new(0);
        let count = |_, _| {
            done.fetch_add(1, Ordering::Relaxed);
        };
        pool.split(10, true, &count);
        assert_eq!(done.into_inner(), 10);
    }
}
