//! The figures of `chuangsha bench screen` from a build of this crate alone:
//! `cargo run --release -p chuangsha-screen --example measure -- CALLERS NUMBERS DECISIONS`, or `-- PEOPLE` for a day of the simulated city.

use chuangsha_screen::{bench, city};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sizes: Vec<u64> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    match *sizes.as_slice() {
        [people] => {
            let report = city::run(people, 2_026)?;
            for row in &report.rows {
                println!("{}", serde_json::to_string(row)?);
            }
            println!("honest {:?}, labels {:.2e}, blocks {:.2e}", report.honest(), report.label_error(), report.block_error());
        }
        [callers, numbers, decisions] => {
            println!("{:#?}", bench::run(bench::Scale { callers, numbers, decisions }, &std::env::temp_dir())?);
        }
        _ => return Err("PEOPLE, or CALLERS NUMBERS DECISIONS".into()),
    }
    Ok(())
}
