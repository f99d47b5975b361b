//! Many simulations of one learner on a bandit with a fixed best arm, side by side.

use crate::number::pick;
use crate::stats::Moments;
use crate::tabular::{at, choose};
use crate::{Clock, Model, State};
use striatum_rng::{Purpose, Stream};

/// Simulations computed together: two vectors of AVX-512.
pub(crate) const LANES: usize = 32;

/// A number of every simulation of a block.
type Row = [f32; LANES];

/// Trials after which the area under the curve is read.
pub(crate) const HORIZONS: [usize; 2] = [100, 1000];

/// The random numbers of a block of simulations: for each trial one that chooses and one that pays. They depend on the seed, the
/// `environment` and the simulation's number alone, so that all learners meet the same luck.
pub(crate) struct Draws {
    trials: Vec<[Row; 2]>,
    /// Simulations that count; the other lanes run idle.
    used: usize,
}

impl Draws {
    /// Those of block number `block` of `simulations` on the whole.
    pub(crate) fn new(seed: u64, environment: u32, block: usize, simulations: usize, trials: usize) -> Self {
        let first = block * LANES;
        let mut rows = vec![[[0.0; LANES]; 2]; trials];
        for lane in 0..LANES {
            let mut stream = Stream::new(seed, Purpose::User, (first + lane) as u32, environment);
            for [choice, pay] in &mut rows {
                choice[lane] = stream.uniform();
                pay[lane] = stream.uniform();
            }
        }
        Self { trials: rows, used: simulations.saturating_sub(first).min(LANES) }
    }
}

/// How many blocks hold so many simulations.
pub(crate) fn blocks(simulations: usize) -> usize {
    simulations.div_ceil(LANES)
}

/// What a block of simulations gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Areas {
    /// The area under P(first arm) after each of [`HORIZONS`], by trapezoids as in the authors' program.
    pub(crate) areas: [Moments; HORIZONS.len()],
    /// P(first arm), trial by trial, if asked for.
    pub(crate) curve: Vec<Moments>,
}

struct Job<'a, M, const A: usize> {
    model: M,
    pays: [f32; A],
    draws: &'a Draws,
    keep_curve: bool,
}

/// Simulates `model` on arms that pay with probabilities `pays`. All instruction sets give the same bits, because they do the same
/// operations in the same order.
pub(crate) fn simulate<M: Model<A, R>, const A: usize, const R: usize>(
    model: M,
    pays: [f32; A],
    draws: &Draws,
    keep_curve: bool,
) -> Areas {
    let job = Job { model, pays, draws, keep_curve };
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has just been found to have AVX-512F.
            return unsafe { run_avx512(job) };
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has just been found to have AVX2.
            return unsafe { run_avx2(job) };
        }
    }
    run(job)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn run_avx512<M: Model<A, R>, const A: usize, const R: usize>(job: Job<'_, M, A>) -> Areas {
    run(job)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn run_avx2<M: Model<A, R>, const A: usize, const R: usize>(job: Job<'_, M, A>) -> Areas {
    run(job)
}

#[inline(always)]
fn run<M: Model<A, R>, const A: usize, const R: usize>(job: Job<'_, M, A>) -> Areas {
    let start = job.model.start::<f32>();
    let mut states = State { arms: start.arms.map(|row| row.map(|x| [x; LANES])), shared: [start.shared; LANES] };
    let mut result = Areas::default();
    let (mut first, mut sum, mut best) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
    for (trial, [choices, pays]) in job.draws.trials.iter().enumerate() {
        let clock = Clock::<f32>::at(trial);
        for lane in 0..LANES {
            let state = load(&states, lane);
            let policy = job.model.policy(&state, &clock);
            let chosen = choose(&policy, choices[lane]);
            let reward = pick(pays[lane] < at(&job.pays, &chosen), 1.0, 0.0);
            store(&mut states, lane, &job.model.learn(&state, &clock, &policy, chosen, reward));
            best[lane] = policy[0];
            sum[lane] += policy[0];
        }
        if trial == 0 {
            first = best;
        }
        if let Some(horizon) = HORIZONS.iter().position(|&h| h == trial + 1) {
            for lane in 0..job.draws.used {
                let area = f64::from(sum[lane]) - 0.5 * f64::from(first[lane] + best[lane]);
                result.areas[horizon].add(area);
            }
        }
        if job.keep_curve {
            result.curve.push(best[..job.draws.used].iter().map(|&p| f64::from(p)).collect());
        }
    }
    result
}

#[inline(always)]
fn load<const A: usize, const R: usize>(states: &State<Row, A, R>, lane: usize) -> State<f32, A, R> {
    let mut state = State { arms: [[0.0; A]; R], shared: states.shared[lane] };
    for row in 0..R {
        for arm in 0..A {
            state.arms[row][arm] = states.arms[row][arm][lane];
        }
    }
    state
}

#[inline(always)]
fn store<const A: usize, const R: usize>(states: &mut State<Row, A, R>, lane: usize, state: &State<f32, A, R>) {
    for row in 0..R {
        for arm in 0..A {
            states.arms[row][arm][lane] = state.arms[row][arm];
        }
    }
    states.shared[lane] = state.shared;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Opal, PolicyGradient, QLearner, Ucb, one_hot};

    const PAYS: [f64; 3] = [0.8, 0.5, 0.2];

    /// The area of one simulation after 100 trials in double precision, step by step.
    fn exact<M: Model<3, R>, const R: usize>(model: &M, draws: &Draws, lane: usize) -> f64 {
        let mut state = model.start::<f64>();
        let mut curve = Vec::new();
        for (trial, [choices, pays]) in draws.trials[..HORIZONS[0]].iter().enumerate() {
            let clock = Clock::at(trial);
            let policy = model.policy(&state, &clock);
            curve.push(policy[0]);
            let (mut left, mut arm) = (f64::from(choices[lane]), 0);
            while arm < 2 && left >= policy[arm] {
                left -= policy[arm];
                arm += 1;
            }
            let reward = if f64::from(pays[lane]) < PAYS[arm] { 1.0 } else { 0.0 };
            state = model.learn(&state, &clock, &policy, one_hot(arm), reward);
        }
        curve.windows(2).map(|p| 0.5 * (p[0] + p[1])).sum()
    }

    fn assert_agree<M: Model<3, R> + core::fmt::Debug, const R: usize>(model: M) {
        // 40 simulations, so that the second block is not full.
        for block in 0..blocks(40) {
            let draws = Draws::new(3, 0, block, 40, HORIZONS[0]);
            let pays = PAYS.map(|p| p as f32);
            let fast = simulate(model, pays, &draws, true);
            let plain = run(Job { model, pays, draws: &draws, keep_curve: true });
            assert_eq!(fast, plain, "{model:?}: vectors change bits");
            let exact: Moments = (0..draws.used).map(|lane| exact(&model, &draws, lane)).collect();
            let difference = fast.areas[0].mean() - exact.mean();
            assert!(difference.abs() < 1e-4, "{model:?}, block {block}: area differs by {difference}");
            let difference = fast.areas[0].error() - exact.error();
            assert!(difference.abs() < 1e-4, "{model:?}, block {block}: its error differs by {difference}");
            assert_eq!(fast.curve.len(), HORIZONS[0]);
        }
    }

    #[test]
    fn simulations_side_by_side_are_the_exact_ones() {
        assert_agree(Opal::star(0.05, 0.6, 2.0));
        assert_agree(Opal::without_hebb(0.1, 0.4, 5.0));
        assert_agree(Ucb { bonus: 0.3 });
        assert_agree(QLearner { rate: 0.15, beta: 20.0 });
        assert_agree(PolicyGradient { rate: 0.5, baseline_rate: 0.1 });
    }
}
