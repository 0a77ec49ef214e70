//! What a merge would lead to, before it is made.

use kefu_contracts::profile::{MergePreview, MergedConsent, MergedField, PreviewMergeRequest};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{Fields, name},
    present::{Shown, disclose},
    time,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Pair, ensure_alike, two};
use crate::{
    api::{Customers, present::ensure_cleared},
    domain::{
        change::Change,
        consent::stricter,
        merge,
        state::{self, Step},
    },
    store::{
        consents, merges,
        records::{FILES, StoredCustomer},
    },
};

/// What is looked up besides the files.
struct Around {
    consents: Vec<MergedConsent>,
    hold_count: i32,
    clock_time: Option<prost_types::Timestamp>,
    file_numbers: Vec<String>,
}

impl Customers {
    /// Clause IH-2.2.
    pub(super) async fn preview_merge_of(
        &self,
        call: Call,
        request: PreviewMergeRequest,
    ) -> Result<Answer<MergePreview>, Fault> {
        let mut fields = Fields::new();
        let files = two(&mut fields, &request.survivor, &request.absorbed);
        let taken = merge::taken(&mut fields, &request.take_absorbed);
        fields.finish()?;
        let survivor = self.file_of(&call, files.0).await?;
        let absorbed = self.file_of(&call, files.1).await?;
        state::after(survivor.state(), Step::Merge)?;
        state::after(absorbed.state(), Step::Absorb)?;
        let pair = Pair::of(&call, survivor, absorbed);
        let survivor = self.open_whole(&pair.survivor).await?;
        let absorbed = self.open_whole(&pair.absorbed).await?;
        ensure_alike(&survivor, &absorbed)?;
        let (mut merged, standing) = merge::unite(&survivor, &absorbed, &taken);
        let change = Change::between(&survivor, &merged);
        ensure_cleared(change.held_against(&survivor), &pair.clearance)?;
        let mut fields = Fields::new();
        self.check_entry(&mut fields, &call, &mut merged);
        fields.finish()?;
        merged.change_reason.clear();
        // Those of both would be counted together.
        merged.purchases = None;
        disclose(&mut merged, &pair.clearance, Default::default());
        let shown = files_shown(&pair);
        let around = self
            .core
            .deps
            .db
            .run(move |connection| Box::pin(async move { look_around(connection, files).await }))
            .await?;
        self.core
            .views
            .record(&call, "merge.previewed", &shown)
            .await?;
        let cleared = pair.clearance.classes;
        let fields = standing
            .iter()
            .filter(|one| cleared.contains(one.class))
            .map(|one| MergedField {
                field: one.path.to_owned(),
                origin: one.origin.into(),
                differs: one.differs,
            });
        let relation = kefu_contracts::policy::DataClass::Relation;
        Ok(Answer::read(MergePreview {
            merged: Some(merged),
            fields: fields.collect(),
            consents: if cleared.contains(relation) {
                around.consents
            } else {
                Vec::new()
            },
            hold_count: around.hold_count,
            clock_time: around.clock_time,
            file_numbers: around.file_numbers,
        }))
    }

    async fn file_of(&self, call: &Call, id: Uuid) -> Result<StoredCustomer, Fault> {
        let row = self.core.deps.db.row(FILES.get(call, id)).await?;
        match row {
            Some(row) => StoredCustomer::read(&row),
            None => {
                let resource = name("customers", id);
                let fault = Fault::not_found(&resource);
                let views = &self.core.views;
                Err(views.refuse(call, super::REFUSED, &resource, fault).await)
            }
        }
    }
}

/// Both are shown, each as far as the other is.
fn files_shown(pair: &Pair) -> [Shown; 2] {
    [&pair.survivor, &pair.absorbed].map(|file| Shown {
        resource: name("customers", file.id),
        customer_id: Some(file.id),
        clearance: pair.clearance.clone(),
    })
}

async fn look_around(
    connection: &mut PgConnection,
    (survivor, absorbed): (Uuid, Uuid),
) -> Result<Around, Fault> {
    let files = [survivor, absorbed];
    let own = consents::last_said(connection, survivor).await?;
    let others = consents::last_said(connection, absorbed).await?;
    let mut purposes: Vec<i16> = own.keys().chain(others.keys()).copied().collect();
    purposes.sort_unstable();
    purposes.dedup();
    let consents = purposes.into_iter().map(|purpose| {
        let counts = stricter(own.get(&purpose), others.get(&purpose));
        MergedConsent {
            purpose: purpose.into(),
            given: counts.is_some(),
            channels: counts
                .unwrap_or_default()
                .into_iter()
                .map(i32::from)
                .collect(),
        }
    });
    Ok(Around {
        consents: consents.collect(),
        hold_count: merges::holds_of(connection, files).await?,
        clock_time: Some(time::to_proto(merges::clock_of(connection, files).await?)),
        file_numbers: merges::numbers_of(connection, absorbed).await?,
    })
}
