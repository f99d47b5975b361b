//! Ctrl-C that ends a command in order.

use anyhow::{Context, Result};
use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C, or a request to terminate, does nothing but to make [`is_due`] true.
pub fn expect() -> Result<()> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed)).context("the Ctrl-C handler could not be set")
}

/// Whether it is time to stop.
pub fn is_due() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}
