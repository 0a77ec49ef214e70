//! The figures of departments.

use std::collections::BTreeMap;

use kefu_contracts::profile::ListDepartmentQualitiesResponse;
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
};
use sqlx::Row;
use uuid::Uuid;

use super::{Qualities, VIEWED};
use crate::{
    api::duplicates::likeness,
    store::{
        duplicates,
        quality::{self, QUALITIES},
        quality_findings::{self, FINDINGS},
    },
};

const BY: &str = "c.department_id";

impl Qualities {
    /// Clauses CF-7.1, CF-7.3: of the files in the caller's scope, and the findings that the
    /// caller may see.
    pub(super) async fn measure(
        &self,
        call: Call,
    ) -> Result<Answer<ListDepartmentQualitiesResponse>, Fault> {
        let mut files = QUALITIES.figures(&call, quality::figures(call.now), BY);
        let mut findings = FINDINGS.figures(&call, quality_findings::figures(call.now), BY);
        let mut pairs = duplicates::open_pairs(&call, None);
        let db = &self.core.deps.db;
        let (files, findings, pairs) = db
            .run(move |connection| {
                Box::pin(async move {
                    let files = files.build().fetch_all(&mut *connection).await?;
                    let findings = findings.build().fetch_all(&mut *connection).await?;
                    let pairs = pairs.build().fetch_all(connection).await?;
                    Ok((files, findings, pairs))
                })
            })
            .await?;
        let mut tasks: BTreeMap<Uuid, (i64, i64)> = BTreeMap::new();
        for row in &findings {
            let counted = (row.try_get("open")?, row.try_get("overdue")?);
            tasks.insert(row.try_get("department_id")?, counted);
        }
        let alike = self.alike(likeness(&call, &pairs)?).await?;
        let mut departments = Vec::with_capacity(files.len());
        for row in &files {
            let (id, mut department) = quality::read_figures(row)?;
            let (open, overdue) = tasks.get(&id).copied().unwrap_or_default();
            department.open_finding_count = open;
            department.overdue_finding_count = overdue;
            let lost = alike.get(&id).copied().unwrap_or_default();
            let unique = 100 * department.file_count - lost;
            let mean = unique.checked_div(department.file_count);
            department.uniqueness = mean.and_then(|mean| i32::try_from(mean.max(0)).ok());
            departments.push(department);
        }
        self.core.views.record(&call, VIEWED, &[]).await?;
        Ok(Answer::read(ListDepartmentQualitiesResponse {
            departments,
        }))
    }

    /// What the files of each department are less than unique, together.
    async fn alike(&self, likeness: BTreeMap<Uuid, i32>) -> Result<BTreeMap<Uuid, i64>, Fault> {
        let files: Vec<Uuid> = likeness.keys().copied().collect();
        let db = &self.core.deps.db;
        let places = db
            .run(move |connection| {
                let files = files.clone();
                Box::pin(async move { duplicates::departments_of(connection, &files).await })
            })
            .await?;
        let mut alike = BTreeMap::new();
        for (file, department) in places {
            let most = likeness.get(&file).copied().unwrap_or_default();
            *alike.entry(department).or_default() += i64::from(most);
        }
        Ok(alike)
    }
}
