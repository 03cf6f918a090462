//! Answers that are none, and spellings that mean the same.

use proptest::prelude::*;

use super::*;
use crate::xpath::XPath;

const ID: &str = "wd:Worker/wd:Worker_Reference/wd:ID[@wd:type='WID']/text()";

fn read(body: &str, path: &str) -> Result<(Facts, Vec<String>), Broken> {
    let (mut names, mut reach) = (Names::default(), Reach::default());
    let path = XPath::read(path, &mut names, &mut reach).expect("a path");
    let mut found = Vec::new();
    let read = read_answer(body, &names, &reach, &mut Tree::default(), |view| {
        found.push(path.first(view).unwrap_or_default().into_owned());
        Ok::<(), ()>(())
    });
    match read {
        Ok(facts) => Ok((facts, found)),
        Err(Stop::Broken(broken)) => Err(broken),
        Err(Stop::Told(())) => panic!("nobody said so"),
    }
}

fn envelope(workers: &str) -> String {
    format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>\
         <wd:Get_Workers_Response xmlns:wd=\"urn:com.workday/bsvc\" wd:version=\"v43.0\">\
         <wd:Response_Results><wd:Total_Results>2</wd:Total_Results><wd:Total_Pages>1</wd:Total_Pages>\
         <wd:Page_Results> 2 </wd:Page_Results><wd:Page>1</wd:Page></wd:Response_Results>\
         <wd:Response_Data>{workers}</wd:Response_Data></wd:Get_Workers_Response></e:Body></e:Envelope>"
    )
}

#[test]
fn facts_and_workers_are_read_whatever_the_prefix() {
    let body = envelope(
        "<wd:Worker><wd:Worker_Reference><wd:ID wd:type=\"Employee_ID\">7</wd:ID>\
         <wd:ID wd:type=\"WID\">a</wd:ID></wd:Worker_Reference></wd:Worker>\
         <n:Worker xmlns:n='urn:com.workday/bsvc'><n:Worker_Reference><n:ID n:type='WID'>b</n:ID>\
         </n:Worker_Reference></n:Worker>\
         <Worker xmlns='urn:com.workday/bsvc'><Worker_Reference><ID wd:type='WID'>c</ID>\
         </Worker_Reference></Worker>\
         <o:Worker xmlns:o='urn:other'><o:Worker_Reference/></o:Worker><wd:Worker/>",
    );
    let (facts, found) = read(&body, ID).expect("an answer");
    assert_eq!(found, ["a", "b", "c", ""]);
    let expected = Facts {
        version: Some("v43.0".to_owned()),
        total_results: Some(2),
        total_pages: Some(1),
        page_results: Some(2),
        page: Some(1),
        workers: 4,
    };
    assert_eq!(facts, expected);
}

/// What stands between the tags → the text.
#[test]
fn texts_are_put_together() {
    for (xml, text) in [
        ("plain", "plain"),
        ("R&amp;D &#x41;&#66;", "R&D AB"),
        ("<![CDATA[<raw> & ]]>x", "<raw> & x"),
        ("a<!-- no -->b", "ab"),
        ("a &lt; b &gt; c", "a < b > c"),
        ("\n  ", ""),
        ("&quot;&apos;", "\"'"),
        ("Zoë Łukasz", "Zoë Łukasz"),
    ] {
        let worker = format!(
            "<wd:Worker><wd:Worker_Reference><wd:ID wd:type='WID'>{xml}</wd:ID>\
             </wd:Worker_Reference></wd:Worker>"
        );
        let (_, found) = read(&envelope(&worker), ID).expect("an answer");
        assert_eq!(found, [text], "{xml}");
    }
}

#[test]
fn what_is_no_answer_is_said() {
    let good = envelope("<wd:Worker><wd:Other><wd:A>1</wd:A></wd:Other></wd:Worker>");
    read(&good, ID).expect("an answer");
    let deep = "<wd:A>".repeat(100) + &"</wd:A>".repeat(100);
    let deep = format!("<wd:Worker><wd:Worker_Data>{deep}</wd:Worker_Data></wd:Worker>");
    let table = [
        (String::new(), Broken::NoResponse),
        ("no XML at all".to_owned(), Broken::NoResponse),
        (
            "<html><body>Sign in</body></html>".to_owned(),
            Broken::NoResponse,
        ),
        (good.replace("wd:A>1", "wd:B>1"), Broken::NotXml),
        (good.replace("<e:Body>", "<e:Body>&bomb;"), Broken::Entity),
        (good.replace("<wd:A>1", "<wd:A>&bomb;"), Broken::Entity),
        (
            format!("<!DOCTYPE lolz [<!ENTITY bomb \"ha\">]>{good}"),
            Broken::Doctype,
        ),
        (envelope("<wd:Worker><wd:Worker_Reference>"), Broken::NotXml),
        (
            good.replace("urn:com.workday/bsvc", "urn:other"),
            Broken::NoResponse,
        ),
    ];
    for (body, broken) in table {
        assert_eq!(read(&body, ID).map(|_| ()), Err(broken), "{body}");
    }
    let whole = read(&envelope(&deep), "wd:Worker/wd:Worker_Data/*/*");
    assert_eq!(whole.map(|_| ()), Err(Broken::TooLarge));
    // Cut anywhere, it is never taken for whole.
    for cut in (1..good.len()).step_by(7) {
        assert!(read(&good[..cut], ID).is_err(), "{cut}");
    }
}

proptest! {
    /// Whatever comes is read or refused.
    #[test]
    fn any_bytes_are_read_or_refused(text in "\\PC{0,200}") {
        let _read = read(&text, ID);
        let _read = read(&envelope(&text), "wd:Worker/*");
    }

    #[test]
    fn any_pieces_are_read_or_refused(pieces in proptest::collection::vec(
        proptest::sample::select(vec![
            "<wd:Worker>", "</wd:Worker>", "<wd:Worker_Reference>", "</wd:Worker_Reference>",
            "<wd:ID wd:type='WID'>", "</wd:ID>", "<x xmlns:wd='o'>", "</x>", "a", " ", "&amp;", "&#0;",
            "&#x110000;", "&b;", "<![CDATA[", "]]>", "<!--", "-->", "<?p?>", "<wd:Worker/>", "<", "\"",
        ]),
        0..24,
    )) {
        let _read = read(&envelope(&pieces.concat()), ID);
    }
}
