//! Values out of output rows.

use striatum_kernels::{Backend, HeadLayout, TakeColumnsArgs};

/// Where in a line of values the rows go.
pub(crate) enum Places<'a, I> {
    /// One after the other from here.
    From(usize),
    /// Each to its own place.
    At(&'a I),
}

/// Copies the values of a single agent's output rows into lines `[K, stride]`.
pub(crate) fn take_values<B: Backend>(
    backend: &B,
    head: &HeadLayout,
    outputs: &B::Buffer,
    rows: usize,
    places: Places<'_, B::Indices>,
    (out, stride): (&mut B::Buffer, usize),
) {
    let (at, places) = match places {
        Places::From(at) => (at, None),
        Places::At(places) => (0, Some(places)),
    };
    backend.take_columns(TakeColumnsArgs {
        agents: 1,
        rows,
        source: outputs,
        width: head.width(),
        column: head.values_at(),
        columns: head.value_heads,
        places,
        at,
        out,
        stride,
    });
}
