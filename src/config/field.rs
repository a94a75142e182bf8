//! One field: its value as the type that is wanted, or a failure that names the line.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::document::{Document, Section, shown};
use super::nearest::suggestion;
use super::secret_ref::{Origin, SecretReference, looks_like_a_secret};
use crate::duration;
use crate::error::Failure;
use crate::readable::is_readable;

/// One field that is set.
#[derive(Clone)]
pub(super) struct Field<'d> {
    pub document: &'d Document<'d>,
    /// The dotted path of its table; empty for the top level.
    pub section: Rc<str>,
    pub name: &'d str,
    /// Where its name stands, in bytes.
    pub at: usize,
    pub value: &'d Spanned<DeValue<'d>>,
}

impl<'d> Field<'d> {
    /// A failure about this field: ``FILE:LINE: `grace` in [keys.prod] …``.
    pub fn failure(&self, complaint: impl AsRef<str>, hint: impl Into<String>) -> Failure {
        let message = format!("{} {}", self.title(), complaint.as_ref());
        self.document.failure(self.at, message, hint)
    }

    fn title(&self) -> String {
        if self.section.is_empty() {
            shown(self.name)
        } else {
            format!("{} in [{}]", shown(self.name), self.section)
        }
    }

    /// `example` is a value of the type that is wanted, as it stands in a file.
    fn wrong_type(&self, wanted: &str, example: &str) -> Failure {
        let found = match self.value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.failure(
            format!("must be {wanted}, but it is {found}"),
            format!("write {} = {example}", self.name),
        )
    }

    /// Whether it is a table or a list of tables.
    pub fn is_table(&self) -> bool {
        match self.value.get_ref() {
            DeValue::Table(_) => true,
            DeValue::Array(items) => items.iter().any(|item| item.get_ref().is_table()),
            _ => false,
        }
    }

    /// A non-empty text of one line.
    pub fn text(&self) -> Result<&'d str, Failure> {
        let text = self.value.get_ref().as_str().ok_or_else(|| self.wrong_type("a text", "\"…\""))?;
        self.one_line(text)
    }

    /// A text that people wrote for people. It is shown as it stands, so it must not be a key.
    pub fn prose(&self) -> Result<&'d str, Failure> {
        let text = self.text()?;
        if looks_like_a_secret(text) {
            let hint = "say it without the key; the key stood in a file in clear text: consider it exposed and \
                        replace it";
            return Err(self.failure("holds a secret value (not repeated here)", hint));
        }
        Ok(text)
    }

    fn one_line(&self, text: &'d str) -> Result<&'d str, Failure> {
        if text.trim().is_empty() {
            return Err(self.failure("is empty", "fill it in, or remove it"));
        }
        if !text.chars().all(is_readable) {
            let hint = "write it in one line, without tabs and escapes";
            return Err(self.failure(
                "contains a line break, another control character or one that cannot be seen",
                hint,
            ));
        }
        Ok(text)
    }

    /// `true` or `false`.
    pub fn flag(&self) -> Result<bool, Failure> {
        self.value.get_ref().as_bool().ok_or_else(|| self.wrong_type("true or false", "true"))
    }

    /// A whole number from 1 to 1000.
    pub fn count(&self) -> Result<u32, Failure> {
        let number =
            self.value.get_ref().as_integer().ok_or_else(|| self.wrong_type("a whole number", "3"))?;
        u32::from_str_radix(number.as_str(), number.radix())
            .ok()
            .filter(|count| (1..=1000).contains(count))
            .ok_or_else(|| self.failure("must be from 1 to 1000", format!("write {} = 3", self.name)))
    }

    /// A duration.
    pub fn duration(&self) -> Result<Duration, Failure> {
        let wanted = "a duration in quotes with its unit";
        let text = self.value.get_ref().as_str().ok_or_else(|| self.wrong_type(wanted, "\"45m\""))?;
        self.parsed_duration(text)
    }

    /// A list of durations.
    pub fn durations(&self) -> Result<Vec<Duration>, Failure> {
        self.words()?.iter().map(|text| self.parsed_duration(text)).collect()
    }

    fn parsed_duration(&self, text: &str) -> Result<Duration, Failure> {
        duration::parse(text).map_err(|error| {
            self.failure(format!("is not a duration: {} in {}", error, shown(text)), error.remedy())
        })
    }

    /// A duration that is not zero.
    pub fn positive_duration(&self) -> Result<Duration, Failure> {
        let duration = self.duration()?;
        if duration.is_zero() {
            let hint = format!("write a longer time, such as {} = \"30s\", or remove it", self.name);
            return Err(self.failure("must be longer than zero", hint));
        }
        Ok(duration)
    }

    /// One of the names in `known`.
    pub fn choice(&self, known: &[&'static str]) -> Result<&'static str, Failure> {
        let text = self.text()?;
        self.known_name(text, known)
    }

    fn known_name(&self, text: &str, known: &[&'static str]) -> Result<&'static str, Failure> {
        known.iter().copied().find(|name| *name == text).ok_or_else(|| {
            self.failure(format!("has the unknown value {}", shown(text)), suggestion(text, known))
        })
    }

    /// A list of names in `known`.
    pub fn choices(&self, known: &[&'static str]) -> Result<Vec<&'static str>, Failure> {
        self.words()?.into_iter().map(|word| self.known_name(&word, known)).collect()
    }

    /// A list of texts. Empty lists and empty texts are the caller's to judge.
    pub fn words(&self) -> Result<Vec<String>, Failure> {
        let wrong = || self.wrong_type("a list of texts", "[\"…\", \"…\"]");
        let items = self.value.get_ref().as_array().ok_or_else(wrong)?;
        items.iter().map(|item| item.get_ref().as_str().map(str::to_owned).ok_or_else(wrong)).collect()
    }

    /// A program and its arguments; a relative program with a slash is taken from the file's directory.
    pub fn command(&self) -> Result<Vec<String>, Failure> {
        let mut words = self.words()?;
        let hint =
            format!("write the program and its arguments: {} = [\"/usr/local/bin/push-key\"]", self.name);
        match words.first_mut() {
            None => return Err(self.failure("is an empty command", hint)),
            Some(program) if program.trim().is_empty() => {
                return Err(self.failure("has an empty program name", hint));
            }
            Some(program) if program.contains('/') => {
                *program = self.resolved(program)?.to_string_lossy().into_owned();
            }
            Some(_) => {}
        }
        if words.iter().any(|word| word.contains('\0')) {
            return Err(self.failure("contains a NUL character", "remove it; no program can be given one"));
        }
        Ok(words)
    }

    /// A path, absolute; a relative one is taken from the file's directory.
    pub fn path(&self) -> Result<PathBuf, Failure> {
        self.resolved(self.text()?)
    }

    fn resolved(&self, text: &str) -> Result<PathBuf, Failure> {
        if text == "~" || text.starts_with("~/") {
            return Err(self.failure("begins with `~`, which is not expanded here", "write the full path"));
        }
        Ok(self.document.directory.join(text))
    }

    /// The name of an environment variable.
    pub fn variable(&self) -> Result<String, Failure> {
        let text = self.text()?;
        if is_variable_name(text) {
            return Ok(text.to_owned());
        }
        let complaint = format!("is not a variable name: {}", shown(text));
        Err(self.failure(complaint, "use letters, digits and _, beginning with a letter or _"))
    }

    /// A secret reference that can be resolved without a person.
    pub fn reference(&self) -> Result<SecretReference, Failure> {
        let wanted = "a secret reference";
        let text = self.value.get_ref().as_str().ok_or_else(|| self.wrong_type(wanted, "\"env:NAME\""))?;
        match text.parse::<SecretReference>() {
            Ok(SecretReference::Stdin) => Err(self.failure(
                "is `-`, but a configuration has no stdin",
                "use env:NAME, file:PATH or command:PROGRAM",
            )),
            Ok(reference) => Ok(reference.relative_to(self.document.directory)),
            Err(error) => {
                let remedy = error.remedy(Origin::Configuration(self.name));
                Err(self.failure(format!("is not usable: {error}"), remedy))
            }
        }
    }

    /// The table it holds.
    pub fn section(&self) -> Result<Section<'d>, Failure> {
        let name = if self.section.is_empty() {
            self.name.to_owned()
        } else {
            format!("{}.{}", self.section, self.name)
        };
        let DeValue::Table(table) = self.value.get_ref() else {
            return Err(self.wrong_type("a table", &format!("[{name}] with its fields below it")));
        };
        Ok(Section { document: self.document, name: name.into(), table, at: self.at })
    }

    /// The tables of a list, such as `[[keys.prod.targets]]`.
    pub fn sections(&self) -> Result<Vec<Section<'d>>, Failure> {
        let name: Rc<str> = format!("{}.{}", self.section, self.name).into();
        let wrong = || self.wrong_type("a list of tables", &format!("[[{name}]] with its fields below it"));
        let items = self.value.get_ref().as_array().ok_or_else(wrong)?;
        items
            .iter()
            .map(|item| match item.get_ref() {
                DeValue::Table(table) => Ok(Section {
                    document: self.document,
                    name: Rc::clone(&name),
                    table,
                    at: item.span().start,
                }),
                _ => Err(wrong()),
            })
            .collect()
    }
}

/// `[A-Za-z_][A-Za-z0-9_]*`, what every shell accepts.
pub(super) fn is_variable_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
