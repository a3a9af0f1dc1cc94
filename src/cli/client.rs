//! Asks the daemon of a data folder over its control socket.
//!
//! Invariant: an error is one sentence that says what to do next.

use crate::control::{Request, Response, SOCKET};
use crate::shell::sys::process::Process;
use crate::time::Duration;
use clap::Args;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// A daemon that says nothing for so long is not going to.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Which daemon, and how to print what it says.
#[derive(Args, Debug)]
pub struct Where {
    /// The data folder of the daemon
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data: PathBuf,
    /// Print JSON, for programs
    #[arg(long)]
    pub json: bool,
}

pub struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    pub fn connect(data: &Path) -> Result<Client, String> {
        let path = data.join(SOCKET);
        let stream = UnixStream::connect(&path).map_err(|fault| match fault.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => format!(
                "no centrala is running on the data folder `{}` (start one with `centrala run`, or name another by --data)",
                data.display()
            ),
            ErrorKind::PermissionDenied => format!("you may not speak to the centrala of `{}`", data.display()),
            _ => format!("could not reach {}: {fault}", path.display()),
        })?;
        let timed = stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
        timed.map_err(|fault| format!("could not set a timeout: {fault}"))?;
        Ok(Client { stream: BufReader::new(stream) })
    }

    pub fn ask(&mut self, request: &Request) -> Result<Response, String> {
        let mut line = serde_json::to_string(request).map_err(|fault| format!("could not write the request: {fault}"))?;
        line.push('\n');
        let sent = self.stream.get_mut().write_all(line.as_bytes());
        sent.map_err(|fault| format!("the daemon went away: {fault}"))?;
        line.clear();
        match self.stream.read_line(&mut line) {
            Ok(0) => return Err("the daemon closed the connection without an answer".into()),
            Err(fault) => return Err(format!("the daemon did not answer: {fault}")),
            Ok(_) => {}
        }
        match serde_json::from_str(&line) {
            Ok(Response::Failed(why)) => Err(why),
            Ok(response) => Ok(response),
            Err(fault) => Err(format!("the daemon speaks another version of the control language: {fault}")),
        }
    }

    /// Whom we speak to.
    pub fn daemon(&self) -> io::Result<Process> {
        Process::at_the_other_end(self.stream.get_ref())
    }

    /// Waits until the daemon closes the connection.
    pub fn wait_for_end(mut self) -> bool {
        matches!(self.stream.read_line(&mut String::new()), Ok(0))
    }
}

/// One request to one daemon.
pub fn ask(place: &Where, request: &Request) -> Result<Response, String> {
    Client::connect(&place.data)?.ask(request)
}

/// The daemon answered something else than it was asked.
pub fn strange(response: &Response) -> String {
    let text = format!("{response:?}");
    let name = text.split(['(', '{', ' ']).next().unwrap_or_default();
    format!("the daemon answered with `{name}`, which was not asked")
}
