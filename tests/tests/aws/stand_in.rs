//! The stand-in for AWS (moto): started once for all trials, and asked by plain calls for what no
//! part of the product makes.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use crate::gate::{ACCOUNT, HARNESS, REGION};

/// Set in the process that runs the trials: where the stand-in listens.
pub(crate) const PORT: &str = "ROLLCALL_TEST_AWS_PORT";

/// Trials that have a stand-in of their own.
const APART: &str = "odd_schedules";

pub(crate) fn port() -> u16 {
    std::env::var(PORT).unwrap().parse().unwrap()
}

/// Starts stand-ins and this program again beside them.
pub(crate) fn beside(filtered: bool) -> ExitCode {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let server = root.join(".venv-test/bin/moto_server");
    if !server.is_file() {
        eprintln!(
            "no stand-in for AWS: ./tests/run installs it ({})",
            server.display()
        );
        return ExitCode::FAILURE;
    }
    // Half of the schedules beside a stand-in of their own: one answers one call at a time.
    let given: Vec<_> = std::env::args_os().skip(1).collect();
    let halves: Vec<Vec<OsString>> = if filtered {
        vec![given]
    } else {
        let with = |more: &[&str]| {
            let more = more.iter().map(OsString::from);
            given.iter().cloned().chain(more).collect()
        };
        vec![with(&["--skip", APART]), with(&[APART])]
    };
    let mut running = Vec::new();
    for arguments in halves {
        let (stand_in, port) = start(&server);
        let trials = Command::new(std::env::current_exe().unwrap())
            .args(arguments)
            .env(PORT, port.to_string())
            .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
            .env("AWS_ACCESS_KEY_ID", HARNESS)
            .env("AWS_SECRET_ACCESS_KEY", "testing")
            .env("AWS_REGION", REGION)
            .env_remove("AWS_PROFILE")
            .env_remove("AWS_SESSION_TOKEN")
            .env("NO_PROXY", "127.0.0.1")
            .spawn()
            .unwrap();
        running.push((stand_in, trials));
    }
    let mut passed = true;
    for (mut stand_in, mut trials) in running {
        passed &= trials.wait().unwrap().success();
        stand_in.kill().unwrap();
        stand_in.wait().unwrap();
    }
    if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn start(server: &Path) -> (Child, u16) {
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

/// One plain call.
pub(crate) fn call(service: &str, method: &str, path: &str, body: &str) -> String {
    ask(port(), HARNESS, (service, method), path, body)
}

/// One plain call of somebody; which service is meant is read of the signature.
pub(crate) fn ask(
    port: u16,
    who: &str,
    (service, method): (&str, &str),
    path: &str,
    body: &str,
) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let kind = match service {
        "s3" => "application/octet-stream",
        "kms" | "secretsmanager" => "application/x-amz-json-1.1",
        _ => "application/x-www-form-urlencoded",
    };
    let target = match service {
        "kms" => "X-Amz-Target: TrentService.CreateKey\r\n",
        "secretsmanager" => "X-Amz-Target: secretsmanager.CreateSecret\r\n",
        _ => "",
    };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential={who}/20260101/{REGION}/{service}/aws4_request, \
         SignedHeaders=host, Signature=none\r\n\
         Content-Type: {kind}\r\n{target}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
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

/// A FIFO queue of a stack with its dead letters, named as the template names them.
pub(crate) fn lane(stack: &str, name: &str) -> String {
    let dead = format!("{stack}-{name}-dead.fifo");
    make_queue(&dead, &[("FifoQueue", "true")]);
    let redrive = format!(
        "%7B%22deadLetterTargetArn%22%3A%22arn%3Aaws%3Asqs%3A{REGION}%3A{ACCOUNT}%3A{dead}%22%2C\
         %22maxReceiveCount%22%3A1000%7D"
    );
    let attributes = [("FifoQueue", "true"), ("RedrivePolicy", redrive.as_str())];
    make_queue(&format!("{stack}-{name}.fifo"), &attributes)
}

pub(crate) fn make_bucket(name: &str) {
    let place = format!(
        "<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint>\
         </CreateBucketConfiguration>"
    );
    call("s3", "PUT", &format!("/{name}"), &place);
    let versioned = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    call("s3", "PUT", &format!("/{name}?versioning"), versioned);
}

pub(crate) fn put(path: &str, text: &str) {
    call("s3", "PUT", path, text);
}

/// A key that signs. Gives its ARN.
pub(crate) fn make_signing_key(spec: &str) -> String {
    let body = serde_json::json!({"KeyUsage": "SIGN_VERIFY", "KeySpec": spec}).to_string();
    let answer = call("kms", "POST", "/", &body);
    let from = answer.find("arn:aws:kms").unwrap();
    let to = answer[from..].find('"').unwrap();
    answer[from..from + to].to_owned()
}

/// Gives its ARN.
pub(crate) fn make_secret(name: &str, text: &str) -> String {
    let body = serde_json::json!({"Name": name, "SecretString": text}).to_string();
    let answer = call("secretsmanager", "POST", "/", &body);
    let from = answer.find("arn:aws:secretsmanager").unwrap();
    let to = answer[from..].find('"').unwrap();
    answer[from..from + to].to_owned()
}
