//! New files for a running exchange: what is changed is said, what is wrong changes nothing, and back is one word.

use crate::exchange::{Exchange, Folder, centrala, said};
use crate::lab::copied;
use crate::line::{Call, Line};
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

/// A flow that never answers: what it says is the status of the call.
fn refuses(cause: &str) -> String {
    format!("start: a\nnodes:\n  a: {{hangup: {{cause: {cause}}}}}\n")
}

/// The status that a caller of 600 is refused with.
fn status(exchange: &Exchange) -> u16 {
    let mut line = Line::udp("127.0.0.2", exchange.sip);
    let mut call = Call::new(&line, "48221234567", "600", exchange.sip);
    line.send(call.invite(None));
    let answer = line.expect(SOON, |message| message.answers("INVITE")).expect("an answer to the INVITE");
    line.send(call.ack(&answer));
    answer.status()
}

/// A command that is to fail; what it says.
fn fails(exchange: &Exchange, command: &str) -> String {
    let data = exchange.folder.join("data").display().to_string();
    let output = centrala(&[command, "--data", &data]);
    assert!(!output.status.success(), "{command}: {}", said(&output));
    said(&output)
}

fn write(flow: &Path, text: &str) {
    fs::write(flow, text).expect("our copy");
}

#[test]
fn a_reload_says_what_it_changes_a_bad_file_changes_nothing_and_a_rollback_goes_back() {
    let folder = Folder::new("reloads");
    let lab = copied(&folder);
    let flow = lab.flow("tour");
    write(&flow, &refuses("busy"));
    lab.write("more.yaml", "numbers: {600: {flow: tour}}\n");
    let exchange = Exchange::with("reloads", &lab.config);
    assert_eq!(status(&exchange), 486, "{}", exchange.log());
    assert!(fails(&exchange, "rollback").contains("there is nothing to go back to"));

    write(&flow, &refuses("rejected"));
    assert_eq!(status(&exchange), 486, "the file alone changes nothing");
    let changes = exchange.ask(&["reload"])["changes"].clone();
    assert_eq!(changes, serde_json::json!(["flows: ~tour"]), "{}", exchange.log());
    assert_eq!(status(&exchange), 603);

    // One that changes nothing takes away nothing to go back to.
    assert_eq!(exchange.ask(&["reload"])["changes"], serde_json::json!([]));

    write(&flow, "start: a\nnodes:\n  a: {hangpu: {}}\n");
    let told = fails(&exchange, "reload");
    assert!(told.contains("tour.yaml:3:") && told.contains("did you mean `hangup`?"), "{told}");
    assert_eq!(status(&exchange), 603, "a bad file changes nothing");

    let changes = exchange.ask(&["rollback"])["changes"].clone();
    assert_eq!(changes, serde_json::json!(["flows: ~tour"]), "{}", exchange.log());
    assert_eq!(status(&exchange), 486);
    // And back from there, whatever the files say.
    exchange.ask(&["rollback"]);
    assert_eq!(status(&exchange), 603);

    // Whoever asks while another reload is under way is answered too.
    write(&flow, &refuses("busy"));
    thread::scope(|scope| {
        let asked: Vec<_> = (0..4).map(|_| scope.spawn(|| exchange.ask(&["reload"]))).collect();
        let told: Vec<_> = asked.into_iter().map(|asked| asked.join().expect("no panic")["changes"].clone()).collect();
        assert!(told.contains(&serde_json::json!(["flows: ~tour"])), "{told:?}");
    });
    assert_eq!(status(&exchange), 486);

    // A sound alone is a change too, and one to go back from.
    fs::copy(lab.sounds.join("en/announcement.wav"), lab.sounds.join("en/welcome.wav")).expect("our copy");
    assert_eq!(exchange.ask(&["reload"])["changes"], serde_json::json!(["sounds: ~en/welcome"]));
    assert_eq!(exchange.ask(&["rollback"])["changes"], serde_json::json!(["sounds: ~en/welcome"]));
    assert_eq!(status(&exchange), 486, "the flows are those of before");
    exchange.becomes_quiet(SOON, false);
}
