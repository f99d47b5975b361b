//! `striatum bench`: verifies every kernel, then times each beside ceilings that are measured in the same minute.
//!
//! GB/s count the bytes that must be read and written if every array is touched once, GFLOP/s the arithmetic of the algorithm (a
//! fused multiply-add is two): both are less than what the hardware does where a kernel reads twice or computes more.

mod ceilings;
mod clock;
mod data;
mod device;
mod fma;
mod iteration;
mod kernels;
mod table;
mod verify;

pub use verify::Wrong;

use super::terminal::Progress;
use super::{note, say};
use crate::cli::BenchArgs;
use anyhow::{Result, bail};
use ceilings::{Ceilings, Measure};
use kernels::{Entry, entries};
use serde_json::{Map, Value, json};
use std::thread::available_parallelism;
use std::time::Duration;
use striatum_kernels::{Cpu, Gpu, SimdLevel, adapters};
use striatum_train::TrainError;
use striatum_train::config::DeviceChoice;

/// What the filter is matched with beside the kernels' names.
const ITERATION: &str = "iteration";

pub fn run(args: &BenchArgs) -> Result<()> {
    let threads = match args.threads {
        0 => available_parallelism().map_or(1, usize::from),
        threads => threads as usize,
    };
    let real = || adapters().into_iter().filter(|adapter| !adapter.is_software).min_by_key(|adapter| adapter.kind);
    let device = match args.device {
        DeviceChoice::Auto => real().map_or(DeviceChoice::Cpu, |adapter| DeviceChoice::Gpu(Some(adapter.index))),
        device => device,
    };
    let bench = Bench { args, device, threads, progress: Progress::new() };
    match device {
        DeviceChoice::Gpu(index) => {
            let gpu = Gpu::open(index).map_err(TrainError::from)?;
            let info = serde_json::to_value(gpu.info())?;
            let name = format!("{} ({}, {})", gpu.info().name, gpu.info().backend, gpu.info().driver);
            bench.run(&gpu, &name, info)
        }
        _ => {
            let simd = format!("{:?}", SimdLevel::detect());
            let name = format!("cpu, {threads} thread{}, {simd}", if threads == 1 { "" } else { "s" });
            let info = json!({ "name": "cpu", "threads": threads, "simd": simd.to_lowercase() });
            bench.run(&Cpu::with_threads(threads), &name, info)
        }
    }
}

/// A benchmark under way.
struct Bench<'a> {
    args: &'a BenchArgs,
    device: DeviceChoice,
    threads: usize,
    progress: Progress,
}

impl Bench<'_> {
    fn run<D: Measure + 'static>(&self, device: &D, name: &str, info: Value) -> Result<()> {
        let mut list = entries::<D>();
        let names: Vec<&str> = list.iter().map(|entry| entry.name).chain([ITERATION]).collect();
        let filters = &self.args.filters;
        if let Some(filter) = filters.iter().find(|filter| !names.iter().any(|name| name.contains(filter.as_str()))) {
            bail!("nothing that is timed here has `{filter}` in its name; there are: {}", names.join(", "));
        }
        let wanted = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
        list.retain(|entry| wanted(entry.name));

        let mut object = Map::from_iter([("version".to_owned(), env!("CARGO_PKG_VERSION").into())]);
        object.insert("device".into(), info);
        self.row(|| name.to_owned())?;
        let verified = self.verify(device, &list)?;
        object.insert("verified".into(), verified.1);
        if let Err(wrong) = verify::all_hold(&verified.0) {
            self.finish(object)?;
            return Err(wrong.into());
        }

        self.progress.stage("measuring the ceilings");
        let ceilings = device.ceilings(self.args.quick)?;
        let [peak, copy] = [ceilings.gflops, ceilings.copy].map(table::number);
        self.row(|| format!("\nPeak {peak} GFLOP/s of fused multiply-adds, copy {copy} GB/s (read and written)."))?;
        object.insert("ceilings".into(), json!({ "gflops": ceilings.gflops, "copy_gb_per_second": ceilings.copy }));
        object.insert("kernels".into(), self.kernels(device, &list, ceilings)?);
        if wanted(ITERATION) {
            object.insert("iterations".into(), self.iterations(D::IS_GPU, ceilings)?);
        }
        self.finish(object)
    }

    /// A row of a table, unless there is one object at the end.
    fn row(&self, row: impl FnOnce() -> String) -> Result<()> {
        self.progress.clear();
        if self.args.json { Ok(()) } else { say(row()) }
    }

    fn finish(&self, object: Map<String, Value>) -> Result<()> {
        self.progress.clear();
        if self.args.json { say(Value::Object(object)) } else { Ok(()) }
    }

    fn verify<D: Measure>(&self, device: &D, list: &[Entry<D>]) -> Result<(Vec<verify::Verdict>, Value)> {
        self.progress.stage("verifying");
        let against = if D::IS_GPU { "the CPU's kernels" } else { "references in double precision" };
        if !list.is_empty() {
            self.row(|| format!("\nVerified against {against}.\n{}", table::verdicts()))?;
        }
        let mut verdicts = Vec::new();
        for entry in list {
            self.progress.step(&format!("verifying {}", entry.name));
            let verdict = verify::verify(device, entry)?;
            self.row(|| table::verdict(&verdict))?;
            verdicts.push(verdict);
        }
        let object = |v: &verify::Verdict| {
            json!({
                "kernel": v.kernel,
                "against": against,
                "furthest_off": v.array,
                // JSON has no infinity.
                "largest_error": if v.error.is_finite() { v.error } else { f64::MAX },
                "limit": v.tolerance,
                "ok": v.holds(),
            })
        };
        let value = verdicts.iter().map(object).collect();
        Ok((verdicts, value))
    }

    fn kernels<D: Measure>(&self, device: &D, list: &[Entry<D>], ceilings: Ceilings) -> Result<Value> {
        let budget = Duration::from_millis(if self.args.quick { 20 } else { 400 });
        let mut rows = Vec::new();
        if !list.is_empty() {
            self.progress.stage("timing the kernels");
            self.row(|| format!("\n{}", table::kernels()))?;
        }
        for entry in list {
            let large = entry.large.iter().filter(|_| !self.args.quick);
            for make in entry.small.iter().chain(large) {
                self.progress.step(&format!("timing {}", entry.name));
                let mut kernel = make(device)?;
                let clock::Seconds { median: seconds, fastest } = clock::time(device, &mut *kernel, budget)?;
                let (shape, cost) = (kernel.shape(), kernel.cost());
                self.row(|| table::kernel(entry.name, &shape, cost, seconds, ceilings))?;
                let [gflops, gbs] = [cost.flops, cost.bytes].map(|cost| cost.map(|cost| cost / seconds / 1e9));
                rows.push(json!({
                    "kernel": entry.name,
                    "shape": shape,
                    "seconds": seconds,
                    "fastest_seconds": fastest,
                    "items_per_second": cost.items / seconds,
                    "gflops": gflops,
                    "share_of_peak": gflops.map(|speed| speed / ceilings.gflops),
                    "gb_per_second": gbs,
                    "share_of_copy": gbs.map(|speed| speed / ceilings.copy),
                }));
            }
        }
        Ok(rows.into())
    }

    fn iterations(&self, gpu: bool, ceilings: Ceilings) -> Result<Value> {
        self.progress.stage("timing PPO iterations");
        let budget = Duration::from_millis(if self.args.quick { 200 } else { 2000 });
        let mut rows = Vec::new();
        for preset in iteration::presets(gpu, self.args.quick) {
            let name = preset.name();
            self.progress.step(&format!("timing {name}"));
            let times = match iteration::time(preset, self.device, self.threads, budget) {
                Ok(times) => times,
                Err(error) if matches!(error.downcast_ref(), Some(TrainError::Engine(_))) => {
                    self.progress.clear();
                    note(format_args!("no iteration is timed: {error}"));
                    break;
                }
                Err(error) => return Err(error),
            };
            if rows.is_empty() {
                self.row(|| format!("\n{}", table::iterations()))?;
            }
            self.row(|| table::iteration(&name, &times, ceilings))?;
            rows.push(json!({
                "task": iteration::TASK,
                "agents": preset.agents,
                "envs": preset.envs,
                "steps": preset.steps,
                "minibatches": preset.minibatches,
                "epochs": preset.epochs,
                "hidden": [preset.width, preset.width],
                "engine": times.engine,
                "seconds": times.whole,
                "steps_per_second": times.steps_per_second,
                "collect_seconds": times.collect,
                "advantages_seconds": times.advantages,
                "update_seconds": times.update,
                "update_gflops": times.gflops,
                "update_share_of_peak": times.gflops / ceilings.gflops,
                "dispatches": times.dispatches.map(|dispatches| dispatches.all),
                "dispatches_beyond_minibatches": times.dispatches.map(|dispatches| dispatches.others),
            }));
        }
        Ok(rows.into())
    }
}
