//! The company's connector tells customers of their tickets.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use kefu::suite::Parts;
use kefu_contracts::ticket::{
    SendNoticeOutcome, SendNoticeRequest, SendNoticeResponse,
    notice_connector_service_server::{NoticeConnectorService, NoticeConnectorServiceServer},
};
use tokio::{net::TcpListener, sync::Notify, time::timeout};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, transport::Server};

use super::*;

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

async fn connected(connector: &Connector) -> TestSuite {
    let uri = connector.serve().await;
    TestSuite::with_parts(|parts: &mut Parts| {
        parts.ticket.notices.connector_uri = uri;
        parts.ticket.notices.timeout_ms = 3_000;
    })
    .await
}

/// Waits until the connector heard so often; the pauses are turned over, in steps so small that
/// the day is not over while it is late.
async fn asked(suite: &TestSuite, connector: &Connector, often: usize) {
    eventually(async || {
        if connector.heard().len() >= often {
            return Some(());
        }
        suite.clock.advance(Duration::from_secs(30));
        tokio::task::yield_now().await;
        None
    })
    .await;
}

/// Clause SG-2.4: a connector that fails, or is too slow to say that it took a notice, is asked
/// again under the same id; the notice was sent once. It is told nobody's contact data.
#[tokio::test(flavor = "multi_thread")]
async fn a_connector_is_asked_again_until_it_takes_a_notice() {
    let connector = Connector::default();
    let suite = connected(&connector).await;
    let (admin, erp) = (
        suite.caller("han.bing"),
        suite.caller_for("erp", "integration"),
    );
    revise(
        &admin,
        vec![rule(
            "received",
            NoticeEvent::Received,
            "已受理{ticket.number}",
        )],
    )
    .await
    .unwrap();
    let customer = enter(&erp, person()).await.name;
    connector.plays([Next::Fails(Code::Unavailable), Next::TakesLate, Next::Takes]);
    let one = open(&erp, ticket(&customer)).await;
    asked(&suite, &connector, 3).await;
    eventually(async || (states(&suite).await == [(2, 3)]).then_some(())).await;
    let heard = connector.heard();
    let number = &one.number;
    for word in &heard {
        assert_eq!((&word.customer, &word.ticket_number), (&customer, number));
        assert_eq!(word.text, format!("已受理{number}"));
        assert_eq!(word.notice_id, heard[0].notice_id);
    }
    let erp = suite.caller_for("erp", "integration");
    let [notice] = eventually(async || listed(&erp, "").await.ok())
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
    assert_eq!(count(&suite, "notice.attempted").await, 3);
    assert_eq!(count(&suite, "notice.sent").await, 1);
}

/// Clause SG-2.4: what a connector refuses, or does not take within a day, is for somebody to
/// tell by hand.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_connector_takes_is_told_by_hand() {
    let connector = Connector::default();
    let suite = connected(&connector).await;
    let (admin, erp) = (
        suite.caller("han.bing"),
        suite.caller_for("erp", "integration"),
    );
    revise(
        &admin,
        vec![rule(
            "received",
            NoticeEvent::Received,
            "已受理{ticket.number}",
        )],
    )
    .await
    .unwrap();
    let customer = enter(&erp, person()).await.name;
    connector.plays([Next::Refuses]);
    open(&erp, ticket(&customer)).await;
    eventually(async || (states(&suite).await == [(4, 1)]).then_some(())).await;
    // The other one is never answered.
    connector.plays(vec![Next::Fails(Code::Unavailable); 100]);
    open(&erp, ticket(&customer)).await;
    eventually(async || (connector.heard().len() >= 2).then_some(())).await;
    eventually(async || {
        let states = states(&suite).await;
        if states.len() == 2 && states[1].0 == 4 {
            return Some(());
        }
        suite.clock.advance(Duration::from_secs(1800));
        tokio::task::yield_now().await;
        None
    })
    .await;
    let often = connector.heard().len();
    assert!((3..40).contains(&often), "{often}");
    assert_eq!(count(&suite, "notice.given_up").await, 2);
    let erp = suite.caller_for("erp", "integration");
    let left = eventually(async || listed(&erp, "state = UNDELIVERED").await.ok()).await;
    assert_eq!(left.len(), 2);
    let done = sent(&erp, &left[0], "打了电话", "").await.unwrap();
    assert_eq!(done.state(), NoticeState::Sent);
}
