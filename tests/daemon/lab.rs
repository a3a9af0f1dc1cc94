//! The lab changed by one value: a test that cannot fail is a defect, so here the walks are seen to fail.

use crate::exchange::{Exchange, Folder, house, lab};
use crate::phones::From;
use crate::walks::walk;
use std::fs;
use std::path::{Path, PathBuf};

/// A copy of the lab, sounds included, that a test may spoil.
pub struct Copy {
    pub config: PathBuf,
    pub sounds: PathBuf,
}

impl Copy {
    pub fn flow(&self, name: &str) -> PathBuf {
        self.config.join("flows").join(format!("{name}.yaml"))
    }

    /// Puts `text` in the place of a file, or adds the file.
    pub fn write(&self, file: &str, text: &str) {
        fs::write(self.config.join(file), text).expect("our copy");
    }
}

pub fn copied(folder: &Folder) -> Copy {
    let copy = Copy { config: folder.join("lab"), sounds: folder.join("sounds") };
    copy_tree(&lab(), &copy.config);
    copy_tree(&house().join("sounds"), &copy.sounds);
    let main = copy.config.join("centrala.yaml");
    let text = fs::read_to_string(&main).expect("the lab's main file");
    let moved: String = text.lines().filter(|line| !line.starts_with("sounds:")).map(|line| format!("{line}\n")).collect();
    fs::write(&main, format!("{moved}sounds: {}\n", copy.sounds.display())).expect("our copy");
    copy
}

/// The lab with this queue `support`, which is also dialled as 200, and these agents.
pub fn with_queue(folder: &Folder, queue: &str, agents: &[&str]) -> Copy {
    let copy = copied(folder);
    let serve = agents.iter().map(|agent| format!("  {agent}: {{queues: [support]}}\n")).collect::<String>();
    copy.write("agents.yaml", &format!("agents:\n{serve}"));
    copy.write("queues.yaml", &format!("queues:\n  support: {{{queue}}}\n"));
    let numbers = fs::read_to_string(lab().join("numbers.yaml")).expect("the lab's numbers");
    copy.write("numbers.yaml", &format!("{numbers}  200: {{queue: support}}\n"));
    copy
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a temporary folder");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("named"));
        if path.is_dir() {
            copy_tree(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a copy");
        }
    }
}

/// Replaces the one place where `old` stands.
fn change(file: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert_eq!(text.matches(old).count(), 1, "{old:?} in {}:\n{text}", file.display());
    fs::write(file, text.replace(old, new)).expect("our copy");
}

/// The walk with one value of the lab changed must fail, and say why.
fn walk_fails(test: &str, file: &str, old: &str, new: &str) {
    let folder = Folder::new(test);
    let changed = copied(&folder);
    change(&changed.config.join(file), old, new);
    let exchange = Exchange::with(test, &changed.config);
    match walk(&exchange, From::Extension("1001")) {
        Ok(call) => panic!("{file}: {old} -> {new}, and the walk noticed nothing: {call}"),
        Err(why) => println!("{file}: {old} -> {new}: {}", why.lines().next().unwrap_or_default()),
    }
}

#[test]
fn swapping_two_keys_of_the_menu_fails_the_walk() {
    walk_fails(
        "keys",
        "flows/main.yaml",
        "{1: announcement, 2: support, 9: english,",
        "{9: announcement, 2: support, 1: english,",
    );
}

#[test]
fn another_password_fails_the_walk() {
    walk_fails("password", "extensions.yaml", "pw1001", "pw1009");
}
