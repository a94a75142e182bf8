//! Four canary values, and a search through everything that was ever written, printed, passed or sent.

mod needles;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::lab::double::{Double, Heard, http_answer};
use crate::lab::{Lab, Ran};
use needles::Needles;

/// A lab whose every exit is watched.
struct Trap {
    lab: Lab,
    needles: Needles,
    values: BTreeMap<&'static str, String>,
    provider: Double,
    /// Between the provider and the sandbox.
    _front: Double,
    /// Nobody is ever to talk to this one.
    elsewhere: Double,
    hostile: Arc<Mutex<Option<Hostile>>>,
}

/// Answers in the provider's place, given the request and the address of another host.
type Hostile = fn(&Heard, &str) -> Vec<u8>;

impl Trap {
    fn new() -> Self {
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
    fn provider_is(&self, hostile: Option<Hostile>) {
        *self.hostile.lock().unwrap() = hostile;
    }

    /// Runs a command, and searches after it.
    fn run(&self, command: &str) -> Ran {
        let ran = self.lab.run(command);
        self.search(command, &ran);
        ran
    }

    fn search(&self, command: &str, ran: &Ran) {
        let hit = |place: &str, bytes: &[u8]| {
            if let Some(form) = self.needles.found_in(bytes) {
                panic!("`{command}` let {form} get into {place}:\n{}", String::from_utf8_lossy(bytes));
            }
        };
        hit("stdout", ran.stdout.as_bytes());
        hit("stderr", ran.stderr.as_bytes());
        assert!(!ran.stderr.contains("panicked"), "{ran:#?}");
        assert_ne!(ran.code, 1, "`{command}`: {ran:#?}");
        for path in files(&self.lab.path("")) {
            if !self.is_meant_for_it(&path) {
                hit(&path.display().to_string(), &std::fs::read(&path).unwrap_or_default());
                hit("a file's name", path.as_os_str().as_encoded_bytes());
            }
        }
        for request in self.provider.take() {
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

fn files(directory: &Path) -> Vec<PathBuf> {
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

#[test]
fn a_whole_story_keeps_every_value_in_its_place() {
    for talk in ["", " -vv", " --json", " -vvv --color always"] {
        let trap = Trap::new();
        for command in [
            "adopt prod --from file:old.key",
            "stage prod --from file:new.key --ticket OPS-1 --reason quarterly",
            "promote prod --dry-run",
            "promote prod",
            "status",
            "finish prod",
            "history",
            "history --verify",
            "ledger",
        ] {
            trap.run(&format!("{command}{talk}"));
        }
        trap.lab.advance_minutes(61);
        for command in [
            "finish prod",
            "undo prod",
            "abort prod",
            "stage prod --from file:replacement.key",
            "stage prod --from file:new.key --replace",
            "revoke-now prod --suspect new --reason leaked --yes",
            "revoke-now prod --reason again --replace-from file:replacement.key --yes",
            "purge prod --yes",
            "revoke-now prod --reason third --accept-outage --yes",
            "status prod",
            "key prod",
        ] {
            trap.run(&format!("{command}{talk}"));
        }
        assert_eq!(trap.lab.status("prod")["outage"], true, "the story came to its end");
        assert!(trap.lab.path("seen").read_dir().unwrap().count() > 4, "the spy saw something");
    }
}

#[test]
fn failures_keep_every_value_in_its_place() {
    let trap = Trap::new();
    trap.run("adopt prod --from file:old.key");
    trap.lab.write("down", "");
    trap.run("stage prod --from file:new.key");
    assert_eq!(trap.run("promote prod -vv").code, 12, "the spy fails and prints the value");
    assert_eq!(trap.run("promote prod --json").code, 12);
    trap.run("status prod --json");
    trap.run("history --json");
    assert_eq!(trap.run("revoke-now prod --reason leaked --yes").code, 12);
    trap.run("stage prod --from file:new.key");
    trap.run("adopt prod --from file:replacement.key");
}

#[test]
fn malformed_values_are_not_repeated() {
    let trap = Trap::new();
    trap.run("adopt prod --from file:old.key");
    let value = trap.values["new"].clone();
    let malformed = [
        format!("\"{value}\"\n"),
        format!("ANTHROPIC_API_KEY={value}"),
        format!("{value} {value}"),
        format!("{value}\n{value}\n"),
        format!(" {value}"),
        format!("{value}\u{7}"),
        format!("Bearer {value}"),
        format!("x{value}"),
        value[..value.len() / 2 + 9].to_owned(),
    ];
    for input in malformed {
        for more in ["", " --json", " -vv"] {
            let command = format!("stage prod --from -{more}");
            let ran = trap.lab.run_with_input(&command, input.as_bytes());
            // What is merely cut off looks like a key, and the provider refuses it.
            assert!([2, 20].contains(&ran.code), "{input:?}: {ran:#?}");
            trap.search(&command, &ran);
        }
    }
}

#[test]
fn a_value_in_the_wrong_place_is_not_repeated() {
    let trap = Trap::new();
    trap.run("adopt prod --from file:old.key");
    let (value, admin) = (&trap.values["new"], &trap.values["admin"]);
    for more in ["", " --json", " -vv"] {
        for command in [
            format!("stage prod --from {value}"),
            format!("stage prod {value}"),
            format!("stage {value}"),
            format!("stage prod --value {value}"),
            format!("revoke-now prod --yes --reason leak --replace-from {value}"),
            format!("stage prod --from file:{value}"),
            format!("stage prod --from env:{value}"),
            format!("status {value}"),
            value.clone(),
        ] {
            let ran = trap.run(&format!("{command}{more}"));
            assert_ne!(ran.code, 0, "{ran:#?}");
        }
    }
    // In the configuration; the file itself is the operator's own.
    let good = trap.lab.read("rotate.toml");
    for pasted in [
        good.replace("file:admin.key", admin),
        good.replace("[keys.prod]", &format!("[keys.prod]\n{value} = 1")),
        good.replace("[keys.prod]", &format!("[keys.prod]\nowner = {value}")),
        good.replace("app.env\"", &format!("{value}\" x")),
    ] {
        trap.lab.write("rotate.toml", &pasted);
        let ran = [trap.lab.run("promote prod"), trap.lab.run("status -vv"), trap.lab.run("check --json")];
        trap.lab.write("rotate.toml", &good);
        for ran in ran {
            trap.search("with a value pasted into rotate.toml", &ran);
        }
    }
}

#[test]
fn a_value_in_free_text_is_refused_before_anything_keeps_it() {
    let trap = Trap::new();
    trap.run("adopt prod --from file:old.key");
    trap.run("stage prod --from file:new.key");
    let value = &trap.values["new"];
    let before = trap.lab.standing();
    for more in ["", " --json", " -vv"] {
        for command in [
            format!("revoke-now prod --yes --reason {value}"),
            format!("revoke-now prod --yes --reason leaked:{value}."),
            format!("stage prod --replace --from file:replacement.key --reason={value}"),
            format!("stage prod --replace --from file:replacement.key --ticket {value}"),
            format!("status --config {value}"),
            format!("--config /srv/{value}/rotate.toml status"),
            format!("promote prod --state {value}"),
            format!("adopt {value}"),
            format!("status prod {value}"),
            format!("history {value}"),
            format!("man {value}"),
        ] {
            let ran = trap.run(&format!("{command}{more}"));
            assert_eq!(ran.code, 2, "{command}: {ran:#?}");
            ran.says(&["consider this key exposed"]);
        }
    }
    assert_eq!(trap.run(&format!("adopt -- {value}")).code, 2);
    let reason = format!("it was {value} that leaked");
    let ran = trap.lab.run_words(&["revoke-now", "prod", "--yes", "--reason", &reason]);
    trap.search("revoke-now --reason in words", &ran);
    assert_eq!(ran.code, 2, "{ran:#?}");
    assert_eq!(trap.lab.standing(), before);
}

#[test]
fn a_value_in_free_text_of_the_configuration_is_refused() {
    let trap = Trap::new();
    trap.run("adopt prod --from file:old.key");
    let value = &trap.values["new"];
    let good = trap.lab.read("rotate.toml");
    let fields = ["purpose", "owner", "environment", "monthly_limit", "revoke_scope", "workspace"];
    let in_key = fields.map(|field| {
        (field, good.replace("[keys.prod]", &format!("[keys.prod]\n{field} = \"this one: {value}\"")))
    });
    let defaults = format!("[defaults]\nowner = \"{value}\"\n\n[keys.prod]");
    let others = [
        ("owner", good.replace("[keys.prod]", &defaults)),
        ("name", good.replace("name = \"spy\"", &format!("name = \"{value}\""))),
        ("secret value", good.replace("keys.prod", &format!("keys.{}", &value[..40]))),
    ];
    for (word, pasted) in in_key.into_iter().chain(others) {
        assert_ne!(pasted, good, "{word}");
        trap.lab.write("rotate.toml", &pasted);
        let ran = [trap.lab.run("status -vv"), trap.lab.run("ledger"), trap.lab.run("promote --json")];
        trap.lab.write("rotate.toml", &good);
        for ran in ran {
            trap.search("with a value pasted into rotate.toml", &ran);
            assert_eq!(ran.code, 3, "{word}: {ran:#?}");
            ran.says(&[word, "rotate.toml:"]);
        }
    }
}

#[test]
fn answers_that_echo_the_key_are_not_repeated() {
    let hostile: [(&str, Hostile); 9] = [
        ("401 in the provider's words", |request, _| {
            let key = request.header("x-api-key").unwrap();
            let body = json!({"type": "error", "error": {"type": "authentication_error", "message": format!("invalid x-api-key: {key}")}});
            http_answer(401, &[("content-type", "application/json"), ("request-id", key)], &body.to_string())
        }),
        ("401 with the key escaped", |request, _| {
            let key = request.header("x-api-key").unwrap();
            let escaped: String = key.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
            let body = format!(
                "{{\"type\":\"error\",\"error\":{{\"type\":\"authentication_error\",\"message\":\"{escaped}\"}}}}"
            );
            http_answer(401, &[("content-type", "application/json")], &body)
        }),
        ("403 with the key torn apart", |request, _| {
            let torn: String =
                request.header("x-api-key").unwrap().chars().flat_map(|c| [c, '\u{200b}']).collect();
            let body = json!({"type": "error", "error": {"type": "permission_error", "message": torn}});
            http_answer(403, &[("content-type", "application/json")], &body.to_string())
        }),
        ("500 with the key", |request, _| {
            let key = request.header("x-api-key").unwrap();
            http_answer(
                500,
                &[("content-type", "text/html"), ("retry-after", "0")],
                &format!("<html>{key}</html>"),
            )
        }),
        ("429 with the key", |request, _| {
            let key = request.header("x-api-key").unwrap();
            let body = json!({"type": "error", "error": {"type": "rate_limit_error", "message": key}});
            http_answer(429, &[("retry-after", "1"), ("content-type", "application/json")], &body.to_string())
        }),
        ("garbage with the key", |request, _| {
            let key = request.header("x-api-key").unwrap();
            http_answer(200, &[("content-type", key), ("anthropic-workspace-id", key)], key)
        }),
        ("a redirect that carries the key", |request, other| {
            let key = request.header("x-api-key").unwrap();
            http_answer(307, &[("location", &format!("{other}/take/{key}?key={key}"))], key)
        }),
        ("no HTTP at all", |request, _| request.header("x-api-key").unwrap().as_bytes().to_vec()),
        ("a list of keys that shows the key", |request, _| {
            let key = request.header("x-api-key").unwrap();
            let body = json!({"data": [{"id": key, "type": key, "status": key, "name": key, "partial_key_hint": key, "workspace_id": key}], "has_more": true, "last_id": key});
            http_answer(200, &[("content-type", "application/json")], &body.to_string())
        }),
    ];
    let trap = Trap::new();
    let before: &[(&str, &[&str])] = &[
        ("", &["adopt prod --from file:old.key"]),
        (
            "adopt prod --from file:old.key",
            &[
                "stage prod --from file:new.key",
                "revoke-now prod --reason a --replace-from file:new.key --yes",
            ],
        ),
        (
            "stage prod --from file:new.key",
            &[
                "promote prod",
                "revoke-now prod --reason a --yes",
                "stage prod --from file:replacement.key --replace",
            ],
        ),
        (
            "promote prod",
            &["finish prod", "abort prod", "revoke-now prod --reason a --suspect all --accept-outage --yes"],
        ),
        ("finish prod", &["undo prod", "purge prod --yes"]),
    ];
    for (prepare, commands) in before {
        trap.provider_is(None);
        if !prepare.is_empty() {
            assert_eq!(trap.run(prepare).code, 0, "{prepare}");
        }
        if *prepare == "promote prod" {
            trap.lab.work_with("prod");
            trap.lab.advance_minutes(61);
        }
        let start = trap.lab.snapshot();
        for (number, (name, answer)) in hostile.iter().enumerate() {
            trap.provider_is(Some(*answer));
            for command in *commands {
                let talk = ["", " -vv", " --json"][number % 3];
                trap.run(&format!("{command}{talk}"));
                trap.lab.run("status prod");
                trap.lab.restore(&start);
                let _ = name;
            }
        }
    }
}

/// The values that the double shows in its list, in the order in which it heard them.
static SHOWN: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[test]
fn a_list_of_keys_that_shows_the_candidate_is_not_repeated() {
    let shows_everything: Hostile = |request, _| {
        let key = request.header("x-api-key").unwrap().to_owned();
        if !request.path.starts_with("/v1/organizations/") {
            SHOWN.lock().unwrap().push(key);
            let body = json!({"data": [{"id": "claude", "type": "model"}], "has_more": false});
            return http_answer(200, &[("content-type", "application/json")], &body.to_string());
        }
        let value = SHOWN.lock().unwrap().last().cloned().unwrap_or_default();
        let hint = format!("{}...{}", &value[..value.len() - 5], &value[value.len() - 4..]);
        let item = |id: &str| {
            json!({"id": id, "type": "api_key", "status": "active", "name": value, "partial_key_hint": hint,
                   "workspace_id": value, "created_at": value, "expires_at": null})
        };
        let body = json!({"data": [item("apikey_one"), item("apikey_two"), item(&value)], "has_more": false});
        http_answer(200, &[("content-type", "application/json")], &body.to_string())
    };
    let trap = Trap::new();
    trap.run("adopt prod --from file:old.key");
    trap.provider_is(Some(shows_everything));
    for talk in ["", " --json", " -vv"] {
        let ran = trap.run(&format!("stage prod --from file:new.key{talk}"));
        assert_ne!(ran.code, 0, "{ran:#?}");
    }
}

#[test]
fn a_child_does_not_inherit_a_value_from_the_environment() {
    let mut trap = Trap::new();
    trap.run("adopt prod --from file:old.key");
    let (new, admin) = (trap.values["new"].clone(), trap.values["admin"].clone());
    let text = trap.lab.read("rotate.toml").replace("file:admin.key", "env:MY_ADMIN_KEY");
    trap.lab.write("rotate.toml", &text);
    trap.lab.set("NEW_KEY", new.clone());
    trap.lab.set("MY_ADMIN_KEY", admin);
    trap.lab.set("ANTHROPIC_API_KEY_PRIMARY", new);
    trap.lab.run("stage prod --from env:NEW_KEY").expect(0);
    trap.lab.run("promote prod").expect(0);
    let mut children = 0;
    for path in files(&trap.lab.path("seen")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let found = trap.needles.found_in(&std::fs::read(&path).unwrap()).map(str::to_owned);
        // The parent's own environment is what the operator made it.
        if name.starts_with("self-") || name.contains("cmdline") {
            assert_eq!(found, None, "{name}");
            children += 1;
        }
    }
    assert!(children >= 3, "the spy saw its own environment and both command lines");
}

#[test]
fn a_command_reference_neither_leaks_nor_is_repeated() {
    let trap = Trap::new();
    trap.run("adopt prod --from file:old.key");
    let script = trap.lab.script("vault", "cat new.key; cat new.key >&2; exit 3");
    for talk in ["", " --json", " -vv"] {
        let command = format!("command:{script}");
        let ran = trap.lab.run_words(
            &[&["stage", "prod", "--from", &command][..], &talk.split_whitespace().collect::<Vec<_>>()]
                .concat(),
        );
        assert_eq!(ran.code, 21, "{ran:#?}");
        trap.search("stage prod --from command:", &ran);
    }
}

#[test]
fn nothing_in_the_state_directory_is_ever_open_to_others() {
    let trap = Trap::new();
    let over = AtomicBool::new(false);
    let state = trap.lab.path("state");
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut looks = 0_u32;
            while !over.load(Ordering::SeqCst) {
                looks += u32::from(state.exists());
                assert_private(&state);
                std::thread::yield_now();
            }
            looks
        });
        for command in [
            "adopt prod --from file:old.key",
            "stage prod --from file:new.key",
            "promote prod",
            "revoke-now prod --suspect all --replace-from file:replacement.key --reason leaked --yes",
        ] {
            let rotate = trap.lab.command(&command.split_whitespace().collect::<Vec<_>>());
            let mut open = std::process::Command::new("sh");
            open.args(["-c", "umask 0; exec \"$@\"", "sh"]).arg(rotate.get_program()).args(rotate.get_args());
            open.current_dir(trap.lab.path("")).env_clear();
            open.envs(rotate.get_envs().filter_map(|(name, value)| Some((name, value?))));
            trap.lab.finish_command(open.stdin(Stdio::null())).expect(0);
        }
        over.store(true, Ordering::SeqCst);
        assert!(watcher.join().unwrap() > 10, "the watcher looked");
    });
    assert_private(&state);
}

fn assert_private(state: &Path) {
    let mut paths = files(state);
    paths.push(state.to_owned());
    for path in paths {
        // What is gone by now was looked at in another turn, or never stood still.
        if let Ok(metadata) = path.symlink_metadata() {
            let mode = metadata.permissions().mode() & 0o7777;
            assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
        }
    }
}
