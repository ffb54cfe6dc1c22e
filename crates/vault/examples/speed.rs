//! Prints the figures of `bench`: `cargo run --release -p chuangsha-vault --example speed`.

use chuangsha_vault::{Suite, VaultError, bench};

fn main() -> Result<(), VaultError> {
    for suite in [Suite::International, Suite::Gm] {
        let measured = bench::subscriber(suite, 100_000)?;
        let new = bench::new_subscriber(suite, 100_000)?;
        println!(
            "{suite:?}: subscriber {:.2} us (bare {:.2} us), with a new data key {:.2} us",
            measured.ours.micros(),
            measured.baseline.micros(),
            new.micros()
        );
    }
    let append = bench::audit_append(2_000_000)?;
    println!("audit append {:.0}/s (bare SHA-256 {:.0}/s)", append.ours.per_second(), append.baseline.per_second());
    Ok(())
}
