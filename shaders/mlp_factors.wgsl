// What the two kinds of tiles of a weight gradient X^T dZ share: where the factors lie, and where the sums go.

/// The gradient of a weight and its bias, `[m, n]` and `[n]`, cut into tiles; or of all of a network's heads.
struct Job {
    network: u32,
    m: u32,
    n: u32,
    /// Whether X are the observations, and whether dZ are the gradients of the outputs.
    from_observations: u32,
    from_outputs: u32,
    /// Otherwise the first vectors of their blocks `[A, networks, R, stride]`, and vectors in a row.
    left_at: u32,
    left_stride: u32,
    right_at: u32,
    right_stride: u32,
    /// In the arena; not of heads.
    weight: u32,
    bias: u32,
    /// The network's first column in an output row.
    column: u32,
    /// Logarithms of the vectors of a tile's sides.
    log_m: u32,
    log_n: u32,
    /// Tiles along n, and tiles of the jobs before this one.
    column_tiles: u32,
    first_tile: u32,
}

struct Head {
    weight: u32,
    bias: u32,
    /// 0 where there is no such head.
    width: u32,
    /// Its first column among its network's.
    column: u32,
}

struct Shape {
    agents: u32,
    networks: u32,
    rows: u32,
    parameters: u32,
    /// Parts that the rows are cut into, and rows of each.
    segments: u32,
    segment: u32,
    jobs: u32,
    /// Tiles of all jobs.
    tiles: u32,
    inputs: u32,
    output_width: u32,
    /// Selected rows: their first place among an agent's indices, and how many there are of these.
    first: u32,
    selectable: u32,
    heads: array<Head, 6>,  // three a network
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> jobs: array<Job>;
@group(0) @binding(2) var<storage, read> observations: array<f32>;       // [A, R or selectable, inputs]
@group(0) @binding(3) var<storage, read> selection: array<u32>;          // [A, selectable], if rows are selected
@group(0) @binding(4) var<storage, read> values: array<vec4<f32>>;       // layer by layer
@group(0) @binding(5) var<storage, read> gradients: array<vec4<f32>>;    // of the sums, layer by layer
@group(0) @binding(6) var<storage, read> d_outputs: array<f32>;          // [A, R, W]
@group(0) @binding(7) var<storage, read_write> partial: array<f32>;      // [A, segments, P]

override SELECTED: bool = false;

/// Smaller gradients count as 0, as in the mirror.
const SMALLEST: f32 = 1e-30;

/// A tile of one segment's sum.
struct Place {
    agent: u32,
    job: u32,
    /// Rows.
    start: u32,
    end: u32,
    /// Where the tile begins, in vectors.
    m: u32,
    n: u32,
    /// The segment's gradient in `partial`.
    to: u32,
}

fn place_of(flat: u32) -> Place {
    let part = flat / shape.tiles;
    let tile = flat % shape.tiles;
    var job = 0u;
    while job + 1u < shape.jobs && tile >= jobs[job + 1u].first_tile {
        job++;
    }
    let within = tile - jobs[job].first_tile;
    let start = (part % shape.segments) * shape.segment;
    return Place(
        part / shape.segments,
        job,
        start,
        min(start + shape.segment, shape.rows),
        (within / jobs[job].column_tiles) << jobs[job].log_m,
        (within % jobs[job].column_tiles) << jobs[job].log_n,
        part * shape.parameters,
    );
}

fn observation(at: u32, k: u32) -> f32 {
    if k >= shape.inputs {
        return 0.0;
    }
    return observations[at + k];
}

/// Vector `m` of a row of X; 0 beyond its end and in rows that are not there.
fn left(place: Place, job: Job, row: u32, m: u32) -> vec4<f32> {
    if row >= place.end || 4u * m >= job.m {
        return vec4<f32>();
    }
    if job.from_observations == 0u {
        let block_row = (place.agent * shape.networks + job.network) * shape.rows + row;
        return values[job.left_at + block_row * job.left_stride + m];
    }
    var source = place.agent * shape.rows + row;
    if SELECTED {
        let taken = selection[place.agent * shape.selectable + shape.first + row];
        if taken >= shape.selectable {
            return vec4<f32>();
        }
        source = place.agent * shape.selectable + taken;
    }
    let at = source * shape.inputs;
    return vec4<f32>(
        observation(at, 4u * m),
        observation(at, 4u * m + 1u),
        observation(at, 4u * m + 2u),
        observation(at, 4u * m + 3u),
    );
}

fn d_output(at: u32, n: u32, width: u32) -> f32 {
    if n >= width {
        return 0.0;
    }
    let number = d_outputs[at + n];
    return select(number, 0.0, abs(number) < SMALLEST);
}

/// Vector `n` of a row of dZ; 0 beyond its end and in rows that are not there.
fn right(place: Place, job: Job, row: u32, n: u32) -> vec4<f32> {
    let width = job.n;
    if row >= place.end || 4u * n >= width {
        return vec4<f32>();
    }
    if job.from_outputs == 0u {
        let block_row = (place.agent * shape.networks + job.network) * shape.rows + row;
        return gradients[job.right_at + block_row * job.right_stride + n];
    }
    let at = (place.agent * shape.rows + row) * shape.output_width + job.column;
    return vec4<f32>(
        d_output(at, 4u * n, width),
        d_output(at, 4u * n + 1u, width),
        d_output(at, 4u * n + 2u, width),
        d_output(at, 4u * n + 3u, width),
    );
}

/// Where in the arena row `m` of column `n` is, or with `m` the job's own `m`, the bias.
fn parameter(job: Job, m: u32, n: u32) -> u32 {
    var head = Head(job.weight, job.bias, job.n, 0u);
    if job.from_outputs != 0u {
        for (var i = 3u * job.network; i < 3u * job.network + 3u; i++) {
            if n >= shape.heads[i].column && n - shape.heads[i].column < shape.heads[i].width {
                head = shape.heads[i];
            }
        }
    }
    if m == job.m {
        return head.bias + n - head.column;
    }
    return head.weight + m * head.width + n - head.column;
}

fn write(place: Place, job: Job, m: u32, n: u32, sum: vec4<f32>) {
    for (var i = 0u; i < 4u; i++) {
        if n + i < job.n {
            partial[place.to + parameter(job, m, n + i)] = sum[i];
        }
    }
}

/// Four numbers of a weight's row `m`.
fn write_weight(place: Place, job: Job, m: u32, n: u32, sum: vec4<f32>) {
    if m < job.m {
        write(place, job, m, n, sum);
    }
}
