//! Licences as the tenant has them, and what a configuration means by their names.
//!
//! Source: "List subscribedSkus", "subscribedSku resource type" (graph/api): of a subscription in
//! warning its units can still be assigned. Invariant: an answer that cannot be read is an error,
//! never "no seats".

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt as _;
use rollcall_core::model::{Ending, Licence, Seats, ServicePlan};
use rollcall_http::{CallError, Situation};
use serde_json::Value as Json;

use crate::write::situation;
use crate::{Entra, EntraError, graph};

/// A list that lacks what is looked for is not read again sooner than this.
const ANEW: Duration = Duration::from_mins(1);

/// The licences of the tenant as names are resolved with.
pub(crate) struct Catalogue {
    seats: Vec<Seats>,
    /// When it was read, on the clock's own scale.
    at: Duration,
}

impl Entra {
    /// Every licence for users; `None` where the application may not look.
    ///
    /// # Errors
    /// `Call` when the question fails for another reason, or the answer is not in the documented
    /// form.
    pub async fn seats(&self) -> Result<Option<Vec<Seats>>, EntraError> {
        let doing = "reading the tenant's licences";
        let all = self.read_seats().await;
        all.map_err(|error| EntraError::Call { doing, error })
    }

    async fn read_seats(&self) -> Result<Option<Vec<Seats>>, CallError> {
        let mut all = Vec::new();
        let mut pages = pin!(self.client().pages(graph::list_skus()));
        while let Some(page) = pages.next().await {
            match page.and_then(|page| read(&page.body)) {
                Ok(seats) => all.extend(seats),
                Err(error) if situation(&error) == Some(Situation::Denied) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(Some(all))
    }

    /// A licence by the tenant's own ids, or how whatever needs it ends. The tenant's list is
    /// read once, and once more for what is not in it: it may have been bought since. Reading it
    /// is no step's own, so no step counts it.
    pub(crate) async fn resolve(
        &self,
        written: &Licence,
    ) -> Result<Result<Licence, Ending>, CallError> {
        let now = self.client().clock().elapsed();
        // Held while the list is read, so that the steps that wait for it do not all read it.
        let mut catalogue = self.catalogue().lock().await;
        if let Some(known) = catalogue.as_ref() {
            let found = find(&known.seats, written);
            if found.is_ok() || now.saturating_sub(known.at) < ANEW {
                return Ok(found);
            }
        }
        let Some(seats) = self.read_seats().await? else {
            let hint = "the tenant's licences may not be read, so that names mean nothing; grant \
                        `LicenseAssignment.Read.All`";
            return Ok(Err(unknown("licence_unknown", hint.to_owned())));
        };
        let found = find(&seats, written);
        *catalogue = Some(Catalogue { seats, at: now });
        Ok(found)
    }
}

fn find(all: &[Seats], written: &Licence) -> Result<Licence, Ending> {
    let Some(seats) = all.iter().find(|seats| seats.is(&written.sku)) else {
        let hint = format!(
            "the tenant has no licence `{}` for users; check its name, or buy it",
            written.sku
        );
        return Err(unknown("licence_unknown", hint));
    };
    let plan = |written: &String| {
        let plan = seats.plans.iter().find(|plan| plan.is(written));
        plan.map(|plan| plan.id.clone()).ok_or_else(|| {
            let hint = format!(
                "the licence `{}` has no service plan `{written}`; check its name",
                seats.name
            );
            unknown("plan_unknown", hint)
        })
    };
    Ok(Licence {
        sku: seats.id.clone(),
        disabled_plans: written
            .disabled_plans
            .iter()
            .map(plan)
            .collect::<Result<_, _>>()?,
    })
}

fn unknown(code: &str, hint: String) -> Ending {
    Ending::Failed {
        code: code.to_owned(),
        hint,
    }
}

/// Licences as accounts and groups carry them; `None` when they are not in the documented form.
pub(crate) fn given(list: &Json) -> Option<Vec<Licence>> {
    let one = |it: &Json| {
        Some(Licence {
            sku: it.get("skuId")?.as_str()?.to_owned(),
            disabled_plans: plans(it),
        })
    };
    list.as_array()?.iter().map(one).collect()
}

/// The services that are switched off.
pub(crate) fn plans(it: &Json) -> Vec<String> {
    let plans = it.get("disabledPlans").and_then(Json::as_array);
    let plans = plans.into_iter().flatten().filter_map(Json::as_str);
    plans.map(str::to_owned).collect()
}

/// Whether two ids are of the same licence: ids have no case.
pub(crate) fn same_sku(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right)
}

/// Whether the same services are switched off, in any order and case.
pub(crate) fn same_plans(left: &[String], right: &[String]) -> bool {
    let set = |plans: &[String]| -> BTreeSet<String> {
        plans.iter().map(|plan| plan.to_ascii_lowercase()).collect()
    };
    set(left) == set(right)
}

fn read(body: &Json) -> Result<Vec<Seats>, CallError> {
    let skus = body.get("value").and_then(Json::as_array);
    let skus = skus.ok_or_else(|| CallError::malformed("a list of licences has no `value`"))?;
    let for_users = |sku: &&Json| sku.get("appliesTo").and_then(Json::as_str) != Some("Company");
    let read = skus.iter().filter(for_users).map(one);
    let read: Option<Vec<Seats>> = read.collect();
    read.ok_or_else(|| {
        CallError::malformed(
            "a licence lacks `skuId`, `skuPartNumber`, `consumedUnits` or its units",
        )
    })
}

fn one(sku: &Json) -> Option<Seats> {
    let text = |name: &str| sku.get(name).and_then(Json::as_str).map(str::to_owned);
    let units = |name: &str| sku.get("prepaidUnits")?.get(name)?.as_i64();
    let usable = matches!(
        sku.get("capabilityStatus").and_then(Json::as_str),
        Some("Enabled" | "Warning")
    );
    let bought = units("enabled")?.saturating_add(units("warning").unwrap_or(0));
    let bought = if usable { bought } else { 0 };
    Some(Seats {
        id: text("skuId")?,
        name: text("skuPartNumber")?,
        free: bought.saturating_sub(sku.get("consumedUnits")?.as_i64()?),
        plans: services(sku),
    })
}

/// Those that have a name; a service without one cannot be meant by a configuration.
fn services(sku: &Json) -> Vec<ServicePlan> {
    let all = sku.get("servicePlans").and_then(Json::as_array);
    let one = |plan: &Json| {
        let text = |name: &str| plan.get(name).and_then(Json::as_str).map(str::to_owned);
        Some(ServicePlan {
            id: text("servicePlanId")?,
            name: text("servicePlanName")?,
        })
    };
    all.into_iter().flatten().filter_map(one).collect()
}
