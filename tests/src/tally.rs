//! What a client was answered, as quotas count it: the items of a batch are calls of their own.

use std::collections::BTreeMap;

use serde_json::Value;

/// How often something happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls.
    pub calls: u64,
    /// Calls that were answered with 429.
    pub throttled: u64,
    /// Writes to users and devices of the directory that were taken.
    pub taken: u64,
}

impl Tally {
    /// Of one request to Graph: method, path and body, and what it was answered with; 0 where no answer came.
    ///
    /// # Panics
    /// When a batch or the answer to it is not in the documented form.
    pub fn of(method: &str, path: &str, body: &[u8], (status, answer): (u16, &[u8])) -> Self {
        let mut out = Self::default();
        if !path.ends_with("/$batch") || status != 200 {
            out.add(method, path.trim_start_matches("/v1.0"), status.into());
            return out;
        }
        let read = |bytes: &[u8], name: &str| {
            let json: Value = serde_json::from_slice(bytes).expect("a batch is JSON");
            json[name].as_array().expect("a batch is a list").clone()
        };
        let requests = read(body, "requests");
        let asked: BTreeMap<&str, (&str, &str)> = requests
            .iter()
            .filter_map(|it| {
                Some((
                    it["id"].as_str()?,
                    (it["method"].as_str()?, it["url"].as_str()?),
                ))
            })
            .collect();
        for item in read(answer, "responses") {
            let id = item["id"].as_str().expect("an item has an id");
            let (method, path) = asked[id];
            out.add(
                method,
                path,
                item["status"].as_u64().expect("an item has a status"),
            );
        }
        out
    }

    fn add(&mut self, method: &str, path: &str, status: u64) {
        let ours = path.starts_with("/users") || path.starts_with("/devices");
        self.calls += 1;
        self.throttled += u64::from(status == 429);
        self.taken += u64::from(method != "GET" && ours && (200..300).contains(&status));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn items_of_batches_count() {
        let requests = json!({"requests": [
            {"id": "1", "method": "GET", "url": "/users/a"},
            {"id": "2", "method": "GET", "url": "/users/b"},
            {"id": "3", "method": "PATCH", "url": "/users/c"},
        ]});
        let answer = json!({"responses": [
            {"id": "3", "status": 204}, {"id": "1", "status": 429}, {"id": "2", "status": 200},
        ]});
        let (requests, answer) = (requests.to_string(), answer.to_string());
        let batch = |status: u16| {
            let answer = (status, answer.as_bytes());
            Tally::of("POST", "/v1.0/$batch", requests.as_bytes(), answer)
        };
        let tally = |calls: u64, throttled: u64, taken: u64| Tally {
            calls,
            throttled,
            taken,
        };
        assert_eq!(batch(200), tally(3, 1, 1));
        // The envelope itself.
        assert_eq!(batch(429), tally(1, 1, 0));
        for (method, path, status, expected) in [
            ("PATCH", "/v1.0/users/a", 204, tally(1, 0, 1)),
            ("PATCH", "/v1.0/users/a", 429, tally(1, 1, 0)),
            ("PATCH", "/v1.0/devices(deviceId='d')", 204, tally(1, 0, 1)),
            ("POST", "/v1.0/groups", 201, tally(1, 0, 0)),
            ("GET", "/v1.0/users", 200, tally(1, 0, 0)),
            ("GET", "/v1.0/users", 0, tally(1, 0, 0)),
        ] {
            assert_eq!(
                Tally::of(method, path, b"", (status, b"")),
                expected,
                "{method} {path}"
            );
        }
    }
}
