//! One transport: a request goes in, a response comes out, whatever carries it.
//!
//! In production that is reqwest; for the demo and in tests it is the rehearsal tenant's router
//! itself, so that waits can be virtual; in the end-to-end tests real sockets again.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use tower::util::BoxCloneSyncService;

/// One HTTP exchange with whole bodies. Bodies are bounded by whoever builds the exchange.
pub type Exchange =
    BoxCloneSyncService<http::Request<Bytes>, http::Response<Bytes>, TransportError>;

/// The request may or may not have reached the peer: nothing came back.
///
/// Carries no URL, header or body: those may hold personal data or secrets (P11).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection was made; the peer has seen nothing.
    #[error("cannot connect")]
    Connect,
    /// The connection broke after the request was sent; the peer may have acted on it.
    #[error("connection lost before the answer came")]
    Reset,
    /// No answer in time; the peer may have acted on it.
    #[error("no answer within the time limit")]
    Timeout,
    /// The answer is larger than this client accepts.
    #[error("answer larger than {limit} bytes")]
    TooLarge {
        /// The bound, in bytes.
        limit: usize,
    },
    /// The request could not be built (a bug of ours, not of the peer).
    #[error("request could not be built: {0}")]
    Request(String),
}

/// Largest body accepted from a peer: a page of 999 users with every attribute is under 4 MiB.
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The production exchange: reqwest over rustls, pooled connections, no redirects followed, no
/// automatic retry.
///
/// # Errors
/// `Request` when the TLS set-up of this machine cannot be used.
pub fn reqwest_exchange(timeout: Duration) -> Result<Exchange, TransportError> {
    exchange(client(timeout), Body::Whole)
}

/// The same for messages that must not be sent twice: no connection is used again, since one that
/// the peer has closed meanwhile looks like a lost answer. The status says what became of a
/// message: whatever the peer writes below it is not waited for, and the body is empty.
///
/// # Errors
/// `Request` when the TLS set-up of this machine cannot be used.
pub fn posting_exchange(timeout: Duration) -> Result<Exchange, TransportError> {
    let fresh = client(timeout).pool_max_idle_per_host(0);
    exchange(
        fresh.connect_timeout(timeout.min(CONNECT_MAX)),
        Body::Unread,
    )
}

/// Longest wait for a connection: whoever is not there by then has seen nothing.
const CONNECT_MAX: Duration = Duration::from_secs(10);

fn client(timeout: Duration) -> reqwest::ClientBuilder {
    // Installing twice is harmless: the first provider stays.
    let _already = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
}

/// What is read of the body of an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Body {
    Whole,
    Unread,
}

fn exchange(client: reqwest::ClientBuilder, read: Body) -> Result<Exchange, TransportError> {
    let client = client
        .build()
        .map_err(|e| TransportError::Request(e.without_url().to_string()))?;
    Ok(BoxCloneSyncService::new(tower::service_fn(
        move |request: http::Request<Bytes>| {
            let client = client.clone();
            async move {
                let request = reqwest::Request::try_from(request)
                    .map_err(|e| TransportError::Request(e.without_url().to_string()))?;
                let response = client.execute(request).await.map_err(|e| classify(&e))?;
                let mut builder = http::Response::builder().status(response.status());
                if let Some(headers) = builder.headers_mut() {
                    headers.clone_from(response.headers());
                }
                if read == Body::Unread {
                    return builder
                        .body(Bytes::new())
                        .map_err(|e| TransportError::Request(e.to_string()));
                }
                let body =
                    http_body_util::Limited::new(reqwest::Body::from(response), BODY_BYTES_MAX);
                let body = match body.collect().await {
                    Ok(collected) => collected.to_bytes(),
                    Err(e) if e.is::<http_body_util::LengthLimitError>() => {
                        return Err(TransportError::TooLarge {
                            limit: BODY_BYTES_MAX,
                        });
                    }
                    Err(_) => return Err(TransportError::Reset),
                };
                builder
                    .body(body)
                    .map_err(|e| TransportError::Request(e.to_string()))
            }
        },
    )))
}

fn classify(error: &reqwest::Error) -> TransportError {
    // A connection that took too long was none.
    if error.is_connect() {
        TransportError::Connect
    } else if error.is_timeout() {
        TransportError::Timeout
    } else if error.is_builder() {
        TransportError::Request("invalid request".to_owned())
    } else {
        TransportError::Reset
    }
}
