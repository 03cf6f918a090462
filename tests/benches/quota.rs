//! How much of Graph's quotas is used, and how many calls are throttled, on virtual time: 20,000 joiners, 5,000
//! movers and 3,000 leavers with devices; the same beside a neighbour who takes from the same quota now and then;
//! and a plain client that does nothing but wait as long as a 429 says.
//!
//! `cargo bench -p rollcall-tests --bench quota`; `ROLLCALL_BENCH_PEOPLE` (28,000). Quotas are those of the rehearsal
//! tenant: a bucket that drains evenly, in which refused calls count.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::unchecked_time_subtraction,
    reason = "a bench that fails may stop and talks; shares are for people"
)]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use http::{Request, Response};
use rollcall_core::model::{
    ActionId, DeviceAim, ObjectId, Op, Ownership, PersonKey, Platform, Step, Value,
};
use rollcall_entra::{Entra, EntraConfig};
use rollcall_http::{Clock, Exchange, Secret};
use rollcall_intune::Intune;
use rollcall_play::chance::Random;
use rollcall_rehearsal::{Device, Enrolment, Join, Owner, Tenant, TenantOptions};
use rollcall_tests::tally::Tally;
use serde_json::json;
use tokio::sync::Mutex;
use tower::ServiceExt as _;

const START: &str = "2026-03-16T02:00:00Z";
/// Orders that are carried out at once, as the product does.
const WORKERS: usize = 36;
/// Writes of an application in a tenant: 3,000 in 150 seconds.
const PACE: f64 = 20.0;
/// Writes of the neighbour in a second, while it is there.
const NEIGHBOURS: u32 = 8;
/// As long as the plain client is looked at.
const LOOKED: Duration = Duration::from_mins(20);
const LATENCY: Duration = Duration::from_millis(120);

/// What one client did between two instants.
#[derive(Debug, Default)]
struct Counts {
    /// Writes that were taken.
    taken: AtomicU64,
    calls: AtomicU64,
    throttled: AtomicU64,
}

impl Counts {
    fn of(&self) -> (f64, f64, f64) {
        let get = |it: &AtomicU64| it.load(Ordering::Relaxed) as f64;
        (get(&self.taken), get(&self.calls), get(&self.throttled))
    }
}

/// Counts what goes through, items of batches too: writes of the directory, calls and refusals.
fn counted(inner: Exchange, counts: Arc<Counts>) -> Exchange {
    Exchange::new(tower::service_fn(move |request: Request<Bytes>| {
        let (inner, counts) = (inner.clone(), Arc::clone(&counts));
        async move {
            let (method, body) = (request.method().clone(), request.body().clone());
            let path = request.uri().path().to_owned();
            let answer: Result<Response<Bytes>, _> = inner.oneshot(request).await;
            if !path.contains("/oauth2/") {
                let said = answer
                    .as_ref()
                    .map_or((0, &[][..]), |it| (it.status().as_u16(), it.body()));
                let tally = Tally::of(method.as_str(), &path, &body, said);
                counts.calls.fetch_add(tally.calls, Ordering::Relaxed);
                counts
                    .throttled
                    .fetch_add(tally.throttled, Ordering::Relaxed);
                counts.taken.fetch_add(tally.taken, Ordering::Relaxed);
            }
            answer
        }
    }))
}

struct Stage {
    clock: Clock,
    tenant: Tenant,
    counts: Arc<Counts>,
    entra: Entra,
    intune: Intune,
}

fn stage() -> Stage {
    let clock = Clock::starting_at(START.parse().unwrap());
    let options = TenantOptions {
        latency: LATENCY,
        ..TenantOptions::default()
    };
    let secret = Secret::new(options.client_secret.clone());
    let mut config = EntraConfig::new(&options.tenant_id, &options.client_id, secret);
    config.seed = 7;
    let tenant = Tenant::open(options, clock).unwrap();
    let counts = Arc::new(Counts::default());
    let exchange = counted(tenant.exchange(), Arc::clone(&counts));
    let entra = Entra::new(config, exchange, clock).unwrap();
    Stage {
        intune: Intune::new(entra.client().clone()),
        clock,
        tenant,
        counts,
        entra,
    }
}

fn step(op: Op, key: &str, object: Option<&ObjectId>) -> Step {
    let action = ActionId::new(format!("a-{key}-{op}"));
    Step {
        object: object.cloned(),
        ..Step::new(action, PersonKey::new(key), op, key)
    }
}

/// Somebody's night.
#[derive(Debug, Clone)]
enum Work {
    Joins(String),
    Moves(String, ObjectId),
    /// With the record of a managed device and that of the directory.
    Leaves(String, ObjectId, String, String),
}

/// Five of seven come, the others move or leave, in turns.
fn people(stage: &Stage, count: usize) -> Vec<Work> {
    let user = |key: &str| {
        let user = json!({
            "accountEnabled": true, "displayName": key, "mailNickname": key, "employeeId": key,
            "userPrincipalName": format!("{key}@woodgrove.example"), "department": "Sales",
        });
        ObjectId::new(stage.tenant.put_user(user).unwrap())
    };
    let mut out = Vec::with_capacity(count);
    for n in 0..count {
        let key = format!("w{n}");
        out.push(match n % 28 {
            0..20 => Work::Joins(key),
            20..25 => {
                let id = user(&key);
                Work::Moves(key, id)
            }
            _ => {
                let id = user(&key);
                let device = Device {
                    serial: key.clone(),
                    owner: Owner::Personal,
                    enrolment: Some(Enrolment::User),
                    join: Some(Join::Registered),
                    primary_user: Some(id.as_str().to_owned()),
                    owners: vec![id.as_str().to_owned()],
                    users: vec![id.as_str().to_owned()],
                    ..Device::default()
                };
                let device = stage.tenant.put_device(&device).unwrap();
                Work::Leaves(key, id, device.managed.unwrap(), device.device_id)
            }
        });
    }
    out
}

async fn done(stage: &Stage, boss: &ObjectId, work: Work) {
    let settled = |result: rollcall_core::model::StepResult, what: &str| {
        assert!(result.ending.settled(), "{what}: {:?}", result.ending);
        result.object
    };
    match work {
        Work::Joins(key) => {
            let mut made = step(Op::UserCreate, &key, None);
            for (name, text) in [
                ("employeeId", key.clone()),
                ("userPrincipalName", format!("{key}@woodgrove.example")),
                ("mailNickname", key.clone()),
                ("displayName", key.clone()),
            ] {
                made.write.insert(name.to_owned(), Value::text(text));
            }
            let id = settled(stage.entra.apply(&made).await, "create");
            let mut manager = step(Op::UserSetManager, &key, id.as_ref());
            manager.manager = Some(boss.clone());
            settled(stage.entra.apply(&manager).await, "manager");
            settled(
                stage
                    .entra
                    .apply(&step(Op::UserEnable, &key, id.as_ref()))
                    .await,
                "enable",
            );
        }
        Work::Moves(key, id) => {
            let mut update = step(Op::UserUpdate, &key, Some(&id));
            update
                .write
                .insert("department".to_owned(), Value::text("Research"));
            update
                .before
                .insert("department".to_owned(), Value::text("Sales"));
            settled(stage.entra.apply(&update).await, "update");
        }
        Work::Leaves(key, id, managed, directory) => {
            for op in [Op::UserDisable, Op::UserRevokeSessions] {
                settled(stage.entra.apply(&step(op, &key, Some(&id))).await, "cut");
            }
            for (op, record) in [(Op::DeviceDisable, directory), (Op::DeviceRetire, managed)] {
                let mut told = step(op, &key, Some(&id));
                told.device = Some(DeviceAim {
                    record,
                    owner: Ownership::Personal,
                    os: Platform::Windows,
                    consent: None,
                    keep_esim: false,
                });
                settled(stage.intune.apply(&told).await, "device");
            }
        }
    }
}

/// Sends writes evenly while it is on, for 60 to 600 seconds each; what is refused it sends again later.
async fn neighbour(stage: &Stage, over: &AtomicBool) -> u64 {
    let user = json!({
        "accountEnabled": true, "displayName": "n", "mailNickname": "n",
        "userPrincipalName": "n@woodgrove.example",
    });
    let id = stage.tenant.put_user(user).unwrap();
    let mut random = Random::new(3);
    let exchange = stage.tenant.exchange();
    let (mut taken, mut on) = (0, true);
    while !over.load(Ordering::Relaxed) {
        let length = Duration::from_secs(u64::from(60 + random.below(541)));
        let until = stage.clock.elapsed() + length;
        while on && stage.clock.elapsed() < until && !over.load(Ordering::Relaxed) {
            let request = write(&id, &token(stage).await);
            let answer = exchange.clone().oneshot(request).await.unwrap();
            taken += u64::from(answer.status().is_success());
            let pause = Duration::from_secs(1) / NEIGHBOURS;
            stage.clock.sleep(pause.saturating_sub(LATENCY)).await;
        }
        if !on {
            stage.clock.sleep(length).await;
        }
        on = !on;
    }
    taken
}

fn write(id: &str, token: &str) -> Request<Bytes> {
    Request::builder()
        .method("PATCH")
        .uri(format!("https://graph.microsoft.com/v1.0/users/{id}"))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(Bytes::from_static(b"{\"department\":\"X\"}"))
        .unwrap()
}

async fn token(stage: &Stage) -> String {
    let token = stage.entra.client().tokens().get().await.unwrap();
    token.reveal().to_owned()
}

/// The product; what a neighbour took meanwhile.
async fn ours(people_count: usize, beside: bool) -> Row {
    let stage = stage();
    let boss = json!({
        "accountEnabled": true, "displayName": "b", "mailNickname": "b", "employeeId": "b",
        "userPrincipalName": "b@woodgrove.example",
    });
    let boss = ObjectId::new(stage.tenant.put_user(boss).unwrap());
    let todo = Mutex::new(people(&stage, people_count).into_iter());
    let over = AtomicBool::new(false);
    let begun = stage.clock.elapsed();
    let workers = async {
        join_all((0..WORKERS).map(|_| async {
            loop {
                let next = todo.lock().await.next();
                let Some(work) = next else { break };
                done(&stage, &boss, work).await;
            }
        }))
        .await;
        over.store(true, Ordering::Relaxed);
        stage.clock.elapsed() - begun
    };
    let (taken, length) = if beside {
        futures::join!(neighbour(&stage, &over), workers)
    } else {
        (0, workers.await)
    };
    Row::of(&stage.counts, length, taken)
}

/// A client that waits as long as a 429 says, and nothing else: as many at once as ours, for a while.
async fn plain(beside: bool) -> Row {
    let stage = stage();
    let user = json!({
        "accountEnabled": true, "displayName": "p", "mailNickname": "p",
        "userPrincipalName": "p@woodgrove.example",
    });
    let id = stage.tenant.put_user(user).unwrap();
    let exchange = counted(stage.tenant.exchange(), Arc::clone(&stage.counts));
    let over = AtomicBool::new(false);
    let begun = stage.clock.elapsed();
    let workers = async {
        join_all((0..WORKERS).map(|_| async {
            while stage.clock.elapsed() - begun < LOOKED {
                // What is refused is asked again, as long as it is looked at: refused calls count, and it may never go.
                let request = write(&id, &token(&stage).await);
                let answer = exchange.clone().oneshot(request).await.unwrap();
                if answer.status().as_u16() == 429 {
                    let wait = answer.headers().get("retry-after");
                    let wait = wait.and_then(|it| it.to_str().ok()?.parse().ok());
                    let wait = Duration::from_secs_f64(wait.unwrap_or(1.0));
                    stage.clock.sleep(wait).await;
                }
            }
        }))
        .await;
        over.store(true, Ordering::Relaxed);
        stage.clock.elapsed() - begun
    };
    let (taken, length) = if beside {
        futures::join!(neighbour(&stage, &over), workers)
    } else {
        (0, workers.await)
    };
    Row::of(&stage.counts, length, taken)
}

/// What came of a client.
struct Row {
    writes: u64,
    calls: f64,
    throttled: f64,
    seconds: f64,
    /// Of what the neighbour left.
    used: f64,
}

impl Row {
    fn of(counts: &Counts, length: Duration, neighbours: u64) -> Self {
        let (taken, calls, throttled) = counts.of();
        let seconds = length.as_secs_f64();
        Self {
            writes: counts.taken.load(Ordering::Relaxed),
            calls,
            throttled: throttled / calls,
            seconds,
            used: taken / (PACE * seconds - neighbours as f64),
        }
    }

    fn print(&self, name: &str) {
        println!(
            "{name:<34} {:>7} writes {:>8.0} calls {:>7.0} s   used {:>5.1} %   throttled {:>6.3} %",
            self.writes,
            self.calls,
            self.seconds,
            self.used * 100.0,
            self.throttled * 100.0
        );
    }
}

fn main() -> ExitCode {
    let people = std::env::var("ROLLCALL_BENCH_PEOPLE").ok();
    let people: usize = people.and_then(|it| it.parse().ok()).unwrap_or(28_000);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let begun = Instant::now();
    let fits = runtime.block_on(async {
        let alone = ours(people, false).await;
        alone.print("alone");
        let beside = ours(people, true).await;
        beside.print("beside a neighbour");
        plain(false).await.print("plain client, alone");
        plain(true).await.print("plain client, beside a neighbour");
        [
            ("alone: 95 % of the quota used", alone.used >= 0.95),
            ("alone: fewer than 0.1 % throttled", alone.throttled < 0.001),
            ("beside: 85 % of what is left used", beside.used >= 0.85),
            ("beside: fewer than 2 % throttled", beside.throttled < 0.02),
        ]
    });
    println!("measured in {:.0} s", begun.elapsed().as_secs_f64());
    let mut code = ExitCode::SUCCESS;
    for (what, holds) in fits {
        println!("{} {what}", if holds { "holds " } else { "BROKEN" });
        if !holds {
            code = ExitCode::FAILURE;
        }
    }
    code
}
