//! Environments on the GPU against those of the host: dynamics, resets, time limits, and what a rollout records.
//!
//! Without any adapter the tests are shown as ignored.

#[path = "resident/launch.rs"]
mod launch;

use launch::{Setup, Stepped, Written, started};
use libtest_mimic::{Arguments, Failed, Trial};
use std::process::ExitCode;
use std::sync::Arc;
use striatum_envs::{Space, make_one};
use striatum_kernels::{EnvStates, Gpu, GpuTask, ResidentEnvs, adapters};

type Test = fn(&Gpu, GpuTask) -> Result<(), String>;

const TESTS: [(&str, Test); 7] = [
    ("a_task_is_described_as_the_hosts", described),
    ("every_step_is_the_hosts", every_step),
    ("a_trajectory_stays_with_the_hosts", trajectory),
    ("a_reset_draws_the_hosts_numbers", resets),
    ("an_agent_of_many_is_as_alone", agents),
    ("two_rollouts_are_one_of_twice_the_length", halves),
    ("states_are_read_as_they_were_written", round_trip),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let ignored = adapters().is_empty();
    let gpu = if ignored { None } else { Some(Gpu::open(None).map(Arc::new).map_err(Arc::new)) };
    let mut trials = Vec::new();
    for (name, test) in TESTS {
        for task in GpuTask::ALL {
            let gpu = gpu.clone();
            let run = move || match gpu {
                Some(Ok(gpu)) => test(&gpu, task).map_err(Failed::from),
                Some(Err(error)) => Err(error.to_string().into()),
                None => Err("there is no adapter".into()),
            };
            trials.push(Trial::test(format!("{name}::{}", task.name()), run).with_ignored_flag(ignored));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// How far numbers of an observation are apart at most; 4 where they have no bounds.
fn ranges(setup: &Setup) -> Vec<f32> {
    let Space::Box { low, high } = setup.batch().observation_space().clone() else { return Vec::new() };
    low.iter().zip(&high).map(|(low, high)| if (high - low).is_finite() { high - low } else { 4.0 }).collect()
}

/// Whether observations agree within `tolerance` of their ranges.
fn same_observations(actual: &[f32], expected: &[f32], ranges: &[f32], tolerance: f32) -> Result<(), String> {
    let is_near = |i: usize| (actual[i] - expected[i]).abs() <= tolerance * ranges[i % ranges.len()];
    match (0..expected.len()).find(|&i| !is_near(i)) {
        Some(i) => Err(format!("observation {i}: {}, not {}", actual[i], expected[i])),
        None => Ok(()),
    }
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, actual: &[T], expected: &[T]) -> Result<(), String> {
    if actual.len() != expected.len() {
        return Err(format!("{what}: {} numbers, not {}", actual.len(), expected.len()));
    }
    match (0..expected.len()).find(|&i| actual[i] != expected[i]) {
        Some(i) => Err(format!("{what} {i}: {:?}, not {:?}", actual[i], expected[i])),
        None => Ok(()),
    }
}

/// Whether numbers agree within `tolerance` of 1 and of their size.
fn near(what: &str, actual: &[f32], expected: &[f32], tolerance: f32) -> Result<(), String> {
    let is_near = |i: usize| (actual[i] - expected[i]).abs() <= tolerance * (1.0 + expected[i].abs());
    match (0..expected.len()).find(|&i| !is_near(i)) {
        Some(i) => Err(format!("{what} {i}: {}, not {}", actual[i], expected[i])),
        None => Ok(()),
    }
}

fn same_ends(written: &Written, step: usize, n: usize, host: &Stepped) -> Result<(), String> {
    let rows = step * n..(step + 1) * n;
    near("reward", &written.rewards[rows.clone()], &host.rewards, 2e-6)?;
    equal("terminated", &written.terminated[rows.clone()], &host.terminated)?;
    equal("truncated", &written.truncated[rows], &host.truncated)
}

fn described(_: &Gpu, task: GpuTask) -> Result<(), String> {
    let env = make_one(task.name()).map_err(|error| error.to_string())?;
    let actions = env.action_space();
    let host = (env.observation_space().width(), env.state().len(), actions.width(), env.time_limit());
    let own = (task.observation_width(), task.state_width(), task.action_width(), task.time_limit());
    let same_kind = task.is_continuous() == matches!(actions, Space::Box { .. });
    let found = GpuTask::from_name(task.name()) == Some(task) && GpuTask::from_name("CartPole").is_none();
    if host == own && same_kind && found { Ok(()) } else { Err(format!("{host:?}, {own:?}, {actions:?}")) }
}

/// One step at a time, the host starting from where the device is: from states all over the task, through ends and resets.
fn every_step(gpu: &Gpu, task: GpuTask) -> Result<(), String> {
    let setup = Setup::new(task, &[17], 64);
    let (n, ranges, mut batch) = (setup.envs, ranges(&setup), setup.batch());
    let mut observations = vec![0.0; n * setup.spec.inputs];
    let mut envs = setup.resident(gpu);
    let mut before = setup.anywhere(1);
    envs.write(gpu, 0, &before);
    let (mut ended, mut cut) = (0.0, 0.0);
    for t in 0..40 {
        batch.restore(&setup.snapshot(0, &before), &mut observations).map_err(|error| error.to_string())?;
        let written = setup.rollout(gpu, &mut envs, 1, t)?;
        let after = envs.read(gpu, 0).map_err(|error| error.to_string())?;
        let host = setup.step(&mut *batch, &written.actions);
        let check = || -> Result<(), String> {
            same_observations(&written.raw, &observations, &ranges, 1e-6)?;
            same_ends(&written, 0, n, &host)?;
            near("value", &written.values[..n], &setup.values(&observations), 1e-5)?;
            same_counters(&before, &after, &written, &batch.snapshot().episodes)?;
            let mut expected = setup.values(&host.final_observations);
            expected.iter_mut().zip(&host.truncated).for_each(|(value, cut)| *value *= cut);
            near("final value", &written.final_values, &expected, 1e-4)?;
            let mut reached = vec![0.0; observations.len()];
            let moved = setup.snapshot(0, &after);
            setup.batch().restore(&moved, &mut reached).map_err(|error| error.to_string())?;
            near("last value", &written.values[n..], &setup.values(&reached), 1e-5)?;
            same_observations(&reached, &host.observations, &ranges, 5e-6)
        };
        check().map_err(|error| format!("step {t}: {error}"))?;
        ended += host.terminated.iter().sum::<f32>();
        cut += host.truncated.iter().sum::<f32>();
        before = after;
    }
    let terminates = ![GpuTask::Pendulum, GpuTask::PendulumContinuing].contains(&task);
    let all_seen = (cut > 0.0) == task.time_limit().is_some() && (ended > 0.0) == terminates;
    if all_seen { Ok(()) } else { Err(format!("{ended} episodes terminated and {cut} were truncated")) }
}

/// Whether counters and episodes under way moved as a step moves them.
fn same_counters(before: &EnvStates, after: &EnvStates, written: &Written, episodes: &[u32]) -> Result<(), String> {
    equal("episode", &after.episodes, episodes)?;
    for env in 0..episodes.len() {
        let ended = written.terminated[env] + written.truncated[env] > 0.0;
        let (length, sum) =
            (before.running_lengths[env] + 1, before.running_returns[env] as f32 + written.rewards[env]);
        let expected = if ended { (0, 0, 0.0) } else { (before.steps[env] + 1, length, f64::from(sum)) };
        equal(
            "steps, running length and return",
            &[(after.steps[env], after.running_lengths[env], after.running_returns[env])],
            &[expected],
        )?;
        let episode = if ended { (sum, length as f32) } else { (0.0, 0.0) };
        equal("episode's return and length", &[(written.returns[env], written.lengths[env])], &[episode])?;
        equal("total steps", &[after.total_steps[env]], &[before.total_steps[env] + 1])?;
    }
    Ok(())
}

/// 30 steps from the start in one rollout; the host, in double precision, takes the recorded actions.
fn trajectory(gpu: &Gpu, task: GpuTask) -> Result<(), String> {
    const STEPS: usize = 30;
    let setup = Setup::new(task, &[23], 64);
    let (n, ranges, mut batch) = (setup.envs, ranges(&setup), setup.batch());
    let mut observations = vec![0.0; n * setup.spec.inputs];
    batch.reset(setup.seeds[0], 0, &mut observations).map_err(|error| error.to_string())?;
    let mut envs = setup.resident(gpu);
    envs.write(gpu, 0, &started(&batch.snapshot()));
    let written = setup.rollout(gpu, &mut envs, STEPS, 0)?;
    for t in 0..STEPS {
        let rows = t * observations.len()..(t + 1) * observations.len();
        let host = setup.step(&mut *batch, &written.actions[t * n..(t + 1) * n]);
        same_observations(&written.raw[rows], &observations, &ranges, 1e-5)
            .and_then(|()| same_ends(&written, t, n, &host))
            .map_err(|error| format!("step {t}: {error}"))?;
        observations = host.observations;
    }
    let after = envs.read(gpu, 0).map_err(|error| error.to_string())?;
    equal("episode", &after.episodes, &batch.snapshot().episodes)
}

/// Every episode is out of time at once, if a task has a limit.
fn resets(gpu: &Gpu, task: GpuTask) -> Result<(), String> {
    let Some(limit) = task.time_limit() else { return Ok(()) };
    // A seed of two words, and more environments than two workgroups have.
    let setup = Setup::new(task, &[0xfeed_5678_9abc_def0], 150);
    let mut from = setup.anywhere(2);
    from.steps.fill(limit - 1);
    let mut envs = setup.resident(gpu);
    envs.write(gpu, 0, &from);
    let written = setup.rollout(gpu, &mut envs, 1, 0)?;
    let after = envs.read(gpu, 0).map_err(|error| error.to_string())?;
    let mut batch = setup.batch();
    let mut observations = vec![0.0; setup.envs * setup.spec.inputs];
    batch.restore(&setup.snapshot(0, &from), &mut observations).map_err(|error| error.to_string())?;
    setup.step(&mut *batch, &written.actions);
    let expected = batch.snapshot();
    equal("episode", &after.episodes, &expected.episodes)?;
    equal("steps", &after.steps, &vec![0; setup.envs])?;
    let largest = expected.states.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
    for (i, (actual, expected)) in after.states.iter().zip(&expected.states).enumerate() {
        if (actual - expected).abs() > 1e-7 * largest {
            return Err(format!("state {i}: {actual}, not {expected}"));
        }
    }
    Ok(())
}

/// The part of each output that belongs to one agent.
fn part(written: &Written, agent: usize, agents: usize) -> Written {
    let of = |numbers: &Vec<f32>| {
        let len = numbers.len() / agents;
        numbers[agent * len..(agent + 1) * len].to_vec()
    };
    Written {
        observations: of(&written.observations),
        raw: of(&written.raw),
        actions: of(&written.actions),
        log_probs: of(&written.log_probs),
        rewards: of(&written.rewards),
        terminated: of(&written.terminated),
        truncated: of(&written.truncated),
        values: of(&written.values),
        final_values: of(&written.final_values),
        returns: of(&written.returns),
        lengths: of(&written.lengths),
    }
}

fn agents(gpu: &Gpu, task: GpuTask) -> Result<(), String> {
    const STEPS: usize = 9;
    let (together, alone) = (Setup::new(task, &[4, 5, 6], 19), Setup::new(task, &[5], 19));
    let (mut many, mut one) = (together.resident(gpu), alone.resident(gpu));
    (0..3).for_each(|agent| many.write(gpu, agent, &together.anywhere(agent as u64)));
    one.write(gpu, 0, &alone.anywhere(1));
    let all = together.rollout(gpu, &mut many, STEPS, 3)?;
    let single = alone.rollout(gpu, &mut one, STEPS, 3)?;
    let read = |envs: &ResidentEnvs, agent| envs.read(gpu, agent).map_err(|error| error.to_string());
    if part(&all, 1, 3) != single || read(&many, 1)? != read(&one, 0)? {
        return Err("it differs".into());
    }
    if part(&all, 0, 3) == single || part(&all, 2, 3) == single {
        return Err("all agents are the same".into());
    }
    Ok(())
}

fn halves(gpu: &Gpu, task: GpuTask) -> Result<(), String> {
    const STEPS: usize = 20;
    let setup = Setup::new(task, &[9], 21);
    let start = || {
        let mut envs = setup.resident(gpu);
        envs.write(gpu, 0, &setup.anywhere(3));
        envs
    };
    let (mut once, mut twice) = (start(), start());
    let whole = setup.rollout(gpu, &mut once, 2 * STEPS, 50)?;
    let first = setup.rollout(gpu, &mut twice, STEPS, 50)?;
    let second = setup.rollout(gpu, &mut twice, STEPS, 50 + STEPS as u32)?;
    let columns = |w: &Written| {
        [&w.observations, &w.raw, &w.actions, &w.log_probs, &w.rewards, &w.terminated, &w.truncated, &w.final_values]
            .map(Clone::clone)
    };
    for (i, (whole, (first, second))) in
        columns(&whole).iter().zip(columns(&first).iter().zip(&columns(&second))).enumerate()
    {
        equal(&format!("output {i}"), whole, &[first.as_slice(), second].concat())?;
    }
    equal("return", &whole.returns, &[first.returns, second.returns].concat())?;
    equal("length", &whole.lengths, &[first.lengths, second.lengths].concat())?;
    equal("value", &whole.values, &[&first.values[..STEPS * 21], &second.values].concat())?;
    let read = |envs: &ResidentEnvs| envs.read(gpu, 0).map_err(|error| error.to_string());
    if read(&once)? == read(&twice)? { Ok(()) } else { Err("the environments are elsewhere".into()) }
}

fn round_trip(gpu: &Gpu, task: GpuTask) -> Result<(), String> {
    let setup = Setup::new(task, &[0, 0], 7);
    let mut envs = setup.resident(gpu);
    let (first, mut second) = (setup.anywhere(11), setup.anywhere(12));
    second.total_steps[3] = u32::MAX;
    second.running_returns[0] = f64::from(f32::MIN_POSITIVE / 8.0);
    second.states[1] = -0.0;
    envs.write(gpu, 1, &second);
    envs.write(gpu, 0, &first);
    let read = |agent| envs.read(gpu, agent).map_err(|error| error.to_string());
    let same = |a: &EnvStates, b: &EnvStates| {
        a == b && a.states.iter().zip(&b.states).all(|(a, b)| a.to_bits() == b.to_bits())
    };
    if same(&read(0)?, &first) && same(&read(1)?, &second) { Ok(()) } else { Err("it differs".into()) }
}
