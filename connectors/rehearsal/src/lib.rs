//! A simulated Microsoft Graph tenant that validates, throttles and fails as documented
