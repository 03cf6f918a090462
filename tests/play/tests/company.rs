//! A simulated company over 400 nights: laws that hold after each of them.
//!
//! The company says itself who may sign in when (`rollcall_play::company`); what happened is read
//! off the entries of the play, one after the other.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rollcall_core::scenario::{Case, Entry, play};
use rollcall_play::company::{Company, OVERLAP_DAYS};

/// An account as its entries make it.
#[derive(Debug, Clone, Default)]
struct Login {
    enabled: bool,
    deleted: bool,
    groups: BTreeSet<String>,
    blocked: Option<Timestamp>,
}

impl Login {
    /// What an entry does to it, or why it cannot have happened.
    fn take(&mut self, entry: &Entry) -> Result<(), &'static str> {
        let group = entry.args.get("group").and_then(|it| it.as_str());
        let group = group.unwrap_or_default();
        let is = |holds: bool, why| if holds { Ok(()) } else { Err(why) };
        match entry.op.as_str() {
            "user.enable" => {
                is(!self.enabled, "enabled twice")?;
                self.enabled = true;
            }
            "user.disable" => {
                is(self.enabled, "disabled twice")?;
                self.enabled = false;
                self.blocked = Some(entry.at);
            }
            "user.deleteSoft" => {
                let since = self.blocked.ok_or("deleted without a block")?;
                let days = entry.at.duration_since(since).as_hours() / 24;
                is(days >= 59, "deleted too early")?;
                is(!self.enabled, "deleted while enabled")?;
                self.deleted = true;
            }
            "user.restore" => self.deleted = false,
            "group.add" => is(self.groups.insert(group.to_owned()), "added twice")?,
            "group.remove" => is(self.groups.remove(group), "removed twice")?,
            _ => {}
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Figures {
    cuts: u32,
    seconds: i64,
    worst: i64,
}

/// Plays one company and checks it night by night.
fn check(seed: u64, days: i32) -> Figures {
    let company = Company::new(seed, 120, days);
    let case = Case::parse(&company.scenario, "company").unwrap_or_else(|e| panic!("{e}"));
    let played = play(&case).unwrap_or_else(|e| panic!("{e}"));
    let mut figures = Figures::default();
    let mut logins: BTreeMap<&str, Login> = BTreeMap::new();
    for member in company
        .members
        .iter()
        .filter(|it| it.said[0].hire.year() == 2024)
    {
        let dept = member.said[0].dept;
        let login = Login {
            enabled: true,
            groups: [format!("G-{dept}"), "G-LIC".to_owned()].into(),
            ..Login::default()
        };
        logins.insert(&member.person, login);
    }
    let by_person: BTreeMap<&str, _> = company
        .members
        .iter()
        .map(|it| (it.person.as_str(), it))
        .collect();
    let mut entries = played.entries.iter().peekable();
    for night in &company.nights {
        while let Some(entry) = entries.next_if(|entry| entry.at <= *night) {
            let Some(person) = entry
                .person
                .as_ref()
                .map(rollcall_core::model::PersonKey::as_str)
            else {
                assert_eq!(entry.op, "run.abort", "seed {seed}: {entry:?}");
                continue;
            };
            let Some(member) = by_person.get(person) else {
                panic!("seed {seed}: somebody who never was: {entry:?}");
            };
            if entry.op == "user.create" {
                let new = logins.insert(member.person.as_str(), Login::default());
                let gone = new.is_none_or(|login| login.deleted);
                assert!(gone, "seed {seed}: made twice: {entry:?}");
            }
            if entry.op == "user.enable" {
                assert!(
                    member.may_sign_in(entry.at),
                    "seed {seed}: let in: {entry:?}\n{member:#?}"
                );
            }
            if entry.op == "user.disable" {
                let said = member.newest(entry.at).expect("HR said something");
                let away = said.leave.is_some() && said.last_day.is_none();
                let cut = member.cut(said).filter(|_| !away);
                if let Some(cut) = cut {
                    // Never later than when HR said it, or the instant itself.
                    let known = member
                        .said
                        .iter()
                        .find(|it| member.cut(it) == Some(cut))
                        .map_or(cut, |it| it.at);
                    let late = entry.at.duration_since(cut.max(known)).as_secs();
                    figures.cuts += 1;
                    figures.seconds += late;
                    figures.worst = figures.worst.max(late);
                }
            }
            let login = logins
                .get_mut(member.person.as_str())
                .filter(|_| entry.op.starts_with("user.") || entry.op.starts_with("group."));
            if let Some(login) = login
                && let Err(why) = login.take(entry)
            {
                panic!(
                    "seed {seed}: {why}: {entry:?}\n{member:#?}\n{:#?}",
                    of(&played.entries, &member.person, entry.at)
                );
            }
        }
        for member in &company.members {
            let wanted = member.may_sign_in(*night);
            let login = logins.get(member.person.as_str());
            let enabled = login.is_some_and(|login| login.enabled);
            assert_eq!(
                enabled,
                wanted,
                "seed {seed}, {night}: {} is {enabled}\n{member:#?}\n{:#?}",
                member.person,
                of(&played.entries, &member.person, *night)
            );
            let Some(login) = login.filter(|_| wanted) else {
                continue;
            };
            // Whoever is at work has what they are to have, and nothing else for long.
            let said = member.newest(*night).expect("HR said something");
            let group = format!("G-{}", said.dept);
            let settled = member.said.iter().all(|it| {
                let since = night.duration_since(it.at);
                it.at > *night || since > SignedDuration::from_hours(24 * OVERLAP_DAYS)
            });
            assert!(
                login.groups.contains(&group) && login.groups.contains("G-LIC"),
                "seed {seed}, {night}: {} lacks {group}: {:?}\n{member:#?}",
                member.person,
                login.groups
            );
            assert!(
                !settled || login.groups.len() == 2,
                "seed {seed}, {night}: {} keeps {:?}\n{member:#?}\n{:#?}",
                member.person,
                login.groups,
                of(&played.entries, &member.person, *night)
            );
        }
    }
    figures
}

fn of<'e>(entries: &'e [Entry], person: &str, until: Timestamp) -> Vec<&'e Entry> {
    let theirs = entries.iter().filter(|entry| {
        entry.at <= until
            && entry
                .person
                .as_ref()
                .is_some_and(|it| it.as_str() == person)
    });
    theirs.collect()
}

#[test]
#[expect(
    clippy::print_stderr,
    reason = "figures for people who ask for them (--nocapture)"
)]
fn the_laws_hold_over_four_hundred_nights() {
    let seeds = std::env::var("ROLLCALL_SEEDS").ok();
    let seeds = seeds.and_then(|it| it.parse().ok()).unwrap_or(10).min(200);
    let mut figures = Figures::default();
    for seed in 1..=seeds {
        let of = check(seed, 400);
        figures.cuts += of.cuts;
        figures.seconds += of.seconds;
        figures.worst = figures.worst.max(of.worst);
    }
    let mean = figures.seconds / i64::from(figures.cuts.max(1));
    eprintln!(
        "{seeds} companies: {} cuts, {mean} s late on average, {} s at worst",
        figures.cuts, figures.worst
    );
    assert!(figures.cuts > 50, "nobody left");
    assert_eq!(
        figures.worst, 0,
        "each cut at its instant, or when HR said it"
    );
}
