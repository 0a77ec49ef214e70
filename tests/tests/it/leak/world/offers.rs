//! Offers of tickets to another department.

use kefu_contracts::ticket::{
    DeclineOfferRequest, GetTicketRequest, OfferTicketRequest,
    hand_over_service_client::HandOverServiceClient,
};
use kefu_testkit::{Caller, TestSuite};
use uuid::Uuid;

use crate::{leak::values::Values, records::tickets};

/// Two tickets are offered to the complaints desk, of which one is declined: the offers, with
/// the customers of their tickets.
pub(super) async fn offered(
    suite: &TestSuite,
    caller: &Caller,
    names: &[String],
    department: Uuid,
    values: &mut Values,
) -> Vec<(String, String)> {
    let mut giver = HandOverServiceClient::new(caller.clone());
    let mut offers = Vec::new();
    for name in names {
        let name = name.clone();
        let ticket = tickets(caller).get_ticket(GetTicketRequest { name }).await;
        let ticket = ticket.unwrap().into_inner();
        let request = OfferTicketRequest {
            name: ticket.name,
            etag: ticket.etag,
            department: format!("departments/{department}"),
            reason: values.text(),
            ..Default::default()
        };
        let offer = giver.offer_ticket(request).await.unwrap().into_inner();
        offers.push((offer.name, offer.customer));
    }
    let head = suite.caller("zhou.ting").after(caller);
    let decline = DeclineOfferRequest {
        name: offers[0].0.clone(),
        etag: "r1".into(),
        reason: values.text(),
        ..Default::default()
    };
    let mut receiver = HandOverServiceClient::new(head);
    receiver.decline_offer(decline).await.unwrap();
    offers
}
