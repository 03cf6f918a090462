//! The words of the house as types. No behaviour beyond what a type must guarantee.

mod action;
mod estate;
mod finding;
mod holdings;
mod ids;
mod sighting;
mod value;

pub use action::{
    AccessOp, Account, AccountChange, AccountOp, Area, BinOp, Changes, DeviceAim, DeviceOp, Ending,
    EstateOp, GroupName, GroupOp, GroupStep, Licence, LicenceState, Lookup, Op, RoleOp, Seats,
    SeenGroup, ServicePlan, SignInOp, Since, Step, StepResult, WantedGroup,
};
pub use estate::{Asset, Estate, Keeper, Owned};
pub use finding::{Finding, FindingKind, Place, Severity};
pub use holdings::{
    Device, DeviceLook, DeviceQuestion, DeviceRecords, Enrolment, HeldGroup, Holdings, Join,
    Ownership, Platform,
};
pub use ids::{AccountName, ActionId, ObjectId, OrderId, PersonKey, RunId, SourceName, WorkerId};
pub use sighting::{ProofItem, ProofOf, ProofVerdict, SeenAccount, SeenMembership, Sighting};
pub use value::{Attributes, Value, text_shape};
