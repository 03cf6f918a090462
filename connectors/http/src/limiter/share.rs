//! How large a tenant is, and how much of its quotas is ours.

/// Size class of a tenant; sets the resource-unit quota
/// (learn.microsoft.com/graph/throttling-limits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TenantSize {
    /// Fewer than 50 users.
    S,
    /// 50 to 500 users.
    M,
    /// More than 500 users.
    #[default]
    L,
}

/// The parts of the quotas that may be used, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    own: u32,
    tenant: u32,
}

/// A share must lie above 0 and at most at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a share lies between 0.01 and 1")]
pub struct ShareError;

impl Share {
    /// This part of the quotas of our application, 0.01 to 1 (several processes divide them),
    /// and half that part of what all applications of the tenant share.
    ///
    /// # Errors
    /// When `own` is outside 0.01 to 1.
    pub fn new(own: f64) -> Result<Self, ShareError> {
        let own = thousandths(own)?;
        Ok(Self {
            own,
            tenant: own.div_ceil(2),
        })
    }

    /// The same, with another part of the tenant-wide quotas.
    ///
    /// # Errors
    /// When `tenant` is outside 0.01 to 1.
    pub fn of_tenant(self, tenant: f64) -> Result<Self, ShareError> {
        Ok(Self {
            tenant: thousandths(tenant)?,
            ..self
        })
    }

    pub(super) fn own_of(self, limit: u32) -> u32 {
        part(self.own, limit)
    }

    pub(super) fn tenant_of(self, limit: u32) -> u32 {
        part(self.tenant, limit)
    }
}

impl Default for Share {
    /// All of our application's quotas, half of the tenant's.
    fn default() -> Self {
        Self {
            own: 1000,
            tenant: 500,
        }
    }
}

fn part(thousandths: u32, limit: u32) -> u32 {
    u32::try_from(u64::from(limit) * u64::from(thousandths) / 1000)
        .expect("a part of a u32 is a u32, as a share is at most 1000 thousandths")
}

fn thousandths(share: f64) -> Result<u32, ShareError> {
    // Compared as a range, so that NaN is refused too.
    if !(0.01..=1.0).contains(&share) {
        return Err(ShareError);
    }
    (10..=1000_u32)
        .find(|t| f64::from(*t) / 1000.0 >= share - 1e-9)
        .ok_or(ShareError)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Share → what is left of 3,000 for us and of 18,000 for the tenant-wide bucket.
    #[test]
    fn shares_divide() {
        let parts = |share: Share| (share.own_of(3000), share.tenant_of(18_000));
        assert_eq!(parts(Share::default()), (3000, 9000));
        assert_eq!(Share::new(1.0), Ok(Share::default()));
        assert_eq!(Share::new(0.25).map(parts), Ok((750, 2250)));
        assert_eq!(
            Share::new(1.0).unwrap().of_tenant(0.1).map(parts),
            Ok((3000, 1800))
        );
        for wrong in [0.0, -1.0, 1.01, f64::NAN, f64::INFINITY] {
            assert_eq!(Share::new(wrong), Err(ShareError), "{wrong}");
        }
    }
}
