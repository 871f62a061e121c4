//! Turns what was given into typed values, one setting after another, and notes everything on the way.

use super::environment::{PREFIX, variable};
use super::mistake::{Mistake, Origin};
use super::parser::Parser;
use super::secret::Secret;
use super::suggest::nearest;

/// A value that somebody gave for a setting, rightly or wrongly.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    /// The setting, or the variable where it came from one.
    pub(crate) name: String,
    /// What was given.
    pub(crate) value: GivenValue,
    /// Where.
    pub(crate) origin: Origin,
}

/// The shapes in which values come.
#[derive(Clone, Debug)]
pub(crate) enum GivenValue {
    /// One value; a list may be written as one, with commas.
    Text(String),
    /// Several values.
    List(Vec<String>),
    /// An empty section of the file.
    Section,
    /// A date or lists in lists: no setting takes those.
    Unsuitable,
}

/// One setting as it stands, in words.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Its name: `section.key`.
    pub(crate) name: &'static str,
    /// What it takes.
    pub(crate) kind: String,
    /// What it is when nobody says anything.
    pub(crate) default: &'static str,
    /// What it is for.
    pub(crate) help: &'static str,
    /// What it is now; `None` where it is not set.
    pub(crate) value: Option<String>,
    /// Whether the value is quoted in TOML.
    pub(crate) quoted: bool,
    /// Whether the value is a mask.
    pub(crate) secret: bool,
    /// Where it came from.
    pub(crate) origin: Origin,
}

/// The default of a setting.
pub(crate) enum DefaultValue {
    /// Always this.
    Fixed(&'static str),
    /// It depends on the machine.
    Measured {
        /// How, in words.
        words: &'static str,
        /// What it comes to here.
        value: String,
    },
}

/// Reads settings out of what was given.
pub(crate) struct Reader {
    given: Vec<(Given, bool)>,
    rows: Vec<Row>,
    mistakes: Vec<Mistake>,
}

impl Given {
    /// A plain value.
    pub(crate) fn text(origin: Origin, name: &str, value: &str) -> Given {
        Given { name: name.to_owned(), value: GivenValue::Text(value.to_owned()), origin }
    }

    fn is_for(&self, setting: &str) -> bool {
        match &self.origin {
            Origin::Variable(name) => *name == variable(setting),
            _ => self.name == setting,
        }
    }
}

impl From<&'static str> for DefaultValue {
    fn from(value: &'static str) -> DefaultValue {
        DefaultValue::Fixed(value)
    }
}

impl Reader {
    /// Reads from values in the order of their strength, the weakest first.
    pub(crate) fn new(given: Vec<Given>, mistakes: Vec<Mistake>) -> Reader {
        Reader { given: given.into_iter().map(|given| (given, false)).collect(), rows: Vec::new(), mistakes }
    }

    /// Reads one setting. Every value given for it is checked, also one that a stronger one overrides: a
    /// mistake that shows only when a variable goes away is found too late. With mistakes the result is the
    /// default.
    pub(crate) fn setting<P: Parser>(
        &mut self,
        name: &'static str,
        parser: &P,
        default: impl Into<DefaultValue>,
        help: &'static str,
    ) -> P::Value {
        let (words, fallback) = match default.into() {
            DefaultValue::Fixed(value) => (value, value.to_owned()),
            DefaultValue::Measured { words, value } => (words, value),
        };
        let mut value = parser.parse(&fallback).expect("defaults are valid, as a test sees to");
        let mut origin = Origin::Default;
        for (given, used) in self.given.iter_mut().filter(|(given, _)| given.is_for(name)) {
            *used = true;
            match check(name, parser, given) {
                Ok(parsed) => (value, origin) = (parsed, given.origin.clone()),
                Err(message) => self.mistakes.push(Mistake::new(given.origin.clone(), message)),
            }
        }
        // A default is written in the documentation: it shows that nothing is set.
        let is_masked = parser.is_secret() && !matches!(origin, Origin::Default);
        let shown = parser.show(&value).map(|shown| if is_masked { Secret::MASK.to_owned() } else { shown });
        self.rows.push(Row {
            name,
            kind: parser.kind(),
            default: words,
            help,
            value: shown,
            quoted: parser.is_quoted(),
            secret: parser.is_secret(),
            origin,
        });
        value
    }

    /// Adds a mistake that shows only when settings are seen together; `name` is the one to change.
    pub(crate) fn contradiction(&mut self, name: &str, message: impl Into<String>) {
        let row = self.rows.iter().find(|row| row.name == name);
        let origin = row.map_or(Origin::Default, |row| row.origin.clone());
        self.mistakes.push(Mistake::new(origin, format!("{name} {}", message.into())));
    }

    /// All rows and all mistakes, among them every value that belongs to no setting.
    pub(crate) fn finish(mut self) -> (Vec<Row>, Vec<Mistake>) {
        for (given, _) in self.given.iter().filter(|(_, used)| !used) {
            if let Some(message) = unknown(given, &self.rows) {
                self.mistakes.push(Mistake::new(given.origin.clone(), message));
            }
        }
        (self.rows, self.mistakes)
    }
}

fn check<P: Parser>(name: &str, parser: &P, given: &Given) -> Result<P::Value, String> {
    let secret_flag = parser.is_secret() && matches!(given.origin, Origin::Flag(_));
    let text = match &given.value {
        // Everybody on the machine can read the arguments of its processes.
        _ if secret_flag => {
            return Err(format!("{name} is a secret: give it in {} or in the settings file", variable(name)));
        }
        GivenValue::Text(text) => text.clone(),
        GivenValue::List(items) if parser.is_list() => match items.iter().find(|item| item.contains(',')) {
            Some(item) => return Err(format!("{name}: {item:?} holds a comma: write it as two values")),
            None => items.join(","),
        },
        GivenValue::List(_) => return Err(format!("{name} takes one value, not a list")),
        GivenValue::Section => return Err(format!("{name} is a setting, not a section")),
        GivenValue::Unsuitable => return Err(format!("{name} takes {}", parser.kind())),
    };
    parser.parse(&text).map_err(|wrong| {
        let shown = if parser.is_secret() { "the value".to_owned() } else { format!("{text:?}") };
        format!("{name}: {shown} {wrong}")
    })
}

fn unknown(given: &Given, rows: &[Row]) -> Option<String> {
    let names = || rows.iter().map(|row| row.name);
    if let Origin::Variable(name) = &given.origin {
        // They all begin alike, which says nothing of what was meant.
        let variables: Vec<String> = names().map(variable).collect();
        let (prefix, typed) = name.split_at(PREFIX.len());
        let meant = nearest(typed, variables.iter().filter_map(|known| known.strip_prefix(prefix)));
        return Some(no_such(
            "there is no such variable",
            meant.map(|meant| format!("{prefix}{meant}")).as_deref(),
        ));
    }
    let sections = || names().filter_map(|name| name.split_once('.')).map(|(section, _)| section);
    if matches!(given.value, GivenValue::Section) {
        let known = sections().any(|section| section == given.name);
        let meant = nearest(&given.name, sections());
        return (!known).then(|| no_such(&format!("there is no section [{}]", given.name), meant));
    }
    Some(no_such(&format!("there is no setting {}", given.name), nearest(&given.name, names())))
}

fn no_such(what: &str, meant: Option<&str>) -> String {
    match meant {
        Some(meant) => format!("{what}; did you mean {meant}?"),
        None => format!("{what}; `curtail config` lists all there are"),
    }
}
