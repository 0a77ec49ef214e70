//! Customers are asked how satisfied they are with what was done.

use std::time::Duration;

use kefu_contracts::{
    common::Channel,
    policy::Purpose,
    profile::{
        ConsentDecision, ListTimelineRequest, RecordConsentRequest,
        consent_service_client::ConsentServiceClient,
        timeline_service_client::TimelineServiceClient,
    },
    ticket::{
        AnswerSurveyRequest, AnswerSurveyResponse, AssignTicketRequest, CompleteReturnVisitRequest,
        GetSurveyQuestionRequest, GetSurveyQuestionResponse, GetSurveyRequest,
        IssueSurveyTokenRequest, IssueSurveyTokenResponse, ListSurveysRequest,
        MeasureSatisfactionRequest, MeasureSatisfactionResponse, ReopenTicketRequest,
        ResolveTicketRequest, ReturnVisit, Survey, SurveyReason, SurveyState, Ticket,
        survey_answer_service_client::SurveyAnswerServiceClient,
        survey_service_client::SurveyServiceClient,
    },
};
use kefu_testkit::{Caller, TestSuite, employee_id};
use tonic::{Code, Response, Status};

use crate::{
    handling::journaled,
    leak::dump::tables,
    records::{enter, open, person, refusal, said_consent, ticket, tickets, violations},
};

pub(crate) fn surveys(caller: &Caller) -> SurveyServiceClient<Caller> {
    SurveyServiceClient::new(caller.clone())
}

/// Surveys that the caller finds, latest first.
pub(crate) async fn listed(caller: &Caller, filter: &str) -> Vec<Survey> {
    let request = ListSurveysRequest {
        filter: filter.into(),
        ..ListSurveysRequest::default()
    };
    let found = surveys(caller).list_surveys(request).await.unwrap();
    found.into_inner().surveys
}

pub(crate) async fn issue(
    caller: &Caller,
    survey: &Survey,
    channel: Channel,
) -> Result<IssueSurveyTokenResponse, Status> {
    let request = IssueSurveyTokenRequest {
        name: survey.name.clone(),
        etag: survey.etag.clone(),
        channel: channel.into(),
    };
    let issued = surveys(caller).issue_survey_token(request).await;
    issued.map(Response::into_inner)
}

async fn question(page: &Caller, token: &str) -> Result<GetSurveyQuestionResponse, Status> {
    let request = GetSurveyQuestionRequest {
        token: token.into(),
    };
    let mut client = SurveyAnswerServiceClient::new(page.clone());
    let asked = client.get_survey_question(request).await;
    asked.map(Response::into_inner)
}

pub(crate) async fn give(
    page: &Caller,
    token: &str,
    marks: (i32, i32),
    comment: &str,
) -> Result<AnswerSurveyResponse, Status> {
    let request = AnswerSurveyRequest {
        token: token.into(),
        service_score: marks.0,
        result_score: marks.1,
        reasons: vec![SurveyReason::Speed.into()],
        comment: comment.into(),
    };
    let mut client = SurveyAnswerServiceClient::new(page.clone());
    let given = client.answer_survey(request).await;
    given.map(Response::into_inner)
}

pub(crate) async fn visit(
    caller: &Caller,
    survey: &Survey,
    note: &str,
    request_id: &str,
) -> Result<Survey, Status> {
    let request = CompleteReturnVisitRequest {
        name: survey.name.clone(),
        etag: survey.etag.clone(),
        note: note.into(),
        request_id: request_id.into(),
    };
    let visited = surveys(caller).complete_return_visit(request).await;
    visited.map(Response::into_inner)
}

async fn resolve(caller: &Caller, now: Ticket) -> Ticket {
    let request = ResolveTicketRequest {
        name: now.name,
        etag: now.etag,
        resolution: "已更换滤网".into(),
        ..ResolveTicketRequest::default()
    };
    let resolved = tickets(caller).resolve_ticket(request).await;
    resolved.unwrap().into_inner()
}

/// A ticket of the call centre that 王芳 works on, resolved.
async fn resolved(suite: &TestSuite, erp: &Caller, customer: &str) -> Ticket {
    let agent = suite.caller("wang.fang").after(erp);
    let opened = open(&agent, ticket(customer)).await;
    let request = AssignTicketRequest {
        name: opened.name,
        etag: opened.etag,
        assignee: format!("employees/{}", employee_id("wang.fang")),
        ..AssignTicketRequest::default()
    };
    let assigned = tickets(erp).assign_ticket(request).await.unwrap();
    resolve(erp, assigned.into_inner()).await
}

async fn survey_of(caller: &Caller, ticket: &Ticket) -> Survey {
    let filter = format!("ticket = {}", ticket.name);
    listed(caller, &filter).await.remove(0)
}

/// What a refusal says, its call's id left out.
fn whole(status: &Status) -> (Code, String, Vec<u8>) {
    let message = status.message().to_owned();
    (status.code(), message, status.details().to_vec())
}

/// Clauses SG-4, OP-3.2: the customer answers by a link that needs no account and shows
/// nothing, once, and may think again for a day; whatever is wrong with a link looks the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_resolution_is_asked_about_by_a_link() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let ticket = resolved(&suite, &erp, &customer).await;
    let invited = survey_of(&erp, &ticket).await;
    assert_eq!(
        (invited.state(), invited.attempt, invited.channels.len()),
        (SurveyState::Invited, 1, 0)
    );
    let replaced = issue(&erp, &invited, Channel::Phone).await.unwrap();
    let stale = issue(&erp, &invited, Channel::Phone).await.unwrap_err();
    assert_eq!(refusal(&stale).1, "ETAG_MISMATCH");
    let sent = survey_of(&erp, &ticket).await;
    assert_eq!(
        (sent.state(), &sent.etag),
        (SurveyState::Sent, &replaced.etag)
    );
    let token = issue(&erp, &sent, Channel::Phone).await.unwrap().token;
    assert_eq!(token.len(), 43);

    let wrong = whole(&question(&erp, "wrong").await.unwrap_err());
    assert_eq!(wrong.0, Code::NotFound);
    let no_longer = question(&erp, &replaced.token).await.unwrap_err();
    assert_eq!(whole(&no_longer), wrong);
    assert!(!question(&erp, &token).await.unwrap().answered);
    let refused = give(&erp, &token, (0, 6), "").await.unwrap_err();
    assert_eq!(violations(&refused), ["service_score", "result_score"]);
    let comment = "等了三天才有人来";
    give(&erp, &token, (5, 4), comment).await.unwrap();
    give(&erp, &token, (4, 4), comment).await.unwrap();
    assert!(question(&erp, &token).await.unwrap().answered);

    let answered = survey_of(&erp, &ticket).await;
    assert_eq!(answered.state(), SurveyState::Answered);
    assert_eq!(
        (answered.service_score, answered.comment.as_str()),
        (4, comment)
    );
    let late = issue(&erp, &answered, Channel::Phone).await.unwrap_err();
    assert_eq!(refusal(&late).1, "STATE_NOT_ALLOWED");
    for (table, text) in tables(&suite.database).await {
        assert!(!text.contains(&token) && !text.contains(comment), "{table}");
    }

    suite.clock.advance(Duration::from_secs(24 * 3600 + 1));
    suite.policy_is_fresh().await;
    let page = suite.caller_for("erp", "integration");
    let used_up = question(&page, &token).await.unwrap_err();
    assert_eq!(whole(&used_up), wrong);
    let used_up = give(&page, &token, (1, 1), "").await.unwrap_err();
    assert_eq!(whole(&used_up), wrong);
}

/// Clauses SG-4, OP-3.2: every resolution is asked about, each as an attempt of its own, and
/// nobody is asked any more when the time is over.
#[tokio::test(flavor = "multi_thread")]
async fn every_attempt_is_asked_about_in_its_time() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let once = resolved(&suite, &erp, &customer).await;
    let request = ReopenTicketRequest {
        name: once.name,
        etag: once.etag,
        reason: "又坏了".into(),
        ..ReopenTicketRequest::default()
    };
    let reopened = tickets(&erp).reopen_ticket(request).await.unwrap();
    let twice = resolve(&erp, reopened.into_inner()).await;
    let filter = format!("ticket = {} AND state = INVITED", twice.name);
    let attempts: Vec<i32> = listed(&erp, &filter)
        .await
        .iter()
        .map(|one| one.attempt)
        .collect();
    assert_eq!(attempts, [2, 1]);
    let survey = survey_of(&erp, &twice).await;
    let token = issue(&erp, &survey, Channel::Email).await.unwrap().token;

    suite.clock.advance(Duration::from_secs(14 * 86_400 + 1));
    suite.policy_is_fresh().await;
    let page = suite.caller_for("erp", "integration");
    let late = question(&page, &token).await.unwrap_err();
    let wrong = question(&page, "wrong").await.unwrap_err();
    assert_eq!(whole(&late), whole(&wrong));
    let current = survey_of(&page, &twice).await;
    let refused = issue(&page, &current, Channel::Email).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
}

/// Clauses SG-4, OP-3.2, IH-3.2, CF-2.3: low marks are for the department to visit, and are seen by
/// whoever works for the customer.
#[tokio::test(flavor = "multi_thread")]
async fn low_marks_are_followed_by_a_visit() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let ticket = resolved(&suite, &erp, &customer).await;
    let survey = survey_of(&erp, &ticket).await;
    let issued = issue(&erp, &survey, Channel::Phone).await.unwrap();
    give(&erp, &issued.token, (5, 2), "没修好").await.unwrap();

    let head = suite.caller("zhang.min").after(&erp);
    let due = listed(&head, "visit = DUE").await;
    assert_eq!(due.len(), 1);
    assert_eq!((due[0].visit(), due[0].result_score), (ReturnVisit::Due, 2));
    let elsewhere = suite.caller("zhou.ting").after(&erp);
    assert_eq!(listed(&elsewhere, "").await, []);
    let request = GetSurveyRequest {
        name: due[0].name.clone(),
    };
    let hidden = surveys(&elsewhere).get_survey(request.clone()).await;
    assert_eq!(hidden.unwrap_err().code(), Code::NotFound);
    let hidden = visit(&elsewhere, &due[0], "x", "").await.unwrap_err();
    assert_eq!(hidden.code(), Code::NotFound);
    // Who audits sees that the customer was asked, and nothing of what they said.
    let auditor = suite.caller_for("dong.jie", "audit").after(&erp);
    let masked = surveys(&auditor).get_survey(request).await.unwrap();
    let masked = masked.into_inner();
    assert_eq!(
        (masked.result_score, masked.visit, masked.comment.as_str()),
        (0, 0, "")
    );
    assert_eq!(masked.state(), SurveyState::Answered);

    let refused = visit(&head, &due[0], "", "").await.unwrap_err();
    assert_eq!(violations(&refused), ["note"]);
    let request_id = "0190c5a8-0000-7000-8000-0000000000f1";
    let agent = suite.caller("wang.fang").after(&erp);
    let done = visit(&agent, &due[0], "已上门重修", request_id)
        .await
        .unwrap();
    assert_eq!(
        (done.visit(), done.visit_note.as_str()),
        (ReturnVisit::Done, "已上门重修")
    );
    // Answered again, it is shown again.
    let looks = journaled(&suite, "survey.viewed").await;
    assert_eq!(
        visit(&agent, &due[0], "已上门重修", request_id)
            .await
            .unwrap(),
        done
    );
    assert_eq!(journaled(&suite, "survey.viewed").await, looks + 1);
    let stale = visit(&agent, &due[0], "再访", "").await.unwrap_err();
    assert_eq!(refusal(&stale).1, "ETAG_MISMATCH");
    let again = visit(&agent, &done, "再访", "").await.unwrap_err();
    assert_eq!(refusal(&again).1, "STATE_NOT_ALLOWED");
    assert_eq!(listed(&head.after(&agent), "visit = DUE").await, []);

    // It is in the history of the customer.
    let archive = suite
        .caller_for("feng.yulan", "administration")
        .after(&agent);
    let request = ListTimelineRequest {
        parent: customer,
        filter: "kind = VISIT".into(),
        ..ListTimelineRequest::default()
    };
    let mut timeline = TimelineServiceClient::new(archive);
    let visits = timeline.list_timeline(request).await.unwrap().into_inner();
    assert_eq!((visits.total_size, visits.entries.len()), (1, 1));
    assert_eq!(visits.entries[0].act, "survey.visited");
    assert_eq!(visits.entries[0].feedback, None);
}

/// Clauses SG-4, IH-2.1: whoever does not want to be turned to is not asked, and the others
/// by the channels that they agreed to.
#[tokio::test(flavor = "multi_thread")]
async fn customers_are_asked_as_they_agreed() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let mut asked = Vec::new();
    for decision in [ConsentDecision::Refused, ConsentDecision::Given] {
        let customer = enter(&erp, person()).await.name;
        let request = RecordConsentRequest {
            consent: Some(said_consent(&customer, Purpose::Quality, decision)),
            request_id: String::new(),
        };
        let mut consents = ConsentServiceClient::new(erp.clone());
        consents.record_consent(request).await.unwrap();
        let ticket = resolved(&suite, &erp, &customer).await;
        asked.push(listed(&erp, &format!("ticket = {}", ticket.name)).await);
    }
    assert_eq!(asked[0], []);
    let survey = &asked[1][0];
    assert_eq!(survey.channels().collect::<Vec<_>>(), [Channel::Phone]);
    let refused = issue(&erp, survey, Channel::Email).await.unwrap_err();
    assert_eq!(violations(&refused), ["channel"]);
    issue(&erp, survey, Channel::Phone).await.unwrap();
}

async fn measured(caller: &Caller) -> MeasureSatisfactionResponse {
    let request = MeasureSatisfactionRequest::default();
    let answer = surveys(caller).measure_satisfaction(request).await;
    answer.unwrap().into_inner()
}

/// Clause CC-1.4: satisfied answers of all answers, within the scope of whoever asks.
#[tokio::test(flavor = "multi_thread")]
async fn satisfaction_is_of_the_answers_in_scope() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    for marks in [(5, 5), (5, 2), (3, 4)] {
        let ticket = resolved(&suite, &erp, &customer).await;
        let survey = survey_of(&erp, &ticket).await;
        let token = issue(&erp, &survey, Channel::Phone).await.unwrap().token;
        give(&erp, &token, marks, "").await.unwrap();
    }
    // Asked, and not answered: no part of it.
    resolved(&suite, &erp, &customer).await;
    let inside = measured(&suite.caller("zhang.min").after(&erp)).await;
    let of = |rate: Option<kefu_contracts::ticket::SatisfactionRate>| {
        let rate = rate.unwrap();
        (rate.satisfied_count, rate.answer_count)
    };
    assert_eq!(
        (of(inside.overall), of(inside.service), of(inside.result)),
        ((1, 3), (2, 3), (2, 3))
    );
    assert_eq!(inside.visits_due_count, 1);
    let outside = measured(&suite.caller("zhou.ting").after(&erp)).await;
    assert_eq!(of(outside.overall), (0, 0));
    let agent = suite.caller("wang.fang").after(&erp);
    let request = MeasureSatisfactionRequest::default();
    let refused = surveys(&agent).measure_satisfaction(request).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    let head = suite.caller("zhang.min");
    let request = MeasureSatisfactionRequest {
        department: "departments/7".into(),
        ..MeasureSatisfactionRequest::default()
    };
    let refused = surveys(&head).measure_satisfaction(request).await;
    assert_eq!(violations(&refused.unwrap_err()), ["department"]);
}
