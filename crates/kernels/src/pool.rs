//! A few threads that wait for work: for a while awake, because a minibatch's passes follow each other within
//! microseconds.

use core::marker::PhantomData;
use core::ops::Range;

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
pub(crate) struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// Jobs so far; held during one.
    jobs: Mutex<u64>,
    /// The next item of every thread's share.
    cursors: Vec<Cursor>,
}

/// A counter on a cache line of its own.
#[derive(Default)]
#[repr(align(64))]
struct Cursor(AtomicUsize);

impl Pool {
    /// A pool of `threads` (at least 1), one of which is the caller of [`run`](Self::run). Makes do with fewer if the
    /// system gives fewer.
    pub(crate) fn new(threads: usize) -> Self {
        let threads = threads.max(1);
        let shared = Arc::new(Shared {
            work: UnsafeCell::new(None),
            open: AtomicU64::new(0),
            inside: AtomicUsize::new(0),
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
        let cursors = (0..=workers.len()).map(|_| Cursor::default()).collect();
        Self { shared, workers, jobs: Mutex::new(0), cursors }
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
        let shares = if parallel { self.threads().min(items) } else { 1 };
        if shares <= 1 {
            (0..items).for_each(|item| work(0, item));
            return;
        }
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        for (share, cursor) in self.cursors.iter().enumerate().take(shares) {
            cursor.0.store(share * items / shares, Ordering::Relaxed);
        }
        self.run(&mut jobs, &|thread| {
            for share in (thread..shares).chain(0..thread.min(shares)) {
                let end = (share + 1) * items / shares;
                loop {
                    let item = self.cursors[share].0.fetch_add(1, Ordering::Relaxed);
                    if item >= end {
                        break;
                    }
                    work(thread, item);
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
            shared.open.store(*jobs, Ordering::SeqCst);
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
            self.shared.open.store(u64::MAX, Ordering::SeqCst);
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

    /// # Safety
    /// No two parts in use may overlap.
    #[expect(clippy::mut_from_ref, reason = "parts are disjoint by contract")]
    pub(crate) unsafe fn part(&self, range: Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: inside the slice by the check, and exclusive by this function's contract.
        unsafe { core::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}
