//! The application on Nova.

use super::{Application, RECORDS, common, each};
use crate::Result;

/// The text of the first controller, which says this.
pub(super) fn first(says: &str) -> String {
    controller(0, says)
}

pub(super) fn write(application: &Application, controllers: usize, handlers: usize) -> Result<()> {
    common(application)?;
    application.source(
        "main.rs",
        &format!(
            "//! Starts the application.\n\nuse {crate_name}::{{routes, store::Store}};\n\nfn main() -> \
             nova::Result<()> {{\n    nova::App::new(routes).state(Store::default()).run()\n}}\n",
            crate_name = application.crate_name()
        ),
    )?;
    application.source(
        "lib.rs",
        "//! An application.\n\npub mod controllers;\nmod routes;\npub mod store;\npub mod ws;\n\npub use \
         routes::routes;\n",
    )?;
    application.source(
        "controllers/mod.rs",
        &each(controllers, |number| format!("pub mod c{number};\n")),
    )?;
    for number in 0..controllers {
        application.source(&format!("controllers/c{number}.rs"), &controller(number, "nothing new"))?;
    }
    application.source(
        "ws/mod.rs",
        &each(handlers, |number| {
            format!("mod w{number};\npub use w{number}::Handler{number};\n")
        }),
    )?;
    for number in 0..handlers {
        application.source(&format!("ws/w{number}.rs"), &handler(number))?;
    }
    application.source("routes.rs", &routes(controllers, handlers))
}

fn routes(controllers: usize, handlers: usize) -> String {
    let modules = (0..controllers).map(|number| format!("c{number}"));
    let modules = modules.collect::<Vec<_>>().join(", ");
    let groups = each(controllers, |number| {
        format!(
            r#"        .group(
            Group::new("/c{number}")
                .get("/about", c{number}::about)
                .get("/", c{number}::index)
                .post("/", c{number}::create)
                .get("/{{id}}", c{number}::show)
                .put("/{{id}}", c{number}::update),
        )
"#
        )
    });
    let sockets = each(handlers, |number| {
        format!("                .ws(\"/w{number}/{{room}}\", ws::Handler{number}::init)\n")
    });
    format!(
        "//! Every route.\n\nuse nova::prelude::*;\n\nuse crate::controllers::{{{modules}}};\nuse \
         crate::store::Store;\nuse crate::ws;\n\npub fn routes() -> Routes<Store> {{\n    Routes::new()\n        \
         .group(\n            Group::new(\"/\")\n{sockets}        )\n{groups}}}\n"
    )
}

fn controller(number: usize, says: &str) -> String {
    format!(
        r#"//! Controller {number}.

use nova::prelude::*;
use serde::{{Deserialize, Serialize}};

use crate::store::Store;
{RECORDS}
pub async fn about() -> Reply {{
    Reply::status(200).with_body("{says}")
}}

pub async fn index(Query(page): Query<Page>) -> Reply {{
    let last = page.offset + page.limit.unwrap_or(20);
    Reply::json(json!({{ "from": page.offset, "to": last, "search": page.search }}))
}}

pub async fn show(State(store): State<Store>, Path(id): Path<u64>) -> nova::Result<Reply> {{
    let name = store.get("c{number}", id)?;
    Ok(Reply::json(Item {{ id, name, tags: Vec::new(), price: None }}))
}}

pub async fn create(State(store): State<Store>, Json(item): Json<Item>) -> nova::Result<Reply> {{
    store.put("c{number}", item.id, item.name.clone());
    Ok(Reply::json(item))
}}

pub async fn update(
    State(store): State<Store>,
    Path(id): Path<u64>,
    Json(item): Json<Item>,
) -> nova::Result<Reply> {{
    store.get("c{number}", id)?;
    store.put("c{number}", id, item.name);
    Ok(Reply::redirect(format!("/c{number}/{{id}}")))
}}
"#
    )
}

fn handler(number: usize) -> String {
    format!(
        r#"//! Handler {number}.

use nova::prelude::*;
use serde::{{Deserialize, Serialize}};

#[derive(Debug, Serialize, Deserialize)]
pub struct Handler{number} {{
    room: String,
}}

impl Handler{number} {{
    pub async fn init(socket: Socket, Path(room): Path<String>) -> Result<Self, Rejection> {{
        socket.join(&room);
        Ok(Self {{ room }})
    }}
}}

impl WebSocketHandler for Handler{number} {{
    const HANDOFF: Handoff<Self> = Handoff::serde();

    async fn handle(&mut self, frame: Frame, socket: &Socket) -> Commands {{
        if let Frame::Text(text) = frame {{
            socket.broadcast(&self.room, "message", text);
        }}
        Commands::none()
    }}

    async fn info(&mut self, info: Info, _socket: &Socket) -> Commands {{
        match info {{
            Info::Broadcast(message) => Commands::send(message.payload),
            _ => Commands::none(),
        }}
    }}
}}
"#
    )
}
