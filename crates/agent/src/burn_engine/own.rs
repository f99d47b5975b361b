//! A burn module of one's own as a network.

use super::{BurnModel, BurnNetwork, burn_device, cpu_device};
use crate::{Network, NetworkSpec, OwnNetwork};
use burn::module::{ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use std::marker::PhantomData;
use striatum_kernels::{Cpu, Gpu, KernelError, ParamList};

/// A burn module of one's own: whatever `make` builds for a spec on a device. Its parameters are called `module.` and the path of their
/// fields, and start with what it gives them.
pub struct OwnModule<F, M> {
    make: F,
    module: PhantomData<M>,
}

impl<M: BurnModel, F: Fn(&NetworkSpec, &Device) -> M> OwnModule<F, M> {
    /// A network of modules that `make` builds.
    pub fn new(make: F) -> Self {
        Self { make, module: PhantomData }
    }

    fn parameters(&self, spec: &NetworkSpec) -> (M, Parameters) {
        let module = (self.make)(spec, &cpu_device());
        let mut parameters = Parameters::default();
        module.visit(&mut parameters);
        (module, parameters)
    }
}

impl<M: BurnModel + 'static, F: Fn(&NetworkSpec, &Device) -> M> OwnNetwork for OwnModule<F, M> {
    fn spec(&self, spec: NetworkSpec) -> Result<NetworkSpec, String> {
        let (module, parameters) = self.parameters(&spec);
        if parameters.list.params.is_empty() {
            return Err("the module has no parameters to learn".to_owned());
        }
        let nothing = Tensor::<2>::zeros([1, spec.observation.len()], &cpu_device());
        let [_, found] = module.heads(module.trunk(nothing)).dims();
        let expected = spec.head.features_at() + spec.head.policy.features();
        if found != expected {
            return Err(format!(
                "the module's `heads` gives rows of {found} numbers, and `spec.head` needs {expected}"
            ));
        }
        Ok(NetworkSpec { custom: Some(parameters.list.params), ..spec })
    }

    fn weights(&self, spec: &NetworkSpec, seed: u64) -> Vec<f32> {
        cpu_device().seed(seed);
        self.parameters(spec).1.values
    }

    fn on_cpu(&self, spec: &NetworkSpec) -> Box<dyn Network<Cpu>> {
        Box::new(BurnNetwork::new(spec, &cpu_device(), |device| (self.make)(spec, device)))
    }

    fn on_gpu(&self, spec: &NetworkSpec, gpu: &Gpu) -> Result<Box<dyn Network<Gpu>>, KernelError> {
        Ok(Box::new(BurnNetwork::new(spec, &burn_device(gpu)?, |device| (self.make)(spec, device))))
    }
}

/// Names, shapes and values in the order in which a module is visited.
#[derive(Default)]
struct Parameters {
    path: Vec<String>,
    list: ParamList,
    values: Vec<f32>,
}

impl ModuleVisitor for Parameters {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        self.list.push(format!("module.{}", self.path.join(".")), tensor.dims().to_vec());
        // What the host holds is single precision, whatever the module asks for.
        self.values.extend(tensor.into_data().convert::<f32>().iter::<f32>());
    }
}
