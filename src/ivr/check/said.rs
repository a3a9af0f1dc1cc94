//! Values that `say` says, against the grammars of the languages in which they are heard.
//!
//! | | |
//! |---|---|
//! | a gender or a case that none of these languages has, while one of them has any | a fault |
//! | a value, written out, that one of them has no words for, or no recordings | a fault |
//! | a language without a grammar | a warning: `failed` is where its callers go |
//!
//! Invariant: a language that knows no genders, or no cases, does not mind being given one.

use super::Complaints;
use crate::fault::tree::Spot;
use crate::id::Name;
use crate::ivr::World;
use crate::ivr::reading::Said;
use crate::speech::{FILE, Language, Part};

pub(super) fn report(said: &Said, languages: &[&Name], world: &World, complaints: &mut Complaints<'_>) {
    let known: Vec<(&Name, &Language)> =
        languages.iter().filter_map(|name| Some((*name, &**world.speech.get(*name)?))).collect();
    for name in languages.iter().filter(|name| !world.speech.contains_key(**name)) {
        complaints.warn(said.spot, format!("nothing tells how `{name}` says values (`{name}/{FILE}` among the sounds)"));
    }
    let before = complaints.count();
    let [gender, case] = said.spots;
    judge_word("gender", said.slot.gender.as_ref(), gender, &known, Language::genders, complaints);
    judge_word("case", said.slot.case.as_ref(), case, &known, Language::cases, complaints);
    if let (Some(part), true) = (&said.part, complaints.count() == before) {
        judge_part(part, said, &known, world, complaints);
    }
}

fn judge_word(
    what: &str,
    word: Option<&Name>,
    spot: Spot,
    languages: &[(&Name, &Language)],
    words: fn(&Language) -> &[String],
    complaints: &mut Complaints<'_>,
) {
    let Some(word) = word else { return };
    let having: Vec<_> = languages.iter().filter(|(_, language)| !words(language).is_empty()).collect();
    let known: Vec<&str> = having.iter().flat_map(|(_, language)| words(language)).map(String::as_str).collect();
    if having.is_empty() || known.contains(&&**word) {
        return;
    }
    let names: Vec<&str> = having.iter().map(|(name, _)| &***name).collect();
    let message = format!("no {what} `{word}` in {}: {}", names.join(", "), known.join(", "));
    complaints.unknown(spot, message, word, known);
}

fn judge_part(part: &Part, said: &Said, languages: &[(&Name, &Language)], world: &World, complaints: &mut Complaints<'_>) {
    for (name, language) in languages {
        match language.say(part, &said.slot) {
            Some(fragments) => {
                for fragment in fragments.iter().filter(|fragment| !world.has(name, fragment)) {
                    let word = language.fragments().get(fragment).map_or("", String::as_str);
                    complaints.fault(said.spot, format!("no sound `{fragment}` ({word}) in {name}"));
                }
            }
            None => match part {
                Part::Money { currency, .. } => {
                    let message = format!("`{name}` has no words for `{currency}`");
                    complaints.unknown(said.spot, message, currency, language.currencies());
                }
                _ => complaints.fault(said.spot, format!("`{name}` has no words for this")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::fault::Faults;
    use crate::id::Name;
    use crate::ivr::{Flow, World};
    use crate::speech::Language;
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    /// The shipped grammars, every word of them recorded but one.
    fn world(languages: &[&str]) -> World {
        let mut world = World { flows: ["f".into()].into(), ..World::default() };
        for (name, bytes) in [
            ("pl", &include_bytes!("../../../sounds/pl/speech.yaml")[..]),
            ("en", &include_bytes!("../../../sounds/en/speech.yaml")[..]),
        ] {
            let language = Language::read(name, "speech.yaml", bytes, &mut Faults::new()).expect("a shipped grammar");
            let recorded: BTreeSet<Name> =
                language.fragments().keys().filter(|word| &***word != "say.franki").cloned().collect();
            world.sounds.insert(name.into(), recorded);
            world.speech.insert(name.into(), Arc::new(language));
        }
        world.languages = languages.iter().map(|name| Name::from(*name)).collect();
        world
    }

    #[track_caller]
    fn check(languages: &[&str], part: &str, expected: &[&str]) {
        let yaml = format!("start: s\nnodes:\n  s: {{say: {{parts: [{part}], next: e}}}}\n  e: {{hangup: {{}}}}");
        let mut faults = Faults::new();
        Flow::read_all(&BTreeMap::from([("f.yaml".to_string(), yaml.into_bytes())]), &world(languages), &mut faults);
        let (Ok(found) | Err(found)) = faults.judge();
        let told = |fault: &crate::fault::Fault| {
            let hint = fault.suggestion.as_ref().map(|name| format!("; did you mean {name}?")).unwrap_or_default();
            let written: String = fault.place.excerpt.chars().skip(fault.place.column as usize - 1).take(3).collect();
            format!("{written} {}{hint}", fault.message)
        };
        assert_eq!(found.iter().map(told).collect::<Vec<_>>(), expected, "{part} in {languages:?}");
    }

    #[test]
    fn the_words_of_say_are_judged_by_the_grammars_in_which_they_are_heard() {
        check(&["pl"], "{number: \"{{ 1 }}\", gender: f, case: genitive}", &[]);
        check(&["en"], "{number: \"{{ 1 }}\", gender: feminine, case: none}", &[]);
        check(
            &["pl", "en"],
            "{number: \"{{ 1 }}\", gender: x, case: genetive}",
            &[
                "x,  no gender `x` in pl: m, f, n; did you mean f?",
                "gen no case `genetive` in pl: nominative, genitive, dative, accusative, instrumental, locative; did you mean genitive?",
            ],
        );
        check(&["pl", "en"], "{money: 5 PLN}", &[]);
        check(
            &["pl", "en"],
            "{money: 5 PLX}",
            &["5 P `pl` has no words for `PLX`; did you mean PLN?", "5 P `en` has no words for `PLX`; did you mean PLN?"],
        );
        check(&["pl"], "{money: 2 CHF}", &["2 C no sound `say.franki` (franki) in pl"]);
        check(&["de"], "{number: 1}", &["1}] nothing tells how `de` says values (`de/speech.yaml` among the sounds)"]);
    }
}
