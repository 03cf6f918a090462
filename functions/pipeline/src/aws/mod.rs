//! Amazon Web Services: credentials, the bucket behind a store, the two queues.
//!
//! Credentials come the way the AWS tools find them: environment, profile, role. Nothing of them
//! is kept or shown by us.

mod sqs;

use std::sync::Arc;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls;
use futures::future::BoxFuture;
use object_store::ObjectStore;
use object_store::aws::{AmazonS3Builder, AwsCredential, Checksum};
use object_store::prefix::PrefixStore;
use rollcall_http::{Proof, Secret};

pub use self::sqs::{SqsQueue, Urls};
use crate::sign::Algorithm;
use crate::store::{Store, StoreError};

/// A service of AWS did not give what was asked of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct AwsError {
    what: String,
    why: String,
}

/// Code and message of a refusal, or what kept it from coming. An answer that cannot be read is not
/// shown: it may be a token.
fn because<E>(error: &SdkError<E>) -> String
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => return format!("{code}: {message}"),
        (Some(code), None) => return code.to_owned(),
        (None, _) => {}
    }
    if let Some(answer) = error.raw_response() {
        return format!("an answer {} that cannot be read", answer.status());
    }
    let mut why = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(deeper) = source {
        why = format!("{why}: {deeper}");
        source = deeper.source();
    }
    why
}

/// What every client is made from.
#[derive(Debug, Clone)]
pub struct Aws {
    config: SdkConfig,
}

impl Aws {
    /// Finds region and credentials in the environment, a profile or the role of the machine.
    pub async fn load() -> Self {
        // The object store asks for the provider of the process. One that is there is ring too.
        let _there = rustls::crypto::ring::default_provider().install_default();
        let client = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(
                tls::rustls_provider::CryptoMode::Ring,
            ))
            .build_https();
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(client)
            .load()
            .await;
        Self { config }
    }

    /// The store below a prefix of a bucket.
    ///
    /// # Errors
    /// When no region or credentials are found.
    pub fn store(&self, bucket: &str, prefix: &str) -> Result<Store, StoreError> {
        Ok(Store::over(self.bucket(bucket, prefix)?))
    }

    /// A store in two places: evidence in one bucket, where it may be locked, and what expires
    /// in another.
    ///
    /// # Errors
    /// When no region or credentials are found.
    pub fn split_store(
        &self,
        (evidence, evidence_prefix): (&str, &str),
        (values, values_prefix): (&str, &str),
    ) -> Result<Store, StoreError> {
        Ok(Store::apart(
            self.bucket(evidence, evidence_prefix)?,
            self.bucket(values, values_prefix)?,
        ))
    }

    fn bucket(&self, bucket: &str, prefix: &str) -> Result<Arc<dyn ObjectStore>, StoreError> {
        let fail = |why: String| StoreError::Backend {
            key: format!("s3://{bucket}/{prefix}"),
            why,
        };
        let region = self.config.region().ok_or_else(|| {
            fail("no AWS region is set: set AWS_REGION or choose a profile that has one".to_owned())
        })?;
        let credentials = self.config.credentials_provider().ok_or_else(|| {
            fail("no AWS credentials are found: sign in, or set AWS_PROFILE".to_owned())
        })?;
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(region.as_ref())
            .with_credentials(Arc::new(Credentials(credentials)))
            // A bucket with Object Lock takes nothing that comes without one.
            .with_checksum_algorithm(Checksum::SHA256);
        if let Some(endpoint) = self.config.endpoint_url() {
            // A stand-in on this machine speaks plain HTTP; nothing else may.
            builder = builder
                .with_endpoint(endpoint)
                .with_allow_http(is_loopback(endpoint));
        }
        let bucket = builder.build().map_err(|e| fail(e.to_string()))?;
        Ok(if prefix.is_empty() {
            Arc::new(bucket)
        } else {
            Arc::new(PrefixStore::new(bucket, prefix))
        })
    }

    /// The text of a secret in Secrets Manager, its current version.
    ///
    /// # Errors
    /// When it cannot be read; the error names it and says nothing of it.
    pub async fn secret(&self, name: &str) -> Result<Secret, AwsError> {
        let client = aws_sdk_secretsmanager::Client::new(&self.config);
        let got = client.get_secret_value().secret_id(name).send().await;
        let got = got.map_err(|error| AwsError {
            what: format!("the secret `{name}` cannot be read"),
            why: because(&error),
        })?;
        let text = got.secret_string().ok_or_else(|| AwsError {
            what: format!("the secret `{name}` cannot be read"),
            why: "it is binary, not text".to_owned(),
        })?;
        Ok(Secret::new(text.to_owned()))
    }

    /// A secret that is looked up each time it is needed.
    pub fn kept(&self, name: &str) -> Proof {
        let (aws, name) = (self.clone(), name.to_owned());
        Proof::new(move || {
            let (aws, name) = (aws.clone(), name.clone());
            Box::pin(async move { aws.secret(&name).await.map_err(|e| e.to_string()) })
        })
    }

    /// Who the credentials prove: what policies call `aws:userid`. Source: "IAM identifiers",
    /// `GetCallerIdentity` in the STS reference.
    ///
    /// # Errors
    /// When the token service does not say.
    pub async fn caller(&self) -> Result<String, AwsError> {
        let client = aws_sdk_sts::Client::new(&self.config);
        let said = client.get_caller_identity().send().await;
        let fail = |why: String| AwsError {
            what: "the token service does not say whose credentials these are".to_owned(),
            why,
        };
        let said = said.map_err(|error| fail(because(&error)))?;
        let id = said.user_id().map(str::to_owned);
        id.ok_or_else(|| fail("its answer has no user id".to_owned()))
    }

    /// Tokens by which another party knows this process, for `audience`. Source: "Getting
    /// started with outbound identity federation" (IAM User Guide): off until an account
    /// switches it on, and not to be had of the global endpoint.
    pub fn federation(&self, audience: &'static str) -> Proof {
        let client = aws_sdk_sts::Client::new(&self.config);
        Proof::new(move || {
            let client = client.clone();
            Box::pin(async move {
                let ask = client.get_web_identity_token().audience(audience);
                let given = ask.signing_algorithm("RS256").duration_seconds(300).send();
                let given = given.await.map_err(|error| because(&error))?;
                let token = given.web_identity_token();
                let token = token.ok_or("the token service's answer has no token")?;
                Ok(Secret::new(token.to_owned()))
            })
        })
    }

    /// The public half of a key of KMS: `SubjectPublicKeyInfo`, DER. Source: `GetPublicKey` in the
    /// KMS reference.
    ///
    /// # Errors
    /// When the service does not give it.
    pub async fn public_key(&self, key: &str) -> Result<Vec<u8>, AwsError> {
        let client = aws_sdk_kms::Client::new(&self.config);
        let got = client.get_public_key().key_id(key).send().await;
        let fail = |why: String| AwsError {
            what: format!("the public half of the key `{key}` cannot be read"),
            why,
        };
        let got = got.map_err(|error| fail(because(&error)))?;
        let der = got.public_key().map(|it| it.as_ref().to_vec());
        der.ok_or_else(|| fail("the answer has none".to_owned()))
    }

    /// A signature by a key of KMS; for P-256 in DER. Source: `Sign` in the KMS reference: a message
    /// as it is may have 4,096 bytes.
    ///
    /// # Errors
    /// When the service does not sign.
    pub async fn sign(
        &self,
        key: &str,
        algorithm: Algorithm,
        message: &[u8],
    ) -> Result<Vec<u8>, AwsError> {
        let client = aws_sdk_kms::Client::new(&self.config);
        let spec = match algorithm {
            Algorithm::Ed25519 => SigningAlgorithmSpec::Ed25519Sha512,
            Algorithm::P256 => SigningAlgorithmSpec::EcdsaSha256,
        };
        let ask = client.sign().key_id(key).message_type(MessageType::Raw);
        let ask = ask.message(Blob::new(message)).signing_algorithm(spec);
        let fail = |why: String| AwsError {
            what: format!("the key `{key}` does not sign"),
            why,
        };
        let signed = ask.send().await.map_err(|error| fail(because(&error)))?;
        let signature = signed.signature().map(|it| it.as_ref().to_vec());
        signature.ok_or_else(|| fail("the answer has no signature".to_owned()))
    }

    /// The two lanes.
    pub fn queues(&self, urls: Urls) -> SqsQueue {
        SqsQueue::new(&self.config, urls)
    }
}

/// Credentials of the SDK for the object store: looked up anew when they ran out.
#[derive(Debug)]
struct Credentials(SharedCredentialsProvider);

impl object_store::CredentialProvider for Credentials {
    type Credential = AwsCredential;

    fn get_credential<'a, 'b>(&'a self) -> BoxFuture<'b, object_store::Result<Arc<AwsCredential>>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let found = self.0.provide_credentials().await;
            let found = found.map_err(|source| object_store::Error::Generic {
                store: "S3",
                source: Box::new(source),
            })?;
            Ok(Arc::new(AwsCredential {
                key_id: found.access_key_id().to_owned(),
                secret_key: found.secret_access_key().to_owned(),
                token: found.session_token().map(str::to_owned),
            }))
        })
    }
}

fn is_loopback(endpoint: &str) -> bool {
    endpoint
        .strip_prefix("http://")
        .and_then(|rest| rest.split(['/', ':']).next())
        .is_some_and(|host| host == "localhost" || host == "127.0.0.1")
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use aws_config::Region;
    use aws_credential_types::Credentials;

    use super::*;

    #[tokio::test]
    async fn an_answer_that_cannot_be_read_is_not_shown() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _asked = stream.read(&mut [0; 8192]).unwrap();
                let body = "<Other><Token>the-secret-itself</Token></Other>";
                let length = body.len();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                stream
                    .write_all(format!("{head}{body}").as_bytes())
                    .unwrap();
            }
        });
        let mine = Credentials::builder()
            .access_key_id("mine")
            .secret_access_key("not shown")
            .provider_name("test")
            .build();
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(endpoint)
            .region(Region::from_static("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(mine))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        let aws = Aws { config };
        let refused = aws.caller().await.unwrap_err();
        let said = format!("{refused} {refused:?}");
        assert!(said.contains("an answer 200 that cannot be read"), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
}
