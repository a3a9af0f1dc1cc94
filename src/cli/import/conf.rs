//! Asterisk's configuration files: sections of `name = value`, with comments, templates and additions.
//!
//! | written | means |
//! |---|---|
//! | `; ...`, `;-- ... --;` | a comment; `\;` is a semicolon |
//! | `[name](!)` | a template, no section of its own |
//! | `[name](one,two)` | begins with the lines of those |
//! | `[name](+)` | more lines of a section |
//! | `#include`, `#exec` | not followed here: named in the report |
//!
//! Invariant: every line that is neither empty nor a comment is in a section, or among the complaints.

use std::collections::BTreeMap;

/// The longest file, in lines, and the most lines that templates may add.
pub const MAX_LINES: usize = 100_000;

/// `name = value` and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    pub number: usize,
    pub name: String,
    pub value: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Section {
    pub name: String,
    pub number: usize,
    pub template: bool,
    pub lines: Vec<Line>,
}

/// A file, and what is not understood of it: the line's number and a sentence.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Conf {
    pub sections: Vec<Section>,
    pub complaints: Vec<(usize, String)>,
}

pub fn read(text: &str) -> Conf {
    let mut conf = Conf::default();
    let mut within_comment = false;
    let mut weight = 0;
    for (number, raw) in (1..).zip(text.lines().take(MAX_LINES)) {
        let line = uncommented(raw, &mut within_comment);
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if line.starts_with('#') {
            conf.complaints.push((number, format!("`{line}` is not followed: convert that file as well")));
        } else if let Some(head) = line.strip_prefix('[') {
            conf.section(number, head, &mut weight);
        } else {
            conf.line(number, line);
        }
    }
    conf
}

impl Conf {
    /// `name](options)`.
    fn section(&mut self, number: usize, head: &str, weight: &mut usize) {
        let Some((name, rest)) = head.split_once(']') else {
            return self.complaints.push((number, format!("`[{head}` has no `]`")));
        };
        let options = rest.trim().strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or_default();
        let options: Vec<&str> = options.split(',').map(str::trim).filter(|option| !option.is_empty()).collect();
        if options.contains(&"+")
            && let Some(place) = self.sections.iter().position(|section| section.name == name)
        {
            let section = self.sections.remove(place);
            return self.sections.push(section);
        }
        let mut section = Section { name: name.to_string(), number, template: options.contains(&"!"), lines: Vec::new() };
        for base in options.iter().filter(|option| !matches!(**option, "!" | "+")) {
            match self.sections.iter().find(|section| section.name == **base) {
                Some(base) => section.lines.extend(base.lines.iter().cloned()),
                None => self.complaints.push((number, format!("there is no template `{base}` before this"))),
            }
        }
        *weight += section.lines.len();
        if *weight > MAX_LINES {
            section.lines.clear();
            self.complaints.push((number, "templates add too many lines: theirs are left out".into()));
        }
        self.sections.push(section);
    }

    fn line(&mut self, number: usize, line: &str) {
        let parts = line.split_once("=>").or_else(|| line.split_once('='));
        let (Some((name, value)), Some(section)) = (parts, self.sections.last_mut()) else {
            return self.complaints.push((number, format!("`{line}` is not understood")));
        };
        section.lines.push(Line { number, name: name.trim().to_ascii_lowercase(), value: value.trim().to_string() });
    }
}

impl Section {
    /// The last line of each name that may stand once; the others are given in `many`.
    pub fn options(&self, many: &[&str]) -> BTreeMap<&str, &Line> {
        self.lines.iter().filter(|line| !many.contains(&line.name.as_str())).map(|line| (line.name.as_str(), line)).collect()
    }

    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Line> {
        self.lines.iter().filter(move |line| line.name == name)
    }
}

fn uncommented(line: &str, within: &mut bool) -> String {
    let mut text = String::new();
    let mut rest = line;
    loop {
        if *within {
            match rest.split_once("--;") {
                None => return text,
                Some((_, after)) => (rest, *within) = (after, false),
            }
        }
        let Some(at) = rest.find(';') else { return text + rest };
        let (before, after) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('\\') {
            text = text + before + ";";
            rest = &after[1..];
        } else if after.starts_with(";--") && !after.starts_with(";---") {
            text += before;
            (rest, *within) = (&after[3..], true);
        } else {
            return text + before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_templates_and_additions_are_read() {
        let conf = read(
            "; a comment\n[base](!)\ntimeout = 15 ; seconds\n;-- long\n[gone]\n--; \n[support](base)\n\
             member => PJSIP/1001,0,Anna \\; B\n[sales]\n[support](+)\nWEIGHT=2\nnonsense\n#include more.conf\n[x](nobody)\n",
        );
        let names: Vec<_> = conf.sections.iter().map(|section| (section.name.as_str(), section.template)).collect();
        assert_eq!(names, [("base", true), ("sales", false), ("support", false), ("x", false)]);
        let lines = conf.sections[2].lines.iter().map(|line| (line.number, line.name.as_str(), line.value.as_str()));
        let lines: Vec<_> = lines.collect();
        assert_eq!(lines, [(3, "timeout", "15"), (8, "member", "PJSIP/1001,0,Anna ; B"), (11, "weight", "2")]);
        let complained: Vec<_> = conf.complaints.iter().map(|(number, _)| *number).collect();
        assert_eq!(complained, [12, 13, 14]);
    }
}
