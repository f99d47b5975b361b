//! What a built-in task may be asked for: its parameters as data, and the arguments given for them.

use crate::EnvError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// A parameter of a built-in task. Its `Display` is one line with name, default, meaning and range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Param {
    /// Its name; the key of the configuration is `env.NAME`.
    pub name: &'static str,
    /// Which values it may have.
    pub kind: ParamKind,
    /// Its value where none is given.
    pub default: ParamDefault,
    /// What it means, in a sentence.
    pub doc: &'static str,
}

/// The values that a parameter may have; all bounds are inclusive. Its `Display` completes the sentence "must be ...".
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ParamKind {
    /// A whole number.
    Whole {
        /// Smallest value.
        min: u32,
        /// Largest value.
        max: u32,
    },
    /// A number.
    Real {
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
    },
    /// A list of numbers, which may be empty.
    Reals {
        /// Most numbers.
        most: usize,
        /// Smallest number.
        min: f64,
        /// Largest number.
        max: f64,
    },
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// True or false.
    Flag,
    /// A text, which the task reads.
    Text {
        /// Most bytes.
        most: u32,
    },
}

/// The default of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ParamDefault {
    /// Of a [`ParamKind::Whole`].
    Whole(u32),
    /// Of a [`ParamKind::Real`].
    Real(f64),
    /// Of a [`ParamKind::Reals`].
    Reals(&'static [f64]),
    /// Of a [`ParamKind::OneOf`] or a [`ParamKind::Text`].
    Word(&'static str),
    /// Of a [`ParamKind::Flag`].
    Flag(bool),
}

impl Param {
    pub(crate) const fn whole(name: &'static str, (min, max): (u32, u32), default: u32, doc: &'static str) -> Self {
        Self { name, kind: ParamKind::Whole { min, max }, default: ParamDefault::Whole(default), doc }
    }

    pub(crate) const fn real(name: &'static str, (min, max): (f64, f64), default: f64, doc: &'static str) -> Self {
        Self { name, kind: ParamKind::Real { min, max }, default: ParamDefault::Real(default), doc }
    }

    pub(crate) const fn flag(name: &'static str, default: bool, doc: &'static str) -> Self {
        Self { name, kind: ParamKind::Flag, default: ParamDefault::Flag(default), doc }
    }
}

impl ParamKind {
    /// The value in the one form that equal values share, if it is allowed.
    fn accept(self, value: &Value) -> Option<Value> {
        // JSON has no NaN and no infinity: both arrive as null.
        let real = |value: &Value, min, max| value.as_f64().filter(|number| (min..=max).contains(number));
        match self {
            Self::Whole { min, max } => {
                value.as_u64().filter(|n| (u64::from(min)..=u64::from(max)).contains(n)).map(Value::from)
            }
            Self::Real { min, max } => real(value, min, max).map(Value::from),
            Self::Reals { most, min, max } => {
                let list = value.as_array().filter(|list| list.len() <= most)?;
                list.iter()
                    .map(|item| real(item, min, max).map(Value::from))
                    .collect::<Option<Vec<_>>>()
                    .map(Value::from)
            }
            Self::OneOf(words) => value.as_str().filter(|text| words.contains(text)).map(Value::from),
            Self::Flag => value.as_bool().map(Value::from),
            Self::Text { most } => value.as_str().filter(|text| text.len() <= most as usize).map(Value::from),
        }
    }
}

impl fmt::Display for ParamKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Real { min, max } => write!(f, "a number from {min} to {max}"),
            Self::Reals { most, min, max } => write!(f, "a list of at most {most} numbers from {min} to {max}"),
            Self::OneOf(words) => {
                let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
                f.write_str(&quoted.join(" or "))
            }
            Self::Flag => f.write_str("true or false"),
            Self::Text { most } => write!(f, "a text of at most {most} bytes"),
        }
    }
}

impl From<ParamDefault> for Value {
    fn from(default: ParamDefault) -> Self {
        match default {
            ParamDefault::Whole(number) => number.into(),
            ParamDefault::Real(number) => number.into(),
            ParamDefault::Reals(numbers) => numbers.into(),
            ParamDefault::Word(word) => word.into(),
            ParamDefault::Flag(flag) => flag.into(),
        }
    }
}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "env.{} = {}  {} ({})", self.name, Value::from(self.default), self.doc, self.kind)
    }
}

/// Arguments for a task's parameters, by name; a parameter without one has its default.
///
/// ```
/// use striatum_envs::{Params, make_with};
/// # fn main() -> Result<(), striatum_envs::EnvError> {
/// let batch = make_with("Bandit-v0", 8, &Params::default().with("arms", 6))?;
/// # assert_eq!(batch.action_space(), &striatum_envs::Space::Discrete { n: 6 });
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Params(BTreeMap<String, Value>);

impl Params {
    /// These arguments and one more, which wins over an earlier one of its name.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// The argument of this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The names of the parameters that have an argument.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// An argument, or the default, for each of a task's parameters.
    pub(crate) fn complete(&self, task: &'static str, params: &[Param]) -> Result<Arguments, EnvError> {
        if let Some(stranger) = self.names().find(|name| params.iter().all(|param| param.name != *name)) {
            return Err(unknown(task, stranger, params));
        }
        let complete = params.iter().map(|param| {
            let value = self.get(param.name).cloned().unwrap_or_else(|| param.default.into());
            let accepted = param.kind.accept(&value).ok_or_else(|| EnvError::BadParam {
                task,
                name: param.name,
                value: if value.is_null() { "nan".to_owned() } else { value.to_string() },
                allowed: param.kind.to_string(),
                fix: Value::from(param.default).to_string(),
            })?;
            Ok((param.name.to_owned(), accepted))
        });
        Ok(Arguments { task, params: Self(complete.collect::<Result<BTreeMap<_, _>, EnvError>>()?) })
    }
}

fn unknown(task: &'static str, name: &str, params: &[Param]) -> EnvError {
    if params.is_empty() {
        return EnvError::UnknownParam { task, name: name.to_owned(), hint: "it has none".to_owned() };
    }
    let likeness = |param: &Param| strsim::jaro_winkler(name, param.name);
    let nearest = params.iter().map(|param| (likeness(param), param.name)).filter(|(likeness, _)| *likeness > 0.7);
    let nearest = nearest.max_by(|a, b| a.0.total_cmp(&b.0));
    let question = nearest.map_or_else(String::new, |(_, name)| format!("did you mean `env.{name}`? "));
    let list: String = params.iter().map(|param| format!("\n  {param}")).collect();
    EnvError::UnknownParam { task, name: name.to_owned(), hint: format!("{question}it has:{list}") }
}

/// A checked argument for every parameter of a task.
pub(crate) struct Arguments {
    task: &'static str,
    params: Params,
}

impl Arguments {
    /// All of them.
    pub(crate) fn into_params(self) -> Params {
        self.params
    }

    pub(crate) fn whole(&self, name: &str) -> u32 {
        self.get(name).as_u64().and_then(|number| u32::try_from(number).ok()).expect("a whole number was checked")
    }

    pub(crate) fn real(&self, name: &str) -> f64 {
        self.get(name).as_f64().expect("a number was checked")
    }

    pub(crate) fn reals(&self, name: &str) -> Vec<f64> {
        let list = self.get(name).as_array().expect("a list was checked");
        list.iter().map(|item| item.as_f64().expect("its numbers were checked")).collect()
    }

    pub(crate) fn word(&self, name: &str) -> &str {
        self.get(name).as_str().expect("a word was checked")
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.get(name).as_bool().expect("true or false was checked")
    }

    fn get(&self, name: &str) -> &Value {
        self.params.get(name).expect("every declared parameter has an argument")
    }

    /// The error of an argument that does not fit the others.
    pub(crate) fn misfit(&self, name: &'static str, allowed: String, fix: impl fmt::Display) -> EnvError {
        let value = self.get(name).to_string();
        EnvError::BadParam { task: self.task, name, value, allowed, fix: fix.to_string() }
    }
}
