//! Where a peer lives, and whether a link it handed back stays there (P17).
//!
//! Invariant: a bearer token is sent to the configured origin only, and over plain HTTP only to
//! this machine itself.

use std::fmt;

/// Scheme, host and port. Two spellings of one origin are equal: the host is in lower case and
/// a default port is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: &'static str,
    host: String,
    port: Option<u16>,
}

/// Why a text is no origin of ours. Names no path or query: links carry personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// Not an absolute `http` or `https` URL, or one with user information.
    #[error("not an absolute http or https URL")]
    Unreadable,
    /// Plain HTTP to another machine would show the token to the network.
    #[error("plain http is accepted for this machine only; use https")]
    Plain,
    /// An origin was wanted, and there is a path behind it.
    #[error("an origin has no path, query or fragment")]
    Path,
    /// The link leads away from the peer that gave it.
    #[error("the link leads to another origin; it is not followed")]
    Foreign,
}

impl Origin {
    /// Reads an origin such as `https://graph.microsoft.com`.
    ///
    /// # Errors
    /// `Unreadable`, `Plain` or `Path`, as described there.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let (_, rest) = split(text)?;
        if !(rest.is_empty() || rest == "/") {
            return Err(OriginError::Path);
        }
        Self::of(text)
    }

    /// The origin of an absolute URL.
    ///
    /// # Errors
    /// `Unreadable` or `Plain`.
    pub fn of(url: &str) -> Result<Self, OriginError> {
        let (origin, _) = split(url)?;
        let local = matches!(origin.host.as_str(), "localhost" | "127.0.0.1" | "[::1]");
        if origin.scheme == "http" && !local {
            return Err(OriginError::Plain);
        }
        Ok(origin)
    }

    /// Path and query of a link, if it stays on this origin.
    ///
    /// # Errors
    /// `Unreadable` or `Foreign`.
    pub fn follow(&self, link: &str) -> Result<String, OriginError> {
        let (origin, rest) = split(link)?;
        if origin != *self {
            return Err(OriginError::Foreign);
        }
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        Ok(if rest.starts_with('/') {
            rest.to_owned()
        } else {
            format!("/{rest}")
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// Path and query of `link`, if it has the same scheme, host and port as `base` (a default port
/// equals none).
///
/// # Errors
/// `Unreadable` for what is no absolute http(s) URL, `Foreign` for another origin.
pub fn same_origin(base: &str, link: &str) -> Result<String, OriginError> {
    split(base)?.0.follow(link)
}

/// The origin of an absolute URL and what follows it.
fn split(url: &str) -> Result<(Origin, &str), OriginError> {
    // What WHATWG and RFC parsers read differently is refused, not interpreted.
    if url.bytes().any(|b| b <= b' ' || b == b'\\' || b == 0x7f) {
        return Err(OriginError::Unreadable);
    }
    let (scheme, rest) = url.split_once("://").ok_or(OriginError::Unreadable)?;
    let (scheme, default) = match scheme.to_ascii_lowercase().as_str() {
        "https" => ("https", 443),
        "http" => ("http", 80),
        _ => return Err(OriginError::Unreadable),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    if authority.contains('@') {
        return Err(OriginError::Unreadable);
    }
    let host_end = if authority.starts_with('[') {
        authority.find(']').ok_or(OriginError::Unreadable)? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, port) = authority.split_at(host_end);
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        Some("") => None,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(digits.parse::<u16>().map_err(|_| OriginError::Unreadable)?)
        }
        None | Some(_) => return Err(OriginError::Unreadable),
    };
    if host.is_empty() {
        return Err(OriginError::Unreadable);
    }
    let port = port.filter(|port| *port != default);
    Ok((
        Origin {
            scheme,
            host: host.to_ascii_lowercase(),
            port,
        },
        rest,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://graph.example";

    /// P17: link → what is followed.
    #[test]
    fn links_stay_at_home() {
        let follow = |link: &str| same_origin(BASE, link);
        let table = [
            (
                "https://graph.example/v1.0/users?$skiptoken=x",
                Ok("/v1.0/users?$skiptoken=x"),
            ),
            ("https://graph.example:443/v1.0/users", Ok("/v1.0/users")),
            ("HTTPS://Graph.Example/a#b", Ok("/a")),
            ("https://graph.example", Ok("/")),
            ("https://graph.example?x=1", Ok("/?x=1")),
            ("http://graph.example/v1.0/users", Err(OriginError::Foreign)),
            ("https://graph.example:8443/v1.0", Err(OriginError::Foreign)),
            (
                "https://graph.example.attacker.example/",
                Err(OriginError::Foreign),
            ),
            (
                "https://graph.example@attacker.example/",
                Err(OriginError::Unreadable),
            ),
            (
                "https://attacker.example\\@graph.example/",
                Err(OriginError::Unreadable),
            ),
            ("https://graph.example:99999/", Err(OriginError::Unreadable)),
            ("//graph.example/users", Err(OriginError::Unreadable)),
            ("/users", Err(OriginError::Unreadable)),
            ("file:///etc/hosts", Err(OriginError::Unreadable)),
        ];
        for (link, expected) in table {
            assert_eq!(follow(link), expected.map(str::to_owned), "{link}");
        }
    }

    /// A token never crosses a network in clear text.
    #[test]
    fn plain_http_is_for_this_machine() {
        assert!(Origin::parse("http://127.0.0.1:8080").is_ok());
        assert!(Origin::parse("http://[::1]:8080/").is_ok());
        assert_eq!(
            Origin::parse("http://graph.example"),
            Err(OriginError::Plain)
        );
        assert_eq!(
            Origin::parse("https://graph.example/v1.0"),
            Err(OriginError::Path)
        );
        assert_eq!(
            Origin::parse("https://Graph.example:443").map(|o| o.to_string()),
            Ok(BASE.to_owned())
        );
    }
}
