//! Text -> words and signs, each with its column.
//!
//! Invariant: every character of the text belongs to one token or is a space; what fits nowhere is a mistake at its column.

use super::{MAX_SOURCE, Mistake, Number};
use std::iter::Peekable;
use std::str::Chars;

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Token {
    Number(Number),
    Text(String),
    /// A dotted path, or the name of a function.
    Name(String),
    /// `and or not in true false nothing`.
    Word(&'static str),
    /// `== != < <= > >= + - * / ( ) [ ] ,`.
    Sign(&'static str),
    End,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) column: u32,
}

const WORDS: &[&str] = &["and", "or", "not", "in", "true", "false", "nothing"];
/// Longest first, so that `<=` is not read as `<`.
const SIGNS: &[&str] = &["==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "(", ")", "[", "]", ","];
/// What other languages write, and what is written here.
const FOREIGN: &[(&str, &str)] = &[
    ("&&", "and"),
    ("||", "or"),
    ("=", "=="),
    ("!", "not"),
    ("<>", "!="),
    ("null", "nothing"),
    ("None", "nothing"),
    ("True", "true"),
    ("False", "false"),
    ("AND", "and"),
    ("OR", "or"),
    ("NOT", "not"),
];

/// The tokens, the last of them [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, Mistake> {
    let mut reader = Reader { rest: text.chars().peekable(), column: 1 };
    if text.chars().count() > MAX_SOURCE {
        return Err(reader.mistake(format!("longer than {MAX_SOURCE} characters")));
    }
    let mut list = Vec::new();
    loop {
        reader.skip_spaces();
        let column = reader.column;
        let token = reader.token()?;
        let last = token == Token::End;
        list.push(Placed { token, column });
        if last {
            return Ok(list);
        }
    }
}

struct Reader<'t> {
    rest: Peekable<Chars<'t>>,
    column: u32,
}

impl Reader<'_> {
    fn mistake(&self, text: impl Into<String>) -> Mistake {
        Mistake { column: self.column, text: text.into(), suggestion: None }
    }

    fn next(&mut self) -> Option<char> {
        self.column += 1;
        self.rest.next()
    }

    fn skip_spaces(&mut self) {
        while self.rest.next_if(|c| c.is_whitespace()).is_some() {
            self.column += 1;
        }
    }

    /// The characters that satisfy `wanted`, from here on.
    fn run(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut text = String::new();
        while let Some(c) = self.rest.next_if(|c| wanted(*c)) {
            self.column += 1;
            text.push(c);
        }
        text
    }

    fn token(&mut self) -> Result<Token, Mistake> {
        match self.rest.peek() {
            None => Ok(Token::End),
            Some('"' | '\'') => self.text(),
            Some(c) if c.is_ascii_digit() => self.number(),
            Some(c) if is_first(*c) => self.name(),
            Some(_) => self.sign(),
        }
    }

    fn number(&mut self) -> Result<Token, Mistake> {
        let start = self.mistake("");
        let digits = self.run(|c| c.is_ascii_digit() || c == '.' || c == '_' || c.is_alphabetic());
        digits.parse().map(Token::Number).map_err(|wrong| Mistake { text: format!("`{digits}` is {wrong}"), ..start })
    }

    fn text(&mut self) -> Result<Token, Mistake> {
        let start = self.mistake("this text has no end: its closing quote is missing");
        let quote = self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err(start),
                end if end == quote => return Ok(Token::Text(text)),
                Some('\\') => match self.next() {
                    Some('n') => text.push('\n'),
                    Some(c @ ('\\' | '"' | '\'')) => text.push(c),
                    _ => {
                        return Err(Mistake {
                            column: self.column - 2,
                            ..self.mistake("after `\\` comes `\\`, a quote or `n`")
                        });
                    }
                },
                Some(c) => text.push(c),
            }
        }
    }

    /// Letters, digits and `_`; then dots and hyphens too, when another of these follows.
    fn name(&mut self) -> Result<Token, Mistake> {
        let start = self.mistake("");
        let mut name = self.run(is_inner);
        loop {
            let mut ahead = self.rest.clone();
            let (Some(joint @ ('.' | '-')), true) = (ahead.next(), ahead.next().is_some_and(is_inner)) else { break };
            self.next();
            name.push(joint);
            name.push_str(&self.run(is_inner));
        }
        if let Some(word) = WORDS.iter().find(|word| **word == name) {
            return Ok(Token::Word(word));
        }
        match foreign(&name) {
            Some(text) => Err(Mistake { text, ..start }),
            None => Ok(Token::Name(name)),
        }
    }

    fn sign(&mut self) -> Result<Token, Mistake> {
        let ahead: String = self.rest.clone().take(2).collect();
        let sign = SIGNS.iter().find(|sign| ahead.starts_with(**sign)).copied();
        let single: String = ahead.chars().take(1).collect();
        if let Some(text) = foreign(&ahead).or_else(|| if sign.is_none() { foreign(&single) } else { None }) {
            return Err(self.mistake(text));
        }
        let Some(sign) = sign else {
            return Err(self.mistake(format!("`{}` has no meaning here", single.escape_debug())));
        };
        for _ in sign.chars() {
            self.next();
        }
        Ok(Token::Sign(sign))
    }
}

fn foreign(found: &str) -> Option<String> {
    FOREIGN.iter().find(|(theirs, _)| *theirs == found).map(|(theirs, ours)| format!("`{theirs}` is written `{ours}` here"))
}

fn is_first(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn is_inner(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
