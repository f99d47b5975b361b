//! The configuration as commented TOML.

use super::Config;
use super::keys::{ENV, KEYS, Key};
use serde_json::Value;
use striatum_gym::Task;

impl Config {
    /// The whole configuration as TOML, each key under a comment that says what it means and what it may be.
    /// [`Config::from_toml`] reads it back to an equal configuration.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let values = values(self);
        let mut text = String::new();
        let mut section = "";
        for key in KEYS {
            let (own, name) = key.split();
            if own != section {
                section = own;
                text += &format!("[{section}]\n");
            }
            text += &format!("# {} ({})\n{name} = {}\n\n", key.doc, key.kind, literal(get(&values, key)));
        }
        text += &self.params_to_toml();
        text.truncate(text.trim_end().len());
        text + "\n"
    }

    /// The section of the task's parameters, if it has any.
    fn params_to_toml(&self) -> String {
        if Task::is_name(&self.task) {
            return self.arguments_to_toml();
        }
        let params = striatum_envs::task(&self.task).map_or(&[][..], |task| task.params);
        let lines = params.iter().map(|param| {
            let value = self.env.get(param.name).cloned().unwrap_or_else(|| param.default.into());
            // Numbers, words and lists of them are written alike in JSON and TOML.
            format!("# {} ({})\n{} = {value}\n\n", param.doc, param.kind, param.name)
        });
        if params.is_empty() { String::new() } else { format!("[{ENV}]\n{}", lines.collect::<String>()) }
    }

    /// The section of a Python task's arguments, if there are any.
    fn arguments_to_toml(&self) -> String {
        let lines = self.env.names().filter_map(|name| {
            let value = toml::Value::try_from(self.env.get(name)?).ok()?;
            Some(format!("{name} = {value}\n"))
        });
        let lines: String = lines.collect();
        if lines.is_empty() { lines } else { format!("[{ENV}]\n{lines}") }
    }
}

/// Every value, keyed as in TOML. JSON holds what TOML's integers cannot, and turns NaN and infinity into null.
pub(super) fn values(config: &Config) -> Value {
    serde_json::to_value(config).expect("plain structs of numbers, words and lists are JSON")
}

/// The value of a key.
pub(super) fn get<'a>(values: &'a Value, key: &Key) -> &'a Value {
    match key.split() {
        ("", name) => &values[name],
        (section, name) => &values[section][name],
    }
}

/// A value as TOML. Every float of the configuration is an `f32`, so its shortest form as one is exact.
pub(super) fn literal(value: &Value) -> String {
    match value {
        Value::Null => "nan".to_owned(),
        Value::Number(number) if number.is_f64() => format!("{:?}", number.as_f64().unwrap_or(f64::NAN) as f32),
        Value::String(text) => toml::Value::String(text.clone()).to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
