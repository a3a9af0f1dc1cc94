//! The public holidays of countries, by the law of each.
//!
//! Only days on which work rests throughout the country: no municipal and no optional ones. Sources: Poland, the act of 18 January
//! 1951 as amended (Epiphany since 2011, 24 December since 2025); Portugal, article 234 of the Labour Code (four days suspended
//! from 2013 to 2015); Ireland, the Organisation of Working Time Act 1997, schedule 2 (St Brigid's Day since 2023).
//! Invariant: every rule of every pack can be read (a test reads them all).

use super::feast::MonthDay;
use super::{Feast, Weekday, Years};

/// One row: name, day, first year, last year, condition.
type Row = (&'static str, &'static str, Option<i16>, Option<i16>, Option<Condition>);
/// The month and the day, the weekday, and whether that day must be it or must not.
type Condition = (i8, i8, Weekday, bool);

pub const PACKS: &[&str] = &["ireland", "poland", "portugal"];

const POLAND: &[Row] = &[
    ("Nowy Rok", "01-01", None, None, None),
    ("Trzech Króli", "01-06", Some(2011), None, None),
    ("Wielkanoc", "easter", None, None, None),
    ("Poniedziałek Wielkanocny", "easter + 1", None, None, None),
    ("Święto Pracy", "05-01", None, None, None),
    ("Święto Konstytucji 3 Maja", "05-03", None, None, None),
    ("Zielone Świątki", "easter + 49", None, None, None),
    ("Boże Ciało", "easter + 60", None, None, None),
    ("Wniebowzięcie NMP", "08-15", None, None, None),
    ("Wszystkich Świętych", "11-01", None, None, None),
    ("Święto Niepodległości", "11-11", None, None, None),
    ("Setna rocznica niepodległości", "11-12", Some(2018), Some(2018), None),
    ("Wigilia", "12-24", Some(2025), None, None),
    ("Boże Narodzenie", "12-25", None, None, None),
    ("Drugi dzień Bożego Narodzenia", "12-26", None, None, None),
];

const PORTUGAL: &[Row] = &[
    ("Ano Novo", "01-01", None, None, None),
    ("Sexta-feira Santa", "easter - 2", None, None, None),
    ("Páscoa", "easter", None, None, None),
    ("Dia da Liberdade", "04-25", None, None, None),
    ("Dia do Trabalhador", "05-01", None, None, None),
    ("Corpo de Deus", "easter + 60", None, Some(2012), None),
    ("Corpo de Deus", "easter + 60", Some(2016), None, None),
    ("Dia de Portugal", "06-10", None, None, None),
    ("Assunção de Nossa Senhora", "08-15", None, None, None),
    ("Implantação da República", "10-05", None, Some(2012), None),
    ("Implantação da República", "10-05", Some(2016), None, None),
    ("Todos os Santos", "11-01", None, Some(2012), None),
    ("Todos os Santos", "11-01", Some(2016), None, None),
    ("Restauração da Independência", "12-01", None, Some(2012), None),
    ("Restauração da Independência", "12-01", Some(2016), None, None),
    ("Imaculada Conceição", "12-08", None, None, None),
    ("Natal", "12-25", None, None, None),
];

const IRELAND: &[Row] = &[
    ("New Year's Day", "01-01", None, None, None),
    // The first Monday of February, but 1 February itself when that is a Friday.
    ("St Brigid's Day", "02-01", Some(2023), None, Some((2, 1, Weekday::Friday, true))),
    ("St Brigid's Day", "first monday of february", Some(2023), None, Some((2, 1, Weekday::Friday, false))),
    ("St Patrick's Day", "03-17", None, None, None),
    ("Day of Remembrance and Recognition", "03-18", Some(2022), Some(2022), None),
    ("Easter Monday", "easter + 1", None, None, None),
    ("May Day", "first monday of may", Some(1994), None, None),
    ("June Holiday", "first monday of june", None, None, None),
    ("August Holiday", "first monday of august", None, None, None),
    ("October Holiday", "last monday of october", None, None, None),
    ("Christmas Day", "12-25", None, None, None),
    ("St Stephen's Day", "12-26", None, None, None),
];

/// The feasts of a country; `None` when there is no such pack.
pub fn pack(name: &str) -> Option<Vec<Feast>> {
    let rows = match name {
        "ireland" => IRELAND,
        "poland" => POLAND,
        "portugal" => PORTUGAL,
        _ => return None,
    };
    Some(rows.iter().filter_map(feast).collect())
}

/// `None` for a rule that cannot be read.
fn feast((name, day, from, until, only): &Row) -> Option<Feast> {
    Some(Feast {
        name: name.to_string(),
        day: day.parse().ok()?,
        years: Years { from: *from, until: *until },
        only: only.map(|(month, day, weekday, wanted)| (MonthDay { month, day }, weekday, wanted)),
        hours: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_of_every_pack_can_be_read() {
        for (name, rows) in [("ireland", IRELAND), ("poland", POLAND), ("portugal", PORTUGAL)] {
            assert_eq!(pack(name).expect("a pack").len(), rows.len(), "{name}");
        }
        assert!(PACKS.iter().all(|name| pack(name).is_some()));
    }
}
