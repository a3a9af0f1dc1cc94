//! Replaces: a new call that takes the place of one that lives (RFC 3891), in an INVITE or behind the target of a REFER.
//!
//! Invariant: only a session of ours is ever replaced, and only by whoever knows its Call-ID and both tags.

use super::endpoint::Endpoint;
use super::message::{Name as Header, Request};
use super::session::{Phase, Session};
use super::{DialogId, Status};

/// What names the dialog to be replaced, as its other side knows it: `to-tag` is ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replaces {
    pub call_id: String,
    pub to_tag: String,
    pub from_tag: String,
    /// Only while it rings.
    pub early_only: bool,
}

impl Replaces {
    /// `call-id;to-tag=..;from-tag=..`, unescaped.
    pub fn parse(value: &str) -> Option<Replaces> {
        let mut parts = value.split(';').map(str::trim);
        let call_id = parts.next().filter(|call_id| !call_id.is_empty())?.to_string();
        let (mut to_tag, mut from_tag, mut early_only) = (None, None, false);
        for part in parts {
            match part.split_once('=').unwrap_or((part, "")) {
                (name, tag) if name.eq_ignore_ascii_case("to-tag") => to_tag = to_tag.or(Some(tag.to_string())),
                (name, tag) if name.eq_ignore_ascii_case("from-tag") => from_tag = from_tag.or(Some(tag.to_string())),
                (name, _) if name.eq_ignore_ascii_case("early-only") => early_only = true,
                _ => {}
            }
        }
        Some(Replaces { call_id, to_tag: to_tag?, from_tag: from_tag?, early_only })
    }

    /// As it stands behind the target of a REFER, escaped.
    pub fn as_uri_header(&self) -> String {
        let plain = format!("{};to-tag={};from-tag={}", self.call_id, self.to_tag, self.from_tag);
        let mut escaped = String::from("Replaces=");
        for byte in plain.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
                escaped.push(char::from(byte));
            } else {
                escaped.push_str(&format!("%{byte:02X}"));
            }
        }
        escaped
    }
}

impl Endpoint {
    /// The session that an INVITE wants to replace, if it wants to (RFC 3891 section 3).
    pub(super) fn replaced_by(&self, invite: &Request) -> Result<Option<DialogId>, Status> {
        let mut written = invite.headers.all(Header::Replaces);
        let Some(value) = written.next() else { return Ok(None) };
        let replaces = std::str::from_utf8(value).ok().and_then(Replaces::parse);
        let (Some(replaces), None) = (replaces, written.next()) else { return Err(Status(400)) };
        let id = self.session_named(&replaces).ok_or(Status(481))?;
        match self.sessions.get(&id).map(|session| session.phase) {
            // Only a call of ours may be taken while it rings.
            Some(Phase::Ringing) => Err(Status(481)),
            Some(phase) if replaces.early_only && !is_early(phase) => Err(Status(486)),
            Some(_) => Ok(Some(id)),
            None => Err(Status(481)),
        }
    }

    /// The live session with this Call-ID and these tags. Whoever knows it from a busy lamp names them as the phone that rings would
    /// (RFC 4235 section 3.7.2): the other way round.
    pub(super) fn session_named(&self, replaces: &Replaces) -> Option<DialogId> {
        let Replaces { call_id, to_tag, from_tag, .. } = replaces;
        let named = |(ours, theirs): (&String, &String)| {
            let id = *self.by_tag.get(ours)?;
            let session = self.sessions.get(&id)?;
            let is_meant = session.dialog.call_id == *call_id && peer_tag(session) == Some(theirs.as_str());
            (is_meant && is_alive(session.phase)).then_some(id)
        };
        [(to_tag, from_tag), (from_tag, to_tag)].into_iter().find_map(named)
    }

    /// How the peer of a session would name it to be replaced.
    pub(super) fn name_of(&self, id: DialogId) -> Option<Replaces> {
        let session = self.sessions.get(&id).filter(|session| is_alive(session.phase))?;
        let (to_tag, from_tag) = (peer_tag(session)?.to_string(), session.dialog.local.tag()?.to_string());
        Some(Replaces { call_id: session.dialog.call_id.clone(), to_tag, from_tag, early_only: false })
    }

    /// Our tag and the peer's, of a session that lives: what a busy lamp is told, so that its owner can take the call.
    pub fn tags(&self, dialog: DialogId) -> Option<(&str, &str)> {
        let session = self.sessions.get(&dialog)?;
        Some((session.dialog.local.tag()?, peer_tag(session)?))
    }
}

/// The peer's tag: of the dialog, or of its last provisional answer.
fn peer_tag(session: &Session) -> Option<&str> {
    session.dialog.remote.tag().or(session.early_tag.as_deref())
}

fn is_early(phase: Phase) -> bool {
    matches!(phase, Phase::Calling | Phase::Proceeding)
}

fn is_alive(phase: Phase) -> bool {
    is_early(phase) || matches!(phase, Phase::Ringing | Phase::Answered | Phase::Confirmed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_whatever_the_order_of_its_parts() {
        let check = |value: &str, expected: Option<(&str, &str, &str, bool)>| {
            let read = Replaces::parse(value);
            let parts = read.as_ref().map(|it| (&*it.call_id, &*it.to_tag, &*it.from_tag, it.early_only));
            assert_eq!(parts, expected, "{value}");
        };
        check("a@b;to-tag=1;from-tag=2", Some(("a@b", "1", "2", false)));
        check(" a@b ; From-Tag=2;x=y ;early-only; TO-TAG=1", Some(("a@b", "1", "2", true)));
        check("a@b;to-tag=1", None);
        check(";to-tag=1;from-tag=2", None);
        check("", None);
    }
}
