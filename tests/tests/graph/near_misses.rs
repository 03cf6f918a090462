//! Requests that are nearly right: each is a real one with one thing changed.

use serde_json::{Value, json};

use crate::checker::{Sent, check};

/// A change of a request, and a word of what is said of it.
struct Miss {
    name: &'static str,
    of: (&'static str, &'static str),
    change: fn(&mut Sent),
    said: &'static str,
}

fn body(sent: &mut Sent) -> &mut serde_json::Map<String, Value> {
    sent.body.as_mut().unwrap().as_object_mut().unwrap()
}

fn put(sent: &mut Sent, name: &str, value: Value) {
    body(sent).insert(name.to_owned(), value);
}

fn swap(sent: &mut Sent, from: &str, to: &str) {
    assert!(sent.target.contains(from), "{}", sent.target);
    sent.target = sent.target.replacen(from, to, 1);
}

const CREATE: (&str, &str) = ("POST", "/v1.0/users");
const PATCH: (&str, &str) = ("PATCH", "/v1.0/users/");

fn misses() -> Vec<Miss> {
    let miss = |name, of, change: fn(&mut Sent), said| Miss {
        name,
        of,
        change,
        said,
    };
    vec![
        miss(
            "a misspelt property",
            CREATE,
            |it| put(it, "employeId", json!("7")),
            "no property `employeId`",
        ),
        miss(
            "a property in another case",
            CREATE,
            |it| put(it, "EmployeeId", json!("7")),
            "no property",
        ),
        miss(
            "a text where a truth value belongs",
            CREATE,
            |it| put(it, "accountEnabled", json!("false")),
            "no Edm.Boolean",
        ),
        miss(
            "a number where a text belongs",
            CREATE,
            |it| put(it, "employeeId", json!(7)),
            "no Edm.String",
        ),
        miss(
            "null where there is none",
            CREATE,
            |it| put(it, "businessPhones", json!([null])),
            "cannot be null",
        ),
        miss(
            "one phone that is no list",
            CREATE,
            |it| put(it, "businessPhones", json!("+47")),
            "is a list",
        ),
        miss(
            "a day without its time",
            CREATE,
            |it| put(it, "employeeHireDate", json!("2026-03-20")),
            "no Edm.DateTimeOffset",
        ),
        miss(
            "a nested property that is none",
            CREATE,
            |it| put(it, "employeeOrgData", json!({"costCentre": "1"})),
            "no property `costCentre`",
        ),
        miss(
            "a create without a password",
            CREATE,
            |it| {
                body(it).remove("passwordProfile");
            },
            "needs `passwordProfile`",
        ),
        miss(
            "what the service keeps",
            PATCH,
            |it| put(it, "proxyAddresses", json!(["SMTP:a@x.example"])),
            "is the service's",
        ),
        miss(
            "a change of nothing",
            PATCH,
            |it| body(it).clear(),
            "change of nothing",
        ),
        miss(
            "POST where it is PATCH",
            PATCH,
            |it| it.method = String::from("POST"),
            "POST is not for",
        ),
        miss(
            "a manager without $ref",
            ("PUT", "/manager/$ref"),
            |it| swap(it, "/manager/$ref", "/manager"),
            "PUT is not for",
        ),
        miss(
            "the account in place of the membership",
            ("DELETE", "/members/"),
            |it| swap(it, "/members/", "/member/"),
            "has no `member`",
        ),
        miss(
            "all members at once",
            ("DELETE", "/members/"),
            |it| {
                it.target = format!(
                    "{}/$ref",
                    it.target.split("/members/").next().unwrap().to_owned() + "/members"
                );
            },
            "DELETE is not for",
        ),
        miss(
            "a link of another version",
            ("POST", "/members/$ref"),
            |it| {
                put(
                    it,
                    "@odata.id",
                    json!("https://graph.microsoft.com/beta/users/1"),
                );
            },
            "a link leads to",
        ),
        miss(
            "a relative link",
            ("POST", "/members/$ref"),
            |it| put(it, "@odata.id", json!("/users/1")),
            "a link leads to",
        ),
        miss(
            "an action that is misspelt",
            ("POST", "/revokeSignInSessions"),
            |it| swap(it, "/revokeSignInSessions", "/revokeSigninSessions"),
            "has no `revokeSigninSessions`",
        ),
        miss(
            "an action that is asked",
            ("POST", "/revokeSignInSessions"),
            |it| it.method = String::from("GET"),
            "GET is not for",
        ),
        miss(
            "a parameter left out",
            ("POST", "/assignLicense"),
            |it| {
                body(it).remove("removeLicenses");
            },
            "needs `removeLicenses`",
        ),
        miss(
            "a licence by its name",
            ("POST", "/assignLicense"),
            |it| {
                put(
                    it,
                    "addLicenses",
                    json!([{"skuId": "SPE_E5", "disabledPlans": []}]),
                );
            },
            "no Edm.Guid",
        ),
        miss(
            "an action's word that is none",
            ("POST", "/roleAssignmentScheduleRequests"),
            |it| put(it, "action", json!("adminDelete")),
            "none of microsoft.graph.unifiedRoleScheduleRequestActions",
        ),
        miss(
            "a wipe's parameter of beta",
            ("POST", "/wipe"),
            |it| put(it, "useProtectedWipe", json!(true)),
            "no parameter `useProtectedWipe`",
        ),
        miss(
            "a lifetime as a text",
            ("POST", "/temporaryAccessPassMethods"),
            |it| put(it, "lifetimeInMinutes", json!("480")),
            "no Edm.Int32",
        ),
        miss(
            "a method of another kind's path",
            ("DELETE", "/phoneMethods/"),
            |it| swap(it, "/phoneMethods/", "/phoneMethod/"),
            "has no `phoneMethod`",
        ),
        miss(
            "a selection that is misspelt",
            ("GET", "$select=id,accountEnabled"),
            |it| swap(it, "accountEnabled", "accountenabled"),
            "has no `accountenabled`",
        ),
        miss(
            "a filter on nothing",
            ("GET", "$filter=employeeId"),
            |it| swap(it, "$filter=employeeId", "$filter=employeeNo"),
            "has no `employeeNo`",
        ),
        miss(
            "a literal without quotes",
            ("GET", "$filter=employeeId"),
            |it| {
                it.target = String::from("/v1.0/users?$filter=employeeId%20eq%20o");
            },
            "no Edm.String",
        ),
        miss(
            "a quote that ends the literal",
            ("GET", "$filter=employeeId"),
            |it| {
                it.target = String::from("/v1.0/users?$filter=employeeId%20eq%20'o'brien'");
            },
            "no Edm.String",
        ),
        miss(
            "more than a page",
            ("GET", "$top="),
            |it| {
                let (before, _) = it.target.split_once("$top=").unwrap();
                it.target = format!("{before}$top=1000");
            },
            "`$top` is from 1 to 999",
        ),
        miss(
            "an advanced filter without its header",
            ("GET", "$filter=employeeId"),
            |it| {
                it.target = String::from("/v1.0/users?$filter=employeeId%20ne%20'1'");
            },
            "ConsistencyLevel",
        ),
        miss(
            "beta",
            PATCH,
            |it| swap(it, "/v1.0/", "/beta/"),
            "is not of v1.0",
        ),
        miss(
            "an id that splits the path",
            PATCH,
            |it| {
                it.target = String::from("/v1.0/users/a/b");
            },
            "has no `b`",
        ),
        miss(
            "a name that is not encoded",
            ("GET", "/v1.0/users/"),
            |it| {
                it.target = String::from("/v1.0/users/Nora Ås");
            },
            "not encoded",
        ),
        miss(
            "no request id",
            CREATE,
            |it| {
                it.headers.remove("client-request-id");
            },
            "`client-request-id` is missing",
        ),
        miss(
            "a request id that is none",
            CREATE,
            |it| {
                it.headers
                    .insert("client-request-id".to_owned(), "7".to_owned());
            },
            "header `client-request-id`",
        ),
        miss(
            "a priority that is none",
            CREATE,
            |it| {
                it.headers
                    .insert("x-ms-throttle-priority".to_owned(), "Urgent".to_owned());
            },
            "header `x-ms-throttle-priority`",
        ),
        miss(
            "a form",
            CREATE,
            |it| {
                it.headers.insert(
                    "content-type".to_owned(),
                    "application/x-www-form-urlencoded".to_owned(),
                );
            },
            "header `content-type`",
        ),
        miss(
            "a header of nobody's",
            CREATE,
            |it| {
                it.headers.insert("x-request-id".to_owned(), "1".to_owned());
            },
            "header `x-request-id`",
        ),
    ]
}

/// Every one is refused, for its own reason.
pub(crate) fn refused(sent: &[Sent], alone: &[Sent]) -> usize {
    let all = misses();
    for miss in &all {
        let (method, part) = miss.of;
        let fits = |it: &&Sent| {
            let target = percent(&it.target);
            it.method == method
                && (target == part || (part != "/v1.0/users" && target.contains(part)))
        };
        let mut found = sent
            .iter()
            .find(fits)
            .or_else(|| alone.iter().find(fits))
            .cloned();
        let one = found
            .as_mut()
            .unwrap_or_else(|| panic!("{}: no {method} {part}", miss.name));
        assert_eq!(
            check(one),
            Vec::<String>::new(),
            "{}: right before the change",
            miss.name
        );
        (miss.change)(one);
        let wrong = check(one);
        assert!(
            wrong.iter().any(|it| it.contains(miss.said)),
            "{}: {wrong:#?}",
            miss.name
        );
    }
    let batches_refused = batches(sent);
    all.len() + batches_refused
}

/// `$select` and the like as they are read.
fn percent(target: &str) -> String {
    target
        .replace("%24", "$")
        .replace("%2C", ",")
        .replace("%2c", ",")
        .replace("%20", " ")
}

fn batches(sent: &[Sent]) -> usize {
    let batch = sent
        .iter()
        .find(|it| it.target.ends_with("/$batch"))
        .unwrap();
    let changed = |change: fn(&mut Vec<Value>)| {
        let mut one = batch.clone();
        let requests = one.body.as_mut().unwrap()["requests"]
            .as_array_mut()
            .unwrap();
        change(requests);
        check(&one)
    };
    let all = [
        (
            (|it| it.push(it[0].clone())) as fn(&mut Vec<Value>),
            "two items of a batch have the id",
        ),
        (
            |it| {
                let first = it[0].clone();
                *it = (0..21)
                    .map(|n| {
                        let mut one = first.clone();
                        one["id"] = json!(n.to_string());
                        one
                    })
                    .collect();
            },
            "a batch of 21 items",
        ),
        (
            |it| it[0]["url"] = json!(format!("/v1.0{}", it[0]["url"].as_str().unwrap())),
            "relative to the version",
        ),
        (
            |it| it[0]["body"] = json!({"accountEnabled": false}),
            "needs `Content-Type: application/json`",
        ),
    ];
    for (change, said) in all {
        let wrong = changed(change);
        assert!(
            wrong.iter().any(|it| it.contains(said)),
            "{said}: {wrong:#?}"
        );
    }
    all.len()
}
