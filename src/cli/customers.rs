//! `centrala customers`: who calls, as the administrator knows them.
//!
//! PINs are hashed here (argon2id): the daemon and its socket never see one. Invariant: a file with a mistake imports nobody.

mod csv;

use super::check;
use super::client::{Client, Where, ask, strange};
use super::report::known_name;
use super::table::{Table, print, print_json, time};
use crate::config::Plan;
use crate::control::{Customer, LockRow, MAX_CUSTOMERS, MAX_REQUEST, Request, Response};
use crate::id::Name;
use crate::shell::sys::clock;
use crate::shell::{files, pins};
use clap::{Args, Subcommand};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Customers in one file at most.
const MAX_ROWS: usize = 200_000;
/// Mistakes that are printed.
const MAX_MISTAKES: usize = 20;
/// Columns that mean something; every other one is a field of the customer's own.
const KNOWN: &[&str] = &["id", "name", "numbers", "value", "language", "preferred_agent", "pin"];

/// Import, export, list and unlock customers
#[derive(Args, Debug)]
pub struct Customers {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Add or replace the customers of a CSV file: id,name,numbers,value,language,preferred_agent,pin and columns of your own
    Import {
        /// UTF-8, comma-separated, with a header line; between two numbers stands a space or `;`
        file: PathBuf,
        /// The configuration folder: which languages and agents there are
        #[arg(long, value_name = "DIR", default_value = "config")]
        config: PathBuf,
        #[command(flatten)]
        place: Where,
    },
    /// Write all customers as CSV, PINs as verifiers, to a file or to the standard output
    Export {
        file: Option<PathBuf>,
        #[command(flatten)]
        place: Where,
    },
    /// List all customers
    List(Where),
    /// Show one customer
    Show {
        id: String,
        #[command(flatten)]
        place: Where,
    },
    /// List who is locked out after too many wrong PINs, and until when
    Locked(Where),
    /// Lift the lock of too many wrong PINs from customers and their telephone numbers, or from calling numbers
    Unlock {
        #[arg(required_unless_present = "number")]
        ids: Vec<String>,
        /// A calling number, in any form
        #[arg(long)]
        number: Vec<String>,
        #[command(flatten)]
        place: Where,
    },
    /// Remove customers
    Remove {
        #[arg(required = true)]
        ids: Vec<String>,
        #[command(flatten)]
        place: Where,
    },
}

pub fn run(arguments: &Customers) -> Result<(), String> {
    match &arguments.what {
        What::Import { file, config, place } => import(file, config, place),
        What::Export { file, place } => export(file.as_ref(), place),
        What::List(place) => list(place),
        What::Show { id, place } => show(id, place),
        What::Locked(place) => locked(place),
        What::Unlock { ids, number, place } => unlock(ids, number, place),
        What::Remove { ids, place } => remove(ids, place),
    }
}

fn import(file: &Path, config: &Path, place: &Where) -> Result<(), String> {
    let bytes = files::read_sound(file).map_err(|why| format!("could not read {}: {why}", file.display()))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8", file.display()))?;
    let mut client = Client::connect(&place.data)?;
    let refused = |mistakes: Vec<String>| {
        let more = mistakes.len().saturating_sub(MAX_MISTAKES);
        let mut lines: Vec<String> = mistakes.into_iter().take(MAX_MISTAKES).collect();
        if more > 0 {
            lines.push(format!("and {more} more"));
        }
        format!("nobody was imported from {}: {}", file.display(), lines.join("; "))
    };
    let plan = numbering_plan(&mut client)?;
    let rows = read(&text, &plan).map_err(refused)?;
    let taken = taken(&rows, &page_by_page(&mut client)?, &plan);
    if !taken.is_empty() {
        return Err(refused(taken));
    }
    // Whoever writes of no language and of no agent needs no configuration.
    if rows.iter().any(|(_, customer)| !customer.language.is_empty() || !customer.preferred_agent.is_empty()) {
        let config = check::configuration(config)?;
        let unknown = unknown(&rows, &config.languages, &config.agents.keys().map(AsRef::as_ref).collect::<Vec<_>>());
        if !unknown.is_empty() {
            return Err(refused(unknown));
        }
    }
    let mut customers: Vec<Customer> = rows.into_iter().map(|(_, customer)| customer).collect();
    let count = customers.len();
    for customer in &mut customers {
        hash(customer)?;
    }
    for batch in batches(customers) {
        match client.ask(&Request::SaveCustomers(batch))? {
            Response::Done => {}
            other => return Err(strange(&other)),
        }
    }
    if place.json {
        return print_json(&serde_json::json!({ "imported": count }));
    }
    print(&format!("{count} customers imported\n"));
    Ok(())
}

/// How the exchange reads telephone numbers.
fn numbering_plan(client: &mut Client) -> Result<Plan, String> {
    match client.ask(&Request::NumberingPlan)? {
        Response::NumberingPlan(plan) => {
            serde_json::from_value(plan).map_err(|fault| format!("the daemon has another kind of numbering plan: {fault}"))
        }
        other => Err(strange(&other)),
    }
}

/// Numbers of customers who are known already and whom the file does not replace.
fn taken(rows: &[(usize, Customer)], known: &[Customer], plan: &Plan) -> Vec<String> {
    let replaced: BTreeSet<&str> = rows.iter().map(|(_, customer)| customer.id.as_str()).collect();
    let stay = known.iter().filter(|customer| !replaced.contains(customer.id.as_str()));
    let owners: BTreeMap<String, &str> = stay
        .flat_map(|customer| customer.numbers.iter().map(|number| (plan.telephone(number), customer.id.as_str())))
        .collect();
    let of = |(line, customer): &(usize, Customer)| {
        let line = *line;
        let numbers = customer.numbers.clone().into_iter();
        numbers
            .filter_map(|number| owners.get(&number).map(|id| (number, *id)))
            .map(move |(number, id)| format!("line {line}: {number} is the number of the customer {id} already"))
            .collect::<Vec<_>>()
    };
    rows.iter().flat_map(of).collect()
}

/// The PIN becomes its verifier; a verifier (of an export) stays.
fn hash(customer: &mut Customer) -> Result<(), String> {
    if customer.pin.is_empty() || pins::is_verifier(&customer.pin) {
        return Ok(());
    }
    let chance = clock::entropy().map_err(|fault| format!("the operating system has no randomness: {fault}"))?;
    let mut salt = [0; 16];
    salt.copy_from_slice(&chance[..16]);
    customer.pin = pins::verifier(&customer.pin, &salt)?;
    Ok(())
}

/// As many at once as a request takes.
fn batches(customers: Vec<Customer>) -> Vec<Vec<Customer>> {
    let (mut batches, mut batch, mut size) = (Vec::new(), Vec::new(), 0);
    for customer in customers {
        let length = serde_json::to_string(&customer).map_or(0, |text| text.len() + 1);
        if batch.len() == MAX_CUSTOMERS || size + length > MAX_REQUEST / 2 {
            batches.push(std::mem::take(&mut batch));
            size = 0;
        }
        size += length;
        batch.push(customer);
    }
    batches.push(batch);
    batches.retain(|batch| !batch.is_empty());
    batches
}

/// What the exchange has not: languages and agents.
fn unknown(rows: &[(usize, Customer)], languages: &[Name], agents: &[&str]) -> Vec<String> {
    let languages: Vec<&str> = languages.iter().map(AsRef::as_ref).collect();
    let judge = |line: &usize, what: &str, name: &str, known: &[&str]| {
        let why = known_name(what, name, known).err().filter(|_| !name.is_empty())?;
        Some(format!("line {line}: {why}"))
    };
    let of = |(line, customer): &(usize, Customer)| {
        let language = judge(line, "language", &customer.language, &languages);
        let agent = judge(line, "agent", &customer.preferred_agent, agents);
        [language, agent]
    };
    rows.iter().flat_map(of).flatten().collect()
}

/// The customers with their lines, or every mistake with its line.
fn read(text: &str, plan: &Plan) -> Result<Vec<(usize, Customer)>, Vec<String>> {
    let rows = csv::read(text, MAX_ROWS).map_err(|mistake| vec![mistake])?;
    let mut rows = rows.into_iter();
    let Some((_, header)) = rows.next() else { return Err(vec!["the file is empty".into()]) };
    let header: Vec<String> = header.iter().map(|name| name.trim().to_lowercase().replace(' ', "_")).collect();
    let mut mistakes = Vec::new();
    if !header.iter().any(|name| name == "id") {
        mistakes.push("the first line names the columns, and one of them is `id`".to_string());
    }
    if let Some(twice) = header.iter().enumerate().find(|(at, name)| header[..*at].contains(name)) {
        mistakes.push(format!("the column `{}` stands there twice", twice.1));
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let (mut customers, mut ids) = (Vec::new(), BTreeSet::new());
    let mut owners: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for (line, cells) in rows {
        if cells.len() != header.len() {
            mistakes.push(format!("line {line} has {} columns, the first line {}", cells.len(), header.len()));
            continue;
        }
        match customer(header.iter().map(String::as_str).zip(cells.iter().map(|cell| cell.trim())), plan) {
            Ok(customer) if !ids.insert(customer.id.clone()) => {
                mistakes.push(format!("line {line}: the customer {} stands there twice", customer.id));
            }
            Ok(customer) => {
                for number in &customer.numbers {
                    let owner = owners.entry(number.clone()).or_insert_with(|| (line, customer.id.clone()));
                    if owner.1 != customer.id {
                        let (first, id) = owner;
                        mistakes
                            .push(format!("line {line}: {number} is the number of the customer {id} already, in line {first}"));
                    }
                }
                customers.push((line, customer));
            }
            Err(why) => mistakes.push(format!("line {line}: {why}")),
        }
    }
    if mistakes.is_empty() { Ok(customers) } else { Err(mistakes) }
}

fn customer<'a>(cells: impl Iterator<Item = (&'a str, &'a str)>, plan: &Plan) -> Result<Customer, String> {
    let mut customer = Customer::default();
    for (column, cell) in cells {
        let text = csv::unguarded(cell).to_string();
        match column {
            "id" if !(1..=20).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_digit()) => {
                return Err("an id has 1 to 20 digits: it is typed on a telephone".into());
            }
            "id" => customer.id = text,
            "name" => customer.name = text,
            "numbers" | "number" => {
                // Spreadsheets put a `'` before what shall stay a text.
                let text = cell.replace('\'', "");
                let read = plan.numbers_in(&text);
                let unclear = |what| format!("`{what}` is no telephone number; between two of them stands a space or `;`");
                customer.numbers = read.map_err(unclear)?;
            }
            "value" if text.is_empty() => {}
            "value" => {
                let value = text.parse::<f64>().ok().filter(|value| value.is_finite());
                customer.value = value.ok_or_else(|| format!("the value `{text}` is not a number"))?;
            }
            "language" => customer.language = text,
            "preferred_agent" => customer.preferred_agent = text,
            // What is wrong with a PIN is said without it.
            "pin" if text.is_empty() || pins::is_verifier(&text) => customer.pin = text,
            "pin" if (4..=12).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) => customer.pin = text,
            "pin" => return Err("a PIN has 4 to 12 digits".into()),
            own if !text.is_empty() => {
                customer.fields.insert(own.to_string(), text);
            }
            _ => {}
        }
    }
    Ok(customer)
}

/// All of them, in the order of their ids.
fn all(place: &Where) -> Result<Vec<Customer>, String> {
    page_by_page(&mut Client::connect(&place.data)?)
}

fn page_by_page(client: &mut Client) -> Result<Vec<Customer>, String> {
    let mut list: Vec<Customer> = Vec::new();
    loop {
        let after = list.last().map(|customer| customer.id.clone()).unwrap_or_default();
        let limit = u32::try_from(MAX_CUSTOMERS).unwrap_or(u32::MAX);
        match client.ask(&Request::Customers { after, limit })? {
            Response::Customers(page) if page.is_empty() => return Ok(list),
            Response::Customers(page) => list.extend(page),
            other => return Err(strange(&other)),
        }
    }
}

fn export(file: Option<&PathBuf>, place: &Where) -> Result<(), String> {
    let customers = all(place)?;
    let own: BTreeSet<&str> = customers.iter().flat_map(|customer| customer.fields.keys().map(String::as_str)).collect();
    let mut text = csv::line(KNOWN.iter().copied().chain(own.iter().copied()));
    for customer in &customers {
        let value = customer.value.to_string();
        let numbers = customer.numbers.join(";");
        let Customer { id, name, language, preferred_agent, pin, fields, .. } = customer;
        let cells = [id, name, &numbers, &value, language, preferred_agent, pin].map(String::as_str);
        let own = own.iter().map(|name| fields.get(*name).map_or("", String::as_str));
        text.push_str(&csv::line(cells.into_iter().chain(own)));
    }
    match file {
        Some(file) => write(file, text.as_bytes()),
        None => {
            print(&text);
            Ok(())
        }
    }
}

/// A file is written whole or not at all; what is none (`/dev/stdout`, a pipe, a link) stays what it is and is written through.
fn write(file: &Path, bytes: &[u8]) -> Result<(), String> {
    match std::fs::symlink_metadata(file) {
        Ok(there) if !there.is_file() => {
            std::fs::write(file, bytes).map_err(|fault| format!("could not write {}: {fault}", file.display()))
        }
        _ => files::replace(file, bytes),
    }
}

fn list(place: &Where) -> Result<(), String> {
    let customers = all(place)?;
    if place.json {
        return print_json(&customers.iter().map(without_pin).collect::<Vec<_>>());
    }
    let mut table = Table::new(&["ID", "NAME", "NUMBERS", "VALUE", "LANGUAGE", "AGENT", "PIN"]);
    for customer in customers {
        let pin = if customer.pin.is_empty() { "no" } else { "yes" };
        let Customer { id, name, numbers, value, language, preferred_agent, .. } = customer;
        table.row([id, name, numbers.join(" "), value.to_string(), language, preferred_agent, pin.into()]);
    }
    table.print("no customers");
    Ok(())
}

fn show(id: &str, place: &Where) -> Result<(), String> {
    let found = find(id, place)?;
    if place.json {
        return print_json(&without_pin(&found));
    }
    let pin = if found.pin.is_empty() { "no" } else { "yes" };
    let Customer { id, name, numbers, value, language, preferred_agent, fields, .. } = found;
    let mut table = Table::new(&["CUSTOMER", "IS"]);
    let rows = [
        ("id", id),
        ("name", name),
        ("numbers", numbers.join(" ")),
        ("value", value.to_string()),
        ("language", language),
        ("preferred agent", preferred_agent),
        ("pin", pin.to_string()),
    ];
    rows.into_iter().for_each(|(what, is)| table.row([what.to_string(), is]));
    fields.into_iter().for_each(|(field, is)| table.row([format!("fields.{field}"), is]));
    table.print("nothing");
    Ok(())
}

fn find(id: &str, place: &Where) -> Result<Customer, String> {
    let found = all(place)?.into_iter().find(|customer| customer.id == id);
    found.ok_or_else(|| format!("there is no customer `{id}`"))
}

fn locked(place: &Where) -> Result<(), String> {
    let locks = match ask(place, &Request::Locks)? {
        Response::Locks(locks) => locks,
        other => return Err(strange(&other)),
    };
    if place.json {
        return print_json(&locks);
    }
    let mut table = Table::new(&["CUSTOMER", "NUMBER", "WRONG PINS", "UNTIL"]);
    for LockRow { customer, number, wrong, until } in locks {
        table.row([customer.unwrap_or_default(), number.unwrap_or_default(), wrong.to_string(), time(until)]);
    }
    table.print("nobody is locked out");
    Ok(())
}

fn unlock(ids: &[String], numbers: &[String], place: &Where) -> Result<(), String> {
    let mut requests = Vec::new();
    for id in ids {
        requests.push((id, Request::Unlock { customer: Some(id.clone()), numbers: find(id, place)?.numbers }));
    }
    requests.extend(numbers.iter().map(|number| (number, Request::Unlock { customer: None, numbers: vec![number.clone()] })));
    let mut told = BTreeMap::new();
    for (who, request) in requests {
        let outcome = match ask(place, &request)? {
            Response::Done => "unlocked".to_string(),
            Response::Told(why) => why,
            other => return Err(strange(&other)),
        };
        told.insert(who, outcome);
    }
    if place.json {
        return print_json(&told);
    }
    print(&told.iter().map(|(who, outcome)| format!("{who}: {outcome}\n")).collect::<String>());
    Ok(())
}

/// Nobody needs to see a verifier but `export`.
fn without_pin(customer: &Customer) -> BTreeMap<&'static str, serde_json::Value> {
    let Customer { id, name, numbers, value, language, preferred_agent, pin, fields } = customer;
    BTreeMap::from([
        ("id", id.as_str().into()),
        ("name", name.as_str().into()),
        ("numbers", numbers.clone().into()),
        ("value", (*value).into()),
        ("language", language.as_str().into()),
        ("preferred_agent", preferred_agent.as_str().into()),
        ("has_pin", (!pin.is_empty()).into()),
        ("fields", serde_json::json!(fields)),
    ])
}

fn remove(ids: &[String], place: &Where) -> Result<(), String> {
    let there = all(place)?;
    if let Some(nobody) = ids.iter().find(|id| !there.iter().any(|customer| customer.id == **id)) {
        return Err(format!("there is no customer `{nobody}`: nobody was removed"));
    }
    match ask(place, &Request::RemoveCustomers(ids.to_vec()))? {
        Response::Done if place.json => print_json(&serde_json::json!({ "removed": ids })),
        Response::Done => Ok(()),
        other => Err(strange(&other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_csv_file_is_customers() {
        let text = "\u{feff}id,Name,numbers,value,pin,tier\r\n77,\"Kowalska, \"\"Ala\"\"\",0048 221234567;+48500100200,12.5,4711,gold\r\n78,Nowak,,,,\r\n";
        let customers: Vec<Customer> =
            read(text, &Plan::default()).expect("customers").into_iter().map(|(_, customer)| customer).collect();
        assert_eq!(customers.len(), 2);
        assert_eq!(customers[0].name, "Kowalska, \"Ala\"");
        assert_eq!(customers[0].numbers, ["+48221234567", "+48500100200"]);
        assert_eq!((customers[0].value, customers[0].pin.as_str()), (12.5, "4711"));
        assert_eq!(customers[0].fields["tier"], "gold");
        assert!(customers[1].fields.is_empty());
    }

    #[test]
    fn every_mistake_of_a_file_is_told_with_its_line_and_no_pin() {
        let text = "id,name,value,pin,numbers\nx,A,1,,\n1,B,many,,\n2,C,1,12,\n3,D,1,1234\n4,E,1,,\n4,F,1,,\n5,G,1,,phone\n";
        let mistakes = read(text, &Plan::default()).expect_err("mistakes");
        assert_eq!(
            mistakes,
            [
                "line 2: an id has 1 to 20 digits: it is typed on a telephone",
                "line 3: the value `many` is not a number",
                "line 4: a PIN has 4 to 12 digits",
                "line 5 has 4 columns, the first line 5",
                "line 7: the customer 4 stands there twice",
                "line 8: `phone` is no telephone number; between two of them stands a space or `;`",
            ]
        );
        let read = |text| read(text, &Plan::default());
        assert_eq!(read("").expect_err("empty"), ["the file is empty"]);
        assert_eq!(read("name\nA\n").expect_err("no id"), ["the first line names the columns, and one of them is `id`"]);
    }

    #[test]
    fn a_number_is_one_customers_and_languages_and_agents_are_those_of_the_exchange() {
        let read = |text| read(text, &Plan::default());
        let text =
            "id,numbers,language,preferred_agent\n1,500100200,pl,anna\n2,+48500100201,,\n3,0048500100200 +48500100201,,\n";
        assert_eq!(
            read(text).expect_err("numbers of others"),
            [
                "line 4: +48500100200 is the number of the customer 1 already, in line 2",
                "line 4: +48500100201 is the number of the customer 2 already, in line 3",
            ]
        );
        let known = |id: &str, number: &str| {
            let (id, numbers) = (id.to_string(), vec![number.to_string()]);
            Customer { id, numbers, ..Customer::default() }
        };
        // As they were kept in earlier days, and one whom the file replaces.
        let known = [known("7", "48500100205"), known("2", "+48500100202"), known("9", "0048500100203")];
        let rows = read("id,numbers\n1,+48 500 100 205\n2,500100201\n3,+48500100202;500-100-203\n").expect("good by itself");
        assert_eq!(
            taken(&rows, &known, &Plan::default()),
            [
                "line 2: +48500100205 is the number of the customer 7 already",
                "line 4: +48500100203 is the number of the customer 9 already",
            ]
        );
        let rows = read("id,language,preferred_agent\n1,pl,anna\n2,pll,\n3,,ana\n4,de,bob\n").expect("good by itself");
        assert_eq!(
            unknown(&rows, &["pl".into(), "en".into()], &["anna", "eve"]),
            [
                "line 3: there is no language `pll`; did you mean `pl`?",
                "line 4: there is no agent `ana`; did you mean `anna`?",
                "line 5: there is no language `de`",
                "line 5: there is no agent `bob`",
            ]
        );
    }

    #[test]
    fn what_is_no_file_is_written_through_and_stays() {
        let folder = std::env::temp_dir().join(format!("centrala-export-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let (file, link) = (folder.join("customers.csv"), folder.join("link"));
        write(&file, b"old").expect("written");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        write(&link, b"new").expect("written");
        assert!(link.is_symlink());
        assert_eq!(std::fs::read(&file).expect("there"), b"new");
        write(Path::new("/dev/null"), b"nothing").expect("written");
        assert!(!Path::new("/dev/null").is_file());
        std::fs::remove_dir_all(&folder).expect("it was there");
    }

    #[test]
    fn what_is_exported_can_be_imported() {
        let line = csv::line(["1", "=cmd()", "+48221234567", "-1", "a\"b,c\nd"]);
        assert_eq!(line, "1,'=cmd(),'+48221234567,-1,\"a\"\"b,c\nd\"\r\n");
        let rows = csv::read(&line, 10).expect("a row");
        let cells: Vec<&str> = rows[0].1.iter().map(|cell| csv::unguarded(cell)).collect();
        assert_eq!(cells, ["1", "=cmd()", "+48221234567", "-1", "a\"b,c\nd"]);
    }
}
