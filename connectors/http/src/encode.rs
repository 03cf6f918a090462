//! Percent-encoding (RFC 3986) of what goes into a URL or a form.
//!
//! Invariant: whatever comes in, what comes out cannot end a path segment, a query value or a
//! form field.

use std::fmt::Write as _;

fn encode(text: &str, keep: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if keep(byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    out
}

const fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// A query value or a form field: everything but the unreserved characters, `$`, `,`, `(`, `)`
/// and `/` is encoded. The latter five mean nothing inside a query value and keep OData options
/// readable.
pub fn encode_component(text: &str) -> String {
    encode(text, |b| {
        unreserved(b) || matches!(b, b'$' | b',' | b'(' | b')' | b'/')
    })
}

/// One path segment: everything but the unreserved characters and `@` is encoded, so `#` of a
/// guest's name and `/` cannot end it.
pub fn encode_segment(text: &str) -> String {
    encode(text, |b| unreserved(b) || b == b'@')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text → as a query value → as a path segment.
    #[test]
    fn nothing_escapes_its_place() {
        let table = [
            ("id,employeeId", "id,employeeId", "id%2CemployeeId"),
            (
                "a eq 'b''c'",
                "a%20eq%20%27b%27%27c%27",
                "a%20eq%20%27b%27%27c%27",
            ),
            ("x&y=1+2", "x%26y%3D1%2B2", "x%26y%3D1%2B2"),
            (
                "a#EXT#@b.example",
                "a%23EXT%23%40b.example",
                "a%23EXT%23@b.example",
            ),
            ("../u?x", "../u%3Fx", "..%2Fu%3Fx"),
            ("ü", "%C3%BC", "%C3%BC"),
        ];
        for (text, component, segment) in table {
            assert_eq!(encode_component(text), component);
            assert_eq!(encode_segment(text), segment);
        }
    }
}
