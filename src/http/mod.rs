//! `/metrics`, `/livez` and `/readyz` on a thread of their own.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use axum::Router;
use axum::extract::Path;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use tokio::sync::oneshot;

use crate::base::fault::Fault;
use crate::base::ids::ShardId;
use crate::telemetry::health::Ailment;
use crate::telemetry::health::Health;
use crate::telemetry::health::Partition;
use crate::telemetry::metrics::Metrics;

/// How long open requests may go on after `stop`.
const GRACE: Duration = Duration::from_secs(1);

/// A running server; dropping it stops it too.
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone)]
struct Told {
    metrics: Arc<Metrics>,
    health: Arc<Health>,
}

impl Server {
    /// Serves on `address` (`127.0.0.1:9464`; port 0 takes a free one).
    ///
    /// # Errors
    /// An address that cannot be read or bound.
    pub fn start(address: &str, metrics: Arc<Metrics>, health: Arc<Health>) -> Result<Self, Fault> {
        let binding = |error| Fault::stop(format!("listen on {address}"), error);
        let listener = TcpListener::bind(address).map_err(binding)?;
        listener.set_nonblocking(true).map_err(binding)?;
        let local = listener.local_addr().map_err(binding)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(binding)?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(binding)?
        };
        let (stop, stopped) = oneshot::channel();
        let told = Told { metrics, health };
        let serve = move || runtime.block_on(serve(listener, told, stopped));
        let thread = std::thread::Builder::new().name("http".to_owned()).spawn(serve).map_err(binding)?;
        Ok(Self { address: local, stop: Some(stop), thread: Some(thread) })
    }

    /// The address that was bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening, lets open requests end and joins the thread.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // An error says that the thread has ended already.
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

async fn serve(listener: tokio::net::TcpListener, told: Told, stopped: oneshot::Receiver<()>) {
    let app = Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/readyz/{partition}", get(partition_readyz))
        .with_state(told);
    let (drain, draining) = oneshot::channel::<()>();
    let server = axum::serve(listener, app).with_graceful_shutdown(async {
        let _ = draining.await;
    });
    let mut server = std::pin::pin!(std::future::IntoFuture::into_future(server));
    let result = tokio::select! {
        result = &mut server => result,
        _ = stopped => {
            let _ = drain.send(());
            // A client that holds its connection open must not hold up the end.
            tokio::time::timeout(GRACE, server).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = result {
        tracing::error!(%error, "http server ended");
    }
}

async fn metrics(State(told): State<Told>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], told.metrics.render()).into_response()
}

async fn livez(State(told): State<Told>) -> Response {
    answer(&told.health.ailments(now_ms()), "")
}

async fn readyz(State(told): State<Told>) -> Response {
    let mut partitions = String::new();
    for (shard, partition) in told.health.partitions() {
        let _ = writeln!(partitions, "partition {shard} {partition}");
    }
    answer(&told.health.hindrances(now_ms()), &partitions)
}

/// Of one partition; not found where this process does not have it.
async fn partition_readyz(State(told): State<Told>, Path(shard): Path<ShardId>) -> Response {
    match told.health.partitions().get(&shard) {
        Some(Partition::Ready) => "ok\n".into_response(),
        Some(partition) => (StatusCode::SERVICE_UNAVAILABLE, format!("partition {shard} {partition}\n")).into_response(),
        None => (StatusCode::NOT_FOUND, format!("partition {shard} is not here\n")).into_response(),
    }
}

/// `ok`, or what is wrong, a line each, and what there is to tell beside.
fn answer(found: &[Ailment], more: &str) -> Response {
    if found.is_empty() {
        return format!("ok\n{more}").into_response();
    }
    let mut text = String::new();
    for ailment in found {
        let _ = writeln!(text, "{ailment}");
    }
    text.push_str(more);
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

#[expect(clippy::disallowed_methods, reason = "health is a matter of now and reaches no result")]
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::io::Write as _;
    use std::net::TcpStream;

    use super::*;

    /// Status line and body of a plain request.
    fn request(address: SocketAddr, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }

    fn start(health: Health) -> (Server, Arc<Health>) {
        let health = Arc::new(health);
        let metrics = Arc::new(Metrics::new());
        metrics.input("settlement", &[]).evaluated.inc();
        (Server::start("127.0.0.1:0", metrics, Arc::clone(&health)).unwrap(), health)
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn health_is_told_as_the_workers_tell_it() {
        let (server, health) = start(Health::new(1, HOUR, now_ms()));
        let check = |path: &str, status: &str, body: &str| {
            assert_eq!(request(server.address(), path), (format!("HTTP/1.1 {status}"), body.to_owned()), "{path}");
        };
        check("/livez", "200 OK", "ok\n");
        check("/readyz", "503 Service Unavailable", "worker 0 not ready\n");
        health.set_ready(0, true);
        check("/readyz", "200 OK", "ok\n");
        health.assign(0, &[3]);
        check("/readyz", "200 OK", "ok\npartition 3 waiting\n");
        check("/readyz/3", "503 Service Unavailable", "partition 3 waiting\n");
        health.partition(0, 3, Partition::Ready);
        check("/readyz/3", "200 OK", "ok\n");
        check("/readyz/4", "404 Not Found", "partition 4 is not here\n");
        health.fail(0);
        check("/livez", "503 Service Unavailable", "worker 0 failed\n");
        check("/nowhere", "404 Not Found", "");
    }

    #[test]
    fn metrics_are_served_and_a_stop_frees_the_address() {
        let (server, _) = start(Health::new(0, HOUR, 0));
        let address = server.address();
        let (status, body) = request(address, "/metrics");
        assert_eq!(status, "HTTP/1.1 200 OK");
        assert!(body.contains("claimsift_events_total{input=\"settlement\",outcome=\"evaluated\"} 1"), "{body}");
        // An idle connection does not hold up the end.
        let _idle = TcpStream::connect(address).unwrap();
        server.stop();
        assert!(TcpStream::connect(address).is_err());
    }

    #[test]
    fn an_address_that_cannot_be_bound_is_a_fault() {
        let (server, health) = start(Health::new(0, HOUR, 0));
        for address in ["nowhere", "127.0.0.1:99999", &server.address().to_string()] {
            let fault = Server::start(address, Arc::new(Metrics::new()), Arc::clone(&health)).err().unwrap();
            assert_eq!(fault.to_string(), format!("listen on {address} failed"));
        }
    }
}
