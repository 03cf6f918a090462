//! Which prefix means Workday's namespace, here.
//!
//! Invariant: a prefix counts from the element that declares it to that element's end.

/// The namespace of everything that Workday's web services say.
pub(crate) const BSVC: &str = "urn:com.workday/bsvc";

/// Prefixes that are declared, the nearest last.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    declared: Vec<(usize, Box<str>, bool)>,
}

impl Scope {
    /// Reads what an element at a depth declares.
    pub(crate) fn declare(&mut self, depth: usize, attributes: &str) {
        if !attributes.contains("xmlns") {
            return;
        }
        let start = quick_xml::events::BytesStart::from_content(format!("x {attributes}"), 1);
        for attribute in start.attributes().with_checks(false).flatten() {
            let key = attribute.key.as_ref();
            let prefix = match key.strip_prefix("xmlns") {
                Some("") => "",
                Some(rest) => match rest.strip_prefix(':') {
                    Some(prefix) => prefix,
                    None => continue,
                },
                None => continue,
            };
            let is_ours = &*attribute.value == BSVC;
            self.declared.push((depth, prefix.into(), is_ours));
        }
    }

    /// An element at a depth ends.
    pub(crate) fn leave(&mut self, depth: usize) {
        while self.declared.last().is_some_and(|it| it.0 >= depth) {
            self.declared.pop();
        }
    }

    /// Whether a name is Workday's, and its local part. Attributes without a prefix are in no
    /// namespace.
    pub(crate) fn split<'n>(&self, name: &'n str, is_attribute: bool) -> (bool, &'n str) {
        let (prefix, local) = match name.split_once(':') {
            Some(both) => both,
            None if is_attribute => return (false, name),
            None => ("", name),
        };
        let declared = self.declared.iter().rev();
        let found = declared.clone().find(|it| &*it.1 == prefix);
        (found.is_some_and(|it| it.2), local)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_counts_as_far_as_its_element() {
        let mut scope = Scope::default();
        scope.declare(1, " xmlns:w='urn:com.workday/bsvc'");
        assert_eq!(scope.split("w:ID", false), (true, "ID"));
        scope.declare(2, " xmlns:w=\"urn:other\" xmlns=\"urn:com.workday/bsvc\"");
        assert_eq!(scope.split("w:ID", false), (false, "ID"));
        assert_eq!(scope.split("ID", false), (true, "ID"));
        assert_eq!(scope.split("type", true), (false, "type"));
        scope.leave(2);
        assert_eq!(scope.split("w:ID", false), (true, "ID"));
        assert_eq!(scope.split("ID", false), (false, "ID"));
    }
}
