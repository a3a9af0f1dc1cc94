//! What a verb's reading asks for, as data: the schema for editors is made from it, so the two cannot disagree.

/// One field of a verb.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldShape {
    pub name: &'static str,
    pub kind: Kind,
    pub required: bool,
}

/// What may stand in a field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    Boolean,
    /// A whole number in this range.
    Number(u32, u32),
    /// `500ms`, `5s`, `2m`.
    Duration,
    /// A number of digits: `4`, or `1-10`.
    Digits,
    /// One of these words.
    Word(Vec<&'static str>),
    /// The name of a node.
    Link,
    /// Keys of the telephone, each with its node.
    Keys,
    /// Some keys of the telephone: `1-5`.
    KeyRange,
    /// One prompt, or a list of them.
    Prompts,
    /// The name of something that the configuration has: a queue, an extension.
    Named(&'static str),
    /// A name that is given here.
    NewName,
    Expression,
    /// A text with `{{ expressions }}`.
    Template,
    /// Names with templates.
    Values,
    /// What `say` says, part by part.
    Parts,
    /// What `branch` decides by.
    Cases,
}
