//! What people say about a customer's rating; the rating follows in the same transaction.

use kefu_access::{ClassSet, Clearance};
use kefu_contracts::{
    journal::{EntryKind, RatingStated, event::Event},
    profile::{
        Rating, RatingStatement, RecordRatingStatementRequest, WithdrawRatingStatementRequest,
    },
};
use kefu_journal::Cursor;
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, name},
    idempotency::{self, Claim, Kept},
    present::{Shown, entry},
    time::to_proto,
};
use kefu_vault::CustomerKey;
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    api::{Customers, ask::claim, on_file::OnFile, present::ensure_cleared},
    domain::rating::statement::Statement,
    jobs::Turn,
    store::{
        rating_statements::{self, StoredStatement, Withdrawn},
        records::StoredCustomer,
    },
};

const COLLECTION: &str = "rating-statements";
const MOST_REASON: usize = 500;

/// What is to be done.
#[derive(Clone)]
enum Deed {
    Say(Statement, Box<RatingStatement>),
    TakeBack { statement: Uuid, reason: String },
}

/// A deed that can be done, if the caller may.
#[derive(Clone)]
struct Wanted {
    /// Of a new statement, and of a revision if the file moves.
    ids: [Uuid; 3],
    customer: Uuid,
    deed: Deed,
    claim: Option<Claim>,
}

/// What it led to.
struct Done {
    row: StoredCustomer,
    clearance: Clearance,
    position: Cursor,
    replayed: bool,
}

impl Customers {
    /// Clauses CF-2.4, IH-8.2.
    pub(super) async fn state(
        &self,
        call: Call,
        request: RecordRatingStatementRequest,
    ) -> Result<Answer<Rating>, Fault> {
        let mut fields = Fields::new();
        let claim = claim(&call, &mut fields, &request.request_id, &request);
        let message = request.statement.unwrap_or_default();
        let read = Statement::read(&mut fields, &message, call.now);
        fields.finish()?;
        let (customer, statement) = read.ok_or_else(|| Fault::internal("a violation was lost"))?;
        let deed = Deed::Say(statement, Box::new(message));
        self.do_to_rating(call, customer, deed, claim).await
    }

    /// Clauses CF-2.4, IH-8.2.
    pub(super) async fn take_back(
        &self,
        call: Call,
        request: WithdrawRatingStatementRequest,
    ) -> Result<Answer<Rating>, Fault> {
        let mut fields = Fields::new();
        let claim = claim(&call, &mut fields, &request.request_id, &request);
        let customer = fields.name("parent", &request.parent, "customers");
        let statement = fields.name("statement", &request.statement, COLLECTION);
        fields.required_text("reason", &request.reason, MOST_REASON);
        fields.finish()?;
        let deed = Deed::TakeBack {
            statement: statement.unwrap_or_default(),
            reason: request.reason,
        };
        self.do_to_rating(call, customer.unwrap_or_default(), deed, claim)
            .await
    }

    async fn do_to_rating(
        &self,
        call: Call,
        customer: Uuid,
        deed: Deed,
        claim: Option<Claim>,
    ) -> Result<Answer<Rating>, Fault> {
        let ids = &self.core.deps.ids;
        let wanted = Wanted {
            ids: [ids.next()?, ids.next()?, ids.next()?],
            customer,
            deed,
            claim,
        };
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.do_one(connection, &call, &wanted).await })
            })
            .await;
        let resource = name("customers", customer);
        let done = self
            .core
            .views
            .or_refused(&call, "rating.refused", &resource, outcome)
            .await?;
        let rating = self.read_rating(&done.row, done.clearance.classes).await?;
        if done.replayed {
            let shown = Shown {
                resource,
                customer_id: Some(customer),
                clearance: done.clearance,
            };
            self.core
                .views
                .record(&call, "rating.viewed", &[shown])
                .await?;
        }
        Ok(Answer::written(rating, done.position))
    }

    async fn do_one(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Done, Fault> {
        let OnFile { row, held } =
            OnFile::lock(connection, call, &self.sealer, wanted.customer).await?;
        let done = |position, replayed| Done {
            row,
            clearance: held.clearance.clone(),
            position,
            replayed,
        };
        if let Some(claim) = &wanted.claim
            && let Some(kept) = idempotency::find(connection, claim).await?
        {
            return Ok(done(kept.position, true));
        }
        let (id, statement, withdrawn) = match &wanted.deed {
            Deed::Say(statement, words) => {
                ensure_cleared(ClassSet::of(&[statement.said.class()]), &held.clearance)?;
                let new = self.sealed(call, &held.key, wanted.ids[0], (*statement, words))?;
                rating_statements::insert(connection, wanted.customer, &new).await?;
                (new.id, *statement, false)
            }
            Deed::TakeBack { statement, reason } => {
                let found = self
                    .standing(connection, wanted.customer, *statement, &held.clearance)
                    .await?;
                let reason = self.sealer.vault().seal(
                    &held.key,
                    &rating_statements::place(*statement, "withdraw_reason"),
                    reason.as_bytes(),
                )?;
                let withdrawn = Withdrawn {
                    by: call.caller(),
                    at: call.now,
                    reason,
                };
                rating_statements::withdraw(connection, *statement, &withdrawn).await?;
                (*statement, found, true)
            }
        };
        let kind = if withdrawn {
            "rating.statement_withdrawn"
        } else {
            "rating.stated"
        };
        let stated = Event::RatingStated(RatingStated {
            statement_id: id.as_bytes().to_vec(),
            customer_id: wanted.customer.as_bytes().to_vec(),
            start_time: Some(to_proto(statement.from)),
            end_time: statement.until.map(to_proto),
            withdrawn,
        });
        let resource = name("customers", wanted.customer);
        let entry = entry(
            call,
            EntryKind::Change,
            kind,
            resource,
            Some(wanted.customer),
            stated,
        );
        let position = kefu_journal::append(connection, &[entry]).await?;
        self.turn(call, wanted).rate_now(connection).await?;
        if let Some(claim) = &wanted.claim {
            // What it answers is read anew: ratings change, and this one may have.
            let kept = Kept {
                resource_id: id,
                answer: Vec::new(),
                position,
            };
            idempotency::keep(connection, call, claim, Some(wanted.customer), &kept).await?;
        }
        Ok(done(position, false))
    }

    fn turn(&self, call: &Call, wanted: &Wanted) -> Turn {
        Turn {
            customer: wanted.customer,
            now: call.now,
            request: wanted.ids[1],
            revision_id: wanted.ids[2],
            sealer: self.sealer.clone(),
        }
    }

    fn sealed(
        &self,
        call: &Call,
        key: &CustomerKey,
        id: Uuid,
        (statement, words): (Statement, &RatingStatement),
    ) -> Result<StoredStatement, Fault> {
        let texts = RatingStatement {
            reason: words.reason.clone(),
            finding: words.finding.clone(),
            evidence: words.evidence.clone(),
            ..RatingStatement::default()
        };
        let vault = self.sealer.vault();
        Ok(StoredStatement {
            id,
            statement,
            recorder: call.caller(),
            recorded_at: call.now,
            texts: vault.seal(
                key,
                &rating_statements::place(id, "texts"),
                &texts.encode_to_vec(),
            )?,
            withdrawn: None,
        })
    }

    /// A statement that was not taken back, and that the caller may know of.
    async fn standing(
        &self,
        connection: &mut PgConnection,
        customer: Uuid,
        id: Uuid,
        clearance: &Clearance,
    ) -> Result<Statement, Fault> {
        let mut said = rating_statements::of(connection, &[customer]).await?;
        let said = said.remove(&customer).unwrap_or_default();
        let seen = |one: &&StoredStatement| clearance.classes.contains(one.statement.said.class());
        let found = said.iter().filter(seen).find(|one| one.id == id);
        match found {
            None => Err(Fault::fields(vec![(
                "statement".to_owned(),
                Violation::Unknown,
            )])),
            Some(one) if one.withdrawn.is_some() => Err(Fault::state("WITHDRAWN", "STANDING")),
            Some(one) => Ok(one.statement),
        }
    }

    /// What was said, as far as these classes clear it; newest first.
    pub(super) async fn statements(
        &self,
        file: &StoredCustomer,
        said: Vec<StoredStatement>,
        classes: ClassSet,
    ) -> Result<Vec<RatingStatement>, Fault> {
        let seen = |one: &StoredStatement| classes.contains(one.statement.said.class());
        let said: Vec<_> = said.into_iter().rev().filter(seen).collect();
        if said.is_empty() {
            return Ok(Vec::new());
        }
        let key = self.sealer.open_key(file.id, &file.wrapped).await?;
        let statements = said.into_iter().map(|one| self.opened(file, &key, one));
        statements.collect()
    }

    fn opened(
        &self,
        file: &StoredCustomer,
        key: &CustomerKey,
        stored: StoredStatement,
    ) -> Result<RatingStatement, Fault> {
        let vault = self.sealer.vault();
        let texts = vault.open(
            key,
            &rating_statements::place(stored.id, "texts"),
            &stored.texts,
        )?;
        let texts = RatingStatement::decode(texts.as_slice());
        let texts = texts.map_err(|_| Fault::internal("the words of a statement"))?;
        let mut message = RatingStatement {
            name: name(COLLECTION, stored.id),
            customer: name("customers", file.id),
            start_time: Some(to_proto(stored.statement.from)),
            end_time: stored.statement.until.map(to_proto),
            recorder: stored.recorder,
            record_time: Some(to_proto(stored.recorded_at)),
            ..texts
        };
        stored.statement.said.tell(&mut message);
        if let Some(withdrawn) = stored.withdrawn {
            let place = rating_statements::place(stored.id, "withdraw_reason");
            let reason = vault.open(key, &place, &withdrawn.reason)?;
            message.withdraw_reason = String::from_utf8(reason)
                .map_err(|_| Fault::internal("why a statement was taken back"))?;
            message.withdrawer = withdrawn.by;
            message.withdraw_time = Some(to_proto(withdrawn.at));
        }
        Ok(message)
    }
}
