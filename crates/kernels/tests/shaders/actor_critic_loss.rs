use crate::Test;
use crate::loss::{Case, agrees, cases, layout, params, policies};
use striatum_kernels::{Cpu, Gpu, LossParams, Objective};

pub const TESTS: &[Test] = &[
    ("actor_critic_loss_agrees_with_its_mirror_and_float64", small),
    ("actor_critic_loss_over_many_workgroups", many_rows),
    ("actor_critic_loss_of_no_counted_row", nothing_counts),
];

fn small(gpu: &Gpu) -> Result<(), String> {
    for case in cases() {
        let outcome = case.run(gpu);
        let context = |error| format!("{error} with {:?} {:?}", case.layout, case.params);
        agrees(&outcome, &case.run(&Cpu::new()), 2e-4).map_err(context)?;
        agrees(&outcome, &case.oracle(), 2e-4).map_err(context)?;
    }
    Ok(())
}

fn many_rows(gpu: &Gpu) -> Result<(), String> {
    for policy in policies() {
        let params = LossParams { kappa: 0.5, sum_decay: 0.01, ..params(Objective::Clipped) };
        // 70 000 rows leave more sums than one workgroup has invocations.
        let case = Case::random(layout(policy, true, 1), 2, 70_000, params, 5);
        agrees(&case.run(gpu), &case.run(&Cpu::new()), 2e-3)?;
    }
    Ok(())
}

fn nothing_counts(gpu: &Gpu) -> Result<(), String> {
    for policy in policies() {
        for rows in [0, 9] {
            let mut case = Case::random(layout(policy.clone(), true, 1), 2, rows, params(Objective::Clipped), 5);
            case.mask.fill(0.0);
            let outcome = case.run(gpu);
            if outcome != case.run(&Cpu::new()) {
                return Err(format!("{outcome:?}"));
            }
        }
    }
    Ok(())
}
