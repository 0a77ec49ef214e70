//! News and offers: over a saved selection, to who agreed to exactly that, not too often, and not
//! at night.

use std::time::Duration;

use jiff::tz::TimeZone;
use kefu_access_control::seed::department_id;
use kefu_contracts::{
    common::Channel,
    order::{
        ApproveCampaignRequest, Campaign, CampaignState, CreateCampaignRequest, EndCampaignRequest,
        FollowUp, FollowUpState, GetCampaignRequest, ListCampaignsRequest,
        campaign_service_client::CampaignServiceClient,
    },
    policy::Purpose,
    profile::{Consent, ConsentDecision, Customer, Selection},
};
use kefu_service::{
    clock::Clock,
    fields::name,
    time::{from_proto, to_proto},
};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use tonic::{Code, Status};

use crate::{
    follow_ups::{self, journaled},
    records::{consent, enter, person, refusal, said, said_consent, say, violations},
    saved_selections::{archive, form, save},
};

const LI: &str = "li.wei";
const ID: &str = "0190c5a8-0000-7000-8000-00000000ae01";
const DAY: u64 = 86_400;

fn client(caller: &Caller) -> CampaignServiceClient<Caller> {
    CampaignServiceClient::new(caller.clone())
}

/// Over a selection, by phone, for twenty days.
fn offer(suite: &TestSuite, selection: &Selection, title: &str) -> Campaign {
    let end = Duration::from_secs(20 * DAY);
    Campaign {
        title: title.into(),
        message: "老客户滤芯八折".into(),
        selection: selection.name.clone(),
        purpose: Purpose::Marketing.into(),
        channel: Channel::Phone.into(),
        end_time: Some(to_proto(suite.clock.now().checked_add(end).unwrap())),
        ..Campaign::default()
    }
}

async fn create(caller: &Caller, campaign: Campaign) -> Result<Campaign, Status> {
    let request = CreateCampaignRequest {
        campaign: Some(campaign),
        request_id: String::new(),
    };
    let answer = client(caller).create_campaign(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn approve(caller: &Caller, campaign: &Campaign, id: &str) -> Result<Campaign, Status> {
    let request = ApproveCampaignRequest {
        name: campaign.name.clone(),
        etag: campaign.etag.clone(),
        request_id: id.into(),
    };
    let answer = client(caller).approve_campaign(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn end(caller: &Caller, campaign: &Campaign, reason: &str) -> Result<Campaign, Status> {
    let request = EndCampaignRequest {
        name: campaign.name.clone(),
        etag: campaign.etag.clone(),
        request_id: String::new(),
        reason: reason.into(),
    };
    let answer = client(caller).end_campaign(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn get(caller: &Caller, campaign: &Campaign) -> Result<Campaign, Status> {
    let name = campaign.name.clone();
    let answer = client(caller)
        .get_campaign(GetCampaignRequest { name })
        .await;
    answer.map(|answer| answer.into_inner())
}

async fn contacts(caller: &Caller) -> Vec<FollowUp> {
    follow_ups::list(caller, "kind = CAMPAIGN").await
}

/// A reviewed file of li.wei's.
async fn file(erp: &Caller) -> String {
    let customer = Customer {
        department: name("departments", department_id("call_centre")),
        owner: name("employees", employee_id(LI)),
        ..person()
    };
    enter(erp, customer).await.name
}

/// Waits until a campaign that runs has gone through its selection.
async fn gone_through(suite: &TestSuite, campaign: &Campaign) {
    let mut sql = suite.database.connect().await.unwrap();
    let through = "SELECT gone_through FROM orders.campaign WHERE 'campaigns/' || id = $1";
    suite.clock.advance(Duration::from_secs(11));
    eventually(async || {
        let through = sqlx::query_scalar::<_, bool>(through).bind(&campaign.name);
        through.fetch_one(&mut sql).await.unwrap().then_some(())
    })
    .await;
}

/// Clauses OP-3.3, CC-2.2: a campaign that somebody else agreed to turns to who agreed to its
/// purpose and its channel, once, however many instances look, in no quiet hour, and no more often
/// than all campaigns together may; it ends for who takes that back.
#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_turns_to_who_agreed_to_exactly_that() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = 10_000).await;
    let _twin = suite.twin();
    let erp = suite.caller_for("erp", "integration");
    let agreed = file(&erp).await;
    consent(&erp, &agreed, Purpose::Marketing).await;
    // To something else, by something else, to nothing.
    let sales = file(&erp).await;
    consent(&erp, &sales, Purpose::Sales).await;
    let mail = file(&erp).await;
    let by_mail = Consent {
        channels: vec![Channel::Email.into()],
        ..said_consent(&mail, Purpose::Marketing, ConsentDecision::Given)
    };
    say(&erp, by_mail).await;
    file(&erp).await;
    let zheng = suite.caller_for("zheng.xue", "marketing").after(&erp);
    let chen = suite.caller("chen.guodong").after(&erp);
    let selection = save(&zheng, form("个人客户", "type = PERSON"), "")
        .await
        .unwrap();
    let draft = create(&zheng, offer(&suite, &selection, "滤芯活动"))
        .await
        .unwrap();
    assert_eq!(
        (draft.state(), draft.selection_version),
        (CampaignState::Draft, 1)
    );
    assert_eq!(
        draft.department,
        name("departments", department_id("marketing"))
    );

    let approved = approve(&chen.after(&zheng), &draft, ID).await.unwrap();
    assert_eq!(approved.state(), CampaignState::Approved);
    assert_eq!(
        approved.approver,
        name("employees", employee_id("chen.guodong"))
    );
    assert_eq!(approve(&chen, &draft, ID).await.unwrap(), approved);
    assert_eq!(journaled(&suite, "campaign.viewed").await, 1);
    let li = suite.caller(LI).after(&chen);
    gone_through(&suite, &draft).await;
    let turned = contacts(&li).await;
    assert_eq!(turned.len(), 1);
    assert_eq!(
        (&turned[0].customer, turned[0].state()),
        (&agreed, FollowUpState::Open)
    );
    assert!(turned[0].reason.contains("滤芯活动") && turned[0].reason.contains("八折"));
    let due = from_proto(turned[0].due_time.as_ref().unwrap()).unwrap();
    let hour = due.to_zoned(TimeZone::get("Asia/Shanghai").unwrap()).hour();
    assert!((9..20).contains(&hour), "{hour}");
    let running = get(&zheng, &draft).await.unwrap();
    assert_eq!(
        (running.state(), running.contact_count),
        (CampaignState::Running, 1)
    );

    // Once in thirty days, whatever it is for.
    let another = create(&zheng, offer(&suite, &selection, "新品"))
        .await
        .unwrap();
    approve(&chen.after(&zheng), &another, "").await.unwrap();
    gone_through(&suite, &another).await;
    assert_eq!(get(&zheng, &another).await.unwrap().contact_count, 0);
    assert_eq!(contacts(&li).await.len(), 1);

    let no = said_consent(&agreed, Purpose::Marketing, ConsentDecision::Withdrawn);
    say(&erp, no).await;
    eventually(async || {
        let all = contacts(&li).await;
        (all[0].state() == FollowUpState::Settled).then_some(())
    })
    .await;
}

/// Clauses OP-3.3, CC-2.2: a campaign ends by hand or in its time, and nobody is turned to for it
/// any more.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_done_for_a_campaign_ends_with_it() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = 10_000_000).await;
    let erp = suite.caller_for("erp", "integration");
    let agreed = file(&erp).await;
    consent(&erp, &agreed, Purpose::Marketing).await;
    let zheng = suite.caller_for("zheng.xue", "marketing").after(&erp);
    let chen = suite.caller("chen.guodong").after(&erp);
    let selection = save(&zheng, form("个人客户", "type = PERSON"), "")
        .await
        .unwrap();
    let draft = create(&zheng, offer(&suite, &selection, "滤芯活动"))
        .await
        .unwrap();
    approve(&chen.after(&zheng), &draft, "").await.unwrap();
    gone_through(&suite, &draft).await;
    let li = suite.caller(LI).after(&chen);
    assert_eq!(contacts(&li).await.len(), 1);
    let running = get(&zheng, &draft).await.unwrap();
    let wrong = end(&zheng, &running, "").await.unwrap_err();
    assert_eq!(violations(&wrong), ["reason"]);
    let ended = end(&zheng, &running, "缺货").await.unwrap();
    assert_eq!(
        (ended.state(), &*ended.end_reason),
        (CampaignState::Ended, "缺货")
    );
    let again = end(&zheng, &ended, "缺货").await.unwrap_err();
    assert_eq!(said(&again, "state"), "ENDED");
    suite.clock.advance(Duration::from_secs(11));
    eventually(async || {
        let all = contacts(&li).await;
        (all[0].state() == FollowUpState::Settled).then_some(())
    })
    .await;

    let second = create(&zheng, offer(&suite, &selection, "新品"))
        .await
        .unwrap();
    approve(&chen.after(&zheng), &second, "").await.unwrap();
    suite.clock.advance(Duration::from_secs(21 * DAY));
    let zheng = suite.caller_for("zheng.xue", "marketing");
    eventually(async || {
        let now = get(&zheng, &second).await.unwrap();
        (now.state() == CampaignState::Ended).then_some(())
    })
    .await;
}

/// Clause OP-3.3: a request that comes again is answered alike, though by now its time is past and
/// its selection archived.
#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_is_made_once_whatever_the_time() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = 10_000_000).await;
    let zheng = suite.caller_for("zheng.xue", "marketing");
    let selection = save(&zheng, form("个人客户", "type = PERSON"), "")
        .await
        .unwrap();
    let start = suite.clock.now().checked_add(Duration::from_secs(DAY));
    let campaign = Campaign {
        start_time: Some(to_proto(start.unwrap())),
        ..offer(&suite, &selection, "滤芯活动")
    };
    let request = CreateCampaignRequest {
        campaign: Some(campaign.clone()),
        request_id: ID.into(),
    };
    let made = client(&zheng).create_campaign(request.clone()).await;
    let made = made.unwrap().into_inner();
    archive(&zheng, &selection).await.unwrap();
    suite.clock.advance(Duration::from_secs(30 * DAY));

    let zheng = suite.caller_for("zheng.xue", "marketing");
    let again = client(&zheng).create_campaign(request).await;
    assert_eq!(again.unwrap().into_inner().name, made.name);
    assert_eq!(journaled(&suite, "campaign.viewed").await, 1);
    assert_eq!(journaled(&suite, "campaign.created").await, 1);
    let late = create(&zheng, campaign).await.unwrap_err();
    assert_eq!(violations(&late), ["campaign.start_time"]);
}

/// Clauses OP-3.3, CC-2.2, CF-6.1: who makes a campaign does not agree to it, and sees nobody by it.
#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_takes_two_people() {
    let suite = TestSuite::start().await;
    let zheng = suite.caller_for("zheng.xue", "marketing");
    let (chen, li) = (suite.caller("chen.guodong"), suite.caller(LI));
    let selection = save(&zheng, form("个人客户", "type = PERSON"), "")
        .await
        .unwrap();
    let chen = chen.after(&zheng);
    let mut wrong = offer(&suite, &selection, "");
    wrong.purpose = Purpose::Service.into();
    wrong.channel = 0;
    wrong.end_time = Some(to_proto(suite.clock.now()));
    let refused = create(&zheng, wrong).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        [
            "campaign.title",
            "campaign.purpose",
            "campaign.channel",
            "campaign.end_time"
        ]
    );
    let unknown = Selection {
        name: format!("selections/{ID}"),
        ..Selection::default()
    };
    let refused = create(&zheng, offer(&suite, &unknown, "x"))
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["campaign.selection"]);

    let draft = create(&zheng, offer(&suite, &selection, "滤芯活动"))
        .await
        .unwrap();
    let refused = approve(&zheng, &draft, "").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    let own = create(&chen, offer(&suite, &selection, "新品"))
        .await
        .unwrap();
    let refused = approve(&chen, &own, "").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "SECOND_PERSON_REQUIRED");
    let refused = create(&li, offer(&suite, &selection, "x"))
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    assert_eq!(
        get(&li, &draft).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    let sales = suite.caller_for("wu.peng", "sales").after(&zheng);
    for refused in [
        get(&sales, &draft).await.unwrap_err(),
        end(&sales, &draft, "x").await.unwrap_err(),
        get(&zheng.after(&chen), &own).await.unwrap_err(),
    ] {
        assert_eq!(refusal(&refused).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
    }
    for (caller, count) in [(&sales, 0), (&zheng, 1), (&chen, 2)] {
        let request = ListCampaignsRequest::default();
        let listed = client(caller).list_campaigns(request).await;
        assert_eq!(listed.unwrap().into_inner().total_size, count);
    }
    let approved = approve(&chen, &draft, "").await.unwrap();
    let stale = approve(&chen, &draft, "").await.unwrap_err();
    assert_eq!(refusal(&stale).1, "ETAG_MISMATCH");
    let again = approve(&chen, &approved, "").await.unwrap_err();
    assert_eq!(refusal(&again).1, "STATE_NOT_ALLOWED");
}
