//! The vectorised nonlinearities against the true ones.

use striatum_kernels::{Activation, SimdLevel, mlp_activate};

/// Every 977th float of each sign up to 1e4, and the special ones.
fn many_floats() -> Vec<f32> {
    let positive = (0..1e4f32.to_bits()).step_by(977).map(f32::from_bits);
    positive.flat_map(|x| [x, -x]).chain([1e30, -1e30]).collect()
}

#[test]
fn activations_are_accurate() {
    let xs = many_floats();
    for level in SimdLevel::available() {
        let worst = |activation, exact: fn(f64) -> f64, scale: fn(f64) -> f64| {
            let mut ys = xs.clone();
            mlp_activate(level, activation, &mut ys);
            let error = |(&x, &y): (&f32, &f32)| (f64::from(y) - exact(x.into())).abs() / scale(x.into());
            xs.iter().zip(&ys).map(error).fold(0.0, f64::max)
        };
        let tanh = worst(Activation::Tanh, f64::tanh, |_| 1.0);
        let silu = worst(Activation::Silu, |x| x / (1.0 + (-x).exp()), |x| x.abs().max(1.0));
        let relu = worst(Activation::Relu, |x| x.max(0.0), |_| 1.0);
        assert!(tanh <= 4e-7 && silu <= 3e-7 && relu == 0.0, "{level:?}: tanh {tanh:e}, silu {silu:e}, relu {relu:e}");
    }
}

#[test]
fn tanh_is_odd_saturates_and_keeps_nan() {
    let xs = many_floats();
    for level in SimdLevel::available() {
        let tanh = |mut xs: Vec<f32>| {
            mlp_activate(level, Activation::Tanh, &mut xs);
            xs
        };
        let ys = tanh(xs.clone());
        assert!(ys.chunks_exact(2).all(|y| y[0] == -y[1]), "{level:?}: odd");
        assert!(ys.iter().all(|y| y.abs() <= 1.0), "{level:?}: bounded");
        let relative = |(&x, &y): (&f32, &f32)| (f64::from(y) / f64::from(x).tanh() - 1.0).abs();
        let worst = xs.iter().zip(&ys).filter(|(x, _)| x.abs() > 1e-30).map(relative).fold(0.0, f64::max);
        assert!(worst <= 5e-7, "{level:?}: relative error {worst:e}");
        assert_eq!(
            tanh(vec![9.1, -9.1, f32::INFINITY, f32::NEG_INFINITY, 0.0]),
            [1.0, -1.0, 1.0, -1.0, 0.0],
            "{level:?}"
        );
        assert!(tanh(vec![f32::NAN])[0].is_nan(), "{level:?}");
    }
}
