//! `striatum play`, and what `striatum eval` records.

use super::{RunArgs, ToneArgs};
use clap::Args;
use std::path::PathBuf;

/// A recording.
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// Also record episodes, as .gif, or as .mp4 where `ffmpeg` is installed
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Episodes to record, one after the other
    #[arg(long, value_name = "N", default_value = "1", requires = "record", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub record_episodes: u32,
    /// Frames a second [default: the task's]
    #[arg(long, value_name = "X", requires = "record", allow_negative_numbers = true, value_parser = rate)]
    pub fps: Option<f32>,
    /// Show return, step and TD error under the pictures
    #[arg(long, requires = "record")]
    pub overlay: bool,
    /// End the recording after so many frames
    #[arg(long, value_name = "N", default_value = "3000", requires = "record", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_frames: u32,
}

/// `striatum play`.
#[derive(Debug, Args)]
pub struct PlayArgs {
    #[command(flatten)]
    pub run: RunArgs,
    /// Episodes to play
    #[arg(long, value_name = "N", default_value = "1", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub episodes: u32,
    /// Sample actions instead of taking the most probable
    #[arg(long)]
    pub stochastic: bool,
    /// Seed of the episodes
    #[arg(long, value_name = "N", default_value = "0", allow_negative_numbers = true)]
    pub seed: u64,
    /// How many times the task's own speed
    #[arg(long, value_name = "X", default_value = "1", allow_negative_numbers = true, value_parser = speed)]
    pub speed: f32,
    #[command(flatten)]
    pub tone: ToneArgs,
}

fn rate(text: &str) -> Result<f32, String> {
    number(text, 0.1, 240.0)
}

fn speed(text: &str) -> Result<f32, String> {
    number(text, 0.01, 1000.0)
}

fn number(text: &str, least: f32, most: f32) -> Result<f32, String> {
    let number = text.trim().parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("give a number from {least} to {most}"))
}
