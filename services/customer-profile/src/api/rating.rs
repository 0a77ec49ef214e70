//! `kefu.profile.v1.RatingService`: how customers are rated, and by which rules.

mod preview;
mod rules;
mod statements;

use kefu_access::ClassSet;
use kefu_contracts::{
    policy::DataClass,
    profile::{
        DraftRatingRulesRequest, EnforceRatingRulesRequest, GetRatingRequest,
        GetRatingRulesRequest, ListRatingRulesRequest, ListRatingRulesResponse,
        PreviewRatingRulesRequest, Rating, RatingDefinition, RatingRules,
        RecordRatingStatementRequest, Tier, TierFigures, WithdrawRatingStatementRequest,
        rating_service_server::RatingService,
    },
};
use kefu_service::{
    call::{Answer, Call, answer},
    error::Fault,
    fields::name,
    present::Shown,
    time,
};
use tonic::{Request, Response, Status};

use super::Customers;
use crate::store::{
    rating_rules, rating_statements,
    ratings::{self, StoredRating},
    records::StoredCustomer,
};

/// Classes of what is in a rating.
const OF_RATING: ClassSet = ClassSet::of(&[
    DataClass::Financial,
    DataClass::Purchase,
    DataClass::Service,
    DataClass::Relation,
]);

impl Customers {
    /// Clauses CF-2.4, IH-8.2.
    async fn rating(&self, call: Call, request: GetRatingRequest) -> Result<Answer<Rating>, Fault> {
        let file = self.find(&call, "parent", &request.parent).await?;
        let clearance = call.context.clearance(file.matched, call.now);
        let rating = self.read_rating(&file, clearance.classes).await?;
        let shown = Shown {
            resource: request.parent,
            customer_id: Some(file.id),
            clearance,
        };
        self.core
            .views
            .record(&call, "rating.viewed", &[shown])
            .await?;
        Ok(Answer::read(rating))
    }

    /// What of a file's rating these classes clear.
    async fn read_rating(&self, file: &StoredCustomer, classes: ClassSet) -> Result<Rating, Fault> {
        let id = file.id;
        let (stored, said) = self
            .core
            .deps
            .db
            .run(move |connection| {
                Box::pin(async move {
                    let mut said = rating_statements::of(connection, &[id]).await?;
                    let said = said.remove(&id).unwrap_or_default();
                    let Some(rating) = ratings::find(connection, id).await? else {
                        return Ok((None, said));
                    };
                    let version = rating.rules_version;
                    let definition = rating_rules::definition(connection, version).await?;
                    Ok((Some((rating, definition)), said))
                })
            })
            .await?;
        let mut rating = stored.map_or_else(Rating::default, |(rating, definition)| {
            told(rating, definition, classes)
        });
        rating.customer = name("customers", id);
        rating.statements = self.statements(file, said, classes).await?;
        rating.hidden_classes = OF_RATING.without(classes).to_numbers();
        Ok(rating)
    }
}

/// What of a rating these classes clear, with what its rules say of it.
fn told(stored: StoredRating, definition: RatingDefinition, classes: ClassSet) -> Rating {
    let mut rating = Rating {
        rules_version: stored.rules_version,
        evaluate_time: Some(time::to_proto(stored.evaluated_at)),
        window_days: definition.window_days,
        currency: definition.currency,
        ..Rating::default()
    };
    if classes.contains(DataClass::Relation) {
        rating.tier = stored.tier.into();
        rating.computed_tier = stored.computed_tier.into();
        let tier = Tier::try_from(rating.tier).unwrap_or_default();
        let rule = definition.tiers.into_iter().find(|one| one.tier() == tier);
        let rule = rule.unwrap_or_default();
        rating.asked = rule.asked;
        rating.asked_contact_count = rule.contact_count;
        rating.service = rule.service;
    }
    if classes.contains(DataClass::Purchase) {
        rating.reached = Some(TierFigures {
            amount: stored.amount,
            order_count: stored.orders,
            loyalty_days: stored.loyalty_days,
        });
    }
    if classes.contains(DataClass::Service) {
        rating.contact_count = stored.contacts;
    }
    if classes.contains(DataClass::Financial) {
        rating.credit = stored.credit.into();
        rating.computed_credit = stored.computed_credit.into();
        let place = usize::try_from(stored.credit - 1).unwrap_or_default();
        let mut strategies = definition.strategies.into_iter();
        rating.strategy = strategies.nth(place).unwrap_or_default();
        rating.conditions = stored.conditions.into_iter().map(i32::from).collect();
        rating.paid = stored.paid;
    }
    rating
}

#[tonic::async_trait]
impl RatingService for Customers {
    async fn get_rating(
        &self,
        request: Request<GetRatingRequest>,
    ) -> Result<Response<Rating>, Status> {
        answer(request, |call, body| self.rating(call, body)).await
    }

    async fn record_rating_statement(
        &self,
        request: Request<RecordRatingStatementRequest>,
    ) -> Result<Response<Rating>, Status> {
        answer(request, |call, body| self.state(call, body)).await
    }

    async fn withdraw_rating_statement(
        &self,
        request: Request<WithdrawRatingStatementRequest>,
    ) -> Result<Response<Rating>, Status> {
        answer(request, |call, body| self.take_back(call, body)).await
    }

    async fn draft_rating_rules(
        &self,
        request: Request<DraftRatingRulesRequest>,
    ) -> Result<Response<RatingRules>, Status> {
        answer(request, |call, body| self.draft_rules(call, body)).await
    }

    async fn preview_rating_rules(
        &self,
        request: Request<PreviewRatingRulesRequest>,
    ) -> Result<Response<RatingRules>, Status> {
        answer(request, |call, body| self.preview_rules(call, body)).await
    }

    async fn enforce_rating_rules(
        &self,
        request: Request<EnforceRatingRulesRequest>,
    ) -> Result<Response<RatingRules>, Status> {
        answer(request, |call, body| self.enforce_rules(call, body)).await
    }

    async fn get_rating_rules(
        &self,
        request: Request<GetRatingRulesRequest>,
    ) -> Result<Response<RatingRules>, Status> {
        answer(request, |call, body| self.get_rules(call, body)).await
    }

    async fn list_rating_rules(
        &self,
        request: Request<ListRatingRulesRequest>,
    ) -> Result<Response<ListRatingRulesResponse>, Status> {
        answer(request, |call, body| self.list_rules(call, body)).await
    }
}
