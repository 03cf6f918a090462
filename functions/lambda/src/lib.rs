//! Rollcall as functions on AWS: thin modules over the code that the command line uses.
//!
//! One binary; `ROLLCALL_FUNCTION` says which function it is. Events only say that there is
//! something to do: what there is to do is read from bucket and log, so that an event that comes
//! twice, late or out of order changes nothing. Invariant: no event carries HR data, no answer and
//! no log line does either.

mod apply;
mod metrics;
mod reconcile;
mod role;
mod setup;

use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;

pub use self::role::Role;
use self::setup::Setup;

/// Why a function could not do its work. Lambda calls it again, or the alarm goes.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// The environment lacks something, or has something else.
    #[error("{0}")]
    Environment(String),
    /// The pipeline stopped.
    #[error(transparent)]
    Run(#[from] rollcall_pipeline::run::RunError),
    /// The configuration cannot be read.
    #[error(transparent)]
    Store(#[from] rollcall_pipeline::store::StoreError),
    /// The queue failed.
    #[error(transparent)]
    Queue(#[from] rollcall_pipeline::queue::QueueError),
    /// The connector refused its configuration.
    #[error("{0}")]
    Target(String),
    /// An HR system does not let us in, or lacks something.
    #[error("{0}")]
    Source(String),
    /// An event that this function does not understand.
    #[error("the event is not one of this function's: {0}")]
    Event(String),
}

impl FunctionError {
    /// The name that alarms and searches go by.
    fn name(&self) -> &'static str {
        match self {
            Self::Environment(_) => "Environment",
            Self::Run(_) => "Run",
            Self::Store(_) => "Store",
            Self::Queue(_) => "Queue",
            Self::Target(_) => "Target",
            Self::Source(_) => "Source",
            Self::Event(_) => "Event",
        }
    }
}

impl From<FunctionError> for Diagnostic {
    fn from(error: FunctionError) -> Self {
        tracing::error!(kind = error.name(), "The function failed: {error}");
        Self {
            error_type: error.name().to_owned(),
            error_message: error.to_string(),
        }
    }
}

/// Serves events until the runtime stops the process.
pub fn main() -> ExitCode {
    // The runtime's span brings request id and trace id into every line.
    tracing_subscriber::fmt().json().with_ansi(false).init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let served = match runtime {
        Ok(runtime) => runtime.block_on(serve()),
        Err(error) => Err(error.into()),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("The function does not start: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), lambda_runtime::Error> {
    // Made at the first event, not before: the runtime answers `init` within its ten seconds
    // whatever store or tenant are doing.
    let setup = Arc::new(Setup::from_environment()?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let setup = Arc::clone(&setup);
        async move { Box::pin(role::handle(&setup, event)).await }
    }))
    .await
}
