//! The name of a word's recording: ASCII, so that any file system and archive carries it.
//!
//! Invariant: two words of one language have two names, as far as they differ in more than capitals.

/// What the name of every fragment begins with, so that it is never taken for a prompt.
pub const PREFIX: &str = "say.";

/// Letters with a mark, and what stands for them: the letter without it and `_`.
const MARKED: &[(&str, &str)] = &[
    ("ąàáâãäå", "a"),
    ("ćčç", "c"),
    ("ęèéêë", "e"),
    ("ìíîï", "i"),
    ("ł", "l"),
    ("ńñ", "n"),
    ("óòôõöø", "o"),
    ("śš", "s"),
    ("ùúûü", "u"),
    ("ýÿ", "y"),
    ("źż", "z"),
];

/// `złotych` is `say.zl_otych`; the second letter of a row has two `_`, the third three.
pub fn fragment_name(word: &str) -> String {
    let mut name = PREFIX.to_string();
    for c in word.chars().flat_map(char::to_lowercase) {
        let marked = MARKED.iter().find_map(|(letters, plain)| letters.chars().position(|l| l == c).map(|at| (plain, at)));
        match marked {
            Some((plain, at)) => {
                name.push_str(plain);
                name.extend(std::iter::repeat_n('_', at + 1));
            }
            None if c.is_ascii_alphanumeric() => name.push(c),
            None if c == ' ' || c == '-' => name.push('-'),
            None => name.push_str(&format!("u{:x}_", u32::from(c))),
        }
    }
    name
}
