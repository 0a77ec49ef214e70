//! Many tickets become another department's.

use kefu_contracts::{
    common::Reason,
    ticket::{BulkTicket, BulkTransferTicketsRequest},
};
use kefu_service::fields::name;
use kefu_testkit::{TestSuite, employee_id};

use super::{DONE, HEAD, LI, bulk, reasons, results, whatever};
use crate::{
    handovers::department,
    records::{enter, open, person, refusal, ticket, violations},
    ticket_links::{at, get},
};

/// Clauses SG-5, SG-3: they go at once, each with the reason, and only where the single one may;
/// who gave them away loses them by that and is told again what came of it.
#[tokio::test(flavor = "multi_thread")]
async fn many_become_another_departments() {
    let suite = TestSuite::start().await;
    let (head, erp) = (suite.caller(HEAD), suite.caller_for("erp", "integration"));
    let customer = enter(&erp, person()).await;
    let mut all = Vec::new();
    for code in ["call_centre", "it", "call_centre"] {
        all.push(open(&erp, at(code, ticket(&customer.name))).await);
    }
    let head = head.after(&erp);
    let mut given = whatever(&all);
    given.push(BulkTicket {
        name: name("tickets", employee_id(LI)),
        etag: String::new(),
    });
    let request = BulkTransferTicketsRequest {
        tickets: given,
        request_id: "0190c5a8-0000-7000-8000-00000000ee05".into(),
        department: department("sales"),
        reason: "归口变更".into(),
    };
    let told = results(bulk(&head).bulk_transfer_tickets(request.clone()).await);
    let unseen = Reason::NotFoundOrOutOfScope;
    assert_eq!(reasons(&told), [DONE, unseen, DONE, unseen]);
    let gone = get(&head, &all[0]).await.unwrap_err();
    assert_eq!(refusal(&gone).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
    assert_eq!(
        results(bulk(&head).bulk_transfer_tickets(request).await),
        told
    );
    let erp = erp.after(&head);
    for (at, to) in [(0, "sales"), (1, "it"), (2, "sales")] {
        let now = get(&erp, &all[at]).await.unwrap();
        assert_eq!(now.department, department(to));
        let reasons = now.messages.iter().filter(|one| one.body == "归口变更");
        assert_eq!(reasons.count(), usize::from(to == "sales"));
    }
}

/// Clauses SG-5, SG-3: as with one, only a lead does, and says to whom and why.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_lead_changes_the_department_of_many() {
    let suite = TestSuite::start().await;
    let (li, head) = (suite.caller(LI), suite.caller(HEAD));
    let customer = enter(&li, person()).await;
    let one = open(&li, ticket(&customer.name)).await;
    let request = BulkTransferTicketsRequest {
        tickets: whatever(std::slice::from_ref(&one)),
        request_id: String::new(),
        department: department("complaints"),
        reason: "归口变更".into(),
    };
    let refused = bulk(&li).bulk_transfer_tickets(request.clone()).await;
    assert_eq!(refusal(&refused.unwrap_err()).1, "PERMISSION_MISSING");
    let wrong = BulkTransferTicketsRequest {
        department: one.name.clone(),
        reason: " ".into(),
        ..request
    };
    let head = head.after(&li);
    let refused = bulk(&head).bulk_transfer_tickets(wrong).await.unwrap_err();
    assert_eq!(violations(&refused), ["department", "reason"]);
    assert_eq!(get(&head, &one).await.unwrap().etag, one.etag);
}
