//! Orders carried out elsewhere: whatever order batches, crashes and repetitions come in, the tenant
//! ends as after one run on one machine, and no message is lost.

#![allow(
    clippy::unwrap_used,
    clippy::large_futures,
    reason = "a failed unwrap is a failed test, and a test may hold a whole process on its stack"
)]

mod devices;
mod giving_way;
mod numbers;
mod storm;
mod taking_back;
mod telling;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rollcall_entra::{Entra, EntraConfig};
use rollcall_http::{Clock, Exchange, Secret};
use rollcall_pipeline::apply::unlimited;
use rollcall_pipeline::config::{Key, Settings};
use rollcall_pipeline::entra::EntraTarget;
use rollcall_pipeline::log;
use rollcall_pipeline::notify::Notifier;
use rollcall_pipeline::pull::Pulled;
use rollcall_pipeline::queue::{Delivery, EmbeddedQueue, Envelope, HOLD, Lane, Queue, holding};
use rollcall_pipeline::run::{Incoming, Pipeline, Taken, Until};
use rollcall_pipeline::store::Store;
use rollcall_play::chance::Random;
use rollcall_rehearsal::{Fault, Faults, Tenant, TenantOptions};
use rollcall_tests::tenant::GROUPS;
use serde_json::{Value, json};

const NIGHTS: [&str; 2] = ["2026-03-14T02:00:00Z", "2026-03-15T02:00:00Z"];
const VISIBLE: Duration = Duration::from_mins(1);
const BATCH: usize = 10;

/// One store, one tenant, one queue, on one clock.
struct Place {
    folder: tempfile::TempDir,
    tenant: Tenant,
    clock: Clock,
    queue: Arc<EmbeddedQueue>,
    notifier: Option<Arc<dyn Notifier>>,
    /// Serial numbers of devices by what plans call them.
    devices: BTreeMap<String, String>,
}

impl Place {
    fn new() -> Self {
        Self::with(TenantOptions::default())
    }

    /// Groups are made, people come into them and go out of them, and licences are given.
    fn with_groups() -> Self {
        let seats = [("SPE_E3", 900), ("VISIOCLIENT", 900)];
        let place = Self::with(TenantOptions {
            seats: seats.map(|(name, seats)| (name.to_owned(), seats)).into(),
            ..TenantOptions::default()
        });
        let file = place.dir().join("rollcall.toml");
        let config = std::fs::read_to_string(&file).unwrap();
        let policy = "policy = \"policy.toml\"\n";
        let config = config.replace(policy, &format!("{policy}groups = \"groups.toml\"\n"));
        std::fs::write(file, config).unwrap();
        std::fs::write(place.dir().join("groups.toml"), GROUPS).unwrap();
        place
    }

    fn with(options: TenantOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::starting_at(NIGHTS[0].parse().unwrap());
        let place = Self {
            tenant: Tenant::open(options, clock).unwrap(),
            queue: Arc::new(EmbeddedQueue::new(clock)),
            notifier: None,
            devices: BTreeMap::new(),
            folder,
            clock,
        };
        let dir = place.dir().display().to_string();
        let args = ["rollcall", "init", &dir, "--source", "csv2scim"];
        let _code = rollcall::main(args.map(std::ffi::OsString::from));
        // Everybody moves at once, and that is meant.
        let policy = place.dir().join("policy.toml");
        let text = std::fs::read_to_string(&policy).unwrap();
        let text = text.replace("[gates]\n", "[gates]\nchurn_pct = 100.0\n");
        std::fs::write(policy, text).unwrap();
        assert!(place.dir().join("rollcall.toml").is_file());
        place
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("rc")
    }

    /// A process of its own, as far as it shares nothing but store, tenant and queue.
    fn process(&self, remote: bool) -> Pipeline {
        self.process_over(remote, self.tenant.exchange())
    }

    /// The same with what goes to the tenant going this way.
    fn process_over(&self, remote: bool, exchange: Exchange) -> Pipeline {
        let options = TenantOptions::default();
        let secret = Secret::new(options.client_secret.clone());
        let mut config = EntraConfig::new(&options.tenant_id, &options.client_id, secret);
        // The same waits at the same failures: what happened once happens again.
        config.seed = 11;
        let entra = Entra::new(config, exchange, self.clock).unwrap();
        let queue = Arc::clone(&self.queue) as Arc<dyn Queue>;
        let settings = Settings::read(&self.dir().join("rollcall.toml")).unwrap();
        let Key::Held(key) = settings.key.clone() else {
            panic!("the starter's key lies in a file")
        };
        Pipeline {
            settings,
            key: key.into(),
            cloud: None,
            store: Store::folder(&self.dir()).unwrap(),
            place: self.dir().display().to_string(),
            folder: Some(self.dir()),
            queue: remote.then_some(queue),
            connectors: rollcall_pipeline::pull::Connectors::new(),
            target: Arc::new(EntraTarget::new(entra)),
            notifier: self.notifier.clone(),
            clock: self.clock,
            progress: Box::new(|_, _| ()),
        }
    }

    fn deliver(&self, night: usize) {
        let inbox = self.dir().join("inbox");
        let name = format!("workers-{}.csv", &NIGHTS[night][..10]);
        std::fs::write(inbox.join(name), roster(night)).unwrap();
    }

    /// A file comes, is taken and planned.
    async fn plan(&self, process: &Pipeline, name: &str, text: &str) {
        std::fs::write(self.dir().join("inbox").join(name), text).unwrap();
        let now = self.clock.now();
        let pulled = process.pull_inbox(now, &[]).await.unwrap();
        assert!(matches!(pulled, Pulled::Sealed { .. }), "{pulled:?}");
        process.advance(Until::Planned).await.unwrap();
    }

    /// Sends, takes and closes what there is, in turns.
    async fn carry_out(&self, process: &Pipeline) {
        let queue = self.queue.as_ref();
        for _ in 0..10 {
            process.dispatch(queue).await.unwrap();
            for lane in [Lane::Urgent, Lane::Bulk] {
                let batch = queue.receive(lane, 50, VISIBLE).await.unwrap();
                let taken = process.take_batch(&incoming(&batch), unlimited).await;
                settle(self, lane, &batch, &taken.unwrap()).await;
            }
            process.close().await.unwrap();
        }
    }

    fn users(&self) -> BTreeMap<String, Value> {
        rollcall_tests::tenant::users(&self.tenant)
    }
}

/// Forty workers; on the second night some move, some leave, some come.
fn roster(night: usize) -> String {
    let mut out = String::from(
        "WorkerID,WorkerStatus,WorkerType,UserID,FirstName,LastName,FullName,GenderPronoun,\
         ManagerID,HireDate,OnLeave,Department,Division,CostCenter,Company,Location,JobTitle,\
         StreetAddress,City,CountryCode,OfficePhone,Custom01,Custom02,ZipCode\n",
    );
    for n in 1..=40 + 3 * night {
        let (key, moved, left) = (100 + n, night == 1 && n % 6 == 0, night == 1 && n % 11 == 0);
        let status = if left { "Inactive" } else { "Active" };
        let manager = if n > 3 {
            (101 + n % 3).to_string()
        } else {
            String::new()
        };
        let department = if moved { "Moved" } else { "Sales" };
        writeln!(
            out,
            "{key},{status},Employee,EMP{key},Ana{n},Ruiz{n},Ana{n} Ruiz{n},,{manager},2015-01-10,\
             False,{department},Media,CC1,Woodgrove,Europe,Clerk,1 High St,Berlin,DE,030-{key},,,10115"
        )
        .unwrap();
    }
    out
}

async fn on_one_machine(faults: Faults) -> (Place, Vec<String>) {
    let place = Place::with_groups();
    place.tenant.set_faults(faults);
    let mut plans = Vec::new();
    for (night, now) in NIGHTS.iter().enumerate() {
        place.deliver(night);
        let process = place.process(false);
        let now: Timestamp = now.parse().unwrap();
        let pulled = process.pull_inbox(now, &[]).await.unwrap();
        assert!(matches!(pulled, Pulled::Sealed { .. }), "{pulled:?}");
        for done in process.advance(Until::Closed).await.unwrap() {
            plans.push(done.stored.summary.actions_sha256);
        }
    }
    (place, plans)
}

fn incoming(batch: &[Delivery]) -> Vec<Incoming> {
    let of = |d: &Delivery| Incoming {
        group: d.group.clone(),
        body: d.body.clone(),
    };
    batch.iter().map(of).collect()
}

/// What the event source does with the answer of a function.
async fn settle(place: &Place, lane: Lane, batch: &[Delivery], taken: &[Taken]) {
    for (delivery, taken) in batch.iter().zip(taken) {
        // A receipt that ran out meanwhile belongs to another taker by now.
        let _late = match taken {
            Taken::Done | Taken::Halted => place.queue.acknowledge(lane, &delivery.receipt).await,
            Taken::Again => {
                let receipt = &delivery.receipt;
                place.queue.extend(lane, receipt, Duration::ZERO).await
            }
            Taken::Dead(reason) => place.queue.dead_letter(lane, delivery, reason).await,
        };
    }
}

/// A taker that may die before, in or after a batch, be handed it twice, or run out of time.
async fn take(place: &Place, random: &mut Random) {
    let lane = [Lane::Urgent, Lane::Bulk][random.below(2) as usize];
    let batch = place.queue.receive(lane, BATCH, VISIBLE).await.unwrap();
    if batch.is_empty() {
        return;
    }
    let process = place.process(true);
    let messages = incoming(&batch);
    match random.below(6) {
        0 => {}
        1 => {
            process.take_batch(&messages, unlimited).await.unwrap();
        }
        2 => {
            let (one, two) = futures::join!(
                process.take_batch(&messages, unlimited),
                process.take_batch(&messages, unlimited)
            );
            one.unwrap();
            settle(place, lane, &batch, &two.unwrap()).await;
        }
        3 => {
            let left = AtomicU32::new(random.below(40));
            let fewer = |left: u32| Some(left.saturating_sub(1));
            let time = || {
                let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer);
                (before.unwrap() > 0).then_some(Duration::MAX)
            };
            let taken = process.take_batch(&messages, time).await.unwrap();
            settle(place, lane, &batch, &taken).await;
        }
        _ => {
            let taken = process.take_batch(&messages, unlimited).await.unwrap();
            settle(place, lane, &batch, &taken).await;
        }
    }
}

/// With `overlap` the second night's file comes while the first night's orders are under way.
async fn play(seed: u64, overlap: bool) -> (BTreeMap<String, Value>, Vec<String>, u32) {
    let mut random = Random::new(seed);
    let place = Place::with_groups();
    let patience = random.below(60);
    let mut plans = Vec::new();
    let mut steps = 0;
    for (night, now) in NIGHTS.iter().enumerate() {
        place.deliver(night);
        let now: Timestamp = now.parse().unwrap();
        let (one, two) = (place.process(true), place.process(true));
        // The file is announced twice, and two planners start at once.
        let (first, second) = futures::join!(one.pull_inbox(now, &[]), two.pull_inbox(now, &[]));
        let sealed = [first.unwrap(), second.unwrap()];
        let sealed = sealed.iter().filter(|p| matches!(p, Pulled::Sealed { .. }));
        assert_eq!(sealed.count(), 1, "one delivery is taken once");
        let (first, second) =
            futures::join!(one.advance(Until::Planned), two.advance(Until::Planned));
        for done in first.unwrap().into_iter().chain(second.unwrap()) {
            plans.push(done.stored.summary.actions_sha256);
        }
        loop {
            steps += 1;
            assert!(steps < 20_000, "seed {seed}: it does not end");
            match random.below(10) {
                0 => drop(one.dispatch(place.queue.as_ref()).await.unwrap()),
                1 => place.clock.sleep(VISIBLE).await,
                2 => drop(two.advance(Until::Closed).await.unwrap()),
                _ => take(&place, &mut random).await,
            }
            let head = log::head(&one.store).await.unwrap();
            if head.standing.open.is_empty() {
                break;
            }
            if overlap && night == 0 && steps > patience {
                break;
            }
        }
        if overlap && night == 0 {
            continue;
        }
        // What is still in the queue belongs to a run that is over: taken, and nothing happens.
        let before = place.users();
        place.clock.sleep(VISIBLE).await;
        for lane in [Lane::Urgent, Lane::Bulk] {
            loop {
                let batch = place.queue.receive(lane, BATCH, VISIBLE).await.unwrap();
                if batch.is_empty() {
                    break;
                }
                let taken = one.take_batch(&incoming(&batch), unlimited).await.unwrap();
                assert!(taken.iter().all(|t| *t == Taken::Done));
                settle(&place, lane, &batch, &taken).await;
            }
            assert_eq!(place.queue.depth(lane).await.unwrap(), 0);
        }
        assert_eq!(place.users(), before, "a late message changes nothing");
    }
    verify(&place.dir());
    (place.users(), plans, steps)
}

fn verify(dir: &Path) {
    let config = dir.join("rollcall.toml").display().to_string();
    let args = ["rollcall", "verify", "-c", &config, "--now", NIGHTS[1]];
    let args: Vec<_> = args.iter().map(std::ffi::OsString::from).collect();
    let code = std::thread::spawn(move || format!("{:?}", rollcall::main(args)));
    let zero = format!("{:?}", std::process::ExitCode::SUCCESS);
    assert_eq!(code.join().unwrap(), zero, "verify");
}

/// `ROLLCALL_SEEDS` schedules (100).
#[tokio::test(start_paused = true)]
async fn any_schedule_ends_in_the_same_tenant() {
    let (calm, plans) = on_one_machine(Faults::none()).await;
    let expected = calm.users();
    assert!(expected.values().any(|u| u["accountEnabled"] == false));
    let moved = expected.values().filter(|u| u["department"] == "Moved");
    for user in moved.filter(|u| u["accountEnabled"] == true) {
        assert_eq!(user["memberOf"], json!(["moved", "office"]), "{user}");
    }
    let seeds = std::env::var("ROLLCALL_SEEDS").ok();
    let seeds: u64 = seeds.and_then(|s| s.parse().ok()).unwrap_or(100);
    for seed in 0..seeds {
        let (users, made, steps) = Box::pin(play(seed, false)).await;
        assert_eq!(users, expected, "seed {seed}, {steps} steps");
        assert!(
            plans.iter().all(|p| made.contains(p)),
            "seed {seed}: other plans"
        );
    }
}

/// Every call comes twice, and the answer is that of the second: it ends as if each had come once.
#[tokio::test(start_paused = true)]
async fn what_comes_twice_ends_as_what_comes_once() {
    let (calm, plans) = on_one_machine(Faults::none()).await;
    let twice = Faults {
        seed: 1,
        share: 1.0,
        kinds: vec![Fault::Duplicate],
    };
    let (place, made) = on_one_machine(twice).await;
    assert_eq!(made, plans);
    assert_eq!(place.users(), calm.users());
    let groups = |place: &Place| place.tenant.groups().len();
    assert_eq!(groups(&place), groups(&calm));
    let history = place.tenant.history();
    let refused = history.iter().filter(|it| it.again && it.status >= 400);
    assert!(refused.count() > 50, "no second delivery was refused");
}

fn enabled(users: &BTreeMap<String, Value>) -> BTreeMap<&str, &Value> {
    let on = |user: &&Value| user["accountEnabled"] == true;
    let pairs = users.iter().filter(|(_, user)| on(user));
    pairs.map(|(key, user)| (key.as_str(), user)).collect()
}

/// Newer data do not wait for the end of a run: what it had not done is planned again with them.
#[tokio::test(start_paused = true)]
async fn a_file_that_comes_in_between_decides() {
    let (calm, _) = on_one_machine(Faults::none()).await;
    let expected = calm.users();
    let seeds = std::env::var("ROLLCALL_SEEDS").ok();
    let seeds: u64 = seeds.and_then(|s| s.parse().ok()).unwrap_or(100);
    let mut spared = 0;
    for seed in 0..seeds {
        let (users, _, steps) = Box::pin(play(seed, true)).await;
        // Who had no account yet when HR said that they left gets none.
        assert_eq!(
            enabled(&users),
            enabled(&expected),
            "seed {seed}, {steps} steps"
        );
        spared += expected.len() - users.len();
    }
    assert!(spared > 0, "no seed came in between");
}

fn crowd(n: u32, left: &[u32]) -> String {
    let mut out = roster(0).lines().next().unwrap().to_owned() + "\n";
    for key in 1..=n {
        let status = if left.contains(&key) {
            "Inactive"
        } else {
            "Active"
        };
        writeln!(
            out,
            "{key},{status},Employee,EMP{key},Ana{key},Ruiz,Ana{key} Ruiz,,,2015-01-10,False,Sales,\
             Media,CC1,Woodgrove,Europe,Clerk,1 High St,Berlin,DE,030-{key},,,10115"
        )
        .unwrap();
    }
    out
}

/// Somebody is dismissed while the first load of 5,000 accounts is still in the queue: the cut goes
/// first, and the enable that is queued since before does nothing.
#[tokio::test(start_paused = true)]
async fn a_cut_overtakes_five_thousand_orders() {
    let place = Place::new();
    let inbox = place.dir().join("inbox");
    let process = place.process(true);
    let queue = place.queue.as_ref();
    let first: Timestamp = NIGHTS[0].parse().unwrap();
    std::fs::write(inbox.join("workers-2026-03-14.csv"), crowd(5000, &[])).unwrap();
    process.pull_inbox(first, &[]).await.unwrap();
    process.advance(Until::Planned).await.unwrap();
    assert_eq!(process.dispatch(queue).await.unwrap(), 5000);
    // A taker does ten and dies before it says so: their orders wait in the queue again.
    let some = queue.receive(Lane::Bulk, BATCH, VISIBLE).await.unwrap();
    process
        .take_batch(&incoming(&some), unlimited)
        .await
        .unwrap();
    place.clock.sleep(VISIBLE).await;
    assert_eq!(queue.depth(Lane::Bulk).await.unwrap(), 5000);
    let users = place.users();
    let who = users.keys().next().unwrap();
    assert!(users.values().all(|user| user["accountEnabled"] == true));

    let newer = crowd(5000, &[who.parse().unwrap()]);
    std::fs::write(inbox.join("workers-2026-03-15.csv"), newer).unwrap();
    process
        .pull_inbox(NIGHTS[1].parse().unwrap(), &[])
        .await
        .unwrap();
    process.advance(Until::Planned).await.unwrap();
    process.dispatch(queue).await.unwrap();
    let urgent = queue.receive(Lane::Urgent, BATCH, VISIBLE).await.unwrap();
    assert_eq!(urgent.len(), 1);
    let taken = process.take_batch(&incoming(&urgent), unlimited).await;
    assert_eq!(taken.unwrap(), [Taken::Done]);
    let after = place.users();
    assert_eq!(after[who]["accountEnabled"], false);
    assert_eq!(after.len(), 10, "nothing else was done before");
    // The older orders come again: one of them would enable.
    let mut done = 0;
    while done < 5000 {
        let old = queue.receive(Lane::Bulk, BATCH, VISIBLE).await.unwrap();
        let taken = process
            .take_batch(&incoming(&old), unlimited)
            .await
            .unwrap();
        assert!(taken.iter().all(|t| *t == Taken::Done));
        done += old.len();
        settle(&place, Lane::Bulk, &old, &taken).await;
    }
    assert_eq!(place.users()[who]["accountEnabled"], false);
}

/// [A good, B garbage, C good, B good]: A and C are done, B's garbage is put aside with the reason,
/// and what is behind it in its group comes again.
#[tokio::test(start_paused = true)]
async fn garbage_blocks_its_own_group_only() {
    let place = Place::new();
    place.deliver(0);
    let process = place.process(true);
    let now = NIGHTS[0].parse().unwrap();
    process.pull_inbox(now, &[]).await.unwrap();
    process.advance(Until::Planned).await.unwrap();
    process.dispatch(place.queue.as_ref()).await.unwrap();
    let batch = place.queue.receive(Lane::Bulk, 3, VISIBLE).await.unwrap();
    let [a, b, c] = &incoming(&batch)[..] else {
        panic!("three orders")
    };
    let garbage = Incoming {
        body: "{\"not\": \"a message\"}".to_owned(),
        ..b.clone()
    };
    let mixed = [a.clone(), garbage, c.clone(), b.clone()];
    let taken = process.take_batch(&mixed, unlimited).await.unwrap();
    assert_eq!(taken[0], Taken::Done);
    assert!(matches!(&taken[1], Taken::Dead(reason) if reason.contains("not a message")));
    assert_eq!(&taken[2..], [Taken::Done, Taken::Again]);
    assert_eq!(place.users().len(), 2);
    let next = process.take_batch(std::slice::from_ref(b), unlimited).await;
    assert_eq!(next.unwrap(), [Taken::Done]);
    assert_eq!(place.users().len(), 3);

    // An order that was changed behind the message is not carried out.
    let changed = a.body.replace("\"sha256\":\"", "\"sha256\":\"0");
    let taken = [Incoming {
        body: changed,
        ..a.clone()
    }];
    let taken = process.take_batch(&taken, unlimited).await.unwrap();
    assert!(matches!(&taken[0], Taken::Dead(reason) if reason.contains("changed")));
}

/// Bodies name ids and places, never anything of a person.
#[tokio::test(start_paused = true)]
async fn messages_hold_no_personal_data() {
    let place = Place::new();
    place.deliver(0);
    let process = place.process(true);
    process
        .pull_inbox(NIGHTS[0].parse().unwrap(), &[])
        .await
        .unwrap();
    process.advance(Until::Planned).await.unwrap();
    process.dispatch(place.queue.as_ref()).await.unwrap();
    let batch = place.queue.receive(Lane::Bulk, 50, VISIBLE).await.unwrap();
    assert_eq!(batch.len(), 40);
    for Delivery { body, .. } in batch {
        for personal in ["Ana", "Ruiz", "Sales", "emp1", "030-"] {
            assert!(!body.contains(personal), "{body}");
        }
    }
    // Sent again at once, nothing is delivered twice.
    let envelope = Envelope {
        group: rollcall_core::model::PersonKey::new("x"),
        deduplication_id: "x".to_owned(),
        body: String::new(),
    };
    place
        .queue
        .send(Lane::Bulk, vec![envelope.clone(), envelope])
        .await
        .unwrap();
    assert_eq!(place.queue.depth(Lane::Bulk).await.unwrap(), 41);
}

/// An order that takes longer than deliveries are kept is not handed to anybody else meanwhile;
/// what a process that was killed had in hand comes again within minutes.
#[tokio::test(start_paused = true)]
async fn long_work_keeps_its_messages() {
    let clock = Clock::starting_at(NIGHTS[0].parse().unwrap());
    let queue = EmbeddedQueue::new(clock);
    let envelope = Envelope {
        group: rollcall_core::model::PersonKey::new("x"),
        deduplication_id: "x".to_owned(),
        body: "x".to_owned(),
    };
    queue.send(Lane::Urgent, vec![envelope]).await.unwrap();
    let granted = Duration::from_hours(2);
    let taken = queue.receive(Lane::Urgent, 1, granted).await.unwrap();
    let receipts = [taken[0].receipt.clone()];
    let work = async {
        for _ in 0..60 {
            clock.sleep(Duration::from_mins(1)).await;
            let other = queue.receive(Lane::Urgent, 1, granted).await.unwrap();
            assert_eq!(other, [], "it is in our hands");
        }
    };
    holding(&queue, Lane::Urgent, &receipts, clock, work).await;
    // Killed here: nobody keeps it any more.
    clock.sleep(HOLD).await;
    let again = queue.receive(Lane::Urgent, 1, granted).await.unwrap();
    assert_eq!(again[0].receives, 2);
}

/// Time is up in the middle of an order: what is done is on record, the rest is done later.
#[tokio::test(start_paused = true)]
async fn an_order_stops_between_two_actions() {
    let place = Place::new();
    place.deliver(0);
    let process = place.process(true);
    let queue = place.queue.as_ref();
    let now = NIGHTS[0].parse().unwrap();
    process.pull_inbox(now, &[]).await.unwrap();
    process.advance(Until::Planned).await.unwrap();
    process.dispatch(queue).await.unwrap();
    let batch = queue.receive(Lane::Bulk, 1, VISIBLE).await.unwrap();
    // Asked before the message and before each action: the account is made, and that is all.
    let asked = AtomicU32::new(0);
    let time = || (asked.fetch_add(1, Ordering::Relaxed) < 2).then_some(Duration::MAX);
    let taken = process.take_batch(&incoming(&batch), time).await.unwrap();
    assert_eq!(taken, [Taken::Again]);
    let user = place.users().into_values().next().unwrap();
    assert_eq!(user["accountEnabled"], false);
    let taken = process.take_batch(&incoming(&batch), unlimited).await;
    assert_eq!(taken.unwrap(), [Taken::Done]);
    let users = place.users();
    assert_eq!(users.len(), 1);
    assert!(users.values().all(|user| user["accountEnabled"] == true));
}
