//! What a route answers: JSON, or a refusal in the documented shape.

use hyper::StatusCode;
use serde_json::{Value, json};

/// A success.
pub(super) struct Answer {
    pub(super) body: Value,
    /// The workspace of the API key that asked; becomes the header `anthropic-workspace-id`.
    pub(super) workspace: Option<String>,
}

impl Answer {
    pub(super) fn new(body: Value) -> Self {
        Self { body, workspace: None }
    }
}

/// An error: `{"type":"error","error":{"type","message"},"request_id"}`.
///
/// The status and its `error.type` come in pairs, as the documentation lists them.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    kind: &'static str,
    message: String,
    pub(super) retry_after_seconds: Option<u64>,
}

impl Refusal {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into(), retry_after_seconds: None }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    pub(super) fn unauthenticated(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "authentication_error", message)
    }

    pub(super) fn forbidden(message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "permission_error", message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found_error", message)
    }

    pub(super) fn wrong_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_request_error", "Method Not Allowed")
    }

    pub(super) fn too_large() -> Self {
        let message = "Request exceeds the maximum size of the sandbox (1 MiB)";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message)
    }

    pub(super) fn rate_limited(retry_after_seconds: u64) -> Self {
        let message = "This request would exceed your organization's rate limit. Please try again later.";
        let refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", message);
        Self { retry_after_seconds: Some(retry_after_seconds), ..refusal }
    }

    pub(super) fn server_error() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "api_error", "Internal server error")
    }

    /// 529, a status of Anthropic's own.
    pub(super) fn overloaded() -> Self {
        let status = StatusCode::from_u16(529).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        Self::new(status, "overloaded_error", "Overloaded")
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn body(&self, request_id: &str) -> Value {
        json!({
            "type": "error",
            "error": { "type": self.kind, "message": self.message },
            "request_id": request_id,
        })
    }
}
