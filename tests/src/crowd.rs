//! A large roster for benches: invented people, 24 columns, as wide as the public sample's rows.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::Path;

/// `ROLLCALL_BENCH_ROWS` (1,000,000).
///
/// # Panics
/// When that is no number.
pub fn rows() -> usize {
    std::env::var("ROLLCALL_BENCH_ROWS")
        .ok()
        .map_or(1_000_000, |rows| rows.parse().expect("a number of rows"))
}

/// Writes the file of one day; on the second, one in a hundred has moved.
///
/// # Errors
/// When the file cannot be written.
pub fn generate(path: &Path, changed: bool) -> std::io::Result<()> {
    let mut out = BufWriter::new(std::fs::File::create(path)?);
    let header = "WorkerID,WorkerStatus,WorkerType,UserID,FirstName,LastName,FullName,GenderPronoun,\
                  ManagerID,HireDate,OnLeave,Department,Division,CostCenter,Company,Location,JobTitle,\
                  StreetAddress,City,CountryCode,OfficePhone,Custom01,Custom02,ZipCode";
    writeln!(out, "{header}")?;
    let mut line = String::new();
    for i in 0..rows() {
        let (key, first, last) = (1_000_001 + i, i % 5_000, i % 9_000);
        line.clear();
        write!(
            line,
            "{key},Active,Employee,EMP{key},First{first},Last{last},First{first} Last{last},"
        )
        .expect("writing to a string cannot fail");
        if i < 10 {
            line.push(',');
        } else {
            write!(line, ",{}", 1_000_001 + i % 1_000).expect("writing to a string cannot fail");
        }
        if changed && moves(i) {
            line.push_str(",2015-01-10,False,Moved");
        } else {
            write!(line, ",2015-01-10,False,Department {}", i % 97)
                .expect("writing to a string cannot fail");
        }
        write!(
            line,
            ",Division {},CC{},Woodgrove,Europe North,Software Developer,{} Mansion Court,\
             Frankfurt am Main,DE,030-{key},T1001,BTK39,{}",
            i % 13,
            i % 4_000,
            i % 300,
            10_000 + i % 89_999
        )
        .expect("writing to a string cannot fail");
        writeln!(out, "{line}")?;
    }
    out.flush()
}

/// Whether the worker of a row moves on the second day.
pub fn moves(row: usize) -> bool {
    row % 100 == 37
}
