//! The functions of the language: names, how many arguments, and which of them are built.
//!
//! Source of names and signatures: "Reference for writing expressions for attribute mappings"
//! (entra-docs, functions-for-customizing-application-data) and, where marked, the cloud sync
//! page (reference-expressions).

/// A function that can be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Append,
    AppRoles,
    AssertiveAppRoles,
    BitAnd,
    CBool,
    CDate,
    CStr,
    Coalesce,
    ConvertFromBase64,
    ConvertToBase64,
    ConvertToUtf8Hex,
    Count,
    DateAdd,
    DateDiff,
    DateFromNum,
    DefaultDomain,
    FormatDateTime,
    Guid,
    IgnoreFlowIfNullOrEmpty,
    Iif,
    InStr,
    IsNull,
    IsNullOrEmpty,
    IsPresent,
    IsString,
    Item,
    Join,
    Left,
    Len,
    Mid,
    NormalizeDiacritics,
    NormalizeDiacriticsByCulture,
    Not,
    Now,
    NumFromDate,
    PCase,
    RandomString,
    Redact,
    RemoveDuplicates,
    Replace(ReplaceMode),
    SelectUniqueValue,
    SingleAppRole,
    Split,
    StripSpaces,
    Switch,
    ToLower,
    ToUpper,
    Trim,
    Word,
}

/// Which of the seven arguments of `Replace` are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReplaceMode {
    /// `oldValue`, `replacementValue`.
    Text,
    /// `oldValue`, `template`: the source goes into the template.
    Template,
    /// `regexPattern`, `replacementValue`.
    Pattern,
    /// `regexPattern`, `regexGroupName`, `replacementValue`.
    Group,
    /// `regexPattern`, `regexGroupName`, `replacementAttributeName`.
    Attribute,
}

/// What a call may look like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signature {
    pub(super) name: &'static str,
    /// So many arguments, from the first, must be given: present and not empty.
    pub(super) required: usize,
    /// At most so many positions.
    pub(super) most: usize,
    pub(super) function: Function,
}

const ANY: usize = usize::MAX;

const fn f(name: &'static str, required: usize, most: usize, function: Function) -> Signature {
    Signature {
        name,
        required,
        most,
        function,
    }
}

/// In order of name.
const BUILT: [Signature; 49] = [
    f("Append", 2, 2, Function::Append),
    f("AppRoleAssignmentsComplex", 1, 1, Function::AppRoles),
    f(
        "AssertiveAppRoleAssignmentsComplex",
        1,
        1,
        Function::AssertiveAppRoles,
    ),
    f("BitAnd", 2, 2, Function::BitAnd),
    f("CBool", 1, 1, Function::CBool),
    f("CDate", 1, 1, Function::CDate),
    f("CStr", 1, 1, Function::CStr),
    f("Coalesce", 1, ANY, Function::Coalesce),
    // Cloud sync only, as `Trim`; accepted everywhere.
    f("ConvertFromBase64", 1, 2, Function::ConvertFromBase64),
    f("ConvertToBase64", 1, 1, Function::ConvertToBase64),
    f("ConvertToUTF8Hex", 1, 1, Function::ConvertToUtf8Hex),
    f("Count", 1, 1, Function::Count),
    f("DateAdd", 3, 3, Function::DateAdd),
    f("DateDiff", 3, 3, Function::DateDiff),
    f("DateFromNum", 1, 1, Function::DateFromNum),
    f("DefaultDomain", 0, 0, Function::DefaultDomain),
    f("FormatDateTime", 1, 4, Function::FormatDateTime),
    f("Guid", 0, 0, Function::Guid),
    f("IIF", 3, 3, Function::Iif),
    f(
        "IgnoreFlowIfNullOrEmpty",
        1,
        1,
        Function::IgnoreFlowIfNullOrEmpty,
    ),
    f("InStr", 2, 4, Function::InStr),
    f("IsNull", 1, 1, Function::IsNull),
    f("IsNullOrEmpty", 1, 1, Function::IsNullOrEmpty),
    f("IsPresent", 1, 1, Function::IsPresent),
    f("IsString", 1, 1, Function::IsString),
    f("Item", 2, 2, Function::Item),
    f("Join", 2, ANY, Function::Join),
    f("Left", 2, 2, Function::Left),
    f("Len", 1, 1, Function::Len),
    f("Mid", 3, 3, Function::Mid),
    f("NormalizeDiacritics", 1, 1, Function::NormalizeDiacritics),
    f(
        "NormalizeDiacriticsByCulture",
        2,
        2,
        Function::NormalizeDiacriticsByCulture,
    ),
    f("Not", 1, 1, Function::Not),
    f("Now", 0, 0, Function::Now),
    f("NumFromDate", 1, 1, Function::NumFromDate),
    f("PCase", 1, 2, Function::PCase),
    f("RandomString", 5, 6, Function::RandomString),
    f("Redact", 1, 1, Function::Redact),
    f("RemoveDuplicates", 1, 1, Function::RemoveDuplicates),
    f("Replace", 1, 7, Function::Replace(ReplaceMode::Text)),
    f("SelectUniqueValue", 2, ANY, Function::SelectUniqueValue),
    f("SingleAppRoleAssignment", 1, 1, Function::SingleAppRole),
    f("Split", 2, 2, Function::Split),
    f("StripSpaces", 1, 1, Function::StripSpaces),
    f("Switch", 1, ANY, Function::Switch),
    f("ToLower", 1, 2, Function::ToLower),
    f("ToUpper", 1, 2, Function::ToUpper),
    f("Trim", 1, 1, Function::Trim),
    f("Word", 3, 3, Function::Word),
];

/// Functions that pages name and that are refused: cloud sync's own, and one whose result nobody
/// describes.
pub(super) const REFUSED: [&str; 6] = [
    "AppRoleAssignments",
    "CRef",
    "Contains",
    "DNComponent",
    "Error",
    "StringFromSid",
];

/// What is known of a function name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Known {
    /// It can be called.
    Built(Signature),
    /// Other services have it.
    Refused,
    /// Nobody has it.
    Unknown,
}

/// Looks a name up; case counts.
pub(super) fn find(name: &str) -> Known {
    if let Some(signature) = BUILT.iter().find(|s| s.name == name) {
        Known::Built(*signature)
    } else if REFUSED.contains(&name) {
        Known::Refused
    } else {
        Known::Unknown
    }
}

/// How a function is called.
pub(super) fn name(function: Function) -> &'static str {
    let same = |s: &&Signature| match (s.function, function) {
        (Function::Replace(_), Function::Replace(_)) => true,
        (known, function) => known == function,
    };
    BUILT.iter().find(same).map_or("", |s| s.name)
}

/// All names, for suggestions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    BUILT.iter().map(|s| s.name).chain(REFUSED)
}
