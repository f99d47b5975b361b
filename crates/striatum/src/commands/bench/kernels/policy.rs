//! Sampling actions.

use super::super::data::{number, numbers};
use super::{Cost, Entry, Expected, Kernel, Outputs, make};
use anyhow::Result;
use striatum_envs::{Purpose, Stream};
use striatum_kernels::{Cpu, HeadLayout, Noise, Policy, PolicyHead};

const SEED: u64 = 7;

pub fn entry() -> Entry<Cpu> {
    let at = |rows| make(move |_: &Cpu| Head::new(rows));
    Entry {
        name: "policy_head",
        tolerance: 1e-6,
        checks: vec![at(1013)],
        small: vec![at(128)],
        large: vec![at(65_536)],
    }
}

/// Two actions, one pathway.
struct Head {
    layout: HeadLayout,
    rows: usize,
    step: u32,
    head: PolicyHead,
    outputs: Vec<f32>,
    tone: Vec<f32>,
    inverse_temperature: Vec<f32>,
    actions: Vec<f32>,
    log_probs: Vec<f32>,
}

impl Head {
    fn new(rows: usize) -> Self {
        let layout = HeadLayout::new(Policy::Categorical { nvec: vec![2] }, false, 1);
        let mut head = PolicyHead::new(&layout);
        head.load(&[]);
        Self {
            rows,
            head,
            step: 0,
            outputs: numbers(rows * layout.width(), 1, 4.0),
            tone: vec![0.0; rows],
            inverse_temperature: (0..rows).map(|i| 1.0 + 0.5 * number(i, 2)).collect(),
            actions: vec![0.0; rows],
            log_probs: vec![0.0; rows],
            layout,
        }
    }
}

impl Kernel<Cpu> for Head {
    fn shape(&self) -> String {
        format!("{} rows, [2] actions", self.rows)
    }

    fn cost(&self) -> Cost {
        let items = self.rows as f64;
        // Outputs, tone and temperature are read, action and density written.
        Cost { items, flops: None, bytes: Some(4.0 * items * (self.layout.width() + 4) as f64) }
    }

    fn launch(&mut self, _: &Cpu) -> Result<()> {
        let noise = Noise::Counted { seed: SEED, step: self.step, first_lane: 0 };
        let gains = [self.tone.as_slice(), &self.inverse_temperature];
        self.head.act(&self.outputs, gains, noise, &mut self.actions, &mut self.log_probs);
        self.step = self.step.wrapping_add(1);
        Ok(())
    }

    fn outputs(&self, _: &Cpu) -> Result<Outputs> {
        Ok(vec![("actions", self.actions.clone()), ("log probabilities", self.log_probs.clone())])
    }

    fn expected(&self, _: &Cpu) -> Result<Expected> {
        let (mut actions, mut log_probs) = (Vec::new(), Vec::new());
        for (row, output) in self.outputs.chunks(self.layout.width()).enumerate() {
            let beta = f64::from(self.inverse_temperature[row]);
            // log p(1) - log p(0)
            let margin = beta * (f64::from(output[1]) - f64::from(output[0]));
            let second = 1.0 / (1.0 + (-margin).exp());
            let draw = f64::from(Stream::new(SEED, Purpose::Action, row as u32, 0).uniform());
            let (action, p) = if draw < 1.0 - second { (0.0, 1.0 - second) } else { (1.0, second) };
            actions.push(action);
            log_probs.push(p.ln());
        }
        Ok(vec![actions, log_probs])
    }
}
