//! Exports in five languages, with what a person would choose; and anything at all.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::digest::EvidenceKey;
use crate::mapping::{Given, Mapping};
use crate::policy::Policy;

fn survey_of(table: &str) -> Survey {
    let mut lines = table
        .trim()
        .lines()
        .map(|line| line.trim().split(';').map(str::trim));
    let header: Vec<String> = lines.next().unwrap().map(str::to_owned).collect();
    let mut surveyor = Surveyor::new(&header);
    for line in lines {
        surveyor.row(line.map(Cell::from));
    }
    surveyor.finish()
}

/// The written choices, as `writes = column`.
fn written(proposal: &Proposal) -> BTreeMap<&str, &str> {
    let written = proposal.choices.iter().filter(|it| it.written);
    written.map(|it| (it.writes, it.column.as_str())).collect()
}

fn comments(proposal: &Proposal) -> BTreeMap<&str, &str> {
    let only = proposal.choices.iter().filter(|it| !it.written);
    only.map(|it| (it.writes, it.column.as_str())).collect()
}

/// All files parse; the mapping as a program sees it.
fn parsed(proposal: &Proposal) -> Mapping {
    let mapping = proposal.mapping_toml();
    let policy = proposal.policy_toml();
    Policy::parse(&policy, "policy.toml").unwrap_or_else(|e| panic!("{e}\n{policy}"));
    let config = proposal.config_toml(&HowRead::default());
    let _: toml::Table = toml::from_str(&config).unwrap_or_else(|e| panic!("{e}\n{config}"));
    Mapping::parse(&mapping, "mapping.toml").unwrap_or_else(|e| panic!("{e}\n{mapping}"))
}

const ENGLISH: &str = "
    Employee ID;Employment Status;First Name;Last Name;Work Email;Department;Job Title;Manager Employee ID;Hire Date;Last Day of Work;Country;Time Zone;Salary
    00101;Active;Ann;Ash;ann.ash@woodgrove.example;IT;Engineer;00103;04/13/2020;;US;America/New_York;1
    00102;Active;Bob;Birch;bob.birch@woodgrove.example;IT;Engineer;00103;05/06/2021;;US;America/New_York;2
    00103;On Leave;Cat;Cedar;cat.cedar@woodgrove.example;IT;Head;;01/02/2015;;US;America/New_York;3
    00104;Terminated;Dan;Dale;dan.dale@woodgrove.example;HR;Clerk;00103;01/07/2015;06/05/2026;US;America/New_York;4
    00105;Furlough;Eve;Elm;eve.elm@woodgrove.example;HR;Clerk;00103;01/07/2015;;US;America/New_York;5";

const GERMAN: &str = "
    Personal-Nr.;Name;Vorname;Status;Abteilung;Stellenbezeichnung;Vorgesetzter;Eintrittsdatum;Austrittsdatum;Kostenstelle;Geburtsdatum;Straße;Ort;Land
    1001;Weiß;Jürgen;aktiv;Vertrieb;Leiter;;15.11.2009;31.12.9999;4711;01.02.1980;Weg 1;Köln;DE
    1002;Müller;Zoë;aktiv;Vertrieb;Referentin;1001;01.02.2019;31.12.9999;4711;01.02.1981;Weg 2;Köln;DE
    1003;Groß;Uwe;beurlaubt;Vertrieb;Referent;1001;01.04.2020;31.12.9999;4711;01.02.1982;Weg 3;Bonn;DE
    1004;Klein;Ute;ausgetreten;Einkauf;Referentin;1001;01.04.2020;28.02.2026;4712;01.02.1983;Weg 4;Bonn;DE
    1005;Lang;Ina;gekündigt;Einkauf;Referentin;1001;01.04.2020;30.06.2026;4712;01.02.1984;Weg 5;Bonn;DE";

const FRENCH: &str = "
    Matricule;Nom;Prénom;Statut;Service;Poste;Matricule responsable;Date d'entrée;Date de sortie;Centre de coût;Société
    M001;Martin;Zoé;Actif;Ventes;Vendeuse;M003;03/02/2020;;C1;Woodgrove
    M002;Durand;Luc;En congé;Ventes;Vendeur;M003;21/09/2018;;C1;Woodgrove
    M003;Petit;Anne;Actif;Ventes;Directrice;;01/01/2010;;C1;Woodgrove
    M004;Roux;Jean;Sorti;Achats;Acheteur;M003;01/06/2015;05/06/2026;C2;Woodgrove";

const SPANISH: &str = "
    Número de empleado;Nombre;Apellidos;Estado;Departamento;Puesto;Jefe;Fecha de alta;Fecha de baja;Centro de coste;Correo electrónico
    7001;José;García Pérez;Activo;Ventas;Vendedor;7003;2020-02-03;;9;jose@fabrikam.example
    7002;Ana;Ruiz;Activo;Ventas;Vendedora;7003;2021-02-03;;9;ana@fabrikam.example
    7003;Eva;Sanz;Excedencia;Ventas;Jefa;;2011-02-03;;9;eva@fabrikam.example
    7004;Luis;Gil;Baja;Compras;Comprador;7003;2012-02-03;2026-05-31;9;luis@fabrikam.example";

const DUTCH: &str = "
    Personeelsnummer;Roepnaam;Achternaam;Status;Afdeling;Functie;Leidinggevende;Datum in dienst;Datum uit dienst;Kostenplaats;Vestiging
    P-01;Jan;de Vries;In dienst;Verkoop;Verkoper;P-03;13-02-2019;;K1;Utrecht
    P-02;Eva;Bakker;In dienst;Verkoop;Verkoper;P-03;01-02-2020;;K1;Utrecht
    P-03;Piet;Smit;Met verlof;Verkoop;Manager;;01-02-2015;;K1;Utrecht
    P-04;Lies;Visser;Uit dienst;Inkoop;Inkoper;P-03;01-02-2018;01-05-2026;K2;Utrecht";

const SWEDISH: &str = "
    Anställningsnummer;Förnamn;Efternamn;Anställningsstatus;Avdelning;Befattning;Närmaste chef;Anställningsdatum;Slutdatum;Kostnadsställe;Personnummer
    501;Åsa;Öberg;Anställd;Sälj;Säljare;503;2020-02-03;;1;198001011234
    502;Ola;Berg;Tjänstledig;Sälj;Säljare;503;2021-02-03;;1;198101011234
    503;Kari;Dahl;Anställd;Sälj;Chef;;2011-02-03;;1;197001011234
    504;Per;Ek;Slutat;Inköp;Inköpare;503;2012-02-03;2026-05-31;2;197101011234";

#[test]
fn a_person_would_have_chosen_the_same() {
    type Expected = (
        &'static str,
        &'static [(&'static str, &'static str)],
        &'static [(&'static str, &'static str)],
    );
    let cases: [Expected; 6] = [
        (
            ENGLISH,
            &[
                ("worker.key", "Employee ID"),
                ("worker.status", "Employment Status"),
                ("worker.manager", "Manager Employee ID"),
                ("worker.hire_date", "Hire Date"),
                ("worker.last_day", "Last Day of Work"),
                ("worker.time_zone", "Time Zone"),
                ("givenName", "First Name"),
                ("surname", "Last Name"),
                ("department", "Department"),
                ("jobTitle", "Job Title"),
                ("country", "Country"),
            ],
            &[],
        ),
        (
            GERMAN,
            &[
                ("worker.key", "Personal-Nr."),
                ("worker.status", "Status"),
                ("worker.manager", "Vorgesetzter"),
                ("worker.hire_date", "Eintrittsdatum"),
                ("worker.last_day", "Austrittsdatum"),
                ("givenName", "Vorname"),
                ("surname", "Name"),
                ("department", "Abteilung"),
                ("jobTitle", "Stellenbezeichnung"),
                ("employeeOrgData.costCenter", "Kostenstelle"),
                ("city", "Ort"),
                ("country", "Land"),
            ],
            &[("streetAddress", "Straße")],
        ),
        (
            FRENCH,
            &[
                ("worker.key", "Matricule"),
                ("worker.status", "Statut"),
                ("worker.manager", "Matricule responsable"),
                ("worker.hire_date", "Date d'entrée"),
                // No number above 12 in it: the order is that of the other column.
                ("worker.last_day", "Date de sortie"),
                ("givenName", "Prénom"),
                ("surname", "Nom"),
                ("department", "Service"),
                ("jobTitle", "Poste"),
                ("employeeOrgData.costCenter", "Centre de coût"),
                ("companyName", "Société"),
            ],
            &[],
        ),
        (
            SPANISH,
            &[
                ("worker.key", "Número de empleado"),
                ("worker.status", "Estado"),
                ("worker.manager", "Jefe"),
                ("worker.hire_date", "Fecha de alta"),
                ("worker.last_day", "Fecha de baja"),
                ("givenName", "Nombre"),
                ("surname", "Apellidos"),
                ("department", "Departamento"),
                ("jobTitle", "Puesto"),
                ("employeeOrgData.costCenter", "Centro de coste"),
            ],
            &[],
        ),
        (
            DUTCH,
            &[
                ("worker.key", "Personeelsnummer"),
                ("worker.status", "Status"),
                ("worker.manager", "Leidinggevende"),
                ("worker.hire_date", "Datum in dienst"),
                ("worker.last_day", "Datum uit dienst"),
                ("givenName", "Roepnaam"),
                ("surname", "Achternaam"),
                ("department", "Afdeling"),
                ("jobTitle", "Functie"),
                ("employeeOrgData.costCenter", "Kostenplaats"),
                ("officeLocation", "Vestiging"),
            ],
            &[],
        ),
        (
            SWEDISH,
            &[
                ("worker.key", "Anställningsnummer"),
                ("worker.status", "Anställningsstatus"),
                ("worker.manager", "Närmaste chef"),
                ("worker.hire_date", "Anställningsdatum"),
                ("worker.last_day", "Slutdatum"),
                ("givenName", "Förnamn"),
                ("surname", "Efternamn"),
                ("department", "Avdelning"),
                ("jobTitle", "Befattning"),
                ("employeeOrgData.costCenter", "Kostnadsställe"),
            ],
            &[],
        ),
    ];
    for (table, expected, only) in cases {
        let proposal = propose(&survey_of(table));
        assert_eq!(
            written(&proposal),
            expected.iter().copied().collect(),
            "{:#?}",
            proposal.choices
        );
        assert_eq!(comments(&proposal), only.iter().copied().collect());
        parsed(&proposal);
    }
}

#[test]
fn words_of_a_status_go_where_they_belong_or_nowhere() {
    let words = |table: &str| propose(&survey_of(table)).statuses;
    let english = words(ENGLISH);
    assert_eq!(english.active, ["Active"]);
    assert_eq!(english.away, ["On Leave"]);
    assert_eq!(english.inactive, ["Terminated"]);
    assert_eq!(english.unknown, ["Furlough"]);
    let german = words(GERMAN);
    assert_eq!(german.active, ["aktiv"]);
    assert_eq!(german.inactive, ["ausgetreten"]);
    // Who was given notice may still be there.
    assert_eq!(german.unknown, ["gekündigt"]);
    let spanish = words(SPANISH);
    assert_eq!(
        (spanish.active, spanish.away, spanish.unknown),
        (
            vec!["Activo".to_owned()],
            vec!["Excedencia".to_owned()],
            vec!["Baja".to_owned()]
        )
    );
    let flags = words("Id;Active;Name\n1;TRUE;a\n2;false;b\n3;TRUE;c");
    assert_eq!(
        (flags.active, flags.inactive),
        (vec!["TRUE".to_owned()], vec!["false".to_owned()])
    );
    // A policy has no unknown word in a list.
    let policy = Policy::parse(&propose(&survey_of(ENGLISH)).policy_toml(), "p").unwrap();
    assert_eq!(policy.status.active, ["Active", "On Leave"]);
    assert_eq!(policy.status.inactive, ["Terminated"]);
}

#[test]
fn what_is_declared_of_days_and_domains() {
    let english = propose(&survey_of(ENGLISH));
    assert_eq!(english.domain.as_deref(), Some("woodgrove.example"));
    let config = english.config_toml(&HowRead::default());
    assert!(
        config.contains("\"Hire Date\" = { type = \"date\", format = \"%m/%d/%Y\" }"),
        "{config}"
    );
    assert!(
        config.contains("\"Last Day of Work\" = { type = \"date\", format = \"%m/%d/%Y\" }"),
        "{config}"
    );
    assert!(
        config.contains("verified_domains = [\"woodgrove.example\"]"),
        "{config}"
    );
    let german = propose(&survey_of(GERMAN));
    let config = german.config_toml(&HowRead {
        encoding: Some("windows-1252".to_owned()),
        encoding_assumed: true,
        header_row: Some(4),
        ..HowRead::default()
    });
    assert!(
        config.contains("format = \"%d.%m.%Y\", open = [\"31.12.9999\"] }"),
        "{config}"
    );
    assert!(
        config.contains("\nencoding = \"windows-1252\"\n"),
        "{config}"
    );
    assert!(config.contains("\n# header_row = 4\n"), "{config}");
    assert!(
        config.contains("verified_domains = [\"example.com\"]"),
        "{config}"
    );
    assert!(german.look_at.iter().any(|it| it.contains("placeholder")));
    // Days that nobody can tell are said, and not guessed.
    let unsure = propose(&survey_of(
        "Id;Status;Hire Date\n1;Active;01/02/2020\n2;Active;03/04/2020",
    ));
    assert_eq!(comments(&unsure)["worker.hire_date"], "Hire Date");
    let config = unsure.config_toml(&HowRead::default());
    for format in ["%d/%m/%Y", "%m/%d/%Y"] {
        assert!(
            config.contains(&format!(
                "# \"Hire Date\" = {{ type = \"date\", format = \"{format}\" }}"
            )),
            "{config}"
        );
    }
    assert!(
        unsure
            .mapping_toml()
            .contains("# hire_date = { column = \"Hire Date\"")
    );
    assert!(!parsed(&unsure).columns().contains("Hire Date"));
}

/// What an account would be called, by the mapping that is proposed.
#[test]
fn a_proposed_mapping_makes_accounts_of_the_rows_it_was_made_from() {
    let now: Timestamp = "2026-03-16T02:00:00Z".parse().unwrap();
    let key = EvidenceKey::new("test");
    let account = |table: &str, row: usize, target: &str| {
        let mapping = parsed(&propose(&survey_of(table)));
        let mut lines = table
            .trim()
            .lines()
            .map(|line| line.trim().split(';').map(str::trim).collect::<Vec<_>>());
        let header: Vec<String> = lines
            .next()
            .unwrap()
            .iter()
            .map(|it| (*it).to_owned())
            .collect();
        let bound = mapping.bind(&header).unwrap();
        let cells = lines.nth(row).unwrap();
        let given = Given { now, key: &key };
        let mapped = bound.map(&|at| cells[at], 2, &given);
        let identity = mapped.identity;
        let value = identity
            .on_create
            .get(target)
            .or_else(|| identity.always.get(target));
        value
            .map(|it| serde_json::to_value(it).unwrap())
            .unwrap_or_default()
    };
    assert_eq!(
        account(ENGLISH, 0, "userPrincipalName"),
        "ann.ash@woodgrove.example"
    );
    assert_eq!(account(ENGLISH, 0, "mailNickname"), "ann.ash");
    assert_eq!(account(ENGLISH, 0, "displayName"), "Ann Ash");
    assert_eq!(account(ENGLISH, 0, "usageLocation"), "US");
    assert_eq!(
        account(GERMAN, 0, "userPrincipalName"),
        "jurgen.weiss@example.com"
    );
    assert_eq!(
        account(DUTCH, 0, "userPrincipalName"),
        "jan.devries@example.com"
    );
    let foreign = "Employee ID;Status;First Name;Last Name\n00310;Active;Юлия;Иванова\n00311;Active;芽衣;田中";
    assert_eq!(
        account(foreign, 0, "userPrincipalName"),
        "00310@example.com"
    );
    assert_eq!(account(foreign, 1, "mailNickname"), "00311");
    assert_eq!(account(foreign, 1, "displayName"), "芽衣 田中");
}

#[test]
fn without_a_key_or_a_status_nothing_is_made_up() {
    let survey = survey_of("Note;Colour\nx y;red\nx y;red");
    let proposal = propose(&survey);
    assert!(!proposal.is_complete());
    assert!(proposal.choices.is_empty(), "{:#?}", proposal.choices);
    assert_eq!(proposal.look_at.len(), 3, "{:#?}", proposal.look_at);
    let mapping = parsed(&proposal);
    assert!(
        mapping
            .bind(&["Note".to_owned(), "Colour".to_owned()])
            .is_err()
    );
    // The first column that is filled and different everywhere, said to be a guess.
    let proposal = propose(&survey_of("Sex;Nr\nf;a1\nm;a2\nf;a3"));
    let key = proposal.choice(Part::Key).unwrap();
    assert_eq!(
        (key.column.as_str(), key.confidence),
        ("Nr", Confidence::Unsure)
    );
}

#[test]
fn what_is_suspicious_is_counted_and_no_value_is_told() {
    let table = "Employee ID;Status;Zip;Manager ID;Hire Date;Note
        00517;Active;02138;00520;2020-01-06;=1+1()
        518;Active;2139;00517;1900-01-01;MÃ¼ller
        1.00235E+05;Active;2140;NULL;2020-02-30;ok
        00520;Active;02141;00517;13/04/2020;ok
        00520;Active;02141;00517;13/04/2020;ok";
    let survey = survey_of(table);
    let of = |name: &str| {
        let column = survey.columns.iter().find(|it| it.name == name).unwrap();
        column
            .doubts
            .iter()
            .map(|it| (it.kind, it.rows))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of("Employee ID"),
        [
            (DoubtKind::ScientificNotation, 1),
            (DoubtKind::ZerosLost, 1)
        ]
    );
    assert_eq!(of("Zip"), [(DoubtKind::ZerosLost, 2)]);
    assert_eq!(of("Status"), [(DoubtKind::Constant, 5)]);
    assert_eq!(of("Manager ID"), [(DoubtKind::MissingWord, 1)]);
    assert_eq!(
        of("Hire Date"),
        [
            (DoubtKind::MixedDates, 2),
            (DoubtKind::NoSuchDay, 1),
            (DoubtKind::SentinelDate, 1)
        ]
    );
    assert_eq!(
        of("Note"),
        [(DoubtKind::Mojibake, 1), (DoubtKind::Formula, 1)]
    );
    assert_eq!(
        survey
            .doubts
            .iter()
            .map(|it| (it.kind, it.rows))
            .collect::<Vec<_>>(),
        [(DoubtKind::RowsRepeat, 1)]
    );
    let key = &survey.columns[0];
    assert_eq!((key.again, key.several), (Some(1), Some(1)));
    let shown = serde_json::to_string(&survey).unwrap()
        + &serde_json::to_string(&propose(&survey)).unwrap();
    for value in ["00517", "Müller", "02138", "2020-01-06"] {
        assert!(!shown.contains(value), "{value} in {shown}");
    }
    let raw = [
        Cell {
            text: "Ann".into(),
            raw: " Ann",
        },
        Cell {
            text: "Lee".into(),
            raw: "\u{a0}Lee\r",
        },
        Cell {
            text: "x".into(),
            raw: "x\r",
        },
    ];
    let mut surveyor = Surveyor::new(&["A", "B", "C"].map(str::to_owned));
    surveyor.row(raw.into_iter());
    let survey = surveyor.finish();
    let kinds: Vec<_> = survey
        .columns
        .iter()
        .map(|it| it.doubts.iter().map(|it| it.kind).collect::<Vec<_>>())
        .collect();
    assert_eq!(
        kinds,
        [
            vec![DoubtKind::SpacesAround],
            vec![DoubtKind::NoBreakSpace],
            vec![]
        ]
    );
}

#[test]
fn only_code_lists_give_their_values_away() {
    let mut table = "Employee ID;First Name;Status;Department;Company;Code\n".to_owned();
    for n in 0..200 {
        use std::fmt::Write as _;
        writeln!(
            table,
            "{n:05};Ann{};Active;D{};Woodgrove;{}",
            n % 3,
            n % 4,
            n % 2
        )
        .unwrap();
    }
    let survey = survey_of(&table);
    let listed = |name: &str| {
        !survey
            .columns
            .iter()
            .find(|it| it.name == name)
            .unwrap()
            .values
            .is_empty()
    };
    assert!(listed("Status") && listed("Company") && listed("Department"));
    // Three given names among two hundred people are still given names; numbers may be somebody's.
    assert!(!listed("First Name") && !listed("Employee ID") && !listed("Code"));
}

#[test]
fn totals_below_a_table_are_found() {
    let survey = survey_of(
        "Employee ID;First Name;Last Name;Status\n1;Ann;Ash;Active\n2;Bob;Birch;Active\n3;Cat;Cedar;Active\nTotal;3;;\nConfidential;;;",
    );
    let footer = survey.footer.clone().unwrap();
    assert_eq!(
        (footer.pattern().as_str(), footer.count_column, footer.rows),
        ("^Total ?:?$", Some(2), 2)
    );
    let config = propose(&survey).config_toml(&HowRead::default());
    assert!(
        config.contains("footer = { match = \"^Total ?:?$\", count_column = 2 }"),
        "{config}"
    );
    // Nobody by that name ends the table.
    let named = survey_of(
        "Last Name;First Name;Status;City\nAsh;Ann;Active;Bonn\nSumma;Bob;Active;Bonn\nTotal;Cat;Active;Bonn",
    );
    assert_eq!(named.footer, None);
}

#[test]
fn managers_are_known_by_whose_keys_they_are() {
    // Names of managers, not their keys: a comment, not a guess.
    let proposal = propose(&survey_of(
        "Employee ID;Status;Manager\n1;Active;Cat Cedar\n2;Active;Cat Cedar\n3;Active;",
    ));
    assert_eq!(comments(&proposal)["worker.manager"], "Manager");
    // No telling name, but keys of others.
    let mut table = "Employee ID;Status;Up\n".to_owned();
    for n in 100..200 {
        use std::fmt::Write as _;
        writeln!(table, "{n};Active;{}", 100 + n % 7).unwrap();
    }
    let proposal = propose(&survey_of(&table));
    assert_eq!(comments(&proposal)["worker.manager"], "Up");
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(vec![
            "Employee ID", "Status", "Manager", "Hire Date", "Last Day", "First Name", "Last Name", "Name",
            "Email", "Country", "Time Zone", "Department", "Mobile", "Total", "Active", "Language", "Person ID",
        ])
        .prop_map(str::to_owned),
        1 => "\\PC{0,12}",
        1 => prop::sample::select(vec!["a]b", "[x", "it's", "a\"b", "'''", "\\", "x\u{7}y", "a#2", "=1"]).prop_map(str::to_owned),
    ]
}

fn values() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,20}",
        "[0-9]{1,18}",
        "[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}( [0-9]{1,2}:[0-9]{2})?",
        prop::sample::select(vec![
            "",
            "Active",
            "Terminated",
            "NULL",
            "9999-12-31",
            "1.5",
            "1,5",
            "UK",
            "DE",
            "Europe/Berlin",
            "ann@woodgrove.example",
            "ann@-bad.",
            "+47 22",
            "Total",
            "é\u{301}",
            "\u{feff}",
            "a\"'\\b",
            "T",
            "x\ty",
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_stands_in_a_table_its_configuration_can_be_read(
        header in prop::collection::vec(names(), 0..9),
        rows in prop::collection::vec(prop::collection::vec(values(), 0..9), 0..12),
    ) {
        let mut surveyor = Surveyor::new(&header);
        for row in &rows {
            surveyor.row(row.iter().map(|it| Cell::from(it.as_str())));
        }
        let survey = surveyor.finish();
        prop_assert_eq!(survey.rows, rows.len() as u64);
        let proposal = propose(&survey);
        let mapping = parsed(&proposal);
        // Whatever is complete reads the table that it was made from.
        if proposal.is_complete() {
            prop_assert!(mapping.bind(&header).is_ok());
        }
        let _json = serde_json::to_string(&(survey, proposal)).unwrap();
    }

    #[test]
    fn any_cell_is_looked_at(text in "\\PC{0,60}") {
        let _look = kinds::look(&text);
        let _torn = kinds::is_mojibake(&text);
        let _known = names::best(&text);
    }
}
