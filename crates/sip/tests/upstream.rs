//! 上游软交换: while its screen is gone it routes on by its timer, and a screen that comes back is asked again at once. The whole program, killed at
//! 40,000 calls a second, is `chuangsha bench sip --kill`.
#![cfg(target_os = "linux")]

mod kit;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use chuangsha_kernel::time::SystemClock;
use chuangsha_sip::{Edge, Trunks, bench::TRUNKS, datagram::Datagrams, upstream, watch::Monotonic};
use kit::ByLastDigit;

struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    loops: Vec<JoinHandle<()>>,
}

impl Server {
    fn start(address: &str) -> Self {
        let decider = Arc::new(ByLastDigit::default());
        let (clock, stopwatch) = (Arc::new(SystemClock::default()), Arc::new(Monotonic::default()));
        let edge = Edge::remembering(20_000, Trunks::parse(TRUNKS).unwrap(), decider, [3; 16], clock, stopwatch);
        // Other tests run beside this one.
        let edge = Arc::new(edge.patience(Duration::from_secs(5)));
        let datagrams = Datagrams::bind(address.parse().unwrap(), 1, 1 << 22).unwrap();
        let (address, stop) = (datagrams.address, Arc::new(AtomicBool::new(false)));
        let loops = datagrams.serve(&edge, &stop).unwrap();
        Self { address, stop, loops }
    }

    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.loops.into_iter().for_each(|one| one.join().unwrap());
    }
}

#[test]
fn a_screen_that_goes_and_comes_back_costs_no_call() {
    let mut first = Some(Server::start("127.0.0.1:0"));
    let address = first.as_ref().unwrap().address;
    let (mut gone, mut back) = (None, None);
    let fate = upstream::run(address, 1_000, Duration::from_secs(4), |elapsed| {
        if elapsed >= Duration::from_secs(1)
            && let Some(server) = first.take()
        {
            gone = Some(std::thread::spawn(move || server.end()));
        }
        if elapsed >= Duration::from_secs(2)
            && let Some(gone) = gone.take()
        {
            back = Some(std::thread::spawn(move || {
                gone.join().unwrap();
                Server::start(&address.to_string())
            }));
        }
    })
    .unwrap();
    back.take().unwrap().join().unwrap().end();
    let count = |tenths: &[(u64, u64)]| tenths.iter().fold((0, 0), |sum, tenth| (sum.0 + tenth.0, sum.1 + tenth.1));
    assert_eq!(fate.reached + fate.blocked, fate.calls, "every call went on, but for those that were stopped: {fate:?}");
    assert!(fate.calls >= 3_500 && fate.blocked > 0, "{fate:?}");
    let (asked, answered) = count(&fate.tenths[13..19]);
    assert!(asked > 0 && answered == 0 && fate.unanswered >= asked, "nobody was there: {fate:?}");
    let (asked, answered) = count(&fate.tenths[30..39]);
    // One in ten is blocked: that is no answer that routes on.
    assert!(answered * 10 >= asked * 8, "and it is asked again: {fate:?}");
}
