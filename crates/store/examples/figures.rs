//! Prints the store's figures, one JSON object a line: `cargo run --release -p chuangsha-store --example figures -- DIRECTORY SECONDS`.

fn main() {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().unwrap_or_else(|| "target".into());
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(5);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for figure in runtime.block_on(chuangsha_store::bench::run(directory.as_ref(), seconds)) {
        println!("{}", serde_json::to_string(&figure).expect("JSON"));
    }
}
