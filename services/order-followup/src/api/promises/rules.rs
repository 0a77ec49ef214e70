//! The company's rules about promises are read and get a version more.

use jiff::Timestamp;
use kefu_contracts::{
    common::Reason,
    journal::{EntryKind, PromiseRulesChanged, event},
    order::{
        GetPromiseRulesRequest, PromiseDefinition, PromiseRules, PromiseRulesVersion,
        RevisePromiseRulesRequest,
    },
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{Fields, etag},
    idempotency::{self, Claim},
    present::{Shown, entry},
    time::to_proto,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Promises;
use crate::{
    domain::promise::rules::check,
    store::versions::{self, NewVersion},
};

/// Resource name of all there is.
const RULES: &str = "promiseRules";
const LONGEST_REASON: usize = 200;

/// A version that is to be added, read and checked.
#[derive(Clone)]
struct Wanted {
    /// The version that it was decided upon.
    last: i32,
    definition: PromiseDefinition,
    effective_at: Timestamp,
    reason: String,
    claim: Option<Claim>,
}

impl Promises {
    pub(super) async fn rules(
        &self,
        call: Call,
        _: GetPromiseRulesRequest,
    ) -> Result<Answer<PromiseRules>, Fault> {
        let db = &self.0.core.deps.db;
        let versions = db
            .run(|connection| Box::pin(versions::all(connection)))
            .await?;
        let shown = Shown::of_company(RULES);
        let views = &self.0.core.views;
        views
            .record(&call, "promise_rules.viewed", &[shown])
            .await?;
        Ok(Answer::read(all(versions)))
    }

    /// Clause OP-3.4.4.
    pub(super) async fn revise(
        &self,
        call: Call,
        request: RevisePromiseRulesRequest,
    ) -> Result<Answer<PromiseRules>, Fault> {
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
        let (rules, position) = self
            .0
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (call, wanted) = writing.clone();
                Box::pin(async move { write(connection, &call, wanted).await })
            })
            .await?;
        Ok(Answer::written(rules, position))
    }
}

async fn write(
    connection: &mut PgConnection,
    call: &Call,
    wanted: Wanted,
) -> Result<(PromiseRules, kefu_journal::Cursor), Fault> {
    let last = versions::lock::<PromiseRulesVersion>(connection).await?;
    let claim = wanted.claim.as_ref();
    if let Some(kept) = idempotency::find_plain(connection, claim).await? {
        return Ok((kept.body, kept.position));
    }
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
    versions::add::<PromiseRulesVersion>(connection, &version).await?;
    let rules = all(versions::all(connection).await?);
    let event = event::Event::PromiseRulesChanged(PromiseRulesChanged {
        version: number,
        effective_time: Some(to_proto(wanted.effective_at)),
    });
    let (kind, resource) = ("promise_rules.revised", RULES.to_owned());
    let entry = entry(call, EntryKind::Change, kind, resource, None, event);
    let position = kefu_journal::append(connection, &[entry]).await?;
    idempotency::keep_plain(connection, call, claim, Uuid::nil(), &rules, position).await?;
    Ok((rules, position))
}

fn all(versions: Vec<PromiseRulesVersion>) -> PromiseRules {
    let last = versions.last().map_or(0, |version| version.number);
    PromiseRules {
        versions,
        etag: etag(i64::from(last) + 1),
    }
}
