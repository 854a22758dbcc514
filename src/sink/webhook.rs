//! HTTP POST of batches to a web server.

use super::dial::{Dialer, Peer, within};
use super::item::Item;
use super::outlet::{Outcome, Outlet};
use super::secret::Secret;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::io;
use std::time::Duration;

/// How much of an answer is read, for its reason and so that the connection can be used again.
const ANSWER: usize = 64 << 10;

/// How much of an answer is told.
const TOLD: usize = 100;

/// A web server as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSpec {
    /// Where it is; with TLS for `https`.
    pub peer: Peer,
    /// Path and query.
    pub path: String,
    /// Further headers.
    pub headers: Vec<(String, Secret)>,
    /// What a body is.
    pub body: Body,
    /// How long a request may take, with connecting and the answer.
    pub timeout: Duration,
}

/// What the body of a request is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Body {
    /// A JSON array of objects.
    #[default]
    Array,
    /// JSON lines.
    Lines,
}

impl WebhookSpec {
    /// How long a request may take by default.
    pub const TIMEOUT: Duration = Duration::from_secs(10);

    /// A web server at an `http` or `https` address with everything else as it is by default.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub fn new(url: &str) -> Result<Self, String> {
        let uri: hyper::Uri = url.parse().map_err(|_| "expected an address such as https://host/path".to_owned())?;
        let (port, tls) = match uri.scheme_str() {
            Some("http") => (80, None),
            Some("https") => (443, Some(super::dial::Tls::default())),
            _ => return Err("expected an address that begins with http:// or https://".into()),
        };
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("expected an address without a user; say who you are in `headers`".into());
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or("expected an address with a host")?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let peer = Peer { host, port: uri.port_u16().unwrap_or(port), tls };
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { peer, path, headers: Vec::new(), body: Body::Array, timeout: Self::TIMEOUT })
    }
}

/// Posts batches.
pub(super) struct Webhook {
    spec: WebhookSpec,
    dialer: Dialer,
    headers: HeaderMap,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Webhook {
    /// # Errors
    /// When a header can be none, or TLS cannot be set up.
    pub(super) fn new(spec: WebhookSpec) -> Result<Self, String> {
        let dialer = Dialer::new(&spec.peer)?;
        let mut headers = HeaderMap::new();
        let usual = if spec.peer.tls.is_some() { 443 } else { 80 };
        let port = if spec.peer.port == usual { String::new() } else { format!(":{}", spec.peer.port) };
        let host = if spec.peer.host.contains(':') { format!("[{}]", spec.peer.host) } else { spec.peer.host.clone() };
        let kind = match spec.body {
            Body::Array => "application/json",
            Body::Lines => "application/x-ndjson",
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("sigmabus/", env!("CARGO_PKG_VERSION"))));
        headers.insert(HOST, HeaderValue::try_from(host + &port).map_err(|error| error.to_string())?);
        for (name, value) in &spec.headers {
            let key = HeaderName::try_from(name).map_err(|_| format!("`{name}` is no name of a header"))?;
            let refused = |_| format!("the value of header `{name}` has characters that no header can have");
            let mut value = HeaderValue::from_bytes(value.bytes()).map_err(refused)?;
            value.set_sensitive(true);
            headers.insert(key, value);
        }
        Ok(Self { spec, dialer, headers, sender: None })
    }

    async fn connect(&self) -> io::Result<SendRequest<Full<Bytes>>> {
        let wire = self.dialer.dial(self.spec.timeout).await?;
        let (sender, connection) = handshake(TokioIo::new(wire)).await.map_err(io::Error::other)?;
        // It ends with its sender; what goes wrong is told to the request.
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn post(&mut self, body: Bytes) -> io::Result<(StatusCode, HeaderMap, String)> {
        let mut sender = match self.sender.take() {
            Some(sender) if !sender.is_closed() => sender,
            _ => self.connect().await?,
        };
        let mut request = Request::post(self.spec.path.as_str()).body(Full::new(body)).map_err(io::Error::other)?;
        *request.headers_mut() = self.headers.clone();
        sender.ready().await.map_err(io::Error::other)?;
        let answer: Response<Incoming> = sender.send_request(request).await.map_err(io::Error::other)?;
        let (head, body) = answer.into_parts();
        let text = Limited::new(body, ANSWER).collect().await;
        if text.is_ok() {
            self.sender = Some(sender);
        }
        let text = text.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
        let text: String = String::from_utf8_lossy(&text).chars().take(TOLD).collect();
        Ok((head.status, head.headers, text))
    }

    async fn request(&mut self, batch: &[Item]) -> Outcome {
        let body = self.body(batch);
        match within(self.spec.timeout, self.post(body)).await {
            Ok((status, headers, text)) => judged(status, &headers, &text),
            Err(error) => innermost(error),
        }
    }

    fn body(&self, batch: &[Item]) -> Bytes {
        let mut body = Vec::new();
        match self.spec.body {
            Body::Lines => batch.iter().for_each(|item| body.extend_from_slice(&item.line)),
            Body::Array => {
                body.push(b'[');
                for (index, item) in batch.iter().enumerate() {
                    if index > 0 {
                        body.push(b',');
                    }
                    body.extend_from_slice(item.json());
                }
                body.push(b']');
            }
        }
        body.into()
    }
}

impl Outlet for Webhook {
    async fn deliver(&mut self, batch: &[Item]) -> Vec<Outcome> {
        let outcome = self.request(batch).await;
        if batch.len() < 2 || !matches!(outcome, Outcome::Rejected(_)) {
            return outcome.of_all(batch.len());
        }
        // One item that the server does not like must not take the others with it.
        let mut outcomes = Vec::with_capacity(batch.len());
        for item in batch {
            let outcome = self.request(std::slice::from_ref(item)).await;
            let again = matches!(outcome, Outcome::Retry { .. });
            outcomes.push(outcome);
            if again {
                break;
            }
        }
        outcomes
    }
}

/// The innermost reason, which says more than hyper's own.
fn innermost(error: io::Error) -> Outcome {
    let mut told = None;
    let mut inner = error.get_ref().and_then(std::error::Error::source);
    while let Some(error) = inner {
        told = Some(error.to_string());
        inner = error.source();
    }
    told.map_or_else(|| Outcome::after(&error), |told| Outcome::after(&io::Error::other(told)))
}

/// What an answer means.
fn judged(status: StatusCode, headers: &HeaderMap, text: &str) -> Outcome {
    if status.is_success() {
        return Outcome::Delivered;
    }
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let reason = format!("{status} {}", text.trim());
    let reason = reason.trim_end().into();
    if status.is_server_error() || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status) {
        let after = headers.get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?));
        return Outcome::Retry { reason, after };
    }
    Outcome::Rejected(reason)
}

/// Seconds, or a date (RFC 9110, 10.2.3).
fn retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let when = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp();
    let wait = when.as_second().saturating_sub(wall_second());
    Some(Duration::from_secs(u64::try_from(wait).unwrap_or(0)))
}

/// Seconds since the epoch.
#[expect(clippy::disallowed_methods, reason = "a date of another host is of the clock on the wall")]
fn wall_second() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_mean_what_they_should() {
        let after = |value: &'static str| HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(value))]);
        let none = HeaderMap::new();
        let word = |code, headers: &HeaderMap| match judged(StatusCode::from_u16(code).unwrap(), headers, "why\n") {
            Outcome::Delivered => "delivered".to_owned(),
            Outcome::Rejected(reason) => format!("rejected: {reason}"),
            Outcome::Retry { reason, after } => format!("retry: {reason} {after:?}"),
        };
        assert_eq!(word(204, &none), "delivered");
        assert_eq!(word(302, &none), "rejected: 302 Found why");
        assert_eq!(word(400, &none), "rejected: 400 Bad Request why");
        assert_eq!(word(408, &none), "retry: 408 Request Timeout why None");
        assert_eq!(word(429, &after("7")), "retry: 429 Too Many Requests why Some(7s)");
        assert_eq!(word(503, &after("Wed, 21 Oct 2015 07:28:00 GMT")), "retry: 503 Service Unavailable why Some(0ns)");
        assert_eq!(word(500, &after("soon")), "retry: 500 Internal Server Error why None");
    }

    #[test]
    fn addresses_are_taken_apart() {
        let told = |url: &str| match WebhookSpec::new(url) {
            Ok(spec) => format!("{} {} {} {}", spec.peer.host, spec.peer.port, spec.peer.tls.is_some(), spec.path),
            Err(reason) => reason,
        };
        assert_eq!(told("https://siem.example/in?x=1"), "siem.example 443 true /in?x=1");
        assert_eq!(told("http://[::1]:8080"), "::1 8080 false /");
        assert!(told("ftp://siem.example/").contains("begins with http"));
        assert!(told("https://me:secret@siem.example/").contains("without a user"));
        assert!(told("not an address").contains("such as https"));
    }
}
