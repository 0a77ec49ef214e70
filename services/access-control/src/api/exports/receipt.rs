//! What of a share was opened, and from which export a row comes.

use kefu_contracts::access::{
    ExportDownload, ExportReceipt, GetReceiptRequest, GetReceiptResponse, IdentifyWatermarkRequest,
    IdentifyWatermarkResponse, ReceiverReceipt,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{self, Fields},
    present::Shown,
    time::to_proto,
};

use super::{VIEWED, look, messages};
use crate::{
    api::{
        Register,
        approvals::{Kind, look::reached},
    },
    domain::{approval::ExportRule, export::EXPORTS, package, register::EMPLOYEES, share::SHARES},
    store::{
        self,
        export::{self, Download, StoredExport},
        share::StoredShare,
    },
};

/// Clause CF-6.3.
pub(super) async fn get(
    register: &Register,
    call: Call,
    request: GetReceiptRequest,
) -> Result<Answer<GetReceiptResponse>, Fault> {
    let mut fields = Fields::new();
    let id = fields.name("share", &request.share, SHARES);
    fields.finish()?;
    let (id, reader) = (id.unwrap_or_default(), call.clone());
    let found = register
        .core
        .deps
        .db
        .transaction(move |connection| {
            let reader = reader.clone();
            Box::pin(async move {
                store::freeze(connection).await?;
                let Some((reached, share)) =
                    reached::<StoredShare>(connection, &reader, id).await?
                else {
                    return Ok(None);
                };
                let mut all = Vec::new();
                for one in export::of_share(connection, id).await? {
                    let downloads = export::downloads(connection, one.id).await?;
                    all.push((one, downloads));
                }
                Ok(Some((reached, share, all)))
            })
        })
        .await?;
    let views = &register.core.views;
    let Some((reached, share, all)) = found else {
        let fault = Fault::not_found(&request.share);
        return Err(views
            .refuse(&call, StoredShare::REFUSED, &request.share, fault)
            .await);
    };
    let shown = Shown {
        resource: fields::name(SHARES, id),
        customer_id: None,
        clearance: call.context.clearance(reached.matched, call.now),
    };
    views
        .record(&call, "share.receipt_viewed", &[shown])
        .await?;
    let rule = &register.flows.share.export;
    let receivers = all.iter().map(|(one, downloads)| ReceiverReceipt {
        receiver: fields::name(EMPLOYEES, one.receiver),
        export: Some(of(one, downloads, rule)),
    });
    Ok(Answer::read(GetReceiptResponse {
        share: request.share,
        purpose: share.share.purpose.into(),
        receivers: receivers.collect(),
    }))
}

fn of(stored: &StoredExport, downloads: &[Download], rule: &ExportRule) -> ExportReceipt {
    let at = |at: jiff_sqlx::Timestamp| to_proto(at.to_jiff());
    let last = downloads
        .iter()
        .map(|one| one.ended_at.unwrap_or(one.started_at));
    let last = last.max_by_key(|at| at.to_jiff());
    ExportReceipt {
        export: Some(messages::export(stored, rule)),
        downloads: downloads
            .iter()
            .map(|one| ExportDownload {
                start_time: Some(at(one.started_at)),
                end_time: one.ended_at.map(at),
                from_offset: one.from_offset,
                to_offset: one.to_offset,
                completed: one.completed,
            })
            .collect(),
        first_time: downloads.first().map(|one| at(one.started_at)),
        last_time: last.map(at),
        sent_bytes: stored.sent,
    }
}

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
    let shown = look::shown(&call, &reached);
    core.views.record(&call, VIEWED, &[shown]).await?;
    Ok(Answer::read(IdentifyWatermarkResponse {
        export: Some(messages::export(&stored, &register.flows.share.export)),
    }))
}
