//! The functions end to end: a file dropped in the bucket becomes accounts and a report, through the
//! real runtime interface, two queues and a tenant on a socket; the same as on one machine.

use std::collections::VecDeque;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as Segments, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use rollcall_http::Clock;
use rollcall_pipeline::aws::{Aws, Urls};
use rollcall_pipeline::queue::{Delivery, Lane, Queue};
use rollcall_rehearsal::{Tenant, TenantOptions};
use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};

/// Set where this program is to be a function.
pub(crate) const AS_FUNCTION: &str = "ROLLCALL_TEST_FUNCTION";
const VISIBLE: Duration = Duration::from_secs(30);

/// The interface that a function's process asks for events.
#[derive(Clone, Default)]
struct Runtime(Arc<Inner>);

#[derive(Default)]
struct Inner {
    events: Mutex<VecDeque<(String, Value)>>,
    answers: Mutex<std::collections::BTreeMap<String, oneshot::Sender<Result<Value, Value>>>>,
    came: Notify,
}

impl Runtime {
    async fn serve(&self) -> u16 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let root = "/2018-06-01/runtime";
        let router = Router::new()
            .route(&format!("{root}/invocation/next"), get(next))
            .route(
                &format!("{root}/invocation/{{id}}/response"),
                post(answered),
            )
            .route(&format!("{root}/invocation/{{id}}/error"), post(failed))
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        port
    }

    async fn invoke(&self, payload: Value) -> Result<Value, Value> {
        static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let id = format!("00000000-0000-4000-8000-{number:012}");
        let (send, receive) = oneshot::channel();
        self.0.answers.lock().unwrap().insert(id.clone(), send);
        self.0.events.lock().unwrap().push_back((id, payload));
        self.0.came.notify_one();
        receive.await.unwrap()
    }

    fn answer(&self, id: &str, answer: Result<Value, Value>) -> StatusCode {
        let waiting = self.0.answers.lock().unwrap().remove(id);
        let _gone = waiting.unwrap().send(answer);
        StatusCode::ACCEPTED
    }
}

async fn next(State(runtime): State<Runtime>) -> Response {
    loop {
        let event = runtime.0.events.lock().unwrap().pop_front();
        if let Some((id, payload)) = event {
            let end = SystemTime::now() + Duration::from_mins(5);
            let end = end
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_millis()
                .to_string();
            let headers = [
                ("lambda-runtime-aws-request-id", id),
                ("lambda-runtime-deadline-ms", end),
                ("lambda-runtime-invoked-function-arn", "arn".to_owned()),
            ];
            return (headers, payload.to_string()).into_response();
        }
        runtime.0.came.notified().await;
    }
}

async fn answered(
    State(runtime): State<Runtime>,
    Segments(id): Segments<String>,
    body: Bytes,
) -> StatusCode {
    runtime.answer(&id, Ok(serde_json::from_slice(&body).unwrap()))
}

async fn failed(
    State(runtime): State<Runtime>,
    Segments(id): Segments<String>,
    body: Bytes,
) -> StatusCode {
    runtime.answer(&id, Err(serde_json::from_slice(&body).unwrap()))
}

/// One function: its process, and the runtime that it asks.
struct Function {
    runtime: Runtime,
    child: Child,
}

impl Function {
    async fn start(role: &str, config: &str) -> Self {
        let runtime = Runtime::default();
        let port = runtime.serve().await;
        let child = Command::new(std::env::current_exe().unwrap())
            .env(AS_FUNCTION, "1")
            .env("ROLLCALL_FUNCTION", role)
            .env("ROLLCALL_CONFIG", config)
            .env(
                "ROLLCALL_SECRET",
                TenantOptions::default().client_secret.clone(),
            )
            .env("AWS_LAMBDA_RUNTIME_API", format!("127.0.0.1:{port}"))
            .env("AWS_LAMBDA_FUNCTION_NAME", role)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { runtime, child }
    }

    async fn call(&self, payload: Value) -> Value {
        match self.runtime.invoke(payload).await {
            Ok(answer) => answer,
            Err(error) => panic!("the function failed: {error}"),
        }
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// What the event source mapping does: a batch to the function, what it did off the queue.
async fn feed(queue: &dyn Queue, urls: &Urls, apply: &Function) -> usize {
    let mut fed = 0;
    for (lane, url) in [(Lane::Urgent, &urls.urgent), (Lane::Bulk, &urls.bulk)] {
        let batch = queue.receive(lane, 10, VISIBLE).await.unwrap();
        if batch.is_empty() {
            continue;
        }
        fed += batch.len();
        let name = url.rsplit('/').next().unwrap();
        let record = |(n, delivery): (usize, &Delivery)| {
            json!({
                "messageId": n.to_string(),
                "receiptHandle": delivery.receipt,
                "body": delivery.body,
                "attributes": {"MessageGroupId": delivery.group},
                "eventSource": "aws:sqs",
                "eventSourceARN": format!("arn:aws:sqs:us-east-1:123456789012:{name}"),
            })
        };
        let records: Vec<Value> = batch.iter().enumerate().map(record).collect();
        let answer = apply.call(json!({"Records": records})).await;
        let again: Vec<&str> = answer["batchItemFailures"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["itemIdentifier"].as_str().unwrap())
            .collect();
        for (n, delivery) in batch.iter().enumerate() {
            if again.contains(&n.to_string().as_str()) {
                queue
                    .extend(lane, &delivery.receipt, Duration::ZERO)
                    .await
                    .unwrap();
            } else {
                queue.acknowledge(lane, &delivery.receipt).await.unwrap();
            }
        }
    }
    fed
}

pub(crate) async fn a_file_becomes_accounts() {
    let bucket = "rollcall-functions";
    crate::call("s3", "PUT", &format!("/{bucket}"), "");
    let urls = Urls {
        urgent: crate::lane("e2e-urgent"),
        bulk: crate::lane("e2e-bulk"),
    };
    let options = TenantOptions::default();
    let tenant = Tenant::open(options, Clock::system()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tenant_port = listener.local_addr().unwrap().port();
    let served = tenant.clone();
    tokio::spawn(async move { rollcall_rehearsal::serve(served, listener).await });
    configure(bucket, &urls, tenant_port);

    let config = format!("s3://{bucket}/config/rollcall.toml");
    let mut functions = Vec::new();
    for role in ["pull", "plan", "apply", "report"] {
        functions.push(Function::start(role, &config).await);
    }
    let [pull, plan, apply, report] = &functions[..] else {
        unreachable!("four were started")
    };
    let queue = Aws::load().await.queues(urls.clone());
    let today = &jiff::Timestamp::now().to_string()[..10];
    let file = format!("/{bucket}/hr/inbox/workers-{today}.csv");
    crate::call("s3", "PUT", &file, &crate::roster("Sales"));

    let taken = pull.call(json!({"source": "csv2scim"})).await;
    assert_eq!(taken["taken"].as_array().map(Vec::len), Some(1), "{taken}");
    // The file was announced twice.
    let again = pull.call(json!({"Records": []})).await;
    assert_eq!(again, json!({"taken": [], "refused": 0}));
    let planned = plan.call(json!({})).await;
    assert_eq!(planned["sent"], 20, "{planned}");
    let sent_again = plan.call(json!({})).await;
    assert_eq!(sent_again["sent"], 0, "they are under way: {sent_again}");
    let mut fed = 0;
    for _ in 0..40 {
        fed += feed(&queue, &urls, apply).await;
        report.call(json!({})).await;
    }
    assert!(fed >= 20, "{fed}");

    let users = tenant.users();
    assert_eq!(users.len(), 20);
    assert!(users.iter().all(|u| u["accountEnabled"] == true));
    let boss = users.iter().find(|u| u["employeeId"] == "101").unwrap()["id"].clone();
    let reports = users.iter().filter(|u| u["manager"] == boss).count();
    assert_eq!(reports, 19);
    for lane in [Lane::Urgent, Lane::Bulk] {
        assert_eq!(queue.depth(lane).await.unwrap(), 0);
        assert_eq!(queue.dead_letters(lane).await.unwrap(), []);
    }
    let run = taken["taken"][0].as_str().unwrap();
    let store = Aws::load().await.store(bucket, "hr").unwrap();
    let report: Value = store
        .json(&format!("runs/{run}/report/report.json"))
        .await
        .unwrap();
    assert_eq!(report["outcomes"]["failed"], 0);
    assert_eq!(report["counts"]["joiners"], 20);
}

/// The starter's files in the bucket, pointed at queues and tenant.
fn configure(bucket: &str, urls: &Urls, tenant_port: u16) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("rc");
    crate::rollcall(
        &["init", &dir.display().to_string(), "--source", "csv2scim"],
        0,
    );
    let options = TenantOptions::default();
    let read = |name: &str| std::fs::read_to_string(Path::new(&dir).join(name)).unwrap();
    let config = read("rollcall.toml");
    let config = config.replace("store = \".\"", &format!("store = \"s3://{bucket}/hr\""));
    let config = config.split("[target.rehearsal]").next().unwrap();
    let config = format!(
        "{config}\n[queue]\nurgent = \"{}\"\nbulk = \"{}\"\n\n[target.entra]\ntenant_id = \"{}\"\n\
         client_id = \"{}\"\nclient_secret_env = \"ROLLCALL_SECRET\"\n\
         login = \"http://127.0.0.1:{tenant_port}\"\ngraph = \"http://127.0.0.1:{tenant_port}\"\n",
        urls.urgent, urls.bulk, options.tenant_id, options.client_id
    );
    crate::call(
        "s3",
        "PUT",
        &format!("/{bucket}/config/rollcall.toml"),
        &config,
    );
    for name in ["mapping.toml", "policy.toml", "evidence.key"] {
        crate::call(
            "s3",
            "PUT",
            &format!("/{bucket}/config/{name}"),
            &read(name),
        );
    }
}
