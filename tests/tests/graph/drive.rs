//! Everything that the connectors can ask of Graph, asked of a rehearsal tenant and written down.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures::TryStreamExt as _;
use http::Request;
use rollcall_core::model::{
    AccountName, ActionId, Asset, Attributes, Changes, DeviceAim, DeviceQuestion, Ending,
    GroupName, GroupStep, Licence, Lookup, ObjectId, Op, Ownership, PersonKey, Platform, Since,
    Step, Value, WantedGroup,
};
use rollcall_core::policy::Policy;
use rollcall_entra::{Entra, EntraConfig, Wants};
use rollcall_http::{Clock, Exchange, Secret};
use rollcall_intune::Intune;
use rollcall_rehearsal::{
    AppRegistration, Decision, Device, DeviceAction, Enrolment, Join, Owner, Platform as Hardware,
    Tenant, TenantOptions,
};
use serde_json::{Value as Json, json};
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

use crate::checker::Sent;

const NOW: &str = "2026-03-16T02:00:00Z";

/// What was sent so far.
pub(crate) type Record = Arc<Mutex<Vec<Sent>>>;

/// The connectors before a tenant, and what they sent.
struct Stage {
    entra: Entra,
    intune: Intune,
    tenant: Tenant,
    record: Record,
}

/// Writes down whatever goes to Graph.
fn recording(inner: Exchange, record: Record) -> Exchange {
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<bytes::Bytes>| {
        let target = request.uri().path_and_query().expect("a path").to_string();
        if !target.contains("/oauth2/") {
            let headers = request.headers().iter().map(|(name, value)| {
                let value = value.to_str().expect("headers are ASCII");
                (name.as_str().to_lowercase(), value.to_owned())
            });
            let body = request.body();
            record.lock().expect("nobody panics here").push(Sent {
                method: request.method().to_string(),
                target,
                headers: headers.collect(),
                body: (!body.is_empty())
                    .then(|| serde_json::from_slice(body).expect("bodies are JSON")),
            });
        }
        inner.clone().oneshot(request)
    }))
}

fn stage() -> Stage {
    let clock = Clock::starting_at(NOW.parse().expect("an instant"));
    let seats = [("SPE_E5", 50), ("POWER_BI_PRO", 50)];
    let options = TenantOptions {
        seats: seats.map(|(sku, n)| (sku.to_owned(), n)).into(),
        approvals: vec![DeviceAction::Wipe],
        ..TenantOptions::default()
    };
    let (tenant_id, client_id) = (options.tenant_id.clone(), options.client_id.clone());
    let secret = Secret::new(options.client_secret.clone());
    let tenant = Tenant::open(options, clock).expect("a tenant in memory");
    let record = Record::default();
    let exchange = recording(tenant.exchange(), Arc::clone(&record));
    let config = EntraConfig::new(&tenant_id, &client_id, secret);
    let entra = Entra::new(config, exchange, clock).expect("a connector");
    Stage {
        intune: Intune::new(entra.client().clone()),
        entra,
        tenant,
        record,
    }
}

/// A user of the tenant, enabled.
fn user(tenant: &Tenant, key: &str, more: &Json) -> ObjectId {
    let mut user = json!({
        "accountEnabled": true, "displayName": format!("Worker {key}"), "mailNickname": key,
        "userPrincipalName": format!("{key}@woodgrove.example"), "employeeId": key,
        "usageLocation": "NO",
    });
    let members = user.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("an object").clone());
    ObjectId::new(tenant.put_user(user).expect("a user"))
}

fn step(op: Op, key: &str, object: Option<&ObjectId>) -> Step {
    let action = ActionId::new(format!("a-{key}-{op}"));
    Step {
        object: object.cloned(),
        ..Step::new(action, PersonKey::new(key), op, key)
    }
}

fn texts(pairs: &[(&str, &str)]) -> Attributes {
    let pairs = pairs.iter();
    pairs
        .map(|(name, text)| ((*name).to_owned(), Value::text(*text)))
        .collect()
}

impl Stage {
    /// Carries a step out; whatever it is, the tenant takes it.
    async fn takes(&self, step: Step) -> Option<ObjectId> {
        let result = if step.op.on_device() {
            self.intune.apply(&step).await
        } else {
            self.entra.apply(&step).await
        };
        let settled = result.ending.settled() || matches!(result.ending, Ending::Waiting { .. });
        assert!(settled, "{}: {:?}", step.op, result.ending);
        result.object
    }
}

/// Asks everything once; what was sent, in order.
pub(crate) async fn everything() -> Vec<Sent> {
    let stage = stage();
    people(&stage).await;
    access(&stage).await;
    groups(&stage).await;
    estate(&stage).await;
    sign_in(&stage).await;
    roles(&stage).await;
    devices(&stage).await;
    looking(&stage).await;
    let sent = stage.record.lock().expect("nobody panics here");
    sent.clone()
}

async fn people(stage: &Stage) {
    let boss = user(&stage.tenant, "boss", &json!({}));
    let made = Step {
        write: texts(&[
            ("userPrincipalName", "new@woodgrove.example"),
            ("mailNickname", "new"),
            ("displayName", "Nora Ås"),
            ("employeeId", "new"),
            ("employeeHireDate", "2026-03-20T00:00:00Z"),
            ("employeeLeaveDateTime", "2027-03-20T00:00:00Z"),
            ("employeeOrgData.division", "North"),
            ("usageLocation", "NO"),
            ("extension_00000000000000000000000000000002_shift", "late"),
        ]),
        ..step(Op::UserCreate, "new", None)
    };
    // The extension is registered nowhere: left out where the tenant has none.
    let made = Step {
        write: made
            .write
            .into_iter()
            .filter(|(name, _)| !name.starts_with("extension_"))
            .collect(),
        ..made
    };
    let new = stage.takes(made).await.expect("an account");
    let mut write = texts(&[
        ("department", "Research"),
        ("employeeOrgData.division", "South"),
    ]);
    write.insert("mobilePhone".to_owned(), Value::Null);
    write.insert(
        "businessPhones".to_owned(),
        Value::List(vec![Value::text("+47 22 00 00 00")]),
    );
    let before = texts(&[("employeeOrgData.division", "North")]);
    let update = Step {
        write,
        before,
        ..step(Op::UserUpdate, "new", Some(&new))
    };
    stage.takes(update).await;
    let manager = Step {
        manager: Some(boss),
        ..step(Op::UserSetManager, "new", Some(&new))
    };
    stage.takes(manager).await;
    stage
        .takes(step(Op::UserClearManager, "new", Some(&new)))
        .await;
    for op in [
        Op::UserEnable,
        Op::UserDisable,
        Op::UserRevokeSessions,
        Op::UserDeleteSoft,
        Op::UserRestore,
    ] {
        stage.takes(step(op, "new", Some(&new))).await;
    }
}

async fn access(stage: &Stage) {
    let group = json!({
        "displayName": "Chess", "mailEnabled": false, "mailNickname": "chess", "securityEnabled": true,
        "groupTypes": [],
    });
    let group = ObjectId::new(stage.tenant.put_group(&group).expect("a group"));
    let people: Vec<ObjectId> = (0..3)
        .map(|n| user(&stage.tenant, &format!("in{n}"), &json!({})))
        .collect();
    let add = |n: usize| Step {
        group: Some(group.clone()),
        ..step(Op::GroupAdd, &format!("in{n}"), Some(&people[n]))
    };
    stage.takes(add(0)).await;
    let results = stage.entra.add_members(&group, &[add(1), add(2)]).await;
    assert!(results.iter().all(|it| it.ending.settled()), "{results:?}");
    let remove = Step {
        op: Op::GroupRemove,
        ..add(0)
    };
    stage.takes(remove).await;
    let licence = |op: Op| Step {
        licence: Some(Licence {
            sku: "SPE_E5".to_owned(),
            disabled_plans: Vec::new(),
        }),
        ..step(op, "in1", Some(&people[1]))
    };
    stage.takes(licence(Op::LicenceAssign)).await;
    stage.takes(licence(Op::LicenceRemove)).await;
}

async fn groups(stage: &Stage) {
    let wanted = |name: &str, licences: Vec<Licence>| WantedGroup {
        unique: "rollcall-o'hara".to_owned(),
        name: name.to_owned(),
        description: Some("who reports there".to_owned()),
        rule: Some("user.department -eq \"Research\"".to_owned()),
        licences,
    };
    let find = [GroupName::Unique("rollcall-o'hara".to_owned())];
    let mut before = None;
    for (op, wanted) in [
        (Op::GroupCreate, wanted("O'Hara", Vec::new())),
        (Op::GroupUpdate, wanted("O'Hara's", Vec::new())),
        (
            Op::GroupLicense,
            wanted(
                "O'Hara's",
                vec![Licence {
                    sku: "POWER_BI_PRO".to_owned(),
                    disabled_plans: Vec::new(),
                }],
            ),
        ),
    ] {
        let step = GroupStep {
            action: ActionId::new(format!("a-{op}")),
            op,
            wanted,
            before: before.take(),
        };
        let result = stage.entra.keep_group(&step).await;
        assert!(result.ending.settled(), "{op}: {:?}", result.ending);
        let found = stage.entra.find_groups(&find).await.expect("an answer");
        before = found.into_iter().next().flatten();
    }
    let id = before.expect("the group").id;
    stage
        .entra
        .find_groups(&[GroupName::Id(id.clone())])
        .await
        .expect("an answer");
    let members: Vec<Vec<ObjectId>> = stage
        .entra
        .group_members(&id)
        .try_collect()
        .await
        .expect("members");
    assert!(
        members.iter().flatten().count() > 0,
        "the rule takes somebody in"
    );
    stage
        .entra
        .group_licence_errors(&id)
        .await
        .expect("an answer");
}

async fn estate(stage: &Stage) {
    let heir = user(&stage.tenant, "heir", &json!({}));
    let leaver = user(&stage.tenant, "keeper", &json!({}));
    let report = user(&stage.tenant, "report", &json!({}));
    let link = |id: &ObjectId| format!("https://graph.microsoft.com/v1.0/users/{id}");
    let group = json!({
        "displayName": "Works", "mailEnabled": false, "mailNickname": "works", "securityEnabled": true,
        "groupTypes": [], "owners@odata.bind": [link(&leaver)],
    });
    let group = stage.tenant.put_group(&group).expect("a group");
    let app = json!({"displayName": "Payroll", "owners@odata.bind": [link(&leaver)]});
    let app = stage.tenant.put_application(&app).expect("an application");
    let service = json!({"displayName": "Payroll", "owners@odata.bind": [link(&leaver)]});
    let service = stage.tenant.put_service(&service).expect("a service");
    let guest = user(
        &stage.tenant,
        "guest",
        &json!({"userType": "Guest", "userPrincipalName": "guest_x#EXT#@woodgrove.example"}),
    );
    stage
        .tenant
        .put_sponsor(guest.as_str(), leaver.as_str())
        .expect("a sponsor");
    let manager = Step {
        manager: Some(leaver.clone()),
        ..step(Op::UserSetManager, "report", Some(&report))
    };
    stage.takes(manager).await;
    let kinds: BTreeSet<Asset> = Asset::ALL.into_iter().collect();
    let accounts = [leaver.clone()];
    let seen = stage
        .entra
        .estates(&accounts, &kinds)
        .await
        .expect("an answer");
    assert!(!seen[0].owned.is_empty());
    for (op, asset, id) in [
        (Op::OwnerAdd, Asset::Group, ObjectId::new(group)),
        (Op::OwnerAdd, Asset::Application, ObjectId::new(app)),
        (Op::OwnerAdd, Asset::Service, ObjectId::new(service)),
        (Op::SponsorAdd, Asset::Guest, guest),
        (Op::ReportHandOver, Asset::Report, report),
    ] {
        let step = Step {
            manager: Some(heir.clone()),
            handed: Some((asset, id)),
            ..step(op, "keeper", Some(&leaver))
        };
        stage.takes(step).await;
    }
}

async fn sign_in(stage: &Stage) {
    let leaver = user(&stage.tenant, "methods", &json!({}));
    for kind in [
        "phone",
        "fido2",
        "microsoftAuthenticator",
        "softwareOath",
        "email",
        "windowsHelloForBusiness",
        "platformCredential",
    ] {
        let method = json!({"@odata.type": format!("#microsoft.graph.{kind}AuthenticationMethod")});
        stage
            .tenant
            .put_method(leaver.as_str(), &method)
            .expect("a method");
    }
    stage
        .takes(step(Op::UserResetPassword, "methods", Some(&leaver)))
        .await;
    stage
        .takes(step(Op::AuthMethodsRemove, "methods", Some(&leaver)))
        .await;
    let joiner = user(&stage.tenant, "pass", &json!({}));
    let pass = step(Op::TapIssue, "pass", Some(&joiner));
    let start = "2026-03-16T06:00:00Z".parse().expect("an instant");
    let issued = stage.entra.issue_pass(&pass, start, 480).await;
    let id = issued.pass.expect("a pass").id;
    assert!(stage.entra.withdraw_pass(&pass, &id).await.ending.settled());
}

async fn roles(stage: &Stage) {
    let leaver = user(&stage.tenant, "roles", &json!({}));
    for (role, eligible) in [("User Administrator", false), ("Security Reader", true)] {
        stage
            .tenant
            .put_role(leaver.as_str(), role, "/", eligible)
            .expect("a role");
    }
    stage
        .tenant
        .put_app_role(leaver.as_str(), "Payroll")
        .expect("a role");
    let held = stage
        .entra
        .holdings(std::slice::from_ref(&leaver))
        .await
        .expect("an answer");
    let held = held[0].clone().expect("the tenant shows them");
    let of = |op: Op, role: &str| Step {
        role: Some(role.to_owned()),
        ..step(op, "roles", Some(&leaver))
    };
    for role in &held.roles {
        stage.takes(of(Op::RoleRemove, role)).await;
    }
    for role in &held.roles {
        stage.takes(of(Op::RoleAdd, role)).await;
    }
    for app in &held.app_roles {
        stage.takes(of(Op::AppRoleRemove, app)).await;
    }
}

fn laptop(user: &str, serial: &str) -> Device {
    Device {
        serial: serial.to_owned(),
        enrolment: Some(Enrolment::Automated),
        join: Some(Join::Joined),
        primary_user: Some(user.to_owned()),
        owners: vec![user.to_owned()],
        users: vec![user.to_owned()],
        encrypted: true,
        escrowed_keys: 1,
        ..Device::default()
    }
}

async fn devices(stage: &Stage) {
    let leaver = user(&stage.tenant, "devices", &json!({}));
    let id = leaver.as_str();
    let tablet = Device {
        platform: Hardware::Ios,
        enrolment: Some(Enrolment::Automated),
        supervised: true,
        primary_user: None,
        encrypted: false,
        escrowed_keys: 0,
        ..laptop(id, "PAD")
    };
    let own = Device {
        owner: Owner::Personal,
        enrolment: Some(Enrolment::User),
        ..laptop(id, "OWN")
    };
    let apps = Device {
        enrolment: None,
        join: None,
        owner: Owner::Personal,
        platform: Hardware::Android,
        apps: vec![AppRegistration {
            user: id.to_owned(),
            app: "com.example.mail".to_owned(),
            device_tag: "tag-7".to_owned(),
            opened: None,
        }],
        encrypted: false,
        escrowed_keys: 0,
        primary_user: None,
        owners: Vec::new(),
        users: Vec::new(),
        ..laptop(id, "APPS")
    };
    for device in [laptop(id, "PC"), own, apps] {
        stage.tenant.put_device(&device).expect("a device");
    }
    let tablet = stage.tenant.put_device(&tablet).expect("a device");
    let shared = Step {
        device: Some(DeviceAim {
            record: tablet.managed.expect("it is managed"),
            owner: Ownership::Company,
            os: Platform::Ios,
            consent: None,
            keep_esim: false,
        }),
        ..step(Op::DeviceRemoveUser, "devices", Some(&leaver))
    };
    stage.takes(shared).await;
    let seen = stage
        .intune
        .devices(std::slice::from_ref(&leaver))
        .await
        .expect("an answer");
    let seen = seen[0].clone().expect("the tenant shows them");
    assert_eq!(seen.len(), 4, "{seen:?}");
    let mut questions = Vec::new();
    for device in &seen {
        for op in [
            Op::DeviceEscrowCheck,
            Op::DeviceDisable,
            Op::DeviceRetire,
            Op::DeviceWipe,
            Op::AppSelectiveWipe,
            Op::DeviceDeleteEntra,
        ] {
            let company = device.owner == Ownership::Company;
            let fits = (op != Op::DeviceRetire || !company) && (op != Op::DeviceWipe || company);
            let Some(Some(record)) = device.record(op).filter(|_| fits) else {
                continue;
            };
            let aim = |consent: Option<String>| Step {
                device: Some(DeviceAim {
                    record: record.to_owned(),
                    owner: device.owner,
                    os: device.os,
                    consent,
                    keep_esim: false,
                }),
                ..step(op, "devices", Some(&leaver))
            };
            let result = stage.intune.apply(&aim(None)).await;
            let question = |consent: Option<String>| DeviceQuestion {
                device: device.id.clone(),
                op,
                record: record.to_owned(),
                taken: Some(NOW.parse().expect("an instant")),
                heard: true,
                consent,
            };
            if let Some(code) = result.consent.clone() {
                questions.push(question(Some(code.clone())));
                let at = NOW.parse().expect("an instant");
                stage
                    .tenant
                    .decide(&code, Decision::Approve, at)
                    .expect("a request");
                let again = stage.intune.apply(&aim(Some(code))).await;
                assert!(again.ending.settled(), "{op}: {:?}", again.ending);
            }
            if op.commands() {
                questions.push(question(None));
                // One whose record is gone: what Intune wrote down is asked for.
                questions.push(DeviceQuestion {
                    record: "5f3a09c1-0000-4000-8000-00000000dead".to_owned(),
                    ..question(None)
                });
            }
        }
    }
    stage
        .intune
        .looks(Some(&leaver), &questions)
        .await
        .expect("an answer");
}

async fn looking(stage: &Stage) {
    let attributes = [
        "department".to_owned(),
        "employeeOrgData.division".to_owned(),
    ];
    let all: Vec<_> = stage
        .entra
        .list_accounts(&attributes)
        .try_collect()
        .await
        .expect("accounts");
    let first = all.into_iter().flatten().next().expect("somebody");
    let told: Vec<_> = stage
        .entra
        .changes(Since::Ever)
        .try_collect()
        .await
        .expect("changes");
    let Some(Changes::Upto(link)) = told.last() else {
        panic!("no end: {told:?}");
    };
    let told: Vec<_> = stage
        .entra
        .changes(Since::Link(link))
        .try_collect()
        .await
        .expect("changes");
    assert_eq!(told.len(), 2, "a page, and the end");
    let lookups = [
        Lookup::Key("o'brien".to_owned()),
        Lookup::Name(AccountName::new("boss@woodgrove.example")),
        Lookup::Name(AccountName::new("$odd@woodgrove.example")),
        Lookup::Id(first.id.clone()),
    ];
    stage
        .entra
        .look_up(&lookups, &attributes)
        .await
        .expect("an answer");
    stage.entra.seats().await.expect("an answer");
    stage
        .entra
        .licence_states(std::slice::from_ref(&first.id))
        .await
        .expect("an answer");
    stage.entra.sight(&first.id, true).await.expect("an answer");
    let policy = "format_version = 1\n[status]\nactive = [\"A\"]\ninactive = [\"I\"]\n\
                  [joiner]\npass = { local = \"07:00:00\", minutes = 480 }\n";
    let policy = Policy::parse(policy, "policy.toml").expect("a policy");
    stage
        .entra
        .probe(Wants::default().with(&policy))
        .await
        .expect("an answer");
}

/// Requests of batches one by one, as if each had been sent alone.
pub(crate) fn apart(sent: &[Sent]) -> Vec<Sent> {
    let mut out = Vec::new();
    for one in sent {
        let items = one.body.as_ref().and_then(|it| it["requests"].as_array());
        let Some(items) = items.filter(|_| one.target.ends_with("/$batch")) else {
            out.push(one.clone());
            continue;
        };
        out.extend(items.iter().map(|item| {
            let headers: BTreeMap<String, String> = one.headers.clone();
            Sent {
                method: item["method"].as_str().unwrap_or_default().to_owned(),
                target: format!("/v1.0{}", item["url"].as_str().unwrap_or_default()),
                headers,
                body: item.get("body").cloned(),
            }
        }));
    }
    out
}
