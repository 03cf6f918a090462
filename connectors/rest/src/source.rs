//! The source itself.

use async_trait::async_trait;
use rollcall_http::Links;
use rollcall_source::{
    Attribute as Named, Checked, Described, Pulled, RefusalKind, Refused, Sink, Source, Want,
};

use crate::attribute::Attribute;
use crate::check;
use crate::config::RestConfig;
use crate::path::Path;
use crate::plan::Plan;
use crate::pull::Pull;
use crate::session::Reach;

/// A source of JSON or SCIM over HTTP.
pub struct Rest {
    plan: Plan,
    reach: Reach,
}

impl Rest {
    /// A source that was asked nothing yet.
    ///
    /// # Errors
    /// Every mistake of the configuration; or a secret that cannot be had.
    pub fn new(config: &RestConfig, links: &Links<'_>) -> Result<Self, Vec<String>> {
        let plan = Plan::new(config.clone())?;
        let reach = Reach::new(&plan, links)?;
        Ok(Self { plan, reach })
    }

    fn wanted(&self, want: &Want) -> Result<Vec<Attribute>, Refused> {
        let lacks = self.plan.lacks(&want.columns);
        let wanted = self.plan.wanted(&want.columns);
        match wanted.filter(|_| lacks.is_empty()) {
            Some(wanted) => Ok(wanted),
            None => Err(Refused::new(
                RefusalKind::Configuration,
                lacks.join("; "),
                "mapping and configuration of the source have to fit",
            )),
        }
    }
}

impl std::fmt::Debug for Rest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = self.plan.origin.to_string();
        f.debug_struct("Rest")
            .field("origin", &place)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Source for Rest {
    fn describe(&self) -> Described {
        let config = &self.plan.config;
        let attributes = self.plan.attributes.iter().map(|(name, attribute)| {
            let paths: Vec<&str> = attribute.paths.iter().map(Path::text).collect();
            Named {
                name: name.clone(),
                from: paths.join(", "),
            }
        });
        Described {
            system: config.system.clone(),
            place: format!("{}{}", self.plan.origin, config.path),
            attributes: attributes.collect(),
            incremental: config.changes.is_some(),
        }
    }

    fn lacks(&self, columns: &[String]) -> Result<(), Vec<String>> {
        let lacks = self.plan.lacks(columns);
        if lacks.is_empty() { Ok(()) } else { Err(lacks) }
    }

    async fn check(&self, want: &Want) -> Result<Checked, Refused> {
        let wanted = self.wanted(want)?;
        let session = self.reach.open(&self.plan).await?;
        let want = check::in_full(want);
        check::check(&self.plan, &session, &want, &wanted).await
    }

    async fn pull(&self, want: &Want, into: &mut dyn Sink) -> Result<Pulled, Refused> {
        let wanted = self.wanted(want)?;
        let session = self.reach.open(&self.plan).await?;
        Pull::new(&self.plan, &session, want, &wanted)
            .run(into)
            .await
    }
}
