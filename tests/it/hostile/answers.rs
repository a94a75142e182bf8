//! A provider's answers of every shape, over real HTTP: nothing is taken for an acceptance or a refusal that is not one
//! in the provider's own words, and what is said of it is fit for a terminal.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};

use rotate::clock::Clock;
use rotate::http::Client;
use rotate::provider::anthropic::{Anthropic, ProbeKind, Settings};
use rotate::provider::{Outcome, Provider};
use rotate::readable::is_readable;
use rotate::rotation::credential::{Identity, ProviderKeyId, Verdict};
use rotate::rotation::stamp::Stamp;
use rotate::secret::Secret;

use super::case;
use super::mutation::{ESCAPES, Random, mutate_json, mutated};
use super::tally::{self, GENERATED};
use crate::proof;

const VALUE: &str = "sk-ant-api03-R2DcanarycanaryCANARYcanary0123456789-igAA";
const ADMIN_KEY: &str = "sk-ant-admin01-canaryADMINcanary9876543210";
const ID: &str = "apikey_01Rj2N8SVvo6BePZj99NhmiT";

/// Sleeping takes no time.
struct Still;

#[async_trait(?Send)]
impl Clock for Still {
    fn now(&self) -> Stamp {
        Stamp::from_wall(Timestamp::from_second(1_772_366_400).unwrap())
    }

    async fn sleep(&self, _duration: Duration) {}
}

/// A server that gives every request the same bytes, and hears nothing.
struct Server {
    answer: Arc<Mutex<Vec<u8>>>,
    url: String,
}

impl Server {
    /// Lives as long as the process, as its thread does.
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer: Arc<Mutex<Vec<u8>>> = Arc::default();
        let next = Arc::clone(&answer);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let _ = stream.write_all(&next.lock().unwrap());
            }
        });
        Self { answer, url }
    }
}

/// What a request is for, and what the provider answers to it, by the documentation.
#[derive(Clone, Copy, Debug)]
enum Call {
    Probe,
    Inference,
    Identify,
    KeyStatus,
    Revoke,
    Usage,
}

const CALLS: [Call; 6] =
    [Call::Probe, Call::Inference, Call::Identify, Call::KeyStatus, Call::Revoke, Call::Usage];

fn well_formed(call: Call) -> Value {
    let hint = format!("{}...{}", &VALUE[..16], &VALUE[VALUE.len() - 4..]);
    let item = json!({"id": ID, "type": "api_key", "name": "prod", "status": "active", "partial_key_hint": hint,
        "workspace_id": null, "created_at": "2026-01-01T00:00:00Z", "expires_at": null});
    match call {
        Call::Probe => json!({"data": [{"id": "claude", "type": "model"}], "has_more": false}),
        Call::Inference => json!({"type": "message", "content": [{"type": "text", "text": "p"}]}),
        Call::Identify => json!({"data": [item], "has_more": false, "first_id": ID, "last_id": ID}),
        Call::KeyStatus => item,
        Call::Revoke => json!({"id": ID, "type": "api_key", "status": "inactive"}),
        Call::Usage => {
            json!({"data": [{"starting_at": "2026-03-01T11:00:00Z", "ending_at": "2026-03-01T11:01:00Z",
            "results": [{"api_key_id": ID, "uncached_input_tokens": 1, "cache_read_input_tokens": 0, "output_tokens": 2,
                "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0}}]}],
            "has_more": false, "next_page": null})
        }
    }
}

fn error(kind: &str) -> Value {
    json!({"type": "error", "error": {"type": kind, "message": format!("invalid x-api-key {VALUE}")}})
}

const ODD_HEADERS: [&str; 6] =
    ["99999999999999999999", "-1", "Wed, 21 Oct 9999 07:28:00 GMT", "0", VALUE, "//elsewhere.example/x"];

/// An answer, and whether its bytes are HTTP as it is meant to be.
struct Answer {
    status: u16,
    body: Vec<u8>,
    bytes: Vec<u8>,
    is_http: bool,
}

fn answer(random: &mut Random, call: Call) -> Answer {
    let status = *random.pick(&[200, 200, 200, 200, 401, 401, 403, 404, 429, 500, 529, 307, 204, 999]);
    let kinds =
        ["authentication_error", "authentication_error", "permission_error", "not_found_error", "api_error"];
    let mut document =
        if status == 200 { well_formed(call) } else { error(kinds[random.below(kinds.len())]) };
    let mut body = document.to_string().into_bytes();
    match random.below(4) {
        0 => {}
        1 => {
            body =
                mutated(random, &[body], &["\"", "{", "}", "[", "null", "true", "\"type\":\"error\",", VALUE])
        }
        _ => {
            mutate_json(random, &mut document);
            body = document.to_string().into_bytes();
        }
    }
    let mut head =
        format!("HTTP/1.1 {status} Whatever\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    let mut is_http = true;
    for name in ["date", "retry-after", "content-type", "anthropic-workspace-id", "request-id", "location"] {
        if random.one_in(3) {
            // A line end would end the header; other control characters are for the client to refuse.
            let escape = random.pick(&ESCAPES).replace(['\r', '\n', '\0'], "");
            let value =
                if random.one_in(2) { escape.as_str() } else { ODD_HEADERS[random.below(ODD_HEADERS.len())] };
            is_http &= !value.chars().any(|character| character.is_ascii_control());
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    let mut bytes = [head.as_bytes(), b"\r\n", &body].concat();
    if random.one_in(8) {
        is_http = false;
        bytes = mutated(
            random,
            &[bytes],
            &["\r\n", ":", "HTTP/1.1 ", "transfer-encoding: chunked\r\n", "0\r\n\r\n"],
        );
    }
    Answer { status, body, bytes, is_http }
}

impl Answer {
    fn document(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// By the documentation, told here in other words than the adapter's.
    fn verdict(&self, call: Call) -> Verdict {
        let document = self.document();
        let is_list = document["data"].is_array();
        let is_message = document["type"] == "message";
        let is_refusal = document["type"] == "error" && document["error"]["type"] == "authentication_error";
        match (self.status, call) {
            (200, Call::Probe) if is_list => Verdict::Accepted,
            (200, Call::Inference) if is_message => Verdict::Accepted,
            (401, _) if is_refusal => Verdict::Rejected,
            _ => Verdict::Unknown,
        }
    }
}

/// Fit for a terminal, and without what was sent. A provider that tells of another key is not recognised in it.
#[track_caller]
fn assert_fit(text: &str, sent: &[&str]) {
    assert!(text.chars().all(is_readable), "{text:?}");
    assert!(text.chars().count() < 900, "{} characters: {text}", text.chars().count());
    for secret in sent {
        assert!(!text.contains(&secret[14..30]), "{text}");
    }
}

#[test]
fn no_answer_is_taken_for_what_it_is_not() {
    let server = Server::start();
    let provider = |probe| {
        let http = Client::new(Duration::from_secs(5)).unwrap();
        let settings = Settings { base_url: server.url.clone(), probe };
        let admin_key = Secret::from_text(ADMIN_KEY.to_owned()).unwrap();
        Anthropic::new(http, Rc::new(Still), settings, Some(admin_key))
    };
    let (models, inference) =
        (provider(ProbeKind::Models), provider(ProbeKind::Inference { model: "claude".to_owned() }));
    let value = Secret::from_text(VALUE.to_owned()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut told = [0; 6];
    let cases = case::run("answers", proof::size(15_000, 300_000), |random| {
        let call = *random.pick(&CALLS);
        let answer = answer(random, call);
        *server.answer.lock().unwrap() = answer.bytes.clone();
        let was_told = match call {
            Call::Probe | Call::Inference => {
                let provider = if matches!(call, Call::Probe) { &models } else { &inference };
                let ping = runtime.block_on(provider.probe_once(&value));
                assert_fit(&ping.detail, &[VALUE]);
                ping.workspace.iter().for_each(|workspace| assert_fit(workspace, &[VALUE]));
                let expected = answer.verdict(call);
                // Of bytes that are no proper HTTP less may be understood, never something else.
                let is_right =
                    ping.verdict == expected || ping.verdict == Verdict::Unknown && !answer.is_http;
                let is_caution = expected == Verdict::Rejected && ping.verdict == Verdict::Unknown;
                assert!(
                    is_right || is_caution || !answer.is_http && is_self_consistent(&answer, ping.verdict),
                    "{:?} for {}",
                    ping.verdict,
                    String::from_utf8_lossy(&answer.bytes)
                );
                ping.verdict != Verdict::Unknown
            }
            Call::Identify => match runtime.block_on(models.identify(&value)) {
                Identity::Proven(key) => {
                    assert_fit(&key.name, &[VALUE, ADMIN_KEY]);
                    assert_fit(&key.hint, &[VALUE, ADMIN_KEY]);
                    let text = String::from_utf8_lossy(&answer.bytes).into_owned();
                    assert!(text.contains(&key.id.0) && key.id.0.bytes().all(|byte| byte.is_ascii_graphic()));
                    true
                }
                Identity::Unknown(why) => {
                    assert_fit(&why, &[ADMIN_KEY]);
                    false
                }
                _ => false,
            },
            Call::KeyStatus => match runtime.block_on(models.key_status(&ProviderKeyId(ID.to_owned()))) {
                Outcome::Done(Some(status)) => {
                    let said = answer.document();
                    let spelled = format!("{status:?}").to_lowercase();
                    assert!(
                        !answer.is_http || said["id"] == ID && said["status"] == spelled.as_str(),
                        "{said}"
                    );
                    true
                }
                Outcome::Done(None) => {
                    assert!(!answer.is_http || answer.status == 404 && answer.document()["type"] == "error");
                    true
                }
                Outcome::Refused(why) | Outcome::Unknown(why) => {
                    assert_fit(&why, &[ADMIN_KEY]);
                    false
                }
            },
            Call::Revoke => match runtime.block_on(models.revoke(&ProviderKeyId(ID.to_owned()))) {
                Outcome::Done(()) => {
                    let said = answer.document();
                    assert!(!answer.is_http || said["id"] == ID && said["status"] == "inactive", "{said}");
                    true
                }
                Outcome::Refused(why) | Outcome::Unknown(why) => {
                    assert_fit(&why, &[ADMIN_KEY]);
                    false
                }
            },
            Call::Usage => {
                let from = "2026-03-01T11:00:00Z".parse().unwrap();
                match runtime.block_on(models.usage(&[ProviderKeyId(ID.to_owned())], from, None)) {
                    Outcome::Done(buckets) => {
                        assert!(buckets.iter().all(|bucket| bucket.id.0 == ID && bucket.tokens > 0));
                        true
                    }
                    Outcome::Refused(why) | Outcome::Unknown(why) => {
                        assert_fit(&why, &[ADMIN_KEY]);
                        false
                    }
                }
            }
        };
        told[call as usize] += usize::from(was_told);
    });
    assert!(told.iter().all(|told| *told > 20), "{told:?} were understood: the rest says little");
    tally::counted(GENERATED, cases);
}

/// Whether changed bytes still hold what a verdict rests on: the change may have hit the status or the body.
fn is_self_consistent(answer: &Answer, verdict: Verdict) -> bool {
    let text = String::from_utf8_lossy(&answer.bytes);
    match verdict {
        Verdict::Accepted => {
            text.contains(" 200 ") && (text.contains("\"data\"") || text.contains("\"message\""))
        }
        Verdict::Rejected => text.contains(" 401 ") && text.contains("authentication_error"),
        Verdict::Unknown => true,
    }
}
