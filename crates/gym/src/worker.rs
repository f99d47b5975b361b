//! One worker: the protocol of `worker.py`, and its errors in words.

use crate::layout::{Layout, Shared};
use crate::process::{Process, Silence, default_python, fate};
use crate::{Task, TaskDescription};
use memmap2::MmapMut;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use striatum_envs::{EnvError, Frame, Moment, Space};

/// What a worker says of its task.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Description {
    pub(crate) observation: Space,
    pub(crate) action: Space,
    names: Vec<(String, usize)>,
    time_limit: Option<u32>,
    pub(crate) solved_at: Option<f32>,
    pub(crate) mask: usize,
    pub(crate) lives: bool,
    /// Whether there may be rows that are no transitions.
    pub(crate) counts: bool,
    /// Whether the environments of a worker step as a whole only.
    pub(crate) together: bool,
    /// What the choices of a discrete action are called; empty if they have no names.
    pub(crate) action_names: Vec<String>,
    render_modes: Vec<String>,
    /// Steps a second at which it is shown.
    pub(crate) frame_rate: Option<f32>,
    versions: String,
}

impl Description {
    /// For people.
    pub(crate) fn of_task(&self, name: &str) -> TaskDescription {
        TaskDescription {
            name: name.to_owned(),
            time_limit: self.time_limit,
            solved_at: self.solved_at,
            observation_space: self.observation.clone(),
            observation_names: self.names.clone(),
            action_space: self.action.clone(),
            action_mask: self.mask,
            lives: self.lives,
            render_modes: self.render_modes.clone(),
            versions: self.versions.clone(),
        }
    }

    /// Numbers of a row: the observation, and the mask of allowed actions at its end.
    pub(crate) fn row(&self) -> usize {
        self.observation.width()
    }
}

/// What went wrong.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The script says it.
    Told(Failure),
    /// The process is gone or hangs: in words.
    Lost(String),
}

/// A failure as the script tells it.
#[derive(Debug, Deserialize)]
pub(crate) struct Failure {
    /// What it was doing: `start`, `make`, `reset`, `step` or `render`.
    pub(crate) failed: String,
    /// The environment, counted within the worker.
    pub(crate) env: Option<usize>,
    what: String,
    traceback: String,
}

impl Failure {
    /// The traceback, or the error where that says it all.
    pub(crate) fn text(&self) -> &str {
        let text = if self.traceback.is_empty() { &self.what } else { &self.traceback };
        text.trim_end()
    }
}

/// A worker process and its environments.
#[derive(Debug)]
pub(crate) struct Worker {
    process: Process,
    python: PathBuf,
    timeout: Duration,
    shared: Option<Shared>,
}

impl Worker {
    /// Starts a process and asks for the task; [`describe`](Self::describe) waits for the answer.
    pub(crate) fn start(task: &Task) -> Result<Self, EnvError> {
        let python = match task.settings.python.as_str() {
            "" => default_python(),
            path => PathBuf::from(path),
        };
        let timeout = Duration::from_secs_f32(task.settings.timeout);
        let mut process = Process::start(&python, &task.name, timeout).map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::PermissionDenied => EnvError::Unavailable(format!(
                "there is no Python `{}` to make task `{}` ({error}); give `--python PATH`, or activate a virtual environment",
                python.display(),
                task.name
            )),
            _ => EnvError::Failed(format!("a worker of task `{}` could not be started: {error}", task.name)),
        })?;
        let _ = process.send(format!("{}\n", order(task)).as_bytes());
        Ok(Self { process, python, timeout, shared: None })
    }

    /// What the task is, once the worker has made an environment.
    pub(crate) fn describe(&mut self, task: &Task) -> Result<Description, EnvError> {
        let unreadable =
            |error| EnvError::Failed(format!("a worker of task `{}` is not understood: {error}", task.name));
        match self.answer() {
            Ok(Some(value)) => serde_json::from_value(value).map_err(unreadable),
            Ok(None) => Err(EnvError::Failed(format!("a worker of task `{}` is not understood", task.name))),
            Err(Trouble::Told(failure)) if failure.failed == "reset" => {
                Err(EnvError::Failed(format!("task `{}` failed in its first reset:\n{}", task.name, failure.text())))
            }
            Err(Trouble::Told(failure)) => {
                let text = failure.text();
                let lines = if text.contains('\n') { ":\n" } else { ": " };
                Err(EnvError::Unavailable(format!("task `{}` cannot be made{lines}{text}", task.name)))
            }
            Err(Trouble::Lost(text))
                if text.contains("No module named 'gymnasium'") || text.contains("No module named 'numpy'") =>
            {
                let python = self.python.display();
                Err(EnvError::Unavailable(format!(
                    "`{python}` has no Gymnasium, which task `{}` needs; install it with `{python} -m pip install gymnasium`, or \
                     give another `--python PATH`",
                    task.name
                )))
            }
            Err(Trouble::Lost(text)) => Err(EnvError::Failed(format!("a worker of task `{}` {text}", task.name))),
        }
    }

    /// Shares memory with the worker, which makes its environments.
    pub(crate) fn attach(&mut self, layout: Layout) -> Result<(), Trouble> {
        let lost = |error| Trouble::Lost(format!("got no shared memory: {error}"));
        let mut file = self.process.file.try_clone().map_err(lost)?;
        // Written, not only made long: memory that is not there would be missed too late.
        file.write_all(&vec![0; layout.size()]).map_err(lost)?;
        // SAFETY: nobody else has this file, which has no name, and either side writes only when it is its turn.
        let map = unsafe { MmapMut::map_mut(&file) }.map_err(lost)?;
        let message = layout.message();
        self.shared = Some(Shared::new(layout, map));
        self.send(format!("{message}\n").as_bytes());
        Ok(())
    }

    /// The shared memory, after [`attach`](Self::attach).
    pub(crate) fn shared(&mut self) -> &mut Shared {
        self.shared.as_mut().expect("a worker is attached before it steps")
    }

    /// Wakes the worker; that it is gone shows when it does not answer.
    pub(crate) fn send(&mut self, command: &[u8]) {
        let _ = self.process.send(command);
    }

    /// Waits for the answer to a command: nothing, or a line of JSON.
    pub(crate) fn answer(&mut self) -> Result<Option<Value>, Trouble> {
        let first = self.process.receive().map_err(|silence| self.explain(&silence))?;
        if first == b'k' {
            return Ok(None);
        }
        let mut line = vec![first];
        line.extend(self.process.receive_line().map_err(|silence| self.explain(&silence))?);
        let value: Value = serde_json::from_slice(&line)
            .map_err(|_| Trouble::Lost(format!("answered `{}`", String::from_utf8_lossy(&line))))?;
        match Failure::deserialize(&value) {
            Ok(failure) => Err(Trouble::Told(failure)),
            Err(_) => Ok(Some(value)),
        }
    }

    /// Has the worker keep pictures of the ends of episodes. There is no answer.
    pub(crate) fn watch(&mut self) {
        self.send(b"w");
    }

    /// A picture of the environment that was chosen.
    pub(crate) fn frame(&mut self, moment: Moment) -> Result<Option<Frame>, Trouble> {
        self.send(if moment == Moment::Now { b"f" } else { b"e" });
        let size = |value: &Value, name| value[name].as_u64().unwrap_or(0) as usize;
        let Some(value) = self.answer()? else { return Ok(None) };
        let (width, height) = (size(&value, "width"), size(&value, "height"));
        if width * height == 0 {
            return Ok(None);
        }
        let mut rgb = vec![0; width * height * 3];
        self.process.receive_into(&mut rgb).map_err(|silence| self.explain(&silence))?;
        Ok(Some(Frame { width, height, rgb }))
    }

    /// Why there is no answer, with the last that Python has printed.
    fn explain(&mut self, silence: &Silence) -> Trouble {
        let what = match silence {
            Silence::Gone => fate(self.process.end()),
            Silence::Late => {
                self.process.ask_where();
                let seconds = self.timeout.as_secs_f32();
                format!("has not answered for {seconds} s and counts as hanging (`gym.timeout`)")
            }
        };
        let words = self.process.last_words();
        Trouble::Lost(if words.is_empty() { what } else { format!("{what}; the last it printed:\n{words}") })
    }

    /// Tells the process to end, without waiting for it.
    pub(crate) fn dismiss(&self) {
        self.process.dismiss();
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }
}

/// What the script is asked to make.
pub(crate) fn order(task: &Task) -> Value {
    let settings = &task.settings;
    json!({
        "do": "open",
        "kind": task.kind(),
        "id": task.id(),
        "arguments": task.arguments,
        "imports": settings.imports,
        "wrappers": settings.wrappers,
        "vectorization": settings.vectorization,
        "autoreset": settings.autoreset,
        "render_mode": settings.render_mode,
    })
}

/// The Python of a task's workers, for telling tasks apart.
pub(crate) fn python_of(task: &Task) -> &Path {
    Path::new(&task.settings.python)
}
