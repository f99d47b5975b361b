// What a product of the multilayer perceptron reads: on its left rows of numbers from outside (observations, gradients of
// outputs) or from the layer beside it, on its right weights. Also the shape that all of its products share.

/// Where a network's part of a layer lies.
struct Network {
    /// Of its weight and bias, in the arena.
    weight: u32,
    bias: u32,
    /// Its first column in a row from outside.
    column: u32,
    /// Numbers that are summed up for an output.
    depth: u32,
    /// Of its heads: their first column in an output row, and how many they are.
    output: u32,
    outputs: u32,
    padding0: u32,
    padding1: u32,
}

/// A weight and bias behind the last hidden layer.
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
    /// An agent's parameters.
    parameters: u32,
    /// Columns of the product, or numbers in an output row.
    width: u32,
    /// The first vector of the blocks `[A, networks, R, stride]` that are read and written, and vectors in a row.
    input_at: u32,
    input_stride: u32,
    output_at: u32,
    output_stride: u32,
    /// Numbers in a row from outside.
    edge_width: u32,
    /// Selected rows: their first place among an agent's indices, and how many there are of these.
    first: u32,
    selectable: u32,
    row_tiles: u32,
    column_tiles: u32,
    /// The features block of an output row: its first column and width.
    features_at: u32,
    features: u32,
    network: array<Network, 2>,
    /// Three a network.
    heads: array<Head, 6>,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> weights: array<f32>;              // [A, P]
@group(0) @binding(2) var<storage, read> edge: array<f32>;                 // [A, R or selectable, edge width]
@group(0) @binding(3) var<storage, read> selection: array<u32>;            // [A, selectable], if rows are selected
@group(0) @binding(4) var<storage, read_write> blocks: array<vec4<f32>>;   // values, or their gradients, layer by layer

/// Whether the product is of the backward pass.
override BACK: bool = false;
/// Whether it reads rows from outside.
override EDGE: bool = false;
/// Whether these are selected by an index.
override SELECTED: bool = false;

/// Smaller gradients count as 0, as in the mirror.
const SMALLEST: f32 = 1e-30;

/// Where a workgroup's tile begins.
struct Place {
    agent: u32,
    network: u32,
    row: u32,
    /// In vectors.
    column: u32,
}

/// The tile `flat`, of so many rows and vectors of columns.
fn place_of(flat: u32, rows: u32, columns: u32) -> Place {
    let above = flat / shape.column_tiles;
    let network = above / shape.row_tiles;
    return Place(
        network / shape.networks,
        network % shape.networks,
        (above % shape.row_tiles) * rows,
        (flat % shape.column_tiles) * columns,
    );
}

fn edge_number(at: u32, k: u32, depth: u32) -> f32 {
    if k >= depth {
        return 0.0;
    }
    let number = edge[at + k];
    return select(number, 0.0, BACK && abs(number) < SMALLEST);
}

/// Numbers `4 k` to `4 k + 3` of a row; 0 beyond its end, and in rows that are not there.
fn left(place: Place, network: Network, row: u32, k: u32) -> vec4<f32> {
    if row >= shape.rows || 4u * k >= network.depth {
        return vec4<f32>();
    }
    if !EDGE {
        let block_row = (place.agent * shape.networks + place.network) * shape.rows + row;
        return blocks[shape.input_at + block_row * shape.input_stride + k];
    }
    var source = place.agent * shape.rows + row;
    if SELECTED {
        let taken = selection[place.agent * shape.selectable + shape.first + row];
        if taken >= shape.selectable {
            return vec4<f32>();
        }
        source = place.agent * shape.selectable + taken;
    }
    let at = source * shape.edge_width + network.column;
    return vec4<f32>(
        edge_number(at, 4u * k, network.depth),
        edge_number(at, 4u * k + 1u, network.depth),
        edge_number(at, 4u * k + 2u, network.depth),
        edge_number(at, 4u * k + 3u, network.depth),
    );
}

/// Which of its network's heads a column belongs to; one of width 0 beyond the last.
fn head_of(network: u32, column: u32) -> Head {
    for (var i = 3u * network; i < 3u * network + 3u; i++) {
        let head = shape.heads[i];
        if column >= head.column && column - head.column < head.width {
            return head;
        }
    }
    return Head(0u, 0u, 0u, 0u);
}

/// Row `k`, column `n` of the right factor: of the weight `[depth, width]`, or in the backward pass of the transpose of
/// what lies above, a weight `[width, depth]`. The weight of `heads` is that of all of a network's together.
fn right_number(place: Place, network: Network, width: u32, heads: bool, k: u32, n: u32) -> f32 {
    if k >= network.depth || n >= width {
        return 0.0;
    }
    let row = select(k, n, BACK);
    let column = select(n, k, BACK);
    let arena = place.agent * shape.parameters;
    if !heads {
        return weights[arena + network.weight + row * select(width, network.depth, BACK) + column];
    }
    let head = head_of(place.network, column);
    return weights[arena + head.weight + row * head.width + column - head.column];
}

/// Columns `4 n` to `4 n + 3` of row `k`.
fn right(place: Place, network: Network, width: u32, heads: bool, k: u32, n: u32) -> vec4<f32> {
    return vec4<f32>(
        right_number(place, network, width, heads, k, 4u * n),
        right_number(place, network, width, heads, k, 4u * n + 1u),
        right_number(place, network, width, heads, k, 4u * n + 2u),
        right_number(place, network, width, heads, k, 4u * n + 3u),
    );
}

/// `c + a.x b0 + a.y b1 + a.z b2 + a.w b3`, in this order.
fn four_steps(
    c: vec4<f32>,
    a: vec4<f32>,
    b0: vec4<f32>,
    b1: vec4<f32>,
    b2: vec4<f32>,
    b3: vec4<f32>,
) -> vec4<f32> {
    var sum = fma(vec4<f32>(a.x), b0, c);
    sum = fma(vec4<f32>(a.y), b1, sum);
    sum = fma(vec4<f32>(a.z), b2, sum);
    return fma(vec4<f32>(a.w), b3, sum);
}
