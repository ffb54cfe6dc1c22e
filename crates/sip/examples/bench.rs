//! `cargo run --release -p chuangsha-sip --example bench [SECONDS]`: the edge with the whole engine behind it, against the bare echo.
//! `… bench serve PORT SECONDS` answers on a port of the loopback for so long, `… bench call PORT SECONDS [FIRST]` calls there, the first call being
//! that number: for tests/peers/kamailio/bench. `… bench pairs COUNT` compares the slowest answers of both at 50,000 calls a second. `… bench soak MINUTES` runs at 20,000 calls a second.

use std::{net::SocketAddr, time::Duration};

use chuangsha_sip::bench::{self, Figure};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, otherwise: u64| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let address = || SocketAddr::from(([127, 0, 0, 1], number(1, 5_060) as u16));
    let time = Duration::from_secs(number(2, 5).clamp(1, 120));
    match arguments.first().map(String::as_str) {
        Some("serve") => bench::serve(address(), time, &bench::engine()?)?,
        Some("call") => {
            let seen = bench::call(address(), 0, time, number(3, 1))?;
            println!("{{\"rate\":{:.0},\"sent\":{},\"answered\":{}}}", seen.rate(), seen.sent, seen.answered);
        }
        Some("pairs") => {
            let [echo, ours] = bench::pairs(&bench::engine()?, number(1, 10))?;
            println!("p99 at 50,000 a second, µs, sorted: echo {echo:?}");
            println!("                                    ours {ours:?}");
        }
        Some("soak") => {
            let told = |minute, held: u64, sent, lost, worst| {
                println!("{minute:4} min {:6} MiB {sent:10} sent {lost:6} lost  p99 {worst:.0} µs", held >> 20);
            };
            show(&bench::soak(&bench::engine()?, number(1, 3), told)?);
        }
        _ => show(&bench::run(&bench::engine()?, number(0, 3))?),
    }
    Ok(())
}

fn show(figures: &[Figure]) {
    for Figure { bench, value, unit, baseline } in figures {
        println!("{bench:18} {value:>12.3} {unit:8} baseline {baseline:>12.3} ratio {:.3}", value / baseline);
    }
}
