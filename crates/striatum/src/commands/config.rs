//! `striatum config`.

use super::{say, settings};
use crate::cli::ConfigArgs;
use anyhow::Result;

pub fn run(args: &ConfigArgs) -> Result<()> {
    say(settings::resolve(&args.settings)?.to_toml().trim_end())
}
