//! What people sign in with, and what is taken of it.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::peer::{Peer, user};
use crate::{Size, TenantOptions, Throttle};

const GONE: (u16, &str) = (404, "Request_ResourceNotFound");
const BAD: (u16, &str) = (400, "Request_BadRequest");
const DENIED: (u16, &str) = (403, "Authorization_RequestDenied");

fn of(kind: &str) -> Json {
    json!({"@odata.type": format!("#microsoft.graph.{kind}AuthenticationMethod")})
}

fn kinds(got: &Json) -> Vec<String> {
    let all = got["value"].as_array().unwrap().iter();
    all.map(|it| it["@odata.type"].as_str().unwrap().to_owned())
        .collect()
}

async fn with(options: TenantOptions) -> (Peer, String) {
    let peer = Peer::open(options).await;
    let id = peer.tenant.put_user(user("mira")).unwrap();
    (peer, id)
}

#[tokio::test(start_paused = true)]
async fn a_method_is_removed_by_its_kind_and_id() {
    let (peer, id) = with(TenantOptions {
        throttle: Throttle::Off,
        ..TenantOptions::default()
    })
    .await;
    let mut phone = of("phone");
    phone["phoneNumber"] = "+49 170 0000000".into();
    phone["phoneType"] = "mobile".into();
    phone["default"] = true.into();
    let phone = peer.tenant.put_method(&id, &phone).unwrap();
    let key = peer.tenant.put_method(&id, &of("fido2")).unwrap();
    assert_ne!(phone, key);
    let list = format!("/users/{id}/authentication/methods");
    let got = peer.get(&list).await;
    assert_eq!(got.status, 200);
    let mut there = kinds(&got.body);
    there.sort();
    assert_eq!(
        there,
        [
            "#microsoft.graph.fido2AuthenticationMethod",
            "#microsoft.graph.passwordAuthenticationMethod",
            "#microsoft.graph.phoneAuthenticationMethod"
        ]
    );
    let remove = |segment: &str, method: &str| {
        let path = format!("/users/{id}/authentication/{segment}/{method}");
        async { peer.send("DELETE", &{ path }, None).await }
    };
    assert_eq!(
        remove("phoneMethods", &phone).await.error(),
        BAD,
        "the first one goes last"
    );
    assert_eq!(
        remove("emailMethods", &key).await.error(),
        GONE,
        "of another kind"
    );
    assert_eq!(remove("fido2Methods", &key).await.status, 204);
    assert_eq!(remove("fido2Methods", &key).await.error(), GONE);
    assert_eq!(remove("phoneMethods", &phone).await.status, 204);
    let password = "28c10230-6103-485e-b985-444c60001490";
    assert_eq!(remove("passwordMethods", password).await.status, 404);
    assert_eq!(
        kinds(&peer.get(&list).await.body).len(),
        1,
        "the password stays"
    );
    let got = peer.send("POST", &list, Some(&json!({}))).await;
    assert_eq!(got.status, 405);
}

#[tokio::test(start_paused = true)]
async fn the_metadata_say_what_a_method_is() {
    let (peer, id) = with(TenantOptions::default()).await;
    for wrong in [
        json!({}),
        of("iris"),
        json!({"@odata.type": "#microsoft.graph.user"}),
        json!({"@odata.type": "#microsoft.graph.phoneAuthenticationMethod", "number": "1"}),
    ] {
        assert!(peer.tenant.put_method(&id, &wrong).is_err(), "{wrong}");
    }
}

#[tokio::test(start_paused = true)]
async fn methods_have_permissions_of_their_own() {
    for (role, lists, fido, email) in [
        ("User.ReadWrite.All", false, false, false),
        ("UserAuthenticationMethod.Read.All", true, false, false),
        ("UserAuthMethod-Passkey.ReadWrite.All", false, true, false),
        ("UserAuthenticationMethod.ReadWrite.All", true, true, true),
    ] {
        let (peer, id) = with(TenantOptions {
            roles: vec![role.to_owned()],
            ..TenantOptions::default()
        })
        .await;
        let key = peer.tenant.put_method(&id, &of("fido2")).unwrap();
        let mail = peer.tenant.put_method(&id, &of("email")).unwrap();
        let base = format!("/users/{id}/authentication");
        let got = peer.get(&format!("{base}/methods")).await;
        assert_eq!(got.status == 200, lists, "{role}");
        for (path, may) in [
            (format!("{base}/fido2Methods/{key}"), fido),
            (format!("{base}/emailMethods/{mail}"), email),
        ] {
            let got = peer.send("DELETE", &path, None).await;
            if may {
                assert_eq!(got.status, 204, "{role}");
            } else {
                assert_eq!(got.error(), DENIED, "{role}");
            }
        }
    }
}

/// Five in ten seconds, whatever else is called; and nothing else waits for them.
#[tokio::test(start_paused = true)]
async fn methods_count_as_reports() {
    let (peer, id) = with(TenantOptions {
        throttle: Throttle::Documented { size: Size::L },
        ..TenantOptions::default()
    })
    .await;
    let list = format!("/users/{id}/authentication/methods");
    for n in 0..5 {
        assert_eq!(peer.get(&list).await.status, 200, "{n}");
    }
    let got = peer.get(&list).await;
    assert_eq!(got.error(), (429, "TooManyRequests"));
    let wait = got.seconds();
    assert!((1.0..=4.0).contains(&wait), "{wait}");
    assert_eq!(peer.get(&format!("/users/{id}")).await.status, 200);
    peer.clock.sleep(Duration::from_secs_f64(wait)).await;
    assert_eq!(peer.get(&list).await.status, 200);
    assert!(peer.tenant.history().iter().all(|served| !served.early));
}
