//! Something wrong, or worth knowing, about one row or value, with its place.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::WorkerId;

/// What a finding is about. The names are those of the reader's contract
/// (`docs/formats.md`); they appear in `report.json` and in `receipt.csv`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// The row has more or fewer fields than the header.
    FieldCount,
    /// Rows have one delimiter more than the header, at their end.
    TrailingEmptyField,
    /// The key occurs on several rows that say different things.
    DuplicateConflict,
    /// The key occurs again with the same content.
    DuplicateIdentical,
    /// The key was padded or held invisible characters; the cleaned form is used.
    KeyCleaned,
    /// The row has no key.
    KeyMissing,
    /// The key does not fit the declared pattern.
    KeyFormatMismatch,
    /// A spreadsheet turned the key into scientific notation.
    KeyScientificNotation,
    /// A single value is not valid text in the file's encoding.
    EncodingError,
    /// Nobody says what text the file is; it was guessed.
    EncodingAssumed,
    /// Rows above the header were not read.
    PreambleSkipped,
    /// Rows behind the last worker were not read.
    FooterSkipped,
    /// The file says how many workers it has, and it has them.
    ControlTotalOk,
    /// The number is not of the declared form.
    NumberFormat,
    /// Header names were cleaned of spaces or invisible characters.
    HeaderCleaned,
    /// Two columns have the same name.
    HeaderDuplicate,
    /// A column has no name.
    HeaderBlank,
    /// The header row occurs again below.
    HeaderRepeated,
    /// Columns are new, gone or elsewhere in the header.
    HeaderDrift,
    /// The date is not in the declared format.
    DateFormat,
    /// The date does not exist in the calendar.
    DateInvalid,
    /// The status value is in neither list of the policy.
    StatusUnknown,
    /// The time zone is not in the bundled database.
    ZoneUnknown,
    /// No zone was given for the worker; the default one was taken.
    TzAssumed,
    /// The manager is in neither the roster nor the state.
    ManagerNotInRoster,
    /// The manager has no account yet; the reference waits.
    ManagerWaits,
    /// The worker is their own manager.
    ManagerIsSelf,
    /// A mapping expression could not be evaluated for this row.
    MappingError,
    /// A value that the target requires is missing.
    RequiredMissing,
    /// A value does not fit a limit of the target.
    ValueRefused,
    /// The account name is taken by somebody else, in the tenant or in this plan.
    NameTaken,
    /// Several accounts in the tenant carry this key.
    AccountAmbiguous,
    /// An account exists, is disabled, and it was not us.
    AccountDisabledElsewhere,
    /// An enabled account has the name of a worker who left, and carries nobody's key.
    AccountUnclaimed,
    /// A linked account is no longer in the tenant.
    AccountGone,
    /// The worker is inactive and has no account.
    NeverProvisioned,
    /// Rows without a readable key: the file does not say who is absent.
    AbsenceNotCounted,
    /// Absent from one accepted full file.
    MissingOnce,
    /// Absent from two accepted full files in a row: disabled.
    MissingDisabled,
    /// Back after a block for absence.
    Reappeared,
    /// Somebody who has not started is in no row of a full file: what is to come waits.
    PendingRowMissing,
    /// The same, in two full files in a row: what was to come is off.
    MissingPrehire,
    /// Blocked for absence for long: a person has to decide.
    MissingUnresolved,
    /// One of several employments is in no row of a full file.
    JobMissing,
    /// Days lie between two employments that count as one.
    BridgedGap,
    /// Somebody signed in after they were to be cut off.
    AccessAfterTermination,
    /// The worker id of somebody stands beside another person.
    IdReuse,
    /// Steps that were to come are off, or come at another time: HR says so.
    Withdrawn,
    /// Managers report to each other.
    ManagerCycle,
    /// Steps are kept back until somebody looked at an account of somebody who died.
    DeceasedReview,
    /// Steps are kept back because data may be evidence.
    LegalHold,
    /// No interface does anything to this device.
    NoRemoteAction,
    /// Nobody knows whose the device is.
    OwnershipUnknown,
    /// People refused to wipe a device.
    WipeRejected,
    /// A wiped device does not answer.
    DeviceUnresponsive,
    /// It does not answer for long.
    DeviceUnresolved,
    /// A device could not do what it was told.
    DeviceFailed,
    /// A device is of several people, or of somebody else: nothing was done to it.
    DeviceOfOthers,
    /// A device would be wiped, and the policy's switch for that is off.
    WipeOff,
    /// The target does not let us see the devices of somebody who left.
    DevicesUnread,
    /// The record of a device is gone, and nothing says that it was us.
    DeviceGoneUnconfirmed,
    /// The mapping's scope leaves the row out.
    OutOfScope,
    /// The start day had passed when the worker was first seen.
    LateHire,
    /// HR entered the end of somebody's access after it.
    LeaverBackdated,
    /// More people come into a group with a licence than the target has seats for.
    SeatsShort,
    /// A slice of a budget is the line of somebody whom nobody knows.
    SliceWithoutTop,
    /// A licence cannot be given to an account as it is.
    LicenceRefused,
    /// Services of two licences exclude each other.
    LicenceConflict,
    /// Nobody can say whether a workflow of the policy is for a worker.
    WorkflowUndecided,
    /// Nobody can say whether a worker is to have something.
    GrantUndecided,
    /// A group is of another kind in the target.
    GroupDiffers,
    /// A rule that is new takes in nobody.
    RuleTakesNobody,
    /// What an action did cannot be taken back.
    Irreversible,
    /// What is to be taken back was changed since.
    ChangedSince,
    /// What a run did was taken back, and HR still says it.
    Undone,
    /// A notice names somebody whom nobody knows.
    NoticeUnknown,
    /// A notice says nothing new.
    NoticeIdle,
    /// Somebody says of a device what became of it, and it is none of the worker's.
    DeviceUnknown,
    /// Nobody but somebody who leaves answers for something.
    OnlyOwner,
    /// The target did not say what somebody who leaves answers for.
    EstateUnread,
    /// The target did not say what roles somebody who leaves has.
    RolesUnread,
    /// HR lists an employment of somebody who was dismissed, from before that, which is not over.
    JobBesideDismissal,
    /// HR says for the first time that an employment that was over, and followed, had ended suddenly.
    ReasonOfThePast,
    /// Somebody is to be told something, and a value of the text or the address is missing.
    NotificationHeld,
    /// A source has values of an attribute that another one owns.
    NotOwner,
    /// A row of a source that brings attributes only is nobody's whom Rollcall knows.
    NobodyOfRow,
    /// The row does not say whose employment it is, where several sources have to know.
    PersonMissing,
    /// One of several sheets was taken.
    SheetChosen,
    /// A hidden sheet was not read.
    HiddenSheetIgnored,
    /// Rows that a user does not see were read.
    HiddenRowsRead,
    /// The cell lies under a merged one.
    MergedValue,
    /// The cell holds an error.
    CellError,
    /// The cell holds a formula that nobody calculated.
    FormulaWithoutValue,
    /// The key is stored as a number, and the sheet shows another text.
    KeyFromNumber,
    /// A number has more digits than a spreadsheet keeps.
    PrecisionLost,
    /// The last row is the last one that a format of workbooks has.
    RowCountAtFormatLimit,
    /// A delivery of a newer date has the bytes of an older one.
    StaleContent,
    /// The value is not of the form that the configuration says.
    ValueForm,
    /// The source keeps a value to itself, or does not say whether there is one.
    ValueUnknown,
    /// The source has several values where one is wanted.
    SeveralValues,
    /// The source gave more than it was asked for.
    SourceWider,
    /// The source says that workers are gone.
    GoneAtSource,
    /// No worker has an attribute.
    AttributeNowhere,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; nothing is kept back.
    Info,
    /// One attribute or step is left out; the rest of the row goes on.
    Warning,
    /// The row is held: nothing is planned for its worker, and the worker counts as present.
    Held,
}

/// Where a finding is, as the person who opens the file sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Place {
    /// Row as a spreadsheet counts: the header is row 1. `None`: the whole file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub row: Option<u32>,
    /// Physical line, where it differs from the row.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u64>,
    /// Header name of the column.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub column: Option<String>,
}

impl Place {
    /// A row.
    pub fn row(row: u32) -> Self {
        Self {
            row: Some(row),
            line: None,
            column: None,
        }
    }

    /// A cell.
    pub fn cell(row: u32, column: impl Into<String>) -> Self {
        Self {
            row: Some(row),
            line: None,
            column: Some(column.into()),
        }
    }
}

/// One finding. `note` holds shapes, counts and hints, never the value itself (P11).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Finding {
    /// Where.
    #[serde(flatten)]
    pub at: Place,
    /// What.
    pub kind: FindingKind,
    /// How much it matters.
    pub severity: Severity,
    /// Whose row, where a key could be read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub worker: Option<WorkerId>,
    /// One line for a person: what is odd and what to do.
    pub note: String,
    /// The same for programs: counts and operations, no values.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub args: Option<Box<BTreeMap<String, String>>>,
}

impl Finding {
    /// A finding at a place.
    pub fn new(kind: FindingKind, severity: Severity, at: Place, note: impl Into<String>) -> Self {
        Self {
            at,
            kind,
            severity,
            worker: None,
            note: note.into(),
            args: None,
        }
    }

    /// The same, with one more fact for programs.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.argue(name, value);
        self
    }

    /// One more fact for programs.
    pub fn argue(&mut self, name: &str, value: impl Into<String>) {
        let args = self.args.get_or_insert_default();
        args.insert(name.to_owned(), value.into());
    }

    /// A fact for programs.
    pub fn arg(&self, name: &str) -> Option<&str> {
        self.args.as_ref()?.get(name).map(String::as_str)
    }

    /// The same, with the worker it is about.
    #[must_use]
    pub fn of(mut self, worker: &WorkerId) -> Self {
        self.worker = Some(worker.clone());
        self
    }
}
