//! Chromium without a window, and its pages.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::devtools::DevTools;
use super::process::Leader;
use super::{PATIENCE, command};

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

const FLAGS: [&str; 13] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // Every page here is looked at, also the one that lies behind another.
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--remote-debugging-port=0",
    "about:blank",
];

/// A browser with a profile of its own. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Browser {
    devtools: RefCell<DevTools>,
    _process: Leader,
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser. Where there is none, says so and returns none, unless `NOVA_TEST_BROWSER=required`.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// The same, for which this address is `localhost:8080`: what it shows is then the same each time.
    pub(crate) fn start_for(address: SocketAddr) -> Option<Self> {
        let rules = format!("--host-resolver-rules=MAP localhost:8080 {address}");
        Self::start_with(&[&rules, "--hide-scrollbars"])
    }

    fn start_with(flags: &[&str]) -> Option<Self> {
        let Some(program) = find() else {
            let required = std::env::var("NOVA_TEST_BROWSER").is_ok_and(|value| value == "required");
            let reason = format!("there is no browser: none of {NAMES:?} in PATH, and CHROMIUM is not set");
            assert!(!required, "{reason}");
            eprintln!("skipped: {reason}");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Command::new(program);
        browser
            .args(flags)
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = Leader::start(&mut browser);
        let stderr = BufReader::new(process.child().stderr.take().unwrap());
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            // Read to the end, so that the browser can go on writing.
            for line in stderr.lines().map_while(Result::ok) {
                if let Some(url) = line.strip_prefix("DevTools listening on ") {
                    let _ = sender.send(url.to_owned());
                }
            }
        });
        let url = receiver.recv_timeout(PATIENCE).expect("the browser listens in time");
        Some(Self {
            devtools: RefCell::new(DevTools::connect(&url)),
            _process: process,
            _profile: profile,
        })
    }

    /// Opens a page, and waits until it is loaded.
    #[track_caller]
    pub(crate) fn open(&self, url: &str) -> Page<'_> {
        let target = self.call(None, "Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = self.call(None, "Target.attachToTarget", &attach);
        let page = Page {
            browser: self,
            session: session["sessionId"].as_str().unwrap().to_owned(),
            target,
        };
        page.call("Runtime.enable", &json!({}));
        page.call("Log.enable", &json!({}));
        // As if each page had the focus of its own window.
        page.call("Emulation.setFocusEmulationEnabled", &json!({ "enabled": true }));
        let navigated = page.call("Page.navigate", &json!({ "url": url }));
        assert!(navigated["errorText"].is_null(), "{url}: {navigated}");
        page.sees("location.href !== 'about:blank' && document.readyState === 'complete'");
        page
    }

    #[track_caller]
    fn call(&self, session: Option<&str>, method: &str, params: &Value) -> Value {
        self.devtools.borrow_mut().call(session, method, params)
    }
}

fn find() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("CHROMIUM") {
        return Some(path.into());
    }
    let path = std::env::var_os("PATH")?;
    let directories: Vec<_> = std::env::split_paths(&path).collect();
    let mut candidates = NAMES
        .iter()
        .flat_map(|name| directories.iter().map(move |directory| directory.join(name)));
    candidates.find(|candidate| candidate.is_file())
}

/// An open page.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    browser: &'a Browser,
    session: String,
    target: Value,
}

impl Page<'_> {
    #[track_caller]
    fn call(&self, method: &str, params: &Value) -> Value {
        self.browser.call(Some(&self.session), method, params)
    }

    /// The value of a JavaScript expression, that of a promise when it is kept.
    #[track_caller]
    pub(crate) fn evaluate(&self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let result = self.call("Runtime.evaluate", &params);
        let exception = &result["exceptionDetails"];
        assert!(exception.is_null(), "{expression}: {exception}");
        result["result"]["value"].clone()
    }

    /// Waits until a JavaScript expression is true.
    #[track_caller]
    pub(crate) fn sees(&self, expression: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.evaluate(expression) != true {
            let text = "document.body.innerText";
            assert!(
                Instant::now() < deadline,
                "not in time: {expression} on\n{}",
                self.evaluate(text)
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Types a line where the focus is, and ends it with the enter key.
    #[track_caller]
    pub(crate) fn types(&self, line: &str) {
        self.call("Input.insertText", &json!({ "text": line }));
        for kind in ["keyDown", "keyUp"] {
            let enter =
                json!({ "type": kind, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r" });
            self.call("Input.dispatchKeyEvent", &enter);
        }
    }

    /// Looks at the page in another size and another scheme of colours.
    #[track_caller]
    pub(crate) fn resize(&self, width: u32, height: u32, scheme: &str) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", &metrics);
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// What is seen, as a PNG.
    #[track_caller]
    pub(crate) fn picture(&self) -> Vec<u8> {
        // One that lies behind another may not be drawn.
        self.call("Page.bringToFront", &json!({}));
        let result = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        let picture = BASE64_STANDARD.decode(result["data"].as_str().unwrap()).unwrap();
        assert!(picture.starts_with(b"\x89PNG"), "a picture");
        picture
    }

    /// Saves what is seen, for people, as a PNG in the directory `screenshots` beside what is built for the tests.
    #[track_caller]
    pub(crate) fn screenshot(&self, name: &str) {
        let directory = command::target().join("screenshots");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(format!("{name}.png")), self.picture()).unwrap();
    }

    /// Closes it, and with it its connections: a browser has six of them for each host.
    #[track_caller]
    pub(crate) fn close(self) {
        self.browser.call(None, "Target.closeTarget", &self.target);
    }

    /// What the page has complained about until now.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.browser.devtools.borrow().complaints(&self.session)
    }
}
