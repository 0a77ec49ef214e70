//! What is not merged, and two merges at once.

use kefu_contracts::ticket::{
    AnalyseComplaintRequest, AskToCloseRequest, ComplaintNature, DecideOnClosingRequest, Gravity,
    Level, MergeTicketsRequest, Ticket, TicketKind, UpdateTicketRequest,
    handling_service_client::HandlingServiceClient,
};
use kefu_testkit::{Caller, TestSuite};
use prost_types::FieldMask;

use super::{LI, WANG, merge, merge_request, merges, now, resolve, unmerge};
use crate::{
    records::{enter, open, person, refusal, said, ticket, tickets, violations},
    ticket_links::at,
};

/// Clauses SG-5, OP-3.2: only what is of one customer, still to be done, and the caller's to
/// see and to work on becomes part of another.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_belong_together_is_not_merged() {
    let suite = TestSuite::start().await;
    let (li, wang) = (suite.caller(LI), suite.caller(WANG));
    let customer = enter(&li, person()).await;
    let one = open(&li, ticket(&customer.name)).await;
    let other = open(&li, ticket(&customer.name)).await;
    let refused = merge(&li, &one, &one).await.unwrap_err();
    assert_eq!(violations(&refused), ["target"]);
    let nothing = MergeTicketsRequest::default();
    let refused = merges(&li).merge_tickets(nothing).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        ["name", "etag", "target", "target_etag", "reason"]
    );
    let stranger = enter(&li, person()).await;
    let theirs = open(&li, ticket(&stranger.name)).await;
    let refused = merge(&li, &one, &theirs).await.unwrap_err();
    assert_eq!(violations(&refused), ["target"]);
    // A team mate's is neither seen nor worked on, and told from what is not there by nothing.
    let wang = wang.after(&li);
    let mates = open(&wang, ticket(&customer.name)).await;
    let li = li.after(&wang);
    for (source, target) in [(&one, &mates), (&mates, &one)] {
        let refused = merge(&li, source, target).await.unwrap_err();
        assert_eq!(refusal(&refused).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
        assert_eq!(said(&refused, "resource"), mates.name);
    }
    // Both times it is journaled of the one that they do not see.
    let tried =
        "SELECT count(*) FROM ticket.journal WHERE type = 'ticket.refused' AND resource = $1";
    let mut sql = suite.database.connect().await.unwrap();
    let tried: i64 = sqlx::query_scalar(tried)
        .bind(&mates.name)
        .fetch_one(&mut sql)
        .await
        .unwrap();
    assert_eq!(tried, 2);
    let solved = resolve(&li, &one).await.unwrap();
    let refused = merge(&li, &solved, &other).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    let refused = merge(&li, &other, &one).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "ETAG_MISMATCH");
    // Into what was answered it may go: the answer may be the one.
    merge(&li, &other, &solved).await.unwrap();
    let refused = unmerge(&wang, &other).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
}

async fn analyse(caller: &Caller, one: &Ticket, gravity: Gravity) -> Ticket {
    let request = AnalyseComplaintRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        nature: ComplaintNature::Delivery.into(),
        gravity: gravity.into(),
        analysis: "物流错发".into(),
        ..Default::default()
    };
    let mut client = HandlingServiceClient::new(caller.clone());
    let analysed = client.analyse_complaint(request).await;
    analysed.unwrap().into_inner()
}

/// Clause OP-3.2: a complaint goes on as a complaint, and as no lighter one.
#[tokio::test(flavor = "multi_thread")]
async fn a_complaint_stays_one_when_it_is_merged() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await;
    let complaint = Ticket {
        kind: TicketKind::Complaint.into(),
        ..at("complaints", ticket(&customer.name))
    };
    let one = open(&erp, complaint.clone()).await;
    let other = open(&erp, complaint).await;
    let question = open(&erp, at("complaints", ticket(&customer.name))).await;
    let handler = suite.caller("guo.jing").after(&erp);
    let refused = merge(&handler, &one, &question).await.unwrap_err();
    assert_eq!(violations(&refused), ["target"]);
    let one = analyse(&handler, &one, Gravity::Grave).await;
    let refused = merge(&handler, &one, &other).await.unwrap_err();
    assert_eq!(
        (refusal(&refused).1, said(&refused, "needs")),
        ("STEP_MISSING".into(), "ANALYSIS".into())
    );
    let other = analyse(&handler, &other, Gravity::Grave).await;
    let other = merge(&handler, &question, &other).await.unwrap();
    let other = merge(&handler, &one, &other).await.unwrap();
    assert_eq!(other.kind(), TicketKind::Complaint);
}

/// Clause CC-2.3: whoever had a hand in what is part of a complaint had one in the complaint.
#[tokio::test(flavor = "multi_thread")]
async fn a_hand_in_what_was_merged_is_a_hand_in_the_whole() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await;
    let complaint = Ticket {
        kind: TicketKind::Complaint.into(),
        ..at("complaints", ticket(&customer.name))
    };
    let one = open(&erp, complaint.clone()).await;
    let whole = open(&erp, complaint).await;
    let head = suite.caller_for("zhou.ting", "complaint").after(&erp);
    let update = UpdateTicketRequest {
        ticket: Some(Ticket {
            urgency: Level::Low.into(),
            ..one
        }),
        update_mask: Some(FieldMask {
            paths: vec!["urgency".into()],
        }),
        ..Default::default()
    };
    let one = tickets(&head)
        .update_ticket(update)
        .await
        .unwrap()
        .into_inner();
    let handler = suite.caller("guo.jing").after(&head);
    let whole = analyse(&handler, &whole, Gravity::Minor).await;
    let whole = merge(&handler, &one, &whole).await.unwrap();
    let whole = resolve(&handler, &whole).await.unwrap();
    let ask = AskToCloseRequest {
        name: whole.name.clone(),
        etag: whole.etag,
        reason: "联系不上".into(),
        ..Default::default()
    };
    let mut handling = HandlingServiceClient::new(handler.clone());
    let whole = handling.ask_to_close(ask).await.unwrap().into_inner();
    let decide = DecideOnClosingRequest {
        name: whole.name,
        etag: whole.etag,
        approve: true,
        reason: "同意".into(),
        ..Default::default()
    };
    let mut deciding = HandlingServiceClient::new(head.after(&handler));
    let refused = deciding.decide_on_closing(decide).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "SECOND_PERSON_REQUIRED");
}

/// Clause SG-5: of two merges at once into each other one is made.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_merges_into_each_other_one_wins() {
    let suite = TestSuite::start().await;
    let li = suite.caller(LI);
    let customer = enter(&li, person()).await;
    for _ in 0..5 {
        let one = open(&li, ticket(&customer.name)).await;
        let other = open(&li, ticket(&customer.name)).await;
        let (there, back) = tokio::join!(merge(&li, &one, &other), merge(&li, &other, &one));
        let (won, lost) = match (there, back) {
            (Ok(won), Err(lost)) | (Err(lost), Ok(won)) => (won, lost),
            both => panic!("{both:?}"),
        };
        // Who lost no longer sees the one that is part of the other.
        assert_eq!(refusal(&lost).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
        let parts = won.messages.iter().filter(|one| !one.origin.is_empty());
        assert_eq!(parts.count(), 2, "its opening words and why");
        assert_eq!(now(&li, &won).await.messages, won.messages);
    }
    // The same at once is the same.
    let one = open(&li, ticket(&customer.name)).await;
    let other = open(&li, ticket(&customer.name)).await;
    let request = MergeTicketsRequest {
        request_id: "0190c5a8-0000-7000-8000-00000000cc02".into(),
        ..merge_request(&one, &other)
    };
    let (mut first, mut second) = (merges(&li), merges(&li));
    let (first, second) = tokio::join!(
        first.merge_tickets(request.clone()),
        second.merge_tickets(request)
    );
    assert_eq!(first.unwrap().into_inner(), second.unwrap().into_inner());
}
