//! Numbers for people.

/// Four digits at most and a unit: `0`, `950`, `1.5k`, `20k`, `1.25M`.
pub(crate) fn count(n: f64) -> String {
    let (scaled, unit) = match n.abs() {
        a if a >= 999_950_000.0 => (n / 1e9, "G"),
        a if a >= 999_950.0 => (n / 1e6, "M"),
        a if a >= 1000.0 => (n / 1e3, "k"),
        _ => (n, ""),
    };
    let decimals = if scaled.abs() < 10.0 { 2 } else { 1 };
    format!("{}{unit}", trimmed(format!("{scaled:.decimals$}")))
}

/// About four digits: `-86.43`, `475.2`, `0.0123`.
pub(crate) fn value(x: f64) -> String {
    let decimals = match x.abs() {
        a if a >= 100.0 => 1,
        a if a >= 1.0 => 2,
        _ => 4,
    };
    trimmed(format!("{x:.decimals$}"))
}

/// `0.9s`, `42s`, `3m 05s`, `2h 07m`.
pub(crate) fn duration(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{:.1}s", seconds.max(0.0));
    }
    match seconds.round() as u64 {
        s if s < 60 => format!("{s}s"),
        s if s < 3600 => format!("{}m {:02}s", s / 60, s % 60),
        s => format!("{}h {:02}m", s / 3600, s % 3600 / 60),
    }
}

/// Without zeros that say nothing, and without the sign of a zero.
fn trimmed(text: String) -> String {
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let counts = [0.0, 950.0, 1500.0, 20_000.0, 999_900.0, 1_250_000.0, -3000.0, 2e9];
        assert_eq!(counts.map(count), ["0", "950", "1.5k", "20k", "999.9k", "1.25M", "-3k", "2G"]);
        assert_eq!(
            [-86.4321, 475.25, 0.01234, -0.00001, f64::NAN].map(value),
            ["-86.43", "475.2", "0.0123", "0", "NaN"]
        );
        assert_eq!([0.94, 42.2, 185.0, 7620.0, -1.0].map(duration), ["0.9s", "42s", "3m 05s", "2h 07m", "0.0s"]);
    }
}
