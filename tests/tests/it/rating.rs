//! Tier and credit by rules: customers move by what they buy and by the rules in force.

use std::time::Duration;

use kefu_contracts::{
    policy::DataClass,
    profile::{
        CreditClass, CreditCondition, Customer, CustomerAct, DraftRatingRulesRequest,
        EnforceRatingRulesRequest, GetRatingRequest, GetRatingRulesRequest, ListRatingRulesRequest,
        LookupCustomerRequest, PreviewRatingRulesRequest, Rating, RatingDefinition, RatingRules,
        RatingRulesState, RatingStatement, RecordRatingStatementRequest, Tier,
        WithdrawRatingStatementRequest, lookup_customer_request::By,
        rating_service_client::RatingServiceClient,
    },
};
use kefu_service::{clock::Clock, time::to_proto};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use tonic::{Code, Status};

use crate::{
    records::{customers, enter, get, open, order, person, place, refusal, ticket, violations},
    revisions::history,
};

fn ratings(caller: &Caller) -> RatingServiceClient<Caller> {
    RatingServiceClient::new(caller.clone())
}

async fn rating(caller: &Caller, file: &str) -> Result<Rating, Status> {
    let request = GetRatingRequest {
        parent: file.into(),
    };
    let rating = ratings(caller).get_rating(request).await;
    rating.map(|answer| answer.into_inner())
}

async fn all_rules(caller: &Caller) -> Vec<RatingRules> {
    let mut client = ratings(caller);
    let answer = client.list_rating_rules(ListRatingRulesRequest {});
    answer.await.unwrap().into_inner().rules
}

async fn draft(caller: &Caller, definition: RatingDefinition) -> Result<RatingRules, Status> {
    let request = DraftRatingRulesRequest {
        definition: Some(definition),
        reason: "年度调整".into(),
        request_id: String::new(),
    };
    let drafted = ratings(caller).draft_rating_rules(request).await;
    drafted.map(|answer| answer.into_inner())
}

async fn preview(caller: &Caller, rules: &RatingRules) -> Result<RatingRules, Status> {
    let request = PreviewRatingRulesRequest {
        name: rules.name.clone(),
        etag: rules.etag.clone(),
        request_id: String::new(),
    };
    let previewed = ratings(caller).preview_rating_rules(request).await;
    previewed.map(|answer| answer.into_inner())
}

async fn enforce(
    caller: &Caller,
    rules: &RatingRules,
    at: Option<prost_types::Timestamp>,
) -> Result<RatingRules, Status> {
    let request = EnforceRatingRulesRequest {
        name: rules.name.clone(),
        etag: rules.etag.clone(),
        effective_time: at,
        request_id: String::new(),
    };
    let enforced = ratings(caller).enforce_rating_rules(request).await;
    enforced.map(|answer| answer.into_inner())
}

/// The rules that come with the suite, once they are there.
async fn shipped(suite: &TestSuite) -> RatingRules {
    eventually(async || all_rules(&suite.caller("li.wei")).await.pop()).await
}

/// A customer of li.wei with three orders, once they have a tier for it.
async fn silver(suite: &TestSuite) -> (Customer, Customer) {
    let agent = suite.caller("li.wei");
    let first = enter(&agent, person()).await;
    let erp = suite.caller_for("erp", "integration").after(&agent);
    for _ in 0..3 {
        place(&erp, order(&first.name)).await;
    }
    // Once the orders are known to the file.
    let agent = suite.caller("li.wei").after(&erp);
    get(&agent, &first.name).await.unwrap();
    suite.clock.advance(Duration::from_secs(11));
    let moved = in_tier(suite, &first.name, Tier::Silver).await;
    (first, moved)
}

pub(crate) async fn in_tier(suite: &TestSuite, file: &str, tier: Tier) -> Customer {
    eventually(async || {
        let found = get(&suite.caller("li.wei"), file).await.ok();
        found.filter(|found| found.tier() == tier)
    })
    .await
}

/// Clauses CF-2.4, CF-4.3, CF-7.2, IH-8.2: what is bought makes a tier, which is a number of its
/// own and a change in the history of the file; the old one still finds the file, and what the
/// rating rests on is told by class.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_bought_makes_a_tier_and_another_number() {
    let suite = TestSuite::start().await;
    let (before, after) = silver(&suite).await;
    assert_eq!(
        [before.file_number.as_str(), after.file_number.as_str()],
        ["P0A0001", "P1A0001"]
    );
    let agent = suite.caller("li.wei");
    for number in [&before.file_number, &after.file_number] {
        let request = LookupCustomerRequest {
            by: Some(By::FileNumber(number.clone())),
        };
        let found = customers(&agent).lookup_customer(request).await.unwrap();
        assert_eq!(found.into_inner().customers[0].name, before.name);
    }

    let kept = history(&agent, &before.name).await.unwrap();
    let moved = kept.iter().find(|one| one.act() == CustomerAct::Rated);
    assert_eq!(moved.unwrap().changed_fields, ["tier", "file_number"]);

    let told = rating(&agent, &before.name).await.unwrap();
    let reached = told.reached.unwrap();
    assert_eq!((reached.amount, reached.order_count), (779_700, 3));
    assert_eq!((told.tier(), told.rules_version), (Tier::Silver, 1));
    let asked = told.asked.unwrap();
    assert_eq!((asked.amount, asked.order_count), (500_000, 3));
    assert!(!told.service.is_empty());
    assert_eq!(told.credit(), CreditClass::Unspecified);
    assert_eq!(told.hidden_classes, [DataClass::Financial as i32]);

    let keeper = suite.caller_for("feng.yulan", "administration");
    let told = rating(&keeper, &before.name).await.unwrap();
    assert_eq!((told.credit(), told.paid), (CreditClass::B, 779_700));
    assert!(told.hidden_classes.is_empty() && !told.strategy.is_empty());
    let seller = suite.caller_for("wu.peng", "sales");
    let told = rating(&seller, &before.name).await.unwrap();
    assert_eq!((told.tier(), told.paid), (Tier::Unspecified, 0));
    assert!(told.reached.is_some());
    let refused = rating(&suite.caller("ma.chao"), &before.name).await;
    assert_eq!(refusal(&refused.unwrap_err()).0, Code::NotFound);
}

/// Clauses CF-2.4, IH-8.2: rules count only once they were previewed over all files and put
/// in force, from their moment on.
#[tokio::test(flavor = "multi_thread")]
async fn rules_move_customers_as_their_preview_said() {
    let suite = TestSuite::start().await;
    let (_, file) = silver(&suite).await;
    let administrator = suite.caller("han.bing");
    let mut definition = shipped(&suite).await.definition.unwrap();
    definition.tiers[1].asked.as_mut().unwrap().order_count = 4;
    let drafted = draft(&administrator, definition).await.unwrap();
    assert_eq!(
        (drafted.version, drafted.state()),
        (2, RatingRulesState::Drafted)
    );
    let refused = enforce(&administrator, &drafted, None).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");

    let previewed = preview(&administrator, &drafted).await.unwrap();
    let told = previewed.preview.clone().unwrap();
    let moves: Vec<_> = told
        .tiers
        .iter()
        .map(|one| (one.from(), one.to(), one.file_count))
        .collect();
    assert_eq!(moves, [(Tier::Silver, Tier::Normal, 1)]);
    assert_eq!((told.file_count, told.credits.len()), (1, 1));
    let stale = enforce(&administrator, &drafted, None).await.unwrap_err();
    assert_eq!(refusal(&stale).1, "ETAG_MISMATCH");
    let past = to_proto(suite.clock.now() - Duration::from_secs(60));
    let refused = enforce(&administrator, &previewed, Some(past)).await;
    assert_eq!(violations(&refused.unwrap_err()), ["effective_time"]);

    let at = suite.clock.now() + Duration::from_secs(30 * 86_400);
    let wanted = EnforceRatingRulesRequest {
        name: previewed.name.clone(),
        etag: previewed.etag.clone(),
        effective_time: Some(to_proto(at)),
        request_id: "0190c5a8-0000-7000-8000-00000000af01".into(),
    };
    let mut client = ratings(&administrator);
    let enforced = client.enforce_rating_rules(wanted.clone()).await;
    let enforced = enforced.unwrap().into_inner();
    assert_eq!(enforced.state(), RatingRulesState::Enforced);
    let again = preview(&administrator, &enforced).await.unwrap_err();
    assert_eq!(refusal(&again).1, "STATE_NOT_ALLOWED");
    let now = get(&suite.caller("li.wei"), &file.name).await.unwrap();
    assert_eq!(now.tier(), Tier::Silver, "not in force yet");
    suite.clock.advance(Duration::from_secs(30 * 86_400));
    let moved = in_tier(&suite, &file.name, Tier::Normal).await;
    assert_eq!(moved.file_number, "P0A0002");
    let told = rating(&suite.caller("li.wei"), &file.name).await.unwrap();
    assert_eq!(told.rules_version, 2);
    let versions: Vec<_> = all_rules(&suite.caller("li.wei"))
        .await
        .iter()
        .map(|one| one.version)
        .collect();
    assert_eq!(versions, [2, 1]);

    // The same request, whose moment is past by now.
    suite.clock.advance(Duration::from_secs(1));
    let mut client = ratings(&suite.caller("han.bing"));
    let again = client.enforce_rating_rules(wanted).await;
    assert_eq!(again.unwrap().into_inner(), enforced);
}

/// Clause CF-2.4: how often a customer turned to us counts where the rules say so, by the
/// journal of tickets, and is told only where that is cleared.
#[tokio::test(flavor = "multi_thread")]
async fn who_turns_to_us_often_enough_gets_another_tier() {
    let suite = TestSuite::start().await;
    let administrator = suite.caller("han.bing");
    let mut definition = shipped(&suite).await.definition.unwrap();
    definition.tiers[1].asked = None;
    for tier in &mut definition.tiers[1..] {
        tier.contact_count = 2;
    }
    let drafted = draft(&administrator, definition).await.unwrap();
    let previewed = preview(&administrator, &drafted).await.unwrap();
    enforce(&administrator, &previewed, None).await.unwrap();

    let agent = suite.caller("li.wei");
    let file = enter(&agent, person()).await.name;
    for (turned, tier) in [(1, Tier::Normal), (2, Tier::Silver)] {
        open(&agent, ticket(&file)).await;
        // Once the ticket is known to the file.
        let agent = suite.caller("li.wei").after(&agent);
        get(&agent, &file).await.unwrap();
        suite.clock.advance(Duration::from_secs(11));
        let told = eventually(async || {
            let told = rating(&agent, &file).await.ok();
            told.filter(|told| told.contact_count == turned)
        })
        .await;
        assert_eq!(told.tier(), tier);
        let asks = if tier == Tier::Silver { 2 } else { 0 };
        assert_eq!(told.asked_contact_count, asks);
    }
    let seller = suite.caller_for("wu.peng", "sales");
    let told = rating(&seller, &file).await.unwrap();
    assert_eq!(told.contact_count, 0);
    assert!(told.hidden_classes.contains(&(DataClass::Service as i32)));
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_of_rating_are_entered_once_and_right() {
    let suite = TestSuite::start().await;
    let definition = shipped(&suite).await.definition.unwrap();
    let refused = draft(&suite.caller("li.wei"), definition.clone()).await;
    assert_eq!(
        refusal(&refused.unwrap_err()),
        (Code::PermissionDenied, "PERMISSION_MISSING".into())
    );
    let administrator = suite.caller("han.bing");
    let wrong = RatingDefinition {
        currency: "yuan".into(),
        window_days: 0,
        ..definition.clone()
    };
    let refused = draft(&administrator, wrong).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        ["definition.currency", "definition.window_days"]
    );
    let request = DraftRatingRulesRequest {
        definition: Some(definition),
        reason: "年度调整".into(),
        request_id: "0190c5a8-0000-7000-8000-0000000000e1".into(),
    };
    let mut client = ratings(&administrator);
    let first = client.draft_rating_rules(request.clone()).await.unwrap();
    let again = client.draft_rating_rules(request.clone()).await.unwrap();
    assert_eq!(first.into_inner(), again.into_inner());
    let other = DraftRatingRulesRequest {
        reason: "其他".into(),
        ..request
    };
    let refused = client.draft_rating_rules(other).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "REQUEST_ID_REUSED");
    let absent = GetRatingRulesRequest {
        name: "rating-rules/0190c5a8-0000-7000-8000-0000000000ab".into(),
    };
    let refused = client.get_rating_rules(absent).await.unwrap_err();
    assert_eq!(refusal(&refused).0, Code::NotFound);
    assert_eq!(all_rules(&administrator).await.len(), 2);
}

pub(crate) async fn say(caller: &Caller, statement: RatingStatement) -> Result<Rating, Status> {
    let request = RecordRatingStatementRequest {
        statement: Some(statement),
        request_id: String::new(),
    };
    let said = ratings(caller).record_rating_statement(request).await;
    said.map(|answer| answer.into_inner())
}

async fn take_back(caller: &Caller, file: &str, statement: &str) -> Result<Rating, Status> {
    let request = WithdrawRatingStatementRequest {
        parent: file.into(),
        statement: statement.into(),
        reason: "已结清".into(),
        request_id: String::new(),
    };
    let gone = ratings(caller).withdraw_rating_statement(request).await;
    gone.map(|answer| answer.into_inner())
}

pub(crate) fn breach(file: &str) -> RatingStatement {
    RatingStatement {
        customer: file.into(),
        condition: CreditCondition::Breach.into(),
        finding: "货款逾期九十天".into(),
        evidence: "合同 2026-17".into(),
        ..RatingStatement::default()
    }
}

fn gold(suite: &TestSuite, file: &str) -> RatingStatement {
    RatingStatement {
        customer: file.into(),
        tier: Tier::Gold.into(),
        end_time: Some(to_proto(suite.clock.now() + Duration::from_secs(86_400))),
        reason: "战略合作".into(),
        ..RatingStatement::default()
    }
}

/// Clause IH-8.2: what no figure tells is said by a person; the credit follows at once, and is what it
/// was when it is taken back. Who is not cleared for it does not learn that anything was said.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_says_what_no_figure_tells() {
    let suite = TestSuite::start().await;
    shipped(&suite).await;
    let agent = suite.caller("li.wei");
    let file = enter(&agent, person()).await.name;
    let archive = suite
        .caller_for("feng.yulan", "administration")
        .after(&agent);
    let rated = say(&archive, breach(&file)).await.unwrap();
    assert_eq!(
        (rated.credit(), rated.computed_credit()),
        (CreditClass::C, CreditClass::C)
    );
    assert_eq!(rated.conditions, [CreditCondition::Breach as i32]);
    let said = &rated.statements[0];
    assert_eq!(said.finding, "货款逾期九十天");
    assert_eq!(
        said.recorder,
        format!("employees/{}", employee_id("feng.yulan"))
    );

    let seen = rating(&agent, &file).await.unwrap();
    assert_eq!((seen.credit, seen.statements.len()), (0, 0));
    let history = kefu_contracts::profile::ListTimelineRequest {
        parent: file.clone(),
        ..Default::default()
    };
    let mut timeline =
        kefu_contracts::profile::timeline_service_client::TimelineServiceClient::new(agent.clone());
    let history = timeline.list_timeline(history).await.unwrap().into_inner();
    let mut acts = history.entries.iter().map(|one| one.act.as_str());
    assert!(!acts.any(|act| act.starts_with("rating.")));

    let gone = take_back(&archive, &file, &said.name).await.unwrap();
    assert_eq!((gone.credit(), gone.conditions.len()), (CreditClass::B, 0));
    assert_eq!(gone.statements[0].withdraw_reason, "已结清");
    let again = take_back(&archive, &file, &said.name).await.unwrap_err();
    assert_eq!(refusal(&again).1, "STATE_NOT_ALLOWED");
    let mut sql = suite.database.connect().await.unwrap();
    let told: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM profile.journal WHERE type IN ('rating.stated', 'rating.statement_withdrawn')",
    )
    .fetch_one(&mut sql)
    .await
    .unwrap();
    assert_eq!(told, 2);
}

/// Clauses CF-2.4, CF-4.3: a tier is another than the rules say, with a number of its own, until its
/// moment and not after.
#[tokio::test(flavor = "multi_thread")]
async fn a_tier_is_another_until_its_moment() {
    let suite = TestSuite::start().await;
    shipped(&suite).await;
    let agent = suite.caller("li.wei");
    let file = enter(&agent, person()).await;
    let head = suite.caller("zhang.min").after(&agent);
    let rated = say(&head, gold(&suite, &file.name)).await.unwrap();
    assert_eq!(
        (rated.tier(), rated.computed_tier()),
        (Tier::Gold, Tier::Normal)
    );
    let moved = get(&head, &file.name).await.unwrap();
    assert_eq!(moved.tier(), Tier::Gold);
    assert!(moved.file_number.starts_with("P2"), "{}", moved.file_number);

    // Another says another; taken back, the first counts again.
    let other = RatingStatement {
        tier: Tier::Diamond.into(),
        ..gold(&suite, &file.name)
    };
    let rated = say(&head, other).await.unwrap();
    assert_eq!(rated.tier(), Tier::Diamond);
    let latest = rated.statements[0].name.clone();
    let rated = take_back(&head, &file.name, &latest).await.unwrap();
    assert_eq!(rated.tier(), Tier::Gold);

    suite.clock.advance(Duration::from_secs(86_400 + 10));
    let back = in_tier(&suite, &file.name, Tier::Normal).await;
    assert!(back.file_number.starts_with("P0"), "{}", back.file_number);
}

/// Nobody says more than they may see, and nothing that cannot be.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_said_of_a_rating_is_refused() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let file = enter(&agent, person()).await.name;
    let missing = (Code::PermissionDenied, "PERMISSION_MISSING".to_owned());
    let refused = say(&agent, gold(&suite, &file)).await.unwrap_err();
    assert_eq!(refusal(&refused), missing);
    let head = suite.caller("zhang.min").after(&agent);
    let refused = say(&head, breach(&file)).await.unwrap_err();
    assert_eq!(refusal(&refused), missing, "finance is not cleared");
    let archive = suite
        .caller_for("feng.yulan", "administration")
        .after(&agent);
    let nobody = "customers/0190c5a8-0000-7000-8000-0000000000ab";
    let refused = say(&archive, breach(nobody)).await.unwrap_err();
    assert_eq!(refusal(&refused).0, Code::NotFound);
    let empty = say(&archive, RatingStatement::default()).await.unwrap_err();
    assert_eq!(
        violations(&empty),
        [
            "statement.customer",
            "statement",
            "statement.finding",
            "statement.evidence"
        ]
    );
    // What the head may not see is not there to be taken back.
    let said = say(&archive, breach(&file)).await.unwrap();
    let name = &said.statements[0].name;
    let refused = take_back(&head, &file, name).await.unwrap_err();
    assert_eq!(violations(&refused), ["statement"]);

    // A repeated request says it once.
    let request = RecordRatingStatementRequest {
        statement: Some(breach(&file)),
        request_id: uuid::Uuid::from_u128(7).to_string(),
    };
    for _ in 0..2 {
        let mut client = ratings(&archive);
        let rated = client.record_rating_statement(request.clone()).await;
        assert_eq!(rated.unwrap().into_inner().statements.len(), 2);
    }
}
