//! 传输: real sockets on the loopback.

mod kit;

use std::{
    net::{SocketAddr, TcpListener, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use chuangsha_kernel::{Timestamp, time::SettableClock};
use chuangsha_sip::{
    Edge, Trunks,
    datagram::Datagrams,
    message::Fields,
    stream::{self, Frame, frame},
    tls,
    watch::Settable,
};
use kit::{ByLastDigit, TRUNKS, call, header, message, status, wire};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

const SOON: Duration = Duration::from_secs(20);

fn edge() -> Arc<Edge> {
    // A busy machine may take longer than 5 ms for anything; here no time passes.
    let clock = Arc::new(SettableClock::at(Timestamp(1_800_000_000_000)));
    Arc::new(Edge::new(Trunks::parse(TRUNKS).unwrap(), Arc::new(ByLastDigit::default()), [7; 16], clock, Arc::new(Settable::default())))
}

#[test]
fn calls_are_answered_over_both_families_by_every_loop() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let stop = Arc::new(AtomicBool::new(false));
        let edge = edge();
        let datagrams = match Datagrams::bind(address.parse().unwrap(), 2, 1 << 20) {
            Ok(datagrams) => datagrams,
            Err(error) if address.starts_with('[') => {
                eprintln!("SKIPPED: this machine has no IPv6 loopback: {error}");
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        let server = datagrams.address;
        let loops = datagrams.serve(&edge, &stop).unwrap();
        // Sixteen senders: the kernel spreads them over both loops.
        for sender in 0..16_u32 {
            let socket = UdpSocket::bind(SocketAddr::new(server.ip(), 0)).unwrap();
            socket.set_read_timeout(Some(SOON)).unwrap();
            let mut room = [0; 4_096];
            for n in 0..50 {
                let callee = ["+8619900005670", "+8619900005671", "+8619900005672"][n as usize % 3];
                socket.send_to(&wire(&call(callee, sender * 1_000 + n)), server).unwrap();
                let (length, from) = socket.recv_from(&mut room).unwrap();
                assert_eq!(from, server);
                let answer = String::from_utf8(room[..length].to_vec()).unwrap();
                assert_eq!(status(&answer), [404, 302, 603][n as usize % 3]);
                assert_eq!(header(&answer, "Call-ID"), Some(format!("{}@gw.example", sender * 1_000 + n).as_str()));
                let rport = format!("rport={}", socket.local_addr().unwrap().port());
                assert!(header(&answer, "Via").unwrap().contains(&rport));
            }
        }
        assert_eq!(edge.counters.calls.get(), 800);
        stop.store(true, Ordering::Relaxed);
        for one in loops {
            one.join().unwrap();
        }
    }
}

#[test]
fn the_largest_datagram_is_answered_and_the_next_one_too() {
    let stop = Arc::new(AtomicBool::new(false));
    let edge = edge();
    let datagrams = Datagrams::bind("127.0.0.1:0".parse().unwrap(), 1, 1 << 20).unwrap();
    let server = datagrams.address;
    let loops = datagrams.serve(&edge, &stop).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let mut room = vec![0; 65_536];
    let big = wire(&message(
        "INVITE sip:+8619900005670@core.example SIP/2.0",
        &["Via: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK1"],
        &"a".repeat(65_000),
    ));
    for bytes in [&big, &vec![b'I'; 65_507], &big] {
        socket.send_to(bytes, server).unwrap();
    }
    for _ in 0..2 {
        let (length, _) = socket.recv_from(&mut room).unwrap();
        assert_eq!(status(std::str::from_utf8(&room[..length]).unwrap()), 404);
    }
    assert_eq!((edge.counters.calls.get(), edge.counters.retransmissions.get(), edge.counters.noise.get()), (1, 1, 1));
    stop.store(true, Ordering::Relaxed);
    loops.into_iter().for_each(|one| one.join().unwrap());
}

#[test]
fn messages_are_cut_where_they_end() {
    let mut fields = Fields::default();
    let mut cut = |bytes: &[u8]| frame(bytes, &mut fields);
    let one = wire(&message("OPTIONS sip:core.example SIP/2.0", &[], "abc"));
    assert_eq!(cut(&one), Frame::Message(one.len()));
    for end in 0..one.len() {
        assert_eq!(cut(&one[..end]), Frame::More, "{end}");
    }
    assert_eq!(cut(&[&one[..], b"OPT"].concat()), Frame::Message(one.len()));
    assert_eq!(cut(b"\r\n\r\nOPTIONS"), Frame::Ping(4));
    assert_eq!(cut(b"\r\nOPTIONS"), Frame::Blank(2));
    let none = wire(&message("OPTIONS sip:core.example SIP/2.0", &["-Content-Length:"], ""));
    assert_eq!(cut(&none), Frame::Message(none.len()), "no length is no body here");
    for wrong in [["l: -1", "X: y"], ["l: 99999999999999999999", "X: y"], ["l: 1", "Content-Length: 1"], ["l: 70000", "X: y"]] {
        assert_eq!(
            cut(&wire(&message("OPTIONS sip:core.example SIP/2.0", &[wrong[0], wrong[1], "-Content-Length:"][..2], ""))),
            Frame::Broken,
            "{wrong:?}"
        );
    }
    assert_eq!(cut(&vec![b'a'; 70_000]), Frame::Broken);
    assert_eq!(cut(b"GET / HTTP/1.1\r\n\r\n"), Frame::Broken);
}

struct Server {
    edge: Arc<Edge>,
    address: SocketAddr,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Server {
    fn start(tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (edge, address, stop) = (edge(), listener.local_addr().unwrap(), CancellationToken::new());
        let task = tokio::spawn(stream::serve(listener, Arc::clone(&edge), tls.map(|tls| Arc::new(ArcSwap::new(tls))), stop.clone()));
        Self { edge, address, stop, task }
    }

    async fn stop(self) {
        self.stop.cancel();
        timeout(SOON, self.task).await.unwrap().unwrap().unwrap();
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin), statuses: &[u16]) {
    let mut bytes = Vec::new();
    let mut fields = Fields::default();
    for expected in statuses {
        loop {
            if let Frame::Message(length) = frame(&bytes, &mut fields) {
                let answer = String::from_utf8(bytes.drain(..length).collect()).unwrap();
                assert_eq!(status(&answer), *expected, "{answer}");
                break;
            }
            assert_ne!(timeout(SOON, stream.read_buf(&mut bytes)).await.unwrap().unwrap(), 0, "closed before {expected}");
        }
    }
    assert_eq!(bytes, b"");
}

async fn closed(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut rest = Vec::new();
    !matches!(timeout(SOON, stream.read_to_end(&mut rest)).await, Ok(Ok(n)) if n > 0)
}

#[tokio::test]
async fn a_connection_carries_messages_in_any_pieces() {
    let server = Server::start(None);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let both = [wire(&call("+8619900005670", 1)), wire(&call("+8619900005672", 2))].concat();
    stream.write_all(&both).await.unwrap();
    read(&mut stream, &[404, 603]).await;
    for piece in wire(&call("+8619900005671", 3)).chunks(7) {
        stream.write_all(piece).await.unwrap();
        stream.flush().await.unwrap();
        tokio::task::yield_now().await;
    }
    read(&mut stream, &[302]).await;
    stream.write_all(b"\r\n\r\n").await.unwrap();
    let mut pong = [0; 2];
    timeout(SOON, stream.read_exact(&mut pong)).await.unwrap().unwrap();
    assert_eq!(&pong, b"\r\n");
    stream.write_all(&wire(&call("+8619900005671", 3).replace("INVITE", "ACK"))).await.unwrap();
    stream.write_all(&wire(&call("+8619900005671", 3).replace("INVITE", "CANCEL"))).await.unwrap();
    read(&mut stream, &[200]).await;
    assert_eq!(server.edge.counters.calls.get(), 3);
    server.stop().await;
}

#[tokio::test]
async fn a_message_without_an_end_is_answered_and_the_connection_closed() {
    let server = Server::start(None);
    for (headers, expected) in [("Content-Length: -999", 400), ("Content-Length: 70000", 400)] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&wire(&message("INVITE sip:a@b.example SIP/2.0", &[headers], ""))).await.unwrap();
        read(&mut stream, &[expected]).await;
        assert!(closed(&mut stream).await);
    }
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(closed(&mut stream).await, "no SIP, no answer");
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn who_stops_in_the_middle_loses_the_connection() {
    let server = Server::start(None);
    let mut half = TcpStream::connect(server.address).await.unwrap();
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    half.write_all(b"INVITE sip:a@b.example SIP/2.0\r\n").await.unwrap();
    // Time is the runtime's own here: it moves on as soon as nobody has anything to do.
    assert!(closed(&mut half).await, "ten seconds in the middle of a message are enough");
    idle.write_all(&wire(&call("+8619900005670", 1))).await.unwrap();
    read(&mut idle, &[404]).await;
    server.stop().await;
}

#[tokio::test(start_paused = true)]
#[allow(clippy::disallowed_methods, reason = "the runtime's own time, which stands still")]
async fn who_drips_a_message_has_the_time_of_one_message() {
    let server = Server::start(None);
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    let whole = wire(&call("+8619900005670", 1));
    let mut seconds = 0;
    for byte in &whole {
        if slow.write_all(&[*byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        seconds += 1;
    }
    assert!((10..20).contains(&seconds), "{seconds}");
    assert!(closed(&mut slow).await);
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn who_sends_and_never_reads_loses_the_connection() {
    let server = Server::start(None);
    let mut deaf = TcpStream::connect(server.address).await.unwrap();
    let calls: Vec<u8> = (0..200).flat_map(|n| wire(&call("+8619900005670", n))).collect();
    // Both buffers fill, the answers lie there for ten seconds, and that is the end of it.
    let mut refused = false;
    for _ in 0..2_000 {
        refused = deaf.write_all(&calls).await.is_err();
        if refused {
            break;
        }
    }
    assert!(refused, "the connection is still open");
    let mut other = TcpStream::connect(server.address).await.unwrap();
    other.write_all(&wire(&call("+8619900005670", 1_000))).await.unwrap();
    read(&mut other, &[404]).await;
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn who_opens_and_shakes_no_hands_loses_the_connection() {
    let (chain, key, _) = certificate(4_000);
    let server = Server::start(Some(tls::server(chain.as_bytes(), key.as_bytes(), None).unwrap()));
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut half = TcpStream::connect(server.address).await.unwrap();
    // The first bytes of a greeting whose rest never comes.
    half.write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap();
    assert!(closed(&mut silent).await && closed(&mut half).await);
    server.stop().await;
}

/// An authority and a certificate of it: chain and key of the certificate, the authority's own certificate; all PEM.
fn certificate(until: i32) -> (String, String, String) {
    let authority_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(params, authority_key);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2_000, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    let certificate = params.signed_by(&key, &issuer).unwrap();
    (certificate.pem(), key.serialize_pem(), authority.pem())
}

async fn over_tls(
    address: SocketAddr,
    authority: &str,
    own: Option<(&str, &str)>,
    version: &'static rustls::SupportedProtocolVersion,
) -> std::io::Result<impl AsyncRead + AsyncWrite + Unpin> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    let config = match own {
        Some((chain, key)) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(chain.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            )
            .unwrap(),
        None => builder.with_no_client_auth(),
    };
    let stream = TcpStream::connect(address).await?;
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

#[tokio::test]
async fn tls_is_of_version_1_3_and_nothing_older() {
    let (chain, key, authority) = certificate(4_000);
    let server = Server::start(Some(tls::server(chain.as_bytes(), key.as_bytes(), None).unwrap()));
    let mut stream = over_tls(server.address, &authority, None, &rustls::version::TLS13).await.unwrap();
    stream.write_all(&wire(&call("+8619900005672", 1))).await.unwrap();
    read(&mut stream, &[603]).await;
    assert!(over_tls(server.address, &authority, None, &rustls::version::TLS12).await.is_err());
    drop(stream);
    server.stop().await;
}

#[tokio::test]
async fn a_peer_without_a_certificate_in_force_is_turned_away() {
    let (chain, key, server_authority) = certificate(4_000);
    let (fresh, fresh_key, authority) = certificate(4_000);
    let server = Server::start(Some(tls::server(chain.as_bytes(), key.as_bytes(), Some(authority.as_bytes())).unwrap()));
    let mut stream = over_tls(server.address, &server_authority, Some((&fresh, &fresh_key)), &rustls::version::TLS13).await.unwrap();
    stream.write_all(&wire(&call("+8619900005670", 1))).await.unwrap();
    read(&mut stream, &[404]).await;
    drop(stream);
    server.stop().await;

    // Its own authority, but the certificate ran out.
    let (expired, expired_key, authority) = certificate(2_020);
    let server = Server::start(Some(tls::server(chain.as_bytes(), key.as_bytes(), Some(authority.as_bytes())).unwrap()));
    for own in [None, Some((expired.as_str(), expired_key.as_str()))] {
        // In TLS 1.3 the server's refusal may only show with the first read.
        if let Ok(mut stream) = over_tls(server.address, &server_authority, own, &rustls::version::TLS13).await {
            let _ = stream.write_all(&wire(&call("+8619900005670", 2))).await;
            assert!(closed(&mut stream).await);
        }
    }
    assert_eq!(server.edge.counters.calls.get(), 0);
    server.stop().await;
}

#[test]
fn certificates_that_are_none_are_refused() {
    let (chain, key, _) = certificate(4_000);
    let (_, other, _) = certificate(4_000);
    assert!(tls::server(b"", key.as_bytes(), None).is_err());
    assert!(tls::server(chain.as_bytes(), b"none", None).is_err());
    assert!(tls::server(chain.as_bytes(), other.as_bytes(), None).is_err(), "the key of another");
    assert!(tls::server(chain.as_bytes(), key.as_bytes(), Some(b"")).is_err());
}
