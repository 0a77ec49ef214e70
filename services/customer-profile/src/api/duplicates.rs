//! `kefu.profile.v1.DuplicateService`: files that may be of one customer (IH-2.2).

use std::collections::BTreeMap;

use kefu_access::Clearance;
use kefu_contracts::{
    common::Reason,
    journal::{EntryKind, event},
    profile::{
        DismissDuplicateRequest, Duplicate, DuplicateState, GetDuplicateRequest,
        ListDuplicatesRequest, ListDuplicatesResponse, duplicate_service_server::DuplicateService,
    },
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::Fault,
    fields::{Fields, etag, name},
    idempotency::{self, Claim},
    listing::{self, ListSpec, asked},
    present::{Shown, entry},
    scope::{After, Order},
    time,
};
use sqlx::{PgConnection, postgres::PgRow};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::ask::claim;
use crate::{
    domain::{duplicate, merge::MOST_REASON},
    jobs::duplicate_changed,
    store::duplicates::{self, Changed, DUPLICATES, StoredDuplicate},
};

const COLLECTION: &str = "duplicates";
const VIEWED: &str = "duplicate.viewed";
const REFUSED: &str = "duplicate.refused";

const LIST: ListSpec<StoredDuplicate> = ListSpec {
    record: &DUPLICATES,
    time: "find_time",
    order: Order {
        column: "d.found_at",
        descending: true,
    },
    read: StoredDuplicate::read,
    place: |row| After {
        at: row.found_at,
        id: row.id,
    },
};

/// The handlers.
#[derive(Clone)]
pub(crate) struct Duplicates(pub(crate) Core);

/// A dismissal that can be made, if the pair allows it.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    /// Of the pair as it was looked at.
    revision: i64,
    reason: String,
    claim: Option<Claim>,
}

impl Duplicates {
    async fn get(
        &self,
        call: Call,
        request: GetDuplicateRequest,
    ) -> Result<Answer<Duplicate>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, COLLECTION);
        fields.finish()?;
        let query = DUPLICATES.get(&call, id.unwrap_or_default());
        let row = self.0.deps.db.row(query).await?;
        let views = &self.0.views;
        let Some(row) = row.as_ref().map(StoredDuplicate::read).transpose()? else {
            let fault = Fault::not_found(&request.name);
            return Err(views.refuse(&call, REFUSED, &request.name, fault).await);
        };
        let (message, shown) = open(&call, &row);
        views.record(&call, VIEWED, &shown).await?;
        Ok(Answer::read(message))
    }

    async fn list(
        &self,
        call: Call,
        request: ListDuplicatesRequest,
    ) -> Result<Answer<ListDuplicatesResponse>, Fault> {
        let asked = asked!(request);
        let page = listing::page(&self.0, &call, &LIST, asked).await?;
        let opened = page.records.iter().map(|row| open(&call, row));
        let (duplicates, shown): (Vec<_>, Vec<_>) = opened.unzip();
        let views = &self.0.views;
        views.record(&call, VIEWED, &shown.concat()).await?;
        Ok(Answer::read(ListDuplicatesResponse {
            duplicates,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// Clause IH-2.2.
    async fn dismiss(
        &self,
        call: Call,
        request: DismissDuplicateRequest,
    ) -> Result<Answer<Duplicate>, Fault> {
        let mut fields = Fields::new();
        let claim = claim(&call, &mut fields, &request.request_id, &request);
        let id = fields.name("name", &request.name, COLLECTION);
        let revision = fields.etag("etag", &request.etag);
        fields.required_text("reason", &request.reason, MOST_REASON);
        fields.finish()?;
        let wanted = Wanted {
            id: id.unwrap_or_default(),
            revision: revision.unwrap_or_default(),
            reason: request.reason,
            claim,
        };
        let writing = (call.clone(), wanted);
        let outcome = self
            .0
            .deps
            .db
            .transaction(move |connection| {
                let (call, wanted) = writing.clone();
                Box::pin(async move { attempt(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.0.views;
        let (pair, position, replayed) = views
            .or_refused(&call, REFUSED, &request.name, outcome)
            .await?;
        let (message, shown) = open(&call, &pair);
        if replayed {
            views.record(&call, VIEWED, &shown).await?;
        }
        Ok(Answer::written(message, position))
    }
}

/// How alike each of these files is to another at most, as far as the call sees both.
pub(super) fn likeness(call: &Call, rows: &[PgRow]) -> Result<BTreeMap<Uuid, i32>, Fault> {
    let mut likeness = BTreeMap::new();
    for row in rows {
        let pair = StoredDuplicate::read(row)?;
        let (message, _) = open(call, &pair);
        for file in pair.files {
            let most = likeness.entry(file).or_insert(0);
            *most = message.score.max(*most);
        }
    }
    Ok(likeness)
}

/// The pair as far as both files are cleared, and how it is shown.
fn open(call: &Call, row: &StoredDuplicate) -> (Duplicate, [Shown; 2]) {
    let [mut clearance, other] = row
        .matched
        .map(|matched| call.context.clearance(matched, call.now));
    clearance.classes = clearance.classes.intersection(other.classes);
    let (score, signals) = duplicate::shown(&row.signals, clearance.classes);
    let message = Duplicate {
        name: name(COLLECTION, row.id),
        customers: row.files.map(|file| name("customers", file)).to_vec(),
        state: row.state.into(),
        score,
        signals,
        find_time: Some(time::to_proto(row.found_at)),
        dismisser: row.dismisser.clone(),
        dismiss_time: row.dismissed_at.map(time::to_proto),
        dismiss_reason: row.dismiss_reason.clone(),
        etag: etag(row.revision),
    };
    let shown = row.files.map(|file| Shown {
        resource: message.name.clone(),
        customer_id: Some(file),
        clearance: Clearance {
            classes: kefu_access::ClassSet::NONE,
            ..clearance.clone()
        },
    });
    (message, shown)
}

type Outcome = (StoredDuplicate, kefu_journal::Cursor, bool);

async fn attempt(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
) -> Result<Outcome, Fault> {
    let claim = wanted.claim.as_ref();
    let before = idempotency::find_plain::<Duplicate>(connection, claim).await?;
    let mut query = DUPLICATES.get(call, wanted.id);
    query.push(" FOR UPDATE OF d");
    let row = query.build().fetch_optional(&mut *connection).await?;
    let row = row.ok_or_else(|| Fault::not_found(&name(COLLECTION, wanted.id)))?;
    let mut pair = StoredDuplicate::read(&row)?;
    // What is shown again is shown as it is cleared now.
    if let Some(kept) = before {
        return Ok((pair, kept.position, true));
    }
    if pair.revision != wanted.revision {
        return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(pair.revision)));
    }
    duplicate::ensure_open(pair.state)?;
    let by = call.caller();
    duplicates::dismiss(connection, pair.files, (&by, &wanted.reason), call.now).await?;
    pair.state = DuplicateState::Dismissed;
    pair.dismisser = by;
    pair.dismissed_at = Some(call.now);
    pair.dismiss_reason.clone_from(&wanted.reason);
    pair.revision += 1;
    let event = event::Event::DuplicateChanged(duplicate_changed(&Changed {
        id: pair.id,
        files: pair.files,
        state: pair.state,
        score: duplicate::score(&pair.signals),
    }));
    let (kind, resource) = ("duplicate.dismissed", name(COLLECTION, pair.id));
    let entry = entry(call, EntryKind::Change, kind, resource, None, event);
    let position = kefu_journal::append(connection, &[entry]).await?;
    let (message, _) = open(call, &pair);
    idempotency::keep_plain(connection, call, claim, pair.id, &message, position).await?;
    Ok((pair, position, false))
}

#[tonic::async_trait]
impl DuplicateService for Duplicates {
    async fn get_duplicate(
        &self,
        request: Request<GetDuplicateRequest>,
    ) -> Result<Response<Duplicate>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_duplicates(
        &self,
        request: Request<ListDuplicatesRequest>,
    ) -> Result<Response<ListDuplicatesResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn dismiss_duplicate(
        &self,
        request: Request<DismissDuplicateRequest>,
    ) -> Result<Response<Duplicate>, Status> {
        answer(request, |call, body| self.dismiss(call, body)).await
    }
}
