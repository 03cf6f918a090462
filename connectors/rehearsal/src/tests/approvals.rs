//! What a second person has to agree to.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::peer::{Got, Peer, START, user};
use crate::{Decision, Device, DeviceAction, Enrolment, Join, PlacedDevice, TenantOptions};

const BAD: (u16, &str) = (400, "BadRequest");
const WAITS: (u16, &str) = (403, "ApprovalRequired");
const JUSTIFICATION: &str = "x-msft-approval-justification";
const CODE: &str = "x-msft-approval-code";
/// Base64 of `leaves`.
const LEAVES: &str = "bGVhdmVz";

async fn with(approvals: Vec<DeviceAction>) -> (Peer, PlacedDevice) {
    let options = TenantOptions {
        approvals,
        ..TenantOptions::default()
    };
    let peer = Peer::open(options).await;
    let id = peer.tenant.put_user(user("mira")).unwrap();
    let device = Device {
        serial: "SN-1".to_owned(),
        enrolment: Some(Enrolment::Automated),
        join: Some(Join::Joined),
        primary_user: Some(id),
        ..Device::default()
    };
    let placed = peer.tenant.put_device(&device).unwrap();
    (peer, placed)
}

fn wipe(placed: &PlacedDevice) -> String {
    let id = placed.managed.as_ref().unwrap();
    format!("/deviceManagement/managedDevices/{id}/wipe")
}

fn body() -> Json {
    json!({"keepEnrollmentData": false, "keepUserData": false})
}

impl Peer {
    async fn asked(&self, placed: &PlacedDevice) -> Got {
        let target = wipe(placed);
        self.with_header(("POST", &target), Some(&body()), (JUSTIFICATION, LEAVES))
            .await
    }

    async fn redeemed(&self, placed: &PlacedDevice, code: &str) -> Got {
        self.with_header(("POST", &wipe(placed)), Some(&body()), (CODE, code))
            .await
    }

    async fn beta(&self, query: &str) -> Got {
        let mut request = self.request("GET", "/users", None);
        let target = format!(
            "https://graph.microsoft.com/beta/deviceManagement/operationApprovalRequests{query}"
        );
        *request.uri_mut() = target.parse().unwrap();
        self.raw(request).await.unwrap()
    }

    async fn status(&self, code: &str) -> String {
        let got = self
            .beta(&format!("?$filter=requestId%20eq%20'{code}'"))
            .await;
        assert_eq!(got.status, 200, "{}", got.body);
        got.body["value"][0]["status"].as_str().unwrap().to_owned()
    }

    fn wiped(&self) -> u32 {
        self.tenant.hardware()[0].wiped
    }
}

fn at(hours: i64) -> Timestamp {
    START.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours)
}

#[tokio::test(start_paused = true)]
async fn a_wipe_waits_for_a_second_person() {
    let (mut peer, placed) = with(vec![DeviceAction::Wipe]).await;
    let got = peer.asked(&placed).await;
    assert_eq!(got.error(), WAITS);
    let code = got.header(CODE).unwrap().to_owned();
    assert_eq!(peer.status(&code).await, "needsApproval");
    assert_eq!(peer.tenant.approval_requests()[0].justification, "leaves");
    assert_eq!(
        peer.redeemed(&placed, &code).await.error(),
        WAITS,
        "not yet"
    );
    assert_eq!(peer.asked(&placed).await.error(), BAD, "one at a time");
    peer.tenant.decide(&code, Decision::Approve, at(2)).unwrap();
    assert_eq!(
        peer.status(&code).await,
        "needsApproval",
        "not before that instant"
    );
    peer.after(Duration::from_hours(2)).await;
    assert_eq!(peer.status(&code).await, "approved");
    assert_eq!(
        peer.tenant.hardware()[0].told,
        None,
        "nothing is done by itself"
    );
    // Another call is not what was agreed to.
    let other = json!({"keepEnrollmentData": true, "keepUserData": false});
    let got = peer
        .with_header(("POST", &wipe(&placed)), Some(&other), (CODE, &code))
        .await;
    assert_eq!(got.error(), BAD);
    assert_eq!(peer.redeemed(&placed, &code).await.status, 204);
    assert_eq!(peer.status(&code).await, "completed");
    assert_eq!(peer.redeemed(&placed, &code).await.error(), BAD, "once");
    peer.after(Duration::from_hours(1)).await;
    assert_eq!(peer.wiped(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_no_stays_a_no() {
    for (decision, status) in [
        (Decision::Reject, "rejected"),
        (Decision::Cancel, "cancelled"),
    ] {
        let (peer, placed) = with(vec![DeviceAction::Wipe]).await;
        let code = peer.asked(&placed).await.header(CODE).unwrap().to_owned();
        peer.tenant.decide(&code, decision, at(0)).unwrap();
        assert_eq!(peer.status(&code).await, status);
        assert_eq!(peer.redeemed(&placed, &code).await.error(), BAD);
        assert_eq!(
            peer.asked(&placed).await.error(),
            WAITS,
            "a new request can be made"
        );
        assert_eq!(peer.tenant.hardware()[0].told, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_over_after_three_days() {
    let (mut peer, placed) = with(vec![DeviceAction::Wipe]).await;
    let code = peer.asked(&placed).await.header(CODE).unwrap().to_owned();
    peer.tenant
        .decide(&code, Decision::Approve, at(72))
        .unwrap();
    peer.after(Duration::from_hours(72)).await;
    assert_eq!(peer.status(&code).await, "expired");
    assert_eq!(peer.redeemed(&placed, &code).await.error(), BAD);
    assert_eq!(peer.wiped(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reason_has_to_be_given() {
    let (peer, placed) = with(vec![DeviceAction::Wipe]).await;
    let target = wipe(&placed);
    assert_eq!(peer.send("POST", &target, Some(&body())).await.error(), BAD);
    for wrong in ["not base64!", "", "/w=="] {
        let got = peer
            .with_header(("POST", &target), Some(&body()), (JUSTIFICATION, wrong))
            .await;
        assert_eq!(got.error(), BAD, "{wrong}");
    }
    let unknown = "00000000-0000-4000-8000-00000000000f";
    assert_eq!(peer.redeemed(&placed, unknown).await.error(), BAD);
    assert!(peer.tenant.approval_requests().is_empty());
    assert!(
        peer.tenant
            .decide(unknown, Decision::Approve, at(0))
            .is_err()
    );
}

/// Only what is protected asks; in a batch as well.
#[tokio::test(start_paused = true)]
async fn what_is_not_protected_goes_through() {
    let (peer, placed) = with(vec![DeviceAction::Delete]).await;
    let one = wipe(&placed).replace("/wipe", "");
    let item = json!({
        "id": "1",
        "method": "DELETE",
        "url": one,
        "headers": {"x-msft-approval-justification": LEAVES},
    });
    let got = peer
        .send("POST", "/$batch", Some(&json!({"requests": [item]})))
        .await;
    let response = &got.body["responses"][0];
    assert_eq!(response["status"], 403);
    let code = response["headers"][CODE].as_str().unwrap().to_owned();
    assert_eq!(peer.status(&code).await, "needsApproval");
    assert_eq!(
        peer.send("POST", &wipe(&placed), Some(&body()))
            .await
            .status,
        204
    );
}

#[tokio::test(start_paused = true)]
async fn requests_are_listed_in_beta() {
    let (peer, placed) = with(vec![DeviceAction::Wipe]).await;
    peer.asked(&placed).await;
    assert_eq!(
        peer.beta("").await.body["value"].as_array().unwrap().len(),
        1
    );
    let got = peer.beta("?$filter=status%20eq%20'approved'").await;
    assert_eq!(got.error(), BAD);
    let got = peer
        .get("/deviceManagement/operationApprovalRequests")
        .await;
    assert_eq!(got.status, 404, "not in v1.0");
    let denied = Peer::open(TenantOptions {
        roles: vec!["DeviceManagementManagedDevices.ReadWrite.All".to_owned()],
        ..TenantOptions::default()
    })
    .await;
    assert_eq!(denied.beta("").await.error(), (403, "Forbidden"));
}
