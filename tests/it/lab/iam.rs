//! IAM and STS for tests: moto, behind a door that does what moto does not do as AWS documents it.
//!
//! From documentation: an access key that is inactive or deleted is refused with InvalidClientTokenId (moto takes
//! inactive ones), and IAM is eventually consistent, so a key that was just made may be refused for a while.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use rotate::clock::Clock;

use super::Lab;
use super::double::{Double, Heard, http_answer, pass_on};
use super::moto::{Moto, REGION};

/// One user of IAM.
pub struct User {
    pub name: String,
}

/// An access key, as AWS tells it once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    pub id: String,
    pub secret: String,
}

impl AccessKey {
    pub fn value(&self) -> String {
        format!("{}:{}", self.id, self.secret)
    }
}

impl User {
    pub fn create(name: &str) -> Self {
        call("iam", "2010-05-08", &[("Action", "CreateUser"), ("UserName", name)]);
        Self { name: name.to_owned() }
    }

    fn iam(&self, action: &str, more: &[(&str, &str)]) -> String {
        let mut fields = vec![("Action", action), ("UserName", &self.name)];
        fields.extend(more);
        call("iam", "2010-05-08", &fields)
    }

    pub fn create_key(&self) -> AccessKey {
        let answer = self.iam("CreateAccessKey", &[]);
        AccessKey { id: tag(&answer, "AccessKeyId"), secret: tag(&answer, "SecretAccessKey") }
    }

    /// Ids with their status, sorted.
    pub fn keys(&self) -> Vec<(String, String)> {
        let answer = self.iam("ListAccessKeys", &[]);
        let mut keys: Vec<_> = answer
            .split("<member>")
            .skip(1)
            .map(|member| (tag(member, "AccessKeyId"), tag(member, "Status")))
            .collect();
        keys.sort();
        keys
    }

    pub fn status(&self, id: &str) -> String {
        let keys = self.keys();
        keys.into_iter().find(|(known, _)| known == id).map_or("gone".to_owned(), |(_, status)| status)
    }
}

/// Whether AWS takes this access key, by the rules of the documentation.
fn is_taken(id: &str) -> bool {
    // The tests' administrator.
    if id == "AKIAEXAMPLE" {
        return true;
    }
    let fields = [("Action", "GetAccessKeyLastUsed"), ("AccessKeyId", id)];
    let Some(owner) = try_call("iam", "2010-05-08", &fields) else { return false };
    let user = User { name: tag(&owner, "UserName") };
    user.status(id) == "Active"
}

/// The door. `answer` may answer in AWS's place. Times are those of the lab's clock, which moto does not know.
pub fn strict(lab: &Lab, answer: impl Fn(&Heard) -> Option<Vec<u8>> + Send + Sync + 'static) -> Double {
    ahead(lab, SignedDuration::ZERO, answer)
}

/// The same, with a clock that is so far ahead of the lab's.
pub fn ahead(
    lab: &Lab,
    by: SignedDuration,
    answer: impl Fn(&Heard) -> Option<Vec<u8>> + Send + Sync + 'static,
) -> Double {
    let clock = lab.clock.clone();
    let learnt = Mutex::new(Learnt::default());
    Double::start(move |request| {
        let now = clock.now().wall + by;
        let given = answer(request);
        if action(request) == WORK {
            learnt.lock().unwrap().used.insert(signer(request), (now, "ec2"));
            return http_answer(200, &[], "");
        }
        let is_ping = action(request) == "GetCallerIdentity";
        let bytes = given.unwrap_or_else(|| {
            if is_ping && !is_taken(&signer(request)) {
                return refusal(
                    403,
                    "InvalidClientTokenId",
                    "The security token included in the request is invalid.",
                );
            }
            pass_on(request, Moto::get().address()).unwrap_or_default()
        });
        let answer = String::from_utf8_lossy(&bytes).into_owned();
        let mut learnt = learnt.lock().unwrap();
        if is_ping && answer.contains("<Arn>") {
            learnt.used.insert(signer(request), (now, "sts"));
        }
        if action(request) == "CreateAccessKey" && answer.contains("<AccessKeyId>") {
            learnt.made.insert(tag(&answer, "AccessKeyId"), now);
        }
        learnt.retold(request, &answer, now).into_bytes()
    })
}

/// When what happened, by the lab's clock.
#[derive(Default)]
struct Learnt {
    made: BTreeMap<String, Timestamp>,
    /// The last use, and of which service.
    used: BTreeMap<String, (Timestamp, &'static str)>,
}

impl Learnt {
    fn retold(&mut self, request: &Heard, answer: &str, now: Timestamp) -> String {
        let date = format!("\r\nDate: {}\r\n", now.strftime("%a, %d %b %Y %H:%M:%S GMT"));
        let answer = match answer.split_once("\r\nDate: ") {
            Some((before, rest)) => {
                format!("{before}{date}{}", rest.split_once("\r\n").map_or("", |(_, after)| after))
            }
            None => answer.replacen("\r\n", &date, 1),
        };
        match action(request) {
            "ListAccessKeys" => {
                // What was made in another way is made when it is first seen.
                let made = &mut self.made;
                let mut retell = |member: &str| {
                    let at = *made.entry(tag(member, "AccessKeyId")).or_insert(now);
                    retimed(member, "CreateDate", at)
                };
                let mut members = answer.split("<member>");
                let head = members.next().unwrap().to_owned();
                members.fold(head, |text, member| format!("{text}<member>{}", retell(member)))
            }
            "GetAccessKeyLastUsed" => {
                let id = request.body.split("AccessKeyId=").nth(1).unwrap().split('&').next().unwrap();
                match self.used.get(id).filter(|_| answer.contains("<ServiceName>sts<")) {
                    Some((at, service)) => retimed(&answer, "LastUsedDate", *at)
                        // As long as the other, so that the answer's length stays.
                        .replacen(">sts<", &format!(">{service}<"), 1),
                    None => answer,
                }
            }
            _ => answer,
        }
    }
}

/// Another time in an element, as long as the one before.
fn retimed(text: &str, element: &str, at: Timestamp) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let Some((before, rest)) = text.split_once(&open) else { return text.to_owned() };
    let (old, after) = rest.split_once(&close).unwrap();
    let at = if old.contains('.') { format!("{at:.6}") } else { format!("{at:.0}") };
    assert_eq!(old.len(), at.len(), "{old}");
    format!("{before}{open}{at}{close}{after}")
}

/// What a consumer does that nobody takes for a ping of ours.
const WORK: &str = "Work";

/// A consumer of `prod` asks for the pair and works with it.
pub fn work(lab: &Lab, door: &Double) {
    // AWS tells whole seconds, and this is after the promotion.
    lab.advance_minutes(1);
    work_with(&lab.run("key prod").expect(0).stdout, door);
}

/// The same with a pair that it has.
pub fn work_with(value: &str, door: &Double) {
    let (id, _) = value.split_once(':').unwrap();
    let body = format!("Action={WORK}");
    let address = door.base_url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST / HTTP/1.1\r\nhost: {address}\r\nauthorization: AWS4-HMAC-SHA256 Credential={id}/x\r\ncontent-length: \
         {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// The same, and refuses the first so many pings of every key but this one.
pub fn slow_to_learn(lab: &Lab, refusals: usize, known: String) -> Double {
    let seen = Mutex::new(BTreeMap::<String, usize>::new());
    strict(lab, move |request| {
        let id = signer(request);
        if action(request) != "GetCallerIdentity" || known == id {
            return None;
        }
        let mut seen = seen.lock().unwrap();
        let pings = seen.entry(id).or_default();
        *pings += 1;
        (*pings <= refusals).then(|| refusal(403, "InvalidClientTokenId", "not known yet"))
    })
}

/// The action that a request is, such as `CreateAccessKey`.
pub fn action(request: &Heard) -> &str {
    request.body.split('&').find_map(|field| field.strip_prefix("Action=")).unwrap_or_default()
}

/// The access key id that signed a request.
pub fn signer(request: &Heard) -> String {
    let header = request.header("authorization").unwrap_or_default();
    let credential = header.split("Credential=").nth(1).unwrap_or_default();
    credential.split('/').next().unwrap_or_default().to_owned()
}

/// An error as the query protocol tells it.
pub fn refusal(status: u16, code: &str, message: &str) -> Vec<u8> {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>1</RequestId></ErrorResponse>"
    );
    http_answer(status, &[("content-type", "text/xml")], &body)
}

fn tag(text: &str, name: &str) -> String {
    let rest = text.split(&format!("<{name}>")).nth(1).unwrap_or_else(|| panic!("no {name} in {text}"));
    rest.split('<').next().unwrap().to_owned()
}

#[track_caller]
fn call(service: &str, version: &str, fields: &[(&str, &str)]) -> String {
    try_call(service, version, fields).unwrap_or_else(|| panic!("{fields:?} was refused"))
}

fn try_call(service: &str, version: &str, fields: &[(&str, &str)]) -> Option<String> {
    let fields: String = fields.iter().map(|(name, value)| format!("&{name}={value}")).collect();
    let body = format!("Version={version}{fields}");
    let address = Moto::get().address();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=x/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, \
         Signature=x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1) == Some("200")).then(|| body.to_owned())
}

impl Lab {
    /// Configures the key `prod` for the access keys of this user, through this door, with these lines and
    /// targets; its first access key is in `old.key`.
    pub fn for_user(&mut self, user: &User, endpoint_url: &str, lines: &str, targets: &str) -> AccessKey {
        self.use_aws(endpoint_url);
        self.write(
            "rotate.toml",
            &format!(
                "state = \"state\"\n\n[keys.prod]\nprovider = \"aws-iam\"\niam_user = \"{}\"\nprobe_attempts = 2\n\
                 longest_job = \"45m\"\ngrace = \"60m\"\n{lines}\n{targets}",
                user.name
            ),
        );
        let old = user.create_key();
        self.write("old.key", &format!("{}\n", old.value()));
        old
    }
}
