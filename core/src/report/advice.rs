//! What a person does about a finding, and which person: read by the renderers.
//!
//! Invariant: every kind has both, and no sentence names a value.

use crate::model::FindingKind;

/// What it means for the worker and what to do, in one or two sentences.
pub const fn advice(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::FieldCount => {
            "The row has too many or too few fields, often an unquoted separator. Correct the \
             export; the row is not believed until then."
        }
        FindingKind::TrailingEmptyField => {
            "Rows end in a delimiter that the header does not have. Nothing is lost; clean the export."
        }
        FindingKind::DuplicateConflict => {
            "One key stands on rows that say different things. Let HR decide which row is right \
             and give the other person their own key."
        }
        FindingKind::DuplicateIdentical => {
            "The same row stands in the file twice. Nothing is lost; the export may join a table \
             twice."
        }
        FindingKind::KeyCleaned => {
            "The key was padded or held invisible characters and was cleaned. Clean it in HR, so \
             that other systems see the same key."
        }
        FindingKind::KeyMissing => {
            "The row has no key and cannot be matched to anybody. Add the key in HR; while it is \
             missing, no absence is believed."
        }
        FindingKind::KeyFormatMismatch => {
            "The key does not fit the declared pattern. Correct the key, or the pattern in the \
             mapping."
        }
        FindingKind::KeyScientificNotation => {
            "A spreadsheet has rounded the key. Export straight from HR, without opening the file \
             in a spreadsheet."
        }
        FindingKind::EncodingError => {
            "A value is not valid text in the file's encoding. Export as UTF-8."
        }
        FindingKind::HeaderCleaned => {
            "A column name held spaces or invisible characters. Nothing is lost; clean the export."
        }
        FindingKind::HeaderDuplicate => {
            "Two columns have the same name. Rename one of them in the export."
        }
        FindingKind::EncodingAssumed => {
            "The file does not say what text it is. Export it as UTF-8, or say `encoding` in the configuration of the source."
        }
        FindingKind::PreambleSkipped => "Rows above the header were left out. Nothing to do.",
        FindingKind::FooterSkipped => "Rows behind the last worker were left out. Nothing to do.",
        FindingKind::ControlTotalOk => "The file has as many workers as it says. Nothing to do.",
        FindingKind::NumberFormat => {
            "The number is written in another way than the configuration says. The row is held: mend it at the source, or the configuration."
        }
        FindingKind::ValueForm => {
            "The value is not of the form that the configuration of the source says. Mend it at the source, or the configuration."
        }
        FindingKind::ValueUnknown => {
            "The source did not say this value: give whoever reads it the permission, or say in the configuration of the source what a missing value means. The row is held until then."
        }
        FindingKind::SeveralValues => {
            "Choose one of the values in the configuration of the source, by a condition in the path, or say that they are joined."
        }
        FindingKind::SourceWider => {
            "The source does not filter as it was asked to. Nothing is lost; pulls in full cost it the same."
        }
        FindingKind::GoneAtSource => {
            "Nothing is done to anybody for it: a pull in full has to show that they are gone. Pull in full soon."
        }
        FindingKind::AttributeNowhere => {
            "Look whether the path in the configuration is right and whoever reads the source may see the attribute: as it is, its values are cleared."
        }
        FindingKind::HeaderBlank => "A column has no name. Name it, or leave it out of the export.",
        FindingKind::HeaderRepeated => {
            "The header stands again further down: files were joined. Deliver one export."
        }
        FindingKind::HeaderDrift => {
            "Somebody changed the export. Nothing is read in another way; ask whether a column that \
             is new or gone says something."
        }
        FindingKind::DateFormat => {
            "The date is not written as declared. Correct the value, or the format in the mapping."
        }
        FindingKind::DateInvalid => "That day is not in the calendar. Correct the date in HR.",
        FindingKind::StatusUnknown => {
            "The policy does not know this status, so nobody is disabled for it. Add the value to \
             the active or the inactive list of the policy."
        }
        FindingKind::ZoneUnknown => {
            "The time zone is not in the bundled database. Use a name such as Europe/Prague."
        }
        FindingKind::TzAssumed => {
            "No time zone was given and the default was taken, so a last day may end some hours \
             off. Map the zone or the site."
        }
        FindingKind::ManagerNotInRoster => {
            "The manager is neither in the file nor known. Correct the manager in HR; the account \
             goes on without one."
        }
        FindingKind::ManagerWaits => {
            "The manager has no account yet. Nothing to do: the reference is set once there is one."
        }
        FindingKind::ManagerIsSelf => "The worker is their own manager. Correct it in HR.",
        FindingKind::MappingError => {
            "An expression of the mapping could not be evaluated for this row. Look at the source \
             value and correct it or the expression."
        }
        FindingKind::RequiredMissing => {
            "A value that the target requires is missing. Fill it in HR, or give the mapping a \
             default."
        }
        FindingKind::ValueRefused => {
            "The value does not fit a limit of the target. Shorten or correct it in HR or in the \
             mapping."
        }
        FindingKind::NameTaken => {
            "Somebody else has the account name. Free the name, or let the mapping offer another."
        }
        FindingKind::AccountAmbiguous => {
            "Several accounts carry this key. Clear the key on all but the right one; until then \
             nothing is written."
        }
        FindingKind::AccountDisabledElsewhere => {
            "The account was disabled by somebody else, and Rollcall leaves it so. Ask who did it \
             before you enable it."
        }
        FindingKind::AccountUnclaimed => {
            "Somebody who left may still get in by this account. If it is theirs, set their key on \
             it or disable it by hand; if not, set the key of whose it is."
        }
        FindingKind::AccountGone => {
            "The linked account is no longer in the tenant. Restore it, or find out who deleted it."
        }
        FindingKind::NeverProvisioned => {
            "An inactive worker who never had an account. Nothing to do."
        }
        FindingKind::AbsenceNotCounted => {
            "Give every row a key that can be read, or leave rows out that are nobody's. Until \
             then nobody who is missing from the file is cut off."
        }
        FindingKind::MissingOnce => {
            "Absent from one full file; absence from the next one disables the account. Ask HR if \
             the worker has not left."
        }
        FindingKind::MissingDisabled => {
            "Absent from two full files in a row. If the worker has not left, put the row back: \
             the next file re-enables the account."
        }
        FindingKind::Reappeared => {
            "Back in the file after a block for absence. Check that HR means it."
        }
        FindingKind::PendingRowMissing => {
            "Somebody who is to start is not in the file. Ask HR: the next full file decides \
             whether they come."
        }
        FindingKind::MissingPrehire => {
            "Somebody who was to start is gone from two full files. If they come after all, the \
             next file that lists them plans everything anew."
        }
        FindingKind::MissingUnresolved => {
            "Somebody was blocked for absence long ago and nobody said why. Let HR say that they \
             left, or put the row back."
        }
        FindingKind::JobMissing => {
            "One of several employments is gone from the file without an end. Let HR end it, or \
             put the row back; what it gives stays until then."
        }
        FindingKind::NotOwner => {
            "A source has values of an attribute that `[owners]` gives to another one. They are not \
             written. Take the attribute out of the mapping, or change the owner."
        }
        FindingKind::NobodyOfRow => {
            "A source that brings attributes only has a row of nobody whom another source brought. \
             Nothing is made of it; it counts once the person is there."
        }
        FindingKind::PersonMissing => {
            "The row does not say which person it belongs to, so that nobody can tell whether another \
             source has them too. Let the source say it."
        }
        FindingKind::SheetChosen => {
            "The workbook has several sheets and this one was read. Name the sheet in the \
             configuration where another one is meant."
        }
        FindingKind::HiddenSheetIgnored => {
            "A hidden sheet was not read. Name it in the configuration where it is meant."
        }
        FindingKind::HiddenRowsRead => {
            "Rows that are hidden or filtered out were read like the others. Take them out of the \
             file where nobody is meant by them."
        }
        FindingKind::MergedValue => {
            "The cell is covered by a merged one and has no value of its own. Export without merged \
             cells; the row is not believed until then."
        }
        FindingKind::CellError => {
            "The cell holds an error, so that nobody knows the value. Correct the formula, or export \
             straight from HR."
        }
        FindingKind::FormulaWithoutValue => {
            "The cell holds a formula that was never calculated. Open the workbook in a spreadsheet and \
             save it, or have values written."
        }
        FindingKind::KeyFromNumber => {
            "The key is stored as a number, and the sheet shows it with zeros or text that it does not \
             have. Export keys as text."
        }
        FindingKind::PrecisionLost => {
            "A number has more digits than a spreadsheet keeps, so that the last ones are wrong. Export \
             the column as text."
        }
        FindingKind::RowCountAtFormatLimit => {
            "The data end exactly where a format of workbooks ends: whatever came behind may have been cut off \
             without a word. Compare the number of workers with HR, and export as text."
        }
        FindingKind::StaleContent => {
            "A delivery of a newer date has the bytes of an older one. Ask whether HR took something back, or \
             the export sends its last output again."
        }
        FindingKind::BridgedGap => {
            "Days lie between two employments that count as one. Nothing to do if HR means it."
        }
        FindingKind::AccessAfterTermination => {
            "Somebody signed in after they were to be cut off. See what they did, and why the cut \
             came late."
        }
        FindingKind::IdReuse => {
            "A worker id that is somebody's stands beside another person. Ask HR whose it is; two \
             people may agree that it is somebody new."
        }
        FindingKind::Withdrawn => {
            "What was planned for later is off, or comes at another time, because HR's newest word \
             says so. Nothing to do."
        }
        FindingKind::ManagerCycle => {
            "Managers report to each other in a circle. Correct one of them in HR."
        }
        FindingKind::DeceasedReview => {
            "Somebody died. Two people look at the account before licences, sign-in methods and \
             the account itself go."
        }
        FindingKind::LegalHold => {
            "A legal hold keeps licences, sign-in methods, the account and its devices until \
             somebody lets go of it."
        }
        FindingKind::NoRemoteAction => {
            "Nothing can be done to this device from afar. Fetch it, and take the data off by hand."
        }
        FindingKind::OwnershipUnknown => {
            "Nobody knows whose the device is, so only company data was taken off it. Find out."
        }
        FindingKind::WipeRejected => {
            "Somebody refused to wipe the device. Decide what becomes of it instead."
        }
        FindingKind::DeviceUnresponsive => {
            "The device has not answered for two weeks: what is on it is still there. Fetch it."
        }
        FindingKind::DeviceUnresolved => {
            "The device has not answered for a month. Write it off as lost, or fetch it."
        }
        FindingKind::DeviceFailed => {
            "The device could not do what it was told: what is on it is still there. Look at it in \
             Intune, or fetch it."
        }
        FindingKind::DeviceOfOthers => {
            "The device is not of one person alone, so nothing was done to it. See whose it is, and do \
             by hand what has to be done."
        }
        FindingKind::WipeOff => {
            "The table of devices says that the device is to be wiped, and `[devices] wipe` is off. \
             Switch it on, or take the data off by hand."
        }
        FindingKind::DevicesUnread => {
            "The tenant does not let us see devices, so that nothing was done to any. `rollcall check \
             --online` names the permission; it is tried again by itself."
        }
        FindingKind::DeviceGoneUnconfirmed => {
            "The record of the device is gone, and nothing proves that it was wiped. Treat what \
             was on it as still there."
        }
        FindingKind::OutOfScope => {
            "The scope of the mapping leaves the row out. Somebody who has an account is left as \
             they are until HR says that they leave, or the scope takes them in again."
        }
        FindingKind::SeatsShort => {
            "Buy seats, or let fewer people into the groups that give the licence: until then \
             some of those who come in go without it."
        }
        FindingKind::SliceWithoutTop => {
            "A budget for the line of somebody whom nobody knows bounds nothing: correct `under` \
             in [[budgets.slice]], or take the slice out."
        }
        FindingKind::LicenceRefused => {
            "A licence needs the country of use: map `usageLocation` to two letters of ISO 3166 \
             that the worker's row has."
        }
        FindingKind::LicenceConflict => {
            "Two licences with services that exclude each other: change one of the rules, or \
             switch the service off in one of them (`disabled_plans`)."
        }
        FindingKind::GrantUndecided => {
            "A rule cannot be evaluated for this worker: write its pattern so that it takes fewer \
             steps. Until then the worker keeps what they have."
        }
        FindingKind::WorkflowUndecided => {
            "The scope of a workflow cannot be evaluated for this worker: write its pattern so that \
             it takes fewer steps, or mend the value. Until then the careful parameters hold."
        }
        FindingKind::GroupDiffers => {
            "A group keeps its kind: rename the key in the file so that a new one is made, or turn \
             the group in the tenant by hand, knowing that its members go."
        }
        FindingKind::RuleTakesNobody => {
            "A new rule that takes in nobody: look whether its values are written as HR writes them."
        }
        FindingKind::Irreversible => {
            "This part of a run has no way back. Look whether what is left of it does harm, and \
             mend it by hand."
        }
        FindingKind::ChangedSince => {
            "Somebody or a later run changed this since, so it is left as it is. Take the later \
             run back first, or mend it by hand."
        }
        FindingKind::Undone => {
            "A run was taken back for this worker, and HR still says what it said. Correct the row \
             in HR; if the row is right after all, lift the hold."
        }
        FindingKind::NoticeUnknown => {
            "Somebody wrote a notice about a worker whom no accepted file had. Look for the right \
             key: if it was a dismissal, somebody may still be inside."
        }
        FindingKind::DeviceUnknown => {
            "Look for the device id in the directory or in device management, and say it anew: until \
             then nothing is done to the device that was meant."
        }
        FindingKind::NoticeIdle => "It was so already. Nothing to do.",
        FindingKind::OnlyOwner => {
            "Make somebody else owner, manager or sponsor: the heir that is proposed, or whoever \
             fits. The account is deleted by itself once nothing is left that nobody answers for."
        }
        FindingKind::EstateUnread => {
            "Give the application the permissions that `check --online` names, or switch the kind \
             off in `[succession]`. Until then the account is not deleted."
        }
        FindingKind::JobBesideDismissal => {
            "The worker stays out until an employment begins after the dismissal. Where they were hired \
             again, HR has to say from which day, and end what is over; where the dismissal was a \
             mistake, take it back there."
        }
        FindingKind::ReasonOfThePast => {
            "Nothing is done for it: others have followed that employment. Where somebody is to be out \
             now, HR has to say so of an employment that goes on, or write a notice."
        }
        FindingKind::RolesUnread => {
            "Roles in the directory and in applications are left as they are. Give the application the \
             permissions that `check --online` names, and take the roles away by hand until then."
        }
        FindingKind::NotificationHeld => {
            "Nobody was told: the text asks for a value that HR's row does not have, or there is no \
             address. Complete the row, or write in the notices what stands instead \
             (`{worker.jobTitle|new}`). It is planned again with the next delivery."
        }
        FindingKind::LeaverBackdated => {
            "HR entered the end after it: the worker could sign in until then. Look at what was done \
             with the account in between; HR may enter leavers earlier."
        }
        FindingKind::LateHire => {
            "The first day had passed before HR sent the worker. Nothing to do here; HR may enter \
             hires earlier."
        }
    }
}

/// Who acts on findings, those first with whom a day counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// Who watches over access.
    Security,
    /// Who keeps the data of people and drops the files.
    Hr,
    /// Who writes mapping, policy and rules.
    Engineer,
    /// Who looks after accounts, licences and devices by hand.
    Operations,
    /// Nothing is to be done.
    Nobody,
}

impl Owner {
    /// In reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Security => "Security",
            Self::Hr => "HR operations",
            Self::Engineer => "Identity engineer",
            Self::Operations => "IT operations",
            Self::Nobody => "Nobody: for information",
        }
    }

    /// In addresses within a page.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Hr => "hr",
            Self::Engineer => "engineer",
            Self::Operations => "operations",
            Self::Nobody => "nobody",
        }
    }
}

/// Who has to act. Where several could, whoever the sentence of [`advice`] asks first.
pub const fn owner(kind: FindingKind) -> Owner {
    match kind {
        FindingKind::AccountDisabledElsewhere
        | FindingKind::AccountUnclaimed
        | FindingKind::AccessAfterTermination
        | FindingKind::DeceasedReview
        | FindingKind::LegalHold
        | FindingKind::WipeRejected
        | FindingKind::DeviceGoneUnconfirmed
        | FindingKind::NoticeUnknown
        | FindingKind::LeaverBackdated => Owner::Security,
        FindingKind::FieldCount
        | FindingKind::TrailingEmptyField
        | FindingKind::DuplicateConflict
        | FindingKind::DuplicateIdentical
        | FindingKind::KeyCleaned
        | FindingKind::KeyMissing
        | FindingKind::KeyFormatMismatch
        | FindingKind::KeyScientificNotation
        | FindingKind::EncodingError
        | FindingKind::HeaderCleaned
        | FindingKind::HeaderDuplicate
        | FindingKind::NumberFormat
        | FindingKind::ValueForm
        | FindingKind::HeaderBlank
        | FindingKind::HeaderRepeated
        | FindingKind::DateFormat
        | FindingKind::DateInvalid
        | FindingKind::ZoneUnknown
        | FindingKind::ManagerNotInRoster
        | FindingKind::ManagerIsSelf
        | FindingKind::RequiredMissing
        | FindingKind::ValueRefused
        | FindingKind::AbsenceNotCounted
        | FindingKind::MissingOnce
        | FindingKind::MissingDisabled
        | FindingKind::Reappeared
        | FindingKind::PendingRowMissing
        | FindingKind::MissingPrehire
        | FindingKind::MissingUnresolved
        | FindingKind::JobMissing
        | FindingKind::PersonMissing
        | FindingKind::HiddenRowsRead
        | FindingKind::MergedValue
        | FindingKind::CellError
        | FindingKind::FormulaWithoutValue
        | FindingKind::KeyFromNumber
        | FindingKind::PrecisionLost
        | FindingKind::RowCountAtFormatLimit
        | FindingKind::StaleContent
        | FindingKind::BridgedGap
        | FindingKind::IdReuse
        | FindingKind::ManagerCycle
        | FindingKind::Undone
        | FindingKind::JobBesideDismissal
        | FindingKind::ReasonOfThePast
        | FindingKind::NotificationHeld => Owner::Hr,
        FindingKind::EncodingAssumed
        | FindingKind::ValueUnknown
        | FindingKind::SeveralValues
        | FindingKind::SourceWider
        | FindingKind::GoneAtSource
        | FindingKind::AttributeNowhere
        | FindingKind::HeaderDrift
        | FindingKind::StatusUnknown
        | FindingKind::TzAssumed
        | FindingKind::MappingError
        | FindingKind::NameTaken
        | FindingKind::NotOwner
        | FindingKind::NobodyOfRow
        | FindingKind::SheetChosen
        | FindingKind::HiddenSheetIgnored
        | FindingKind::WipeOff
        | FindingKind::DevicesUnread
        | FindingKind::OutOfScope
        | FindingKind::SliceWithoutTop
        | FindingKind::LicenceRefused
        | FindingKind::LicenceConflict
        | FindingKind::GrantUndecided
        | FindingKind::WorkflowUndecided
        | FindingKind::GroupDiffers
        | FindingKind::RuleTakesNobody
        | FindingKind::EstateUnread
        | FindingKind::RolesUnread => Owner::Engineer,
        FindingKind::AccountAmbiguous
        | FindingKind::AccountGone
        | FindingKind::NoRemoteAction
        | FindingKind::OwnershipUnknown
        | FindingKind::DeviceUnresponsive
        | FindingKind::DeviceUnresolved
        | FindingKind::DeviceFailed
        | FindingKind::DeviceOfOthers
        | FindingKind::SeatsShort
        | FindingKind::Irreversible
        | FindingKind::ChangedSince
        | FindingKind::DeviceUnknown
        | FindingKind::OnlyOwner => Owner::Operations,
        FindingKind::PreambleSkipped
        | FindingKind::FooterSkipped
        | FindingKind::ControlTotalOk
        | FindingKind::ManagerWaits
        | FindingKind::NeverProvisioned
        | FindingKind::Withdrawn
        | FindingKind::NoticeIdle
        | FindingKind::LateHire => Owner::Nobody,
    }
}
