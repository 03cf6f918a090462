//! From settings to a connected pipeline: what every entry point does the same way.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rollcall_entra::EntraConfig;
use rollcall_http::{Secret, Share};

use crate::aws::{Aws, Urls};
use crate::config::{self, ConfigError, Location, Settings};
use crate::queue::Queue;
use crate::run::RunError;
use crate::store::{Store, StoreError};

/// Longest wait for one answer of the target.
pub const TIMEOUT: Duration = Duration::from_secs(100);

/// Store and queue of a configuration.
pub struct Connected {
    /// The store.
    pub store: Store,
    /// Where it lies, for people.
    pub place: String,
    /// Its folder, where it is one.
    pub folder: Option<PathBuf>,
    /// Where orders go.
    pub queue: Option<Arc<dyn Queue>>,
}

/// Connects store and queue.
///
/// # Errors
/// When a folder cannot be made, or no region or credentials are found.
pub async fn connect(settings: &Settings) -> Result<Connected, StoreError> {
    let config = &settings.config;
    let (store, place, folder, aws) = match &config.store {
        Location::Folder(folder) => {
            // Collected from its components: `hr/.` reads as `hr`.
            let folder: PathBuf = settings.folder.join(folder).components().collect();
            let store = Store::folder(&folder)?;
            let inbox = folder.join("inbox");
            std::fs::create_dir_all(&inbox).map_err(|e| StoreError::Backend {
                key: inbox.display().to_string(),
                why: e.to_string(),
            })?;
            (store, folder.display().to_string(), Some(folder), None)
        }
        Location::Bucket { bucket, prefix } => {
            let aws = Aws::load().await;
            let store = aws.store(bucket, prefix)?;
            let place = format!("s3://{bucket}/{prefix}");
            let place = place.trim_end_matches('/').to_owned();
            (store, place, None, Some(aws))
        }
    };
    let queue = match &config.queue {
        Some(queues) => {
            let aws = match aws {
                Some(aws) => aws,
                None => Aws::load().await,
            };
            let urls = Urls {
                urgent: queues.urgent.clone(),
                bulk: queues.bulk.clone(),
            };
            Some(Arc::new(aws.queues(urls)) as Arc<dyn Queue>)
        }
        None => None,
    };
    Ok(Connected {
        store,
        place,
        folder,
        queue,
    })
}

/// How the connector reaches a real tenant. The secret comes from the environment.
///
/// # Errors
/// When the environment has no secret.
pub fn entra(entra: &config::Entra) -> Result<EntraConfig, RunError> {
    let secret = std::env::var(&entra.client_secret_env).map_err(|_| {
        let name = &entra.client_secret_env;
        refuse(format!(
            "the environment variable `{name}` (target.entra.client_secret_env) is not set"
        ))
    })?;
    let mut config = EntraConfig::new(&entra.tenant_id, &entra.client_id, Secret::new(secret));
    config.login_host.clone_from(&entra.login);
    config.graph_host.clone_from(&entra.graph);
    config.tenant_size = match entra.tenant_size {
        config::TenantSize::S => rollcall_http::TenantSize::S,
        config::TenantSize::M => rollcall_http::TenantSize::M,
        config::TenantSize::L => rollcall_http::TenantSize::L,
    };
    config.share =
        Share::new(entra.share).map_err(|e| refuse(format!("target.entra.share: {e}")))?;
    Ok(config)
}

fn refuse(problem: String) -> RunError {
    RunError::Config(ConfigError {
        problems: vec![problem],
    })
}
