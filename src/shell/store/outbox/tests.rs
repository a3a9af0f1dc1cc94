//! The outbox: its order, its bounds, its counts.

use super::super::Book;
use super::*;
use crate::id::WriteId;
use crate::store::{What, Write};
use std::path::PathBuf;

struct Desk {
    book: Book,
    folder: PathBuf,
    writes: u64,
}

impl Desk {
    fn new(name: &str) -> Desk {
        let folder = std::env::temp_dir().join(format!("centrala-outbox-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        Desk { book: Book::open(&folder.join("a.db"), 1).expect("a new book"), folder, writes: 0 }
    }

    fn write(&mut self, second: i64, whats: Vec<What>) {
        let mut write = |what| {
            self.writes += 1;
            Write { id: WriteId(self.writes), at: at(second), what }
        };
        let group: Vec<Write> = whats.into_iter().map(&mut write).collect();
        self.book.commit(&group).expect("committed");
    }

    fn told(&mut self, second: i64, row: i64, outcome: Telling) {
        self.write(second, vec![What::Told(Told { row, hook: "crm".into(), outcome })]);
    }

    /// The ids of what is due then.
    fn due(&self, second: i64) -> Vec<String> {
        let (due, _) = due(&self.folder.join("a.db"), "crm", &Plan::default(), at(second)).expect("readable");
        due.into_iter().map(|due| due.id).collect()
    }

    fn standing(&self) -> (u64, u64, u64) {
        let row = standing(&self.folder.join("a.db"), "crm").expect("readable");
        (row.waiting, row.delivered, row.given_up)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn at(second: i64) -> Wall {
    Wall::from_unix_nanos(second * 1_000_000_000)
}

fn notice(reference: &str, occasion: Occasion) -> What {
    let reference = reference.to_string();
    What::Notice(Notice { hooks: vec!["crm".into()], occasion, reference, story: Story::default() })
}

#[test]
fn of_each_call_the_first_is_due_and_an_end_waits_for_its_record() {
    let mut desk = Desk::new("order");
    let all = [("a", Occasion::Offer), ("b", Occasion::Offer), ("a", Occasion::Answer), ("c", Occasion::End)];
    desk.write(1, all.map(|(call, occasion)| notice(call, occasion)).into());
    assert_eq!(desk.due(1), ["a.1", "b.2"]);
    desk.told(2, 1, Telling::Failed { why: "no".into(), due: at(9) });
    assert_eq!(desk.due(2), ["b.2"], "what follows waits with it");
    desk.told(3, 2, Telling::Delivered);
    assert_eq!(desk.due(9), ["a.1"]);
    desk.told(9, 1, Telling::GivenUp { why: "no".into() });
    assert_eq!(desk.due(9), ["a.3"]);
    assert_eq!(desk.standing(), (2, 1, 1));
    // Told twice, counted once.
    desk.told(9, 2, Telling::Delivered);
    assert_eq!(desk.standing(), (2, 1, 1));
    // An end that was noted before a crash is not noted again after it.
    desk.write(10, vec![notice("c", Occasion::End)]);
    assert_eq!(desk.standing(), (2, 1, 1));
}

#[test]
fn the_outbox_is_bounded_in_number_and_in_age_and_what_is_given_up_is_counted() {
    let mut desk = Desk::new("bounds");
    let many = usize::try_from(MAX_WAITING).expect("not so many") + 3;
    desk.write(1, (0..many).map(|call| notice(&call.to_string(), Occasion::Offer)).collect());
    assert_eq!(desk.standing(), (MAX_WAITING, 0, 3));
    desk.write(2, vec![What::NoticesExpire { before: at(1) }]);
    assert_eq!(desk.standing(), (MAX_WAITING, 0, 3));
    desk.write(3, vec![What::NoticesExpire { before: at(2) }]);
    assert_eq!(desk.standing(), (0, 0, MAX_WAITING + 3));
    assert_eq!(desk.due(3), Vec::<String>::new());
}
