//! `http: {get: "https://crm.internal/balance/{{ customer.id }}", timeout: 2s, retries: 1, ok: NODE, failed: NODE}` asks a web
//! service; what it answers is `http.status` and `http.body.*` from here on. With `post:` in place of `get:`, `body:` (names with
//! templates) is sent as JSON.
//!
//! `ok` is an answer of 200 to 299; anything else, and none, is `failed`. The host is written out, so that no caller chooses whom the
//! exchange asks; values inside the address are percent-encoded.

use super::{Heard, Node, Step};
use crate::ask::{HttpRequest, Question, Reply};
use crate::expression::{Template, Value};
use crate::fault::fields::shorten;
use crate::id::Name;
use crate::ivr::reading::{NodeFields, percent_encoded};
use crate::ivr::turn::Turn;
use crate::time::Duration;
use serde::{Deserialize, Serialize};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_RETRIES: u32 = 3;
/// What the way to the service and back through the exchange may cost beside its own time.
const GRACE: Duration = Duration::from_millis(500);

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Http {
    url: Template,
    /// `None`: GET.
    body: Option<Vec<(Name, Template)>>,
    timeout: Duration,
    retries: u32,
    ok: Name,
    failed: Name,
}

impl Node for Http {
    type State = ();

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Http> {
        let (get, post) = (address("get", fields), address("post", fields));
        let spot = fields.fields.spot;
        let (url, posts) = match (get, post) {
            (Ok(None), Ok(None)) => {
                fields.fields.lacks("get", "`http` lacks `get` or `post`".to_string());
                (None, false)
            }
            (Ok(Some(_)), Ok(Some(_))) => {
                fields.reader.fault(spot, "`http` has either `get` or `post`");
                (None, false)
            }
            (Ok(get), Ok(None)) => (get, false),
            (_, post) => (post.unwrap_or_default(), true),
        };
        let body = read_body(posts, fields);
        let timeout = fields.duration("timeout", DEFAULT_TIMEOUT, Duration::from_millis(100)..=LONGEST_TIMEOUT);
        let retries = fields.number("retries", 0, 0..=MAX_RETRIES);
        let ok = fields.link("ok");
        let failed = fields.link("failed");
        Some(Http { url: url?, body: body?, timeout, retries, ok: ok?, failed: failed? })
    }

    fn speaks(&self) -> bool {
        false
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Step<()> {
        match self.request(turn) {
            Some(request) => {
                turn.ask(Question::Http(request), self.timeout * (self.retries + 1) + GRACE);
                Step::Stay(())
            }
            None => Step::leave("failed", Some(self.failed.clone())),
        }
    }

    fn hear(&self, state: (), heard: Heard, turn: &mut Turn<'_>) -> Step<()> {
        match heard {
            Heard::Reply(Reply::Http(reply)) => {
                let good = (200..300).contains(&reply.status);
                turn.heard_from_web(reply);
                let (outcome, to) = if good { ("ok", &self.ok) } else { ("failed", &self.failed) };
                Step::leave(outcome, Some(to.clone()))
            }
            Heard::Reply(_) => Step::leave("failed", Some(self.failed.clone())),
            Heard::Key(key) => {
                turn.keep(key);
                Step::Stay(state)
            }
            _ => Step::Stay(state),
        }
    }
}

impl Http {
    /// `None` when something that it needs is absent.
    fn request(&self, turn: &Turn<'_>) -> Option<HttpRequest> {
        let known = turn.known();
        let url = self.url.render_with(&known, &percent_encoded).ok()?;
        let body = match &self.body {
            None => None,
            Some(fields) => {
                let given = fields.iter().map(|(name, template)| Some((name.to_string(), json(template.value(&known).ok()?))));
                Some(serde_json::Value::Object(given.collect::<Option<_>>()?))
            }
        };
        Some(HttpRequest { url, body, service: None, timeout: self.timeout, retries: self.retries })
    }
}

/// `Err` for one that is there and wrong.
fn address(name: &'static str, fields: &mut NodeFields<'_, '_, '_>) -> Result<Option<Template>, ()> {
    let Some(template) = fields.optional_template(name).ok_or(())? else { return Ok(None) };
    let spot = fields.fields.spot;
    let Some(host) = host_of(template.beginning()) else {
        let message = format!("`{name}` begins with `https://` or `http://` and a host that is written out, then `/`");
        fields.reader.fault(spot, message);
        return Err(());
    };
    if !port_is_good(template.beginning()) {
        fields.reader.fault(spot, format!("`{name}`: a port is a number from 1 to 65535"));
        return Err(());
    }
    match &fields.world.hosts {
        Some(allowed) if !allowed.iter().any(|known| known.eq_ignore_ascii_case(host)) => {
            let message = format!("host `{}` may not be asked: it is not among the allowed ones", shorten(host));
            fields.reader.unknown(spot, message, host, allowed.iter().map(|host| &**host));
            Err(())
        }
        _ => Ok(Some(template)),
    }
}

/// Whether the port in the beginning of an address, if there is one, is one that there can be.
pub fn port_is_good(beginning: &str) -> bool {
    let authority = beginning.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let after = authority.rsplit_once(']').map_or(authority, |(_, after)| after);
    after.split_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// The host, without a port, of the beginning of an address that is sure to hold it.
pub fn host_of(beginning: &str) -> Option<&str> {
    let rest = beginning.strip_prefix("https://").or_else(|| beginning.strip_prefix("http://"))?;
    let (authority, _) = rest.split_once('/')?;
    // A user before `@` would make what looks like the host something else.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    if authority.is_empty() || !authority.chars().all(plain) {
        return None;
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    (port.is_empty() || port.starts_with(':')).then_some(host)
}

/// The outer `None` stands for a mistake.
fn read_body(posts: bool, fields: &mut NodeFields<'_, '_, '_>) -> Option<Option<Vec<(Name, Template)>>> {
    let written = fields.templates("body")?;
    let mut body = Vec::new();
    for (name, node) in &written {
        body.push((name.clone(), fields.template_of("a value", node)?));
    }
    if !posts && !written.is_empty() {
        let spot = fields.fields.spot;
        fields.reader.fault(spot, "only `post` has a `body`");
    }
    Some(posts.then_some(body))
}

fn json(value: Value) -> serde_json::Value {
    match value {
        Value::Nothing => serde_json::Value::Null,
        Value::Bool(value) => value.into(),
        Value::Number(number) => match number.whole() {
            Some(whole) => whole.into(),
            None => number.to_string().parse::<f64>().map_or(serde_json::Value::Null, Into::into),
        },
        Value::Text(text) => text.into(),
        Value::List(items) => items.into_iter().map(json).collect(),
    }
}
