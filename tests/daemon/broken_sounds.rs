//! Sounds that were damaged while people call: the exchange says so, keeps the ones it has, and no call notices.

use crate::exchange::{Exchange, Folder, until};
use crate::lab::copied;
use crate::telephone::{SILENCE, Telephone, unbroken};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);
/// Packets, a second of them: enough to tell speech from silence.
const A_WHILE: usize = 50;

fn sounds(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("our copy").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let inside = folders.iter().flat_map(|folder| sounds(folder));
    let mut all: Vec<_> =
        inside.chain(files.into_iter().filter(|file| file.extension().is_some_and(|it| it == "wav"))).collect();
    all.sort();
    all
}

/// Every way in which a file breaks: cut anywhere, filled with noise, gone.
fn damage(file: &Path, number: usize) {
    let mut bytes = fs::read(file).expect("a sound");
    match number % 4 {
        0 => bytes.truncate(number % 44),
        1 => bytes[..44].reverse(),
        2 => bytes.clear(),
        _ => return fs::remove_file(file).expect("our copy"),
    }
    fs::write(file, bytes).expect("our copy");
}

/// MED-14.
#[test]
fn sounds_damaged_under_a_running_exchange_cost_no_call_and_are_named() {
    let folder = Folder::new("broken-sounds-lab");
    let lab = copied(&folder);
    let exchange = Exchange::with("broken-sounds", &lab.config);
    let mut before = Telephone::new(&exchange, "127.0.0.2", "48221230000", "201");
    before.dial(None);
    let at = before.connected();
    let talk = before.speaks(0x11, at);

    let files = sounds(&lab.sounds);
    assert!(files.len() > 8, "{files:?}");
    files.iter().enumerate().for_each(|(number, file)| damage(file, number));
    exchange.reload();
    let told = until(SOON, || exchange.log().contains("could not read the sound").then_some(()));
    assert!(told.is_some(), "{}", exchange.log());
    let kept = until(SOON, || exchange.log().contains("the old configuration stays").then_some(()));
    assert!(kept.is_some(), "{}", exchange.log());

    let mut after = Telephone::new(&exchange, "127.0.0.2", "48221230000", "201");
    after.dial(None);
    let to = after.connected();
    let second = after.speaks(0x22, to);
    second.hears(A_WHILE);
    talk.hears(A_WHILE);
    for (packets, at) in [(talk.ends(), at), (second.ends(), to)] {
        unbroken(&packets, at);
        let spoken = packets.iter().filter(|packet| !packet.says(SILENCE)).count();
        assert!(spoken > 20, "{spoken} of {} packets at {at} are speech", packets.len());
    }
    before.hangs_up();
    after.hangs_up();
    let records = exchange.records(2);
    assert!(records.iter().all(|record| record["outcome"] == "completed"), "{records:#?}");
    assert_eq!(exchange.status()["panics_contained"], 0);
}
