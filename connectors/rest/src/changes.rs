//! Pulls by a list of ids that changed.
//!
//! Whoever the list calls gone, and whoever can no longer be read, is counted and told, and nothing is
//! done to them: only a pull in full shows who is absent (P3). Invariant: a record that was not asked
//! for is never taken for one that was.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rollcall_http::encode_segment;
use rollcall_source::{RefusalKind, Refused, Sink};
use serde_json::Value as Json;

use crate::attribute::scalar;
use crate::config::{ChangedListConfig, FetchConfig};
use crate::page::{Stop, identity, identity_of, query};
use crate::plan::Changes;
use crate::pull::{Passed, Pull, moment};
use crate::rows::Rows;
use crate::select;
use crate::session::{Question, parsed, refusal};

impl<'a> Pull<'a> {
    /// Whoever is on the list of changes.
    pub(crate) async fn changed(
        &self,
        list: &ChangedListConfig,
        since: Timestamp,
        rows: &mut Rows<'a>,
        sink: &mut dyn Sink,
    ) -> Result<Passed, Stop> {
        let mut parameters: Vec<(String, String)> = list
            .query
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        parameters.push((list.since.clone(), moment(since)));
        let question = Question {
            method: "GET",
            template: "changes",
            shown: format!("GET {}", list.path),
            target: query(&list.path, &parameters),
            body: None,
        };
        let heard = self.session.hear(&question).await?;
        if !(200..300).contains(&heard.status) {
            let refused = refusal(&question, &heard);
            return Err(Stop::No(if heard.status == 410 {
                Refused::new(
                    RefusalKind::CursorExpired,
                    refused.message,
                    "pull in full once",
                )
            } else {
                refused
            }));
        }
        sink.received(&heard.body);
        let body = parsed(&question, &heard.body)?;
        let date = heard.date();
        let (ids, mut gone) = self.entries(list, &question, &body)?;
        match &list.fetch {
            FetchConfig::Each { path, query } => {
                for id in &ids {
                    let is_there = self.one(path, query.iter(), id, rows, sink).await?;
                    gone += u32::from(!is_there);
                }
            }
            FetchConfig::Batch {
                param,
                size,
                separator,
            } => {
                let ids: Vec<&String> = ids.iter().collect();
                for some in ids.chunks(*size as usize) {
                    let joined: Vec<&str> = some.iter().map(|it| it.as_str()).collect();
                    let mut base = self.base.clone();
                    base.push((param.clone(), joined.join(separator)));
                    gone += self.some(&base, &joined, rows, sink).await?;
                }
            }
        }
        Ok(Passed { date, gone })
    }

    /// Ids that changed and are still there, each once; and how many are gone.
    fn entries(
        &self,
        list: &ChangedListConfig,
        question: &Question,
        body: &Json,
    ) -> Result<(BTreeSet<String>, u32), Stop> {
        let Some(Changes::List {
            entries,
            id,
            action,
        }) = &self.plan.changes
        else {
            return Ok((BTreeSet::new(), 0));
        };
        let wrong = |what: &str| {
            let message = format!("`{}` {what}", question.shown);
            let hint = "look at `changes.changed_list` in the configuration";
            Refused::new(RefusalKind::Malformed, message, hint)
        };
        let found = entries.find(body, self.plan.fold);
        // Without an entry the list is still there.
        if found.values.is_empty() && !found.none_fits {
            return Err(wrong("has no list of changes where one is expected").into());
        }
        let (mut ids, mut gone) = (BTreeSet::new(), BTreeSet::new());
        for entry in found.values {
            let id = id.one(entry, self.plan.fold);
            let id = id.and_then(|it| scalar(it, true).ok().flatten());
            let id = id.filter(|it| !it.is_empty());
            let id = id
                .ok_or_else(|| wrong("has an entry without an id"))?
                .into_owned();
            let said = action.as_ref().and_then(|it| it.one(entry, self.plan.fold));
            let said = said.and_then(Json::as_str).unwrap_or_default();
            if list.gone.iter().any(|it| it.eq_ignore_ascii_case(said)) {
                gone.insert(id);
            } else {
                ids.insert(id);
            }
        }
        // Whoever is on it both ways is read, which tells.
        gone.retain(|id| !ids.contains(id));
        let gone = u32::try_from(gone.len()).unwrap_or(u32::MAX);
        Ok((ids, gone))
    }

    /// One record by its id; `false`: there is none.
    async fn one(
        &self,
        path: &str,
        own: impl Iterator<Item = (&String, &String)>,
        id: &str,
        rows: &mut Rows<'a>,
        sink: &mut dyn Sink,
    ) -> Result<bool, Stop> {
        let mut parameters: Vec<(String, String)> = own
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        parameters.extend(select::parameters(self.plan, self.wanted));
        let question = Question {
            method: "GET",
            template: "record",
            // The id names a person.
            shown: format!("GET {path}"),
            target: query(&path.replace("{id}", &encode_segment(id)), &parameters),
            body: None,
        };
        let heard = self.session.hear(&question).await?;
        if matches!(heard.status, 404 | 410) {
            return Ok(false);
        }
        if !(200..300).contains(&heard.status) {
            return Err(refusal(&question, &heard).into());
        }
        sink.received(&heard.body);
        let record = parsed(&question, &heard.body)?;
        if identity(self.plan, &record) != Ok(identity_of(std::iter::once(id))) {
            let message = format!("`{}` is answered with another record", question.shown);
            let hint = "the ids of `changes.changed_list` have to be those of `id`";
            return Err(Refused::new(RefusalKind::Malformed, message, hint).into());
        }
        rows.take(&record, &question.shown, sink)?;
        Ok(true)
    }

    /// Some records by their ids; how many of them are not there.
    async fn some(
        &self,
        base: &[(String, String)],
        ids: &[&str],
        rows: &mut Rows<'a>,
        sink: &mut dyn Sink,
    ) -> Result<u32, Stop> {
        let before = rows.count();
        self.list(base, rows, sink).await?;
        let there = ids
            .iter()
            .filter(|id| rows.has(identity_of(std::iter::once(**id))));
        let there = u32::try_from(there.count()).unwrap_or(u32::MAX);
        if rows.count() - before != there {
            let message = "records came that were not asked for by their ids";
            let hint =
                "look at `changes.changed_list.fetch`: the source does not know its parameter";
            return Err(Refused::new(RefusalKind::Configuration, message, hint).into());
        }
        Ok(u32::try_from(ids.len()).unwrap_or(u32::MAX) - there)
    }
}
