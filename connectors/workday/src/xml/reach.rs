//! Which parts of a worker the paths can reach, so that everything else is read past.
//!
//! A tree of places by names. Invariant: it holds at least whatever a path can come to; more costs time,
//! less would be a silent empty.

use super::names::{Name, Names};

/// What is kept of the attributes of an element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Names below, and where they lead.
    pub(crate) children: Vec<(Name, usize)>,
    /// Attributes that are read.
    pub(crate) attributes: Vec<Name>,
    /// Its own text is read.
    pub(crate) text: bool,
    /// Everything below is read.
    pub(crate) whole: bool,
    pub(crate) parent: usize,
}

/// Places by number; the first is the root, above `Worker`.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    pub(crate) places: Vec<Place>,
}

impl Default for Reach {
    /// The root, and a place that stands for everything below a whole one.
    fn default() -> Self {
        let whole = Place {
            text: true,
            whole: true,
            ..Place::default()
        };
        Self {
            places: vec![Place::default(), whole],
        }
    }
}

/// Above `Worker`.
pub(crate) const ROOT: usize = 0;
/// Somewhere below a place that is read as a whole.
pub(crate) const WHOLE: usize = 1;

impl Reach {
    /// The place below another one.
    pub(crate) fn child(&mut self, at: usize, name: Name) -> usize {
        let found = self.places[at].children.iter().find(|it| it.0 == name);
        if let Some((_, next)) = found {
            return *next;
        }
        if at == WHOLE {
            return WHOLE;
        }
        let next = self.places.len();
        self.places.push(Place {
            parent: at,
            // Whatever lies below a whole place is whole itself.
            whole: self.places[at].whole,
            text: self.places[at].whole,
            ..Place::default()
        });
        self.places[at].children.push((name, next));
        next
    }

    /// Everything below is read.
    pub(crate) fn mark_whole(&mut self, at: usize) {
        let mut open = vec![at];
        while let Some(at) = open.pop() {
            let place = &mut self.places[at];
            place.whole = true;
            place.text = true;
            open.extend(place.children.iter().map(|it| it.1));
        }
    }

    /// The text is read.
    pub(crate) fn mark_text(&mut self, at: usize) {
        self.places[at].text = true;
    }

    /// An attribute is read.
    pub(crate) fn mark_attribute(&mut self, at: usize, name: Name) {
        let attributes = &mut self.places[at].attributes;
        if !attributes.contains(&name) {
            attributes.push(name);
        }
    }

    /// Where a child goes whose name is at no place, if it is read.
    pub(crate) fn whole_below(&self, at: usize) -> Option<usize> {
        self.places[at].whole.then_some(WHOLE)
    }

    /// The place at a path of names, if some path comes there.
    pub(crate) fn at(&self, names: &Names, path: &[&str]) -> Option<usize> {
        path.iter().try_fold(ROOT, |at, local| {
            let below = self.places[at].children.iter();
            let found = below.clone().find(|it| names.text(it.0) == *local);
            found.map(|it| it.1)
        })
    }

    /// The names below a place.
    pub(crate) fn below<'n>(&self, names: &'n Names, at: usize) -> Vec<&'n str> {
        let below = self.places[at].children.iter();
        below.map(|it| names.text(it.0)).collect()
    }

    /// Whether some path comes to an element of this name at or below a place.
    pub(crate) fn mentions(&self, names: &Names, at: usize, local: &str) -> bool {
        let below = &self.places[at].children;
        let mut below = below.iter();
        below.any(|(name, next)| names.text(*name) == local || self.mentions(names, *next, local))
    }
}
