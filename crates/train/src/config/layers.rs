//! Layers of settings: each is checked for names and types when it is laid over those below it, so that an error
//! names where it stands.

use super::{Config, ConfigError, keys};
use serde_path_to_error::Segment;
use toml::{Table, Value};

/// Settings from one place.
pub(super) struct Layer {
    origin: String,
    table: Table,
}

impl Layer {
    /// Settings that are already a table.
    pub(super) fn new(origin: impl Into<String>, table: Table) -> Self {
        Self { origin: origin.into(), table }
    }

    /// Settings from TOML text.
    pub(super) fn parse(origin: impl Into<String>, text: &str) -> Result<Self, ConfigError> {
        let origin = origin.into();
        match text.parse() {
            Ok(table) => Ok(Self { origin, table }),
            Err(source) => Err(ConfigError::Syntax { origin, source }),
        }
    }

    /// The setting of a `--set KEY=VALUE` or `--vary KEY=VALUE`: a value that is not TOML is taken as text, so that words need no
    /// quotes.
    pub(super) fn from_assignment(flag: &str, text: &str) -> Result<Self, ConfigError> {
        let malformed = || ConfigError::Set { text: text.to_owned() };
        let (name, value) = text.split_once('=').ok_or_else(malformed)?;
        let (name, value) = (name.trim(), value.trim());
        if name.split('.').any(str::is_empty) {
            return Err(malformed());
        }
        let value = value.parse().unwrap_or_else(|_| Value::String(value.to_owned()));
        let origin = format!("`{flag} {text}`");
        let (section, key) = name.split_once('.').unwrap_or(("", name));
        if !section.is_empty() && section != keys::ENV && keys::find(name).is_none() {
            return Err(unknown(name, &origin));
        }
        let mut table = Table::from_iter([(key.to_owned(), value)]);
        if !section.is_empty() {
            table = Table::from_iter([(section.to_owned(), Value::Table(table))]);
        }
        Ok(Self { origin, table })
    }

    /// Lays these settings over `base`, after checking their names and types.
    pub(super) fn apply(self, base: &mut Table) -> Result<(), ConfigError> {
        check_names(&self.table, &self.origin)?;
        read(&self.table, &self.origin)?;
        merge(base, self.table);
        Ok(())
    }
}

/// The configuration that a table gives, defaults where it is silent.
///
/// # Errors
/// [`ConfigError::WrongType`], naming the key.
pub(super) fn read(table: &Table, origin: &str) -> Result<Config, ConfigError> {
    serde_path_to_error::deserialize(Value::Table(table.clone())).map_err(|error| {
        let segments = error.path().iter().filter_map(|segment| match segment {
            Segment::Map { key } => Some(key.as_str()),
            _ => None,
        });
        let key = segments.collect::<Vec<_>>().join(".");
        let expected = keys::find(&key).map_or_else(|| error.inner().to_string(), |key| key.kind.to_string());
        let found = get(table, &key).map_or_else(|| "missing".to_owned(), describe);
        ConfigError::WrongType { key, origin: origin.to_owned(), expected, found }
    })
}

/// Puts every setting of `layer` in the place of `base`'s.
pub(super) fn merge(base: &mut Table, layer: Table) {
    for (name, value) in layer {
        match (base.get_mut(&name), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => drop(base.insert(name, value)),
        }
    }
}

/// The value at a dotted name.
fn get<'a>(table: &'a Table, name: &str) -> Option<&'a Value> {
    match name.split_once('.') {
        Some((section, key)) => table.get(section)?.get(key),
        None => table.get(name),
    }
}

fn check_names(table: &Table, origin: &str) -> Result<(), ConfigError> {
    let sections = keys::sections();
    for (name, value) in table {
        match value {
            _ if keys::find(name).is_some() => {}
            // Which parameters there are, the task decides.
            Value::Table(_) if name == keys::ENV => {}
            Value::Table(section) if sections.contains(&name.as_str()) => {
                let full = section.keys().map(|key| format!("{name}.{key}"));
                if let Some(stranger) = full.into_iter().find(|full| keys::find(full).is_none()) {
                    return Err(unknown(&stranger, origin));
                }
            }
            _ if name == keys::ENV || sections.contains(&name.as_str()) => {
                return Err(not_a_section(name, value, origin));
            }
            _ => return Err(unknown(name, origin)),
        }
    }
    Ok(())
}

fn not_a_section(name: &str, value: &Value, origin: &str) -> ConfigError {
    let expected = match keys::KEYS.iter().find(|key| key.split().0 == name) {
        Some(key) => format!("a section of keys such as `{}`", key.name),
        None => "a section of the task's parameters, which `striatum envs TASK` lists".to_owned(),
    };
    ConfigError::WrongType { key: name.to_owned(), origin: origin.to_owned(), expected, found: describe(value) }
}

fn unknown(name: &str, origin: &str) -> ConfigError {
    let hint = match keys::suggest(name).as_str() {
        "" => "`striatum config TASK` prints every key".to_owned(),
        names => format!("did you mean {names}?"),
    };
    ConfigError::UnknownKey { key: name.to_owned(), origin: origin.to_owned(), hint }
}

/// A value in the words of an error message.
fn describe(value: &Value) -> String {
    match value {
        Value::String(text) => format!("the text {text:?}"),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Boolean(flag) => flag.to_string(),
        Value::Datetime(date) => format!("the date {date}"),
        Value::Array(_) => format!("the list {value}"),
        Value::Table(_) => "a section".to_owned(),
    }
}

impl Config {
    /// Reads a whole configuration, as [`Config::to_toml`] wrote it; `origin` names the text in errors.
    ///
    /// # Errors
    /// [`ConfigError`] if the text is not TOML, has an unknown key, or has a value of a wrong type or out of its range.
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, ConfigError> {
        let mut table = Table::new();
        Layer::parse(origin, text)?.apply(&mut table)?;
        read(&table, origin)?.completed()
    }
}
