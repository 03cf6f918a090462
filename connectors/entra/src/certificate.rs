//! A certificate in place of a secret: the application signs a word of its own for the login host.
//!
//! Source: "Microsoft identity platform application authentication certificate credentials"
//! (certificate-credentials.md): `PS256`, `x5t#S256`, audience the token endpoint, ten minutes at most.
//! Invariant: the key is in no error, log or `Debug`.

use std::fmt;

use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::RSA_PSS_SHA256;
use rollcall_core::base64;
use rollcall_http::Secret;
use serde_json::json;

/// How long a word is good, in seconds.
const LASTS: i64 = 300;

/// A certificate with its key.
pub struct Certificate {
    key: KeyPair,
    /// Base64url of the SHA-256 of the certificate: what the directory knows it by.
    thumbprint: String,
}

/// Why a certificate cannot be used; without any of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// A block is missing.
    #[error(
        "there is no `{0}` in it: it takes the certificate and its unencrypted PKCS #8 key in one PEM text"
    )]
    Missing(&'static str),
    /// A block is no base64.
    #[error("its `{0}` cannot be read")]
    Unreadable(&'static str),
    /// The key is none of RSA, or of a length that is not taken.
    #[error("its key is no RSA key of 2,048 to 4,096 bits")]
    Key,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Certificate");
        shown
            .field("thumbprint", &self.thumbprint)
            .finish_non_exhaustive()
    }
}

impl Certificate {
    /// From a PEM text with a `CERTIFICATE` and a `PRIVATE KEY`, in any order.
    ///
    /// # Errors
    /// When one of them is missing or cannot be used.
    pub fn read(pem: &str) -> Result<Self, CertificateError> {
        let certificate = block(pem, "CERTIFICATE")?;
        let key = block(pem, "PRIVATE KEY")?;
        Ok(Self {
            key: KeyPair::from_pkcs8(&key).map_err(|_| CertificateError::Key)?,
            thumbprint: url(digest(&SHA256, &certificate).as_ref()),
        })
    }

    /// Base64url of the SHA-256 of the certificate.
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Its RSA public key (PKCS #1, DER): what is uploaded besides the certificate to whoever only checks signatures.
    pub fn public_key(&self) -> &[u8] {
        self.key.public().as_ref()
    }

    /// A word for one asking: who the application is, for the token endpoint `audience`. `id` is
    /// never used twice.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn word(
        &self,
        client_id: &str,
        audience: &str,
        id: &str,
        now: Timestamp,
    ) -> Result<Secret, String> {
        let begin = now.as_second();
        let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint});
        let claims = json!({
            "aud": audience, "iss": client_id, "sub": client_id, "jti": id,
            "iat": begin, "nbf": begin, "exp": begin + LASTS,
        });
        let part = |it: &serde_json::Value| url(it.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(
                &RSA_PSS_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .map_err(|_| "the operating system gives no random bytes to sign with".to_owned())?;
        Ok(Secret::new(format!("{signed}.{}", url(&signature))))
    }
}

/// The bytes of a block of a PEM text (RFC 7468).
fn block(pem: &str, label: &'static str) -> Result<Vec<u8>, CertificateError> {
    let (begin, end) = (
        format!("-----BEGIN {label}-----"),
        format!("-----END {label}-----"),
    );
    let inside = pem
        .split_once(&begin)
        .and_then(|(_, rest)| rest.split_once(&end));
    let (inside, _) = inside.ok_or(CertificateError::Missing(label))?;
    base64::decode(inside.trim()).ok_or(CertificateError::Unreadable(label))
}

/// Base64 for URLs, without padding (RFC 4648 section 5).
fn url(bytes: &[u8]) -> String {
    let text = base64::encode(bytes);
    text.trim_end_matches('=')
        .replace('+', "-")
        .replace('/', "_")
}

#[cfg(test)]
mod tests {
    use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    const PEM: &str = include_str!("../tests/data/rehearsal-certificate.pem");
    const AUDIENCE: &str = "https://login.microsoftonline.com/t1/oauth2/v2.0/token";

    fn parts(word: &Secret) -> Vec<String> {
        word.reveal().split('.').map(str::to_owned).collect()
    }

    fn bytes(part: &str) -> Vec<u8> {
        let text = part.replace('-', "+").replace('_', "/");
        let padding = "=".repeat((4 - text.len() % 4) % 4);
        base64::decode(&(text + &padding)).unwrap()
    }

    /// What the login host checks: algorithm, certificate, claims, and the signature with the public key.
    #[test]
    fn a_word_is_signed_as_documented() {
        let certificate = Certificate::read(PEM).unwrap();
        let now = "2026-03-16T02:00:00Z".parse().unwrap();
        let word = certificate.word("c1", AUDIENCE, "j1", now).unwrap();
        let parts = parts(&word);
        let [header, claims, signature] = &parts[..] else {
            panic!("three parts")
        };
        let header: serde_json::Value = serde_json::from_slice(&bytes(header)).unwrap();
        assert_eq!(header["alg"], "PS256");
        assert_eq!(header["x5t#S256"], certificate.thumbprint());
        let said: serde_json::Value = serde_json::from_slice(&bytes(claims)).unwrap();
        let begin = 1_773_626_400;
        assert_eq!(
            said,
            json!({
                "aud": AUDIENCE, "iss": "c1", "sub": "c1", "jti": "j1",
                "iat": begin, "nbf": begin, "exp": begin + 300
            })
        );
        let public = certificate.key.public().as_ref();
        let public = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, public);
        let signed = word
            .reveal()
            .rsplit_once('.')
            .unwrap()
            .0
            .as_bytes()
            .to_vec();
        let verifies = |message: &[u8]| public.verify(message, &bytes(signature)).is_ok();
        assert!(verifies(&signed));
        let mut other = signed;
        other[0] ^= 1;
        assert!(!verifies(&other));
    }

    /// Text → what is said of it; and nothing of the key is.
    #[test]
    fn what_is_no_certificate_is_said() {
        let key = PEM.split("-----BEGIN CERTIFICATE-----").next().unwrap();
        let certificate = PEM.split("-----END PRIVATE KEY-----").nth(1).unwrap();
        let broken = PEM.replacen("MII", "M!I", 1);
        let swapped = PEM
            .replacen("PRIVATE KEY", "X", 2)
            .replace("CERTIFICATE", "PRIVATE KEY");
        for (text, said) in [
            ("", "no `CERTIFICATE`"),
            (key, "no `CERTIFICATE`"),
            (certificate, "no `PRIVATE KEY`"),
            (broken.as_str(), "cannot be read"),
            (swapped.as_str(), "no `CERTIFICATE`"),
        ] {
            let error = Certificate::read(text).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
            assert!(!error.contains("MII"));
        }
        let shown = format!("{:?}", Certificate::read(PEM).unwrap());
        assert!(shown.contains("thumbprint") && shown.len() < 100, "{shown}");
        let both = format!("{certificate}{key}");
        assert!(Certificate::read(&both).is_ok(), "in any order");
    }
}
