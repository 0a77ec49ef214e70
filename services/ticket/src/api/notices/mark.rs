//! Somebody told the customer, or could not.

use kefu_access::Clearance;
use kefu_contracts::{
    ClassSet, Resource,
    common::{Channel, Reason},
    journal::EntryKind,
    policy::DataClass,
    ticket::{MarkNoticeFailedRequest, MarkNoticeSentRequest, Notice, NoticeAct, NoticeState},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag},
    idempotency::{self, Claim, Kept},
    present::{disclose, entry},
    time::to_proto,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Notices, REFUSED, changed};
use crate::{
    domain::entry::MEDIUM,
    store::notices::{self, NOTICES, Outcome, RECORD, StoredNotice},
};

const LONGEST_REFERENCE: usize = 200;

/// What is said of a notice, read and checked.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    name: String,
    revision: i64,
    act: NoticeAct,
    state: NoticeState,
    channel: Channel,
    note: String,
    reference: String,
    claim: Option<Claim>,
}

/// The notice whole, and what of it the caller may see.
type Written = (Notice, kefu_journal::Cursor, Clearance);

impl Notices {
    /// Clause SG-2.4.
    pub(super) async fn mark_sent(
        &self,
        call: Call,
        request: MarkNoticeSentRequest,
    ) -> Result<Answer<Notice>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let id = fields.name("name", &request.name, NOTICES);
        let revision = fields.etag("etag", &request.etag);
        let channel = fields.required_enum::<Channel>("channel", request.channel);
        fields.required_text("note", &request.note, MEDIUM);
        fields.text("reference", &request.reference, LONGEST_REFERENCE);
        fields.finish()?;
        let wanted = Wanted {
            id: id.unwrap_or_default(),
            name: request.name,
            revision: revision.unwrap_or_default(),
            act: NoticeAct::Sent,
            state: NoticeState::Sent,
            channel: channel.unwrap_or_default(),
            note: request.note,
            reference: request.reference,
            claim,
        };
        self.mark(call, wanted).await
    }

    /// Clause SG-2.4.
    pub(super) async fn mark_failed(
        &self,
        call: Call,
        request: MarkNoticeFailedRequest,
    ) -> Result<Answer<Notice>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let id = fields.name("name", &request.name, NOTICES);
        let revision = fields.etag("etag", &request.etag);
        fields.required_text("note", &request.note, MEDIUM);
        fields.finish()?;
        let wanted = Wanted {
            id: id.unwrap_or_default(),
            name: request.name,
            revision: revision.unwrap_or_default(),
            act: NoticeAct::Failed,
            state: NoticeState::Failed,
            channel: Channel::Unspecified,
            note: request.note,
            reference: String::new(),
            claim,
        };
        self.mark(call, wanted).await
    }

    async fn mark(&self, call: Call, wanted: Wanted) -> Result<Answer<Notice>, Fault> {
        let resource = wanted.name.clone();
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.write_mark(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let written = views
            .or_not_allowed(&call, REFUSED, &resource, outcome)
            .await;
        let (mut notice, position, clearance) = written?;
        disclose(&mut notice, &clearance, Default::default());
        Ok(Answer::written(notice, position))
    }

    async fn write_mark(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Written, Fault> {
        let mut query = RECORD.get(call, wanted.id);
        query.push(" FOR UPDATE OF n");
        let row = query.build().fetch_optional(&mut *connection).await?;
        let row = row.as_ref().map(StoredNotice::read).transpose()?;
        let row = row.ok_or_else(|| Fault::not_found(&wanted.name))?;
        let clearance = call.context.clearance(row.matched, call.now);
        let key = self.sealer.open_key(row.customer_id, &row.wrapped).await?;
        if let Some(claim) = &wanted.claim
            && let Some(kept) = idempotency::find(connection, claim).await?
        {
            let notice = self.sealer.open_answer(&key, row.id, &kept.answer)?;
            return Ok((notice, kept.position, clearance));
        }
        // Who does not see what is to be told has told nobody.
        if !clearance.classes.contains(DataClass::Service) {
            let class = DataClass::Service.as_str_name();
            return Err(Fault::new(Reason::PermissionMissing).with("classes", class));
        }
        ensure_open(&row, wanted)?;
        let everything = ClassSet::of(Notice::CLASSES);
        let (opened, _) = self.sealer.open(&key, row.id, &row.sealed, everything)?;
        let revision = row.revision + 1;
        let mut notice = row.with_opened(opened);
        notice.set_state(wanted.state);
        notice.set_channel(wanted.channel);
        notice.note.clone_from(&wanted.note);
        notice.reference.clone_from(&wanted.reference);
        notice.marked_by = call.caller();
        notice.outcome_time = Some(to_proto(call.now));
        notice.next_attempt_time = None;
        notice.etag = etag(revision);
        let outcome = Outcome {
            state: wanted.state,
            at: call.now,
            channel: wanted.channel,
            marked_by: &notice.marked_by,
            sealed: &self.seal(&key, &row, &notice)?,
        };
        notices::end(connection, row.id, &outcome).await?;
        let kind = match wanted.act {
            NoticeAct::Sent => "notice.sent",
            _ => "notice.failed",
        };
        let (state, resource) = ((wanted.state, wanted.channel), notice.name.clone());
        let event = changed(&row, wanted.act, state, revision);
        let customer = Some(row.customer_id);
        let entry = entry(call, EntryKind::Change, kind, resource, customer, event);
        let position = kefu_journal::append(connection, &[entry]).await?;
        if let Some(claim) = &wanted.claim {
            let kept = Kept {
                resource_id: row.id,
                answer: self.sealer.seal_answer(&key, row.id, &notice)?,
                position,
            };
            idempotency::keep(connection, call, claim, customer, &kept).await?;
        }
        Ok((notice, position, clearance))
    }
}

/// Refuses what is not as it was, what is over, and a channel that the customer left out.
fn ensure_open(row: &StoredNotice, wanted: &Wanted) -> Result<(), Fault> {
    if row.revision != wanted.revision {
        return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
    }
    let state = row.columns.state();
    if !matches!(state, NoticeState::Pending | NoticeState::Undelivered) {
        return Err(Fault::state(
            state.as_str_name(),
            NoticeState::Pending.as_str_name(),
        ));
    }
    let channels = &row.columns.channels;
    let sent = wanted.state == NoticeState::Sent;
    if sent && !channels.is_empty() && !channels.contains(&wanted.channel.into()) {
        let violation = ("channel".to_owned(), Violation::Contradiction);
        return Err(Fault::fields(vec![violation]));
    }
    Ok(())
}
