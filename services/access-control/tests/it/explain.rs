//! Explaining without the services that own records; with them, in the tests of the
//! whole suite.

use kefu_contracts::{access::ExplainRequest, policy::Purpose};
use tonic::Code;
use uuid::Uuid;

use crate::house::{House, reason};

/// What cannot be known is not said: without its owner nothing is told of a record,
/// and what needs none is answered all the same.
#[tokio::test]
async fn a_record_whose_owner_cannot_be_reached_is_not_explained() {
    let house = House::new().await;
    let mut client = house.administrator().explaining();
    let question = |record: String| ExplainRequest {
        subject: house.employee("li.wei"),
        permission: "profile.customers.get".into(),
        record,
        purpose: Purpose::Service.into(),
    };
    let record = format!("customers/{}", Uuid::from_u128(7));
    let status = client.explain(question(record)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(reason(&status), "UPSTREAM_UNAVAILABLE");
    let answer = client.explain(question(String::new())).await.unwrap();
    assert_eq!(answer.into_inner().sources.len(), 4);
}
