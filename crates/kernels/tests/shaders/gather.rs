use crate::common::close;
use crate::{Test, check};
use proptest::prelude::any;
use striatum_kernels::{Backend, Cpu, Gpu, Selection, TakeColumnsArgs};
use striatum_rng::{Purpose, Stream};

pub const TESTS: &[Test] = &[
    ("gather_agrees_with_its_mirror", random),
    ("gather_over_65535_workgroups", many_workgroups),
    ("gather_of_nothing", |gpu| agrees(gpu, [1, 3, 2, 0], 0)),
    ("gather_reads_a_row_that_is_not_there_as_0", missing_row),
    ("take_columns_agrees_with_its_mirror", columns),
];

fn columns(gpu: &Gpu) -> Result<(), String> {
    check((1..4usize, 1..300usize, 1..4usize, any::<bool>(), any::<u64>()), |(agents, rows, columns, placed, seed)| {
        let mut stream = Stream::new(seed, Purpose::User, 0, 0);
        let (width, at) = (columns + 2, stream.below(9) as usize);
        let source: Vec<f32> = (0..agents * rows * width).map(|_| stream.uniform()).collect();
        // Places are distinct: a row more than its double would write twice.
        let places: Vec<u32> = (0..agents * rows).map(|i| 2 * (i % rows) as u32 + stream.below(2)).collect();
        let stride = 2 * rows + at;
        let args = (agents, rows, width, columns, at, stride);
        close(
            "lines",
            &take(gpu, args, &source, placed, &places)?,
            &take(&Cpu::new(), args, &source, placed, &places)?,
            0.0,
        )
    })
}

fn take<B: Backend>(
    backend: &B,
    (agents, rows, width, columns, at, stride): (usize, usize, usize, usize, usize, usize),
    source: &[f32],
    placed: bool,
    places: &[u32],
) -> Result<Vec<f32>, String> {
    let mut out = backend.upload(&vec![-1.0; agents * columns * stride]);
    let places = backend.upload_indices(places);
    backend.take_columns(TakeColumnsArgs {
        agents,
        rows,
        source: &backend.upload(source),
        width,
        column: 1,
        columns,
        places: placed.then_some(&places),
        at,
        out: &mut out,
        stride,
    });
    backend.download(&out).map_err(|error| error.to_string())
}

/// `[agents, width, source rows, rows]`.
fn agrees(gpu: &Gpu, [agents, width, source_rows, rows]: [usize; 4], seed: u64) -> Result<(), String> {
    let mut stream = Stream::new(seed, Purpose::User, 0, 0);
    let source: Vec<f32> = (0..agents * source_rows * width).map(|_| stream.uniform()).collect();
    let rows: Vec<u32> = (0..agents * rows).map(|_| stream.below(source_rows as u32)).collect();
    close(
        "rows",
        &gather(gpu, agents, width, &source, &rows)?,
        &gather(&Cpu::new(), agents, width, &source, &rows)?,
        0.0,
    )
}

fn gather<B: Backend>(
    backend: &B,
    agents: usize,
    width: usize,
    source: &[f32],
    rows: &[u32],
) -> Result<Vec<f32>, String> {
    let mut out = backend.upload(&vec![-1.0; rows.len() * width]);
    let mut indices = backend.upload_indices(&vec![0; rows.len()]);
    backend.write_indices(&mut indices, rows);
    let stride = rows.len() / agents;
    let selection = Selection { rows: &indices, stride, first: 0 };
    backend.gather(agents, width, &backend.upload(source), selection, stride, &mut out);
    backend.download(&out).map_err(|error| error.to_string())
}

fn random(gpu: &Gpu) -> Result<(), String> {
    check(([1..4usize, 1..20usize, 1..300usize, 1..300usize], any::<u64>()), |(sizes, seed)| agrees(gpu, sizes, seed))
}

fn many_workgroups(gpu: &Gpu) -> Result<(), String> {
    // 3 * 5 592 406 = 16 777 218 invocations are 65 537 workgroups.
    agrees(gpu, [1, 3, 1000, 5_592_406], 1)
}

fn missing_row(gpu: &Gpu) -> Result<(), String> {
    close(
        "rows",
        &gather(gpu, 1, 2, &[1.0, 2.0, 3.0, 4.0], &[2, 1, u32::MAX])?,
        &[0.0f32, 0.0, 3.0, 4.0, 0.0, 0.0],
        0.0,
    )
}
