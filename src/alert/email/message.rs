//! An alert as a mail.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use lettre::Message;
use lettre::message::Mailbox;
use lettre::message::header::{HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use crate::alert::text::{cut, headline, lines};
use crate::alert::{Alert, Undelivered};

const LONGEST_SUBJECT_CHARACTERS: usize = 200;

/// The mail, ready to be sent. Nothing in an alert can become a header of it: the subject has no line ends, and names of
/// threads are digests.
pub(super) fn compose(
    alert: &Alert,
    delivery: &str,
    now: Timestamp,
    from: &Mailbox,
    to: &[Mailbox],
) -> Result<Vec<u8>, Undelivered> {
    let domain = from.email.domain();
    let id = |kind: &str, name: &str| format!("<{kind}.{}@{domain}>", digest(name));
    // No mail has this id. Mail programs put all that refer to it into one thread.
    let thread = id("alert", &alert.dedup_key);
    let mut builder = Message::builder()
        .from(from.clone())
        .date(date(now))
        .subject(cut(&headline(alert), LONGEST_SUBJECT_CHARACTERS))
        .message_id(Some(id("delivery", delivery)))
        .in_reply_to(thread.clone())
        .references(thread)
        // Keeps holiday notices from answering (RFC 3834, section 5).
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ));
    for mailbox in to {
        builder = builder.to(mailbox.clone());
    }
    let text = format!("{}\r\n", lines(alert).join("\r\n"));
    let message = builder.body(text).map_err(|error| {
        Undelivered::lasting(
            format!("the mail cannot be written: {error}"),
            "check the addresses in `from` and `to`",
        )
    })?;
    Ok(message.formatted())
}

fn digest(name: &str) -> String {
    Sha256::digest(name.as_bytes())[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A date that a mail can have: not before 1970.
fn date(now: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(now.as_second()).unwrap_or(0))
}
