//! What a developer sees in the browser while the application is worked on.

use std::net::TcpListener;
use std::path::Path;

use nova_tests::{Project, Supervised};
use serde_json::{Value, json};

use crate::kit::{Browser, Page};

const LAYOUT: &str = r#"<!doctype html>
<html><head><link rel="stylesheet" href="/assets/app.css"></head>
<body data-process="{{process}}"><h1>one</h1></body></html>"#;

/// Rules of a page that would have everything else look like it, and be nowhere to be seen.
const HOSTILE: &str = "<!doctype html><style>
* { color: lime !important; opacity: .1 !important; position: static !important; transform: rotate(9deg) !important }
nova-overlay { display: none !important; visibility: hidden !important; z-index: -1 !important; width: 1px !important }
</style><body><dialog>modal</dialog><script>document.querySelector('dialog').showModal()</script></body>";

/// An application that is worked on.
struct Work {
    project: Project,
    listener: TcpListener,
}

impl Work {
    fn begin() -> Self {
        let project = Project::new()
            .file("views/page.hbs", LAYOUT)
            .file("assets/app.css", "h1 { color: rgb(1, 1, 1) }")
            .file("assets/hostile.html", HOSTILE);
        Self {
            project,
            listener: TcpListener::bind("127.0.0.1:0").unwrap(),
        }
    }

    fn run(&self, build: u64) -> Supervised {
        Supervised::start(env!("CARGO_BIN_EXE_pages"), self.project.path(), &self.listener, build)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.listener.local_addr().unwrap())
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(Path::new(self.project.path()).join(file), text).unwrap();
    }
}

fn failed(build: u64) -> Value {
    json!({
        "event": "failed", "build": build, "stage": "build", "summary": "1 error",
        "text": "\u{1b}[1m\u{1b}[91merror\u{1b}[0m: <b>mismatched</b> types\n --> src/main.rs:3:5\n",
        "diagnostics": [{ "level": "error", "message": "mismatched <i>types</i>", "file": "src/main.rs", "line": 3, "column": 5 }],
    })
}

const OVERLAY: &str = "document.querySelector('nova-overlay')?.shadowRoot.querySelector('.panel')?.checkVisibility()";
const NO_OVERLAY: &str = "document.querySelector('nova-overlay') === null";
const LISTENS: &str = "performance.getEntriesByType('resource').some(entry => entry.name.endsWith('/live.js'))";

/// Opens a page that is marked, so that another one in its place is told apart.
fn open<'a>(browser: &'a Browser, url: &str) -> Page<'a> {
    let page = browser.open(url);
    page.sees(LISTENS);
    page.evaluate("window.marked = true");
    page
}

#[test]
fn an_overlay_comes_with_what_does_not_compile_and_goes_with_what_does() {
    let Some(browser) = Browser::start() else { return };
    let work = Work::begin();
    let mut process = work.run(1);
    let page = open(&browser, &work.url("/"));
    process.tell(&failed(2));
    page.sees(OVERLAY);
    let text = |selector: &str| {
        page.evaluate(&format!(
            "document.querySelector('nova-overlay').shadowRoot.querySelector('{selector}').innerText"
        ))
    };
    assert_eq!(
        text("pre").as_str().unwrap().trim_end(),
        "error: <b>mismatched</b> types\n --> src/main.rs:3:5"
    );
    assert_eq!(text(".message"), "mismatched <i>types</i>");
    let href = page.evaluate("document.querySelector('nova-overlay').shadowRoot.querySelector('pre a').href");
    assert!(href.as_str().unwrap().ends_with("/src/main.rs:3:5"), "{href}");
    page.screenshot("overlay");

    // One that comes while it is so is shown it too, whatever its own rules are.
    let hostile = browser.open(&work.url("/assets/hostile.html"));
    hostile.sees(OVERLAY);
    let is_on_top = "(() => {
        const overlay = document.querySelector('nova-overlay');
        const style = getComputedStyle(overlay.shadowRoot.querySelector('h1'));
        return overlay.matches(':popover-open') && overlay.getBoundingClientRect().width === innerWidth
            && getComputedStyle(overlay).opacity === '1' && style.color !== 'rgb(0, 255, 0)';
    })()";
    hostile.sees(is_on_top);

    page.evaluate("dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }))");
    page.sees(&format!("!({OVERLAY})"));
    process.tell(&json!({ "event": "building", "build": 3 }));
    process.tell(&json!({ "event": "built", "build": 3, "seconds": 0.1 }));
    page.sees(NO_OVERLAY);
    hostile.sees(NO_OVERLAY);
    assert_eq!(page.evaluate("window.marked"), true, "it was not loaded again");
}

#[test]
fn a_style_sheet_is_swapped_and_a_view_reloads_the_page() {
    let Some(browser) = Browser::start() else { return };
    let work = Work::begin();
    let mut process = work.run(1);
    let page = open(&browser, &work.url("/"));
    page.sees("getComputedStyle(document.querySelector('h1')).color === 'rgb(1, 1, 1)'");
    work.write("assets/app.css", "h1 { color: rgb(2, 2, 2) }");
    process.tell(&json!({ "event": "changed", "files": ["assets/app.css"] }));
    page.sees("getComputedStyle(document.querySelector('h1')).color === 'rgb(2, 2, 2)'");
    page.sees("document.querySelectorAll('link').length === 1");
    assert_eq!(page.evaluate("window.marked"), true, "it was not loaded again");

    work.write("views/page.hbs", &LAYOUT.replace("<h1>one", "<h1>{{#if"));
    process.tell(&json!({ "event": "changed", "files": ["views/page.hbs"] }));
    page.sees(OVERLAY);
    assert_eq!(page.evaluate("document.querySelector('h1').innerText"), "one");
    work.write("views/page.hbs", &LAYOUT.replace("one", "two"));
    process.tell(&json!({ "event": "changed", "files": ["views/page.hbs"] }));
    page.sees("document.querySelector('h1')?.innerText === 'two'");
    page.sees(NO_OVERLAY);
}

#[test]
fn a_page_is_loaded_again_for_a_new_build_and_not_for_a_new_connection() {
    let Some(browser) = Browser::start() else { return };
    let work = Work::begin();
    let first = work.run(1);
    let page = open(&browser, &work.url("/"));
    // The same build in another process: the page has nothing to load again, and goes on listening.
    let mut same = work.run(1);
    first.end();
    same.tell(&failed(2));
    page.sees(OVERLAY);
    assert_eq!(page.evaluate("window.marked"), true);
    let process = page.evaluate("document.body.dataset.process");

    let _next = work.run(2);
    same.end();
    page.sees("document.readyState === 'complete' && window.marked === undefined");
    page.sees(NO_OVERLAY);
    assert_ne!(page.evaluate("document.body.dataset.process"), process);
}

#[test]
fn a_dashboard_shows_what_is_open_and_what_is_said() {
    let Some(browser) = Browser::start() else { return };
    let work = Work::begin();
    let process = work.run(1);
    let dashboard = browser.open(&work.url("/__nova/"));
    dashboard.sees("document.querySelector('#note').innerText === 'No WebSocket is open.'");
    let page = open(&browser, &work.url("/"));
    page.evaluate("window.socket = new WebSocket(location.href.replace('http', 'ws') + 'room'), 0");
    dashboard.sees("document.querySelector('tbody')?.innerText.includes('/room')");
    dashboard.evaluate("document.querySelector('tbody button').click()");
    dashboard.sees("document.querySelector('#tail h2').innerText === 'lobby'");
    page.sees("window.socket.readyState === WebSocket.OPEN");
    // It is listening when it has answered to what it was told after that.
    dashboard.evaluate("dispatchEvent(new KeyboardEvent('keydown', { key: '5' }))");
    dashboard.sees("document.querySelector('tbody')?.innerText.includes('server.port')");
    page.evaluate("window.socket.send('<i>hello</i>')");
    dashboard.sees("document.querySelector('#tail pre')?.innerText === '<i>hello</i>'");
    for scheme in ["light", "dark"] {
        dashboard.resize(1280, 900, scheme);
        dashboard.sees("document.documentElement.scrollWidth <= innerWidth");
    }
    dashboard.evaluate("dispatchEvent(new KeyboardEvent('keydown', { key: '1' }))");
    page.evaluate("window.socket.close()");
    dashboard.sees("document.querySelector('#note').innerText === 'No WebSocket is open.'");
    assert_eq!(dashboard.complaints(), Vec::<String>::new());
    drop(process);
}
