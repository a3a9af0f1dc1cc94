//! One request and its answer on one connection (RFC 9112), closed afterwards.
//!
//! Invariant: what the server sends is read up to [`MAX_HEAD`] and [`MAX_BODY`], and not a byte further.

use super::address::Address;
use crate::ask::HttpReply;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest answer: its head, and its body.
pub const MAX_HEAD: usize = 16 * 1024;
pub const MAX_BODY: usize = 256 * 1024;
/// Answers before the answer (100 Continue and the like).
const MAX_INTERIM: usize = 8;

/// The whole request as it is sent.
pub fn head<'h>(address: &Address, headers: impl Iterator<Item = &'h (String, String)>, body: Option<&Value>) -> Vec<u8> {
    let method = if body.is_some() { "POST" } else { "GET" };
    let Address { path, authority, .. } = address;
    let mut text = format!(
        "{method} {path} HTTP/1.1\r\nHost: {authority}\r\nAccept: application/json\r\nUser-Agent: centrala\r\nConnection: close\r\n"
    );
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let body = body.map(Value::to_string);
    if let Some(body) = &body {
        text.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(body.as_deref().unwrap_or_default());
    text.into_bytes()
}

pub async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> Result<HttpReply, String> {
    let written = async {
        stream.write_all(request).await?;
        stream.flush().await
    };
    written.await.map_err(|fault| format!("could not send the request: {fault}"))?;
    let mut reader = Reader { stream, buffer: Vec::new() };
    for _ in 0..MAX_INTERIM {
        let head = reader.head().await?;
        if !(100..200).contains(&head.status) {
            let bytes = reader.body(&head).await?;
            // What is not JSON is nothing to a flow.
            let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            return Ok(HttpReply { status: head.status, body });
        }
    }
    Err("it only says that it is going to answer".into())
}

/// What the answer's head says.
struct Head {
    status: u16,
    length: Option<usize>,
    chunked: bool,
}

struct Reader<S> {
    stream: S,
    /// Read and not yet used.
    buffer: Vec<u8>,
}

impl<S: AsyncRead + Unpin> Reader<S> {
    /// Reads more; false at the end.
    async fn more(&mut self) -> Result<bool, String> {
        let mut piece = [0; 4096];
        let count = self.stream.read(&mut piece).await.map_err(|fault| format!("could not read the answer: {fault}"))?;
        self.buffer.extend_from_slice(&piece[..count]);
        Ok(count > 0)
    }

    async fn head(&mut self) -> Result<Head, String> {
        let end = loop {
            if let Some(end) = memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                break end;
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(format!("the head of its answer is longer than {MAX_HEAD} bytes"));
            }
            if !self.more().await? {
                return Err("it hung up without an answer".into());
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
        parse_head(&head).ok_or_else(|| "what it answered is not HTTP".to_string())
    }

    async fn body(&mut self, head: &Head) -> Result<Vec<u8>, String> {
        match (head.chunked, head.length) {
            _ if matches!(head.status, 204 | 304) => Ok(Vec::new()),
            (true, _) => self.chunks().await,
            (false, Some(length)) if length > MAX_BODY => Err(too_long()),
            (false, Some(length)) => self.take(length).await,
            (false, None) => {
                while self.more().await? {
                    if self.buffer.len() > MAX_BODY {
                        return Err(too_long());
                    }
                }
                Ok(std::mem::take(&mut self.buffer))
            }
        }
    }

    /// Exactly so many bytes.
    async fn take(&mut self, count: usize) -> Result<Vec<u8>, String> {
        while self.buffer.len() < count {
            if !self.more().await? {
                return Err("it hung up in the middle of its answer".into());
            }
        }
        Ok(self.buffer.drain(..count).collect())
    }

    /// Section 7.1; trailers are not looked at.
    async fn chunks(&mut self) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            // More than eight digits are more than any answer may have.
            let size = if size.len() > 8 { None } else { usize::from_str_radix(size, 16).ok() };
            let size = size.ok_or("the pieces of its answer cannot be read")?;
            if size == 0 {
                return Ok(body);
            }
            if body.len() + size > MAX_BODY {
                return Err(too_long());
            }
            body.extend(self.take(size).await?);
            if !self.line().await?.is_empty() {
                return Err("the pieces of its answer cannot be read".into());
            }
        }
    }

    async fn line(&mut self) -> Result<String, String> {
        const MAX_LINE: usize = 256;
        loop {
            if let Some(end) = memchr::memmem::find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if self.buffer.len() > MAX_LINE || !self.more().await? {
                return Err("the pieces of its answer cannot be read".into());
            }
        }
    }
}

fn too_long() -> String {
    format!("its answer is longer than {MAX_BODY} bytes")
}

fn parse_head(bytes: &[u8]) -> Option<Head> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split("\r\n");
    let mut status_line = lines.next()?.split(' ');
    let version = status_line.next()?;
    let digits = status_line.next()?;
    if !matches!(version, "HTTP/1.1" | "HTTP/1.0") || digits.len() != 3 {
        return None;
    }
    let mut head =
        Head { status: digits.parse().ok().filter(|status| (100..600).contains(status))?, length: None, chunked: false };
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        match (name.to_ascii_lowercase().as_str(), value.trim()) {
            ("content-length", value) => {
                let length = value.parse().ok().filter(|_| value.bytes().all(|b| b.is_ascii_digit()))?;
                // Two that differ are an attempt to make two readers read two answers.
                if head.length.is_some_and(|other| other != length) {
                    return None;
                }
                head.length = Some(length);
            }
            ("transfer-encoding", value) => {
                head.chunked = value.eq_ignore_ascii_case("chunked");
                if !head.chunked {
                    return None;
                }
            }
            _ => {}
        }
    }
    Some(head)
}
