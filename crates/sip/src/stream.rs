//! 连接: SIP over TCP and TLS 1.3. A connection carries one message after the other, each as long as its Content-Length says.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::{
    aside::Way,
    edge::{Edge, Reaction, Source, Work},
    message::{Fields, Head, LONGEST, Name},
    scan,
};

/// Most connections at a time; trunks are few, and each needs one or two.
const MOST_CONNECTIONS: usize = 1_024;
/// A message that has begun must end within this time, an answer be taken, a handshake done. Who stops in the middle holds a place.
const MIDDLE: Duration = Duration::from_secs(10);
/// A connection nobody uses is closed after this time.
const IDLE: Duration = Duration::from_secs(600);
/// Answers of calls that waited aside, on their way to one connection.
const LATE: usize = 64;
/// A peer that is gone without a word is found out within half a minute and some.
const PROBE: Duration = Duration::from_secs(30);

/// What stands at the front of what a connection brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// Not all of a message yet.
    More,
    /// A keep-alive of so many bytes, to be answered with a line break (RFC 5626).
    Ping(usize),
    /// Line breaks between messages.
    Blank(usize),
    /// A message of so many bytes.
    Message(usize),
    /// Where this message ends cannot be told: it is answered, where that is possible, and the connection closed.
    Broken,
}

/// Finds the first message in `bytes`.
pub fn frame(bytes: &[u8], fields: &mut Fields) -> Frame {
    match bytes {
        [] | [b'\r'] => return Frame::More,
        [b'\r', b'\n', b'\r', b'\n', ..] => return Frame::Ping(4),
        [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return Frame::More,
        [b'\r', b'\n', ..] => return Frame::Blank(2),
        _ => {}
    }
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4) else {
        return if bytes.len() > LONGEST { Frame::Broken } else { Frame::More };
    };
    let Ok(head) = Head::read(bytes.get(..end.min(LONGEST)).unwrap_or_default(), fields) else { return Frame::Broken };
    let mut lengths = head.values(Name::ContentLength);
    let length = match (lengths.next(), lengths.next()) {
        (None, _) => Some(0),
        (Some(one), None) => scan::number(one),
        _ => None,
    };
    match length.and_then(|length| usize::try_from(length).ok()).and_then(|length| length.checked_add(end)) {
        Some(whole) if whole > LONGEST => Frame::Broken,
        Some(whole) if whole <= bytes.len() => Frame::Message(whole),
        Some(_) => Frame::More,
        None => Frame::Broken,
    }
}

/// Takes connections until `stop`. With `tls` each begins with a handshake, under the certificate that is in force at that moment.
///
/// # Errors
/// The address cannot be listened on.
pub async fn serve(
    listener: std::net::TcpListener,
    edge: Arc<Edge>,
    tls: Option<Arc<ArcSwap<rustls::ServerConfig>>>,
    stop: CancellationToken,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((connection, address)) = accepted else { continue };
        // A stranger learns nothing, and costs nothing.
        if !edge.knows(address.ip()) {
            continue;
        }
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::warn!("a connection was refused: {MOST_CONNECTIONS} are open");
            continue;
        };
        let (edge, stop) = (Arc::clone(&edge), stop.clone());
        let acceptor = tls.as_ref().map(|tls| TlsAcceptor::from(tls.load_full()));
        connections.spawn(async move {
            let talk = async {
                prepare(&connection)?;
                match acceptor {
                    Some(acceptor) => talk(timeout(MIDDLE, acceptor.accept(connection)).await??, address, &edge).await,
                    None => talk(connection, address, &edge).await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                ended = talk => if let Err(error) = ended {
                    tracing::debug!("a connection ended: {error}");
                }
            }
            drop(place);
        });
    }
    while connections.join_next().await.is_some() {}
    Ok(())
}

fn prepare(connection: &TcpStream) -> io::Result<()> {
    connection.set_nodelay(true)?;
    SockRef::from(connection).set_tcp_keepalive(&TcpKeepalive::new().with_time(PROBE).with_interval(Duration::from_secs(5)))
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, address: SocketAddr, edge: &Arc<Edge>) -> io::Result<()> {
    let source = Source { address, stream: true };
    let mut bytes = Vec::with_capacity(4_096);
    let mut fields = Fields::default();
    let mut work = Work::default();
    let (way, mut late) = mpsc::channel::<Vec<u8>>(LATE);
    let mut deadline = Instant::now() + IDLE;
    loop {
        let begun = !bytes.is_empty();
        tokio::select! {
            read = timeout_at(deadline, stream.read_buf(&mut bytes)) => if read?? == 0 {
                return Ok(());
            },
            // A call that waited aside has its verdict.
            Some(answer) = late.recv() => {
                timeout(MIDDLE, stream.write_all(&answer)).await??;
                timeout(MIDDLE, stream.flush()).await??;
                continue;
            }
        }
        let mut done = 0;
        let mut answers = Vec::new();
        let mut broken = false;
        loop {
            let rest = bytes.get(done..).unwrap_or_default();
            let whole = match frame(rest, &mut fields) {
                Frame::More => break,
                Frame::Blank(length) => length,
                Frame::Ping(length) => {
                    answers.extend_from_slice(b"\r\n");
                    length
                }
                Frame::Message(length) => {
                    answer(edge, rest.get(..length).unwrap_or_default(), source, &mut work, &mut answers, &way);
                    length
                }
                Frame::Broken => {
                    answer(edge, rest.get(..rest.len().min(LONGEST)).unwrap_or_default(), source, &mut work, &mut answers, &way);
                    broken = true;
                    break;
                }
            };
            done += whole;
        }
        bytes.drain(..done);
        // Who sends a message byte by byte has the time of one message for it, not of each byte.
        if done > 0 || !begun {
            deadline = Instant::now() + if bytes.is_empty() { IDLE } else { MIDDLE };
        }
        if !answers.is_empty() {
            timeout(MIDDLE, stream.write_all(&answers)).await??;
            timeout(MIDDLE, stream.flush()).await??;
        }
        if broken {
            return timeout(MIDDLE, stream.shutdown()).await?;
        }
    }
}

fn answer(edge: &Arc<Edge>, message: &[u8], source: Source, work: &mut Work, answers: &mut Vec<u8>, way: &mpsc::Sender<Vec<u8>>) {
    match edge.receive(message, source, edge.moment(), work) {
        Reaction::Answer(_) => answers.extend_from_slice(&work.out),
        Reaction::Later => edge.later(message, source, Way::Connection(way.clone())),
        Reaction::Quiet | Reaction::Forward(_) => {}
    }
}
