//! How fast workers are read from Workday: a whole pull of `Get_Workers` with twenty documented
//! attributes, and with five paths of one's own beside them, against the bare event loop of quick-xml
//! over the same bytes.
//!
//! `cargo bench --bench workday`; `ROLLCALL_BENCH_ROWS` says how many workers (40,000). The answers are
//! those of the fixtures, over and over, without the white space that Workday does not write. Pages come
//! out of memory: what is measured is one core's work from the first request to the last record.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures, and a failed unwrap ends it"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use quick_xml::Reader;
use quick_xml::events::Event;
use rollcall_http::{Clock, Exchange, Links, Proof, Secret};
use rollcall_source::{Reach, Record, Sink, Source as _, Want};
use rollcall_workday::{Config, Workday};
use tower::util::BoxCloneSyncService;

const PAGE_ONE: &str = include_str!("../fixtures/hr/workday/get-workers-response-page1.xml");
const PAGE_TWO: &str = include_str!("../fixtures/hr/workday/get-workers-response-page2.xml");
/// Workers on a page.
const PAGE: usize = 500;

const DOCUMENTED: [&str; 20] = [
    "WorkerID",
    "WID",
    "UserID",
    "WorkerType",
    "FirstName",
    "LastName",
    "PreferredNameData",
    "EmailAddress",
    "PrimaryWorkTelephone",
    "BusinessTitle",
    "PositionID",
    "Company",
    "SupervisoryOrganization",
    "CostCenterCode",
    "LocationIdentifier",
    "Municipality",
    "CountryReferenceTwoLetter",
    "Active",
    "StatusHireDate",
    "StatusTerminationLastDayOfWork",
];

/// Paths of one's own.
const OWN: &str = r#"
[attributes]
Phone = "wd:Worker/wd:Worker_Data/wd:Personal_Data/wd:Contact_Data/wd:Phone_Data[1]/wd:Phone_Number"
Grade = "wd:Worker/wd:Worker_Data/wd:Employment_Data/wd:Worker_Job_Data[@wd:Primary_Job=1]//wd:Job_Profile_Name"
Initial = "substring(wd:Worker/wd:Worker_Data/wd:Personal_Data/wd:Name_Data/wd:Legal_Name_Data//wd:First_Name,1,1)"
Jobs = "count(wd:Worker/wd:Worker_Data/wd:Employment_Data/wd:Worker_Job_Data)"
Other = "normalize-space(wd:Worker/wd:Worker_Data/wd:Organization_Data/wd:Worker_Organization_Data[last()]//wd:Organization_Name)"
"#;

struct Counted {
    rows: u64,
    bytes: u64,
}

impl Sink for Counted {
    fn received(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
    }

    fn record(&mut self, record: &Record<'_>) -> std::io::Result<()> {
        self.rows += 1;
        black_box(record);
        Ok(())
    }
}

/// Workers of the fixtures without the white space between elements. Whoever begins later is left out:
/// they would be asked for a second time.
fn workers() -> Vec<String> {
    let mut all = Vec::new();
    for page in [PAGE_ONE, PAGE_TWO] {
        for worker in page.split("<wd:Worker>").skip(1) {
            let worker = worker.split("</wd:Worker>").next().unwrap();
            let lines = worker.lines().map(str::trim);
            let worker: String = lines.collect();
            if !worker.contains(">21003<") {
                all.push(worker);
            }
        }
    }
    all
}

fn pages(rows: usize) -> Vec<Bytes> {
    let workers = workers();
    let count = rows.div_ceil(PAGE);
    let page = |page: usize| {
        let own = page * PAGE..rows.min((page + 1) * PAGE);
        let here = own.len();
        let mut body = format!(
            "<?xml version='1.0' encoding='UTF-8'?>\n<env:Envelope xmlns:env=\"http://schemas.\
             xmlsoap.org/soap/envelope/\"><env:Body><wd:Get_Workers_Response xmlns:wd=\"urn:com.\
             workday/bsvc\" wd:version=\"v43.0\"><wd:Response_Results><wd:Total_Results>{rows}\
             </wd:Total_Results><wd:Total_Pages>{count}</wd:Total_Pages><wd:Page_Results>{here}\
             </wd:Page_Results><wd:Page>{}</wd:Page></wd:Response_Results><wd:Response_Data>",
            page + 1
        );
        for number in own {
            let worker = &workers[number % workers.len()];
            let (before, rest) = worker.split_once("<wd:ID wd:type=\"WID\">").unwrap();
            write!(
                body,
                "<wd:Worker>{before}<wd:ID wd:type=\"WID\">{number:032x}{}</wd:Worker>",
                &rest[32..]
            )
            .unwrap();
        }
        body.push_str("</wd:Response_Data></wd:Get_Workers_Response></env:Body></env:Envelope>");
        Bytes::from(body)
    };
    (0..count).map(page).collect()
}

/// Answers with pages out of memory.
fn exchange(pages: Vec<Bytes>) -> Exchange {
    BoxCloneSyncService::new(tower::service_fn(move |request: http::Request<Bytes>| {
        let body = std::str::from_utf8(request.body()).unwrap();
        let page = body.split("<wd:Page>").nth(1).unwrap();
        let page: usize = page.split('<').next().unwrap().parse().unwrap();
        let answer = http::Response::new(pages[page - 1].clone());
        async move { Ok(answer) }
    }))
}

fn pull(pages: &[Bytes], more: &str, columns: &[&str]) -> Duration {
    let text = format!(
        "host = \"https://localhost\"\ntenant = \"t\"\nversion = \"v43.0\"\npage_size = {PAGE}\n\
         auth = {{ user = \"u\", password = {{ env = \"P\" }} }}\n{more}"
    );
    let config: Config = toml::from_str(&text).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let _guard = runtime.enter();
    let now = "2026-03-16T10:00:00Z".parse().unwrap();
    let links = Links {
        exchange: exchange(pages.to_vec()),
        clock: Clock::starting_at(now),
        seed: 1,
        secrets: &|_| Ok(Proof::new(|| Box::pin(async { Ok(Secret::new("secret")) }))),
    };
    let source = Workday::open(config, &links).unwrap();
    let want = Want {
        columns: columns.iter().map(|it| (*it).to_owned()).collect(),
        key: "WorkerID".to_owned(),
        reach: Reach::Full,
        now,
    };
    let mut sink = Counted { rows: 0, bytes: 0 };
    let begun = Instant::now();
    let pulled = runtime.block_on(source.pull(&want, &mut sink)).unwrap();
    let took = begun.elapsed();
    assert_eq!(u64::from(pulled.rows), sink.rows);
    assert_eq!(
        sink.bytes,
        pages.iter().map(|it| it.len() as u64).sum::<u64>()
    );
    took
}

fn bare(pages: &[Bytes]) -> Duration {
    let begun = Instant::now();
    let mut events = 0_u64;
    for page in pages {
        let mut reader = Reader::from_str(std::str::from_utf8(page).unwrap());
        loop {
            let event = reader.read_event().unwrap();
            if matches!(event, Event::Eof) {
                break;
            }
            events += 1;
            black_box(event);
        }
    }
    black_box(events);
    begun.elapsed()
}

fn main() {
    let rows = std::env::var("ROLLCALL_BENCH_ROWS").ok();
    let rows: usize = rows.map_or(40_000, |it| it.parse().unwrap());
    let pages = pages(rows);
    let bytes: usize = pages.iter().map(Bytes::len).sum();
    let megabytes = bytes as f64 / 1e6;
    let both: Vec<&str> = DOCUMENTED
        .into_iter()
        .chain(["Phone", "Grade", "Initial", "Jobs", "Other"])
        .collect();
    let mut best = [Duration::MAX; 3];
    for _ in 0..5 {
        // In turns, so that a slow moment of the machine is everybody's.
        best[0] = best[0].min(bare(&pages));
        best[1] = best[1].min(pull(&pages, "", &DOCUMENTED));
        best[2] = best[2].min(pull(&pages, OWN, &both));
    }
    println!("{rows} workers, {megabytes:.0} MB, best of 5 on one core");
    for (what, took) in [
        "quick-xml's events alone",
        "Get_Workers, 20 documented attributes",
        "the same and 5 paths of one's own",
    ]
    .into_iter()
    .zip(best)
    {
        let ratio = took.as_secs_f64() / best[0].as_secs_f64();
        let speed = megabytes / took.as_secs_f64();
        let each = took.as_secs_f64() * 1e6 / rows as f64;
        println!("{what:40} {speed:6.0} MB/s {each:7.1} us a worker {ratio:5.2} x");
    }
    let ratio = best[1].as_secs_f64() / best[0].as_secs_f64();
    assert!(
        ratio <= 5.0,
        "{ratio:.2} times the bare event loop, 5 at most"
    );
}
