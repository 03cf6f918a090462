//! Words of HR in the languages of its exports: what says that somebody is in force, and what ends a table.
//!
//! Invariant: a word that may mean two things is in no list; a row with it is held until a person has said what it
//! means.

use super::names::folded;

/// What a word says of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    Active,
    /// In force, and away for a while.
    Away,
    Inactive,
    Rescinded,
    NoShow,
    Deceased,
}

const WORDS: [(Says, &[&str]); 6] = [
    (
        Says::Active,
        &[
            "active",
            "activeemployee",
            "activeassignment",
            "activepayroll",
            "activeworker",
            "employed",
            "current",
            "hired",
            "working",
            "inservice",
            "probation",
            "onprobation",
            "prehire",
            "futurehire",
            "pendinghire",
            "newhire",
            "a",
            "aktiv",
            "aktive",
            "aktiver",
            "aktives",
            "aktivesbeschaftigungsverhaltnis",
            "angestellt",
            "beschaftigt",
            "beschaeftigt",
            "probezeit",
            "inprobezeit",
            "actif",
            "active",
            "enposte",
            "enactivite",
            "present",
            "periodedessai",
            "enperiodedessai",
            "activo",
            "activa",
            "enactivo",
            "endalta",
            "enperiododeprueba",
            "contratado",
            "contratada",
            "actief",
            "indienst",
            "werkzaam",
            "proeftijd",
            "aktiva",
            "anstalld",
            "provanstalld",
            "tillsvidare",
            "ansatt",
            "iarbeid",
        ],
    ),
    (
        Says::Away,
        &[
            "onleave",
            "leave",
            "leaveofabsence",
            "onleaveofabsence",
            "loa",
            "paidleave",
            "unpaidleave",
            "parentalleave",
            "maternityleave",
            "paternityleave",
            "sickleave",
            "activeonleave",
            "beurlaubt",
            "beurlaubung",
            "elternzeit",
            "inelternzeit",
            "mutterschutz",
            "sabbatical",
            "ruhend",
            "enconge",
            "conge",
            "congeparental",
            "congematernite",
            "congesanssolde",
            "arretmaladie",
            "excedencia",
            "enexcedencia",
            "deexcedencia",
            "permiso",
            "depermiso",
            "licencia",
            "delicencia",
            "metverlof",
            "verlof",
            "ouderschapsverlof",
            "zwangerschapsverlof",
            "tjanstledig",
            "foraldraledig",
            "sjukskriven",
            "permisjon",
            "ipermisjon",
            "foreldrepermisjon",
            "sykmeldt",
        ],
    ),
    (
        Says::Inactive,
        &[
            "inactive",
            "terminated",
            "terminatedassignment",
            "inactiveassignment",
            "exemployee",
            "formeremployee",
            "former",
            "left",
            "leaver",
            "resigned",
            "retired",
            "dismissed",
            "notactive",
            "ended",
            "i",
            "t",
            "inaktiv",
            "ausgetreten",
            "ausgeschieden",
            "nichtaktiv",
            "ehemalig",
            "ehemaliger",
            "pensioniert",
            "inrente",
            "inruhestand",
            "imruhestand",
            "inactif",
            "sorti",
            "sortie",
            "parti",
            "partie",
            "retraite",
            "retraitee",
            "licencie",
            "demissionnaire",
            "inactivo",
            "inactiva",
            "cesado",
            "cesada",
            "desvinculado",
            "desvinculada",
            "jubilado",
            "jubilada",
            "inactief",
            "uitdienst",
            "gepensioneerd",
            "inaktiva",
            "slutat",
            "avslutad",
            "avgatt",
            "pensionerad",
            "sluttet",
            "fratradt",
            "avsluttet",
            "pensjonert",
            "ikkeaktiv",
        ],
    ),
    (
        Says::Rescinded,
        &[
            "rescinded",
            "hirerescinded",
            "offerrescinded",
            "offerwithdrawn",
            "hirecancelled",
            "hirecanceled",
        ],
    ),
    (
        Says::NoShow,
        &[
            "noshow",
            "didnotstart",
            "neverstarted",
            "nichtangetreten",
            "nichterschienen",
        ],
    ),
    (
        Says::Deceased,
        &[
            "deceased",
            "died",
            "verstorben",
            "decede",
            "decedee",
            "fallecido",
            "fallecida",
            "overleden",
            "avliden",
            "dod",
        ],
    ),
];

/// What a word of a status column says, where that is beyond doubt.
pub(super) fn says(word: &str) -> Option<Says> {
    let word = folded(word);
    let list = WORDS
        .iter()
        .find(|(_, words)| words.contains(&word.as_str()));
    list.map(|(says, _)| *says)
}

/// What yes and no say in a column that is called after being active.
pub(super) fn says_yes(word: &str) -> Option<Says> {
    match folded(word).as_str() {
        "true" | "yes" | "y" | "1" | "ja" | "j" | "oui" | "o" | "si" | "s" | "wahr" | "vrai"
        | "verdadero" => Some(Says::Active),
        "false" | "no" | "n" | "0" | "nein" | "non" | "nee" | "nej" | "nei" | "falsch" | "faux"
        | "falso" => Some(Says::Inactive),
        _ => None,
    }
}

/// First words of the row that ends a table, as they are compared.
const TOTALS: [&str; 23] = [
    "total",
    "totals",
    "grandtotal",
    "totalcount",
    "totalrecords",
    "recordcount",
    "count",
    "sum",
    "endofreport",
    "endoffile",
    "eof",
    "summe",
    "gesamt",
    "gesamtsumme",
    "anzahl",
    "ende",
    "totalgeneral",
    "nombre",
    "totaal",
    "aantal",
    "summa",
    "totalt",
    "antall",
];

/// The word of the list that a text is, as the text writes it.
pub(super) fn total(text: &str) -> Option<&str> {
    let text = text.strip_suffix(':').unwrap_or(text).trim_end();
    let plain = |c: char| c.is_alphabetic() || c == ' ';
    if text.len() > 32 || !text.chars().all(plain) {
        return None;
    }
    TOTALS.contains(&folded(text).as_str()).then_some(text)
}

/// Forms of address: a column called "title" that holds these is no job title.
pub(super) fn is_address(word: &str) -> bool {
    const WORDS: [&str; 22] = [
        "mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "herr", "frau", "drmed", "profdr",
        "dipling", "m", "mme", "mlle", "sr", "sra", "dhr", "mevr", "hr", "fr",
    ];
    WORDS.contains(&folded(word).as_str())
}

/// Where people have private mail addresses.
pub(super) fn is_free_mail(domain: &str) -> bool {
    const NAMES: [&str; 30] = [
        "gmail",
        "googlemail",
        "outlook",
        "hotmail",
        "live",
        "msn",
        "yahoo",
        "ymail",
        "icloud",
        "me",
        "mac",
        "aol",
        "gmx",
        "web",
        "t-online",
        "freenet",
        "posteo",
        "mailbox",
        "proton",
        "protonmail",
        "orange",
        "wanadoo",
        "free",
        "laposte",
        "sfr",
        "ziggo",
        "kpnmail",
        "telia",
        "online",
        "mail",
    ];
    domain
        .split('.')
        .next()
        .is_some_and(|name| domain.matches('.').count() == 1 && NAMES.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_they_say_in_five_languages() {
        for (word, expected) in [
            ("Active", Some(Says::Active)),
            ("aktiv", Some(Says::Active)),
            ("Actif", Some(Says::Active)),
            ("Activo", Some(Says::Active)),
            ("In dienst", Some(Says::Active)),
            ("Anställd", Some(Says::Active)),
            ("beurlaubt", Some(Says::Away)),
            ("En congé", Some(Says::Away)),
            ("On-Leave", Some(Says::Away)),
            ("Terminated", Some(Says::Inactive)),
            ("ausgetreten", Some(Says::Inactive)),
            ("Uit dienst", Some(Says::Inactive)),
            ("Slutat", Some(Says::Inactive)),
            ("Décédé", Some(Says::Deceased)),
            ("No Show", Some(Says::NoShow)),
            // Notice was given, and the last day is still to come; on sick leave, or gone; both of them.
            ("gekündigt", None),
            ("baja", None),
            ("suspended", None),
            ("3", None),
        ] {
            assert_eq!(says(word), expected, "{word}");
        }
    }

    #[test]
    fn no_word_is_in_two_lists() {
        let mut seen = std::collections::BTreeMap::new();
        for (says, words) in WORDS {
            for word in words {
                assert_eq!(folded(word), *word, "as it is looked up");
                let known = seen.insert(*word, says);
                assert!(known.is_none_or(|it| it == says), "{word}");
            }
        }
    }
}
