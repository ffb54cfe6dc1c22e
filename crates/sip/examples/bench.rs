//! `cargo run --release -p chuangsha-sip --example bench [SECONDS]`: the edge with the whole engine behind it, against the bare echo.
//! `… bench serve PORT SECONDS` answers on a port of the loopback for so long, `… bench call PORT SECONDS` calls there: for tests/peers/kamailio/bench.

use std::{net::SocketAddr, time::Duration};

use chuangsha_sip::bench;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, otherwise: u64| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let address = || SocketAddr::from(([127, 0, 0, 1], number(1, 5_060) as u16));
    let time = Duration::from_secs(number(2, 5).clamp(1, 60));
    match arguments.first().map(String::as_str) {
        Some("serve") => bench::serve(address(), time, &bench::engine()?)?,
        Some("call") => {
            let seen = bench::call(address(), 0, time, 1)?;
            println!("{{\"rate\":{:.0},\"sent\":{},\"answered\":{}}}", seen.rate(), seen.sent, seen.answered);
        }
        _ => {
            for figure in bench::run(&bench::engine()?, number(0, 3))? {
                let ratio = figure.value / figure.baseline;
                println!("{:18} {:>12.3} {:8} echo {:>12.3} ratio {ratio:.3}", figure.bench, figure.value, figure.unit, figure.baseline);
            }
        }
    }
    Ok(())
}
