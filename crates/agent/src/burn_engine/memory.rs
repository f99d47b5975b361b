//! Memories as burn modules.

use super::encoder::linear;
use crate::{MemoryKind, NetworkSpec};
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, activation};

/// What a network with memory is given beside its observations: sequences of equal length, of which row `t * E + e` is step t of
/// sequence e.
#[derive(Clone, Debug)]
pub struct Past {
    /// Steps of a sequence.
    pub steps: usize,
    /// 1 where an episode starts, which forgets everything before, `[R, 1]`.
    pub start: Tensor<2>,
    /// The state that each sequence begins with, `[E, S]`.
    pub state: Tensor<2>,
}

impl Past {
    /// What is kept of the state before each row, `[R, 1]`.
    fn keep(&self) -> Tensor<2> {
        self.start.clone().neg().add_scalar(1.0)
    }
}

/// A recurrent layer. Gates lie side by side, in PyTorch's order.
#[derive(Module, Debug)]
pub(super) struct Memory {
    input: Linear,
    recurrent: Option<Linear>,
    #[module(skip)]
    kind: MemoryKind,
    #[module(skip)]
    width: usize,
}

impl Memory {
    /// That of a network that has one, for `inputs` numbers.
    pub(super) fn new(spec: &NetworkSpec, inputs: usize, device: &Device) -> Option<Self> {
        let (kind, width) = (spec.memory, spec.memory_width);
        let gates = kind.gates();
        (gates > 0).then(|| Self {
            input: linear(inputs, gates * width, device),
            recurrent: kind.is_recurrent().then(|| linear(width, gates * width, device)),
            kind,
            width,
        })
    }

    /// What is read from the memory at every row, `[R, width]`, and its state after it; its part of the past's states begins in column
    /// `column`.
    pub(super) fn forward(&self, x: Tensor<2>, past: &Past, column: usize) -> [Tensor<2>; 2] {
        let state = past.state.clone().narrow(1, column, self.kind.states() * self.width);
        let projected = self.input.forward(x);
        match (self.kind, &self.recurrent) {
            (MemoryKind::Gru, Some(recurrent)) => self.gru(recurrent, projected, past, state),
            (MemoryKind::Lstm, Some(recurrent)) => self.lstm(recurrent, projected, past, state),
            _ => self.mingru(projected, past, state),
        }
    }

    /// A gate of rows.
    fn gate(&self, rows: &Tensor<2>, gate: usize) -> Tensor<2> {
        rows.clone().narrow(1, gate * self.width, self.width)
    }

    /// `r, z = sigmoid(W x + U h)`, `n = tanh(W x + r U h)`, `h' = (1 - z) n + z h` (Cho et al. 2014, as in PyTorch).
    fn gru(&self, recurrent: &Linear, projected: Tensor<2>, past: &Past, mut h: Tensor<2>) -> [Tensor<2>; 2] {
        let mut all = Vec::with_capacity(past.steps);
        for (x, keep) in by_steps(projected, past.steps).into_iter().zip(by_steps(past.keep(), past.steps)) {
            let before = h * keep;
            let u = recurrent.forward(before.clone());
            let both = 2 * self.width;
            let gates = activation::sigmoid(x.clone().narrow(1, 0, both) + u.clone().narrow(1, 0, both));
            let (r, z) = (self.gate(&gates, 0), self.gate(&gates, 1));
            let n = activation::tanh(self.gate(&x, 2) + r * self.gate(&u, 2));
            h = n.clone() + z * (before - n);
            all.push(h.clone());
        }
        let h = Tensor::cat(all, 0);
        [h.clone(), h]
    }

    /// `i, f, o = sigmoid(W x + U h)`, `g = tanh(W x + U h)`, `c' = f c + i g`, `h' = o tanh(c')` (Hochreiter and Schmidhuber 1997, as in
    /// PyTorch). The state is h, then c.
    fn lstm(&self, recurrent: &Linear, projected: Tensor<2>, past: &Past, state: Tensor<2>) -> [Tensor<2>; 2] {
        let (mut h, mut c) = (self.gate(&state, 0), self.gate(&state, 1));
        let [mut all, mut cells] = [Vec::with_capacity(past.steps), Vec::with_capacity(past.steps)];
        for (x, keep) in by_steps(projected, past.steps).into_iter().zip(by_steps(past.keep(), past.steps)) {
            let sums = x + recurrent.forward(h * keep.clone());
            let [i, f, o] = [0, 1, 3].map(|gate| activation::sigmoid(self.gate(&sums, gate)));
            c = f * (c * keep) + i * activation::tanh(self.gate(&sums, 2));
            h = o * activation::tanh(c.clone());
            all.push(h.clone());
            cells.push(c.clone());
        }
        let h = Tensor::cat(all, 0);
        [h.clone(), Tensor::cat(vec![h, Tensor::cat(cells, 0)], 1)]
    }

    /// `z = sigmoid(W x)`, `h' = (1 - z) h + z g(W x)` with `g(x) = x + 1/2` from 0 on, else `sigmoid(x)` (Feng et al. 2024). What a step adds
    /// does not depend on the one before, so that all steps are taken at once, each time twice as many together.
    fn mingru(&self, projected: Tensor<2>, past: &Past, state: Tensor<2>) -> [Tensor<2>; 2] {
        let z = activation::sigmoid(self.gate(&projected, 0));
        let x = self.gate(&projected, 1);
        let candidate = activation::relu(x.clone()) + activation::sigmoid(x.clone() - activation::relu(x));
        let (rows, sequences) = (z.dims()[0], state.dims()[0]);
        let mut added = z.clone() * candidate;
        // h_t = kept_t h_(t - reach) + added_t
        let mut kept = z.neg().add_scalar(1.0) * past.keep();
        let mut reach = 1;
        while reach < past.steps {
            let (shift, device) = (reach * sequences, kept.device());
            let earlier = |rows_of: &Tensor<2>| rows_of.clone().narrow(0, 0, rows - shift);
            let [kept_before, added_before] = [earlier(&kept), earlier(&added)];
            let [none, all] = [Tensor::zeros([shift, self.width], &device), Tensor::ones([shift, self.width], &device)];
            added = kept.clone() * Tensor::cat(vec![none, added_before], 0) + added;
            kept = kept * Tensor::cat(vec![all, kept_before], 0);
            reach *= 2;
        }
        let h = added + kept * state.repeat_dim(0, past.steps);
        [h.clone(), h]
    }
}

/// Rows `[L * E, ..]` as `[E, ..]` of every step. In two stages: the gradient of a part is as large as the whole that it was cut from.
fn by_steps(rows: Tensor<2>, steps: usize) -> Vec<Tensor<2>> {
    let sequences = rows.dims()[0] / steps;
    let block = steps.isqrt().max(1);
    let parts = (0..steps).step_by(block).flat_map(|first| {
        let count = block.min(steps - first);
        let part = rows.clone().narrow(0, first * sequences, count * sequences);
        (0..count).map(move |step| part.clone().narrow(0, step * sequences, sequences))
    });
    parts.collect()
}
