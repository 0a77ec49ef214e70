//! Agreements, trainings, and what lapses.

use std::time::Duration;

use kefu_access::Scope;
use kefu_contracts::access::{
    Employee, GetEmployeeRequest, Lapse, LapseKind, ListLapsingRequest, ListQualificationsRequest,
    Qualification, QualificationKind, RecordAgreementRequest, RecordTrainingRequest,
    UpdateEmployeeRequest,
};
use kefu_service::{clock::Clock, time::to_proto};
use uuid::Uuid;

use crate::house::{Caller, House, reason, violations};

const DAY: Duration = Duration::from_secs(86_400);

fn qualification(house: &House, login: &str, ago: u32, valid: u32) -> Qualification {
    let obtained = house.clock.now() - DAY * ago;
    Qualification {
        employee: house.employee(login),
        obtain_time: Some(to_proto(obtained)),
        valid_until: Some(to_proto(obtained + DAY * valid)),
        evidence: "HR-2026-017".into(),
        ..Qualification::default()
    }
}

fn training(training: Qualification) -> RecordTrainingRequest {
    RecordTrainingRequest {
        training: Some(training),
        request_id: String::new(),
    }
}

fn agreement(agreement: Qualification) -> RecordAgreementRequest {
    RecordAgreementRequest {
        agreement: Some(agreement),
        request_id: String::new(),
    }
}

async fn employee(house: &House, login: &str) -> Employee {
    let name = house.employee(login);
    let mut client = house.administrator().organisation();
    client
        .get_employee(GetEmployeeRequest { name })
        .await
        .unwrap()
        .into_inner()
}

/// Clauses CF-8.1, OP-4.1: who signs and passes is qualified until then; every
/// record is kept, and one found late takes nothing back.
#[tokio::test]
async fn agreements_and_trainings_are_recorded_and_kept() {
    let house = House::new().await;
    let mut client = house.administrator().staff();
    let signed = qualification(&house, "hu.tao", 1, 365);
    let signed = client
        .record_agreement(agreement(signed))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(signed.kind(), QualificationKind::Agreement);
    let passed = qualification(&house, "hu.tao", 0, 180);
    let passed = client
        .record_training(training(passed))
        .await
        .unwrap()
        .into_inner();
    let now = employee(&house, "hu.tao").await;
    assert_eq!(now.agreement_valid_until, signed.valid_until);
    assert_eq!(now.training_valid_until, passed.valid_until);

    let earlier = qualification(&house, "hu.tao", 30, 40);
    let earlier = client
        .record_training(training(earlier))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(employee(&house, "hu.tao").await, now);
    let own = ListQualificationsRequest {
        employee: house.employee("hu.tao"),
    };
    let mut oneself = house.person("hu.tao").staff();
    let kept = oneself
        .list_qualifications(own.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(kept.qualifications, [earlier, signed, passed]);
    let mut other = house.person("li.wei").staff();
    let refused = other.list_qualifications(own).await.unwrap_err();
    assert_eq!(reason(&refused), "NOT_FOUND_OR_OUT_OF_SCOPE");
}

#[tokio::test]
async fn every_violation_is_told_at_once() {
    let house = House::new().await;
    let mut client = house.administrator().staff();
    let empty = training(Qualification::default());
    assert_eq!(
        violations(&client.record_training(empty).await.unwrap_err()),
        [
            "training.employee REQUIRED",
            "training.valid_until REQUIRED",
            "training.evidence REQUIRED"
        ]
    );
    let bad = Qualification {
        obtain_time: Some(to_proto(house.clock.now() + DAY)),
        valid_until: Some(to_proto(house.clock.now() - DAY)),
        ..qualification(&house, "erp", 0, 0)
    };
    assert_eq!(
        violations(&client.record_agreement(agreement(bad)).await.unwrap_err()),
        [
            "agreement.obtain_time IN_FUTURE",
            "agreement.valid_until CONTRADICTION",
            "agreement.employee UNKNOWN"
        ]
    );
    let nothing = RecordAgreementRequest::default();
    assert_eq!(
        violations(&client.record_agreement(nothing).await.unwrap_err()),
        ["agreement REQUIRED"]
    );
    let elsewhere = Scope::Departments(vec![house.seeded.departments["sales"]]);
    let mut stranger = house.caller(Uuid::from_u128(9), elsewhere).staff();
    let beyond = training(qualification(&house, "li.wei", 0, 10));
    assert_eq!(
        violations(&stranger.record_training(beyond).await.unwrap_err()),
        ["training.employee UNKNOWN"]
    );
    assert_eq!(house.count("SELECT count(*) FROM qualification").await, 0);
}

async fn lapsing(caller: &Caller, days: i32) -> Vec<Lapse> {
    let answer = caller
        .staff()
        .list_lapsing(ListLapsingRequest { days })
        .await
        .unwrap();
    answer.into_inner().lapses
}

/// Clauses CF-8.1, CC-1.1: a head sees whose training lapses and who leaves a post,
/// of their own department alone.
#[tokio::test]
async fn what_lapses_is_told_to_who_sees_to_it() {
    let house = House::new().await;
    let reach = |code: &str| {
        let department = house.seeded.departments[code];
        house.caller(Uuid::from_u128(9), Scope::Departments(vec![department]))
    };
    let all = lapsing(&house.administrator(), 366).await;
    let lapsed = &all[0];
    assert_eq!(lapsed.employee, house.employee("xu.jing"));
    assert_eq!(lapsed.kind(), LapseKind::Training);
    assert!(all.windows(2).all(|pair| {
        let at = |one: &Lapse| one.lapse_time.map(|at| at.seconds);
        at(&pair[0]) <= at(&pair[1])
    }));
    assert_eq!(
        lapsing(&reach("call_centre"), 0).await,
        std::slice::from_ref(lapsed)
    );
    assert!(lapsing(&reach("complaints"), 30).await.is_empty());

    // The head leaves in ten days: the department needs another.
    let leaving = UpdateEmployeeRequest {
        employee: Some(Employee {
            leave_time: Some(to_proto(house.clock.now() + DAY * 10)),
            ..employee(&house, "zhou.ting").await
        }),
        request_id: String::new(),
    };
    let mut organisation = house.administrator().organisation();
    organisation.update_employee(leaving).await.unwrap();
    assert!(lapsing(&reach("complaints"), 9).await.is_empty());
    for advance in [0, 20] {
        house.clock.advance(DAY * advance);
        let told = lapsing(&reach("complaints"), 30).await;
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].kind(), LapseKind::Head);
        assert_eq!(told[0].resource, house.department("complaints"));
        assert_eq!(told[0].employee, house.employee("zhou.ting"));
    }
    for days in [-1, 367] {
        let mut client = house.administrator().staff();
        let refused = client
            .list_lapsing(ListLapsingRequest { days })
            .await
            .unwrap_err();
        assert_eq!(violations(&refused), ["days OUT_OF_RANGE"]);
    }
}
