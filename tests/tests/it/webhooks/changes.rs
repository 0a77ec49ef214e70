//! Which changes are told: whatever changes what the record shows, and by no name that tells what
//! is held back.

use std::collections::BTreeMap;

use kefu_contracts::{
    google::r#type::Money,
    order::{
        ClearUpOrderRequest, OrderIntake, OrderLine,
        order_intake_service_client::OrderIntakeServiceClient,
    },
    ticket::{
        CompensationRule, Gravity, OfferCompensationRequest,
        compensation_service_client::CompensationServiceClient,
    },
};

use super::*;
use crate::{
    handling::{self, ADMINISTRATOR},
    merges::{again, archived, asks, keeper, merge, undo},
    records::{order, place},
};

const ORDERS: &str = "kefu.order.order.changed.v1";

fn yuan(units: i64) -> Option<Money> {
    Some(Money {
        currency_code: "CNY".into(),
        units,
        nanos: 0,
    })
}

/// Once the receiver was told of this change.
async fn is_told_of(receiver: &Receiver, change: &str) {
    eventually(async || {
        let letters = receiver.letters();
        let mut events = letters.iter().map(Letter::event);
        let is_told = events.any(|event| text(&event, "/kefuchange") == change);
        is_told.then_some(())
    })
    .await;
}

/// Whoever is not shown compensations is told that the ticket changed, and not what became of one.
#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_of_a_compensation_is_told_to_whom_it_is_shown() {
    let suite = TestSuite::start().await;
    let by = administrator(&suite);
    let (whole, less) = (
        Receiver::that(Answer::Status(200)).await,
        Receiver::that(Answer::Status(200)).await,
    );
    told(&by, "erp", &whole, &[TICKETS]).await;
    let of_listener = told(&by, "logistics", &less, &[TICKETS]).await;
    let ruler = suite.caller(ADMINISTRATOR);
    let shipped = handling::rules(&ruler).await;
    let mut definition = shipped.versions[0].definition.clone().unwrap();
    definition.compensations = vec![CompensationRule {
        gravity: Gravity::Serious.into(),
        currency: "CNY".into(),
        granted_units: 200,
        approved_units: 1000,
    }];
    handling::revise(&ruler, &shipped.etag, definition)
        .await
        .unwrap();
    let (handler, complaint) = handling::told(&suite).await;
    let offer = OfferCompensationRequest {
        name: complaint.name.clone(),
        etag: complaint.etag.clone(),
        request_id: handling::id(),
        amount: yuan(150),
        reason: "误工一天".into(),
        occurred_time: None,
    };
    let mut compensations = CompensationServiceClient::new(handler.after(&ruler));
    compensations.offer_compensation(offer).await.unwrap();
    is_told_of(&whole, "complaint.compensated").await;
    // What both are told of an entry was noted at once.
    eventually(async || {
        let log = log(&by, &of_listener).await;
        let done = log.iter().all(|one| one.state() == State::Delivered);
        done.then_some(())
    })
    .await;
    let letters = less.letters();
    let events = letters.iter().map(Letter::event);
    let unnamed = events.filter(|event| event.get("kefuchange").is_none());
    assert_eq!(unnamed.count(), 1);
    for letter in &letters {
        let mut event = letter.event();
        // That something is held back is said with every answer.
        event["data"]["disclosure"].take();
        assert!(!event.to_string().contains("compensat"), "{event}");
    }
}

/// An order whose customer confirmed what was odd about it has changed, though nothing of it was corrected.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_cleared_up_is_told() {
    let suite = TestSuite::start().await;
    let by = administrator(&suite);
    let receiver = Receiver::that(Answer::Status(200)).await;
    told(&by, "logistics", &receiver, &[ORDERS]).await;
    let agent = suite.caller("li.wei");
    let customer = enter(&agent, person()).await.name;
    let mut odd = order(&customer);
    odd.lines.push(OrderLine {
        product: "滤芯".into(),
        specification: "H13".into(),
        quantity: 500,
        unit_price: yuan(0),
        ..OrderLine::default()
    });
    let odd = place(&agent, odd).await;
    assert_eq!(odd.intake(), OrderIntake::ToClearUp);
    let request = ClearUpOrderRequest {
        name: odd.name.clone(),
        etag: odd.etag.clone(),
        confirmed: odd.findings.iter().map(|one| one.number).collect(),
        note: "客户来电确认".into(),
        ..ClearUpOrderRequest::default()
    };
    let mut intake = OrderIntakeServiceClient::new(agent.clone());
    let clear = intake.clear_up_order(request).await.unwrap().into_inner();
    assert_eq!(clear.intake(), OrderIntake::Clear);
    is_told_of(&receiver, "order.cleared_up").await;
}

/// Names of the records that were sent of this change, by what they were asked for as, once there are two.
async fn both(receiver: &Receiver, change: &str) -> BTreeMap<String, String> {
    let named = |event: &serde_json::Value, path: &str| text(event, path).to_owned();
    eventually(async || {
        let letters = receiver.letters();
        let events = letters.iter().map(Letter::event);
        let of_it = events.filter(|event| text(event, "/kefuchange") == change);
        let told: BTreeMap<_, _> = of_it
            .map(|event| (named(&event, "/subject"), named(&event, "/data/name")))
            .collect();
        (told.len() == 2).then_some(told)
    })
    .await
}

/// Both files of a merge are told, the one that became part of the other as that one; and both
/// when it is undone.
#[tokio::test(flavor = "multi_thread")]
async fn both_files_of_a_merge_are_told() {
    let suite = TestSuite::start().await;
    let by = administrator(&suite);
    let receiver = Receiver::that(Answer::Status(200)).await;
    told(&by, "erp", &receiver, &[CUSTOMERS]).await;
    let erp = suite.caller_for("erp", "integration");
    let one = archived(&suite, &erp, person()).await;
    let other = archived(&suite, &erp, again()).await;
    let keeper = keeper(&suite, &erp);
    let made = merge(&keeper, asks(&one, &other)).await.unwrap();
    let (one, other) = (one.name, other.name);
    let expected = [(one.clone(), one.clone()), (other.clone(), one.clone())];
    assert_eq!(
        both(&receiver, "merge.made").await,
        BTreeMap::from(expected)
    );
    undo(&keeper, &made).await.unwrap();
    let expected = [(one.clone(), one), (other.clone(), other)];
    assert_eq!(
        both(&receiver, "merge.undone").await,
        BTreeMap::from(expected)
    );
}
