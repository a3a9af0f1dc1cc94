//! Flows without a telephone: a caller who does what a script says, in a world that answers as the script says, in virtual time.
//!
//! ```text
//!   reception.test.yaml --script--> Case: when, who, what the world answers, steps
//!                                     |
//!                                     v
//!   Session <--events, commands--> Stage: the clock, the line, the world --> Happening ...
//!                                     |
//!                                     v
//!                                   play: each step against what happens --> Verdict
//! ```
//!
//! | file | subject |
//! |---|---|
//! | `script` | YAML -> cases, every mistake placed |
//! | `props` | what the world answers: customers, web services, queues, calendars |
//! | `stage` | the clock, the line, and what happens to the caller |
//! | `play` | a case played step by step |
//!
//! Invariant: no time passes and nobody is asked outside: the same case has the same verdict for ever.

mod play;
mod props;
mod script;
mod stage;

pub use play::{Difference, Verdict, play};
pub use props::Props;
pub use script::{Case, MAX_CASES, MAX_STEPS_OF_CASE, Step, StepKind, moment_of, read};
pub use stage::{Ending, Happening, Stage};
