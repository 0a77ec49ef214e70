//! Two files become one, whole or not at all.

use kefu_contracts::profile::{CustomerAct, Merge, MergeFilesRequest};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::Fields,
    idempotency::{self, Claim},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Ids, Outcome, before, consents::Spoken, ensure_alike, ensure_current, reached, told, two,
};
use crate::{
    api::{Customers, ask::claim, present::ensure_cleared},
    domain::{
        merge::{self, MOST_REASON},
        state::{self, Step},
    },
    store::{
        due::TO_RATE,
        merges::{self, NewMerge},
        moves::{Move, Which},
    },
};

/// A merge that can be made, if the files allow it.
#[derive(Clone)]
struct Wanted {
    ids: Ids,
    files: (Uuid, Uuid),
    /// Of the files as they were looked at.
    revisions: (Option<i64>, Option<i64>),
    taken: Vec<&'static str>,
    reason: String,
    claim: Option<Claim>,
}

impl Customers {
    /// Clause IH-2.2.
    pub(super) async fn make_merge(
        &self,
        call: Call,
        request: MergeFilesRequest,
    ) -> Result<Answer<Merge>, Fault> {
        let mut fields = Fields::new();
        let claim = claim(&call, &mut fields, &request.request_id, &request);
        let files = two(&mut fields, &request.survivor, &request.absorbed);
        let wanted = Wanted {
            ids: self.merge_ids()?,
            files,
            revisions: (
                fields.etag("survivor_etag", &request.survivor_etag),
                fields.etag("absorbed_etag", &request.absorbed_etag),
            ),
            taken: merge::taken(&mut fields, &request.take_absorbed),
            reason: request.reason.clone(),
            claim,
        };
        fields.required_text("reason", &request.reason, MOST_REASON);
        fields.finish()?;
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.merge(connection, &call, &wanted).await })
            })
            .await;
        let unseen = outcome.as_ref().err().and_then(|fault| {
            let named = fault.metadata.iter().find(|(key, _)| *key == "resource")?;
            Some(named.1.clone())
        });
        let resource = unseen.unwrap_or(request.survivor);
        self.answer_merge(&call, outcome, &resource).await
    }

    async fn merge(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Outcome, Fault> {
        let claim = wanted.claim.as_ref();
        if let Some(outcome) = before(connection, call, claim).await? {
            return Ok(outcome);
        }
        let pair = self.lock_pair(connection, call, wanted.files).await?;
        ensure_current(&pair.survivor, wanted.revisions.0)?;
        ensure_current(&pair.absorbed, wanted.revisions.1)?;
        state::after(pair.survivor.state(), Step::Merge)?;
        let part = state::after(pair.absorbed.state(), Step::Absorb)?;
        let survivor = self.open_whole(&pair.survivor).await?;
        let absorbed = self.open_whole(&pair.absorbed).await?;
        ensure_alike(&survivor, &absorbed)?;
        let (mut merged, standing) = merge::unite(&survivor, &absorbed, &wanted.taken);
        // What one may not see one does not decide upon.
        ensure_cleared(merge::classes(&standing), &pair.clearance)?;
        let mut fields = Fields::new();
        self.check_entry(&mut fields, call, &mut merged);
        fields.finish()?;
        merged.change_reason.clone_from(&wanted.reason);

        let ids = &wanted.ids;
        let up_to_date = merges::up_to_date(connection, pair.survivor.id).await?;
        let act = (CustomerAct::Merged, ids.survivor);
        let changed = self
            .put_file(connection, call, &pair.survivor, merged, act)
            .await?;
        let still = merges::up_to_date(connection, pair.survivor.id).await?;
        let mut outdated = up_to_date;
        outdated.retain(|result| !still.contains(result));
        let act = (CustomerAct::Absorbed, ids.absorbed);
        self.keep_step(connection, call, &pair.absorbed, part, act)
            .await?;

        let own = Spoken::of(connection, wanted.files).await?;
        let business = merges::keep_longer(connection, wanted.files).await?;
        let members = merges::absorb(connection, wanted.files, call.now).await?;
        let new = NewMerge {
            id: ids.merge,
            survivor: wanted.files.0,
            absorbed: wanted.files.1,
            members: &members,
            survivor_revision: pair.survivor.revision + 1,
            changed: &changed,
            business,
            outdated: &outdated,
            merger: &call.caller(),
            reason: &wanted.reason,
            now: call.now,
        };
        merges::insert(connection, &new).await?;
        let keys = (
            self.sealer
                .open_key(pair.survivor.id, &pair.survivor.wrapped)
                .await?,
            self.sealer
                .open_key(pair.absorbed.id, &pair.absorbed.wrapped)
                .await?,
        );
        let moving = Move {
            sealer: &self.sealer,
            from: (pair.absorbed.id, &keys.1),
            to: (pair.survivor.id, &keys.0),
        };
        moving.rows(connection, Which::All).await?;
        let mut entries = self
            .speak_strictly(connection, call, (pair.survivor.id, &keys.0), &own, ids)
            .await?;
        TO_RATE
            .look_at(connection, pair.survivor.id, call.now)
            .await?;

        let merge = reached(connection, call, ids.merge).await?;
        entries.extend(told(call, &merge, "merge.made"));
        let position = kefu_journal::append(connection, &entries).await?;
        idempotency::keep_plain(connection, call, claim, ids.merge, &merge.message, position)
            .await?;
        Ok(Outcome {
            merge: merge.message,
            matched: merge.matched,
            position,
            replayed: false,
        })
    }
}
