//! The parsed file as tables and fields that know where they stand.
//!
//! Read by hand from the parser's tree rather than through serde: serde's messages for a wrong type
//! repeat the value, and a value may be a key somebody pasted into the wrong place. Messages here
//! name the line, the table and the field; a value is repeated only through [`shown`].

use std::path::Path;
use std::rc::Rc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::field::Field;
use super::known;
use super::nearest::nearest;
use super::secret_ref::looks_like_a_secret;
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::readable::is_readable;

/// A whole file.
pub(super) struct Document<'t> {
    pub path: &'t Path,
    /// What relative paths in the file are relative to.
    pub directory: &'t Path,
    text: &'t str,
    root: DeTable<'t>,
}

impl<'t> Document<'t> {
    /// # Errors
    /// Not TOML: exit 3, the line, and what the parser missed, but never the text of the line.
    pub fn parse(path: &'t Path, text: &'t str) -> Result<Self, Failure> {
        let directory = path.parent().unwrap_or(path);
        match DeTable::parse(text) {
            Ok(root) => Ok(Self { path, directory, text, root: root.into_inner() }),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                Err(located(
                    path,
                    text,
                    at,
                    format!("not valid TOML: {}", error.message()),
                    "correct the line; texts and durations stand in quotes, such as grace = \"60m\"",
                ))
            }
        }
    }

    /// Everything outside and above the tables.
    pub fn top_level(&self) -> Section<'_> {
        Section { document: self, name: Rc::from(""), table: &self.root, at: 0 }
    }

    /// A failure at a byte of the file.
    pub fn failure(&self, at: usize, message: impl AsRef<str>, hint: impl Into<String>) -> Failure {
        located(self.path, self.text, at, message, hint)
    }

    /// The line, counted from one, that holds a byte.
    pub fn line(&self, at: usize) -> usize {
        line(self.text, at)
    }
}

fn located(path: &Path, text: &str, at: usize, message: impl AsRef<str>, hint: impl Into<String>) -> Failure {
    let message = format!("{}:{}: {}", path.display(), line(text, at), message.as_ref());
    Failure::new(ExitCode::Configuration, message, hint)
}

fn line(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// A value for a message: in back quotes where it is short, printable and nothing like a key.
pub(super) fn shown(value: &str) -> String {
    let harmless = value.len() <= 32 && value.chars().all(is_readable) && !looks_like_a_secret(value);
    if harmless { format!("`{value}`") } else { "the text given (not repeated here)".to_owned() }
}

/// One table.
#[derive(Clone)]
pub(super) struct Section<'d> {
    pub document: &'d Document<'d>,
    /// Its dotted path, such as `keys.prod`; empty for the top level.
    pub name: Rc<str>,
    pub table: &'d DeTable<'d>,
    /// Where it begins, in bytes.
    pub at: usize,
}

impl<'d> Section<'d> {
    /// As messages name it: `[keys.prod]`.
    pub fn title(&self) -> String {
        if self.name.is_empty() { "the top level".to_owned() } else { format!("[{}]", self.name) }
    }

    /// A failure about the whole table.
    pub fn failure(&self, message: impl AsRef<str>, hint: impl Into<String>) -> Failure {
        self.document.failure(self.at, message, hint)
    }

    /// Every field of the table, sorted by name.
    pub fn fields(&self) -> impl Iterator<Item = Field<'d>> + use<'d, '_> {
        self.table.iter().map(|(key, value)| self.field_of(key, value))
    }

    /// One field, where it is set.
    pub fn field(&self, name: &str) -> Option<Field<'d>> {
        self.table.get_key_value(name).map(|(key, value)| self.field_of(key, value))
    }

    fn field_of(
        &self,
        key: &'d Spanned<std::borrow::Cow<'d, str>>,
        value: &'d Spanned<DeValue<'d>>,
    ) -> Field<'d> {
        Field {
            document: self.document,
            section: Rc::clone(&self.name),
            name: key.get_ref(),
            at: key.span().start,
            value,
        }
    }

    /// Refuses fields that are not in `known`.
    ///
    /// # Errors
    /// The first unknown field, with the nearest known one or the table where it belongs.
    pub fn deny_unknown(&self, known: &[&str]) -> Result<(), Failure> {
        match self.fields().find(|field| !known.contains(&field.name)) {
            Some(field) => Err(self.unknown(&field, known)),
            None => Ok(()),
        }
    }

    /// The failure for a field that is not in `known`.
    pub fn unknown(&self, field: &Field<'_>, known: &[&str]) -> Failure {
        let hint = match (known::home_of(field.name), nearest(field.name, known.iter().copied())) {
            (Some(home), _) => format!("`{}` belongs in {home}", field.name),
            (None, Some(near)) => format!("did you mean `{near}`?"),
            (None, None) => format!("remove it; known here are: {}", known.join(", ")),
        };
        self.document.failure(
            field.at,
            format!("unknown field {} in {}", shown(field.name), self.title()),
            hint,
        )
    }
}
