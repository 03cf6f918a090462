//! The real connector against a tenant that fails a fifth of all calls, seen from the tenant's
//! side: nobody comes back before the time that a Retry-After gave.

use futures::future::join_all;
use rollcall_core::model::{ActionId, Op, PersonKey, Step, Value};
use rollcall_entra::{Entra, EntraConfig};
use rollcall_http::{Clock, Secret};
use rollcall_rehearsal::{Faults, Tenant, TenantOptions};

const PEOPLE: usize = 150;

#[tokio::test(start_paused = true)]
async fn no_call_comes_before_its_retry_after() {
    let clock = Clock::starting_at("2026-03-16T02:00:00Z".parse().unwrap());
    let options = TenantOptions {
        faults: Faults::documented(11, 0.2),
        ..TenantOptions::default()
    };
    let secret = Secret::new(options.client_secret.clone());
    let config = EntraConfig::new(&options.tenant_id, &options.client_id, secret);
    let tenant = Tenant::open(options, clock).unwrap();
    let entra = Entra::new(config, tenant.exchange(), clock).unwrap();
    let step = |n: usize, op: Op| {
        let key = n.to_string();
        let action = ActionId::new(format!("{op}-{n}"));
        Step::new(action, PersonKey::new(key.as_str()), op, &key)
    };
    let person = async |n: usize| {
        let mut create = step(n, Op::UserCreate);
        for (name, value) in [
            ("employeeId", n.to_string()),
            ("userPrincipalName", format!("worker{n}@woodgrove.example")),
            ("mailNickname", format!("worker{n}")),
            ("displayName", format!("Worker {n}")),
        ] {
            create.write.insert(name.to_owned(), Value::text(value));
        }
        let made = entra.apply(&create).await;
        assert!(made.ending.settled(), "{n}: {:?}", made.ending);
        for op in [Op::UserEnable, Op::UserDisable, Op::UserRevokeSessions] {
            let mut next = step(n, op);
            next.object.clone_from(&made.object);
            let result = entra.apply(&next).await;
            assert!(result.ending.settled(), "{n} {op}: {:?}", result.ending);
        }
    };
    join_all((0..PEOPLE).map(person)).await;

    let users = tenant.users();
    assert_eq!(users.len(), PEOPLE, "nobody twice, nobody lost");
    assert!(users.iter().all(|u| u["accountEnabled"] == false));
    let history = tenant.history();
    let faults = history.iter().filter(|s| s.fault.is_some()).count();
    let waits = history.iter().filter(|s| s.retry_after.is_some()).count();
    assert!(
        faults * 8 > history.len() && waits > 40,
        "{faults} {waits} of {}",
        history.len()
    );
    let early: Vec<_> = history.iter().filter(|s| s.early).collect();
    assert!(
        early.is_empty(),
        "{} calls came early, the first: {:?}",
        early.len(),
        early[0]
    );
}
