//! The company's connector tells customers of their orders.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use kefu::suite::Parts;
use kefu_contracts::{
    common::Channel,
    order::{
        NoticeEvent, NoticeRule, NoticeState, OrderStage, SendNoticeOutcome, SendNoticeRequest,
        SendNoticeResponse,
        notice_connector_service_server::{NoticeConnectorService, NoticeConnectorServiceServer},
    },
};
use kefu_testkit::{Caller, TestSuite, eventually};
use tokio::{net::TcpListener, sync::Notify, time::timeout};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status, transport::Server};

use super::{LI, late, listed, revise, rule, sent, states};
use crate::{
    follow_ups::journaled,
    records::{enter, person},
};

/// So soon a notice is sent again that was not answered in time.
const BOUND: Duration = Duration::from_secs(60);

/// What the connector does with the next notice.
#[derive(Clone, Copy)]
enum Next {
    Takes,
    /// It has taken it, and its answer comes too late.
    TakesLate,
    Refuses,
    Fails(Code),
}

/// A connector that plays its part, and takes everything once that is played.
#[derive(Clone, Default)]
struct Connector {
    parts: Arc<Mutex<VecDeque<Next>>>,
    heard: Arc<Mutex<Vec<SendNoticeRequest>>>,
    /// Told each time that it is asked.
    asked: Arc<Notify>,
}

impl Connector {
    async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder()
            .add_service(NoticeConnectorServiceServer::new(self.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        uri
    }

    fn plays(&self, parts: impl IntoIterator<Item = Next>) {
        *self.parts.lock().unwrap() = parts.into_iter().collect();
    }

    fn heard(&self) -> Vec<SendNoticeRequest> {
        self.heard.lock().unwrap().clone()
    }
}

#[tonic::async_trait]
impl NoticeConnectorService for Connector {
    async fn send_notice(
        &self,
        request: Request<SendNoticeRequest>,
    ) -> Result<Response<SendNoticeResponse>, Status> {
        assert!(request.metadata().contains_key("kefu-context-bin"));
        let notice = request.into_inner();
        let reference = format!("sms-{}", notice.notice_id);
        self.heard.lock().unwrap().push(notice);
        self.asked.notify_waiters();
        let next = self.parts.lock().unwrap().pop_front();
        let outcome = match next.unwrap_or(Next::Takes) {
            Next::Takes => SendNoticeOutcome::Accepted,
            Next::TakesLate => {
                // Whoever asks again no longer waits for this answer.
                let again = timeout(BOUND, self.asked.notified()).await;
                again.map_err(|_| Status::internal("not asked again"))?;
                SendNoticeOutcome::Accepted
            }
            Next::Refuses => SendNoticeOutcome::Refused,
            Next::Fails(code) => return Err(Status::new(code, "")),
        };
        Ok(Response::new(SendNoticeResponse {
            outcome: outcome.into(),
            channel: Channel::Online.into(),
            reference,
        }))
    }
}

/// A suite with the connector, and rules by which customers are told of late orders.
async fn connected(connector: &Connector) -> (TestSuite, Caller) {
    let uri = connector.serve().await;
    let suite = TestSuite::with_parts(|parts: &mut Parts| {
        parts.order_followup.notices.uri = uri;
        parts.order_followup.notices.timeout_ms = 3_000;
    })
    .await;
    let told = NoticeRule {
        // By the company's rules it is late with its confirmation as well, in a day.
        stages: vec![OrderStage::Shipped.into()],
        ..rule("late", NoticeEvent::Late, "订单{order.number}晚了")
    };
    revise(&suite.caller("han.bing"), vec![told]).await.unwrap();
    let li = suite.caller(LI);
    (suite, li)
}

/// Turns the pauses over, in steps so small that the day is not over while it is late.
async fn turned(suite: &TestSuite, seconds: u64, done: impl AsyncFn() -> bool) {
    eventually(async || {
        if done().await {
            return Some(());
        }
        suite.clock.advance(Duration::from_secs(seconds));
        tokio::task::yield_now().await;
        None
    })
    .await;
}

/// Clauses OP-3.4.4, SG-2.4: a connector that fails, or is too slow to say that it took a notice, is
/// asked again under the same id; the notice was sent once. It is told nobody's contact data.
#[tokio::test(flavor = "multi_thread")]
async fn a_connector_is_asked_again_until_it_takes_a_notice_of_an_order() {
    let connector = Connector::default();
    let (suite, li) = connected(&connector).await;
    let customer = enter(&li, person()).await.name;
    connector.plays([Next::Fails(Code::Unavailable), Next::TakesLate, Next::Takes]);
    let one = late(&suite, &li, &customer).await;
    turned(&suite, 30, async || connector.heard().len() >= 3).await;
    eventually(async || (states(&suite).await == [(2, 3)]).then_some(())).await;
    let heard = connector.heard();
    for word in &heard {
        assert_eq!(
            (&word.customer, &word.order_number),
            (&customer, &one.number)
        );
        assert_eq!(word.text, format!("订单{}晚了", one.number));
        assert_eq!(word.event(), NoticeEvent::Late);
        assert_eq!(word.notice_id, heard[0].notice_id);
    }
    let li = suite.caller(LI);
    let [notice] = eventually(async || listed(&li, "").await.ok())
        .await
        .try_into()
        .unwrap();
    assert_eq!(
        (notice.state(), notice.channel()),
        (NoticeState::Sent, Channel::Online)
    );
    assert_eq!(notice.reference, format!("sms-{}", heard[0].notice_id));
    assert_eq!((notice.marked_by.as_str(), notice.attempt_count), ("", 3));
    // What went out was journaled before it did.
    assert_eq!(journaled(&suite, "order_notice.attempted").await, 3);
    assert_eq!(journaled(&suite, "order_notice.sent").await, 1);
}

/// Clauses OP-3.4.4, SG-2.4: what a connector refuses, or does not take within a day, is for
/// somebody to tell by hand.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_connector_takes_of_an_order_is_told_by_hand() {
    let connector = Connector::default();
    let (suite, li) = connected(&connector).await;
    let customer = enter(&li, person()).await.name;
    connector.plays([Next::Refuses]);
    late(&suite, &li, &customer).await;
    eventually(async || (states(&suite).await == [(4, 1)]).then_some(())).await;
    // The other one is never answered.
    connector.plays(vec![Next::Fails(Code::Unavailable); 100]);
    late(&suite, &li, &customer).await;
    eventually(async || (states(&suite).await.len() == 2).then_some(())).await;
    eventually(async || (connector.heard().len() >= 2).then_some(())).await;
    turned(&suite, 1800, async || states(&suite).await[1].0 == 4).await;
    let often = connector.heard().len();
    assert!((3..40).contains(&often), "{often}");
    assert_eq!(journaled(&suite, "order_notice.given_up").await, 2);
    let li = suite.caller(LI);
    let left = eventually(async || listed(&li, "state = UNDELIVERED").await.ok()).await;
    assert_eq!(left.len(), 2);
    let done = sent(&li, &left[0], "打了电话", "").await.unwrap();
    assert_eq!(done.state(), NoticeState::Sent);
}
