//! Names to addresses, by the system's resolver on the blocking pool.
//!
//! Invariant: in the lab nobody is asked.

use super::super::fence::Fence;
use super::{Herald, News};
use crate::ask::{Answer, Ask, Question, Reply};
use crate::time::Duration;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Questions asked at once; others wait their turn until their deadline. A name server that is dead holds these threads only.
pub const AT_ONCE: usize = 16;

/// Answers its question within `patience`, or not at all: the core keeps the deadline as well.
pub async fn answer(ask: Ask, patience: Duration, fence: Fence, turns: Arc<Semaphore>, herald: Herald) {
    let work = async {
        let Question::Resolve { host } = ask.question else {
            return Reply::Failed("nobody here can answer that".into());
        };
        if let Ok(address) = host.parse::<IpAddr>() {
            return Reply::Addresses(vec![address]);
        }
        if fence.lab {
            return Reply::Failed("the lab asks nobody".into());
        }
        let Ok(_turn) = turns.acquire().await else {
            return Reply::Failed("the exchange is stopping".into());
        };
        match tokio::net::lookup_host((host.as_str(), 0)).await {
            Ok(addresses) => Reply::Addresses(addresses.map(|address| address.ip()).collect()),
            Err(fault) => Reply::Failed(fault.to_string()),
        }
    };
    if let Ok(reply) = tokio::time::timeout(patience, work).await {
        herald.tell(News::Answer(Answer { id: ask.id, reply })).await;
    }
}
