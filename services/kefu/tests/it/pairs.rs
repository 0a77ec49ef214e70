//! Two processes of each service under load, each of which ends and comes back in its turn: as
//! a rollout does it. No call fails, nothing is done twice, and both of a pair know the same.

use std::{
    collections::BTreeMap,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use kefu::dev::Keys;
use kefu_contracts::{
    analytics::{QueryMetricRequest, metrics_service_client::MetricsServiceClient},
    common::Channel as ContactChannel,
    profile::{
        CreateCustomerRequest, Customer, CustomerType, GetCustomerRequest, ListCustomersRequest,
        Phone, customer_service_client::CustomerServiceClient,
    },
    ticket::{OpenTicketRequest, Ticket, TicketKind, ticket_service_client::TicketServiceClient},
};
use kefu_service::{peer::Way, server::GrpcService};
use kefu_testkit::eventually;
use tokio::{
    net::TcpStream,
    task::{JoinHandle, JoinSet},
};
use tonic::{Code, Request};

use crate::processes::{Process, SERVICES, Site, place, request};

/// Who makes calls all the time.
const CALLERS: [&str; 3] = ["li.wei", "wang.fang", "ma.chao"];
/// Calls of a subject without waiting, and a second for long: what the gateway has by itself.
const BURST: usize = 400;
const RATE: f64 = 200.0;

/// What was answered.
#[derive(Default)]
struct Answered {
    entered: AtomicUsize,
    opened: AtomicUsize,
    read: AtomicUsize,
}

impl Answered {
    fn all(&self) -> usize {
        let each = [&self.entered, &self.opened, &self.read];
        each.map(|one| one.load(Ordering::Relaxed)).iter().sum()
    }
}

struct Load {
    answered: Arc<Answered>,
    enough: Arc<AtomicBool>,
    callers: Vec<JoinHandle<()>>,
}

impl Load {
    fn start(site: &Site, gateways: &GrpcService) -> Self {
        let answered = Arc::<Answered>::default();
        let enough = Arc::<AtomicBool>::default();
        let callers = CALLERS.iter().map(|login| {
            let (token, gateways) = (site.token(login), gateways.clone());
            let (answered, enough) = (answered.clone(), enough.clone());
            tokio::spawn(async move {
                while !enough.load(Ordering::Relaxed) {
                    round(&gateways, &token, &answered).await;
                }
            })
        });
        Self {
            callers: callers.collect(),
            answered,
            enough,
        }
    }

    /// Goes on until so many more calls are answered; a call that fails ends it at once.
    async fn answers(&self, more: usize) {
        let until = self.answered.all() + more;
        eventually(async || {
            assert!(
                !self.callers.iter().any(JoinHandle::is_finished),
                "a call failed"
            );
            (self.answered.all() >= until).then_some(())
        })
        .await;
    }

    async fn end(self) -> Arc<Answered> {
        self.enough.store(true, Ordering::Relaxed);
        for caller in self.callers {
            caller.await.unwrap();
        }
        self.answered
    }
}

/// A customer is entered, a ticket opened, and both are looked at. None of it is tried again here,
/// and no write has a request id: what came twice would be there twice.
async fn round(gateways: &GrpcService, token: &str, answered: &Answered) {
    let mut customers = CustomerServiceClient::new(gateways.clone());
    let customer = Customer {
        r#type: CustomerType::Person.into(),
        display_name: "李四".into(),
        phones: vec![Phone {
            number: "13912345678".into(),
            ..Phone::default()
        }],
        ..Customer::default()
    };
    let body = CreateCustomerRequest {
        customer: Some(customer),
        request_id: String::new(),
    };
    let entered = customers.create_customer(request(body, token, "service", ""));
    let entered = entered.await.unwrap();
    answered.entered.fetch_add(1, Ordering::Relaxed);
    let at = place(&entered);
    let customer = entered.into_inner().name;

    let ticket = Ticket {
        customer: customer.clone(),
        kind: TicketKind::Consultation.into(),
        channel: ContactChannel::Online.into(),
        subject: "发票".into(),
        ..Ticket::default()
    };
    let body = OpenTicketRequest {
        ticket: Some(ticket),
        request_id: String::new(),
    };
    let mut tickets = TicketServiceClient::new(gateways.clone());
    let opened = tickets.open_ticket(request(body, token, "service", &at));
    opened.await.unwrap();
    answered.opened.fetch_add(1, Ordering::Relaxed);

    let body = GetCustomerRequest { name: customer };
    let got = customers.get_customer(request(body, token, "service", ""));
    got.await.unwrap();
    let body = ListCustomersRequest {
        page_size: 5,
        ..ListCustomersRequest::default()
    };
    let listed = customers.list_customers(request(body, token, "service", ""));
    listed.await.unwrap();
    answered.read.fetch_add(2, Ordering::Relaxed);
}

/// SIGTERM, as the kubelet sends it; waits for the end.
async fn end_in_order(mut process: Process) {
    let id = process.0.id().to_string();
    let told = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(told.success());
    let ended = eventually(async || process.0.try_wait().unwrap()).await;
    assert!(ended.success(), "{ended:?}");
}

/// One after the other, the load going on in between.
async fn restart(site: &Site, load: &Load, service: &'static str, pair: &mut [Option<Process>; 2]) {
    for (nth, process) in pair.iter_mut().enumerate() {
        end_in_order(process.take().unwrap()).await;
        load.answers(10).await;
        *process = Some(site.start_nth(service, nth));
        serves(site, service, nth).await;
        load.answers(10).await;
    }
}

/// Its port takes connections once it serves.
async fn serves(site: &Site, service: &str, nth: usize) {
    let at = site.at(service, nth);
    eventually(async || TcpStream::connect(at).await.ok().map(drop)).await;
}

fn tickets(token: &str, place: &str) -> Request<QueryMetricRequest> {
    let query = QueryMetricRequest {
        metric: "tickets".into(),
        ..QueryMetricRequest::default()
    };
    request(query, token, "analysis", place)
}

/// What was acknowledged is there, once, and no call fails, whatever is restarted meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn each_service_is_restarted_under_load_and_no_call_fails() {
    let site = Site::of(2).await;
    let pair = |service| [0, 1].map(|nth| Some(site.start_nth(service, nth)));
    let mut processes = SERVICES.map(pair);
    for service in SERVICES {
        for nth in [0, 1] {
            serves(&site, service, nth).await;
        }
    }
    let each = [0, 1].map(|nth| site.at("gateway", nth));
    let gateways = Way::Plaintext.among("http://gateway:50051", &each).unwrap();
    let agent = site.token("li.wei");
    // What one of a pair does not know yet is answered as UNAVAILABLE.
    for nth in [0, 1] {
        let one = Way::Plaintext
            .among("http://gateway:50051", &each[nth..=nth])
            .unwrap();
        let body = ListCustomersRequest::default();
        let known = async || {
            let mut customers = CustomerServiceClient::new(one.clone());
            let listed = customers.list_customers(request(body.clone(), &agent, "service", ""));
            listed.await.ok().map(drop)
        };
        eventually(known).await;
    }

    let load = Load::start(&site, &gateways);
    load.answers(100).await;
    // The gateways' key is changed meanwhile: first all trust the next one as well, then the
    // gateways sign with it, then whoever is called most trusts the old one no longer.
    let (old, next) = (&site.keys, Keys::make().unwrap());
    let public = |keys: &Keys| STANDARD.encode(keys.gateway().unwrap().public_key());
    let trust = |keys: &[&Keys]| {
        let keys: Vec<_> = keys.iter().map(|keys| public(keys)).collect();
        format!("gateway_keys = {keys:?}")
    };
    let sign = |keys: &Keys| format!("[gateway]\nsigning_key = {:?}", keys.signing_keys().0);
    let mut roll_out = async |services: &[&'static str]| {
        for (service, pair) in SERVICES.into_iter().zip(&mut processes) {
            if services.contains(&service) {
                restart(&site, &load, service, pair).await;
            }
        }
    };
    site.configure(&trust(&[old]), &trust(&[old, &next]));
    roll_out(&SERVICES).await;
    site.configure(&sign(old), &sign(&next));
    roll_out(&["gateway"]).await;
    site.configure(&trust(&[old, &next]), &trust(&[&next]));
    roll_out(&["customer-profile", "ticket"]).await;
    let answered = load.end().await;
    let [entered, opened] =
        [&answered.entered, &answered.opened].map(|n| n.load(Ordering::Relaxed));
    println!(
        "{entered} customers, {opened} tickets, {} reads",
        answered.read.load(Ordering::Relaxed)
    );

    // Each once where it is kept, and once where it is only told of.
    let mut sql = site.database.connect().await.unwrap();
    let counted = [
        ("SELECT count(*) FROM profile.customer", entered),
        (
            "SELECT count(*) FROM profile.journal WHERE type = 'customer.created'",
            entered,
        ),
        ("SELECT count(*) FROM ticket.ticket", opened),
        (
            "SELECT count(*) FROM ticket.journal WHERE type = 'ticket.opened'",
            opened,
        ),
    ];
    for (what, expected) in counted {
        let found: i64 = sqlx::query_scalar(what).fetch_one(&mut sql).await.unwrap();
        assert_eq!(usize::try_from(found).unwrap(), expected, "{what}");
    }
    let leader = site.token("chen.guodong");
    let told = async || {
        let mut metrics = MetricsServiceClient::new(gateways.clone());
        let told = metrics.query_metric(tickets(&leader, "")).await.unwrap();
        let told = told.into_inner().total.unwrap().count;
        (usize::try_from(told).unwrap() == opened).then_some(())
    };
    eventually(told).await;
    let collected = "SELECT (SELECT count(*) FROM access.audit_entry WHERE service = 'ticket')
                          = (SELECT count(*) FROM ticket.journal)";
    eventually(async || {
        let all: bool = sqlx::query_scalar(collected)
            .fetch_one(&mut sql)
            .await
            .unwrap();
        all.then_some(())
    })
    .await;
    limits_hold(&site, &gateways).await;
}

/// Whoever goes round the gateways may make as many calls as of one.
async fn limits_hold(site: &Site, gateways: &GrpcService) {
    let token = site.token("lin.na");
    let begun = Instant::now();
    let mut calls = JoinSet::new();
    for _ in 0..3 * BURST {
        let mut customers = CustomerServiceClient::new(gateways.clone());
        let body = GetCustomerRequest {
            name: "customers/none".into(),
        };
        let call = request(body, &token, "service", "");
        calls.spawn(async move { customers.get_customer(call).await.unwrap_err().code() });
    }
    let mut codes = BTreeMap::<String, usize>::new();
    for code in calls.join_all().await {
        *codes.entry(format!("{code:?}")).or_default() += 1;
    }
    let of = |code: Code| codes.get(&format!("{code:?}")).copied().unwrap_or_default();
    let (passed, limited) = (
        of(Code::InvalidArgument) + of(Code::NotFound),
        of(Code::ResourceExhausted),
    );
    let lasted = (begun.elapsed() + Duration::from_secs(1)).as_secs_f64();
    let most = lasted.mul_add(RATE, BURST as f64);
    // So slowly that all of them might pass is no more than the rate.
    let all = (3 * BURST) as f64;
    assert!(
        (passed as f64) < most && (limited > 0 || most > all),
        "{codes:?}, of at most {most}"
    );
}
