//! Groups of Rollcall's own: making them, and writing what they are.
//!
//! Sources: "Upsert group", "Update group", "group: assignLicense" (graph/api). Names that people
//! read are not unique, so a group is made under its unique name, which makes no twin however often
//! it is repeated. Invariant: whether members follow a rule is settled when a group is made and
//! never changed; what nobody planned to take away stays.

use rollcall_core::model::{
    Area, Ending, GroupName, GroupOp, GroupStep, Licence, ObjectId, SeenGroup, StepResult,
    WantedGroup,
};
use rollcall_http::{Call, CallError, Lane, Reply, Situation};
use serde_json::{Map, Value as Json, json};

use crate::licences::{same_plans, same_sku};
use crate::write::{Ended, Sender, invalid, not_found, situation, stale};
use crate::{Entra, graph, groups};

/// What reading a group back gave.
enum Now {
    Group(SeenGroup),
    /// The step is over.
    Over(Ending),
}

/// What differs between the licences of a group and those that it is to have.
#[derive(Debug, PartialEq)]
struct Changes {
    add: Vec<Licence>,
    remove: Vec<String>,
    /// There, not wanted, and not there at plan time.
    foreign: bool,
}

impl Entra {
    /// Carries out one step about a group itself, after checking its precondition just before
    /// writing. The result's object is the group.
    ///
    /// Safe to repeat: what is so already ends as `Already`.
    pub async fn keep_group(&self, step: &GroupStep) -> StepResult {
        let mut sender = Sender::new(self, Lane::Bulk);
        let ended = match step.op.area() {
            Area::Group(GroupOp::Create) => sender.create_group(&step.wanted).await,
            Area::Group(GroupOp::Update) => sender.update_group(step).await,
            Area::Group(GroupOp::License) => sender.license_group(step).await,
            Area::Account(_)
            | Area::Access(_)
            | Area::Bin(_)
            | Area::SignIn(_)
            | Area::Role(_)
            | Area::Estate(_)
            | Area::Message
            | Area::Proof
            | Area::Device(_) => Ok((invalid("a step about an account names a group alone"), None)),
        };
        let known = step.before.as_ref().map(|before| &before.id);
        sender.result(&step.action, step.op, ended, known)
    }
}

impl Sender<'_> {
    async fn create_group(&mut self, wanted: &WantedGroup) -> Ended {
        let name = GroupName::Unique(wanted.unique.clone());
        match self.send(graph::read_group(&name, groups::SELECT)).await {
            Ok(reply) => {
                let now = groups::read(&reply.body)?;
                let so =
                    now.rule.is_some() == wanted.rule.is_some() && changes(&now, wanted).is_empty();
                let ending = if so {
                    Ending::Already
                } else {
                    stale("a group of that unique name was made meanwhile")
                };
                return Ok((ending, Some(now.id)));
            }
            Err(error) if not_found(&error) => {}
            Err(error) => return Err(error),
        }
        let call = graph::upsert_group(&wanted.unique, body(wanted));
        let made = self.send(call).await?.body;
        // Whoever repeats a create whose answer was lost is told nothing.
        let made = if made.is_null() {
            match self.send_until_found(graph::read_group(&name, "id")).await {
                Ok(reply) => reply.body,
                Err(error) if not_found(&error) => return Ok((self.entra.replicating(), None)),
                Err(error) => return Err(error),
            }
        } else {
            made
        };
        let id = made.get("id").and_then(Json::as_str).map(ObjectId::new);
        let id = id.ok_or_else(|| CallError::malformed("a new group has no `id`"))?;
        self.entra.remember_created(&id);
        Ok((Ending::Done, Some(id)))
    }

    async fn update_group(&mut self, step: &GroupStep) -> Ended {
        let Some(before) = &step.before else {
            return Ok((invalid("the step names no group"), None));
        };
        let now = match self.group_now(step).await? {
            Now::Group(now) => now,
            Now::Over(ending) => return Ok((ending, None)),
        };
        if let Some(why) = crossed(before, &now, &step.wanted) {
            return Ok((stale(why), None));
        }
        let changes = changes(&now, &step.wanted);
        if changes.is_empty() {
            return Ok((Ending::Already, None));
        }
        let call = graph::patch_group(&now.id, Json::Object(changes));
        let ending = match self.send_to(&now.id, call).await {
            Ok(_) => Ending::Done,
            Err(error) if not_found(&error) => self.missing(&now.id),
            Err(error) => return Err(error),
        };
        Ok((ending, None))
    }

    async fn license_group(&mut self, step: &GroupStep) -> Ended {
        let mut wanted = Vec::with_capacity(step.wanted.licences.len());
        for written in &step.wanted.licences {
            match self.entra.resolve(written).await? {
                Ok(licence) => wanted.push(licence),
                Err(ending) => return Ok((ending, None)),
            }
        }
        let before = step.before.as_ref();
        let before = before.map_or(&[][..], |before| &before.licences);
        let mut refused = None;
        loop {
            let now = match self.group_now(step).await? {
                Now::Group(now) => now,
                Now::Over(ending) => return Ok((ending, None)),
            };
            let Changes {
                add,
                remove,
                foreign,
            } = licence_changes(&now.licences, &wanted, before);
            if foreign {
                let why = "the group gives a licence that it did not give at plan time";
                return Ok((stale(why), Some(now.id)));
            }
            if add.is_empty() && remove.is_empty() {
                return Ok((Ending::Already, Some(now.id)));
            }
            if let Some(error) = refused {
                return Err(error);
            }
            let call = graph::license_group(&now.id, &add, &remove);
            match self.send_to(&now.id, call).await {
                Ok(_) => return Ok((Ending::Done, Some(now.id))),
                Err(error) if not_found(&error) => {
                    return Ok((self.missing(&now.id), Some(now.id)));
                }
                // An answer that was lost on the way may have been a success: then there is
                // nothing left to take, which is refused. Looked at once more.
                Err(error) if situation(&error) == Some(Situation::Refused) => {
                    refused = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads the group of a step: by its id where the plan knew it, else by its unique name, under
    /// which it was made a moment ago.
    async fn group_now(&mut self, step: &GroupStep) -> Result<Now, CallError> {
        let before = step.before.as_ref().map(|before| &before.id);
        let name = match before {
            Some(id) => GroupName::Id(id.clone()),
            None => GroupName::Unique(step.wanted.unique.clone()),
        };
        let call = graph::read_group(&name, groups::SELECT);
        let read = if before.is_none_or(|id| self.entra.created_lately(id)) {
            self.send_until_found(call).await
        } else {
            self.send(call).await
        };
        let now = match read {
            Ok(reply) => groups::read(&reply.body)?,
            Err(error) if not_found(&error) => {
                let ending = match before {
                    Some(id) => self.missing(id),
                    None => self.entra.replicating(),
                };
                return Ok(Now::Over(ending));
            }
            Err(error) => return Err(error),
        };
        if before.is_some_and(|id| *id != now.id) {
            let why = "the directory answered with another group";
            return Ok(Now::Over(stale(why)));
        }
        Ok(Now::Group(now))
    }

    /// Sends a write to a group; one that we made lately may not be everywhere yet.
    async fn send_to(&mut self, id: &ObjectId, call: Call) -> Result<Reply, CallError> {
        if self.entra.created_lately(id) {
            self.send_until_found(call).await
        } else {
            self.send(call).await
        }
    }

    /// How a step ends whose group is not there.
    fn missing(&self, id: &ObjectId) -> Ending {
        if self.entra.created_lately(id) {
            self.entra.replicating()
        } else {
            stale("the group is gone")
        }
    }
}

/// What somebody else did to a group that an update must not undo.
fn crossed(before: &SeenGroup, now: &SeenGroup, wanted: &WantedGroup) -> Option<&'static str> {
    if now.rule.is_some() != wanted.rule.is_some() {
        return Some("whether the group's members follow a rule is not what is wanted");
    }
    if now.rule != before.rule && now.rule != wanted.rule {
        return Some("the rule is neither what it was at plan time nor what is wanted");
    }
    // Whoever pauses a rule does not want it to be at work.
    if wanted.rule.is_some() && before.evaluated && !now.evaluated {
        return Some("the rule has been paused since plan time");
    }
    None
}

/// What a group of the same kind differs in, as the body of an update.
fn changes(now: &SeenGroup, wanted: &WantedGroup) -> Map<String, Json> {
    let mut changes = Map::new();
    if now.name != wanted.name {
        changes.insert("displayName".to_owned(), json!(wanted.name));
    }
    // What the file does not say is left as it is.
    if let Some(description) = description(wanted)
        && now.description.as_deref() != Some(description)
    {
        changes.insert("description".to_owned(), json!(description));
    }
    if let Some(rule) = &wanted.rule {
        if now.rule.as_ref() != Some(rule) {
            changes.insert("membershipRule".to_owned(), json!(rule));
        }
        if !now.evaluated {
            changes.insert("membershipRuleProcessingState".to_owned(), json!("On"));
        }
    }
    changes
}

fn description(wanted: &WantedGroup) -> Option<&str> {
    wanted
        .description
        .as_deref()
        .filter(|text| !text.is_empty())
}

/// The body of a group that is made.
fn body(wanted: &WantedGroup) -> Json {
    let mut body = json!({
        "displayName": wanted.name,
        "groupTypes": [],
        "mailEnabled": false,
        "mailNickname": wanted.unique,
        "securityEnabled": true,
    });
    if let Some(description) = description(wanted) {
        body["description"] = json!(description);
    }
    if let Some(rule) = &wanted.rule {
        body["groupTypes"] = json!(["DynamicMembership"]);
        body["membershipRule"] = json!(rule);
        body["membershipRuleProcessingState"] = json!("On");
    }
    body
}

fn licence_changes(now: &[Licence], wanted: &[Licence], before: &[Licence]) -> Changes {
    let of = |all: &[Licence], sku: &str| all.iter().any(|it| same_sku(&it.sku, sku));
    let so = |licence: &&Licence| {
        now.iter().any(|it| {
            same_sku(&it.sku, &licence.sku)
                && same_plans(&it.disabled_plans, &licence.disabled_plans)
        })
    };
    let unwanted = || now.iter().filter(|it| !of(wanted, &it.sku));
    Changes {
        add: wanted.iter().filter(|it| !so(it)).cloned().collect(),
        remove: unwanted().map(|it| it.sku.clone()).collect(),
        foreign: unwanted().any(|it| !of(before, &it.sku)),
    }
}
