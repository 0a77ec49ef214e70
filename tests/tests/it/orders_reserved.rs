//! What is ordered is set aside in the company's own inventory, and nothing stays aside in it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use kefu::suite::Parts;
use kefu_contracts::order::{
    CancelOrderRequest, ChooseOnShortageRequest, ConsumeStockRequest, ConsumeStockResponse,
    GetOrderRequest, LineChoice, LineStock, Order, OrderStage, OrderStock, RecordStageRequest,
    ReleaseStockRequest, ReleaseStockResponse, ReserveOutcome, ReserveStockRequest,
    ReserveStockResponse, ReservedLine, ShortageChoice,
    amendment_service_client::AmendmentServiceClient,
    inventory_connector_service_server::{
        InventoryConnectorService, InventoryConnectorServiceServer,
    },
    stock_service_client::StockServiceClient,
};
use kefu_service::{clock::Clock, time::to_proto};
use kefu_testkit::{TestSuite, eventually};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status, transport::Server};

use crate::{
    orders_in_trouble::ready,
    orders_supplied::of,
    records::{enter, orders, person, place},
};

const LI: &str = "li.wei";

/// What the inventory does next.
#[derive(Clone, Copy, PartialEq)]
enum Next {
    /// It has done it, and its answer comes too late.
    Late,
    Fails,
}

/// Pieces of each, and the answer that was given.
type Held = (Vec<(String, i32)>, Vec<ReservedLine>);

#[derive(Default)]
struct Shelves {
    free: BTreeMap<String, i32>,
    /// Pieces set aside, and the answer that was given, by the id under which that was done.
    held: BTreeMap<String, Held>,
    released: BTreeSet<String>,
    calls: Vec<(&'static str, String)>,
    parts: VecDeque<Next>,
}

/// An inventory that keeps its contract.
#[derive(Clone, Default)]
struct Inventory(Arc<Mutex<Shelves>>);

impl Inventory {
    async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder()
            .add_service(InventoryConnectorServiceServer::new(self.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        uri
    }

    async fn suite(&self) -> TestSuite {
        let uri = self.serve().await;
        TestSuite::with_parts(|parts: &mut Parts| {
            parts.order_followup.inventory.uri = uri;
            parts.order_followup.inventory.timeout_ms = 300;
        })
        .await
    }

    fn free(&self, sku: &str) -> i32 {
        self.0.lock().unwrap().free[sku]
    }

    fn put(&self, sku: &str, pieces: i32) {
        *self.0.lock().unwrap().free.entry(sku.into()).or_default() += pieces;
    }

    fn plays(&self, parts: impl IntoIterator<Item = Next>) {
        self.0.lock().unwrap().parts = parts.into_iter().collect();
    }

    fn held(&self) -> usize {
        let shelves = self.0.lock().unwrap();
        shelves
            .held
            .values()
            .filter(|(pieces, _)| !pieces.is_empty())
            .count()
    }

    fn calls(&self) -> Vec<(&'static str, String)> {
        self.0.lock().unwrap().calls.clone()
    }

    /// Notes a call; how it is to be answered.
    fn called(&self, what: &'static str, id: &str) -> Result<bool, Status> {
        let mut shelves = self.0.lock().unwrap();
        shelves.calls.push((what, id.to_owned()));
        match shelves.parts.pop_front() {
            Some(Next::Fails) => Err(Status::new(Code::Unavailable, "")),
            next => Ok(next == Some(Next::Late)),
        }
    }

    fn reserve(&self, request: &ReserveStockRequest) -> Vec<ReservedLine> {
        let mut shelves = self.0.lock().unwrap();
        let id = &request.reservation_id;
        if let Some((_, given)) = shelves.held.get(id) {
            return given.clone();
        }
        let (mut pieces, mut answer) = (Vec::new(), Vec::new());
        for line in &request.lines {
            let called_off = shelves.released.contains(id);
            let alternatives: Vec<String> = shelves
                .free
                .iter()
                .filter(|(sku, free)| **sku != line.sku && **free >= line.quantity)
                .map(|(sku, _)| sku.clone())
                .collect();
            let outcome = match shelves.free.get_mut(&line.sku) {
                None => ReserveOutcome::NotKept,
                Some(free) if *free >= line.quantity && !called_off => {
                    *free -= line.quantity;
                    pieces.push((line.sku.clone(), line.quantity));
                    ReserveOutcome::Reserved
                }
                Some(_) => ReserveOutcome::Short,
            };
            answer.push(ReservedLine {
                outcome: outcome.into(),
                alternatives: match outcome {
                    ReserveOutcome::Short => alternatives,
                    _ => Vec::new(),
                },
            });
        }
        shelves.held.insert(id.clone(), (pieces, answer.clone()));
        answer
    }

    fn end(&self, id: &str, gives_back: bool) {
        let mut shelves = self.0.lock().unwrap();
        shelves.released.insert(id.to_owned());
        let Some((pieces, _)) = shelves.held.get_mut(id) else {
            return;
        };
        let pieces = std::mem::take(pieces);
        for (sku, count) in pieces.into_iter().filter(|_| gives_back) {
            *shelves.free.get_mut(&sku).unwrap() += count;
        }
    }
}

async fn answered<M>(late: bool, message: M) -> Result<Response<M>, Status> {
    if late {
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    Ok(Response::new(message))
}

#[tonic::async_trait]
impl InventoryConnectorService for Inventory {
    async fn reserve_stock(
        &self,
        request: Request<ReserveStockRequest>,
    ) -> Result<Response<ReserveStockResponse>, Status> {
        assert!(request.metadata().contains_key("kefu-context-bin"));
        let request = request.into_inner();
        let late = self.called("reserve", &request.reservation_id)?;
        let lines = self.reserve(&request);
        answered(late, ReserveStockResponse { lines }).await
    }

    async fn release_stock(
        &self,
        request: Request<ReleaseStockRequest>,
    ) -> Result<Response<ReleaseStockResponse>, Status> {
        let id = request.into_inner().reservation_id;
        let late = self.called("release", &id)?;
        self.end(&id, true);
        answered(late, ReleaseStockResponse {}).await
    }

    async fn consume_stock(
        &self,
        request: Request<ConsumeStockRequest>,
    ) -> Result<Response<ConsumeStockResponse>, Status> {
        let id = request.into_inner().reservation_id;
        let late = self.called("consume", &id)?;
        self.end(&id, false);
        answered(late, ConsumeStockResponse {}).await
    }
}

/// The order once it is supplied like this, however often the pauses are turned over.
async fn supplied(suite: &TestSuite, one: &Order, stock: OrderStock) -> Order {
    let wanted = one.name.trim_start_matches("orders/");
    eventually(async || {
        let mut sql = suite.database.connect().await.unwrap();
        let found = "SELECT stock FROM orders.purchase_order WHERE id = $1::uuid";
        let found = sqlx::query_scalar(found).bind(wanted);
        let found: i16 = found.fetch_one(&mut sql).await.unwrap();
        if found == stock as i16 {
            return Some(());
        }
        suite.clock.advance(Duration::from_secs(30));
        None
    })
    .await;
    ready(suite).await;
    let name = one.name.clone();
    let mut client = orders(&suite.caller(LI));
    let now = client.get_order(GetOrderRequest { name }).await;
    now.unwrap().into_inner()
}

async fn cancel(suite: &TestSuite, one: &Order) {
    let request = CancelOrderRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        reason: "不要了".into(),
        ..Default::default()
    };
    let mut client = AmendmentServiceClient::new(suite.caller(LI));
    client.cancel_order(request).await.unwrap();
}

async fn nothing_held(suite: &TestSuite, inventory: &Inventory) {
    eventually(async || {
        if inventory.held() == 0 {
            return Some(());
        }
        suite.clock.advance(Duration::from_secs(30));
        None
    })
    .await;
    ready(suite).await;
}

/// Clause OP-3.4.2: an inventory that fails, or sets something aside and says so too late, is asked
/// again under the same id; what is called off meanwhile is let go, whatever it knows of it.
#[tokio::test(flavor = "multi_thread")]
async fn an_inventory_that_answers_too_late_holds_nothing_twice_and_nothing_for_nobody() {
    let inventory = Inventory::default();
    inventory.put("A", 5);
    let suite = inventory.suite().await;
    let li = suite.caller(LI);
    let customer = enter(&li, person()).await;
    inventory.plays([Next::Late, Next::Fails]);
    let one = place(&li, of(&customer.name, &[("A", 2), ("", 1)])).await;
    assert_eq!(one.stock(), OrderStock::Asked);
    let one = supplied(&suite, &one, OrderStock::Reserved).await;
    let calls = inventory.calls();
    assert!(
        calls.len() >= 3 && calls.iter().all(|call| *call == calls[0]),
        "{calls:?}"
    );
    assert_eq!(inventory.free("A"), 3);
    inventory.plays([Next::Fails, Next::Late]);
    cancel(&suite, &one).await;
    nothing_held(&suite, &inventory).await;
    assert_eq!(inventory.free("A"), 5);

    // Called off while the inventory is at it.
    let heard = inventory.calls().len();
    inventory.plays([Next::Late]);
    let two = place(&suite.caller(LI), of(&customer.name, &[("A", 4)])).await;
    eventually(async || (inventory.calls().len() > heard).then_some(())).await;
    cancel(&suite, &two).await;
    nothing_held(&suite, &inventory).await;
    assert_eq!(inventory.free("A"), 5);

    // What leaves is gone.
    let three = place(&suite.caller(LI), of(&customer.name, &[("A", 4)])).await;
    let three = supplied(&suite, &three, OrderStock::Reserved).await;
    let shipped = RecordStageRequest {
        name: three.name.clone(),
        stage: OrderStage::Shipped.into(),
        occurred_time: Some(to_proto(suite.clock.now())),
        ..Default::default()
    };
    orders(&suite.caller(LI))
        .record_stage(shipped)
        .await
        .unwrap();
    nothing_held(&suite, &inventory).await;
    assert_eq!(inventory.free("A"), 1);
}

/// Clause OP-3.4.2: what the inventory has too little of is for the customer to choose, and who waits
/// is supplied when it comes in.
#[tokio::test(flavor = "multi_thread")]
async fn an_inventory_is_asked_and_the_customer_chooses() {
    let inventory = Inventory::default();
    inventory.put("A", 1);
    inventory.put("B", 9);
    let suite = inventory.suite().await;
    let li = suite.caller(LI);
    let customer = enter(&li, person()).await;
    let one = place(&li, of(&customer.name, &[("A", 2), ("B", 1), ("C", 1)])).await;
    let one = supplied(&suite, &one, OrderStock::Short).await;
    let states: Vec<_> = one.lines.iter().map(|line| line.stock()).collect();
    let expected = [LineStock::Short, LineStock::Reserved, LineStock::NotKept];
    assert_eq!(states, expected);
    assert_eq!(one.lines[0].alternatives, ["B"]);
    assert_eq!(one.stage(), OrderStage::Short);
    let request = ChooseOnShortageRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        choices: vec![LineChoice {
            line: 0,
            choice: ShortageChoice::Wait.into(),
            alternative: None,
        }],
        note: "等".into(),
        ..Default::default()
    };
    let mut client = StockServiceClient::new(suite.caller(LI));
    let waits = client
        .choose_on_shortage(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(waits.stock(), OrderStock::Waiting);
    inventory.put("A", 1);
    let done = supplied(&suite, &waits, OrderStock::Reserved).await;
    assert_eq!(done.stage(), OrderStage::Submitted);
    assert_eq!((inventory.free("A"), inventory.free("B")), (0, 8));
    // Both reservations are let go.
    cancel(&suite, &done).await;
    nothing_held(&suite, &inventory).await;
    assert_eq!((inventory.free("A"), inventory.free("B")), (2, 9));
}
