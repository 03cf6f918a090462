//! A SAML 2.0 assertion, signed here: what stands in for a password at the token endpoint.
//!
//! Sources: "Generating a SAML Assertion" (SAP SuccessFactors HCM suite OData API: developer guide), RFC
//! 7522, "Exclusive XML Canonicalization 1.0", "XML Signature Syntax and Processing 1.1". The text is
//! built in canonical form, so that what is hashed is what is sent. Invariant: the key never leaves
//! this process, and is in no error, log or `Debug`.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::RSA_PKCS1_SHA256;
use rollcall_core::base64;

/// How long before now an assertion is good already: clocks differ.
const EARLY: SignedDuration = SignedDuration::from_mins(1);

const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

/// What an assertion says.
#[derive(Debug, Clone, Copy)]
pub struct Assertion<'a> {
    /// Who vouches.
    pub issuer: &'a str,
    /// For whom.
    pub user: &'a str,
    /// The user is named by log-in name and not by user ID.
    pub by_username: bool,
    /// The API key of the client.
    pub api_key: &'a str,
    /// Who is to believe it.
    pub audience: &'a str,
    /// Where it is sent.
    pub recipient: &'a str,
    /// Seconds until it is worth nothing.
    pub lifetime: u32,
}

/// A private key, with its certificate where the text has one.
pub struct Key {
    pair: KeyPair,
    certificate: Option<String>,
}

/// Why a text is no key; without any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No block of a private key.
    #[error(
        "there is no `PRIVATE KEY` in it: it takes an unencrypted PKCS #8 key as PEM text \
         (`openssl pkcs8 -topk8 -nocrypt`)"
    )]
    Missing,
    /// It opens with a password only.
    #[error("the key is encrypted: store it without a password (`openssl pkcs8 -topk8 -nocrypt`)")]
    Encrypted,
    /// Not base64.
    #[error("its `PRIVATE KEY` cannot be read")]
    Unreadable,
    /// Not RSA, or of a length that is not taken.
    #[error("its key is no RSA key of 2,048 to 4,096 bits")]
    Kind,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// From a PEM text with a `PRIVATE KEY`; a `CERTIFICATE` beside it is shown with every signature.
    ///
    /// # Errors
    /// [`KeyError`], when it cannot be used.
    pub fn read(pem: &str) -> Result<Self, KeyError> {
        let Some(key) = block(pem, "PRIVATE KEY") else {
            let encrypted = pem.contains("ENCRYPTED");
            return Err(if encrypted {
                KeyError::Encrypted
            } else {
                KeyError::Missing
            });
        };
        let key = base64::decode(key).ok_or(KeyError::Unreadable)?;
        let certificate = block(pem, "CERTIFICATE").and_then(base64::decode);
        Ok(Self {
            pair: KeyPair::from_pkcs8(&key).map_err(|_| KeyError::Kind)?,
            certificate: certificate.map(|it| base64::encode(&it)),
        })
    }

    /// Its RSA public key (PKCS #1, DER), for whoever checks signatures.
    pub fn public(&self) -> &[u8] {
        self.pair.public().as_ref()
    }

    fn sign(&self, text: &str) -> Result<Vec<u8>, String> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        let random = SystemRandom::new();
        self.pair
            .sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature)
            .map_err(|_| "the operating system gives no random bytes to sign with".to_owned())?;
        Ok(signature)
    }
}

impl Assertion<'_> {
    /// The assertion as XML, signed. `id` is never used twice.
    ///
    /// # Errors
    /// When it cannot be signed; nothing of the key is in the text.
    pub fn signed(&self, key: &Key, id: &str, now: Timestamp) -> Result<String, String> {
        let (head, tail) = self.body(id, now);
        let hash = digest(&SHA256, format!("{head}{tail}").as_bytes());
        let hash = base64::encode(hash.as_ref());
        // Canonical form puts the name space on the element that stands alone.
        let info = |space: &str| signed_info(space, id, &hash);
        let signature = key.sign(&info(&format!(r#" xmlns:ds="{DSIG}""#)))?;
        let shown = key.certificate.as_ref().map_or_else(String::new, |it| {
            format!(
                "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{it}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
            )
        });
        Ok(format!(
            r#"{head}<ds:Signature xmlns:ds="{DSIG}">{}<ds:SignatureValue>{}</ds:SignatureValue>{shown}</ds:Signature>{tail}"#,
            info(""),
            base64::encode(&signature),
        ))
    }

    /// Canonical text before and behind the place of the signature.
    fn body(&self, id: &str, now: Timestamp) -> (String, String) {
        let second = |at: Timestamp| {
            let whole = Timestamp::from_second(at.as_second()).unwrap_or(at);
            whole.to_string()
        };
        let after = |by: SignedDuration| now.checked_add(by).unwrap_or(now);
        let (begin, early) = (second(now), second(after(-EARLY)));
        let end = second(after(SignedDuration::from_secs(self.lifetime.into())));
        let head = format!(
            "<saml2:Assertion xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\" \
             xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" ID=\"{id}\" IssueInstant=\"{begin}\" \
             Version=\"2.0\"><saml2:Issuer>{}</saml2:Issuer>",
            text(self.issuer)
        );
        let attribute = |name: &str, value: &str| {
            format!(
                "<saml2:Attribute Name=\"{name}\"><saml2:AttributeValue \
                 xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"xs:string\">{}\
                 </saml2:AttributeValue></saml2:Attribute>",
                text(value)
            )
        };
        let tail = format!(
            "<saml2:Subject><saml2:NameID \
             Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified\">{user}</saml2:NameID>\
             <saml2:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
             <saml2:SubjectConfirmationData NotOnOrAfter=\"{end}\" Recipient=\"{recipient}\">\
             </saml2:SubjectConfirmationData></saml2:SubjectConfirmation></saml2:Subject>\
             <saml2:Conditions NotBefore=\"{early}\" NotOnOrAfter=\"{end}\">\
             <saml2:AudienceRestriction><saml2:Audience>{audience}</saml2:Audience>\
             </saml2:AudienceRestriction></saml2:Conditions>\
             <saml2:AuthnStatement AuthnInstant=\"{begin}\" SessionIndex=\"{id}\">\
             <saml2:AuthnContext><saml2:AuthnContextClassRef>\
             urn:oasis:names:tc:SAML:2.0:ac:classes:X509</saml2:AuthnContextClassRef>\
             </saml2:AuthnContext></saml2:AuthnStatement>\
             <saml2:AttributeStatement>{api_key}{by_username}</saml2:AttributeStatement>\
             </saml2:Assertion>",
            user = text(self.user),
            recipient = attribute_text(self.recipient),
            audience = text(self.audience),
            api_key = attribute("api_key", self.api_key),
            by_username = attribute(
                "use_username",
                if self.by_username { "true" } else { "false" }
            ),
        );
        (head, tail)
    }
}

/// What is signed: the hash of the assertion, and how it was made.
fn signed_info(space: &str, id: &str, hash: &str) -> String {
    // Nothing but a word in an attribute uses the prefix `xs`, so that it has to be named.
    format!(
        "<ds:SignedInfo{space}><ds:CanonicalizationMethod Algorithm=\"{EXCLUSIVE}\">\
         </ds:CanonicalizationMethod>\
         <ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\">\
         </ds:SignatureMethod><ds:Reference URI=\"#{id}\"><ds:Transforms>\
         <ds:Transform Algorithm=\"{DSIG}enveloped-signature\"></ds:Transform>\
         <ds:Transform Algorithm=\"{EXCLUSIVE}\"><ec:InclusiveNamespaces \
         xmlns:ec=\"{EXCLUSIVE}\" PrefixList=\"xs\"></ec:InclusiveNamespaces></ds:Transform>\
         </ds:Transforms><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\">\
         </ds:DigestMethod><ds:DigestValue>{hash}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
    )
}

/// The inside of a block of a PEM text (RFC 7468).
fn block<'a>(pem: &'a str, label: &str) -> Option<&'a str> {
    let (begin, end) = (
        format!("-----BEGIN {label}-----"),
        format!("-----END {label}-----"),
    );
    let (_, rest) = pem.split_once(&begin)?;
    Some(rest.split_once(&end)?.0.trim())
}

/// Text between tags, in canonical form.
fn text(plain: &str) -> String {
    let plain = plain.replace('&', "&amp;").replace('<', "&lt;");
    plain.replace('>', "&gt;").replace('\r', "&#xD;")
}

/// Text of an attribute, in canonical form.
fn attribute_text(plain: &str) -> String {
    let plain = plain
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;");
    let plain = plain.replace('\t', "&#x9;").replace('\n', "&#xA;");
    plain.replace('\r', "&#xD;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = include_str!("../tests/data/key.pem");

    fn sample() -> Assertion<'static> {
        Assertion {
            issuer: "api-key-1",
            user: "sf<api>&co",
            by_username: false,
            api_key: "api-key-1",
            audience: "www.successfactors.com",
            recipient: "https://api4.successfactors.com/oauth/token",
            lifetime: 600,
        }
    }

    /// Times come from the clock, and texts of people cannot end an element.
    #[test]
    fn times_and_texts_are_where_they_belong() {
        let key = Key::read(PEM).unwrap();
        let now = "2026-03-16T10:00:00.5Z".parse().unwrap();
        let xml = sample().signed(&key, "_1", now).unwrap();
        for part in [
            r#"IssueInstant="2026-03-16T10:00:00Z""#,
            r#"NotBefore="2026-03-16T09:59:00Z" NotOnOrAfter="2026-03-16T10:10:00Z""#,
            r#"Recipient="https://api4.successfactors.com/oauth/token""#,
            ">sf&lt;api&gt;&amp;co</saml2:NameID>",
            r##"<ds:Reference URI="#_1">"##,
        ] {
            assert!(xml.contains(part), "{part}");
        }
        assert!(!xml.contains("KeyInfo"), "no certificate was given");
        assert_eq!(
            xml,
            sample().signed(&key, "_1", now).unwrap(),
            "RSA with PKCS #1 is stable"
        );
    }

    /// Text → what is said of it; and nothing of the key is.
    #[test]
    fn what_is_no_key_is_said() {
        let broken = PEM.replacen("MII", "M!I", 1);
        let encrypted = PEM.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        let public = PEM.replacen("MII", "AAAA", 1);
        for (text, error) in [
            ("", KeyError::Missing),
            (broken.as_str(), KeyError::Unreadable),
            (encrypted.as_str(), KeyError::Encrypted),
        ] {
            assert_eq!(Key::read(text).unwrap_err(), error);
        }
        assert!(Key::read(&public).is_err());
        assert_eq!(format!("{:?}", Key::read(PEM).unwrap()), "Key");
    }
}
