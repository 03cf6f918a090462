//! What the tests share: an instance, a source that reads it, and the fixtures.

#![allow(dead_code, reason = "every test uses a part of it")]

use jiff::Timestamp;
use rollcall_core::base64;
use rollcall_http::{Clock, Exchange, Links, Proof, Secret, SecretAt};
use rollcall_peers::successfactors::{Peer, Setup};
use rollcall_peers::{Taken, Worker, population};
use rollcall_source::{Cursor, Pulled, Reach, Refused, Source as _, Want};
use rollcall_successfactors::{Key, SuccessFactors, SuccessFactorsConfig};
use serde_json::Value;

pub(crate) const KEY: &str = include_str!("../data/key.pem");
pub(crate) const NOW: &str = "2026-03-16T10:00:00Z";

pub(crate) const CONFIG: &str = r#"
host = "https://api4.successfactors.com"
company_id = "WoodgroveT1"
page_size = 20
[saml]
client_id = "api-key-1"
user = "sfapi"
key = { env = "SF_KEY" }
"#;

pub(crate) fn now() -> Timestamp {
    NOW.parse().expect("an instant")
}

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = format!(
        "{}/../../tests/fixtures/hr/successfactors/{name}",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

pub(crate) fn expected() -> Value {
    serde_json::from_slice(&fixture("expected.json")).expect("JSON")
}

/// People of a page of the fixtures.
pub(crate) fn people(name: &str) -> Vec<Value> {
    let page: Value = serde_json::from_slice(&fixture(name)).expect("JSON");
    page["d"]["results"].as_array().expect("people").clone()
}

pub(crate) fn setup() -> Setup {
    Setup {
        host: "api4.successfactors.com".to_owned(),
        company_id: "WoodgroveT1".to_owned(),
        api_key: "api-key-1".to_owned(),
        public_key: Key::read(KEY).expect("a key").public().to_vec(),
        user: "sfapi".to_owned(),
        application: (
            "app-1".to_owned(),
            "s3cret+&=".to_owned(),
            Some("urn:sap:identity:application:provider:name:sf".to_owned()),
        ),
        clock: Clock::starting_at(now()),
    }
}

/// Workers of the day.
pub(crate) fn workers(count: usize) -> Vec<Worker> {
    population(7, count, jiff::civil::date(2026, 3, 16))
}

/// A source with this configuration in front of a peer, on the peer's clock.
pub(crate) fn source_of(
    peer: &Peer,
    clock: Clock,
    config: &str,
) -> Result<SuccessFactors, Vec<String>> {
    source_through(peer.exchange(), clock, config)
}

/// The same, through an exchange.
pub(crate) fn source_through(
    exchange: Exchange,
    clock: Clock,
    config: &str,
) -> Result<SuccessFactors, Vec<String>> {
    let config: SuccessFactorsConfig = toml::from_str(config).unwrap_or_else(|e| panic!("{e}"));
    let secrets = |at: &SecretAt| -> Result<Proof, String> {
        let text = match at {
            SecretAt::Env(name) if name == "SF_KEY" => KEY,
            SecretAt::Secret(name) if name == "app" => "s3cret+&=",
            SecretAt::File(_) | SecretAt::Env(_) | SecretAt::Secret(_) => {
                return Err("there is none".to_owned());
            }
        };
        let secret = Secret::new(text);
        Ok(Proof::new(move || {
            let secret = secret.clone();
            Box::pin(async move { Ok(secret) })
        }))
    };
    let links = Links {
        exchange,
        clock,
        seed: 3,
        secrets: &secrets,
    };
    SuccessFactors::new(config, &links)
}

pub(crate) fn source(peer: &Peer) -> SuccessFactors {
    source_of(peer, Clock::starting_at(now()), CONFIG).unwrap_or_else(|e| panic!("{e:?}"))
}

pub(crate) fn want(columns: &[&str]) -> Want {
    Want {
        columns: columns.iter().map(|it| (*it).to_owned()).collect(),
        key: "personIdExternal".to_owned(),
        reach: Reach::Full,
        now: now(),
    }
}

pub(crate) fn since(columns: &[&str], cursor: &str) -> Want {
    Want {
        reach: Reach::Since(Cursor(cursor.to_owned())),
        ..want(columns)
    }
}

/// What came of a pull.
pub(crate) async fn pull(source: &SuccessFactors, want: &Want) -> Result<(Pulled, Taken), Refused> {
    let mut taken = Taken::of(want);
    let pulled = source.pull(want, &mut taken).await?;
    assert_eq!(pulled.rows as usize, taken.rows.len());
    let numbers: Vec<u32> = taken.rows.iter().map(|it| it.number).collect();
    assert_eq!(numbers, (1..=pulled.rows).collect::<Vec<_>>());
    Ok((pulled, taken))
}

/// Base64 as text.
pub(crate) fn decoded(text: &str) -> String {
    String::from_utf8(base64::decode(text).expect("base64")).expect("text")
}
