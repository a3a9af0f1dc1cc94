//! What the shipped grammars say, against tables written from the grammar books: numerals, cases, genders, nouns.

// A test reads files.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use centrala::fault::Faults;
use centrala::speech::{KINDS, Language, Part, Slot, fragment_name};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn language(name: &str) -> Language {
    let file = format!("{}/sounds/{name}/speech.yaml", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(&file).expect("a shipped grammar");
    let mut faults = Faults::new();
    let language = Language::read(name, &file, &bytes, &mut faults);
    language.unwrap_or_else(|| panic!("{:#?}", faults.judge()))
}

fn slot(words: &str) -> Slot {
    let mut slot = Slot::default();
    for word in words.split_whitespace() {
        let place = if matches!(word, "m" | "f" | "n") { &mut slot.gender } else { &mut slot.case };
        *place = Some(word.into());
    }
    slot
}

#[track_caller]
fn check(language: &Language, rows: &[(&str, &str, &str, &str)]) {
    for (kind, value, place, expected) in rows {
        let said = Part::read(kind, value).and_then(|part| language.write(&part, &slot(place)));
        assert_eq!(said.as_deref().unwrap_or("(nothing)"), *expected, "{kind} {value} {place}");
    }
}

#[test]
fn polish_numerals_are_declined_by_gender_and_case() {
    check(
        &language("pl"),
        &[
            ("number", "0", "", "zero"),
            ("number", "1", "", "jeden"),
            ("number", "1", "f", "jedna"),
            ("number", "1", "n", "jedno"),
            ("number", "2", "f", "dwie"),
            ("number", "2", "n", "dwa"),
            ("number", "21", "f", "dwadzieścia jeden"),
            ("number", "22", "f", "dwadzieścia dwie"),
            ("number", "19", "", "dziewiętnaście"),
            ("number", "101", "f", "sto jeden"),
            ("number", "512", "", "pięćset dwanaście"),
            ("number", "1000", "", "tysiąc"),
            ("number", "2000", "", "dwa tysiące"),
            ("number", "5000", "", "pięć tysięcy"),
            ("number", "12000", "", "dwanaście tysięcy"),
            ("number", "22022", "f", "dwadzieścia dwa tysiące dwadzieścia dwie"),
            ("number", "21000", "", "dwadzieścia jeden tysięcy"),
            ("number", "1234567", "", "milion dwieście trzydzieści cztery tysiące pięćset sześćdziesiąt siedem"),
            ("number", "3000000000", "", "trzy miliardy"),
            ("number", "1", "genitive", "jednego"),
            ("number", "1", "f genitive", "jednej"),
            ("number", "5", "genitive", "pięciu"),
            ("number", "121", "genitive", "stu dwudziestu jeden"),
            ("number", "2000", "genitive", "dwóch tysięcy"),
            ("number", "1500", "genitive", "tysiąca pięciuset"),
            ("number", "3", "dative", "trzem"),
            ("number", "1", "dative", "jednemu"),
            ("number", "1", "f accusative", "jedną"),
            ("number", "2", "f accusative", "dwie"),
            ("number", "2", "instrumental", "dwoma"),
            ("number", "2", "f instrumental", "dwiema"),
            ("number", "34", "instrumental", "trzydziestoma czterema"),
            ("number", "2", "locative", "dwóch"),
            ("number", "-3.5", "", "minus trzy przecinek pięć"),
            ("number", "12.05", "", "dwanaście przecinek zero pięć"),
            ("digits", "+48 22 10", "", "cztery osiem dwa dwa jeden zero"),
        ],
    );
}

#[test]
fn polish_ordinals_decline_their_tens_and_units_only() {
    check(
        &language("pl"),
        &[
            ("ordinal", "1", "", "pierwszy"),
            ("ordinal", "2", "f", "druga"),
            ("ordinal", "3", "n", "trzecie"),
            ("ordinal", "21", "", "dwudziesty pierwszy"),
            ("ordinal", "32", "f genitive", "trzydziestej drugiej"),
            ("ordinal", "3", "f accusative", "trzecią"),
            ("ordinal", "4", "instrumental", "czwartym"),
            ("ordinal", "4", "f locative", "czwartej"),
            ("ordinal", "2", "dative", "drugiemu"),
            ("ordinal", "100", "", "setny"),
            ("ordinal", "101", "", "sto pierwszy"),
            ("ordinal", "345", "genitive", "trzysta czterdziestego piątego"),
            ("ordinal", "2000", "genitive", "dwutysięcznego"),
            ("ordinal", "3000", "", "(nothing)"),
            ("position", "5", "", "piąty"),
            ("position", "5", "f", "piąta"),
            ("position", "12", "instrumental", "dwunastym"),
            ("position", "0", "", "(nothing)"),
        ],
    );
}

#[test]
fn polish_dates_and_times_stand_in_their_cases() {
    check(
        &language("pl"),
        &[
            ("date", "2026-12-24", "", "dwudziesty czwarty grudnia dwa tysiące dwudziestego szóstego roku"),
            ("date", "2026-12-24", "genitive", "dwudziestego czwartego grudnia dwa tysiące dwudziestego szóstego roku"),
            ("date", "05-03", "genitive", "trzeciego maja"),
            ("date", "02-29", "", "dwudziesty dziewiąty lutego"),
            ("date", "1999-01-01", "genitive", "pierwszego stycznia tysiąc dziewięćset dziewięćdziesiątego dziewiątego roku"),
            ("date", "2000-10-31", "", "trzydziesty pierwszy października dwutysięcznego roku"),
            ("date", "2026-02-29", "", "(nothing)"),
            ("date", "2026-13-01", "", "(nothing)"),
            ("time", "08:00", "", "ósma"),
            ("time", "08:00", "genitive", "ósmej"),
            ("time", "14:05", "", "czternasta zero pięć"),
            ("time", "16:30", "locative", "szesnastej trzydzieści"),
            ("time", "20:22", "", "dwudziesta dwadzieścia dwie"),
            ("time", "21:21", "", "dwudziesta pierwsza dwadzieścia jeden"),
            ("time", "00:30", "", "zerowa trzydzieści"),
            ("time", "24:00", "", "(nothing)"),
        ],
    );
}

#[test]
fn polish_nouns_agree_with_their_numbers() {
    check(
        &language("pl"),
        &[
            ("duration", "60", "", "jedna minuta"),
            ("duration", "60", "accusative", "jedną minutę"),
            ("duration", "120", "", "dwie minuty"),
            ("duration", "300", "", "pięć minut"),
            ("duration", "5m", "genitive", "pięciu minut"),
            ("duration", "1m", "genitive", "jednej minuty"),
            ("duration", "22m", "", "dwadzieścia dwie minuty"),
            ("duration", "21m", "", "dwadzieścia jeden minut"),
            ("duration", "12m", "", "dwanaście minut"),
            ("duration", "2h15m", "", "dwie godziny piętnaście minut"),
            ("duration", "2h", "instrumental", "dwiema godzinami"),
            ("duration", "1d1h", "", "jeden dzień jedna godzina"),
            ("duration", "5d", "", "pięć dni"),
            ("duration", "0", "", "zero sekund"),
            ("duration", "33", "", "trzydzieści trzy sekundy"),
            ("money", "1 PLN", "", "jeden złoty"),
            ("money", "2 PLN", "", "dwa złote"),
            ("money", "5 PLN", "", "pięć złotych"),
            ("money", "120.10 PLN", "", "sto dwadzieścia złotych i dziesięć groszy"),
            ("money", "22.01 PLN", "", "dwadzieścia dwa złote i jeden grosz"),
            ("money", "112.14 PLN", "", "sto dwanaście złotych i czternaście groszy"),
            ("money", "0.03 PLN", "", "trzy grosze"),
            ("money", "0 PLN", "", "zero złotych"),
            ("money", "-7.5 PLN", "", "minus siedem złotych i pięćdziesiąt groszy"),
            ("money", "9.999 PLN", "", "dziesięć złotych"),
            ("money", "2 PLN", "genitive", "dwóch złotych"),
            ("money", "1 PLN", "genitive", "jednego złotego"),
            ("money", "1000 PLN", "", "tysiąc złotych"),
            ("money", "2000000 PLN", "", "dwa miliony złotych"),
            ("money", "1.02 EUR", "", "jedno euro i dwa centy"),
            ("money", "3 GBP", "", "trzy funty"),
            ("money", "4 XYZ", "", "(nothing)"),
            ("money", "4", "", "(nothing)"),
        ],
    );
}

#[test]
fn english_says_the_same_its_own_way() {
    check(
        &language("en"),
        &[
            ("number", "0", "", "zero"),
            ("number", "21", "f genitive", "twenty one"),
            ("number", "105", "", "one hundred and five"),
            ("number", "1005", "", "one thousand and five"),
            ("number", "1250", "", "one thousand two hundred and fifty"),
            ("number", "2000000", "", "two million"),
            ("number", "1000100", "", "one million one hundred"),
            ("number", "-0.25", "", "minus zero point two five"),
            ("ordinal", "3", "", "third"),
            ("ordinal", "20", "", "twentieth"),
            ("ordinal", "42", "", "forty second"),
            ("ordinal", "100", "", "one hundredth"),
            ("ordinal", "112", "", "one hundred and twelfth"),
            ("position", "4", "", "number four"),
            ("date", "2026-12-24", "", "the twenty fourth of December twenty twenty six"),
            ("date", "2005-05-01", "", "the first of May two thousand and five"),
            ("date", "1905-05-01", "", "the first of May nineteen oh five"),
            ("date", "1900-05-01", "", "the first of May nineteen hundred"),
            ("date", "05-03", "", "the third of May"),
            ("time", "08:00", "", "eight a m"),
            ("time", "00:05", "", "twelve oh five a m"),
            ("time", "12:30", "", "twelve thirty p m"),
            ("time", "16:45", "", "four forty five p m"),
            ("duration", "3661", "", "one hour one minute"),
            ("duration", "61", "", "one minute one second"),
            ("duration", "0", "", "zero seconds"),
            ("money", "1.01 GBP", "", "one pound and one penny"),
            ("money", "120.10 PLN", "", "one hundred and twenty zlotys and ten groszy"),
            ("money", "0.50 USD", "", "fifty cents"),
            ("digits", "907", "", "nine zero seven"),
        ],
    );
}

#[test]
fn every_word_has_a_name_of_its_own() {
    for name in ["pl", "en"] {
        let language = language(name);
        let words: BTreeSet<_> = language.fragments().values().map(|word| word.to_lowercase()).collect();
        assert_eq!(words.len(), language.fragments().len(), "{name}");
    }
    assert_eq!(fragment_name("złotych"), "say.zl_otych");
    assert_ne!(fragment_name("drugą"), fragment_name("druga"));
    assert_ne!(fragment_name("ź"), fragment_name("ż"));
}

#[test]
fn a_mistake_in_a_grammar_is_told_with_its_place() {
    let told = |text: &str| -> Vec<String> {
        let mut faults = Faults::new();
        assert!(Language::read("xx", "speech.yaml", text.as_bytes(), &mut faults).is_none(), "{text}");
        let list = faults.judge().expect_err("faults");
        list.iter()
            .filter(|fault| fault.place.line > 1)
            .map(|f| format!("{}:{} {}", f.place.line, f.place.column, f.message))
            .collect()
    };
    let text = "plurals: {any: {}}
numbers:
  cardinal: {0: zero, ten: 10, 20: \"[twenty\", 30: \"thirty]\"}
  other: {like: cardnal, 5: =nothere, 6: \"<cardinal @noun\"}
phrases:
  date: \"{day of months} {day}\"
  dat: x
currencies: {PLN: [zloty]}
colour: red";
    assert_eq!(
        told(text),
        [
            "3:23 `ten` is no number of a rule: 100, 1100/100, 20+10",
            "3:36 `[` has no `]`",
            "3:51 a bracket too many in `thirty]`",
            "4:17 no numbers `cardnal` stand above",
            "4:29 no numbers `nothere`",
            "4:42 no noun `noun`",
            "6:9 `{day}` is no slot: {day ordinal m genitive}, {hours count NOUN $}",
            "6:9 no list `months`",
            "7:3 there is no phrase `dat`",
            "8:14 a currency has two nouns: its own, and its hundredth's",
            "9:1 a language has no field `colour`",
        ]
    );
}

proptest! {
    #[test]
    fn whatever_is_said_is_made_of_known_words(kind in prop::sample::select(KINDS.to_vec()), value in "[-0-9.:hmdT PLNEUR]{0,16}", number in any::<u64>()) {
        for name in ["pl", "en"] {
            let language = language(name);
            for text in [value.clone(), number.to_string(), (number % 1_000_000).to_string(), format!("{}.{:02} PLN", number % 100_000, number % 100)] {
                for case in ["", "genitive", "f accusative", "n locative", "instrumental"] {
                    let Some(part) = Part::read(kind, &text) else { continue };
                    for fragment in language.say(&part, &slot(case)).unwrap_or_default() {
                        prop_assert!(language.fragments().contains_key(&fragment), "{fragment}");
                    }
                }
            }
        }
    }

    #[test]
    fn any_text_is_a_grammar_or_a_list_of_mistakes(text in "[a-z0-9:{}\\[\\]|<>@= \n\"/+-]{0,200}") {
        let mut faults = Faults::new();
        let language = Language::read("xx", "speech.yaml", text.as_bytes(), &mut faults);
        prop_assert_eq!(language.is_none(), !faults.is_empty());
    }
}
