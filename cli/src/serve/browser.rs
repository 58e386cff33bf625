//! Opening a page in the browser.

use std::process::Stdio;

use tokio::process::Command;

/// What opens a URL, in the order of trial.
const OPENERS: [&str; 3] = if cfg!(target_os = "macos") {
    ["open", "xdg-open", "wslview"]
} else {
    ["xdg-open", "wslview", "open"]
};

/// Opens `url`. Says whether anything was started for it; it outlives the command.
pub(super) fn open(url: &str) -> bool {
    let chosen = std::env::var("BROWSER").ok().filter(|browser| !browser.is_empty());
    let openers = chosen.as_deref().into_iter().chain(OPENERS);
    openers.into_iter().any(|opener| {
        let mut command = Command::new(opener);
        command.arg(url).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().is_ok()
    })
}
