//! Words and signs -> a tree whose names exist and whose types fit.
//!
//! ```text
//!   or       condition or condition            weakest
//!   and      condition and condition
//!   not      not condition
//!   compare  value == value, value in list     at most one: `1 < x < 5` is refused
//!   sum      value + value - value
//!   product  value * value / value
//!   minus    -value
//!   atom     12  "text"  name  function(value, value)  [list]  (condition)
//! ```
//!
//! Invariant: a mistake of grammar ends the reading; mistakes of names and types are all found.

use super::functions::FUNCTIONS;
use super::tokens::{Placed, Token, tokens};
use super::tree::{MAX_DEPTH, MAX_NODES};
use super::{MAX_LIST, MAX_TEXT, Mistake, Names, Operator, Tree, Type, Value, kinds};
use crate::fault::nearest;

/// At most this many mistakes of one expression are told.
const MAX_MISTAKES: usize = 8;

type Read = Result<(Tree, Type), Mistake>;

pub(super) fn parse(text: &str, names: &dyn Names) -> Result<(Tree, Type), Vec<Mistake>> {
    let tokens = tokens(text).map_err(|mistake| vec![mistake])?;
    let mut parser = Parser { tokens, at: 0, names, mistakes: Vec::new(), nodes: 0, depth: 0 };
    match parser.whole() {
        Ok(read) if parser.mistakes.is_empty() => Ok(read),
        Ok(_) => Err(parser.mistakes),
        Err(mistake) => {
            parser.note(mistake);
            Err(parser.mistakes)
        }
    }
}

struct Parser<'n> {
    tokens: Vec<Placed>,
    at: usize,
    names: &'n dyn Names,
    mistakes: Vec<Mistake>,
    nodes: usize,
    depth: usize,
}

impl Parser<'_> {
    fn whole(&mut self) -> Read {
        if *self.peek() == Token::End {
            return Err(self.mistake("this is empty, where an expression is wanted"));
        }
        let read = self.or()?;
        match self.peek() {
            Token::End => Ok(read),
            Token::Sign(")" | "]") => Err(self.mistake(format!("{} closes nothing", self.found()))),
            _ => Err(self.mistake(format!("the expression should end before {}, or a word is missing", self.found()))),
        }
    }

    fn or(&mut self) -> Read {
        self.chain(Parser::and, &[(Token::Word("or"), Operator::Or)])
    }

    fn and(&mut self) -> Read {
        self.chain(Parser::not, &[(Token::Word("and"), Operator::And)])
    }

    fn not(&mut self) -> Read {
        let column = self.column();
        if !self.took(&Token::Word("not")) {
            return self.compare();
        }
        let (tree, kind) = self.nested(Parser::not)?;
        self.judge(column, kinds::one("`not`", Type::Bool, kind));
        self.node(Tree::Not(Box::new(tree)), Type::Bool)
    }

    fn compare(&mut self) -> Read {
        let left = self.sum()?;
        let column = self.column();
        let Some(operator) = self.comparison()? else { return Ok(left) };
        let right = self.sum()?;
        let ahead = self.mistake("comparisons do not chain: write `a < b and b < c`");
        match self.comparison()? {
            Some(_) => Err(ahead),
            None => self.pair(operator, column, left, right),
        }
    }

    fn comparison(&mut self) -> Result<Option<Operator>, Mistake> {
        let operator = match self.peek() {
            Token::Sign("==") => Operator::Equal,
            Token::Sign("!=") => Operator::Unequal,
            Token::Sign("<") => Operator::Less,
            Token::Sign("<=") => Operator::AtMost,
            Token::Sign(">") => Operator::Greater,
            Token::Sign(">=") => Operator::AtLeast,
            Token::Word("in") => Operator::In,
            Token::Word("not") => {
                self.at += 1;
                self.expect(&Token::Word("in"))?;
                return Ok(Some(Operator::NotIn));
            }
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(operator))
    }

    fn sum(&mut self) -> Read {
        self.chain(Parser::product, &[(Token::Sign("+"), Operator::Add), (Token::Sign("-"), Operator::Subtract)])
    }

    fn product(&mut self) -> Read {
        self.chain(Parser::minus, &[(Token::Sign("*"), Operator::Multiply), (Token::Sign("/"), Operator::Divide)])
    }

    fn minus(&mut self) -> Read {
        let column = self.column();
        if !self.took(&Token::Sign("-")) {
            return self.atom();
        }
        let (tree, kind) = self.nested(Parser::minus)?;
        self.judge(column, kinds::one("`-`", Type::Number, kind));
        match tree {
            Tree::Value(Value::Number(number)) => Ok((Tree::Value(Value::Number(number.negate())), Type::Number)),
            tree => self.node(Tree::Minus(Box::new(tree)), Type::Number),
        }
    }

    /// Operands of one strength, taken together from the left.
    fn chain(&mut self, operand: fn(&mut Self) -> Read, operators: &[(Token, Operator)]) -> Read {
        let mut left = operand(self)?;
        while let Some((_, operator)) = operators.iter().find(|(token, _)| token == self.peek()) {
            let column = self.column();
            self.at += 1;
            let right = operand(self)?;
            left = self.pair(*operator, column, left, right)?;
        }
        Ok(left)
    }

    fn pair(&mut self, operator: Operator, column: u32, left: (Tree, Type), right: (Tree, Type)) -> Read {
        let kind = kinds::pair(operator, left.1, right.1);
        let kind = self.judge(column, kind).unwrap_or(Type::Any);
        self.node(Tree::Pair(operator, Box::new(left.0), Box::new(right.0)), kind)
    }

    fn atom(&mut self) -> Read {
        let column = self.column();
        let token = self.peek().clone();
        let value = match token {
            Token::Number(number) => Value::Number(number),
            Token::Text(text) if text.len() <= MAX_TEXT => Value::Text(text),
            Token::Word("true") => Value::Bool(true),
            Token::Word("false") => Value::Bool(false),
            Token::Word("nothing") => Value::Nothing,
            Token::Name(name) => {
                self.at += 1;
                return if *self.peek() == Token::Sign("(") { self.call(&name, column) } else { self.name(name, column) };
            }
            Token::Sign("(") => {
                self.at += 1;
                let inner = self.nested(Parser::or)?;
                self.expect(&Token::Sign(")"))?;
                return Ok(inner);
            }
            Token::Sign("[") => {
                self.at += 1;
                let items = self.list(&Token::Sign("]"))?;
                return self.node(Tree::List(items.into_iter().map(|(tree, _)| tree).collect()), Type::List);
            }
            _ => return Err(self.mistake(format!("a value is wanted here, not {}", self.found()))),
        };
        self.at += 1;
        let kind = value.kind();
        self.node(Tree::Value(value), kind)
    }

    fn name(&mut self, name: String, column: u32) -> Read {
        let kind = self.names.kind(&name);
        if kind.is_none() {
            let text = match FUNCTIONS.iter().any(|row| row.0 == name) {
                true => format!("`{name}` is a function: its values follow in parentheses"),
                false => format!("unknown name `{}`", shown(&name)),
            };
            let suggestion = if self.mistakes.len() < MAX_MISTAKES { self.names.nearest(&name) } else { None };
            self.note(Mistake { column, text, suggestion });
        }
        self.node(Tree::Name(name.into()), kind.unwrap_or(Type::Any))
    }

    fn call(&mut self, name: &str, column: u32) -> Read {
        self.at += 1;
        let arguments = self.list(&Token::Sign(")"))?;
        let Some((word, function, wanted, kind, _)) = FUNCTIONS.iter().find(|row| row.0 == name) else {
            let suggestion = nearest(name, FUNCTIONS.iter().map(|row| row.0));
            self.note(Mistake { column, text: format!("unknown function `{}`", shown(name)), suggestion });
            return self.node(Tree::Value(Value::Nothing), Type::Any);
        };
        if arguments.len() != wanted.len() {
            let text = format!("`{word}` takes {}, not {}", values(wanted.len()), arguments.len());
            self.note(Mistake { column, text, suggestion: None });
        }
        for ((_, found), wanted) in arguments.iter().zip(*wanted).filter(|((_, found), _)| *found != Type::Nothing) {
            self.judge(column, kinds::one(&format!("`{word}`"), *wanted, *found));
        }
        self.node(Tree::Call(*function, arguments.into_iter().map(|(tree, _)| tree).collect()), *kind)
    }

    /// Values with commas between them, up to the closing sign, which is taken.
    fn list(&mut self, end: &Token) -> Result<Vec<(Tree, Type)>, Mistake> {
        let mut items = Vec::new();
        while !self.took(end) {
            if !items.is_empty() {
                self.expect(&Token::Sign(","))?;
            }
            if items.len() >= MAX_LIST {
                return Err(self.mistake(format!("more than {MAX_LIST} values in one list")));
            }
            items.push(self.nested(Parser::or)?);
        }
        Ok(items)
    }

    fn nested(&mut self, inner: fn(&mut Self) -> Read) -> Read {
        if self.depth >= MAX_DEPTH {
            return Err(self.mistake(format!("nested deeper than {MAX_DEPTH}")));
        }
        self.depth += 1;
        let read = inner(self);
        self.depth -= 1;
        read
    }

    fn node(&mut self, tree: Tree, kind: Type) -> Read {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(self.mistake(format!("more than {MAX_NODES} values and operations in one expression")));
        }
        Ok((tree, kind))
    }

    fn judge<T>(&mut self, column: u32, judged: Result<T, String>) -> Option<T> {
        judged.map_err(|text| self.note(Mistake { column, text, suggestion: None })).ok()
    }

    fn note(&mut self, mistake: Mistake) {
        if self.mistakes.len() < MAX_MISTAKES {
            self.mistakes.push(mistake);
        }
    }

    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |placed| &placed.token)
    }

    /// Of the token that comes next.
    fn column(&self) -> u32 {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |placed| placed.column)
    }

    fn took(&mut self, token: &Token) -> bool {
        let taken = self.peek() == token;
        self.at += usize::from(taken);
        taken
    }

    fn expect(&mut self, token: &Token) -> Result<(), Mistake> {
        if self.took(token) {
            return Ok(());
        }
        Err(self.mistake(format!("{} is wanted here, not {}", spelt(token), self.found())))
    }

    fn mistake(&self, text: impl Into<String>) -> Mistake {
        Mistake { column: self.column(), text: text.into(), suggestion: None }
    }

    fn found(&self) -> String {
        spelt(self.peek())
    }
}

fn spelt(token: &Token) -> String {
    match token {
        Token::Number(number) => format!("`{number}`"),
        Token::Text(_) => "a text".to_string(),
        Token::Name(name) => format!("`{}`", shown(name)),
        Token::Word(word) | Token::Sign(word) => format!("`{word}`"),
        Token::End => "the end".to_string(),
    }
}

fn values(count: usize) -> String {
    if count == 1 { "one value".to_string() } else { format!("{count} values") }
}

/// Long names are cut in complaints.
fn shown(name: &str) -> String {
    name.chars().take(40).collect()
}
