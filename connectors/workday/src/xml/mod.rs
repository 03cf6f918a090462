//! Reading Workday's XML as a stream: one worker at a time, and of it only what some path reads.
//!
//! Invariant: an answer with a document type, with an entity that XML does not have, or that ends
//! before its root does is refused as a whole; no text of it is ever part of an error (P11).

mod names;
mod reach;
mod read;
mod scope;
mod tree;

pub(crate) use names::{Name, Names, TEXT};
pub(crate) use reach::{ROOT, Reach};
pub(crate) use read::{Broken, Facts, Stop, broken, letter, read_answer};
pub(crate) use tree::{Tree, View};

#[cfg(test)]
mod tests;
