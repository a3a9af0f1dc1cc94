//! One stream to a peer: messages cut out on the way in, a bounded backlog on the way out.
//!
//! A peer that is slow to finish a message, never says anything, or does not read what we send, loses its connection: nobody
//! else waits for it. Invariant: at most 64 KB are held for a peer on the way in, and [`MAX_BACKLOG`] on the way out.

use super::{Herald, News};
use crate::sip::stream::{Frame, Framer};
use crate::sip::{ConnectionId, Input, Path, Status};
use crate::time::Duration;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Bytes that may wait for a slow peer; with one more the connection is closed.
pub const MAX_BACKLOG: usize = 1024 * 1024;

/// Messages that may wait for a slow peer.
const MAX_BACKLOG_MESSAGES: usize = 1024;

/// From the first byte of a message to its last.
const MESSAGE_TIME: Duration = Duration::from_secs(10);

/// From the connection to the first whole message.
const FIRST_MESSAGE_TIME: Duration = Duration::from_secs(30);

/// How long the last bytes may take to leave when we close.
const LINGER: Duration = Duration::from_secs(2);

/// Read at once.
const READ: usize = 8 * 1024;

/// What the conductor keeps of a connection.
pub struct Outgoing {
    messages: mpsc::Sender<Vec<u8>>,
    backlog: Arc<AtomicUsize>,
}

/// The peer does not take what we send.
#[derive(Debug)]
pub struct TooSlow;

impl Outgoing {
    pub fn send(&self, bytes: Vec<u8>) -> Result<(), TooSlow> {
        let length = bytes.len();
        if self.backlog.fetch_add(length, Ordering::Relaxed) + length > MAX_BACKLOG {
            return Err(TooSlow);
        }
        self.messages.try_send(bytes).map_err(|_| TooSlow)
    }
}

/// Starts the tasks of a stream. `ended` is told once, when either is over.
pub fn start(stream: TcpStream, path: Path, herald: Herald, ended: mpsc::Sender<ConnectionId>) -> Outgoing {
    let (messages, queue) = mpsc::channel(MAX_BACKLOG_MESSAGES);
    let backlog = Arc::new(AtomicUsize::new(0));
    let outgoing = Outgoing { messages, backlog: Arc::clone(&backlog) };
    // Small messages that must leave now: no waiting for more (Nagle).
    let _ = stream.set_nodelay(true);
    let (reading, writing) = stream.into_split();
    let pong = outgoing.messages.downgrade();
    tokio::spawn(async move {
        let Some(id) = path.connection else { return };
        let mut writer = tokio::spawn(write(writing, queue, backlog));
        let written = tokio::select! {
            () = read(&reading, path, herald, pong) => false,
            _ = &mut writer => true,
        };
        // The conductor drops its end when it hears this, if it has not yet; what is queued then leaves, within its time.
        let _ = ended.send(id).await;
        if written {
            drain(&reading).await;
        } else if tokio::time::timeout(LINGER, &mut writer).await.is_err() {
            writer.abort();
        }
    });
    outgoing
}

async fn read(stream: &OwnedReadHalf, path: Path, herald: Herald, pong: mpsc::WeakSender<Vec<u8>>) {
    let mut framer = Framer::new();
    let mut deadline = Some(Instant::now() + FIRST_MESSAGE_TIME);
    loop {
        let readable = async {
            match deadline {
                Some(deadline) => tokio::time::timeout_at(deadline, stream.readable()).await,
                None => Ok(stream.readable().await),
            }
        };
        match readable.await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => {
                if framer.is_partial() {
                    let input = Input::BadFrame { path, bytes: Vec::new(), status: Status(408) };
                    herald.tell(News::Sip(input)).await;
                }
                return;
            }
        }
        let was_partial = framer.is_partial();
        match take(stream, &mut framer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(_) => return,
        }
        let mut whole = false;
        while let Some(frame) = framer.next() {
            let input = match frame {
                Frame::Message(bytes) => Input::Received { path, bytes },
                Frame::KeepAlive => {
                    // A full backlog needs no pong: the peer sees other bytes.
                    if let Some(pong) = pong.upgrade() {
                        let _ = pong.try_send(b"\r\n".to_vec());
                    }
                    whole = true;
                    continue;
                }
                Frame::Broken { bytes, status } => {
                    herald.tell(News::Sip(Input::BadFrame { path, bytes, status })).await;
                    // The core answers and closes; nothing that follows can be read.
                    return drain(stream).await;
                }
            };
            whole = true;
            if !herald.tell(News::Sip(input)).await {
                return;
            }
        }
        if framer.is_pong() {
            let sign = Input::Received { path, bytes: b"\r\n".to_vec() };
            if !herald.tell(News::Sip(sign)).await {
                return;
            }
        }
        match (framer.is_partial(), was_partial && !whole) {
            // The clock of a message starts with its first byte, and later bytes do not wind it.
            (true, true) => {}
            (true, false) => deadline = Some(Instant::now() + MESSAGE_TIME),
            (false, _) if whole => deadline = None,
            (false, _) => {}
        }
    }
}

/// Not a future, so that its buffer is on the stack and an idle connection holds none.
fn take(stream: &OwnedReadHalf, framer: &mut Framer) -> io::Result<usize> {
    let mut buffer = [0; READ];
    let count = stream.try_read(&mut buffer)?;
    framer.push(&buffer[..count]);
    Ok(count)
}

/// Reads on to nowhere, so that our answer is not lost in a reset, until the peer or the linger ends it.
async fn drain(stream: &OwnedReadHalf) {
    let nowhere = async {
        let mut buffer = [0; 1024];
        while stream.readable().await.is_ok() {
            match stream.try_read(&mut buffer) {
                Ok(0) => return,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return,
                _ => {}
            }
        }
    };
    let _ = tokio::time::timeout(LINGER, nowhere).await;
}

/// Until the conductor has dropped its end and everything has left, or the peer has gone.
async fn write(mut stream: OwnedWriteHalf, mut queue: mpsc::Receiver<Vec<u8>>, backlog: Arc<AtomicUsize>) {
    while let Some(bytes) = queue.recv().await {
        let written = stream.write_all(&bytes).await;
        // Pongs were never counted in: saturating.
        let _ = backlog.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| Some(held.saturating_sub(bytes.len())));
        if written.is_err() {
            return;
        }
    }
    let _ = stream.shutdown().await;
}
