//! `centrala run`: the arguments; `main` hands them to the daemon.

use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Run the exchange until it is told to stop
#[derive(Args, Debug)]
pub struct Run {
    /// The configuration folder
    #[arg(long, value_name = "DIR", default_value = "config")]
    pub config: PathBuf,
    /// The data folder: records, generated secrets, the control socket
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data: PathBuf,
    /// Listen for SIP here, over UDP and TCP, instead of where the configuration says; port 0 takes any free one
    #[arg(long, value_name = "ADDR:PORT")]
    pub sip: Option<SocketAddr>,
    /// What `${trunk_uas}` stands for in the configuration
    #[arg(long, value_name = "ADDR:PORT")]
    pub trunk_uas: Option<SocketAddr>,
}
