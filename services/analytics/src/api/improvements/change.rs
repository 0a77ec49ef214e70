//! What is done to an improvement, but for agreeing to it.

use kefu_contracts::{
    analytics::{Improvement, ImprovementEvent, Verdict},
    common::Reason,
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{Fields, etag},
    idempotency::{self, Claim},
    present::Shown,
    time::to_proto,
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Improvements, REFUSED, VIEWED, again, journaled, present};
use crate::{
    domain::{
        improvement::{is_carried_out_by, state::after, step, target},
        period::{Period, Zone},
    },
    store::improvements::{self, IMPROVEMENTS, RECORD, StoredImprovement},
};

/// What every change says.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) id: Uuid,
    /// Resource name, as it was given.
    pub(super) name: String,
    /// Of the improvement that was decided upon.
    pub(super) revision: i64,
    pub(super) claim: Option<Claim>,
}

/// What is done.
#[derive(Clone)]
pub(super) enum Deed {
    Decline(String),
    Start,
    Complete { outcome: String, standard: String },
    Abandon(String),
    Judge(Verdict, String),
}

/// What every change says, by name, etag and request id, and what is wrong with it.
pub(super) fn wanted<M: prost::Message>(
    call: &Call,
    body: &M,
    (named, etag, request_id): (&str, &str, &str),
) -> (Wanted, Fields) {
    let mut fields = Fields::new();
    let id = fields.name("name", named, IMPROVEMENTS);
    let revision = fields.etag("etag", etag);
    let request_id = fields.request_id(request_id);
    let wanted = Wanted {
        id: id.unwrap_or_default(),
        name: named.to_owned(),
        revision: revision.unwrap_or_default(),
        claim: Claim::of(call, request_id, body),
    };
    (wanted, fields)
}

impl Deed {
    fn event(&self) -> ImprovementEvent {
        match self {
            Self::Decline(_) => ImprovementEvent::Declined,
            Self::Start => ImprovementEvent::Started,
            Self::Complete { .. } => ImprovementEvent::Completed,
            Self::Abandon(_) => ImprovementEvent::Abandoned,
            Self::Judge(..) => ImprovementEvent::Judged,
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Start => "",
            Self::Decline(text) | Self::Abandon(text) | Self::Judge(_, text) => text,
            Self::Complete { outcome, .. } => outcome,
        }
    }

    /// Does it, once it is known that it may be.
    fn apply(&self, record: &mut Improvement, call: &Call, zone: &Zone) -> Result<(), Fault> {
        let caller = call.caller();
        step(record, self.event(), (&caller, self.text()), call.now)?;
        match self {
            Self::Complete { standard, .. } => {
                if !standard.is_empty() {
                    record.standard.clone_from(standard);
                }
                let target = record.target.clone().unwrap_or_default();
                let days = target::afterwards(&target, zone.today(call.now));
                let over = days.and_then(|days| Period::of(None, Some(days.last), zone));
                let over_at = over.and_then(|period| period.until);
                let over_at = over_at.ok_or_else(|| Fault::internal("the calendar ends"))?;
                record.measure_time = Some(to_proto(over_at));
            }
            Self::Judge(verdict, _) => record.verdict = (*verdict).into(),
            Self::Decline(_) | Self::Start | Self::Abandon(_) => {}
        }
        Ok(())
    }

    /// Where the state allows it; it is judged beside its figure, and by another than who carried
    /// it out.
    fn may(&self, call: &Call, row: &StoredImprovement) -> Result<(), Fault> {
        after(row.record.state(), self.event())?;
        let Self::Judge(..) = self else {
            return Ok(());
        };
        if is_carried_out_by(&row.record, &call.caller()) {
            return Err(Fault::new(Reason::SecondPersonRequired));
        }
        match row.record.afterwards {
            Some(_) => Ok(()),
            None => Err(Fault::new(Reason::StateNotAllowed)
                .with("rule", "the figure afterwards is counted first")),
        }
    }
}

impl Improvements {
    /// Clause SG-8.
    pub(super) async fn change(
        &self,
        call: Call,
        (wanted, mut fields): (Wanted, Fields),
        deed: impl FnOnce(&mut Fields) -> Deed,
    ) -> Result<Answer<Improvement>, Fault> {
        let deed = deed(&mut fields);
        fields.finish()?;
        let resource = wanted.name.clone();
        let writing = (call.clone(), wanted, deed);
        let db = &self.core.deps.db;
        let outcome = db
            .transaction(move |connection| {
                let (call, wanted, deed) = writing.clone();
                Box::pin(async move { write(connection, &call, &wanted, &deed).await })
            })
            .await;
        let views = &self.core.views;
        let outcome = views.or_not_allowed(&call, REFUSED, &resource, outcome);
        outcome.await?.into_answer(views, &call, VIEWED).await
    }
}

async fn write(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
    deed: &Deed,
) -> Result<Written<Improvement>, Fault> {
    let mut row = hold(connection, call, wanted).await?;
    let claim = wanted.claim.as_ref();
    if let Some(kept) = idempotency::find_plain(connection, claim).await? {
        return Ok(again(call, kept));
    }
    ensure_current(&row, wanted)?;
    let zone = Zone::parse(&row.record.time_zone);
    let zone = zone.ok_or_else(|| Fault::internal("a time zone that there is no more"))?;
    deed.may(call, &row)?;
    deed.apply(&mut row.record, call, &zone)?;
    keep(connection, call, claim, row).await
}

/// The improvement, within the scope of the call; nobody else changes it until the transaction
/// ends.
pub(super) async fn hold(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
) -> Result<StoredImprovement, Fault> {
    let mut query = RECORD.get(call, wanted.id);
    query.push(" FOR UPDATE OF i");
    let row = query.build().fetch_optional(&mut *connection).await?;
    let row = row.as_ref().map(StoredImprovement::read).transpose()?;
    row.ok_or_else(|| Fault::not_found(&wanted.name))
}

/// It is still the one that was decided upon.
pub(super) fn ensure_current(row: &StoredImprovement, wanted: &Wanted) -> Result<(), Fault> {
    match row.revision == wanted.revision {
        true => Ok(()),
        false => Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision))),
    }
}

/// Keeps the next revision, with what happened last in the journal.
pub(super) async fn keep(
    connection: &mut PgConnection,
    call: &Call,
    claim: Option<&Claim>,
    mut row: StoredImprovement,
) -> Result<Written<Improvement>, Fault> {
    row.revision += 1;
    row.record.etag = etag(row.revision);
    improvements::update(connection, &row).await?;
    let entry = journaled(call, &row.record);
    let position = kefu_journal::append(connection, &[entry]).await?;
    let id = row.id;
    let body = present(call, row);
    idempotency::keep_plain(connection, call, claim, id, &body, position).await?;
    let shown = Shown::of_company(&body.name);
    Ok(Written::now(body, shown, position))
}
