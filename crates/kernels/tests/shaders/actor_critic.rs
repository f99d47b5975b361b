use crate::Test;
use crate::pass::{Case, Outcome, specs};
use striatum_kernels::{ActorCriticGpu, Gpu, LOSS_METRICS, Objective};

pub const TESTS: &[Test] = &[
    ("actor_critic_differentiates_as_its_mirror", mirror),
    ("actor_critic_of_an_agent_does_not_depend_on_the_others", agents_apart),
    ("actor_critic_second_batch_owes_nothing_to_the_first", second_batch),
];

const OBJECTIVES: [Objective; 2] = [Objective::Clipped, Objective::PolicyGradient];

fn run(gpu: &Gpu, network: &mut ActorCriticGpu, case: &Case) -> Outcome {
    case.run(gpu, |args| network.differentiate(gpu, args))
}

fn fresh(gpu: &Gpu, case: &Case) -> Outcome {
    run(gpu, &mut ActorCriticGpu::new(gpu, &case.spec, case.agents), case)
}

fn mirror(gpu: &Gpu) -> Result<(), String> {
    for (i, spec) in specs().into_iter().enumerate() {
        let case = Case::random(&spec, [2, [1, 33, 130, 301][i % 4]], OBJECTIVES[i / 2 % 2], i as u64 / 3);
        // Where a sum of numbers up to 0.1 happens to cancel, 0.02 stands for its size.
        case.near(&fresh(gpu, &case), &case.mirror(1), 1e-5, 0.02).map_err(|error| format!("{error}: {spec:?}"))?;
    }
    Ok(())
}

fn agents_apart(gpu: &Gpu) -> Result<(), String> {
    for (i, spec) in specs().into_iter().enumerate().filter(|(i, _)| i % 3 == 1) {
        let case = Case::random(&spec, [3, 71], OBJECTIVES[i % 2], i as u64);
        let (all, count) = (fresh(gpu, &case), spec.param_count());
        for agent in 0..case.agents {
            let own = Outcome {
                gradients: all.gradients[agent * count..][..count].to_vec(),
                metrics: all.metrics[agent * LOSS_METRICS..][..LOSS_METRICS].to_vec(),
            };
            if own != fresh(gpu, &case.alone(agent)) {
                return Err(format!("agent {agent} of {spec:?} differs"));
            }
        }
    }
    Ok(())
}

fn second_batch(gpu: &Gpu) -> Result<(), String> {
    for spec in specs().into_iter().filter(|spec| spec.head.dual).take(3) {
        let case = |rows, seed| Case::random(&spec, [2, rows], Objective::Clipped, seed);
        let mut network = ActorCriticGpu::new(gpu, &spec, 2);
        // Asymmetric, then larger, then smaller and symmetric.
        let mut last = case(40, 3);
        last.params.iter_mut().for_each(|params| params.kappa = 0.0);
        for case in [case(60, 1), case(300, 2), last] {
            if run(gpu, &mut network, &case) != fresh(gpu, &case) {
                return Err(format!("{} rows of {spec:?} differ", case.rows));
            }
        }
    }
    Ok(())
}
