//! Requests for a step: what all of them say is read here.

use kefu_contracts::profile::{Customer, ReturnReason};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
    idempotency::Claim,
};

use super::{
    Customers,
    step::{Deed, Wanted},
    update::LONGEST_REASON,
};
use crate::domain::change;

/// Answers a request for a step, which says with `name`, `etag` and `request_id` what
/// every such request says; the deed is made of the rest.
macro_rules! step {
    ($customers:expr, $request:expr, $body:ident => $deed:expr) => {
        kefu_service::call::answer($request, |call, $body| async move {
            let mut fields = kefu_service::fields::Fields::new();
            let asked = $crate::api::ask::Asked {
                claim: $crate::api::ask::claim(&call, &mut fields, &$body.request_id, &$body),
                deed: $deed,
                name: $body.name,
                etag: $body.etag,
            };
            $customers.ask(call, fields, asked).await
        })
        .await
    };
}
pub(super) use step;

/// The claim of a request that says which one it is.
pub(super) fn claim<M: prost::Message>(
    call: &Call,
    fields: &mut Fields,
    request_id: &str,
    request: &M,
) -> Option<Claim> {
    let request_id = fields.request_id(request_id);
    Claim::of(call, request_id, request)
}

/// What every request for a step says.
pub(super) struct Asked {
    pub(super) name: String,
    pub(super) etag: String,
    pub(super) claim: Option<Claim>,
    pub(super) deed: Deed,
}

impl Customers {
    /// Reads it, and takes the step.
    pub(super) async fn ask(
        &self,
        call: Call,
        mut fields: Fields,
        asked: Asked,
    ) -> Result<Answer<Customer>, Fault> {
        let id = fields.name("name", &asked.name, "customers");
        let revision = fields.etag("etag", &asked.etag);
        match &asked.deed {
            Deed::Withdraw(reason) | Deed::Restore { reason, .. } => {
                fields.required_text("reason", reason, LONGEST_REASON);
            }
            Deed::Return(reasons) => check_reasons(&mut fields, reasons),
            Deed::Update { .. } | Deed::Submit | Deed::Approve => {}
        }
        if let Deed::Restore { revision, .. } = asked.deed {
            let from = Violation::OutOfRange(1, i64::MAX);
            fields.ensure(revision > 0, "revision", from);
        }
        fields.finish()?;
        let wanted = Wanted {
            id: id.unwrap_or_default(),
            name: asked.name,
            revision: revision.unwrap_or_default(),
            deed: asked.deed,
            claim: asked.claim,
        };
        self.step(call, wanted).await
    }
}

/// At least one, one a field, each of a field that files have.
fn check_reasons(fields: &mut Fields, reasons: &[ReturnReason]) {
    fields.ensure(!reasons.is_empty(), "reasons", Violation::Required);
    for (at, reason) in reasons.iter().enumerate() {
        let field = format!("reasons[{at}].field");
        if !change::is_data(&reason.field) {
            fields.refuse(field, Violation::UnknownValue);
        } else if reasons[..at].iter().any(|one| one.field == reason.field) {
            fields.refuse(field, Violation::Duplicate);
        }
        let text = format!("reasons[{at}].text");
        fields.required_text(text, &reason.text, LONGEST_REASON);
    }
}
