//! Which service plans a licence is made of, and which of them nobody can have together.
//!
//! Source: "Product names and service plan identifiers for licensing"
//! (MicrosoftDocs/entra-docs, licensing-service-plan-reference.md; facts only): part numbers and
//! plans that users can have. Those of whole companies are left out, and so are some that came
//! later. Ids are ours, they follow from the names. Invariant: no licence excludes itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::seeded::Seeded;

/// Part number → plans.
const PLANS: [(&str, &str); 16] = [
    ("AAD_PREMIUM", "AAD_PREMIUM ADALLOM_S_DISCOVERY MFA_PREMIUM"),
    (
        "AAD_PREMIUM_P2",
        "AAD_PREMIUM AAD_PREMIUM_P2 ADALLOM_S_DISCOVERY MFA_PREMIUM",
    ),
    (
        "EMS",
        "AAD_PREMIUM ADALLOM_S_DISCOVERY INTUNE_A MFA_PREMIUM RMS_S_ENTERPRISE RMS_S_PREMIUM",
    ),
    (
        "EMSPREMIUM",
        "AAD_PREMIUM AAD_PREMIUM_P2 ADALLOM_S_STANDALONE ATA INTUNE_A MFA_PREMIUM \
         RMS_S_ENTERPRISE RMS_S_PREMIUM RMS_S_PREMIUM2",
    ),
    (
        "ENTERPRISEPACK",
        "BPOS_S_TODO_2 Deskless EXCHANGE_S_ENTERPRISE FLOW_O365_P2 FORMS_PLAN_E3 MCOSTANDARD \
         MIP_S_CLP1 OFFICESUBSCRIPTION POWERAPPS_O365_P2 PROJECTWORKMANAGEMENT RMS_S_ENTERPRISE \
         SHAREPOINTENTERPRISE SHAREPOINTWAC STREAM_O365_E3 SWAY TEAMS1 WHITEBOARD_PLAN2 \
         YAMMER_ENTERPRISE",
    ),
    (
        "ENTERPRISEPREMIUM",
        "ADALLOM_S_O365 BI_AZURE_P2 BPOS_S_TODO_3 Deskless EXCHANGE_ANALYTICS \
         EXCHANGE_S_ENTERPRISE FLOW_O365_P3 FORMS_PLAN_E5 LOCKBOX_ENTERPRISE MCOEV MCOMEETADV \
         MCOSTANDARD MIP_S_CLP1 MIP_S_CLP2 OFFICESUBSCRIPTION POWERAPPS_O365_P3 \
         PROJECTWORKMANAGEMENT RMS_S_ENTERPRISE SHAREPOINTENTERPRISE SHAREPOINTWAC \
         STREAM_O365_E5 SWAY TEAMS1 THREAT_INTELLIGENCE WHITEBOARD_PLAN3 YAMMER_ENTERPRISE",
    ),
    ("EXCHANGEDESKLESS", "EXCHANGE_S_DESKLESS"),
    ("EXCHANGEENTERPRISE", "EXCHANGE_S_ENTERPRISE"),
    ("EXCHANGESTANDARD", "EXCHANGE_S_STANDARD"),
    ("POWER_BI_PRO", "BI_AZURE_P2"),
    (
        "PROJECTPROFESSIONAL",
        "DYN365_CDS_PROJECT FLOW_FOR_PROJECT PROJECT_CLIENT_SUBSCRIPTION PROJECT_PROFESSIONAL \
         SHAREPOINTENTERPRISE SHAREPOINTWAC SHAREPOINT_PROJECT",
    ),
    (
        "SPE_E3",
        "AAD_PREMIUM ADALLOM_S_DISCOVERY BPOS_S_TODO_2 Deskless EXCHANGE_S_ENTERPRISE \
         FLOW_O365_P2 FORMS_PLAN_E3 INTUNE_A MCOSTANDARD MFA_PREMIUM MIP_S_CLP1 \
         OFFICESUBSCRIPTION POWERAPPS_O365_P2 PROJECTWORKMANAGEMENT RMS_S_ENTERPRISE \
         RMS_S_PREMIUM SHAREPOINTENTERPRISE SHAREPOINTWAC STREAM_O365_E3 SWAY TEAMS1 \
         WHITEBOARD_PLAN2 WIN10_PRO_ENT_SUB YAMMER_ENTERPRISE",
    ),
    (
        "SPE_E5",
        "AAD_PREMIUM AAD_PREMIUM_P2 ADALLOM_S_O365 ADALLOM_S_STANDALONE ATA BI_AZURE_P2 \
         BPOS_S_TODO_3 Deskless EXCHANGE_ANALYTICS EXCHANGE_S_ENTERPRISE FLOW_O365_P3 \
         FORMS_PLAN_E5 INTUNE_A LOCKBOX_ENTERPRISE MCOEV MCOMEETADV MCOSTANDARD MFA_PREMIUM \
         MIP_S_CLP1 MIP_S_CLP2 OFFICESUBSCRIPTION POWERAPPS_O365_P3 PROJECTWORKMANAGEMENT \
         RMS_S_ENTERPRISE RMS_S_PREMIUM RMS_S_PREMIUM2 SHAREPOINTENTERPRISE SHAREPOINTWAC \
         STREAM_O365_E5 SWAY TEAMS1 THREAT_INTELLIGENCE WHITEBOARD_PLAN3 WIN10_PRO_ENT_SUB \
         WINDEFATP YAMMER_ENTERPRISE",
    ),
    (
        "SPE_F1",
        "AAD_PREMIUM ADALLOM_S_DISCOVERY BPOS_S_TODO_FIRSTLINE Deskless EXCHANGE_S_DESKLESS \
         FLOW_O365_S1 FORMS_PLAN_K INTUNE_A MCOIMP MFA_PREMIUM OFFICEMOBILE_SUBSCRIPTION \
         POWERAPPS_O365_S1 PROJECTWORKMANAGEMENT RMS_S_ENTERPRISE RMS_S_PREMIUM \
         SHAREPOINTDESKLESS SHAREPOINTWAC STREAM_O365_K SWAY TEAMS1 WHITEBOARD_FIRSTLINE1 \
         WIN10_ENT_LOC_F1 YAMMER_ENTERPRISE",
    ),
    (
        "STANDARDPACK",
        "BPOS_S_TODO_1 Deskless EXCHANGE_S_STANDARD FLOW_O365_P1 FORMS_PLAN_E1 MCOSTANDARD \
         OFFICEMOBILE_SUBSCRIPTION POWERAPPS_O365_P1 PROJECTWORKMANAGEMENT SHAREPOINTSTANDARD \
         SHAREPOINTWAC STREAM_O365_E1 SWAY TEAMS1 WHITEBOARD_PLAN1 YAMMER_ENTERPRISE",
    ),
    (
        "VISIOCLIENT",
        "ONEDRIVE_BASIC VISIOONLINE VISIO_CLIENT_SUBSCRIPTION",
    ),
];

/// Plans of which a user can have one ("Service plans that cannot be assigned at the same time").
/// Another page says that the second pair goes together by now ("Resolve group license assignment
/// problems"); the stricter one counts.
const EXCLUSIVE: [&[&str]; 4] = [
    &["EXCHANGE_S_DESKLESS", "EXCHANGE_S_STANDARD"],
    &["EXCHANGE_S_ENTERPRISE", "EXCHANGE_S_STANDARD"],
    &["MCOIMP", "MCOSTANDARD"],
    &[
        "SHAREPOINTDESKLESS",
        "SHAREPOINTENTERPRISE",
        "SHAREPOINTSTANDARD",
    ],
];

/// The id of a licence follows from its name.
pub(crate) fn sku_id(name: &str) -> String {
    Seeded::from_text(&name.to_uppercase()).guid()
}

/// So does that of a plan; a licence and a plan of one name are two things.
pub(crate) fn plan_id(name: &str) -> String {
    Seeded::from_text(&name.to_uppercase()).at(1).guid()
}

/// A licence that was bought.
pub(crate) struct Sku {
    /// Its part number, as whoever opened the tenant writes it.
    pub(crate) name: String,
    pub(crate) seats: usize,
    /// Names of plans by their ids.
    pub(crate) plans: BTreeMap<String, String>,
}

impl Sku {
    /// One that the catalogue does not know has one plan of its own name.
    pub(crate) fn new(name: &str, seats: u32) -> Self {
        let known = PLANS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        let upper = name.to_uppercase();
        let plans = known.map_or(upper.as_str(), |(_, plans)| plans);
        Self {
            name: name.to_owned(),
            seats: usize::try_from(seats).unwrap_or(usize::MAX),
            plans: plans
                .split_whitespace()
                .map(|plan| (plan_id(plan), plan.to_owned()))
                .collect(),
        }
    }
}

/// Two of these plans (by id) that exclude each other.
pub(crate) fn conflict(plans: &BTreeSet<&str>) -> Option<(String, String)> {
    EXCLUSIVE.iter().find_map(|one_of| {
        let ids = one_of.iter().map(|name| plan_id(name));
        let mut there = ids.filter(|id| plans.contains(id.as_str()));
        Some((there.next()?, there.next()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Users get along with any one licence; ids are their own.
    #[test]
    fn the_catalogue_holds_together() {
        let mut ids: BTreeMap<String, &str> = BTreeMap::new();
        let mut all: BTreeSet<&str> = BTreeSet::new();
        for (name, plans) in &PLANS {
            let sku = Sku::new(&name.to_lowercase(), 1);
            let enabled = sku.plans.keys().map(String::as_str).collect();
            assert_eq!(conflict(&enabled), None, "{name}");
            assert_eq!(sku.plans.len(), plans.split_whitespace().count(), "{name}");
            assert_eq!(ids.insert(sku_id(name), name), None, "{name}");
            all.extend(plans.split_whitespace());
        }
        for plan in &all {
            assert_eq!(ids.insert(plan_id(plan), plan), None, "{plan}");
        }
        let mut exclusive = EXCLUSIVE.iter().copied().flatten();
        assert!(exclusive.all(|plan| all.contains(plan)));
    }

    /// Licences of one user → whether they go together.
    #[test]
    fn what_goes_together() {
        let table = [
            (["ENTERPRISEPACK", "STANDARDPACK"], false),
            (["SPE_E3", "SPE_F1"], false),
            (["STANDARDPACK", "PROJECTPROFESSIONAL"], false),
            (["EXCHANGESTANDARD", "EXCHANGEENTERPRISE"], false),
            (["SPE_E3", "ENTERPRISEPACK"], true),
            (["SPE_E5", "EMS"], true),
            (["SPE_E3", "PROJECTPROFESSIONAL"], true),
            (["STANDARDPACK", "VISIOCLIENT"], true),
            (["STANDARDPACK", "OUR_OWN"], true),
        ];
        for (names, together) in table {
            let skus = names.map(|name| Sku::new(name, 1));
            let plans = skus.iter().flat_map(|sku| sku.plans.keys());
            let plans = plans.map(String::as_str).collect();
            assert_eq!(conflict(&plans).is_none(), together, "{names:?}");
        }
    }
}
