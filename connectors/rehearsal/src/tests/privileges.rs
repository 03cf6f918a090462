//! Roles in the directory and in applications, and who may take them.

use serde_json::{Value as Json, json};

use super::peer::{Peer, user};
use crate::TenantOptions;

const BAD: (u16, &str) = (400, "Request_BadRequest");
const DENIED: (u16, &str) = (403, "Authorization_RequestDenied");
const ROLES: &str = "/roleManagement/directory";

async fn with(options: TenantOptions) -> (Peer, String) {
    let peer = Peer::open(options).await;
    let id = peer.tenant.put_user(user("mira")).unwrap();
    let unit = "/administrativeUnits/5f3a09c1-0000-4000-8000-000000000001";
    for (role, scope, eligible) in [
        ("User Administrator", "/", false),
        ("User Administrator", unit, false),
        ("Security Reader", "/", true),
    ] {
        peer.tenant.put_role(&id, role, scope, eligible).unwrap();
    }
    peer.tenant.put_app_role(&id, "Payroll").unwrap();
    (peer, id)
}

impl Peer {
    async fn roles(&self, what: &str, id: &str) -> Vec<Json> {
        let target =
            format!("{ROLES}/{what}?$filter=principalId%20eq%20'{id}'&$expand=roleDefinition");
        let got = self.get(&target).await;
        assert_eq!(got.status, 200, "{}", got.body);
        got.body["value"].as_array().unwrap().clone()
    }
}

fn removal(of: &Json) -> Json {
    json!({
        "action": "adminRemove",
        "principalId": of["principalId"],
        "roleDefinitionId": of["roleDefinitionId"],
        "directoryScopeId": of["directoryScopeId"],
        "justification": "leaves",
    })
}

#[tokio::test(start_paused = true)]
async fn a_role_goes_at_its_scope() {
    let (peer, id) = with(TenantOptions::default()).await;
    let held = peer.roles("roleAssignments", &id).await;
    assert_eq!(held.len(), 2);
    assert_eq!(
        held[0]["roleDefinition"]["displayName"],
        "User Administrator"
    );
    assert_eq!(
        peer.roles("roleEligibilityScheduleInstances", &id)
            .await
            .len(),
        1
    );
    let target = format!("{ROLES}/roleAssignmentScheduleRequests");
    let whole = held
        .iter()
        .find(|it| it["directoryScopeId"] == "/")
        .unwrap();
    let got = peer.send("POST", &target, Some(&removal(whole))).await;
    assert_eq!(
        (got.status, got.body["status"].as_str()),
        (201, Some("Revoked"))
    );
    let left = peer.roles("roleAssignments", &id).await;
    assert_eq!(left.len(), 1);
    assert_ne!(left[0]["directoryScopeId"], "/", "the other scope stays");
    let got = peer.send("POST", &target, Some(&removal(whole))).await;
    assert_eq!(got.error(), (400, "RoleAssignmentDoesNotExist"));
    assert_eq!(
        peer.roles("roleEligibilityScheduleInstances", &id)
            .await
            .len(),
        1
    );
    // Nobody's, and of nobody that is there.
    let nobody = "00000000-0000-4000-8000-00000000000f";
    assert!(peer.roles("roleAssignments", nobody).await.is_empty());
    // Given back.
    let mut back = removal(whole);
    back["action"] = "adminAssign".into();
    let got = peer.send("POST", &target, Some(&back)).await;
    assert_eq!(got.error(), BAD, "without a schedule");
    back["scheduleInfo"] = json!({
        "startDateTime": "2026-03-16T02:00:00Z",
        "expiration": {"type": "noExpiration"},
    });
    let got = peer.send("POST", &target, Some(&back)).await;
    assert_eq!(
        (got.status, got.body["status"].as_str()),
        (201, Some("Provisioned"))
    );
    let got = peer.send("POST", &target, Some(&back)).await;
    assert_eq!(got.error(), (400, "RoleAssignmentExists"));
}

#[tokio::test(start_paused = true)]
async fn requests_are_checked() {
    let (peer, id) = with(TenantOptions::default()).await;
    let held = peer.roles("roleAssignments", &id).await;
    let target = format!("{ROLES}/roleAssignmentScheduleRequests");
    let good = removal(&held[0]);
    for (name, value) in [
        ("action", json!("AdminRemove")),
        ("action", json!("adminDelete")),
        ("action", json!(3)),
        ("action", Json::Null),
        ("principalid", json!("x")),
        ("directoryScopeId", Json::Null),
        ("roleDefinitionId", json!(7)),
        (
            "scheduleInfo",
            json!({"expiration": {"type": "NoExpiration"}}),
        ),
        ("scheduleInfo", json!({"expires": "never"})),
        ("isValidationOnly", json!("true")),
    ] {
        let mut wrong = good.clone();
        wrong[name] = value;
        let got = peer.send("POST", &target, Some(&wrong)).await;
        assert_eq!(got.error(), BAD, "{wrong}");
    }
    let mut unknown = good.clone();
    unknown["roleDefinitionId"] = json!("00000000-0000-4000-8000-00000000000f");
    assert_eq!(peer.send("POST", &target, Some(&unknown)).await.status, 404);
    assert_eq!(
        peer.roles("roleAssignments", &id).await.len(),
        2,
        "nothing has changed"
    );
    let all = peer.get(&format!("{ROLES}/roleAssignments")).await;
    assert_eq!(all.error(), (400, "Request_UnsupportedQuery"));
}

#[tokio::test(start_paused = true)]
async fn roles_in_applications() {
    let (peer, id) = with(TenantOptions::default()).await;
    let list = format!("/users/{id}/appRoleAssignments");
    let got = peer.get(&format!("{list}?$top=999")).await;
    let item = &got.body["value"][0];
    assert_eq!(item["resourceDisplayName"], "Payroll");
    let path = format!("{list}/{}", item["id"].as_str().unwrap());
    assert_eq!(peer.send("DELETE", &path, None).await.status, 204);
    assert_eq!(peer.send("DELETE", &path, None).await.status, 404);
}

/// Permission → may see, take away, give; the same on request; the same in applications.
#[tokio::test(start_paused = true)]
async fn taking_has_permissions_of_its_own() {
    for (role, see, take, give, see_app, take_app) in [
        (
            "RoleManagement.Read.Directory",
            true,
            false,
            false,
            false,
            false,
        ),
        (
            "RoleAssignmentSchedule.Remove.Directory",
            false,
            true,
            false,
            false,
            false,
        ),
        (
            "RoleAssignmentSchedule.ReadWrite.Directory",
            false,
            true,
            true,
            false,
            false,
        ),
        ("Directory.Read.All", false, false, false, true, false),
        (
            "AppRoleAssignment.ReadWrite.All",
            false,
            false,
            false,
            true,
            true,
        ),
    ] {
        let (peer, id) = with(TenantOptions {
            roles: vec![role.to_owned()],
            ..TenantOptions::default()
        })
        .await;
        let target = format!("{ROLES}/roleAssignments?$filter=principalId%20eq%20'{id}'");
        assert_eq!(peer.get(&target).await.status == 200, see, "{role}");
        let target = format!("{ROLES}/roleAssignmentScheduleRequests");
        let definition = super::super::privileges::definition("User Administrator");
        let of =
            json!({"principalId": id, "roleDefinitionId": definition, "directoryScopeId": "/"});
        let mut body = removal(&of);
        let got = peer.send("POST", &target, Some(&body)).await;
        assert_eq!(got.status == 201, take, "{role}");
        if !take {
            assert_eq!(got.error(), DENIED, "{role}");
        }
        body["action"] = "adminAssign".into();
        body["scheduleInfo"] = json!({"startDateTime": "2026-03-16T02:00:00Z"});
        let got = peer.send("POST", &target, Some(&body)).await;
        assert_eq!(got.status == 201, give, "{role}");
        let list = format!("/users/{id}/appRoleAssignments");
        assert_eq!(peer.get(&list).await.status == 200, see_app, "{role}");
        let got = peer.send("DELETE", &format!("{list}/x"), None).await;
        assert_eq!(got.status == 404, take_app, "{role}");
    }
}
