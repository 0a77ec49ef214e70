//! What articles were used for, and whether they helped (OP-3.1, CC-2.4, SG-8).

use kefu_contracts::ticket::{
    ArticleFigures, ArticleHelp, ArticleUse, AssignTicketRequest, ListTicketArticlesRequest,
    ListTicketArticlesResponse, MeasureArticlesRequest, ReopenTicketRequest, ResolveTicketRequest,
    Ticket, UseArticleRequest, knowledge_use_service_client::KnowledgeUseServiceClient,
};
use kefu_service::time::to_proto;
use kefu_testkit::TestSuite;
use tonic::Code;

use super::*;
use crate::{
    destruction::{COOLING, certificate, form, full, scheduled, scrubbed},
    records::{enter, open, person, ticket, tickets, violations},
    retention::ago,
};

pub(crate) fn uses(caller: &Caller) -> KnowledgeUseServiceClient<Caller> {
    KnowledgeUseServiceClient::new(caller.clone())
}

pub(crate) async fn use_for(
    caller: &Caller,
    ticket: &str,
    article: &Article,
    help: ArticleHelp,
) -> Result<ArticleUse, Status> {
    let request = UseArticleRequest {
        ticket: ticket.into(),
        article: article.name.clone(),
        help: help.into(),
    };
    let used = uses(caller).use_article(request).await;
    used.map(Response::into_inner)
}

pub(crate) async fn used(
    caller: &Caller,
    ticket: &str,
) -> Result<ListTicketArticlesResponse, Status> {
    let request = ListTicketArticlesRequest {
        parent: ticket.into(),
    };
    let all = uses(caller).list_ticket_articles(request).await;
    all.map(Response::into_inner)
}

/// Used, helped, did not help.
async fn figures(caller: &Caller, request: MeasureArticlesRequest) -> Vec<[i64; 3]> {
    let measured = uses(caller).measure_articles(request).await.unwrap();
    let all = measured.into_inner().figures.into_iter();
    all.map(|one: ArticleFigures| [one.used_count, one.helped_count, one.not_helped_count])
        .collect()
}

/// A ticket of the call centre that the agent has.
pub(crate) async fn given(erp: &Caller, customer: &str, login: &str) -> Ticket {
    let one = Ticket {
        department: department("call_centre"),
        ..ticket(customer)
    };
    let opened = open(erp, one).await;
    let request = AssignTicketRequest {
        name: opened.name,
        etag: opened.etag,
        assignee: name("employees", employee_id(login)),
        ..Default::default()
    };
    let given = tickets(erp).assign_ticket(request).await;
    given.unwrap().into_inner()
}

pub(crate) async fn resolve(caller: &Caller, ticket: &Ticket, resolution: &str) -> Ticket {
    let request = ResolveTicketRequest {
        name: ticket.name.clone(),
        etag: ticket.etag.clone(),
        resolution: resolution.into(),
        ..Default::default()
    };
    let resolved = tickets(caller).resolve_ticket(request).await;
    resolved.unwrap().into_inner()
}

/// Clauses OP-3.1, CC-2.4, SG-8: who works on a ticket says what they used; it is counted once,
/// what is said last of its help counts, and a resolution speaks where nobody does.
#[tokio::test(flavor = "multi_thread")]
async fn an_article_is_used_for_a_ticket_and_counted_once() {
    use ArticleHelp::{DidNotHelp, Helped, Unspecified};
    let suite = TestSuite::start().await;
    let (agent, trainer) = (suite.caller(AGENT), suite.caller(TRAINER));
    let erp = suite.caller_for("erp", "integration");
    let filters = published(&agent, &trainer, article("更换滤芯", "断电")).await;
    let noise = published(&agent, &trainer, article("噪音", "断电重装")).await;
    let customer = enter(&erp, person()).await;
    let ticket = given(&erp, &customer.name, AGENT).await;
    let agent = agent.after(&erp);
    let all = || MeasureArticlesRequest::default();

    let (one, other) = tokio::join!(
        use_for(&agent, &ticket.name, &filters, Unspecified),
        use_for(&agent, &ticket.name, &filters, Unspecified)
    );
    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(figures(&trainer, all()).await, [[1, 0, 0]]);
    use_for(&agent, &ticket.name, &filters, DidNotHelp)
        .await
        .unwrap();
    use_for(&agent, &ticket.name, &filters, DidNotHelp)
        .await
        .unwrap();
    assert_eq!(figures(&trainer, all()).await, [[1, 0, 1]]);
    use_for(&agent, &ticket.name, &filters, Helped)
        .await
        .unwrap();
    use_for(&agent, &ticket.name, &filters, Unspecified)
        .await
        .unwrap();
    assert_eq!(figures(&trainer, all()).await, [[1, 1, 0]]);
    use_for(&agent, &ticket.name, &noise, Unspecified)
        .await
        .unwrap();

    // The resolution says that what nobody spoke of helped; reopened, nothing says so.
    let resolved = resolve(&agent, &ticket, "换好了").await;
    let shown = used(&agent, &ticket.name).await.unwrap();
    let help: Vec<_> = shown
        .uses
        .iter()
        .map(|one| (one.help(), one.by_resolution))
        .collect();
    assert!(shown.cleared);
    assert_eq!(help, [(Helped, false), (Helped, true)]);
    assert_eq!(figures(&trainer, all()).await, [[1, 1, 0], [1, 1, 0]]);
    let reopen = ReopenTicketRequest {
        name: resolved.name.clone(),
        etag: resolved.etag.clone(),
        reason: "又响了".into(),
        ..Default::default()
    };
    tickets(&agent).reopen_ticket(reopen).await.unwrap();
    let of = MeasureArticlesRequest {
        article: noise.name.clone(),
        ..Default::default()
    };
    assert_eq!(figures(&trainer, of).await, [[1, 0, 0]]);
    let long_ago = MeasureArticlesRequest {
        last_day: "2020-02-29".into(),
        ..Default::default()
    };
    assert_eq!(figures(&trainer, long_ago).await, [[0; 3]; 0]);

    // What helped more comes first among equals.
    let found = super::search::titles(&agent, super::search::asked("断电")).await;
    assert_eq!(found, ["更换滤芯", "噪音"]);

    // Shown as far as SERVICE is cleared; counted for whose articles they are.
    let auditor = suite.caller_for("dong.jie", "audit");
    let shown = used(&auditor, &ticket.name).await.unwrap();
    assert_eq!((shown.cleared, shown.uses.len()), (false, 0));
    assert_eq!(figures(&auditor, all()).await.len(), 2);
    assert_eq!(figures(&suite.caller("zhou.ting"), all()).await.len(), 0);
}

/// Clause CC-2.4: whoever does not work on the ticket, or does not read the article, links nothing.
#[tokio::test(flavor = "multi_thread")]
async fn only_who_works_on_a_ticket_uses_what_they_read() {
    let suite = TestSuite::start().await;
    let (agent, trainer) = (suite.caller(AGENT), suite.caller(TRAINER));
    let erp = suite.caller_for("erp", "integration");
    let restricted = Article {
        departments: vec![department("technical_support")],
        ..article("拆机", "先拆底壳")
    };
    let restricted = published(&agent, &trainer, restricted).await;
    let known = published(&agent, &trainer, article("退货", "七天")).await;
    let customer = enter(&erp, person()).await;
    let ticket = given(&erp, &customer.name, AGENT).await;
    let agent = agent.after(&erp);
    let help = ArticleHelp::Helped;
    let refused = use_for(&suite.caller(OTHER), &ticket.name, &known, help).await;
    assert_eq!(
        refusal(&refused.unwrap_err()).1,
        "NOT_FOUND_OR_OUT_OF_SCOPE"
    );
    let refused = use_for(&agent, &ticket.name, &restricted, help).await;
    let refused = refused.unwrap_err();
    assert_eq!(refusal(&refused).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
    assert_eq!(said(&refused, "resource"), restricted.name);
    let refused = use_for(&suite.caller("wu.peng"), &ticket.name, &known, help).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    let refused = used(&suite.caller(OTHER), &ticket.name).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    let wrong = MeasureArticlesRequest {
        first_day: "2026-2-3".into(),
        last_day: "gestern".into(),
        ..Default::default()
    };
    let refused = uses(&trainer).measure_articles(wrong).await.unwrap_err();
    assert_eq!(violations(&refused), ["first_day", "last_day"]);
    let refused = uses(&agent)
        .measure_articles(MeasureArticlesRequest::default())
        .await;
    assert_eq!(refusal(&refused.unwrap_err()).1, "PERMISSION_MISSING");
}

/// Clauses CF-10.2, CC-2.4: with its customer's file a ticket's links are gone, and what was
/// counted stays counted.
#[tokio::test(flavor = "multi_thread")]
async fn counts_outlive_a_destroyed_file_and_links_do_not() {
    let suite = TestSuite::start().await;
    let (agent, trainer) = (suite.caller(AGENT), suite.caller(TRAINER));
    let one = published(&agent, &trainer, article("退货", "七天")).await;
    let (file, ticket) = full(&suite).await;
    let erp = suite.caller_for("erp", "integration");
    let assign = AssignTicketRequest {
        name: ticket.name.clone(),
        etag: ticket.etag.clone(),
        assignee: name("employees", employee_id(AGENT)),
        occurred_time: Some(to_proto(ago(&suite, 70))),
        ..Default::default()
    };
    tickets(&erp).assign_ticket(assign).await.unwrap();
    let agent = agent.after(&erp);
    use_for(&agent, &ticket.name, &one, ArticleHelp::Helped)
        .await
        .unwrap();
    let destruction = scheduled(&suite, form(&[&file.name])).await;
    suite.clock.advance(COOLING);
    certificate(&suite, &destruction).await;
    scrubbed(&suite, &file.name).await;
    let mut sql = suite.database.connect().await.unwrap();
    let left: (i64, i32, i32) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM ticket.article_use), used_count, helped_count FROM ticket.article_count",
    )
    .fetch_one(&mut sql)
    .await
    .unwrap();
    assert_eq!(left, (0, 1, 1));
}
