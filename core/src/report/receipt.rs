//! `receipt.csv`: every row that HR sent, and what became of it.
//!
//! HR opens it in a spreadsheet, so a cell must never become a formula (P17). RFC 4180 with CRLF
//! line ends, UTF-8, no byte order mark. Invariant: every line has the header's five fields.

use super::ReceiptRow;
use super::cells::cell;

/// The first line of `receipt.csv`, line end (CRLF) included.
pub fn receipt_header() -> &'static str {
    "row,worker,verdict,why,applied\r\n"
}

/// Appends one row, line end (CRLF) included; see [`cell`].
pub fn receipt_line(row: &ReceiptRow, out: &mut String) {
    out.push_str(&row.row.to_string());
    for text in [&row.worker, &row.verdict, &row.why, &row.applied] {
        out.push(',');
        cell(text, out);
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(worker: &str, why: &str) -> String {
        let mut out = String::new();
        let row = ReceiptRow {
            row: 7,
            worker: worker.into(),
            verdict: "held".into(),
            why: why.into(),
            applied: String::new(),
        };
        receipt_line(&row, &mut out);
        out
    }

    // Protects P17: HR's own cells come back to HR's spreadsheet as text. And RFC 4180.
    #[test]
    fn cells_are_quoted_and_never_formulas() {
        let long = "ab ".repeat(3_333) + "c";
        let (long_formula, guarded) = (format!("={long}"), format!("'={long}"));
        let cases = [
            ("1001", "1001"),
            ("", ""),
            ("00042", "00042"),
            ("A-17", "A-17"),
            ("a,b", "\"a,b\""),
            ("say \"so\"", "\"say \"\"so\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            (" padded", "\" padded\""),
            ("Žofie Łuk", "Žofie Łuk"),
            ("=1+1", "'=1+1"),
            ("+41", "'+41"),
            ("-5", "'-5"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("＝1+1", "'＝1+1"),
            ("\t=1", "\"'\t'=1\""),
            ("\r=1", "\"'\r'=1\""),
            ("  =1+1", "\"  '=1+1\""),
            ("\"=1+1", "\"\"\"'=1+1\""),
            (
                "=HYPERLINK(\"x\",\"y\")",
                "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"",
            ),
            ("a;=1+1", "\"a;'=1+1\""),
            ("a\n@b", "\"a\n'@b\""),
            ("a; b - c", "\"a; b - c\""),
            ("\u{202e}xslx.gpj", "[U+202E]xslx.gpj"),
            ("\u{200b}=1+1", "[U+200B]=1+1"),
            ("a\u{0}b\u{1b}[31m", "a␀b␛[31m"),
            (&long, &long),
            (&long_formula, &guarded),
        ];
        for (text, expected) in cases {
            assert_eq!(
                line(text, ""),
                format!("7,{expected},held,,\r\n"),
                "worker {text:?}"
            );
            assert_eq!(
                line("1", text),
                format!("7,1,held,{expected},\r\n"),
                "why {text:?}"
            );
        }
    }

    #[test]
    fn lines_follow_the_header() {
        assert_eq!(receipt_header(), "row,worker,verdict,why,applied\r\n");
        let mut out = receipt_header().to_owned();
        for row in [2, 3] {
            let row = ReceiptRow {
                row,
                worker: "1001".into(),
                verdict: "accepted".into(),
                why: String::new(),
                applied: "user.create done".into(),
            };
            receipt_line(&row, &mut out);
        }
        assert_eq!(
            out,
            "row,worker,verdict,why,applied\r\n2,1001,accepted,,user.create done\r\n\
             3,1001,accepted,,user.create done\r\n"
        );
    }
}
