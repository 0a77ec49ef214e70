//! What rules would lead to, over all files.

use std::collections::BTreeMap;

use kefu_contracts::profile::{CreditClass, CreditMove, RatingPreview, TierMove};
use kefu_service::{call::Call, error::Fault, time};
use uuid::Uuid;

use crate::{
    api::Customers,
    domain::rating::Rules,
    jobs::rated,
    store::{pasts, rating_statements, ratings},
};

/// Files that are rated at once.
const AT_ONCE: i64 = 1000;

impl Customers {
    /// Rates every file by these rules, and counts who would move from where to where.
    pub(super) async fn try_rules(
        &self,
        call: &Call,
        rules: &Rules,
    ) -> Result<RatingPreview, Fault> {
        let (mut tiers, mut credits) = (BTreeMap::new(), BTreeMap::new());
        let mut file_count = 0;
        let mut behind = Uuid::nil();
        loop {
            let db = &self.core.deps.db;
            let (files, mut pasts, said) = db
                .run(move |connection| {
                    Box::pin(async move {
                        let files = ratings::placed(connection, behind, AT_ONCE).await?;
                        let ids: Vec<_> = files.iter().map(|one| one.customer).collect();
                        Ok((
                            files,
                            pasts::of(connection, &ids).await?,
                            rating_statements::of(connection, &ids).await?,
                        ))
                    })
                })
                .await?;
            let Some(last) = files.last() else { break };
            behind = last.customer;
            for file in files {
                let past = pasts.remove(&file.customer).unwrap_or_default();
                let said = said.get(&file.customer).map_or(&[][..], Vec::as_slice);
                let said = rating_statements::standing(said);
                let rating = rated(rules, &past, &said, call.now);
                let now = file.credit.unwrap_or(CreditClass::B as i16);
                *tiers
                    .entry((i32::from(file.tier), i32::from(rating.tier)))
                    .or_insert(0) += 1;
                *credits
                    .entry((i32::from(now), i32::from(rating.credit)))
                    .or_insert(0) += 1;
                file_count += 1;
            }
        }
        Ok(RatingPreview {
            time: Some(time::to_proto(call.now)),
            file_count,
            tiers: tiers.into_iter().map(tier_move).collect(),
            credits: credits.into_iter().map(credit_move).collect(),
        })
    }
}

fn tier_move(((from, to), file_count): ((i32, i32), i64)) -> TierMove {
    TierMove {
        from,
        to,
        file_count,
    }
}

fn credit_move(((from, to), file_count): ((i32, i32), i64)) -> CreditMove {
    CreditMove {
        from,
        to,
        file_count,
    }
}
