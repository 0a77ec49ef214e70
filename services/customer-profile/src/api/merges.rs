//! `kefu.profile.v1.MergeService`: files of one customer become one, and two again (IH-2.2).

mod consents;
mod make;
mod preview;
mod undo;
mod write;

use kefu_access::Clearance;
use kefu_contracts::{
    common::Reason,
    journal::{EntryKind, FilesMerged, event},
    profile::{
        Customer, GetMergeRequest, ListMergesRequest, ListMergesResponse, Merge, MergeFilesRequest,
        MergePreview, PreviewMergeRequest, UndoMergeRequest, merge_service_server::MergeService,
    },
};
use kefu_journal::{Cursor, Entry};
use kefu_service::{
    call::{Answer, Call, answer},
    error::{Fault, Violation},
    fields::{Fields, etag, name, parse_name},
    idempotency::{self, Claim},
    listing::{self, ListSpec, One, asked},
    present::entry,
    scope::{After, Order},
};
use sqlx::PgConnection;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Customers, retentions::shown};
use crate::store::{
    merges::{MERGES, StoredMerge},
    records::StoredCustomer,
};

const COLLECTION: &str = "merges";
const VIEWED: &str = "merge.viewed";
const REFUSED: &str = "merge.refused";
/// Statements of a merge at most: one for each purpose that a customer can agree to.
const STATEMENTS: usize = 5;

const ONE: One<StoredMerge> = One {
    record: &MERGES,
    collection: COLLECTION,
    read: StoredMerge::read,
    viewed: VIEWED,
    refused: REFUSED,
};

const LIST: ListSpec<StoredMerge> = ListSpec {
    record: &MERGES,
    time: "merge_time",
    order: Order {
        column: "m.merged_at",
        descending: true,
    },
    read: StoredMerge::read,
    place: |row| After {
        at: row.merged_at,
        id: row.id,
    },
};

/// What is made anew by a merge, or when it is undone.
#[derive(Clone)]
struct Ids {
    merge: Uuid,
    survivor: Uuid,
    absorbed: Uuid,
    statements: [Uuid; STATEMENTS],
}

/// A merge as a change left it.
struct Outcome {
    merge: Merge,
    matched: i64,
    position: Cursor,
    /// It was made before.
    replayed: bool,
}

/// Two files, and what of both is cleared.
struct Pair {
    survivor: StoredCustomer,
    absorbed: StoredCustomer,
    clearance: Clearance,
}

impl Customers {
    fn merge_ids(&self) -> Result<Ids, Fault> {
        let ids = &self.core.deps.ids;
        let mut statements = [Uuid::nil(); STATEMENTS];
        for id in &mut statements {
            *id = ids.next()?;
        }
        Ok(Ids {
            merge: ids.next()?,
            survivor: ids.next()?,
            absorbed: ids.next()?,
            statements,
        })
    }

    async fn read_merge(
        &self,
        call: Call,
        request: GetMergeRequest,
    ) -> Result<Answer<Merge>, Fault> {
        let reader = &call;
        ONE.show(&self.core, &call, &request.name, |row| {
            Box::pin(async move {
                let shown = shown(reader, &row.message.name, Some(row.survivor), row.matched);
                Ok((row.message, shown))
            })
        })
        .await
    }

    async fn read_merges(
        &self,
        call: Call,
        request: ListMergesRequest,
    ) -> Result<Answer<ListMergesResponse>, Fault> {
        let asked = asked!(request);
        let reader = &call;
        let page = listing::show(&self.core, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move {
                let shown = shown(reader, &row.message.name, Some(row.survivor), row.matched);
                Ok((row.message, shown))
            })
        })
        .await?;
        Ok(Answer::read(ListMergesResponse {
            merges: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// What was done; what is shown again of it is a view.
    async fn answer_merge(
        &self,
        call: &Call,
        outcome: Result<Outcome, Fault>,
        resource: &str,
    ) -> Result<Answer<Merge>, Fault> {
        let views = &self.core.views;
        let outcome = views.or_refused(call, REFUSED, resource, outcome).await?;
        if outcome.replayed {
            let survivor = parse_name(&outcome.merge.survivor, "customers");
            let shown = shown(call, &outcome.merge.name, survivor, outcome.matched);
            views.record(call, VIEWED, &[shown]).await?;
        }
        Ok(Answer::written(outcome.merge, outcome.position))
    }
}

impl Pair {
    fn of(call: &Call, survivor: StoredCustomer, absorbed: StoredCustomer) -> Self {
        let mut clearance = call.context.clearance(survivor.matched, call.now);
        let other = call.context.clearance(absorbed.matched, call.now);
        clearance.classes = clearance.classes.intersection(other.classes);
        Self {
            survivor,
            absorbed,
            clearance,
        }
    }
}

/// The facts of a merge, for the histories of both files.
fn told(call: &Call, merge: &StoredMerge, kind: &'static str) -> Vec<Entry> {
    let files = [merge.survivor, merge.absorbed];
    let event = FilesMerged {
        merge_id: merge.id.as_bytes().to_vec(),
        survivor_id: merge.survivor.as_bytes().to_vec(),
        absorbed_id: merge.absorbed.as_bytes().to_vec(),
        state: merge.message.state,
        changed_fields: merge.message.changed_fields.clone(),
    };
    let entries = files.into_iter().map(|file| {
        let event = event::Event::FilesMerged(event.clone());
        let resource = merge.message.name.clone();
        entry(call, EntryKind::Change, kind, resource, Some(file), event)
    });
    entries.collect()
}

/// The merge within reach, as it is now.
async fn reached(
    connection: &mut PgConnection,
    call: &Call,
    id: Uuid,
) -> Result<StoredMerge, Fault> {
    let mut query = MERGES.get(call, id);
    let row = query.build().fetch_optional(connection).await?;
    let row = row.ok_or_else(|| Fault::not_found(&name(COLLECTION, id)))?;
    StoredMerge::read(&row)
}

/// What this request led to before, if it comes again.
async fn before(
    connection: &mut PgConnection,
    call: &Call,
    claim: Option<&Claim>,
) -> Result<Option<Outcome>, Fault> {
    let Some(kept) = idempotency::find_plain::<Merge>(connection, claim).await? else {
        return Ok(None);
    };
    let matched = reached(connection, call, kept.resource_id).await;
    Ok(Some(Outcome {
        merge: kept.body,
        matched: matched.map(|merge| merge.matched).unwrap_or_default(),
        position: kept.position,
        replayed: true,
    }))
}

/// Decided upon this revision of the file.
fn ensure_current(row: &StoredCustomer, revision: Option<i64>) -> Result<(), Fault> {
    if Some(row.revision) == revision {
        return Ok(());
    }
    Err(Fault::new(Reason::EtagMismatch)
        .with("etag", etag(row.revision))
        .with("resource", name("customers", row.id)))
}

/// Reads two different files.
fn two(fields: &mut Fields, survivor: &str, absorbed: &str) -> (Uuid, Uuid) {
    let one = fields.name("survivor", survivor, "customers");
    let other = fields.name("absorbed", absorbed, "customers");
    if let Some((one, other)) = one.zip(other) {
        fields.ensure(one != other, "absorbed", Violation::Duplicate);
    }
    (one.unwrap_or_default(), other.unwrap_or_default())
}

/// A person does not become a company.
fn ensure_alike(survivor: &Customer, absorbed: &Customer) -> Result<(), Fault> {
    if survivor.r#type == absorbed.r#type {
        return Ok(());
    }
    Err(Fault::fields(vec![(
        "absorbed".to_owned(),
        Violation::Contradiction,
    )]))
}

#[tonic::async_trait]
impl MergeService for Customers {
    async fn preview_merge(
        &self,
        request: Request<PreviewMergeRequest>,
    ) -> Result<Response<MergePreview>, Status> {
        answer(request, |call, body| self.preview_merge_of(call, body)).await
    }

    async fn merge_files(
        &self,
        request: Request<MergeFilesRequest>,
    ) -> Result<Response<Merge>, Status> {
        answer(request, |call, body| self.make_merge(call, body)).await
    }

    async fn undo_merge(
        &self,
        request: Request<UndoMergeRequest>,
    ) -> Result<Response<Merge>, Status> {
        answer(request, |call, body| self.undo_merge_of(call, body)).await
    }

    async fn get_merge(
        &self,
        request: Request<GetMergeRequest>,
    ) -> Result<Response<Merge>, Status> {
        answer(request, |call, body| self.read_merge(call, body)).await
    }

    async fn list_merges(
        &self,
        request: Request<ListMergesRequest>,
    ) -> Result<Response<ListMergesResponse>, Status> {
        answer(request, |call, body| self.read_merges(call, body)).await
    }
}
