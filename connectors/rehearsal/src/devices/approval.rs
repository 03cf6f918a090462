//! Multi Admin Approval: what a second person has to agree to first.
//!
//! Sources: "Use Multi Admin Approval with the Microsoft Graph API"
//! (MicrosoftDocs/memdocs, edition of 2026-05-26), "operationApprovalRequest resource type" (beta).
//! Newer third-party notes give 412 in place of 403. The status and the words of the refusals of a
//! missing justification, of a second request, and of a code that opens nothing are unconfirmed.
//! Invariant: a code opens the very call that it was given for, once.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::life::DeviceAction;
use crate::answer::Answer;
use crate::encoding::base64url_decode;
use crate::journal::Line;
use crate::query;
use crate::refusal::Refusal;
use crate::roles;
use crate::seeded::Seeded;
use crate::state::{Call, State};
use crate::users::Done;

/// A request that nobody has decided on is over then.
const EXPIRES_AFTER: SignedDuration = SignedDuration::from_hours(72);
/// Characters of a justification at most.
const JUSTIFICATION_MAX: usize = 1024;

/// What becomes of a request for approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// Somebody else agrees.
    Approve,
    /// Somebody else does not.
    Reject,
    /// It is taken back.
    Cancel,
}

/// A request for approval, for a test to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalRequest {
    /// What the answer gave in `x-msft-approval-code`.
    pub code: String,
    /// What is to be done.
    pub action: DeviceAction,
    /// Intune's id of the device.
    pub device: String,
    /// As its caller explained it.
    pub justification: String,
    /// `needsApproval`, `approved`, `rejected`, `cancelled`, `completed` or `expired`.
    pub status: &'static str,
}

/// A request for approval as it is kept.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approval {
    pub(crate) code: String,
    action: DeviceAction,
    device: String,
    justification: String,
    /// Method, path, query and body of the call.
    call: [String; 4],
    asked: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    decision: Option<(Timestamp, Decision)>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    completed: Option<Timestamp>,
}

impl Approval {
    fn expires(&self) -> Timestamp {
        self.asked
            .checked_add(EXPIRES_AFTER)
            .unwrap_or(Timestamp::MAX)
    }

    fn status(&self, now: Timestamp) -> &'static str {
        let decided = self
            .decision
            .filter(|(at, _)| *at <= now && *at < self.expires());
        match (self.completed, decided) {
            (Some(_), _) => "completed",
            (None, Some((_, Decision::Reject))) => "rejected",
            (None, Some((_, Decision::Cancel))) => "cancelled",
            (None, _) if now >= self.expires() => "expired",
            (None, Some((_, Decision::Approve))) => "approved",
            (None, None) => "needsApproval",
        }
    }

    fn changed(&self, now: Timestamp) -> Timestamp {
        let decided = self.decision.map(|(at, _)| at).filter(|at| *at <= now);
        self.completed.or(decided).unwrap_or(self.asked)
    }

    fn is_open(&self, now: Timestamp) -> bool {
        matches!(self.status(now), "needsApproval" | "approved")
    }
}

fn identity(call: &Call<'_>) -> [String; 4] {
    [
        call.method.to_string(),
        call.path.to_owned(),
        call.query.unwrap_or_default().to_owned(),
        String::from_utf8_lossy(call.body).into_owned(),
    ]
}

/// Base64 of at most so many characters of text.
fn justification(header: &str) -> Option<String> {
    let plain = header
        .trim_end_matches('=')
        .replace('+', "-")
        .replace('/', "_");
    let text = String::from_utf8(base64url_decode(&plain)?).ok()?;
    (!text.is_empty() && text.chars().count() <= JUSTIFICATION_MAX).then_some(text)
}

fn required(code: &str) -> Refusal {
    let mut refusal = Refusal::new(
        StatusCode::FORBIDDEN,
        "ApprovalRequired",
        format!(
            "Approval Required. Request Approval using the request ID returned as part of the \
             x-msft-approval-code response header. x-msft-approval-code: {code}"
        ),
    );
    refusal.header = Some(Box::new(("x-msft-approval-code", code.to_owned())));
    refusal
}

impl State {
    /// Whether a call may go on, as far as a second person has a say in it.
    ///
    /// # Errors
    /// 403 `ApprovalRequired` for a request that was made or waits, 400 for what cannot become one.
    pub(super) fn agreed(
        &mut self,
        action: DeviceAction,
        device: &str,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if !self.options.approvals.contains(&action) {
            return Ok(());
        }
        if let Some(code) = call.approval_code {
            return self.redeem(code, call, now);
        }
        let header = call.justification.ok_or_else(|| {
            Refusal::bad("Header 'x-msft-approval-justification' is required to request approval.")
        })?;
        let justification = justification(header).ok_or_else(|| {
            Refusal::bad("Header 'x-msft-approval-justification' is not Base64 of a short text.")
        })?;
        let mut others = self.approvals.values();
        if others.any(|it| it.device == device && it.is_open(now)) {
            return Err(Refusal::bad("An active Approval Request already exists."));
        }
        let count = self.approvals.len();
        let code = Seeded::from_text(&format!("approval {count} {device}")).guid();
        let refusal = required(&code);
        self.commit_approval(Approval {
            code,
            action,
            device: device.to_owned(),
            justification,
            call: identity(call),
            asked: now,
            decision: None,
            completed: None,
        })?;
        Err(refusal)
    }

    fn redeem(&mut self, code: &str, call: &Call<'_>, now: Timestamp) -> Result<(), Refusal> {
        let known = self.approvals.get(&code.to_lowercase());
        let known = known
            .filter(|approval| approval.call == identity(call))
            .cloned();
        let mut approval =
            known.ok_or_else(|| Refusal::bad("The approval code is not one of this request."))?;
        match approval.status(now) {
            "approved" => {
                approval.completed = Some(now);
                self.commit_approval(approval)
            }
            "needsApproval" => Err(required(&approval.code)),
            status => Err(Refusal::bad(format!("The approval request is {status}."))),
        }
    }

    fn commit_approval(&mut self, approval: Approval) -> Result<(), Refusal> {
        self.write(&[Line::Approval(approval.clone())])?;
        self.approvals.insert(approval.code.clone(), approval);
        Ok(())
    }

    /// Requests for approval (beta), all of them or one.
    pub(super) fn list_approvals(&self, call: &Call<'_>, now: Timestamp) -> Result<Done, Refusal> {
        let asked = query::only_equality(call.query, "requestId")?;
        roles::any(&self.options.roles, roles::APPROVALS_READ)?;
        let all = self.approvals.values();
        let found = all.filter(|it| {
            asked
                .as_ref()
                .is_none_or(|asked| it.code.eq_ignore_ascii_case(asked))
        });
        let value: Vec<Json> = found
            .map(|it| it.shown(&self.options.client_id, now))
            .collect();
        let context = format!(
            "{}/beta/$metadata#deviceManagement/operationApprovalRequests",
            call.origin
        );
        let page = json!({"@odata.context": context, "value": value});
        Ok(Done::read(Answer::ok(page), None))
    }

    /// Somebody decides on a request at an instant, which may be to come.
    pub(crate) fn decide_approval(
        &mut self,
        code: &str,
        decision: Decision,
        at: Timestamp,
    ) -> Result<(), Refusal> {
        let known = self.approvals.get(code).cloned();
        let mut approval = known.ok_or_else(|| Refusal::not_found(Some(code)))?;
        approval.decision = Some((at, decision));
        self.commit_approval(approval)
    }

    /// Every request, oldest first.
    pub(crate) fn approval_requests(&self, now: Timestamp) -> Vec<ApprovalRequest> {
        let mut all: Vec<&Approval> = self.approvals.values().collect();
        all.sort_by_key(|approval| approval.asked);
        let seen = all.into_iter().map(|approval| ApprovalRequest {
            code: approval.code.clone(),
            action: approval.action,
            device: approval.device.clone(),
            justification: approval.justification.clone(),
            status: approval.status(now),
        });
        seen.collect()
    }
}

impl Approval {
    fn shown(&self, client: &str, now: Timestamp) -> Json {
        let policy = match self.action {
            DeviceAction::Retire => "deviceRetire",
            DeviceAction::Wipe => "deviceWipe",
            DeviceAction::Delete => "deviceDelete",
        };
        json!({
            "id": self.code,
            "requestId": self.code,
            "requestDateTime": self.asked.to_string(),
            "expirationDateTime": self.expires().to_string(),
            "lastModifiedDateTime": self.changed(now).to_string(),
            "requestor": {"application": {"id": client}},
            "approver": null,
            "status": self.status(now),
            "requestJustification": self.justification,
            "approvalJustification": null,
            "requiredOperationApprovalPolicyTypes": [policy],
        })
    }
}
