//! What an experiment measured, as a table and as JSON.

use super::heading;
use serde_json::{Value, json};
use std::path::PathBuf;
use striatum_dopamine::{Check, Expected, Outcome};

/// Whether the number has one to be compared with.
pub fn is_published(check: &Check) -> bool {
    check.expected != Expected::Reported
}

/// The experiment's heading, and a row a number.
pub fn table((name, about): (&str, &str), outcome: &Outcome) -> String {
    let longest = |of: &dyn Fn(&Check) -> String| outcome.checks.iter().map(|check| of(check).chars().count()).max();
    let what = longest(&|check| check.what.clone()).unwrap_or(0).max("WHAT".len()) + 2;
    let expected = longest(&|check| expectation(check.expected)).unwrap_or(0).max("EXPECTED".len()) + 2;
    let row = |cells: [&str; 4]| format!("{:<what$}{:<expected$}{:>10}  {}", cells[0], cells[1], cells[2], cells[3]);
    let mut lines = vec![format!("{name}: {about}")];
    lines.push(heading(&row(["WHAT", "EXPECTED", "MEASURED", "RESULT"])));
    lines.extend(outcome.checks.iter().map(|check| {
        let result = match check.passed() {
            _ if !is_published(check) => "-",
            true => "pass",
            false => "MISS",
        };
        row([&check.what, &expectation(check.expected), &number(check.measured), result])
    }));
    lines.join("\n")
}

/// The same as an object.
pub fn object((name, about): (&str, &str), outcome: &Outcome, seconds: f64, files: &[PathBuf]) -> Value {
    let check = |check: &Check| {
        let expected = match check.expected {
            Expected::Near { value, tolerance } => json!({ "value": value, "tolerance": tolerance }),
            Expected::AtLeast(least) => json!({ "at_least": least }),
            Expected::AtMost(most) => json!({ "at_most": most }),
            Expected::Reported => Value::Null,
        };
        json!({ "what": check.what, "expected": expected, "measured": check.measured, "passed": check.passed() })
    };
    json!({
        "name": name,
        "about": about,
        "passed": outcome.passed(),
        "seconds": seconds,
        "checks": outcome.checks.iter().map(check).collect::<Vec<_>>(),
        "notes": outcome.notes,
        "files": files,
    })
}

fn expectation(expected: Expected) -> String {
    match expected {
        Expected::Near { value, tolerance } => format!("{} ± {}", number(value), number(tolerance)),
        Expected::AtLeast(least) => format!("at least {}", number(least)),
        Expected::AtMost(most) => format!("at most {}", number(most)),
        Expected::Reported => "-".to_owned(),
    }
}

/// Four digits, without zeros that say nothing.
fn number(x: f64) -> String {
    match x.abs() {
        0.0 => "0".to_owned(),
        size if !(1e-4..1e7).contains(&size) => format!("{x:.1e}"),
        // The shortest form of the nearest number of four digits.
        _ => format!("{x:.3e}").parse::<f64>().map_or_else(|_| x.to_string(), |short| short.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits() {
        let numbers = [0.0, 0.816_777, -1.0, 1411.2, 0.016_340_000_000_000_003, 1.2e-17, 35.6, f64::NAN, -0.0];
        let texts = ["0", "0.8168", "-1", "1411", "0.01634", "1.2e-17", "35.6", "NaN", "0"];
        assert_eq!(numbers.map(number), texts);
    }

    #[test]
    fn rows_are_aligned() {
        let near = Expected::Near { value: 0.817, tolerance: 0.005 };
        let checks = vec![
            Check::new("error at the cue", near, 0.8171),
            Check::new("error at the reward, long after", Expected::AtMost(0.005), 0.3),
            Check::new("trials", Expected::Reported, 200.0),
        ];
        let outcome = Outcome { checks, tables: Vec::new(), figure: Default::default(), notes: vec!["Note.".into()] };
        let experiment = ("cue", "A cue takes over.");
        assert_eq!(
            table(experiment, &outcome),
            "cue: A cue takes over.\n\
             WHAT                             EXPECTED         MEASURED  RESULT\n\
             error at the cue                 0.817 ± 0.005      0.8171  pass\n\
             error at the reward, long after  at most 0.005         0.3  MISS\n\
             trials                           -                     200  -"
        );
        let object = object(experiment, &outcome, 1.5, &[PathBuf::from("a/cue.svg")]);
        assert_eq!((&object["passed"], &object["notes"]), (&json!(false), &json!(["Note."])));
        assert_eq!(object["checks"][0]["expected"], json!({ "value": 0.817, "tolerance": 0.005 }));
        assert_eq!(object["checks"][2]["expected"], Value::Null);
    }
}
