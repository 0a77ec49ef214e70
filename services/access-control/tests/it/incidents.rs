//! Leaks: written down, judged, reported, closed by another, and whom they touched (IH-5).

mod affected;
mod refusals;

use std::time::Duration;

use kefu_access::Scope;
use kefu_contracts::{
    access::{
        AssessIncidentRequest, CloseIncidentRequest, CreateIncidentRequest, GetIncidentRequest,
        Incident, IncidentAct, IncidentEvent, IncidentSeverity, IncidentState,
        ListIncidentsRequest, ReportIncidentRequest,
    },
    journal::{Entry, EntryKind, IncidentChanged, event},
};
use kefu_service::{clock::Clock, time::to_proto};
use tonic::Status;

use crate::{
    alerts::{at, house},
    house::{Caller, House},
};

/// Somebody whose post reaches all incidents.
fn post(house: &House, login: &str) -> Caller {
    house.caller(house.id(login), Scope::All)
}

fn archive(house: &House) -> Caller {
    post(house, "feng.yulan")
}

fn leader(house: &House) -> Caller {
    post(house, "chen.guodong")
}

/// What li.wei read on Tuesday morning.
fn suspicion(house: &House) -> Incident {
    Incident {
        description: "客户名单出现在外部群聊中".into(),
        actors: vec![house.employee("li.wei")],
        start_time: Some(to_proto(at("2026-03-03T02:00:00Z"))),
        end_time: Some(to_proto(at("2026-03-03T03:00:00Z"))),
        ..Incident::default()
    }
}

async fn open(by: &Caller, incident: Incident) -> Result<Incident, Status> {
    let request = CreateIncidentRequest {
        incident: Some(incident),
        request_id: String::new(),
    };
    let answer = by.incidents().create_incident(request).await?;
    Ok(answer.into_inner())
}

async fn assess(
    by: &Caller,
    incident: &Incident,
    severity: IncidentSeverity,
) -> Result<Incident, Status> {
    let request = AssessIncidentRequest {
        name: incident.name.clone(),
        etag: incident.etag.clone(),
        severity: severity.into(),
        assessment: "名单含联系方式".into(),
        request_id: String::new(),
    };
    let answer = by.incidents().assess_incident(request).await?;
    Ok(answer.into_inner())
}

async fn report(by: &Caller, incident: &Incident) -> Result<Incident, Status> {
    let request = ReportIncidentRequest {
        name: incident.name.clone(),
        etag: incident.etag.clone(),
        recipient: "市网信办".into(),
        report: "已按要求书面报告".into(),
        request_id: String::new(),
    };
    let answer = by.incidents().report_incident(request).await?;
    Ok(answer.into_inner())
}

async fn close(by: &Caller, incident: &Incident) -> Result<Incident, Status> {
    let request = CloseIncidentRequest {
        name: incident.name.clone(),
        etag: incident.etag.clone(),
        conclusion: "已收回并培训".into(),
        request_id: String::new(),
    };
    let answer = by.incidents().close_incident(request).await?;
    Ok(answer.into_inner())
}

async fn get(by: &Caller, name: &str) -> Result<Incident, Status> {
    let request = GetIncidentRequest { name: name.into() };
    Ok(by.incidents().get_incident(request).await?.into_inner())
}

async fn list(by: &Caller, state: IncidentState) -> Vec<Incident> {
    let request = ListIncidentsRequest {
        state: state.into(),
        ..ListIncidentsRequest::default()
    };
    let answer = by.incidents().list_incidents(request).await.unwrap();
    answer.into_inner().incidents
}

/// What is overdue.
fn acts(incident: &Incident) -> Vec<IncidentAct> {
    incident.overdue().collect()
}

/// What the journal tells of incidents, once it tells so much.
async fn told(house: &House, at_least: usize) -> Vec<(Entry, IncidentChanged)> {
    // The company was seeded before.
    let entries = house.journal(EntryKind::Change, at_least + 1).await;
    let of_incident = |entry: Entry| match entry.event.clone()?.event? {
        event::Event::IncidentChanged(changed) => Some((entry, changed)),
        _ => None,
    };
    entries
        .into_iter()
        .filter_map(|one| of_incident(one.entry))
        .collect()
}

/// Clause IH-5: each step by who may take it, each journaled, and closed by another than who
/// opened it.
#[tokio::test]
async fn a_leak_is_recorded_judged_reported_and_closed_by_another() {
    let house = house().await;
    let (archive, leader) = (archive(&house), leader(&house));
    let request = CreateIncidentRequest {
        incident: Some(suspicion(&house)),
        request_id: house.ids.next().unwrap().to_string(),
    };
    let opened = archive.incidents().create_incident(request.clone()).await;
    let opened = opened.unwrap().into_inner();
    let again = archive.incidents().create_incident(request).await.unwrap();
    assert_eq!(again.into_inner(), opened);
    assert_eq!(opened.state(), IncidentState::Open);
    assert_eq!(opened.opener, house.employee("feng.yulan"));
    assert_eq!(opened.actors, [house.employee("li.wei")]);
    let now = house.clock.now();
    let hours = |hours: u64| Some(to_proto(now + Duration::from_secs(hours * 3600)));
    assert_eq!(
        (opened.assess_until, opened.report_until),
        (hours(24), hours(72))
    );

    let assessed = assess(&archive, &opened, IncidentSeverity::Minor)
        .await
        .unwrap();
    let graver = assess(&leader, &assessed, IncidentSeverity::Grave)
        .await
        .unwrap();
    assert_eq!(graver.severity(), IncidentSeverity::Grave);
    let reported = report(&archive, &graver).await.unwrap();
    assert_eq!(reported.state(), IncidentState::Reported);
    let closed = close(&leader, &reported).await.unwrap();
    assert_eq!(
        (closed.state(), closed.etag.as_str()),
        (IncidentState::Closed, "r5")
    );
    let steps: Vec<_> = closed
        .steps
        .iter()
        .map(|step| (step.act(), step.actor.as_str(), step.recipient.as_str()))
        .collect();
    let (keeper, head) = (house.employee("feng.yulan"), house.employee("chen.guodong"));
    assert_eq!(
        steps,
        [
            (IncidentAct::Assess, keeper.as_str(), ""),
            (IncidentAct::Assess, head.as_str(), ""),
            (IncidentAct::Report, keeper.as_str(), "市网信办"),
            (IncidentAct::Close, head.as_str(), ""),
        ]
    );
    assert_eq!(get(&leader, &opened.name).await.unwrap(), closed);
    assert_eq!(list(&leader, IncidentState::Closed).await, [closed]);
    assert_eq!(list(&leader, IncidentState::Open).await, []);

    let told = told(&house, 5).await;
    let events: Vec<_> = told
        .iter()
        .map(|(_, one)| (one.event(), one.severity()))
        .collect();
    let (none, minor, grave) = (
        IncidentSeverity::Unspecified,
        IncidentSeverity::Minor,
        IncidentSeverity::Grave,
    );
    assert_eq!(
        events,
        [
            (IncidentEvent::Opened, none),
            (IncidentEvent::Assessed, minor),
            (IncidentEvent::Assessed, grave),
            (IncidentEvent::Reported, grave),
            (IncidentEvent::Closed, grave),
        ]
    );
    assert!(told.iter().all(|(entry, one)| {
        entry.resource == opened.name && one.subject_ids == [house.id("li.wei").as_bytes()]
    }));
    assert_eq!(told[4].0.actor_id, house.id("chen.guodong").as_bytes());
}

/// Clause IH-5: what is not judged or reported by its deadline is told, once for each.
#[tokio::test]
async fn a_leak_that_nobody_judges_or_reports_in_time_is_told_once() {
    let house = house().await;
    let _replica = house.replica();
    let archive = archive(&house);
    let late = open(&archive, suspicion(&house)).await.unwrap();
    let minor = open(&archive, suspicion(&house)).await.unwrap();
    assess(&archive, &minor, IncidentSeverity::Minor)
        .await
        .unwrap();
    let overdue = async |name: &str| acts(&get(&archive, name).await.unwrap());
    house.clock.advance(Duration::from_secs(24 * 3600 - 1));
    assert_eq!(overdue(&late.name).await, []);
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(overdue(&late.name).await, [IncidentAct::Assess]);
    let now = told(&house, 4).await;
    assert_eq!(now.len(), 4);
    let (entry, last) = now.last().unwrap();
    assert_eq!(
        (last.event(), last.overdue()),
        (IncidentEvent::Overdue, IncidentAct::Assess)
    );
    assert!(entry.actor_id.is_empty() && entry.resource == late.name);

    // Judged in the end, as something that has to be reported.
    let judged = assess(&archive, &late, IncidentSeverity::Major)
        .await
        .unwrap();
    assert_eq!(acts(&judged), []);
    house.clock.advance(Duration::from_secs(48 * 3600));
    let now = told(&house, 6).await;
    let (entry, last) = now.last().unwrap();
    assert_eq!(
        (last.event(), last.overdue()),
        (IncidentEvent::Overdue, IncidentAct::Report)
    );
    assert_eq!(entry.resource, late.name);
    assert_eq!(overdue(&late.name).await, [IncidentAct::Report]);
    assert_eq!(overdue(&minor.name).await, []);
    let reported = report(&archive, &judged).await.unwrap();
    assert_eq!(acts(&reported), []);
    house.clock.advance(Duration::from_secs(3600));
    close(&leader(&house), &reported).await.unwrap();
    let now = told(&house, 8).await;
    let chased = now
        .iter()
        .filter(|(_, one)| one.event() == IncidentEvent::Overdue);
    assert_eq!((now.len(), chased.count()), (8, 2));
}
