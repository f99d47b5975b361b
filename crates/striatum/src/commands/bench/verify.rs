//! Every kernel against its reference, before any is timed.

use super::device::Device;
use super::kernels::{Entry, Expected, Outputs};
use anyhow::Result;
use std::fmt;

/// How a kernel came off.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The kernel.
    pub kernel: &'static str,
    /// The array that was furthest off.
    pub array: &'static str,
    /// The largest error, relative to the largest magnitude of its array.
    pub error: f64,
    /// The largest that is accepted.
    pub tolerance: f64,
}

impl Verdict {
    /// Whether the kernel is right.
    pub fn holds(&self) -> bool {
        self.error <= self.tolerance
    }
}

/// Kernels that do not do what they must; the exit code is then 1.
#[derive(Debug)]
pub struct Wrong(Vec<Verdict>);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = self.0.iter().map(|v| {
            format!("`{}` ({}) is off by {:.1e}, and {:.0e} is the limit", v.kernel, v.array, v.error, v.tolerance)
        });
        write!(f, "nothing was timed, because kernels are wrong here: {}", list.collect::<Vec<_>>().join("; "))
    }
}

impl std::error::Error for Wrong {}

/// An error if any verdict is bad.
///
/// # Errors
/// [`Wrong`], naming those.
pub fn all_hold(verdicts: &[Verdict]) -> Result<(), Wrong> {
    let wrong: Vec<Verdict> = verdicts.iter().filter(|verdict| !verdict.holds()).cloned().collect();
    if wrong.is_empty() { Ok(()) } else { Err(Wrong(wrong)) }
}

/// Launches a kernel once at each of its shapes and compares.
///
/// # Errors
/// If the device fails.
pub fn verify<D: Device>(device: &D, entry: &Entry<D>) -> Result<Verdict> {
    let mut verdict = Verdict { kernel: entry.name, array: "", error: 0.0, tolerance: entry.tolerance };
    for make in &entry.checks {
        let mut kernel = make(device)?;
        kernel.launch(device)?;
        let (array, error) = largest(&kernel.outputs(device)?, &kernel.expected(device)?);
        if verdict.array.is_empty() || error > verdict.error {
            (verdict.array, verdict.error) = (array, error);
        }
    }
    Ok(verdict)
}

/// The array that is furthest off, and by how much; infinitely where lengths differ or a number is none.
fn largest(outputs: &Outputs, expected: &Expected) -> (&'static str, f64) {
    let error = |(name, array): &(&'static str, Vec<f32>), expected: &Vec<f64>| {
        if array.len() != expected.len() {
            return (*name, f64::INFINITY);
        }
        let magnitude = expected.iter().fold(0.0_f64, |max, x| max.max(x.abs()));
        let off = array.iter().zip(expected).map(|(&x, e)| (f64::from(x) - e).abs());
        let off = off.fold(0.0, |max: f64, off| if off.is_nan() { f64::INFINITY } else { max.max(off) });
        // Where all has to be 0, the error is absolute.
        (*name, if magnitude > 0.0 { off / magnitude } else { off })
    };
    let errors = outputs.iter().zip(expected).map(|(output, expected)| error(output, expected));
    let missing = (outputs.len() != expected.len()).then_some(("arrays", f64::INFINITY));
    errors.chain(missing).max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(("", f64::INFINITY))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(outputs: &[f32], expected: &[f64]) -> f64 {
        largest(&vec![("numbers", outputs.to_vec())], &vec![expected.to_vec()]).1
    }

    #[test]
    fn an_error_is_relative_to_the_largest_number() {
        assert_eq!(error(&[1.0, -8.0, 2.5], &[1.0, -8.0, 2.0]), 0.0625);
        assert_eq!(error(&[0.0, 0.25], &[0.0, 0.0]), 0.25);
        assert_eq!(error(&[1.0, 2.0], &[1.0, 2.0]), 0.0);
    }

    #[test]
    fn what_cannot_be_compared_is_infinitely_wrong() {
        assert_eq!(error(&[f32::NAN, 1.0], &[0.0, 1.0]), f64::INFINITY);
        assert_eq!(error(&[1.0], &[1.0, 2.0]), f64::INFINITY);
        assert_eq!(largest(&vec![("a", vec![1.0])], &vec![]).1, f64::INFINITY);
        assert_eq!(largest(&vec![], &vec![]).1, f64::INFINITY);
    }

    #[test]
    fn wrong_kernels_are_named_with_their_error() {
        let verdict = |kernel, error| Verdict { kernel, array: "deltas", error, tolerance: 1e-6 };
        assert!(all_hold(&[verdict("gae", 1e-6)]).is_ok());
        let wrong = all_hold(&[verdict("gae", 1e-7), verdict("td_error", 0.25)]).expect_err("one is wrong");
        assert_eq!(
            wrong.to_string(),
            "nothing was timed, because kernels are wrong here: `td_error` (deltas) is off by 2.5e-1, and 1e-6 is the limit"
        );
        assert_eq!(crate::exit_code(&wrong.into()), 1);
    }
}
