//! The table of what becomes of a device: rows of a file, tried from the top.
//!
//! The shipped rows are those of the lifecycle policy, and stand in `mappings/p0/devices.toml`. Invariant:
//! whatever rows a policy has, a device that is not proved to be the company's is never wiped, and one
//! that is not somebody's alone never because one of them left.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::model::{Device, Enrolment, Join, Ownership, Platform};

/// One kind of device. Conditions that are not given hold for every device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceRow {
    /// What people call it.
    pub what: String,
    /// Whose it is.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub ownership: Vec<Ownership>,
    /// What runs on it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub platform: Vec<Platform>,
    /// How the directory knows it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub join: Vec<Join>,
    /// How it is managed.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub enrolment: Vec<Enrolment>,
    /// Registered for automatic set-up.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub autopilot: Option<bool>,
    /// Several people use it by turns.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub shared: Option<bool>,
    /// It is not the person's alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub others: Option<bool>,
    /// What is done when somebody leaves.
    pub leaver: Vec<Measure>,
    /// When somebody is dismissed for cause.
    pub for_cause: Vec<Measure>,
    /// When it is lost or stolen.
    pub lost: Vec<Measure>,
}

/// What is done to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Nobody signs in on it.
    Disable,
    /// What belongs to the company goes.
    Retire,
    /// Everything goes, once two people agree, who are asked at once.
    Wipe,
    /// The same, asked when it came back, or after some days.
    WipeWhenReturned,
    /// Company data goes out of managed applications.
    SelectiveWipe,
    /// The person is taken off it.
    RemoveUser,
    /// Somebody is told if the key to the disk is not kept.
    EscrowCheck,
    /// Nothing is done: the report says why.
    Tell,
}

/// Why something is done to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Somebody left.
    Leaver,
    /// Somebody was dismissed for cause.
    ForCause,
    /// It is lost or stolen.
    Lost,
}

impl Measure {
    const fn wipes(self) -> bool {
        matches!(self, Self::Wipe | Self::WipeWhenReturned)
    }

    const fn commands(self) -> bool {
        matches!(self, Self::Retire | Self::SelectiveWipe) || self.wipes()
    }
}

impl DeviceRow {
    fn is_of(&self, device: &Device) -> bool {
        fn among<T: PartialEq>(list: &[T], it: &T) -> bool {
            list.is_empty() || list.contains(it)
        }
        let is = |wanted: Option<bool>, it: bool| wanted.is_none_or(|wanted| wanted == it);
        among(&self.ownership, &device.owner)
            && among(&self.platform, &device.os)
            && among(&self.join, &device.join)
            && among(&self.enrolment, &device.enrolment)
            && is(self.autopilot, device.autopilot)
            && is(self.shared, device.shared)
            && is(self.others, device.others)
    }

    /// What its column says.
    pub fn column(&self, cause: Cause) -> &[Measure] {
        match cause {
            Cause::Leaver => &self.leaver,
            Cause::ForCause => &self.for_cause,
            Cause::Lost => &self.lost,
        }
    }
}

#[derive(Deserialize)]
struct File {
    device: Vec<DeviceRow>,
}

/// The rows that Rollcall ships.
pub fn shipped() -> &'static [DeviceRow] {
    static ROWS: OnceLock<Vec<DeviceRow>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let text = include_str!("../../../mappings/p0/devices.toml");
        let file: File = toml::from_str(text).expect("the shipped rows are read by a test");
        file.device
    })
}

/// The row of a device; `None`: the policy says nothing of such a device.
pub fn row_of<'a>(rows: &'a [DeviceRow], device: &Device) -> Option<&'a DeviceRow> {
    rows.iter().find(|row| row.is_of(device))
}

/// What is done to a device, in order. A device without a row is told of.
pub fn measures(rows: &[DeviceRow], device: &Device, cause: Cause) -> Vec<Measure> {
    let Some(row) = row_of(rows, device) else {
        return vec![Measure::Tell];
    };
    let ours = device.owner == Ownership::Company && !device.others;
    let alone = !device.shared || cause == Cause::Lost;
    // Nobody but a local administrator gets into a joined PC that was retired.
    let held = device.joined_pc() && device.owner == Ownership::Company;
    let may = |it: &Measure| match it {
        Measure::Wipe | Measure::WipeWhenReturned => ours && alone,
        Measure::Retire => !held,
        Measure::Disable
        | Measure::SelectiveWipe
        | Measure::RemoveUser
        | Measure::EscrowCheck
        | Measure::Tell => true,
    };
    let mut out: Vec<Measure> = row.column(cause).iter().copied().filter(may).collect();
    if out.len() < row.column(cause).len() {
        out.push(Measure::Tell);
    }
    out
}

/// What is wrong with the rows of a policy.
pub(super) fn problems(rows: &[DeviceRow]) -> Vec<String> {
    let mut out = Vec::new();
    for row in rows {
        let columns = [&row.leaver, &row.for_cause, &row.lost];
        let wipes = columns.iter().any(|it| it.iter().any(|it| it.wipes()));
        let company = row.ownership == [Ownership::Company];
        if wipes && !row.ownership.is_empty() && !company {
            out.push(format!(
                "`[[device]]` \"{}\" wipes devices that are not proved to be the company's; only those \
                 with ownership = [\"company\"] may be wiped",
                row.what
            ));
        }
        for (name, column) in ["leaver", "for_cause", "lost"].iter().zip(columns) {
            if column.iter().filter(|it| it.commands()).count() > 1 {
                out.push(format!(
                    "`[[device]]` \"{}\": `{name}` says more than one of retire, wipe, wipe_when_returned \
                     and selective_wipe; a device is told one thing",
                    row.what
                ));
            }
            if column.is_empty() {
                out.push(format!(
                    "`[[device]]` \"{}\": `{name}` is empty; say [\"tell\"] where nothing is to be done",
                    row.what
                ));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every device that there can be.
    fn every() -> Vec<Device> {
        use Enrolment::{Ade, AppOnly, FullyManaged, None as Unmanaged, User, WorkProfile};
        let mut out = Vec::new();
        for owner in [Ownership::Company, Ownership::Personal, Ownership::Unknown] {
            for os in [
                Platform::Windows,
                Platform::Macos,
                Platform::Ios,
                Platform::Android,
                Platform::Linux,
            ] {
                for enrolment in [
                    User,
                    Enrolment::Device,
                    Ade,
                    WorkProfile,
                    FullyManaged,
                    AppOnly,
                    Unmanaged,
                ] {
                    for join in [Join::Entra, Join::Hybrid, Join::Registered] {
                        for flags in 0..8 {
                            out.push(Device {
                                id: "D".to_owned(),
                                owner,
                                os,
                                enrolment,
                                join,
                                autopilot: flags & 1 > 0,
                                shared: flags & 2 > 0,
                                others: flags & 4 > 0,
                                records: None,
                            });
                        }
                    }
                }
            }
        }
        out
    }

    /// Whatever there is has a row, and nothing that is not the company's alone is wiped, with the shipped rows
    /// and with one that would wipe everything.
    #[test]
    fn nothing_is_wiped_that_is_not_the_companys() {
        let everything = DeviceRow {
            what: "everything".to_owned(),
            ownership: Vec::new(),
            platform: Vec::new(),
            join: Vec::new(),
            enrolment: Vec::new(),
            autopilot: None,
            shared: None,
            others: None,
            leaver: vec![Measure::Wipe],
            for_cause: vec![Measure::Wipe],
            lost: vec![Measure::Wipe],
        };
        let harsh = [everything];
        for device in every() {
            assert!(row_of(shipped(), &device).is_some(), "{device:?}");
            for cause in [Cause::Leaver, Cause::ForCause, Cause::Lost] {
                for rows in [shipped(), &harsh] {
                    let wiped = measures(rows, &device, cause).iter().any(|it| it.wipes());
                    let alone = !device.shared || cause == Cause::Lost;
                    let may = device.owner == Ownership::Company && !device.others && alone;
                    assert!(may || !wiped, "{device:?} {cause:?}");
                    // And what may be is, where the row says so.
                    assert!(wiped || !may || rows.len() > 1, "{device:?} {cause:?}");
                }
            }
        }
    }

    /// A row that wipes what is not the company's is refused before it is played.
    #[test]
    fn bad_rows_are_named() {
        let text = "[[device]]\nwhat = \"phones\"\nownership = [\"personal\"]\nleaver = [\"wipe\"]\n\
                    for_cause = []\nlost = [\"tell\"]\n";
        let file: File = toml::from_str(text).unwrap();
        let problems = problems(&file.device);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(super::problems(shipped()).is_empty());
    }
}
