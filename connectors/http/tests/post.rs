//! Posts against receivers that say no in every way, on virtual time: what is sent again, and what
//! never is.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use rollcall_http::{Clock, Exchange, Postbox, Posted, Repeat, TransportError, posting_exchange};
use tower::util::BoxCloneSyncService;

type Answer = Result<(u16, Option<&'static str>), TransportError>;

/// Answers in this order, and notes when it was asked with which instant in the header.
fn receiver(answers: Vec<Answer>) -> (Exchange, Arc<Mutex<Vec<String>>>) {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let noted = Arc::clone(&seen);
    let answers = Arc::new(Mutex::new(answers.into_iter()));
    let exchange = BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let at = request.headers()["webhook-timestamp"].to_str().unwrap();
        noted.lock().unwrap().push(at.to_owned());
        let answer = answers.lock().unwrap().next().unwrap();
        async move {
            let (status, retry_after) = answer?;
            let mut builder = Response::builder().status(status);
            if let Some(after) = retry_after {
                builder = builder.header("retry-after", after);
            }
            Ok(builder.body(Bytes::new()).unwrap())
        }
    }));
    (exchange, seen)
}

async fn post(answers: Vec<Answer>, repeat: Repeat) -> (Posted, usize, Vec<String>) {
    let clock = Clock::starting_at("2026-03-16T02:00:00Z".parse().unwrap());
    let (exchange, seen) = receiver(answers);
    let to = Postbox::new("https://hooks.example/x", exchange, clock).unwrap();
    let headers = |at: jiff::Timestamp| vec![("webhook-timestamp", at.as_second().to_string())];
    let post = to.post(Bytes::from_static(b"{}"), &headers, repeat).await;
    let seen = seen.lock().unwrap().clone();
    assert_eq!(post.calls as usize, seen.len());
    (post.posted, seen.len(), seen)
}

const RESET: Answer = Err(TransportError::Reset);
const TIMEOUT: Answer = Err(TransportError::Timeout);
const CONNECT: Answer = Err(TransportError::Connect);

fn lost(code: &str) -> Posted {
    Posted::Lost {
        code: code.to_owned(),
    }
}

/// What the receiver does → what became of it, and after how many requests.
#[tokio::test(start_paused = true)]
async fn only_what_was_not_taken_is_sent_again() {
    let status = |status: u16| Ok((status, None));
    for (answers, posted, calls) in [
        (vec![status(202)], Posted::Accepted, 1),
        (vec![status(503), CONNECT, status(204)], Posted::Accepted, 3),
        (
            vec![status(408), status(429), status(200)],
            Posted::Accepted,
            3,
        ),
        (vec![RESET], lost("connection_lost"), 1),
        (vec![TIMEOUT], lost("timeout"), 1),
        (vec![status(503), status(502)], lost("http_502"), 2),
        (vec![status(500)], lost("http_500"), 1),
        (vec![status(409)], lost("http_409"), 1),
        (vec![status(401)], Posted::Refused { status: 401 }, 1),
        // A redirect leads somewhere else: not followed.
        (vec![status(307)], Posted::Refused { status: 307 }, 1),
        (vec![CONNECT; 4], Posted::Unreachable, 4),
    ] {
        let (got, sent, _) = post(answers.clone(), Repeat::NotTaken).await;
        assert_eq!((got, sent), (posted, calls), "{answers:?}");
    }
}

/// A receiver that keeps one of a key may be asked again; that nobody is there afterwards does
/// not prove that the first one was not taken.
#[tokio::test(start_paused = true)]
async fn an_idempotent_receiver_is_asked_again() {
    let ok = Ok((200, None));
    let (posted, calls, seen) = post(vec![RESET, TIMEOUT, ok], Repeat::Anyway).await;
    assert_eq!((posted, calls), (Posted::Accepted, 3));
    // Each attempt is signed anew: its instant is its own.
    assert!(seen[0] < seen[2], "{seen:?}");
    let (posted, ..) = post(vec![RESET, CONNECT, CONNECT, CONNECT], Repeat::Anyway).await;
    assert_eq!(posted, lost("connection_lost"));
    let (posted, ..) = post(vec![RESET, Ok((401, None))], Repeat::Anyway).await;
    assert_eq!(posted, lost("connection_lost"));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_is_left_alone_for_as_long_as_it_asks() {
    let begun = tokio::time::Instant::now();
    let (posted, calls, _) = post(
        vec![Ok((503, Some("20"))), Ok((200, None))],
        Repeat::NotTaken,
    )
    .await;
    assert_eq!((posted, calls), (Posted::Accepted, 2));
    assert!(begun.elapsed() >= Duration::from_secs(20));
    // Longer than anybody waits here: it comes back through the schedule.
    let clock = Clock::starting_at("2026-03-16T02:00:00Z".parse().unwrap());
    let (posted, calls, _) = post(vec![Ok((429, Some("3600")))], Repeat::NotTaken).await;
    let Posted::Later { until } = posted else {
        panic!("{posted:?}")
    };
    assert_eq!(calls, 1);
    assert!(
        until >= clock.now() + jiff::SignedDuration::from_mins(59),
        "{until}"
    );
}

/// A receiver that takes a message, and then neither ends its answer nor keeps it small.
#[tokio::test]
async fn a_status_counts_whatever_is_written_below_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let receiver = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let (mut request, mut some) = (Vec::new(), [0; 1024]);
        while !request.ends_with(b"{}") {
            let read = socket.read(&mut some).unwrap();
            request.extend_from_slice(&some[..read]);
        }
        let head = b"HTTP/1.1 202 Accepted\r\ncontent-length: 100000000\r\n\r\n{";
        socket.write_all(head).unwrap();
        // Open for as long as the sender is.
        let _ended = socket.read_to_end(&mut request);
    });
    let exchange = posting_exchange(Duration::from_secs(5)).unwrap();
    let to = Postbox::new(&url, exchange, Clock::system()).unwrap();
    let headers = |_: jiff::Timestamp| Vec::new();
    let body = Bytes::from_static(b"{}");
    let post = to.post(body, &headers, Repeat::NotTaken).await;
    assert_eq!((post.posted, post.calls), (Posted::Accepted, 1));
    // The connection is let go of, with what was still to come on it.
    let ended = tokio::task::spawn_blocking(move || receiver.join());
    ended.await.unwrap().unwrap();
}

#[test]
fn an_address_is_https_or_of_this_machine() {
    let clock = Clock::starting_at("2026-03-16T02:00:00Z".parse().unwrap());
    for (url, good) in [
        ("https://hooks.example/a?b=c", true),
        ("http://127.0.0.1:8080/hook", true),
        ("http://hooks.example/", false),
        ("ftp://hooks.example/", false),
        ("https://user:pw@hooks.example/", false),
    ] {
        let (exchange, _) = receiver(Vec::new());
        assert_eq!(Postbox::new(url, exchange, clock).is_ok(), good, "{url}");
    }
}
