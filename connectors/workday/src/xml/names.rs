//! Names of elements and attributes as small numbers, so that a worker's tree holds no text twice.
//!
//! Only names that some path reads are known; every other one is [`OTHER`]. Invariant: two known
//! names are equal exactly when their numbers are.

use std::collections::HashMap;

/// A name's number.
pub(crate) type Name = u16;

/// Any name that no path reads.
pub(crate) const OTHER: Name = 0;
/// What stands in place of a name where the node is text.
pub(crate) const TEXT: Name = Name::MAX;

/// Elements and attributes of the worker tree that hold `xsd:boolean` and whose names alone do not
/// say so. Workday writes 1 and 0 as well as true and false, even within one response; in the tree
/// they are 1 and 0, so that `[wd:On_Leave='1']` means what it says.
const BOOLEANS: [&str; 34] = [
    "Active",
    "Retired",
    "Terminated",
    "Termination_Involuntary",
    "Regrettable_Termination",
    "Not_Eligible_for_Hire",
    "Not_Eligible_For_Hire",
    "Not_Eligible_for_Rehire",
    "Hire_Rescinded",
    "Not_Returning",
    "Return_Unknown",
    "Rehire",
    "On_Leave",
    "Primary_Job",
    "Primary",
    "Public",
    "Defaulted_Business_Site_Address",
    "Has_International_Assignment",
    "Is_Rescind_Or_Rescinded",
    "Is_Correction_Or_Corrected",
    "Job_Exempt",
    "Exclude_from_Headcount",
    "Tobacco_Use",
    "Hispanic_or_Latino",
    "Local_Hukou",
    "Used_in_Change_Organization_Assignments",
    "Primary_Business_Site",
    "Delete",
    "Do_Not_Replace_All",
    "Replace_All",
    "Account_Disabled",
    "Account_Locked",
    "Required_New_Password_At_Next_Sign_In",
    "Exempt_from_Delegated_Authentication",
];

/// The names that paths read.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    known: HashMap<Box<str>, Name>,
    /// Text and whether it is a boolean, by number.
    all: Vec<(Box<str>, bool)>,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            all: vec![("".into(), false)],
        }
    }
}

impl Names {
    /// The number of a name, a new one where it is new. Beyond 65,000 names every other is the
    /// last one's; no configuration is that long.
    pub(crate) fn intern(&mut self, text: &str) -> Name {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let number = Name::try_from(self.all.len())
            .unwrap_or(TEXT - 1)
            .min(TEXT - 1);
        self.known.insert(text.into(), number);
        self.all.push((text.into(), BOOLEANS.contains(&text)));
        number
    }

    /// The number of a name that some path reads.
    pub(crate) fn find(&self, text: &str) -> Name {
        self.known.get(text).copied().unwrap_or(OTHER)
    }

    /// The name.
    pub(crate) fn text(&self, name: Name) -> &str {
        self.all.get(usize::from(name)).map_or("", |it| &it.0)
    }

    /// Whether anything that has a name here is a boolean.
    pub(crate) fn has_boolean(&self) -> bool {
        self.all.iter().any(|it| it.1)
    }

    /// Whether what has the name is a boolean.
    pub(crate) fn is_boolean(&self, name: Name) -> bool {
        self.all.get(usize::from(name)).is_some_and(|it| it.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbers_and_back() {
        let mut names = Names::default();
        let (one, two) = (names.intern("Worker"), names.intern("Active"));
        assert_eq!((names.intern("Worker"), names.find("Active")), (one, two));
        assert_eq!((names.text(two), names.find("Photo")), ("Active", OTHER));
        assert!(names.is_boolean(two) && !names.is_boolean(one));
    }
}
