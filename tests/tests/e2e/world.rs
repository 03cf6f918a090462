//! A folder with a starter in it, the command line to run on it, and eyes to see what came.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::child;

/// One store with its simulated tenant.
pub(crate) struct World {
    folder: tempfile::TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The only JSON line on stdout.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.out.trim()).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The first of several JSON lines on stdout.
    pub(crate) fn first_json(&self) -> Value {
        let line = self.out.lines().next().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// All of them.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let line = |it: &str| serde_json::from_str(it).unwrap_or_else(|e| panic!("{e}: {self:?}"));
        self.out.lines().map(line).collect()
    }

    /// The last of them.
    pub(crate) fn last_json(&self) -> Value {
        let line = self.out.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.out,
            self.err
        );
        self
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl World {
    /// A fresh starter.
    pub(crate) fn new() -> Self {
        Self::of("csv2scim")
    }

    /// The same of another kind of source.
    pub(crate) fn of(starter: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let world = Self { folder };
        let dir = world.dir().display().to_string();
        world
            .command(&["init", &dir, "--source", starter])
            .expect(0);
        world
    }

    /// A configuration that is made from an export, and what was said of it.
    pub(crate) fn from_export(export: &Path) -> (Self, Ran) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let world = Self { folder };
        let dir = world.dir().display().to_string();
        let ran = world
            .command(&["init", &dir, "--from", export.to_str().expect("a path")])
            .expect(0);
        (world, ran)
    }

    /// Reads nothing back of leavers: for tests of something else, after what they write of `[leaver]`.
    pub(crate) fn unproven(&self) {
        let text = std::fs::read_to_string(self.dir().join("policy.toml")).expect("a policy");
        let (from, to) = if text.contains("\n[leaver]\n") {
            ("\n[leaver]\n", "\n[leaver]\nproof = []\n")
        } else {
            ("[gates]\n", "[leaver]\nproof = []\n[gates]\n")
        };
        self.edit("policy.toml", from, to);
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join("rc")
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir().join("rollcall.toml")
    }

    /// Changes a line of a configuration file.
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.dir().join(file);
        let text = std::fs::read_to_string(&path).expect("readable");
        assert!(text.contains(from), "{file} has no `{from}`");
        std::fs::write(&path, text.replace(from, to)).expect("writable");
    }

    pub(crate) fn drop_file(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.dir().join("inbox").join(name), text).expect("writable");
    }

    /// Runs any command line.
    pub(crate) fn command(&self, args: &[&str]) -> Ran {
        self.prepared(args)
            .output()
            .expect("the test program starts itself")
            .into()
    }

    pub(crate) fn prepared(&self, args: &[&str]) -> Command {
        let mut command = Command::new(std::env::current_exe().expect("a path"));
        command
            .args(args)
            .env(child::CHILD, "1")
            .current_dir(self.folder.path());
        command
    }

    /// Runs a command on this configuration at an instant, with `--json`.
    pub(crate) fn at(&self, now: &str, args: &[&str]) -> Ran {
        self.prepared_at(now, args)
            .output()
            .expect("the test program starts itself")
            .into()
    }

    pub(crate) fn prepared_at(&self, now: &str, args: &[&str]) -> Command {
        let full = self.full(now, args);
        let full: Vec<&str> = full.iter().map(String::as_str).collect();
        self.prepared(&full)
    }

    /// The same, with how many store writes and calls it takes.
    pub(crate) fn counted(&self, now: &str, args: &[&str]) -> (Ran, u64, u64) {
        let file = self.dir().join("count");
        let mut command = self.prepared_at(now, args);
        let output = command.env(child::COUNT, &file).output();
        let ran = Ran::from(output.expect("the test program starts itself"));
        let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
        let (writes, calls) = text.split_once(' ').expect("two numbers");
        let number = |text: &str| text.parse().expect("a number");
        (ran, number(writes), number(calls))
    }

    /// Runs a command on this configuration until it dies at a point (`called:7`).
    pub(crate) fn dies(&self, now: &str, args: &[&str], point: &str) {
        let died = self.may_die(now, args, point);
        assert!(died, "{point}: it was meant to die");
    }

    /// The same with a point that it may not come to: one call more or less, as for a token that two ask for
    /// at once, is a matter of timing. Whether it died.
    pub(crate) fn may_die(&self, now: &str, args: &[&str], point: &str) -> bool {
        let mut command = self.prepared_at(now, args);
        let output = command.env(child::DIE_AT, point).output();
        let output = output.expect("the test program starts itself");
        let died = output.status.signal() == Some(9);
        assert!(died || output.status.success(), "{point}: {output:?}");
        died
    }

    /// Agrees to what a guard keeps back of the plan of a report.
    pub(crate) fn agree(&self, now: &str, report: &Value, guard: &str) -> Ran {
        let text = |name: &str| report[name].as_str().unwrap();
        let (run, plan) = (text("run"), text("plan_sha256"));
        let args = [
            "approve", run, "--plan", plan, "--guard", guard, "--reason", "checked",
        ];
        self.at(now, &args)
    }

    pub(crate) fn full(&self, now: &str, args: &[&str]) -> Vec<String> {
        let config = self.config().display().to_string();
        let mut full: Vec<String> = args.iter().map(|a| (*a).to_owned()).collect();
        full.extend(["-c".to_owned(), config, "--now".to_owned(), now.to_owned()]);
        full.push("--json".to_owned());
        full
    }

    /// The tenant as it is, from its journal, at an instant that its clock reads.
    pub(crate) fn simulated_tenant(
        &self,
        clock: rollcall_http::Clock,
    ) -> rollcall_rehearsal::Tenant {
        let options = rollcall_rehearsal::TenantOptions {
            journal: Some(self.dir().join("tenant.jsonl")),
            ..rollcall_rehearsal::TenantOptions::default()
        };
        rollcall_rehearsal::Tenant::open(options, clock).expect("the tenant's journal is readable")
    }

    /// The tenant's users by employeeId.
    pub(crate) fn users(&self) -> BTreeMap<String, Value> {
        let tenant = self.simulated_tenant(rollcall_http::Clock::system());
        let mut out = BTreeMap::new();
        for user in tenant.users() {
            let key = user["employeeId"]
                .as_str()
                .expect("an employeeId")
                .to_owned();
            let again = out.insert(key.clone(), user);
            assert!(again.is_none(), "two accounts carry employeeId {key}");
        }
        out
    }

    /// The tenant without what differs between two runs: object ids and instants. Managers by
    /// employeeId.
    pub(crate) fn tenant(&self) -> BTreeMap<String, Value> {
        let users = self.users();
        let by_id: BTreeMap<String, String> = users
            .iter()
            .map(|(key, user)| (user["id"].as_str().expect("an id").to_owned(), key.clone()))
            .collect();
        let mut out = users;
        for user in out.values_mut() {
            let manager = user["manager"].as_str().map(|id| by_id[id].clone());
            let user = user.as_object_mut().expect("an object");
            user.remove("id");
            user.remove("createdDateTime");
            let revoked = user.remove("signInSessionsValidFromDateTime");
            user.insert(
                "revoked".to_owned(),
                Value::Bool(revoked.is_some_and(|r| !r.is_null())),
            );
            user.insert(
                "manager".to_owned(),
                manager.map_or(Value::Null, Value::String),
            );
        }
        out
    }

    /// Every key of the store below a folder, with its bytes.
    pub(crate) fn files(&self, below: &str) -> BTreeMap<String, Vec<u8>> {
        let mut out = BTreeMap::new();
        let root = self.dir();
        collect(&root, &root.join(below), &mut out);
        out
    }

    /// The only file of this name below `runs/`.
    pub(crate) fn run_file(&self, name: &str) -> Vec<u8> {
        let mut found: Vec<Vec<u8>> = self
            .files("runs")
            .into_iter()
            .filter(|(key, _)| key.ends_with(&format!("/{name}")))
            .map(|(_, bytes)| bytes)
            .collect();
        assert_eq!(found.len(), 1, "{name}");
        found.remove(0)
    }
}

fn collect(root: &Path, folder: &Path, out: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(root, &path, out);
        } else {
            let key = path
                .strip_prefix(root)
                .expect("below")
                .display()
                .to_string();
            out.insert(key, std::fs::read(&path).expect("readable"));
        }
    }
}

/// A roster with the columns of the public sample.
#[derive(Debug, Clone)]
pub(crate) struct Roster(pub(crate) BTreeMap<u32, Row>);

/// One invented worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) active: bool,
    pub(crate) department: String,
    pub(crate) manager: Option<u32>,
}

impl Roster {
    /// So many active workers, numbered from 10001, everybody but the first ten reporting to one
    /// of those ten.
    pub(crate) fn of(count: u32) -> Self {
        let rows = (0..count).map(|n| {
            let manager = (n >= 10).then(|| 10_001 + n % 10);
            (
                10_001 + n,
                Row {
                    active: true,
                    department: format!("Dept {}", n % 7),
                    manager,
                },
            )
        });
        Self(rows.collect())
    }

    /// As CSV, in the order of `order` applied to the keys.
    pub(crate) fn csv(&self) -> String {
        self.csv_of(&self.0.keys().copied().collect::<Vec<_>>())
    }

    pub(crate) fn csv_of(&self, keys: &[u32]) -> String {
        use std::fmt::Write as _;
        let mut out = String::from(
            "WorkerID,WorkerStatus,WorkerType,UserID,FirstName,LastName,FullName,GenderPronoun,\
             ManagerID,HireDate,OnLeave,Department,Division,CostCenter,Company,Location,JobTitle,\
             StreetAddress,City,CountryCode,OfficePhone,Custom01,Custom02,ZipCode\n",
        );
        for key in keys {
            let row = &self.0[key];
            let status = if row.active { "Active" } else { "Inactive" };
            let manager = row.manager.map_or_else(String::new, |m| m.to_string());
            writeln!(
                out,
                "{key},{status},Employee,EMP{key},First{key},Last{key},First{key} Last{key},,\
                 {manager},2020-01-06,False,{},North,CC1,Woodgrove,Europe,Clerk,1 High St,Berlin,DE,\
                 030-{key},,,10115",
                row.department
            )
            .expect("a String takes everything");
        }
        out
    }
}
