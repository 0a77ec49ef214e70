//! From a solved ticket to an article (OP-3.1, CC-2.4).

use kefu_contracts::ticket::{
    AdoptProposalRequest, ArticleProposal, ListArticleSourcesRequest, PersonalData,
    ProposeArticleRequest, Ticket,
    knowledge_proposal_service_client::KnowledgeProposalServiceClient,
};
use kefu_testkit::TestSuite;

use super::{
    uses::{given, resolve},
    *,
};
use crate::{
    handling::id,
    records::{enter, open, person, ticket, violations},
};

fn proposals(caller: &Caller) -> KnowledgeProposalServiceClient<Caller> {
    KnowledgeProposalServiceClient::new(caller.clone())
}

async fn propose(caller: &Caller, ticket: &Ticket) -> Result<ArticleProposal, Status> {
    let request = ProposeArticleRequest {
        ticket: ticket.name.clone(),
    };
    let proposal = proposals(caller).propose_article(request).await;
    proposal.map(Response::into_inner)
}

async fn sources(caller: &Caller, article: &Article) -> Vec<String> {
    let request = ListArticleSourcesRequest {
        article: article.name.clone(),
    };
    let found = proposals(caller).list_article_sources(request).await;
    found.unwrap().into_inner().tickets
}

/// Clauses OP-3.1, CC-2.4: a solved ticket proposes its question and solution without what
/// looks like personal data; what somebody mended becomes their draft, and its source is seen
/// by who sees the ticket.
#[tokio::test(flavor = "multi_thread")]
async fn a_solved_ticket_proposes_an_article() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await;
    let asked = Ticket {
        department: department("call_centre"),
        subject: "净化器有噪音".into(),
        description: "客户电话 138 1234 5678，邮箱 zhang@example.com，开机有噪音。".into(),
        ..ticket(&customer.name)
    };
    let agent = suite.caller(AGENT);
    let opened = open(&agent.after(&erp), asked).await;
    let refused = propose(&agent, &opened).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    assert_eq!(said(&refused, "from"), "RESOLVED, CLOSED");
    let solved = resolve(&agent, &opened, "重新安装滤芯；回电 13987654321。").await;
    let proposal = propose(&agent, &solved).await.unwrap();
    assert_eq!(proposal.title, "净化器有噪音");
    assert_eq!(
        proposal.body,
        "## Question\n\n客户电话 …，邮箱 …，开机有噪音。\n\n## Answer\n\n重新安装滤芯；回电 …。\n"
    );
    assert_eq!(proposal.categories, ["installation"]);
    let left_out: Vec<_> = proposal
        .left_out
        .iter()
        .map(|one| (one.kind(), one.count))
        .collect();
    assert_eq!(
        left_out,
        [(PersonalData::Phone, 2), (PersonalData::Email, 1)]
    );
    // Whoever does not see the ticket is proposed nothing, nor is anything kept.
    let refused = propose(&suite.caller(OTHER), &solved).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
    assert_eq!(list(&agent, "").await, [""; 0]);

    let mended = Article {
        categories: proposal.categories,
        ..article(&proposal.title, "重新安装滤芯。")
    };
    let request = AdoptProposalRequest {
        ticket: solved.name.clone(),
        article: Some(mended.clone()),
        request_id: id(),
    };
    let adopted = proposals(&agent).adopt_proposal(request.clone()).await;
    let adopted = adopted.unwrap().into_inner();
    let again = proposals(&agent).adopt_proposal(request).await.unwrap();
    assert_eq!(again.into_inner(), adopted);
    assert_eq!(adopted.state(), ArticleState::Draft);
    assert_eq!(adopted.author, name("employees", employee_id(AGENT)));
    assert_eq!(
        sources(&agent, &adopted).await,
        std::slice::from_ref(&solved.name)
    );
    assert_eq!(
        sources(&suite.caller(HEAD), &adopted).await,
        std::slice::from_ref(&solved.name)
    );
    assert_eq!(sources(&suite.caller(OTHER), &adopted).await, [""; 0]);
    assert_eq!(sources(&suite.caller("guo.jing"), &adopted).await, [""; 0]);

    let wrong = Article {
        body: "回电 13987654321".into(),
        ..mended.clone()
    };
    let refused = AdoptProposalRequest {
        ticket: solved.name.clone(),
        article: Some(wrong),
        request_id: String::new(),
    };
    let refused = proposals(&agent).adopt_proposal(refused).await.unwrap_err();
    assert_eq!(violations(&refused), ["article.body"]);
    let unsolved = given(&erp, &customer.name, AGENT).await;
    for (caller, ticket, reason) in [
        (&agent.after(&erp), &unsolved, "STATE_NOT_ALLOWED"),
        (&suite.caller(OTHER), &solved, "NOT_FOUND_OR_OUT_OF_SCOPE"),
    ] {
        let request = AdoptProposalRequest {
            ticket: ticket.name.clone(),
            article: Some(Article {
                department: department("call_centre"),
                ..mended.clone()
            }),
            request_id: String::new(),
        };
        let refused = proposals(caller).adopt_proposal(request).await.unwrap_err();
        assert_eq!(refusal(&refused).1, reason);
    }
}
