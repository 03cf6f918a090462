//! Numbers and lengths of time as a person reads them, for the renderers.
//!
//! Invariant: nothing depends on a locale; the same number is the same text everywhere.

/// Digits in threes: `20,000`.
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// At most two decimals, and none where they are zero.
pub(super) fn decimal(n: f64) -> String {
    let text = format!("{n:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Seconds as a person says them: `0.4 s`, `12 min 5 s`, `3 h 20 min`, `2 d 4 h`.
pub(crate) fn duration(seconds: f64) -> String {
    if !(60.0..1e9).contains(&seconds) {
        let text = format!("{seconds:.1}");
        return format!("{} s", text.trim_end_matches(".0"));
    }
    let (step, unit, below, part) = match seconds {
        s if s < 3_600.0 => (60.0, "min", 1.0, "s"),
        s if s < 86_400.0 => (3_600.0, "h", 60.0, "min"),
        _ => (86_400.0, "d", 3_600.0, "h"),
    };
    let whole = (seconds / step).floor();
    let rest = ((seconds - whole * step) / below).floor();
    if rest == 0.0 {
        format!("{whole} {unit}")
    } else {
        format!("{whole} {unit} {rest} {part}")
    }
}
