//! Builds again when a migration is added: `sqlx::migrate!` alone would not see it.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
