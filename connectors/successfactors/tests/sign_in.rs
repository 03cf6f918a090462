//! Signing in: by an assertion that the instance verifies, and through Cloud Identity Services.

mod world;

use rollcall_http::Clock;
use rollcall_peers::successfactors::{Peer, Setup};
use rollcall_source::{RefusalKind, Source as _};
use world::*;

async fn tried(setup: Setup, clock: Clock, config: &str) -> Result<Peer, rollcall_source::Refused> {
    let peer = Peer::with_workers(setup, &workers(10));
    let source = source_of(&peer, clock, config).unwrap_or_else(|e| panic!("{e:?}"));
    pull(&source, &want(&["personIdExternal"]))
        .await
        .map(|_| peer)
}

/// Change → whether the instance lets us in. The instance reads the assertion with a parser and a canonical form of its own.
#[tokio::test(start_paused = true)]
async fn an_assertion_is_taken_or_not() {
    let other_key = {
        let mut it = setup().public_key;
        let last = it.len() - 6;
        it[last - 40] ^= 1;
        it
    };
    let plain = || (setup(), CONFIG.to_owned());
    let with = |from: &str, to: &str| (setup(), CONFIG.replace(from, to));
    for (what, (setup, config), is_let_in) in [
        ("as it should be", plain(), true),
        (
            "an issuer of one's own",
            with("[saml]", "[saml]\nissuer = \"https://idp.example\""),
            true,
        ),
        (
            "names that XML has other words for",
            (
                Setup {
                    user: "a&b<c>\"'é".to_owned(),
                    ..setup()
                },
                CONFIG.replace("\"sfapi\"", "\"a&b<c>\\\"'é\""),
            ),
            true,
        ),
        ("another company", with("WoodgroveT1", "woodgroveT1"), false),
        ("another user", with("\"sfapi\"", "\"somebody\""), false),
        ("another API key", with("api-key-1", "api-key-2"), false),
        (
            "another audience",
            with("[saml]", "[saml]\naudience = \"www.elsewhere.example\""),
            false,
        ),
        (
            "another recipient",
            with(
                "[saml]",
                "[saml]\nrecipient = \"https://elsewhere.example/oauth/token\"",
            ),
            false,
        ),
        (
            "a certificate of another key",
            (
                Setup {
                    public_key: other_key,
                    ..setup()
                },
                CONFIG.to_owned(),
            ),
            false,
        ),
    ] {
        let came = tried(setup, Clock::starting_at(now()), &config).await;
        match came {
            Ok(_) => assert!(is_let_in, "{what}"),
            Err(refused) => {
                assert!(!is_let_in, "{what}: {refused}");
                assert_eq!(refused.kind, RefusalKind::Credentials, "{what}: {refused}");
                assert!(
                    refused.hint.contains("certificate") && refused.hint.contains("company_id")
                );
            }
        }
    }
}

/// Times are those of the clock: an hour off, either way, is too far.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_is_not_let_in() {
    for (text, is_let_in) in [
        ("2026-03-16T10:00:30Z", true),
        ("2026-03-16T09:51:00Z", true),
        ("2026-03-16T09:00:00Z", false),
        ("2026-03-16T11:00:00Z", false),
    ] {
        let ours = Clock::starting_at(text.parse().unwrap());
        let came = tried(setup(), ours, CONFIG).await;
        assert_eq!(came.is_ok(), is_let_in, "{text}: {:?}", came.err());
    }
}

/// What is sent holds nothing of the key, and every assertion has an id of its own.
#[tokio::test(start_paused = true)]
async fn the_key_stays_here() {
    let mut ids = std::collections::BTreeSet::new();
    let lines: Vec<&str> = KEY.lines().filter(|it| !it.starts_with('-')).collect();
    for _ in 0..2 {
        let peer = tried(setup(), Clock::starting_at(now()), CONFIG)
            .await
            .unwrap();
        let form = peer.token_form();
        let assertion = decoded(&form.iter().find(|it| it.0 == "assertion").unwrap().1);
        for line in &lines {
            assert!(!assertion.contains(line));
        }
        assert!(
            !peer.asked().join("\n").contains("assertion"),
            "not in an address"
        );
        let (_, id) = assertion.split_once(" ID=\"").unwrap();
        ids.insert(id.split_once('"').unwrap().0.to_owned());
        assert!(assertion.starts_with("<saml2:Assertion "));
    }
    assert_eq!(ids.len(), 1, "the same seed gives the same pull");
    let peer = Peer::with_workers(setup(), &workers(3));
    let source = source_of(
        &peer,
        Clock::starting_at(now()),
        &CONFIG.replace("SF_KEY", "NOWHERE"),
    );
    let error = source.err().unwrap().join(" ");
    assert!(error.contains("`saml.key`"), "{error}");
}

/// A key that is none is said, without a letter of it.
#[tokio::test(start_paused = true)]
async fn a_key_that_is_none_is_said() {
    use rollcall_http::{Links, Proof, Secret, SecretAt};
    let peer = Peer::with_workers(setup(), &workers(3));
    let secrets = |_: &SecretAt| -> Result<Proof, String> {
        Ok(Proof::new(|| {
            Box::pin(async { Ok(Secret::new("-----BEGIN RSA PRIVATE KEY-----\nMIIxyz\n")) })
        }))
    };
    let links = Links {
        exchange: peer.exchange(),
        clock: Clock::starting_at(now()),
        seed: 1,
        secrets: &secrets,
    };
    let config = toml::from_str(CONFIG).unwrap();
    let source = rollcall_successfactors::SuccessFactors::new(config, &links).unwrap();
    let refused = pull(&source, &want(&["personIdExternal"]))
        .await
        .unwrap_err();
    assert_eq!(refused.kind, RefusalKind::Credentials);
    assert!(
        refused.message.contains("PKCS #8") && !refused.to_string().contains("MIIxyz"),
        "{refused}"
    );
}

const OIDC: &str = r#"
host = "https://api4.successfactors.com"
company_id = "WoodgroveT1"
[oidc]
token_url = "https://woodgrove.accounts.ondemand.com/oauth2/token"
client_id = "app-1"
client_secret = { secret = "app" }
resource = "urn:sap:identity:application:provider:name:sf"
"#;

/// Client credentials of Cloud Identity Services; what a form gives a meaning is encoded.
#[tokio::test(start_paused = true)]
async fn cloud_identity_services_vouch() {
    let peer = tried(setup(), Clock::starting_at(now()), OIDC)
        .await
        .unwrap();
    assert_eq!(peer.asked()[0], "POST /oauth2/token");
    assert!(!peer.asked().iter().any(|it| it.contains("/oauth/token")));
    for change in [("name:sf", "name:other"), ("app-1", "app-2")] {
        let refused = tried(
            setup(),
            Clock::starting_at(now()),
            &OIDC.replace(change.0, change.1),
        )
        .await
        .err()
        .unwrap();
        assert_eq!(refused.kind, RefusalKind::Credentials);
        assert!(
            refused.message.contains("invalid_client") && !refused.to_string().contains("s3cret"),
            "{refused}"
        );
    }
}

/// A check says what is good and what is missing, and asks nothing that changes anything.
#[tokio::test(start_paused = true)]
async fn a_check_says_what_is_missing() {
    use rollcall_peers::successfactors::Trouble;
    let columns = ["personIdExternal", "department", "shoe", "email"];
    let config = format!(
        "{CONFIG}\n[attributes]\nshoe = \"$.employmentNav.results[0].jobInfoNav.results[0].shoeSize\"\n"
    );
    let look = |peer: Peer, columns: Vec<&'static str>| {
        let source = source_of(&peer, Clock::starting_at(now()), &config).unwrap();
        async move { (source.check(&want(&columns)).await, peer) }
    };
    let well = || Peer::with_workers(setup(), &workers(30));
    let (checked, peer) = look(well(), vec!["personIdExternal", "department", "email"]).await;
    let notes = checked.unwrap().notes;
    assert!(notes.iter().all(|it| !it.is_problem), "{notes:#?}");
    assert!(
        notes.iter().any(|it| it.message.contains("30 people")),
        "{notes:#?}"
    );
    let asked = peer.asked();
    assert!(
        asked
            .iter()
            .any(|it| it.contains("EmpEmployment,EmpJob") && it.ends_with("/$metadata")),
        "{asked:#?}"
    );
    assert!(
        !asked.iter().any(|it| it.contains("paging=snapshot")),
        "no snapshot is begun that nobody reads"
    );
    // A slip: the metadata say where, and the instance refuses the whole question.
    let (checked, _) = look(well(), columns.to_vec()).await;
    let problems: Vec<String> = checked
        .unwrap()
        .notes
        .into_iter()
        .filter(|it| it.is_problem)
        .map(|it| it.message)
        .collect();
    assert!(
        problems
            .iter()
            .any(|it| it.contains("`EmpJob` has no property `shoeSize`")),
        "{problems:#?}"
    );
    assert!(
        problems
            .iter()
            .any(|it| it.contains("COE0021") && it.contains("EmpJob/shoeSize")),
        "{problems:#?}"
    );
    for (trouble, word) in [
        (Trouble::Forbidden, "COE0020"),
        (Trouble::NobodySeen, "target population"),
        (
            Trouble::Hides("emailNav", "emailAddress"),
            "`emailNav/emailAddress` was asked for and did not come",
        ),
    ] {
        let (checked, _) = look(
            well().troubled(trouble.clone()),
            vec!["personIdExternal", "email"],
        )
        .await;
        let notes = checked.unwrap().notes;
        let told = notes
            .iter()
            .any(|it| it.is_problem && it.message.contains(word));
        assert!(told, "{trouble:?}: {notes:#?}");
    }
    let (checked, _) = look(
        Peer::new(
            Setup {
                company_id: "Other".to_owned(),
                ..setup()
            },
            Vec::new(),
        ),
        vec!["personIdExternal"],
    )
    .await;
    assert_eq!(checked.unwrap_err().kind, RefusalKind::Credentials);
    let (checked, _) = look(
        well().troubled(Trouble::Maintenance(u32::MAX)),
        vec!["personIdExternal"],
    )
    .await;
    assert_eq!(checked.unwrap_err().kind, RefusalKind::Unavailable);
}
