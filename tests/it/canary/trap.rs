//! A lab with canary values, and a search through everything that was ever written, printed, passed or sent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use super::needles::Needles;
use super::tally;
use crate::lab::double::{Double, Heard, http_answer};
use crate::lab::{Lab, Ran};

/// A lab whose every exit is watched.
pub struct Trap {
    pub lab: Lab,
    pub needles: Needles,
    pub values: BTreeMap<&'static str, String>,
    pub provider: Double,
    /// Between the provider and the sandbox.
    _front: Double,
    /// Nobody is ever to talk to this one.
    elsewhere: Double,
    hostile: Arc<Mutex<Option<Hostile>>>,
}

/// Answers in the provider's place, given the request and the address of another host.
pub type Hostile = fn(&Heard, &str) -> Vec<u8>;

impl Trap {
    pub fn new() -> Self {
        let mut lab = Lab::new();
        let elsewhere = Double::start(|_| http_answer(200, &[], "{}"));
        let hostile: Arc<Mutex<Option<Hostile>>> = Arc::default();
        let (address, other, script) = (lab.sandbox.address(), elsewhere.base_url(), Arc::clone(&hostile));
        let front = Double::in_front_of(address);
        let front_url = front.base_url();
        let provider = Double::start(move |request| {
            let answer = *script.lock().unwrap();
            match answer {
                Some(answer) => answer(request, &other),
                None => ask(&front_url, request),
            }
        });
        let mut values = BTreeMap::new();
        for name in ["old", "new", "replacement"] {
            values.insert(name, lab.console_key(name).value);
        }
        values.insert("admin", lab.sandbox.admin_key().expose().to_owned());
        let needles = Needles::of(values.iter().map(|(name, value)| (*name, value.as_str())));
        lab.write("app.env", &format!("ANTHROPIC_API_KEY={}\n", values["old"]));
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            lab.set(name, elsewhere.base_url());
        }
        std::fs::create_dir(lab.path("seen")).unwrap();
        let spy = lab.script(
            "spy",
            "for file in self/cmdline self/environ $PPID/cmdline $PPID/environ; do\n  \
             cat /proc/$file > seen/$(echo $file | tr / -).$$ 2>/dev/null\ndone\n\
             value=$(cat)\nprintf %s \"$value\" > pushed\nprintf '%s\\n' \"$value\"\n\
             printf 'pushed %s with %s\\n' \"$value\" \"$(printf %s \"$value\" | cut -c 20-60)\" >&2\ntest ! -e down",
        );
        let targets = [
            "type = \"dotenv\"\npath = \"app.env\"\nvariable = \"ANTHROPIC_API_KEY\"".to_owned(),
            format!(
                "type = \"command\"\nname = \"spy\"\ncommand = [\"{spy}\"]\nread_back = [\"cat\", \"pushed\"]"
            ),
        ];
        let key = lab.key_with("prod", "probe_attempts = 1", &[&targets[0], &targets[1]]);
        lab.configure_at(&provider.base_url(), "admin_key = \"file:admin.key\"\n", &key);
        Self { lab, needles, values, provider, _front: front, elsewhere, hostile }
    }

    /// Lets the provider answer like this from now on; `None` lets the sandbox answer.
    pub fn provider_is(&self, hostile: Option<Hostile>) {
        *self.hostile.lock().unwrap() = hostile;
    }

    /// Runs a command, and searches after it.
    pub fn run(&self, command: &str) -> Ran {
        let ran = self.lab.run(command);
        self.search(command, &ran);
        ran
    }

    pub fn search(&self, command: &str, ran: &Ran) {
        let hit = |place: &str, bytes: &[u8]| {
            if let Some(form) = self.needles.found_in(bytes) {
                panic!("`{command}` let {form} get into {place}:\n{}", String::from_utf8_lossy(bytes));
            }
        };
        tally::SEARCHED_RUNS.fetch_add(1, Ordering::SeqCst);
        // What a consumer asks for, it gets.
        if !command.starts_with("key ") || ran.code != 0 {
            hit("stdout", ran.stdout.as_bytes());
        }
        hit("stderr", ran.stderr.as_bytes());
        assert!(!ran.stderr.contains("panicked"), "{ran:#?}");
        assert_ne!(ran.code, 1, "`{command}`: {ran:#?}");
        for path in files(&self.lab.path("")) {
            if !self.is_meant_for_it(&path) {
                tally::SEARCHED_FILES.fetch_add(1, Ordering::SeqCst);
                hit(&path.display().to_string(), &std::fs::read(&path).unwrap_or_default());
                hit("a file's name", path.as_os_str().as_encoded_bytes());
            }
        }
        for request in self.provider.take() {
            tally::SEARCHED_REQUESTS.fetch_add(1, Ordering::SeqCst);
            self.assert_sent_well(command, &request);
        }
        assert!(self.elsewhere.take().is_empty(), "`{command}` talked to another host");
    }

    /// Slots, targets, and what the test itself put there.
    fn is_meant_for_it(&self, path: &Path) -> bool {
        let name = path.strip_prefix(self.lab.path("")).unwrap().to_string_lossy().into_owned();
        name.starts_with("state/slots/")
            || ["app.env", "pushed", "old.key", "new.key", "replacement.key", "admin.key"]
                .contains(&name.as_str())
    }

    /// A key goes into `x-api-key` and nowhere else, and each kind only to its own routes.
    fn assert_sent_well(&self, command: &str, request: &Heard) {
        let mut rest = request.clone();
        let sent = request.header("x-api-key").unwrap_or_default();
        rest.headers.retain(|(name, _)| name != "x-api-key");
        let found = self.needles.found_in(rest.text().as_bytes());
        assert_eq!(found, None, "`{command}` sent it outside x-api-key: {}", rest.text());
        let is_admin_route = request.path.starts_with("/v1/organizations/");
        assert_eq!(sent == self.values["admin"], is_admin_route, "`{command}`: {}", request.path);
    }
}

fn ask(url: &str, request: &Heard) -> Vec<u8> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    let mut text = format!("{} {} HTTP/1.1\r\n", request.method, request.path);
    for (name, value) in &request.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{text}\r\n{}", request.body).as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

pub fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    // What is renamed or removed meanwhile is not there.
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(files(&entry.path()));
        }
        found.push(entry.path());
    }
    found
}
