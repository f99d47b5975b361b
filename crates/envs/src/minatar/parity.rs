//! Parity with runs that `scripts/record_minatar.py` recorded from the `minatar` package, given the same random numbers.

use super::{Asterix, Breakout, Freeway, Game, MinAtar, Seaquest, SpaceInvaders};
use crate::Env;
use crate::chance::replay::{Draw, Replay};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    minatar: String,
    channels: usize,
    /// The minimal actions, as numbers of all six.
    moves: Vec<usize>,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    sticky: f64,
    ramping: bool,
    /// Whether a game that was over was let go on.
    undying: bool,
    /// A digit a step.
    actions: String,
    /// Step and reward, where it is not 0; steps count from 1.
    rewards: Vec<(usize, i32)>,
    over: Vec<usize>,
    draws: Vec<Draw>,
    /// Eight digits an observation.
    hashes: String,
    full: Vec<(usize, String)>,
    level: Option<u8>,
}

fn fixture(name: &str) -> Fixture {
    let path = format!("tests/fixtures/minatar/{name}.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// An observation's bits, from the highest of each byte.
fn bits(observation: &[f32]) -> Vec<u8> {
    assert!(observation.iter().all(|&x| x == 0.0 || x == 1.0));
    observation
        .chunks(8)
        .map(|cells| cells.iter().zip(0..).fold(0, |byte, (&x, i)| byte | u8::from(x == 1.0) << (7 - i)))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// 32-bit FNV-1a.
fn hash(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0x811c_9dc5_u32, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{hash:08x}")
}

/// Plays a run, and sets every observation, reward and end beside the recorded ones. At every step the state is taken and given to
/// another game, which goes on in its place.
fn replay<G: Game>(name: &str, run: Run, channels: usize) -> MinAtar<G> {
    let mut chance = Replay::new(run.draws);
    let mut env = MinAtar::<G>::new(run.sticky, run.ramping);
    let mut observation = vec![2.0; channels * 100];
    let (mut hashes, mut full) = (run.hashes.as_bytes().chunks(8), run.full.into_iter().peekable());
    let mut observe = |env: &mut MinAtar<G>, t: usize| {
        env.observe(&mut observation);
        let bytes = bits(&observation);
        if let Some((_, expected)) = full.next_if(|full| full.0 == t) {
            assert_eq!(hex(&bytes), expected, "{name}, step {t}");
        }
        assert_eq!(hash(&bytes).as_bytes(), hashes.next().unwrap(), "{name}, step {t}: {env:?}");
        // An undying submarine may be out of air for long, which no state allows.
        if !run.undying {
            let (state, mut copy) = (env.state(), MinAtar::<G>::new(run.sticky, run.ramping));
            let mut shown = vec![2.0; observation.len()];
            copy.set_state(&state, &mut shown).unwrap();
            assert_eq!((copy.state(), &shown), (state, &observation), "{name}, step {t}");
            *env = copy;
        }
    };
    let (mut rewards, mut over) = (run.rewards.into_iter().peekable(), run.over.into_iter().peekable());
    env.start(&mut chance);
    observe(&mut env, 0);
    for (action, t) in run.actions.bytes().zip(1..) {
        let reward = env.take(usize::from(action - b'0'), &mut chance);
        assert_eq!(reward, rewards.next_if(|next| next.0 == t).map_or(0, |next| next.1), "reward: {name}, step {t}");
        let ended = over.next_if(|&next| next == t).is_some();
        assert_eq!(env.game.over(), ended, "over: {name}, step {t}");
        observe(&mut env, t);
        if ended && run.undying {
            env.game.set_over(false);
        } else if ended {
            env.start(&mut chance);
            observe(&mut env, t);
        }
    }
    assert!(hashes.next().is_none() && chance.is_used_up() && full.next().is_none(), "{name}: all was used");
    assert!(rewards.next().is_none() && over.next().is_none(), "{name}: all was used");
    env
}

/// Plays all runs of a game; `level` reads its ramp.
fn check<G: Game>(name: &str, level: impl Fn(&G) -> Option<u8>) {
    let fixture = fixture(name);
    assert!(fixture.minatar.starts_with("1."), "recorded with {}", fixture.minatar);
    assert_eq!(G::CHANNELS, fixture.channels);
    assert_eq!(G::MOVES.iter().map(|&action| action as usize).collect::<Vec<_>>(), fixture.moves);
    for run in fixture.runs {
        let expected = run.level;
        let env = replay::<G>(name, run, fixture.channels);
        assert_eq!(level(&env.game), expected, "{name}");
    }
}

#[test]
fn breakout_is_the_packages() {
    check::<Breakout>("breakout", |_| None);
}

#[test]
fn asterix_is_the_packages() {
    check::<Asterix>("asterix", |game| Some(game.ramp_index));
}

#[test]
fn freeway_is_the_packages() {
    check::<Freeway>("freeway", |_| None);
}

#[test]
fn seaquest_is_the_packages() {
    check::<Seaquest>("seaquest", |game| Some(game.ramp_index));
}

#[test]
fn space_invaders_is_the_packages() {
    check::<SpaceInvaders>("space_invaders", |game| Some(game.ramp_index));
}

/// The runs reach what a difference would show in.
#[test]
fn the_runs_go_far() {
    let levels = |name| fixture(name).runs.iter().map(|run| run.level.unwrap()).collect::<Vec<_>>();
    assert_eq!(levels("asterix").iter().max(), Some(&9), "neither spawns nor moves become any faster");
    assert!(levels("seaquest").iter().any(|&level| level >= 19));
    assert!(levels("space_invaders").iter().any(|&level| level >= 2));
    let most = |name| fixture(name).runs.iter().map(|run| run.rewards.iter().map(|r| r.1).sum::<i32>()).max().unwrap();
    assert!(most("breakout") > 60, "a second wall");
    assert!(fixture("seaquest").runs.iter().any(|run| run.rewards.iter().any(|r| r.1 >= 5)), "six divers");
    assert!(fixture("freeway").runs[0].over.contains(&2501));
}
