//! Staff is assessed by the line above, of figures, the one above and colleagues; the person
//! concerned learns of it when it is published, and nobody else does.

mod appeals;
mod figures;
mod journey;
mod monthly;
mod opened;
mod rules;
mod seen;

use std::time::Duration;

use jiff::civil::Date as Day;
use kefu_access_control::seed::department_id;
use kefu_contracts::{
    analytics::{
        AppealAssessmentRequest, AssessedPerson, Assessment, AssessmentAppealOutcome,
        AssessmentBand, AssessmentConsequence, AssessmentCriterion, AssessmentOrigin,
        AssessmentRating, AssessmentRatingKind, AssessmentRulesDefinition, AssessmentScheme,
        AssessmentSource, AssessmentState, AssessmentStep, CompleteAssessmentConsequenceRequest,
        DecideAssessmentAppealRequest, DecidedPoints, GetAssessmentRatingRequest,
        GetAssessmentRequest, GetAssessmentRulesRequest, GiveAssessmentRatingRequest, GivenPoints,
        ListAssessmentRatingsRequest, ListAssessmentsRequest, OpenAssessmentsRequest,
        PreviewAssessmentRequest, PreviewAssessmentResponse, PublishAssessmentRequest,
        ReviseAssessmentRulesRequest, WithdrawAssessmentRequest,
        assessment_service_client::AssessmentServiceClient,
    },
    google::r#type::Date,
    ticket::{AssignTicketRequest, ResolveTicketRequest, Ticket},
};
use kefu_service::{clock::Clock, fields::name, time::to_proto};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::records::{enter, open, person, refusal, said, ticket, tickets, violations};

/// Nobody has to have heard of the policy for a while.
const LONG: u32 = 2_000_000;
const ADMINISTRATOR: &str = "han.bing";
/// Heads the call centre.
const HEAD: &str = "zhang.min";
/// Is over the call centre.
const ABOVE: &str = "liu.jianhua";
/// An agent of the call centre.
const ASSESSED: &str = "li.wei";
const COLLEAGUES: [&str; 3] = ["wang.fang", "xu.jing", "hu.tao"];
const NOBODY: &str = "assessments/0190c5a8-0000-7000-8000-0000000000ab";
const ID: &str = "0190c5a8-0000-7000-8000-00000000a501";

type Client = AssessmentServiceClient<Caller>;

fn client(caller: &Caller) -> Client {
    AssessmentServiceClient::new(caller.clone())
}

fn employee(login: &str) -> String {
    name("employees", employee_id(login))
}

fn of(suite: &TestSuite, login: &str) -> Caller {
    suite.caller_for(login, "analysis")
}

fn wire(day: Day) -> Option<Date> {
    Some(Date {
        year: day.year().into(),
        month: day.month().into(),
        day: day.day().into(),
    })
}

fn today(suite: &TestSuite) -> Day {
    suite.clock.now().in_tz("Asia/Shanghai").unwrap().date()
}

fn yesterday(suite: &TestSuite) -> Day {
    today(suite).yesterday().unwrap()
}

async fn pass(suite: &TestSuite, days: u64) {
    suite.clock.advance(Duration::from_secs(days * 86_400 + 60));
    suite.policy_is_fresh().await;
}

async fn counted(suite: &TestSuite, sql: &'static str) -> i64 {
    let mut connection = suite.database.connect().await.unwrap();
    let counted = sqlx::query_scalar::<_, i64>(sql);
    counted.fetch_one(&mut connection).await.unwrap()
}

async fn until(suite: &TestSuite, sql: &'static str, expected: i64) {
    eventually(async || (counted(suite, sql).await == expected).then_some(())).await;
}

fn hidden() -> (Code, String) {
    (Code::NotFound, "NOT_FOUND_OR_OUT_OF_SCOPE".to_owned())
}

/// Half resolved tickets, 30 % the one above, 20 % colleagues.
fn small() -> AssessmentScheme {
    let criterion = |id: &str, source: AssessmentSource, weight| AssessmentCriterion {
        id: id.into(),
        title_zh: "标准".into(),
        title_en: "Criterion".into(),
        source: source.into(),
        weight,
        ..AssessmentCriterion::default()
    };
    let band = |at_least, consequence: AssessmentConsequence| AssessmentBand {
        at_least,
        consequence: consequence.into(),
    };
    AssessmentScheme {
        id: "small".into(),
        title_zh: "考核".into(),
        title_en: "Assessment".into(),
        monthly: false,
        roles: vec!["agent".into()],
        criteria: vec![
            AssessmentCriterion {
                metric: "resolution_rate".into(),
                steps: vec![
                    AssessmentStep {
                        at_least: 7_500,
                        points: 80,
                    },
                    AssessmentStep {
                        at_least: 9_000,
                        points: 100,
                    },
                ],
                ..criterion("resolution", AssessmentSource::Data, 50)
            },
            AssessmentCriterion {
                step: 5,
                ..criterion("knowledge", AssessmentSource::Superior, 30)
            },
            AssessmentCriterion {
                step: 10,
                ..criterion("teamwork", AssessmentSource::Colleague, 20)
            },
        ],
        bands: vec![
            band(0, AssessmentConsequence::Warning),
            band(6_000, AssessmentConsequence::Coaching),
            band(8_000, AssessmentConsequence::None),
            band(9_000, AssessmentConsequence::Commendation),
        ],
        scoring_days: 5,
        appeal_days: 5,
        colleagues: 3,
        least_weight: 50,
        ..AssessmentScheme::default()
    }
}

/// A suite whose only scheme is the small one.
async fn suite() -> TestSuite {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = LONG).await;
    revise(&suite, vec![small()]).await.unwrap();
    suite
}

async fn revise(suite: &TestSuite, schemes: Vec<AssessmentScheme>) -> Result<i32, Status> {
    let mut client = client(&suite.caller(ADMINISTRATOR));
    let rules = client.get_assessment_rules(GetAssessmentRulesRequest {});
    let rules = rules.await.unwrap().into_inner();
    let request = ReviseAssessmentRulesRequest {
        definition: Some(AssessmentRulesDefinition {
            time_zone: "Asia/Shanghai".into(),
            schemes,
        }),
        reason: "按制度".into(),
        etag: rules.etag,
        ..Default::default()
    };
    let revised = client.revise_assessment_rules(request).await?.into_inner();
    Ok(revised.versions.last().unwrap().number)
}

/// So many tickets of somebody of yesterday, of which so many are resolved.
async fn work(suite: &TestSuite, login: &str, received: usize, resolved: usize) -> Caller {
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let noon = yesterday(suite).at(12, 0, 0, 0);
    let noon = noon.in_tz("Asia/Shanghai").unwrap().timestamp();
    for at in 0..received {
        let one = Ticket {
            received_time: Some(to_proto(noon)),
            department: name("departments", department_id("call_centre")),
            ..ticket(&customer)
        };
        let opened = open(&erp, one).await;
        let assign = AssignTicketRequest {
            name: opened.name,
            etag: opened.etag,
            assignee: employee(login),
            ..Default::default()
        };
        let assigned = tickets(&erp).assign_ticket(assign).await.unwrap();
        let assigned = assigned.into_inner();
        if at < resolved {
            let resolve = ResolveTicketRequest {
                name: assigned.name,
                etag: assigned.etag,
                resolution: "已更换滤网".into(),
                ..Default::default()
            };
            tickets(&erp).resolve_ticket(resolve).await.unwrap();
        }
    }
    erp
}

fn asked(suite: &TestSuite) -> OpenAssessmentsRequest {
    OpenAssessmentsRequest {
        scheme: "small".into(),
        people: vec![AssessedPerson {
            employee: employee(ASSESSED),
            colleagues: COLLEAGUES.map(employee).to_vec(),
        }],
        first_day: wire(yesterday(suite)),
        last_day: wire(yesterday(suite)),
        request_id: String::new(),
    }
}

async fn begin(
    caller: &Caller,
    request: OpenAssessmentsRequest,
) -> Result<Vec<Assessment>, Status> {
    let opened = client(caller).open_assessments(request).await;
    opened.map(|opened| opened.into_inner().assessments)
}

async fn get(caller: &Caller, name: &str) -> Result<Assessment, Status> {
    let request = GetAssessmentRequest { name: name.into() };
    let found = client(caller).get_assessment(request).await;
    found.map(|found| found.into_inner())
}

async fn list(caller: &Caller, filter: &str) -> Result<Vec<Assessment>, Status> {
    let request = ListAssessmentsRequest {
        filter: filter.into(),
        ..Default::default()
    };
    let page = client(caller).list_assessments(request).await?.into_inner();
    assert_eq!(page.total_size as usize, page.assessments.len());
    Ok(page.assessments)
}

async fn preview(caller: &Caller, name: &str) -> Result<PreviewAssessmentResponse, Status> {
    let request = PreviewAssessmentRequest { name: name.into() };
    let shown = client(caller).preview_assessment(request).await;
    shown.map(|shown| shown.into_inner())
}

async fn ratings(caller: &Caller) -> Vec<AssessmentRating> {
    let mut client = client(caller);
    let page = client.list_assessment_ratings(ListAssessmentRatingsRequest::default());
    page.await.unwrap().into_inner().assessment_ratings
}

/// The only one that somebody is asked for.
async fn rating(suite: &TestSuite, login: &str) -> AssessmentRating {
    let mut all = ratings(&of(suite, login)).await;
    assert_eq!(all.len(), 1, "{login}");
    all.remove(0)
}

fn points(rating: &AssessmentRating, points: i32, comment: &str) -> GiveAssessmentRatingRequest {
    let given = rating.criteria.iter().map(|one| GivenPoints {
        criterion: one.id.clone(),
        points,
        comment: comment.into(),
    });
    GiveAssessmentRatingRequest {
        name: rating.name.clone(),
        etag: rating.etag.clone(),
        points: given.collect(),
        request_id: String::new(),
    }
}

async fn give(
    caller: &Caller,
    request: GiveAssessmentRatingRequest,
) -> Result<AssessmentRating, Status> {
    let given = client(caller).give_assessment_rating(request).await;
    given.map(|given| given.into_inner())
}

/// Somebody scores the only one that they are asked for.
async fn score(suite: &TestSuite, login: &str, given: i32, comment: &str) -> AssessmentRating {
    let rating = rating(suite, login).await;
    let request = points(&rating, given, comment);
    give(&of(suite, login), request).await.unwrap()
}

fn publishing(assessment: &Assessment) -> PublishAssessmentRequest {
    PublishAssessmentRequest {
        name: assessment.name.clone(),
        etag: assessment.etag.clone(),
        note: "继续努力".into(),
        ..Default::default()
    }
}

async fn publish(caller: &Caller, request: PublishAssessmentRequest) -> Result<Assessment, Status> {
    let published = client(caller).publish_assessment(request).await;
    published.map(|published| published.into_inner())
}

async fn appeal(caller: &Caller, assessment: &Assessment) -> Result<Assessment, Status> {
    let request = AppealAssessmentRequest {
        name: assessment.name.clone(),
        etag: assessment.etag.clone(),
        reason: "两张工单是别人的".into(),
        request_id: String::new(),
    };
    let appealed = client(caller).appeal_assessment(request).await;
    appealed.map(|appealed| appealed.into_inner())
}

fn upholding(assessment: &Assessment) -> DecideAssessmentAppealRequest {
    DecideAssessmentAppealRequest {
        name: assessment.name.clone(),
        etag: assessment.etag.clone(),
        outcome: AssessmentAppealOutcome::Upheld.into(),
        reason: "查过了".into(),
        ..Default::default()
    }
}

async fn decide(
    caller: &Caller,
    request: DecideAssessmentAppealRequest,
) -> Result<Assessment, Status> {
    let decided = client(caller).decide_assessment_appeal(request).await;
    decided.map(|decided| decided.into_inner())
}

async fn complete(caller: &Caller, assessment: &Assessment) -> Result<Assessment, Status> {
    let request = CompleteAssessmentConsequenceRequest {
        name: assessment.name.clone(),
        etag: assessment.etag.clone(),
        note: "辅导两次".into(),
        request_id: String::new(),
    };
    let completed = client(caller)
        .complete_assessment_consequence(request)
        .await;
    completed.map(|completed| completed.into_inner())
}

async fn withdraw(caller: &Caller, assessment: &Assessment) -> Result<Assessment, Status> {
    let request = WithdrawAssessmentRequest {
        name: assessment.name.clone(),
        etag: assessment.etag.clone(),
        reason: "选错了日期".into(),
        request_id: String::new(),
    };
    let withdrawn = client(caller).withdraw_assessment(request).await;
    withdrawn.map(|withdrawn| withdrawn.into_inner())
}

/// An assessment that everybody has scored: 3 of 4 tickets resolved, 60 by the one above, and 90,
/// 80 and 90 by colleagues.
async fn scored(suite: &TestSuite) -> Assessment {
    let erp = work(suite, ASSESSED, 4, 3).await;
    let head = of(suite, HEAD).after(&erp);
    let opened = begin(&head, asked(suite)).await.unwrap().remove(0);
    score(suite, HEAD, 60, "产品知识不够").await;
    for (login, given) in COLLEAGUES.into_iter().zip([90, 80, 90]) {
        score(suite, login, given, &format!("来自 {login}")).await;
    }
    get(&head, &opened.name).await.unwrap()
}

/// The same, published with coaching by the head.
async fn published(suite: &TestSuite) -> Assessment {
    let ready = scored(suite).await;
    let request = PublishAssessmentRequest {
        owner: employee(HEAD),
        due_day: wire(today(suite)),
        ..publishing(&ready)
    };
    publish(&of(suite, HEAD), request).await.unwrap()
}
