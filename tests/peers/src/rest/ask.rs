//! A question, taken apart.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Request;

/// A question, taken apart.
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) host: String,
    pub(crate) path: String,
    /// Parameters, decoded.
    pub(crate) query: BTreeMap<String, String>,
    /// The query as it came.
    pub(crate) raw: String,
    headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    pub(crate) fn of(request: &Request<Bytes>) -> Self {
        let raw = request.uri().query().unwrap_or_default().to_owned();
        Self {
            method: request.method().as_str().to_owned(),
            host: request.uri().host().unwrap_or_default().to_owned(),
            path: decoded(request.uri().path()),
            query: fields(&raw),
            raw,
            headers: request.headers().clone(),
            body: request.body().clone(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|it| it.to_str().ok()).unwrap_or_default()
    }

    /// A parameter that is a number, or this where there is none; `None`: it is no number.
    pub(crate) fn number(&self, name: &str, default: usize) -> Option<usize> {
        match self.query.get(name) {
            None => Some(default),
            Some(text) => text.parse().ok(),
        }
    }

    /// The first parameter that is none of these.
    pub(crate) fn strange(&self, known: &[&str]) -> Option<&str> {
        let mut names = self.query.keys().map(String::as_str);
        names.find(|name| !known.contains(name))
    }
}

/// `a=b&c=d`, decoded.
pub(crate) fn fields(text: &str) -> BTreeMap<String, String> {
    let fields = text.split('&').filter(|it| !it.is_empty());
    let pairs = fields.map(|it| it.split_once('=').unwrap_or((it, "")));
    pairs
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

/// Percent-decoded; `+` stays, as in a path.
pub(crate) fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let byte = hex.and_then(|it| u8::from_str_radix(it, 16).ok());
        out.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}
