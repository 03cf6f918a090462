//! The command line inside this test program, with a point at which it dies.

use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use rollcall::{MakeExchange, Plain, Wrap};
use rollcall_http::Exchange;
use rollcall_pipeline::store::Store;
use tower::ServiceExt as _;

/// Set: this process is `rollcall`.
pub(crate) const CHILD: &str = "ROLLCALL_TEST_CHILD";
/// `store:N`, `stored:N`, `call:N` or `called:N`: die before or after the N-th of them.
pub(crate) const DIE_AT: &str = "ROLLCALL_TEST_DIE_AT";
/// A file that gets the numbers of store writes and calls when the process ends by itself.
pub(crate) const COUNT: &str = "ROLLCALL_TEST_COUNT";
/// `called:N:FROM:TO`: after the N-th call the file `FROM` appears as `TO`.
pub(crate) const MOVE_AT: &str = "ROLLCALL_TEST_MOVE_AT";
/// A path below which every call is answered 503.
pub(crate) const DOWN: &str = "ROLLCALL_TEST_DOWN";

/// What stands behind a source that is asked; see [`crate::population::peer`].
pub(crate) const PEER: &str = "ROLLCALL_TEST_PEER";

/// Nothing around anything, and a simulated system behind every source.
struct Peered(String);

impl Wrap for Peered {
    fn source(&self, _name: &str) -> Option<MakeExchange> {
        Some(crate::population::peer(&self.0))
    }
}

pub(crate) fn main() -> ExitCode {
    if let Ok(peer) = std::env::var(PEER) {
        return rollcall::main_with(std::env::args_os(), &Peered(peer));
    }
    let points = Points::from_env();
    let Some(points) = points else {
        return rollcall::main_with(std::env::args_os(), &Plain);
    };
    let points = Arc::new(points);
    let code = rollcall::main_with(std::env::args_os(), &Deadly(Arc::clone(&points)));
    if let Some(file) = std::env::var_os(COUNT) {
        let counts = format!(
            "{} {}",
            points.writes.load(Ordering::SeqCst),
            points.calls.load(Ordering::SeqCst)
        );
        std::fs::write(file, counts).expect("the count file is writable");
    }
    code
}

#[derive(Debug, Default)]
struct Points {
    die: Option<(String, u64)>,
    moves: Option<(String, u64, String, String)>,
    down: Option<String>,
    writes: AtomicU64,
    calls: AtomicU64,
}

impl Points {
    fn from_env() -> Option<Self> {
        let die = std::env::var(DIE_AT).ok().map(|text| {
            let (what, n) = text.split_once(':').expect("WHAT:N");
            (what.to_owned(), n.parse().expect("a number"))
        });
        let moves = std::env::var(MOVE_AT).ok().map(|text| {
            let parts: Vec<&str> = text.splitn(4, ':').collect();
            let [what, n, from, to] = parts[..] else {
                panic!("WHAT:N:FROM:TO, not {text}");
            };
            let n = n.parse().expect("a number");
            (what.to_owned(), n, from.to_owned(), to.to_owned())
        });
        let counted = std::env::var_os(COUNT).is_some();
        let down = std::env::var(DOWN).ok();
        let asked = die.is_some() || moves.is_some() || down.is_some() || counted;
        asked.then(|| Self {
            die,
            moves,
            down,
            ..Self::default()
        })
    }

    fn reached(&self, what: &str, number: u64) {
        if let Some((point, n, from, to)) = &self.moves
            && point == what
            && *n == number
        {
            std::fs::create_dir_all(std::path::Path::new(to).parent().expect("a folder"))
                .expect("a folder that can be made");
            std::fs::rename(from, to).expect("a file that can be moved");
        }
        if self
            .die
            .as_ref()
            .is_some_and(|(w, n)| w == what && *n == number)
        {
            let own = rustix::process::getpid();
            rustix::process::kill_process(own, rustix::process::Signal::KILL)
                .expect("a process may kill itself");
            // The signal is delivered at the latest on the way back from the system call.
            unreachable!("killed");
        }
    }
}

struct Deadly(Arc<Points>);

impl Wrap for Deadly {
    fn exchange(&self, inner: Exchange) -> Exchange {
        let points = Arc::clone(&self.0);
        Exchange::new(tower::service_fn(
            move |request: http::Request<bytes::Bytes>| {
                let inner = inner.clone();
                let points = Arc::clone(&points);
                async move {
                    let number = points.calls.fetch_add(1, Ordering::SeqCst) + 1;
                    points.reached("call", number);
                    let path = request.uri().path();
                    if points
                        .down
                        .as_ref()
                        .is_some_and(|down| path.starts_with(down))
                    {
                        let mut answer = http::Response::new(bytes::Bytes::new());
                        *answer.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
                        return Ok(answer);
                    }
                    let answer = inner.oneshot(request).await;
                    points.reached("called", number);
                    answer
                }
            },
        ))
    }

    fn store(&self, inner: Store) -> Store {
        Store::over(Arc::new(DeadlyStore {
            inner: inner.inner(),
            points: Arc::clone(&self.0),
        }))
    }
}

#[derive(Debug)]
struct DeadlyStore {
    inner: Arc<dyn ObjectStore>,
    points: Arc<Points>,
}

impl fmt::Display for DeadlyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "deadly {}", self.inner)
    }
}

#[async_trait::async_trait]
impl ObjectStore for DeadlyStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let number = self.points.writes.fetch_add(1, Ordering::SeqCst) + 1;
        self.points.reached("store", number);
        let result = self.inner.put_opts(location, payload, options).await;
        self.points.reached("stored", number);
        result
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
