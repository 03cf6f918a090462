//! Every event against the classes of the schema (`tests/vectors/ocsf-1.8.0.json`).

use std::collections::BTreeMap;

use super::*;
use crate::groups::{Impact, Shape};
use crate::model::{ActionId, Op, OrderId, PersonKey, RunId, WantedGroup, WorkerId};
use crate::plan::SourceRow;
use crate::policy::DeltaKind;

const SCHEMA: &str = include_str!("../../../tests/vectors/ocsf-1.8.0.json");

fn schema() -> Json {
    serde_json::from_str(SCHEMA).unwrap()
}

/// What is wrong with an object, by its path.
fn judge(schema: &Json, of: &Json, object: &Json, path: &str, out: &mut Vec<String>) {
    let attributes = of["attributes"].as_object().unwrap();
    let Some(object) = object.as_object() else {
        out.push(format!("{path}: no object"));
        return;
    };
    for (name, attribute) in attributes {
        if attribute["requirement"] == "required" && !object.contains_key(name) {
            out.push(format!("{path}.{name}: required"));
        }
    }
    if let Some(some) = of["constraints"]["at_least_one"].as_array()
        && !some
            .iter()
            .any(|name| object.contains_key(name.as_str().unwrap()))
    {
        out.push(format!("{path}: none of {some:?}"));
    }
    for (name, value) in object {
        let path = format!("{path}.{name}");
        let Some(attribute) = attributes.get(name) else {
            out.push(format!("{path}: not in the schema"));
            continue;
        };
        if let Some(allowed) = attribute["enum"].as_object()
            && !allowed.contains_key(&value.to_string())
        {
            out.push(format!("{path}: {value} is not allowed"));
        }
        let values = match (attribute["is_array"] == true, value) {
            (true, Json::Array(values)) => values.as_slice(),
            (true, _) => {
                out.push(format!("{path}: no list"));
                continue;
            }
            (false, one) => std::slice::from_ref(one),
        };
        for value in values {
            let kind = attribute["type"].as_str().unwrap();
            let fits = match kind {
                "string_t" => value.as_str().is_some_and(|text| !text.is_empty()),
                "integer_t" => value.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
                "long_t" => value.is_i64() || value.is_u64(),
                // Milliseconds: this side of 1973 in seconds would be in January 1970.
                "timestamp_t" => value.as_i64().is_some_and(|n| n > 100_000_000_000),
                "object" => value.is_object(),
                class => {
                    judge(schema, &schema["objects"][class], value, &path, out);
                    true
                }
            };
            if !fits {
                out.push(format!("{path}: {value} is no {kind}"));
            }
        }
    }
}

fn wrong(event: &Json) -> Vec<String> {
    let schema = schema();
    let class = &schema["classes"][event["class_uid"].to_string()];
    if class.is_null() {
        return vec![format!("no class {}", event["class_uid"])];
    }
    let mut out = Vec::new();
    judge(&schema, class, event, "", &mut out);
    let number = |name: &str| event[name].as_u64().unwrap_or_default();
    if number("type_uid") != number("class_uid") * 100 + number("activity_id") {
        out.push("type_uid".to_owned());
    }
    let named = &class["attributes"]["activity_id"]["enum"][event["activity_id"].to_string()];
    if number("activity_id") != 99 && event["activity_name"] != *named {
        out.push(format!("{} is called {named}", event["activity_name"]));
    }
    out
}

fn order(op: Op, reason: Reason) -> WorkOrder {
    let mut args = BTreeMap::from([("department".to_owned(), "hmac:00ff".to_owned())]);
    for (name, value) in [
        ("device", op.on_device().then_some("d-1")),
        ("asset", op.hands_over().then_some("group")),
        ("id", op.hands_over().then_some("g-1")),
        (
            "group",
            matches!(op, Op::GroupAdd | Op::GroupRemove).then_some("sales"),
        ),
        (
            "licence",
            matches!(op, Op::LicenceAssign | Op::LicenceRemove).then_some("SPE_E5"),
        ),
        (
            "role",
            matches!(op, Op::RoleAdd | Op::RoleRemove).then_some("r-1"),
        ),
        ("app", matches!(op, Op::AppRoleRemove).then_some("a-1")),
    ] {
        args.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    }
    let action = Action {
        id: ActionId::new("a-1"),
        op,
        args,
        reason,
        rule: "leaver.for_cause".to_owned(),
        due: "2026-03-16T16:00:00Z".parse().unwrap(),
        source: SourceRow::default(),
        destructive: op.destructive(),
        undo: Vec::new(),
        after: None,
        place: 0,
        entered: None,
        seen: None,
    };
    let shape = Shape {
        key: "sales".to_owned(),
        wanted: WantedGroup {
            unique: "rollcall-sales".to_owned(),
            name: "Sales".to_owned(),
            description: None,
            rule: None,
            licences: Vec::new(),
        },
        before: None,
        moves: None,
    };
    WorkOrder {
        order: OrderId::new("o-1"),
        person: PersonKey::new("1001"),
        workers: vec![WorkerId::new("1001")],
        delta: DeltaKind::Leaver,
        object: None,
        values: None,
        actions: vec![action],
        scheduled: Vec::new(),
        held: Vec::new(),
        impact: Impact::default(),
        workflow: None,
        group: op.shapes().then(|| Box::new(shape)),
    }
}

fn event_of(op: Op, reason: Reason, ending: Ending, object: Option<&str>) -> Option<Json> {
    let order = order(op, reason);
    let outcome = Outcome {
        run: RunId::new("20260316T020000Z-5f3a09c1"),
        order: order.order.clone(),
        action: ActionId::new("a-1"),
        op,
        person: order.person.clone(),
        ending,
        at: "2026-03-16T16:00:09.250Z".parse().unwrap(),
        send: 1,
        calls: 1,
        request_id: Some("q-1".to_owned()),
        object: None,
        consent: None,
        proof: Vec::new(),
    };
    let object = object.map(ObjectId::new);
    ocsf(&Happened {
        order: &order,
        action: &order.actions[0],
        outcome: &outcome,
        object: object.as_ref(),
        tenant: Some("t-1"),
        version: "0.1.0",
    })
}

fn failed() -> Ending {
    Ending::Failed {
        code: "Authorization_RequestDenied".to_owned(),
        hint: "give the application the permission".to_owned(),
    }
}

fn unknown() -> Ending {
    let hint = "see whether it is there".to_owned();
    Ending::Unknown { hint }
}

#[test]
fn every_event_is_one_of_the_schema() {
    let mut classes = BTreeMap::new();
    for op in Op::ALL {
        for ending in [Ending::Done, failed(), unknown()] {
            for object in [Some("7e57-1"), None] {
                let Some(event) = event_of(op, Reason::ManagerChanged, ending.clone(), object)
                else {
                    assert!(
                        op.tells() || op.proves() || op == Op::DeviceEscrowCheck,
                        "{op} changes something"
                    );
                    continue;
                };
                assert_eq!(wrong(&event), Vec::<String>::new(), "{op}: {event}");
                *classes.entry(event["class_uid"].to_string()).or_insert(0) += 1;
            }
        }
    }
    let seen: Vec<&str> = classes.keys().map(String::as_str).collect();
    assert_eq!(seen, ["3001", "3004", "3005", "3006"]);
}

/// The judge itself finds what is wrong.
#[test]
fn what_is_not_of_the_schema_is_seen() {
    let good = event_of(
        Op::UserDisable,
        Reason::ManagerChanged,
        Ending::Done,
        Some("7e57-1"),
    );
    let good = good.unwrap();
    for (path, value) in [
        ("/activity_id", json!(47)),
        ("/type_uid", json!(300_102)),
        ("/severity_id", json!("1")),
        ("/time", json!(1_773_676_809)),
        ("/metadata/product", json!({})),
        ("/user", json!({"type_id": 1})),
        ("/user/type_id", json!(8)),
        ("/status_id", json!(4)),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(path).unwrap() = value;
        assert!(!wrong(&bad).is_empty(), "{path}");
    }
    for name in ["metadata", "user", "time", "severity_id", "class_uid"] {
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().remove(name);
        assert!(!wrong(&bad).is_empty(), "{name}");
    }
    let mut bad = good;
    bad["worker"] = "1001".into();
    assert_eq!(wrong(&bad), [".worker: not in the schema"]);
}

#[test]
fn a_disable_says_whose_when_and_of_which_run() {
    let object = Some("7e57-1");
    let event = event_of(
        Op::UserDisable,
        Reason::StatusInactive,
        Ending::Done,
        object,
    )
    .unwrap();
    for (path, expected) in [
        ("/class_uid", json!(3001)),
        ("/activity_id", json!(5)),
        ("/type_uid", json!(300_105)),
        ("/time", json!(1_773_676_809_250_i64)),
        ("/status", json!("Success")),
        ("/severity_id", json!(1)),
        ("/metadata/version", json!("1.8.0")),
        ("/metadata/uid", json!("a-1")),
        (
            "/metadata/correlation_uid",
            json!("20260316T020000Z-5f3a09c1"),
        ),
        ("/metadata/tenant_uid", json!("t-1")),
        ("/user/uid", json!("7e57-1")),
        ("/user/ldap_person/employee_uid", json!("1001")),
        ("/http_request/uid", json!("q-1")),
        ("/unmapped/rule", json!("leaver.for_cause")),
    ] {
        assert_eq!(event.pointer(path), Some(&expected), "{path}");
    }
    let event = event_of(Op::UserDisable, Reason::StatusInactive, failed(), object).unwrap();
    assert_eq!(event["severity"], "High");
    assert_eq!(event["status_code"], "Authorization_RequestDenied");
    // An account that could not be made has no id.
    let event = event_of(Op::UserCreate, Reason::NewWorker, failed(), None).unwrap();
    assert_eq!(event["user"]["account"]["uid"], "1001");
}

/// What waits, was so already or is kept back did not happen.
#[test]
fn what_did_not_happen_is_no_event() {
    for ending in [
        Ending::Already,
        Ending::Stale {
            why: "x".to_owned(),
        },
        Ending::Waiting {
            until: None,
            reason: "manager".to_owned(),
        },
        Ending::Held {
            by: "disables".to_owned(),
        },
    ] {
        let name = ending.name();
        let event = event_of(
            Op::UserDisable,
            Reason::StatusInactive,
            ending,
            Some("7e57-1"),
        );
        assert!(event.is_none(), "{name}");
    }
}

/// P11, and the lifecycle policy's second rule of personal data: digests of values stay in the plan,
/// and why somebody was dismissed or died is not for every reader of a SIEM.
#[test]
fn nothing_personal_goes_out() {
    let today = jiff::civil::date(2026, 3, 16);
    for reason in [
        Reason::ForCause,
        Reason::Deceased,
        Reason::NoShow,
        Reason::Leave { date: today },
        Reason::LeaveOver,
        Reason::Garden { date: today },
    ] {
        let words = reason.words();
        let event = event_of(Op::UserDisable, reason, failed(), Some("7e57-1")).unwrap();
        let text = event.to_string();
        for part in [words.as_str(), "for_cause", "hmac:", "00ff", "department"] {
            assert!(!text.contains(part), "{part}: {text}");
        }
        assert_eq!(wrong(&event), Vec::<String>::new());
    }
}
