//! Points are added or taken by hand, which takes two people.

use kefu_contracts::{
    ClassSet, Resource,
    access::SubjectKind,
    common::Reason,
    journal::{EntryKind, PointsCorrectionChanged, event},
    order::{
        CorrectPointsRequest, DecideOnPointsCorrectionRequest, LoyaltyRulesVersion, PointsAccount,
    },
};
use kefu_journal::Entry;
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, name},
    idempotency::Claim,
    present::entry,
    versions::in_force,
};
use kefu_vault::CustomerKey;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Loyalty,
    step::{AtHand, Deed, Step},
};
use crate::{
    desk::By,
    domain::loyalty::{self, MOST_POINTS},
    points::Posting,
    store::{
        points::{
            accounts::{self, ACCOUNTS, StoredCorrection},
            corrections::{self, NewCorrection},
        },
        versions,
    },
};

const LONGEST_REASON: usize = 2000;

impl Loyalty {
    /// Clause OP-3.3.
    pub(super) async fn correct(
        &self,
        call: Call,
        request: CorrectPointsRequest,
    ) -> Result<Answer<PointsAccount>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let customer = fields.name("name", &request.name, ACCOUNTS);
        let revision = fields.etag("etag", &request.etag);
        let points = request.points;
        let sound = points != 0 && (-MOST_POINTS..=MOST_POINTS).contains(&points);
        let range = Violation::OutOfRange(-MOST_POINTS, MOST_POINTS);
        fields.ensure(sound, "points", range);
        fields.required_text("reason", &request.reason, LONGEST_REASON);
        fields.finish()?;
        let step = Step {
            customer: customer.unwrap_or_default(),
            revision: revision.unwrap_or_default(),
            claim,
            deed: Deed::Correct(points, request.reason),
        };
        self.carry_out(call, step).await
    }

    /// Clause OP-3.3.
    pub(super) async fn decide(
        &self,
        call: Call,
        request: DecideOnPointsCorrectionRequest,
    ) -> Result<Answer<PointsAccount>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let customer = fields.name("name", &request.name, ACCOUNTS);
        let revision = fields.etag("etag", &request.etag);
        fields.required_text("reason", &request.reason, LONGEST_REASON);
        fields.finish()?;
        let step = Step {
            customer: customer.unwrap_or_default(),
            revision: revision.unwrap_or_default(),
            claim,
            deed: Deed::Decide(request.approve, request.reason),
        };
        self.carry_out(call, step).await
    }

    /// Writes what is asked for; nothing is posted by it.
    pub(super) async fn ask(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        key: &CustomerKey,
        at_hand: AtHand,
        (points, reason): (i64, &str),
    ) -> Result<Vec<Entry>, Fault> {
        if call.context.subject.kind != SubjectKind::Employee {
            return Err(Fault::new(Reason::SecondPersonRequired));
        }
        let AtHand { row, locked } = at_hand;
        if row.correction.is_some() {
            return Err(Fault::state("CORRECTION_WAITS", "correct"));
        }
        if points < 0 && locked.ledger.balance() < -points {
            let limit = locked.ledger.balance().to_string();
            return Err(Fault::new(Reason::BeyondLimit).with("limit", limit));
        }
        let id = self.core.deps.ids.next()?;
        let new = NewCorrection {
            id,
            customer_id: row.customer_id,
            points,
            asker_id: call.context.subject.id,
            sealed: &self.seal(key, id, reason)?,
            now: call.now,
        };
        corrections::insert(connection, &new).await?;
        accounts::settle(connection, row.customer_id, &locked, call.now).await?;
        let one = StoredCorrection {
            id,
            points,
            asker_id: new.asker_id,
            sealed: Vec::new(),
        };
        let kind = "points.correction_asked";
        Ok(vec![changed(call, kind, row.customer_id, &one, None)])
    }

    /// Posts what was asked for, or does not, by a second person.
    pub(super) async fn settle(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        key: &CustomerKey,
        at_hand: AtHand,
        (approve, reason): (bool, &str),
    ) -> Result<Vec<Entry>, Fault> {
        let AtHand { row, mut locked } = at_hand;
        let Some(asked) = row.correction else {
            return Err(Fault::state("NO_CORRECTION", "decide"));
        };
        let decider = &call.context.subject;
        if decider.kind != SubjectKind::Employee || decider.id == asked.asker_id {
            return Err(Fault::new(Reason::SecondPersonRequired));
        }
        let everything = ClassSet::of(PointsAccount::CLASSES);
        let (opened, _) =
            self.sealer
                .open::<PointsAccount>(key, asked.id, &asked.sealed, everything)?;
        let why = opened.correction_reason;
        let both = format!("{why}\n{reason}");
        let sealed = self.seal(key, asked.id, &both)?;
        let (id, who, now) = (asked.id, decider.id, call.now);
        corrections::decide(connection, id, who, approve, &sealed, now).await?;
        let customer = row.customer_id;
        let kind = match approve {
            true => "points.correction_approved",
            false => "points.correction_refused",
        };
        let mut entries = vec![changed(call, kind, customer, &asked, Some(approve))];
        if !approve {
            accounts::settle(connection, customer, &locked, call.now).await?;
            return Ok(entries);
        }
        let versions = versions::all::<LoyaltyRulesVersion>(connection).await?;
        let version = in_force(&versions, call.now);
        let rules = version.and_then(|version| version.definition.as_ref());
        let end = rules.and_then(|rules| loyalty::end(rules, call.now));
        let mut movements = locked.ledger.expire(call.now);
        movements.extend(locked.ledger.correct(asked.points, end)?);
        let posting = Posting {
            customer,
            reason: &both,
            rules_version: version.map_or(0, |version| version.number),
            ..Posting::default()
        };
        let by = By::Call(call);
        let posted = self
            .points
            .post(connection, &by, locked, &movements, &posting);
        entries.extend(posted.await?);
        Ok(entries)
    }

    fn seal(&self, key: &CustomerKey, id: Uuid, reason: &str) -> Result<Vec<u8>, Fault> {
        let words = PointsAccount {
            correction_reason: reason.to_owned(),
            ..PointsAccount::default()
        };
        self.sealer.seal(key, id, &words)
    }
}

/// What is to be corrected, or was decided on; for the journal.
fn changed(
    call: &Call,
    kind: &'static str,
    customer: Uuid,
    one: &StoredCorrection,
    decided: Option<bool>,
) -> Entry {
    let event = event::Event::PointsCorrectionChanged(PointsCorrectionChanged {
        correction_id: one.id.as_bytes().to_vec(),
        customer_id: customer.as_bytes().to_vec(),
        points: one.points,
        decided: decided.is_some(),
        approved: decided.unwrap_or_default(),
    });
    let (resource, whose) = (name(ACCOUNTS, customer), Some(customer));
    entry(call, EntryKind::Change, kind, resource, whose, event)
}
