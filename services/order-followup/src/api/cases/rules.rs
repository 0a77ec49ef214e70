//! The company's rules after the sale are read and get a version more (IH-6).

use jiff::Timestamp;
use kefu_contracts::{
    common::Reason,
    journal::{AfterSalesRulesChanged, EntryKind, event},
    order::{
        AfterSalesDefinition, AfterSalesRules, AfterSalesVersion, GetAfterSalesRulesRequest,
        ReviseAfterSalesRulesRequest,
    },
};
use kefu_journal::Cursor;
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag},
    idempotency::{self, Claim},
    present::{Shown, entry},
    time::to_proto,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Cases;
use crate::{
    domain::case::rules::check,
    store::after_sales_rules::{self, NewVersion},
};

/// Resource name of all there is.
const RULES: &str = "afterSalesRules";
const LONGEST_REASON: usize = 200;

/// A version that is to be added, read and checked.
#[derive(Clone)]
struct Wanted {
    /// The version that it was decided upon.
    last: i64,
    definition: AfterSalesDefinition,
    effective_at: Timestamp,
    reason: String,
    claim: Option<Claim>,
}

impl Cases {
    pub(super) async fn get_rules(
        &self,
        call: Call,
        _: GetAfterSalesRulesRequest,
    ) -> Result<Answer<AfterSalesRules>, Fault> {
        let db = &self.core.deps.db;
        let versions = db
            .run(|connection| Box::pin(after_sales_rules::all(connection)))
            .await?;
        let shown = Shown::of_company(RULES);
        let views = &self.core.views;
        views
            .record(&call, "after_sales_rules.viewed", &[shown])
            .await?;
        Ok(Answer::read(all(versions)))
    }

    /// Clause IH-6.
    pub(super) async fn revise_rules(
        &self,
        call: Call,
        request: ReviseAfterSalesRulesRequest,
    ) -> Result<Answer<AfterSalesRules>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let last = fields.etag("etag", &request.etag).unwrap_or_default();
        fields.required_text("reason", &request.reason, LONGEST_REASON);
        let told = request.effective_time.as_ref();
        let effective_at = fields.from_when("effective_time", told, call.now);
        let said = request.definition.is_some();
        fields.ensure(said, "definition", Violation::Required);
        let definition = request.definition.unwrap_or_default();
        check(&mut fields, &definition);
        fields.finish()?;
        let wanted = Wanted {
            last,
            definition,
            effective_at,
            reason: request.reason,
            claim,
        };
        let writing = (call, wanted);
        let (rules, position) = self
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
) -> Result<(AfterSalesRules, Cursor), Fault> {
    let last = after_sales_rules::lock(connection).await?;
    let claim = wanted.claim.as_ref();
    if let Some(kept) = idempotency::find_plain(connection, claim).await? {
        return Ok((kept.body, kept.position));
    }
    let current = i64::from(last) + 1;
    if current != wanted.last {
        return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(current)));
    }
    let version = NewVersion {
        number: last + 1,
        definition: &wanted.definition,
        effective_at: wanted.effective_at,
        author: &call.caller(),
        reason: &wanted.reason,
        now: call.now,
    };
    after_sales_rules::add(connection, &version).await?;
    let rules = all(after_sales_rules::all(connection).await?);
    let event = event::Event::AfterSalesRulesChanged(AfterSalesRulesChanged {
        version: version.number,
        effective_time: Some(to_proto(wanted.effective_at)),
    });
    let kind = "after_sales_rules.revised";
    let resource = RULES.to_owned();
    let entry = entry(call, EntryKind::Change, kind, resource, None, event);
    let position = kefu_journal::append(connection, &[entry]).await?;
    idempotency::keep_plain(connection, call, claim, Uuid::nil(), &rules, position).await?;
    Ok((rules, position))
}

fn all(versions: Vec<AfterSalesVersion>) -> AfterSalesRules {
    let last = versions.last().map_or(0, |version| version.number);
    AfterSalesRules {
        versions,
        etag: etag(i64::from(last) + 1),
    }
}
