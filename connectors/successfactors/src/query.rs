//! The question: exactly what the wanted attributes read, and what it takes to choose an employment.
//!
//! Invariant: nothing is selected that nobody reads (P11), and a filter names nobody in more characters than
//! a server takes.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use rollcall_http::encode_component;

use crate::attributes::{Known, Readable};
use crate::config::{Paging, SuccessFactorsConfig};
use crate::path::Reads;
use crate::schema::{ABROAD, EMPLOYMENT, JOB, PERSONAL, TERMINATION, USER, join};

/// Where people are.
pub(crate) const PEOPLE: &str = "/odata/v2/PerPerson";
/// Longest path with query: servers and gateways take 8,192 bytes of a request line.
const TARGET_MAX: usize = 7_000;
/// Longest part of it for what is read: some has to be left for keys.
const SELECT_MAX: usize = 6_000;
/// People whom a check looks at.
const SOME: u32 = 50;
/// Keys in one question at most.
const KEYS_MAX: usize = 100;

/// Everything that is asked of a person.
pub(crate) struct Query {
    /// One for each column wanted.
    pub(crate) columns: Vec<Readable>,
    /// What is read in all.
    pub(crate) reads: Reads,
    select: String,
    page_size: u32,
    paging: Paging,
}

/// Which people.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Filter<'a> {
    /// All of them.
    Everybody,
    /// A condition.
    Where(&'a str),
}

impl Query {
    /// For these columns.
    ///
    /// # Errors
    /// Every attribute that nobody knows.
    pub(crate) fn new(
        config: &SuccessFactorsConfig,
        known: &Known,
        columns: &[String],
    ) -> Result<Self, Vec<String>> {
        let mut found = Vec::new();
        let mut missing = Vec::new();
        for name in columns {
            match known.find(name) {
                Ok(readable) => found.push(readable),
                Err(error) => missing.push(error),
            }
        }
        if !missing.is_empty() {
            return Err(missing);
        }
        let mut reads = always(config);
        for readable in &found {
            reads.add(&readable.reads);
        }
        if reads.navs.contains(PERSONAL) {
            // Names are of a time, too.
            reads.property(PERSONAL, "startDate");
            reads.property(PERSONAL, "endDate");
        }
        let select = reads.properties.iter().map(|(at, name)| join(at, name));
        let select: Vec<String> = select.collect();
        let expand: Vec<&str> = reads.navs.iter().map(String::as_str).collect();
        let select = format!(
            "$select={}&$expand={}",
            encode_component(&select.join(",")),
            encode_component(&expand.join(","))
        );
        if select.len() > SELECT_MAX {
            return Err(vec![format!(
                "{} attributes make a question of {} characters, and a server takes {SELECT_MAX} at most: map fewer",
                columns.len(),
                select.len()
            )]);
        }
        Ok(Self {
            columns: found,
            reads,
            select,
            page_size: config.page_size,
            paging: config.paging,
        })
    }

    /// The first page of people as they are on a day.
    pub(crate) fn people(&self, day: Date) -> String {
        let (size, paging) = (self.page_size, self.paging.name());
        format!(
            "{PEOPLE}?$format=json&{}&asOfDate={day}&customPageSize={size}&paging={paging}",
            self.select
        )
    }

    /// Some people, whoever they are: for a look at what can be read.
    pub(crate) fn some(&self, day: Date) -> String {
        format!(
            "{PEOPLE}?$format=json&{}&asOfDate={day}&$top={SOME}",
            self.select
        )
    }

    /// People by key as they are on a day, and how many of the keys the question holds. One page: no
    /// snapshot is begun that nobody reads to its end.
    pub(crate) fn by_key(&self, keys: &[String], day: Date) -> (String, usize) {
        let (page, most) = (self.page_size, KEYS_MAX.min(self.page_size as usize));
        let head = format!(
            "{PEOPLE}?$format=json&{}&asOfDate={day}&customPageSize={page}&$filter=personIdExternal%20in%20",
            self.select
        );
        let mut target = head;
        let mut taken = 0;
        for key in keys.iter().take(most) {
            let key = encode_component(&format!("'{}'", key.replace('\'', "''")));
            if taken > 0 && target.len() + 3 + key.len() > TARGET_MAX {
                break;
            }
            target.push_str(if taken > 0 { "," } else { "" });
            target.push_str(&key);
            taken += 1;
        }
        (target, taken)
    }

    /// The first page of keys of people who meet a condition.
    pub(crate) fn keys(&self, filter: Filter<'_>) -> String {
        let paging = self.paging.name();
        let all = format!(
            "{PEOPLE}?$format=json&$select=personIdExternal&customPageSize=1000&paging={paging}"
        );
        match filter {
            Filter::Everybody => all,
            Filter::Where(filter) => format!("{all}&$filter={}", encode_component(filter)),
        }
    }

    /// Who may have changed since an instant: something was entered, or took effect. Windows are whole days and one
    /// more at each end, since days are those of the data centre.
    pub(crate) fn changed(&self, since: Timestamp, now: Timestamp) -> String {
        let zulu = |at: Timestamp| {
            Timestamp::from_second(at.as_second())
                .unwrap_or(at)
                .to_string()
        };
        let utc = |at: Timestamp| at.to_zoned(jiff::tz::TimeZone::UTC).date();
        let begin = utc(since).yesterday().unwrap_or(Date::MIN);
        let end = utc(now).tomorrow().unwrap_or(Date::MAX);
        let mut any = Vec::new();
        for at in self.levels() {
            let property = join(at, "lastModifiedDateTime");
            any.push(format!("{property} ge datetimeoffset'{}'", zulu(since)));
        }
        let mut within = |property: &str| {
            any.push(format!(
                "({property} ge datetime'{begin}T00:00:00' and {property} le datetime'{end}T00:00:00')"
            ));
        };
        within("employmentNav/startDate");
        within("employmentNav/endDate");
        within("employmentNav/jobInfoNav/startDate");
        if self.reads.navs.contains(PERSONAL) {
            within("personalInfoNav/startDate");
        }
        within("personEmpTerminationInfoNav/latestTerminationDate");
        any.join(" or ")
    }

    /// Where changes are entered that matter to what is read.
    fn levels(&self) -> BTreeSet<&str> {
        let always = ["", EMPLOYMENT, JOB, USER];
        let read = [PERSONAL, "emailNav", "phoneNav", ABROAD];
        let read = read.into_iter().filter(|it| self.reads.navs.contains(*it));
        always.into_iter().chain(read).collect()
    }
}

/// How many people meet a condition.
pub(crate) fn count(filter: Filter<'_>) -> String {
    match filter {
        Filter::Everybody => format!("{PEOPLE}/$count"),
        Filter::Where(filter) => format!("{PEOPLE}/$count?$filter={}", encode_component(filter)),
    }
}

/// What every person is asked for: it takes this much to choose an employment.
fn always(config: &SuccessFactorsConfig) -> Reads {
    let mut reads = Reads::default();
    reads.property("", "personIdExternal");
    // Tells a dependant from a worker whose employments are hidden from us.
    reads.property(TERMINATION, "activeEmploymentsCount");
    for name in ["userId", "startDate", "endDate", "assignmentClass"] {
        reads.property(EMPLOYMENT, name);
    }
    if !config.contingent_workers {
        reads.property(EMPLOYMENT, "isContingentWorker");
    }
    for name in ["startDate", "endDate", "seqNumber"] {
        reads.property(JOB, name);
    }
    reads.property(&join(JOB, "emplStatusNav"), "externalCode");
    reads
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn query(columns: &[&str]) -> Query {
        let config: SuccessFactorsConfig =
            toml::from_str("host = \"https://a.example\"\ncompany_id = \"x\"\npage_size = 50")
                .unwrap();
        let columns: Vec<String> = columns.iter().map(|it| (*it).to_owned()).collect();
        Query::new(&config, &Known::of(&config), &columns).unwrap_or_else(|e| panic!("{e:?}"))
    }

    /// P11: what nobody reads is not asked for.
    #[test]
    fn only_what_is_read_is_asked_for() {
        assert_eq!(
            query(&["personIdExternal"]).people(date(2026, 3, 16)),
            "/odata/v2/PerPerson?$format=json&$select=personIdExternal,employmentNav/assignmentClass,employmentNav/endDate,\
             employmentNav/startDate,employmentNav/userId,employmentNav/jobInfoNav/endDate,employmentNav/jobInfoNav/seqNumber,\
             employmentNav/jobInfoNav/startDate,employmentNav/jobInfoNav/emplStatusNav/externalCode,\
             personEmpTerminationInfoNav/activeEmploymentsCount&$expand=employmentNav,employmentNav/jobInfoNav,\
             employmentNav/jobInfoNav/emplStatusNav,personEmpTerminationInfoNav&asOfDate=2026-03-16&customPageSize=50&paging=snapshot"
        );
        let asked = query(&["personIdExternal", "email", "manager"]).people(date(2026, 3, 16));
        for part in [
            "emailNav/emailAddress",
            "emailNav/isPrimary",
            "userNav/manager/empInfo/personIdExternal",
        ] {
            assert!(asked.contains(part), "{part}");
        }
        for part in ["phoneNav", "personalInfoNav", "dateOfBirth", "addressLine1"] {
            assert!(!asked.contains(part), "{part}");
        }
    }

    /// Keys are text: they cannot end the filter, and the address stays short.
    #[test]
    fn keys_stay_keys() {
        let query = query(&["personIdExternal"]);
        let keys = vec!["O'Neil &$x".to_owned(), "2".to_owned()];
        let (target, taken) = query.by_key(&keys, date(2026, 4, 1));
        assert_eq!(taken, 2);
        assert!(
            target.ends_with("$filter=personIdExternal%20in%20%27O%27%27Neil%20%26$x%27,%272%27"),
            "{target}"
        );
        let long: Vec<String> = (0..200).map(|it| format!("{it:0>500}")).collect();
        let (target, taken) = query.by_key(&long, date(2026, 4, 1));
        assert!(
            target.len() <= TARGET_MAX && (1..50).contains(&taken),
            "{taken}"
        );
        let short: Vec<String> = (0..200).map(|it| it.to_string()).collect();
        assert_eq!(query.by_key(&short, date(2026, 4, 1)).1, 50);
    }

    /// What a server does not take is said before anybody is asked; all that we name fits.
    #[test]
    fn questions_have_an_end() {
        let mut config: SuccessFactorsConfig =
            toml::from_str("host = \"https://a.example\"\ncompany_id = \"x\"").unwrap();
        let known = Known::of(&config);
        let mut all: Vec<String> = known.listed().map(|it| it.0.to_owned()).collect();
        assert!(Query::new(&config, &known, &all).is_ok());
        for at in 0..60 {
            let path = format!(
                "$.employmentNav.results[0].jobInfoNav.results[0].customString{at}Nav.externalCode"
            );
            config.attributes.insert(format!("own{at}"), path);
            all.push(format!("own{at}"));
        }
        let error = Query::new(&config, &Known::of(&config), &all)
            .err()
            .unwrap_or_default();
        assert!(
            error.len() == 1 && error[0].contains("map fewer"),
            "{error:?}"
        );
    }

    #[test]
    fn changes_are_looked_for_where_they_matter() {
        let since = "2026-03-15T09:50:00Z".parse().unwrap();
        let now = "2026-03-16T10:00:00Z".parse().unwrap();
        let filter = query(&["personIdExternal", "firstName"]).changed(since, now);
        for part in [
            "lastModifiedDateTime ge datetimeoffset'2026-03-15T09:50:00Z' or ",
            "employmentNav/jobInfoNav/lastModifiedDateTime ge datetimeoffset'2026-03-15T09:50:00Z'",
            "personalInfoNav/lastModifiedDateTime",
            "(employmentNav/startDate ge datetime'2026-03-14T00:00:00' and employmentNav/startDate le datetime'2026-03-17T00:00:00')",
            "personEmpTerminationInfoNav/latestTerminationDate",
        ] {
            assert!(filter.contains(part), "{part}: {filter}");
        }
        assert!(!filter.contains("emailNav") && !filter.contains("activeEmploymentsCount"));
    }
}
