//! Pages of one answer, followed to the last.
//!
//! Sources: KBA 2723468 and 3308165 (paging), 2489065 (links with a port). Invariant: nobody is given twice, no page is read
//! twice, and no link leads to another host; whether the pages are all of them is for the count to say.

use std::collections::HashSet;

use rollcall_http::OriginError;
use rollcall_source::{RefusalKind, Refused, Sink};
use serde::Deserialize;
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

use crate::instance::{Instance, Question, malformed};

/// Every path of the service.
const SERVICE: &str = "/odata/v2/";

/// Pages of one question.
pub(crate) struct Pages<'a> {
    instance: &'a Instance,
    /// What is asked for, in words.
    what: &'a str,
    /// Pages that there will be, where that is known.
    expected: Option<u32>,
    next: Option<String>,
    number: u32,
    /// Hashes of links that were followed, and of people who came.
    links: HashSet<u128>,
    people: HashSet<u128>,
}

#[derive(Deserialize)]
struct Answer {
    d: Results,
}

#[derive(Deserialize)]
struct Results {
    results: Vec<Value>,
    #[serde(rename = "__next", default)]
    next: Option<String>,
}

impl<'a> Pages<'a> {
    /// From a first page on.
    pub(crate) fn new(
        instance: &'a Instance,
        what: &'a str,
        first: String,
        expected: Option<u32>,
    ) -> Self {
        Self {
            instance,
            what,
            expected,
            next: Some(first),
            number: 0,
            links: HashSet::new(),
            people: HashSet::new(),
        }
    }

    /// People of the next page, each with its key; `None` behind the last.
    pub(crate) async fn next(
        &mut self,
        sink: &mut dyn Sink,
    ) -> Result<Option<Vec<(String, Value)>>, Refused> {
        let Some(target) = self.next.take() else {
            return Ok(None);
        };
        self.number += 1;
        let place = self.place();
        if !self.links.insert(xxh3_128(target.as_bytes())) {
            return Err(incomplete(format!(
                "{place} is one that was read before: its link leads back"
            )));
        }
        let question = Question {
            what: &place,
            template: "/odata/v2/PerPerson",
            target: &target,
            accept: "application/json",
        };
        let body = self
            .instance
            .get(question)
            .await
            .map_err(|e| self.of_page(e))?;
        sink.received(&body);
        let answer: Answer = serde_json::from_slice(&body).map_err(|e| {
            malformed(
                &place,
                &format!(
                    "no JSON in the documented form ({:?} at line {})",
                    e.classify(),
                    e.line()
                ),
            )
        })?;
        let Results { results, next } = answer.d;
        self.next = next
            .filter(|it| !it.is_empty())
            .map(|it| self.follow(&it))
            .transpose()?;
        if results.is_empty() && self.next.is_some() {
            return Err(incomplete(format!(
                "{place} is empty, and it is not the last"
            )));
        }
        results
            .into_iter()
            .map(|it| self.keyed(it))
            .collect::<Result<Vec<_>, _>>()
            .map(Some)
    }

    /// Whether somebody of this key came.
    pub(crate) fn had(&self, key: &str) -> bool {
        self.people.contains(&xxh3_128(key.as_bytes()))
    }

    /// `page 3 of 12 of PerPerson`.
    fn place(&self) -> String {
        match self.expected {
            Some(all) => format!("page {} of {all} of {}", self.number, self.what),
            None => format!("page {} of {}", self.number, self.what),
        }
    }

    fn keyed(&mut self, person: Value) -> Result<(String, Value), Refused> {
        if !person.is_object() {
            return Err(malformed(&self.place(), "an item is no person"));
        }
        let key = person
            .get("personIdExternal")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if !key.is_empty() && !self.people.insert(xxh3_128(key.as_bytes())) {
            return Err(incomplete(format!(
                "{} has somebody who came before",
                self.place()
            )));
        }
        Ok((key, person))
    }

    fn follow(&self, link: &str) -> Result<String, Refused> {
        let place = self.place();
        let foreign = |why: &str| {
            Refused::new(
                RefusalKind::ForeignLink,
                format!("{place}: {why}"),
                "nothing is sent to another host; check `host`, and what stands between Rollcall and SuccessFactors",
            )
        };
        let target = self.instance.origin().follow(link).map_err(|e| match e {
            OriginError::Foreign => foreign("the link to the next page leads to another host"),
            OriginError::Unreadable | OriginError::Plain | OriginError::Path => {
                foreign("the link to the next page is none")
            }
        })?;
        let stays = target.starts_with(SERVICE) && !target.contains("..");
        if stays {
            Ok(target)
        } else {
            Err(foreign("the link to the next page leaves the service"))
        }
    }

    /// A page that is not understood, when the first one was, is no fault of the question.
    fn of_page(&self, refused: Refused) -> Refused {
        if self.number == 1 || refused.kind != RefusalKind::Configuration {
            return refused;
        }
        let message = format!(
            "{}: the instance no longer keeps the list of the first page",
            refused.message
        );
        incomplete(message)
    }
}

/// The refusal of pages that are not one answer.
pub(crate) fn incomplete(message: impl Into<String>) -> Refused {
    Refused::new(
        RefusalKind::IncompletePage,
        message,
        "nothing of this pull is used; pull again, and keep `paging = \"snapshot\"`",
    )
}
