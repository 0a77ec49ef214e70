//! Standard phrases: who may say what they are, and what they say of a ticket.

use kefu_access_control::seed::department_id;
use kefu_contracts::ticket::{
    CloseTicketRequest, CreateMacroRequest, Direction, GetMacroRequest, GetTicketRequest,
    GivenValue, Language, ListMacrosRequest, Macro, MacroState, MacroValue, RenderMacroRequest,
    ReplyToTicketRequest, ResolveTicketRequest, Ticket, TicketKind, UpdateMacroRequest,
    macro_service_client::MacroServiceClient,
};
use kefu_service::fields::name;
use kefu_testkit::{Caller, TestSuite};
use tonic::{Code, Status};

use crate::records::{enter, open, person, refusal, said, ticket, tickets, violations};

fn macros(caller: &Caller) -> MacroServiceClient<Caller> {
    MacroServiceClient::new(caller.clone())
}

fn department(code: &str) -> String {
    name("departments", department_id(code))
}

fn greeting() -> Macro {
    Macro {
        title: "约上门时间".into(),
        body: "您好，工单{ticket.number}（{ticket.subject}）：{value.window}上门。".into(),
        language: Language::ZhCn.into(),
        department: department("call_centre"),
        values: vec![MacroValue {
            key: "window".into(),
            title: "时段".into(),
        }],
        ..Macro::default()
    }
}

async fn create(caller: &Caller, new: Macro, request_id: &str) -> Result<Macro, Status> {
    let request = CreateMacroRequest {
        r#macro: Some(new),
        request_id: request_id.into(),
    };
    let created = macros(caller).create_macro(request).await;
    created.map(tonic::Response::into_inner)
}

async fn update(caller: &Caller, new: Macro) -> Result<Macro, Status> {
    let request = UpdateMacroRequest {
        r#macro: Some(new),
        request_id: String::new(),
    };
    let updated = macros(caller).update_macro(request).await;
    updated.map(tonic::Response::into_inner)
}

async fn render(
    caller: &Caller,
    of: &Macro,
    ticket: &Ticket,
    values: &[(&str, &str)],
) -> Result<String, Status> {
    let given = values.iter().map(|(key, text)| GivenValue {
        key: (*key).into(),
        text: (*text).into(),
    });
    let request = RenderMacroRequest {
        name: of.name.clone(),
        ticket: ticket.name.clone(),
        values: given.collect(),
    };
    let rendered = macros(caller).render_macro(request).await;
    rendered.map(|answer| answer.into_inner().text)
}

async fn reply(caller: &Caller, ticket: &Ticket, used: &Macro) -> Result<Ticket, Status> {
    let get = GetTicketRequest {
        name: ticket.name.clone(),
    };
    let now = tickets(caller).get_ticket(get).await?.into_inner();
    let request = ReplyToTicketRequest {
        name: now.name,
        etag: now.etag,
        direction: Direction::Out.into(),
        body: "周六上午上门。".into(),
        used_macro: used.name.clone(),
        ..Default::default()
    };
    let replied = tickets(caller).reply_to_ticket(request).await;
    replied.map(tonic::Response::into_inner)
}

/// Entries of this type in the journal of ticket.
async fn journaled(suite: &TestSuite, kind: &str) -> i64 {
    let mut sql = suite.database.connect().await.unwrap();
    sqlx::query_scalar("SELECT count(*) FROM ticket.journal WHERE type = $1")
        .bind(kind)
        .fetch_one(&mut sql)
        .await
        .unwrap()
}

/// Clauses SG-2.3, OP-3.1: what was said by a phrase is counted, also where two say it at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_phrase_is_put_into_words_for_a_ticket_and_its_use_counted() {
    let suite = TestSuite::start().await;
    let (head, erp) = (
        suite.caller("zhang.min"),
        suite.caller_for("erp", "integration"),
    );
    let li = suite.caller("li.wei");
    let made = create(&head, greeting(), "").await.unwrap();
    assert_eq!((made.state(), made.use_count), (MacroState::Active, 0));
    let customer = enter(&erp, person()).await.name;
    let mine = open(
        &li.after(&erp),
        Ticket {
            department: department("call_centre"),
            ..ticket(&customer)
        },
    )
    .await;
    let text = render(&li, &made, &mine, &[("window", "{today}")])
        .await
        .unwrap();
    assert_eq!(
        text,
        format!("您好，工单{}（净化器安装）：{{today}}上门。", mine.number)
    );
    assert_eq!(journaled(&suite, "macro.rendered").await, 1);
    // Everything that is missing or too much, at once.
    let refused = render(&li, &made, &mine, &[("other", "x")])
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["values[0].key"]);
    let refused = render(&li, &made, &mine, &[]).await.unwrap_err();
    assert_eq!(violations(&refused), ["values.window"]);

    reply(&li, &mine, &made).await.unwrap();
    reply(&li, &mine, &made).await.unwrap();
    let get = GetMacroRequest {
        name: made.name.clone(),
    };
    let now = macros(&li).get_macro(get).await.unwrap().into_inner();
    assert_eq!((now.use_count, now.etag.as_str()), (2, "r1"));
    assert!(now.last_use_time.is_some());

    // Archived, it is used no more and still there.
    let archived = update(
        &head,
        Macro {
            state: MacroState::Archived.into(),
            ..now
        },
    )
    .await
    .unwrap();
    assert_eq!(archived.use_count, 2);
    let refused = render(&li, &made, &mine, &[("window", "x")])
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    let refused = reply(&li, &mine, &made).await.unwrap_err();
    assert_eq!(violations(&refused), ["used_macro"]);
    let list = |filter: &str| ListMacrosRequest {
        filter: filter.into(),
        ..Default::default()
    };
    let listed = macros(&li)
        .list_macros(list("state = ACTIVE"))
        .await
        .unwrap();
    assert_eq!(listed.into_inner().total_size, 0);
    let listed = macros(&li)
        .list_macros(list(""))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((listed.total_size, listed.macros[0].body.as_str()), (1, ""));
    assert_eq!(journaled(&suite, "macro.created").await, 1);
    assert_eq!(journaled(&suite, "macro.updated").await, 1);
}

/// Clause SG-2.3: whoever leads says what is said; nobody learns of a ticket by it.
#[tokio::test(flavor = "multi_thread")]
async fn phrases_are_those_of_who_leads_and_tickets_stay_where_they_are() {
    let suite = TestSuite::start().await;
    let (head, erp) = (
        suite.caller("zhang.min"),
        suite.caller_for("erp", "integration"),
    );
    let (li, admin) = (suite.caller("li.wei"), suite.caller("han.bing"));
    let refused = create(&li, greeting(), "").await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let other = Macro {
        department: department("sales"),
        ..greeting()
    };
    let refused = create(&head, other, "").await.unwrap_err();
    assert_eq!(
        said(&refused, "rule"),
        "the department lies outside of your scope"
    );
    // For all, says who reaches all.
    let for_all = Macro {
        department: String::new(),
        kinds: vec![TicketKind::Complaint.into()],
        ..greeting()
    };
    assert!(create(&head, for_all.clone(), "").await.is_err());
    let id = "0190c5a8-0000-7000-8000-0000000000aa";
    let complaints = create(&admin, for_all.clone(), id).await.unwrap();
    assert_eq!(
        create(&admin, for_all.clone(), id).await.unwrap(),
        complaints
    );
    let another = Macro {
        title: "另一个".into(),
        ..for_all
    };
    let refused = create(&admin, another, id).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "REQUEST_ID_REUSED");

    let made = create(&head, greeting(), "").await.unwrap();
    let wrong = Macro {
        body: "您好{customer.name}".into(),
        title: String::new(),
        ..made.clone()
    };
    let refused = update(&head, wrong).await.unwrap_err();
    assert_eq!(violations(&refused), ["macro.title", "macro.body[2]"]);
    let moved = Macro {
        department: String::new(),
        ..made.clone()
    };
    let refused = update(&admin, moved).await.unwrap_err();
    assert_eq!(violations(&refused), ["macro.department"]);
    let stale = Macro {
        etag: "r7".into(),
        ..made.clone()
    };
    let refused = update(&head, stale).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "ETAG_MISMATCH");
    let absent = Macro {
        name: name("macros", uuid::Uuid::nil()),
        ..made.clone()
    };
    assert_eq!(
        update(&head, absent).await.unwrap_err().code(),
        Code::NotFound
    );

    let customer = enter(&erp, person()).await.name;
    let mine = open(&li.after(&erp), ticket(&customer)).await;
    let window = [("window", "周六")];
    // Not for this kind of ticket.
    let refused = render(&li, &complaints, &mine, &window).await.unwrap_err();
    assert_eq!(violations(&refused), ["name"]);
    // A ticket that is not one's own is none, whatever the macro.
    let wang = suite.caller("wang.fang").after(&li);
    for one in [&made, &complaints] {
        let refused = render(&wang, one, &mine, &window).await.unwrap_err();
        assert_eq!(refusal(&refused).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
        assert_eq!(said(&refused, "resource"), mine.name);
    }
    assert_eq!(journaled(&suite, "macro.rendered").await, 0);
    // Who leads looks at tickets and does not answer them.
    let refused = render(&head.after(&li), &made, &mine, &window)
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");

    // A closed ticket is still looked at, and not replied to.
    let resolve = ResolveTicketRequest {
        name: mine.name.clone(),
        etag: mine.etag.clone(),
        resolution: "已约".into(),
        ..Default::default()
    };
    let now = tickets(&li)
        .resolve_ticket(resolve)
        .await
        .unwrap()
        .into_inner();
    let close = CloseTicketRequest {
        name: now.name,
        etag: now.etag,
        ..Default::default()
    };
    tickets(&li).close_ticket(close).await.unwrap();
    assert!(reply(&li, &mine, &made).await.is_err());
}
