//! The clouds of Microsoft Entra ID: their hosts, and whom a federated token is for.

use serde::Deserialize;

/// A cloud ("Microsoft Graph in national cloud deployments", learn.microsoft.com/graph/deployments). A
/// token of one is worth nothing in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cloud {
    /// The global service, Microsoft 365 GCC included.
    #[default]
    Global,
    /// US Government L4 (GCC High).
    UsGovL4,
    /// US Government L5 (Department of Defense).
    UsGovL5,
    /// China, operated by 21Vianet.
    China,
}

impl Cloud {
    /// Origin of the login host.
    pub const fn login(self) -> &'static str {
        match self {
            Self::Global => "https://login.microsoftonline.com",
            Self::UsGovL4 | Self::UsGovL5 => "https://login.microsoftonline.us",
            Self::China => "https://login.chinacloudapi.cn",
        }
    }

    /// Origin of the Graph host.
    pub const fn graph(self) -> &'static str {
        match self {
            Self::Global => "https://graph.microsoft.com",
            Self::UsGovL4 => "https://graph.microsoft.us",
            Self::UsGovL5 => "https://dod-graph.microsoft.us",
            Self::China => "https://microsoftgraph.chinacloudapi.cn",
        }
    }

    /// Whom a token is for that stands in place of a secret ("Configure an app to trust a managed
    /// identity" lists it by cloud).
    pub const fn audience(self) -> &'static str {
        match self {
            Self::Global => "api://AzureADTokenExchange",
            Self::UsGovL4 | Self::UsGovL5 => "api://AzureADTokenExchangeUSGov",
            Self::China => "api://AzureADTokenExchangeChina",
        }
    }
}
