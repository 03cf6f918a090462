//! The vendor's quota tables as data: `data/throttling.json`, read into types once.
//!
//! The file was compiled from Microsoft's public documentation (learn.microsoft.com/graph,
//! microsoftgraph/microsoft-graph-docs-contrib, CC-BY-4.0; each row names its page). Invariant:
//! no number of a quota or a cost is written in code.

use std::sync::OnceLock;

use serde::Deserialize;

use super::TenantSize;
use super::bucket::Bucket;

#[derive(Debug, Deserialize)]
pub(super) struct Table {
    buckets: Vec<Row>,
    cost_rules: CostRules,
}

#[derive(Debug, Deserialize)]
pub(super) struct Row {
    bucket: String,
    window_seconds: Option<u32>,
    limit: Option<u32>,
    limit_by_tenant_size: Option<Limits>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Limits {
    s: u32,
    m: u32,
    l: u32,
}

#[derive(Debug, Deserialize)]
struct CostRules {
    base_costs: Vec<BaseCost>,
    modifiers: Vec<Modifier>,
    floor_resource_units: u32,
}

#[derive(Debug, Deserialize)]
struct BaseCost {
    method: String,
    path: String,
    base_resource_units: u32,
    write_cost: u32,
    with_select_resource_units: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct Modifier {
    when: When,
    resource_units: i32,
}

/// When a modifier applies. A sentence the code does not know would be a cost it gets wrong, so
/// reading the table fails on one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum When {
    #[serde(rename = "$select present")]
    Select,
    #[serde(rename = "$expand present")]
    Expand,
    #[serde(rename = "$top < 20")]
    SmallPage,
    #[serde(rename = "POST /users in a B2C tenant")]
    ConsumerTenant,
}

/// What one call takes from each bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost([u32; Bucket::COUNT]);

impl Cost {
    /// Takes nothing: a batch envelope, whose items are metered one by one.
    pub const NONE: Self = Self([0; Bucket::COUNT]);

    /// The same, and so much from a bucket.
    #[must_use]
    pub const fn and(mut self, bucket: Bucket, amount: u32) -> Self {
        self.0[bucket as usize] = amount;
        self
    }

    /// What it takes from a bucket.
    pub const fn from(self, bucket: Bucket) -> u32 {
        self.0[bucket as usize]
    }

    /// Resource units of identity.
    pub const fn units(self) -> u32 {
        self.from(Bucket::UnitsAppTenant)
    }

    /// A call of the identity service.
    const fn identity(units: u32, writes: u32) -> Self {
        Self::NONE
            .and(Bucket::UnitsAppTenant, units)
            .and(Bucket::WriteAppTenant, writes)
            .and(Bucket::WriteTenant, writes)
    }
}

/// Which service a path belongs to, where its calls are counted otherwise than those about people and
/// groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Identity,
    /// `/devices`: identity, and writes count once more.
    Device,
    /// `/users/{id}/authentication/…`: the limit of the reports names `authenticationMethod` among its
    /// resources.
    Report,
    /// Managed devices, and what is done to them.
    Managed,
    /// Any other area of Intune: Autopilot, managed applications.
    Intune,
}

impl Service {
    fn of(path: &str) -> Self {
        let mut parts = path.trim_start_matches('/').split('/');
        let first = parts.next().unwrap_or_default();
        let second = parts.next();
        match (first, second, parts.next()) {
            ("users", _, Some("authentication")) => Self::Report,
            ("users", _, Some("managedDevices"))
            | ("deviceManagement", Some("managedDevices"), _) => Self::Managed,
            ("users", _, Some("wipeManagedAppRegistrationsByDeviceTag"))
            | ("deviceManagement" | "deviceAppManagement", ..) => Self::Intune,
            ("devices", ..) => Self::Device,
            _ => Self::Identity,
        }
    }
}

pub(super) fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        serde_json::from_str(include_str!("../../data/throttling.json"))
            .expect("the bundled quota table is read by a test of this crate")
    })
}

impl Table {
    /// Limit and window in seconds of a bucket.
    pub(super) fn limit(&self, bucket: &str, size: TenantSize) -> (u32, u32) {
        let row = self
            .buckets
            .iter()
            .find(|row| row.bucket == bucket)
            .expect("every bucket named in code is in the bundled table");
        let by_size = row.limit_by_tenant_size.as_ref().map(|limits| match size {
            TenantSize::S => limits.s,
            TenantSize::M => limits.m,
            TenantSize::L => limits.l,
        });
        let limit = by_size
            .or(row.limit)
            .expect("every bucket named in code has a limit");
        (
            limit,
            row.window_seconds
                .expect("every bucket named in code has a window"),
        )
    }
}

/// What a call costs, by method and path template.
///
/// The template is the path under the version root with placeholders in braces
/// (`/users/{id}/manager/$ref`), followed by the query options that change the cost, by name and
/// if needed with their value (`/users?$select&$top=10`). A version in front (`/v1.0`) is
/// ignored. Exact template first, then the method's default row (a list's cost does not extend
/// to a single item); never below the documented floor; `/$batch` itself costs nothing, its
/// items do.
///
/// Source: "Identity and access service limits", learn.microsoft.com/graph/throttling-limits.
pub fn cost_of(method: &str, template: &str) -> Cost {
    let table = table();
    let (path, query) = template.split_once('?').unwrap_or((template, ""));
    let path = ["/v1.0/", "/beta/"]
        .iter()
        .find_map(|root| path.strip_prefix(root))
        .map_or_else(|| path.to_owned(), |rest| format!("/{rest}"));
    if path == "/$batch" {
        return Cost::NONE;
    }
    let writes = u32::from(!matches!(method, "GET" | "HEAD"));
    let service = Service::of(&path);
    match service {
        Service::Report => return Cost::NONE.and(Bucket::ReportsAppTenant, 1),
        Service::Managed => {
            return Cost::NONE
                .and(Bucket::ManagedAppTenant, 1)
                .and(Bucket::ManagedTenant, 1)
                .and(Bucket::ManagedWriteAppTenant, writes)
                .and(Bucket::ManagedWriteTenant, writes);
        }
        Service::Intune => {
            return Cost::NONE
                .and(Bucket::IntuneAppTenant, 1)
                .and(Bucket::IntuneTenant, 1)
                .and(Bucket::IntuneWriteAppTenant, writes)
                .and(Bucket::IntuneWriteTenant, writes);
        }
        Service::Identity | Service::Device => {}
    }
    let identity = |units, writes| {
        let cost = Cost::identity(units, writes);
        match service {
            Service::Device => cost.and(Bucket::DeviceWriteAppTenant, writes),
            Service::Identity | Service::Report | Service::Managed | Service::Intune => cost,
        }
    };
    let rows = || {
        table
            .cost_rules
            .base_costs
            .iter()
            .filter(|row| row.method == method)
    };
    let Some(row) = rows()
        .find(|row| same_template(&row.path, &path))
        .or_else(|| rows().find(|r| r.path == "*"))
    else {
        // A method that the table does not know changes something: the dearest default.
        return identity(1, 1);
    };
    let option = |name: &str| {
        query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then_some(value)
        })
    };
    let select = option("$select").is_some();
    if let (true, Some(units)) = (select, row.with_select_resource_units) {
        return identity(units, row.write_cost);
    }
    let mut units = i64::from(row.base_resource_units);
    for modifier in &table.cost_rules.modifiers {
        let applies = match modifier.when {
            When::Select => select,
            When::Expand => option("$expand").is_some(),
            When::SmallPage => option("$top")
                .and_then(|top| top.parse::<u32>().ok())
                .is_some_and(|top| top < 20),
            // A workforce tenant; consumer tenants are not a target.
            When::ConsumerTenant => false,
        };
        if applies {
            units += i64::from(modifier.resource_units);
        }
    }
    let floor = table.cost_rules.floor_resource_units;
    identity(u32::try_from(units).unwrap_or(0).max(floor), row.write_cost)
}

/// Same segments; anything in braces stands for anything in braces.
fn same_template(left: &str, right: &str) -> bool {
    let placeholder = |s: &str| s.starts_with('{') && s.ends_with('}');
    let (mut left, mut right) = (left.split('/'), right.split('/'));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a == b || (placeholder(a) && placeholder(b)) => {}
            (Some(_) | None, _) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Method, template → resource units, writes, as in the published table.
    #[test]
    fn costs_are_those_of_the_table() {
        let table = [
            ("GET", "/users", 2, 0),
            ("GET", "/users?$select", 1, 0),
            ("GET", "/v1.0/users?$select=id&$top=999", 1, 0),
            ("GET", "/users?$top=10&$select", 1, 0),
            ("GET", "/users?$expand", 3, 0),
            ("GET", "/users/{id}", 1, 0),
            ("GET", "/users/{id}?$select", 1, 0),
            ("GET", "/groups/{id}/transitiveMembers?$select", 4, 0),
            ("GET", "/groups/{groupId}/members", 3, 0),
            ("GET", "/groups/{id}/members?$select&$top=999", 2, 0),
            ("GET", "/groups/{id}/membersWithLicenseErrors?$select", 1, 0),
            ("GET", "/groups/{id}?$select", 1, 0),
            ("GET", "/subscribedSkus?$select", 2, 0),
            ("PATCH", "/groups/{id}", 1, 1),
            ("POST", "/groups/{id}/members/$ref", 1, 1),
            ("DELETE", "/groups/{id}/members/{id}/$ref", 1, 1),
            ("POST", "/groups/{id}/assignLicense", 1, 1),
            ("POST", "/users/{id}/assignLicense", 1, 1),
            ("POST", "/users", 1, 1),
            ("PATCH", "/users/{id}", 1, 1),
            ("PUT", "/users/{id}/manager/$ref", 1, 1),
            ("DELETE", "/users/{id}/manager/$ref", 1, 1),
            ("POST", "/users/{id}/checkMemberGroups", 4, 0),
            ("POST", "/directoryObjects/getByIds", 5, 0),
            ("POST", "/directoryObjects/getByIds?$select", 2, 0),
            ("POST", "/v1.0/$batch", 0, 0),
            ("MERGE", "/users", 1, 1),
        ];
        for (method, template, units, writes) in table {
            assert_eq!(
                cost_of(method, template),
                Cost::identity(units, writes),
                "{method} {template}"
            );
        }
    }

    #[test]
    fn calls_about_methods_are_reports() {
        for (method, template) in [
            ("GET", "/users/{id}/authentication/methods"),
            (
                "DELETE",
                "/v1.0/users/{id}/authentication/fido2Methods/{id}",
            ),
        ] {
            let report = Cost::NONE.and(Bucket::ReportsAppTenant, 1);
            assert_eq!(cost_of(method, template), report, "{template}");
        }
        assert_eq!(table().limit("reports.app_tenant", TenantSize::L), (5, 10));
    }

    /// Method, template → the buckets of devices and of Intune that it takes one from.
    #[test]
    fn calls_about_devices_have_buckets_of_their_own() {
        use Bucket::{
            DeviceWriteAppTenant, IntuneAppTenant, IntuneTenant, IntuneWriteAppTenant,
            IntuneWriteTenant, ManagedAppTenant, ManagedTenant, ManagedWriteAppTenant,
            ManagedWriteTenant, UnitsAppTenant, WriteAppTenant, WriteTenant,
        };
        let managed = [ManagedAppTenant, ManagedTenant];
        let managed_write = [
            ManagedAppTenant,
            ManagedTenant,
            ManagedWriteAppTenant,
            ManagedWriteTenant,
        ];
        let other = [IntuneAppTenant, IntuneTenant];
        let other_write = [
            IntuneAppTenant,
            IntuneTenant,
            IntuneWriteAppTenant,
            IntuneWriteTenant,
        ];
        let device_write = [
            UnitsAppTenant,
            WriteAppTenant,
            WriteTenant,
            DeviceWriteAppTenant,
        ];
        let table: [(&str, &str, &[Bucket]); 9] = [
            ("GET", "/deviceManagement/managedDevices?$select", &managed),
            ("GET", "/users/{id}/managedDevices", &managed),
            (
                "POST",
                "/deviceManagement/managedDevices/{id}/wipe",
                &managed_write,
            ),
            (
                "GET",
                "/deviceManagement/windowsAutopilotDeviceIdentities",
                &other,
            ),
            (
                "GET",
                "/deviceAppManagement/managedAppRegistrations",
                &other,
            ),
            (
                "POST",
                "/users/{id}/wipeManagedAppRegistrationsByDeviceTag",
                &other_write,
            ),
            (
                "GET",
                "/beta/deviceManagement/operationApprovalRequests",
                &other,
            ),
            ("PATCH", "/devices/{id}", &device_write),
            ("GET", "/devices/{id}?$select", &[UnitsAppTenant]),
        ];
        for (method, template, buckets) in table {
            let wanted = buckets.iter().fold(Cost::NONE, |cost, it| cost.and(*it, 1));
            assert_eq!(cost_of(method, template), wanted, "{method} {template}");
        }
        for bucket in Bucket::ALL {
            let (limit, window) = super::table().limit(bucket.name(), TenantSize::L);
            assert!(limit > 0 && window > 0, "{}", bucket.name());
        }
    }

    /// The limits that the rest of the crate is tested against.
    #[test]
    fn limits_are_those_of_the_table() {
        let table = table();
        let limits = |size| table.limit("identity.ru.app_tenant", size);
        assert_eq!(limits(TenantSize::S), (3500, 10));
        assert_eq!(limits(TenantSize::M), (5000, 10));
        assert_eq!(limits(TenantSize::L), (8000, 10));
        assert_eq!(
            table.limit("identity.write.app_tenant", TenantSize::S),
            (3000, 150)
        );
        assert_eq!(
            table.limit("identity.write.tenant", TenantSize::L),
            (18_000, 300)
        );
    }
}
