//! The knowledge base: what the company knows, who may read it, and what it helps with
//! (OP-3.1, CC-2.4, SG-8).

mod gaps;
mod proposals;
mod refusals;
pub(crate) mod search;
mod uses;

use kefu_access_control::seed::department_id;
use kefu_contracts::ticket::{
    ArchiveArticleRequest, Article, ArticleAct, ArticleAudience, ArticleState,
    ConfirmArticleRequest, CreateArticleRequest, GetArticleRequest, ListArticleVersionsRequest,
    ListArticlesRequest, PublishArticleRequest, ReadArticleRequest, SendBackArticleRequest,
    SubmitArticleRequest, UpdateArticleRequest, WithdrawArticleRequest,
    knowledge_service_client::KnowledgeServiceClient,
};
use kefu_service::{
    clock::Clock,
    fields::name,
    time::{from_proto, to_proto},
};
use kefu_testkit::{Caller, TestSuite, employee_id};
use tonic::{Code, Response, Status};

use crate::records::{refusal, said};

/// An agent of the call centre; another of technical support; the head of the first; a trainer.
pub(crate) const AGENT: &str = "li.wei";
pub(crate) const OTHER: &str = "ma.chao";
pub(crate) const HEAD: &str = "zhang.min";
pub(crate) const TRAINER: &str = "he.xiaoyan";

pub(crate) fn knowledge(caller: &Caller) -> KnowledgeServiceClient<Caller> {
    KnowledgeServiceClient::new(caller.clone())
}

pub(crate) fn department(code: &str) -> String {
    name("departments", department_id(code))
}

pub(crate) fn article(title: &str, body: &str) -> Article {
    Article {
        department: department("call_centre"),
        title: title.into(),
        body: body.into(),
        language: "zh".into(),
        audience: ArticleAudience::Internal.into(),
        ..Article::default()
    }
}

pub(crate) async fn create(caller: &Caller, article: Article) -> Result<Article, Status> {
    let request = CreateArticleRequest {
        article: Some(article),
        request_id: String::new(),
    };
    let made = knowledge(caller).create_article(request).await;
    made.map(Response::into_inner)
}

pub(crate) async fn update(caller: &Caller, article: Article) -> Result<Article, Status> {
    let request = UpdateArticleRequest {
        article: Some(article),
        request_id: String::new(),
    };
    let updated = knowledge(caller).update_article(request).await;
    updated.map(Response::into_inner)
}

macro_rules! steps {
    ($($step:ident: $method:ident, $request:ident;)*) => {
        $(pub(crate) async fn $step(caller: &Caller, article: &Article) -> Result<Article, Status> {
            let request = $request {
                name: article.name.clone(),
                etag: article.etag.clone(),
                ..Default::default()
            };
            knowledge(caller).$method(request).await.map(Response::into_inner)
        })*
    };
}
steps! {
    submit: submit_article, SubmitArticleRequest;
    withdraw: withdraw_article, WithdrawArticleRequest;
    publish: publish_article, PublishArticleRequest;
    confirm: confirm_article, ConfirmArticleRequest;
}

pub(crate) async fn archive(caller: &Caller, article: &Article) -> Result<Article, Status> {
    let request = ArchiveArticleRequest {
        name: article.name.clone(),
        etag: article.etag.clone(),
        reason: "不再适用".into(),
        ..Default::default()
    };
    let archived = knowledge(caller).archive_article(request).await;
    archived.map(Response::into_inner)
}

/// Written by one, published by another.
pub(crate) async fn published(writer: &Caller, reviewer: &Caller, article: Article) -> Article {
    let draft = create(writer, article).await.unwrap();
    let handed_in = submit(writer, &draft).await.unwrap();
    publish(reviewer, &handed_in).await.unwrap()
}

pub(crate) async fn read(caller: &Caller, article: &Article) -> Result<Article, Status> {
    let request = ReadArticleRequest {
        name: article.name.clone(),
    };
    let found = knowledge(caller).read_article(request).await;
    found.map(Response::into_inner)
}

async fn list(caller: &Caller, filter: &str) -> Vec<String> {
    let request = ListArticlesRequest {
        filter: filter.into(),
        ..Default::default()
    };
    let page = knowledge(caller).list_articles(request).await.unwrap();
    let page = page.into_inner();
    assert_eq!(page.total_size as usize, page.articles.len(), "{filter}");
    let mut titles: Vec<_> = page.articles.into_iter().map(|one| one.title).collect();
    titles.sort();
    titles
}

/// Clauses OP-3.1, CC-2.4: another than who wrote a version publishes it; what is published is
/// read while the next version is in review; every version and step is kept.
#[tokio::test(flavor = "multi_thread")]
async fn an_article_is_published_by_another_and_read_until_the_next_is() {
    let suite = TestSuite::start().await;
    let (agent, head) = (suite.caller(AGENT), suite.caller(HEAD));
    let (trainer, reader) = (suite.caller(TRAINER), suite.caller("wu.peng"));
    let draft = create(&agent, article("更换滤芯", "1. 断电\n2. 打开后盖"))
        .await
        .unwrap();
    assert_eq!((draft.state(), draft.version), (ArticleState::Draft, 1));
    assert_eq!(
        read(&agent, &draft).await.unwrap_err().code(),
        Code::NotFound
    );
    let handed_in = submit(&agent, &draft).await.unwrap();
    let taken_back = withdraw(&agent, &handed_in).await.unwrap();
    let handed_in = submit(&agent, &taken_back).await.unwrap();
    let back = SendBackArticleRequest {
        name: handed_in.name.clone(),
        etag: handed_in.etag.clone(),
        reason: "请写明型号".into(),
        ..Default::default()
    };
    let back = knowledge(&trainer).send_back_article(back).await;
    let back = back.unwrap().into_inner();
    assert_eq!(back.state(), ArticleState::Draft);
    let mended = Article {
        title: "更换 KJ500 滤芯".into(),
        ..back
    };
    let mended = update(&agent, mended).await.unwrap();
    let handed_in = submit(&agent, &mended).await.unwrap();
    let first = publish(&trainer, &handed_in).await.unwrap();
    assert_eq!(first.state(), ArticleState::Published);
    assert_eq!(first.publisher, name("employees", employee_id(TRAINER)));
    assert_eq!(
        read(&reader, &first).await.unwrap().title,
        "更换 KJ500 滤芯"
    );

    // The next version, by the head, who may publish but for what is their own.
    let next = Article {
        body: "1. 断电\n2. 打开后盖\n3. 复位".into(),
        ..first.clone()
    };
    let next = update(&head, next).await.unwrap();
    assert_eq!((next.state(), next.version), (ArticleState::Draft, 2));
    let next = submit(&head, &next).await.unwrap();
    assert_eq!(read(&reader, &first).await.unwrap().version, 1);
    let refused = publish(&head, &next).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "SECOND_PERSON_REQUIRED");
    let second = publish(&trainer, &next).await.unwrap();
    assert_eq!(read(&reader, &first).await.unwrap().body, second.body);

    let versions = ListArticleVersionsRequest {
        article: first.name.clone(),
    };
    let all = knowledge(&head).list_article_versions(versions).await;
    let all = all.unwrap().into_inner();
    let states: Vec<_> = all.versions.iter().map(Article::state).collect();
    assert_eq!(states, [ArticleState::Superseded, ArticleState::Published]);
    use ArticleAct::{Create, Publish, Revise, SendBack, Submit, Supersede, Update, Withdraw};
    let acts: Vec<_> = all.steps.iter().map(|step| step.act()).collect();
    assert_eq!(
        acts,
        [
            Create, Submit, Withdraw, Submit, SendBack, Update, Submit, Publish, Revise, Submit,
            Supersede, Publish
        ]
    );
    assert_eq!(all.steps[4].reason, "请写明型号");
    let old = GetArticleRequest {
        name: first.name.clone(),
        version: 1,
    };
    let old = knowledge(&agent).get_article(old).await.unwrap();
    assert_eq!(old.into_inner().body, "1. 断电\n2. 打开后盖");

    let archived = archive(&trainer, &second).await.unwrap();
    assert_eq!(archived.state(), ArticleState::Archived);
    assert_eq!(
        read(&reader, &first).await.unwrap_err().code(),
        Code::NotFound
    );
    let refused = publish(&trainer, &archived).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    assert_eq!(said(&refused, "state"), "ARCHIVED");
    assert_eq!(said(&refused, "from"), "IN_REVIEW");
}

/// Clause SG-8: what is published is due again after so many months, is listed, and confirmed.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_is_gone_through_again() {
    let suite = TestSuite::start().await;
    let (agent, trainer) = (suite.caller(AGENT), suite.caller(TRAINER));
    let one = published(&agent, &trainer, article("退货流程", "七天内")).await;
    create(&agent, article("草稿", "还没有")).await.unwrap();
    let due = from_proto(one.review_due_time.as_ref().unwrap()).unwrap();
    let days = due.duration_since(suite.clock.now()).as_hours() / 24;
    // Twelve months.
    assert!((364..=366).contains(&days), "{days}");
    let by = format!("review_due_time <= \"{due}\"");
    assert_eq!(list(&trainer, &by).await, ["退货流程"]);
    let confirmed = confirm(&trainer, &one).await.unwrap();
    let again = from_proto(confirmed.review_due_time.as_ref().unwrap()).unwrap();
    assert!(again > due);
    assert_eq!(list(&trainer, &by).await, [""; 0]);
    assert_eq!(list(&trainer, "state = DRAFT").await, ["草稿"]);
    let refused = confirm(&trainer, &one).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "ETAG_MISMATCH");
    // A department's articles are listed to its head, one's own to an agent.
    assert_eq!(list(&suite.caller(HEAD), "").await.len(), 2);
    assert_eq!(list(&suite.caller("zhou.ting"), "").await, [""; 0]);
    assert_eq!(list(&suite.caller("wang.fang"), "").await, [""; 0]);
    assert_eq!(list(&suite.caller_for("dong.jie", ""), "").await.len(), 2);
}

/// Clause OP-3.1: who reads what, by audience, department and time.
#[tokio::test(flavor = "multi_thread")]
async fn an_article_is_read_by_whom_it_is_for() {
    let suite = TestSuite::start().await;
    let (agent, trainer) = (suite.caller(AGENT), suite.caller(TRAINER));
    let (other, page) = (
        suite.caller(OTHER),
        suite.caller_for("webshop", "integration"),
    );
    let told = Article {
        audience: ArticleAudience::Customer.into(),
        ..article("保修期", "两年")
    };
    let told = published(&agent, &trainer, told).await;
    let internal = published(&agent, &trainer, article("话术", "先致歉")).await;
    let restricted = Article {
        departments: vec![department("technical_support")],
        ..article("拆机步骤", "先拆底壳")
    };
    let restricted = published(&agent, &trainer, restricted).await;
    let later = suite.clock.now() + jiff::SignedDuration::from_hours(1);
    let future = Article {
        valid_from_time: Some(to_proto(later)),
        ..article("新政策", "下月起")
    };
    let future = published(&agent, &trainer, future).await;
    for (caller, article, reads) in [
        (&agent, &told, true),
        (&page, &told, true),
        (&agent, &internal, true),
        (&page, &internal, false),
        (&other, &restricted, true),
        // Whoever wrote it reads it at the desk, not among what is for others.
        (&agent, &restricted, false),
        (&trainer, &restricted, false),
        (&page, &restricted, false),
        (&agent, &future, false),
    ] {
        let found = read(caller, article).await;
        assert_eq!(found.is_ok(), reads, "{}", article.title);
        if let Err(refused) = found {
            assert_eq!(refusal(&refused).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
        }
    }
}
