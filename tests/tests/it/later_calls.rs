//! Calls within a conversation that has begun.

use std::time::Duration;

use kefu_contracts::{
    common::Channel,
    ticket::{Direction, GetTicketRequest, Message, ReplyToTicketRequest},
};
use kefu_service::{clock::Clock, time::to_proto};
use kefu_testkit::TestSuite;

use crate::{
    leak::dump,
    records::{enter, open, person, ticket, tickets, violations},
};

/// Clauses OP-3.1, CC-2.4: what was said on the phone later on is kept with its call, and where
/// its recording is found lies sealed.
#[tokio::test(flavor = "multi_thread")]
async fn a_later_call_is_kept_with_what_was_said_in_it() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let li = suite.caller("li.wei").after(&erp);
    let one = open(&li, ticket(&customer)).await;
    let at = |before: u64| Some(to_proto(suite.clock.now() - Duration::from_secs(before)));
    let (start, end) = (at(300), at(53));
    let reply = |end| ReplyToTicketRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        direction: Direction::In.into(),
        body: "周末再打来。".into(),
        channel: Channel::Phone.into(),
        call_start_time: start,
        call_end_time: end,
        recording: "录音柜/二零二六/4711".into(),
        ..Default::default()
    };
    let refused = tickets(&li)
        .reply_to_ticket(reply(at(301)))
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["call_end_time"]);
    tickets(&li).reply_to_ticket(reply(end)).await.unwrap();
    let get = || GetTicketRequest {
        name: one.name.clone(),
    };
    let now = tickets(&li).get_ticket(get()).await.unwrap().into_inner();
    let [said] = now.messages.try_into().unwrap();
    let told = |one: &Message| {
        (
            one.call_start_time,
            one.call_end_time,
            one.recording.clone(),
        )
    };
    assert_eq!(told(&said), (start, end, "录音柜/二零二六/4711".into()));
    assert_eq!(said.channel(), Channel::Phone);
    // The first call of the ticket is another one.
    assert_eq!(now.call_start_time, None);
    for (table, text) in dump::tables(&suite.database).await {
        assert!(!text.contains("录音柜"), "{table}");
    }
    let auditor = suite.caller_for("dong.jie", "audit").after(&li);
    let seen = tickets(&auditor)
        .get_ticket(get())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(seen.messages, []);
}
