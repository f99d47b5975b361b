//! Random networks and inputs for the tests.
#![allow(dead_code, reason = "each test binary uses its part")]

#[cfg(feature = "burn")]
use striatum_agent::burn_engine::{ActorCritic, Bridge, BurnNetwork};
use striatum_agent::{Network, NetworkSpec};
use striatum_kernels::{
    Activation, Backend, Cpu, CriticKind, HeadLayout, LOSS_METRICS, LogStd, LossParams, Minibatch, MlpSpec, Objective,
    PassArgs, Policy, Selection,
};
use striatum_rng::{Purpose, Stream};

pub fn spec(policy: Policy, dual: bool, hidden: &[usize], shared_trunk: bool, activation: Activation) -> MlpSpec {
    let mut policy = policy;
    if let Policy::StateDependent { features, .. } = &mut policy {
        *features = hidden.last().copied().unwrap_or(5);
    }
    MlpSpec { inputs: 5, hidden: hidden.to_vec(), activation, shared_trunk, head: HeadLayout::new(policy, dual, 1) }
}

/// The burn engine's network of a multilayer perceptron.
#[cfg(feature = "burn")]
pub fn burn_network<B: Bridge>(spec: &MlpSpec, device: &burn::tensor::Device) -> BurnNetwork<B, ActorCritic> {
    let spec = spec.clone().into();
    BurnNetwork::new(&spec, device, |device| ActorCritic::new(&spec, device))
}

/// Every policy kind.
pub fn policies() -> Vec<Policy> {
    vec![
        Policy::Categorical { nvec: vec![3] },
        Policy::Categorical { nvec: vec![2, 4] },
        Policy::Gaussian { dims: 2, squash: false },
        Policy::Gaussian { dims: 2, squash: true },
        Policy::StateDependent { dims: 2, features: 0, squash: false },
    ]
}

/// Normal numbers times `scale`.
pub fn normals(seed: u64, len: usize, scale: f32) -> Vec<f32> {
    let mut stream = Stream::new(seed, Purpose::User, 0, 0);
    (0..len).map(|_| scale * stream.normal()).collect()
}

/// The largest difference relative to the largest number.
pub fn relative_error(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().fold(1e-6_f32, |m, x| m.max(x.abs()));
    a.iter().zip(b).fold(0.0_f32, |m, (x, y)| m.max((x - y).abs())) / scale
}

/// The loss's numbers in the tests: PPO with every term.
pub fn loss_params() -> LossParams {
    LossParams {
        objective: Objective::Clipped as u32,
        clip: 0.2,
        value_clip: 0.0,
        value_coef: 0.5,
        auxiliary_coef: 0.3,
        critic: CriticKind::Scalar as u32,
        huber: 0.0,
        opponent: 0,
        entropy_coef: 0.01,
        kappa: 0.0,
        sum_decay: 0.0,
        logit_decay: 0.0,
    }
}

/// What was stored with S rows, and which R of them make up a minibatch.
pub struct Rows {
    pub order: Vec<u32>,
    pub actions: Vec<f32>,
    pub log_probs: Vec<f32>,
    pub advantages: Vec<f32>,
    pub returns: Vec<f32>,
    pub values: Vec<f32>,
    pub mask: Vec<f32>,
    pub tone: Vec<f32>,
    pub inverse_temperature: Vec<f32>,
}

impl Rows {
    /// Normal numbers, first actions, and every row in order.
    pub fn new(layout: &HeadLayout, rows: usize) -> Self {
        let (width, heads) = (layout.policy.action_width(), layout.value_heads);
        let actions =
            if layout.policy.is_continuous() { normals(50, rows * width, 1.0) } else { vec![0.0; rows * width] };
        Self {
            order: (0..rows as u32).collect(),
            actions,
            log_probs: normals(51, rows, 0.3).into_iter().map(|x| x - 1.0).collect(),
            advantages: normals(52, heads * rows, 1.0),
            returns: normals(53, heads * rows, 1.0),
            values: vec![0.0; heads * rows],
            mask: vec![1.0; rows],
            tone: vec![0.0; rows],
            inverse_temperature: vec![1.0; rows],
        }
    }

    fn heads(&self) -> usize {
        self.returns.len() / self.log_probs.len()
    }

    pub fn minibatch(&self) -> Minibatch<'_, Vec<f32>, Vec<u32>> {
        Minibatch {
            agents: 1,
            rows: self.order.len(),
            source_rows: self.log_probs.len(),
            heads: self.heads(),
            advantage_heads: self.advantages.len() / self.log_probs.len(),
            selection: Selection { rows: &self.order, stride: self.order.len(), first: 0 },
            actions: &self.actions,
            log_probs: &self.log_probs,
            advantages: &self.advantages,
            returns: &self.returns,
            values: &self.values,
            value_rows: self.log_probs.len(),
            mask: &self.mask,
            tone: &self.tone,
            inverse_temperature: &self.inverse_temperature,
        }
    }

    /// The moments of advantages that are taken as they are.
    pub fn moments(&self) -> Vec<f32> {
        let mut moments = vec![0.0; 4];
        Cpu::with_threads(1).advantage_moments(self.minibatch(), false, &mut moments);
        moments
    }

    /// Gradients and metrics of a network with `weights`, at `observations` `[S, inputs]`.
    pub fn differentiate(
        &self,
        network: &mut dyn Network<Cpu>,
        spec: &(impl Clone + Into<NetworkSpec>),
        params: LossParams,
        weights: &[f32],
        observations: &[f32],
    ) -> (Vec<f32>, Vec<f32>) {
        self.differentiate_on(&Cpu::with_threads(1), network, spec, params, weights, observations)
    }

    /// The same on any backend.
    pub fn differentiate_on<B: Backend>(
        &self,
        backend: &B,
        network: &mut dyn Network<B>,
        spec: &(impl Clone + Into<NetworkSpec>),
        params: LossParams,
        weights: &[f32],
        observations: &[f32],
    ) -> (Vec<f32>, Vec<f32>) {
        let spec: NetworkSpec = spec.clone().into();
        let count = spec.param_count();
        let upload = |numbers: &[f32]| backend.upload(numbers);
        let (mut gradients, mut metrics) = (upload(&vec![f32::NAN; count]), upload(&[f32::NAN; LOSS_METRICS]));
        let (weights, order) = (upload(weights), backend.upload_indices(&self.order));
        network.load(backend, &weights).unwrap();
        network
            .differentiate(
                backend,
                PassArgs {
                    layout: &spec.head,
                    params: &[params],
                    batch: Minibatch {
                        agents: 1,
                        rows: self.order.len(),
                        source_rows: self.log_probs.len(),
                        heads: self.heads(),
                        advantage_heads: self.advantages.len() / self.log_probs.len(),
                        selection: Selection { rows: &order, stride: self.order.len(), first: 0 },
                        actions: &upload(&self.actions),
                        log_probs: &upload(&self.log_probs),
                        advantages: &upload(&self.advantages),
                        returns: &upload(&self.returns),
                        values: &upload(&self.values),
                        value_rows: self.log_probs.len(),
                        mask: &upload(&self.mask),
                        tone: &upload(&self.tone),
                        inverse_temperature: &upload(&self.inverse_temperature),
                    },
                    is_first: true,
                    sequence: 1,
                    observations: &upload(observations),
                    moments: &upload(&self.moments()),
                    log_std: LogStd { stride: count, at: count - spec.head.policy.log_std_len() },
                    weights: &weights,
                    gradients: &mut gradients,
                    metrics: &mut metrics,
                    metrics_at: 0,
                },
            )
            .unwrap();
        (backend.download(&gradients).unwrap(), backend.download(&metrics).unwrap())
    }
}

/// Outputs of observations `[R, inputs]`.
pub fn outputs(network: &mut dyn Network<Cpu>, observations: &[f32], rows: usize) -> Vec<f32> {
    outputs_on(&Cpu::with_threads(1), network, observations, rows)
}

/// The same on any backend.
pub fn outputs_on<B: Backend>(
    backend: &B,
    network: &mut dyn Network<B>,
    observations: &[f32],
    rows: usize,
) -> Vec<f32> {
    let mut all = Vec::new();
    let mut keep = |outputs: &B::Buffer| {
        all = backend.download(outputs)?;
        Ok(())
    };
    network.forward(backend, observations, rows, &mut keep).unwrap();
    all
}
