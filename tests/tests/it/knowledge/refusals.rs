//! What is not done with articles, and what is done once however often it is asked for.

use kefu_contracts::ticket::{
    Article, ArticleState, CreateArticleRequest, GetArticleRequest, SendBackArticleRequest,
};
use kefu_testkit::TestSuite;
use tonic::Code;
use tonic_types::StatusExt;

use super::*;
use crate::{
    handling::id,
    records::{refusal, violations},
};

/// Clause OP-3.1: articles hold no personal data; every fault is told at once, with its place.
#[tokio::test(flavor = "multi_thread")]
async fn an_article_with_personal_data_is_refused_with_its_place() {
    let suite = TestSuite::start().await;
    let agent = suite.caller(AGENT);
    let wrong = Article {
        keywords: vec!["zhang@example.com".into()],
        categories: vec!["不是编码".into()],
        ..article("张三 138 1234 5678", "证件：\n110105194912310021")
    };
    let refused = create(&agent, wrong).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        ["article.title", "article.body", "article.keywords[0]"]
    );
    let details = refused.get_error_details();
    let told = &details.bad_request().unwrap().field_violations[1];
    assert_eq!(told.reason, "PERSONAL_DATA");
    assert!(
        told.description
            .contains("line 2, character 1 begins what looks like an ID card number"),
        "{}",
        told.description
    );
    let wrong = Article {
        categories: vec!["不是编码".into()],
        ..article("标题", "正文")
    };
    let refused = create(&agent, wrong).await.unwrap_err();
    assert_eq!(violations(&refused), ["article.categories[0]"]);
    // Nothing of a text is in the journal.
    create(&agent, article("滤芯口诀", "先断电")).await.unwrap();
    let mut sql = suite.database.connect().await.unwrap();
    let written: (i64, i64) = sqlx::query_as(
        "SELECT count(*) FILTER (WHERE type = 'article.created'),
                count(*) FILTER (WHERE position(convert_to('滤芯', 'UTF8') IN event) > 0)
         FROM ticket.journal",
    )
    .fetch_one(&mut sql)
    .await
    .unwrap();
    assert_eq!(written, (1, 0));
}

/// Clause OP-3.1: what is of another department, of another, or of no state for it, is refused.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_write_or_publish_is_refused() {
    let suite = TestSuite::start().await;
    let (agent, head) = (suite.caller(AGENT), suite.caller(HEAD));
    let stranger = suite.caller("zhou.ting");
    let elsewhere = Article {
        department: department("sales"),
        ..article("价格", "面议")
    };
    let refused = create(&agent, elsewhere).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    for login in ["wu.peng", "dong.jie", "han.bing"] {
        let refused = create(&suite.caller(login), article("题", "文"))
            .await
            .unwrap_err();
        assert_eq!(refusal(&refused).1, "PERMISSION_MISSING", "{login}");
    }
    let draft = create(&agent, article("题", "文")).await.unwrap();
    let refused = publish(&agent, &draft).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    for caller in [&stranger, &suite.caller("wang.fang")] {
        let refused = update(caller, draft.clone()).await.unwrap_err();
        assert_eq!(refusal(&refused).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
        let request = GetArticleRequest {
            name: draft.name.clone(),
            version: 0,
        };
        let refused = knowledge(caller).get_article(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
    }
    for refused in [
        publish(&head, &draft).await,
        confirm(&head, &draft).await,
        withdraw(&agent, &draft).await,
    ] {
        let refused = refused.unwrap_err();
        assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    }
    let handed_in = submit(&agent, &draft).await.unwrap();
    for refused in [
        update(&agent, handed_in.clone()).await,
        submit(&agent, &handed_in).await,
        archive(&head, &handed_in).await,
    ] {
        let refused = refused.unwrap_err();
        assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    }
    let stale = submit(&agent, &draft).await.unwrap_err();
    assert_eq!(refusal(&stale).1, "ETAG_MISMATCH");
    let back = SendBackArticleRequest {
        name: handed_in.name.clone(),
        etag: handed_in.etag.clone(),
        reason: "致电 13812345678".into(),
        ..Default::default()
    };
    let refused = knowledge(&head).send_back_article(back).await.unwrap_err();
    assert_eq!(violations(&refused), ["reason"]);
    let other = Article {
        department: department("complaints"),
        ..draft.clone()
    };
    let taken_back = withdraw(&agent, &handed_in).await.unwrap();
    let other = Article {
        etag: taken_back.etag,
        ..other
    };
    let refused = update(&head, other).await.unwrap_err();
    assert_eq!(violations(&refused), ["article.department"]);
}

/// A request that comes again is answered the same, and of two who publish at once one does.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_twice_is_done_once() {
    let suite = TestSuite::start().await;
    let agent = suite.caller(AGENT);
    let request = CreateArticleRequest {
        article: Some(article("题", "文")),
        request_id: id(),
    };
    let first = knowledge(&agent).create_article(request.clone()).await;
    let again = knowledge(&agent).create_article(request.clone()).await;
    let (first, again) = (first.unwrap().into_inner(), again.unwrap().into_inner());
    assert_eq!(first, again);
    assert_eq!(list(&agent, "").await.len(), 1);
    let another = CreateArticleRequest {
        article: Some(article("题二", "文")),
        ..request
    };
    let refused = knowledge(&agent).create_article(another).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "REQUEST_ID_REUSED");

    let handed_in = submit(&agent, &first).await.unwrap();
    let (head, trainer) = (suite.caller(HEAD), suite.caller(TRAINER));
    let (one, other) = tokio::join!(publish(&head, &handed_in), publish(&trainer, &handed_in));
    let (done, refused): (Vec<_>, Vec<_>) = [one, other].into_iter().partition(Result::is_ok);
    assert_eq!((done.len(), refused.len()), (1, 1));
    assert_eq!(refusal(refused[0].as_ref().unwrap_err()).1, "ETAG_MISMATCH");
    assert_eq!(done[0].as_ref().unwrap().state(), ArticleState::Published);
}
