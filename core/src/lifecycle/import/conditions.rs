//! When a workflow begins, and for whom.

use serde_json::{Map, Value as Json};

use super::super::odata::{self, Scope};
use super::{ASKED, DAYS, Importer, When, kind_of, text_of};
use crate::rules::{Rule, Vocabulary};
use crate::suggest;

impl Importer<'_> {
    /// When, and for whom; `None` where that cannot be said here, which is noted.
    pub(super) fn conditions(
        &mut self,
        path: &str,
        conditions: Option<&Json>,
        what: &str,
    ) -> Option<(When, Option<(String, Scope)>)> {
        let Some(Json::Object(object)) = conditions else {
            self.left(path, what, "it says neither when nor for whom");
            return None;
        };
        let kinds = ["triggerAndScopeBasedConditions", "onDemandExecutionOnly"];
        match kind_of(object) {
            Some("onDemandExecutionOnly") => Some((When::ByHand, None)),
            Some("triggerAndScopeBasedConditions") => {
                self.unread(path, object, &["trigger", "scope"], &[]);
                let when = self.trigger(&format!("{path}.trigger"), object.get("trigger"), what)?;
                let scope = self.scope(&format!("{path}.scope"), object.get("scope"), what)?;
                Some((when, scope))
            }
            other => {
                let other = other.unwrap_or("nothing");
                let hint = suggest::hint(other, kinds);
                let path = format!("{path}['@odata.type']");
                self.left(
                    &path,
                    what,
                    format!("`{other}` is no kind of conditions{hint}"),
                );
                None
            }
        }
    }

    fn trigger(&mut self, path: &str, trigger: Option<&Json>, what: &str) -> Option<When> {
        let kinds = [
            "timeBasedAttributeTrigger",
            "attributeChangeTrigger",
            "membershipChangeTrigger",
            "userInactivityTrigger",
        ];
        let Some(Json::Object(object)) = trigger else {
            self.left(path, what, "it has no trigger");
            return None;
        };
        match kind_of(object) {
            Some("timeBasedAttributeTrigger") => self.time_trigger(path, object, what),
            Some("attributeChangeTrigger") => {
                self.unread(path, object, &["triggerAttributes"], &[]);
                let list = object.get("triggerAttributes").and_then(Json::as_array);
                let names = list.into_iter().flatten();
                let names =
                    names.filter_map(|it| it.as_object().and_then(|it| text_of(it, "name")));
                let names: Vec<String> = names.map(|name| name.replace('/', ".")).collect();
                if names.is_empty() {
                    let path = format!("{path}.triggerAttributes");
                    self.left(&path, what, "it names no attribute");
                    return None;
                }
                Some(When::Changes(names))
            }
            Some("membershipChangeTrigger") => {
                self.left(
                    path,
                    what,
                    "nothing here begins with a membership: rules of `groups.toml` say who is in \
                     which group, and HR says the rest",
                );
                None
            }
            Some("userInactivityTrigger") => {
                self.left(
                    path,
                    what,
                    "Rollcall goes by what HR says, not by sign-ins; who is missing from HR is \
                     reported, then cut (`[absence]`)",
                );
                None
            }
            other => {
                let other = other.unwrap_or("nothing");
                let hint = suggest::hint(other, kinds);
                let path = format!("{path}['@odata.type']");
                self.left(
                    &path,
                    what,
                    format!("`{other}` is no kind of trigger{hint}"),
                );
                None
            }
        }
    }

    fn time_trigger(&mut self, path: &str, object: &Map<String, Json>, what: &str) -> Option<When> {
        self.unread(path, object, &["timeBasedAttribute", "offsetInDays"], &[]);
        let known = [
            "employeeHireDate",
            "employeeLeaveDateTime",
            "createdDateTime",
            "lastSignInDateTime",
        ];
        let days = match object.get("offsetInDays").map(Json::as_i64) {
            Some(Some(days)) if DAYS.contains(&days) => days,
            said => {
                let why = match said {
                    Some(Some(days)) => format!("{days} days: Entra takes -180 to 180"),
                    Some(None) | None => "it is no whole number of days".to_owned(),
                };
                self.left(&format!("{path}.offsetInDays"), what, why);
                return None;
            }
        };
        let attribute = text_of(object, "timeBasedAttribute").unwrap_or_default();
        let place = format!("{path}.timeBasedAttribute");
        match attribute {
            "employeeHireDate" => Some(When::Hire(days)),
            "employeeLeaveDateTime" => Some(When::Leave(days)),
            "createdDateTime" => {
                self.left(
                    &place,
                    what,
                    "days count from the first day of work here, and the account is made days \
                     before it (`joiner.create_days`); nothing counts from when it was made",
                );
                None
            }
            "lastSignInDateTime" => {
                self.left(
                    &place,
                    what,
                    "Rollcall goes by what HR says, not by sign-ins",
                );
                None
            }
            other => {
                let hint = suggest::hint(other, known);
                self.left(
                    &place,
                    what,
                    format!("`{other}` is no date of a trigger{hint}"),
                );
                None
            }
        }
    }

    /// For whom: a rule, or everybody; `None` where that cannot be said.
    #[expect(
        clippy::option_option,
        reason = "a scope that cannot be said, and everybody"
    )]
    fn scope(
        &mut self,
        path: &str,
        scope: Option<&Json>,
        what: &str,
    ) -> Option<Option<(String, Scope)>> {
        let said = match scope {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Object(object)) => match kind_of(object) {
                Some("ruleBasedSubjectSet") => {
                    self.unread(path, object, &["rule"], &[]);
                    let rule = text_of(object, "rule").unwrap_or_default();
                    self.rule(rule)
                        .map(Some)
                        .map_err(|why| (format!("{path}.rule"), why))
                }
                Some("groupBasedSubjectSet") => Err((
                    path.to_owned(),
                    "it is for members of a group; who is in one follows from HR here: say by a \
                     rule over workers who they are"
                        .to_owned(),
                )),
                other => {
                    let other = other.unwrap_or("nothing");
                    let kinds = ["ruleBasedSubjectSet", "groupBasedSubjectSet"];
                    let hint = suggest::hint(other, kinds);
                    Err((
                        format!("{path}['@odata.type']"),
                        format!("`{other}` is no kind of scope{hint}"),
                    ))
                }
            },
            Some(_) => Err((path.to_owned(), "it is no scope".to_owned())),
        };
        match said {
            Ok(None) => {
                self.otherwise(path, what, "it has no scope: it holds for everybody");
                Some(None)
            }
            Ok(Some((rule, read))) => {
                let why = format!("scope = '{rule}'; upper and lower case are the same here");
                self.otherwise(&format!("{path}.rule"), what, why);
                Some(Some((rule, read)))
            }
            Err((path, why)) if self.options.for_everybody => {
                let why = format!("{why}; as you asked, it holds for everybody");
                self.otherwise(&path, what, why);
                Some(None)
            }
            Err((path, why)) => {
                let why = format!(
                    "{why}; write the scope by hand, or give `--for-everybody` where it means that"
                );
                self.left(&path, what, why);
                None
            }
        }
    }

    /// A rule over workers of the scope of a workflow.
    fn rule(&self, rule: &str) -> Result<(String, Scope), String> {
        let scope = odata::read(rule)
            .map_err(|fault| format!("at character {} of the rule: {}", fault.at, fault.why))?;
        let words = self.words.clone().unwrap_or_else(|| {
            let last = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
            let text = crate::rules::Kind::Text;
            ASKED.iter().map(|name| (last(name), text)).collect()
        });
        let mapped = self.words.is_some();
        let name = |property: &str| {
            let last = property.rsplit('/').next().unwrap_or(property);
            let found = words.iter().find(|(name, _)| name == last);
            found.map(|(name, _)| name.clone()).ok_or_else(|| {
                let hint = suggest::hint(last, words.iter().map(|(name, _)| name.as_str()));
                let who = if mapped {
                    "the mapping writes no attribute and reads no fact of that name"
                } else {
                    "HR says nothing of that name of workers (a mapping may, give it with `-c`)"
                };
                format!("`{property}`: {who}{hint}")
            })
        };
        let text = scope.rule(&name)?;
        let compiled = Rule::compile(&text, Vocabulary::Worker(&words));
        let compiled = compiled.map_err(|error| format!("as a rule, {error}"))?;
        Ok((compiled.print(), scope))
    }
}
