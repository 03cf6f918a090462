//! Any membership rule for any subject: reading and evaluating never panic and always end, what is
//! printed is the same rule, a set says what its rule says, and an equivalent suggestion has the
//! same members.
//!
//! The input is the rule, a NUL, and the subject as JSON.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rollcall_core::rules::lint::{Repair, lint};
use rollcall_core::rules::{Rule, RuleSet, Subject, Verdict, Vocabulary};

fuzz_target!(|input: &str| {
    let (source, who) = input.split_once('\0').unwrap_or((input, "{}"));
    let rule = match Rule::compile(source, Vocabulary::Entra) {
        Ok(rule) => rule,
        Err(error) => {
            let lines = source.split('\n').count();
            assert!((1..=lines).contains(&(error.line as usize)) && error.column >= 1);
            assert!(!error.to_string().contains('\n'));
            assert_eq!(lint(source, Vocabulary::Entra, None).unwrap_err(), error);
            return;
        }
    };
    let printed = Rule::compile(&rule.print(), Vocabulary::Entra);
    // Escapes and parentheses may make a rule too long that was not.
    let printed = match printed {
        Ok(printed) => printed,
        Err(error) => {
            assert_eq!(error.kind.name(), "too-long");
            return;
        }
    };
    assert_eq!(printed.print(), rule.print());
    let Ok(Ok(subject)) = serde_json::from_str(who).map(Subject::from_json) else {
        return;
    };
    let now = Some(jiff::Timestamp::UNIX_EPOCH);
    let said = rule.evaluate(&subject, now);
    assert_eq!(printed.evaluate(&subject, now), said);
    let _flip = rule.next_flip(&subject, jiff::Timestamp::UNIX_EPOCH);
    let set = RuleSet::new(std::slice::from_ref(&rule));
    if let Ok(record) = set.record_of(&subject) {
        let mut member = None;
        set.members(&record, now, &mut set.scratch(), |_, said| member = Some(said));
        match &said {
            Ok(said) => {
                assert_eq!(Verdict::Member(member == Some(Ok(()))), *said);
            }
            // Where a gate is closed nothing is asked that has no answer.
            Err(_) => assert_ne!(member, Some(Ok(()))),
        }
    }
    let advice = lint(source, Vocabulary::Entra, now).expect("it compiles");
    let Some(suggestion) = advice.suggestion else {
        return;
    };
    let Ok(mended) = Rule::compile(&suggestion.rule, Vocabulary::Entra) else {
        assert!(suggestion.rule.len() > 3000, "a suggestion is a rule");
        return;
    };
    // `$` of a pattern also stands before a line break at the end, which no plain comparison says.
    if suggestion.repair == Repair::Equivalent
        && !who.contains("\\n")
        && !who.contains("\\u")
        && let (Ok(said), Ok(mended)) = (said, mended.evaluate(&subject, now))
    {
        assert_eq!(mended, said, "{source}\n{}", suggestion.rule);
    }
});
