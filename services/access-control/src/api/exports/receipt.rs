//! What of a share left as packages: the part of its receipt that downloads tell.

use kefu_contracts::access::{ExportDownload, ExportReceipt};
use kefu_service::{error::Fault, time::to_proto};
use sqlx::PgConnection;
use uuid::Uuid;

use super::messages;
use crate::{
    domain::approval::ExportRule,
    store::export::{self, Download, StoredExport},
};

/// One for each receiver of an exported share; clause CF-6.3.
pub(crate) async fn of_share(
    connection: &mut PgConnection,
    share: Uuid,
    rule: &ExportRule,
) -> Result<Vec<ExportReceipt>, Fault> {
    let mut all = Vec::new();
    for one in export::of_share(connection, share).await? {
        let downloads = export::downloads(connection, one.id).await?;
        all.push(of(&one, &downloads, rule));
    }
    Ok(all)
}

fn of(stored: &StoredExport, downloads: &[Download], rule: &ExportRule) -> ExportReceipt {
    let at = |at: jiff_sqlx::Timestamp| to_proto(at.to_jiff());
    let last = downloads
        .iter()
        .map(|one| one.ended_at.unwrap_or(one.started_at));
    let last = last.max_by_key(|at| at.to_jiff());
    ExportReceipt {
        export: Some(messages::export(stored, rule)),
        downloads: downloads
            .iter()
            .map(|one| ExportDownload {
                start_time: Some(at(one.started_at)),
                end_time: one.ended_at.map(at),
                from_offset: one.from_offset,
                to_offset: one.to_offset,
                completed: one.completed,
            })
            .collect(),
        first_time: downloads.first().map(|one| at(one.started_at)),
        last_time: last.map(at),
        sent_bytes: stored.sent,
    }
}
