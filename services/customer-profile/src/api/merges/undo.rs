//! A file becomes two again, whole or not at all.

use kefu_access::ClassSet;
use kefu_contracts::{
    Resource,
    common::Reason,
    profile::{Customer, CustomerAct, Merge, UndoMergeRequest},
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::Fields,
    idempotency::{self, Claim},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{COLLECTION, Ids, Outcome, Pair, before, reached, told};
use crate::{
    api::{Customers, ask::claim, present::ensure_cleared},
    domain::{
        change::Change,
        merge::{self, MOST_REASON},
        state::{self, Step},
    },
    store::{
        consents,
        due::TO_RATE,
        duplicates,
        holds::{self, By},
        merges,
        moves::{Move, Which},
        records::{FILES, MERGED, StoredCustomer},
        revisions,
    },
};

/// A merge that can be undone, if it stands.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    ids: Ids,
    /// Of the merge as it was looked at.
    revision: i64,
    reason: String,
    claim: Option<Claim>,
}

impl Customers {
    /// Clause IH-2.2.
    pub(super) async fn undo_merge_of(
        &self,
        call: Call,
        request: UndoMergeRequest,
    ) -> Result<Answer<Merge>, Fault> {
        let mut fields = Fields::new();
        let claim = claim(&call, &mut fields, &request.request_id, &request);
        let id = fields.name("name", &request.name, COLLECTION);
        let revision = fields.etag("etag", &request.etag);
        fields.required_text("reason", &request.reason, MOST_REASON);
        fields.finish()?;
        let id = id.unwrap_or_default();
        let wanted = Wanted {
            id,
            ids: Ids {
                merge: id,
                ..self.merge_ids()?
            },
            revision: revision.unwrap_or_default(),
            reason: request.reason,
            claim,
        };
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.undo(connection, &call, &wanted).await })
            })
            .await;
        self.answer_merge(&call, outcome, &request.name).await
    }

    async fn undo(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Outcome, Fault> {
        let claim = wanted.claim.as_ref();
        if let Some(outcome) = before(connection, call, claim).await? {
            return Ok(outcome);
        }
        let merge = reached(connection, call, wanted.id).await?;
        if let Some(other) = merges::survivor_of(connection, merge.survivor).await? {
            let other = kefu_service::fields::name("customers", other);
            return Err(Fault::state("MERGED", "undo").with("survivor", other));
        }
        let survivor = self
            .lock_file(connection, call, &FILES, merge.survivor)
            .await?;
        let memory = merges::lock(connection, wanted.id).await?;
        // What was read before the locks may have changed.
        let merge = reached(connection, call, wanted.id).await?;
        if merge.revision != wanted.revision {
            let current = merge.message.etag;
            return Err(Fault::new(Reason::EtagMismatch).with("etag", current));
        }
        merge::ensure_standing(merge.message.state())?;
        let absorbed = self
            .lock_file(connection, call, &MERGED, merge.absorbed)
            .await?;
        let alone = state::after(absorbed.state(), Step::Separate)?;
        let pair = Pair::of(call, survivor, absorbed);

        let now = self.open_whole(&pair.survivor).await?;
        let with = self
            .revision_of(connection, &pair.survivor, memory.survivor_revision)
            .await?;
        let without = self
            .revision_of(connection, &pair.survivor, memory.survivor_revision - 1)
            .await?;
        let (mut parted, kept) = merge::separate(&without, &with, &now);
        let of_absorbed = self.open_whole(&pair.absorbed).await?;
        let moved = Change::between(&Customer::default(), &of_absorbed).classes();
        let changed = Change::between(&now, &parted).classes();
        ensure_cleared(moved.union(changed), &pair.clearance)?;
        parted.change_reason.clone_from(&wanted.reason);

        let refused = consents::refused_since(connection, merge.survivor, merge.merged_at).await?;
        let held = holds::begun_since(connection, merge.survivor, merge.merged_at).await?;
        let ids = &wanted.ids;
        let act = (CustomerAct::Separated, ids.survivor);
        self.put_file(connection, call, &pair.survivor, parted, act)
            .await?;
        merges::update_again(
            connection,
            merge.survivor,
            &memory,
            pair.survivor.revision + 1,
        )
        .await?;
        let act = (CustomerAct::Separated, ids.absorbed);
        self.keep_step(connection, call, &pair.absorbed, alone, act)
            .await?;
        merges::release(connection, merge.absorbed, &memory.members, call.now).await?;
        merges::keep_no_longer(connection, merge.survivor, &memory).await?;

        let said = consents::last_said(connection, merge.survivor).await?;
        let purposes: Vec<i16> = said.into_keys().collect();
        consents::forget_merge(connection, wanted.id).await?;
        let keys = (
            self.sealer
                .open_key(merge.survivor, &pair.survivor.wrapped)
                .await?,
            self.sealer
                .open_key(merge.absorbed, &pair.absorbed.wrapped)
                .await?,
        );
        let moving = Move {
            sealer: &self.sealer,
            from: (merge.survivor, &keys.0),
            to: (merge.absorbed, &keys.1),
        };
        moving
            .rows(connection, Which::From(&memory.members))
            .await?;
        for file in [merge.survivor, merge.absorbed] {
            consents::settle(connection, file, &purposes).await?;
            TO_RATE.look_at(connection, file, call.now).await?;
        }
        let other = (merge.absorbed, &keys.1);
        let mut entries = self
            .refuse_too(connection, call, other, &refused, ids)
            .await?;
        let by = By {
            actor: Some(call.context.subject.id),
            now: call.now,
        };
        for hold in held {
            let id = Uuid::new_v5(&wanted.id, hold.as_bytes());
            holds::add(connection, hold, &[(id, merge.absorbed)], by).await?;
        }

        let kept: Vec<String> = kept.into_iter().map(str::to_owned).collect();
        let by = (call.caller(), wanted.reason.as_str());
        merges::undo(connection, wanted.id, (&by.0, by.1), &kept, call.now).await?;
        let files = [merge.survivor, merge.absorbed];
        duplicates::dismiss(connection, files, (&by.0, by.1), call.now).await?;
        let merge = reached(connection, call, wanted.id).await?;
        entries.extend(told(call, &merge, "merge.undone"));
        let position = kefu_journal::append(connection, &entries).await?;
        idempotency::keep_plain(connection, call, claim, wanted.id, &merge.message, position)
            .await?;
        Ok(Outcome {
            merge: merge.message,
            matched: merge.matched,
            position,
            replayed: false,
        })
    }

    /// The data of a file as this revision left it.
    async fn revision_of(
        &self,
        connection: &mut PgConnection,
        row: &StoredCustomer,
        revision: i64,
    ) -> Result<Customer, Fault> {
        let sealed = revisions::sealed(connection, row.id, revision).await?;
        let sealed = sealed.ok_or_else(|| Fault::internal("a revision of a merge is missing"))?;
        let key = self.sealer.open_key(row.id, &row.wrapped).await?;
        let everything = ClassSet::of(Customer::CLASSES);
        Ok(self
            .sealer
            .open::<Customer>(&key, row.id, &sealed, everything)?
            .0)
    }
}
