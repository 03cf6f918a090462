//! Signatures over the log: who holds no key cannot write a history of their own.
//!
//! What is signed is a small statement about one entry, and through `previous` about all before it.
//! Nothing needs a signature to go on; who verifies says by which keys there have to be some.
//! Invariant: a private key is in no error, log or `Debug`.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey,
};
use rollcall_core::base64;
use rollcall_core::digest::{hex, sha256};
use rollcall_core::model::RunId;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use crate::aws::{Aws, AwsError};

/// Version of statement and signature.
pub const FORMAT_VERSION: u32 = 1;

/// What a statement says that it is: a key that signs other things as well signs no head by accident.
const OF: &str = "rollcall log head";

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// Ed25519 (RFC 8032), 64 bytes.
    #[serde(rename = "ed25519")]
    Ed25519,
    /// ECDSA over P-256 with SHA-256, in DER (RFC 3279).
    #[serde(rename = "ecdsa-p256-sha256")]
    P256,
}

impl Algorithm {
    /// How a public key of it begins in DER (RFC 8410 section 4, RFC 5480 section 2), and how many
    /// bytes follow.
    const fn prefix(self) -> (&'static [u8], usize) {
        match self {
            Self::Ed25519 => (b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", 32),
            Self::P256 => (
                b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
                  \x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00",
                65,
            ),
        }
    }
}

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    algorithm: Algorithm,
    /// `SubjectPublicKeyInfo`, DER.
    der: Vec<u8>,
}

/// Why a key cannot be used; without any of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither PEM nor DER of a kind that is known.
    #[error(
        "it is no public key of Ed25519 or P-256, in PEM or DER: `openssl pkey -in KEY -pubout` writes one"
    )]
    Public,
    /// No private key.
    #[error(
        "it is no unencrypted Ed25519 key (PKCS #8, PEM or DER): `openssl genpkey -algorithm ed25519` makes one"
    )]
    Private,
}

impl PublicKey {
    /// From `SubjectPublicKeyInfo`, PEM or DER.
    ///
    /// # Errors
    /// [`KeyError::Public`].
    pub fn read(bytes: &[u8]) -> Result<Self, KeyError> {
        let der = block(bytes, "PUBLIC KEY").ok_or(KeyError::Public)?;
        let is = |it: &Algorithm| {
            let (prefix, rest) = it.prefix();
            der.len() == prefix.len() + rest && der.starts_with(prefix)
        };
        let mut known = [Algorithm::Ed25519, Algorithm::P256].into_iter();
        let algorithm = known.find(is).ok_or(KeyError::Public)?;
        Ok(Self { algorithm, der })
    }

    /// SHA-256 of its DER, as hexadecimal digits: what statements call it.
    pub fn id(&self) -> String {
        sha256(&self.der)
    }

    /// Whether `signature` is one of these bytes by this key.
    fn signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        let key = &self.der[self.algorithm.prefix().0.len()..];
        let verified = match self.algorithm {
            Algorithm::Ed25519 => UnparsedPublicKey::new(&ED25519, key).verify(bytes, signature),
            Algorithm::P256 => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key).verify(bytes, signature)
            }
        };
        verified.is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

/// What is signed: that an entry of the log has these bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Always the same words.
    of: String,
    /// The entry.
    pub generation: u64,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// The run that it closes.
    pub run: RunId,
    /// When it was signed.
    pub at: Timestamp,
    /// [`PublicKey::id`] of who signs.
    pub key: String,
}

/// `signatures/<generation>-<first 8 digits of the key>.json`. It has exactly one form, so that no
/// byte of it can be changed unseen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// How it was signed.
    pub algorithm: Algorithm,
    /// The statement as it was signed: a JSON text.
    pub statement: String,
    /// The signature over its bytes, as lower-case hexadecimal digits.
    pub signature: String,
}

/// Where signatures lie.
pub const FOLDER: &str = "signatures";

/// The key of the signature of an entry by a key.
pub fn key(generation: u64, id: &str) -> String {
    let short = id.get(..8).unwrap_or(id);
    format!("{FOLDER}/{generation:012}-{short}.json")
}

impl Signed {
    /// Its bytes as stored.
    pub fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a signature is always JSON")
    }

    /// Reads a signature and what it says.
    ///
    /// # Errors
    /// What is wrong with its form.
    pub fn read(bytes: &[u8]) -> Result<(Self, Statement), String> {
        let not = |what: &str| format!("is no {what} of the form that `docs/verify.md` gives");
        let signed: Self = serde_json::from_slice(bytes).map_err(|_| not("signature"))?;
        if signed.bytes() != bytes || signed.format_version != FORMAT_VERSION {
            return Err(not("signature"));
        }
        let statement: Statement =
            serde_json::from_str(&signed.statement).map_err(|_| not("statement"))?;
        let fits = statement.of == OF && statement.format_version == FORMAT_VERSION;
        if fits {
            Ok((signed, statement))
        } else {
            Err(not("statement"))
        }
    }

    /// Whether it is one by this key.
    pub fn is_by(&self, key: &PublicKey) -> bool {
        let bytes = unhex(&self.signature);
        self.algorithm == key.algorithm
            && bytes.is_some_and(|it| key.signed(self.statement.as_bytes(), &it))
    }
}

/// Who signs.
#[derive(Clone)]
pub struct Signer(Arc<Inner>);

struct Inner {
    way: Way,
    public: OnceCell<PublicKey>,
}

enum Way {
    Held(Ed25519KeyPair),
    Kms(String),
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The service refused.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The key is of another kind.
    #[error(
        "the key `{0}` at AWS KMS cannot sign here: it takes one for signing, of the spec ECC_NIST_P256 or ECC_NIST_EDWARDS25519"
    )]
    Spec(String),
}

impl Signer {
    /// A key at hand: PKCS #8, PEM or DER.
    ///
    /// # Errors
    /// [`KeyError::Private`].
    pub fn held(bytes: &[u8]) -> Result<Self, KeyError> {
        let der = block(bytes, "PRIVATE KEY").ok_or(KeyError::Private)?;
        // OpenSSL leaves the public half out, which ring takes for a reason to doubt the key.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der);
        let pair = pair.map_err(|_| KeyError::Private)?;
        let mut public = Algorithm::Ed25519.prefix().0.to_vec();
        public.extend_from_slice(pair.public_key().as_ref());
        let public = PublicKey {
            algorithm: Algorithm::Ed25519,
            der: public,
        };
        Ok(Self(Arc::new(Inner {
            way: Way::Held(pair),
            public: OnceCell::new_with(Some(public)),
        })))
    }

    /// A key of AWS KMS; nothing is asked for yet.
    pub fn kms(arn: &str) -> Self {
        Self(Arc::new(Inner {
            way: Way::Kms(arn.to_owned()),
            public: OnceCell::new(),
        }))
    }

    /// Whether it lies at AWS.
    pub fn is_remote(&self) -> bool {
        matches!(self.0.way, Way::Kms(_))
    }

    /// Its public half.
    ///
    /// # Errors
    /// When the service does not give it.
    pub async fn public(&self) -> Result<&PublicKey, SignError> {
        let asked = self.0.public.get_or_try_init(|| async {
            let Way::Kms(arn) = &self.0.way else {
                unreachable!("of a key at hand the public half is known")
            };
            let der = Aws::load().await.public_key(arn).await?;
            PublicKey::read(&der).map_err(|_| SignError::Spec(arn.clone()))
        });
        asked.await
    }

    /// Says of an entry what its bytes hash to.
    ///
    /// # Errors
    /// When the service does not sign.
    pub async fn sign(
        &self,
        (generation, sha256): (u64, String),
        run: RunId,
        at: Timestamp,
    ) -> Result<Signed, SignError> {
        let public = self.public().await?;
        let statement = Statement {
            format_version: FORMAT_VERSION,
            of: OF.to_owned(),
            generation,
            sha256,
            run,
            at,
            key: public.id(),
        };
        let statement = serde_json::to_string(&statement).expect("a statement is always JSON");
        let signature = match &self.0.way {
            Way::Held(pair) => pair.sign(statement.as_bytes()).as_ref().to_vec(),
            Way::Kms(arn) => {
                let aws = Aws::load().await;
                aws.sign(arn, public.algorithm, statement.as_bytes())
                    .await?
            }
        };
        Ok(Signed {
            format_version: FORMAT_VERSION,
            algorithm: public.algorithm,
            statement,
            signature: hex(&signature),
        })
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

/// The bytes of a block of a PEM text (RFC 7468), or what is not PEM as it is.
fn block(bytes: &[u8], label: &str) -> Option<Vec<u8>> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Some(bytes.to_vec());
    };
    let (begin, end) = (
        format!("-----BEGIN {label}-----"),
        format!("-----END {label}-----"),
    );
    let (inside, _) = text.split_once(&begin)?.1.split_once(&end)?;
    base64::decode(inside.trim())
}

/// Bytes of lower-case hexadecimal digits.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = |it: u8| matches!(it, b'0'..=b'9' | b'a'..=b'f');
    if !text.len().is_multiple_of(2) || !text.bytes().all(digits) {
        return None;
    }
    let pairs = (0..text.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Written by `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout`; signs nothing else.
    const KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEICEVwFwt7qOCQ2RCNHJ+RUtB31SgnZ1pxzSQmvbTpDX0
-----END PRIVATE KEY-----
";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA4Et9rsY6PJxLKtbqpMKs6Qp6zTJV2OFLf+YxgKZvGnw=
-----END PUBLIC KEY-----
";
    // A signature of openssl's: `openssl dgst -sha256 -sign KEY` over `rollcall`, P-256.
    const P256: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE3HIOuR5lEyNWLsOTDK9iirXFlqXe
7kAdRuvSooJ6zc3nDdZSqwQHYBYb55Nc2+R3PFS0mDRHCSeU0VX3lnQqMA==
-----END PUBLIC KEY-----
";
    const BY_OPENSSL: &str = "30440220797db046912e1aec8f854a03848fb198153818bd3577623c38335e7399ba83cd02205aa60d74a58a913388d6bc84d799a7fb97a5ac3cb7f49862ddcb4246261e7144";
    const BY_OPENSSL_ED25519: &str = "bccc697289d4ccb17d3bb232d2e9bf6247df38b735057ec8de98eb67118c1fc7a47df2ad6ee2a4f3f02a3324a956f4a319f6be465af23c0696c629e43c7e910d";

    async fn signed() -> Signed {
        let signer = Signer::held(KEY.as_bytes()).unwrap();
        let at = "2026-03-16T02:00:00Z".parse().unwrap();
        let entry = (7, sha256(b"entry"));
        signer.sign(entry, RunId::new("r"), at).await.unwrap()
    }

    #[test]
    fn what_openssl_signs_is_signed() {
        let key = PublicKey::read(P256.as_bytes()).unwrap();
        let signature = unhex(BY_OPENSSL).unwrap();
        assert!(key.signed(b"rollcall", &signature));
        assert!(!key.signed(b"rollcalL", &signature));
        let key = PublicKey::read(PUBLIC.as_bytes()).unwrap();
        let signature = unhex(BY_OPENSSL_ED25519).unwrap();
        assert!(key.signed(b"rollcall", &signature));
        assert!(!key.signed(b"Rollcall", &signature));
    }

    #[tokio::test]
    async fn a_signature_is_of_its_statement_and_key_alone() {
        let signed = signed().await;
        let public = PublicKey::read(PUBLIC.as_bytes()).unwrap();
        assert!(signed.is_by(&public));
        assert!(!signed.is_by(&PublicKey::read(P256.as_bytes()).unwrap()));
        let (read, statement) = Signed::read(&signed.bytes()).unwrap();
        assert_eq!(read, signed);
        assert_eq!((statement.generation, statement.key), (7, public.id()));
        let other = Signed {
            statement: signed.statement.replace(":7,", ":8,"),
            ..signed.clone()
        };
        assert!(!other.is_by(&public));
    }

    /// No byte can be changed into another without being seen, white space and digits included.
    #[tokio::test]
    async fn every_changed_byte_is_seen() {
        let signed = signed().await;
        let public = PublicKey::read(PUBLIC.as_bytes()).unwrap();
        let bytes = signed.bytes();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                let seen = Signed::read(&changed).map_or(true, |(it, _)| !it.is_by(&public));
                assert!(seen, "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_shown() {
        assert_eq!(PublicKey::read(KEY.as_bytes()), Err(KeyError::Public));
        assert_eq!(PublicKey::read(b"\xff\xff"), Err(KeyError::Public));
        assert!(matches!(
            Signer::held(PUBLIC.as_bytes()),
            Err(KeyError::Private)
        ));
        let shown = format!("{:?}", Signer::held(KEY.as_bytes()).unwrap());
        assert_eq!(shown, "Signer");
    }
}
