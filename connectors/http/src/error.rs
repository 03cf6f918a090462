//! Why a call came to nothing, in words that an outcome can carry.

use jiff::Timestamp;

use crate::batch::after;
use crate::{Clock, Fault, OriginError, Retry, TokenError, TransportError};

/// A call that failed, after all retries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct CallError {
    /// Why.
    pub kind: CallErrorKind,
    /// `client-request-id` of the last attempt, if one was sent.
    pub request_id: Option<String>,
    /// Calls made.
    pub calls: u32,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallErrorKind {
    /// The peer answered with an error that is final, or stayed transient through all tries.
    #[error(transparent)]
    Refused(#[from] Fault),
    /// Nothing came back through all tries.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The peer asked for a longer wait than we sleep.
    #[error("throttled until {until}")]
    Throttled {
        /// Not before this instant.
        until: Timestamp,
    },
    /// No access token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The peer sent a link that is not followed.
    #[error(transparent)]
    Link(#[from] OriginError),
    /// The answer is not what is documented.
    #[error("the answer is not in the documented form: {what}")]
    Malformed {
        /// What is missing or wrong; no values.
        what: &'static str,
    },
}

impl CallErrorKind {
    /// Whether what was asked may have been done all the same: no answer came, or one that does not
    /// say. A 503 and a 429 say that nothing was.
    pub fn maybe_taken(&self) -> bool {
        match self {
            Self::Transport(error) => match error {
                TransportError::Reset
                | TransportError::Timeout
                | TransportError::TooLarge { .. } => true,
                TransportError::Connect | TransportError::Request(_) => false,
            },
            Self::Malformed { .. } => true,
            Self::Refused(fault) => matches!(fault.status, 500 | 502 | 504 | 509),
            Self::Throttled { .. } | Self::Token(_) | Self::Link(_) => false,
        }
    }
}

impl CallError {
    /// When it may be asked again, where the peer or its token office named a time: then it is no
    /// failure yet.
    pub fn until(&self, clock: Clock) -> Option<Timestamp> {
        match &self.kind {
            CallErrorKind::Throttled { until } => Some(*until),
            CallErrorKind::Token(TokenError::Refused {
                retry_after: Some(wait),
                ..
            }) => Some(after(clock, *wait)),
            CallErrorKind::Refused(_)
            | CallErrorKind::Transport(_)
            | CallErrorKind::Token(_)
            | CallErrorKind::Link(_)
            | CallErrorKind::Malformed { .. } => None,
        }
    }

    /// See [`CallErrorKind::maybe_taken`].
    pub fn maybe_taken(&self) -> bool {
        self.kind.maybe_taken()
    }

    /// A failure of ours around an answer that did come.
    pub fn malformed(what: &'static str) -> Self {
        Self {
            kind: CallErrorKind::Malformed { what },
            request_id: None,
            calls: 0,
        }
    }

    /// The peer's error answer, if that is what it is.
    pub fn fault(&self) -> Option<&Fault> {
        match &self.kind {
            CallErrorKind::Refused(fault) => Some(fault),
            CallErrorKind::Transport(_)
            | CallErrorKind::Throttled { .. }
            | CallErrorKind::Token(_)
            | CallErrorKind::Link(_)
            | CallErrorKind::Malformed { .. } => None,
        }
    }

    /// Whether the same call can work later.
    pub fn retry(&self) -> Retry {
        match &self.kind {
            CallErrorKind::Refused(fault) => fault.retry(),
            CallErrorKind::Transport(error) => error.retry(),
            CallErrorKind::Throttled { .. } => Retry::Backoff,
            CallErrorKind::Token(error) => error.retry(),
            CallErrorKind::Link(_) | CallErrorKind::Malformed { .. } => Retry::Never,
        }
    }

    /// A stable code.
    pub fn code(&self) -> String {
        match &self.kind {
            CallErrorKind::Refused(fault) => fault.stable_code(),
            CallErrorKind::Transport(error) => error.code().to_owned(),
            CallErrorKind::Throttled { .. } => "throttled".to_owned(),
            CallErrorKind::Token(error) => error.code(),
            CallErrorKind::Link(_) => "foreign_link".to_owned(),
            CallErrorKind::Malformed { .. } => "malformed_answer".to_owned(),
        }
    }

    /// What it means and what to do; no values.
    pub fn hint(&self) -> String {
        match &self.kind {
            CallErrorKind::Refused(fault) => fault.hint().to_owned(),
            CallErrorKind::Transport(_) => {
                format!(
                    "{}; check the network, the next run plans it again",
                    self.kind
                )
            }
            CallErrorKind::Throttled { .. } => format!("{}; it comes back by itself", self.kind),
            CallErrorKind::Token(error) => error.hint().to_owned(),
            CallErrorKind::Link(_) | CallErrorKind::Malformed { .. } => {
                format!(
                    "{}; check the configured host and any proxy before it",
                    self.kind
                )
            }
        }
    }
}

impl TransportError {
    /// Whether the same request can work later.
    pub const fn retry(&self) -> Retry {
        match self {
            Self::Connect | Self::Reset | Self::Timeout => Retry::Backoff,
            Self::TooLarge { .. } | Self::Request(_) => Retry::Never,
        }
    }

    /// A stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Reset => "connection_lost",
            Self::Timeout => "timeout",
            Self::TooLarge { .. } => "answer_too_large",
            Self::Request(_) => "request_invalid",
        }
    }
}
