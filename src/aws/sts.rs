//! Asking AWS who a credential is: the one call that needs no permission.

use aws_sdk_sts::config::Credentials;
use aws_sdk_sts::error::ProvideErrorMetadata;

use super::error::{AwsError, Call};
use super::heard::Heard;

/// Who may be asked about. No retries: whoever asks repeats it at a measured pace.
pub struct Sts {
    config: aws_sdk_sts::config::Builder,
    region: String,
}

/// What AWS said of a credential, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub verdict: Whose,
    /// The `Date` and `Retry-After` headers of the answer.
    pub date: Option<String>,
    pub retry_after: Option<String>,
}

/// Whose a credential is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Somebody's, by this ARN.
    Of { arn: String },
    /// AWS definitely does not take it; the text is AWS's code.
    Nobodys(String),
    /// It could not be told.
    Unknown(AwsError),
}

impl Sts {
    pub(super) fn new(config: aws_sdk_sts::config::Builder, region: String) -> Self {
        Self { config, region }
    }

    /// Asks with the credential itself.
    pub async fn whose(&self, id: &str, secret: &str) -> Said {
        let heard = Heard::default();
        let credentials = Credentials::new(id, secret, None, None, "rotate");
        let config = self.config.clone().credentials_provider(credentials).interceptor(heard.clone());
        let client = aws_sdk_sts::Client::from_conf(config.build());
        let call = Call {
            action: "sts:GetCallerIdentity",
            subject: id,
            region: &self.region,
            profile: None,
            value: None,
        };
        let verdict = match client.get_caller_identity().send().await {
            Ok(answer) => match answer.arn {
                Some(arn) => Whose::Of { arn },
                None => Whose::Unknown(AwsError::passing("AWS accepted the request and named nobody")),
            },
            Err(error) => match error.as_service_error().and_then(refusal) {
                Some(code) => Whose::Nobodys(code.to_owned()),
                None => Whose::Unknown(call.failed(&error)),
            },
        };
        let headers = heard.headers();
        Said { verdict, date: headers.date, retry_after: headers.retry_after }
    }
}

/// The code with which AWS definitely refuses a credential: no such key or an inactive one, or another secret
/// than the key's. A signature that is refused for its time is the clock's fault.
fn refusal(error: &impl ProvideErrorMetadata) -> Option<&str> {
    let message = error.message().unwrap_or_default();
    let is_of_the_clock = ["expired", "not yet current", "earlier than", "later than"]
        .iter()
        .any(|word| message.contains(word));
    match error.code()? {
        code @ "InvalidClientTokenId" => Some(code),
        code @ "SignatureDoesNotMatch" if !is_of_the_clock => Some(code),
        _ => None,
    }
}
