//! The fused engine's training pass on the CPU: the network and the loss put together, whatever runs beside it.

#[path = "common/given.rs"]
mod given;
#[path = "common/optimizer.rs"]
mod optimizer;
#[path = "common/pass.rs"]
mod pass;

use given::Given;
use optimizer::{State, adam, numbers, rms_prop};
use pass::{Case, Outcome, specs};
use striatum_kernels::{
    ActorCriticCpu, Backend, Cpu, LOSS_METRICS, LossArgs, MlpCpu, MlpSpec, Objective, OptimizerArgs, OptimizerParams,
    StepArgs,
};
use striatum_rng::{Purpose, Stream};

const OBJECTIVES: [Objective; 2] = [Objective::Clipped, Objective::PolicyGradient];

/// Every kind of network, with numbers of rows that are no multiple of anything.
fn cases() -> Vec<Case> {
    let case = |(i, spec)| Case::random(&spec, [3, [1, 33, 130, 301][i % 4]], OBJECTIVES[i / 2 % 2], i as u64 / 3);
    specs().into_iter().enumerate().map(case).collect()
}

/// One pass of everything after the other: the outputs of all rows, the loss, and the network's gradients.
fn one_by_one(case: &Case) -> Outcome {
    let cpu = Cpu::with_threads(1);
    let (width, count) = (case.spec.head.width(), case.spec.param_count());
    case.run(&cpu, |args| {
        let mut network = MlpCpu::new(&case.spec, case.agents, &cpu);
        network.load(args.weights);
        let batches: Vec<_> = (0..case.agents).map(|agent| case.chosen_observations(agent)).collect();
        let len = case.rows * width;
        let mut outputs = vec![f32::NAN; case.agents * len];
        for (agent, (batch, outputs)) in batches.iter().zip(outputs.chunks_exact_mut(len)).enumerate() {
            network.forward(agent, batch, case.rows, outputs);
        }
        let asymmetric = args.is_asymmetric();
        let (mut d_outputs, mut d_trunk) = (outputs.clone(), outputs.clone());
        cpu.actor_critic_loss(LossArgs {
            layout: args.layout,
            params: args.params,
            batch: args.batch,
            moments: args.moments,
            outputs: &outputs,
            log_std: args.log_std,
            weights: args.weights,
            d_outputs: &mut d_outputs,
            d_trunk: Some(&mut d_trunk),
            gradients: &mut *args.gradients,
            metrics: &mut *args.metrics,
            metrics_at: args.metrics_at,
        });
        for (agent, batch) in batches.iter().enumerate() {
            let part = agent * len..(agent + 1) * len;
            let given =
                Given::new(&case.spec.head, batch, &d_outputs[part.clone()], asymmetric.then_some(&d_trunk[part]));
            let gradients = &mut args.gradients[agent * count..(agent + 1) * count];
            network.train_pass(agent, case.rows, asymmetric, &given, gradients);
        }
    })
}

#[test]
fn a_pass_is_the_forward_pass_the_loss_and_the_backward_pass() {
    for case in cases() {
        let outcome = case.mirror(1);
        case.near(&outcome, &one_by_one(&case), 1e-6, 1e-3).unwrap_or_else(|error| panic!("{error}: {:?}", case.spec));
        assert!(outcome.gradients.iter().any(|&g| g.abs() > 1e-3), "there is nothing to learn: {:?}", case.spec);
    }
}

#[test]
fn an_agent_of_many_learns_as_alone() {
    for case in cases() {
        let (all, count) = (case.mirror(1), case.spec.param_count());
        for agent in 0..case.agents {
            let alone = case.alone(agent).mirror(1);
            let own = Outcome {
                gradients: all.gradients[agent * count..][..count].to_vec(),
                metrics: all.metrics[agent * LOSS_METRICS..][..LOSS_METRICS].to_vec(),
            };
            assert_eq!(own, alone, "agent {agent} of {:?}", case.spec);
        }
    }
}

#[test]
fn a_first_pass_takes_up_a_new_rollout() {
    for spec in specs() {
        let cpu = Cpu::with_threads(1);
        let mut network = ActorCriticCpu::new(&spec, 2, &cpu);
        for (rows, seed) in [(300, 6), (130, 7), (200, 8)] {
            let case = Case::random(&spec, [2, rows], Objective::Clipped, seed);
            assert_eq!(case.pass_of(&mut network, &cpu), case.mirror(1), "{rows} rows: {spec:?}");
        }
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    for spec in specs() {
        let case = Case::random(&spec, [2, 1500], Objective::Clipped, 5);
        let one = case.mirror(1);
        for threads in [2, 3] {
            assert_eq!(one, case.mirror(threads), "{threads} threads: {spec:?}");
        }
    }
}

/// Outputs after some steps, and the state that they leave, by `optimize` or kernel by kernel.
fn optimized(spec: &MlpSpec, threads: usize, together: bool, max_grad_norm: f32) -> (State, Vec<f32>) {
    const AGENTS: usize = 2;
    let (cpu, count) = (Cpu::with_threads(threads), spec.param_count());
    let mut state = State::random(AGENTS, count, 3);
    let mut network = ActorCriticCpu::new(spec, AGENTS, &cpu);
    network.load(&state.weights);
    let mut stream = Stream::new(4, Purpose::User, 0, 0);
    let steps = [
        [adam(1), adam(1)],
        [OptimizerParams { kind: OptimizerParams::REST, ..adam(1) }, adam(2)],
        [rms_prop(), rms_prop()],
        [adam(3), adam(3)],
    ];
    for (step, mut params) in steps.into_iter().enumerate() {
        params.iter_mut().for_each(|params| params.max_grad_norm = max_grad_norm);
        let mut gradients = numbers(&mut stream, AGENTS * count);
        if step == 3 {
            gradients[count / 2] = f32::NAN;
        }
        let args = OptimizerArgs {
            agents: AGENTS,
            params: &params,
            gradients: &gradients,
            weights: &mut state.weights,
            first_moment: &mut state.first_moment,
            second_moment: &mut state.second_moment,
            grad_norm: &mut state.grad_norm,
            grad_norm_at: 0,
        };
        if together {
            network.optimize(args);
        } else {
            cpu.optimizer_step(args);
            network.load(&state.weights);
        }
    }
    let rows = 5;
    let observations = numbers(&mut stream, AGENTS * rows * spec.inputs);
    let mut outputs = vec![f32::NAN; AGENTS * rows * spec.head.width()];
    network.forward(&observations, rows, &mut outputs);
    (state, outputs)
}

/// Every kind of network, the last one large enough for several threads, and its rows for several panels.
fn specs_and_a_wide_one() -> Vec<MlpSpec> {
    let wide = MlpSpec { inputs: 70, hidden: vec![70, 40], ..specs()[0].clone() };
    specs().into_iter().chain([wide]).collect()
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn a_step_and_its_loading_in_one_are_the_same_bits_but_for_the_norms_last_ones() {
    for spec in specs_and_a_wide_one() {
        for max_grad_norm in [f32::INFINITY, 0.5] {
            let (expected, outputs) = optimized(&spec, 1, false, max_grad_norm);
            assert!(expected.grad_norm[0].is_nan() && expected.weights.iter().all(|w| w.is_finite()));
            for threads in [1, 3] {
                let (found, found_outputs) = optimized(&spec, threads, true, max_grad_norm);
                assert!(found.grad_norm[0].is_nan());
                let norms = [found.grad_norm[1], expected.grad_norm[1]];
                assert!((norms[0] / norms[1] - 1.0).abs() < 1e-6, "{norms:?}: {spec:?}");
                for (a, b) in [
                    (&found.weights, &expected.weights),
                    (&found.first_moment, &expected.first_moment),
                    (&found.second_moment, &expected.second_moment),
                    (&found_outputs, &outputs),
                ] {
                    if max_grad_norm.is_infinite() {
                        assert_eq!(bits(a), bits(b), "{threads} threads: {spec:?}");
                    } else {
                        let near = a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs().max(1.0));
                        assert!(near, "{threads} threads: {spec:?}");
                    }
                }
            }
        }
    }
}

/// What a gradient step leaves: the state, gradients and metrics, and outputs; by `step`, or by `differentiate` and `optimize`.
fn stepped(case: &Case, threads: usize, together: bool) -> (State, Outcome, Vec<f32>) {
    let cpu = Cpu::with_threads(threads);
    let mut network = ActorCriticCpu::new(&case.spec, case.agents, &cpu);
    let mut state = State::new(case.agents, Vec::new());
    let mut params = vec![adam(1); case.agents];
    params[0].kind = OptimizerParams::REST;
    let outcome = case.run(&cpu, |args| {
        state = State::new(case.agents, args.weights.clone());
        network.load(&state.weights);
        let mut step = StepArgs {
            layout: args.layout,
            params: args.params,
            batch: args.batch,
            is_first: args.is_first,
            sequence: args.sequence,
            observations: args.observations,
            moments: args.moments,
            log_std: args.log_std,
            metrics: args.metrics,
            metrics_at: args.metrics_at,
            gradients: args.gradients,
            optimizer: &params,
            weights: &mut state.weights,
            first_moment: &mut state.first_moment,
            second_moment: &mut state.second_moment,
            grad_norm: &mut state.grad_norm,
            grad_norm_at: 0,
        };
        if together {
            network.step(step);
        } else {
            network.differentiate(step.pass());
            network.optimize(step.optimizer());
        }
    });
    let mut outputs = vec![f32::NAN; case.agents * 5 * case.spec.head.width()];
    let observations = numbers(&mut Stream::new(4, Purpose::User, 0, 0), case.agents * 5 * case.spec.inputs);
    network.forward(&observations, 5, &mut outputs);
    (state, outcome, outputs)
}

#[test]
fn a_whole_step_at_once_is_its_halves_to_the_last_bit() {
    for (i, spec) in specs_and_a_wide_one().into_iter().enumerate() {
        let case = Case::random(&spec, [2, [40, 130, 301, 700][i % 4]], OBJECTIVES[i % 2], i as u64);
        let (expected, outcome, outputs) = stepped(&case, 1, false);
        assert!(expected.grad_norm.iter().all(|&norm| norm > 0.0));
        assert_eq!(&expected.weights[..spec.param_count()], &case.weights[..spec.param_count()], "one that rests");
        assert_ne!(&expected.weights[spec.param_count()..], &case.weights[spec.param_count()..], "one that does not");
        for threads in [1, 2, 3] {
            let (found, found_outcome, found_outputs) = stepped(&case, threads, true);
            assert_eq!(found, expected, "{threads} threads: {spec:?}");
            assert_eq!(found_outcome, outcome, "{threads} threads: {spec:?}");
            assert_eq!(found_outputs, outputs, "{threads} threads: {spec:?}");
        }
    }
}
