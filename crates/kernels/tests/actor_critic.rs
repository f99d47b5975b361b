//! The fused engine's training pass on the CPU: the network and the loss put together, whatever runs beside it.

#[path = "common/given.rs"]
mod given;
#[path = "common/pass.rs"]
mod pass;

use given::Given;
use pass::{Case, Outcome, specs};
use striatum_kernels::{Backend, Cpu, LOSS_METRICS, LossArgs, MlpCpu, Objective};

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
            let given = Given::new(width, batch, &d_outputs[part.clone()], asymmetric.then_some(&d_trunk[part]));
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
fn threads_do_not_change_a_bit() {
    for spec in specs() {
        let case = Case::random(&spec, [2, 1500], Objective::Clipped, 5);
        let one = case.mirror(1);
        for threads in [2, 3] {
            assert_eq!(one, case.mirror(threads), "{threads} threads: {spec:?}");
        }
    }
}
