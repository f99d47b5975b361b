//! Two neutral pathways (kappa = rho = 0) learn exactly as one: the reduction in double precision.

use std::array::from_fn;
use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};
use striatum_rng::{Purpose, Stream};

const FEATURES: usize = 6;
const ACTIONS: usize = 4;
const ROWS: usize = 64;
const UPDATES: usize = 2000;
/// Updates before new rows are drawn from the policy of that time.
const EPOCHS: usize = 4;
const CLIP: f64 = 0.2;
/// Of the global gradient; in the middle of what it is, so that many updates are clipped and many are not.
const MAX_NORM: f64 = 0.5;

type Weights = [[f64; FEATURES]; ACTIONS];

/// Adam with bias correction for one head.
struct Adam {
    rate: f64,
    epsilon: f64,
    moments: [Weights; 2],
    steps: i32,
}

impl Adam {
    fn new(rate: f64, epsilon: f64) -> Self {
        Self { rate, epsilon, moments: [[[0.0; FEATURES]; ACTIONS]; 2], steps: 0 }
    }

    fn step(&mut self, weights: &mut Weights, gradient: &Weights, scale: f64) {
        self.steps += 1;
        let corrections = [0.9_f64, 0.999].map(|beta| 1.0 - beta.powi(self.steps));
        let [first, second] = &mut self.moments;
        for a in 0..ACTIONS {
            for f in 0..FEATURES {
                let g = scale * gradient[a][f];
                first[a][f] += 0.1 * (g - first[a][f]);
                second[a][f] += 0.001 * (g * g - second[a][f]);
                let (m, v) = (first[a][f] / corrections[0], second[a][f] / corrections[1]);
                weights[a][f] -= self.rate * m / (v.sqrt() + self.epsilon);
            }
        }
    }
}

fn product(weights: &Weights, features: &[f64; FEATURES]) -> [f64; ACTIONS] {
    from_fn(|a| weights[a].iter().zip(features).map(|(w, x)| w * x).sum())
}

fn softmax(logits: [f64; ACTIONS]) -> [f64; ACTIONS] {
    let most = logits.into_iter().fold(f64::MIN, f64::max);
    let exp = logits.map(|l| (l - most).exp());
    exp.map(|e| e / exp.iter().sum::<f64>())
}

struct Row {
    features: [f64; FEATURES],
    action: usize,
    old: f64,
    advantage: f64,
}

/// Gradient of the mean of max(-A ratio, -A clip(ratio)) with respect to the logits of a row.
fn logit_gradient(row: &Row, policy: &[f64; ACTIONS]) -> [f64; ACTIONS] {
    let ratio = policy[row.action] / row.old;
    let clipped = ratio.clamp(1.0 - CLIP, 1.0 + CLIP);
    let active = -row.advantage * ratio >= -row.advantage * clipped;
    let slope = if active { -row.advantage * ratio / ROWS as f64 } else { 0.0 };
    from_fn(|a| slope * (if a == row.action { 1.0 } else { 0.0 } - policy[a]))
}

fn weight_gradient(rows: &[Row], logits: impl Fn(&[f64; FEATURES]) -> [f64; ACTIONS], scale: f64) -> Weights {
    let mut gradient = [[0.0; FEATURES]; ACTIONS];
    for row in rows {
        let d_logits = logit_gradient(row, &softmax(logits(&row.features)));
        for (gradient, d_logit) in gradient.iter_mut().zip(d_logits) {
            gradient.iter_mut().zip(&row.features).for_each(|(sum, feature)| *sum += scale * d_logit * feature);
        }
    }
    gradient
}

/// What the gradient is multiplied with so that its norm over all heads is at most the limit.
fn clip_scale(heads: &[&Weights]) -> f64 {
    let norm = heads.iter().flat_map(|head| head.iter().flatten()).map(|g| g * g).sum::<f64>().sqrt();
    (MAX_NORM / (norm + 1e-6)).min(1.0)
}

fn draw_rows(stream: &mut Stream, weights: &Weights, best: &Weights) -> Vec<Row> {
    let row = |_| {
        let features = from_fn(|_| f64::from(stream.normal()));
        let policy = softmax(product(weights, &features));
        let (mut left, mut action) = (f64::from(stream.uniform()), 0);
        while action + 1 < ACTIONS && left >= policy[action] {
            left -= policy[action];
            action += 1;
        }
        let advantage = product(best, &features)[action] + f64::from(stream.normal());
        Row { features, action, old: policy[action], advantage }
    };
    (0..ROWS).map(row).collect()
}

#[test]
fn neutral_pathways_learn_as_a_single_head_in_double_precision() {
    let mut stream = Stream::new(1, Purpose::User, 0, 0);
    let mut random = |size: f64| -> Weights { from_fn(|_| from_fn(|_| size * f64::from(stream.normal()))) };
    let (mut single, best) = (random(0.01), random(1.0));
    let mut go = single.map(|row| row.map(|w| w / SQRT_2));
    let mut no_go = single.map(|row| row.map(|w| -w / SQRT_2));
    let (rate, epsilon) = (3e-3, 1e-5);
    let mut single_adam = Adam::new(rate, epsilon);
    let mut head_adams = [(); 2].map(|()| Adam::new(rate / SQRT_2, epsilon / SQRT_2));
    let (mut largest, mut clipped, mut moved, mut rows) = (0.0_f64, 0, 0.0_f64, Vec::new());
    for update in 0..UPDATES {
        if update % EPOCHS == 0 {
            rows = draw_rows(&mut stream, &single, &best);
        }
        let one = weight_gradient(&rows, |x| product(&single, x), 1.0);
        let net = |x: &[f64; FEATURES]| {
            let (g, n) = (product(&go, x), product(&no_go, x));
            from_fn(|a| FRAC_1_SQRT_2 * (g[a] - n[a]))
        };
        let [d_go, d_no_go] = [FRAC_1_SQRT_2, -FRAC_1_SQRT_2].map(|scale| weight_gradient(&rows, net, scale));
        let (scale, dual_scale) = (clip_scale(&[&one]), clip_scale(&[&d_go, &d_no_go]));
        clipped += usize::from(scale < 1.0);
        single_adam.step(&mut single, &one, scale);
        head_adams[0].step(&mut go, &d_go, dual_scale);
        head_adams[1].step(&mut no_go, &d_no_go, dual_scale);
        for row in &rows {
            let one = softmax(product(&single, &row.features));
            let (g, n) = (product(&go, &row.features), product(&no_go, &row.features));
            let two = softmax(from_fn(|a| FRAC_1_SQRT_2 * (g[a] - n[a])));
            for a in 0..ACTIONS {
                largest = largest.max((one[a] - two[a]).abs());
                moved = moved.max((one[a] - 1.0 / ACTIONS as f64).abs());
            }
        }
    }
    assert!(largest <= 1e-12, "policies differ by {largest:e}");
    assert!((UPDATES / 4..UPDATES * 3 / 4).contains(&clipped), "{clipped} of {UPDATES} gradients were clipped");
    assert!(moved > 0.5, "the policy hardly moved: {moved}");
    println!("largest difference {largest:e}, {clipped} of {UPDATES} gradients clipped");
}
