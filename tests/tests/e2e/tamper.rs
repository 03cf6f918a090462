//! Whoever changes anything that the head reaches is found out, by `verify` and by a verifier that
//! shares nothing with it.
//!
//! One store of a few nights, with a hold and its approval, a release, faults and signatures, is
//! damaged in 500 seeded ways, each in a copy. Both verifiers have to name what was touched and
//! nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Trial;
use rollcall_core::model::RunId;
use rollcall_pipeline::sign::PublicKey;
use rollcall_pipeline::store::Store;
use rollcall_pipeline::verify::{Asked, Noted, Proof, Verified, prove, verify_store};
use serde_json::Value;

use crate::trial;
use crate::world::{Roster, World};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("tamper::every_change_is_found_by_both", every_change),
        trial("tamper::the_tail", the_tail),
        trial("tamper::what_a_writer_could_forge", forged),
        trial("tamper::one_person_is_proved_alone", proved),
        trial("tamper::who_died_before_signing", unsigned),
    ]
}

// Made for this test by `openssl genpkey -algorithm ed25519`; signs nothing else.
const KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIHTke+e2Jyug6YfM15RZOyHWs1xAojqd8IbyDUVccsJt
-----END PRIVATE KEY-----
";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA0VV33CaCmkWv/Pd4Yllznx+ksA63D+/bp0e+aqVbyfw=
-----END PUBLIC KEY-----
";
const OTHER: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA1oDtqYE3D+LeHn2pNMxu0qhuKpZue0Kj+HoC8ENksQE=
-----END PUBLIC KEY-----
";

const LAST: &str = "2026-03-18T02:00:00Z";

/// Whether the log of a store is signed.
#[derive(Clone, Copy, PartialEq)]
enum Log {
    Signed,
    Plain,
}

fn sign(world: &World) {
    std::fs::write(world.dir().join("signer.pem"), KEY).unwrap();
    std::fs::write(world.dir().join("signer.pub"), PUBLIC).unwrap();
    let config = std::fs::read_to_string(world.config()).unwrap();
    let line = config
        .lines()
        .find(|it| it.starts_with("key_file"))
        .unwrap();
    let with = format!("{line}\nsign = {{ key_file = \"signer.pem\" }}");
    world.edit("rollcall.toml", line, &with);
}

/// A few nights: a first load, a hold that two people agree to, a night of faults, a release.
fn nights(log: Log) -> World {
    let world = World::new();
    if log == Log::Signed {
        sign(&world);
    }
    let mut roster = Roster::of(60);
    world.drop_file("a-2026-03-14.csv", roster.csv());
    world.at("2026-03-14T02:00:00Z", &["run"]).expect(0);
    world.edit("policy.toml", "over_budget = 2", "over_budget = 1");
    let slice = "[[budgets.slice]]\nname = \"all\"\nrule = 'worker.jobTitle -eq \"Clerk\"'\n\
                 disables = { count = 2 }\n\n[protected]\n";
    world.edit("policy.toml", "[protected]\n", slice);
    for key in [10_021, 10_022, 10_023, 10_024] {
        roster.0.get_mut(&key).unwrap().active = false;
    }
    world.drop_file("b-2026-03-15.csv", roster.csv());
    let report = world.at("2026-03-15T02:00:00Z", &["run"]).expect(3).json();
    for hold in report["holds"].as_array().unwrap() {
        let guard = hold["by"].as_str().unwrap();
        world
            .agree("2026-03-15T08:00:00Z", &report, guard)
            .expect(0);
    }
    world.at("2026-03-15T08:00:00Z", &["apply"]).expect(0);
    world.edit(
        "rollcall.toml",
        "[target.rehearsal]\n",
        "[target.rehearsal]\nfault_share = 0.2\nfault_seed = 11\n",
    );
    for key in 10_031..=10_040 {
        roster.0.get_mut(&key).unwrap().department = "Moved".to_owned();
    }
    world.drop_file("c-2026-03-16.csv", roster.csv());
    let code = world.at("2026-03-16T02:00:00Z", &["run"]).code;
    assert!(matches!(code, Some(0 | 1)), "{code:?}");
    let code = world.at("2026-03-16T14:00:00Z", &["release"]).code;
    assert!(matches!(code, Some(0 | 1)), "{code:?}");
    world
}

fn head_of(world: &World) -> Noted {
    let verified = world.at(LAST, &["verify"]).expect(0).json();
    verified["head"].as_str().unwrap().parse().unwrap()
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// An object that the head reaches.
#[derive(Default)]
struct Reached {
    /// It is personal, and may expire.
    may_go: bool,
    /// The ways on which it is named: an entry, or an entry and a list. Entries and signatures need none.
    by: Vec<Vec<String>>,
}

impl Reached {
    /// Whether something that is whole still names it.
    fn is_named(&self, touched: &BTreeSet<String>) -> bool {
        let whole = |way: &Vec<String>| way.iter().all(|it| !touched.contains(it));
        self.by.is_empty() || self.by.iter().any(whole)
    }
}

/// Every object that the head reaches, signatures among them.
fn reachable(world: &World) -> BTreeMap<String, Reached> {
    let mut out: BTreeMap<String, Reached> = BTreeMap::new();
    let key = |it: &Value| it["key"].as_str().unwrap().to_owned();
    for (name, bytes) in world.files("log") {
        let entry = json(&bytes);
        for it in entry["accepts"].as_array().unwrap() {
            let object = key(it);
            if object.contains("/marks") {
                let list = std::fs::read_to_string(world.dir().join(&object)).unwrap();
                for mark in list.lines().map(|line| key(&json(line.as_bytes()))) {
                    let way = vec![name.clone(), object.clone()];
                    out.entry(mark).or_default().by.push(way);
                }
            }
            out.entry(object).or_default().by.push(vec![name.clone()]);
        }
        for it in entry["values"].as_array().unwrap() {
            let value = out.entry(key(it)).or_default();
            value.may_go = true;
            value.by.push(vec![name.clone()]);
        }
        out.insert(name, Reached::default());
    }
    let signatures = world.files("signatures").into_keys();
    out.extend(signatures.map(|it| (it, Reached::default())));
    out
}

/// What has to be named of a damage: what was touched, but for what only something that was touched
/// names. Of that nobody knows what it was.
fn expected(damage: &Damage, objects: &BTreeMap<String, Reached>) -> BTreeSet<String> {
    let touched: BTreeSet<String> = damage.after.keys().cloned().collect();
    let named = touched.iter().filter(|it| objects[*it].is_named(&touched));
    let named: BTreeSet<String> = named.cloned().collect();
    assert!(!named.is_empty(), "{}", damage.what);
    named
}

/// A small generator, so that a seed is enough to see a failure again.
struct Random(u64);

impl Random {
    fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % below
    }
}

/// One damage: what lies where afterwards (`None`: nothing), and what it is called.
struct Damage {
    what: String,
    after: BTreeMap<String, Option<Vec<u8>>>,
}

/// Draws a damage that changes something.
fn draw(random: &mut Random, objects: &BTreeMap<String, Reached>, dir: &Path) -> Damage {
    let keys: Vec<&String> = objects.keys().collect();
    let read = |key: &str| std::fs::read(dir.join(key)).unwrap();
    loop {
        let key = keys[random.below(keys.len())];
        let bytes = read(key);
        let (what, after) = match random.below(4) {
            0 if !bytes.is_empty() => {
                let (at, bit) = (random.below(bytes.len()), random.below(8));
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                let what = format!("bit {bit} of byte {at} of {key}");
                (what, vec![(key.clone(), Some(changed))])
            }
            1 if !objects[key].may_go => (format!("without {key}"), vec![(key.clone(), None)]),
            2 if !bytes.is_empty() => {
                let to = random.below(bytes.len());
                let cut = bytes[..to].to_vec();
                (format!("{key} cut to {to}"), vec![(key.clone(), Some(cut))])
            }
            3 => {
                let other = keys[random.below(keys.len())];
                let swapped = vec![
                    (key.clone(), Some(read(other))),
                    (other.clone(), Some(bytes.clone())),
                ];
                (format!("{key} and {other} swapped"), swapped)
            }
            _ => continue,
        };
        let same = |(key, to): &(String, Option<Vec<u8>>)| to.as_ref() == Some(&read(key));
        if !after.iter().any(same) {
            let after = after.into_iter().collect();
            return Damage { what, after };
        }
    }
}

/// A copy that shares every file with the store but those that are damaged.
fn copy(dir: &Path, to: &Path, damage: &BTreeMap<String, Option<Vec<u8>>>) {
    for folder in [
        "approvals",
        "log",
        "once",
        "runs",
        "signatures",
        "state",
        "stops",
        "values",
    ] {
        link(&dir.join(folder), &to.join(folder));
    }
    for (key, bytes) in damage {
        // A link is taken away, not written through.
        std::fs::remove_file(to.join(key)).unwrap();
        if let Some(bytes) = bytes {
            std::fs::write(to.join(key), bytes).unwrap();
        }
    }
}

fn link(from: &Path, to: &Path) {
    let Ok(entries) = std::fs::read_dir(from) else {
        return;
    };
    std::fs::create_dir_all(to).unwrap();
    for entry in entries {
        let path = entry.unwrap().path();
        let place = to.join(path.file_name().unwrap());
        if path.is_dir() {
            link(&path, &place);
        } else {
            std::fs::hard_link(&path, &place).unwrap();
        }
    }
}

fn ours(dir: &Path, head: Option<&Noted>, keys: &[PublicKey]) -> Verified {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    let store = Store::folder(dir).unwrap();
    let asked = Asked { head, keys };
    runtime.block_on(verify_store(&store, &asked)).unwrap()
}

fn named(verified: &Verified) -> BTreeSet<String> {
    let objects = verified.problems.iter().map(|it| it.object.clone());
    objects.collect()
}

/// What the verifier in Python says of several stores: the head and the objects that it names.
fn theirs(dirs: &[PathBuf], head: Option<&Noted>, key: Option<&Path>) -> Vec<Theirs> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("verify.py");
    let mut out = Vec::new();
    for some in dirs.chunks(100) {
        let mut python = Command::new("python3");
        python.arg(&script).args(some);
        if let Some(head) = head {
            python.arg("--head").arg(head.to_string());
        }
        if let Some(key) = key {
            python.arg("--public-key").arg(key);
        }
        let said = python.output().expect("python3 runs");
        let err = String::from_utf8_lossy(&said.stderr);
        assert!(err.is_empty(), "{err}");
        let lines = String::from_utf8(said.stdout).unwrap();
        let lines: Vec<Value> = lines.lines().map(|line| json(line.as_bytes())).collect();
        let bad = lines
            .iter()
            .any(|it| it["problems"] != serde_json::json!({}));
        assert_eq!(said.status.code(), Some(i32::from(bad)));
        out.extend(lines.into_iter().map(|said| {
            Theirs {
                named: said["problems"]
                    .as_object()
                    .unwrap()
                    .keys()
                    .cloned()
                    .collect(),
                head: said["head"].as_str().map(str::to_owned),
                counts: (
                    said["entries"].as_u64().unwrap(),
                    said["objects"].as_u64().unwrap(),
                ),
            }
        }));
    }
    assert_eq!(out.len(), dirs.len());
    out
}

struct Theirs {
    named: BTreeSet<String>,
    head: Option<String>,
    counts: (u64, u64),
}

fn public(pem: &str) -> PublicKey {
    PublicKey::read(pem.as_bytes()).unwrap()
}

/// 500 damages (`ROLLCALL_TAMPERS`).
fn every_change() {
    let world = nights(Log::Signed);
    let head = head_of(&world);
    let (dir, keys) = (world.dir(), [public(PUBLIC)]);
    let pem = dir.join("signer.pub");
    let clean = ours(&dir, Some(&head), &keys);
    assert_eq!(clean.problems, []);
    let objects = reachable(&world);
    let kinds = [
        "log/",
        "runs/",
        "stops/",
        "approvals/",
        "signatures/",
        "values/",
        "state/",
    ];
    for kind in kinds {
        assert!(objects.keys().any(|it| it.starts_with(kind)), "{kind}");
    }
    let signed = world.files("signatures").len() as u64;
    assert_eq!(
        (clean.signatures.stored, clean.signatures.checked),
        (signed, signed)
    );
    assert_eq!(
        clean.signatures.to,
        Some(head.generation),
        "the head is signed"
    );
    let untouched = &theirs(std::slice::from_ref(&dir), Some(&head), Some(&pem))[0];
    assert_eq!(untouched.named, BTreeSet::new());
    assert_eq!(untouched.head, clean.head);
    assert_eq!(untouched.counts, (clean.entries, clean.objects));

    let many = std::env::var("ROLLCALL_TAMPERS").ok();
    let many: usize = many.and_then(|it| it.parse().ok()).unwrap_or(500);
    let mut random = Random(20_260_316);
    let place = tempfile::tempdir_in(dir.parent().unwrap()).unwrap();
    let (mut damages, mut copies) = (Vec::new(), Vec::new());
    for number in 0..many {
        let damage = draw(&mut random, &objects, &dir);
        let to = place.path().join(number.to_string());
        copy(&dir, &to, &damage.after);
        damages.push(damage);
        copies.push(to);
    }
    let theirs = theirs(&copies, Some(&head), Some(&pem));
    for ((damage, copy), theirs) in damages.iter().zip(&copies).zip(&theirs) {
        let touched = expected(damage, &objects);
        let found = ours(copy, Some(&head), &keys);
        let what = &damage.what;
        assert_eq!(named(&found), touched, "{what}: {:#?}", found.problems);
        assert_eq!(theirs.named, touched, "{what}, in Python");
    }
    // A handful on the command line, where plans are made again as well.
    for (damage, copy) in damages.iter().zip(&copies).take(8) {
        for entry in std::fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                std::fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
            }
        }
        let config = copy.join("rollcall.toml").display().to_string();
        let (noted, pem) = (head.to_string(), pem.display().to_string());
        let args = [
            "verify",
            "-c",
            &config,
            "--now",
            LAST,
            "--head",
            &noted,
            "--public-key",
            &pem,
            "--json",
        ];
        let ran = world.command(&args).expect(1);
        let problems = ran.json()["problems"].as_array().unwrap().clone();
        let said: BTreeSet<String> = problems
            .iter()
            .map(|it| it["object"].as_str().unwrap().to_owned())
            .collect();
        let touched = expected(damage, &objects);
        assert_eq!(said, touched, "{}: {problems:#?}", damage.what);
        for object in touched {
            assert!(ran.err.contains(&object), "{}", ran.err);
        }
    }
}

/// Without a noted head and without signatures nobody misses the tail; with either, everybody does.
fn the_tail() {
    for log in [Log::Plain, Log::Signed] {
        let world = nights(log);
        let (head, dir) = (head_of(&world), world.dir());
        let lost = format!("log/{:012}.json", head.generation);
        std::fs::remove_file(dir.join(&lost)).unwrap();
        let lost = BTreeSet::from([lost]);
        assert_eq!(named(&ours(&dir, Some(&head), &[])), lost);
        assert_eq!(
            theirs(std::slice::from_ref(&dir), Some(&head), None)[0].named,
            lost
        );
        let alone = named(&ours(&dir, None, &[]));
        let alone_too = theirs(std::slice::from_ref(&dir), None, None)
            .remove(0)
            .named;
        assert_eq!(alone, alone_too);
        match log {
            Log::Plain => assert_eq!(alone, BTreeSet::new(), "nothing says that it was there"),
            Log::Signed => {
                let signature = world.files("signatures").into_keys().next_back().unwrap();
                assert_eq!(alone, BTreeSet::from([signature]));
                let keys = [public(PUBLIC)];
                assert_eq!(
                    named(&ours(&dir, None, &keys)),
                    lost,
                    "a key proves that it was there"
                );
                let pem = dir.join("signer.pub");
                assert_eq!(
                    theirs(std::slice::from_ref(&dir), None, Some(&pem))[0].named,
                    lost
                );
            }
        }
        // By itself, on the command line.
        let place = dir.display().to_string();
        let code = i32::from(log == Log::Signed);
        world.command(&["verify", &place]).expect(code);
        world
            .command(&["verify", &place, "--head", &head.to_string()])
            .expect(1);
    }
}

/// What no accident does, but somebody who may write.
fn forged() {
    let world = nights(Log::Plain);
    let (head, dir) = (head_of(&world), world.dir());
    let newest = head.generation;
    let log = |generation: u64| format!("log/{generation:012}.json");
    let text = |generation: u64| std::fs::read_to_string(dir.join(log(generation))).unwrap();
    let place = tempfile::tempdir_in(dir.parent().unwrap()).unwrap();
    let mut forged: Vec<(PathBuf, BTreeSet<String>)> = Vec::new();
    let mut forge = |written: &[(String, String)], gone: &[String], wrong: &[String]| {
        let to = place.path().join(forged.len().to_string());
        let gone = gone.iter().map(|key| (key.clone(), None)).collect();
        copy(&dir, &to, &gone);
        for (key, text) in written {
            let path = to.join(key);
            let _there = std::fs::remove_file(&path);
            std::fs::write(path, text).unwrap();
        }
        forged.push((to, wrong.iter().cloned().collect()));
    };
    // The newest entry once more, as the next one.
    let next = log(newest + 1);
    forge(&[(next.clone(), text(newest))], &[], &[next]);
    // An entry under another name beside the others, and one long after them.
    let odd = "log/7.json".to_owned();
    forge(&[(odd.clone(), text(2))], &[], &[odd]);
    let gap: Vec<String> = (newest + 1..=newest + 3).map(log).collect();
    forge(&[(log(newest + 3), text(newest))], &[], &gap);
    // A name twice in the newest entry, and something behind its end.
    let own = [log(newest)];
    let twice = text(newest).replacen("\"nonce\":", "\"nonce\": \"x\",\n  \"nonce\":", 1);
    forge(&[(log(newest), twice)], &[], &own);
    forge(&[(log(newest), format!("{}{{}}", text(newest)))], &[], &own);
    // Its number, and what it follows.
    let number = format!("\"generation\": {newest},");
    let other = format!("\"generation\": {},", newest - 1);
    forge(
        &[(log(newest), text(newest).replacen(&number, &other, 1))],
        &[],
        &own,
    );
    // With the last entry cut off a fold is the newest: it lists a wrong size, another hash.
    let fold = log(newest - 1);
    let entry = json(text(newest - 1).as_bytes());
    assert_eq!(entry["kind"], "fold");
    let size = format!("\"bytes\": {}", entry["accepts"][0]["bytes"]);
    let more = text(newest - 1).replacen(&size, "\"bytes\": 1", 1);
    let cut = [log(newest)];
    forge(&[(fold.clone(), more)], &cut, std::slice::from_ref(&fold));
    let root = entry["outcomes_root"]["sha256"].as_str().unwrap();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let hash = text(newest - 1).replacen(root, empty, 1);
    forge(&[(fold.clone(), hash)], &cut, std::slice::from_ref(&fold));
    let dirs: Vec<PathBuf> = forged.iter().map(|it| it.0.clone()).collect();
    for ((copy, wrong), theirs) in forged.iter().zip(theirs(&dirs, None, None)) {
        let found = ours(copy, None, &[]);
        let name = copy.file_name().unwrap().display();
        assert_eq!(named(&found), *wrong, "{name}: {:#?}", found.problems);
        assert_eq!(theirs.named, *wrong, "{name}, in Python");
    }
    // An entry put in: all behind it have other numbers, and do not follow.
    let to = place.path().join("put in");
    copy(&dir, &to, &BTreeMap::new());
    for generation in 2..=newest {
        let (from, next) = (generation, generation + 1);
        let (is, said) = (
            format!("\"generation\": {from},"),
            format!("\"generation\": {next},"),
        );
        let path = to.join(log(next));
        let _there = std::fs::remove_file(&path);
        std::fs::write(path, text(generation).replacen(&is, &said, 1)).unwrap();
    }
    let found = named(&ours(&to, None, &[]));
    assert!(found.contains(&log(newest)), "{found:?}");
    assert_eq!(theirs(&[to], None, None)[0].named, found);
    // Something in the folder of a run that is over that no run writes.
    let run = json(text(1).as_bytes())["run"].as_str().unwrap().to_owned();
    let stray = format!("runs/{run}/wages.csv");
    std::fs::write(dir.join(&stray), "x").unwrap();
    assert_eq!(named(&ours(&dir, None, &[])), BTreeSet::from([stray]));
}

/// A proof says what became of one worker, hangs on the head, and names nobody else.
fn proved() {
    let world = nights(Log::Signed);
    let (head, dir) = (head_of(&world), world.dir());
    let place = dir.display().to_string();
    let noted = head.to_string();
    let file = dir.join("proof.json");
    let path = file.display().to_string();
    let args = [
        "verify", &place, "--prove", "10031", "--head", &noted, "--json",
    ];
    let made = world.command(&args).expect(0).out;
    std::fs::write(&file, &made).unwrap();
    for other in Roster::of(60).0.keys().filter(|it| **it != 10_031) {
        assert!(!made.contains(&format!("\"{other}")), "{other} is in it");
    }
    assert!(!made.contains("First10031"), "evidence has no names");
    let proof: Proof = serde_json::from_str(&made).unwrap();
    let runs: BTreeSet<u64> = proof.folds.iter().map(|it| it.generation).collect();
    assert!(
        runs.len() >= 2,
        "made on one night, moved on another: {runs:?}"
    );

    let check = |more: &[&str], code: i32| {
        let args = [&["verify", "--proof", &path, "--json"], more].concat();
        world.command(&args).expect(code)
    };
    let pem = dir.join("signer.pub").display().to_string();
    let checked = check(&["--head", &noted, "--public-key", &pem], 0).json();
    assert_eq!(checked["head"], noted);
    assert_eq!(checked["head_given"], true);
    assert_eq!(
        checked["signed"].as_array().unwrap().last().unwrap(),
        head.generation
    );
    let lines: usize = proof.folds.iter().map(|it| it.outcomes.len()).sum();
    let counted = checked["outcomes"].as_object().unwrap().values();
    assert_eq!(
        counted.map(|it| it.as_u64().unwrap()).sum::<u64>(),
        lines as u64
    );
    assert_eq!(check(&[], 0).json()["head_given"], false);
    // A head and a key of another log.
    check(
        &["--head", &format!("{}:{}", head.generation, "0".repeat(64))],
        1,
    );
    std::fs::write(dir.join("other.pub"), OTHER).unwrap();
    let other = dir.join("other.pub").display().to_string();
    check(&["--public-key", &other], 1);

    // Whatever is changed in it, it proves nothing more.
    let changes: [&dyn Fn(&mut Proof); 7] = [
        &|it| it.person = rollcall_core::model::PersonKey::new("10032"),
        &|it| it.folds[0].outcomes[0].index += 1,
        &|it| {
            it.folds[0].outcomes[0].line =
                it.folds[0].outcomes[0].line.replace("\"done\"", "\"held\"");
        },
        &|it| it.folds[0].outcomes[0].path[0] = "0".repeat(64),
        &|it| it.folds[0].generation += 1,
        &|it| it.entries[0] = it.entries[0].replacen("fold", "close", 1),
        &|it| {
            it.entries.remove(1);
        },
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut other = proof.clone();
        change(&mut other);
        assert_ne!(other, proof, "change {number} changes nothing");
        std::fs::write(&file, serde_json::to_vec(&other).unwrap()).unwrap();
        let said = check(&["--head", &noted], 1);
        assert!(
            said.err.contains("proves nothing"),
            "change {number}: {}",
            said.err
        );
    }

    // Of one run alone, and of nobody.
    let runtime = { tokio::runtime::Builder::new_current_thread() }
        .build()
        .unwrap();
    let store = Store::folder(&dir).unwrap();
    let run = RunId::new(
        json(&std::fs::read(dir.join("log/000000000001.json")).unwrap())["run"]
            .as_str()
            .unwrap(),
    );
    let one = runtime
        .block_on(prove(&store, "10031", Some(&run), &Asked::default()))
        .unwrap();
    assert_eq!(one.folds, proof.folds[..1]);
    let checked = one.check(&Asked::default()).unwrap();
    assert_eq!(checked.outcomes.keys().collect::<Vec<_>>(), [&run]);
    let nobody = runtime.block_on(prove(&store, "99999", None, &Asked::default()));
    assert!(
        nobody
            .unwrap_err()
            .to_string()
            .contains("no outcome of this worker")
    );
}

/// A signature that is missing is missed, and the next pass makes up for who died before it.
fn unsigned() {
    let world = nights(Log::Signed);
    let (head, dir) = (head_of(&world), world.dir());
    let (last, _) = world.files("signatures").pop_last().unwrap();
    std::fs::remove_file(dir.join(&last)).unwrap();
    for keys in [&[] as &[PublicKey], &[public(PUBLIC)]] {
        assert!(named(&ours(&dir, None, keys)).contains(&last));
    }
    // Nothing is new, and nothing is closed: it signs what was left.
    let code = world.at("2026-03-17T02:00:00Z", &["run"]).code;
    assert!(matches!(code, Some(0 | 1 | 3)), "{code:?}");
    assert!(world.files("signatures").contains_key(&last));
    let found = ours(&dir, Some(&head), &[public(PUBLIC)]);
    assert_eq!(found.problems, []);
    assert_eq!(found.signatures.unsigned, 0);
    // By somebody else's key nothing is signed.
    let found = named(&ours(&dir, None, &[public(OTHER)]));
    assert!(found.contains(&last), "{found:?}");
    // A key that is none is said before anything is done.
    std::fs::write(dir.join("signer.pem"), PUBLIC).unwrap();
    let said = world.at(LAST, &["run"]).expect(2).err;
    assert!(
        said.contains("signer.pem") && said.contains("Ed25519"),
        "{said}"
    );
}
