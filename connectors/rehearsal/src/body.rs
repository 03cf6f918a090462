//! A request body against a type of the metadata.
//!
//! Open types are checked more strictly than the metadata say: an undeclared member must be a
//! directory extension, as the directory itself asks (Graph reference, "Add custom properties
//! using directory extensions"). Invariant: nothing passes that the type does not declare.

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use crate::csdl::{Kind, Property, Schema, schema};
use crate::encoding::is_guid;
use crate::refusal::Refusal;

/// Checks every member of an object.
///
/// # Errors
/// 400 that names the first wrong property.
pub(crate) fn check(type_name: &str, object: &Map<String, Json>) -> Result<(), Refusal> {
    check_at(schema(), type_name, object, "")
}

/// The same of what the service shows, whoever set it.
///
/// # Errors
/// 400 that names the first wrong property.
pub(crate) fn check_shown(type_name: &str, object: &Map<String, Json>) -> Result<(), Refusal> {
    for (name, value) in object {
        if let Some(property) = schema().property(type_name, name) {
            // What is inside, and of which derived type, is the service's own.
            let inner = matches!(&property.kind, Kind::Named(of) if schema().is_structure(of));
            let objects = |it: &Json| {
                it.as_array()
                    .is_some_and(|all| all.iter().all(Json::is_object))
            };
            let fits = inner
                && if property.collection {
                    objects(value)
                } else {
                    value.is_object()
                };
            if !fits {
                check_property(schema(), property, value, name)?;
            }
        } else if !is_extension_value(value) {
            return Err(Refusal::invalid(name, "The type of the value is wrong."));
        }
    }
    Ok(())
}

fn check_at(
    schema: &Schema,
    type_name: &str,
    object: &Map<String, Json>,
    above: &str,
) -> Result<(), Refusal> {
    for (name, value) in object {
        let path = if above.is_empty() {
            name.clone()
        } else {
            format!("{above}/{name}")
        };
        if let Some((member, annotation)) = name.split_once('@') {
            annotated(schema, type_name, member, annotation, value, &path)?;
        } else if let Some(property) = schema.property(type_name, name) {
            if property.read_only {
                return Err(read_only(&path));
            }
            check_property(schema, property, value, &path)?;
        } else if schema.is_open(type_name) && is_extension(name) {
            if !is_extension_value(value) {
                return Err(Refusal::invalid(&path, "The type of the value is wrong."));
            }
        } else {
            return Err(Refusal::bad(format!(
                "Invalid property '{path}': type '{type_name}' does not declare it."
            )));
        }
    }
    Ok(())
}

/// A property that only the service sets.
pub(crate) fn read_only(path: &str) -> Refusal {
    Refusal::bad(format!("Property '{path}' is read-only and cannot be set."))
}

fn annotated(
    schema: &Schema,
    type_name: &str,
    member: &str,
    annotation: &str,
    value: &Json,
    path: &str,
) -> Result<(), Refusal> {
    let fits = match (member, annotation) {
        ("", "odata.type") => {
            let named = value.as_str().map(|t| t.trim_start_matches('#'));
            named == Some(type_name)
        }
        ("", "odata.id") => value.is_string(),
        (navigation, "odata.bind") => match schema.navigation(type_name, navigation) {
            Some(false) => value.is_string(),
            Some(true) => value
                .as_array()
                .is_some_and(|all| all.iter().all(Json::is_string)),
            None => false,
        },
        _ => false,
    };
    if fits {
        Ok(())
    } else {
        Err(Refusal::bad(format!("Invalid annotation '{path}'.")))
    }
}

fn check_property(
    schema: &Schema,
    property: &Property,
    value: &Json,
    path: &str,
) -> Result<(), Refusal> {
    if property.collection {
        let Json::Array(items) = value else {
            return Err(Refusal::invalid(path, "A collection is expected."));
        };
        return items
            .iter()
            .try_for_each(|item| check_value(schema, &property.kind, item, path));
    }
    if value.is_null() {
        return if property.nullable {
            Ok(())
        } else {
            Err(Refusal::invalid(path, "The value must not be null."))
        };
    }
    check_value(schema, &property.kind, value, path)
}

fn check_value(schema: &Schema, kind: &Kind, value: &Json, path: &str) -> Result<(), Refusal> {
    let text = |fits: fn(&str) -> bool| value.as_str().is_some_and(fits);
    let fits = match kind {
        Kind::String => value.is_string(),
        Kind::Boolean => value.is_boolean(),
        Kind::Integer(low, high) => value.as_i64().is_some_and(|n| (*low..=*high).contains(&n)),
        Kind::Number => value.is_number(),
        Kind::DateTimeOffset => text(|t| instant(t).is_some()),
        Kind::Date => text(|t| t.len() == 10 && t.parse::<jiff::civil::Date>().is_ok()),
        Kind::TimeOfDay => text(|t| t.contains(':') && t.parse::<jiff::civil::Time>().is_ok()),
        Kind::Duration => {
            text(|t| t.trim_start_matches('-').starts_with('P') && t.parse::<jiff::Span>().is_ok())
        }
        Kind::Guid => text(is_guid),
        Kind::Binary => text(|t| {
            let body = t.trim_end_matches('=');
            let known = |b: u8| b.is_ascii_alphanumeric() || b"+/-_".contains(&b);
            t.len() - body.len() <= 2 && body.bytes().all(known)
        }),
        Kind::Other => false,
        Kind::Named(name) => match (schema.allows(name, value.as_str().unwrap_or("")), value) {
            (Some(allowed), _) => allowed,
            (None, Json::Object(object)) if schema.is_structure(name) => {
                return check_at(schema, name, object, path);
            }
            (None, _) => false,
        },
    };
    if fits {
        Ok(())
    } else {
        Err(Refusal::invalid(path, "The type of the value is wrong."))
    }
}

/// An `Edm.DateTimeOffset`: date, `T`, time and offset, all of them.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let offset = text.ends_with('Z') || bytes.iter().rev().nth(2) == Some(&b':');
    let plain = bytes.get(10) == Some(&b'T') && bytes.get(13) == Some(&b':') && offset;
    if plain && !text.contains('[') {
        text.parse().ok()
    } else {
        None
    }
}

/// `extension_`, 32 hexadecimal digits of an application id, `_` and a name.
pub(crate) fn is_extension(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("extension_") else {
        return false;
    };
    let Some((application, name)) = rest.split_once('_') else {
        return false;
    };
    application.len() == 32
        && application.bytes().all(|b| b.is_ascii_hexdigit())
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn is_extension_value(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => true,
        Json::Array(items) => items.iter().all(Json::is_string),
        Json::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn verdict(type_name: &str, body: &Json) -> Result<(), String> {
        check(type_name, body.as_object().unwrap()).map_err(|refusal| {
            assert_eq!(
                (refusal.status.as_u16(), refusal.code),
                (400, "Request_BadRequest")
            );
            refusal.message
        })
    }

    /// Body of a user → part of the message that says what is wrong.
    #[test]
    fn users_are_checked() {
        let ext = "extension_00112233445566778899aabbccddeeff_site";
        let good = [
            json!({"displayName": "A", "accountEnabled": false, "businessPhones": []}),
            json!({"jobTitle": null, "employeeHireDate": "2026-03-16T00:00:00Z"}),
            json!({"employeeHireDate": "2026-03-16T01:00:00.5+01:00"}),
            json!({"employeeOrgData": {"costCenter": "C", "division": null}}),
            json!({"manager@odata.bind": "https://graph.microsoft.com/v1.0/users/x"}),
            json!({"@odata.type": "#microsoft.graph.user"}),
            json!({ext: "north"}),
        ];
        for body in good {
            assert_eq!(verdict("microsoft.graph.user", &body), Ok(()), "{body}");
        }
        let bad = [
            (json!({"employeID": "1"}), "'employeID'"),
            (json!({"displayname": "A"}), "'displayname'"),
            (json!({"displayName": 7}), "'displayName'"),
            (json!({"accountEnabled": "true"}), "'accountEnabled'"),
            (json!({"businessPhones": "1"}), "'businessPhones'"),
            (json!({"businessPhones": [1]}), "'businessPhones'"),
            (json!({"businessPhones": null}), "'businessPhones'"),
            (json!({"birthday": null}), "'birthday'"),
            (
                json!({"employeeHireDate": "2026-03-16"}),
                "'employeeHireDate'",
            ),
            (
                json!({"employeeHireDate": "2026-03-16T00:00:00"}),
                "'employeeHireDate'",
            ),
            (
                json!({"employeeHireDate": "2026-02-30T00:00:00Z"}),
                "'employeeHireDate'",
            ),
            (
                json!({"employeeHireDate": "2026-03-16 00:00:00Z"}),
                "'employeeHireDate'",
            ),
            (json!({"employeeHireDate": 5}), "'employeeHireDate'"),
            (json!({"employeeOrgData": "C"}), "'employeeOrgData'"),
            (
                json!({"employeeOrgData": {"costCentre": "C"}}),
                "'employeeOrgData/costCentre'",
            ),
            (
                json!({"employeeOrgData": {"costCenter": 1}}),
                "'employeeOrgData/costCenter'",
            ),
            (
                json!({"deviceEnrollmentLimit": 2_147_483_648_i64}),
                "'deviceEnrollmentLimit'",
            ),
            (
                json!({"deviceEnrollmentLimit": 1.5}),
                "'deviceEnrollmentLimit'",
            ),
            (json!({"manager": "x"}), "'manager'"),
            (json!({"manager@odata.bind": ["x"]}), "'manager@odata.bind'"),
            (json!({"memberOf@odata.bind": "x"}), "'memberOf@odata.bind'"),
            (json!({"boss@odata.bind": "x"}), "'boss@odata.bind'"),
            (
                json!({"@odata.type": "#microsoft.graph.group"}),
                "'@odata.type'",
            ),
            (json!({"@odata.etag": "1"}), "'@odata.etag'"),
            (json!({"extension_site": "x"}), "'extension_site'"),
            (json!({"extension_0011_site": "x"}), "'extension_0011_site'"),
            (json!({ext: {"a": 1}}), ext),
        ];
        for (body, named) in bad {
            let message = verdict("microsoft.graph.user", &body).unwrap_err();
            assert!(message.contains(named), "{body}: {message}");
        }
    }

    /// Kinds that users do not have.
    #[test]
    fn other_kinds() {
        let settings = "microsoft.graph.mailboxSettings";
        assert_eq!(verdict(settings, &json!({"userPurpose": "shared"})), Ok(()));
        assert!(verdict(settings, &json!({"userPurpose": "Shared"})).is_err());
        assert!(verdict(settings, &json!({"userPurpose": 1})).is_err());
        let licence = "microsoft.graph.assignedLicense";
        let guid = "5f3a09c1-0000-4000-8000-000000000001";
        assert_eq!(
            verdict(licence, &json!({"skuId": guid, "disabledPlans": [guid]})),
            Ok(())
        );
        assert!(verdict(licence, &json!({"skuId": "E5"})).is_err());
        assert!(verdict(licence, &json!({"disabledPlans": ["E5"]})).is_err());
        let device = "microsoft.graph.managedDevice";
        assert!(
            verdict(device, &json!({"androidSecurityPatchLevel": "x"}))
                .unwrap_err()
                .contains("read-only")
        );
    }
}
