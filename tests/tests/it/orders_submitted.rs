//! Orders go to the company's order system, once.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use kefu::suite::Parts;
use kefu_contracts::order::{
    CancelOrderRequest, ChangeOrderRequest, FollowUp, FollowUpState, GetSubmissionRequest,
    ListSubmissionsRequest, MarkSubmissionRequest, Order, OrderStage, RecordStageRequest,
    Submission, SubmissionState, SubmitOrderOutcome, SubmitOrderRequest, SubmitOrderResponse,
    WithdrawOrderOutcome, WithdrawOrderRequest, WithdrawOrderResponse,
    amendment_service_client::AmendmentServiceClient,
    order_system_connector_service_server::{
        OrderSystemConnectorService, OrderSystemConnectorServiceServer,
    },
    submission_service_client::SubmissionServiceClient,
};
use kefu_service::{clock::Clock, time::to_proto};
use kefu_testkit::{Caller, TestSuite, eventually};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status, transport::Server};

use crate::{
    follow_ups::{self, journaled},
    orders_in_trouble::ready,
    orders_supplied::{of, set},
    records::{enter, order, orders, person, place, refusal, violations},
};

const LI: &str = "li.wei";
const ID: &str = "0190c5a8-0000-7000-8000-00000000cc05";

/// What the order system does next.
#[derive(Clone, Copy)]
enum Next {
    Takes,
    /// It has taken it, and its answer comes too late.
    TakesLate,
    Refuses,
    Fails,
}

/// An order system that plays its part, and does what it is asked once that is played.
#[derive(Clone, Default)]
struct OrderSystem {
    parts: Arc<Mutex<VecDeque<Next>>>,
    /// Every call, by what was asked and under which id.
    heard: Arc<Mutex<Vec<(&'static str, String)>>>,
    /// Orders that it has, by the id under which it took them.
    has: Arc<Mutex<BTreeMap<String, SubmitOrderRequest>>>,
}

impl OrderSystem {
    async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder()
            .add_service(OrderSystemConnectorServiceServer::new(self.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        uri
    }

    fn plays(&self, parts: impl IntoIterator<Item = Next>) {
        *self.parts.lock().unwrap() = parts.into_iter().collect();
    }

    fn heard(&self) -> Vec<(&'static str, String)> {
        self.heard.lock().unwrap().clone()
    }

    fn has(&self) -> Vec<SubmitOrderRequest> {
        self.has.lock().unwrap().values().cloned().collect()
    }

    /// Whether it does it; how long it takes to say so.
    async fn next(&self, what: &'static str, id: &str) -> Result<bool, Status> {
        self.heard.lock().unwrap().push((what, id.to_owned()));
        let next = self.parts.lock().unwrap().pop_front();
        match next.unwrap_or(Next::Takes) {
            Next::Takes | Next::TakesLate => Ok(true),
            Next::Refuses => Ok(false),
            Next::Fails => Err(Status::new(Code::Unavailable, "")),
        }
    }
}

#[tonic::async_trait]
impl OrderSystemConnectorService for OrderSystem {
    async fn submit_order(
        &self,
        request: Request<SubmitOrderRequest>,
    ) -> Result<Response<SubmitOrderResponse>, Status> {
        assert!(request.metadata().contains_key("kefu-context-bin"));
        let order = request.into_inner();
        let late = matches!(self.parts.lock().unwrap().front(), Some(Next::TakesLate));
        let takes = self.next("submit", &order.submission_id).await?;
        let reference = format!("ERP-{}", order.order_number);
        if takes {
            self.has
                .lock()
                .unwrap()
                .insert(order.submission_id.clone(), order);
        }
        if late {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        let outcome = match takes {
            true => SubmitOrderOutcome::Accepted,
            false => SubmitOrderOutcome::Refused,
        };
        Ok(Response::new(SubmitOrderResponse {
            outcome: outcome.into(),
            reference,
        }))
    }

    async fn withdraw_order(
        &self,
        request: Request<WithdrawOrderRequest>,
    ) -> Result<Response<WithdrawOrderResponse>, Status> {
        let id = request.into_inner().submission_id;
        let gives = self.next("withdraw", &id).await?;
        if gives {
            self.has.lock().unwrap().remove(&id);
        }
        let outcome = match gives {
            true => WithdrawOrderOutcome::Withdrawn,
            false => WithdrawOrderOutcome::Refused,
        };
        Ok(Response::new(WithdrawOrderResponse {
            outcome: outcome.into(),
        }))
    }
}

async fn connected(system: &OrderSystem) -> TestSuite {
    let uri = system.serve().await;
    TestSuite::with_parts(|parts: &mut Parts| {
        parts.order_followup.order_system.uri = uri;
        parts.order_followup.order_system.timeout_ms = 3_000;
    })
    .await
}

async fn listed(caller: &Caller, filter: &str) -> Vec<Submission> {
    let request = ListSubmissionsRequest {
        filter: filter.into(),
        ..Default::default()
    };
    let mut client = SubmissionServiceClient::new(caller.clone());
    let page = client.list_submissions(request).await.unwrap();
    page.into_inner().submissions
}

/// The submission of an order once it is in this state, however often the pauses are turned over.
async fn in_state(suite: &TestSuite, one: &Order, state: SubmissionState) -> Submission {
    eventually(async || {
        let mut sql = suite.database.connect().await.unwrap();
        let found: Option<i16> = sqlx::query_scalar(
            "SELECT state FROM orders.submission WHERE order_id = $1::uuid ORDER BY created_at DESC LIMIT 1",
        )
        .bind(one.name.trim_start_matches("orders/"))
        .fetch_optional(&mut sql)
        .await
        .unwrap();
        if found == Some(state as i16) {
            return Some(());
        }
        suite.clock.advance(Duration::from_secs(30));
        tokio::task::yield_now().await;
        None
    })
    .await;
    ready(suite).await;
    let li = suite.caller(LI);
    let filter = format!("order = \"{}\"", one.name);
    listed(&li, &filter).await.remove(0)
}

async fn mark(
    caller: &Caller,
    one: &Submission,
    state: SubmissionState,
    note: &str,
    id: &str,
) -> Result<Submission, Status> {
    let request = MarkSubmissionRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        request_id: id.into(),
        state: state.into(),
        reference: "SAP-7".into(),
        note: note.into(),
    };
    let mut client = SubmissionServiceClient::new(caller.clone());
    let marked = client.mark_submission(request).await;
    marked.map(Response::into_inner)
}

async fn cancel(caller: &Caller, one: &Order) -> Result<Order, Status> {
    let request = CancelOrderRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        reason: "不要了".into(),
        ..Default::default()
    };
    let mut client = AmendmentServiceClient::new(caller.clone());
    let order = client.cancel_order(request).await;
    order.map(Response::into_inner)
}

async fn change(caller: &Caller, one: &Order, pieces: i32) -> Result<Order, Status> {
    let mut lines = one.lines.clone();
    lines[0].quantity = pieces;
    let request = ChangeOrderRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        lines,
        reason: "改数量".into(),
        ..Default::default()
    };
    let mut client = AmendmentServiceClient::new(caller.clone());
    let order = client.change_order(request).await;
    order.map(Response::into_inner)
}

async fn tasks(caller: &Caller) -> Vec<FollowUp> {
    follow_ups::list(caller, "kind = HAND_OVER").await
}

/// Clause OP-3.4.3: an order system that fails, or takes an order and says so too late, is asked
/// again under the same id, and has the order once.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_system_that_answers_too_late_has_an_order_once() {
    let system = OrderSystem::default();
    let suite = connected(&system).await;
    let li = suite.caller(LI);
    let customer = enter(&li, person()).await;
    system.plays([Next::TakesLate, Next::Fails, Next::TakesLate, Next::Takes]);
    let one = place(&li, order(&customer.name)).await;
    let submission = in_state(&suite, &one, SubmissionState::Accepted).await;
    let heard = system.heard();
    assert!(heard.len() >= 4, "{heard:?}");
    assert!(heard.iter().all(|call| *call == heard[0]), "{heard:?}");
    let has = system.has();
    assert_eq!(has.len(), 1);
    assert_eq!(
        (&has[0].order_number, &has[0].total),
        (&one.number, &one.total)
    );
    assert_eq!(has[0].lines.len(), 1);
    assert_eq!(submission.name, format!("submissions/{}", heard[0].1));
    assert_eq!(submission.reference, format!("ERP-{}", one.number));
    assert_eq!(submission.marked_by, "");
    assert_eq!(journaled(&suite, "submission.accepted").await, 1);
    // What goes out is journaled before it does.
    let attempted = journaled(&suite, "submission.attempted").await;
    assert_eq!(attempted, i64::try_from(system.heard().len()).unwrap());
    let li = suite.caller(LI);
    assert!(tasks(&li).await.is_empty());
    let refused = change(&li, &one, 3).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");

    // Cancelled, it is taken out again, however often that takes.
    system.plays([Next::Fails]);
    cancel(&li, &one).await.unwrap();
    in_state(&suite, &one, SubmissionState::Withdrawn).await;
    assert!(system.has().is_empty());
    let asked = system
        .heard()
        .iter()
        .filter(|call| call.0 == "withdraw")
        .count();
    assert_eq!(asked, 2);
}

/// Clause OP-3.4.3: an order that is cancelled while it is on its way is taken out of the order
/// system, whether or not that said that it has it.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_cancelled_on_its_way_is_in_no_order_system() {
    let system = OrderSystem::default();
    let suite = connected(&system).await;
    let li = suite.caller(LI);
    let customer = enter(&li, person()).await;
    system.plays([Next::TakesLate]);
    let one = place(&li, order(&customer.name)).await;
    eventually(async || (!system.heard().is_empty()).then_some(())).await;
    cancel(&li, &one).await.unwrap();
    in_state(&suite, &one, SubmissionState::Withdrawn).await;
    assert!(system.has().is_empty());
    let heard = system.heard();
    assert_eq!(heard.last().unwrap().0, "withdraw");
    assert!(heard.iter().all(|call| call.1 == heard[0].1));
}

/// Clause OP-3.4.3: what the order system refuses, or will not give up, is for somebody to see to.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_order_system_will_not_do_is_done_by_hand() {
    let system = OrderSystem::default();
    let suite = connected(&system).await;
    let li = suite.caller(LI);
    let customer = enter(&li, person()).await;
    system.plays([Next::Refuses]);
    let one = place(&li, order(&customer.name)).await;
    in_state(&suite, &one, SubmissionState::Refused).await;
    let li = suite.caller(LI);
    let due = tasks(&li).await;
    assert_eq!((due.len(), &due[0].subject), (1, &one.name));
    assert_eq!(due[0].state(), FollowUpState::Open);
    // Changed, it is submitted anew, under another id.
    let changed = change(&li, &one, 3).await.unwrap();
    let again = in_state(&suite, &changed, SubmissionState::Accepted).await;
    let has = system.has();
    assert_eq!((has.len(), has[0].lines[0].quantity), (1, 3));
    assert_eq!(again.name, format!("submissions/{}", has[0].submission_id));
    let li = suite.caller(LI);
    assert_eq!(tasks(&li).await[0].state(), FollowUpState::Settled);

    system.plays([Next::Refuses]);
    cancel(&li, &changed).await.unwrap();
    let open = eventually(async || {
        let due = tasks(&suite.caller(LI)).await;
        due.into_iter()
            .find(|one| one.state() == FollowUpState::Open)
    })
    .await;
    assert!(open.reason.contains("撤单"), "{}", open.reason);
    let li = suite.caller(LI);
    let filter = format!("order = \"{}\" AND state = WITHDRAWING", one.name);
    let withdrawing = listed(&li, &filter).await.remove(0);
    assert_eq!(withdrawing.next_attempt_time, None);
    let done = mark(&li, &withdrawing, SubmissionState::Withdrawn, "", "")
        .await
        .unwrap();
    assert_eq!(done.state(), SubmissionState::Withdrawn);
    let due = tasks(&li).await;
    assert!(due.iter().all(|one| one.state() == FollowUpState::Settled));
}

/// Clause OP-3.4.3: without an order system orders are submitted by hand; what is short or to be
/// cleared up waits, what a system transfers is there, and what the order system tells was taken.
#[tokio::test(flavor = "multi_thread")]
async fn without_an_order_system_orders_are_submitted_by_hand() {
    let suite = TestSuite::start().await;
    let (li, erp) = (suite.caller(LI), suite.caller_for("erp", "integration"));
    set(&suite.caller("han.bing"), "A", 1, &[]).await;
    let customer = enter(&li, person()).await;
    let one = place(&li, order(&customer.name)).await;
    place(&li, of(&customer.name, &[("A", 2)])).await;
    place(&li, of(&customer.name, &[("B", 500)])).await;
    let department = kefu_access_control::seed::department_id("call_centre");
    let theirs = Order {
        department: kefu_service::fields::name("departments", department),
        ..order(&customer.name)
    };
    place(&erp, theirs).await;
    let pending = listed(&li, "state = PENDING").await;
    let [submission] = pending.as_slice() else {
        panic!("{pending:?}")
    };
    assert_eq!(submission.order, one.name);
    let name = submission.name.clone();
    let mut client = SubmissionServiceClient::new(li.clone());
    let got = client
        .get_submission(GetSubmissionRequest { name })
        .await
        .unwrap();
    assert_eq!(got.into_inner(), *submission);

    let accepted = SubmissionState::Accepted;
    let refused = mark(&li, submission, SubmissionState::Pending, "", "")
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["state"]);
    let refused = mark(&li, submission, SubmissionState::Refused, "", "")
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["note"]);
    let refused = mark(&li, submission, SubmissionState::Withdrawn, "", "")
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    let wang = suite.caller("wang.fang");
    let refused = mark(&wang, submission, accepted, "", "").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
    assert!(listed(&wang, "").await.is_empty());
    let refused = mark(&suite.caller("dong.jie"), submission, accepted, "", "").await;
    assert_eq!(refusal(&refused.unwrap_err()).1, "PERMISSION_MISSING");
    let marked = mark(&li, submission, accepted, "", ID).await.unwrap();
    let viewed = journaled(&suite, "submission.viewed").await;
    assert_eq!(
        marked,
        mark(&li, submission, accepted, "", ID).await.unwrap()
    );
    let viewed_now = journaled(&suite, "submission.viewed").await;
    assert_eq!(viewed_now, viewed + 1);
    assert_eq!(
        (marked.state(), marked.reference.as_str()),
        (accepted, "SAP-7")
    );
    assert!(marked.marked_by.starts_with("employees/"));
    let stale = mark(&li, submission, accepted, "", "").await.unwrap_err();
    assert_eq!(refusal(&stale).1, "ETAG_MISMATCH");

    // Of what nobody marked the order system tells that it has it.
    let two = place(&li, order(&customer.name)).await;
    let told = RecordStageRequest {
        name: two.name.clone(),
        stage: OrderStage::Confirmed.into(),
        occurred_time: Some(to_proto(suite.clock.now())),
        ..Default::default()
    };
    let two = orders(&erp).record_stage(told).await.unwrap().into_inner();
    let filter = format!("order = \"{}\"", two.name);
    assert_eq!(listed(&li, &filter).await[0].state(), accepted);
    // Cancelled, somebody takes it out.
    cancel(&li, &two).await.unwrap();
    assert_eq!(
        listed(&li, &filter).await[0].state(),
        SubmissionState::Withdrawing
    );
    assert_eq!(tasks(&li).await.len(), 1);
    // What nobody entered yet is not to be taken out.
    let three = place(&li, order(&customer.name)).await;
    cancel(&li, &three).await.unwrap();
    let filter = format!("order = \"{}\"", three.name);
    assert_eq!(
        listed(&li, &filter).await[0].state(),
        SubmissionState::Withdrawn
    );
    assert_eq!(tasks(&li).await.len(), 1);
}
