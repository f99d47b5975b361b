use crate::common::{Ends, Rollout, close, ends, shape, shapes};
use crate::{Test, check};
use proptest::prelude::any;
use striatum_kernels::{Cpu, GaeForm, Gpu, RolloutShape};

pub const TESTS: &[Test] = &[
    ("gae_both_forms_agree_with_the_mirror_and_float64", random),
    ("gae_both_forms_keep_what_is_not_a_number_in_its_episode", not_a_number),
    ("gae_over_65535_workgroups", many_workgroups),
    ("gae_scan_over_65535_workgroups", many_workgroups_scanned),
    ("gae_of_a_long_rollout", long),
    ("gae_of_nothing", nothing),
    ("gae_form_goes_by_shape", form),
];

const FORMS: [GaeForm; 2] = [GaeForm::Sequential, GaeForm::Scan];

fn agrees(gpu: &Gpu, form: GaeForm, rollout: &Rollout, deltas: &[f32]) -> Result<(), String> {
    let (expected_advantages, expected_returns) = rollout.gae(&Cpu::new(), deltas);
    let (advantages, returns) = rollout.gae_by(gpu, deltas, |args| gpu.gae_as(form, args));
    close(&format!("{form:?} advantages"), &advantages, &expected_advantages, 1e-5)?;
    close(&format!("{form:?} returns"), &returns, &expected_returns, 1e-5)
}

fn random(gpu: &Gpu) -> Result<(), String> {
    check((shapes(), ends(), any::<u64>()), |(shape, ends, seed)| {
        let rollout = Rollout::random(shape, ends, seed);
        let deltas = rollout.td_error(&Cpu::new());
        FORMS.iter().try_for_each(|&form| agrees(gpu, form, &rollout, &deltas))?;
        let (advantages, returns) = rollout.gae(gpu, &deltas);
        let (expected_advantages, expected_returns) = rollout.gae_oracle(&deltas);
        close("advantages", &advantages, &expected_advantages, 1e-5)?;
        close("returns", &returns, &expected_returns, 1e-5)
    })
}

fn not_a_number(gpu: &Gpu) -> Result<(), String> {
    // Steps 700 and 1500 end an episode; everything between them is not a number, and so is nothing before or after.
    let mut rollout = Rollout::random(shape(1, 1, 2100, 3), Ends::Never, 4);
    rollout.terminated[700 * 3..701 * 3].fill(1.0);
    rollout.truncated[1500 * 3..1501 * 3].fill(1.0);
    let mut deltas = rollout.td_error(&Cpu::new());
    deltas[701 * 3..1501 * 3].fill(f32::NAN);
    let expected = rollout.gae(&Cpu::new(), &deltas).0;
    for form in FORMS {
        let actual = rollout.gae_by(gpu, &deltas, |args| gpu.gae_as(form, args)).0;
        close("before", &actual[..701 * 3], &expected[..701 * 3], 1e-5)?;
        close("after", &actual[1501 * 3..], &expected[1501 * 3..], 1e-5)?;
        if !actual[701 * 3..1501 * 3].iter().all(|x| x.is_nan()) {
            return Err(format!("{form:?} lost what is not a number"));
        }
    }
    Ok(())
}

fn many_workgroups(gpu: &Gpu) -> Result<(), String> {
    // 16 777 001 invocations are 65 536 workgroups; values are just below the 128 MiB that a binding may have anywhere.
    let rollout = Rollout::random(shape(1, 1, 1, 16_777_001), Ends::Mixed, 2);
    agrees(gpu, GaeForm::Sequential, &rollout, &rollout.td_error(&Cpu::new()))
}

fn many_workgroups_scanned(gpu: &Gpu) -> Result<(), String> {
    let rollout = Rollout::random(shape(1, 1, 3, 65_537), Ends::Mixed, 2);
    agrees(gpu, GaeForm::Scan, &rollout, &rollout.td_error(&Cpu::new()))
}

fn long(gpu: &Gpu) -> Result<(), String> {
    for ends in [Ends::Never, Ends::Mixed] {
        let rollout = Rollout::random(shape(2, 1, 20_001, 2), ends, 9);
        let deltas = rollout.td_error(&Cpu::new());
        FORMS.iter().try_for_each(|&form| agrees(gpu, form, &rollout, &deltas))?;
    }
    Ok(())
}

fn nothing(gpu: &Gpu) -> Result<(), String> {
    for shape in [shape(0, 1, 3, 2), shape(1, 1, 0, 2), shape(1, 1, 3, 0)] {
        let rollout = Rollout::random(shape, Ends::Never, 0);
        FORMS.iter().try_for_each(|&form| agrees(gpu, form, &rollout, &[]))?;
    }
    Ok(())
}

fn form(_: &Gpu) -> Result<(), String> {
    let cases: [(RolloutShape, GaeForm); 4] = [
        (shape(1, 1, 2048, 8), GaeForm::Scan),
        (shape(1, 1, 128, 8), GaeForm::Sequential),
        (shape(1, 1, 2048, 4096), GaeForm::Sequential),
        (shape(300, 4, 2048, 1), GaeForm::Sequential),
    ];
    match cases.into_iter().find(|&(shape, form)| GaeForm::for_shape(shape) != form) {
        None => Ok(()),
        Some((shape, _)) => Err(format!("{:?} for {shape:?}", GaeForm::for_shape(shape))),
    }
}
