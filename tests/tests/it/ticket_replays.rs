//! Answers of the ticket service that are given again: what is shown again is journaled as a view.

use kefu_contracts::ticket::{
    Agent, Article, BulkChangeResponse, BulkTagTicketsRequest, BulkTicket, CreateArticleRequest,
    CreateMacroRequest, CreateQueueRequest, CreateViewRequest, Direction, Language, LinkKind,
    LinkTicketsRequest, Macro, MergeTicketsRequest, Offer, OfferTicketRequest, OpenTicketRequest,
    Queue, ReplyToTicketRequest, RoutingStrategy, SetAgentRequest, SplitTicketRequest, Ticket,
    TicketLink, UnmergeTicketRequest, View, bulk_service_client::BulkServiceClient,
    hand_over_service_client::HandOverServiceClient, link_service_client::LinkServiceClient,
    macro_service_client::MacroServiceClient, merge_service_client::MergeServiceClient,
    queue_service_client::QueueServiceClient, view_service_client::ViewServiceClient,
};
use kefu_service::fields::name;
use kefu_testkit::{TestSuite, employee_id};
use uuid::Uuid;

use crate::{
    handovers::department,
    knowledge::{article, knowledge},
    records::{enter, open, person, ticket, tickets},
};

const TICKET: &str = "ticket.viewed";

fn id(number: u128) -> String {
    Uuid::from_u128(number).to_string()
}

/// What was journaled as shown.
async fn shown(suite: &TestSuite) -> Vec<(String, String)> {
    let mut sql = suite.database.connect().await.unwrap();
    let views = "SELECT type, resource FROM ticket.journal WHERE kind = 2 ORDER BY position";
    sqlx::query_as(views).fetch_all(&mut sql).await.unwrap()
}

/// Asks twice for one and the same, and sees that the second answer alone is a view, of what
/// `named` names.
async fn twice<A>(
    suite: &TestSuite,
    (viewed, named): (&str, fn(&A) -> &String),
    ask: impl AsyncFn() -> A,
) -> A {
    let before = shown(suite).await.len();
    let first = ask().await;
    assert_eq!(shown(suite).await.len(), before, "{viewed}");
    let again = ask().await;
    assert_eq!(named(&again), named(&first));
    let views = shown(suite).await.split_off(before);
    assert_eq!(views, [(viewed.to_owned(), named(&first).clone())]);
    first
}

/// Whichever change of a ticket it was.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_again_of_a_ticket_is_a_view() {
    let suite = TestSuite::start().await;
    let li = suite.caller("li.wei");
    let customer = enter(&li, person()).await.name;
    let two = open(&li, ticket(&customer)).await;
    let of_ticket: (&str, fn(&Ticket) -> &String) = (TICKET, |one| &one.name);

    let one = twice(&suite, of_ticket, async || {
        let request = OpenTicketRequest {
            ticket: Some(ticket(&customer)),
            request_id: id(1),
        };
        let opened = tickets(&li).open_ticket(request).await;
        opened.unwrap().into_inner()
    })
    .await;
    let one = twice(&suite, of_ticket, async || {
        let request = ReplyToTicketRequest {
            name: one.name.clone(),
            etag: one.etag.clone(),
            request_id: id(2),
            direction: Direction::In.into(),
            body: "还要开发票".into(),
            ..Default::default()
        };
        let replied = tickets(&li).reply_to_ticket(request).await;
        replied.unwrap().into_inner()
    })
    .await;
    let part = twice(&suite, of_ticket, async || {
        let request = SplitTicketRequest {
            name: one.name.clone(),
            etag: one.etag.clone(),
            request_id: id(3),
            messages: vec![one.messages[0].name.clone()],
            subject: "发票".into(),
            ..Default::default()
        };
        let mut client = MergeServiceClient::new(li.clone());
        let split = client.split_ticket(request).await;
        split.unwrap().into_inner()
    })
    .await;
    let whole = twice(&suite, of_ticket, async || {
        let request = MergeTicketsRequest {
            name: two.name.clone(),
            etag: two.etag.clone(),
            request_id: id(4),
            target: part.name.clone(),
            target_etag: part.etag.clone(),
            reason: "同一件事".into(),
        };
        let mut client = MergeServiceClient::new(li.clone());
        let merged = client.merge_tickets(request).await;
        merged.unwrap().into_inner()
    })
    .await;
    assert_eq!(whole.name, part.name);
    let two = twice(&suite, of_ticket, async || {
        let request = UnmergeTicketRequest {
            name: two.name.clone(),
            request_id: id(5),
            reason: "是两件事".into(),
            ..Default::default()
        };
        let mut client = MergeServiceClient::new(li.clone());
        let parted = client.unmerge_ticket(request).await;
        parted.unwrap().into_inner()
    })
    .await;

    let of_link: (&str, fn(&TicketLink) -> &String) = ("links.viewed", |link| &link.name);
    twice(&suite, of_link, async || {
        let request = LinkTicketsRequest {
            kind: LinkKind::Related.into(),
            from: one.name.clone(),
            to: two.name.clone(),
            request_id: id(6),
        };
        let mut client = LinkServiceClient::new(li.clone());
        let linked = client.link_tickets(request).await;
        linked.unwrap().into_inner()
    })
    .await;
    let of_offer: (&str, fn(&Offer) -> &String) = ("offer.viewed", |offer| &offer.name);
    twice(&suite, of_offer, async || {
        let request = OfferTicketRequest {
            name: two.name.clone(),
            etag: two.etag.clone(),
            request_id: id(7),
            department: department("complaints"),
            reason: "是投诉".into(),
        };
        let mut client = HandOverServiceClient::new(li.clone());
        let offered = client.offer_ticket(request).await;
        offered.unwrap().into_inner()
    })
    .await;
    let of_many: (&str, fn(&BulkChangeResponse) -> &String) =
        (TICKET, |answer| &answer.results[0].name);
    twice(&suite, of_many, async || {
        let request = BulkTagTicketsRequest {
            tickets: vec![BulkTicket {
                name: two.name.clone(),
                etag: String::new(),
            }],
            request_id: id(8),
            add_tags: vec!["VIP".into()],
            remove_tags: Vec::new(),
        };
        let mut client = BulkServiceClient::new(li.clone());
        let tagged = client.bulk_tag_tickets(request).await;
        tagged.unwrap().into_inner()
    })
    .await;
}

/// And so is what is the company's own.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_again_of_the_company_is_a_view() {
    let suite = TestSuite::start().await;
    let (li, head) = (suite.caller("li.wei"), suite.caller("zhang.min"));
    let of_view: (&str, fn(&View) -> &String) = ("view.viewed", |one| &one.name);
    twice(&suite, of_view, async || {
        let request = CreateViewRequest {
            view: Some(View {
                title: "新的".into(),
                filter: "state = NEW".into(),
                ..Default::default()
            }),
            request_id: id(1),
        };
        let mut client = ViewServiceClient::new(li.clone());
        let saved = client.create_view(request).await;
        saved.unwrap().into_inner()
    })
    .await;
    let of_article: (&str, fn(&Article) -> &String) = ("article.viewed", |one| &one.name);
    twice(&suite, of_article, async || {
        let request = CreateArticleRequest {
            article: Some(article("换滤芯", "先断电")),
            request_id: id(2),
        };
        let begun = knowledge(&li).create_article(request).await;
        begun.unwrap().into_inner()
    })
    .await;
    let of_queue: (&str, fn(&Queue) -> &String) = ("queue.viewed", |one| &one.name);
    twice(&suite, of_queue, async || {
        let request = CreateQueueRequest {
            queue: Some(Queue {
                code: "install".into(),
                title: "安装".into(),
                department: department("call_centre"),
                categories: vec!["installation".into()],
                strategy: RoutingStrategy::LeastLoaded.into(),
                ..Default::default()
            }),
            request_id: id(3),
        };
        let mut client = QueueServiceClient::new(head.clone());
        let added = client.create_queue(request).await;
        added.unwrap().into_inner()
    })
    .await;
    let of_agent: (&str, fn(&Agent) -> &String) = ("agent.viewed", |one| &one.employee);
    twice(&suite, of_agent, async || {
        let request = SetAgentRequest {
            agent: Some(Agent {
                employee: name("employees", employee_id("li.wei")),
                department: department("call_centre"),
                capacity: 3,
                ..Default::default()
            }),
            request_id: id(4),
        };
        let mut client = QueueServiceClient::new(head.clone());
        let set = client.set_agent(request).await;
        set.unwrap().into_inner()
    })
    .await;
    let of_macro: (&str, fn(&Macro) -> &String) = ("macro.viewed", |one| &one.name);
    twice(&suite, of_macro, async || {
        let request = CreateMacroRequest {
            r#macro: Some(Macro {
                title: "约时间".into(),
                body: "您好，工单{ticket.number}。".into(),
                language: Language::ZhCn.into(),
                department: department("call_centre"),
                ..Default::default()
            }),
            request_id: id(5),
        };
        let mut client = MacroServiceClient::new(head.clone());
        let added = client.create_macro(request).await;
        added.unwrap().into_inner()
    })
    .await;
}
