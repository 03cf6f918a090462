//! `rehearsal serve`: the simulated tenant on a port, for trying configurations.

use anyhow::Context as _;
use rollcall_http::Clock;
use rollcall_rehearsal::{Faults, Tenant, TenantOptions};

use crate::args::RehearsalServe;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::wiring;

pub(crate) fn serve(args: &RehearsalServe, printer: &Printer) -> anyhow::Result<Exit> {
    wiring::runtime(false)?.block_on(async {
        let options = TenantOptions {
            verified_domains: args.domains.clone(),
            journal: args.tenant_file.clone(),
            faults: Faults::documented(args.fault_seed, args.fault_share),
            ..TenantOptions::default()
        };
        let (tenant_id, client_id, secret) = (
            options.tenant_id.clone(),
            options.client_id.clone(),
            options.client_secret.clone(),
        );
        let tenant = Tenant::open(options, Clock::system())?;
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", args.port))
            .await
            .with_context(|| format!("port {} on 127.0.0.1 cannot be used", args.port))?;
        let address = listener.local_addr()?;
        printer.data(&format!(
            "http://{address}\n\n[target.entra]\ntenant_id = \"{tenant_id}\"\nclient_id = \
             \"{client_id}\"\nclient_secret_env = \"ROLLCALL_SECRET\"  # {secret}\nlogin = \
             \"http://{address}\"\ngraph = \"http://{address}\"\n"
        ));
        rollcall_rehearsal::serve(tenant, listener).await?;
        Ok(Exit::Done)
    })
}
