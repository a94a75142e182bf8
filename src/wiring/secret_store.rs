//! How the configuration reaches AWS Secrets Manager, which it does not know itself.

use zeroize::Zeroizing;

use crate::aws::{self, AwsError, Fault, json_member};
use crate::config::{Environment, NotFetched};

/// The environment of this process, with a way to AWS for references such as `aws-sm:NAME`.
///
/// Nothing of the SDK is touched until such a reference is resolved. Region, profile and endpoint are those
/// that the SDK finds in environment and profile.
pub fn environment() -> Environment {
    Environment::of_process().with_secrets_manager(fetch)
}

/// Blocks on a runtime of its own: references are resolved before the command's runtime starts.
fn fetch(secret_id: &str, json_key: Option<&str>) -> Result<Zeroizing<Vec<u8>>, NotFetched> {
    if tokio::runtime::Handle::try_current().is_ok() {
        return Err(no_runtime("a reference to AWS was resolved inside another runtime"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| no_runtime(&format!("the runtime does not start: {error}")))?;
    runtime.block_on(fetch_from_aws(secret_id, json_key)).map_err(|error| NotFetched {
        is_reference_wrong: error.fault == Fault::Named,
        complaint: error.message,
        hint: error.remedy,
    })
}

async fn fetch_from_aws(secret_id: &str, json_key: Option<&str>) -> Result<Zeroizing<Vec<u8>>, AwsError> {
    let current = aws::connect(&aws::Settings::default()).await?.current(secret_id).await?;
    let text = match json_key {
        None => current.text,
        Some(json_key) => json_member::text(&current.text, json_key).map_err(|error| {
            AwsError::new(
                Fault::Named,
                format!("the secret {secret_id} has no value under the key `{json_key}`: {error}"),
                "correct what stands after `#`, or put the value under that key",
            )
        })?,
    };
    Ok(Zeroizing::new(text.as_bytes().to_vec()))
}

fn no_runtime(complaint: &str) -> NotFetched {
    NotFetched {
        complaint: complaint.to_owned(),
        hint: "this is a defect: report it with the output of the same command under -v".to_owned(),
        is_reference_wrong: false,
    }
}
