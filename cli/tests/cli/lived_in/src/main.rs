//! Starts the harbour's office.

use harbour::app;

fn main() -> nova::Result<()> {
    if std::env::args().nth(1).as_deref() == Some("--version") {
        println!("harbour {}", env!("CARGO_PKG_VERSION"));
        return Ok(());
    }
    app().run()
}
