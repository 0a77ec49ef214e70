//! Words that tickets are found by, and filters saved under a name.

use kefu::migrate::schemas;
use kefu_access_control::seed::department_id;
use kefu_contracts::{
    common::TotalKind,
    ticket::{
        CreateViewRequest, DeleteViewRequest, GetViewRequest, ListTagsRequest, ListTicketsRequest,
        ListViewsRequest, TagTicketRequest, Ticket, UpdateViewRequest, View, WatchTicketRequest,
        attention_service_client::AttentionServiceClient, tag_service_client::TagServiceClient,
        view_service_client::ViewServiceClient,
    },
};
use kefu_service::fields::name;
use kefu_testkit::{Caller, TestSuite, employee_id};
use sqlx::PgConnection;
use tonic::{Code, Status};

use crate::records::{enter, open, person, refusal, ticket, tickets, violations};

const LI: &str = "li.wei";
const WANG: &str = "wang.fang";
const HEAD: &str = "zhang.min";
const ID: &str = "0190c5a8-0000-7000-8000-00000000aa01";

fn views(caller: &Caller) -> ViewServiceClient<Caller> {
    ViewServiceClient::new(caller.clone())
}

fn desk() -> String {
    name("departments", department_id("call_centre"))
}

async fn tag(caller: &Caller, ticket: &Ticket, tags: &[&str]) -> Result<Ticket, Status> {
    let request = TagTicketRequest {
        name: ticket.name.clone(),
        etag: ticket.etag.clone(),
        tags: tags.iter().map(|one| (*one).to_owned()).collect(),
        ..Default::default()
    };
    let mut client = TagServiceClient::new(caller.clone());
    let answer = client.tag_ticket(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn tags(caller: &Caller) -> Vec<String> {
    let mut client = TagServiceClient::new(caller.clone());
    let answer = client.list_tags(ListTagsRequest {}).await;
    answer.unwrap().into_inner().tags
}

async fn counted(caller: &Caller, filter: &str, order_by: &str) -> (i32, TotalKind) {
    let request = ListTicketsRequest {
        filter: filter.into(),
        order_by: order_by.into(),
        ..Default::default()
    };
    let page = tickets(caller).list_tickets(request).await.unwrap();
    let page = page.into_inner();
    (page.total_size, page.total_kind())
}

fn view(title: &str, filter: &str) -> View {
    View {
        title: title.into(),
        filter: filter.into(),
        ..Default::default()
    }
}

async fn save(caller: &Caller, view: View, id: &str) -> Result<View, Status> {
    let request = CreateViewRequest {
        view: Some(view),
        request_id: id.into(),
    };
    let answer = views(caller).create_view(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn get(caller: &Caller, view: &View) -> Result<View, Status> {
    let name = view.name.clone();
    let answer = views(caller).get_view(GetViewRequest { name }).await;
    answer.map(|answer| answer.into_inner())
}

async fn titles(caller: &Caller) -> Vec<String> {
    let answer = views(caller).list_views(ListViewsRequest {}).await;
    let all = answer.unwrap().into_inner().views.into_iter();
    all.map(|one| one.title).collect()
}

async fn change(caller: &Caller, view: View) -> Result<View, Status> {
    let request = UpdateViewRequest {
        view: Some(view),
        request_id: String::new(),
    };
    let answer = views(caller).update_view(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn delete(caller: &Caller, view: &View) -> Result<(), Status> {
    let request = DeleteViewRequest {
        name: view.name.clone(),
        etag: view.etag.clone(),
        request_id: String::new(),
    };
    views(caller).delete_view(request).await.map(drop)
}

/// Clauses SG-5, CF-9.1: a tag is one word however it is written, tickets are found by it as far
/// as the caller sees them, and the company's words say nothing of any ticket.
#[tokio::test(flavor = "multi_thread")]
async fn tickets_are_found_by_their_tags() {
    let suite = TestSuite::start().await;
    let (li, wang, head) = (suite.caller(LI), suite.caller(WANG), suite.caller(HEAD));
    let customer = enter(&li, person()).await;
    let first = open(&li, ticket(&customer.name)).await;
    let second = open(&wang.after(&li), ticket(&customer.name)).await;
    let (one, other) = tokio::join!(
        tag(&li, &first, &["VIP", "双十一"]),
        tag(&wang, &second, &[" vip "]),
    );
    let (one, other) = (one.unwrap(), other.unwrap());
    // Both as whoever came first wrote it.
    assert_eq!(one.tags[0], other.tags[0]);
    let word = &one.tags[0];
    assert_eq!(
        tags(&suite.caller("song.yue")).await,
        [word.as_str(), "双十一"]
    );
    let filter = format!("tag = \"{word}\"");
    for (caller, count) in [(&li, 1), (&wang, 1), (&head, 2)] {
        assert_eq!(counted(caller, &filter, "").await.0, count);
    }
    assert_eq!(
        counted(&head, &format!("{filter} AND tag = 双十一"), "")
            .await
            .0,
        1
    );
    assert_eq!(counted(&head, "tag = 双", "").await.0, 0);

    let refused = tag(&li, &first, &["加急"]).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "ETAG_MISMATCH");
    let hidden = tag(&wang, &one, &["加急"]).await.unwrap_err();
    assert_eq!(refusal(&hidden).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
    // What was refused is no word of the company's.
    assert_eq!(tags(&li).await.len(), 2);
    let many: Vec<String> = (0..21).map(|at| at.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let refused = tag(&li, &one, &many).await.unwrap_err();
    assert_eq!(violations(&refused), ["tags"]);
    let refused = tag(&li, &one, &["a", "A"]).await.unwrap_err();
    assert_eq!(violations(&refused), ["tags[1]"]);
    let none = tag(&li, &one, &[]).await.unwrap();
    assert!(none.tags.is_empty());
    assert_eq!(counted(&head, &filter, "").await.0, 1);
}

/// Clauses SG-5, CC-1.2, CF-9.1: what a view counts is what its list counts, whoever looks.
#[tokio::test(flavor = "multi_thread")]
async fn a_view_counts_what_its_list_counts() {
    let suite = TestSuite::start().await;
    let (li, wang) = (suite.caller(LI), suite.caller(WANG));
    let customer = enter(&li, person()).await;
    for (at, caller) in [&li, &li, &wang.after(&li), &li].into_iter().enumerate() {
        let one = open(caller, ticket(&customer.name)).await;
        if at % 2 == 0 {
            tag(caller, &one, &["VIP"]).await.unwrap();
        }
        if at == 0 {
            let name = one.name.clone();
            let mut attention = AttentionServiceClient::new(caller.clone());
            attention
                .watch_ticket(WatchTicketRequest { name })
                .await
                .unwrap();
        }
    }
    let filters = [
        "",
        "state=new",
        "tag = VIP AND state = NEW",
        "watcher = me",
        "kind != COMPLAINT",
    ];
    let people = [
        (LI, "service"),
        (WANG, "service"),
        (HEAD, "service"),
        ("ma.chao", "service"),
    ];
    let mut counts = Vec::new();
    for (at, filter) in filters.into_iter().enumerate() {
        let shared = View {
            department: desk(),
            order_by: "received_time".into(),
            ..view(&format!("视图{at}"), filter)
        };
        let saved = save(&li, shared, "").await.unwrap();
        for (login, purpose) in people {
            let caller = suite.caller_for(login, purpose);
            let Ok(seen) = get(&caller, &saved).await else {
                // Of another department.
                assert_eq!(login, "ma.chao");
                continue;
            };
            let listed = counted(&caller, &seen.filter, &seen.order_by).await;
            assert_eq!(
                (seen.ticket_count, seen.ticket_count_kind()),
                listed,
                "{login} {filter}"
            );
            assert_eq!(listed, counted(&caller, filter, "").await);
            counts.push(seen.ticket_count);
        }
    }
    assert_eq!(counts, [3, 1, 4, 3, 1, 4, 1, 1, 2, 1, 0, 0, 3, 1, 4]);
}

/// Clauses SG-5, CC-1.2: a view is its owner's, or their department's to look at; it is checked
/// when it is saved, and again when it is used.
#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_its_owners() {
    let suite = TestSuite::start().await;
    let (li, wang, other) = (
        suite.caller(LI),
        suite.caller(WANG),
        suite.caller("ma.chao"),
    );
    let own = save(&li, view(" 我的 ", "state=new AND state = NEW"), ID)
        .await
        .unwrap();
    assert_eq!(
        (own.title.as_str(), own.filter.as_str()),
        ("我的", "state = NEW")
    );
    assert_eq!(own.owner, name("employees", employee_id(LI)));
    let again = save(&li, view(" 我的 ", "state=new AND state = NEW"), ID).await;
    assert_eq!(again.unwrap(), own);
    let twice = save(&li, view("我的", ""), "").await.unwrap_err();
    assert_eq!(
        refusal(&twice),
        (Code::AlreadyExists, "ALREADY_EXISTS".to_owned())
    );
    // Another calls theirs the same.
    save(&wang, view("我的", ""), "").await.unwrap();
    let hidden = (Code::NotFound, "NOT_FOUND_OR_OUT_OF_SCOPE".to_owned());
    assert_eq!(refusal(&get(&wang, &own).await.unwrap_err()), hidden);

    let shared = View {
        department: desk(),
        ..own.clone()
    };
    let shared = change(&li, shared).await.unwrap();
    assert_eq!(titles(&li).await, ["我的"]);
    assert_eq!(titles(&wang).await, ["我的", "我的"]);
    assert!(titles(&other).await.is_empty());
    assert_eq!(get(&wang, &shared).await.unwrap().filter, "state = NEW");
    assert_eq!(refusal(&get(&other, &shared).await.unwrap_err()), hidden);
    let mine = (Code::PermissionDenied, "PERMISSION_MISSING".to_owned());
    assert_eq!(
        refusal(&change(&wang, shared.clone()).await.unwrap_err()),
        mine
    );
    assert_eq!(refusal(&delete(&wang, &shared).await.unwrap_err()), mine);
    assert_eq!(
        refusal(&change(&li, own.clone()).await.unwrap_err()).1,
        "ETAG_MISMATCH"
    );

    let wrong = View {
        order_by: "name".into(),
        department: name("departments", department_id("complaints")),
        ..view("", "subject = x")
    };
    let refused = save(&li, wrong, "").await.unwrap_err();
    let expected = [
        "view.title",
        "view.filter",
        "view.order_by",
        "view.department",
    ];
    assert_eq!(violations(&refused), expected);
    let erp = suite.caller_for("erp", "integration");
    assert_eq!(
        refusal(&save(&erp, view("我的", ""), "").await.unwrap_err()),
        mine
    );

    // The list no longer offers what the view compares.
    let mut sql = suite.database.connect().await.unwrap();
    let forgotten = "UPDATE ticket.saved_view SET filter = 'forgotten = 1' WHERE title = '我的'";
    sqlx::query(forgotten).execute(&mut sql).await.unwrap();
    assert_eq!(
        violations(&get(&li, &shared).await.unwrap_err()),
        ["view.filter"]
    );

    delete(&li, &shared).await.unwrap();
    assert_eq!(refusal(&get(&li, &shared).await.unwrap_err()), hidden);
    assert_eq!(titles(&wang).await, ["我的"]);
}

/// What is looked for in what customers said is kept in no view, and none of before stays that has
/// some, nor an answer that was kept with it.
#[tokio::test(flavor = "multi_thread")]
async fn no_view_keeps_words_of_customers() {
    let suite = TestSuite::start().await;
    let li = suite.caller(LI);
    let plain = save(&li, view("新的", "state = NEW"), ID).await.unwrap();
    for filter in [
        "text:\"王小明 13800001111\"",
        "subject:漏水",
        "state = NEW AND resolution:退款",
        // A value that reads like one: the table refuses it as well.
        "tag = \"a AND text : b\"",
    ] {
        let shared = View {
            department: desk(),
            ..view("找人", filter)
        };
        let refused = save(&li, shared, "").await.unwrap_err();
        assert_eq!(violations(&refused), ["view.filter"]);
        let other = View {
            filter: filter.into(),
            ..plain.clone()
        };
        let refused = change(&li, other).await.unwrap_err();
        assert_eq!(violations(&refused), ["view.filter"]);
    }

    let of_before = [
        "text : \"王小明 13800001111\"",
        "state = NEW AND subject : \"漏水\"",
        "resolution : \"退款\" AND state = NEW",
        "category = \"text\"",
        "tag = \"subject\"",
    ];
    let insert = "INSERT INTO ticket.saved_view (id, owner_id, title, filter, order_by, revision, created_at, updated_at)
                  SELECT gen_random_uuid(), $1, filter, filter, '', 1, now(), now() FROM unnest($2::text[]) AS filter";
    let mut sql = suite.database.connect().await.unwrap();
    let fill = async |sql: &mut PgConnection| {
        let filters = of_before.map(str::to_owned).to_vec();
        let filled = sqlx::query(insert).bind(employee_id(LI)).bind(filters);
        filled.execute(sql).await
    };
    // Nor does a version of before save such a view beside this one.
    fill(&mut sql).await.unwrap_err();
    sqlx::raw_sql("ALTER TABLE ticket.saved_view DROP CONSTRAINT saved_view_has_no_words")
        .execute(&mut sql)
        .await
        .unwrap();
    fill(&mut sql).await.unwrap();
    let schemas = schemas();
    let (_, migrator) = schemas
        .iter()
        .find(|(schema, _)| *schema == "ticket")
        .unwrap();
    let migration = migrator.iter().find(|one| one.version == 75).unwrap();
    sqlx::raw_sql("SET search_path = ticket, pg_temp")
        .execute(&mut sql)
        .await
        .unwrap();
    sqlx::raw_sql(migration.sql.clone())
        .execute(&mut sql)
        .await
        .unwrap();
    let kept = "SELECT filter FROM saved_view ORDER BY filter COLLATE \"C\"";
    let kept: Vec<String> = sqlx::query_scalar(kept).fetch_all(&mut sql).await.unwrap();
    assert_eq!(
        kept,
        ["category = \"text\"", "state = NEW", "tag = \"subject\""]
    );
    let answers = "SELECT count(*) FROM request WHERE method LIKE '%View'";
    let answers: i64 = sqlx::query_scalar(answers)
        .fetch_one(&mut sql)
        .await
        .unwrap();
    assert_eq!(answers, 0);
}

/// Clause SG-5: a person has up to fifty views, however many are saved at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_has_so_many_views() {
    let suite = TestSuite::start().await;
    let li = suite.caller(LI);
    let mut sql = suite.database.connect().await.unwrap();
    let many = "INSERT INTO ticket.saved_view (id, owner_id, title, filter, order_by, revision, created_at, updated_at)
                SELECT gen_random_uuid(), $1, 'v' || at, '', '', 1, now(), now() FROM generate_series(1, 49) at";
    let many = sqlx::query(many).bind(employee_id(LI));
    many.execute(&mut sql).await.unwrap();
    let (one, other) = tokio::join!(save(&li, view("一", ""), ""), save(&li, view("二", ""), ""),);
    let refused = match (one, other) {
        (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => refused,
        both => panic!("{both:?}"),
    };
    assert_eq!(violations(&refused), ["view"]);
    assert_eq!(titles(&li).await.len(), 50);
}
