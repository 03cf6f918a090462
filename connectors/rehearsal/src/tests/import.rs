//! A copy of another tenant: what Graph listed of it is there, under the same ids, or nothing is.

use jiff::Timestamp;
use rollcall_http::Clock;
use serde_json::{Value as Json, json};

use super::peer::{Peer, START};
use crate::{Export, Imported, Tenant, TenantError, TenantOptions};

const ADA: &str = "5a1a2b3c-0000-4000-8000-000000000001";
const BEN: &str = "5a1a2b3c-0000-4000-8000-000000000002";
const SALES: &str = "5a1a2b3c-0000-4000-8000-000000000011";
// Before the other one: groups are put in by id.
const RULED: &str = "5a1a2b3c-0000-4000-8000-000000000010";
const PAUSED: &str = "5a1a2b3c-0000-4000-8000-000000000012";
/// A distribution list.
const ALL: &str = "5a1a2b3c-0000-4000-8000-000000000013";
const PC: &str = "5a1a2b3c-0000-4000-8000-000000000021";
const PC_DEVICE: &str = "5a1a2b3c-0000-4000-8000-000000000022";
const PC_MANAGED: &str = "5a1a2b3c-0000-4000-8000-000000000023";
const PC_AUTOPILOT: &str = "5a1a2b3c-0000-4000-8000-000000000024";
const PHONE: &str = "5a1a2b3c-0000-4000-8000-000000000025";

fn options() -> TenantOptions {
    TenantOptions {
        verified_domains: vec!["contoso.example".to_owned()],
        ..TenantOptions::default()
    }
}

fn tenant() -> Tenant {
    let start: Timestamp = START.parse().unwrap();
    Tenant::open(options(), Clock::starting_at(start)).unwrap()
}

fn page(set: &str, value: &Json) -> Json {
    json!({"@odata.context": format!("https://graph.microsoft.com/v1.0/$metadata#{set}"), "value": value})
}

fn users() -> Json {
    page(
        "users(id,displayName,userPrincipalName,manager())",
        &json!([
            {"id": ADA, "displayName": "Ada", "userPrincipalName": "ada@contoso.example", "accountEnabled": true,
             "employeeId": "00042", "department": "Sales", "mail": null, "assignedLicenses": [],
             "extension_00112233445566778899aabbccddeeff_badge": "7",
             "manager": {"@odata.type": "#microsoft.graph.user", "id": BEN}},
            {"id": BEN, "displayName": "Ben", "userPrincipalName": "Ben@Contoso.example", "accountEnabled": false,
             "favouriteColour": "blue", "manager": {"id": PC}},
        ]),
    )
}

fn groups() -> Json {
    page(
        "groups/$delta",
        &json!([
            {"id": SALES, "displayName": "Sales", "mailEnabled": false, "securityEnabled": true, "mailNickname": "sales",
             "serviceProvisioningErrors": [{"@odata.type": "#microsoft.graph.serviceProvisioningXmlError",
                "createdDateTime": "2026-01-01T00:00:00Z", "isResolved": false, "errorDetail": "<x/>"}],
             "members@delta": [
                {"@odata.type": "#microsoft.graph.user", "id": ADA},
                {"@odata.type": "#microsoft.graph.user", "id": BEN, "@removed": {"reason": "deleted"}},
                {"@odata.type": "#microsoft.graph.group", "id": RULED},
                {"@odata.type": "#microsoft.graph.group", "id": PAUSED},
                {"@odata.type": "#microsoft.graph.group", "id": PHONE},
                {"@odata.type": "#microsoft.graph.device", "id": PC}],
             "owners@delta": [{"@odata.type": "#microsoft.graph.group", "id": PAUSED}]},
            {"id": RULED, "displayName": "Of sales", "mailEnabled": false, "securityEnabled": true, "mailNickname": "r",
             "groupTypes": ["DynamicMembership"], "membershipRule": "(user.department -eq \"Sales\")",
             "membershipRuleProcessingState": "On", "members@delta": [{"id": BEN}]},
            {"id": PHONE, "@removed": {"reason": "changed"}},
            {"id": SALES, "members@delta": [{"@odata.type": "#microsoft.graph.user", "id": BEN},
                {"@odata.type": "#microsoft.graph.group", "id": PAUSED, "@removed": {"reason": "deleted"}}]},
            {"id": PAUSED, "displayName": "Once of sales", "mailEnabled": false, "securityEnabled": true,
             "mailNickname": "p", "groupTypes": ["DynamicMembership"], "membershipRule": "(user.department -eq \"X\")",
             "membershipRuleProcessingState": "Paused", "members@delta": [{"id": ADA}, {"id": BEN}]},
            {"id": ALL, "displayName": "All", "mailEnabled": true, "securityEnabled": false, "mailNickname": "all",
             "members@delta": [{"@odata.type": "#microsoft.graph.group", "id": SALES}]},
            {"id": PAUSED, "owners@delta": [{"id": BEN}], "members@delta": [{"id": ADA, "@removed": {"reason": "deleted"}}]},
        ]),
    )
}

fn devices() -> Vec<Json> {
    vec![
        page(
            "devices",
            &json!([{"id": PC, "deviceId": PC_DEVICE, "displayName": "PC-1", "operatingSystem": "Windows",
                    "trustType": "AzureAd", "accountEnabled": true,
                    "registeredOwners": [{"@odata.type": "#microsoft.graph.user", "id": ADA}]}]),
        ),
        page(
            "deviceManagement/managedDevices",
            &json!([
                {"id": PC_MANAGED, "azureADDeviceId": PC_DEVICE, "deviceName": "PC-1", "operatingSystem": "Windows",
                 "managedDeviceOwnerType": "company", "deviceEnrollmentType": "windowsAzureADJoin",
                 "serialNumber": "S1", "userId": ADA, "isEncrypted": true, "lastSyncDateTime": "2026-03-01T06:00:00Z"},
                {"id": PHONE, "azureADDeviceId": "00000000-0000-0000-0000-000000000000", "deviceName": "Phone",
                 "operatingSystem": "iOS", "managedDeviceOwnerType": "personal",
                 "deviceEnrollmentType": "appleUserEnrollment", "serialNumber": "S2", "userId": BEN},
                {"id": RULED.replace("10", "99"), "operatingSystem": "ChromeOS", "userId": ADA},
                {"id": RULED.replace("10", "98"), "operatingSystem": "macOS", "userId": ADA, "managementAgent": "jamf"},
            ]),
        ),
        page(
            "deviceManagement/windowsAutopilotDeviceIdentities",
            &json!([{"id": PC_AUTOPILOT, "serialNumber": "S1"}]),
        ),
    ]
}

fn files(answers: impl IntoIterator<Item = Json>) -> Vec<Export> {
    let answers = answers.into_iter().enumerate();
    let file = |(at, answer)| Export {
        name: format!("{}.json", at + 1),
        answer,
    };
    answers.map(file).collect()
}

fn refusal(answers: impl IntoIterator<Item = Json>) -> String {
    let tenant = tenant();
    let said = tenant.import(&files(answers)).unwrap_err();
    assert!(
        tenant.users().is_empty() && tenant.groups().is_empty() && tenant.hardware().is_empty()
    );
    said.to_string()
}

#[test]
fn a_tenant_is_copied_ids_and_all() {
    let tenant = tenant();
    let all = [groups(), users()].into_iter().chain(devices());
    let done = tenant.import(&files(all)).unwrap();
    let left: Vec<(&str, usize)> = done
        .left_out
        .iter()
        .map(|(what, n)| (what.as_str(), *n))
        .collect();
    assert_eq!(
        left,
        [
            ("assignedLicenses", 1),
            ("deleted groups", 1),
            ("devices that another product manages", 1),
            ("devices that run something else, or do not say what", 1),
            ("favouriteColour", 1),
            ("managers who are not in the files", 1),
            (
                "members of groups that are neither users nor groups of the files",
                2
            ),
            ("owners of groups that are no users of the files", 1),
            (
                "rules that are paused, not in the files or not understood here: members stay as listed",
                1
            ),
        ]
    );
    let counts = Imported {
        left_out: std::collections::BTreeMap::new(),
        ..done
    };
    let wanted = Imported {
        users: 2,
        groups: 4,
        memberships: 5,
        devices: 2,
        left_out: std::collections::BTreeMap::new(),
    };
    assert_eq!(counts, wanted);
    let users = tenant.users();
    assert_eq!(users[0]["id"], ADA);
    assert_eq!(users[0]["employeeId"], "00042");
    assert_eq!(users[0]["manager"], BEN);
    assert_eq!(
        users[0]["extension_00112233445566778899aabbccddeeff_badge"],
        "7"
    );
    assert_eq!(users[1]["accountEnabled"], false);
    let members: Vec<(String, Json)> = tenant
        .groups()
        .into_iter()
        .map(|it| (it["id"].as_str().unwrap().to_owned(), it["members"].clone()))
        .collect();
    let wanted = [
        // By its rule, not by what was listed.
        (RULED.to_owned(), json!([ADA])),
        (SALES.to_owned(), json!([ADA, BEN, RULED])),
        (PAUSED.to_owned(), json!([BEN])),
        (ALL.to_owned(), json!([SALES])),
    ];
    assert_eq!(members, wanted);
    assert_eq!(tenant.keepers(PAUSED), [BEN]);
    let hardware = tenant.hardware();
    let pc = hardware.iter().find(|it| it.serial == "S1").unwrap();
    assert_eq!(pc.managed_id.as_deref(), Some(PC_MANAGED));
    assert_eq!((pc.enabled, pc.autopilot), (Some(true), true));
    let phone = hardware.iter().find(|it| it.serial == "S2").unwrap();
    assert_eq!(
        (phone.managed_id.as_deref(), phone.enabled),
        (Some(PHONE), None)
    );

    let again = tenant
        .import(&files([page("users", &json!([]))]))
        .unwrap_err();
    assert!(matches!(again, TenantError::NotEmpty));
}

/// What a tenant has is taken as it is; what is put in then follows the rules of Graph.
#[test]
fn lists_keep_the_groups_that_they_hold() {
    let tenant = tenant();
    let mut groups = groups();
    let all = groups["value"].as_array_mut().unwrap();
    all[0]["onPremisesSyncEnabled"] = json!(true);
    tenant.import(&files([users(), groups])).unwrap();
    let local = tenant.put_group(&super::groups::group("local")).unwrap();
    let put = |group: &str, member: &str| {
        let said = tenant.put_member(group, member).err();
        said.map(|said| said.to_string())
    };
    for (holder, member, why) in [
        (ALL, PAUSED, "with mail"),
        (SALES, PAUSED, "synchronised"),
        (&*local, ALL, "distribution"),
    ] {
        let said = put(holder, member).unwrap();
        assert!(said.contains("'members'") && said.contains(why), "{said}");
    }
    assert_eq!(put(&local, SALES), None);
    let members = |id: &str| {
        let groups = tenant.groups();
        let found = groups.into_iter().find(|it| it["id"] == id).unwrap();
        found["members"].clone()
    };
    assert_eq!(members(ALL), json!([SALES]));
    assert_eq!(members(&local), json!([SALES]));
}

#[test]
fn what_is_not_whole_is_refused_with_its_place() {
    let with = |change: &dyn Fn(&mut Json)| {
        let mut users = users();
        change(&mut users);
        refusal([users])
    };
    for (said, part) in [
        (
            refusal([json!({"value": []})]),
            "1.json: is no answer to a list",
        ),
        (
            refusal([page("applications", &json!([]))]),
            "is no answer to a list",
        ),
        (refusal([json!([users(), 7])]), "is no answer to a list"),
        (
            with(&|it| it["@odata.nextLink"] = json!("https://graph.microsoft.com/x")),
            "the last page of users",
        ),
        (
            with(&|it| it["value"][1]["id"] = json!(ADA)),
            "1.json, object 2: `id` is that of another",
        ),
        (
            with(&|it| it["value"][1]["id"] = json!("7")),
            "object 2: `id` is missing or no GUID",
        ),
        (
            with(&|it| it["value"][0]["userPrincipalName"] = json!("ben@contoso.example")),
            "object 2: `userPrincipalName`",
        ),
        (
            with(&|it| it["value"][0]["userPrincipalName"] = Json::Null),
            "`userPrincipalName` is missing",
        ),
        (
            with(&|it| it["value"][0]["userPrincipalName"] = json!("a@other.example")),
            "\"other.example\"",
        ),
        (
            with(&|it| it["value"][0]["accountEnabled"] = json!("yes")),
            "accountEnabled",
        ),
        (
            with(&|it| it["value"][0] = json!([])),
            "object 1: is no JSON object",
        ),
        (
            refusal([users(), {
                let mut groups = groups();
                let all = groups["value"].as_array_mut().unwrap();
                all.truncate(1);
                all[0]["members"] = vec![json!({"id": ADA}); 20].into();
                groups
            }]),
            "2.json, object 1: `members` may be cut off",
        ),
        (
            refusal([page(
                "devices",
                &json!([{"id": PC, "deviceId": PC_DEVICE, "operatingSystem": "Windows"}]),
            )]),
            "`trustType`",
        ),
    ] {
        assert!(said.contains(part), "{said}\nnot: {part}");
        assert!(!said.contains("ada@"), "{said}");
    }
    let mut many = devices();
    many[0]["value"][0]["registeredUsers"] = vec![json!({"id": ADA}); 20].into();
    let said = refusal([users()].into_iter().chain(many));
    assert!(said.contains("`registeredUsers` may be cut off"), "{said}");
    // Nobody says how it is known: that is no reason to refuse all.
    let mut nothing = devices();
    nothing[0]["value"][0]["trustType"] = Json::Null;
    let done = tenant()
        .import(&files([users()].into_iter().chain(nothing)))
        .unwrap();
    assert_eq!(done.devices, 2);
    // Pages of one list, the last one at the end or not.
    let mut first = users();
    first["@odata.nextLink"] = json!("https://graph.microsoft.com/x");
    let done = tenant()
        .import(&files([json!([first, page("users", &json!([]))])]))
        .unwrap();
    assert_eq!(done.users, 2);
}

/// Two pages of a delta query as one file; `set` with `/$delta` behind it, or only the links of one.
fn changes(set: &str, [first, second]: [Json; 2]) -> Json {
    let (mut first, mut second) = (page(set, &first), page(set, &second));
    let link = |token: &str| {
        json!(format!(
            "https://graph.microsoft.com/v1.0/x/delta?{token}=7"
        ))
    };
    first["@odata.nextLink"] = link("$skiptoken");
    second["@odata.deltaLink"] = link("$deltatoken");
    json!([first, second])
}

/// As a delta query says that something went.
fn gone(id: &str) -> Json {
    json!({"id": id, "@removed": {"reason": "deleted"}})
}

fn left(done: &Imported) -> Vec<(&str, usize)> {
    let left = done.left_out.iter();
    left.map(|(what, n)| (what.as_str(), *n)).collect()
}

/// Somebody of sales, called so.
fn person(id: &str, name: &str, manager: &str) -> Json {
    json!({"id": id, "displayName": name, "userPrincipalName": format!("{name}@contoso.example"),
        "department": "Sales", "manager@delta": [{"id": manager}]})
}

/// What a delta query says of people later holds, whether or not the context says that it is one.
#[test]
fn people_are_as_they_were_named_last() {
    let (cy, di) = (PHONE, PC_MANAGED);
    for set in ["users/$delta", "users"] {
        let first = json!([
            person(ADA, "ada", BEN),
            person(BEN, "ben", ADA),
            person(cy, "cy", ADA),
            person(di, "di", ADA),
        ]);
        let then = json!([
            {"id": ADA, "userPrincipalName": "ada.new@contoso.example", "department": null,
             "manager@delta": [gone(BEN)]},
            // Who has the name that somebody had.
            {"id": BEN, "userPrincipalName": "ada@contoso.example", "manager@delta": [gone(ADA), {"id": di}]},
            gone(cy),
        ]);
        let tenant = tenant();
        let done = tenant
            .import(&files([changes(set, [first, then])]))
            .unwrap();
        let users = tenant.users();
        assert_eq!(users[0]["userPrincipalName"], "ada.new@contoso.example");
        assert_eq!(users[0]["displayName"], "ada");
        assert_eq!(users[0]["manager"], Json::Null, "{}", users[0]);
        assert_eq!(users[0]["department"], Json::Null, "{}", users[0]);
        assert_eq!(users[1]["manager"], di);
        assert_eq!(left(&done), [("deleted users", 1)]);
        let ids: Vec<&str> = users.iter().map(|it| it["id"].as_str().unwrap()).collect();
        assert_eq!(ids, [ADA, BEN, di]);
    }
}

/// Groups, their members and their owners: what came, what went, and what came back.
#[test]
fn groups_are_as_they_were_named_last() {
    let team = |id: &str| {
        json!({"id": id, "displayName": "A team", "mailEnabled": false, "securityEnabled": true, "mailNickname": "t",
            "description": "Of old", "members@delta": [{"id": ADA}, {"id": RULED}], "owners@delta": [{"id": ADA}]})
    };
    for set in ["groups/$delta", "groups"] {
        let first = json!([team(SALES), team(RULED), team(ALL), gone(PAUSED)]);
        let then = json!([
            {"id": SALES, "description": null, "members@delta": [gone(ADA), {"id": BEN}],
             "owners@delta": [gone(ADA)]},
            gone(ALL),
            {"id": ALL, "displayName": "All", "mailEnabled": false, "securityEnabled": true, "mailNickname": "a"},
            gone(RULED),
        ]);
        let tenant = tenant();
        let done = tenant
            .import(&files([users(), changes(set, [first, then])]))
            .unwrap();
        let groups = tenant.groups();
        assert_eq!(groups[0]["description"], Json::Null, "{}", groups[0]);
        assert!(tenant.keepers(SALES).is_empty());
        let all: Vec<(&Json, &Json)> = groups
            .iter()
            .map(|it| (&it["displayName"], &it["members"]))
            .collect();
        let (sales, back) = ((json!("A team"), json!([BEN])), (json!("All"), json!([])));
        assert_eq!(all, [(&sales.0, &sales.1), (&back.0, &back.1)]);
        assert!(
            left(&done).contains(&("deleted groups", 3)),
            "{:?}",
            left(&done)
        );
    }
}

/// Devices and whose they are.
#[tokio::test(start_paused = true)]
async fn devices_are_as_they_were_named_last() {
    let machine = |id: &str, device: &str| {
        json!({"id": id, "deviceId": device, "displayName": "PC-1", "operatingSystem": "Windows",
            "trustType": "AzureAd", "registeredOwners@delta": [{"id": ADA}, {"id": BEN}]})
    };
    for set in ["devices/$delta", "devices"] {
        let mut one = machine(PC, PC_DEVICE);
        one["registeredUsers@delta"] = json!([{"id": BEN}, gone(ADA)]);
        let first = json!([one, machine(PC_AUTOPILOT, PC_AUTOPILOT)]);
        let then = json!([
            {"id": PC, "accountEnabled": false, "registeredOwners@delta": [gone(ADA)]},
            gone(PC_AUTOPILOT),
        ]);
        let peer = Peer::open(options()).await;
        let files = files([users(), changes(set, [first, then])]);
        let done = peer.tenant.import(&files).unwrap();
        assert_eq!(done.devices, 1);
        assert_eq!(peer.tenant.hardware()[0].enabled, Some(false));
        for related in ["registeredOwners", "registeredUsers"] {
            let got = peer.get(&format!("/devices/{PC}/{related}")).await;
            let ids = got.body["value"].as_array().unwrap().iter();
            let ids: Vec<&Json> = ids.map(|it| &it["id"]).collect();
            assert_eq!(ids, [BEN], "{related}");
        }
        assert!(left(&done).contains(&("deleted devices", 1)));
    }
}

/// A copy has what Rollcall would command (`commanded` of the Intune connector has the same names), and no more.
#[test]
fn what_intune_commands_is_taken_over() {
    for (agent, there) in [
        ("mdm", 1),
        ("easMdm", 1),
        ("intuneClient", 1),
        ("easIntuneClient", 1),
        ("configurationManagerClientMdm", 1),
        ("configurationManagerClientMdmEas", 1),
        ("googleCloudDevicePolicyController", 1),
        ("unknown", 1),
        ("intuneAosp", 1),
        ("eas", 0),
        ("configurationManagerClient", 0),
        ("jamf", 0),
        ("microsoft365ManagedMdm", 0),
        ("msSense", 0),
    ] {
        let tenant = tenant();
        let device =
            json!({"id": PC_MANAGED, "operatingSystem": "Windows", "managementAgent": agent});
        let devices = page("deviceManagement/managedDevices", &json!([device]));
        assert_eq!(
            tenant.import(&files([devices])).unwrap().devices,
            there,
            "{agent}"
        );
    }
}
