//! 旁路等待: calls that hang on an answer from elsewhere wait here, off the loops that take messages, and only so long.

use std::{
    future::Future,
    net::{SocketAddr, UdpSocket},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use chuangsha_kernel::Timestamp;
use chuangsha_screen::{
    Identity, Number, Roaming,
    stir::{Told, Vouch},
};
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

/// What has to be asked about a call before it is decided.
#[derive(Default)]
pub(crate) struct Questions {
    /// The subscriber somebody has to be asked about.
    pub subscriber: Option<Number>,
    /// Its identity tokens, and what they are held against.
    pub tokens: Option<(Vec<String>, Told)>,
}

/// What was heard of a call from elsewhere; nothing: nobody was asked.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Heard {
    pub roaming: Option<Roaming>,
    pub identity: Option<Identity>,
    /// The call waits aside and there is time left: it may be signed.
    pub signable: bool,
}

/// 旁路: the place where calls wait.
pub struct Aside {
    port: Option<(Arc<dyn Locate>, Duration)>,
    tokens: Option<Arc<dyn Vouch>>,
    places: Arc<Semaphore>,
    runtime: Handle,
}

impl Aside {
    /// A place with nobody to ask yet; the waiting is done on `runtime`.
    pub fn new(runtime: Handle) -> Self {
        Self { port: None, tokens: None, places: Arc::new(Semaphore::new(MOST_WAITING)), runtime }
    }

    /// Waits for `port` for `patience` at most.
    #[must_use]
    pub fn roaming(mut self, port: Arc<dyn Locate>, patience: Duration) -> Self {
        self.port = Some((port, patience));
        self
    }

    /// Has identity tokens checked there.
    #[must_use]
    pub fn tokens(mut self, tokens: Arc<dyn Vouch>) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// Whether somebody can be asked about a subscriber.
    pub(crate) const fn locates(&self) -> bool {
        self.port.is_some()
    }

    /// Whether tokens are checked.
    pub(crate) const fn vouches(&self) -> bool {
        self.tokens.is_some()
    }

    /// Lets the call in `bytes` wait; gives `way` back when there is no room.
    pub(crate) fn take(&self, edge: &Arc<Edge>, bytes: &[u8], source: Source, way: Way) -> Result<(), Way> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return Err(way) };
        let (edge, port, tokens, bytes) = (Arc::clone(edge), self.port.clone(), self.tokens.clone(), bytes.to_vec());
        let taken = edge.moment().micros;
        self.runtime.spawn(async move {
            let mut work = Work::default();
            let at = edge.now();
            let Questions { subscriber, tokens: asked } = edge.questions(&bytes, source, &mut work);
            let roaming = async {
                // Nobody to ask about: another call of the same subscriber brought the answer meanwhile.
                let (subscriber, (port, patience)) = subscriber.zip(port)?;
                Some(timeout(patience, port.locate(subscriber, at)).await.unwrap_or(Roaming::Unreachable))
            };
            // Of the time a call has for its verdict a part is left for the verdict.
            let left = || (edge.patience_micros() / 5 * 4).checked_sub(edge.moment().micros.saturating_sub(taken)).filter(|left| *left > 0);
            let identity = async {
                let ((asked, told), tokens) = asked.zip(tokens)?;
                // So many came at once that the time is over: what a check costs goes to those for whom it is not.
                let Some(left) = left() else { return Some(Identity::Unchecked) };
                Some(timeout(Duration::from_micros(left), tokens.vouch(asked, told)).await.unwrap_or(Identity::Unchecked))
            };
            let (roaming, identity) = tokio::join!(roaming, identity);
            let signable = left().is_some();
            edge.resume(&bytes, source, Heard { roaming, identity, signable }, &way, &mut work);
            drop(place);
        });
        Ok(())
    }
}
