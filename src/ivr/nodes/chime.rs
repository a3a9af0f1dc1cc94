//! `chime: {sound: gong, times: 3, next: NODE}`: a verb of the tests, which shows what a verb takes: this file, its `mod`, its row in the
//! list. Reading, checks, schema, drawing and rehearsal know it from there.

use super::{Heard, Node, Step};
use crate::id::Name;
use crate::ivr::reading::NodeFields;
use crate::ivr::turn::Turn;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Chime {
    sound: Vec<Name>,
    times: u32,
    next: Name,
}

impl Node for Chime {
    /// How often it has sounded.
    type State = u32;

    fn read(fields: &mut NodeFields<'_, '_, '_>) -> Option<Chime> {
        fields.waits();
        let sound = fields.prompts("sound");
        let times = fields.number("times", 1, 1..=10);
        let next = fields.link("next");
        Some(Chime { sound: sound?, times, next: next? })
    }

    fn speaks(&self) -> bool {
        true
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Step<u32> {
        turn.play(&self.sound, false);
        Step::Stay(1)
    }

    fn hear(&self, times: u32, heard: Heard, turn: &mut Turn<'_>) -> Step<u32> {
        match heard {
            Heard::Played if times < self.times => {
                turn.play(&self.sound, false);
                Step::Stay(times + 1)
            }
            Heard::Played => Step::leave("next", Some(self.next.clone())),
            _ => Step::Stay(times),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::fault::Faults;
    use crate::id::Name;
    use crate::ivr::rehearsal::{Props, play, read};
    use crate::ivr::{Caller, Flow, World, shapes};
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn a_new_verb_is_one_file_and_two_lines() {
        let world = World {
            languages: vec!["en".into()],
            sounds: BTreeMap::from([(Name::from("en"), BTreeSet::from(["gong".into()]))]),
            flows: BTreeSet::from(["f".into()]),
            ..World::default()
        };
        let mut faults = Faults::new();
        let yaml = "start: c\nnodes:\n  c: {chime: {sound: gong, times: 3, next: e}}\n  e: {hangup: {}}";
        let flows = Flow::read_all(&BTreeMap::from([("f.yaml".into(), yaml.into())]), &world, &mut faults);
        let script = "- name: three times\n  steps:\n    - hears: [gong, gong, gong]\n    - ends: hangup";
        let caller = Caller { language: "en".into(), ..Caller::default() };
        let cases = read("f.test.yaml", script.as_bytes(), &"f".into(), &world, &caller, &mut faults);
        assert_eq!(faults.judge(), Ok(Vec::new()));
        assert_eq!(play(&cases[0], &flows, &Props::default()).difference, None);
        let shape = shapes().into_iter().find(|(verb, _)| *verb == "chime").expect("its row in the list");
        assert_eq!(shape.1.iter().map(|field| field.name).collect::<Vec<_>>(), ["sound", "times", "next"]);
        let wrong = yaml.replace("gong", "gnog");
        let told = Flow::parse("f.yaml", wrong.as_bytes(), &world).expect_err("a misspelt sound");
        assert_eq!(told[0].suggestion.as_deref(), Some("gong"));
    }
}
