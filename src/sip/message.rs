//! Placeholder of the message room's public types.

use serde::{Deserialize, Serialize};

/// A SIP, SIPS or tel URI.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Uri(pub String);
