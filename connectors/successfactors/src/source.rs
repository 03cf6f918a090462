//! The source itself.

use std::sync::Arc;

use async_trait::async_trait;
use rollcall_http::{Chance, Links, Origin};
use rollcall_source::{
    Attribute, Checked, Described, Pulled, RefusalKind, Refused, Sink, Source, Want,
};

use crate::attributes::Known;
use crate::config::SuccessFactorsConfig;
use crate::instance::Instance;
use crate::pull::Pull;
use crate::query::Query;
use crate::{check, sign_in};

/// Workers of an instance of SAP SuccessFactors Employee Central.
pub struct SuccessFactors {
    config: SuccessFactorsConfig,
    known: Known,
    instance: Instance,
}

impl std::fmt::Debug for SuccessFactors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SuccessFactors")
            .field("host", &self.config.host)
            .finish_non_exhaustive()
    }
}

impl SuccessFactors {
    /// A source that has asked nothing yet.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration, or the first secret that cannot be had.
    pub fn new(config: SuccessFactorsConfig, links: &Links<'_>) -> Result<Self, Vec<String>> {
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(problems);
        }
        let origin = Origin::parse(&config.host).map_err(|e| vec![format!("`host`: {e}")])?;
        let chance = Arc::new(Chance::seeded(links.seed));
        let asker = sign_in::instance(links, &chance, origin);
        let bearer = sign_in::bearer(&config, links, &asker, &chance).map_err(|e| vec![e])?;
        let known = Known::of(&config);
        Ok(Self {
            config,
            known,
            instance: Instance::new(asker, bearer),
        })
    }

    fn query(&self, want: &Want) -> Result<Query, Refused> {
        Query::new(&self.config, &self.known, &want.columns).map_err(|lacks| {
            Refused::new(
                RefusalKind::Configuration,
                lacks.join("; "),
                "mend the mapping, or `attributes`",
            )
        })
    }
}

#[async_trait]
impl Source for SuccessFactors {
    fn describe(&self) -> Described {
        let attributes = self.known.listed().map(|(name, from)| Attribute {
            name: name.to_owned(),
            from: from.to_owned(),
        });
        Described {
            system: "SAP SuccessFactors".to_owned(),
            place: format!(
                "{}, company {}, OData version 2, paging {}",
                self.config.host,
                self.config.company_id,
                self.config.paging.name()
            ),
            attributes: attributes.collect(),
            incremental: true,
        }
    }

    fn lacks(&self, columns: &[String]) -> Result<(), Vec<String>> {
        Query::new(&self.config, &self.known, columns).map(|_| ())
    }

    async fn check(&self, want: &Want) -> Result<Checked, Refused> {
        check::check(&self.instance, &self.config, &self.query(want)?, want).await
    }

    async fn pull(&self, want: &Want, into: &mut dyn Sink) -> Result<Pulled, Refused> {
        let query = self.query(want)?;
        Pull::new(&self.instance, &self.config, &query, want, into)
            .run()
            .await
    }
}
