//! `kefu.ticket.v1.TargetService`: how long answers and solutions may take.

use jiff::Timestamp;
use kefu_contracts::{
    common::Reason,
    journal::{EntryKind, TargetsChanged, event},
    ticket::{
        GetTargetsRequest, ReviseTargetsRequest, Targets, TargetsDefinition, TargetsVersion,
        target_service_server::TargetService,
    },
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::{Fault, Violation},
    fields::{Fields, etag, parse_name},
    idempotency::{self, Claim},
    present::{Shown, entry},
    time::to_proto,
};
use sqlx::PgConnection;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    domain::targets::check,
    store::{
        calendars::{self, CALENDARS},
        versions::{self, NewVersion},
    },
};

/// Resource name of all there is.
const TARGETS: &str = "targets";
const LONGEST_REASON: usize = 200;

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct TargetsApi {
    core: Core,
}

/// A version that is to be added, read and checked.
#[derive(Clone)]
struct Wanted {
    /// The version that it was decided upon.
    last: i32,
    definition: TargetsDefinition,
    effective_at: Timestamp,
    reason: String,
    claim: Option<Claim>,
}

impl TargetsApi {
    pub(crate) fn new(core: &Core) -> Self {
        Self { core: core.clone() }
    }

    async fn get(&self, call: Call, _: GetTargetsRequest) -> Result<Answer<Targets>, Fault> {
        let db = &self.core.deps.db;
        let versions = db
            .run(|connection| Box::pin(versions::all(connection)))
            .await?;
        let shown = Shown::of_company(TARGETS);
        let views = &self.core.views;
        views.record(&call, "targets.viewed", &[shown]).await?;
        Ok(Answer::read(all(versions)))
    }

    /// Clauses IH-4, SG-2.1.
    async fn revise(
        &self,
        call: Call,
        request: ReviseTargetsRequest,
    ) -> Result<Answer<Targets>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let last = fields.etag("etag", &request.etag).unwrap_or_default();
        fields.required_text("reason", &request.reason, LONGEST_REASON);
        let told = request.effective_time.as_ref();
        let effective_at = fields.from_when("effective_time", told, call.now);
        let definition = request.definition.unwrap_or_default();
        check(&mut fields, &definition);
        fields.finish()?;
        let wanted = Wanted {
            last: i32::try_from(last).unwrap_or(i32::MAX),
            definition,
            effective_at,
            reason: request.reason,
            claim,
        };
        let writing = (call, wanted);
        let (targets, position) = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (call, wanted) = writing.clone();
                Box::pin(async move { write(connection, &call, wanted).await })
            })
            .await?;
        Ok(Answer::written(targets, position))
    }
}

async fn write(
    connection: &mut PgConnection,
    call: &Call,
    wanted: Wanted,
) -> Result<(Targets, kefu_journal::Cursor), Fault> {
    let last = versions::lock::<TargetsVersion>(connection).await?;
    let claim = wanted.claim.as_ref();
    if let Some(kept) = idempotency::find_plain(connection, claim).await? {
        return Ok((kept.body, kept.position));
    }
    ensure_calendars(connection, &wanted.definition).await?;
    if last + 1 != wanted.last {
        return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(i64::from(last) + 1)));
    }
    let number = last + 1;
    let version = NewVersion {
        number,
        definition: &wanted.definition,
        effective_at: wanted.effective_at,
        author: &call.caller(),
        reason: &wanted.reason,
        now: call.now,
    };
    versions::add::<TargetsVersion>(connection, &version).await?;
    let targets = all(versions::all(connection).await?);
    let event = event::Event::TargetsChanged(TargetsChanged {
        version: number,
        effective_time: Some(to_proto(wanted.effective_at)),
    });
    let resource = TARGETS.to_owned();
    let entry = entry(
        call,
        EntryKind::Change,
        "targets.revised",
        resource,
        None,
        event,
    );
    let position = kefu_journal::append(connection, &[entry]).await?;
    idempotency::keep_plain(connection, call, claim, Uuid::nil(), &targets, position).await?;
    Ok((targets, position))
}

/// Refuses rules by a calendar that there is not.
async fn ensure_calendars(
    connection: &mut PgConnection,
    definition: &TargetsDefinition,
) -> Result<(), Fault> {
    let known = calendars::find(connection, None).await?;
    let mut fields = Fields::new();
    for (at, rule) in definition.rules.iter().enumerate() {
        let calendar = parse_name(&rule.calendar, CALENDARS);
        let named = rule.calendar.is_empty()
            || calendar.is_some() && known.iter().any(|one| one.name == rule.calendar);
        fields.ensure(
            named,
            format_args!("definition.rules[{at}].calendar"),
            Violation::Unknown,
        );
    }
    fields.finish()
}

fn all(versions: Vec<TargetsVersion>) -> Targets {
    let last = versions.last().map_or(0, |version| version.number);
    Targets {
        versions,
        etag: etag(i64::from(last) + 1),
    }
}

#[tonic::async_trait]
impl TargetService for TargetsApi {
    async fn get_targets(
        &self,
        request: Request<GetTargetsRequest>,
    ) -> Result<Response<Targets>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn revise_targets(
        &self,
        request: Request<ReviseTargetsRequest>,
    ) -> Result<Response<Targets>, Status> {
        answer(request, |call, body| self.revise(call, body)).await
    }
}
