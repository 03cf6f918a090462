//! What the tests of this crate share.
#![allow(dead_code, reason = "not every test uses everything")]

use jiff::Timestamp;
use rollcall_http::{Clock, Exchange, Links, Proof, Secret, SecretAt};
use rollcall_peers::Taken;
use rollcall_peers::workday as peer;
use rollcall_source::{Cursor, Pulled, Reach, Refused, Source as _, Want};
use rollcall_workday::{Config, Workday};

/// The instant of the fixtures.
pub(crate) const NOW: &str = "2026-03-16T10:00:00Z";

pub(crate) fn now() -> Timestamp {
    NOW.parse().expect("an instant")
}

pub(crate) fn config(more: &str) -> Config {
    let text = format!(
        "host = \"https://wd3-impl-services1.workday.com\"\ntenant = \"{}\"\nversion = \"{}\"\n{more}\n",
        peer::TENANT,
        peer::VERSION
    );
    let auth = "auth = { user = \"ISU_Rollcall\", password = { env = \"PASSWORD\" } }\n";
    let text = if more.contains("auth =") {
        text
    } else {
        format!("{auth}{text}")
    };
    toml::from_str(&text).expect("a configuration")
}

/// Secrets as the peer knows them.
pub(crate) fn secrets(at: &SecretAt) -> Result<Proof, String> {
    let SecretAt::Env(name) = at else {
        return Err("only variables here".to_owned());
    };
    let text = match name.as_str() {
        "PASSWORD" => peer::PASSWORD,
        "WRONG" => "wrong",
        "CLIENT_SECRET" => peer::CLIENT_SECRET,
        "REFRESH_TOKEN" => peer::REFRESH_TOKEN,
        other => return Err(format!("no variable {other}")),
    };
    Ok(Proof::new(move || {
        Box::pin(async move { Ok(Secret::new(text)) })
    }))
}

pub(crate) fn source(config: Config, exchange: Exchange) -> Workday {
    let links = Links {
        exchange,
        clock: Clock::starting_at(now()),
        seed: 7,
        secrets: &secrets,
    };
    Workday::open(config, &links).expect("a source")
}

pub(crate) fn want(columns: &[&str], key: &str) -> Want {
    Want {
        columns: columns.iter().map(|it| (*it).to_owned()).collect(),
        key: key.to_owned(),
        reach: Reach::Full,
        now: now(),
    }
}

pub(crate) fn since(want: &Want, cursor: &Cursor, now: &str) -> Want {
    Want {
        reach: Reach::Since(cursor.clone()),
        now: now.parse().expect("an instant"),
        ..want.clone()
    }
}

pub(crate) async fn pull(source: &Workday, want: &Want) -> Result<(Pulled, Taken), Refused> {
    let mut taken = Taken::of(want);
    let pulled = source.pull(want, &mut taken).await?;
    assert_eq!(pulled.rows as usize, taken.rows.len());
    Ok((pulled, taken))
}

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/hr/workday"
    );
    std::fs::read(format!("{folder}/{name}")).expect("a fixture")
}

pub(crate) fn expected() -> serde_json::Value {
    serde_json::from_slice(&fixture("expected.json")).expect("expected.json")
}
