//! The tables: under 100 columns, and plain where stdout is no terminal or `NO_COLOR` is set.

use super::ceilings::Ceilings;
use super::iteration::Times;
use super::kernels::Cost;
use super::verify::Verdict;
use crate::commands::terminal::heading;

/// The heading of [`verdict`]'s rows.
pub fn verdicts() -> String {
    heading(&format!("{:<20}{:<20}{:>14}{:>10}  {}", "KERNEL", "FURTHEST OFF", "LARGEST ERROR", "LIMIT", "RESULT"))
}

/// A row of what was verified.
pub fn verdict(verdict: &Verdict) -> String {
    let Verdict { kernel, array, error, tolerance } = verdict;
    let result = if verdict.holds() { "ok" } else { "WRONG" };
    format!("{kernel:<20}{array:<20}{error:>14.1e}{tolerance:>10.0e}  {result}")
}

/// The heading of [`kernel`]'s rows.
pub fn kernels() -> String {
    let columns = ["TIME", "MILLION/S", "GFLOP/S", "PEAK", "GB/S", "COPY"];
    heading(&kernel_row("KERNEL", "SHAPE", &columns.map(str::to_owned)))
}

fn kernel_row(name: &str, shape: &str, [time, items, gflops, peak, gbs, copy]: &[String; 6]) -> String {
    format!("{name:<19}{shape:<30}{time:>10}{items:>10}{gflops:>9}{peak:>6}{gbs:>9}{copy:>6}")
}

/// A row of a kernel that took so many seconds.
pub fn kernel(name: &str, shape: &str, cost: Cost, seconds: f64, ceilings: Ceilings) -> String {
    let [gflops, gbs] = [cost.flops, cost.bytes].map(|cost| cost.map(|cost| cost / seconds / 1e9));
    let cells = [
        duration(seconds),
        number(cost.items / seconds / 1e6),
        or_dash(gflops.map(number)),
        or_dash(gflops.map(|speed| percent(speed / ceilings.gflops))),
        or_dash(gbs.map(number)),
        or_dash(gbs.map(|speed| percent(speed / ceilings.copy))),
    ];
    kernel_row(name, shape, &cells)
}

/// The heading of [`iteration`]'s rows.
pub fn iterations() -> String {
    let columns = ["ITERATION", "STEPS/S", "ROLLOUT", "ADVANTAGE", "UPDATE", "GFLOP/S", "PEAK", "LAUNCHES"];
    heading(&iteration_row("PPO ITERATION", &columns.map(str::to_owned)))
}

fn iteration_row(name: &str, cells: &[String; 8]) -> String {
    let [whole, speed, collect, advantages, update, gflops, peak, dispatches] = cells;
    format!(
        "{name:<26}{whole:>10}{speed:>9}{collect:>10}{advantages:>10}{update:>10}{gflops:>8}{peak:>6}{dispatches:>10}"
    )
}

/// A row of a PPO iteration; GFLOP/s are the update's, launches those of minibatches and others.
pub fn iteration(name: &str, times: &Times, ceilings: Ceilings) -> String {
    let cells = [
        duration(times.whole),
        thousands(times.steps_per_second),
        duration(times.collect),
        or_dash(times.advantages.map(duration)),
        duration(times.update),
        number(times.gflops),
        percent(times.gflops / ceilings.gflops),
        or_dash(times.dispatches.map(|n| format!("{}+{}", n.all - n.others, n.others))),
    ];
    iteration_row(name, &cells)
}

fn or_dash(cell: Option<String>) -> String {
    cell.unwrap_or_else(|| "-".to_owned())
}

/// Three digits and a unit.
fn duration(seconds: f64) -> String {
    let (scaled, unit) = match seconds {
        s if s < 1e-6 => (s * 1e9, "ns"),
        s if s < 1e-3 => (s * 1e6, "us"),
        s if s < 1.0 => (s * 1e3, "ms"),
        s => (s, "s"),
    };
    format!("{} {unit}", number(scaled))
}

/// Three digits, or all of them before the point.
pub fn number(x: f64) -> String {
    let decimals = if x < 10.0 { 2 } else { usize::from(x < 100.0) };
    format!("{x:.decimals$}")
}

fn thousands(x: f64) -> String {
    if x < 1e6 { format!("{} k", number(x / 1e3)) } else { format!("{} M", number(x / 1e6)) }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::super::iteration::Dispatches;
    use super::*;

    #[test]
    fn rows_are_aligned_and_under_100_columns() {
        let ceilings = Ceilings { gflops: 60_000.0, copy: 3000.0 };
        let cost = Cost { items: 8_388_608.0, flops: Some(5e7), bytes: Some(2e8) };
        let row = kernel("advantage_moments", "MountainCarContinuous-v0, 8192", cost, 1.234e-3, ceilings);
        assert_eq!(row.len(), kernels().len(), "{row}");
        assert!(row.len() < 100, "{row}");
        assert!(row.contains("   1.23 ms      6798     40.5   0 %      162   5 %"), "{row}");
        let times = Times {
            whole: 0.123,
            collect: 0.0456,
            advantages: Some(1e-5),
            update: 0.07,
            gflops: 123.4,
            steps_per_second: 1_065_000.0,
            dispatches: Some(Dispatches { all: 1294, others: 60 }),
            engine: "fused",
        };
        let row = iteration("64 x 512x128, 4 x 4, 64-64", &times, ceilings);
        assert_eq!(row.len(), iterations().len(), "{row}");
        assert!(row.len() < 100, "{row}");
        assert!(row.contains("123 ms   1.06 M   45.6 ms   10.0 us   70.0 ms     123   0 %   1234+60"), "{row}");
    }

    #[test]
    fn numbers_have_three_digits() {
        for (x, text) in
            [(0.001234, "0.00"), (1.2345, "1.23"), (12.345, "12.3"), (123.45, "123"), (123_456.0, "123456")]
        {
            assert_eq!(number(x), text);
        }
        for (seconds, text) in [(2.5e-7, "250 ns"), (1.5e-5, "15.0 us"), (0.0123, "12.3 ms"), (12.0, "12.0 s")] {
            assert_eq!(duration(seconds), text);
        }
    }
}
