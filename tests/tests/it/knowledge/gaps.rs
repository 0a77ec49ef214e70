//! What the knowledge base has no answer to (OP-3.1, SG-8).

use kefu_contracts::ticket::{
    CloseKnowledgeGapRequest, KnowledgeGap, KnowledgeGapState, ListKnowledgeGapsRequest,
    ListUncoveredCategoriesRequest, Ticket,
    knowledge_gap_service_client::KnowledgeGapServiceClient,
};
use kefu_testkit::TestSuite;

use super::{
    search::{asked, search},
    uses::resolve,
    *,
};
use crate::{
    handling::id,
    records::{enter, open, person, ticket, violations},
};

fn gaps(caller: &Caller) -> KnowledgeGapServiceClient<Caller> {
    KnowledgeGapServiceClient::new(caller.clone())
}

/// By pages of two, which the total agrees with.
async fn missed(caller: &Caller, mut request: ListKnowledgeGapsRequest) -> Vec<KnowledgeGap> {
    let mut all = Vec::new();
    request.page_size = 2;
    loop {
        let page = gaps(caller).list_knowledge_gaps(request.clone()).await;
        let page = page.unwrap().into_inner();
        all.extend(page.gaps);
        if page.next_page_token.is_empty() {
            assert_eq!(page.total_size as usize, all.len());
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

fn told(all: &[KnowledgeGap]) -> Vec<(&str, i64)> {
    all.iter()
        .map(|one| (one.query.as_str(), one.count))
        .collect()
}

async fn close(
    caller: &Caller,
    gap: &KnowledgeGap,
    article: &str,
    reason: &str,
) -> Result<KnowledgeGap, Status> {
    let request = CloseKnowledgeGapRequest {
        name: gap.name.clone(),
        article: article.into(),
        reason: reason.into(),
        request_id: String::new(),
    };
    let closed = gaps(caller).close_knowledge_gap(request).await;
    closed.map(Response::into_inner)
}

/// Clause SG-8: what is asked and not found is counted without who asked and without what looks
/// like personal data, and closed by an article or for a reason.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_found_is_counted_and_closed() {
    let suite = TestSuite::start().await;
    let (agent, trainer) = (suite.caller(AGENT), suite.caller(TRAINER));
    published(&agent, &trainer, article("更换滤芯", "断电")).await;
    for query in [
        "开发票",
        "开发票！",
        "Invoice",
        "开发票 13812345678",
        "INVOICE",
        "退货",
        "更换滤芯",
        "138 1234 5678",
    ] {
        search(&agent, asked(query)).await.unwrap();
    }
    let head = suite.caller(HEAD);
    let all = missed(&head, ListKnowledgeGapsRequest::default()).await;
    assert_eq!(told(&all), [("开发票", 3), ("invoice", 2), ("退货", 1)]);
    let mut sql = suite.database.connect().await.unwrap();
    let kept: (i64, i64) = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE to_jsonb(g)::text ~ ('1381|' || $1))
         FROM ticket.knowledge_gap g",
    )
    .bind(employee_id(AGENT).to_string())
    .fetch_one(&mut sql)
    .await
    .unwrap();
    assert_eq!(kept, (3, 0));
    let often = ListKnowledgeGapsRequest {
        least_count: 2,
        ..Default::default()
    };
    assert_eq!(missed(&head, often).await.len(), 2);
    let before = ListKnowledgeGapsRequest {
        last_day: "2020-02-29".into(),
        ..Default::default()
    };
    assert_eq!(missed(&head, before).await.len(), 0);

    let answer = published(&agent, &trainer, article("发票怎么开", "在订单里开发票")).await;
    let closed = close(&trainer, &all[0], &answer.name, "").await.unwrap();
    assert_eq!(closed.state(), KnowledgeGapState::Answered);
    assert_eq!((closed.article, closed.count), (answer.name.clone(), 3));
    assert_eq!(search(&agent, asked("开发票")).await.unwrap().total_size, 1);
    let request = CloseKnowledgeGapRequest {
        name: all[1].name.clone(),
        reason: "不是中文客户的问题".into(),
        request_id: id(),
        ..Default::default()
    };
    let first = gaps(&head).close_knowledge_gap(request.clone()).await;
    let again = gaps(&head).close_knowledge_gap(request).await;
    assert_eq!(first.unwrap().into_inner(), again.unwrap().into_inner());
    let open = missed(&head, ListKnowledgeGapsRequest::default()).await;
    assert_eq!(told(&open), [("退货", 1)]);
    let irrelevant = ListKnowledgeGapsRequest {
        state: KnowledgeGapState::Irrelevant.into(),
        ..Default::default()
    };
    let irrelevant = missed(&head, irrelevant).await;
    assert_eq!(told(&irrelevant), [("invoice", 2)]);

    let refused = close(&head, &all[1], "", "再来").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    assert_eq!(said(&refused, "from"), "OPEN");
    let hidden = Article {
        departments: vec![department("technical_support")],
        ..article("退货内幕", "文")
    };
    let hidden = published(&agent, &trainer, hidden).await;
    let refused = close(&head, &open[0], &hidden.name, "").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
    for (article, reason) in [("", ""), (answer.name.as_str(), "两样都有")] {
        let refused = close(&head, &open[0], article, reason).await.unwrap_err();
        assert_eq!(violations(&refused), ["reason"]);
    }
    let refused = close(&agent, &open[0], "", "不归我管").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    let list = ListKnowledgeGapsRequest::default();
    let refused = gaps(&agent).list_knowledge_gaps(list).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
}

/// Clause SG-8: categories with many solved tickets and no article, as far as the caller sees
/// the tickets and reads the articles.
#[tokio::test(flavor = "multi_thread")]
async fn categories_without_an_article_are_counted_in_scope() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await;
    for (desk, category, solved) in [
        ("call_centre", "installation", true),
        ("call_centre", "installation", true),
        ("complaints", "installation", true),
        ("call_centre", "logistics", true),
        ("call_centre", "logistics", true),
        ("call_centre", "product", true),
        ("call_centre", "product", false),
    ] {
        let one = Ticket {
            department: department(desk),
            category: category.into(),
            ..ticket(&customer.name)
        };
        let opened = open(&erp, one).await;
        if solved {
            resolve(&erp, &opened, "好了").await;
        }
    }
    let uncovered = async |login: &str, purpose: &str| {
        let caller = suite.caller_for(login, purpose);
        let request = ListUncoveredCategoriesRequest { least_count: 2 };
        let found = gaps(&caller).list_uncovered_categories(request).await?;
        let found = found.into_inner().categories.into_iter();
        let found = found.map(|one| (one.category, one.ticket_count));
        Ok::<Vec<_>, Status>(found.collect())
    };
    let of = |all: &[(&str, i64)]| {
        let all = all.iter();
        all.map(|(one, count)| ((*one).to_owned(), *count))
            .collect::<Vec<_>>()
    };
    let everything = of(&[("installation", 3), ("logistics", 2)]);
    assert_eq!(
        uncovered("he.xiaoyan", "training").await.unwrap(),
        everything
    );
    // One desk alone has one such ticket.
    assert_eq!(uncovered("zhou.ting", "service").await.unwrap(), []);
    let (agent, trainer) = (suite.caller(AGENT), suite.caller(TRAINER));
    let restricted = Article {
        categories: vec!["logistics".into()],
        departments: vec![department("technical_support")],
        ..article("物流", "文")
    };
    published(&agent, &trainer, restricted).await;
    assert_eq!(
        uncovered("he.xiaoyan", "training").await.unwrap(),
        everything
    );
    let covers = Article {
        categories: vec!["installation".into()],
        ..article("安装", "文")
    };
    published(&agent, &trainer, covers).await;
    let left = of(&[("logistics", 2)]);
    assert_eq!(uncovered("he.xiaoyan", "training").await.unwrap(), left);
    let refused = uncovered("li.wei", "service").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    let refused = uncovered("he.xiaoyan", "").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "PURPOSE_REQUIRED");
}
