//! What is asked for on the command line: `--name value` or a bare `--name`.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;

pub const USAGE: &str = "\
sipload: SIP callers and agents with RTP, in one thread; prints one JSON object

  --target ADDR:PORT      the exchange (127.0.0.1:5060)
  --mode uac|uas|both     callers, agents, or both (uac)
  --local ADDR:PORT       where the callers' signalling is (127.0.0.1:7000); their RTP at --media-port (7002)
  --uas-local ADDR:PORT   where the agents' signalling is (127.0.0.1:7100); their RTP at --uas-media-port (7102)
  --domain HOST           what stands in From and To (the target)
callers
  --ext NUMBER            what they dial (100)         --from USER    who they are (load)     --password P   for digest
  --rate N                new calls per second (10)    --calls N      in all (100)            --max-concurrent N
  --hold-ms N             hang up so long after the answer (0); below 0: wait for the other side
  --invite-timeout-ms N   give a call up (32000)       --rtp          send RTP, 20 ms PCMU
agents
  --agents N              how many (0)                 --agent-prefix P  named P1, P2, ... (a)
  --answer-ms N           answer after (0)             --ring         say 180 first           --talk-ms N    then hang up (-1: never)
  --register              register them first          --register-only
the run
  --duration-ms N         no new calls after this      --hangup-at-end  then end those that are up
  --drain-ms N            then wait at most (34000)    --warm-ms N    measure only from here on
  --start-delay-ms N      first call after             --csv FILE     every dispatch: microseconds since start, delay
  --stub                  instead of all this: answer at --target what comes, keep nothing, check nothing
  --v                     progress and the first failures of each kind, on stderr
";

pub struct Options {
    pub target: SocketAddrV4,
    pub local: SocketAddrV4,
    pub uas_local: SocketAddrV4,
    pub uac_media: SocketAddrV4,
    pub uas_media: SocketAddrV4,
    pub domain: String,
    pub callers: bool,
    pub answering: bool,
    pub extension: String,
    pub from: String,
    pub password: String,
    pub rate: f64,
    pub calls: u64,
    pub max_concurrent: usize,
    /// Negative: the other side hangs up.
    pub hold_ms: f64,
    pub invite_timeout_us: u64,
    pub rtp: bool,
    pub agents: usize,
    pub agent_prefix: String,
    pub answer_us: u64,
    pub ring: bool,
    /// Negative: the other side hangs up.
    pub talk_ms: f64,
    pub register: bool,
    pub register_only: bool,
    /// Not a load at all: an exchange at `target` that only answers.
    pub stub: bool,
    pub duration_us: u64,
    pub hangup_at_end: bool,
    pub drain_us: u64,
    pub warm_us: u64,
    pub start_delay_us: u64,
    pub csv: Option<String>,
    pub verbose: bool,
}

impl Options {
    /// Reads the words after the program's name; `Err` says which of them is wrong.
    pub fn read(words: impl Iterator<Item = String>) -> Result<Options, String> {
        let words = Words::read(words)?;
        let target: SocketAddrV4 = words.parsed("target", "127.0.0.1:5060")?;
        let local: SocketAddrV4 = words.parsed("local", "127.0.0.1:7000")?;
        let uas_local: SocketAddrV4 = words.parsed("uas-local", "127.0.0.1:7100")?;
        let mode = words.text("mode", "uac");
        let options = Options {
            target,
            local,
            uas_local,
            uac_media: SocketAddrV4::new(*local.ip(), words.parsed("media-port", "7002")?),
            uas_media: SocketAddrV4::new(*uas_local.ip(), words.parsed("uas-media-port", "7102")?),
            domain: words.text("domain", &target.to_string()),
            callers: mode != "uas",
            answering: mode != "uac",
            extension: words.text("ext", "100"),
            from: words.text("from", "load"),
            password: words.text("password", ""),
            rate: words.parsed("rate", "10")?,
            calls: words.parsed("calls", "100")?,
            max_concurrent: words.parsed("max-concurrent", "1000000")?,
            hold_ms: words.parsed("hold-ms", "0")?,
            invite_timeout_us: words.micros("invite-timeout-ms", "32000")?,
            rtp: words.given("rtp"),
            agents: words.parsed("agents", "0")?,
            agent_prefix: words.text("agent-prefix", "a"),
            answer_us: words.micros("answer-ms", "0")?,
            ring: words.given("ring"),
            talk_ms: words.parsed("talk-ms", "-1")?,
            register: words.given("register"),
            register_only: words.given("register-only"),
            stub: words.given("stub"),
            duration_us: words.micros("duration-ms", "0")?,
            hangup_at_end: words.given("hangup-at-end"),
            drain_us: words.micros("drain-ms", "34000")?,
            warm_us: words.micros("warm-ms", "0")?,
            start_delay_us: words.micros("start-delay-ms", "0")?,
            csv: words.0.get("csv").cloned(),
            verbose: words.given("v"),
        };
        if options.rate <= 0.0 {
            return Err("--rate must be above 0".into());
        }
        Ok(options)
    }
}

struct Words(BTreeMap<String, String>);

impl Words {
    fn read(words: impl Iterator<Item = String>) -> Result<Words, String> {
        let mut read = BTreeMap::new();
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").ok_or_else(|| format!("{word}: every option begins with --"))?;
            if !USAGE.contains(&format!("--{name} ")) {
                return Err(format!("--{name} is no option"));
            }
            let value = words.next_if(|next| !next.starts_with("--")).unwrap_or_else(|| "1".into());
            read.insert(name.to_owned(), value);
        }
        Ok(Words(read))
    }

    fn given(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn text(&self, name: &str, default: &str) -> String {
        self.0.get(name).map_or(default, String::as_str).to_owned()
    }

    fn parsed<T: std::str::FromStr>(&self, name: &str, default: &str) -> Result<T, String> {
        let text = self.text(name, default);
        text.parse().map_err(|_| format!("--{name} {text}: not what is wanted here"))
    }

    /// Milliseconds on the command line, microseconds inside.
    fn micros(&self, name: &str, default: &str) -> Result<u64, String> {
        Ok((self.parsed::<f64>(name, default)? * 1000.0) as u64)
    }
}
