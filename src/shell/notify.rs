//! What systemd wants to hear (sd_notify(3)): ready, alive, stopping.
//!
//! Invariant: nobody waits for systemd. A message that finds its socket full is dropped; the next watchdog message says the same.

use crate::time::Duration;
use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

pub struct Notify {
    /// `None` when nobody wants to hear.
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notify {
    /// As the environment says.
    pub fn from_environment() -> Notify {
        let socket = std::env::var_os("NOTIFY_SOCKET").and_then(|path| open(&path).ok());
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let for_us = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|_| for_us && socket.is_some()).map(Duration::from_micros);
        Notify { socket, watchdog }
    }

    /// systemd restarts us when it has not heard `alive` for so long.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    pub fn ready(&self) {
        self.tell(b"READY=1");
    }

    pub fn alive(&self) {
        self.tell(b"WATCHDOG=1");
    }

    pub fn stopping(&self) {
        self.tell(b"STOPPING=1");
    }

    fn tell(&self, what: &[u8]) {
        if let Some((socket, address)) = &self.socket {
            let _ = socket.send_to_addr(what, address);
        }
    }
}

/// A path, or `@` and an abstract name.
fn open(path: &OsString) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(path)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemd_hears_and_is_not_waited_for() {
        let name = format!("@centrala-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name[1..]).expect("a name");
        let systemd = UnixDatagram::bind_addr(&address).expect("a free name");
        let notify = Notify { socket: Some(open(&name.into()).expect("a socket")), watchdog: None };
        notify.ready();
        let mut buffer = [0; 64];
        let length = systemd.recv(&mut buffer).expect("a message");
        assert_eq!(&buffer[..length], b"READY=1");
        // More than any socket holds: this returns, and that is the test.
        for _ in 0..100_000 {
            notify.alive();
        }
    }
}
