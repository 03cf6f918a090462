//! Notices: told once, or nobody knows, and then a person is told instead. Whatever the receiver
//! does, and wherever a process dies.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rollcall_core::fold::Outcome;
use rollcall_core::model::{Ending, Op};
use rollcall_http::{Postbox, Secret};
use rollcall_pipeline::apply::{self, unlimited};
use rollcall_pipeline::log;
use rollcall_pipeline::notify::{Notifier, Routes, Signing, WebhookNotifier};
use rollcall_pipeline::queue::{Lane, Queue};
use rollcall_pipeline::run::{Pipeline, Until};
use rollcall_play::chance::Random;
use rollcall_tests::receiver::{Mood, Receiver, SECRET};

use super::{BATCH, NIGHTS, Place, VISIBLE, incoming, verify};

const TELLS: [Op; 2] = [Op::NotifyManager, Op::NotifyWelcome];

/// People of ten managers, nobody new; on the second night two come: one starts in three days, one
/// has started.
fn roster(night: usize) -> String {
    use std::fmt::Write as _;
    let mut out = super::roster(0);
    if night > 0 {
        for (key, hire) in [(901, "2026-03-18"), (902, "2026-03-13")] {
            writeln!(
                out,
                "{key},Active,Employee,EMP{key},Kim{key},Sato,Kim{key} Sato,,101,{hire},False,Sales,\
                 Media,CC1,Woodgrove,Europe,Clerk,1 High St,Berlin,DE,030,,,10115"
            )
            .unwrap();
        }
    }
    out
}

/// A place with texts, whose policy tells people, and the receiver that they go to.
fn place() -> (Place, Receiver) {
    let mut place = Place::new();
    let texts = include_str!("../../../mappings/p0/texts.toml");
    std::fs::write(place.dir().join("texts.toml"), texts).unwrap();
    let edit = |file: &str, from: &str, to: &str| {
        let path = place.dir().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    };
    edit(
        "policy.toml",
        "create_days = 14\n",
        "create_days = 14\nnotify_manager_days = 7\nwelcome = true\n",
    );
    // HR says nothing new for days.
    edit(
        "policy.toml",
        "max_source_age_h = 36",
        "max_source_age_h = 999",
    );
    edit(
        "rollcall.toml",
        "[evidence]\n",
        "[notify]\ntexts = \"texts.toml\"\n[notify.file]\n\n[evidence]\n",
    );
    let receiver = Receiver::new(place.clock);
    place.notifier = Some(posting(&place, &receiver, SECRET, false));
    (place, receiver)
}

/// Notices go over the wire, as far as there is one.
fn posting(place: &Place, to: &Receiver, secret: &str, idempotent: bool) -> Arc<dyn Notifier> {
    let url = "https://hooks.example/rollcall";
    let to = Postbox::new(url, to.exchange(), place.clock).unwrap();
    let signing = Signing::Secret(Secret::new(secret));
    let to = Arc::new(WebhookNotifier::new(to, signing, idempotent));
    Arc::new(Routes::default().with(TELLS, to))
}

/// A night on one machine; what became of what was told.
async fn night(place: &Place, process: &Pipeline, night: usize) -> Vec<Outcome> {
    let text = roster(night);
    let name = format!("workers-{}.csv", &NIGHTS[night][..10]);
    std::fs::write(place.dir().join("inbox").join(name), text).unwrap();
    let now: Timestamp = NIGHTS[night].parse().unwrap();
    process.pull_inbox(now, &[]).await.unwrap();
    let done = process.advance(Until::Closed).await.unwrap();
    told(process, &done.last().unwrap().run).await
}

async fn told(process: &Pipeline, run: &rollcall_core::model::RunId) -> Vec<Outcome> {
    let outcomes = apply::outcomes(&process.store, run).await.unwrap();
    let told = outcomes.iter().filter(|it| it.op.tells());
    told.cloned().collect()
}

/// What is due by now, until nothing is.
async fn release(place: &Place, process: &Pipeline, days: i64) -> Vec<Outcome> {
    let mut out = Vec::new();
    place
        .clock
        .sleep(Duration::from_hours(u64::try_from(24 * days).unwrap()))
        .await;
    if let Some(stored) = process.release(place.clock.now()).await.unwrap() {
        process.advance(Until::Closed).await.unwrap();
        out = told(process, &stored.run).await;
    }
    out
}

fn endings(outcomes: &[Outcome]) -> Vec<(&'static str, &'static str)> {
    let mut out: Vec<_> = outcomes
        .iter()
        .map(|it| (it.op.name(), it.ending.name()))
        .collect();
    out.sort_unstable();
    out
}

fn once(of: &[(&str, &str)]) -> Vec<(String, String, u32)> {
    of.iter()
        .map(|(op, who)| ((*op).to_owned(), (*who).to_owned(), 1))
        .collect()
}

/// Nobody is welcomed who was in work already; whoever comes is, and their manager knows before.
#[tokio::test(start_paused = true)]
async fn whoever_comes_is_welcomed_once_and_nobody_else() {
    let (place, receiver) = place();
    let process = place.process(false);
    assert_eq!(night(&place, &process, 0).await, Vec::new());
    assert_eq!(receiver.requests(), 0, "a first load welcomes nobody");
    place.clock.sleep(Duration::from_hours(24)).await;
    let told = night(&place, &process, 1).await;
    assert_eq!(
        endings(&told),
        [("notify.manager", "done"), ("notify.welcome", "done")]
    );
    let first = once(&[("notify.manager", "901"), ("notify.welcome", "902")]);
    assert_eq!(receiver.taken(), first);
    let manager = &receiver.documents()[0];
    let manager = if manager["type"] == "notify.manager" {
        manager.clone()
    } else {
        receiver.documents()[1].clone()
    };
    assert_eq!(manager["data"]["to"], "emp101@woodgrove.example");
    assert_eq!(
        manager["data"]["subject"],
        "Kim901 Sato starts on 2026-03-18"
    );
    let text = manager["data"]["text"].as_str().unwrap();
    assert!(text.contains("Hello Ana1 Ruiz1") && text.contains("emp901@woodgrove.example"));
    // The day comes.
    let told = release(&place, &process, 3).await;
    assert_eq!(endings(&told), [("notify.welcome", "done")]);
    assert_eq!(release(&place, &process, 1).await, Vec::new());
    let all = once(&[
        ("notify.manager", "901"),
        ("notify.welcome", "901"),
        ("notify.welcome", "902"),
    ]);
    assert_eq!(receiver.taken(), all);
    verify(&place.dir());
}

/// What the receiver does with what the manager is told → how that ends, and whether it comes in
/// the end.
#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_unknown_and_is_never_sent_again() {
    for (mood, ending, comes) in [
        (vec![Mood::HangUp], "unknown", true),
        (vec![Mood::Busy(2), Mood::HangUp], "unknown", true),
        (vec![Mood::Answer(502)], "unknown", false),
        (vec![Mood::Busy(2), Mood::Away, Mood::Take], "done", true),
        (vec![Mood::Busy(7200)], "waiting", true),
        (vec![Mood::Away; 4], "failed", true),
        (vec![Mood::Answer(401)], "failed", true),
    ] {
        let (place, receiver) = place();
        let process = place.process(false);
        night(&place, &process, 0).await;
        place.clock.sleep(Duration::from_hours(24)).await;
        receiver.feels("notify.manager", mood.clone());
        let told = night(&place, &process, 1).await;
        let expected = [("notify.manager", ending), ("notify.welcome", "done")];
        assert_eq!(endings(&told), expected, "{mood:?}");
        for outcome in &told {
            match &outcome.ending {
                Ending::Unknown { hint } => assert!(
                    hint.contains(outcome.action.as_str()) && hint.contains("not sent again")
                ),
                Ending::Failed { code, hint } => assert!(
                    (code == "http_401" && hint.contains("secret")) || code == "connect",
                    "{code}: {hint}"
                ),
                Ending::Done
                | Ending::Already
                | Ending::Stale { .. }
                | Ending::Waiting { .. }
                | Ending::Held { .. } => {}
            }
        }
        // What was not taken for certain comes later; what may have been does not.
        for _ in 0..3 {
            release(&place, &process, 1).await;
        }
        let all = [
            ("notify.manager", "901"),
            ("notify.welcome", "901"),
            ("notify.welcome", "902"),
        ];
        let expected = once(if comes { &all } else { &all[1..] });
        assert_eq!(receiver.taken(), expected, "{mood:?}");
        verify(&place.dir());
    }
}

/// A receiver that keeps one of a key is asked until it answers.
#[tokio::test(start_paused = true)]
async fn an_idempotent_receiver_may_be_asked_again() {
    let (mut place, receiver) = place();
    let receiver = receiver.idempotent();
    place.notifier = Some(posting(&place, &receiver, SECRET, true));
    let process = place.process(false);
    night(&place, &process, 0).await;
    place.clock.sleep(Duration::from_hours(24)).await;
    receiver.feels("notify.manager", [Mood::HangUp]);
    receiver.feels("notify.welcome", [Mood::HangUp]);
    let told = night(&place, &process, 1).await;
    assert!(told.iter().all(|it| it.ending == Ending::Done), "{told:?}");
    assert_eq!(receiver.requests(), 4);
    let first = once(&[("notify.manager", "901"), ("notify.welcome", "902")]);
    assert_eq!(receiver.taken(), first);
}

/// The secret is another one: refused, said, and sent once it is mended.
#[tokio::test(start_paused = true)]
async fn a_wrong_secret_fails_with_a_hint() {
    let (mut place, receiver) = place();
    let wrong = "whsec_YW5vdGhlciBzZWNyZXQgdGhhdCBub2JvZHkga25vd3M=";
    place.notifier = Some(posting(&place, &receiver, wrong, false));
    let process = place.process(false);
    night(&place, &process, 0).await;
    place.clock.sleep(Duration::from_hours(24)).await;
    let told = night(&place, &process, 1).await;
    for outcome in &told {
        let Ending::Failed { code, hint } = &outcome.ending else {
            panic!("{outcome:?}")
        };
        assert_eq!(code, "http_401");
        assert!(hint.contains("compare the secret here and there"), "{hint}");
        assert!(!hint.contains(wrong) && !hint.contains("hooks.example"));
    }
    assert_eq!((told.len(), receiver.taken()), (2, Vec::new()));
    place.notifier = Some(posting(&place, &receiver, SECRET, false));
    let process = place.process(false);
    release(&place, &process, 1).await;
    let first = once(&[("notify.manager", "901"), ("notify.welcome", "902")]);
    assert_eq!(receiver.taken(), first);
}

/// A taker is killed while the receiver has the notice and has not answered; then newer data call
/// the run back. Nobody knows what came of it, so it is not sent again, and the run says so.
#[tokio::test(start_paused = true)]
async fn killed_in_the_middle_it_is_not_sent_by_the_next_plan() {
    let (place, receiver) = place();
    night(&place, &place.process(false), 0).await;
    place.clock.sleep(Duration::from_hours(24)).await;
    let (planner, taker) = (place.process(true), place.process(true));
    place
        .plan(&planner, "workers-2026-03-15.csv", &roster(1))
        .await;
    let run = log::head(&planner.store).await.unwrap().standing.open[0]
        .run
        .clone();
    let queue = place.queue.as_ref();
    planner.dispatch(queue).await.unwrap();
    receiver.feels("notify.manager", [Mood::Dawdle]);
    receiver.feels("notify.welcome", [Mood::Dawdle]);
    let batch = queue.receive(Lane::Bulk, BATCH, VISIBLE).await.unwrap();
    let messages = incoming(&batch);
    let work = taker.take_batch(&messages, unlimited);
    let killed = tokio::time::timeout(Duration::from_secs(30), work).await;
    assert!(killed.is_err(), "it was meant to die");
    let sent = receiver.taken();
    assert_eq!(sent.len(), 2);
    // Newer data say the same of both.
    let newer = roster(1).replace("030-140", "030-141");
    place.clock.sleep(Duration::from_mins(20)).await;
    let inbox = place.dir().join("inbox");
    std::fs::write(inbox.join("workers-2026-03-16.csv"), newer).unwrap();
    planner.pull_inbox(place.clock.now(), &[]).await.unwrap();
    planner.advance(Until::Planned).await.unwrap();
    for _ in 0..10 {
        place.clock.sleep(Duration::from_mins(20)).await;
        planner.advance(Until::Closed).await.unwrap();
        place.carry_out(&planner).await;
    }
    assert_eq!(receiver.taken(), sent, "each came once, and never again");
    let unknown = told(&planner, &run).await;
    let unheard = |it: &&Outcome| matches!(it.ending, Ending::Unknown { .. });
    assert_eq!(unknown.iter().filter(unheard).count(), 2, "{unknown:?}");
    verify(&place.dir());
}

/// Batches come twice, to two takers at once, and takers die: each notice comes once at most, and
/// of one that did not come the journal says that nobody knows.
#[tokio::test(start_paused = true)]
async fn any_schedule_tells_nobody_twice() {
    for seed in 0..12 {
        let (place, receiver) = place();
        night(&place, &place.process(false), 0).await;
        place.clock.sleep(Duration::from_hours(24)).await;
        let mut random = Random::new(seed);
        let process = place.process(true);
        place
            .plan(&process, "workers-2026-03-15.csv", &roster(1))
            .await;
        let run = log::head(&process.store).await.unwrap().standing.open[0]
            .run
            .clone();
        for _ in 0..2000 {
            match random.below(8) {
                0 => drop(process.dispatch(place.queue.as_ref()).await.unwrap()),
                1 => place.clock.sleep(VISIBLE).await,
                2 => drop(process.advance(Until::Closed).await.unwrap()),
                3 => receiver.feels("notify.welcome", [Mood::Busy(1)]),
                _ => super::take(&place, &mut random).await,
            }
            let head = log::head(&process.store).await.unwrap();
            if head.standing.open.is_empty() {
                break;
            }
        }
        let told = told(&process, &run).await;
        assert_eq!(told.len(), 2, "seed {seed}");
        let taken = receiver.taken();
        assert!(
            taken.iter().all(|(.., times)| *times == 1),
            "seed {seed}: {taken:?}"
        );
        for outcome in told {
            let came = taken.iter().any(|(op, ..)| op == outcome.op.name());
            let unknown = matches!(outcome.ending, Ending::Unknown { .. });
            assert!(came || unknown, "seed {seed}: {outcome:?}");
        }
    }
}

/// Whoever is cut off by newer data before an old order arrives is not welcomed.
#[tokio::test(start_paused = true)]
async fn nobody_is_welcomed_who_was_cut_off_meanwhile() {
    let (place, receiver) = place();
    let process = place.process(false);
    night(&place, &process, 0).await;
    place.clock.sleep(Duration::from_hours(24)).await;
    // The welcome of 902 waits: the receiver wants to be left alone.
    receiver.feels("notify.welcome", [Mood::Busy(7200)]);
    night(&place, &process, 1).await;
    let gone = roster(1).replace("902,Active", "902,Inactive");
    let inbox = place.dir().join("inbox");
    place.clock.sleep(Duration::from_hours(1)).await;
    std::fs::write(inbox.join("workers-2026-03-16.csv"), gone).unwrap();
    process.pull_inbox(place.clock.now(), &[]).await.unwrap();
    process.advance(Until::Closed).await.unwrap();
    for _ in 0..4 {
        release(&place, &process, 1).await;
    }
    let all = once(&[("notify.manager", "901"), ("notify.welcome", "901")]);
    assert_eq!(receiver.taken(), all);
    let since = place.clock.now().duration_since(NIGHTS[1].parse().unwrap());
    assert!(since > SignedDuration::from_hours(48));
}
