//! Who a rule takes in, of those whom the state knows. Nothing is asked of the tenant.

use jiff::Timestamp;
use rollcall_core::groups::Roll;
use rollcall_core::model::WorkerId;
use rollcall_core::rules::Rule;
use serde::Serialize;

use crate::log;
use crate::run::Pipeline;
use crate::state::State;
use crate::store::StoreError;

/// Persons read at once.
const CHUNK: usize = 1000;

/// The members of a rule.
#[derive(Debug, Default, Serialize)]
pub struct Members {
    /// Workers, ascending.
    pub members: Vec<WorkerId>,
    /// Workers with an account.
    pub of: u32,
    /// Workers of whom nobody can say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<WorkerId>,
    /// Properties that the rule reads and the state knows nothing of: everybody is without.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

impl Pipeline {
    /// Who is in a rule at an instant, by what was applied last.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn members(&self, rule: &Rule, now: Timestamp) -> Result<Members, StoreError> {
        let head = log::head(&self.store).await?;
        let state = State::load(&self.store, &head.standing.state).await?;
        let mut roll = Roll::new(rule, now);
        let mut out = Members {
            unread: roll.unread(&self.settings.mapping.targets()),
            ..Members::default()
        };
        let managed: Vec<usize> = (0..state.hot().len())
            .filter(|at| state.hot()[*at].managed())
            .collect();
        for chunk in managed.chunks(CHUNK) {
            for person in state.persons(chunk)? {
                out.of += 1;
                match roll.takes(&person) {
                    Ok(true) => out.members.push(person.worker),
                    Ok(false) => {}
                    Err(_) => out.unknown.push(person.worker),
                }
            }
        }
        out.members.sort_unstable();
        out.unknown.sort_unstable();
        Ok(out)
    }
}
