//! The log's way to stderr: lines are put into a buffer, and a thread of their own writes them.
//!
//! stderr is a pipe that somebody else reads, or does not: a write to it may take for ever. Invariant: who logs never waits for
//! who reads. Lines keep their order; what finds the buffer full is dropped and counted, and the count is said in its place.

use crate::time::Duration;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use tracing_subscriber::fmt::MakeWriter;

/// What may wait to be written, in bytes: some 2,000 lines.
const MAX_WAITING: usize = 256 * 1024;

/// After a write the thread rests so long, and what is logged meanwhile wakes nobody: a wake costs more than a line.
const REST: Duration = Duration::from_millis(20);
/// So many bytes waiting end the rest.
const MAX_AT_REST: usize = MAX_WAITING / 4;

/// How long the last lines of a run may take to be written.
const LAST_LINES: Duration = Duration::from_millis(500);

/// Dropped at the end of a run: the last lines are then written, if somebody reads.
pub struct Log(Arc<Desk>);

impl Log {
    /// Starts the thread that writes to stderr.
    pub fn to_stderr() -> io::Result<Log> {
        Log::to(io::stderr())
    }

    fn to(paper: impl Write + Send + 'static) -> io::Result<Log> {
        let desk = Arc::new(Desk::default());
        let writing = Arc::clone(&desk);
        thread::Builder::new().name("log".into()).spawn(move || writing.write_down(paper))?;
        Ok(Log(desk))
    }

    /// What a subscriber writes its lines to, one line per call.
    pub fn lines(&self) -> impl for<'a> MakeWriter<'a> + Send + Sync + 'static {
        Arc::clone(&self.0)
    }

    /// Waits until everything is written, or for half a second: only where the process is about to end.
    pub fn flush(&self) {
        let mut pile = self.0.pile();
        pile.hurry = true;
        self.0.came.notify_one();
        let undone = |pile: &mut Pile| pile.being_written || pile.lines != 0;
        let _ = self.0.written.wait_timeout_while(pile, LAST_LINES, undone);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.flush();
    }
}

/// What waits, and the two bells: something came that the thread should see, everything is written.
#[derive(Default)]
struct Desk {
    pile: Mutex<Pile>,
    came: Condvar,
    written: Condvar,
}

#[derive(Default)]
struct Pile {
    text: Vec<u8>,
    lines: u64,
    /// Lines that came when there was no room. From the first of them until the pile is taken none is let in: order.
    dropped: u64,
    being_written: bool,
    /// The thread has just written, and comes by itself.
    resting: bool,
    /// Somebody waits for the last line: no more rests.
    hurry: bool,
}

impl Pile {
    fn may_rest(&mut self) -> bool {
        !self.hurry && self.text.len() < MAX_AT_REST
    }
}

impl Desk {
    /// Held for a copy of one line or an exchange of two buffers, never for a write.
    fn pile(&self) -> MutexGuard<'_, Pile> {
        self.pile.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, line: &[u8]) {
        let mut pile = self.pile();
        if pile.dropped > 0 || pile.text.len() + line.len() > MAX_WAITING {
            pile.dropped += 1;
            return;
        }
        let could_rest = pile.may_rest();
        pile.text.extend_from_slice(line);
        pile.lines += 1;
        let first = pile.lines == 1 && !pile.being_written;
        let must_wake = if pile.resting { could_rest && !pile.may_rest() } else { first };
        if must_wake {
            self.came.notify_one();
        }
    }

    /// The thread: takes the pile, leaves an empty one, and writes while the others go on.
    fn write_down(&self, mut paper: impl Write) {
        let mut text = Vec::new();
        loop {
            text.clear();
            let mut pile = self.came.wait_while(self.pile(), |pile| pile.lines == 0).unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut pile.text, &mut text);
            pile.lines = 0;
            pile.being_written = true;
            let dropped = std::mem::take(&mut pile.dropped);
            drop(pile);
            if dropped > 0 {
                let _ =
                    writeln!(text, "({dropped} lines of the log were dropped here: those before them were not read in time)");
            }
            // A reader who has gone is no reason to stop.
            let _ = paper.write_all(&text).and_then(|()| paper.flush());
            self.rest();
        }
    }
}

impl Desk {
    /// After a write: whoever waits for it is told, and lines gather.
    fn rest(&self) {
        let mut pile = self.pile();
        pile.being_written = false;
        if pile.lines == 0 {
            self.written.notify_all();
        }
        pile.resting = true;
        let rested = self.came.wait_timeout_while(pile, REST, |pile| pile.may_rest());
        rested.unwrap_or_else(PoisonError::into_inner).0.resting = false;
    }
}

impl Write for &Desk {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, PipeReader};
    use tracing::{info, subscriber::with_default};

    fn said(log: &Log, what: impl FnOnce()) {
        let subscriber = tracing_subscriber::fmt().with_writer(log.lines()).without_time().with_target(false).with_ansi(false);
        with_default(subscriber.finish(), what);
    }

    fn to_a_pipe() -> (Log, BufReader<PipeReader>) {
        let (reader, writer) = io::pipe().expect("a pipe");
        (Log::to(writer).expect("a thread"), BufReader::new(reader))
    }

    #[test]
    fn lines_come_in_order_and_all_are_written_before_the_end() {
        let (log, reader) = to_a_pipe();
        said(&log, || (0..300).for_each(|line| info!("line {line}")));
        drop(log);
        let lines: Vec<String> = reader.lines().take(300).collect::<Result<_, _>>().expect("text");
        for (number, line) in lines.iter().enumerate() {
            assert_eq!(*line, format!(" INFO line {number}"));
        }
    }

    #[test]
    fn who_logs_does_not_wait_for_a_reader_and_what_was_dropped_is_counted_in_its_place() {
        let (log, reader) = to_a_pipe();
        let long = "x".repeat(1000);
        // More than a pipe (64 KB) and the buffer hold. That this returns is half of the test.
        said(&log, || (0..2000).for_each(|line| info!("{line} {long}")));
        let mut lines = reader.lines().map(|line| line.expect("text"));
        let mut next = 0;
        let mut dropped = 0;
        while next + dropped < 2000 {
            let line = lines.next().expect("a line");
            if let Some(rest) = line.strip_prefix('(') {
                assert!(rest.ends_with("not read in time)"), "{rest}");
                dropped += rest.split(' ').next().and_then(|count| count.parse::<usize>().ok()).expect("a count");
                continue;
            }
            let number = line.trim_start_matches(" INFO ").split(' ').next().expect("a number");
            assert_eq!(number.parse(), Ok(next + dropped), "in order, the dropped ones counted where they are missing");
            next += 1;
        }
        assert!(dropped > 1000, "{dropped} dropped");
        said(&log, || info!("there is room again"));
        assert_eq!(lines.next().as_deref(), Some(" INFO there is room again"));
    }

    #[test]
    fn the_end_does_not_wait_for_ever_and_a_reader_who_has_gone_hurts_nobody() {
        let (log, reader) = to_a_pipe();
        said(&log, || (0..200).for_each(|_| info!("{}", "x".repeat(1000))));
        drop(log);
        drop(reader);
        let (log, reader) = to_a_pipe();
        drop(reader);
        said(&log, || info!("nobody hears"));
        log.flush();
    }
}
