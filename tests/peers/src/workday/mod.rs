//! A simulated Workday tenant: `Get_Workers`, the token address, and one report.
//!
//! Requests are held against the names, the order and the types of the public schema v30.0. What the
//! tenant says of a worker is what had been entered by the moment of the question, as of its day: without
//! such a moment, and with HR at work, rows move between pages as they do at Workday. Invariant: whatever
//! a request does not ask for is not in the answer.

mod ask;
mod dom;
mod people;
mod report;
mod tree;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use jiff::civil::Date;
use rollcall_http::Exchange;
use tower::util::BoxCloneSyncService;

pub use ask::{Asked, Window};
use ask::{BSVC, Invalid};
use people::{Person, Process, Seen, Version};

use crate::{Kind, Standing, Worker};

/// The tenant of the simulated one.
pub const TENANT: &str = "woodgrove_dpt1";
/// Version that it answers in.
pub const VERSION: &str = "v43.0";
/// Integration system user, without the tenant.
pub const USER: &str = "ISU_Rollcall";
/// Their password; it has letters that XML has to escape.
pub const PASSWORD: &str = "p&ss<w\"rd>";
/// API client.
pub const CLIENT_ID: &str = "client-1";
/// Its secret.
pub const CLIENT_SECRET: &str = "s3cret+/=";
/// Its refresh token.
pub const REFRESH_TOKEN: &str = "refresh token 1";
/// Owner of the report.
pub const REPORT_OWNER: &str = "ISU_Rollcall";
/// Name of the report.
pub const REPORT_NAME: &str = "INT Rollcall Workers";

/// Something that goes wrong, or that HR does meanwhile.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// A page, or the report as page 1, fails so many times with a status and no fault.
    Failing {
        /// Which.
        page: u32,
        /// 500, 503, 429 ...
        status: u16,
        /// How often.
        times: u32,
    },
    /// A page has the workers of the first.
    RepeatedPage(u32),
    /// A page is empty, and says so.
    EmptyPage(u32),
    /// A page has one worker less than it says.
    ShortPage(u32),
    /// From this page on there is one worker more in total.
    MovingTotals(u32),
    /// A page calls itself the first.
    MisnumberedPage(u32),
    /// A page ends in the middle.
    CutPage(u32),
    /// Somebody is hired when this page is asked for.
    HiredBetween {
        /// Before which page is answered.
        page: u32,
        /// When HR enters it.
        entered: Timestamp,
        /// Who.
        worker: Box<Worker>,
    },
    /// Nobody may be seen with a part.
    WithoutSection(&'static str),
    /// One may not be seen with a part.
    WithoutSectionFor(&'static str, String),
    /// One may not be seen at all but for the reference.
    WithoutData(String),
    /// The manager of one is named by WID alone.
    ManagerByWid(String),
    /// Whoever asks may not.
    NotAuthorized,
    /// Answers are of another version.
    Version(&'static str),
    /// Windows of changes are not taken.
    NoLog,
    /// Workers who are named do not come.
    ForgetsNamed,
    /// One is not there when they are named.
    Unseen(String),
    /// What the clock of its web server says.
    Says(Timestamp),
    /// The first token is not taken any more when it is shown.
    TokenOfNoUse,
    /// The refresh token was revoked.
    Revoked,
    /// The report has lost a column.
    WithoutColumn(&'static str),
    /// The report has no rows.
    NoRows,
}

/// A simulated tenant; cheap to clone.
#[derive(Clone)]
pub struct Workday(Arc<Mutex<Inner>>);

struct Inner {
    people: Vec<Person>,
    troubles: Vec<Trouble>,
    /// Whole answers that stand in place of what would be written, by page.
    raw: Vec<Bytes>,
    asked: Vec<Asked>,
    failed: BTreeMap<u32, u32>,
    tokens: u32,
    live: u32,
    requests: u32,
    clock: Timestamp,
}

impl Workday {
    /// A tenant with these people. What is said without a moment of entry is said as of `clock`.
    pub fn of(workers: &[Worker], clock: Timestamp, troubles: Vec<Trouble>) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            people: workers.iter().map(Person::of).collect(),
            troubles,
            raw: Vec::new(),
            asked: Vec::new(),
            failed: BTreeMap::new(),
            tokens: 0,
            live: 0,
            requests: 0,
            clock,
        })))
    }

    /// A tenant that answers with these pages. Who is asked for by name comes as they are there.
    pub fn raw(pages: Vec<Bytes>, clock: Timestamp) -> Self {
        let it = Self::of(&[], clock, Vec::new());
        it.lock().raw = pages;
        it
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("nobody panics with it")
    }

    /// HR enters a hire.
    pub fn hire(&self, entered: Timestamp, worker: &Worker) {
        let mut person = Person::of(worker);
        person.versions[0].entered = entered;
        // The first in the list: whoever pages by offsets loses somebody.
        self.lock().people.insert(0, person);
    }

    /// HR enters a change that takes effect on a day.
    pub fn change(&self, entered: Timestamp, effective: Date, worker: &Worker) {
        self.enter(entered, effective, Process::Change, worker);
    }

    /// HR enters a termination: the last day is `effective`.
    pub fn terminate(&self, entered: Timestamp, effective: Date, worker: &Worker) {
        let mut gone = worker.clone();
        gone.standing = Standing::Terminated {
            on: effective,
            involuntary: false,
        };
        self.enter(entered, effective, Process::Terminate, &gone);
    }

    /// HR enters that somebody who left comes back.
    pub fn rehire(&self, entered: Timestamp, worker: &Worker) {
        self.enter(entered, worker.hired, Process::Hire, worker);
    }

    fn enter(&self, entered: Timestamp, effective: Date, process: Process, worker: &Worker) {
        let mut inner = self.lock();
        let wid = people::wid(&worker.id);
        let person = inner.people.iter_mut().find(|it| it.wid == wid);
        person.expect("somebody known").versions.push(Version {
            process,
            entered,
            effective,
            rescinded: None,
            worker: worker.clone(),
        });
    }

    /// HR takes back the last thing entered about somebody.
    pub fn rescind(&self, entered: Timestamp, id: &str) {
        let mut inner = self.lock();
        let wid = people::wid(id);
        let person = inner.people.iter_mut().find(|it| it.wid == wid);
        let versions = &mut person.expect("somebody known").versions;
        versions.last_mut().expect("a version").rescinded = Some(entered);
    }

    /// Other things go wrong from here on.
    pub fn trouble(&self, troubles: Vec<Trouble>) {
        let mut inner = self.lock();
        inner.troubles = troubles;
        inner.failed.clear();
    }

    /// What was asked so far, as far as it fitted the schema.
    pub fn asked(&self) -> Vec<Asked> {
        self.lock().asked.clone()
    }

    /// Requests of any kind.
    pub fn requests(&self) -> u32 {
        self.lock().requests
    }

    /// What carries questions to it.
    pub fn exchange(&self) -> Exchange {
        let peer = self.clone();
        BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
            let answer = peer.answer(&request);
            async move { Ok(answer) }
        }))
    }

    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let mut answer = self.routed(request);
        let inner = self.lock();
        let mut said = inner.troubles.iter().filter_map(|it| {
            if let Trouble::Says(at) = it {
                Some(*at)
            } else {
                None
            }
        });
        if let Some(at) = said.next() {
            let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
            let date = printer.timestamp_to_rfc9110_string(&at).expect("a date");
            let date = http::HeaderValue::try_from(date).expect("ASCII");
            answer.headers_mut().insert("date", date);
        }
        answer
    }

    fn routed(&self, request: &Request<Bytes>) -> Response<Bytes> {
        self.lock().requests += 1;
        let path = request.uri().path();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match (request.method().as_str(), parts.as_slice()) {
            ("POST", ["ccx", "oauth2", TENANT, "token"]) => self.token(request.body()),
            (
                "POST",
                [
                    "ccx",
                    "service",
                    TENANT,
                    "Human_Resources" | "Staffing",
                    version,
                ],
            ) => self.web_service(request, version),
            ("GET", ["ccx", "service", "customreport2", TENANT, owner, name]) => {
                self.report(request, owner, name)
            }
            _ => plain(404, ""),
        }
    }

    fn token(&self, form: &[u8]) -> Response<Bytes> {
        let form = String::from_utf8_lossy(form);
        let mut inner = self.lock();
        let revoked = inner
            .troubles
            .iter()
            .any(|it| matches!(it, Trouble::Revoked));
        let has = |name: &str, value: &str| {
            form.split('&').any(|it| {
                it.split_once('=')
                    .is_some_and(|(key, found)| key == name && decoded(found) == value)
            })
        };
        if !has("grant_type", "refresh_token") {
            return json(400, "{\"error\":\"unsupported_grant_type\"}");
        }
        if !has("client_id", CLIENT_ID) || !has("client_secret", CLIENT_SECRET) {
            return json(401, "{\"error\":\"invalid_client\"}");
        }
        if revoked || !has("refresh_token", REFRESH_TOKEN) {
            let body =
                "{\"error\":\"invalid_grant\",\"error_description\":\"refresh token not found\"}";
            return json(400, body);
        }
        inner.tokens += 1;
        inner.live = inner.tokens;
        let body = format!(
            "{{\"access_token\":\"token-{}\",\"token_type\":\"Bearer\",\"expires_in\":3600}}",
            inner.tokens
        );
        json(200, &body)
    }

    /// Whether a request shows a token that is taken. `None` where it shows none.
    fn shows_token(&self, request: &Request<Bytes>) -> Option<bool> {
        let shown = request.headers().get("authorization")?.to_str().ok()?;
        let token = shown.strip_prefix("Bearer ")?;
        let inner = self.lock();
        let mut troubles = inner.troubles.iter();
        let is_of_no_use = troubles.any(|it| matches!(it, Trouble::TokenOfNoUse));
        let is_taken = token == format!("token-{}", inner.live) && inner.live > 0;
        Some(is_taken && !(is_of_no_use && token == "token-1"))
    }

    fn web_service(&self, request: &Request<Bytes>, version: &str) -> Response<Bytes> {
        let body = request.body();
        let Some(envelope) = dom::parse(body) else {
            return fault(
                "Client.validationError",
                "Invalid request.",
                "Validation_Fault",
                "",
            );
        };
        match self.shows_token(request) {
            Some(true) => {}
            Some(false) => return plain(401, ""),
            None => {
                let name = format!("{USER}@{TENANT}");
                let signed = ask::signed(&envelope);
                if signed != Some((name, PASSWORD.to_owned())) && self.lock().raw.is_empty() {
                    return fault(
                        "Client.authenticationError",
                        "invalid username or password",
                        "Processing_Fault",
                        "",
                    );
                }
            }
        }
        let invalid = |it: Invalid| {
            fault(
                "Client.validationError",
                &it.message,
                "Validation_Fault",
                &it.path,
            )
        };
        let asked = match ask::request(&envelope).map(ask::read) {
            Some(Ok(asked)) => asked,
            Some(Err(it)) => return invalid(it),
            None => {
                return invalid(Invalid {
                    message: "Invalid request.".to_owned(),
                    path: String::new(),
                });
            }
        };
        if asked.version != version || version != VERSION {
            return fault(
                "Client.validationError",
                "Invalid service version",
                "Validation_Fault",
                "",
            );
        }
        let mut inner = self.lock();
        inner.asked.push(asked.clone());
        if let Some(status) = inner.fails(asked.page) {
            return plain(status, "<html>Service Unavailable</html>");
        }
        let between = inner
            .troubles
            .iter()
            .position(|it| matches!(it, Trouble::HiredBetween { page, .. } if *page == asked.page));
        if let Some(at) = between
            && let Trouble::HiredBetween {
                entered, worker, ..
            } = inner.troubles.remove(at)
        {
            drop(inner);
            self.hire(entered, &worker);
            inner = self.lock();
        }
        let has = |is: fn(&Trouble) -> bool| inner.troubles.iter().any(is);
        if has(|it| matches!(it, Trouble::NotAuthorized)) {
            let message = "The task submitted is not authorized.";
            return fault("Client.processingError", message, "Processing_Fault", "");
        }
        if !asked.windows.is_empty() && has(|it| matches!(it, Trouble::NoLog)) {
            let path = "/ns0:Get_Workers_Request[1]/ns0:Request_Criteria[1]/\
                        ns0:Transaction_Log_Criteria_Data[1]";
            return invalid(Invalid {
                message: "Invalid date range.".to_owned(),
                path: path.to_owned(),
            });
        }
        if inner.raw.is_empty() {
            inner.workers(&asked)
        } else {
            inner.raw_page(&asked)
        }
    }
}

impl Inner {
    /// A status without a fault, as often as the trouble says.
    fn fails(&mut self, at: u32) -> Option<u16> {
        let found = self.troubles.iter().find_map(|it| {
            if let Trouble::Failing {
                page,
                status,
                times,
            } = it
            {
                (*page == at).then_some((*status, *times))
            } else {
                None
            }
        });
        let (status, times) = found?;
        let failed = self.failed.entry(at).or_default();
        *failed += 1;
        (*failed <= times).then_some(status)
    }

    fn is(&self, is: impl Fn(&Trouble) -> bool) -> bool {
        self.troubles.iter().any(is)
    }

    fn workers(&self, asked: &Asked) -> Response<Bytes> {
        let entry = asked.entry.unwrap_or(self.clock);
        let zone = jiff::tz::TimeZone::get("America/Los_Angeles").expect("a zone");
        let day = asked.day.unwrap_or(entry.to_zoned(zone).date());
        let everybody: Vec<Seen<'_>> = self
            .people
            .iter()
            .filter_map(|it| it.seen(day, entry))
            .collect();
        let by_id: BTreeMap<String, Seen<'_>> = everybody
            .iter()
            .map(|it| (it.worker.id.clone(), it.clone()))
            .collect();
        let mut found = Vec::new();
        if let Some(named) = &asked.named {
            for wid in named {
                let unseen =
                    |it: &Trouble| matches!(it, Trouble::Unseen(id) if people::wid(id) == *wid);
                let there = everybody.iter().find(|it| it.person.wid == *wid);
                let Some(who) = there.filter(|_| !self.is(unseen)) else {
                    if asked.skips {
                        continue;
                    }
                    let path = "/ns0:Get_Workers_Request[1]/ns0:Request_References[1]";
                    let message = format!("Invalid ID value. '{wid}' is not a valid ID value.");
                    return fault("Client.validationError", &message, "Validation_Fault", path);
                };
                if !self.is(|it| matches!(it, Trouble::ForgetsNamed)) {
                    found.push(who);
                }
            }
        } else {
            let wanted = everybody.iter().filter(|it| {
                let excluded = match it.worker.kind {
                    Kind::Employee => asked.exclude_employees,
                    Kind::Contingent => asked.exclude_contingent_workers,
                };
                let inactive = asked.exclude_inactive_workers && it.gone.is_some();
                let changed = asked.windows.is_empty() || it.person.changed(&asked.windows, entry);
                !excluded && !inactive && changed
            });
            found.extend(wanted);
        }
        self.page(asked, entry, &found, &by_id)
    }

    fn page(
        &self,
        asked: &Asked,
        entry: Timestamp,
        found: &[&Seen<'_>],
        by_id: &BTreeMap<String, Seen<'_>>,
    ) -> Response<Bytes> {
        let count = asked.count as usize;
        let pages = found.len().div_ceil(count);
        let own = |page: u32| {
            let from = (page as usize - 1).saturating_mul(count).min(found.len());
            &found[from..found.len().min(from + count)]
        };
        let at = asked.page;
        let repeated = self.is(|it| matches!(it, Trouble::RepeatedPage(page) if *page == at));
        let mut here = own(if repeated { 1 } else { at });
        if self.is(|it| matches!(it, Trouble::EmptyPage(page) if *page == at)) {
            here = &[];
        }
        let says = here.len();
        if self.is(|it| matches!(it, Trouble::ShortPage(page) if *page == at)) {
            here = &here[1..];
        }
        let more = self.is(|it| matches!(it, Trouble::MovingTotals(page) if at >= *page));
        let misnumbered = self.is(|it| matches!(it, Trouble::MisnumberedPage(page) if *page == at));
        let pen = tree::Pen {
            flags: &asked.flags,
            troubles: &self.troubles,
            entry,
            windows: &asked.windows,
            all: by_id,
        };
        let mut workers = String::new();
        for who in here {
            pen.worker(&mut workers, who);
        }
        let version = self.troubles.iter().find_map(|it| {
            if let Trouble::Version(version) = it {
                Some(*version)
            } else {
                None
            }
        });
        let body = response(
            version.unwrap_or(VERSION),
            (found.len() + usize::from(more), pages),
            (says, if misnumbered { 1 } else { at }),
            &workers,
        );
        if self.is(|it| matches!(it, Trouble::CutPage(page) if *page == at)) {
            let mut cut = body.len() / 2;
            while !body.is_char_boundary(cut) {
                cut += 1;
            }
            return xml(200, body[..cut].to_owned());
        }
        xml(200, body)
    }

    fn raw_page(&self, asked: &Asked) -> Response<Bytes> {
        let Some(named) = &asked.named else {
            let page = self.raw.get(asked.page as usize - 1);
            return page.map_or_else(|| plain(404, ""), |it| with(200, "text/xml", it.clone()));
        };
        let mut workers = String::new();
        for page in &self.raw {
            let page = String::from_utf8_lossy(page);
            for worker in page.split("<wd:Worker>").skip(1) {
                let worker = worker.split("</wd:Worker>").next().unwrap_or_default();
                let wid = worker.split("<wd:ID wd:type=\"WID\">").nth(1);
                let wid = wid.and_then(|it| it.split('<').next()).unwrap_or_default();
                if named.iter().any(|it| it == wid) {
                    write!(workers, "<wd:Worker>{worker}</wd:Worker>").expect("a string");
                }
            }
        }
        let found = workers.matches("<wd:Worker>").count();
        xml(200, response(VERSION, (found, 1), (found, 1), &workers))
    }
}

fn response(
    version: &str,
    (results, pages): (usize, usize),
    (here, page): (usize, u32),
    workers: &str,
) -> String {
    format!(
        "<?xml version='1.0' encoding='UTF-8'?>\n\
         <env:Envelope xmlns:env=\"http://schemas.xmlsoap.org/soap/envelope/\"><env:Body>\
         <wd:Get_Workers_Response xmlns:wd=\"{BSVC}\" wd:version=\"{version}\">\
         <wd:Response_Results><wd:Total_Results>{results}</wd:Total_Results>\
         <wd:Total_Pages>{pages}</wd:Total_Pages><wd:Page_Results>{here}</wd:Page_Results>\
         <wd:Page>{page}</wd:Page></wd:Response_Results>\
         <wd:Response_Data>{workers}</wd:Response_Data>\
         </wd:Get_Workers_Response></env:Body></env:Envelope>"
    )
}

/// A fault as Workday writes it, with status 500.
fn fault(code: &str, message: &str, kind: &str, path: &str) -> Response<Bytes> {
    let message = escape(message);
    let detail = if kind == "Validation_Fault" {
        format!(
            "<wd:Validation_Fault><wd:Validation_Error><wd:Message>{message}</wd:Message>\
             <wd:Detail_Message>{message}</wd:Detail_Message><wd:Xpath>{path}</wd:Xpath>\
             </wd:Validation_Error></wd:Validation_Fault>"
        )
    } else {
        format!("<wd:{kind}><wd:Detail_Message>{message}</wd:Detail_Message></wd:{kind}>")
    };
    let body = format!(
        "<?xml version='1.0' encoding='UTF-8'?>\
         <SOAP-ENV:Envelope xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\">\
         <SOAP-ENV:Body><SOAP-ENV:Fault xmlns:wd=\"{BSVC}\"><faultcode>SOAP-ENV:{code}</faultcode>\
         <faultstring>{message}</faultstring><detail>{detail}</detail></SOAP-ENV:Fault>\
         </SOAP-ENV:Body></SOAP-ENV:Envelope>"
    );
    xml(500, body)
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

fn xml(status: u16, body: String) -> Response<Bytes> {
    with(status, "text/xml;charset=UTF-8", body.into())
}

fn json(status: u16, body: &str) -> Response<Bytes> {
    with(
        status,
        "application/json",
        Bytes::copy_from_slice(body.as_bytes()),
    )
}

fn plain(status: u16, body: &str) -> Response<Bytes> {
    with(status, "text/html", Bytes::copy_from_slice(body.as_bytes()))
}

fn with(status: u16, kind: &str, body: Bytes) -> Response<Bytes> {
    let answer = Response::builder()
        .status(status)
        .header("content-type", kind);
    answer.body(body).expect("a response")
}

/// A value of a form or a query.
fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let two: String = bytes.by_ref().take(2).map(char::from).collect();
                out.push(u8::from_str_radix(&two, 16).unwrap_or(b'?'));
            }
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
