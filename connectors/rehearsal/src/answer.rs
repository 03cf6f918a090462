//! One answer, before it becomes an HTTP response or an item of a batch answer.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value as Json, json};

/// Status, headers and body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Json>,
}

/// What comes of a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    Answer(Answer),
    /// The same, after a while.
    Slow(Answer),
    /// The connection breaks instead.
    Reset,
}

impl Answer {
    pub(crate) fn new(status: StatusCode, body: Option<Json>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
        }
    }

    pub(crate) fn ok(body: Json) -> Self {
        Self::new(StatusCode::OK, Some(body))
    }

    pub(crate) fn no_content() -> Self {
        Self::new(StatusCode::NO_CONTENT, None)
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// As an HTTP response. A header whose value does not fit into one is left out: all come
    /// from us, except the echo of `client-request-id`, which came in as a header.
    pub(crate) fn into_response(self) -> Response<Bytes> {
        let bytes = self.body.map(|body| Bytes::from(body.to_string()));
        let mut response = Response::new(bytes.clone().unwrap_or_default());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if bytes.is_some() {
            let json = HeaderValue::from_static("application/json");
            headers.insert(header::CONTENT_TYPE, json);
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        response
    }

    /// As an item of a batch answer.
    pub(crate) fn into_item(self, id: &str) -> Json {
        let mut headers: Map<String, Json> = self
            .headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        if self.body.is_some() {
            headers.insert("Content-Type".to_owned(), "application/json".into());
        }
        let mut item = json!({"id": id, "status": self.status.as_u16(), "headers": headers});
        if let Some(body) = self.body {
            item["body"] = body;
        }
        item
    }
}
