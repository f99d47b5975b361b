//! Two neutral pathways learn as a single one on the CPU, with either engine.

mod common;
#[path = "common/neutral.rs"]
mod neutral;

use neutral::largest_difference;
use striatum_agent::FusedNetwork;
use striatum_kernels::Cpu;

#[test]
fn neutral_pathways_learn_as_a_single_one_in_the_fused_engine() {
    let cpu = Cpu::with_threads(1);
    let difference = largest_difference(&cpu, 30, 0.05, |spec| Box::new(FusedNetwork::new(spec, 1, &cpu)));
    assert!(difference < 1e-5, "net logits differ by {difference}");
}

#[test]
#[cfg(feature = "burn")]
fn neutral_pathways_learn_as_a_single_one_in_the_burn_engine() {
    use common::burn_network;
    use striatum_agent::burn_engine::cpu_device;
    let difference =
        largest_difference(&Cpu::with_threads(1), 30, 0.05, |spec| Box::new(burn_network(spec, &cpu_device())));
    assert!(difference < 1e-5, "net logits differ by {difference}");
}
