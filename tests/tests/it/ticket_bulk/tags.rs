//! Tags of many tickets.

use kefu_contracts::{
    common::Reason,
    ticket::{
        BulkTagTicketsRequest, ListTagsRequest, TagTicketRequest,
        tag_service_client::TagServiceClient,
    },
};
use kefu_testkit::TestSuite;

use super::{DONE, HEAD, LI, bulk, reasons, results, whatever};
use crate::{
    records::{enter, open, person, refusal, ticket, violations},
    ticket_links::{at, get},
};

fn words(tags: &[&str]) -> Vec<String> {
    tags.iter().map(|one| (*one).to_owned()).collect()
}

/// Clause SG-5: tags come and go beside those that a ticket has, as the company writes them; each
/// ticket is decided upon by itself, and one that would have too many is left as it was.
#[tokio::test(flavor = "multi_thread")]
async fn tags_come_and_go_beside_others() {
    let suite = TestSuite::start().await;
    let (li, erp) = (suite.caller(LI), suite.caller_for("erp", "integration"));
    let customer = enter(&li, person()).await;
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(open(&li, ticket(&customer.name)).await);
    }
    all.push(open(&erp.after(&li), at("it", ticket(&customer.name))).await);
    let li = li.after(&erp);
    let full: Vec<String> = (0..20).map(|at| at.to_string()).collect();
    for (one, tags) in [
        (&all[0], words(&["VIP", "双十一"])),
        (&all[1], full.clone()),
    ] {
        let request = TagTicketRequest {
            name: one.name.clone(),
            etag: one.etag.clone(),
            tags,
            ..Default::default()
        };
        TagServiceClient::new(li.clone())
            .tag_ticket(request)
            .await
            .unwrap();
    }
    let request = BulkTagTicketsRequest {
        tickets: whatever(&all),
        request_id: "0190c5a8-0000-7000-8000-00000000ee04".into(),
        add_tags: words(&["vip", "加急"]),
        remove_tags: words(&["双十一"]),
    };
    let told = results(bulk(&li).bulk_tag_tickets(request.clone()).await);
    let (many, unseen) = (Reason::InvalidFields, Reason::NotFoundOrOutOfScope);
    assert_eq!(reasons(&told), [DONE, many, DONE, unseen]);
    let detail = &told[1].details[0];
    assert_eq!(
        (detail.key.as_str(), detail.value.as_str()),
        ("add_tags", "TOO_MANY")
    );
    let mut tags = Vec::new();
    for one in &all[..3] {
        tags.push(get(&li, one).await.unwrap().tags);
    }
    assert_eq!(
        tags,
        [words(&["VIP", "加急"]), full, words(&["VIP", "加急"])]
    );
    let mut known = TagServiceClient::new(li.clone());
    let known = known.list_tags(ListTagsRequest {}).await.unwrap();
    let known = known.into_inner().tags;
    assert!(known.contains(&"VIP".to_owned()) && !known.contains(&"vip".to_owned()));

    // The same again is the same, and nothing is done twice.
    assert_eq!(
        results(bulk(&li).bulk_tag_tickets(request.clone()).await),
        told
    );
    assert_eq!(get(&li, &all[2]).await.unwrap().etag, told[2].etag);
    let other = BulkTagTicketsRequest {
        add_tags: words(&["别的"]),
        ..request
    };
    let refused = bulk(&li).bulk_tag_tickets(other).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "REQUEST_ID_REUSED");
}

/// Clause SG-5: what cannot be read is told before anything is done, and who may not tag one may
/// not tag many.
#[tokio::test(flavor = "multi_thread")]
async fn tags_that_are_wrong_reach_no_ticket() {
    let suite = TestSuite::start().await;
    let li = suite.caller(LI);
    let customer = enter(&li, person()).await;
    let one = open(&li, ticket(&customer.name)).await;
    let request = |add: &[&str], remove: &[&str]| BulkTagTicketsRequest {
        tickets: whatever(std::slice::from_ref(&one)),
        request_id: String::new(),
        add_tags: words(add),
        remove_tags: words(remove),
    };
    for (add, remove, wrong) in [
        (&[][..], &[][..], "add_tags"),
        (&["VIP", "vip"][..], &[][..], "add_tags[1]"),
        (&["VIP"][..], &[" "][..], "remove_tags[0]"),
        (&["VIP"][..], &["vip"][..], "remove_tags[0]"),
    ] {
        let refused = bulk(&li).bulk_tag_tickets(request(add, remove)).await;
        assert_eq!(violations(&refused.unwrap_err()), [wrong]);
    }
    let finance = suite.caller("song.yue").after(&li);
    let refused = bulk(&finance)
        .bulk_tag_tickets(request(&["VIP"], &[]))
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    let head = suite.caller(HEAD).after(&li);
    let now = get(&head, &one).await.unwrap();
    assert_eq!((now.etag, now.tags), (one.etag, Vec::new()));
}
