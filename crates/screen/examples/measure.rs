//! `cargo run --release -p chuangsha-screen --example measure -- CALLERS NUMBERS DECISIONS`: the figures of `chuangsha bench screen` from a build of
//! this crate alone.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sizes: Vec<u64> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let [callers, numbers, decisions] = sizes.as_slice() else { return Err("CALLERS NUMBERS DECISIONS".into()) };
    let scale = chuangsha_screen::bench::Scale { callers: *callers, numbers: *numbers, decisions: *decisions };
    println!("{:#?}", chuangsha_screen::bench::run(scale, &std::env::temp_dir())?);
    Ok(())
}
