//! A new migration is a reason to build: `sqlx::migrate!` puts them into the program.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
