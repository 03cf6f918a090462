//! What accounts answer for, and handing that over.
//!
//! Sources: "List ownedObjects", "List directReports", "List sponsorOf", "List sponsors", "List owners" and "Add
//! owners" of groups, applications and service principals, "Assign sponsor" (graph/api). The pages name no
//! application permission for the first three and list what may be read of each kind apart, so that a refusal
//! makes a kind unread and nothing else. Invariant: what could not be read is told as unread, never
//! as nothing; and nobody is ever taken from a place here.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::model::{Asset, Ending, Estate, EstateOp, Keeper, ObjectId, Owned, Step};
use rollcall_http::{Call, CallError, Situation, refused, withheld};
use serde_json::Value as Json;

use crate::lookup::PAGE;
use crate::write::{Ended, Sender, invalid, not_found, situation, stale};
use crate::{Entra, EntraError, graph};

const GROUP: &str = "#microsoft.graph.group";
const APPLICATION: &str = "#microsoft.graph.application";
const SERVICE: &str = "#microsoft.graph.servicePrincipal";
const USER: &str = "#microsoft.graph.user";

/// A thing that one of the accounts answers for, and of which others may be keepers.
struct Thing {
    /// Place of the account.
    of: usize,
    asset: Asset,
    id: ObjectId,
}

impl Entra {
    /// What each account answers for, of these kinds, in the order of the accounts. Reads only.
    ///
    /// # Errors
    /// `Call` when a question is not answered after all retries, or not in the documented form.
    /// What is refused is unread, not an error.
    pub async fn estates(
        &self,
        accounts: &[ObjectId],
        assets: &BTreeSet<Asset>,
    ) -> Result<Vec<Estate>, EntraError> {
        let read = self.read_estates(accounts, assets).await;
        read.map_err(|error| EntraError::Call {
            doing: "reading what accounts answer for",
            error,
        })
    }

    async fn read_estates(
        &self,
        accounts: &[ObjectId],
        assets: &BTreeSet<Asset>,
    ) -> Result<Vec<Estate>, CallError> {
        let mut out = vec![Estate::default(); accounts.len()];
        let has = |asset: Asset| assets.contains(&asset);
        let mut things = Vec::new();
        let owns = [Asset::Group, Asset::Application, Asset::Service];
        let owns: Vec<Asset> = owns.into_iter().filter(|asset| has(*asset)).collect();
        if !owns.is_empty() {
            let call = |id: &ObjectId| graph::list_owned(id, PAGE);
            let lists = self.lists(accounts, call).await?;
            for (of, list) in lists.into_iter().enumerate() {
                let Some(list) = list else {
                    out[of].unread.extend(owns.iter().copied());
                    continue;
                };
                for object in &list {
                    let asset = match kind(object) {
                        Some(GROUP) => Asset::Group,
                        Some(APPLICATION) => Asset::Application,
                        Some(SERVICE) => Asset::Service,
                        _ => continue,
                    };
                    if has(asset) {
                        let id = id(object)?;
                        things.push(Thing { of, asset, id });
                    }
                }
            }
        }
        if has(Asset::Report) {
            let call = |id: &ObjectId| graph::list_reports(id, PAGE);
            let lists = self.lists(accounts, call).await?;
            for (of, list) in lists.into_iter().enumerate() {
                let Some(list) = list else {
                    out[of].unread.insert(Asset::Report);
                    continue;
                };
                for report in list.iter().filter(|it| works(it)) {
                    out[of].owned.push(Owned {
                        asset: Asset::Report,
                        id: id(report)?,
                        others: Vec::new(),
                    });
                }
            }
        }
        if has(Asset::Guest) {
            let call = |id: &ObjectId| graph::list_sponsored(id, PAGE);
            let lists = self.lists(accounts, call).await?;
            for (of, list) in lists.into_iter().enumerate() {
                let Some(list) = list else {
                    out[of].unread.insert(Asset::Guest);
                    continue;
                };
                for guest in list.iter().filter(|it| works(it)) {
                    let asset = Asset::Guest;
                    let id = id(guest)?;
                    things.push(Thing { of, asset, id });
                }
            }
        }
        self.keepers(accounts, things, &mut out).await?;
        for estate in &mut out {
            estate.owned.sort();
        }
        Ok(out)
    }

    /// A list for each account; see [`rollcall_http::Client::lists`].
    pub(crate) async fn lists(
        &self,
        accounts: &[ObjectId],
        call: impl Fn(&ObjectId) -> Call,
    ) -> Result<Vec<Option<Vec<Json>>>, CallError> {
        let calls: Vec<Call> = accounts.iter().map(call).collect();
        self.client().lists(&calls).await
    }

    /// Who else answers for things; each is asked about once, however many accounts keep it.
    async fn keepers(
        &self,
        accounts: &[ObjectId],
        things: Vec<Thing>,
        out: &mut [Estate],
    ) -> Result<(), CallError> {
        let asked: BTreeSet<(Asset, &ObjectId)> =
            things.iter().map(|it| (it.asset, &it.id)).collect();
        let asked: Vec<(Asset, &ObjectId)> = asked.into_iter().collect();
        let call = |(asset, id): &(Asset, &ObjectId)| graph::list_keepers(*asset, id);
        let calls: Vec<Call> = asked.iter().map(call).collect();
        let answers = self.client().batches(&calls).await?;
        let mut known: BTreeMap<(Asset, &ObjectId), Option<Vec<Keeper>>> = BTreeMap::new();
        for ((what, call), answer) in asked.iter().zip(&calls).zip(answers) {
            let keepers = match answer {
                Ok(body) => {
                    let all = self.client().rest(call, &body).await?;
                    let keepers = all.iter().map(keeper);
                    Some(keepers.collect::<Result<Vec<Keeper>, CallError>>()?)
                }
                // Gone meanwhile: nobody has to answer for it.
                Err(fault) if fault.situation == Situation::NotFound => continue,
                Err(fault) if withheld(&fault) => None,
                Err(fault) => return Err(refused(fault)),
            };
            known.insert(*what, keepers);
        }
        for Thing { of, asset, id } in &things {
            match known.get(&(*asset, id)) {
                None => {}
                Some(None) => {
                    out[*of].unread.insert(*asset);
                }
                Some(Some(keepers)) => {
                    let others = keepers.iter().filter(|it| it.id != accounts[*of]);
                    let mut others: Vec<Keeper> = others.cloned().collect();
                    others.sort();
                    out[*of].owned.push(Owned {
                        asset: *asset,
                        id: id.clone(),
                        others,
                    });
                }
            }
        }
        Ok(())
    }
}

fn kind(object: &Json) -> Option<&str> {
    object.get("@odata.type").and_then(Json::as_str)
}

fn id(object: &Json) -> Result<ObjectId, CallError> {
    let id = object.get("id").and_then(Json::as_str);
    let id = id.map(ObjectId::new);
    id.ok_or_else(|| CallError::malformed("an object has no `id`"))
}

/// An account that is in use. What does not say counts: nobody is left without a manager for that.
fn works(user: &Json) -> bool {
    let user_type = kind(user).is_none_or(|it| it == USER);
    user_type && user.get("accountEnabled") != Some(&Json::Bool(false))
}

/// Applications and groups can act; an account can where it is enabled, and one that does not say so
/// cannot: rather one finding too many than a group without an owner.
fn keeper(object: &Json) -> Result<Keeper, CallError> {
    let person = kind(object).is_none_or(|it| it == USER);
    let enabled = object.get("accountEnabled") == Some(&Json::Bool(true));
    Ok(Keeper {
        id: id(object)?,
        able: !person || enabled,
    })
}

impl Sender<'_> {
    /// Gives the heir what the account answers for. The account itself stays where it is.
    pub(crate) async fn hand_over(&mut self, step: &Step, op: EstateOp) -> Ended {
        let (Some(heir), Some((asset, id))) = (&step.manager, &step.handed) else {
            let what = "the step names no heir or nothing to hand over";
            return Ok((invalid(what), None));
        };
        let select = "id,accountEnabled".to_owned();
        let read = self
            .send(graph::read_user(graph::user_path(heir), select, self.lane))
            .await;
        match read {
            Ok(reply) if reply.body.get("accountEnabled") == Some(&Json::Bool(true)) => {}
            Ok(_) => return Ok((stale("the heir's account is disabled"), None)),
            Err(error) if not_found(&error) => {
                return Ok((stale("the heir's account is gone"), None));
            }
            Err(error) => return Err(error),
        }
        let origin = self.entra.client().origin();
        let reference = format!("{origin}{}", graph::user_path(heir));
        let call = match (op, asset) {
            (EstateOp::AddOwner, Asset::Group | Asset::Application | Asset::Service) => {
                // An owner twice is refused, which says nothing else was wrong.
                graph::add_keeper(*asset, id, &graph::reference(origin, heir))
            }
            (EstateOp::AddSponsor, Asset::Guest) => {
                graph::add_keeper(*asset, id, &graph::reference(origin, heir))
            }
            (EstateOp::HandOver, Asset::Report) => {
                return self.hand_report_over(step, id, heir, &reference).await;
            }
            (EstateOp::AddOwner | EstateOp::AddSponsor | EstateOp::HandOver, _) => {
                return Ok((invalid("the step hands over another kind of thing"), None));
            }
        };
        let ending = match self.send(call).await {
            Ok(_) => Ending::Done,
            Err(error) => match situation(&error) {
                Some(Situation::AlreadyMember) => Ending::Already,
                Some(Situation::NotFound) => stale("what was to be handed over is gone"),
                Some(_) | None => return Err(error),
            },
        };
        Ok((ending, None))
    }

    /// Somebody else may have given the report another manager meanwhile: that one stays.
    async fn hand_report_over(
        &mut self,
        step: &Step,
        report: &ObjectId,
        heir: &ObjectId,
        reference: &str,
    ) -> Ended {
        if report == heir {
            return Ok((stale("the heir cannot be their own manager"), None));
        }
        let now = self.manager_now(report).await?;
        if now.as_deref() == Some(heir.as_str()) {
            return Ok((Ending::Already, None));
        }
        let leaver = step.object.as_ref().map(ObjectId::as_str);
        if now.is_some() && now.as_deref() != leaver {
            return Ok((stale("somebody else is the manager by now"), None));
        }
        let sent = self
            .send(graph::set_manager(report, reference, self.lane))
            .await;
        let ending = match sent {
            Ok(_) => Ending::Done,
            Err(error) if not_found(&error) => stale("the account of the report is gone"),
            Err(error) => return Err(error),
        };
        Ok((ending, None))
    }
}
