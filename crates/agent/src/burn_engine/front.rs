//! Convolutions on the CPU before burn's graph begins: burn's own take two to three times as long there.

use super::{ActorCritic, BurnNetwork, cpu_device};
use crate::NetworkSpec;
use std::ops::Range;
use striatum_kernels::{Backend, ConvolutionCpu, Cpu};

/// What makes numbers of observations outside burn's graph, with parameters of its own. The graph begins with these numbers, and
/// their gradient is handed back.
pub trait Front<B: Backend> {
    /// Where its parameters lie in the arena, in order.
    fn parts(&self) -> Vec<Range<usize>>;

    /// Numbers that an observation becomes.
    fn numbers(&self) -> usize;

    /// Takes over new weights, the whole arena.
    fn load(&mut self, weights: &B::Buffer);

    /// Writes `[R, numbers + rest]` for rows that are an observation and the rest. With `keep` a [`backward`](Self::backward) may follow.
    fn forward(&mut self, rows: &B::Buffer, count: usize, keep: bool, out: &mut B::Buffer);

    /// Writes its parameters' gradients from that of what the last [`forward`](Self::forward) wrote.
    fn backward(&mut self, d: &B::Buffer, gradients: &mut B::Buffer);
}

/// The convolutions of a network's encoders.
pub struct HostConvolutions {
    /// Of the actor (or trunk), and of the critic.
    encoders: Vec<(ConvolutionCpu, Range<usize>)>,
    /// Numbers that one encoder gives.
    flat: usize,
    /// Numbers that an observation takes in a row, and what follows them.
    words: usize,
    rest: usize,
}

impl HostConvolutions {
    /// Those of a network that has some.
    pub fn new(spec: &NetworkSpec, cpu: &Cpu) -> Option<Self> {
        let convolutions = spec.convolutions()?;
        let (count, words) = (convolutions.param_count(), spec.observation.words());
        let first = spec.params().into_iter().filter(|param| param.name.ends_with(".encoder.0.weight"));
        let encoder = |at: usize| (ConvolutionCpu::new(&convolutions, cpu), at..at + count);
        let encoders = first.map(|param| encoder(param.offset)).collect();
        Some(Self { encoders, flat: convolutions.flat(), words, rest: spec.inputs() - words })
    }

    fn width(&self) -> usize {
        self.encoders.len() * self.flat + self.rest
    }
}

impl Front<Cpu> for HostConvolutions {
    fn parts(&self) -> Vec<Range<usize>> {
        self.encoders.iter().map(|(_, part)| part.clone()).collect()
    }

    fn numbers(&self) -> usize {
        self.encoders.len() * self.flat
    }

    fn load(&mut self, weights: &Vec<f32>) {
        for (convolutions, part) in &mut self.encoders {
            convolutions.load(&weights[part.clone()]);
        }
    }

    fn forward(&mut self, rows: &Vec<f32>, count: usize, keep: bool, out: &mut Vec<f32>) {
        let (width, stride) = (self.width(), self.words + self.rest);
        let rows = &rows[..count * stride];
        for (i, (convolutions, _)) in self.encoders.iter_mut().enumerate() {
            convolutions.forward(rows, stride, keep, (out, width, i * self.flat));
        }
        for (out, row) in out.chunks_exact_mut(width).zip(rows.chunks_exact(stride)) {
            out[width - self.rest..].copy_from_slice(&row[self.words..]);
        }
    }

    fn backward(&mut self, d: &Vec<f32>, gradients: &mut Vec<f32>) {
        let width = self.width();
        for (i, (convolutions, part)) in self.encoders.iter_mut().enumerate() {
            convolutions.backward((d, width, i * self.flat), &mut gradients[part.clone()]);
        }
    }
}

impl BurnNetwork<Cpu, ActorCritic> {
    /// The network that a spec describes on the host; what convolutions it has run on the threads of `cpu`.
    pub fn on_cpu(spec: &NetworkSpec, cpu: &Cpu) -> Self {
        match HostConvolutions::new(spec, cpu) {
            None => Self::new(spec, &cpu_device(), |device| ActorCritic::new(spec, device)),
            Some(front) => Self::with_front(spec, &cpu_device(), Some(Box::new(front)), |device| {
                ActorCritic::above_convolutions(spec, device)
            }),
        }
    }
}
