//! Store and queue on Amazon's services, against a stand-in on this machine (moto).
//!
//! The stand-in forgets a deduplication id once its message is gone, takes receipts that ran out and
//! has a clock that nobody can move: those parts of the queue's contract are shown on the embedded
//! queue only.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failed unwrap is a failed test, and a runner talks"
)]

mod functions;

use std::fmt::Write as _;
use std::io::{Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};

use futures::future::BoxFuture;
use libtest_mimic::{Arguments, Failed, Trial};
use rollcall_pipeline::aws::{Aws, Urls};
use rollcall_tests::{queue_contract, store_contract};

/// Set in the process that runs the trials: where the stand-in listens.
const PORT: &str = "ROLLCALL_TEST_AWS_PORT";
/// Set where this program is to be `rollcall`.
const AS_CLI: &str = "ROLLCALL_TEST_CLI";
const BUCKET: &str = "rollcall-test";

fn main() -> ExitCode {
    if std::env::var_os(AS_CLI).is_some() {
        return rollcall::main(std::env::args_os());
    }
    if std::env::var_os(functions::AS_FUNCTION).is_some() {
        return rollcall_lambda::main();
    }
    let arguments = Arguments::from_args();
    if std::env::var_os(PORT).is_none() && !arguments.list {
        return with_stand_in();
    }
    let trials = vec![
        trial("aws::the_bucket_store", || Box::pin(bucket_store())),
        trial("aws::the_queues", || Box::pin(queues())),
        trial("aws::a_file_becomes_accounts", || {
            Box::pin(functions::a_file_becomes_accounts())
        }),
        Trial::test("aws::the_same_run_on_a_bucket", || {
            same_run();
            Ok(())
        }),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: &str, test: fn() -> BoxFuture<'static, ()>) -> Trial {
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(test());
        Ok::<(), Failed>(())
    })
}

/// Starts the stand-in and this program again beside it.
fn with_stand_in() -> ExitCode {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let server = root.join(".venv-test/bin/moto_server");
    if !server.is_file() {
        eprintln!(
            "no stand-in for AWS: ./tests/run installs it ({})",
            server.display()
        );
        return ExitCode::FAILURE;
    }
    let (mut stand_in, port) = start(&server);
    let status = Command::new(std::env::current_exe().unwrap())
        .args(std::env::args_os().skip(1))
        .env(PORT, port.to_string())
        .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
        .env("AWS_ACCESS_KEY_ID", "testing")
        .env("AWS_SECRET_ACCESS_KEY", "testing")
        .env("AWS_REGION", "us-east-1")
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_SESSION_TOKEN")
        .env("NO_PROXY", "127.0.0.1")
        .status();
    stand_in.kill().unwrap();
    stand_in.wait().unwrap();
    if status.unwrap().success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn start(server: &std::path::Path) -> (Child, u16) {
    // Somebody else may take the port between our look and the server's: then another one.
    for _ in 0..5 {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut child = Command::new(server)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while child.try_wait().unwrap().is_none() {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return (child, port);
            }
            std::thread::yield_now();
        }
    }
    panic!("the stand-in does not start: {}", server.display());
}

/// One plain call; the stand-in reads of the signature which service is meant.
fn call(service: &str, method: &str, path: &str, body: &str) -> String {
    let port: u16 = std::env::var(PORT).unwrap().parse().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let kind = match service {
        "s3" => "application/octet-stream",
        _ => "application/x-www-form-urlencoded",
    };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=none\r\n\
         Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Write::write_all(&mut stream, request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200"),
        "{method} {path}: {answer}"
    );
    answer
}

fn make_queue(name: &str, attributes: &[(&str, &str)]) -> String {
    let mut body = format!("Action=CreateQueue&Version=2012-11-05&QueueName={name}");
    for (n, (key, value)) in attributes.iter().enumerate() {
        let n = n + 1;
        write!(
            body,
            "&Attribute.{n}.Name={key}&Attribute.{n}.Value={value}"
        )
        .unwrap();
    }
    let answer = call("sqs", "POST", "/", &body);
    let from = answer.find("<QueueUrl>").unwrap() + "<QueueUrl>".len();
    let to = answer.find("</QueueUrl>").unwrap();
    answer[from..to].to_owned()
}

fn lane(name: &str) -> String {
    let dead = format!("{name}-dead.fifo");
    make_queue(&dead, &[("FifoQueue", "true")]);
    let redrive = format!(
        "%7B%22deadLetterTargetArn%22%3A%22arn%3Aaws%3Asqs%3Aus-east-1%3A123456789012%3A{dead}%22%2C\
         %22maxReceiveCount%22%3A5%7D"
    );
    let attributes = [("FifoQueue", "true"), ("RedrivePolicy", redrive.as_str())];
    make_queue(&format!("{name}.fifo"), &attributes)
}

async fn bucket_store() {
    call("s3", "PUT", &format!("/{BUCKET}"), "");
    let aws = Aws::load().await;
    for prefix in ["", "some/prefix"] {
        store_contract::check(&aws.store(BUCKET, prefix).unwrap()).await;
    }
}

async fn queues() {
    let urls = Urls {
        urgent: lane("urgent"),
        bulk: lane("bulk"),
    };
    let queue = Aws::load().await.queues(urls);
    queue_contract::check_without_time(&queue).await;
}

/// The command line on a folder and on a bucket: the same plan, and evidence that verifies.
fn same_run() {
    call("s3", "PUT", &format!("/{BUCKET}-run"), "");
    let mut plans = Vec::new();
    for place in [None, Some(format!("s3://{BUCKET}-run/hr"))] {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("rc").display().to_string();
        rollcall(&["init", &dir, "--source", "csv2scim"], 0);
        let config = format!("{dir}/rollcall.toml");
        if let Some(place) = &place {
            let text = std::fs::read_to_string(&config).unwrap();
            let text = text.replace("store = \".\"", &format!("store = \"{place}\""));
            std::fs::write(&config, text).unwrap();
        }
        let mut nights = Vec::new();
        for (now, moved) in [
            ("2026-03-14T02:00:00Z", "Sales"),
            ("2026-03-15T02:00:00Z", "Moved"),
        ] {
            let name = format!("workers-{}.csv", &now[..10]);
            let text = roster(moved);
            if place.is_some() {
                call(
                    "s3",
                    "PUT",
                    &format!("/{BUCKET}-run/hr/inbox/{name}"),
                    &text,
                );
            } else {
                std::fs::write(format!("{dir}/inbox/{name}"), &text).unwrap();
            }
            let out = rollcall(&["run", "-c", &config, "--now", now, "--json"], 0);
            let report: serde_json::Value = serde_json::from_str(out.trim()).unwrap();
            assert_eq!(report["outcomes"]["failed"], 0);
            nights.push(report["actions_sha256"].clone());
        }
        let now = "2026-03-15T03:00:00Z";
        rollcall(&["verify", "-c", &config, "--now", now], 0);
        let again = rollcall(&["run", "-c", &config, "--now", now, "--json"], 0);
        assert_eq!(again, "", "the inbox is empty");
        plans.push(nights);
    }
    assert_eq!(plans[0], plans[1]);
}

fn roster(department: &str) -> String {
    let mut out = String::from(
        "WorkerID,WorkerStatus,WorkerType,UserID,FirstName,LastName,FullName,GenderPronoun,\
         ManagerID,HireDate,OnLeave,Department,Division,CostCenter,Company,Location,JobTitle,\
         StreetAddress,City,CountryCode,OfficePhone,Custom01,Custom02,ZipCode\n",
    );
    for key in 101..=120 {
        writeln!(
            out,
            "{key},Active,Employee,EMP{key},Ana,Ruiz{key},Ana Ruiz{key},,101,2015-01-10,False,\
             {department},Media,CC1,Woodgrove,Europe,Clerk,1 High St,Berlin,DE,030-{key},,,10115"
        )
        .unwrap();
    }
    out
}

/// Runs this program as the command line; gives its stdout.
fn rollcall(args: &[&str], code: i32) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(args)
        .env(AS_CLI, "1")
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {err}");
    String::from_utf8(output.stdout).unwrap()
}
