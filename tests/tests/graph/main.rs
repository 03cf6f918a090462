//! Every request that the connectors can make is one that Graph v1.0 knows.
//!
//! The requests are recorded while everything that the connectors do is done once; that it is everything is
//! seen by the templates in their sources. What checks them refuses what is nearly right.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod checker;
mod drive;
mod edm;
mod near_misses;

use std::collections::BTreeSet;
use std::sync::Arc;

use rollcall_entra::{Certificate, Entra, EntraConfig};
use rollcall_http::{Clock, Credential, Proof, Secret};
use rollcall_rehearsal::{KnownCertificate, Tenant, TenantOptions};
use serde_json::json;

use crate::checker::{Sent, check};

/// The sources that name paths.
const SOURCES: [&str; 3] = [
    include_str!("../../../connectors/entra/src/graph.rs"),
    include_str!("../../../connectors/entra/src/sign_in.rs"),
    include_str!("../../../connectors/intune/src/graph.rs"),
];

/// The templates in a source: texts that are paths without a version.
fn templates() -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for source in SOURCES {
        let code = source.split("#[cfg(test)]").next().unwrap();
        let texts = code.split('"').skip(1).step_by(2);
        let paths = texts.filter(|it| {
            it.starts_with('/') && !it.starts_with("/v1.0") && !it.starts_with("/beta")
        });
        // A query in a template is what makes the call cost something else.
        out.extend(paths.map(|it| it.split('?').next().unwrap().to_owned()));
    }
    // The whole directory as a scope is no path.
    out.remove("/");
    out
}

/// A path with its keys taken out, as a template has it.
fn fits(template: &str, sent: &Sent) -> bool {
    let path = sent.target.split('?').next().unwrap();
    let path = path.trim_start_matches("/v1.0").trim_start_matches("/beta");
    let mut asked = Vec::new();
    for segment in path.split('/') {
        match segment.split_once('(') {
            Some((name, _)) => asked.extend([name, "{id}"]),
            None => asked.push(segment),
        }
    }
    let wanted: Vec<&str> = template.split('/').collect();
    let same = |(want, is): (&&str, &&str)| *want == "{id}" || want == is;
    wanted.len() == asked.len() && wanted.iter().zip(&asked).all(same)
}

#[tokio::test(start_paused = true)]
async fn every_request_is_one_that_graph_knows() {
    let sent = drive::everything().await;
    for one in &sent {
        let wrong = check(one);
        assert!(
            wrong.is_empty(),
            "{} {}: {wrong:#?}\n{:#?}",
            one.method,
            one.target,
            one.body
        );
    }
    let alone = drive::apart(&sent);
    let missing: Vec<String> = templates()
        .into_iter()
        .filter(|template| !alone.iter().any(|one| fits(template, one)))
        .collect();
    assert!(missing.is_empty(), "never asked: {missing:#?}");
    if let Some(path) = std::env::var_os("ROLLCALL_REQUESTS") {
        let lines: Vec<String> = alone
            .iter()
            .map(|it| {
                json!({"method": it.method, "target": it.target, "body": it.body}).to_string()
            })
            .collect();
        std::fs::write(path, lines.join("\n") + "\n").unwrap();
    }
}

const CERTIFICATE: &str =
    include_str!("../../../connectors/entra/tests/data/rehearsal-certificate.pem");

/// How the word is spoilt → the code of the login host.
#[tokio::test(start_paused = true)]
async fn a_certificate_signs_in() {
    type Spoil = fn(&str) -> String;
    let spoils: [(Spoil, Option<&str>); 3] = [
        (str::to_owned, None),
        // Another claim under the same signature.
        (
            |word| {
                let parts: Vec<&str> = word.split('.').collect();
                format!(
                    "{}.{}x.{}",
                    parts[0],
                    &parts[1][..parts[1].len() - 1],
                    parts[2]
                )
            },
            Some("AADSTS"),
        ),
        (
            |word| word.rsplit_once('.').unwrap().0.to_owned() + ".AAAA",
            Some("AADSTS700027"),
        ),
    ];
    for (spoil, refused) in spoils {
        let clock = Clock::starting_at("2026-03-16T02:00:00Z".parse().unwrap());
        let certificate = Arc::new(Certificate::read(CERTIFICATE).unwrap());
        let options = TenantOptions {
            certificates: vec![KnownCertificate {
                thumbprint: certificate.thumbprint().to_owned(),
                public_key: certificate.public_key().to_vec(),
            }],
            ..TenantOptions::default()
        };
        let (tenant_id, client_id) = (options.tenant_id.clone(), options.client_id.clone());
        let audience = format!("https://login.microsoftonline.com/{tenant_id}/oauth2/v2.0/token");
        let tenant = Tenant::open(options, clock).unwrap();
        let client = client_id.clone();
        let word = Proof::new(move || {
            let word = certificate.word(&client, &audience, "j-1", clock.now());
            Box::pin(async move { word.map(|word| Secret::new(spoil(word.reveal()))) })
        });
        let config = EntraConfig::new(&tenant_id, &client_id, Credential::Assertion(word));
        let entra = Entra::new(config, tenant.exchange(), clock).unwrap();
        let token = entra.client().tokens().get().await;
        match (token, refused) {
            (Ok(_), None) => {}
            (Err(error), Some(code)) => assert!(error.code().starts_with(code), "{error:?}"),
            (token, refused) => panic!("{} {refused:?}", token.is_ok()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_nearly_right_is_refused() {
    let sent = drive::everything().await;
    let alone = drive::apart(&sent);
    assert!(near_misses::refused(&sent, &alone) > 40);
}
