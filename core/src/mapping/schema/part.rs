//! A piece of a schema, with the way to it: what is of another kind than documented is an error
//! that says where it stands, never nothing.

use serde_json::Value as Json;

/// A value of the document.
#[derive(Debug, Clone)]
pub(super) struct Part<'j> {
    json: &'j Json,
    path: String,
}

impl<'j> Part<'j> {
    pub(super) fn root(json: &'j Json) -> Self {
        Self {
            json,
            path: String::new(),
        }
    }

    /// As it is written.
    pub(super) const fn json(&self) -> &'j Json {
        self.json
    }

    /// Where it stands: `synchronizationRules[0].name`.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn get(&self, name: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self {
            json: &self.json[name],
            path: format!("{}{dot}{name}", self.path),
        }
    }

    fn wrong<T>(&self, expected: &str) -> Result<T, String> {
        let found = match self.json {
            Json::Null => "nothing",
            Json::Bool(_) => "true or false",
            Json::Number(_) => "a number",
            Json::String(_) => "a text",
            Json::Array(_) => "a list",
            Json::Object(_) => "an object",
        };
        Err(format!(
            "`{}` is {found}; {expected} is expected",
            self.path
        ))
    }

    /// An object; nothing is an empty one.
    pub(super) fn object(&self) -> Result<&Self, String> {
        match self.json {
            Json::Object(_) | Json::Null => Ok(self),
            Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
                self.wrong("an object")
            }
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.json.is_null()
    }

    /// A text; nothing is the empty one.
    pub(super) fn text(&self, name: &str) -> Result<&'j str, String> {
        let part = self.get(name);
        match part.json {
            Json::Null => Ok(""),
            Json::String(text) => Ok(text),
            Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                part.wrong("a text")
            }
        }
    }

    /// Itself as a text.
    pub(super) fn own_text(&self) -> Result<String, String> {
        match self.json {
            Json::String(text) => Ok(text.clone()),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                self.wrong("a text")
            }
        }
    }

    pub(super) fn whole(&self, name: &str) -> Result<Option<i64>, String> {
        let part = self.get(name);
        match (part.json, part.json.as_i64()) {
            (Json::Null, _) => Ok(None),
            (_, Some(number)) => Ok(Some(number)),
            _ => part.wrong("a whole number"),
        }
    }

    pub(super) fn truth(&self, name: &str) -> Result<Option<bool>, String> {
        let part = self.get(name);
        match part.json {
            Json::Null => Ok(None),
            Json::Bool(value) => Ok(Some(*value)),
            Json::Number(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => {
                part.wrong("true or false")
            }
        }
    }

    /// The objects of a list; nothing is an empty one.
    pub(super) fn list(&self, name: &str) -> Result<Vec<Self>, String> {
        let all = self.items(name)?;
        for part in &all {
            if part.is_nothing() {
                return part.wrong("an object");
            }
            part.object()?;
        }
        Ok(all)
    }

    /// The members of a list, of whatever kind.
    pub(super) fn items(&self, name: &str) -> Result<Vec<Self>, String> {
        let part = self.get(name);
        match part.json {
            Json::Null => Ok(Vec::new()),
            Json::Array(items) => {
                let items = items.iter().enumerate();
                let items = items.map(|(at, json)| Self {
                    json,
                    path: format!("{}[{at}]", part.path),
                });
                Ok(items.collect())
            }
            Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
                part.wrong("a list")
            }
        }
    }

    /// Members that are there at all and are none of those that are read.
    pub(super) fn members(&self, read: &[&str]) -> Vec<String> {
        let members = self.json.as_object().into_iter().flatten();
        let others = members.filter(|(name, json)| {
            !read.contains(&name.as_str()) && !name.contains("@odata") && !json.is_null()
        });
        others.map(|(name, _)| name.clone()).collect()
    }

    /// Members that say something and are none of those that are read.
    pub(super) fn others(&self, read: &[&str]) -> Vec<String> {
        let says = |json: &Json| match json {
            Json::Null => false,
            Json::Bool(value) => *value,
            Json::Number(_) => true,
            Json::String(text) => !text.is_empty(),
            Json::Array(items) => !items.is_empty(),
            Json::Object(members) => !members.is_empty(),
        };
        let members = self.json.as_object().into_iter().flatten();
        let others = members.filter(|(name, json)| {
            !read.contains(&name.as_str()) && !name.contains("@odata") && says(json)
        });
        others.map(|(name, _)| name.clone()).collect()
    }
}
