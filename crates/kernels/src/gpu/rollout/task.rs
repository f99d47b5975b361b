use crate::gpu::{Shader, shader};

/// A task that steps on the GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GpuTask {
    /// `CartPole-v1`.
    CartPole,
    /// `MountainCar-v0`.
    MountainCar,
    /// `MountainCarContinuous-v0`.
    MountainCarContinuous,
    /// `Acrobot-v1`.
    Acrobot,
    /// `Pendulum-v1`.
    Pendulum,
    /// `Pendulum-continuing-v0`.
    PendulumContinuing,
}

impl GpuTask {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::CartPole,
        Self::MountainCar,
        Self::MountainCarContinuous,
        Self::Acrobot,
        Self::Pendulum,
        Self::PendulumContinuing,
    ];

    /// The task of Gymnasium's name, if it steps on the GPU.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|task| task.name() == name)
    }

    /// Gymnasium's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CartPole => "CartPole-v1",
            Self::MountainCar => "MountainCar-v0",
            Self::MountainCarContinuous => "MountainCarContinuous-v0",
            Self::Acrobot => "Acrobot-v1",
            Self::Pendulum => "Pendulum-v1",
            Self::PendulumContinuing => "Pendulum-continuing-v0",
        }
    }

    /// Numbers in an observation.
    pub const fn observation_width(self) -> usize {
        match self {
            Self::CartPole => 4,
            Self::MountainCar | Self::MountainCarContinuous => 2,
            Self::Acrobot => 6,
            Self::Pendulum | Self::PendulumContinuing => 3,
        }
    }

    /// Numbers in a state, which is laid out as Gymnasium's.
    pub const fn state_width(self) -> usize {
        match self {
            Self::CartPole | Self::Acrobot => 4,
            Self::MountainCar | Self::MountainCarContinuous | Self::Pendulum | Self::PendulumContinuing => 2,
        }
    }

    /// Numbers in an action: a choice or a force.
    pub const fn action_width(self) -> usize {
        1
    }

    /// Whether an action is a real number.
    pub const fn is_continuous(self) -> bool {
        matches!(self, Self::MountainCarContinuous | Self::Pendulum | Self::PendulumContinuing)
    }

    /// Steps after which an episode is truncated, if it is.
    pub const fn time_limit(self) -> Option<u32> {
        match self {
            Self::CartPole | Self::Acrobot => Some(500),
            Self::MountainCar | Self::Pendulum => Some(200),
            Self::MountainCarContinuous => Some(999),
            Self::PendulumContinuing => None,
        }
    }

    /// The name of the parameter that its shader reads, if it has one; see [`ResidentEnvs::with_parameter`].
    ///
    /// [`ResidentEnvs::with_parameter`]: super::ResidentEnvs::with_parameter
    pub const fn parameter(self) -> Option<&'static str> {
        match self {
            Self::PendulumContinuing => Some("offset"),
            _ => None,
        }
    }

    pub(super) const fn shader(self) -> Shader {
        match self {
            Self::CartPole => shader!("env_cartpole"),
            Self::MountainCar => shader!("env_mountain_car"),
            Self::MountainCarContinuous => shader!("env_mountain_car_continuous"),
            Self::Acrobot => shader!("env_acrobot"),
            Self::Pendulum => shader!("env_pendulum"),
            Self::PendulumContinuing => shader!("env_pendulum_continuing"),
        }
    }
}
