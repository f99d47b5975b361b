//! Listeners to a run's events: TensorBoard, `metrics.jsonl` and the terminal.

mod console;
mod jsonl;
mod tensorboard;

pub use console::Console;
pub(crate) use console::progress_bar;
pub use jsonl::Jsonl;
pub use tensorboard::TensorBoard;

use crate::event::Event;

/// A sink could not take an event.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {reason}")]
pub struct SinkError {
    /// What is lost, such as the file's name.
    pub what: String,
    /// Why.
    pub reason: String,
}

impl SinkError {
    fn new(what: impl Into<String>, reason: impl ToString) -> Self {
        Self { what: what.into(), reason: reason.to_string() }
    }
}

/// Something that listens to a run.
pub trait Sink {
    /// Takes an event.
    ///
    /// # Errors
    /// If it could not be passed on. The sink is then not used again.
    fn on(&mut self, event: &Event) -> Result<(), SinkError>;
}

impl<S: Sink + ?Sized> Sink for Box<S> {
    fn on(&mut self, event: &Event) -> Result<(), SinkError> {
        (**self).on(event)
    }
}

/// Every sink of a run. A sink that fails is dropped with a warning to the others, and training goes on.
#[derive(Default)]
pub struct Sinks {
    sinks: Vec<Box<dyn Sink>>,
}

impl Sinks {
    /// No sinks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a sink.
    pub fn add(&mut self, sink: impl Sink + 'static) {
        self.sinks.push(Box::new(sink));
    }

    /// Passes an event to every sink.
    pub fn emit(&mut self, event: &Event) {
        for error in self.pass_on(event) {
            // A sink that fails on the warning goes as well; there is no one left to tell about that one.
            self.pass_on(&Event::Warning(format!("{error}; training goes on without it")));
        }
    }

    fn pass_on(&mut self, event: &Event) -> Vec<SinkError> {
        let mut errors = Vec::new();
        self.sinks.retain_mut(|sink| match sink.on(event) {
            Ok(()) => true,
            Err(error) => {
                errors.push(error);
                false
            }
        });
        errors
    }
}
