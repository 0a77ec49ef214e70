//! Records by rule: what a filter of a list lets through, regardless of who asks. The
//! files of a share are frozen by it when its last approver agrees (CF-6.2).

use std::sync::Arc;

use kefu_access::{AccessContext, ClassSet, Purpose, Rule, Scope};
use kefu_contracts::access::{
    SelectRecordsRequest, SelectRecordsResponse,
    record_facts_service_client::RecordFactsServiceClient,
};
use kefu_vault::IndexKey;
use sqlx::{Postgres, QueryBuilder, Row};
use tonic::Code;
use uuid::Uuid;

use super::{FactsOf, fault};
use crate::{
    call::{Answer, Call},
    database::Db,
    error::{Fault, Violation},
    fields::Fields,
    filter::Filter,
    peer::PeerService,
};

/// Most records named at once: one more than a share may have.
const MOST: i64 = 501;

/// What a rule says, and whom it selects.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selected {
    /// Its comparisons in the one way they are written, in order.
    pub comparisons: Vec<String>,
    /// Classes of what they compare, beside SYSTEM.
    pub classes: ClassSet,
    /// Oldest first, at most as many as were asked for.
    pub records: Vec<Uuid>,
}

pub(super) async fn answer(
    db: &Db,
    key: &IndexKey,
    kinds: &'static [FactsOf],
    call: Call,
    request: SelectRecordsRequest,
) -> Result<Answer<SelectRecordsResponse>, Fault> {
    let mut fields = Fields::new();
    let kind = kinds
        .iter()
        .find(|kind| kind.collection == request.collection);
    let found = kind.and_then(|kind| Some((kind, kind.selectable?)));
    fields.ensure(found.is_some(), "collection", Violation::UnknownValue);
    let after = match request.after_id.as_slice() {
        [] => Some(Uuid::nil()),
        bytes => Uuid::from_slice(bytes).ok(),
    };
    fields.ensure(after.is_some(), "after_id", Violation::Uuid);
    let limit = i64::from(request.limit);
    let bounds = (0..=MOST).contains(&limit);
    fields.ensure(bounds, "limit", Violation::OutOfRange(0, MOST));
    let blank = request.filter.trim().is_empty();
    fields.ensure(!blank, "filter", Violation::Required);
    let read = found.map(|(kind, _)| {
        let read = Filter::parse(&request.filter, kind.record.fields, key);
        // It is kept with the share, in words.
        read.and_then(|filter| match filter.is_about_sealed() {
            true => Err(Violation::Filter),
            false => Ok(filter),
        })
    });
    let filter = match read {
        Some(Err(what)) => {
            fields.refuse("filter", what);
            None
        }
        read => read.and_then(Result::ok),
    };
    fields.finish()?;
    let Some(((kind, selectable), filter)) = found.zip(filter) else {
        return Err(Fault::internal("a violation was lost"));
    };
    let purpose = Purpose::try_from(request.purpose).unwrap_or_default();
    let mut query = statement(
        kind,
        (selectable, key),
        &filter,
        &everyone(call, purpose, filter.classes()),
        (after.unwrap_or_default(), limit),
    )?;
    let rows = db
        .run(move |connection| {
            Box::pin(async move { Ok(query.build().fetch_all(connection).await?) })
        })
        .await?;
    let ids: Vec<Uuid> = rows
        .iter()
        .map(|row| row.try_get("id"))
        .collect::<Result<_, _>>()?;
    Ok(Answer::read(SelectRecordsResponse {
        comparisons: filter.comparisons(),
        classes: filter.classes().to_numbers(),
        record_ids: ids.iter().map(|id| id.as_bytes().to_vec()).collect(),
    }))
}

/// The call with every file in reach that may be shared for the purpose: which of them are
/// named is approved, not cleared.
fn everyone(call: Call, purpose: Purpose, classes: ClassSet) -> Call {
    let rule = Rule {
        scope: Scope::All.shared_for(purpose),
        classes,
        source: "selection".to_owned(),
        expires_at: None,
    };
    let context = AccessContext {
        rules: vec![rule],
        ..call.context.as_ref().clone()
    };
    Call {
        context: Arc::new(context),
        ..call
    }
}

fn statement(
    kind: &FactsOf,
    (selectable, key): (&str, &IndexKey),
    filter: &Filter,
    call: &Call,
    (after, limit): (Uuid, i64),
) -> Result<QueryBuilder<Postgres>, Fault> {
    let record = kind.record;
    let selectable = Filter::parse(selectable, record.fields, key)
        .map_err(|_| Fault::internal("what may be selected cannot be read"))?;
    let mut query = record.select(call);
    selectable.write(call, &record.scope, &mut query);
    filter.write(call, &record.scope, &mut query);
    query
        .push(format_args!(" AND {} > ", record.id))
        .push_bind(after)
        .push(format_args!(" ORDER BY {} LIMIT ", record.id))
        .push_bind(limit);
    Ok(query)
}

/// Asks the service that owns the records what a rule selects of them; with a limit of 0
/// only what it says. `None` when it cannot be read.
///
/// # Errors
/// When the service cannot be reached, or does not answer as it should.
pub async fn select(
    owner: PeerService,
    collection: &str,
    filter: &str,
    purpose: Purpose,
    limit: i32,
) -> Result<Option<Selected>, Fault> {
    select_after(owner, collection, filter, purpose, (Uuid::nil(), limit)).await
}

/// The same, of those after this one alone.
///
/// # Errors
/// As [`select`].
pub async fn select_after(
    owner: PeerService,
    collection: &str,
    filter: &str,
    purpose: Purpose,
    (after, limit): (Uuid, i32),
) -> Result<Option<Selected>, Fault> {
    let request = SelectRecordsRequest {
        collection: collection.to_owned(),
        filter: filter.to_owned(),
        purpose: purpose.into(),
        limit,
        after_id: after.as_bytes().to_vec(),
    };
    let answer = match RecordFactsServiceClient::new(owner)
        .select_records(request)
        .await
    {
        Ok(answer) => answer.into_inner(),
        Err(status) if status.code() == Code::InvalidArgument => return Ok(None),
        Err(status) => return Err(fault(&status)),
    };
    let ids: Result<Vec<Uuid>, _> = answer
        .record_ids
        .iter()
        .map(|bytes| Uuid::from_slice(bytes))
        .collect();
    Ok(Some(Selected {
        comparisons: answer.comparisons,
        classes: ClassSet::from_numbers(&answer.classes),
        records: ids.map_err(|_| Fault::internal("selected records with an id that is none"))?,
    }))
}
