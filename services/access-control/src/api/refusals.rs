//! `RefusalService`: what gateways refused goes into the journal, once.

use kefu_contracts::{
    access::{
        RecordRefusalsRequest, RecordRefusalsResponse, RefusalRecord,
        refusal_service_server::RefusalService,
    },
    journal::Refused,
};
use kefu_service::{
    call::{Answer, Call, answer},
    error::{Fault, Violation},
    fields::Fields,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Register, purpose};
use crate::store::refusal::{self, Refusal};

/// Most refusals at once.
const MOST: usize = 10_000;
/// What a caller put into the path of a call is kept up to here.
const MOST_LETTERS: usize = 200;

/// The service over the journal.
pub(crate) struct Refusals(pub(crate) Register);

#[tonic::async_trait]
impl RefusalService for Refusals {
    async fn record_refusals(
        &self,
        request: Request<RecordRefusalsRequest>,
    ) -> Result<Response<RecordRefusalsResponse>, Status> {
        answer(request, |call, message| record(&self.0, call, message)).await
    }
}

async fn record(
    register: &Register,
    call: Call,
    request: RecordRefusalsRequest,
) -> Result<Answer<RecordRefusalsResponse>, Fault> {
    let mut fields = Fields::new();
    fields.ensure(
        request.refusals.len() <= MOST,
        "refusals",
        Violation::TooMany(MOST),
    );
    let refusals: Vec<Refusal> = (0..)
        .zip(&request.refusals)
        .filter_map(|(at, one)| read(&mut fields, &call, at, one))
        .collect();
    fields.finish()?;
    if !refusals.is_empty() {
        register
            .core
            .deps
            .db
            .run(move |connection| {
                Box::pin(async move { refusal::record(connection, &refusals).await })
            })
            .await?;
    }
    Ok(Answer::read(RecordRefusalsResponse {}))
}

fn read(fields: &mut Fields, call: &Call, at: usize, record: &RefusalRecord) -> Option<Refusal> {
    let id = Uuid::from_slice(&record.id).ok();
    fields.ensure(id.is_some(), format!("refusals[{at}].id"), Violation::Uuid);
    let subject = match record.subject_id.as_slice() {
        [] => None,
        bytes => {
            let subject = Uuid::from_slice(bytes).ok();
            fields.ensure(
                subject.is_some(),
                format!("refusals[{at}].subject_id"),
                Violation::Uuid,
            );
            subject
        }
    };
    let when = format!("refusals[{at}].at");
    fields.ensure(record.at.is_some(), &when, Violation::Required);
    let moment = super::messages::moment(fields, &when, record.at.as_ref());
    Some(Refusal {
        id: id?,
        // A gateway whose clock is ahead does not write the future into the journal.
        at: moment?.min(call.now),
        subject,
        purpose: purpose(record.purpose),
        refused: Refused {
            method: plain(&record.method),
            permission: plain(&record.permission),
            reason: plain(&record.reason),
            policy_revision: record.policy_revision,
            repeated_count: record.repeated_count.max(0),
        },
    })
}

/// Whoever is refused chose the path; it is cut rather than refused, so that
/// nobody can keep a refusal out of the journal.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_control())
        .take(MOST_LETTERS)
        .collect()
}
