//! Licences that groups give.

use serde_json::{Value as Json, json};

use super::peer::{Peer, user};
use crate::TenantOptions;

const BAD: (u16, &str) = (400, "Request_BadRequest");

async fn peer(roles: &[&str]) -> (Peer, String) {
    let peer = Peer::open(TenantOptions {
        seats: [("SPE_E5".to_owned(), 2), ("VISIO".to_owned(), 5)].into(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        ..TenantOptions::default()
    })
    .await;
    let group = json!({
        "displayName": "Staff", "mailNickname": "staff", "mailEnabled": false,
        "securityEnabled": true, "groupTypes": ["DynamicMembership"],
        "membershipRule": "user.objectId -ne null", "membershipRuleProcessingState": "On",
    });
    let id = peer.tenant.put_group(&group).unwrap();
    (peer, format!("/groups/{id}/assignLicense"))
}

fn licence(id: &Json) -> Json {
    json!({"addLicenses": [{"skuId": id, "disabledPlans": []}], "removeLicenses": []})
}

/// Seats go with who is in the group, and no more go than there are.
#[tokio::test(start_paused = true)]
async fn seats_are_taken() {
    let (peer, assign) = peer(&["LicenseAssignment.ReadWrite.All"]).await;
    let skus = async || peer.get("/subscribedSkus").await.body["value"].clone();
    let before = skus().await;
    assert_eq!(before[0]["skuPartNumber"], "SPE_E5");
    assert_eq!(
        (
            &before[0]["consumedUnits"],
            &before[0]["prepaidUnits"]["enabled"]
        ),
        (&json!(0), &json!(2))
    );
    peer.tenant.put_user(user("a")).unwrap();
    let id = &before[0]["skuId"];
    let got = peer.send("POST", &assign, Some(&licence(id))).await;
    assert_eq!(got.status, 202, "{}", got.body);
    assert_eq!(skus().await[0]["consumedUnits"], 1);
    for name in ["b", "c"] {
        peer.tenant.put_user(user(name)).unwrap();
    }
    assert_eq!(skus().await[0]["consumedUnits"], 2, "there are no more");
    assert_eq!(skus().await[1]["consumedUnits"], 0);
    let some = peer
        .get("/subscribedSkus?$select=skuId,consumedUnits")
        .await;
    assert_eq!(
        some.body["value"][0],
        json!({"skuId": id, "consumedUnits": 2})
    );
    let take = json!({"addLicenses": [], "removeLicenses": [id]});
    assert_eq!(peer.send("POST", &assign, Some(&take)).await.status, 202);
    assert_eq!(peer.send("POST", &assign, Some(&take)).await.error(), BAD);
    assert_eq!(skus().await[0]["consumedUnits"], 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_licence() {
    let (peer, assign) = peer(&["LicenseAssignment.ReadWrite.All"]).await;
    let unknown = json!("5f3a09c1-0000-4000-8000-00000000000a");
    for body in [
        json!({}),
        json!({"addLicenses": []}),
        json!({"addLicenses": [], "removeLicenses": {}}),
        json!({"addLicenses": [], "removeLicenses": [], "x": 1}),
        json!({"addLicenses": ["x"], "removeLicenses": []}),
        json!({"addLicenses": [{"skuId": "SPE_E5"}], "removeLicenses": []}),
        json!({"addLicenses": [{"sku": unknown}], "removeLicenses": []}),
        licence(&unknown),
    ] {
        assert_eq!(
            peer.send("POST", &assign, Some(&body)).await.error(),
            BAD,
            "{body}"
        );
    }
    assert_eq!(
        peer.get("/subscribedSkus?$top=1").await.error(),
        (400, "Request_UnsupportedQuery")
    );
    let (peer, assign) = self::peer(&["LicenseAssignment.Read.All"]).await;
    let sku = peer.get("/subscribedSkus").await.body["value"][0]["skuId"].clone();
    assert_eq!(
        peer.send("POST", &assign, Some(&licence(&sku)))
            .await
            .status,
        403
    );
    let (peer, _) = self::peer(&["User.ReadWrite.All"]).await;
    assert_eq!(peer.get("/subscribedSkus").await.status, 403);
}
