//! What is odd about groups beside their rules.

use super::{Groups, Mode};

/// What can be said of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupLint {
    /// Nothing in the rule looks at `accountEnabled`: whoever leaves stays in.
    LeaversStay,
    /// The rule looks at `accountEnabled`, and the group carries licences: whoever is disabled
    /// loses them at once, mailbox and all.
    LicenceGoesWithTheAccount,
    /// Planning cannot tell who is in it.
    NotPredicted,
}

impl GroupLint {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LeaversStay => "leavers-stay",
            Self::LicenceGoesWithTheAccount => "licence-goes-with-the-account",
            Self::NotPredicted => "not-predicted",
        }
    }
}

/// One thing to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRemark {
    /// The group's key.
    pub group: String,
    /// What.
    pub lint: GroupLint,
    /// In words.
    pub message: String,
}

impl Groups {
    /// What is odd about the groups, in the order of the file; their rules have lints of their own.
    pub fn lint(&self) -> Vec<GroupRemark> {
        let mut out = Vec::new();
        for group in &self.all {
            let mut say = |lint, message: &str| {
                out.push(GroupRemark {
                    group: group.key.clone(),
                    lint,
                    message: message.to_owned(),
                });
            };
            // Its members go as the policy says.
            if group.mode == Mode::Assigned {
                continue;
            }
            if let Some(why) = group.unpredictable() {
                say(GroupLint::NotPredicted, why);
                continue;
            }
            let mut reads = group.compiled.properties().iter();
            let looks = reads.any(|property| property.name == "accountEnabled");
            if !looks {
                say(
                    GroupLint::LeaversStay,
                    "whoever is cut off stays in it: the rule does not look at accountEnabled",
                );
            } else if !group.licences.is_empty() {
                say(
                    GroupLint::LicenceGoesWithTheAccount,
                    "whoever is disabled loses its licences at once, and with them the mailbox \
                     after 30 days: license by another group, or leave accountEnabled out",
                );
            }
        }
        out
    }
}
