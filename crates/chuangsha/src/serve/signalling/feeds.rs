//! 结果馈送: what becomes of calls that were only redirected. Call records are followed as they are written; HEP3 probes are listened to.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chuangsha_kernel::problem::Problem;
use chuangsha_screen::Engine;
use chuangsha_sip::{
    Decide,
    feed::{self, Row, asterisk, freeswitch, hep, kamailio},
};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{figures::Figures, pause};
use crate::{
    config::{Settings, keys},
    serve::{codes, lock},
};

/// How often records are looked for.
const LOOK: Duration = Duration::from_millis(500);
/// Bytes read with one look.
const PIECE: u64 = 4 << 20;
/// Calls a probe follows at a time.
const PROBED: usize = 200_000;
const STATE: &str = "feeds.json";

/// Takes rows in; gives how many were taken and the first reject.
fn take(rows: impl Iterator<Item = Row>, engine: &Engine, decide: &dyn Decide, figures: &Figures) -> (u64, Option<feed::Reject>) {
    let snapshot = engine.snapshot();
    let (mut taken, mut rejected, mut first) = (0, 0, None);
    for row in rows {
        match row {
            Ok(record) => match record.outcome(&snapshot.plan) {
                Some(outcome) => {
                    decide.outcome(&outcome);
                    taken += 1;
                }
                // Numbers of no plan: the call had no caller anybody could have counted.
                None => rejected += 1,
            },
            Err(reject) => {
                rejected += 1;
                first.get_or_insert(reject);
            }
        }
    }
    figures.taken.fetch_add(taken, Ordering::Relaxed);
    figures.rejected.fetch_add(rejected, Ordering::Relaxed);
    (taken, first)
}

/// HEP3 探针.
pub struct Probes {
    socket: tokio::net::UdpSocket,
    probe: hep::Probe,
}

impl Probes {
    /// Listens on `socket`. Frames from or to `own`, the edge's addresses, are passed over: an answer of the edge ends no call.
    ///
    /// # Errors
    /// The socket cannot be used.
    pub fn new(socket: std::net::UdpSocket, password: &str, own: Vec<SocketAddr>, secret: [u8; 16]) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let probe = hep::Probe::new(PROBED, password, secret).passing_over(own);
        Ok(Self { socket: tokio::net::UdpSocket::from_std(socket)?, probe })
    }

    /// Takes frames until `stop`.
    pub async fn run(mut self, engine: Arc<Engine>, decide: Arc<dyn Decide>, figures: Arc<Figures>, stop: CancellationToken) {
        let mut room = vec![0; 65_536];
        loop {
            let length = tokio::select! {
                () = stop.cancelled() => return,
                received = self.socket.recv_from(&mut room) => received.map_or(0, |(length, _)| length),
            };
            match self.probe.take(room.get(..length).unwrap_or_default()) {
                Ok(None) => {}
                Ok(Some(record)) => drop(take(std::iter::once(Ok(record)), &engine, &*decide, &figures)),
                Err(_) => {
                    figures.rejected.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

/// How far a file has been read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// Which file it was: a name may stand for another one tomorrow.
    inode: u64,
    offset: u64,
}

struct Followed {
    kind: &'static str,
    path: PathBuf,
    place: Option<Place>,
    open: Option<File>,
}

/// 话单跟读: reads what is appended to call records.
pub struct Follower {
    files: Vec<Followed>,
    zone: TimeZone,
    state: PathBuf,
}

impl Follower {
    /// For the files of the settings, where there are any.
    ///
    /// # Errors
    /// A time zone nobody knows.
    pub fn of(settings: &Settings) -> Result<Option<Self>, Problem> {
        let zone = settings.text("sip.cdr_zone");
        let zone = TimeZone::get(zone).map_err(|_| Problem::new(&codes::TIME_ZONE).field("sip.cdr_zone").with("zone", zone))?;
        let files: Vec<String> = settings.list("sip.cdr_files");
        if files.is_empty() {
            return Ok(None);
        }
        let files = files.iter().filter_map(|text| keys::file(keys::RECORDS, text));
        Ok(Some(Self::new(files.map(|(kind, path)| (kind, path.to_owned())), zone, settings.data().join(STATE))))
    }

    fn new(files: impl Iterator<Item = (&'static str, PathBuf)>, zone: TimeZone, state: PathBuf) -> Self {
        let kept: BTreeMap<PathBuf, Place> = fs::read(&state).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        let followed = |(kind, path): (&'static str, PathBuf)| {
            // The outcomes of last month's calls mean nothing today: a file nobody has read begins at its end.
            let place = kept.get(&path).copied().or_else(|| fs::metadata(&path).ok().map(|file| end_of(&file)));
            Followed { kind, path, place, open: None }
        };
        Self { files: files.map(followed).collect(), zone, state }
    }

    /// Reads until `stop`.
    pub async fn run(mut self, engine: Arc<Engine>, decide: Arc<dyn Decide>, figures: Arc<Figures>, stop: CancellationToken) {
        loop {
            let (engine, decide, figures) = (Arc::clone(&engine), Arc::clone(&decide), Arc::clone(&figures));
            let read = tokio::task::spawn_blocking(move || {
                let more = self.look(&engine, &*decide, &figures);
                (self, more)
            });
            let Ok((back, more)) = read.await else { return };
            self = back;
            if stop.is_cancelled() {
                return;
            }
            if !more {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = pause(LOOK) => {}
                }
            }
        }
    }

    /// Reads one piece of each file; true when there may be more at once.
    fn look(&mut self, engine: &Engine, decide: &dyn Decide, figures: &Figures) -> bool {
        let mut more = false;
        let mut moved = false;
        for file in &mut self.files {
            let before = file.place;
            match file.piece() {
                Ok(Some(piece)) => {
                    let bytes = piece.as_slice();
                    let (_, reject) = match file.kind {
                        "kamailio" => take(kamailio::read(bytes), engine, decide, figures),
                        "asterisk" => take(asterisk::read(bytes, self.zone.clone()), engine, decide, figures),
                        _ => take(freeswitch::read(bytes, self.zone.clone()), engine, decide, figures),
                    };
                    if let Some(reject) = reject {
                        let from = before.map_or(0, |place| place.offset);
                        tracing::warn!(file = %file.path.display(), from, row = reject.row, "a call record was rejected: {}", reject.fault);
                    }
                    more = true;
                }
                Ok(None) => {}
                Err(error) => tracing::debug!(file = %file.path.display(), "call records not readable: {error}"),
            }
            moved |= file.place != before;
        }
        if moved {
            self.save();
        }
        more
    }

    fn save(&self) {
        let places: BTreeMap<&Path, Place> = self.files.iter().filter_map(|file| Some((file.path.as_path(), file.place?))).collect();
        let text = serde_json::to_vec(&places).unwrap_or_default();
        if let Err(error) = lock::private_file(&self.state, &text) {
            tracing::warn!("how far call records were read could not be kept: {error}");
        }
    }
}

impl Followed {
    /// The whole lines that came since; nothing when none did.
    fn piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.open.is_none() {
            self.open = self.find()?;
        }
        let Some(open) = &mut self.open else { return Ok(None) };
        let file = open.metadata()?;
        let mut place = self.place.unwrap_or(Place { inode: inode(&file), offset: 0 });
        if file.len() < place.offset {
            // Cut off where it stands (copytruncate).
            place.offset = 0;
        }
        open.seek(SeekFrom::Start(place.offset))?;
        let mut bytes = Vec::new();
        open.take(PIECE).read_to_end(&mut bytes)?;
        let whole = match memchr::memrchr(b'\n', &bytes) {
            Some(end) => end + 1,
            // A line of four megabytes is none.
            None if bytes.len() as u64 == PIECE => bytes.len(),
            None => 0,
        };
        bytes.truncate(whole);
        place.offset += whole as u64;
        self.place = Some(place);
        if !bytes.is_empty() {
            return Ok(Some(bytes));
        }
        // Read to its end. When the name stands for another file now, that one is next, from its beginning.
        let named = fs::metadata(&self.path);
        if named.is_ok_and(|named| inode(&named) != place.inode) {
            self.open = None;
            self.place = None;
        }
        Ok(None)
    }

    /// The file that was being read, also under the name it was rotated to; else the one that has the name now.
    fn find(&mut self) -> io::Result<Option<File>> {
        if let Some(place) = self.place {
            let here = fs::metadata(&self.path).is_ok_and(|file| inode(&file) == place.inode);
            if !here && let Some(rotated) = self.rotated(place.inode) {
                return File::open(rotated).map(Some);
            }
            if !here {
                self.place = None;
            }
        }
        match File::open(&self.path) {
            Ok(file) => {
                let inode = inode(&file.metadata()?);
                self.place.get_or_insert(Place { inode, offset: 0 });
                Ok(Some(file))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn rotated(&self, wanted: u64) -> Option<PathBuf> {
        let entries = fs::read_dir(self.path.parent()?).ok()?;
        let mut files = entries.flatten().filter(|entry| entry.metadata().is_ok_and(|file| file.is_file() && inode(&file) == wanted));
        files.next().map(|entry| entry.path())
    }
}

fn end_of(file: &fs::Metadata) -> Place {
    Place { inode: inode(file), offset: file.len() }
}

#[cfg(unix)]
fn inode(file: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(file)
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> u64 {
    0
}
