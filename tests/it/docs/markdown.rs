//! As much of Markdown as the project's pages use.

use std::path::Path;

/// One page, cut into what tests look at.
pub struct Page {
    /// Its path from the project's root.
    pub name: String,
    pub items: Vec<Item>,
}

/// A piece of a page, with the number of its first line.
pub enum Item {
    /// What stands in a comment `<!-- test: … -->`.
    Directive {
        line: usize,
        text: String,
    },
    Fence {
        line: usize,
        language: String,
        lines: Vec<String>,
    },
    Heading(String),
    Prose {
        line: usize,
        text: String,
    },
}

impl Page {
    pub fn read(root: &Path, path: &Path) -> Self {
        let text = std::fs::read_to_string(root.join(path))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { name: path.display().to_string(), items: parse(&text) }
    }

    /// Language, line and text of every fenced block.
    pub fn fences(&self) -> impl Iterator<Item = (&str, usize, String)> {
        self.items.iter().filter_map(|item| match item {
            Item::Fence { language, line, lines } => {
                Some((language.as_str(), *line, format!("{}\n", lines.join("\n"))))
            }
            _ => None,
        })
    }

    pub fn headings(&self) -> Vec<String> {
        self.items
            .iter()
            .filter_map(|item| match item {
                Item::Heading(text) => Some(text.clone()),
                _ => None,
            })
            .collect()
    }

    /// What headings are called in links.
    pub fn anchors(&self) -> Vec<String> {
        self.headings().iter().map(|heading| anchor(heading)).collect()
    }

    fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        self.items.iter().filter_map(|item| match item {
            Item::Prose { line, text } => Some((*line, text.as_str())),
            _ => None,
        })
    }

    /// Everything between single backticks.
    pub fn inline_code(&self) -> Vec<(usize, String)> {
        let spans = |text: &str| -> Vec<String> {
            text.split('`').skip(1).step_by(2).map(|code| code.replace("\\|", "|")).collect()
        };
        self.prose().flat_map(|(line, text)| spans(text).into_iter().map(move |code| (line, code))).collect()
    }

    /// The target of every link `[text](target)`.
    pub fn links(&self) -> Vec<(usize, String)> {
        let targets = |text: &str| -> Vec<String> {
            let after = text.split("](").skip(1);
            after.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned()).collect()
        };
        self.prose()
            .flat_map(|(line, text)| targets(text).into_iter().map(move |link| (line, link)))
            .collect()
    }

    /// The cells of every table row.
    pub fn table_rows(&self) -> Vec<Vec<String>> {
        self.prose()
            .filter_map(|(_, text)| text.trim().strip_prefix('|')?.strip_suffix('|'))
            .map(|row| row.split('|').map(|cell| cell.trim().to_owned()).collect())
            .collect()
    }
}

/// What a heading is called in links: lower case, spaces as hyphens, punctuation dropped.
pub fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}

fn parse(text: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    while let Some((line, text)) = lines.next() {
        let trimmed = text.trim_start();
        if let Some(language) = trimmed.strip_prefix("```") {
            let indent = text.len() - trimmed.len();
            let body = lines.by_ref().take_while(|(_, text)| !text.trim_start().starts_with("```"));
            let body = body.map(|(_, text)| text.get(indent..).unwrap_or("").to_owned()).collect();
            items.push(Item::Fence { line, language: language.trim().to_owned(), lines: body });
        } else if let Some(directive) = trimmed.strip_prefix("<!-- test: ") {
            let text = directive.trim_end().strip_suffix(" -->").expect("a comment on one line").to_owned();
            items.push(Item::Directive { line, text });
        } else if trimmed.starts_with('#') {
            items.push(Item::Heading(trimmed.trim_start_matches('#').trim().to_owned()));
        } else {
            items.push(Item::Prose { line, text: text.to_owned() });
        }
    }
    items
}
