//! What accounts answer for, handing it over, and the bin: against a tenant that answers as
//! documented (P6, P14).

use std::collections::BTreeSet;

use rollcall_core::model::{Asset, Ending, Estate, ObjectId, Op, Step};
use serde_json::{Value, json};

use crate::peer::*;

fn list(values: &[Value]) -> (u16, Value) {
    (200, json!({ "value": values }))
}

fn person(id: &str, enabled: bool) -> Value {
    json!({"@odata.type": "#microsoft.graph.user", "id": id, "accountEnabled": enabled})
}

fn of_type(kind: &str, id: &str) -> Value {
    json!({"@odata.type": format!("#microsoft.graph.{kind}"), "id": id})
}

fn denied() -> (u16, Value) {
    let body = error("Authorization_RequestDenied", "Insufficient privileges.");
    (403, body)
}

fn path(url: &str) -> &str {
    url.split('?').next().unwrap()
}

/// Each thing with who else can act, by kind.
fn shown(estate: &Estate) -> Vec<(Asset, &str, bool)> {
    let all = estate.owned.iter();
    all.map(|it| (it.asset, it.id.as_str(), it.alone()))
        .collect()
}

async fn estates(
    accounts: &[&str],
    kinds: &[Asset],
    read: impl Fn(&str) -> (u16, Value) + Send + 'static,
) -> (Vec<Estate>, Vec<Asked>) {
    let stage = stage(move |asked| batched(asked, &read));
    let accounts: Vec<ObjectId> = accounts.iter().map(|id| ObjectId::new(*id)).collect();
    let kinds: BTreeSet<Asset> = kinds.iter().copied().collect();
    let found = stage.entra.estates(&accounts, &kinds).await.unwrap();
    (found, stage.asked())
}

#[tokio::test(start_paused = true)]
async fn only_owner_is_who_has_nobody_enabled_beside_them() {
    let (found, _) = estates(&["o1"], &Asset::ALL, |url| match path(url) {
        "/users/o1/ownedObjects" => list(&[
            of_type("group", "g1"),
            of_type("group", "g2"),
            of_type("application", "a1"),
            of_type("servicePrincipal", "s1"),
            of_type("device", "d1"),
        ]),
        "/users/o1/directReports" => list(&[person("r1", true), person("r2", false)]),
        "/users/o1/sponsorOf" => list(&[person("x1", true), of_type("agentIdentity", "y1")]),
        "/groups/g1/owners" => list(&[person("o1", true), person("o2", false)]),
        "/groups/g2/owners" => list(&[person("o1", true), person("o3", true)]),
        "/applications/a1/owners" => list(&[person("o1", true)]),
        "/servicePrincipals/s1/owners" => {
            list(&[person("o1", true), of_type("servicePrincipal", "s9")])
        }
        "/users/x1/sponsors" => list(&[person("o1", true), of_type("group", "g9")]),
        other => panic!("{other}"),
    })
    .await;
    assert_eq!(
        shown(&found[0]),
        [
            (Asset::Group, "g1", true),
            (Asset::Group, "g2", false),
            (Asset::Application, "a1", true),
            (Asset::Service, "s1", false),
            (Asset::Report, "r1", true),
            (Asset::Guest, "x1", false),
        ]
    );
    assert!(found[0].unread.is_empty());
}

/// A kind is unread where its list or its keepers are refused; the other kinds are not.
#[tokio::test(start_paused = true)]
async fn what_is_refused_is_unread_and_never_nothing() {
    let (found, _) = estates(&["o1", "gone"], &Asset::ALL, |url| match path(url) {
        "/users/o1/ownedObjects" => list(&[of_type("group", "g1"), of_type("application", "a1")]),
        "/groups/g1/owners" => list(&[person("o1", true)]),
        "/applications/a1/owners" | "/users/o1/sponsorOf" => denied(),
        "/users/o1/directReports" => list(&[]),
        url if url.starts_with("/users/gone/") => (
            404,
            error("Request_ResourceNotFound", "Resource 'x' does not exist."),
        ),
        other => panic!("{other}"),
    })
    .await;
    assert_eq!(shown(&found[0]), [(Asset::Group, "g1", true)]);
    let unread: Vec<Asset> = found[0].unread.iter().copied().collect();
    assert_eq!(unread, [Asset::Application, Asset::Guest]);
    assert_eq!(found[1], Estate::default(), "who is gone has nothing");
}

/// Twenty questions an exchange, and a thing of two leavers is asked about once.
#[tokio::test(start_paused = true)]
async fn the_questions_are_joined() {
    let (found, asked) = estates(&["o1", "o2"], &[Asset::Group], |url| match path(url) {
        "/users/o1/ownedObjects" | "/users/o2/ownedObjects" => list(&[of_type("group", "g1")]),
        "/groups/g1/owners" => list(&[person("o1", false), person("o2", false)]),
        other => panic!("{other}"),
    })
    .await;
    assert!(found.iter().all(|it| it.owned[0].alone()), "both leave");
    let items = |it: &Asked| it.body["requests"].as_array().unwrap().len();
    assert_eq!(asked.iter().map(items).collect::<Vec<_>>(), [2, 1]);
}

fn handing(op: Op, asset: Asset, id: &str) -> Step {
    Step {
        manager: Some(ObjectId::new("heir")),
        handed: Some((asset, ObjectId::new(id))),
        ..step(op)
    }
}

/// Step → what is written and how it ends.
#[tokio::test(start_paused = true)]
async fn handing_over_adds_the_heir_and_removes_nobody() {
    let table = [
        (
            Op::OwnerAdd,
            Asset::Group,
            "POST /v1.0/groups/t1/owners/$ref",
        ),
        (
            Op::OwnerAdd,
            Asset::Application,
            "POST /v1.0/applications/t1/owners/$ref",
        ),
        (
            Op::OwnerAdd,
            Asset::Service,
            "POST /v1.0/servicePrincipals/t1/owners/$ref",
        ),
        (
            Op::SponsorAdd,
            Asset::Guest,
            "POST /v1.0/users/t1/sponsors/$ref",
        ),
        (
            Op::ReportHandOver,
            Asset::Report,
            "PUT /v1.0/users/t1/manager/$ref",
        ),
    ];
    for (op, asset, written) in table {
        let stage = stage(move |asked| match asked.line.split('?').next().unwrap() {
            "GET /v1.0/users/heir" => reply(200, &person("heir", true)),
            "GET /v1.0/users/t1/manager" => reply(200, &json!({"id": "o1"})),
            line if line == written => {
                let to = asked.body["@odata.id"].as_str().unwrap();
                assert!(to.ends_with("/heir"), "{to}");
                done()
            }
            other => panic!("{other}"),
        });
        assert_eq!(
            stage.ends(&handing(op, asset, "t1")).await,
            Ending::Done,
            "{op}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_handed_to_whoever_cannot_take_it_nor_from_a_new_manager() {
    let disabled = stage(|_| reply(200, &person("heir", false)));
    let owner = handing(Op::OwnerAdd, Asset::Group, "g1");
    assert!(matches!(disabled.ends(&owner).await, Ending::Stale { .. }));
    let gone = stage(|_| missing());
    assert!(matches!(gone.ends(&owner).await, Ending::Stale { .. }));
    let already = stage(|asked| {
        if asked.line.starts_with("GET") {
            return reply(200, &person("heir", true));
        }
        let message = "One or more added object references already exist for the following \
                       modified properties: 'owners'.";
        refuse(400, "Request_BadRequest", message)
    });
    assert_eq!(already.ends(&owner).await, Ending::Already);
    let report = handing(Op::ReportHandOver, Asset::Report, "r1");
    for (manager, ending) in [("heir", "already"), ("somebody", "stale")] {
        let stage = stage(move |asked| match asked.line.split('?').next().unwrap() {
            "GET /v1.0/users/heir" => reply(200, &person("heir", true)),
            "GET /v1.0/users/r1/manager" => reply(200, &json!({ "id": manager })),
            other => panic!("{other}"),
        });
        assert_eq!(stage.ends(&report).await.name(), ending);
    }
}

/// How the account stands there and in the bin → how a deletion ends, and whether one was sent.
#[tokio::test(start_paused = true)]
async fn a_deletion_reads_back_first() {
    let table = [
        (Some(("1001", false)), false, "done", true),
        (Some(("1001", true)), false, "stale", false),
        (Some(("2002", false)), false, "stale", false),
        (None, true, "already", false),
        (None, false, "stale", false),
    ];
    for (there, binned, ending, sent) in table {
        let stage = stage(move |asked| match asked.line.split('?').next().unwrap() {
            "GET /v1.0/users/o1" => match there {
                Some((key, on)) => reply(200, &user("o1", key, "a@north.example", on)),
                None => missing(),
            },
            "GET /v1.0/directory/deletedItems/microsoft.graph.user" => {
                let found = json!({"id": "o1", "employeeId": "1001"});
                let found = if binned { vec![found] } else { Vec::new() };
                reply(200, &json!({ "value": found }))
            }
            "DELETE /v1.0/users/o1" => done(),
            other => panic!("{other}"),
        });
        let ended = stage.ends(&step(Op::UserDeleteSoft)).await;
        assert_eq!(ended.name(), ending, "{there:?} {binned}");
        let deletes = |line: &String| line.starts_with("DELETE");
        assert_eq!(stage.lines().iter().any(deletes), sent, "{there:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_restore_takes_the_right_account_out_of_the_bin() {
    for (key, ending) in [("1001", "done"), ("2002", "stale")] {
        let stage = stage(move |asked| match asked.line.split('?').next().unwrap() {
            "GET /v1.0/directory/deletedItems/microsoft.graph.user" => {
                let found = json!({"id": "o1", "employeeId": key});
                reply(200, &json!({ "value": [found] }))
            }
            "POST /v1.0/directory/deletedItems/o1/restore" => reply(200, &json!({"id": "o1"})),
            other => panic!("{other}"),
        });
        assert_eq!(stage.ends(&step(Op::UserRestore)).await.name(), ending);
    }
}

/// The restore came twice, or its answer was lost: the second one finds nothing in the bin.
#[tokio::test(start_paused = true)]
async fn a_restore_that_came_through_is_no_stale_one() {
    for (there, ending) in [(true, "already"), (false, "stale")] {
        let stage = stage(move |asked| match asked.plain() {
            "GET /v1.0/directory/deletedItems/microsoft.graph.user" => {
                let found = json!({"id": "o1", "employeeId": "1001"});
                reply(200, &json!({ "value": [found] }))
            }
            "GET /v1.0/users/o1" if there => {
                reply(200, &user("o1", "1001", "a@north.example", false))
            }
            "POST /v1.0/directory/deletedItems/o1/restore" | "GET /v1.0/users/o1" => missing(),
            other => panic!("{other}"),
        });
        assert_eq!(stage.ends(&step(Op::UserRestore)).await.name(), ending);
    }
}
