//! From settings to a connected pipeline: what every entry point does the same way.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rollcall_core::digest::sha256;
use rollcall_entra::{Certificate, EntraConfig};
use rollcall_http::{
    Chance, Clock, Credential, Exchange, Links, Postbox, Proof, Secret, SecretAt, Share,
    TransportError, posting_exchange,
};
use rollcall_rest::Rest;
use rollcall_source::Source;
use rollcall_successfactors::SuccessFactors;
use rollcall_workday::Workday;

use crate::aws::{Aws, Urls};
use crate::config::{self, ConfigError, Federation, Key, Location, Settings, Way};
use crate::key::KeyHolder;
use crate::notify::{
    Channel, FileNotifier, Folder, Notifier, Routes, Signing, Webhook, WebhookNotifier,
};
use crate::pull::Connectors;
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
    /// What evidence is protected with.
    pub key: KeyHolder,
    /// Who we are at AWS, where the store lies there.
    pub cloud: Option<Aws>,
}

/// Connects store and queue.
///
/// # Errors
/// When a folder cannot be made, or no region or credentials are found.
pub async fn connect(settings: &Settings) -> Result<Connected, RunError> {
    let config = &settings.config;
    let bucket = matches!(config.store, Location::Bucket { .. });
    let cloud = if bucket || config.queue.is_some() || matches!(settings.key, Key::Secret(_)) {
        Some(Aws::load().await)
    } else {
        None
    };
    let (store, place, folder) = match (&config.store, &cloud) {
        (Location::Bucket { bucket, prefix }, Some(aws)) => {
            let store = match &config.values {
                Some(Location::Bucket {
                    bucket: values,
                    prefix: below,
                }) => aws.split_store((bucket, prefix), (values, below))?,
                Some(Location::Folder(_)) | None => aws.store(bucket, prefix)?,
            };
            let place = format!("s3://{bucket}/{prefix}");
            (store, place.trim_end_matches('/').to_owned(), None)
        }
        (Location::Folder(folder), _) => {
            // Collected from its components: `hr/.` reads as `hr`.
            let folder: PathBuf = settings.folder.join(folder).components().collect();
            let store = Store::folder(&folder)?;
            let inbox = folder.join("inbox");
            std::fs::create_dir_all(&inbox).map_err(|e| StoreError::Backend {
                key: inbox.display().to_string(),
                why: e.to_string(),
            })?;
            (store, folder.display().to_string(), Some(folder))
        }
        (Location::Bucket { .. }, None) => unreachable!("a bucket is always reached through AWS"),
    };
    let queue = cloud.as_ref().zip(config.queue.as_ref());
    let queue = queue.map(|(aws, queues)| {
        let urls = Urls {
            urgent: queues.urgent.clone(),
            bulk: queues.bulk.clone(),
        };
        Arc::new(aws.queues(urls)) as Arc<dyn Queue>
    });
    let key = match (&settings.key, &cloud) {
        (Key::Held(key), _) => KeyHolder::from(key.clone()),
        (Key::Secret(name), Some(aws)) => KeyHolder::secret(aws.clone(), name, &config.target),
        (Key::Secret(_), None) => unreachable!("a secret is always reached through AWS"),
    };
    Ok(Connected {
        store,
        place,
        folder,
        queue,
        key,
        cloud: cloud.filter(|_| bucket),
    })
}

/// Who passes notices on, where the configuration says so. `store` is the store of the run.
///
/// # Errors
/// When a folder cannot be made, or an address cannot be used.
pub fn notifier(
    settings: &Settings,
    store: &Store,
    clock: Clock,
) -> Result<Option<Arc<dyn Notifier>>, RunError> {
    let Some(notify) = &settings.notify else {
        return Ok(None);
    };
    let mut routes = Routes::default();
    for route in &notify.routes {
        let to: Arc<dyn Notifier> = match &route.to {
            Channel::File(Folder { folder: None }) => {
                Arc::new(FileNotifier::beside_values(store.clone()))
            }
            Channel::File(Folder {
                folder: Some(folder),
            }) => {
                let folder: PathBuf = settings.folder.join(folder).components().collect();
                Arc::new(FileNotifier::into_folder(&folder)?)
            }
            Channel::Webhook(webhook) => Arc::new(hook(webhook, clock)?),
        };
        routes = routes.with(route.ops.iter().copied(), to);
    }
    Ok(Some(Arc::new(routes)))
}

fn hook(webhook: &Webhook, clock: Clock) -> Result<WebhookNotifier, RunError> {
    let signing = match (&webhook.secret_env, &webhook.secret) {
        (Some(name), _) => Signing::Variable(name.clone()),
        (None, Some(name)) => Signing::Kept(name.clone()),
        (None, None) => return Err(refuse("a webhook has no secret".to_owned())),
    };
    let timeout = Duration::from_secs(u64::from(*webhook.timeout_secs.get_ref()));
    let exchange = posting_exchange(timeout).map_err(|e| refuse(format!("notify: {e}")))?;
    let to = Postbox::new(webhook.url.get_ref(), exchange, clock);
    let to = to.map_err(|e| refuse(format!("notify, address of a webhook: {e}")))?;
    Ok(WebhookNotifier::new(to, signing, webhook.idempotent))
}

/// What signs for an application at the login host of its cloud, a new word each time.
fn signing(
    entra: &config::Entra,
) -> impl Fn(&Certificate) -> Result<Secret, String> + Send + Sync + use<> {
    let client = entra.client_id.clone();
    let audience = format!("{}/{}/oauth2/v2.0/token", entra.login(), entra.tenant_id);
    let clock = Clock::system();
    move |certificate: &Certificate| {
        let random = "the operating system gives no random bytes";
        let ids = Chance::seeded(getrandom::u64().map_err(|_| random.to_owned())?);
        certificate.word(&client, &audience, &ids.guid(), clock.now())
    }
}

/// How the connector reaches a real tenant: with a secret of the environment or of AWS, or with
/// none at all.
///
/// # Errors
/// When there is no such secret.
///
/// `folder` is where the configuration lies.
pub async fn entra(entra: &config::Entra, folder: &Path) -> Result<EntraConfig, RunError> {
    let certified = |pem: &str, place: &str| {
        Certificate::read(pem)
            .map_err(|e| format!("{place} is no certificate to sign in with: {e}"))
    };
    let credential = match (
        &entra.client_secret_env,
        &entra.client_secret,
        entra.federation,
    ) {
        _ if entra.certificate_file.is_some() => {
            let file = folder.join(entra.certificate_file.as_deref().unwrap_or(folder));
            let place = file.display().to_string();
            let pem = std::fs::read_to_string(&file);
            let pem = pem.map_err(|e| refuse(format!("{place} cannot be read: {e}")))?;
            let certificate = Arc::new(certified(&pem, &place).map_err(refuse)?);
            let word = signing(entra);
            Credential::Assertion(Proof::new(move || {
                let signed = word(&certificate);
                Box::pin(async move { signed })
            }))
        }
        _ if entra.certificate.is_some() => {
            let name = entra.certificate.clone().unwrap_or_default();
            let kept = Aws::load().await.kept(&name);
            let word = Arc::new(signing(entra));
            Credential::Assertion(Proof::new(move || {
                let (kept, word, name) = (kept.clone(), Arc::clone(&word), name.clone());
                Box::pin(async move {
                    // Looked up for every token, so that a new one counts at once.
                    let pem = kept.ask().await?;
                    let place = format!("the secret `{name}`");
                    word(&certified(pem.reveal(), &place)?)
                })
            }))
        }
        (Some(name), ..) => {
            let secret = std::env::var(name).map_err(|_| {
                refuse(format!(
                    "the environment variable `{name}` (target.entra.client_secret_env) is not set"
                ))
            })?;
            Credential::Secret(Secret::new(secret))
        }
        (None, Some(name), _) => Credential::Kept(Aws::load().await.kept(name)),
        (None, None, Some(Federation::Aws)) => {
            let audience = entra.cloud.audience();
            Credential::Assertion(Aws::load().await.federation(audience))
        }
        (None, None, None) => return Err(refuse("target.entra has no credential".to_owned())),
    };
    let mut config = EntraConfig::new(&entra.tenant_id, &entra.client_id, credential);
    entra.login().clone_into(&mut config.login_host);
    entra.graph().clone_into(&mut config.graph_host);
    config.tenant_size = match entra.tenant_size {
        config::TenantSize::S => rollcall_http::TenantSize::S,
        config::TenantSize::M => rollcall_http::TenantSize::M,
        config::TenantSize::L => rollcall_http::TenantSize::L,
    };
    config.share =
        Share::new(entra.share).map_err(|e| refuse(format!("target.entra.share: {e}")))?;
    Ok(config)
}

/// Sources that are asked, ready to be. `exchange` carries the questions to a source of a name.
///
/// # Errors
/// Without a transport. What is wrong with one source stands in its place.
pub fn connectors(
    settings: &Settings,
    exchange: &(dyn Fn(&str) -> Result<Exchange, RunError> + Sync),
    clock: Clock,
) -> Result<Connectors, RunError> {
    let mut out = Connectors::new();
    let sources = settings.config.source.0.iter();
    for source in sources.filter(|source| source.file.is_none()) {
        let folder = settings.folder.clone();
        let secrets = move |at: &SecretAt| Ok(kept(at, &folder));
        let seed = sha256(source.name.as_bytes());
        let links = Links {
            exchange: exchange(&source.name)?,
            clock,
            seed: u64::from_str_radix(&seed[..16], 16).unwrap_or(0),
            secrets: &secrets,
        };
        let made = source.ways().find_map(|way| connector(way, &links));
        let made = made.unwrap_or_else(|| Err(vec!["nothing says where to ask".to_owned()]));
        let made = made.and_then(|connector| {
            let feed = settings.feeds.get(&source.name);
            let mapping = &feed.unwrap_or(settings.feeds.home()).mapping;
            let columns: Vec<String> = mapping.columns().into_iter().collect();
            connector.lacks(&columns).map(|()| connector)
        });
        out.insert(source.name.clone(), made);
    }
    Ok(out)
}

/// Longest wait for one answer of a source: Workday gathers everybody before its first page.
pub const SOURCE_TIMEOUT: Duration = Duration::from_mins(10);

/// No transport to a source.
pub fn unusable(error: &TransportError) -> RunError {
    refuse(format!("sources: {error}"))
}

/// A connector as it is asked, or what is wrong; `None` for files.
type Connector = Option<Result<Arc<dyn Source>, Vec<String>>>;

fn connector(way: Way<'_>, links: &Links<'_>) -> Connector {
    match way {
        Way::File(_) => None,
        Way::Workday(config) => {
            let made = Workday::open(config.clone(), links);
            Some(made.map(|it| Arc::new(it) as _))
        }
        Way::SuccessFactors(config) => {
            let made = SuccessFactors::new(config.clone(), links);
            Some(made.map(|it| Arc::new(it) as _))
        }
        Way::Rest(config) => Some(Rest::new(config, links).map(|it| Arc::new(it) as _)),
    }
}

/// Gives a secret from where it is kept, looked up each time so that a new one counts at once.
fn kept(at: &SecretAt, folder: &Path) -> Proof {
    match at {
        SecretAt::Secret(name) => {
            let name = name.clone();
            Proof::new(move || {
                let name = name.clone();
                Box::pin(async move { Aws::load().await.kept(&name).ask().await })
            })
        }
        SecretAt::Env(name) => {
            let name = name.clone();
            Proof::new(move || {
                let value = std::env::var(&name);
                let value = value
                    .map(Secret::new)
                    .map_err(|_| format!("the environment variable `{name}` is not set"));
                Box::pin(async move { value })
            })
        }
        SecretAt::File(file) => {
            let file = folder.join(file);
            Proof::new(move || {
                let text = std::fs::read_to_string(&file);
                let text = text
                    .map(|it| Secret::new(it.trim_end_matches(['\r', '\n'])))
                    .map_err(|e| format!("{} cannot be read: {}", file.display(), e.kind()));
                Box::pin(async move { text })
            })
        }
    }
}

fn refuse(problem: String) -> RunError {
    RunError::Config(ConfigError {
        problems: vec![problem],
    })
}
