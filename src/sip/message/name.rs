//! Names of header fields, with their compact forms (RFC 3261 section 7.3.3).
//!
//! Invariant: two names are equal exactly when they name the same header, whatever the case or form they came in.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! names {
    ($($variant:ident $long:literal $lower:literal $(| $compact:literal)*,)*) => {
        /// A header field's name.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub enum Name {
            $($variant,)*
            /// One that we do not know, in lower case. Made by [`Name::from`].
            Other(Box<str>),
        }

        impl Name {
            /// The long form, as it is written.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Name::$variant => $long,)*
                    Name::Other(name) => name,
                }
            }

            fn known(lower: &[u8]) -> Option<Name> {
                Some(match lower {
                    $($lower $(| $compact)* => Name::$variant,)*
                    _ => return None,
                })
            }
        }

        #[cfg(test)]
        const ALL: &[Name] = &[$(Name::$variant),*];
    };
}

names! {
    Accept "Accept" b"accept",
    AcceptEncoding "Accept-Encoding" b"accept-encoding",
    AcceptLanguage "Accept-Language" b"accept-language",
    AlertInfo "Alert-Info" b"alert-info",
    Allow "Allow" b"allow",
    AllowEvents "Allow-Events" b"allow-events" | b"u",
    AuthenticationInfo "Authentication-Info" b"authentication-info",
    Authorization "Authorization" b"authorization",
    CallId "Call-ID" b"call-id" | b"i",
    CallInfo "Call-Info" b"call-info",
    Contact "Contact" b"contact" | b"m",
    ContentDisposition "Content-Disposition" b"content-disposition",
    ContentEncoding "Content-Encoding" b"content-encoding" | b"e",
    ContentLanguage "Content-Language" b"content-language",
    ContentLength "Content-Length" b"content-length" | b"l",
    ContentType "Content-Type" b"content-type" | b"c",
    CSeq "CSeq" b"cseq",
    Date "Date" b"date",
    Diversion "Diversion" b"diversion",
    ErrorInfo "Error-Info" b"error-info",
    Event "Event" b"event" | b"o",
    Expires "Expires" b"expires",
    From "From" b"from" | b"f",
    HistoryInfo "History-Info" b"history-info",
    Identity "Identity" b"identity" | b"y",
    InReplyTo "In-Reply-To" b"in-reply-to",
    MaxForwards "Max-Forwards" b"max-forwards",
    MimeVersion "MIME-Version" b"mime-version",
    MinExpires "Min-Expires" b"min-expires",
    MinSe "Min-SE" b"min-se",
    Organization "Organization" b"organization",
    PAssertedIdentity "P-Asserted-Identity" b"p-asserted-identity",
    PPreferredIdentity "P-Preferred-Identity" b"p-preferred-identity",
    Path "Path" b"path",
    Priority "Priority" b"priority",
    Privacy "Privacy" b"privacy",
    ProxyAuthenticate "Proxy-Authenticate" b"proxy-authenticate",
    ProxyAuthorization "Proxy-Authorization" b"proxy-authorization",
    ProxyRequire "Proxy-Require" b"proxy-require",
    RAck "RAck" b"rack",
    Reason "Reason" b"reason",
    RecordRoute "Record-Route" b"record-route",
    ReferSub "Refer-Sub" b"refer-sub",
    ReferTo "Refer-To" b"refer-to" | b"r",
    ReferredBy "Referred-By" b"referred-by" | b"b",
    RemotePartyId "Remote-Party-ID" b"remote-party-id",
    Replaces "Replaces" b"replaces",
    ReplyTo "Reply-To" b"reply-to",
    Require "Require" b"require",
    RetryAfter "Retry-After" b"retry-after",
    Route "Route" b"route",
    RSeq "RSeq" b"rseq",
    Server "Server" b"server",
    ServiceRoute "Service-Route" b"service-route",
    SessionExpires "Session-Expires" b"session-expires" | b"x",
    Subject "Subject" b"subject" | b"s",
    SubscriptionState "Subscription-State" b"subscription-state",
    Supported "Supported" b"supported" | b"k",
    Timestamp "Timestamp" b"timestamp",
    To "To" b"to" | b"t",
    Unsupported "Unsupported" b"unsupported",
    UserAgent "User-Agent" b"user-agent",
    Via "Via" b"via" | b"v",
    Warning "Warning" b"warning",
    WwwAuthenticate "WWW-Authenticate" b"www-authenticate",
}

/// The longest of the known names.
const LONGEST_KNOWN: usize = 20;

impl Name {
    /// `None` when it is not a token.
    pub(super) fn parse(name: &[u8]) -> Option<Name> {
        let mut lower = [0; LONGEST_KNOWN];
        if let Some(lower) = lower.get_mut(..name.len()) {
            lower.copy_from_slice(name);
            lower.make_ascii_lowercase();
            if let Some(known) = Name::known(lower) {
                return Some(known);
            }
        }
        if !super::scan::is_token(name) {
            return None;
        }
        Some(Name::Other(super::scan::text(name).to_ascii_lowercase().into_boxed_str()))
    }
}

/// For names that the program itself writes; what is not a token becomes one by leaving out what does not belong.
impl From<&str> for Name {
    fn from(name: &str) -> Name {
        Name::parse(name.as_bytes()).unwrap_or_else(|| {
            let kept: String = name.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-').collect();
            Name::Other(kept.to_ascii_lowercase().into_boxed_str())
        })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_is_read_back_in_any_case() {
        for name in ALL {
            assert!(name.as_str().len() <= LONGEST_KNOWN, "{name}");
            assert_eq!(Name::from(name.as_str()), *name);
            assert_eq!(Name::from(name.as_str().to_uppercase().as_str()), *name);
        }
    }

    #[test]
    fn compact_forms_are_the_same_header() {
        for (compact, name) in [("v", Name::Via), ("I", Name::CallId), ("m", Name::Contact), ("L", Name::ContentLength)] {
            assert_eq!(Name::from(compact), name);
        }
        assert_eq!(Name::from("X-Centrala"), Name::from("x-CENTRALA"));
        assert_eq!(Name::parse(b"Call ID"), None);
        assert_eq!(Name::parse(b""), None);
    }
}
