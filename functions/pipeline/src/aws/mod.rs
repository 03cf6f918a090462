//! Amazon Web Services: credentials, the bucket behind a store, the two queues.
//!
//! Credentials come the way the AWS tools find them: environment, profile, role. Nothing of them
//! is kept or shown by us.

mod sqs;

use std::sync::Arc;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_http_client::tls;
use futures::future::BoxFuture;
use object_store::aws::{AmazonS3Builder, AwsCredential};
use object_store::prefix::PrefixStore;

pub use self::sqs::{SqsQueue, Urls};
use crate::store::{Store, StoreError};

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
            .with_credentials(Arc::new(Credentials(credentials)));
        if let Some(endpoint) = self.config.endpoint_url() {
            // A stand-in on this machine speaks plain HTTP; nothing else may.
            builder = builder
                .with_endpoint(endpoint)
                .with_allow_http(is_loopback(endpoint));
        }
        let bucket = builder.build().map_err(|e| fail(e.to_string()))?;
        Ok(if prefix.is_empty() {
            Store::over(Arc::new(bucket))
        } else {
            Store::over(Arc::new(PrefixStore::new(bucket, prefix)))
        })
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
