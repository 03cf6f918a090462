//! The functions of the language: names, how many arguments, and which of them are built.
//!
//! Source of names and signatures: "Reference for writing expressions for attribute mappings"
//! (entra-docs, functions-for-customizing-application-data) and, where marked, the cloud sync
//! page (reference-expressions).

/// A function that can be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Append,
    CBool,
    CStr,
    Coalesce,
    Count,
    IgnoreFlowIfNullOrEmpty,
    Iif,
    InStr,
    IsNull,
    IsNullOrEmpty,
    IsPresent,
    Item,
    Join,
    Left,
    Mid,
    NormalizeDiacritics,
    Not,
    PCase,
    /// Plain text for plain text; its arguments are reduced to source, old and new.
    Replace,
    Split,
    StripSpaces,
    Switch,
    ToLower,
    ToUpper,
    Trim,
    Word,
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
const BUILT: [Signature; 26] = [
    f("Append", 2, 2, Function::Append),
    f("CBool", 1, 1, Function::CBool),
    f("CStr", 1, 1, Function::CStr),
    f("Coalesce", 1, ANY, Function::Coalesce),
    f("Count", 1, 1, Function::Count),
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
    f("Item", 2, 2, Function::Item),
    f("Join", 2, ANY, Function::Join),
    f("Left", 2, 2, Function::Left),
    f("Mid", 3, 3, Function::Mid),
    f("NormalizeDiacritics", 1, 1, Function::NormalizeDiacritics),
    f("Not", 1, 1, Function::Not),
    f("PCase", 1, 2, Function::PCase),
    f("Replace", 1, 7, Function::Replace),
    f("Split", 2, 2, Function::Split),
    f("StripSpaces", 1, 1, Function::StripSpaces),
    f("Switch", 1, ANY, Function::Switch),
    f("ToLower", 1, 2, Function::ToLower),
    f("ToUpper", 1, 2, Function::ToUpper),
    // Cloud sync only; accepted everywhere.
    f("Trim", 1, 1, Function::Trim),
    f("Word", 3, 3, Function::Word),
];

/// Functions of the language that are not built.
pub(super) const NOT_BUILT: [&str; 29] = [
    "AppRoleAssignments",
    "AppRoleAssignmentsComplex",
    "AssertiveAppRoleAssignmentsComplex",
    "BitAnd",
    "CDate",
    "CRef",
    "Contains",
    "ConvertFromBase64",
    "ConvertToBase64",
    "ConvertToUTF8Hex",
    "DNComponent",
    "DateAdd",
    "DateDiff",
    "DateFromNum",
    "DefaultDomain",
    "Error",
    "FormatDateTime",
    "Guid",
    "IsString",
    "Len",
    "NormalizeDiacriticsByCulture",
    "Now",
    "NumFromDate",
    "RandomString",
    "Redact",
    "RemoveDuplicates",
    "SelectUniqueValue",
    "SingleAppRoleAssignment",
    "StringFromSid",
];

/// What is known of a function name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Known {
    /// It can be called.
    Built(Signature),
    /// The language has it, we do not.
    NotBuilt,
    /// Nobody has it.
    Unknown,
}

/// Looks a name up; case counts.
pub(super) fn find(name: &str) -> Known {
    if let Some(signature) = BUILT.iter().find(|s| s.name == name) {
        Known::Built(*signature)
    } else if NOT_BUILT.contains(&name) {
        Known::NotBuilt
    } else {
        Known::Unknown
    }
}

/// All names, for suggestions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    BUILT.iter().map(|s| s.name).chain(NOT_BUILT)
}
