//! The file that keeps a tenant.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::peer::{Peer, user};
use crate::{Fault, Faults, TenantError, TenantOptions};

fn kept(path: &Path) -> TenantOptions {
    TenantOptions {
        journal: Some(path.to_owned()),
        ..TenantOptions::default()
    }
}

/// A tenant with some history.
async fn lived(path: &Path) -> Peer {
    let peer = Peer::open(kept(path)).await;
    let (mira, noor) = (peer.create("mira").await, peer.create("noor").await);
    let omar = peer.tenant.put_user(user("omar")).unwrap();
    let patch = json!({"jobTitle": "Clerk", "employeeOrgData": {"costCenter": "C1"}});
    peer.send("PATCH", &format!("/users/{mira}"), Some(&patch))
        .await;
    let manager = format!("/users/{mira}/manager/$ref");
    peer.send("PUT", &manager, Some(&Peer::reference(&noor)))
        .await;
    peer.send("POST", &format!("/users/{noor}/revokeSignInSessions"), None)
        .await;
    peer.send("DELETE", &format!("/users/{omar}"), None).await;
    peer
}

/// Opened again it is the same tenant, ids and next id included.
#[tokio::test(start_paused = true)]
async fn a_tenant_survives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tenant.jsonl");
    let (users, digest, next) = {
        let peer = lived(&path).await;
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("Rehearsal-1"), "a password is never kept");
        (
            peer.tenant.users(),
            peer.tenant.digest(),
            Peer::open(kept(&path)).await,
        )
    };
    assert_eq!(
        (next.tenant.users(), next.tenant.digest()),
        (users.clone(), digest)
    );
    let ids: Vec<String> = users
        .iter()
        .map(|user| user["id"].as_str().unwrap().to_owned())
        .collect();
    let new = next.create("pia").await;
    assert!(!ids.contains(&new));
    assert_eq!(
        next.send("POST", "/users", Some(&user("mira")))
            .await
            .status,
        400
    );
    assert_eq!(Peer::open(kept(&path)).await.tenant.users().len(), 4);
}

/// Cut anywhere, the file opens with what its complete lines say, and takes new ones.
#[tokio::test(start_paused = true)]
async fn a_torn_line_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tenant.jsonl");
    drop(lived(&path).await);
    let bytes = fs::read(&path).unwrap();
    let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
    for cut in (0..=bytes.len())
        .step_by(97)
        .chain([bytes.len() - 1, bytes.len()])
    {
        fs::write(&path, &bytes[..cut]).unwrap();
        let peer = Peer::open(kept(&path)).await;
        assert_eq!(
            fs::read(&path).unwrap().len(),
            cut,
            "opening writes nothing"
        );
        let before = peer.tenant.users();
        peer.create("pia").await;
        let complete = lines(&bytes[..cut]).max(1);
        assert_eq!(
            lines(&fs::read(&path).unwrap()),
            complete + 1,
            "cut at {cut}"
        );
        let again = Peer::open(kept(&path)).await;
        assert_eq!(again.tenant.users().len(), before.len() + 1, "cut at {cut}");
        assert_eq!(again.tenant.users(), peer.tenant.users(), "cut at {cut}");
    }
}

/// An answer that was lost stands in the file; one that never happened does not.
#[tokio::test(start_paused = true)]
async fn lost_answers_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tenant.jsonl");
    let peer = Peer::open(kept(&path)).await;
    for (kind, name) in [(Fault::ResetBefore, "mira"), (Fault::ResetAfter, "noor")] {
        peer.tenant.set_faults(Faults {
            seed: 1,
            share: 1.0,
            kinds: vec![kind],
        });
        assert!(
            peer.try_send("POST", "/users", Some(&user(name)))
                .await
                .is_err()
        );
    }
    let again = Peer::open(kept(&path)).await.tenant.users();
    assert_eq!(again.len(), 1);
    assert_eq!(again[0]["employeeId"], "E-noor");
}

/// Two processes with one file are one tenant: each sees what the other has done, and neither
/// takes the other's lines for torn ones.
#[tokio::test(start_paused = true)]
async fn a_file_can_be_shared() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tenant.jsonl");
    let (one, two) = (Peer::open(kept(&path)).await, Peer::open(kept(&path)).await);
    let mira = one.create("mira").await;
    assert_eq!(
        two.send("POST", "/users", Some(&user("mira"))).await.status,
        400
    );
    let noor = two.create("noor").await;
    assert_ne!(mira, noor);
    let manager = format!("/users/{noor}/manager/$ref");
    assert_eq!(
        one.send("PUT", &manager, Some(&Peer::reference(&mira)))
            .await
            .status,
        204
    );
    one.tenant.put_user(user("omar")).unwrap();
    assert_eq!(two.tenant.users().len(), 3);
    assert_eq!(one.tenant.users(), two.tenant.users());
    assert_eq!(
        Peer::open(kept(&path)).await.tenant.users(),
        two.tenant.users()
    );
}

/// What is damaged or somebody else's is refused, and left as it is.
#[tokio::test(start_paused = true)]
async fn wrong_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tenant.jsonl");
    drop(lived(&path).await);
    let good = fs::read_to_string(&path).unwrap();
    let open = |options| crate::Tenant::open(options, rollcall_http::Clock::system()).err();
    let damaged = good.replacen("\"properties\"", "\"property\"", 1);
    fs::write(&path, &damaged).unwrap();
    assert!(matches!(
        open(kept(&path)),
        Some(TenantError::Damaged { line: 2, .. })
    ));
    assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
    fs::write(&path, &good).unwrap();
    let mut other = kept(&path);
    other.tenant_id = "00000000-7e57-4000-8000-0000000000ff".to_owned();
    assert!(matches!(open(other), Some(TenantError::Foreign { .. })));
    assert!(matches!(
        open(kept(folder.path())),
        Some(TenantError::Io { .. })
    ));
}

/// A write that cannot be kept does not happen.
#[tokio::test(start_paused = true)]
async fn no_journal_no_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("not-there").join("tenant.jsonl");
    let peer = Peer::open(kept(&path)).await;
    let got = peer.send("POST", "/users", Some(&user("mira"))).await;
    assert_eq!(got.error(), (503, "serviceNotAvailable"));
    assert_eq!(peer.tenant.users().len(), 0);
    fs::create_dir(folder.path().join("not-there")).unwrap();
    peer.create("mira").await;
    assert_eq!(Peer::open(kept(&path)).await.tenant.users().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn wrong_options_are_refused() {
    let open = |options| crate::Tenant::open(options, rollcall_http::Clock::system()).err();
    let share = TenantOptions {
        faults: Faults::documented(1, 1.5),
        ..TenantOptions::default()
    };
    assert!(matches!(
        open(share),
        Some(TenantError::Options {
            field: "faults.share",
            ..
        })
    ));
    let domains = TenantOptions {
        verified_domains: vec![],
        ..TenantOptions::default()
    };
    assert!(matches!(
        open(domains),
        Some(TenantError::Options {
            field: "verified_domains",
            ..
        })
    ));
    let id = TenantOptions {
        tenant_id: String::new(),
        ..TenantOptions::default()
    };
    assert!(matches!(
        open(id),
        Some(TenantError::Options {
            field: "tenant_id",
            ..
        })
    ));
    assert!(!format!("{:?}", TenantOptions::default()).contains("rehearsal-only"));
}
