//! End-state proof: whether somebody who left is out, item by item (P15).
//!
//! Apply reads everything back some minutes, an hour and a day after the last step of an exit; here it is
//! decided what that proves. Invariant: `gone` is said of what was read and is not there, and of nothing
//! else; what the target did not show is `unknown`.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::model::{
    Device, LicenceState, Op, ProofItem, ProofOf, ProofVerdict, SeenAccount, SeenMembership,
    Sighting,
};
use crate::state::{DeviceCase, Person};

/// What the clocks of two machines may differ by.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What a proof is to find, as its action carries it in `args`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expected {
    /// When the account was blocked: sessions from before then are over.
    pub blocked: Option<Timestamp>,
    /// Until when licences stay, and groups that give any; `None`: they are to be gone.
    pub licences_until: Option<Timestamp>,
    /// Licences stay beyond that: a hold of people keeps them.
    pub licences_held: bool,
    /// Groups that Rollcall did not give are to be gone too.
    pub all_groups: bool,
    /// Roles are to be gone; else they are nobody's business here and not looked at.
    pub roles: bool,
    /// What is known of each device; `None`: devices are not looked at.
    pub devices: Option<BTreeMap<String, (ProofVerdict, String)>>,
}

/// Prefix of the facts about devices.
const DEVICE: &str = "device.";

impl Expected {
    /// As facts of an action.
    pub fn args(&self) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        let mut put = |name: &str, value: String| out.insert(name.to_owned(), value);
        if let Some(at) = self.blocked {
            put("blocked", at.to_string());
        }
        if let Some(at) = self.licences_until {
            put("licences_until", at.to_string());
        }
        let word = |it: bool| if it { "yes" } else { "no" }.to_owned();
        if self.licences_held {
            put("licences_held", word(true));
        }
        put("all_groups", word(self.all_groups));
        put("roles", word(self.roles));
        put("devices", word(self.devices.is_some()));
        for (id, (verdict, why)) in self.devices.iter().flatten() {
            put(
                &format!("{DEVICE}{id}"),
                format!("{}: {why}", verdict.name()),
            );
        }
        out
    }

    /// From the facts of an action.
    pub fn of_args(args: &BTreeMap<String, String>) -> Self {
        let at = |name: &str| args.get(name)?.parse().ok();
        let yes = |name: &str| args.get(name).is_some_and(|it| it == "yes");
        let devices = args.iter().filter_map(|(name, said)| {
            let id = name.strip_prefix(DEVICE)?;
            let (verdict, why) = said.split_once(": ")?;
            let verdict = [
                ProofVerdict::Gone,
                ProofVerdict::Kept,
                ProofVerdict::Pending,
                ProofVerdict::Residual,
            ]
            .into_iter()
            .find(|it| it.name() == verdict);
            let verdict = verdict.unwrap_or(ProofVerdict::Unknown);
            Some((id.to_owned(), (verdict, why.to_owned())))
        });
        Self {
            blocked: at("blocked"),
            licences_until: at("licences_until"),
            licences_held: yes("licences_held"),
            all_groups: yes("all_groups"),
            roles: yes("roles"),
            devices: yes("devices").then(|| devices.collect()),
        }
    }
}

/// What the state knows of the devices of a person who left.
pub fn devices(person: &Person) -> BTreeMap<String, (ProofVerdict, String)> {
    let cases = person.devices.iter();
    cases
        .map(|(id, case)| (id.clone(), of_device(case)))
        .collect()
}

const SEVERAL: &str = "several people use it";

fn of_device(case: &DeviceCase) -> (ProofVerdict, String) {
    let of = |verdict, why: &str| (verdict, why.to_owned());
    if case.confirmed {
        return of(ProofVerdict::Gone, "the target says that it is done");
    }
    // Of a second command the tenant may want to hear nothing, and the first one still counts.
    if case.rejected && case.sent.is_empty() {
        return of(ProofVerdict::Residual, "the tenant did not agree to it");
    }
    if let Some((op, since)) = case.open() {
        let why = if case.pending || case.heard {
            "on its way"
        } else {
            "the device was not heard of since"
        };
        return (ProofVerdict::Pending, format!("{op} since {since}, {why}"));
    }
    if case.consent.is_some() {
        return of(ProofVerdict::Pending, "waits for the tenant's consent");
    }
    if case.done.contains(&Op::DeviceDisable) {
        return of(ProofVerdict::Kept, "it was disabled; what is on it stays");
    }
    if case.device.shared || case.device.others {
        return of(ProofVerdict::Kept, SEVERAL);
    }
    of(ProofVerdict::Residual, "nothing was done to it")
}

/// What a sighting proves, item by item.
pub fn judge(seen: &Sighting, expected: &Expected) -> Vec<ProofItem> {
    let mut out = Vec::new();
    match &seen.account {
        None => {
            let why = Some("the account is not in the directory".to_owned());
            out.push(item(ProofOf::Account, ProofVerdict::Gone, why.clone()));
            out.push(item(ProofOf::Sessions, ProofVerdict::Gone, why.clone()));
            out.push(item(ProofOf::Licence, ProofVerdict::Gone, why));
        }
        Some(account) => {
            out.push(of_account(account));
            out.push(of_sessions(account, expected));
            all(&mut out, ProofOf::Licence, Some(&account.licences), |it| {
                of_licence(it, expected)
            });
        }
    }
    all(&mut out, ProofOf::Group, seen.groups.as_ref(), |it| {
        of_group(it, expected)
    });
    for (of, roles) in [
        (ProofOf::Role, &seen.roles),
        (ProofOf::AppRole, &seen.app_roles),
    ] {
        if expected.roles {
            all(&mut out, of, roles.as_ref(), |name| {
                named(
                    of,
                    name,
                    None,
                    ProofVerdict::Residual,
                    "still there".to_owned(),
                )
            });
        } else {
            out.push(left_alone(of, "leaver.roles"));
        }
    }
    match &expected.devices {
        Some(known) => of_devices(&mut out, seen, known),
        None => out.push(left_alone(ProofOf::Device, "leaver.devices")),
    }
    out
}

/// The policy does not touch it.
fn left_alone(of: ProofOf, key: &str) -> ProofItem {
    let why = format!("not looked at: the policy leaves it alone (`{key}`)");
    item(of, ProofVerdict::Kept, Some(why))
}

/// The worst of all items.
pub fn verdict(items: &[ProofItem]) -> ProofVerdict {
    let worst = items.iter().map(|it| it.verdict).max();
    worst.unwrap_or(ProofVerdict::Unknown)
}

/// Whether it was seen that somebody who is cut off can sign in.
pub fn let_in(items: &[ProofItem]) -> bool {
    let of = |it: &&ProofItem| matches!(it.of, ProofOf::Account | ProofOf::Sessions);
    let mut items = items.iter().filter(of);
    items.any(|it| it.verdict == ProofVerdict::Residual)
}

/// Whether sessions from before the block were seen.
pub fn signed_in(items: &[ProofItem]) -> bool {
    let mut items = items.iter().filter(|it| it.of == ProofOf::Sessions);
    items.any(|it| it.verdict == ProofVerdict::Residual)
}

fn of_account(account: &SeenAccount) -> ProofItem {
    if account.enabled {
        let why =
            "enabled: somebody enabled it after it was blocked; the next plan blocks it again";
        item(
            ProofOf::Account,
            ProofVerdict::Residual,
            Some(why.to_owned()),
        )
    } else {
        item(ProofOf::Account, ProofVerdict::Gone, None)
    }
}

fn of_sessions(account: &SeenAccount, expected: &Expected) -> ProofItem {
    let (verdict, why) = match (account.sessions_from, expected.blocked) {
        (Some(from), Some(blocked)) if from.saturating_add(SKEW).is_ok_and(|it| it >= blocked) => {
            (ProofVerdict::Gone, None)
        }
        (Some(_), Some(_)) => (
            ProofVerdict::Residual,
            Some("sessions from before the block are still valid".to_owned()),
        ),
        _ => (
            ProofVerdict::Unknown,
            Some("the directory does not say since when sessions are valid".to_owned()),
        ),
    };
    item(ProofOf::Sessions, verdict, why)
}

fn of_licence(licence: &LicenceState, expected: &Expected) -> ProofItem {
    let by = match &licence.by_group {
        Some(group) => format!("given by the group {group}"),
        None => "given directly".to_owned(),
    };
    let (verdict, why) = kept_until(expected, &by);
    named(ProofOf::Licence, &licence.sku, None, verdict, why)
}

fn of_group(group: &SeenMembership, expected: &Expected) -> ProofItem {
    let (verdict, why) = if group.licensed && !group.dynamic && !group.nested {
        kept_until(expected, "it gives licences")
    } else if group.dynamic {
        let why = "its rule takes the account in: it leaves when the attributes that the rule asks for differ, or \
                   the rule asks for accountEnabled";
        (ProofVerdict::Residual, why.to_owned())
    } else if group.nested {
        let why = "by way of another group that it is in";
        (ProofVerdict::Residual, why.to_owned())
    } else if group.administers {
        let why = "still a member of a group that roles of the directory may be given to";
        (ProofVerdict::Residual, why.to_owned())
    } else if expected.all_groups {
        (ProofVerdict::Residual, "still a member".to_owned())
    } else {
        let why =
            "still a member; the policy takes what Rollcall gave (`leaver.all_groups` takes all)";
        (ProofVerdict::Residual, why.to_owned())
    };
    named(ProofOf::Group, &group.id, Some(&group.name), verdict, why)
}

/// What stays for a while because of the data behind it.
fn kept_until(expected: &Expected, by: &str) -> (ProofVerdict, String) {
    match expected.licences_until {
        Some(until) => (
            ProofVerdict::Kept,
            format!("{by}; it goes on {until}: what is behind a licence is lost without it"),
        ),
        None if expected.licences_held => (ProofVerdict::Kept, format!("{by}; a hold keeps it")),
        None => (ProofVerdict::Residual, by.to_owned()),
    }
}

fn of_devices(
    out: &mut Vec<ProofItem>,
    seen: &Sighting,
    known: &BTreeMap<String, (ProofVerdict, String)>,
) {
    let before = out.len();
    for (id, (verdict, why)) in known {
        let listed = seen
            .devices
            .as_ref()
            .map(|all| all.iter().find(|it| it.id == *id));
        let managed = |device: &Device| {
            let records = device.records.as_ref();
            records.is_none_or(|records| records.managed.is_some())
        };
        let (verdict, why) = match (verdict, listed) {
            (ProofVerdict::Gone, None) => (
                ProofVerdict::Unknown,
                format!("{why}; the target does not let us see whether it came back"),
            ),
            (ProofVerdict::Gone, Some(Some(device))) if managed(device) => (
                ProofVerdict::Residual,
                "it was seen to, and is managed again".to_owned(),
            ),
            (known, _) => (*known, why.clone()),
        };
        out.push(named(ProofOf::Device, id, None, verdict, why));
    }
    match &seen.devices {
        None => {
            let why = Some("the target does not let us see devices".to_owned());
            out.push(item(ProofOf::Device, ProofVerdict::Unknown, why));
        }
        Some(devices) => {
            let new = devices.iter().filter(|it| !known.contains_key(&it.id));
            for device in new {
                let (verdict, why) = if device.shared || device.others {
                    (ProofVerdict::Kept, SEVERAL)
                } else {
                    let why = "not among the devices that were seen to at the cut";
                    (ProofVerdict::Residual, why)
                };
                out.push(named(
                    ProofOf::Device,
                    &device.id,
                    None,
                    verdict,
                    why.to_owned(),
                ));
            }
        }
    }
    if out.len() == before {
        out.push(item(ProofOf::Device, ProofVerdict::Gone, None));
    }
}

/// One item for each, or one that says of all of them that there is none, or that nobody can say.
fn all<T>(
    out: &mut Vec<ProofItem>,
    of: ProofOf,
    seen: Option<&Vec<T>>,
    make: impl Fn(&T) -> ProofItem,
) {
    match seen.map(Vec::as_slice) {
        None => {
            let why = Some("the target does not let us see it".to_owned());
            out.push(item(of, ProofVerdict::Unknown, why));
        }
        Some([]) => out.push(item(of, ProofVerdict::Gone, None)),
        Some(some) => out.extend(some.iter().map(make)),
    }
}

fn item(of: ProofOf, verdict: ProofVerdict, reason: Option<String>) -> ProofItem {
    ProofItem {
        of,
        id: None,
        name: None,
        verdict,
        reason,
    }
}

fn named(
    of: ProofOf,
    id: &str,
    name: Option<&String>,
    verdict: ProofVerdict,
    why: String,
) -> ProofItem {
    ProofItem {
        of,
        id: Some(id.to_owned()),
        name: name.cloned(),
        verdict,
        reason: Some(why),
    }
}

#[cfg(test)]
mod tests {
    use ProofOf as Of;
    use ProofVerdict as Is;

    use super::*;
    use crate::model::{DeviceRecords, ObjectId, SourceName, WorkerId};

    /// What is not gone: kind, verdict and a word of the reason.
    type Left = (Of, Is, &'static str);

    const BLOCKED: &str = "2027-04-05T08:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Blocked, signed out, and nothing left.
    fn out() -> Sighting {
        Sighting {
            account: Some(SeenAccount {
                enabled: false,
                sessions_from: Some(at("2027-04-05T08:00:01Z")),
                licences: Vec::new(),
            }),
            groups: Some(Vec::new()),
            roles: Some(Vec::new()),
            app_roles: Some(Vec::new()),
            devices: Some(Vec::new()),
        }
    }

    fn expected() -> Expected {
        Expected {
            blocked: Some(at(BLOCKED)),
            licences_until: None,
            licences_held: false,
            all_groups: true,
            roles: true,
            devices: Some(BTreeMap::new()),
        }
    }

    fn group(change: impl FnOnce(&mut SeenMembership)) -> Sighting {
        let mut group = SeenMembership {
            id: "g1".to_owned(),
            name: "Sales".to_owned(),
            dynamic: false,
            nested: false,
            licensed: false,
            administers: false,
        };
        change(&mut group);
        Sighting {
            groups: Some(vec![group]),
            ..out()
        }
    }

    fn account(change: impl FnOnce(&mut SeenAccount)) -> Sighting {
        let mut seen = out();
        change(seen.account.as_mut().unwrap());
        seen
    }

    fn licence() -> Sighting {
        account(|it| {
            it.licences = vec![LicenceState {
                sku: "e5".to_owned(),
                by_group: Some(ObjectId::new("g1")),
                state: "Active".to_owned(),
                error: None,
            }];
        })
    }

    fn device() -> Device {
        Device::pc("d1")
    }

    /// What was seen, what was expected → the kind, verdict and a word of the reason of what is not gone.
    #[test]
    fn what_is_left_is_named_with_its_reason() {
        let until = Expected {
            licences_until: Some(at("2027-05-05T08:00:00Z")),
            ..expected()
        };
        let held = Expected {
            licences_held: true,
            ..expected()
        };
        let blind = Sighting {
            account: out().account,
            ..Sighting::default()
        };
        let table: [(Sighting, Expected, &[Left]); 16] = [
            (out(), expected(), &[]),
            (
                account(|it| it.enabled = true),
                expected(),
                &[(Of::Account, Is::Residual, "blocks it again")],
            ),
            (
                account(|it| it.sessions_from = Some(at("2027-04-05T07:54:59Z"))),
                expected(),
                &[(Of::Sessions, Is::Residual, "still valid")],
            ),
            // Two clocks.
            (
                account(|it| it.sessions_from = Some(at("2027-04-05T07:55:00Z"))),
                expected(),
                &[],
            ),
            (
                account(|it| it.sessions_from = None),
                expected(),
                &[(Of::Sessions, Is::Unknown, "does not say")],
            ),
            (
                Sighting {
                    account: None,
                    ..out()
                },
                expected(),
                &[],
            ),
            (
                licence(),
                expected(),
                &[(Of::Licence, Is::Residual, "the group g1")],
            ),
            (
                licence(),
                until.clone(),
                &[(Of::Licence, Is::Kept, "2027-05-05")],
            ),
            (licence(), held, &[(Of::Licence, Is::Kept, "a hold")]),
            (
                group(|_| {}),
                expected(),
                &[(Of::Group, Is::Residual, "still a member")],
            ),
            (
                group(|it| it.dynamic = true),
                expected(),
                &[(Of::Group, Is::Residual, "its rule")],
            ),
            (
                group(|it| it.nested = true),
                expected(),
                &[(Of::Group, Is::Residual, "another group")],
            ),
            (
                group(|it| it.licensed = true),
                until,
                &[(Of::Group, Is::Kept, "gives licences")],
            ),
            (
                Sighting {
                    roles: Some(vec!["User Administrator (eligible)".to_owned()]),
                    ..out()
                },
                expected(),
                &[(Of::Role, Is::Residual, "still there")],
            ),
            (
                Sighting {
                    devices: Some(vec![device()]),
                    ..out()
                },
                expected(),
                &[(Of::Device, Is::Residual, "not among")],
            ),
            (
                blind,
                expected(),
                &[
                    (Of::Group, Is::Unknown, "does not let us"),
                    (Of::Role, Is::Unknown, "does not let us"),
                    (Of::AppRole, Is::Unknown, "does not let us"),
                    (Of::Device, Is::Unknown, "does not let us"),
                ],
            ),
        ];
        for (seen, expected, left) in table {
            let expected = Expected::of_args(&expected.args());
            let items = judge(&seen, &expected);
            let found: Vec<_> = items.iter().filter(|it| it.verdict != Is::Gone).collect();
            assert_eq!(found.len(), left.len(), "{items:?}");
            for (item, (of, is, why)) in found.iter().zip(left) {
                assert_eq!((item.of, item.verdict), (*of, *is), "{items:?}");
                assert!(item.reason.as_ref().unwrap().contains(why), "{items:?}");
            }
            // Every kind is spoken of, whatever was found.
            for of in [
                Of::Account,
                Of::Sessions,
                Of::Group,
                Of::Licence,
                Of::Role,
                Of::AppRole,
                Of::Device,
            ] {
                assert!(items.iter().any(|it| it.of == of), "{of:?}: {items:?}");
            }
        }
    }

    /// What the policy leaves alone is said, and is no proof of anything.
    #[test]
    fn what_is_left_alone_is_said() {
        let expected = Expected {
            roles: false,
            devices: None,
            ..expected()
        };
        let items = judge(&out(), &Expected::of_args(&expected.args()));
        let said: Vec<&str> = items.iter().filter_map(|it| it.reason.as_deref()).collect();
        assert_eq!(said.len(), 3, "{items:?}");
        assert!(
            said.iter().all(|it| it.starts_with("not looked at")),
            "{said:?}"
        );
        assert_eq!(verdict(&items), ProofVerdict::Kept);
    }

    /// How far a device has come → its verdict; it comes through the facts of an action.
    #[test]
    fn devices_are_as_far_as_the_state_knows() {
        let of = |change: fn(&mut DeviceCase)| {
            let mut person = Person::new(SourceName::new("hr"), WorkerId::new("7"));
            let mut case = DeviceCase::new(device());
            change(&mut case);
            person.devices.insert("d1".to_owned(), case);
            let expected = Expected {
                devices: Some(devices(&person)),
                ..expected()
            };
            // Its record in the directory stays.
            let left = Device {
                records: Some(DeviceRecords::default()),
                ..device()
            };
            let seen = Sighting {
                devices: Some(vec![left]),
                ..out()
            };
            let items = judge(&seen, &Expected::of_args(&expected.args()));
            let item = items.iter().find(|it| it.of == ProofOf::Device).unwrap();
            assert_eq!(item.id.as_deref(), Some("d1"));
            item.verdict
        };
        let sent = |case: &mut DeviceCase| {
            case.sent.insert(Op::DeviceWipe, at(BLOCKED));
        };
        assert_eq!(of(|_| {}), ProofVerdict::Residual);
        assert_eq!(of(sent), ProofVerdict::Pending);
        assert_eq!(
            of(|case| {
                case.sent.insert(Op::DeviceWipe, at(BLOCKED));
                case.confirmed = true;
            }),
            ProofVerdict::Gone
        );
        assert_eq!(of(|case| case.rejected = true), ProofVerdict::Residual);
        // The tenant wants no second command: the first may still come to its end.
        let refused = |case: &mut DeviceCase| {
            case.sent.insert(Op::DeviceWipe, at(BLOCKED));
            case.rejected = true;
        };
        assert_eq!(of(refused), ProofVerdict::Pending);
        assert_eq!(
            of(|case| {
                case.sent.insert(Op::DeviceWipe, at(BLOCKED));
                (case.rejected, case.confirmed) = (true, true);
            }),
            ProofVerdict::Gone
        );
        assert_eq!(
            of(|case| case.consent = Some(("c".to_owned(), false))),
            ProofVerdict::Pending
        );
        assert_eq!(
            of(|case| {
                case.done.insert(Op::DeviceDisable);
            }),
            ProofVerdict::Kept
        );
    }
}
