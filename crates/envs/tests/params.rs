//! Parameters of tasks: what they declare, what they take, and in which words the rest is refused.

use serde_json::{Value, json};
use striatum_envs::{EnvError, ParamKind, Params, Space, check_params, make_one_with, make_with, task, tasks};

fn error_of(task: &str, params: &Params) -> String {
    let error = check_params(task, params).expect_err("refused");
    assert_eq!(make_with(task, 2, params).err().as_ref(), Some(&error));
    assert_eq!(make_one_with(task, params).err().as_ref(), Some(&error));
    error.to_string()
}

#[test]
fn every_parameter_is_documented_and_has_an_allowed_default() {
    for task in tasks() {
        let complete = check_params(task.name, &Params::default()).unwrap();
        assert_eq!(complete.names().count(), task.params.len());
        for (i, param) in task.params.iter().enumerate() {
            assert!(param.doc.ends_with('.') && !param.doc.contains('\n'), "{param}");
            assert!(task.params[..i].iter().all(|other| other.name != param.name), "{param} twice");
            assert_eq!(complete.get(param.name), Some(&Value::from(param.default)), "{param}");
        }
        assert_eq!(check_params(task.name, &complete), Ok(complete), "what is complete stays as it is");
    }
    assert!(tasks()[..5].iter().all(|task| task.params.is_empty()), "Gymnasium's tasks are as they are");
}

/// Values just outside a kind's range or of another type, and the edges of its range.
fn edges(kind: ParamKind) -> (Vec<Value>, Vec<Value>) {
    match kind {
        ParamKind::Whole { min, max } => {
            let below = i64::from(min) - 1;
            (
                vec![json!(below), json!(u64::from(max) + 1), json!(1.5), json!("2"), json!([1])],
                vec![json!(min), json!(max)],
            )
        }
        ParamKind::Real { min, max } => (
            vec![json!(min - 1e-3), json!(max + 1e-3), json!(f64::NAN), json!("much"), json!([0.1]), json!(true)],
            vec![json!(min), json!(max)],
        ),
        ParamKind::Reals { most, min, max } => (
            vec![
                json!([min - 1e-3]),
                json!([max + 1e-3]),
                json!(vec![min; most + 1]),
                json!(min),
                json!(["a"]),
                json!(""),
            ],
            vec![json!([])],
        ),
        ParamKind::OneOf(words) => {
            (vec![json!("nonsense"), json!(""), json!(0)], words.iter().map(|w| json!(w)).collect())
        }
        ParamKind::Text { most } => (vec![json!(1), json!(["4x4"]), json!("S".repeat(most as usize + 1))], vec![]),
        ParamKind::Flag => (vec![json!("true"), json!(1), json!(f64::NAN)], vec![json!(false), json!(true)]),
    }
}

#[test]
fn every_parameter_refuses_what_it_may_not_be_and_takes_its_edges() {
    for task in tasks() {
        for param in task.params {
            let (outside, inside) = edges(param.kind);
            for value in outside {
                let message = error_of(task.name, &Params::default().with(param.name, value.clone()));
                assert!(message.starts_with(&format!("`env.{}` (", param.name)), "{value}: {message}");
                assert!(message.contains(&format!(" must be {}; try ", param.kind)), "{value}: {message}");
            }
            for value in inside {
                match check_params(task.name, &Params::default().with(param.name, value.clone())) {
                    // One argument may bound another.
                    Err(EnvError::BadParam { name, .. }) => {
                        let bounded = [("Vigour-v0", "longest"), ("Bandit-v0", "closed"), ("RepeatPrevious-v0", "k")];
                        let bounded = bounded.contains(&(task.name, name)) || task.name.starts_with("FrozenLake");
                        assert!(bounded, "{}, {name}: {value}", task.name);
                    }
                    other => drop(other.unwrap()),
                }
            }
        }
    }
}

#[test]
fn equal_arguments_are_equal_however_they_are_written() {
    let offset =
        |value: Value| check_params("Pendulum-continuing-v0", &Params::default().with("offset", value)).unwrap();
    assert_eq!(offset(json!(10)), offset(json!(10.0)));
    assert_ne!(offset(json!(10)), offset(json!(0)));
    assert_eq!(offset(json!(0)), check_params("Pendulum-continuing-v0", &Params::default()).unwrap());
}

#[test]
fn unknown_parameters_get_the_nearest_one_and_the_list() {
    let message = error_of("Bandit-v0", &Params::default().with("arm", 3));
    assert!(
        message.starts_with("task `Bandit-v0` has no parameter `env.arm`; did you mean `env.arms`? it has:"),
        "{message}"
    );
    for param in task("Bandit-v0").unwrap().params {
        assert!(message.contains(&format!("\n  {param}")), "{param}: {message}");
    }
    let message = error_of("Pendulum-continuing-v0", &Params::default().with("zzz", 3));
    assert_eq!(
        message,
        "task `Pendulum-continuing-v0` has no parameter `env.zzz`; it has:\n  \
         env.offset = 0.0  A constant that is added to every reward. (a number from -1000 to 1000)"
    );
    let message = error_of("CartPole-v1", &Params::default().with("gravity", 3));
    assert_eq!(message, "task `CartPole-v1` has no parameter `env.gravity`; it has none");
    let nowhere = check_params("Nothing-v0", &Params::default());
    assert!(matches!(nowhere, Err(EnvError::UnknownTask { .. })), "{nowhere:?}");
}

#[test]
fn arguments_that_do_not_fit_each_other_are_refused() {
    let list = Params::default().with("probabilities", json!([0.1, 0.9, 0.5]));
    assert_eq!(
        error_of("Bandit-v0", &list),
        "`env.probabilities` ([0.1,0.9,0.5]) of task `Bandit-v0` must be one for each of `env.arms` (4); try []"
    );
    assert!(check_params("Bandit-v0", &list.with("arms", 3)).is_ok());
    let inverted = Params::default().with("shortest", 2).with("longest", 1);
    assert_eq!(
        error_of("Vigour-v0", &inverted),
        "`env.longest` (1.0) of task `Vigour-v0` must be at least `env.shortest` (2); try 2"
    );
}

#[test]
fn arguments_change_the_task() {
    let bandit = Params::default().with("arms", 6);
    assert_eq!(make_with("Bandit-v0", 2, &bandit).unwrap().action_space(), &Space::Discrete { n: 6 });
    let cliff = make_one_with("CliffGamble-v0", &Params::default().with("gambles", 1)).unwrap();
    assert_eq!((cliff.observation_space().width(), cliff.time_limit()), (15, Some(40)));
}
