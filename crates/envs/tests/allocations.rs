//! Stepping on one thread allocates nothing, resets included.

mod common;

use common::{Run, random_actions};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use striatum_envs::{Batch, VecEnv, make_one, tasks};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `alloc` above, thus from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_step_allocates_nothing() {
    for task in tasks() {
        let batch = Batch::new(9, || make_one(task.name).unwrap()).unwrap();
        let mut run = Run::seeded(batch.with_threads(1), 4);
        let actions = random_actions(&task.action_space, 9, 0);
        let before = COUNT.get();
        // Freeway lasts 2501 steps.
        for _ in 0..2600 {
            run.step(&actions).unwrap();
        }
        assert_eq!(COUNT.get() - before, 0, "{}", task.name);
        let resets = run.batch.snapshot().episodes;
        // One may walk into a wall, or stay at the surface, for ever.
        let endless = task.continuing || task.name.starts_with("CliffWalking") || task.name == "MinAtar/Seaquest-v1";
        assert!(endless || resets.iter().all(|&episode| episode > 0), "{} did reset", task.name);
        assert!(!task.continuing || resets.iter().all(|&episode| episode == 0), "{} has no end", task.name);
        assert!(COUNT.get() > before, "the snapshot's allocations are counted");
    }
}
