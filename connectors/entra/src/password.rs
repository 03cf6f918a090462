//! First passwords: made in apply, sent once, kept nowhere.
//!
//! Invariant: every password has all four classes of characters and comes from the operating
//! system's generator (directory rule: 8 to 256 characters, three of four classes).

use rollcall_http::Secret;

const LENGTH: usize = 28;
const CLASSES: [&[u8]; 4] = [
    b"abcdefghijkmnpqrstuvwxyz",
    b"ABCDEFGHJKLMNPQRSTUVWXYZ",
    b"23456789",
    b"!#%+-.:=?@_",
];

/// A new password.
///
/// # Errors
/// When the operating system gives no random bytes.
pub(crate) fn generate() -> Result<Secret, getrandom::Error> {
    let alphabet: Vec<u8> = CLASSES.concat();
    // Bytes above the last whole multiple are thrown away: no character is likelier than another.
    let fair = 256 - 256 % alphabet.len();
    loop {
        let mut text = Vec::with_capacity(LENGTH);
        while text.len() < LENGTH {
            let mut bytes = [0_u8; 64];
            getrandom::fill(&mut bytes)?;
            let fair = bytes.iter().map(|b| usize::from(*b)).filter(|b| *b < fair);
            text.extend(
                fair.map(|b| alphabet[b % alphabet.len()])
                    .take(LENGTH - text.len()),
            );
        }
        if CLASSES
            .iter()
            .all(|class| text.iter().any(|c| class.contains(c)))
        {
            return Ok(Secret::new(
                text.into_iter().map(char::from).collect::<String>(),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The directory refuses a create whose password is weak; a repeated one would be guessable.
    #[test]
    fn passwords_are_strong_and_never_repeat() {
        let mut seen = BTreeSet::new();
        for _ in 0..500 {
            let password = generate().unwrap();
            let text = password.reveal();
            assert!(text.len() >= 24 && text.is_ascii());
            assert!(text.bytes().any(|b| b.is_ascii_lowercase()));
            assert!(text.bytes().any(|b| b.is_ascii_uppercase()));
            assert!(text.bytes().any(|b| b.is_ascii_digit()));
            assert!(text.bytes().any(|b| b.is_ascii_punctuation()));
            assert!(seen.insert(text.to_owned()));
        }
    }
}
