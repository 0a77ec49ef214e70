//! How many checks passed.

use kefu_contracts::profile::{Accuracy, MeasureAccuracyRequest, MeasureAccuracyResponse};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::Fields,
    filter::Filter,
};

use super::Verifications;
use crate::store::verifications::{self, Counted, RECORD};

impl Verifications {
    /// Clause SG-1.2.
    pub(super) async fn measure(
        &self,
        call: Call,
        request: MeasureAccuracyRequest,
    ) -> Result<Answer<MeasureAccuracyResponse>, Fault> {
        let mut fields = Fields::new();
        let key = self.shelf.core.deps.vault.index_key();
        let filter = Filter::parse(&request.filter, RECORD.fields, key).unwrap_or_else(|what| {
            fields.refuse("filter", what);
            Filter::default()
        });
        let department = fields.optional_name("department", &request.department, "departments");
        fields.finish()?;
        let mut query = verifications::count(&call, &filter, department);
        let db = &self.shelf.core.deps.db;
        let rows = db
            .run(move |connection| {
                Box::pin(async move { Ok(query.build().fetch_all(connection).await?) })
            })
            .await?;
        let counted: Vec<Counted> = rows.iter().map(Counted::read).collect::<Result<_, _>>()?;
        let total = Counted {
            check: 0,
            passed: counted.iter().map(|one| one.passed).sum(),
            made: counted.iter().map(|one| one.made).sum(),
            undone: counted.iter().map(|one| one.undone).sum(),
        };
        self.shelf
            .core
            .views
            .record(&call, "accuracy.viewed", &[])
            .await?;
        Ok(Answer::read(MeasureAccuracyResponse {
            checks: counted
                .iter()
                .map(|one| accuracy(one, self.target))
                .collect(),
            total: Some(accuracy(&total, self.target)),
            target_rate: self.target,
        }))
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of results are far below 2^52"
)]
fn accuracy(counted: &Counted, target: f64) -> Accuracy {
    let rate = match counted.made {
        0 => 0.0,
        made => counted.passed as f64 / made as f64,
    };
    Accuracy {
        check: counted.check,
        passed_count: counted.passed,
        made_count: counted.made,
        not_done_count: counted.undone,
        rate,
        met: counted.made == 0 || rate >= target,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clause SG-1.2: 99.5 of 100 are enough, less is not; what was not made counts for nothing.
    #[test]
    fn accuracy_is_what_passed_of_what_was_made() {
        let of = |passed, made| {
            let counted = Counted {
                check: 1,
                passed,
                made,
                undone: 7,
            };
            accuracy(&counted, 0.995)
        };
        assert!(of(199, 200).met && of(200, 200).met && of(0, 0).met);
        assert!(!of(198, 200).met && !of(0, 1).met);
        assert!((of(198, 200).rate - 0.99).abs() < 1e-12);
    }
}
