//! 旁路等待: calls that hang on an answer from elsewhere wait here, off the loops that take messages, and only so long.

use std::{
    future::Future,
    net::{SocketAddr, UdpSocket},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use chuangsha_kernel::Timestamp;
use chuangsha_screen::{Number, Roaming};
use tokio::{runtime::Handle, sync::Semaphore, sync::mpsc, time::timeout};

use crate::edge::{Edge, Source, Work};

/// Most calls that wait for an answer at a time.
const MOST_WAITING: usize = 4_096;

/// 漫游查询口 over a network: HLR/HSS location, or whatever the operator has.
pub trait Locate: Send + Sync {
    /// What is known without asking. Called on the thread that received the call: it waits for nobody.
    fn known(&self, subscriber: Number, at: Timestamp) -> Option<Roaming>;

    /// Asks. Who waits for it gives up after a time of its own.
    fn locate(&self, subscriber: Number, at: Timestamp) -> Pin<Box<dyn Future<Output = Roaming> + Send + '_>>;
}

/// 回程: how an answer that comes later is sent.
pub enum Way {
    /// As a datagram from that socket.
    Socket(Arc<UdpSocket>),
    /// Over the connection the call came by.
    Connection(mpsc::Sender<Vec<u8>>),
}

impl Way {
    pub(crate) fn send(&self, bytes: &[u8], to: SocketAddr) {
        // Lost like any datagram; over a connection, like one to a peer that does not read.
        match self {
            Self::Socket(socket) => drop(socket.send_to(bytes, to)),
            Self::Connection(connection) => drop(connection.try_send(bytes.to_vec())),
        }
    }
}

/// 旁路: the place where calls wait.
pub struct Aside {
    port: Arc<dyn Locate>,
    patience: Duration,
    places: Arc<Semaphore>,
    runtime: Handle,
}

impl Aside {
    /// Waits for `port` for `patience` at most; the waiting is done on `runtime`.
    pub fn new(port: Arc<dyn Locate>, patience: Duration, runtime: Handle) -> Self {
        Self { port, patience, places: Arc::new(Semaphore::new(MOST_WAITING)), runtime }
    }

    /// Lets the call in `bytes` wait; gives `way` back when there is no room.
    pub(crate) fn take(&self, edge: &Arc<Edge>, bytes: &[u8], source: Source, way: Way) -> Result<(), Way> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return Err(way) };
        let (edge, port, bytes, patience) = (Arc::clone(edge), Arc::clone(&self.port), bytes.to_vec(), self.patience);
        self.runtime.spawn(async move {
            let mut work = Work::default();
            let at = edge.now();
            let roaming = match edge.subscriber(&bytes, source, &mut work) {
                Some(subscriber) => Some(timeout(patience, port.locate(subscriber, at)).await.unwrap_or(Roaming::Unreachable)),
                // Another call of the same subscriber brought the answer meanwhile.
                None => None,
            };
            edge.resume(&bytes, source, roaming, &way, &mut work);
            drop(place);
        });
        Ok(())
    }
}
