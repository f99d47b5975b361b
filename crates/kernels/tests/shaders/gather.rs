use crate::common::close;
use crate::{Test, check};
use proptest::prelude::any;
use striatum_kernels::{Backend, Cpu, Gpu, Selection, TakeColumnsArgs, UnpackBytesArgs};
use striatum_rng::{Purpose, Stream};

pub const TESTS: &[Test] = &[
    ("gather_agrees_with_its_mirror", random),
    ("gather_over_65535_workgroups", many_workgroups),
    ("gather_of_nothing", |gpu| agrees(gpu, [1, 3, 2, 0], 0)),
    ("gather_reads_a_row_that_is_not_there_as_0", missing_row),
    ("gather_keeps_bit_patterns", patterns),
    ("take_columns_agrees_with_its_mirror", columns),
    ("unpack_bytes_agrees_with_its_mirror", bytes),
];

/// What no arithmetic may touch: signalling NaNs, denormals and the like, as packed bytes are.
fn patterns(gpu: &Gpu) -> Result<(), String> {
    let mut stream = Stream::new(3, Purpose::User, 0, 0);
    let mut patterns = vec![0x7fa0_1234_u32, 0x0000_0101, 0x8000_0000, 0xffff_ffff, 0x7f80_0001, 0x0080_0000];
    patterns.extend((0..1000).map(|_| stream.below(u32::MAX)));
    let source: Vec<f32> = patterns.iter().map(|&pattern| f32::from_bits(pattern)).collect();
    let rows: Vec<u32> = (0..patterns.len() as u32).rev().collect();
    let out = gather(gpu, 1, 1, &source, &rows)?;
    patterns.reverse();
    match out.iter().zip(&patterns).position(|(x, &pattern)| x.to_bits() != pattern) {
        None => Ok(()),
        Some(i) => Err(format!("{:x} became {:x}", patterns[i], out[i].to_bits())),
    }
}

fn bytes(gpu: &Gpu) -> Result<(), String> {
    check((0..40usize, 0..70usize, 0..4usize, any::<u64>()), |(rows, bytes, rest, seed)| {
        let mut stream = Stream::new(seed, Purpose::User, 0, 0);
        let mut source = Vec::new();
        for _ in 0..rows {
            source.extend((0..bytes.div_ceil(4)).map(|_| f32::from_bits(stream.below(u32::MAX))));
            source.extend((0..rest).map(|_| stream.normal()));
        }
        let shape = [rows, bytes, rest];
        close("numbers", &unpack(gpu, shape, &source)?, &unpack(&Cpu::new(), shape, &source)?, 0.0)
    })
}

fn unpack<B: Backend>(backend: &B, [rows, bytes, rest]: [usize; 3], source: &[f32]) -> Result<Vec<f32>, String> {
    let mut out = backend.upload(&vec![-1.0; rows * (bytes + rest)]);
    backend.unpack_bytes(UnpackBytesArgs { rows, bytes, rest, source: &backend.upload(source), out: &mut out });
    backend.download(&out).map_err(|error| error.to_string())
}

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
