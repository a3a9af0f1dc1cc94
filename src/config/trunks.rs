//! `trunks:` the providers: where their calls come from, where calls to them go, who we are to them.
//!
//! ```yaml
//! trunks:
//!   provider:
//!     accept_from: [192.0.2.10, 198.51.100.0/28]
//!     send_to: sip.provider.example          # or an address, with or without a port
//!     account: {user: "48221234500", password: "${file:provider}", register: 10m}
//!     probe: 30s
//!     limits: {calls: 30, calls_per_second: 10}
//!     identity: {asserted: true, diversion: diversion, trusted: true}
//!     numbers: plus
//!     ring: 25s
//! ```
//!
//! Invariant: a host brings one trunk's calls, and no other's.

use super::general::known_language;
use super::secrets;
use super::sections::{Section, entry_name};
use super::signalling::{Context, Signalling};
use crate::fault::Faults;
use crate::fault::fields::{Fields, Reader, shorten};
use crate::fault::tree::{Node, Value};
use crate::id::Name;
use crate::sip::{Credentials, DiversionHeader, Network, Transport, TrunkSource};
use crate::time::Duration;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// Addresses and networks that one trunk's calls may come from.
const MAX_SOURCES: usize = 256;
/// Nobody is believed to own more of the Internet: leading bits that a network must name at least.
const WIDEST_V4: u8 = 16;
const WIDEST_V6: u8 = 32;
const MAX_CALLS: u32 = 100_000;
const MAX_PER_SECOND: u32 = 10_000;
const MAX_USER: usize = 64;
/// The longest host name (RFC 1035 section 2.3.4).
const MAX_HOST: usize = 253;
const NEVER: &str = "never";

/// How a provider wants to be told of forwards.
const DIVERSIONS: &[(&str, Option<DiversionHeader>)] =
    &[("diversion", Some(DiversionHeader::Diversion)), ("history-info", Some(DiversionHeader::HistoryInfo)), ("none", None)];
/// How a provider wants numbers written.
const FORMS: &[(&str, Form)] = &[("plus", Form::Plus), ("digits", Form::Digits), ("national", Form::National)];

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Trunk {
    pub language: Option<Name>,
    /// Where calls to it are sent; `None` for a trunk that only brings calls.
    pub send_to: Option<TrunkAddress>,
    pub account: Option<TrunkAccount>,
    /// How often an OPTIONS asks whether it is there; `None`: never.
    pub probe: Option<Duration>,
    pub limits: TrunkLimits,
    pub identity: Identity,
    pub numbers: Form,
    /// How long the called are rung before the next trunk, or the end; `None`: as long as whoever calls has patience.
    pub ring: Option<Duration>,
}

impl Default for Trunk {
    fn default() -> Trunk {
        Trunk {
            language: None,
            send_to: None,
            account: None,
            probe: None,
            limits: TrunkLimits::default(),
            identity: Identity::default(),
            numbers: Form::Plus,
            ring: None,
        }
    }
}

impl Trunk {
    /// Where our account there is at home: its domain, else the host that calls are sent to.
    pub fn domain(&self) -> Option<String> {
        let host = || Some(TrunkAddress { port: None, ..self.send_to.clone()? }.to_string());
        self.account.as_ref()?.domain.clone().or_else(host)
    }
}

/// A host, by name or address, and perhaps a port: without one the port is what SRV says, or 5060 (RFC 3263 section 4).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TrunkAddress {
    pub host: TrunkHost,
    pub port: Option<u16>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum TrunkHost {
    Address(IpAddr),
    Name(String),
}

impl From<SocketAddr> for TrunkAddress {
    fn from(address: SocketAddr) -> TrunkAddress {
        TrunkAddress { host: TrunkHost::Address(address.ip()), port: Some(address.port()) }
    }
}

impl FromStr for TrunkAddress {
    type Err = ();

    fn from_str(text: &str) -> Result<TrunkAddress, ()> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(address.into());
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(TrunkAddress { host: TrunkHost::Address(address), port: None });
        }
        let (host, port) = text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
        let port = port.map(|port| port.parse().map_err(|_| ())).transpose()?;
        let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if host.len() > MAX_HOST || !host.split('.').all(label) {
            return Err(());
        }
        Ok(TrunkAddress { host: TrunkHost::Name(host.to_ascii_lowercase()), port })
    }
}

/// As it stands in a URI.
impl fmt::Display for TrunkAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            TrunkHost::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
            TrunkHost::Address(address) => write!(f, "{address}")?,
            TrunkHost::Name(name) => f.write_str(name)?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Who we are to a provider. The password stands apart, with the secrets.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TrunkAccount {
    pub user: String,
    /// What stands after the `@`; `None`: the host of `send_to`.
    pub domain: Option<String>,
    /// For how long we register; `None`: not at all, the account answers challenges only.
    pub register: Option<Duration>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TrunkLimits {
    /// Calls that we send there, at once.
    pub calls: u32,
    /// Calls that we begin there within any second.
    pub calls_per_second: u32,
}

impl Default for TrunkLimits {
    fn default() -> TrunkLimits {
        TrunkLimits { calls: 100, calls_per_second: 10 }
    }
}

/// What a provider is told of the caller, and what is believed of what it tells.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Identity {
    /// From is the account's user, and the caller stands in P-Asserted-Identity (RFC 3325).
    pub asserted: bool,
    /// How it is told of forwards: Diversion (RFC 5806) or History-Info (RFC 7044); `None`: not at all.
    pub diversion: Option<DiversionHeader>,
    /// What it asserts of callers is believed.
    pub trusted: bool,
}

/// How numbers are written to a provider.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Form {
    /// `+48221234567`
    Plus,
    /// `48221234567`
    Digits,
    /// `221234567`; abroad `004930123456`
    National,
}

impl Signalling {
    pub(super) fn trunk(&mut self, section: Section<'_>, context: &Context<'_>, faults: &mut Faults) {
        let mut reader = section.reader(faults);
        let Some(name) = entry_name("trunk", section, &mut reader) else { return };
        let Some(mut fields) = reader.fields(format!("trunk `{name}`"), section.entry.spot, section.value()) else { return };
        let addresses = self.sources(&name, &mut fields, &mut reader);
        let mut trunk = Trunk {
            send_to: fields.value("send_to").and_then(|node| self.send_to(node, context, &mut reader)),
            language: known_language(&mut fields, context.languages, &mut reader),
            ..Trunk::default()
        };
        if let Some(node) = fields.value("account") {
            self.account(&name, node, &mut trunk, context, &mut reader);
        }
        if let Some(node) = fields.value("probe") {
            trunk.probe = or_never("`probe`", node, Duration::from_secs(1)..=Duration::from_secs(3600), &mut reader);
        }
        if let Some(node) = fields.value("limits") {
            limits(node, &mut trunk.limits, &mut reader);
        }
        if let Some(node) = fields.value("identity") {
            identity(node, &mut trunk.identity, &mut reader);
        }
        if let Some(node) = fields.value("numbers") {
            trunk.numbers = reader.word("`numbers`", node, FORMS).unwrap_or(trunk.numbers);
        }
        if let Some(node) = fields.value("ring") {
            let range = Duration::from_secs(1)..=Duration::from_secs(600);
            trunk.ring = reader.duration("`ring`", node, range);
        }
        fields.finish(&mut reader);
        if !addresses.is_empty() {
            self.settings.trunks.push(TrunkSource { name: name.clone(), addresses });
        }
        self.trunks.insert(name, trunk);
    }

    /// Whether a listener of ours is of the family of this address; by that transport, where it matters.
    fn listens(&self, address: IpAddr, transport: Option<Transport>) -> bool {
        let is_v4 = address.to_canonical().is_ipv4();
        let mut listeners = self.settings.listeners.iter();
        listeners.any(|it| {
            it.address.ip().to_canonical().is_ipv4() == is_v4 && transport.is_none_or(|transport| it.transport == transport)
        })
    }

    /// Where calls to a trunk are sent: a host and perhaps a port, or `${trunk_uas}` for what the command line says.
    fn send_to(&self, node: &Node, context: &Context<'_>, reader: &mut Reader<'_>) -> Option<TrunkAddress> {
        if matches!(&node.value, Value::Text { text, .. } if text == "${trunk_uas}") {
            return context.overrides.trunk_uas.map(TrunkAddress::from);
        }
        let kind = "a host and perhaps a port, as 192.0.2.1:5060 or sip.example.com";
        let address: TrunkAddress = reader.parsed("`send_to`", kind, node)?;
        if let TrunkHost::Address(host) = address.host
            && !self.listens(host, Some(Transport::Udp))
        {
            let family = if host.to_canonical().is_ipv4() { "IPv4" } else { "IPv6" };
            reader.warn(node.spot, format!("no UDP listener of ours is {family}: no call ever goes there"));
        }
        Some(address)
    }

    fn sources(&self, trunk: &str, fields: &mut Fields<'_>, reader: &mut Reader<'_>) -> Vec<Network> {
        let mut addresses = Vec::new();
        let Some(node) = fields.value("accept_from") else { return addresses };
        let items = reader.items(node);
        if items.len() > MAX_SOURCES {
            reader.fault(node.spot, format!("at most {MAX_SOURCES} addresses"));
        }
        for item in items.iter().take(MAX_SOURCES) {
            let source = self.source(trunk, item, &addresses, reader);
            addresses.extend(source);
        }
        if !addresses.is_empty() && !addresses.iter().any(|network| self.listens(network.first(), None)) {
            reader.warn(node.spot, "no listener of ours is of this family of addresses: nothing ever comes from there");
        }
        addresses
    }

    /// A host, or a network of hosts, that may bring this trunk's calls, and no other trunk's.
    fn source(&self, trunk: &str, node: &Node, own: &[Network], reader: &mut Reader<'_>) -> Option<Network> {
        let network: Network = reader.parsed("`accept_from`", "an IP address, a network as 192.0.2.0/24, or a list", node)?;
        let address = network.first();
        let widest = if address.is_ipv4() { WIDEST_V4 } else { WIDEST_V6 };
        if address.is_unspecified() || address.is_multicast() {
            reader.fault(node.spot, format!("{network} is nobody's address"));
            return None;
        }
        if network.bits < widest {
            reader.fault(node.spot, format!("{network} is wider than any provider's network: at least /{widest}"));
            return None;
        }
        if let Some(twice) = own.iter().find(|other| other.overlaps(&network)) {
            reader.fault(node.spot, format!("{network} is written twice: it overlaps {twice}"));
            return None;
        }
        let taken = |other: &&TrunkSource| other.addresses.iter().any(|it| it.overlaps(&network));
        if let Some(other) = self.settings.trunks.iter().find(taken) {
            reader.fault(node.spot, format!("calls from {network} are trunk `{}`'s already, not `{trunk}`'s", other.name));
            return None;
        }
        Some(network)
    }

    /// `{user: ..., password: ..., domain: ..., register: 10m}`.
    fn account(&mut self, name: &Name, node: &Node, trunk: &mut Trunk, context: &Context<'_>, reader: &mut Reader<'_>) {
        let Some(mut fields) = reader.fields("`account`", node.spot, node) else { return };
        let user = fields.required("user").and_then(|node| user("`user`", node, reader));
        let password = fields.required("password").and_then(|node| secrets::provider_password(node, context.secrets, reader));
        let domain = fields.value("domain").and_then(|node| {
            let address: TrunkAddress = reader.parsed("`domain`", "a host name", node)?;
            Some(address.to_string())
        });
        let usual = Duration::from_secs(600);
        let register = match fields.value("register") {
            Some(node) => or_never("`register`", node, Duration::from_secs(30)..=Duration::from_secs(24 * 3600), reader),
            None => Some(usual),
        };
        fields.finish(reader);
        let (Some(user), Some(password)) = (user, password) else { return };
        self.accounts.insert(name.clone(), Credentials::new(&user, &password));
        trunk.account = Some(TrunkAccount { user, domain, register });
    }
}

fn user(what: &str, node: &Node, reader: &mut Reader<'_>) -> Option<String> {
    let text = reader.text(what, node)?;
    let sound = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
    if text.is_empty() || text.len() > MAX_USER || !text.chars().all(sound) {
        let message = format!("{what} is letters, digits, `-`, `_`, `.` and `+`, at most {MAX_USER}, not `{}`", shorten(text));
        reader.fault(node.spot, message);
        return None;
    }
    Some(text.to_string())
}

fn or_never(what: &str, node: &Node, range: std::ops::RangeInclusive<Duration>, reader: &mut Reader<'_>) -> Option<Duration> {
    match &node.value {
        Value::Text { text, .. } if text == NEVER => None,
        _ => reader.duration(what, node, range),
    }
}

fn limits(node: &Node, limits: &mut TrunkLimits, reader: &mut Reader<'_>) {
    let Some(mut fields) = reader.fields("`limits`", node.spot, node) else { return };
    if let Some(node) = fields.value("calls") {
        limits.calls = reader.number("`calls`", node, 0..=MAX_CALLS).unwrap_or(limits.calls);
    }
    if let Some(node) = fields.value("calls_per_second") {
        let most = reader.number("`calls_per_second`", node, 1..=MAX_PER_SECOND);
        limits.calls_per_second = most.unwrap_or(limits.calls_per_second);
    }
    fields.finish(reader);
}

fn identity(node: &Node, identity: &mut Identity, reader: &mut Reader<'_>) {
    let Some(mut fields) = reader.fields("`identity`", node.spot, node) else { return };
    let Identity { asserted, diversion, trusted } = identity;
    for (name, value) in [("asserted", asserted), ("trusted", trusted)] {
        if let Some(node) = fields.value(name) {
            *value = reader.boolean(&format!("`{name}`"), node).unwrap_or(*value);
        }
    }
    if let Some(node) = fields.value("diversion") {
        *diversion = reader.word("`diversion`", node, DIVERSIONS).unwrap_or_default();
    }
    fields.finish(reader);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_a_host_by_name_or_address_with_or_without_a_port() {
        for (text, expected) in [
            ("192.0.2.1:5080", Some("192.0.2.1:5080")),
            ("192.0.2.1", Some("192.0.2.1")),
            ("2001:db8::1", Some("[2001:db8::1]")),
            ("[2001:db8::1]:5060", Some("[2001:db8::1]:5060")),
            ("SIP.Example.com", Some("sip.example.com")),
            ("sip.example.com:5061", Some("sip.example.com:5061")),
            ("sip..example", None),
            ("a b", None),
            ("host:port", None),
            ("", None),
            ("a@b", None),
        ] {
            let read = text.parse::<TrunkAddress>().ok().map(|address| address.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }
}
