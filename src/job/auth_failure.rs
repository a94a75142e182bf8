//! How a refused key looks in what a job prints.

use memchr::memmem;

/// What programs print when this provider refuses their key. Compared without regard to case.
///
/// Sources: the provider's error types and messages as its API documents them, and what its own clients print.
pub fn usual_patterns(provider: &str) -> &'static [&'static str] {
    match provider {
        "anthropic" => &[
            "authentication_error",
            "invalid x-api-key",
            "invalid bearer token",
            "invalid api key",
            "api key is invalid",
        ],
        "aws-iam" => &[
            "InvalidClientTokenId",
            "InvalidAccessKeyId",
            "UnrecognizedClientException",
            "SignatureDoesNotMatch",
            "security token included in the request is invalid",
            "AWS was not able to validate the provided access credentials",
        ],
        _ => &[],
    }
}

/// Looks for patterns in a stream that comes in pieces. Keeps no more of it than the longest pattern needs.
pub struct Watcher {
    /// In lower case.
    patterns: Vec<Vec<u8>>,
    /// The end of what came so far, in lower case, shorter than the longest pattern.
    tail: Vec<u8>,
    found: Option<usize>,
    has_text: bool,
}

impl Watcher {
    /// Empty patterns are passed over.
    pub fn new(patterns: &[String]) -> Self {
        let patterns = patterns.iter().filter(|pattern| !pattern.is_empty());
        Self {
            patterns: patterns.map(|pattern| pattern.to_ascii_lowercase().into_bytes()).collect(),
            tail: Vec::new(),
            found: None,
            has_text: false,
        }
    }

    /// Takes the next piece.
    pub fn see(&mut self, piece: &[u8]) {
        self.has_text = self.has_text || piece.iter().any(|byte| !byte.is_ascii_whitespace());
        let Some(longest) = self.patterns.iter().map(Vec::len).max().filter(|_| self.found.is_none()) else {
            return;
        };
        let begin = self.tail.len();
        self.tail.extend_from_slice(piece);
        self.tail[begin..].make_ascii_lowercase();
        self.found = self.patterns.iter().position(|pattern| memmem::find(&self.tail, pattern).is_some());
        let kept = self.tail.len().min(longest - 1);
        self.tail.drain(..self.tail.len() - kept);
    }

    /// The pattern that was found first.
    pub fn found(&self) -> Option<String> {
        self.found.map(|at| String::from_utf8_lossy(&self.patterns[at]).into_owned())
    }

    /// Whether anything but white space came.
    pub fn has_text(&self) -> bool {
        self.has_text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watcher() -> Watcher {
        Watcher::new(&["Invalid X-API-Key".to_owned(), String::new(), "nope".to_owned()])
    }

    #[test]
    fn a_pattern_is_found_wherever_the_stream_is_cut() {
        let text = b"HTTP 401: {\"message\": \"INVALID x-api-key\"}\n";
        for cut in 0..text.len() {
            let mut watcher = watcher();
            watcher.see(&text[..cut]);
            watcher.see(&text[cut..]);
            assert_eq!(watcher.found().as_deref(), Some("invalid x-api-key"), "cut at {cut}");
        }
        let mut watcher = watcher();
        text.iter().for_each(|byte| watcher.see(&[*byte]));
        assert!(watcher.found().is_some());
    }

    #[test]
    fn what_is_not_there_is_not_found_and_little_is_kept() {
        let mut watcher = watcher();
        for _ in 0..100 {
            watcher.see(b"invalid x-api-");
            watcher.see(b"no, pe");
        }
        assert_eq!(watcher.found(), None);
        assert!(watcher.tail.len() < 17, "{}", watcher.tail.len());
    }

    #[test]
    fn white_space_is_no_text() {
        let mut watcher = Watcher::new(&[]);
        watcher.see(b" \n\t\r\n");
        assert!(!watcher.has_text());
        watcher.see(b"\n.");
        assert!(watcher.has_text());
    }
}
