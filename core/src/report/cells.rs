//! Cells of the tables that people open in a spreadsheet.
//!
//! Invariant: whatever a text says, the spreadsheet shows it and runs nothing of it (P17). RFC 4180.

use super::visible::write_out;

/// Appends a text as one cell, without separator.
///
/// A text that a spreadsheet would read as a formula gets an apostrophe in front, as in OWASP's
/// "CSV Injection" page: it begins with `=`, `+`, `-`, `@` (full-width forms too), a tab, CR or
/// LF. The same goes for what follows a `;`, a tab or a line break inside a text: a spreadsheet
/// set to another separator starts a cell there, quotes or not. What would be invisible or reorder
/// the text around it is written out, tabs and line breaks apart.
pub fn cell(text: &str, out: &mut String) {
    let quoted = text.contains([',', '"', '\r', '\n', ';', '\t'])
        || text.starts_with(' ')
        || text.ends_with(' ');
    if quoted {
        out.push('"');
    }
    // Spaces and quotes are dropped by some importers before they look for a formula.
    let mut cell_starts = true;
    for (at, c) in text.char_indices() {
        let formula = matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠');
        let control = matches!(c, '\t' | '\r' | '\n');
        if (cell_starts && formula) || (at == 0 && control) {
            out.push('\'');
        }
        cell_starts = match c {
            ';' | '\t' | '\r' | '\n' => true,
            ' ' | '"' | '\u{a0}' => cell_starts,
            _ => false,
        };
        if c == '"' {
            out.push('"');
        }
        if control {
            out.push(c);
        } else {
            write_out(c, out);
        }
    }
    if quoted {
        out.push('"');
    }
}
