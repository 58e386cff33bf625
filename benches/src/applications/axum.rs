//! The same application on bare axum.

use super::{Application, RECORDS, common, each};
use crate::Result;

/// The text of the first controller, which says this.
pub(super) fn first(says: &str) -> String {
    controller(0, says)
}

pub(super) fn write(application: &Application, controllers: usize, handlers: usize) -> Result<()> {
    common(application)?;
    manifest(application)?;
    application.source(
        "main.rs",
        &format!(
            "//! Starts the application.\n\nuse {crate_name}::{{routes, store::Store}};\n\n#[tokio::main]\nasync fn \
             main() -> std::io::Result<()> {{\n    let listener = \
             tokio::net::TcpListener::bind(\"127.0.0.1:0\").await?;\n    axum::serve(listener, \
             routes().with_state(Store::default())).await\n}}\n",
            crate_name = application.crate_name()
        ),
    )?;
    application.source(
        "lib.rs",
        "//! An application.\n\npub mod controllers;\npub mod failure;\nmod routes;\npub mod store;\npub mod \
         ws;\n\npub use routes::routes;\n",
    )?;
    application.source("failure.rs", FAILURE)?;
    application.source(
        "controllers/mod.rs",
        &each(controllers, |number| format!("pub mod c{number};\n")),
    )?;
    for number in 0..controllers {
        application.source(&format!("controllers/c{number}.rs"), &controller(number, "nothing new"))?;
    }
    application.source("ws/mod.rs", &each(handlers, |number| format!("pub mod w{number};\n")))?;
    for number in 0..handlers {
        application.source(&format!("ws/w{number}.rs"), &handler(number))?;
    }
    application.source("routes.rs", &routes(controllers, handlers))
}

/// The manifest of `nova new`, with other dependencies.
fn manifest(application: &Application) -> Result<()> {
    let path = application.root.join("Cargo.toml");
    let text = std::fs::read_to_string(&path)?;
    let lines = text.lines().map(|line| {
        if line.starts_with("nova = ") {
            "axum = { version = \"0.8.9\", features = [\"ws\"] }\nserde_json = \"1\"\ntokio = { version = \"1.50\", \
             features = [\"macros\", \"net\", \"rt-multi-thread\", \"sync\"] }"
        } else {
            line
        }
    });
    let text: Vec<_> = lines.collect();
    Ok(std::fs::write(path, text.join("\n") + "\n")?)
}

/// What makes any error a response, as most applications have it.
const FAILURE: &str = r#"//! Errors.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

pub struct Failure(Box<dyn std::error::Error + Send + Sync>);

impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        eprintln!("{}", self.0);
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}
"#;

fn routes(controllers: usize, handlers: usize) -> String {
    let list = |letter: &str, count: usize| {
        let modules = (0..count).map(|number| format!("{letter}{number}"));
        modules.collect::<Vec<_>>().join(", ")
    };
    let groups = each(controllers, |number| {
        format!(
            r#"        .route("/c{number}/about", get(c{number}::about))
        .route("/c{number}", get(c{number}::index).post(c{number}::create))
        .route("/c{number}/{{id}}", get(c{number}::show).put(c{number}::update))
"#
        )
    });
    let sockets = each(handlers, |number| {
        format!("        .route(\"/w{number}/{{room}}\", get(w{number}::connect))\n")
    });
    format!(
        "//! Every route.\n\nuse axum::Router;\nuse axum::routing::get;\n\nuse \
         crate::controllers::{{{}}};\nuse crate::store::Store;\nuse crate::ws::{{{}}};\n\npub fn routes() -> \
         Router<Store> {{\n    Router::new()\n{sockets}{groups}}}\n",
        list("c", controllers),
        list("w", handlers),
    )
}

fn controller(number: usize, says: &str) -> String {
    format!(
        r#"//! Controller {number}.

use axum::Json;
use axum::extract::{{Path, Query, State}};
use axum::response::{{IntoResponse, Redirect}};
use serde::{{Deserialize, Serialize}};
use serde_json::{{Value, json}};

use crate::failure::Failure;
use crate::store::Store;
{RECORDS}
pub async fn about() -> &'static str {{
    "{says}"
}}

pub async fn index(Query(page): Query<Page>) -> Json<Value> {{
    let last = page.offset + page.limit.unwrap_or(20);
    Json(json!({{ "from": page.offset, "to": last, "search": page.search }}))
}}

pub async fn show(State(store): State<Store>, Path(id): Path<u64>) -> Result<Json<Item>, Failure> {{
    let name = store.get("c{number}", id)?;
    Ok(Json(Item {{ id, name, tags: Vec::new(), price: None }}))
}}

pub async fn create(State(store): State<Store>, Json(item): Json<Item>) -> Result<Json<Item>, Failure> {{
    store.put("c{number}", item.id, item.name.clone());
    Ok(Json(item))
}}

pub async fn update(
    State(store): State<Store>,
    Path(id): Path<u64>,
    Json(item): Json<Item>,
) -> Result<impl IntoResponse, Failure> {{
    store.get("c{number}", id)?;
    store.put("c{number}", id, item.name);
    Ok(Redirect::to(&format!("/c{number}/{{id}}")))
}}
"#
    )
}

/// A room of its own for each handler, as axum's example of a chat has it.
fn handler(number: usize) -> String {
    format!(
        r"//! Handler {number}.

use std::sync::LazyLock;

use axum::extract::ws::{{Message, WebSocket, WebSocketUpgrade}};
use axum::extract::Path;
use axum::response::Response;
use tokio::sync::broadcast;

static ROOM: LazyLock<broadcast::Sender<(String, String)>> = LazyLock::new(|| broadcast::channel(100).0);

pub async fn connect(upgrade: WebSocketUpgrade, Path(room): Path<String>) -> Response {{
    upgrade.on_upgrade(move |socket| run(socket, room))
}}

async fn run(mut socket: WebSocket, room: String) {{
    let mut messages = ROOM.subscribe();
    loop {{
        tokio::select! {{
            frame = socket.recv() => match frame {{
                Some(Ok(Message::Text(text))) => {{
                    let _ = ROOM.send((room.clone(), text.to_string()));
                }}
                Some(Ok(_)) => {{}}
                _ => return,
            }},
            message = messages.recv() => match message {{
                Ok((to, text)) if to == room => {{
                    if socket.send(Message::text(text)).await.is_err() {{
                        return;
                    }}
                }}
                Ok(_) => {{}}
                Err(_) => return,
            }},
        }}
    }}
}}
"
    )
}
