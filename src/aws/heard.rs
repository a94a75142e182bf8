//! Headers of an answer, which the SDK does not hand out beside a success.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_sts::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::BoxError;

/// Keeps the headers of the last answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Arc<Mutex<Headers>>);

#[derive(Clone, Debug, Default)]
pub(super) struct Headers {
    pub date: Option<String>,
    pub retry_after: Option<String>,
}

impl Heard {
    pub(super) fn headers(&self) -> Headers {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Intercept for Heard {
    fn name(&self) -> &'static str {
        "Heard"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.response().headers();
        let text = |name| headers.get(name).map(str::to_owned);
        let found = Headers { date: text("date"), retry_after: text("retry-after") };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(())
    }
}
