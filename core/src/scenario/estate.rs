//! What people answer for in a play, where its policy has a `succession`.
//!
//! Cases of P0 have none, and whoever leaves there leaves nothing behind.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::play::Play;
use super::tenant::{Tenant, Thing};
use crate::model::{Asset, Estate, FindingKind, Keeper, ObjectId, Op, Owned, PersonKey, WorkerId};
use crate::policy::{Decision, HeirRule, Succession};
use crate::succession::{self, Found, Heir, Way};

/// A thing as cases write it: `group:council`.
pub(super) fn thing(text: &str) -> Option<Thing> {
    let (asset, id) = text.split_once(':')?;
    let asset = Asset::of_name(asset).filter(|asset| *asset != Asset::Report)?;
    Some((asset, ObjectId::new(id)))
}

impl Tenant {
    /// Somebody answers for a thing from now on.
    pub(super) fn keep(&mut self, thing: Thing, keeper: &ObjectId) {
        self.kept.entry(thing).or_default().insert(keeper.clone());
    }

    fn estate(&self, account: &ObjectId, kinds: &BTreeSet<Asset>) -> Estate {
        let able = |id: &ObjectId| {
            let login = self.logins.get(id);
            login.is_some_and(|it| it.enabled && it.deleted.is_none())
        };
        let kept = self
            .kept
            .iter()
            .filter(|((asset, _), keepers)| kinds.contains(asset) && keepers.contains(account));
        let mut owned: Vec<Owned> = kept
            .map(|((asset, id), keepers)| Owned {
                asset: *asset,
                id: id.clone(),
                others: keepers
                    .iter()
                    .filter(|it| *it != account)
                    .map(|it| Keeper {
                        id: it.clone(),
                        able: able(it),
                    })
                    .collect(),
            })
            .collect();
        let key = self.logins.get(account).and_then(|it| it.key.clone());
        let key = key.filter(|_| kinds.contains(&Asset::Report));
        let reports = self.logins.iter().filter(|(id, login)| {
            let manager = login.manager.as_ref().map(WorkerId::as_str);
            key.is_some() && manager == key.as_deref() && able(id)
        });
        owned.extend(reports.map(|(id, _)| Owned {
            asset: Asset::Report,
            id: id.clone(),
            others: Vec::new(),
        }));
        Estate {
            owned,
            unread: BTreeSet::new(),
        }
    }
}

impl Play<'_> {
    /// Settles what those of a pass leave behind; a deletion that waits is taken out of it.
    pub(super) fn succeed(&mut self, laid: &mut [(PersonKey, Decision, bool)]) {
        let Some(policy) = self.params.policy.succession.clone() else {
            return;
        };
        let kinds = succession::wanted(&policy);
        let asked = |decision: &Decision| {
            let draft = decision.draft.as_ref();
            draft.is_some_and(succession::asks)
        };
        let leaving: BTreeSet<PersonKey> = laid
            .iter()
            .filter(|(_, decision, _)| asked(decision))
            .map(|(key, ..)| key.clone())
            .collect();
        let mut waiting = BTreeMap::new();
        for (key, decision, _) in laid {
            let Some(draft) = &mut decision.draft else {
                continue;
            };
            let Some(object) = draft.object.clone().filter(|_| leaving.contains(key)) else {
                continue;
            };
            let estate = self.tenant.estate(&object, &kinds);
            let manager = decision.person.wanted.as_ref();
            let manager = manager.and_then(|it| it.manager.clone());
            let heir = self.heir(manager, &policy, &leaving);
            let found = Found {
                estate,
                heir,
                line: BTreeSet::new(),
            };
            let person = &mut decision.person;
            let settled = succession::settle(draft, person, &found, &policy, self.now, None);
            decision.findings.extend(settled.findings);
            if settled.wait.is_some() {
                draft.actions.retain(|step| step.op != Op::UserDeleteSoft);
                waiting.insert(key.clone(), draft.worker.as_str().to_owned());
            }
        }
        for (key, who) in waiting {
            // Said once, however often it is looked at again.
            let said = (key.clone(), FindingKind::OnlyOwner, "waits".to_owned());
            if self.said.insert(said) {
                let args = json!({"code": "ORPHANS", "ops": [Op::UserDeleteSoft.name()]});
                let run = self.run;
                self.enter("hold", &who, Some(&key), run, args);
            }
        }
    }

    fn heir(
        &self,
        manager: Option<WorkerId>,
        policy: &Succession,
        leaving: &BTreeSet<PersonKey>,
    ) -> Option<Heir> {
        let able = |worker: &WorkerId| {
            let key = self.names.person(worker.as_str());
            let known = self.people.get(&key).filter(|it| succession::able(it));
            let login = known.and_then(|it| self.tenant.logins.get(it.object.as_ref()?));
            let enabled = login.is_some_and(|it| it.enabled && it.deleted.is_none());
            enabled && !leaving.contains(&key)
        };
        let most = match policy.heir {
            HeirRule::Line => usize::MAX,
            HeirRule::Manager => 1,
            HeirRule::Nobody => 0,
        };
        let (mut at, mut seen, mut passed) = (manager, BTreeSet::new(), 0);
        while let Some(worker) = at.filter(|it| seen.len() < most && seen.insert(it.clone())) {
            if able(&worker) {
                let found = Way::Line { passed };
                return Some(Heir { worker, found });
            }
            passed += 1;
            let row = self.rows.get(worker.as_str());
            let above = row.map(|row| row.manager.clone());
            at = above.filter(|it| !it.is_empty()).map(WorkerId::new);
        }
        let fallback = policy
            .fallback
            .as_ref()
            .map(|it| WorkerId::new(it.as_str()));
        fallback.filter(able).map(|worker| Heir {
            worker,
            found: Way::Fallback,
        })
    }
}
