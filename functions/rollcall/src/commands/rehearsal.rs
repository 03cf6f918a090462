//! `rehearsal serve`: the simulated tenant on a port, for trying configurations; `rehearsal import`: filled with a
//! copy of the own one.

use anyhow::{Context as _, anyhow, bail};
use rollcall_http::Clock;
use rollcall_pipeline::config::Target;
use rollcall_rehearsal::{Export, Faults, Tenant, TenantOptions};

use crate::args::{RehearsalImport, RehearsalServe};
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

pub(crate) fn import(args: &RehearsalImport, printer: &Printer) -> anyhow::Result<Exit> {
    let settings = wiring::read(&args.at.config)?;
    let Target::Rehearsal(rehearsal) = &settings.config.target else {
        bail!(
            "the target of this configuration is no rehearsal: a copy goes into `[target.rehearsal]` alone"
        );
    };
    if rehearsal.tenant_file.is_none() {
        bail!("`[target.rehearsal]` names no `tenant_file` that could keep the copy");
    }
    let mut files = Vec::new();
    for path in &args.files {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).with_context(|| format!("{name} cannot be read"))?;
        // Some tools write a mark of the byte order before it.
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let answer = serde_json::from_slice(text).map_err(|error| {
            anyhow!(
                "{name}, line {}, column {}: is no JSON",
                error.line(),
                error.column()
            )
        })?;
        files.push(Export { name, answer });
    }
    let clock = args.at.now.map_or_else(Clock::system, Clock::starting_at);
    let tenant = Tenant::open(wiring::tenant_options(&settings, rehearsal), clock)?;
    let done = tenant.import(&files)?;
    printer.say(&format!(
        "{} users, {} groups with {} memberships, {} devices: the rehearsal tenant has them",
        done.users, done.groups, done.memberships, done.devices
    ));
    for (what, times) in &done.left_out {
        printer.say(&format!("not taken over: {what} ({times})"));
    }
    printer.say("\nhint: `rollcall plan` shows what a run would do to it; nothing of it reaches your tenant");
    Ok(Exit::Done)
}
