//! Any path over any answer of Workday: read, refused, and never the end of the program.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (path, answer) = text.split_once('\0').unwrap_or((&text, ""));
    let _tried = rollcall_workday::try_path(path, answer);
    let _class = rollcall_workday::fault_class(answer.as_bytes());
});
