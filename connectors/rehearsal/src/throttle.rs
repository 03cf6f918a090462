//! The published quotas, metered on the tenant's clock.
//!
//! Rows and costs come from `data/throttling.json`. Each bucket runs full at its limit and drains
//! evenly over its window. Invariant: a call that is refused still counts ("requests sent while
//! throttled still count", throttling guidance), up to 180 % of the limit, which is where
//! `x-ms-throttle-limit-percentage` ends.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use jiff::Timestamp;
use serde::Deserialize;

use crate::options::Size;
use crate::refusal::Throttled;

static TEXT: &str = include_str!("../data/throttling.json");

/// Whose limits a call counts against, next to those of Graph as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// Nobody's: the envelope of a batch.
    Graph,
    /// Resource units and writes of the directory.
    Directory,
    /// The same, and writes to devices on top.
    DirectoryDevices,
    /// The published list of reports names `authenticationMethod`.
    Reports,
    IntuneDevices,
    /// Every other area of Intune.
    IntuneOther,
}

impl Service {
    /// By the template of a path.
    fn of(template: &str) -> Self {
        if template.starts_with("/users/{id}/authentication/") {
            Self::Reports
        } else if template.starts_with("/devices") {
            Self::DirectoryDevices
        } else if template.contains("/managedDevices") {
            Self::IntuneDevices
        } else if template.contains("/deviceManagement/")
            || template.starts_with("/deviceAppManagement/")
            || template.ends_with("/wipeManagedAppRegistrationsByDeviceTag")
        {
            Self::IntuneOther
        } else {
            Self::Directory
        }
    }

    /// Counts in resource units and writes.
    pub(crate) const fn is_directory(self) -> bool {
        matches!(self, Self::Directory | Self::DirectoryDevices)
    }

    pub(crate) const fn is_intune(self) -> bool {
        matches!(self, Self::IntuneDevices | Self::IntuneOther)
    }
}

/// Used beyond the limit at most, as a share of it.
const OVERRUN: f64 = 1.8;

#[derive(Debug, Deserialize)]
struct Table {
    buckets: Vec<Row>,
    cost_rules: CostRules,
}

#[derive(Debug, Deserialize)]
struct Row {
    bucket: String,
    service: String,
    scope: String,
    unit: String,
    window_seconds: Option<u32>,
    limit: Option<u32>,
    limit_by_tenant_size: Option<BTreeMap<String, u32>>,
    methods: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct CostRules {
    base_costs: Vec<BaseCost>,
    modifiers: Vec<Modifier>,
    floor_resource_units: i64,
}

#[derive(Debug, Deserialize)]
struct BaseCost {
    method: String,
    path: String,
    base_resource_units: i64,
    write_cost: u32,
    #[serde(default)]
    is_default: bool,
}

#[derive(Debug, Deserialize)]
struct Modifier {
    when: String,
    resource_units: i64,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| serde_json::from_str(TEXT).expect("the bundled quotas are well-formed"))
}

/// What a call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) units: u32,
    pub(crate) writes: u32,
    pub(crate) service: Service,
}

impl Cost {
    /// A call that only the global bucket counts: the envelope of a batch.
    pub(crate) const ENVELOPE: Self = Self {
        units: 0,
        writes: 0,
        service: Service::Graph,
    };

    /// By method, path template and query options; the default row of the method where the
    /// template has none of its own.
    pub(crate) fn of(method: &str, template: &str, query: &[(String, String)]) -> Self {
        let service = Service::of(template);
        if service == Service::Reports || service.is_intune() {
            let write = service.is_intune() && method != "GET";
            return Self {
                units: 0,
                writes: u32::from(write),
                service,
            };
        }
        let rules = &table().cost_rules;
        let rows = || rules.base_costs.iter().filter(|row| row.method == method);
        let row = rows()
            .find(|row| !row.is_default && row.path == template)
            .or_else(|| rows().find(|row| row.is_default));
        let Some(row) = row else {
            return Self {
                units: 1,
                writes: 0,
                service,
            };
        };
        let has = |name: &str| query.iter().any(|(known, _)| known == name);
        let small = query
            .iter()
            .any(|(name, value)| name == "$top" && value.parse::<u32>().is_ok_and(|top| top < 20));
        let modifiers = rules
            .modifiers
            .iter()
            .filter(|modifier| match modifier.when.as_str() {
                "$select present" => has("$select"),
                "$expand present" => has("$expand"),
                "$top < 20" => small,
                _ => false,
            });
        let units: i64 = row.base_resource_units + modifiers.map(|m| m.resource_units).sum::<i64>();
        let units = units.max(rules.floor_resource_units);
        Self {
            units: u32::try_from(units).unwrap_or(1),
            writes: row.write_cost,
            service,
        }
    }
}

/// Which later calls a Retry-After speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Covers {
    /// Every call of the application.
    All,
    /// Calls that count as writes.
    Writes,
    /// Calls of a service that counts calls.
    Of(Service),
    /// Those of them that write.
    WritesOf(Service),
    /// The same call again.
    Same(u64),
}

/// A refusal by quota.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Exhausted {
    /// Seconds.
    pub(crate) retry_after: f64,
    pub(crate) throttled: Throttled,
    pub(crate) covers: Covers,
}

/// What metering a call came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Charge {
    pub(crate) exhausted: Option<Exhausted>,
    /// The fullest bucket that the call takes from; 1.0 is full.
    pub(crate) fullest: f64,
}

#[derive(Debug)]
struct Meter {
    row: &'static Row,
    used: f64,
    at: Timestamp,
}

/// The buckets of one application in one tenant.
#[derive(Debug)]
pub(crate) struct Meters {
    buckets: Vec<Meter>,
    tenant_id: String,
    client_id: String,
}

impl Meters {
    /// Empty buckets, which is to say full quotas.
    pub(crate) fn new(tenant_id: &str, client_id: &str, now: Timestamp) -> Self {
        // Nobody is signed in, and `signInActivity` is not served.
        let ours =
            |row: &&Row| row.scope != "user+tenant" && !row.bucket.contains("signinactivity");
        let meters = table().buckets.iter().filter(ours);
        let meters = meters.filter(|row| row.counts().is_some());
        Self {
            buckets: meters
                .map(|row| Meter {
                    row,
                    used: 0.0,
                    at: now,
                })
                .collect(),
            tenant_id: tenant_id.to_owned(),
            client_id: client_id.to_owned(),
        }
    }

    /// Counts a call against every bucket that it matches; the first exhausted one refuses it.
    pub(crate) fn charge(
        &mut self,
        method: &str,
        cost: Cost,
        size: Size,
        now: Timestamp,
    ) -> Charge {
        let mut charge = Charge {
            exhausted: None,
            fullest: 0.0,
        };
        for meter in &mut self.buckets {
            let row = meter.row;
            let counts = row.counts();
            let amount = match (counts, row.unit.as_str()) {
                (Some(Service::Graph), _) => 1.0,
                (Some(Service::Directory), _) if !cost.service.is_directory() => 0.0,
                (Some(Service::Directory), "resource-unit") => f64::from(cost.units),
                (Some(Service::Directory), "write") => f64::from(cost.writes),
                (counts, _) => f64::from(u8::from(counts == Some(cost.service))),
            };
            let counted = row.methods.iter().any(|m| m == "*" || m == method);
            let (Some(limit), Some(window)) = (row.limit(size), row.window_seconds) else {
                continue;
            };
            if amount == 0.0 || !counted {
                continue;
            }
            let (limit, rate) = (f64::from(limit), f64::from(limit) / f64::from(window));
            let passed = now.duration_since(meter.at).as_secs_f64().max(0.0);
            let before = (meter.used - passed * rate).max(0.0);
            meter.at = now;
            meter.used = (before + amount).min(limit * OVERRUN);
            charge.fullest = charge.fullest.max(meter.used / limit);
            // A millionth for what rounding leaves behind after a wait.
            if before + amount > limit + 1e-6 && charge.exhausted.is_none() {
                let wait = (meter.used + amount - limit) / rate;
                charge.exhausted = Some(Exhausted {
                    retry_after: (wait * 1000.0).ceil() / 1000.0,
                    throttled: row.throttled(&self.tenant_id, &self.client_id),
                    covers: row.covers(),
                });
            }
        }
        charge
    }

    /// A refusal that no bucket asked for, as the quota that the call takes most from would word
    /// it.
    pub(crate) fn pretend(&self, cost: Cost, retry_after: f64) -> Exhausted {
        let bucket = match (cost.service, cost.writes > 0) {
            (Service::IntuneDevices, false) => "intune.devices.any.app_tenant",
            (Service::IntuneDevices, true) => "intune.devices.write.app_tenant",
            (Service::IntuneOther, false) => "intune.other.any.app_tenant",
            (Service::IntuneOther, true) => "intune.other.write.app_tenant",
            (_, false) => "identity.ru.app_tenant",
            (_, true) => "identity.write.app_tenant",
        };
        let row = self
            .buckets
            .iter()
            .map(|meter| meter.row)
            .find(|row| row.bucket == bucket);
        let throttled = row.map_or(
            Throttled {
                scope: String::new(),
                information: None,
            },
            |row| row.throttled(&self.tenant_id, &self.client_id),
        );
        Exhausted {
            retry_after,
            throttled,
            covers: row.map_or(Covers::All, Row::covers),
        }
    }
}

impl Row {
    /// What counts against it.
    fn counts(&self) -> Option<Service> {
        match self.service.as_str() {
            "microsoft-graph" => Some(Service::Graph),
            "identity-and-access" => Some(Service::Directory),
            "identity-and-access-device" => Some(Service::DirectoryDevices),
            "identity-and-access-reports" => Some(Service::Reports),
            "intune-devices" => Some(Service::IntuneDevices),
            "intune-other" => Some(Service::IntuneOther),
            _ => None,
        }
    }

    /// Only writes count.
    fn is_of_writes(&self) -> bool {
        self.unit == "write" || !self.methods.iter().any(|method| method == "*")
    }

    fn covers(&self) -> Covers {
        match self.counts() {
            Some(Service::Directory) if self.unit == "write" => Covers::Writes,
            None | Some(Service::Graph | Service::Directory) => Covers::All,
            Some(service) if self.is_of_writes() => Covers::WritesOf(service),
            Some(service) => Covers::Of(service),
        }
    }

    fn limit(&self, size: Size) -> Option<u32> {
        let name = match size {
            Size::S => "S",
            Size::M => "M",
            Size::L | Size::Auto => "L",
        };
        self.limit
            .or_else(|| self.limit_by_tenant_size.as_ref()?.get(name).copied())
    }

    fn throttled(&self, tenant_id: &str, client_id: &str) -> Throttled {
        let scope = match self.scope.as_str() {
            "tenant-all-apps" => "Tenant",
            "app-all-tenants" => "Application",
            _ => "Tenant_Application",
        };
        let (limit, information) = match self.unit.as_str() {
            "write" => ("Write", Some("WriteLimitExceeded")),
            "resource-unit" => ("ReadWrite", Some("ResourceUnitLimitExceeded")),
            _ if self.is_of_writes() => ("Write", None),
            _ => ("ReadWrite", None),
        };
        Throttled {
            scope: format!("{scope}/{limit}/{client_id}/{tenant_id}"),
            information,
        }
    }
}

impl Size {
    /// The row for a tenant of so many users.
    pub(crate) const fn of(users: usize) -> Self {
        match users {
            0..50 => Self::S,
            50..=500 => Self::M,
            _ => Self::L,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;

    use super::*;

    fn start() -> Timestamp {
        "2026-03-16T02:00:00Z".parse().unwrap()
    }

    /// Method, template, query → resource units, writes (throttling limits page, cost table).
    #[test]
    fn costs() {
        let table = [
            ("GET", "/users", "", 2, 0),
            ("GET", "/users", "$select=id", 1, 0),
            ("GET", "/users", "$top=5", 1, 0),
            ("GET", "/users", "$top=20", 2, 0),
            ("GET", "/users", "$select=id&$top=5", 1, 0),
            ("GET", "/users", "$expand=manager", 3, 0),
            ("GET", "/users/{id}", "", 1, 0),
            ("GET", "/users/{id}/memberOf", "", 2, 0),
            ("POST", "/users", "", 1, 1),
            ("PATCH", "/users/{id}", "", 1, 1),
            ("PUT", "/users/{id}/manager/$ref", "", 1, 1),
            ("DELETE", "/users/{id}", "", 1, 1),
            ("POST", "/users/{id}/checkMemberGroups", "", 4, 0),
        ];
        for (method, template, query, units, writes) in table {
            let query = crate::encoding::fields(query).unwrap();
            let cost = Cost::of(method, template, &query);
            assert_eq!(
                cost,
                Cost {
                    units,
                    writes,
                    service: Service::Directory
                },
                "{method} {template} {query:?}"
            );
        }
    }

    /// Method, template → whose quotas count it, and whether as a write.
    #[test]
    fn services() {
        let table = [
            ("GET", "/users", Service::Directory, 0),
            ("GET", "/users/{id}/ownedDevices", Service::Directory, 0),
            ("PATCH", "/devices/{id}", Service::DirectoryDevices, 1),
            (
                "GET",
                "/users/{id}/managedDevices",
                Service::IntuneDevices,
                0,
            ),
            (
                "POST",
                "/deviceManagement/managedDevices/{id}/wipe",
                Service::IntuneDevices,
                1,
            ),
            (
                "DELETE",
                "/deviceManagement/windowsAutopilotDeviceIdentities/{id}",
                Service::IntuneOther,
                1,
            ),
            (
                "POST",
                "/users/{id}/wipeManagedAppRegistrationsByDeviceTag",
                Service::IntuneOther,
                1,
            ),
            (
                "GET",
                "/deviceAppManagement/managedAppRegistrations",
                Service::IntuneOther,
                0,
            ),
            (
                "GET",
                "/beta/deviceManagement/operationApprovalRequests",
                Service::IntuneOther,
                0,
            ),
            (
                "POST",
                "/users/{id}/authentication/temporaryAccessPassMethods",
                Service::Reports,
                0,
            ),
        ];
        for (method, template, service, writes) in table {
            let cost = Cost::of(method, template, &[]);
            assert_eq!(
                (cost.service, cost.writes),
                (service, writes),
                "{method} {template}"
            );
            assert_eq!(cost.units > 0, service.is_directory(), "{template}");
        }
    }

    /// Every published limit of Intune and of device writes, to the call.
    #[test]
    fn limits_of_devices() {
        let table = [
            ("GET", "/deviceManagement/managedDevices", 2000),
            ("POST", "/deviceManagement/managedDevices/{id}/wipe", 200),
            ("GET", "/deviceAppManagement/managedAppRegistrations", 1000),
            (
                "DELETE",
                "/deviceManagement/windowsAutopilotDeviceIdentities/{id}",
                100,
            ),
            ("PATCH", "/devices/{id}", 3000),
        ];
        for (method, template, limit) in table {
            let cost = Cost::of(method, template, &[]);
            let mut meters = Meters::new("t", "c", start());
            let mut charge = || meters.charge(method, cost, Size::L, start()).exhausted;
            let passes = (0..10_000).take_while(|_| charge().is_none()).count();
            assert_eq!(passes, limit, "{method} {template}");
        }
        // A device write counts by itself, whatever other writes there are.
        let mut meters = Meters::new("t", "c", start());
        let cost = Cost::of("PATCH", "/devices/{id}", &[]);
        meters
            .buckets
            .retain(|meter| meter.row.bucket != "identity.write.app_tenant");
        let mut charge = || meters.charge("PATCH", cost, Size::L, start()).exhausted;
        let refused = (0..3001).map(|_| charge()).last().flatten().unwrap();
        assert_eq!(refused.covers, Covers::WritesOf(Service::DirectoryDevices));
    }

    /// Users of the tenant → resource units in 10 s.
    #[test]
    fn sizes() {
        let read = Cost {
            units: 1,
            writes: 0,
            service: Service::Directory,
        };
        for (users, limit) in [(49, 3500), (50, 5000), (500, 5000), (501, 8000)] {
            let mut meters = Meters::new("t", "c", start());
            let passes = (0..10_000)
                .take_while(|_| {
                    meters
                        .charge("GET", read, Size::of(users), start())
                        .exhausted
                        .is_none()
                })
                .count();
            assert_eq!(passes, limit, "{users} users");
        }
    }

    /// After Retry-After a call passes, a millisecond earlier it does not.
    #[test]
    fn retry_after_is_exact() {
        let write = Cost {
            units: 1,
            writes: 1,
            service: Service::Directory,
        };
        let mut meters = Meters::new("t", "c", start());
        for _ in 0..3000 {
            assert_eq!(
                meters.charge("POST", write, Size::L, start()).exhausted,
                None
            );
        }
        let refused = meters.charge("POST", write, Size::L, start());
        let exhausted = refused.exhausted.unwrap();
        // One call over, one to come: two writes at 20 a second.
        assert!(
            (exhausted.retry_after - 0.1).abs() < 1e-9,
            "{}",
            exhausted.retry_after
        );
        assert_eq!(exhausted.throttled.scope, "Tenant_Application/Write/c/t");
        assert_eq!(exhausted.throttled.information, Some("WriteLimitExceeded"));
        assert!(refused.fullest > 1.0);
        let mut early = Meters::new("t", "c", start());
        early
            .buckets
            .iter_mut()
            .zip(&meters.buckets)
            .for_each(|(e, m)| e.used = m.used);
        let just_before = start() + 99.milliseconds();
        assert!(
            early
                .charge("POST", write, Size::L, just_before)
                .exhausted
                .is_some()
        );
        let then = start() + 100.milliseconds();
        assert_eq!(meters.charge("POST", write, Size::L, then).exhausted, None);
    }

    /// Reads do not take from the write quota, and the other way about they do take units.
    #[test]
    fn reads_pass_while_writes_are_refused() {
        let mut meters = Meters::new("t", "c", start());
        for _ in 0..3001 {
            meters.charge(
                "PATCH",
                Cost {
                    units: 1,
                    writes: 1,
                    service: Service::Directory,
                },
                Size::L,
                start(),
            );
        }
        let read = meters.charge(
            "GET",
            Cost {
                units: 1,
                writes: 0,
                service: Service::Directory,
            },
            Size::L,
            start(),
        );
        assert_eq!(read.exhausted, None);
        assert!((read.fullest - 3002.0 / 8000.0).abs() < 1e-9);
    }

    /// Hammering on fills the bucket to 180 %, not further.
    #[test]
    fn refused_calls_count() {
        let write = Cost {
            units: 1,
            writes: 1,
            service: Service::Directory,
        };
        let mut meters = Meters::new("t", "c", start());
        let last = (0..6000)
            .map(|_| meters.charge("POST", write, Size::L, start()))
            .last()
            .unwrap();
        let exhausted = last.exhausted.unwrap();
        assert!(last.fullest <= 1.8 + 1e-9, "{}", last.fullest);
        assert!(
            (exhausted.retry_after - 2401.0 / 20.0).abs() < 2e-3,
            "{}",
            exhausted.retry_after
        );
    }
}
