//! MP4s, which ffmpeg makes of raw frames.

use super::Encoder;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use striatum_envs::Frame;

const PROGRAM: &str = "ffmpeg";

/// Whether there is an ffmpeg.
pub(super) fn is_available() -> bool {
    let mut command = Command::new(PROGRAM);
    command.arg("-version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}

pub(super) struct Mp4 {
    ffmpeg: Child,
    size: (usize, usize),
}

impl Mp4 {
    pub fn new(path: &Path, frame: &Frame, rate: f32) -> Result<Self, String> {
        let size = (frame.width, frame.height);
        let mut command = Command::new(PROGRAM);
        command.args(["-loglevel", "error", "-y", "-f", "rawvideo", "-pixel_format", "rgb24"]);
        command.args(["-video_size", &format!("{}x{}", size.0, size.1), "-framerate", &rate.to_string(), "-i", "-"]);
        // Players want even sizes and colours at half the resolution.
        command.args(["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]);
        command.arg(path).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        // Ctrl-C is for us alone: it ends the recording in order.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let ffmpeg = command.spawn().map_err(|error| format!("`{PROGRAM}` does not start: {error}"))?;
        Ok(Self { ffmpeg, size })
    }

    /// What ffmpeg complains of, once it has ended.
    fn complaint(&mut self) -> String {
        let mut text = String::new();
        if let Some(stderr) = &mut self.ffmpeg.stderr {
            let _ = stderr.read_to_string(&mut text);
        }
        match text.trim() {
            "" => format!("`{PROGRAM}` failed"),
            text => format!("`{PROGRAM}`: {text}"),
        }
    }
}

impl Encoder for Mp4 {
    fn add(&mut self, frame: &Frame, times: u32) -> Result<(), String> {
        if self.size != (frame.width, frame.height) {
            return Err("the task's pictures change their size".to_owned());
        }
        let Some(stdin) = &mut self.ffmpeg.stdin else { return Err("it has ended".to_owned()) };
        let written = (0..times).try_for_each(|_| stdin.write_all(&frame.rgb));
        written.map_err(|_| self.complaint())
    }

    fn finish(&mut self) -> Result<(), String> {
        drop(self.ffmpeg.stdin.take());
        let complaint = self.complaint();
        let status = self.ffmpeg.wait().map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(complaint) }
    }
}

impl Drop for Mp4 {
    /// Leaves no process behind.
    fn drop(&mut self) {
        if let Ok(None) = self.ffmpeg.try_wait() {
            let _ = self.ffmpeg.kill();
            let _ = self.ffmpeg.wait();
        }
    }
}
