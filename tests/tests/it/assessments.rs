//! Staff is assessed by the line above, of figures, the one above and colleagues; the person
//! concerned learns of it when it is published, and nobody else does.

mod figures;
mod monthly;
mod rules;

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
use sqlx::{Connection, PgConnection};
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
    let page = client(caller).list_assessment_ratings(ListAssessmentRatingsRequest::default());
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

/// Clause OP-4.2: data, the one above and colleagues score, with weights; the result is counted
/// exactly and kept with what it was counted of.
#[tokio::test(flavor = "multi_thread")]
async fn staff_is_assessed_by_figures_superior_and_colleagues() {
    let suite = suite().await;
    let erp = work(&suite, ASSESSED, 4, 3).await;
    let head = of(&suite, HEAD).after(&erp);
    let request = OpenAssessmentsRequest {
        request_id: ID.into(),
        ..asked(&suite)
    };
    let opened = begin(&head, request.clone()).await.unwrap();
    assert_eq!(begin(&head, request.clone()).await.unwrap(), opened, "once");
    let other = OpenAssessmentsRequest {
        first_day: wire(yesterday(&suite).yesterday().unwrap()),
        ..request
    };
    let reused = begin(&head, other).await.unwrap_err();
    assert_eq!(refusal(&reused).1, "REQUEST_ID_REUSED");
    let again = begin(&head, asked(&suite)).await.unwrap_err();
    assert_eq!(refusal(&again).1, "ALREADY_EXISTS");
    let opened = &opened[0];
    assert_eq!(opened.state(), AssessmentState::Collecting);
    assert_eq!(opened.origin(), AssessmentOrigin::AdHoc);
    assert_eq!((opened.rules_version, opened.result.as_ref()), (1, None));
    assert_eq!(
        (&opened.superior, &opened.opener),
        (&employee(HEAD), &employee(HEAD))
    );
    let department = name("departments", department_id("call_centre"));
    assert_eq!(opened.department, department);

    // What was not given is said, and nothing is published.
    let before = preview(&head, &opened.name).await.unwrap();
    assert!(before.superior_missing);
    assert_eq!(before.colleagues_missing, 3);
    let early = before.result.unwrap();
    assert_eq!((early.score, early.consequence), (0, 0));
    assert_eq!(
        (early.criteria[0].numerator, early.criteria[0].denominator),
        (300, 4)
    );
    let refused = publish(&head, publishing(opened)).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");

    let asked_of = rating(&suite, HEAD).await;
    assert_eq!(asked_of.kind(), AssessmentRatingKind::Superior);
    assert!(asked_of.open && asked_of.criteria.len() == 1);
    let mut wrong = points(&asked_of, 62, "");
    wrong.points.push(GivenPoints {
        criterion: "teamwork".into(),
        ..Default::default()
    });
    let refused = give(&head, wrong).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        [
            "points[0].points",
            "points[0].comment",
            "points[1].criterion"
        ]
    );
    let first = score(&suite, HEAD, 55, "先打一次").await;
    let stale = give(&head, points(&asked_of, 60, "x")).await.unwrap_err();
    assert_eq!(refusal(&stale).1, "ETAG_MISMATCH");
    let repeated = GiveAssessmentRatingRequest {
        request_id: ID.replace("a501", "a502"),
        ..points(&first, 60, "产品知识不够")
    };
    let second = give(&head, repeated.clone()).await.unwrap();
    assert_eq!(give(&head, repeated).await.unwrap(), second);
    for (at, (login, given)) in COLLEAGUES.into_iter().zip([90, 80, 90]).enumerate() {
        let before = preview(&head, &opened.name).await.unwrap();
        let colleagues = &before.result.unwrap().criteria[2];
        assert!(colleagues.missing, "{at} are too few");
        score(&suite, login, given, &format!("来自 {login}")).await;
    }
    let ready = get(&head, &opened.name).await.unwrap();
    assert_eq!(ready.state(), AssessmentState::Ready);
    let shown = preview(&head, &opened.name).await.unwrap().result.unwrap();
    assert_eq!(
        get(&head, &opened.name).await.unwrap(),
        ready,
        "nothing is kept of it"
    );
    // (50 × 80 + 30 × 60 + 20 × 260/3) / 100
    assert_eq!((shown.score, shown.counted_weight), (7_533, 100));

    let lacking = publish(&head, publishing(&ready)).await.unwrap_err();
    assert_eq!(violations(&lacking), ["owner", "due_day"]);
    let request = PublishAssessmentRequest {
        owner: employee(ASSESSED),
        due_day: wire(yesterday(&suite)),
        ..publishing(&ready)
    };
    let wrong = publish(&head, request).await.unwrap_err();
    assert_eq!(
        violations(&wrong),
        ["owner", "due_day"],
        "not themselves, not in the past"
    );
    let request = PublishAssessmentRequest {
        owner: employee(HEAD),
        due_day: wire(today(&suite)),
        request_id: ID.replace("a501", "a503"),
        ..publishing(&ready)
    };
    let published = publish(&head, request.clone()).await.unwrap();
    assert_eq!(publish(&head, request).await.unwrap(), published);
    assert_eq!(published.state(), AssessmentState::Published);
    let result = published.result.as_ref().unwrap();
    assert_eq!(
        (result.score, result.criteria.clone()),
        (7_533, shown.criteria)
    );
    assert_eq!(result.consequence(), AssessmentConsequence::Coaching);
    assert_eq!(result.sources.len(), 5);
    assert!(result.count_time.is_some() && result.generation > 0);
    let exact: Vec<_> = result
        .criteria
        .iter()
        .map(|one| (one.weight, one.points_numerator, one.points_denominator))
        .collect();
    assert_eq!(exact, [(50, 80, 1), (30, 60, 1), (20, 260, 3)]);
    let late = give(&head, points(&second, 100, "x")).await.unwrap_err();
    assert_eq!(refusal(&late).1, "STATE_NOT_ALLOWED");

    // Kept: not even the service may change it.
    let mut own = PgConnection::connect(&suite.database.url_of("analytics").unwrap())
        .await
        .unwrap();
    for change in [
        "UPDATE analytics.assessment_result SET content = ''",
        "DELETE FROM analytics.assessment_result",
    ] {
        let refused = sqlx::query(change).execute(&mut own).await.unwrap_err();
        assert!(
            refused.to_string().contains("permission denied"),
            "{refused}"
        );
    }
}

/// Clauses OP-4.2, CF-6.1: the person concerned sees a result once it is published, and never who
/// of the colleagues said what; the line above sees it; to others there is none.
#[tokio::test(flavor = "multi_thread")]
async fn assessments_are_seen_by_the_person_concerned_and_the_line_above() {
    let suite = suite().await;
    let ready = scored(&suite).await;
    let (own, head) = (of(&suite, ASSESSED), of(&suite, HEAD));
    let absent = get(&own, NOBODY).await.unwrap_err();
    assert_eq!(refusal(&absent), hidden());
    // Before it is published.
    let others = [
        "zhou.ting",
        "zhao.lei",
        "wang.fang",
        ADMINISTRATOR,
        "song.yue",
        ASSESSED,
    ];
    for login in others {
        let caller = of(&suite, login);
        assert_eq!(
            refusal(&get(&caller, &ready.name).await.unwrap_err()),
            hidden(),
            "{login}"
        );
        assert_eq!(list(&caller, "").await.unwrap(), [], "{login}");
    }
    let objection = appeal(&own, &ready).await.unwrap_err();
    assert_eq!(refusal(&objection), hidden());
    assert_eq!(ratings(&own).await, []);
    let foreign = GetAssessmentRatingRequest {
        name: rating(&suite, "wang.fang").await.name,
    };
    let foreign = client(&head)
        .get_assessment_rating(foreign)
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&foreign),
        hidden(),
        "not even the head sees what one gave"
    );
    for (login, hidden_from) in [("zhou.ting", true), (HEAD, false), (ABOVE, false)] {
        let looked = preview(&of(&suite, login), &ready.name).await;
        assert_eq!(looked.is_err(), hidden_from, "{login}");
    }
    let wrong = suite.caller_for(HEAD, "service");
    assert_eq!(
        get(&wrong, &ready.name).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    let unsaid = suite.caller_for(HEAD, "");
    assert_eq!(
        refusal(&get(&unsaid, &ready.name).await.unwrap_err()).1,
        "PURPOSE_REQUIRED"
    );

    let request = PublishAssessmentRequest {
        owner: employee(HEAD),
        due_day: wire(today(&suite)),
        ..publishing(&ready)
    };
    publish(&head, request).await.unwrap();
    for login in &others[..5] {
        let caller = of(&suite, login);
        assert_eq!(
            refusal(&get(&caller, &ready.name).await.unwrap_err()),
            hidden(),
            "{login}"
        );
        assert_eq!(list(&caller, "").await.unwrap(), [], "{login}");
    }
    let seen = get(&own, &ready.name).await.unwrap();
    assert_eq!(
        (seen.note.as_str(), seen.owner.as_str()),
        ("继续努力", employee(HEAD).as_str())
    );
    let colleagues = &seen.result.as_ref().unwrap().criteria[2];
    assert_eq!((colleagues.points, colleagues.rater_count), (8_667, 3));
    let told: Vec<&str> = seen.comments.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(told, ["产品知识不够"], "nothing of what colleagues said");
    let listed = list(&own, "").await.unwrap();
    assert_eq!((listed.len(), listed[0].note.as_str()), (1, ""));
    for login in [HEAD, ABOVE, "chen.guodong"] {
        let seen = get(&of(&suite, login), &ready.name).await.unwrap();
        assert_eq!(seen.comments.len(), 4, "{login}");
        let filter = format!("employee = {} AND state = PUBLISHED", employee(ASSESSED));
        assert_eq!(list(&of(&suite, login), &filter).await.unwrap().len(), 1);
    }
    // Whoever it is about does nothing to it but object.
    for refused in [
        complete(&own, &seen).await.unwrap_err(),
        decide(&own, upholding(&seen)).await.unwrap_err(),
        withdraw(&own, &seen).await.unwrap_err(),
        publish(&own, publishing(&seen)).await.unwrap_err(),
        preview(&own, &seen.name).await.unwrap_err(),
        begin(&own, asked(&suite)).await.unwrap_err(),
    ] {
        assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    }
    let looks =
        "SELECT count(*) FROM analytics.journal WHERE type = 'assessment.viewed' AND kind = 2
                 AND resource LIKE 'assessments/%'";
    assert!(counted(&suite, looks).await >= 9, "every look is journaled");
    let refused = "SELECT count(*) FROM analytics.journal WHERE type = 'assessment.refused'";
    assert!(
        counted(&suite, refused).await >= 12,
        "and every one in vain"
    );
}

/// Clause OP-4.2: the person concerned objects once and in time; somebody above decides who
/// neither scored nor published it, and what was published stays beside what was decided.
#[tokio::test(flavor = "multi_thread")]
async fn an_assessment_is_objected_to_once_and_decided_above() {
    let suite = suite().await;
    let published = published(&suite).await;
    let (own, head) = (of(&suite, ASSESSED), of(&suite, HEAD));
    // To the head it is somebody else's.
    assert_eq!(
        refusal(&appeal(&head, &published).await.unwrap_err()),
        hidden()
    );
    let early = decide(&of(&suite, ABOVE), upholding(&published))
        .await
        .unwrap_err();
    assert_eq!(refusal(&early).1, "STATE_NOT_ALLOWED");
    let appealed = appeal(&own, &published).await.unwrap();
    assert_eq!(appealed.state(), AssessmentState::Appealed);
    assert_eq!(
        refusal(&appeal(&own, &appealed).await.unwrap_err()).1,
        "STATE_NOT_ALLOWED"
    );
    let stale = decide(&of(&suite, ABOVE), upholding(&published))
        .await
        .unwrap_err();
    assert_eq!(refusal(&stale).1, "ETAG_MISMATCH");
    let who_scored = decide(&head, upholding(&appealed)).await.unwrap_err();
    assert_eq!(refusal(&who_scored).1, "SECOND_PERSON_REQUIRED");
    let elsewhere = decide(&of(&suite, "zhou.ting"), upholding(&appealed))
        .await
        .unwrap_err();
    assert_eq!(refusal(&elsewhere), hidden());
    let mut wrong = upholding(&appealed);
    wrong.points.push(DecidedPoints::default());
    wrong.owner = employee(HEAD);
    let wrong = decide(&of(&suite, ABOVE), wrong).await.unwrap_err();
    assert_eq!(violations(&wrong), ["points", "owner"]);
    let changing = DecideAssessmentAppealRequest {
        outcome: AssessmentAppealOutcome::Changed.into(),
        points: vec![DecidedPoints {
            criterion: "resolution".into(),
            points: 100,
        }],
        ..upholding(&appealed)
    };
    let mut too_much = changing.clone();
    too_much.points[0].points = 101;
    too_much.points.push(DecidedPoints {
        criterion: "height".into(),
        points: 1,
    });
    let too_much = decide(&of(&suite, ABOVE), too_much).await.unwrap_err();
    assert_eq!(
        violations(&too_much),
        ["points[0].points", "points[1].criterion"]
    );
    let decided = decide(&of(&suite, ABOVE), changing).await.unwrap();
    assert_eq!(decided.state(), AssessmentState::Final);
    assert_eq!(decided.decider, employee(ABOVE));
    let (result, earlier) = (decided.result.unwrap(), decided.earlier_result.unwrap());
    assert_eq!(
        Some(&earlier),
        published.result.as_ref(),
        "what was published stays"
    );
    // (50 × 100 + 30 × 60 + 20 × 260/3) / 100
    assert_eq!((result.score, earlier.score), (8_533, 7_533));
    assert_eq!(result.consequence(), AssessmentConsequence::None);
    assert!(decided.owner.is_empty(), "nothing follows any more");
    let changed = &result.criteria[0];
    assert!(
        changed.decided && changed.numerator == 300,
        "figures are what they were"
    );
    let seen = get(&own, &published.name).await.unwrap();
    assert_eq!(seen.decision_reason, "查过了");
    assert_eq!(seen.appeal_outcome(), AssessmentAppealOutcome::Changed);
    assert_eq!(
        refusal(&appeal(&own, &seen).await.unwrap_err()).1,
        "STATE_NOT_ALLOWED"
    );
    let done = complete(&head, &seen).await.unwrap_err();
    assert_eq!(said(&done, "state"), "NOTHING_FOLLOWS");
    let acts = "SELECT count(*) FROM analytics.journal WHERE kind = 1 AND type IN
                ('assessment.opened', 'assessment.ready', 'assessment.published',
                 'assessment.appealed', 'assessment.appeal_decided')";
    assert_eq!(counted(&suite, acts).await, 5, "each once");
}

/// Clause OP-4.2: who publishes has a hand in it, also where they scored nothing; then the next
/// above decides.
#[tokio::test(flavor = "multi_thread")]
async fn who_published_a_result_does_not_decide_upon_it() {
    let suite = suite().await;
    let ready = scored(&suite).await;
    let request = PublishAssessmentRequest {
        owner: employee(HEAD),
        due_day: wire(today(&suite)),
        ..publishing(&ready)
    };
    let published = publish(&of(&suite, ABOVE), request).await.unwrap();
    let appealed = appeal(&of(&suite, ASSESSED), &published).await.unwrap();
    for login in [HEAD, ABOVE] {
        let refused = decide(&of(&suite, login), upholding(&appealed)).await;
        assert_eq!(
            refusal(&refused.unwrap_err()).1,
            "SECOND_PERSON_REQUIRED",
            "{login}"
        );
    }
    let upheld = decide(&of(&suite, "chen.guodong"), upholding(&appealed));
    let upheld = upheld.await.unwrap();
    assert_eq!(upheld.appeal_outcome(), AssessmentAppealOutcome::Upheld);
    assert_eq!(upheld.result, published.result);
    assert_eq!(
        (upheld.earlier_result, upheld.owner),
        (None, employee(HEAD))
    );
}

/// Clause OP-4.2: what nobody objects to in time stands, and what follows is done once.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_nobody_objects_to_stands_and_is_carried_out() {
    let suite = suite().await;
    let published = published(&suite).await;
    let (own, head) = (of(&suite, ASSESSED), of(&suite, HEAD));
    let early = complete(&head, &published).await.unwrap_err();
    assert_eq!(refusal(&early).1, "STATE_NOT_ALLOWED");
    pass(&suite, 5).await;
    let (own, head) = (
        of(&suite, ASSESSED).after(&own),
        of(&suite, HEAD).after(&head),
    );
    until(
        &suite,
        "SELECT count(*) FROM analytics.assessment WHERE state = 5",
        1,
    )
    .await;
    let late = appeal(&own, &published).await.unwrap_err();
    assert_eq!(refusal(&late).1, "ETAG_MISMATCH");
    let stands = get(&own, &published.name).await.unwrap();
    assert_eq!(stands.state(), AssessmentState::Final);
    assert_eq!(
        refusal(&appeal(&own, &stands).await.unwrap_err()).1,
        "STATE_NOT_ALLOWED"
    );
    let done = complete(&head, &stands).await.unwrap();
    assert!(done.complete_time.is_some());
    let again = complete(&head, &done).await.unwrap_err();
    assert_eq!(said(&again, "state"), "COMPLETED");
    assert_eq!(
        get(&own, &done.name).await.unwrap().completion_note,
        "辅导两次"
    );
    let lapsed = "SELECT count(*) FROM analytics.journal WHERE type = 'assessment.lapsed'";
    assert_eq!(counted(&suite, lapsed).await, 1);
}

/// Clause OP-4.2: of two who act at once one does.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_publish_at_once_one_does() {
    let suite = suite().await;
    let erp = work(&suite, ASSESSED, 4, 3).await;
    let head = of(&suite, HEAD).after(&erp);
    let opened = begin(&head, asked(&suite)).await.unwrap().remove(0);
    let all = [HEAD, COLLEAGUES[0], COLLEAGUES[1], COLLEAGUES[2]];
    let scores = all.map(|login| score(&suite, login, 80, "一起打分"));
    let [a, b, c, d] = scores;
    tokio::join!(a, b, c, d);
    let ready = get(&head, &opened.name).await.unwrap();
    assert_eq!(ready.state(), AssessmentState::Ready);
    let turned = "SELECT count(*) FROM analytics.journal WHERE type = 'assessment.ready'";
    assert_eq!(counted(&suite, turned).await, 1);
    // All 80 points: nothing follows.
    let above = of(&suite, ABOVE);
    let (one, other) = tokio::join!(
        publish(&head, publishing(&ready)),
        publish(&above, publishing(&ready))
    );
    let lost: Vec<Status> = [one, other].into_iter().filter_map(Result::err).collect();
    assert_eq!(lost.len(), 1);
    assert_eq!(refusal(&lost[0]).1, "ETAG_MISMATCH");
    assert_eq!(
        counted(&suite, "SELECT count(*) FROM analytics.assessment_result").await,
        1
    );
}

/// Clause OP-4.2: what was opened by mistake is ended, and can be opened anew; who heads people is
/// assessed by who is above them, out of sight of their own people and of themselves.
#[tokio::test(flavor = "multi_thread")]
async fn heads_are_assessed_by_those_above_them() {
    let suite = suite().await;
    let of_head = OpenAssessmentsRequest {
        people: vec![AssessedPerson {
            employee: employee("zhao.lei"),
            colleagues: Vec::new(),
        }],
        ..asked(&suite)
    };
    for login in ["zhao.lei", "zhou.ting"] {
        let refused = begin(&of(&suite, login), of_head.clone())
            .await
            .unwrap_err();
        assert_eq!(refusal(&refused), hidden(), "{login} is not above");
    }
    let head = of(&suite, HEAD);
    let opened = begin(&head, of_head.clone()).await.unwrap().remove(0);
    assert_eq!(opened.superior, employee(HEAD));
    assert_eq!(
        opened.department,
        name("departments", department_id("call_centre"))
    );
    let own = of(&suite, "zhao.lei");
    for hidden_from in [&own, &of(&suite, "ma.chao")] {
        assert_eq!(
            refusal(&get(hidden_from, &opened.name).await.unwrap_err()),
            hidden()
        );
        assert_eq!(list(hidden_from, "").await.unwrap(), []);
    }
    assert_eq!(
        refusal(&withdraw(&own, &opened).await.unwrap_err()),
        hidden()
    );
    let withdrawn = withdraw(&head, &opened).await.unwrap();
    assert_eq!(withdrawn.state(), AssessmentState::Withdrawn);
    assert_eq!(withdrawn.withdrawal_reason, "选错了日期");
    let closed = rating(&suite, HEAD).await;
    assert!(!closed.open);
    let late = give(&head, points(&closed, 50, "x")).await.unwrap_err();
    assert_eq!(refusal(&late).1, "STATE_NOT_ALLOWED");
    assert_eq!(
        refusal(&get(&own, &opened.name).await.unwrap_err()),
        hidden(),
        "for good"
    );
    let anew = begin(&head, of_head).await.unwrap().remove(0);
    assert_ne!(anew.name, opened.name);
}

/// Clause OP-4.2: everything that is wrong about what is opened is told at once.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_opened_is_of_people_below_and_of_days_that_are_over() {
    let suite = suite().await;
    let head = of(&suite, HEAD);
    let wrong = OpenAssessmentsRequest {
        scheme: "none".into(),
        people: vec![
            AssessedPerson {
                employee: "employees/x".into(),
                colleagues: vec![employee("wang.fang")],
            },
            AssessedPerson {
                employee: employee(ASSESSED),
                colleagues: ["wang.fang", "wang.fang", "hu.tao"].map(employee).to_vec(),
            },
            AssessedPerson {
                employee: employee(ASSESSED),
                colleagues: Vec::new(),
            },
        ],
        first_day: None,
        last_day: wire(today(&suite)),
        request_id: "x".into(),
    };
    let refused = begin(&head, wrong).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        [
            "request_id",
            "scheme",
            "first_day",
            "people[0].employee",
            "people[0].colleagues",
            "people[1].colleagues[1]",
            "people[2].employee",
        ]
    );
    let mut unfit = asked(&suite);
    unfit.last_day = wire(today(&suite));
    let refused = begin(&head, unfit).await.unwrap_err();
    assert_eq!(violations(&refused), ["last_day"], "it is not over");
    let mut unfit = asked(&suite);
    // The one above, themselves, and somebody of elsewhere.
    unfit.people[0].colleagues = [HEAD, ASSESSED, "ma.chao"].map(employee).to_vec();
    let refused = begin(&head, unfit).await.unwrap_err();
    let each = [0, 1, 2].map(|at| format!("people[0].colleagues[{at}]"));
    assert_eq!(violations(&refused), each);
    let absent = OpenAssessmentsRequest {
        people: vec![AssessedPerson {
            employee: name("employees", Uuid::from_u128(1)),
            colleagues: Vec::new(),
        }],
        ..asked(&suite)
    };
    assert_eq!(refusal(&begin(&head, absent).await.unwrap_err()), hidden());
    let mut elsewhere = asked(&suite);
    elsewhere.people[0].employee = employee("wu.peng");
    assert_eq!(
        refusal(&begin(&head, elsewhere).await.unwrap_err()),
        hidden()
    );
    assert_eq!(
        counted(&suite, "SELECT count(*) FROM analytics.assessment").await,
        0
    );
}
