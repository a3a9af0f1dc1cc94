//! No sound card: this centrala was built without it.

use std::convert::Infallible;

/// There is none.
#[derive(Debug)]
pub struct Card(Infallible);

impl Card {
    pub fn open() -> Result<Card, String> {
        Err("this centrala was built without sound cards: `make phone-soundcard` builds one that has them \
             (cargo build --features soundcard, which needs libasound2-dev)"
            .into())
    }

    /// What was said since the last time, at 8 kHz.
    pub fn said(&self, _into: &mut Vec<i16>) {
        match self.0 {}
    }

    /// What is to be heard next, at 8 kHz.
    pub fn hears(&self, _samples: &[i16]) {
        match self.0 {}
    }

    /// What went wrong since the last time: a sentence.
    pub fn fault(&self) -> Option<String> {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_feature_it_is_said_how_to_have_it() {
        let why = Card::open().expect_err("there is no card");
        assert!(why.contains("make phone-soundcard") && why.contains("libasound2-dev"), "{why}");
    }
}
