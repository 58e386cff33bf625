//! What a request costs from its head to its response, without a socket: Nova beside bare axum, and of that the registry.
//!
//! Each is called in this process, one request after another, in turns of some milliseconds. A figure is the lowest turn:
//! what disturbs the machine only adds. Allocations are counted, with their bytes.

use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use allocation_counter::AllocationInfo;
use axum::body::Body;
use axum::extract::{Path, Request};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use clap::Parser;
use nova::prelude::{Group, Reply, Routes, json};
use nova::testing::{self, TestApp};
use nova_benches::Result;
use tower::ServiceExt as _;

#[derive(Parser)]
struct Flags {
    /// Turns of each
    #[arg(long, default_value_t = 200)]
    turns: usize,
    /// Requests in a turn
    #[arg(long, default_value_t = 2000)]
    requests: u32,
    /// Only those with this in their name
    #[arg(long, default_value = "")]
    only: String,
}

/// Who answers.
enum Answering {
    Nova(TestApp),
    Axum(Router),
}

/// One way to answer a path.
struct Case {
    name: &'static str,
    path: &'static str,
    answering: Answering,
    best: Duration,
    allocated: AllocationInfo,
}

/// What a future gives that waits for nothing, and what it allocates.
fn counted<T>(mut future: Pin<&mut impl Future<Output = T>>) -> (Option<T>, AllocationInfo) {
    let mut output = None;
    let allocated = allocation_counter::measure(|| {
        if let Poll::Ready(ready) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            output = Some(ready);
        }
    });
    (output, allocated)
}

fn routes() -> Routes {
    Routes::new().group(
        Group::new("/")
            .get("/heartbeat", async || Reply::status(200))
            .get("/json", async || Reply::json(json!({ "message": "Hello, World!" })))
            .get("/unregistered", async || Json(json!({ "message": "Hello, World!" })))
            .get("/users/{id}", async |Path(id): Path<u64>| {
                Reply::json(json!({ "id": id }))
            }),
    )
}

fn router() -> Router {
    Router::new()
        .route("/heartbeat", get(async || StatusCode::OK))
        .route("/json", get(async || Json(json!({ "message": "Hello, World!" }))))
        .route(
            "/users/{id}",
            get(async |Path(id): Path<u64>| Json(json!({ "id": id }))),
        )
}

fn main() -> Result<()> {
    let flags = Flags::parse();
    let nova = || Answering::Nova(testing::app(routes));
    let axum = || Answering::Axum(router());
    let mut cases = vec![
        Case::new("heartbeat, axum", "/heartbeat", axum()),
        Case::new("heartbeat, nova", "/heartbeat", nova()),
        Case::new("json, axum", "/json", axum()),
        Case::new("json, nova", "/json", nova()),
        Case::new("json, nova without its registry", "/unregistered", nova()),
        Case::new("a parameter, axum", "/users/7", axum()),
        Case::new("a parameter, nova", "/users/7", nova()),
    ];
    cases.retain(|case| case.name.contains(&flags.only));
    testing::run(measure(&mut cases, &flags))?;
    println!("{:<34}{:>8}{:>14}{:>10}", "", "ns", "allocations", "bytes");
    for case in &cases {
        println!(
            "{:<34}{:>8}{:>14}{:>10}",
            case.name,
            case.best.as_nanos(),
            case.allocated.count_total,
            case.allocated.bytes_total
        );
    }
    let time = |name: &str| {
        cases
            .iter()
            .find(|case| case.name == name)
            .map(|case| case.best.as_nanos())
    };
    if let (Some(with), Some(without)) = (time("json, nova"), time("json, nova without its registry")) {
        println!(
            "\na reply through the registry: {} ns",
            i128::try_from(with)? - i128::try_from(without)?
        );
    }
    Ok(())
}

async fn measure(cases: &mut [Case], flags: &Flags) -> Result<()> {
    for case in cases.iter_mut() {
        case.count().await?;
    }
    for _ in 0..flags.turns {
        for case in cases.iter_mut() {
            case.turn(flags.requests).await?;
        }
    }
    Ok(())
}

impl Case {
    fn new(name: &'static str, path: &'static str, answering: Answering) -> Self {
        Self {
            name,
            path,
            answering,
            best: Duration::MAX,
            allocated: AllocationInfo::default(),
        }
    }

    /// A request as curl sends it.
    fn request(&self) -> Result<Request> {
        let request = Request::builder()
            .uri(self.path)
            .header("host", "localhost:8080")
            .header("user-agent", "curl/8.5.0")
            .header("accept", "*/*");
        Ok(request.body(Body::empty())?)
    }

    async fn answer(&self, request: Request) -> Result<Response> {
        let response = match &self.answering {
            Answering::Nova(app) => app.call(request).await,
            Answering::Axum(router) => router.clone().oneshot(request).await?,
        };
        match response.status() {
            StatusCode::OK => Ok(response),
            other => Err(format!("{} answers {other}", self.path).into()),
        }
    }

    /// Counts what is allocated from the request, which is there, to the response, which stays.
    async fn count(&mut self) -> Result<()> {
        // What is set up once is not counted.
        drop(self.answer(self.request()?).await?);
        let request = self.request()?;
        let (answer, allocated) = counted(pin!(self.answer(request)));
        let response = answer.ok_or("a controller that waits for something")?;
        drop(response?);
        self.allocated = allocated;
        Ok(())
    }

    async fn turn(&mut self, requests: u32) -> Result<()> {
        let mut ready = Vec::with_capacity(requests as usize);
        for _ in 0..requests {
            ready.push(self.request()?);
        }
        let begin = Instant::now();
        for request in ready {
            black_box(self.answer(request).await?);
        }
        self.best = self.best.min(begin.elapsed() / requests);
        Ok(())
    }
}
