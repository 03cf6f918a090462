//! Licences as the directory has them.
//!
//! Source: "List subscribedSkus", "subscribedSku resource type" (graph/api): of a subscription in
//! warning its units can still be assigned. Invariant: an answer that cannot be read is an error,
//! never "no seats".

use rollcall_core::model::Seats;
use rollcall_http::{CallError, Situation};
use serde_json::Value as Json;

use crate::{Entra, EntraError, graph};

impl Entra {
    /// Every licence for users; `None` where the application may not look.
    ///
    /// # Errors
    /// `Call` when the question fails for another reason, or the answer is not in the documented
    /// form.
    pub async fn seats(&self) -> Result<Option<Vec<Seats>>, EntraError> {
        let mut all = Vec::new();
        let mut next = Some(graph::list_skus());
        while let Some(call) = next {
            let page = self.turn(graph::SKUS, call).await;
            let page = page.and_then(|(body, next)| Ok((read(&body)?, next)));
            match page {
                Ok((seats, more)) => {
                    all.extend(seats);
                    next = more;
                }
                Err(error)
                    if error
                        .fault()
                        .is_some_and(|it| it.situation == Situation::Denied) =>
                {
                    return Ok(None);
                }
                Err(error) => {
                    let doing = "reading the tenant's licences";
                    return Err(EntraError::Call { doing, error });
                }
            }
        }
        Ok(Some(all))
    }
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
    })
}
