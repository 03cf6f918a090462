//! "Did you mean": the nearest known name for a mistyped one.
//!
//! For names that people write into files (functions, properties). Invariant: the input is never
//! a cell value.

/// The known name nearest to `wrong`, when it is near enough to be a slip: a difference of case,
/// or at most a third of the letters.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong: Vec<char> = wrong
        .chars()
        .take(64)
        .flat_map(char::to_lowercase)
        .collect();
    known
        .into_iter()
        .map(|name| {
            let folded: Vec<char> = name.chars().flat_map(char::to_lowercase).collect();
            (distance(&wrong, &folded), name)
        })
        .filter(|(far, name)| *far <= (name.chars().count() / 3).max(1))
        .min()
        .map(|(_, name)| name)
}

/// ` (did you mean ...?)`, or nothing.
pub fn hint<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(wrong, known).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// Whether one letter more, less or other makes one name of the other.
pub(crate) fn is_slip(a: &str, b: &str) -> bool {
    let letters = |text: &str| text.chars().take(64).collect::<Vec<char>>();
    distance(&letters(a), &letters(b)) <= 1
}

/// Levenshtein distance.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let best = (corner + usize::from(x != y))
                .min(row[j] + 1)
                .min(row[j + 1] + 1);
            corner = row[j + 1];
            row[j + 1] = best;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_caught_and_strangers_are_not() {
        let known = ["displayName", "department", "city"];
        assert_eq!(nearest("DisplayName", known), Some("displayName"));
        assert_eq!(nearest("departement", known), Some("department"));
        assert_eq!(nearest("cty", known), Some("city"));
        assert_eq!(nearest("shoeSize", known), None);
        assert_eq!(nearest("", known), None);
    }
}
