//! A large roster for benches: invented people, 24 columns, as wide as the public sample's rows.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use crate::rulebook::{COMPANIES, DEPARTMENTS, JOBS, LEVELS, PLACES};

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
    generate_rows(path, rows(), changed)
}

/// The same of so many rows.
///
/// # Errors
/// When the file cannot be written.
pub fn generate_rows(path: &Path, rows: usize, changed: bool) -> std::io::Result<()> {
    let mut out = BufWriter::new(std::fs::File::create(path)?);
    let header = "WorkerID,WorkerStatus,WorkerType,UserID,FirstName,LastName,FullName,GenderPronoun,\
                  ManagerID,HireDate,OnLeave,Department,Division,CostCenter,Company,Location,JobTitle,\
                  StreetAddress,City,CountryCode,OfficePhone,Custom01,Custom02,ZipCode";
    writeln!(out, "{header}")?;
    let mut line = String::new();
    for i in 0..rows {
        let (key, first, last) = (1_000_001 + i, i % 5_000, i % 9_000);
        let (country, cities) = PLACES[i / 11 % PLACES.len()];
        let city = cities[i / 13 % cities.len()];
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
            write!(line, ",2015-01-10,False,Department {}", i % DEPARTMENTS)
                .expect("writing to a string cannot fail");
        }
        write!(
            line,
            ",Division {},CC{},{},Europe North,{}{},{} Mansion Court,{city},{country},030-{key},\
             T1{:03},BTK39,{}",
            i % 13,
            i % 4_000,
            COMPANIES[i % COMPANIES.len()],
            LEVELS[i / 7 % LEVELS.len()],
            JOBS[i / 3 % JOBS.len()],
            i % 300,
            i % 1_000,
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
