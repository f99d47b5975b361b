//! Ctrl-C that ends a command in order.

use anyhow::{Context, Result};
use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C, or a request to terminate, does nothing but to set what this returns.
pub fn expect() -> Result<&'static AtomicBool> {
    let handler = || INTERRUPTED.store(true, Ordering::Relaxed);
    ctrlc::set_handler(handler).context("the Ctrl-C handler could not be set")?;
    Ok(&INTERRUPTED)
}
