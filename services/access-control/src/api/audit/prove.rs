//! An entry with its proof, and a checkpoint with its.

use std::ops::Range;

use kefu_audit::{consistency, inclusion, parts, range_root};
use kefu_contracts::access::{
    GetAuditEntryRequest, GetAuditEntryResponse, GetCheckpointRequest, GetCheckpointResponse,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
};
use sqlx::PgConnection;

use super::{Register, VIEWED, shown};
use crate::store::audit;

pub(super) async fn get(
    register: &Register,
    call: Call,
    request: GetAuditEntryRequest,
) -> Result<Answer<GetAuditEntryResponse>, Fault> {
    let mut fields = Fields::new();
    fields.ensure(request.seq >= 0, "seq", Violation::OutOfRange(0, i64::MAX));
    fields.finish()?;
    let seq = request.seq;
    let resource = format!("audit/{seq}");
    let shown = shown(&call, resource.clone())?;
    let found = register
        .core
        .deps
        .db
        .run(move |connection| Box::pin(entry(connection, seq)))
        .await?;
    let Some(found) = found else {
        let views = &register.core.views;
        let fault = Fault::not_found(&resource);
        return Err(views.refuse(&call, "audit.refused", &resource, fault).await);
    };
    register.core.views.record(&call, VIEWED, &[shown]).await?;
    Ok(Answer::read(found))
}

/// The entry, if it is under a checkpoint yet.
async fn entry(
    connection: &mut PgConnection,
    seq: i64,
) -> Result<Option<GetAuditEntryResponse>, Fault> {
    let Some((size, checkpoint)) = audit::latest_checkpoint(connection).await? else {
        return Ok(None);
    };
    let Some(ranges) = u64::try_from(seq).ok().and_then(|seq| inclusion(seq, size)) else {
        return Ok(None);
    };
    let mut found = audit::stretch(connection, seq, 1).await?;
    let Some(found) = found.pop().map(audit::Listed::exported) else {
        return Ok(None);
    };
    if found.entry.as_ref().is_none_or(|entry| entry.seq != seq) {
        return Ok(None);
    }
    Ok(Some(GetAuditEntryResponse {
        entry: found.entry,
        leaf: found.leaf,
        inclusion_proof: proof(connection, ranges).await?,
        checkpoint,
    }))
}

pub(super) async fn checkpoint(
    register: &Register,
    call: Call,
    request: GetCheckpointRequest,
) -> Result<Answer<GetCheckpointResponse>, Fault> {
    let shown = shown(&call, "audit/checkpoint".to_owned())?;
    let latest = register
        .core
        .deps
        .db
        .run(|connection| Box::pin(audit::latest_checkpoint(connection)))
        .await?;
    let (size, checkpoint) = latest.ok_or_else(|| Fault::not_found("audit/checkpoint"))?;
    let old = u64::try_from(request.old_size).ok();
    let ranges = old.and_then(|old| consistency(old, size));
    let mut fields = Fields::new();
    let most = i64::try_from(size).unwrap_or(i64::MAX);
    fields.ensure(ranges.is_some(), "old_size", Violation::OutOfRange(0, most));
    fields.finish()?;
    let ranges = ranges.unwrap_or_default();
    let consistency_proof = register
        .core
        .deps
        .db
        .run(move |connection| {
            let ranges = ranges.clone();
            Box::pin(async move { proof(connection, ranges).await })
        })
        .await?;
    register.core.views.record(&call, VIEWED, &[shown]).await?;
    Ok(Answer::read(GetCheckpointResponse {
        checkpoint,
        consistency_proof,
    }))
}

/// The roots of these ranges.
async fn proof(
    connection: &mut PgConnection,
    ranges: Vec<Range<u64>>,
) -> Result<Vec<Vec<u8>>, Fault> {
    let parts: Vec<_> = ranges
        .iter()
        .map(|range| parts(range.start, range.end))
        .collect();
    let hashes = audit::hashes(connection, &parts.concat()).await?;
    let mut rest = hashes.as_slice();
    let roots = parts.iter().map(|parts| {
        let (own, others) = rest.split_at(parts.len());
        rest = others;
        range_root(own).to_vec()
    });
    Ok(roots.collect())
}
