//! Points for what customers buy: earned once, spent once, and never more than there are.

use std::time::Duration;

use kefu_contracts::order::{
    Case, CaseKind, CasePaymentKind, CasePaymentState, CompleteOrderRequest, CorrectPointsRequest,
    CustomerTier, DecideOnPointsCorrectionRequest, EarningRule, GetLoyaltyRulesRequest,
    GetOrderRequest, GetPointsAccountRequest, GetPointsPostingRequest, ListPointsAccountsRequest,
    ListPointsPostingsRequest, LoyaltyDefinition, LoyaltyRules, Order, OrderStage, PointsAccount,
    PointsKind, PointsPosting, RecordStageRequest, Review, ReviseLoyaltyRulesRequest, Reward,
    SpendPointsRequest, TierBonus, loyalty_service_client::LoyaltyServiceClient,
};
use kefu_service::{clock::Clock, fields::name, time::to_proto};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use tonic::{Code, Status};

use crate::{
    after_sales::{
        answer_plan, case, check_cover, decide_on_case_payment, of_line, plan_case,
        propose_case_payment, record_case_payment, register, told,
    },
    follow_ups::journaled,
    records::{enter, order, orders, person, place, refusal, said, violations},
};

const LI: &str = "li.wei";
const HEAD: &str = "zhang.min";
const ID: &str = "0190c5a8-0000-7000-8000-00000000ac01";
/// What the order of these tests earns: two for 1299.50 each.
pub(crate) const EARNED: i64 = 2599;

fn client(caller: &Caller) -> LoyaltyServiceClient<Caller> {
    LoyaltyServiceClient::new(caller.clone())
}

/// A point for each yuan, and a mug for 2,000 of them.
pub(crate) fn rules(valid_days: i32) -> LoyaltyDefinition {
    let reward = |id: &str, points| Reward {
        id: id.into(),
        title_zh: "马克杯".into(),
        title_en: "Mug".into(),
        points,
    };
    let mut bonus = TierBonus {
        percent: 200,
        ..TierBonus::default()
    };
    bonus.set_tier(CustomerTier::Diamond);
    LoyaltyDefinition {
        earnings: vec![EarningRule {
            currency: "CNY".into(),
            points_per_hundred: 100,
        }],
        bonuses: vec![bonus],
        valid_days,
        rewards: vec![reward("mug", 2000), reward("pen", 500)],
    }
}

pub(crate) async fn revise(
    caller: &Caller,
    definition: LoyaltyDefinition,
    etag: &str,
) -> Result<LoyaltyRules, Status> {
    let request = ReviseLoyaltyRulesRequest {
        definition: Some(definition),
        reason: "会员计划".into(),
        etag: etag.into(),
        ..Default::default()
    };
    let answer = client(caller).revise_loyalty_rules(request).await;
    answer.map(|answer| answer.into_inner())
}

fn account_of(customer: &str) -> String {
    customer.replace("customers/", "points-accounts/")
}

pub(crate) async fn account(caller: &Caller, customer: &str) -> Result<PointsAccount, Status> {
    let name = account_of(customer);
    let request = GetPointsAccountRequest { name };
    let answer = client(caller).get_points_account(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn posting(caller: &Caller, name: String) -> Result<PointsPosting, Status> {
    let request = GetPointsPostingRequest { name };
    let answer = client(caller).get_points_posting(request).await;
    answer.map(|answer| answer.into_inner())
}

pub(crate) async fn postings(caller: &Caller, filter: &str) -> Vec<PointsPosting> {
    let request = ListPointsPostingsRequest {
        filter: filter.into(),
        ..Default::default()
    };
    let page = client(caller).list_points_postings(request).await.unwrap();
    let page = page.into_inner();
    assert_eq!(page.total_size as usize, page.points_postings.len());
    page.points_postings
}

pub(crate) async fn spend(
    caller: &Caller,
    account: &PointsAccount,
    reward: &str,
    id: &str,
) -> Result<PointsAccount, Status> {
    let request = SpendPointsRequest {
        name: account.name.clone(),
        etag: account.etag.clone(),
        request_id: id.into(),
        reward: reward.into(),
    };
    let answer = client(caller).spend_points(request).await;
    answer.map(|answer| answer.into_inner())
}

pub(crate) async fn correct(
    caller: &Caller,
    account: &PointsAccount,
    points: i64,
    reason: &str,
) -> Result<PointsAccount, Status> {
    let request = CorrectPointsRequest {
        name: account.name.clone(),
        etag: account.etag.clone(),
        points,
        reason: reason.into(),
        ..Default::default()
    };
    let answer = client(caller).correct_points(request).await;
    answer.map(|answer| answer.into_inner())
}

pub(crate) async fn decide(
    caller: &Caller,
    account: &PointsAccount,
    approve: bool,
    reason: &str,
) -> Result<PointsAccount, Status> {
    let request = DecideOnPointsCorrectionRequest {
        name: account.name.clone(),
        etag: account.etag.clone(),
        approve,
        reason: reason.into(),
        ..Default::default()
    };
    let answer = client(caller).decide_on_points_correction(request).await;
    answer.map(|answer| answer.into_inner())
}

/// The order arrived, and its customer says that all is well.
pub(crate) async fn completed(suite: &TestSuite, caller: &Caller, order: Order) -> Order {
    let placed = place(caller, order).await;
    let mut client = orders(caller);
    let stage = RecordStageRequest {
        name: placed.name.clone(),
        stage: OrderStage::Delivered.into(),
        occurred_time: Some(to_proto(suite.clock.now())),
        ..Default::default()
    };
    client.record_stage(stage).await.unwrap();
    complete(caller, &placed).await
}

/// The customer says that all is well.
pub(crate) async fn complete(caller: &Caller, order: &Order) -> Order {
    let name = order.name.clone();
    let mut client = orders(caller);
    let now = client.get_order(GetOrderRequest { name }).await.unwrap();
    let complete = CompleteOrderRequest {
        name: order.name.clone(),
        etag: now.into_inner().etag,
        request_id: String::new(),
        review: Some(Review {
            score: 5,
            arrived: true,
            ..Default::default()
        }),
    };
    let answer = client.complete_order(complete).await.unwrap();
    answer.into_inner()
}

/// So much is paid back of an order, by a case of its own.
async fn refunded(
    suite: &TestSuite,
    caller: &Caller,
    order: &Order,
    units: i64,
    reference: &str,
) -> Case {
    let one = register(caller, case(CaseKind::Refund, order, 1))
        .await
        .unwrap();
    let one = check_cover(caller, &one).await.unwrap();
    let refund = CasePaymentKind::Refund;
    let one = propose_case_payment(caller, &one, refund, of_line(units), None, "退款")
        .await
        .unwrap();
    let head = suite.caller(HEAD).after(caller);
    let one = match one.payments[0].state() {
        CasePaymentState::Asked => decide_on_case_payment(&head, &one, 1, true, "同意")
            .await
            .unwrap(),
        _ => one,
    };
    let caller = caller.after(&head);
    let one = plan_case(&caller, &one, "退款", None, None).await.unwrap();
    let one = answer_plan(&caller, &one, true, "").await.unwrap();
    let erp = suite.caller_for("erp", "integration").after(&caller);
    record_case_payment(&erp, &one, 1, reference).await.unwrap()
}

/// The account once so much is on it.
pub(crate) async fn eventually_has(caller: &Caller, customer: &str, balance: i64) -> PointsAccount {
    eventually(async || {
        let account = account(caller, customer).await.unwrap();
        (account.balance == balance).then_some(account)
    })
    .await
}

/// Every account that is not the sum of what was posted to it.
pub(crate) async fn unbalanced(suite: &TestSuite) -> i64 {
    let mut sql = suite.database.connect().await.unwrap();
    let count = "SELECT count(*) FROM orders.points_account a WHERE balance <> (
                     SELECT coalesce(sum(points), 0) FROM orders.points_posting p
                     WHERE p.customer_id = a.customer_id)";
    let count = sqlx::query_scalar(count);
    count.fetch_one(&mut sql).await.unwrap()
}

fn hidden() -> (Code, String) {
    (Code::NotFound, "NOT_FOUND_OR_OUT_OF_SCOPE".to_owned())
}

/// Clause OP-3.3: a completed order earns once, however many instances look; a reward takes
/// what it takes once, and no more than there is.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_bought_earns_points_and_points_buy_rewards() {
    let suite = TestSuite::start().await;
    let _twin = suite.twin();
    let (li, admin) = (suite.caller(LI), suite.caller("han.bing"));
    let request = GetLoyaltyRulesRequest {};
    let shipped = client(&li).get_loyalty_rules(request).await;
    let shipped = shipped.unwrap().into_inner();
    assert_eq!(shipped.versions.len(), 1);
    let ruled = revise(&admin, rules(0), &shipped.etag).await.unwrap();
    assert_eq!(ruled.versions.last().unwrap().number, 1);

    let customer = enter(&li, person()).await.name;
    let nothing = account(&li, &customer).await.unwrap();
    assert_eq!((nothing.balance, nothing.update_time), (0, None));
    let bought = completed(&suite, &li, order(&customer)).await;
    let earned = eventually_has(&li, &customer, EARNED).await;
    let all = postings(&li, &format!("customer = \"{customer}\"")).await;
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].kind(), all[0].number), (PointsKind::Earned, 1));
    assert_eq!((all[0].points, all[0].balance), (EARNED, EARNED));
    assert_eq!((&all[0].order, all[0].rules_version), (&bought.name, 1));
    assert_eq!(all[0].poster, "");

    let spent = spend(&li, &earned, "mug", ID).await.unwrap();
    assert_eq!(spent.balance, EARNED - 2000);
    let viewed = journaled(&suite, "points_account.viewed").await;
    assert_eq!(spend(&li, &earned, "mug", ID).await.unwrap(), spent);
    let viewed_now = journaled(&suite, "points_account.viewed").await;
    assert_eq!(viewed_now, viewed + 1);
    let stale = spend(&li, &earned, "mug", "").await.unwrap_err();
    assert_eq!(refusal(&stale).1, "ETAG_MISMATCH");
    let other = spend(&li, &spent, "pen", ID).await.unwrap_err();
    assert_eq!(refusal(&other).1, "REQUEST_ID_REUSED");
    let more = spend(&li, &spent, "mug", "").await.unwrap_err();
    assert_eq!(refusal(&more).1, "BEYOND_LIMIT");
    assert_eq!(said(&more, "limit"), "599");
    let all = postings(&li, "kind = SPENT").await;
    assert_eq!((all.len(), all[0].points), (1, -2000));
    assert_eq!(all[0].reward, "mug");
    assert_eq!(all[0].poster, name("employees", employee_id(LI)));
    let name_of_it = all[0].name.clone();
    assert_eq!(posting(&li, name_of_it).await.unwrap(), all[0]);

    // Another order, by the time the next version counts.
    let mut double = rules(0);
    double.earnings[0].points_per_hundred = 200;
    revise(&admin, double, &ruled.etag).await.unwrap();
    completed(&suite, &li, order(&customer)).await;
    eventually_has(&li, &customer, EARNED - 2000 + 2 * EARNED).await;
    for (kind, count) in [("points.earned", 2), ("points.spent", 1)] {
        assert_eq!(journaled(&suite, kind).await, count, "{kind}");
    }
    assert_eq!(unbalanced(&suite).await, 0);
}

/// Clause OP-3.3: however many spend at once, at whichever instance, no more is spent than
/// there is, and the database itself holds the sum together.
#[tokio::test(flavor = "multi_thread")]
async fn no_two_spends_take_the_same_points() {
    let suite = TestSuite::start().await;
    let twin = suite.twin();
    let (li, admin) = (suite.caller(LI), suite.caller("han.bing"));
    revise(&admin, rules(0), "r1").await.unwrap();
    let customer = enter(&li, person()).await.name;
    completed(&suite, &li, order(&customer)).await;
    eventually_has(&li, &customer, EARNED).await;
    let mut spending = tokio::task::JoinSet::new();
    for at in 0..8 {
        let caller = match at % 2 {
            0 => suite.caller(LI),
            _ => suite.caller_at(&twin, LI),
        };
        let customer = customer.clone();
        spending.spawn(async move {
            loop {
                let now = account(&caller, &customer).await.unwrap();
                match spend(&caller, &now, "pen", "").await {
                    Ok(_) => return true,
                    Err(status) if status.code() == Code::Aborted => {}
                    Err(status) => {
                        assert_eq!(refusal(&status).1, "BEYOND_LIMIT");
                        return false;
                    }
                }
            }
        });
    }
    let spent = spending.join_all().await;
    assert_eq!(spent.iter().filter(|spent| **spent).count(), 5);
    let left = account(&li, &customer).await.unwrap();
    assert_eq!(left.balance, EARNED - 5 * 500);
    assert_eq!(unbalanced(&suite).await, 0);

    let mut sql = suite.database.connect().await.unwrap();
    for wrong in [
        "UPDATE orders.points_account SET balance = balance + 1",
        "UPDATE orders.points_posting SET points = points + 1 WHERE number = 1",
        "UPDATE orders.points_posting SET balance = balance + 1 WHERE number = 2",
        "DELETE FROM orders.points_posting WHERE number = 3",
        "INSERT INTO orders.points_posting
             (id, customer_id, number, kind, points, balance_before, balance, reward, rules_version, sealed,
              poster_is_system, posted_at)
         SELECT gen_random_uuid(), customer_id, number + 1, kind, -10, balance + 1, balance - 9, reward,
                rules_version, sealed, poster_is_system, posted_at
         FROM orders.points_posting ORDER BY number DESC LIMIT 1",
    ] {
        assert!(sqlx::query(wrong).execute(&mut sql).await.is_err(), "{wrong}");
    }
}

/// Clauses OP-3.3, IH-6: money that goes back takes its share of the points with it, once, also
/// where it went back before they were earned; what was spent of them is owed.
#[tokio::test(flavor = "multi_thread")]
async fn points_go_back_with_the_money_of_an_order() {
    let suite = TestSuite::start().await;
    let _twin = suite.twin();
    let (li, admin) = (suite.caller(LI), suite.caller("han.bing"));
    let shipped = client(&li)
        .get_loyalty_rules(GetLoyaltyRulesRequest {})
        .await;
    let etag = shipped.unwrap().into_inner().etag;
    revise(&admin, rules(0), &etag).await.unwrap();
    let customer = enter(&li, person()).await.name;
    let bought = completed(&suite, &li, order(&customer)).await;
    let earned = eventually_has(&li, &customer, EARNED).await;
    spend(&li, &earned, "mug", ID).await.unwrap();
    // Half of the money takes half of the points, of which 599 are left.
    let half = refunded(&suite, &li, &bought, 1300, "TK-2026-61").await;
    let taken = EARNED * 1300 / 2599;
    let owed = taken - 599;
    let stands = async || {
        let now = account(&li, &customer).await.unwrap();
        (now.balance, now.etag)
    };
    let left = stands().await;
    assert_eq!(left.0, 0);
    let again = record_case_payment(&li, &half, 1, "TK-2026-61").await;
    assert_eq!(refusal(&again.unwrap_err()).1, "PERMISSION_MISSING");
    assert_eq!(stands().await, left);
    // Nothing was earned yet by what goes back before it is completed.
    let later = place(&li, order(&customer)).await;
    told(&li, &later, OrderStage::Delivered, suite.clock.now()).await;
    refunded(&suite, &li, &later, 599, "TK-2026-62").await;
    assert_eq!(stands().await, left);
    complete(&li, &later).await;
    eventually_has(&li, &customer, 2000 - owed).await;
    assert_eq!(unbalanced(&suite).await, 0);
}

/// Clause OP-3.3: points end in their time, once; what has ended is not there to be spent.
#[tokio::test(flavor = "multi_thread")]
async fn points_end_in_their_time() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = 2_000_000).await;
    let _twin = suite.twin();
    let (li, admin) = (suite.caller(LI), suite.caller("han.bing"));
    revise(&admin, rules(10), "r1").await.unwrap();
    let customer = enter(&li, person()).await.name;
    completed(&suite, &li, order(&customer)).await;
    let earned = eventually_has(&li, &customer, EARNED).await;
    assert!(earned.next_expire_time.is_some());
    suite.clock.advance(Duration::from_secs(11 * 86_400));
    let li = suite.caller(LI);
    // Also before it is posted; afterwards the account is another.
    let refused = spend(&li, &earned, "pen", "").await.unwrap_err();
    assert!(["BEYOND_LIMIT", "ETAG_MISMATCH"].contains(&refusal(&refused).1.as_str()));
    let empty = eventually_has(&li, &customer, 0).await;
    assert_eq!(empty.next_expire_time, None);
    let ended = postings(&li, "kind = EXPIRED").await;
    assert_eq!((ended.len(), ended[0].points), (1, -EARNED));
    assert_eq!(journaled(&suite, "points.expired").await, 1);
    assert_eq!(unbalanced(&suite).await, 0);
}

/// Clause OP-3.3: by hand it takes two people, one of whom asks and the other agrees.
#[tokio::test(flavor = "multi_thread")]
async fn a_correction_takes_two_people() {
    let suite = TestSuite::start().await;
    let (li, head) = (suite.caller(LI), suite.caller(HEAD));
    let customer = enter(&li, person()).await.name;
    let fresh = account(&li, &customer).await.unwrap();
    let wrong = correct(&li, &fresh, 0, " ").await.unwrap_err();
    assert_eq!(violations(&wrong), ["points", "reason"]);
    let below = correct(&li, &fresh, -1, "扣错").await.unwrap_err();
    assert_eq!(refusal(&below).1, "BEYOND_LIMIT");
    let asked = correct(&li, &fresh, 300, "送货迟到的补偿").await.unwrap();
    assert_eq!(asked.balance, 0);
    assert_eq!(asked.correction_points, 300);
    assert_eq!(asked.correction_reason, "送货迟到的补偿");
    assert_eq!(asked.correction_asker, name("employees", employee_id(LI)));
    let twice = correct(&li, &asked, 1, "再来").await.unwrap_err();
    assert_eq!(said(&twice, "state"), "CORRECTION_WAITS");
    let alone = decide(&li, &asked, true, "同意").await.unwrap_err();
    assert_eq!(refusal(&alone).1, "PERMISSION_MISSING");
    let head = head.after(&li);
    let wrong = decide(&head, &asked, true, "").await.unwrap_err();
    assert_eq!(violations(&wrong), ["reason"]);
    // Two at once: one of them counts.
    let (yes, no) = tokio::join!(
        decide(&head, &asked, true, "同意"),
        decide(&head, &asked, false, "不同意")
    );
    assert!(yes.is_ok() != no.is_ok());
    let settled = yes.or(no).unwrap();
    assert_eq!(
        (settled.correction_points, &*settled.correction_asker),
        (0, "")
    );
    let posted = settled.balance;
    assert!([0, 300].contains(&posted));
    let nothing = decide(&head, &settled, true, "同意").await.unwrap_err();
    assert_eq!(said(&nothing, "state"), "NO_CORRECTION");

    // Whoever asks does not agree to it, whatever their post.
    let own = correct(&head, &settled, 200, "活动补发").await.unwrap();
    let refused = decide(&head, &own, true, "同意").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "SECOND_PERSON_REQUIRED");
    let kinds = postings(&li.after(&head), "kind = CORRECTED").await;
    assert_eq!(kinds.len(), usize::from(posted > 0));
    if let Some(one) = kinds.first() {
        assert_eq!(one.reason, "送货迟到的补偿\n同意");
        assert_eq!(one.poster, name("employees", employee_id(HEAD)));
    }
    assert_eq!(unbalanced(&suite).await, 0);
}

/// Clauses CF-6.1, CF-9.1, CC-2.2: every call is refused where the file is out of reach, and to
/// posts that have nothing to do with it.
#[tokio::test(flavor = "multi_thread")]
async fn points_are_there_for_who_serves_the_customer() {
    let suite = TestSuite::start().await;
    let (li, stranger) = (suite.caller(LI), suite.caller("zhou.ting"));
    let customer = enter(&li, person()).await.name;
    let fresh = account(&li, &customer).await.unwrap();
    correct(&li, &fresh, 300, "补发").await.unwrap();
    let stranger = stranger.after(&li);
    for refused in [
        account(&stranger, &customer).await.unwrap_err(),
        spend(&stranger, &fresh, "mug", "").await.unwrap_err(),
        correct(&stranger, &fresh, 1, "x").await.unwrap_err(),
        decide(&stranger, &fresh, true, "x").await.unwrap_err(),
    ] {
        assert_eq!(refusal(&refused), hidden());
    }
    assert!(postings(&stranger, "").await.is_empty());
    let nobody = posting(&stranger, format!("points-postings/{ID}")).await;
    assert_eq!(refusal(&nobody.unwrap_err()), hidden());
    for (caller, count) in [(&stranger, 0), (&li, 1)] {
        let request = ListPointsAccountsRequest::default();
        let listed = client(caller).list_points_accounts(request).await;
        assert_eq!(listed.unwrap().into_inner().total_size, count);
    }

    let trainer = suite.caller_for("he.xiaoyan", "training");
    let refused = account(&trainer, &customer).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let refused = revise(&li, rules(0), "r1").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    let admin = suite.caller("han.bing");
    let mut wrong = rules(-1);
    wrong.rewards[0].points = 0;
    let refused = revise(&admin, wrong, "r1").await.unwrap_err();
    assert_eq!(
        violations(&refused),
        ["definition.valid_days", "definition.rewards[0].points"]
    );
    let refused = revise(&admin, rules(0), "r2").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "ETAG_MISMATCH");
    let unknown = spend(&li, &fresh, "car", "").await.unwrap_err();
    assert_eq!(refusal(&unknown).1, "ETAG_MISMATCH");
    let now = account(&li, &customer).await.unwrap();
    let unknown = spend(&li, &now, "car", "").await.unwrap_err();
    assert_eq!(violations(&unknown), ["reward"]);
}
