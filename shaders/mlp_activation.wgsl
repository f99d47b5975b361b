// The nonlinearities of hidden layers.
// Mirror: crates/kernels/src/mlp/activation.rs.

/// 0 is tanh, 1 ReLU, 2 SiLU.
override ACTIVATION: u32 = 0u;

/// tanh rounds to 1 from here on.
const BOUND: f32 = 9.02;

/// By its bits: a compiler may assume that comparisons never see what is not a number, and min or max may lose it.
fn is_nan(x: vec4<f32>) -> vec4<bool> {
    return (bitcast<vec4<u32>>(x) & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
}

/// tanh x = x P(x^2) / Q(x^2). The language's own may overflow for large arguments.
fn rational_tanh(x: vec4<f32>) -> vec4<f32> {
    let c = clamp(x, vec4<f32>(-BOUND), vec4<f32>(BOUND));
    let u = c * c;
    var p = fma(vec4<f32>(1.3319058e-8), u, vec4<f32>(2.058347e-5));
    var q = fma(vec4<f32>(7.762014e-7), u, vec4<f32>(3.2830917e-4));
    p = fma(p, u, vec4<f32>(3.4940339e-3));
    q = fma(q, u, vec4<f32>(2.587107e-2));
    p = fma(p, u, vec4<f32>(0.13379717));
    q = fma(q, u, vec4<f32>(0.46713033));
    p = fma(p, u, vec4<f32>(1.0));
    q = fma(q, u, vec4<f32>(1.0));
    return select(clamp(c * p / q, vec4<f32>(-1.0), vec4<f32>(1.0)), x, is_nan(x));
}

struct Activated {
    value: vec4<f32>,
    /// SiLU's only; the others' follows from the value.
    slope: vec4<f32>,
}

fn activate(x: vec4<f32>) -> Activated {
    if ACTIVATION == 0u {
        return Activated(rational_tanh(x), vec4<f32>());
    }
    if ACTIVATION == 1u {
        return Activated(select(max(x, vec4<f32>()), x, is_nan(x)), vec4<f32>());
    }
    // sigmoid(x) = (1 + tanh(x / 2)) / 2
    let sigmoid = fma(vec4<f32>(0.5), rational_tanh(0.5 * x), vec4<f32>(0.5));
    let y = x * sigmoid;
    // d/dx x sigmoid(x) = sigmoid(x) + y - y sigmoid(x)
    return Activated(y, fma(-y, sigmoid, fma(x, sigmoid, sigmoid)));
}

/// The slope, from the value (SiLU: from itself).
fn slope(kept: vec4<f32>) -> vec4<f32> {
    if ACTIVATION == 0u {
        return fma(-kept, kept, vec4<f32>(1.0));
    }
    if ACTIVATION == 1u {
        return select(vec4<f32>(), vec4<f32>(1.0), kept > vec4<f32>());
    }
    return kept;
}
