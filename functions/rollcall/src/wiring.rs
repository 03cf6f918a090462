//! From a configuration to a pipeline: which target, which transport, which clock.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use rollcall_core::digest::sha256;
use rollcall_entra::{Entra, EntraConfig};
use rollcall_http::{Clock, Exchange, Secret, reqwest_exchange};
use rollcall_pipeline::config::{self, Settings};
use rollcall_pipeline::entra::EntraTarget;
use rollcall_pipeline::pull::Connectors;
use rollcall_pipeline::run::Pipeline;
use rollcall_pipeline::sign::Signer;
use rollcall_pipeline::store::Store;
use rollcall_pipeline::wiring;
use rollcall_rehearsal::{DeviceAction, Faults, Tenant, TenantOptions};

/// What a command works with.
pub(crate) struct Wired {
    pub(crate) pipeline: Pipeline,
    pub(crate) entra: Entra,
}

/// Wraps what carries the calls and what keeps the objects: how tests make them fail.
pub trait Wrap: Send + Sync {
    /// Around every outbound call.
    fn exchange(&self, inner: Exchange) -> Exchange {
        inner
    }
    /// What carries questions to a source that is asked, in place of the network.
    fn source(&self, _name: &str) -> Option<MakeExchange> {
        None
    }
    /// Around every stored object.
    fn store(&self, inner: Store) -> Store {
        inner
    }
}

/// Makes what carries the questions, on a clock.
pub type MakeExchange = Box<dyn Fn(Clock) -> Exchange>;

/// Nothing around anything.
pub struct Plain;
impl Wrap for Plain {}

/// A runtime for a configuration: where the tenant is simulated in this process, time is virtual
/// and waiting costs nothing; otherwise the clock is the machine's.
pub(crate) fn runtime(simulated: bool) -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = if simulated {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.start_paused(true);
        builder
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    builder
        .enable_all()
        .build()
        .context("the async runtime does not start")
}

/// A simulated clock jumps while it waits for a real socket: it needs a store without one.
pub(crate) fn simulated(settings: &Settings, wrap: &dyn Wrap) -> bool {
    let near = |it: &config::Source| it.file.is_some() || wrap.source(&it.name).is_some();
    settings.config.source.0.iter().all(near)
        && matches!(settings.config.target, config::Target::Rehearsal(_))
        && matches!(settings.config.store, config::Location::Folder(_))
        && settings.config.queue.is_none()
        && matches!(settings.key, config::Key::Held(_))
        && !settings.signer.as_ref().is_some_and(Signer::is_remote)
}

pub(crate) fn read(path: &Path) -> anyhow::Result<Settings> {
    Ok(Settings::read(path)?)
}

/// Must be called inside the runtime.
pub(crate) async fn wire(
    settings: Settings,
    now: Option<Timestamp>,
    progress: Box<dyn Fn(u64, u64) + Send + Sync>,
    wrap: &dyn Wrap,
) -> anyhow::Result<Wired> {
    let clock = now.map_or_else(Clock::system, Clock::starting_at);
    let connected = wiring::connect(&settings).await?;
    let (config, exchange) = match &settings.config.target {
        config::Target::Rehearsal(rehearsal) => rehearse(&settings, rehearsal, clock)?,
        config::Target::Entra(entra) => (
            wiring::entra(entra, &settings.folder).await?,
            reqwest_exchange(wiring::TIMEOUT)?,
        ),
    };
    let connectors = connectors(&settings, clock, wrap)?;
    let entra = Entra::new(config, wrap.exchange(exchange), clock)?;
    let store = wrap.store(connected.store);
    let pipeline = Pipeline {
        notifier: wiring::notifier(&settings, &store, clock)?,
        target: Arc::new(EntraTarget::new(entra.clone())),
        settings,
        key: connected.key,
        cloud: connected.cloud,
        store,
        place: connected.place,
        folder: connected.folder,
        queue: connected.queue,
        connectors,
        clock,
        progress,
    };
    Ok(Wired { pipeline, entra })
}

/// Sources that are asked.
pub(crate) fn connectors(
    settings: &Settings,
    clock: Clock,
    wrap: &dyn Wrap,
) -> anyhow::Result<Connectors> {
    let near: BTreeMap<&str, Exchange> = settings
        .config
        .source
        .0
        .iter()
        .filter_map(|it| Some((it.name.as_str(), wrap.source(&it.name)?(clock))))
        .collect();
    let exchange = |name: &str| match near.get(name) {
        Some(near) => Ok(near.clone()),
        None => Ok(reqwest_exchange(wiring::SOURCE_TIMEOUT).map_err(|e| wiring::unusable(&e))?),
    };
    Ok(wiring::connectors(settings, &exchange, clock)?)
}

/// The simulated tenant that a configuration names.
pub(crate) fn tenant_options(settings: &Settings, rehearsal: &config::Rehearsal) -> TenantOptions {
    let mut options = TenantOptions {
        journal: rehearsal
            .tenant_file
            .as_ref()
            .map(|f| settings.folder.join(f)),
        seats: rehearsal.seats.clone(),
        approvals: rehearsal
            .admin_approval
            .iter()
            .copied()
            .map(approved)
            .collect(),
        faults: Faults::documented(rehearsal.fault_seed, rehearsal.fault_share),
        ..TenantOptions::default()
    };
    let withheld = |role: &String| rehearsal.without_permissions.contains(role);
    options.roles.retain(|role| !withheld(role));
    if !rehearsal.verified_domains.is_empty() {
        options
            .verified_domains
            .clone_from(&rehearsal.verified_domains);
    }
    options
}

fn approved(action: config::AdminApproval) -> DeviceAction {
    match action {
        config::AdminApproval::Retire => DeviceAction::Retire,
        config::AdminApproval::Wipe => DeviceAction::Wipe,
        config::AdminApproval::Delete => DeviceAction::Delete,
    }
}

fn rehearse(
    settings: &Settings,
    rehearsal: &config::Rehearsal,
    clock: Clock,
) -> anyhow::Result<(EntraConfig, Exchange)> {
    let options = tenant_options(settings, rehearsal);
    let mut config = EntraConfig::new(
        &options.tenant_id,
        &options.client_id,
        Secret::new(options.client_secret.clone()),
    );
    // The same calls of one instant jitter the same way in every rehearsal; those of two runs do
    // not share their ids.
    let seed = format!("rehearsal {}", clock.now());
    config.seed = u64::from_str_radix(&sha256(seed.as_bytes())[..16], 16).unwrap_or(0);
    let tenant = Tenant::open(options, clock)?;
    Ok((config, tenant.exchange()))
}
