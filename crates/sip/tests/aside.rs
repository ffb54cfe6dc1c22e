//! 旁路: a call that hangs on the roaming port waits beside the others, gets its verdict when the answer is there, and passes when it is not.

mod kit;

use std::{
    future::Future,
    net::{SocketAddr, UdpSocket},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use chuangsha_kernel::{Rulebook, Timestamp, time::SettableClock};
use chuangsha_screen::{Engine, Number, Roaming, StateConfig, replay::SnapshotSpec, rules::PACKS};
use chuangsha_sip::{
    Edge, Screening, Trunks,
    aside::{Aside, Locate},
    datagram::Datagrams,
    stream,
    watch::Settable,
};
use kit::{message, status, wire};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Notify,
};
use tokio_util::sync::CancellationToken;

const TRUNKS: &str = r#"
    [[trunk]]
    name = "gateway"
    class = "international"
    sources = ["127.0.0.1"]
"#;

/// Answers when told to.
#[derive(Default)]
struct Port {
    answer: Mutex<Option<Roaming>>,
    told: Notify,
    asked: AtomicUsize,
}

impl Locate for Port {
    fn known(&self, _: Number, _: Timestamp) -> Option<Roaming> {
        None
    }

    fn locate(&self, _: Number, _: Timestamp) -> Pin<Box<dyn Future<Output = Roaming> + Send + '_>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async {
            loop {
                let told = self.told.notified();
                if let Some(answer) = *self.answer.lock().unwrap() {
                    return answer;
                }
                told.await;
            }
        })
    }
}

fn edge(port: &Arc<Port>, patience: Duration) -> Arc<Edge> {
    let spec: SnapshotSpec = serde_json::from_str(r#"{"version":1,"home":"china_broadnet","on":"2026-11-22"}"#).unwrap();
    let snapshot = spec.compile(&Rulebook::embedded(PACKS).unwrap()).unwrap();
    let engine = Engine::new(snapshot, StateConfig { callers: 1_024, callees: 1_024, seed: 1 });
    let decide = Screening::new(Arc::new(engine)).roaming(port.clone());
    let clock = Arc::new(SettableClock::at(Timestamp(1_795_320_000_000)));
    let edge = Edge::new(Trunks::parse(TRUNKS).unwrap(), Arc::new(decide), [7; 16], clock, Arc::new(Settable::default()));
    Arc::new(edge.aside(Aside::new(tokio::runtime::Handle::current()).roaming(port.clone(), patience)))
}

fn invite(from: &str, branch: &str, transport: &str) -> Vec<u8> {
    wire(&message(
        "INVITE sip:+8619900005670@127.0.0.1 SIP/2.0",
        &[
            &format!("Via: SIP/2.0/{transport} 127.0.0.1:5060;rport;branch=z9hG4bK-{branch}"),
            &format!("From: <sip:{from}@gw.example>;tag={branch}"),
            &format!("Call-ID: {branch}@gw.example"),
        ],
        "",
    ))
}

fn served(edge: &Arc<Edge>) -> (SocketAddr, Arc<AtomicBool>) {
    let stop = Arc::new(AtomicBool::new(false));
    let datagrams = Datagrams::bind(SocketAddr::from(([127, 0, 0, 1], 0)), 1, 1 << 20).unwrap();
    let address = datagrams.address;
    datagrams.serve(edge, &stop).unwrap();
    (address, stop)
}

async fn answer(socket: &tokio::net::UdpSocket, within_ms: u64) -> Option<String> {
    let mut room = [0; 4_096];
    let received = tokio::time::timeout(Duration::from_millis(within_ms), socket.recv(&mut room)).await.ok()?;
    Some(String::from_utf8_lossy(&room[..received.unwrap()]).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_waits_for_the_port_and_nobody_waits_for_that_call() {
    let port = Arc::new(Port::default());
    let edge = edge(&port, Duration::from_secs(20));
    let (address, stop) = served(&edge);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let socket = tokio::net::UdpSocket::from_std(socket).unwrap();
    socket.connect(address).await.unwrap();

    let roamer = invite("+8619900001234", "roamer", "UDP");
    socket.send(&roamer).await.unwrap();
    socket.send(&invite("+442079460000", "other", "UDP")).await.unwrap();
    let first = answer(&socket, 20_000).await.unwrap();
    assert!(first.contains("z9hG4bK-other"), "the loop takes the next call: {first}");

    // A retransmission of what waits asks nobody again.
    socket.send(&roamer).await.unwrap();
    assert_eq!(answer(&socket, 100).await, None);
    *port.answer.lock().unwrap() = Some(Roaming::Abroad);
    port.told.notify_waiters();
    let late = answer(&socket, 20_000).await.unwrap();
    assert!(late.contains("z9hG4bK-roamer") && status(&late) == 404, "the subscriber is abroad: {late}");
    socket.send(&roamer).await.unwrap();
    assert_eq!(answer(&socket, 20_000).await.unwrap(), late, "from memory, the same bytes");
    assert_eq!((port.asked.load(Ordering::SeqCst), edge.counters.calls.get()), (1, 2));

    *port.answer.lock().unwrap() = Some(Roaming::AtHome);
    socket.send(&invite("+8619900001299", "forged", "UDP")).await.unwrap();
    let forged = answer(&socket, 20_000).await.unwrap();
    assert!(status(&forged) == 603 && forged.contains("rule=forged_home"), "{forged}");
    stop.store(true, Ordering::Relaxed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_does_not_answer_lets_the_call_pass_with_a_label() {
    let port = Arc::new(Port::default());
    let edge = edge(&port, Duration::from_millis(30));
    let (address, stop) = served(&edge);
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(address).await.unwrap();
    socket.send(&invite("+8619900001234", "silence", "UDP")).await.unwrap();
    let told = answer(&socket, 20_000).await.unwrap();
    assert!(status(&told) == 404 && told.contains("rule=roaming_unknown"), "{told}");
    stop.store(true, Ordering::Relaxed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_connection_the_late_answer_comes_on_it() {
    let port = Arc::new(Port::default());
    let edge = edge(&port, Duration::from_secs(20));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let serving = tokio::spawn(stream::serve(listener, Arc::clone(&edge), None, stop.clone()));
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    connection.write_all(&invite("+8619900001234", "roamer", "TCP")).await.unwrap();
    connection.write_all(&invite("+442079460000", "other", "TCP")).await.unwrap();
    let mut text = String::new();
    let mut room = [0; 4_096];
    while !text.contains("z9hG4bK-other") {
        let read = connection.read(&mut room).await.unwrap();
        text.push_str(std::str::from_utf8(&room[..read]).unwrap());
    }
    assert!(!text.contains("roamer"), "{text}");
    *port.answer.lock().unwrap() = Some(Roaming::Abroad);
    port.told.notify_waiters();
    while !text.contains("z9hG4bK-roamer") {
        let read = connection.read(&mut room).await.unwrap();
        text.push_str(std::str::from_utf8(&room[..read]).unwrap());
    }
    stop.cancel();
    serving.await.unwrap().unwrap();
}
