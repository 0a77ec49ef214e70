//! One action on each of many tickets: every one is decided upon, written and journaled by
//! itself, under a request id that follows from the call's.

use aws_lc_rs::digest::{Context, SHA256};
use kefu_contracts::{common::BulkResult, ticket::BulkChangeResponse};
use kefu_journal::Cursor;
use kefu_service::{
    bulk,
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
    idempotency::{self, Claim, Plain},
    present::Shown,
};
use uuid::{Builder, Uuid};

use super::BulkCommand;
use crate::{
    api::{Tickets, commands::Wanted},
    domain::action::Action,
};

/// Most tickets of one call.
const MOST: usize = 200;

/// The tickets of a call.
pub(super) struct All {
    tickets: Vec<One>,
    claim: Option<Claim>,
}

struct One {
    id: Uuid,
    name: String,
    revision: Option<i64>,
}

/// Reads a call whole.
pub(super) fn read<C: BulkCommand>(call: &Call, request: C) -> Result<(All, Action), Fault> {
    let mut fields = Fields::new();
    let given = request.tickets();
    fields.ensure(!given.is_empty(), "tickets", Violation::Required);
    fields.ensure(given.len() <= MOST, "tickets", Violation::TooMany(MOST));
    let mut tickets: Vec<One> = Vec::with_capacity(given.len().min(MOST));
    for (at, one) in given.iter().enumerate().take(MOST) {
        let field = format_args!("tickets[{at}].name");
        let Some(id) = fields.name(field, &one.name, "tickets") else {
            continue;
        };
        let again = tickets.iter().any(|other| other.id == id);
        fields.ensure(!again, field, Violation::Duplicate);
        let revision = match one.etag.as_str() {
            "" => None,
            etag => fields.etag(format_args!("tickets[{at}].etag"), etag),
        };
        tickets.push(One {
            id,
            name: one.name.clone(),
            revision,
        });
    }
    let request_id = fields.request_id(request.request_id());
    let claim = Claim::of(call, request_id, &request);
    let action = request.action(&mut fields);
    fields.finish()?;
    Ok((All { tickets, claim }, action))
}

impl Tickets {
    pub(super) async fn change_each(
        &self,
        call: Call,
        all: All,
        action: Action,
    ) -> Result<Answer<BulkChangeResponse>, Fault> {
        if let Some(kept) = self.kept(&all.claim).await? {
            self.shows_again(&call, &kept.body.results).await?;
            return Ok(answered(kept.body, Some(kept.position)));
        }
        let mut results = Vec::with_capacity(all.tickets.len());
        let (mut last, mut lasting) = (None, true);
        let mut again = Vec::new();
        for one in &all.tickets {
            let wanted = Wanted {
                id: one.id,
                name: one.name.clone(),
                revision: one.revision,
                action: action.clone(),
                told: None,
                claim: all.claim.as_ref().map(|claim| of(claim, one.id)),
            };
            results.push(match Box::pin(self.carried(&call, wanted)).await {
                Ok(written) => {
                    last = last.max(Some(written.position));
                    let changed = BulkResult {
                        name: one.name.clone(),
                        etag: written.record.etag,
                        ..BulkResult::default()
                    };
                    again.extend(written.replayed.then(|| changed.clone()));
                    changed
                }
                Err(fault) => {
                    lasting = lasting && bulk::is_lasting(fault.reason);
                    bulk::refused(&one.name, &fault)
                }
            });
        }
        self.shows_again(&call, &again).await?;
        let response = BulkChangeResponse { results };
        // What may come about another time is tried again when the call is.
        let Some(claim) = all.claim.filter(|_| lasting) else {
            return Ok(answered(response, last));
        };
        let position = last.unwrap_or(NOWHERE);
        let keeping = (call.clone(), claim, response);
        let db = &self.core.deps.db;
        let kept = db.transaction(move |connection| {
            let (call, claim, response) = keeping.clone();
            Box::pin(async move {
                let claim = Some(&claim);
                if let Some(kept) = idempotency::find_plain(connection, claim).await? {
                    return Ok((answered(kept.body, Some(kept.position)), true));
                }
                let id = claim.map(|claim| claim.request_id).unwrap_or_default();
                idempotency::keep_plain(connection, &call, claim, id, &response, position).await?;
                Ok((answered(response, Some(position)), false))
            })
        });
        let (answer, replayed) = kept.await?;
        if replayed {
            self.shows_again(&call, &answer.body.results).await?;
        }
        Ok(answer)
    }

    /// Journals that an answer is given again: which tickets it names as changed, nothing of them.
    async fn shows_again(&self, call: &Call, results: &[BulkResult]) -> Result<(), Fault> {
        let changed = results.iter().filter(|one| !one.etag.is_empty());
        let shown: Vec<Shown> = changed.map(|one| Shown::of_company(&one.name)).collect();
        if shown.is_empty() {
            return Ok(());
        }
        let views = &self.core.views;
        views.record(call, "ticket.viewed", &shown).await.map(drop)
    }

    async fn kept(
        &self,
        claim: &Option<Claim>,
    ) -> Result<Option<Plain<BulkChangeResponse>>, Fault> {
        let claim = claim.clone();
        let db = &self.core.deps.db;
        db.run(move |connection| {
            Box::pin(async move { idempotency::find_plain(connection, claim.as_ref()).await })
        })
        .await
    }
}

/// Where an answer is that changed nothing.
const NOWHERE: Cursor = Cursor {
    transaction_id: 0,
    position: 0,
};

fn answered(body: BulkChangeResponse, position: Option<Cursor>) -> Answer<BulkChangeResponse> {
    Answer {
        body,
        position: position.filter(|position| *position != NOWHERE),
    }
}

/// The claim of one ticket of a call: the same whenever the call is repeated.
fn of(claim: &Claim, ticket: Uuid) -> Claim {
    let mut context = Context::new(&SHA256);
    context.update(claim.request_id.as_bytes());
    context.update(ticket.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&context.finish().as_ref()[..16]);
    Claim {
        request_id: Builder::from_custom_bytes(bytes).into_uuid(),
        ..claim.clone()
    }
}
