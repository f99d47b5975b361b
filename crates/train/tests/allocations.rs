//! Training on the CPU allocates nothing once its first iterations have made room, on any of its threads.

use libtest_mimic::{Arguments, Trial};
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::HashSet;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use striatum_kernels::Cpu;
use striatum_train::TrainError;
use striatum_train::config::{Config, Request};
use striatum_train::engine::{AnyTrainer, open_trainer};
use striatum_train::trainer::Trainer;

struct Counting;

/// Of all threads.
static COUNT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
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

/// Everything that keeps numbers of its own is on. 40 steps an iteration: the time limit of Pendulum, 200 steps, falls into the
/// fifth.
const COMMON: [&str; 9] = [
    "device=cpu",
    "engine=fused",
    "total_steps=1000000",
    "normalize.observations=true",
    "normalize.rewards=true",
    "network.hidden=[16,16]",
    "ppo.num_steps=40",
    "ppo.minibatches=4",
    "ppo.epochs=3",
];

/// The second one's minibatches are long enough to be split over threads.
const CASES: [(&str, &[&str]); 9] = [
    ("CartPole-v1", &["num_envs=8"]),
    ("CartPole-v1", &["num_envs=64", "ppo.num_steps=128", "network.hidden=[64,64]", "ppo.epochs=1"]),
    ("CartPole-v1", &["num_envs=130", "ppo.target_kl=0.0001", "ppo.value_clip=0.2", "network.shared_trunk=true"]),
    ("CartPole-v1", &["algo=a2c", "a2c.num_steps=40", "a2c.anneal_learning_rate=true", "num_envs=16"]),
    ("CartPole-v1", &["network.pathways=dual", "dopamine.kappa=0.3", "dopamine.sum_decay=0.01"]),
    (
        "CartPole-v1",
        &[
            "dopamine.reward_centering=td",
            "dopamine.force_centering=true",
            "dopamine.tonic_gain=1",
            "dopamine.logit_decay=0.01",
        ],
    ),
    ("Pendulum-v1", &["num_envs=12", "network.squash=true", "network.state_dependent_exploration=false"]),
    ("Pendulum-v1", &["num_envs=3", "network.squash=false", "network.state_dependent_exploration=true"]),
    ("Pendulum-v1", &["algo=a2c", "a2c.num_steps=40", "num_envs=8", "network.squash=false"]),
];

fn trainer(task: &str, sets: &[&str]) -> Trainer<Cpu> {
    let sets = COMMON.iter().chain(sets).map(|&set| set.to_owned()).collect();
    let request = Request { task: task.to_owned(), sets, ..Request::default() };
    let config = Config::resolve(&request).unwrap_or_else(|error| panic!("{error}"));
    let make = |count| -> Result<Box<dyn striatum_envs::VecEnv>, TrainError> { Ok(striatum_envs::make(task, count)?) };
    match open_trainer(vec![config], &make).expect("a trainer").0 {
        AnyTrainer::Cpu(trainer) => trainer,
        AnyTrainer::Gpu(_) => panic!("the cases ask for the CPU"),
    }
}

/// Waits until every thread has begun, which allocates, and may take longer than some iterations where the machine is busy.
fn wake(trainer: &mut Trainer<Cpu>, threads: usize) {
    let network = trainer.learner().on_host().expect("a network on the host");
    let awake = Mutex::new(HashSet::new());
    for _ in 0..10_000 {
        network.each(2 * threads, &|_| {
            awake.lock().expect("no thread panicked").insert(thread::current().id());
            thread::sleep(Duration::from_micros(100));
        });
        if awake.lock().expect("no thread panicked").len() == threads {
            return;
        }
    }
    panic!("{threads} threads do not begin");
}

fn main() -> ExitCode {
    // On this thread, while no other one of the harness runs: its allocations would be counted too.
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    let run = || {
        an_iteration_allocates_nothing();
        Ok(())
    };
    libtest_mimic::run(&arguments, vec![Trial::test("an_iteration_allocates_nothing", run)]).exit_code()
}

fn an_iteration_allocates_nothing() {
    for (task, sets) in CASES {
        for threads in [1, 2] {
            let mut trainer = trainer(task, &[sets, &[&format!("threads={threads}")]].concat());
            wake(&mut trainer, threads);
            (0..3).for_each(|_| trainer.iterate().expect("an iteration"));
            let before = COUNT.load(Ordering::Relaxed);
            for _ in 0..5 {
                trainer.iterate().expect("an iteration");
                trainer.iteration(0).expect("finite gradients");
            }
            let allocated = COUNT.load(Ordering::Relaxed) - before;
            assert_eq!(allocated, 0, "{task} {sets:?}, {threads} threads");
            let checkpoint = trainer.checkpoint(0).expect("a checkpoint");
            assert!(COUNT.load(Ordering::Relaxed) > before, "the checkpoint's allocations are counted");
            assert!(
                checkpoint.counters["episodes"] > 0 && checkpoint.counters["optimizer_steps"] > 7,
                "{task} {sets:?}"
            );
        }
    }
}
