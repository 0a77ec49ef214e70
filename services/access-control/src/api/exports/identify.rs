//! From which export a row comes that turned up somewhere.

use kefu_contracts::access::{IdentifyWatermarkRequest, IdentifyWatermarkResponse};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{self, Fields},
};

use super::{VIEWED, look, messages};
use crate::{
    api::{Register, look::shown},
    domain::{export::EXPORTS, package},
    store::export,
};

/// Whose package a row comes from, by its mark alone: what else it says of itself may
/// have been changed.
pub(super) async fn identify(
    register: &Register,
    call: Call,
    request: IdentifyWatermarkRequest,
) -> Result<Answer<IdentifyWatermarkResponse>, Fault> {
    let mut fields = Fields::new();
    let digits =
        request.mark.len() == 32 && request.mark.bytes().all(|one| one.is_ascii_hexdigit());
    fields.ensure(digits, "mark", Violation::UnknownValue);
    fields.required_text("record", &request.record, 100);
    fields.finish()?;
    let core = &register.core;
    let ids = core
        .deps
        .db
        .run(|connection| Box::pin(export::carried_out(connection)))
        .await?;
    let key = core.deps.vault.index_key();
    let mark = request.mark.to_ascii_lowercase();
    let mut ids = ids.into_iter();
    let id = ids.find(|id| package::mark(key, *id, &request.record) == mark);
    let reader = call.clone();
    let found = match id {
        None => None,
        Some(id) => {
            let look = core.deps.db.run(move |connection| {
                Box::pin(async move { look::reached(connection, &reader, id).await })
            });
            look.await?
        }
    };
    let Some((reached, stored)) = found else {
        let fault = Fault::not_found(&fields::name(EXPORTS, uuid::Uuid::nil()));
        return Err(core.views.refuse(&call, "export.refused", "", fault).await);
    };
    let shown = shown(EXPORTS, &call, &reached);
    core.views.record(&call, VIEWED, &[shown]).await?;
    Ok(Answer::read(IdentifyWatermarkResponse {
        export: Some(messages::export(&stored, &register.flows.share.export)),
    }))
}
