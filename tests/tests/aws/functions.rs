//! A deployment on this machine: the functions' binary as six processes that ask the runtime
//! interface for events, two buckets, two lanes, and a tenant on a socket.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as Segments, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use rollcall_http::Clock;
use rollcall_pipeline::aws::{Aws, SqsQueue, Urls};
use rollcall_pipeline::queue::{Delivery, Lane, Queue as _};
use rollcall_pipeline::store::Store;
use rollcall_rehearsal::{Federated, Tenant, TenantOptions};
use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};

use crate::gate::{ACCOUNT, AUDIENCE, Gate, HARNESS, ISSUER, Policies, REGION, Trap, subject};
use crate::stand_in;

/// What the queues grant, as the template says.
const VISIBLE: Duration = Duration::from_mins(30);
/// The seven functions: how the template names them, and which role each is.
pub(crate) const FUNCTIONS: [(&str, &str); 7] = [
    ("pull", "pull"),
    ("plan", "plan"),
    ("release", "release"),
    ("report", "report"),
    ("reconcile", "reconcile"),
    ("apply-urgent", "apply"),
    ("apply-bulk", "apply"),
];

/// The interface that a function's process asks for events.
#[derive(Clone, Default)]
struct Runtime(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// When the process first asked for an event.
    asked: OnceLock<Instant>,
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
    runtime.0.asked.get_or_init(Instant::now);
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
    begun: Instant,
}

impl Drop for Function {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The binary that is deployed, of the same build as this test.
pub(crate) fn bootstrap() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let path = here.parent().unwrap().parent().unwrap().join("bootstrap");
    assert!(
        path.is_file(),
        "{} is not built: tests/run does that (cargo build -p rollcall-lambda)",
        path.display()
    );
    path
}

/// A stack of the template, as far as this machine can have one.
pub(crate) struct Deployment {
    pub(crate) gate: Gate,
    pub(crate) tenant: Tenant,
    pub(crate) store: Store,
    pub(crate) urls: Urls,
    queue: SqsQueue,
    pub(crate) values: String,
    /// Configuration as it lies in the bucket, and the functions' output.
    pub(crate) folder: tempfile::TempDir,
    /// What part of the quotas each function takes.
    share: &'static str,
    name: String,
    pub(crate) evidence: String,
    pub(crate) gate_port: u16,
    functions: tokio::sync::Mutex<BTreeMap<String, Arc<Function>>>,
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ended {
    Answer(Value),
    /// The function said that it failed.
    Error(Value),
    /// Its process was killed.
    Killed,
}

impl Deployment {
    /// Buckets, queues, secret, tenant, configuration; no function runs yet.
    pub(crate) async fn new(name: &str) -> Self {
        let evidence = format!("{name}-evidence-{ACCOUNT}-{REGION}");
        let values = format!("{name}-values-{ACCOUNT}-{REGION}");
        stand_in::make_bucket(&evidence);
        stand_in::make_bucket(&values);
        let urls = Urls {
            urgent: stand_in::lane(name, "urgent"),
            bulk: stand_in::lane(name, "bulk"),
        };
        let key = stand_in::make_secret(
            &format!("{name}/evidence-key"),
            "rehearsal only: this key is public\n",
        );
        let mut federated = Vec::new();
        for function in FUNCTIONS.map(|(name, _)| name).iter().chain(&[HARNESS]) {
            federated.push(Federated {
                issuer: ISSUER.to_owned(),
                subject: subject(function),
                audience: AUDIENCE.to_owned(),
            });
        }
        let options = TenantOptions {
            federated,
            ..TenantOptions::default()
        };
        let tenant = Tenant::open(options, Clock::system()).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tenant_port = listener.local_addr().unwrap().port();
        let served = tenant.clone();
        tokio::spawn(async move { rollcall_rehearsal::serve(served, listener).await });
        let (gate, gate_port) =
            Gate::open(stand_in::port(), policies(name, &key), name, &evidence).await;
        let aws = Aws::load().await;
        let deployment = Self {
            gate,
            tenant,
            store: aws.split_store((&evidence, ""), (&values, "")).unwrap(),
            queue: aws.queues(urls.clone()),
            urls,
            values,
            folder: tempfile::tempdir().unwrap(),
            share: "0.34",
            name: name.to_owned(),
            evidence,
            gate_port,
            functions: tokio::sync::Mutex::default(),
        };
        deployment.configure(&key, tenant_port);
        deployment
    }

    /// From the start of a function's process to its first question for an event, and the most
    /// memory that it had, in kilobytes.
    pub(crate) async fn figures(&self, function: &str) -> (Duration, u64) {
        let running = self.function(function, 0).await;
        let status = format!("/proc/{}/status", running.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
        let peak = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        let asked = running.runtime.0.asked.get().copied().unwrap();
        (asked - running.begun, peak)
    }

    /// Ends a function's process.
    pub(crate) async fn stop(&self, function: &str) {
        self.functions.lock().await.remove(&format!("{function}/0"));
    }

    /// With the whole of the quotas: where they are not what is looked at.
    pub(crate) fn unhurried(mut self) -> Self {
        self.share = "1";
        self
    }

    /// The starter's files as they lie beside a deployment, and in its bucket.
    fn configure(&self, key: &str, tenant_port: u16) {
        let dir = self.dir();
        crate::cli::init(&dir.display().to_string());
        let options = TenantOptions::default();
        let config = std::fs::read_to_string(dir.join("rollcall.toml")).unwrap();
        let config = config
            .replace("store = \".\"", "deployment = \"deployment.toml\"")
            .replace("[evidence]\n", "")
            .replace("key_file = \"evidence.key\"\n", "");
        let config = config.split("[target.rehearsal]").next().unwrap();
        let config = format!(
            "{config}\n[target.entra]\ntenant_id = \"{}\"\nclient_id = \"{}\"\nfederation = \"aws\"\n\
             login = \"http://127.0.0.1:{tenant_port}\"\ngraph = \"http://127.0.0.1:{tenant_port}\"\n",
            options.tenant_id, options.client_id
        );
        let deployed = format!(
            "format_version = 1\nstore = \"s3://{}\"\nvalues = \"s3://{}\"\n\n[queue]\nurgent = \
             \"{}\"\nbulk = \"{}\"\n\n[evidence]\nkey_secret = \"{key}\"\n",
            self.evidence, self.values, self.urls.urgent, self.urls.bulk
        );
        std::fs::write(dir.join("rollcall.toml"), config).unwrap();
        std::fs::write(dir.join("deployment.toml"), deployed).unwrap();
        for name in [
            "rollcall.toml",
            "deployment.toml",
            "mapping.toml",
            "policy.toml",
        ] {
            let text = std::fs::read_to_string(dir.join(name)).unwrap();
            stand_in::put(&format!("/{}/config/{name}", self.evidence), &text);
        }
    }

    /// Changes a file of the configuration, here and in the bucket; every process reads it anew.
    pub(crate) fn reconfigure(&self, name: &str, text: &str) {
        std::fs::write(self.dir().join(name), text).unwrap();
        stand_in::put(&format!("/{}/config/{name}", self.evidence), text);
        self.functions.try_lock().unwrap().clear();
    }

    /// The command line on a laptop, with this deployment's configuration.
    pub(crate) fn laptop(&self, who: &str, args: &[&str], code: i32) -> String {
        let config = self.dir().join("rollcall.toml").display().to_string();
        let args: Vec<&str> = args.iter().copied().chain(["-c", &config]).collect();
        crate::cli::rollcall_as(who, Some(self.gate_port), &args, code)
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join("rc")
    }

    pub(crate) fn log_file(&self, function: &str) -> PathBuf {
        self.folder.path().join(format!("{function}.log"))
    }

    fn start(&self, function: &str, role: &str, port: u16) -> Child {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file(function))
            .unwrap();
        Command::new(bootstrap())
            .env("ROLLCALL_FUNCTION", role)
            .env(
                "ROLLCALL_CONFIG",
                format!("s3://{}/config/rollcall.toml", self.evidence),
            )
            .env("ROLLCALL_DEPLOYMENT", &self.name)
            .env("ROLLCALL_SHARE", self.share)
            .env("AWS_LAMBDA_RUNTIME_API", format!("127.0.0.1:{port}"))
            .env("AWS_LAMBDA_FUNCTION_NAME", function)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env(
                "AWS_ENDPOINT_URL",
                format!("http://127.0.0.1:{}", self.gate_port),
            )
            .env("ROLLCALL_SECRET", TenantOptions::default().client_secret)
            // By this name the gate knows whose role signs.
            .env("AWS_ACCESS_KEY_ID", function)
            .stderr(log.try_clone().unwrap())
            .stdout(Stdio::from(log))
            .spawn()
            .unwrap()
    }

    /// The process of a function, started when there is none. `instance` tells two of one
    /// function apart.
    async fn function(&self, function: &str, instance: u8) -> Arc<Function> {
        let name = format!("{function}/{instance}");
        let mut functions = self.functions.lock().await;
        if let Some(running) = functions.get(&name) {
            return Arc::clone(running);
        }
        let (_, role) = FUNCTIONS.iter().find(|(f, _)| *f == function).unwrap();
        let runtime = Runtime::default();
        let port = runtime.serve().await;
        let begun = Instant::now();
        let child = self.start(function, role, port);
        let started = Arc::new(Function {
            runtime,
            child,
            begun,
        });
        functions.insert(name, Arc::clone(&started));
        started
    }

    pub(crate) async fn invoke(&self, function: &str, instance: u8, event: Value) -> Ended {
        let running = self.function(function, instance).await;
        match running.runtime.invoke(event).await {
            Ok(answer) => Ended::Answer(answer),
            Err(error) => Ended::Error(error),
        }
    }

    /// With a trap; where that kills the process it is started anew next time.
    pub(crate) async fn trapped(
        &self,
        function: &str,
        event: Value,
        at: (u32, &'static str),
        trap: fn(u32) -> Trap,
    ) -> Ended {
        let pid = self.function(function, 0).await.child.id();
        self.gate.trap(function, at, trap(pid));
        let ended = tokio::select! {
            biased;
            () = self.gate.killed() => Ended::Killed,
            ended = self.invoke(function, 0, event) => ended,
        };
        self.gate.disarm(function);
        if ended == Ended::Killed {
            self.functions.lock().await.remove(&format!("{function}/0"));
        }
        ended
    }

    pub(crate) async fn call(&self, function: &str, event: Value) -> Value {
        match self.invoke(function, 0, event).await {
            Ended::Answer(answer) => answer,
            other @ (Ended::Error(_) | Ended::Killed) => {
                panic!("{function}: {other:?}\n{}", self.log_of(function))
            }
        }
    }

    pub(crate) fn log_of(&self, function: &str) -> String {
        std::fs::read_to_string(self.log_file(function)).unwrap_or_default()
    }

    pub(crate) fn queue(&self) -> &SqsQueue {
        &self.queue
    }

    pub(crate) async fn receive(&self, lane: Lane, most: usize) -> Vec<Delivery> {
        self.queue().receive(lane, most, VISIBLE).await.unwrap()
    }

    /// The event that a batch makes.
    pub(crate) fn event(&self, lane: Lane, batch: &[Delivery]) -> Value {
        let url = match lane {
            Lane::Urgent => &self.urls.urgent,
            Lane::Bulk => &self.urls.bulk,
        };
        let name = url.rsplit('/').next().unwrap();
        let record = |(n, delivery): (usize, &Delivery)| {
            json!({
                "messageId": n.to_string(),
                "receiptHandle": delivery.receipt,
                "body": delivery.body,
                "attributes": {
                    "MessageGroupId": delivery.group,
                    "ApproximateReceiveCount": delivery.receives.to_string(),
                },
                "eventSource": "aws:sqs",
                "eventSourceARN": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"),
            })
        };
        json!({"Records": batch.iter().enumerate().map(record).collect::<Vec<_>>()})
    }

    /// What the event source does once a function has ended: takes off the queue what was done.
    /// What was not would come later; here it comes at once.
    pub(crate) async fn settle(&self, lane: Lane, batch: &[Delivery], ended: &Ended) {
        let queue = self.queue();
        let again: Option<Vec<&str>> = match ended {
            Ended::Answer(answer) => {
                let failures = answer["batchItemFailures"].as_array().unwrap();
                let ids = failures
                    .iter()
                    .map(|i| i["itemIdentifier"].as_str().unwrap());
                Some(ids.collect())
            }
            Ended::Error(_) | Ended::Killed => None,
        };
        for (n, delivery) in batch.iter().enumerate() {
            let kept = again
                .as_ref()
                .is_none_or(|again| again.contains(&n.to_string().as_str()));
            // Put aside by the function, or in other hands by now: nothing to be done about it.
            let _late = if kept {
                queue.extend(lane, &delivery.receipt, Duration::ZERO).await
            } else {
                queue.acknowledge(lane, &delivery.receipt).await
            };
        }
    }

    /// One batch of each lane, cuts first. Returns how many messages there were.
    pub(crate) async fn feed(&self) -> usize {
        let mut fed = 0;
        for (lane, function) in [(Lane::Urgent, "apply-urgent"), (Lane::Bulk, "apply-bulk")] {
            let batch = self.receive(lane, 10).await;
            if batch.is_empty() {
                continue;
            }
            fed += batch.len();
            let ended = self.invoke(function, 0, self.event(lane, &batch)).await;
            assert!(
                matches!(ended, Ended::Answer(_)),
                "{ended:?}\n{}",
                self.log_of(function)
            );
            self.settle(lane, &batch, &ended).await;
        }
        fed
    }

    pub(crate) fn drop_file(&self, name: &str, text: &str) {
        stand_in::put(&format!("/{}/inbox/{name}", self.values), text);
    }
}

/// What the template lets each function do, for a stack of this name.
pub(crate) fn policies(name: &str, key: &str) -> Policies {
    static EXPANDED: OnceLock<String> = OnceLock::new();
    let text = EXPANDED.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let output = Command::new(root.join("../.venv-test/bin/python"))
            .arg(root.join("infra/expand.py"))
            .arg(root.join("../infra/template.yaml"))
            .arg("--policies")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        String::from_utf8(output.stdout).unwrap()
    });
    let text = text
        .replace("rollcall-", &format!("{name}-"))
        .replace("\"EvidenceKey\"", &format!("\"{key}\""));
    let mut policies: Policies = serde_json::from_str(&text).unwrap();
    for statement in policies.allow.values_mut().flatten() {
        // The statement's own name is no resource.
        if statement.sid == key {
            "EvidenceKey".clone_into(&mut statement.sid);
        }
    }
    policies
}
