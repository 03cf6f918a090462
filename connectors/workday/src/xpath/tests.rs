//! Paths against a worker, with what `XPath` 1.0 says of each.

use proptest::prelude::*;

use super::*;
use crate::attributes::{self, Origin};
use crate::xml::{Tree, read_answer};

const WORKER: &str = r#"<x:Worker xmlns:x="urn:com.workday/bsvc">
 <x:Worker_Reference x:Descriptor="Ann &amp; Co"><x:ID x:type="WID">a1</x:ID>
  <x:ID x:type="Employee_ID">7</x:ID></x:Worker_Reference>
 <x:Worker_Data><x:Worker_ID>7</x:Worker_ID>
  <x:Personal_Data>
   <x:Email x:Public="true"><x:Address> ann@x.example </x:Address><x:Kind>WORK</x:Kind></x:Email>
   <x:Email x:Public="0"><x:Address>ann@home.example</x:Address><x:Kind>HOME</x:Kind></x:Email>
   <x:Email x:Public="1"><x:Address>b@x.example</x:Address><x:Kind>WORK</x:Kind></x:Email>
   <x:Empty/><x:Note>one<x:Deep>two</x:Deep>three</x:Note>
  </x:Personal_Data>
  <x:Employment_Data><x:Active>true</x:Active><x:Size>12</x:Size><x:Size>30</x:Size>
   <x:Level><x:Level><x:N>inner</x:N></x:Level><x:N>outer</x:N></x:Level>
  </x:Employment_Data></x:Worker_Data></x:Worker>"#;

const DATA: &str = "wd:Worker/wd:Worker_Data";

fn evaluate(worker: &str, path: &str) -> Result<Option<String>, Wrong> {
    let (mut names, mut reach) = (Names::default(), Reach::default());
    let path = XPath::read(path, &mut names, &mut reach)?;
    let body = format!(
        "<e:Envelope xmlns:e='s' xmlns:w='urn:com.workday/bsvc'><e:Body><w:Get_Workers_Response>\
         <w:Response_Data>{worker}</w:Response_Data></w:Get_Workers_Response></e:Body></e:Envelope>"
    );
    let mut found = None;
    let read = read_answer(&body, &names, &reach, &mut Tree::default(), |view| {
        found = path.first(view).map(Cow::into_owned);
        Ok::<(), ()>(())
    });
    read.expect("an answer");
    Ok(found)
}

#[test]
fn paths_come_to_what_the_standard_says() {
    let p = &format!("{DATA}/wd:Personal_Data");
    let e = &format!("{DATA}/wd:Employment_Data");
    for (path, expected) in [
        (
            "wd:Worker/wd:Worker_Reference/wd:ID[@wd:type='WID']/text()",
            Some("a1"),
        ),
        (
            "wd:Worker/wd:Worker_Reference/wd:ID['Employee_ID'=@wd:type]",
            Some("7"),
        ),
        (
            "/wd:Worker/wd:Worker_Reference/@wd:Descriptor",
            Some("Ann & Co"),
        ),
        ("wd:Worker/wd:Worker_Reference/@wd:Nothing", None),
        (
            "wd:Worker/child::wd:Worker_Reference/attribute::wd:Descriptor",
            Some("Ann & Co"),
        ),
        (
            &format!("{p}/wd:Email[2]/wd:Address"),
            Some("ann@home.example"),
        ),
        (
            &format!("{p}/wd:Email[last()]/wd:Address"),
            Some("b@x.example"),
        ),
        (&format!("{p}/wd:Email[position()=2]/wd:Kind"), Some("HOME")),
        (
            &format!("{p}/wd:Email[last()=position()]/wd:Address"),
            Some("b@x.example"),
        ),
        (
            &format!("{p}/wd:Email[position()<3][2]/wd:Kind"),
            Some("HOME"),
        ),
        (
            &format!("{p}/wd:Email[wd:Kind='HOME']/wd:Address"),
            Some("ann@home.example"),
        ),
        // Both spellings of a truth are one.
        (&format!("count({p}/wd:Email[@wd:Public='1'])"), Some("2")),
        (
            &format!("count({p}/wd:Email[@wd:Public=1 and wd:Kind!='HOME'])"),
            Some("2"),
        ),
        (
            &format!("{p}/wd:Email[not(@wd:Public='1')]/wd:Kind"),
            Some("HOME"),
        ),
        (
            &format!("{p}/wd:Email[wd:Nothing or wd:Kind='HOME']/wd:Kind"),
            Some("HOME"),
        ),
        (
            &format!("({p}/wd:Email/wd:Address)[2]"),
            Some("ann@home.example"),
        ),
        (&format!("{p}/wd:Email/wd:Address[2]"), None),
        (
            &format!("normalize-space({p}/wd:Email/wd:Address)"),
            Some("ann@x.example"),
        ),
        (&format!("{p}/wd:Empty"), Some("")),
        (&format!("{p}/wd:Missing"), None),
        (&format!("string({p}/wd:Missing)"), Some("")),
        (&format!("{p}/wd:Note"), Some("onetwothree")),
        (&format!("{p}/wd:Note/text()"), Some("one")),
        (&format!("{p}/wd:Note/text()[2]"), Some("three")),
        (&format!("{p}/wd:Note/*"), Some("two")),
        (&format!("{p}/*[last()]/wd:Deep"), Some("two")),
        (&format!("{p}//wd:Deep"), Some("two")),
        (&format!("{p}//wd:Deep/../text()"), Some("one")),
        (
            &format!("{p}/wd:Note/wd:Deep/../../wd:Email[3]/wd:Kind"),
            Some("WORK"),
        ),
        (&format!("{p}/wd:Email/@wd:Public/../wd:Kind"), Some("WORK")),
        (&format!("{p}/wd:Email/./wd:Kind"), Some("WORK")),
        // Document order, also where nodes lie within each other.
        (&format!("{e}//wd:N"), Some("inner")),
        (&format!("{e}/descendant::wd:N[2]"), Some("outer")),
        (&format!("{e}//wd:Level/wd:N"), Some("inner")),
        (&format!("{e}/wd:Size | {p}/wd:Email/wd:Kind"), Some("WORK")),
        (&format!("count({p}/wd:Email | {p}/wd:Email[1])"), Some("3")),
        (&format!("sum({e}/wd:Size)"), Some("42")),
        (&format!("{e}/wd:Size[. > 12]"), Some("30")),
        (&format!("{e}/wd:Size[.>=12 and .<30]"), Some("12")),
        (&format!("{e}/wd:Size * 2 + 1"), Some("25")),
        (&format!("{e}/wd:Size div 8"), Some("1.5")),
        (&format!("{e}/wd:Size mod 5 - -1"), Some("3")),
        (&format!("{e}/wd:Active"), Some("1")),
        (&format!("boolean({e}/wd:Active)"), Some("true")),
        (&format!("{e}/wd:Active = 1"), Some("true")),
        (&format!("{e}/wd:Size = {e}/wd:Size[2]"), Some("true")),
        (&format!("{e}/wd:Size != 12"), Some("true")),
        (&format!("not({e}/wd:Size = 13)"), Some("true")),
        (
            &format!("translate(string({p}/wd:Email/wd:Kind),'WORK','work')"),
            Some("work"),
        ),
        (
            &format!("translate({p}/wd:Note,'otn','O')"),
            Some("OewOhree"),
        ),
        (
            &format!("concat({e}/wd:Size,'-',{e}/wd:Size[2],\"'\")"),
            Some("12-30'"),
        ),
        (
            &format!("substring-before({p}/wd:Email[3]/wd:Address,'@')"),
            Some("b"),
        ),
        (
            &format!("substring-after({p}/wd:Email[3]/wd:Address,'@')"),
            Some("x.example"),
        ),
        (
            &format!("concat(substring('12345',1.5,2.6),{e}/wd:Nothing)"),
            Some("234"),
        ),
        (
            &format!("concat(substring('12345',0,3),{e}/wd:Nothing)"),
            Some("12"),
        ),
        (&format!("string-length({p}/wd:Email/wd:Kind)"), Some("4")),
        (
            &format!("{p}/wd:Email[starts-with(wd:Address,'b')]/wd:Kind"),
            Some("WORK"),
        ),
        (
            &format!("{p}/wd:Email[contains(wd:Address,'home')]/wd:Kind"),
            Some("HOME"),
        ),
        (&format!("floor({e}/wd:Size div 7)"), Some("1")),
        (&format!("ceiling({e}/wd:Size div 7)"), Some("2")),
        (&format!("round(-{e}/wd:Size div 8)"), Some("-1")),
        (&format!("number({p}/wd:Note)"), Some("NaN")),
        (&format!("name({p}/*[1])"), Some("x:Email")),
        (&format!("local-name({p}/wd:Note)"), Some("Note")),
        (
            &format!("{p}/wd:*[local-name()='Note']/wd:Deep"),
            Some("two"),
        ),
        (
            &format!("{p}/wd:Email[string(wd:Kind)='HOME']/wd:Address"),
            Some("ann@home.example"),
        ),
        (&format!("{p}/wd:Note/node()[2]"), Some("two")),
        (&format!("count({p}/wd:Email/@*)"), Some("3")),
        (
            &format!("{p}/wd:Email[true()][3]/wd:Address"),
            Some("b@x.example"),
        ),
    ] {
        let found = evaluate(WORKER, path).unwrap_or_else(|wrong| panic!("{path}: {wrong}"));
        assert_eq!(found.as_deref(), expected, "{path}");
    }
}

#[test]
fn what_is_not_spoken_is_said_with_its_place() {
    for (path, at, says) in [
        ("", 1, "missing"),
        ("wd:Worker/", 11, "step is missing"),
        ("wd:Worker[", 11, "missing"),
        ("wd:Worker[1", 12, "`]`"),
        ("wd:Worker]", 10, "nothing was expected"),
        ("Worker/wd:ID", 1, "write `wd:Worker`"),
        ("wd:Worker/@type", 12, "write `@wd:type`"),
        ("ns:Worker", 1, "prefix `ns`"),
        (
            "wd:A/following-sibling::wd:B",
            6,
            "axis `following-sibling`",
        ),
        ("wd:A/ancestor::wd:B", 6, "axis `ancestor`"),
        ("wd:A[$x]", 6, "variables"),
        ("wd:A/comment()", 6, "`comment()`"),
        ("lower-case(wd:A)", 1, "no function `lower-case`"),
        ("concat(wd:A)", 1, "takes 2 or more"),
        ("contains(wd:A,'b','c')", 1, "takes 2 values, not 3"),
        ("count('a')", 1, "takes a path"),
        ("wd:A | 'b'", 1, "joins paths"),
        ("'a'/wd:B", 1, "only a path"),
        ("wd:A['b']", 6, "always true"),
        ("wd:A[0]", 6, "positions"),
        ("wd:A[1.5]", 6, "positions"),
        ("wd:A[wd:B='x]", 11, "never closed"),
        ("wd:A wd:B", 6, "operator is missing"),
        ("wd:A[@wd:b=1]/wd:C]", 19, "nothing was expected"),
        ("/", 2, "whole answer"),
        ("wd:A/#", 6, "nothing of a path"),
        ("1.2.3", 1, "two points"),
        ("wd:Zoë[äöü$]", 11, "variables"),
    ] {
        let (mut names, mut reach) = (Names::default(), Reach::default());
        let wrong = XPath::read(path, &mut names, &mut reach).map(|_| ());
        let wrong = wrong.expect_err(path);
        assert_eq!(wrong.at, at, "{path}: {wrong}");
        assert!(wrong.message.contains(says), "{path}: {wrong}");
    }
    let deep = format!("{}wd:A{}", "(".repeat(100), ")".repeat(100));
    let wrong = XPath::read(&deep, &mut Names::default(), &mut Reach::default());
    assert!(wrong.is_err());
}

/// The paths of Microsoft's "Workday attribute reference", v30.0 and later, as they stand there.
#[test]
fn documented_paths_are_read_as_they_stand() {
    let upper = "'abcdefghijklmnopqrstuvwxyz','ABCDEFGHIJKLMNOPQRSTUVWXYZ'";
    let orgs = format!("{DATA}/wd:Organization_Data/wd:Worker_Organization_Data");
    let own = "wd:Organization_Type_Reference/wd:ID[@wd:type='Organization_Type_ID']";
    let contact = format!("{DATA}/wd:Personal_Data/wd:Contact_Data");
    let position =
        format!("{DATA}/wd:Employment_Data/wd:Worker_Job_Data[@wd:Primary_Job=1]/wd:Position_Data");
    let work = "wd:Usage_Data/@wd:Public='1' and string(wd:Usage_Data/wd:Type_Data/\
                wd:Type_Reference/wd:ID[@wd:type='Communication_Usage_Type_ID'])='WORK'";
    let device = "string(wd:Phone_Device_Type_Reference/wd:ID[@wd:type='Phone_Device_Type_ID'])";
    let more = [
        format!(
            "{position}/wd:Worker_Type_Reference[wd:ID/@wd:type=\"Contingent_Worker_Type_ID\" or \
             wd:ID/@wd:type=\"Employee_Type_ID\"]/@wd:Descriptor"
        ),
        format!("{DATA}/wd:Transaction_Log_Entry_Data/wd:Transaction_Log_Entry"),
        format!(
            "{orgs}[translate(string(wd:Organization_Data/{own}),{upper})='COMPANY']/\
             wd:Organization_Data/wd:Organization_Name/text()"
        ),
        format!(
            "{orgs}/wd:Organization_Data[translate(string({own}),{upper})='SUPERVISORY']/\
             wd:Organization_Name/text()"
        ),
        format!(
            "{orgs}/wd:Organization_Data[translate(string({own}),{upper})='LOCATION_HIERARCHY']/\
             wd:Organization_Name/text()"
        ),
        format!(
            "{orgs}/wd:Organization_Data[wd:Organization_Type_Reference/@wd:Descriptor='Cost Center']\
             /wd:Organization_Code/text()"
        ),
        format!(
            "{DATA}/wd:Management_Chain_Data/wd:Worker_Supervisory_Management_Chain_Data\
             [position()=1]/wd:Management_Chain_Data[last()=position()]/wd:Manager_Reference/\
             wd:ID[@wd:type='WID']/text()"
        ),
        format!("{contact}/wd:Email_Address_Data[{work}]/wd:Email_Address/text()"),
        format!(
            "{contact}/wd:Phone_Data[{work} and {device}='Landline']/\
             @wd:Workday_Traditional_Formatted_Phone"
        ),
        format!(
            "{DATA}/wd:Employment_Data/wd:Worker_Status_Data/wd:Leave_Status_Data[wd:On_Leave='1']/\
             wd:Leave_of_Absence_Type_Reference/wd:ID[@wd:type='Leave_of_Absence_Type_ID']/text()"
        ),
        format!(
            "{DATA}/wd:Account_Provisioning_Data/\
             wd:Provisioning_Group_Assignment_Data[wd:Status='Assigned']/wd:Provisioning_Group/text()"
        ),
        format!(
            "{DATA}/wd:Employment_Data/wd:Worker_Job_Data[@wd:Primary_Job=0]/wd:Position_Data/\
             wd:Business_Title/text()"
        ),
    ];
    for path in &more {
        assert_eq!(crate::plan::path_problem(path), None, "{path}");
    }
    for (name, origin) in attributes::all() {
        if let Origin::Paths(paths) = origin {
            for path in paths {
                let path = attributes::written_out(path);
                assert_eq!(crate::plan::path_problem(&path), None, "{name}");
            }
        }
    }
}

#[test]
fn paths_that_no_worker_has_are_said() {
    for (path, says) in [
        ("wd:Person/wd:ID", "begin at `wd:Worker`"),
        ("//wd:Email_Address", "more than one part"),
        ("wd:Worker//wd:Email_Address", "more than one part"),
        ("wd:Worker/wd:Worker_Data", "more than one part"),
        ("wd:Worker/wd:Worker_Dat/wd:ID", "has no `wd:Worker_Dat`"),
        (
            "wd:Worker/wd:Worker_Data/wd:Person_Data/wd:A",
            "has no part `wd:Person_Data`",
        ),
        ("'always'", "reads nothing"),
        (
            "wd:Worker/wd:Worker_Data/wd:Employment_Data/wd:Worker_Job_Data[@wd:Primary_Job='true']/\
             wd:Position_Data/wd:Business_Title",
            "nothing is ever 'true'",
        ),
    ] {
        let problem = crate::plan::path_problem(path).expect(path);
        assert!(problem.contains(says), "{path}: {problem}");
    }
}

proptest! {
    /// Whatever is written as a path is read or refused, and never ends the program.
    #[test]
    fn any_text_is_a_path_or_none(text in "\\PC{0,60}") {
        let _read = evaluate(WORKER, &text);
    }

    /// The same for texts made of pieces of paths.
    #[test]
    fn any_pieces_are_a_path_or_none(pieces in proptest::collection::vec(
        proptest::sample::select(vec![
            "wd:Worker", "wd:Worker_Data", "wd:Email", "wd:Personal_Data", "/", "//", "..", ".",
            "@wd:type", "*", "[", "]", "(", ")", "1", "'a'", "=", "<", " and ", " or ", "|", "-",
            "last()", "position()", "text()", "not(", "count(", "string(", "translate(", ",",
        ]),
        0..14,
    )) {
        let _read = evaluate(WORKER, &pieces.concat());
    }

    /// What a pruned tree comes to is what the whole tree does.
    #[test]
    fn reading_less_finds_the_same(steps in proptest::collection::vec(
        proptest::sample::select(vec![
            "/wd:Personal_Data", "/wd:Employment_Data", "/wd:Email", "/wd:Email[2]", "/wd:Kind",
            "/wd:Note", "/wd:Level", "/wd:N", "/..", "/text()", "/*", "/*[2]", "//wd:N",
            "/@wd:Public", "/.", "[wd:Kind='WORK']", "[@wd:Public='1']", "[last()]", "[../wd:Note]",
        ]),
        0..6,
    )) {
        let path = format!("{DATA}{}", steps.concat());
        let (mut names, mut reach) = (Names::default(), Reach::default());
        if let Ok(read) = XPath::read(&path, &mut names, &mut reach) {
            let mut whole = Reach::default();
            whole.mark_whole(ROOT);
            let body = format!(
                "<Envelope><Body><g:Get_Workers_Response xmlns:g='urn:com.workday/bsvc'>\
                 <g:Response_Data>{WORKER}</g:Response_Data></g:Get_Workers_Response></Body></Envelope>"
            );
            let mut found = Vec::new();
            for reach in [&reach, &whole] {
                read_answer(&body, &names, reach, &mut Tree::default(), |view| {
                    found.push(read.first(view).map(Cow::into_owned));
                    Ok::<(), ()>(())
                }).expect("an answer");
            }
            prop_assert_eq!(&found[0], &found[1], "{}", path);
        }
    }
}
