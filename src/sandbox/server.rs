//! Connections in, answers out.

use std::convert::Infallible;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, DATE, HeaderName, HeaderValue, RETRY_AFTER, SERVER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

use super::answer::{Answer, Refusal};
use super::faults::{self, Fault};
use super::host;
use super::mint;
use super::routes::{self, Call, Group, Route};
use super::state::{State, lock};
use crate::clock::Clock;

/// The largest request body, in bytes.
const LARGEST_BODY: usize = 1024 * 1024;

/// What a 429 asks for.
const RETRY_AFTER_SECONDS: u64 = 1;

const GARBAGE: &str = "<!DOCTYPE html><html><body><h1>Welcome</h1></body></html>";

/// One server: its memory and its clock.
pub(super) struct Server {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) clock: Box<dyn Clock>,
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed without an answer")]
struct Closed;

/// Accepts connections for ever; runs in a `LocalSet`.
pub(super) async fn accept(listener: TcpListener, server: Rc<Server>) -> Infallible {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::task::spawn_local(serve(stream, Rc::clone(&server)));
            }
            // a connection that died early, or no file descriptor to be had: the next may do better
            Err(error) => {
                tracing::warn!("the sandbox cannot accept a connection: {error}");
                server.clock.sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, server: Rc<Server>) {
    // answers are small and whole: waiting to fill a packet only delays them
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("the sandbox cannot set TCP_NODELAY: {error}");
    }
    let service = service_fn(|request| server.answer(request));
    // the Date header is written from the sandbox's own clock
    let connection =
        http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!("a connection to the sandbox ended: {error}");
    }
}

impl Server {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Closed> {
        let (parts, body) = request.into_parts();
        let route = Route::of(parts.uri.path());
        let checked = host::check(&parts.headers, &parts.uri);
        let body = match checked {
            Ok(()) => read(body).await?,
            Err(refusal) => Err(refusal),
        };
        self.delay(route.as_ref()).await;
        let now = self.clock.now().wall;
        let mut state = lock(&self.state);
        let fault = match (&body, &route) {
            (Ok(_), Some(route)) => count(route, &mut state),
            _ => None,
        };
        match fault {
            Some(Fault::Closed) => return Err(Closed),
            Some(Fault::Garbage) => return Ok(garbage(now)),
            _ => {}
        }
        let outcome = match (fault.and_then(refusal_of), route, &body) {
            (Some(refusal), _, _) => Err(refusal),
            (None, Some(route), Ok(body)) => {
                let (method, headers, query) = (&parts.method, &parts.headers, parts.uri.query());
                routes::dispatch(&route, &Call { method, headers, query, body, now }, &mut state)
            }
            (None, None, Ok(_)) => Err(Refusal::not_found("Not Found")),
            (None, _, Err(_)) => body.and(Err(Refusal::server_error())),
        };
        if matches!(&outcome, Err(refusal) if refusal.status == StatusCode::UNAUTHORIZED) {
            state.refused += 1;
        }
        match fault {
            Some(Fault::LostAnswer) => Err(Closed),
            _ => Ok(response(outcome, now, &mut state)),
        }
    }

    async fn delay(&self, route: Option<&Route>) {
        let is_provider = route.is_some_and(|route| matches!(route.group(), Group::Api | Group::Admin));
        let milliseconds = lock(&self.state).settings.latency_milliseconds;
        if is_provider && milliseconds > 0 {
            self.clock.sleep(Duration::from_millis(milliseconds)).await;
        }
    }
}

/// Counts a request, and draws its fault.
fn count(route: &Route, state: &mut State) -> Option<Fault> {
    let group = route.group();
    if matches!(group, Group::Api | Group::Admin) {
        state.requests += 1;
    }
    let fault = faults::draw(&mut state.fault_random, &state.settings, group);
    if fault.is_some() {
        state.faulted += 1;
    }
    fault
}

fn refusal_of(fault: Fault) -> Option<Refusal> {
    match fault {
        Fault::RateLimited => Some(Refusal::rate_limited(RETRY_AFTER_SECONDS)),
        Fault::Overloaded => Some(Refusal::overloaded()),
        Fault::ServerError => Some(Refusal::server_error()),
        Fault::Closed | Fault::Garbage | Fault::LostAnswer => None,
    }
}

/// The whole body; `Closed` where the client went away, a refusal where the body is too large.
async fn read(body: Incoming) -> Result<Result<Bytes, Refusal>, Closed> {
    match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(collected) => Ok(Ok(collected.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Ok(Err(Refusal::too_large())),
        Err(_) => Err(Closed),
    }
}

fn response(outcome: Result<Answer, Refusal>, now: Timestamp, state: &mut State) -> Response<Full<Bytes>> {
    let request_id = mint::id(&mut state.random, "req");
    let (status, body, workspace, retry_after_seconds) = match outcome {
        Ok(answer) => (StatusCode::OK, answer.body, answer.workspace, None),
        Err(refusal) => (refusal.status, refusal.body(&request_id), None, refusal.retry_after_seconds),
    };
    let mut response = plain(status, "application/json", written(&body), now);
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    };
    set(HeaderName::from_static("request-id"), &request_id);
    set(HeaderName::from_static("anthropic-organization-id"), &state.organization_id);
    if let Some(workspace) = workspace {
        set(HeaderName::from_static("anthropic-workspace-id"), &workspace);
    }
    if let Some(seconds) = retry_after_seconds {
        set(RETRY_AFTER, &seconds.to_string());
    }
    response
}

fn garbage(now: Timestamp) -> Response<Full<Bytes>> {
    plain(StatusCode::OK, "text/html", Bytes::from_static(GARBAGE.as_bytes()), now)
}

fn plain(status: StatusCode, kind: &'static str, body: Bytes, now: Timestamp) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(SERVER, HeaderValue::from_static("rotate-sandbox"));
    // a time before the year 0 has no such form; then there is no Date
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&now).ok();
    if let Some(date) = date.and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(DATE, date);
    }
    response
}

fn written(body: &Value) -> Bytes {
    // writing a Value cannot fail: its keys are text
    serde_json::to_vec(body).map(Bytes::from).unwrap_or_default()
}
