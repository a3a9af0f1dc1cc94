//! Names to addresses, by the system's resolver on the blocking pool.
//!
//! Invariant: in the lab nobody is asked.

use super::super::fence::Fence;
use crate::ask::Reply;
use std::net::IpAddr;
use tokio::sync::Semaphore;

/// Questions asked at once; others wait their turn until their deadline. A name server that is dead holds these threads only.
pub const AT_ONCE: usize = 16;

/// The addresses of a host.
pub async fn addresses(host: &str, fence: Fence, turns: &Semaphore) -> Reply {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Reply::Addresses(vec![address]);
    }
    if fence.lab {
        return Reply::Failed("the lab asks nobody".into());
    }
    let Ok(_turn) = turns.acquire().await else {
        return Reply::Failed("the exchange is stopping".into());
    };
    match tokio::net::lookup_host((host, 0)).await {
        Ok(addresses) => Reply::Addresses(addresses.map(|address| address.ip()).collect()),
        Err(fault) => Reply::Failed(fault.to_string()),
    }
}
