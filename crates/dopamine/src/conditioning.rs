//! Classical conditioning by TD(lambda) on a complete serial compound (Schultz, Dayan & Montague 1997; Amo et al. 2022).

/// When a stimulus is on in a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cue {
    /// Which stimulus.
    pub stimulus: usize,
    /// The step at which it comes on.
    pub onset: usize,
    /// For how many steps; whatever exceeds the trial ends with it.
    pub duration: usize,
}

impl Cue {
    /// A stimulus that stays on until the trial ends.
    #[must_use]
    pub const fn from(stimulus: usize, onset: usize) -> Self {
        Self { stimulus, onset, duration: usize::MAX }
    }

    /// Steps since its onset, while it is on.
    fn elapsed(&self, step: usize) -> Option<usize> {
        step.checked_sub(self.onset).filter(|&elapsed| elapsed < self.duration)
    }
}

/// What happens in a trial. Before it and after it nothing is felt.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// How many steps it has.
    pub steps: usize,
    /// The stimuli.
    pub cues: Vec<Cue>,
    /// The step of the reward and how large it is.
    pub reward: Option<(usize, f64)>,
}

impl Trial {
    /// The same trial without its reward.
    #[must_use]
    pub fn unrewarded(&self) -> Self {
        Self { reward: None, ..self.clone() }
    }

    fn reward_at(&self, step: usize) -> f64 {
        self.reward.filter(|&(at, _)| at == step).map_or(0.0, |(_, size)| size)
    }
}

/// How fast and how far ahead is learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// The step size.
    pub alpha: f64,
    /// The discount a step.
    pub gamma: f64,
    /// How slowly eligibility fades beside the discount.
    pub lambda: f64,
}

impl Rates {
    /// The step size and discount of the published experiments.
    #[must_use]
    pub const fn published(lambda: f64) -> Self {
        Self { alpha: 0.1, gamma: 0.98, lambda }
    }
}

/// A learner whose features are one for each stimulus and each step since its onset.
///
/// The error of a step is `delta_t = r_t + gamma V(x_t) - V(x_{t-1})`: that of a reward stands at the step of the reward, that of a cue at
/// its onset. Salience multiplies the step size of a stimulus.
#[derive(Clone, Debug, PartialEq)]
pub struct SerialCompound {
    /// How it learns; may change between trials.
    pub rates: Rates,
    saliences: Vec<f64>,
    weights: Vec<Vec<f64>>,
}

impl SerialCompound {
    /// A learner that expects nothing, with as many stimuli as there are saliences.
    #[must_use]
    pub fn new(rates: Rates, saliences: &[f64]) -> Self {
        Self { rates, saliences: saliences.to_vec(), weights: vec![Vec::new(); saliences.len()] }
    }

    /// Goes through a trial and learns; gives the TD error of each step.
    ///
    /// # Panics
    ///
    /// When the trial has a stimulus without a salience.
    pub fn learn(&mut self, trial: &Trial) -> Vec<f64> {
        for weights in &mut self.weights {
            weights.resize(weights.len().max(trial.steps), 0.0);
        }
        let mut traces: Vec<Vec<f64>> = self.weights.iter().map(|weights| vec![0.0; weights.len()]).collect();
        let mut errors = Vec::with_capacity(trial.steps);
        for step in 0..trial.steps {
            let error = self.error(trial, step);
            errors.push(error);
            let Some(before) = step.checked_sub(1) else { continue };
            self.follow(trial, before, &mut traces);
            self.step(error, step, &traces);
        }
        errors
    }

    /// The TD error of each step of a trial, with learning off.
    #[must_use]
    pub fn probe(&self, trial: &Trial) -> Vec<f64> {
        (0..trial.steps).map(|step| self.error(trial, step)).collect()
    }

    /// What is expected at the onset of a stimulus.
    #[must_use]
    pub fn value(&self, stimulus: usize) -> f64 {
        self.weights[stimulus].first().copied().unwrap_or(0.0)
    }

    /// What is expected at a step of a trial: the sum of all stimuli that are on.
    #[must_use]
    pub fn value_at(&self, trial: &Trial, step: usize) -> f64 {
        let weight = |cue: &Cue| cue.elapsed(step).and_then(|elapsed| self.weights[cue.stimulus].get(elapsed));
        trial.cues.iter().filter_map(weight).sum()
    }

    fn error(&self, trial: &Trial, step: usize) -> f64 {
        // delta_t = r_t + gamma V(x_t) - V(x_{t-1})
        let before = step.checked_sub(1).map_or(0.0, |before| self.value_at(trial, before));
        trial.reward_at(step) + self.rates.gamma * self.value_at(trial, step) - before
    }

    fn follow(&self, trial: &Trial, before: usize, traces: &mut [Vec<f64>]) {
        // e_t = gamma lambda e_{t-1} + x_{t-1}; only features up to now can be eligible.
        let fade = self.rates.gamma * self.rates.lambda;
        traces.iter_mut().for_each(|traces| traces[..=before].iter_mut().for_each(|trace| *trace *= fade));
        for cue in &trial.cues {
            if let Some(elapsed) = cue.elapsed(before) {
                traces[cue.stimulus][elapsed] += 1.0;
            }
        }
    }

    fn step(&mut self, error: f64, step: usize, traces: &[Vec<f64>]) {
        // w += alpha salience delta e
        for ((weights, traces), salience) in self.weights.iter_mut().zip(traces).zip(&self.saliences) {
            let rate = self.rates.alpha * salience * error;
            weights[..step].iter_mut().zip(&traces[..step]).for_each(|(weight, trace)| *weight += rate * trace);
        }
    }
}
