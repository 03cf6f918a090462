//! A peer on a port.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http_body_util::BodyExt as _;
use rollcall_http::Exchange;
use tokio::net::TcpListener;
use tower::ServiceExt as _;

/// Serves whatever an exchange answers over HTTP/1.1 until the task is dropped. What does not come
/// through is answered with 502, as by a gateway.
///
/// # Errors
/// When the listener fails.
pub async fn serve(exchange: Exchange, listener: TcpListener) -> std::io::Result<()> {
    let router = Router::new().fallback(move |request: Request| {
        let exchange = exchange.clone();
        async move {
            let (parts, body) = request.into_parts();
            let Ok(body) = body.collect().await else {
                return bad();
            };
            let asked = http::Request::from_parts(parts, body.to_bytes());
            match exchange.oneshot(asked).await {
                Ok(answer) => answer.map(Body::from),
                Err(_) => bad(),
            }
        }
    });
    axum::serve(listener, router).await
}

fn bad() -> Response {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = http::StatusCode::BAD_GATEWAY;
    answer
}
