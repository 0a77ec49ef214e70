//! Rows that become orders with their stages and reviews (OP-3.4).

use jiff::{Timestamp, ToSpan};
use kefu_contracts::order::{
    CreateOrderRequest, GetOrderRequest, ListOrdersRequest, Order, OrderLine, OrderStage,
    RecordReviewRequest, RecordStageRequest, Review,
};

use super::{
    drive::{Importer, filter_by_ref, is_there},
    mapping::{LineFields, OrderFields, ReviewFields},
    reader::{Reader, proto_time},
    record::request_id,
    report::Sent,
    session::{Failure, Session},
};

/// What is sent for one order.
#[derive(Debug, PartialEq)]
pub(super) struct OrderPlan {
    /// The customer's external reference.
    customer: String,
    /// Without the customer's name, which only the suite knows.
    order: Order,
    /// Oldest first; the last is the stage that the order is at.
    stages: Vec<(OrderStage, Timestamp)>,
    reviews: Vec<Review>,
}

impl Importer for OrderFields {
    const KIND: &'static str = "orders";
    type Plan = OrderPlan;

    fn plan(&self, external_ref: &str, rows: &[Reader<'_>]) -> OrderPlan {
        let row = &rows[0];
        let currency = row.required("currency", &self.currency);
        let lines = self.lines.as_ref();
        let reviews = self.reviews.as_ref();
        OrderPlan {
            customer: row.required("customer", &self.customer),
            order: Order {
                external_ref: external_ref.to_owned(),
                department: row.text("department", &self.department),
                owner: row.text("owner", &self.owner),
                placed_time: row.time("placed_time", &self.placed_time).map(proto_time),
                promised_time: row
                    .time("promised_time", &self.promised_time)
                    .map(proto_time),
                lines: lines
                    .map(|fields| lines_of(row, fields, &currency))
                    .unwrap_or_default(),
                currency,
                ..Order::default()
            },
            stages: self.stages(row),
            reviews: reviews
                .map(|fields| reviews_of(row, fields))
                .unwrap_or_default(),
        }
    }

    async fn send(&self, session: &Session, plan: &OrderPlan) -> Result<Sent, Failure> {
        let order = create(session, plan).await?;
        for (stage, at) in &plan.stages {
            record_stage(session, plan, &order, *stage, *at).await?;
        }
        for review in &plan.reviews {
            record_review(session, plan, &order, review).await?;
        }
        Ok(Sent {
            created: session.is_new(order.create_time.as_ref()),
            parts: vec![
                ("stages", plan.stages.len()),
                ("reviews", plan.reviews.len()),
            ],
        })
    }
}

impl OrderFields {
    fn stages(&self, row: &Reader<'_>) -> Vec<(OrderStage, Timestamp)> {
        let reached = self.stages.iter().filter_map(|fields| {
            let stage = row.choice("stage", &fields.stage, OrderStage::from_str_name);
            let at = row.time("time", &fields.time);
            Some((stage?, at?))
        });
        let reached = reached.collect();
        let last = row.choice("stage", &self.stage, OrderStage::from_str_name);
        history(reached, last).unwrap_or_else(|problem| {
            row.refuse(problem);
            Vec::new()
        })
    }
}

/// The stages in the order in which they were reached, and so that the order
/// ends at `last`: the suite goes by the latest time and, where two are the
/// same, by the later stage.
fn history(
    mut reached: Vec<(OrderStage, Timestamp)>,
    last: Option<OrderStage>,
) -> Result<Vec<(OrderStage, Timestamp)>, String> {
    if let Some(last) = last {
        let own = reached.iter().find(|(stage, _)| *stage == last);
        let own = own.map(|(_, at)| *at);
        reached.retain(|(stage, _)| *stage != last);
        let latest = reached.iter().map(|(stage, at)| (*at, *stage)).max();
        let at = match (own, latest) {
            (None, None) => return Err(format!("stage: no time of {}", last.as_str_name())),
            (Some(own), None) => own,
            // The file contradicts itself; the least that puts `last` last.
            (_, Some((at, stage))) if stage > last && own.is_none_or(|own| own <= at) => {
                at + 1.microsecond()
            }
            (own, Some((at, _))) => own.map_or(at, |own| own.max(at)),
        };
        reached.push((last, at));
    }
    reached.sort_by_key(|(stage, at)| (*at, *stage));
    Ok(reached)
}

fn lines_of(row: &Reader<'_>, fields: &LineFields, currency: &str) -> Vec<OrderLine> {
    row.each(&fields.each)
        .iter()
        .map(|row| OrderLine {
            product: row.required("product", &fields.product),
            specification: row.text("specification", &fields.specification),
            category: row.text("category", &fields.category),
            quantity: row.whole("quantity", &fields.quantity),
            unit_price: row.money("unit_price", &fields.unit_price, currency),
            freight: row.money("freight", &fields.freight, currency),
            discount: row.money("discount", &fields.discount, currency),
            tax: row.money("tax", &fields.tax, currency),
            ..OrderLine::default()
        })
        .collect()
}

fn reviews_of(row: &Reader<'_>, fields: &ReviewFields) -> Vec<Review> {
    row.each(&fields.each)
        .iter()
        .map(|row| Review {
            external_ref: row.required("reviews.external_ref", &fields.external_ref),
            score: row.whole("score", &fields.score),
            comment: row.text("comment", &fields.comment),
            answered_time: row
                .time("answered_time", &fields.answered_time)
                .map(proto_time),
            arrived: row.flag("arrived", &fields.arrived),
        })
        .collect()
}

async fn create(session: &Session, plan: &OrderPlan) -> Result<Order, Failure> {
    let request = CreateOrderRequest {
        request_id: plan.request_id("create"),
        order: Some(Order {
            customer: session.customer(&plan.customer).await?,
            ..plan.order.clone()
        }),
    };
    let answer = session
        .call(&request, async |request| {
            session.order_service().create_order(request).await
        })
        .await;
    match answer {
        Err(Failure::Refused(refusal)) if is_there(&refusal) => existing(session, plan).await,
        answer => answer,
    }
}

/// The order that has this external reference already, whole.
async fn existing(session: &Session, plan: &OrderPlan) -> Result<Order, Failure> {
    let request = ListOrdersRequest {
        filter: filter_by_ref(&plan.order.external_ref),
        ..ListOrdersRequest::default()
    };
    let found = session
        .call(&request, async |request| {
            session.order_service().list_orders(request).await
        })
        .await?;
    let Some(order) = found.orders.into_iter().next() else {
        return Err(Failure::Rejected(
            "the reference is taken by an order outside of this account's scope".to_owned(),
        ));
    };
    let request = GetOrderRequest { name: order.name };
    session
        .call(&request, async |request| {
            session.order_service().get_order(request).await
        })
        .await
}

async fn record_stage(
    session: &Session,
    plan: &OrderPlan,
    order: &Order,
    stage: OrderStage,
    at: Timestamp,
) -> Result<(), Failure> {
    let occurred_time = Some(proto_time(at));
    let known = order
        .events
        .iter()
        .any(|event| event.stage() == stage && event.occurred_time == occurred_time);
    if known {
        return Ok(());
    }
    let request = RecordStageRequest {
        name: order.name.clone(),
        request_id: plan.request_id(&format!("stage {} {at}", stage.as_str_name())),
        stage: stage.into(),
        occurred_time,
    };
    session
        .call(&request, async |request| {
            session.order_service().record_stage(request).await
        })
        .await?;
    Ok(())
}

async fn record_review(
    session: &Session,
    plan: &OrderPlan,
    order: &Order,
    review: &Review,
) -> Result<(), Failure> {
    let known = order
        .reviews
        .iter()
        .any(|known| known.external_ref == review.external_ref);
    if known {
        return Ok(());
    }
    let request = RecordReviewRequest {
        name: order.name.clone(),
        request_id: plan.request_id(&format!("review {}", review.external_ref)),
        review: Some(review.clone()),
    };
    let answer = session
        .call(&request, async |request| {
            session.order_service().record_review(request).await
        })
        .await;
    match answer {
        Err(Failure::Refused(refusal)) if is_there(&refusal) => Ok(()),
        answer => answer.map(drop),
    }
}

impl OrderPlan {
    fn request_id(&self, step: &str) -> String {
        request_id(OrderFields::KIND, &self.order.external_ref, step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::drive::tests::planned;
    use OrderStage::{Cancelled, Confirmed, Delivered, Paid, Shipped, Submitted};

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    #[test]
    fn the_last_stage_is_the_one_the_order_is_at() {
        let shipped = [(Submitted, at(1)), (Confirmed, at(2)), (Shipped, at(3))];
        for (reached, last, expected) in [
            // Its own time, later than all others.
            (&shipped[..], Shipped, (Shipped, at(3))),
            // No time of its own: the latest known.
            (&shipped[..2], Paid, (Paid, at(2))),
            (&shipped[..], Cancelled, (Cancelled, at(3))),
            // Others are later: theirs.
            (
                &[(Shipped, at(5)), (Delivered, at(4))],
                Delivered,
                (Delivered, at(5)),
            ),
            // The same time would let the later stage win.
            (&shipped[..], Paid, (Paid, at(3) + 1.microsecond())),
            (
                &[(Confirmed, at(1)), (Submitted, at(2))],
                Submitted,
                (Submitted, at(2)),
            ),
        ] {
            let history = history(reached.to_vec(), Some(last)).unwrap();
            assert_eq!(history.last(), Some(&expected), "{reached:?} {last:?}");
            let winner = history.iter().max_by_key(|(stage, at)| (*at, *stage));
            assert_eq!(winner, Some(&expected), "{reached:?} {last:?}");
        }
        assert!(history(Vec::new(), Some(Paid)).is_err());
        assert_eq!(history(Vec::new(), None), Ok(Vec::new()));
    }

    const MAPPING: &str = r#"
        external_ref = "s:{id}"
        [source]
        time_zone = "America/Sao_Paulo"
        [join.items]
        file = "items.csv"
        on = "id"
        many = true
        [join.reviews]
        file = "reviews.csv"
        on = "id"
        many = true
        [order]
        customer = "s:{buyer}"
        currency = "BRL"
        placed_time = "{placed}"
        stage = { from = "{state}", map = { delivered = "ORDER_STAGE_DELIVERED" } }
        [[order.stages]]
        stage = "ORDER_STAGE_SUBMITTED"
        time = "{placed}"
        [order.lines]
        each = "items"
        product = "{items.product}"
        quantity = "1"
        unit_price = "{items.price}"
        [order.reviews]
        each = "reviews"
        external_ref = "{reviews.review}"
        score = "{reviews.score}"
        comment = "{reviews.title?}\n{reviews.text?}"
        arrived = { from = "{state}", map = { delivered = "true" }, otherwise = "false" }
    "#;

    fn plans(orders: &str) -> Vec<Result<OrderPlan, String>> {
        let files = [
            ("orders.csv", orders),
            (
                "items.csv",
                "id,product,price\n1,pen,99.9\n1,ink,0.05\n3,pen,a lot\n",
            ),
            (
                "reviews.csv",
                "id,review,score,title,text\n1,r,5,,\"good\nindeed\"\n3,q,five,,\n",
            ),
        ];
        planned(MAPPING, &files, |mapping| mapping.order)
    }

    #[test]
    fn an_order_brings_its_lines_stages_and_reviews() {
        let plans = plans(
            "id,buyer,state,placed\n1,b,delivered,2018-01-15 10:00:00\n2,b,delivered,2018-07-15 10:00:00\n",
        );
        let [Ok(first), Ok(second)] = plans.as_slice() else {
            panic!("{plans:?}")
        };
        assert_eq!(first.customer, "s:b");
        let prices: Vec<_> = first
            .order
            .lines
            .iter()
            .filter_map(|line| line.unit_price.clone())
            .collect();
        assert_eq!((prices[0].units, prices[0].nanos), (99, 900_000_000));
        assert_eq!(prices[1].currency_code, "BRL");
        let placed = "2018-01-15T12:00:00Z".parse().unwrap();
        assert_eq!(first.stages, [(Submitted, placed), (Delivered, placed)]);
        let review = &first.reviews[0];
        assert_eq!(
            (review.score, review.comment.as_str(), review.arrived),
            (5, "good\nindeed", true)
        );
        assert!(second.order.lines.is_empty() && second.reviews.is_empty());
    }

    #[test]
    fn a_fault_in_a_joined_row_rejects_the_order() {
        let plans = plans("id,buyer,state,placed\n3,,lost,x\n");
        let problems = plans[0].as_ref().unwrap_err();
        for expected in [
            "customer: no value",
            "placed_time: \"x\"",
            "unit_price: \"a lot\"",
            "\"lost\" is not in",
            "score: \"five\"",
        ] {
            assert!(problems.contains(expected), "{expected} in {problems}");
        }
    }
}
