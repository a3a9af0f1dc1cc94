//! What headers are asked for: a field's value as what it says, and not as bytes.
//!
//! Invariant: asking changes nothing, and never fails: what is missing or malformed is nothing, or empty.

use super::address::{Contact, NameAddr};
use super::headers::Headers;
use super::method::Method;
use super::name::Name;
use super::scan::{self, Cursor};
use super::typed::{CSeq, Contacts, read_cseq, read_vias};
use super::uri::Uri;
use super::via::Via;
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

/// What a message that is still being written has for a Via, From, To.
static NO_VIA: Via = Via::none();
static NOBODY: LazyLock<NameAddr> = LazyLock::new(|| NameAddr::new(Uri::invalid()));

impl Headers {
    /// The topmost Via; an empty one in a message that is still being written.
    pub fn via(&self) -> &Via {
        let read = || Via::read(&mut Cursor::new(self.get(Name::Via)?)).ok().map(Arc::new);
        self.typed.via.get_or_init(read).as_deref().unwrap_or(&NO_VIA)
    }

    /// All values of all Via fields, topmost first.
    pub fn vias(&self) -> Vec<Via> {
        let mut vias = Vec::new();
        for value in self.all(Name::Via) {
            // Checked when the message was read.
            let _ = read_vias(value, |via| vias.push(via));
        }
        vias
    }

    pub fn from_(&self) -> &NameAddr {
        self.typed.from.get_or_init(|| self.address(Name::From)).as_deref().unwrap_or(&NOBODY)
    }

    pub fn to_(&self) -> &NameAddr {
        self.typed.to.get_or_init(|| self.address(Name::To)).as_deref().unwrap_or(&NOBODY)
    }

    /// Empty in a message that is still being written.
    pub fn call_id(&self) -> &str {
        self.get(Name::CallId).and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default()
    }

    /// Zero and an empty method in a message that is still being written.
    pub fn cseq(&self) -> CSeq {
        let read = || read_cseq(self.only(Name::CSeq)?).ok();
        self.typed.cseq.get_or_init(read).clone().unwrap_or(CSeq { number: 0, method: Method::Other(String::new()) })
    }

    pub fn max_forwards(&self) -> Option<u8> {
        scan::number(self.get(Name::MaxForwards)?).and_then(|hops| u8::try_from(hops).ok())
    }

    pub fn contacts(&self) -> &[Contact] {
        &self.read_contacts().list
    }

    /// `Contact: *`: all bindings of the user are meant (RFC 3261 section 10.2.2).
    pub fn is_star(&self) -> bool {
        self.read_contacts().star
    }

    /// Seconds; `u32::MAX` for more than that, `None` when it is missing or no number.
    pub fn expires(&self) -> Option<u32> {
        scan::seconds(self.get(Name::Expires)?)
    }

    /// Seconds.
    pub fn min_expires(&self) -> Option<u32> {
        scan::seconds(self.get(Name::MinExpires)?)
    }

    /// Seconds; the comment and parameters after them are left out.
    pub fn retry_after(&self) -> Option<u32> {
        scan::seconds(Cursor::new(self.get(Name::RetryAfter)?).until_any(|byte| !byte.is_ascii_digit()))
    }

    /// Topmost first.
    pub fn route(&self) -> Vec<NameAddr> {
        self.addresses(Name::Route)
    }

    /// In the order of the header fields: for a callee this is the route set, for a caller its reverse.
    pub fn record_route(&self) -> Vec<NameAddr> {
        self.addresses(Name::RecordRoute)
    }

    pub fn require(&self) -> Vec<String> {
        self.list(Name::Require)
    }

    pub fn proxy_require(&self) -> Vec<String> {
        self.list(Name::ProxyRequire)
    }

    pub fn supported(&self) -> Vec<String> {
        self.list(Name::Supported)
    }

    pub fn allow(&self) -> Vec<Method> {
        self.list(Name::Allow).iter().filter_map(|method| Method::parse(method.as_bytes())).collect()
    }

    /// Media ranges, as `type/subtype` in lower case, without what is refused by `q=0`. See [`Headers::accepts`].
    pub fn accept(&self) -> Vec<String> {
        self.list(Name::Accept).iter().filter_map(|range| media_range(range)).collect()
    }

    /// True when the sender takes bodies of this type (lower case): no Accept means application/sdp alone, an empty one nothing
    /// (RFC 3261 section 20.1).
    pub fn accepts(&self, media: &str) -> bool {
        if !self.has(Name::Accept) {
            return media == "application/sdp";
        }
        let kind = media.split('/').next().unwrap_or_default();
        self.accept().iter().any(|range| range == "*/*" || range == media || range.strip_suffix("/*") == Some(kind))
    }

    /// `type/subtype` in lower case, without parameters.
    pub fn content_type(&self) -> Option<String> {
        self.text(Name::ContentType).and_then(|value| media_range(&value))
    }

    pub fn user_agent(&self) -> Option<Cow<'_, str>> {
        self.text(Name::UserAgent)
    }

    /// The text of the Reason header (RFC 3326).
    pub fn reason_header(&self) -> Option<Cow<'_, str>> {
        self.text(Name::Reason)
    }

    pub fn authorization(&self) -> Vec<super::Credentials> {
        self.all(Name::Authorization).filter_map(super::Credentials::parse).collect()
    }

    pub fn proxy_authorization(&self) -> Vec<super::Credentials> {
        self.all(Name::ProxyAuthorization).filter_map(super::Credentials::parse).collect()
    }

    pub fn www_authenticate(&self) -> Vec<super::Challenge> {
        self.all(Name::WwwAuthenticate).filter_map(super::Challenge::parse).collect()
    }

    pub fn proxy_authenticate(&self) -> Vec<super::Challenge> {
        self.all(Name::ProxyAuthenticate).filter_map(super::Challenge::parse).collect()
    }

    /// The value of that name, when there is one and no second.
    fn only(&self, name: Name) -> Option<&[u8]> {
        let mut values = self.all(name);
        values.next().filter(|_| values.next().is_none())
    }

    fn address(&self, name: Name) -> Option<Arc<NameAddr>> {
        NameAddr::parse(self.only(name)?).ok().map(Arc::new)
    }

    fn read_contacts(&self) -> &Contacts {
        self.typed.contacts.get_or_init(|| {
            let mut contacts = Contacts::default();
            let all = self.all(Name::Contact).try_for_each(|value| contacts.read(value).map(|_| ()));
            if all.is_ok() { contacts } else { Contacts::default() }
        })
    }

    /// The names and addresses of every field of that name, as far as they can be read.
    pub(in crate::sip) fn addresses(&self, name: Name) -> Vec<NameAddr> {
        let mut list = Vec::new();
        for value in self.all(name) {
            // What cannot be read ends its field; those that everybody relies upon were checked when the message was read.
            let _ = NameAddr::read_list(value, &mut list);
        }
        list
    }

    fn list(&self, name: Name) -> Vec<String> {
        let values = self.all(name).flat_map(|value| value.split(|byte| *byte == b','));
        values.map(scan::trim).filter(|item| !item.is_empty()).map(|item| scan::text(item).into_owned()).collect()
    }
}

fn media_range(text: &str) -> Option<String> {
    let mut parts = text.split(';');
    let range: String = parts.next()?.chars().filter(|letter| !letter.is_whitespace()).collect();
    let refused = parts.any(|param| {
        let param = param.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
        param.is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("q") && value.starts_with('0') && value.bytes().all(|byte| matches!(byte, b'0' | b'.'))
        })
    });
    (range.contains('/') && !refused).then(|| range.to_ascii_lowercase())
}
