//! Results: attempts, corrections, what passing secrecy training leads to, and skills.

use kefu_contracts::access::{
    CorrectTrainingResultRequest, ListQualificationsRequest, ListSkillsRequest, Skill,
    TrainingObligationCause, TrainingObligationState,
};
use prost_types::Timestamp;

use super::*;
use crate::house::{reason, violations};

async fn correct(
    by: &Caller,
    result: &TrainingResult,
    marks: i32,
) -> Result<TrainingResult, Status> {
    let request = CorrectTrainingResultRequest {
        name: result.name.clone(),
        marks,
        reason: "第 7 题判错".into(),
        request_id: String::new(),
    };
    let answer = by.training().correct_training_result(request).await;
    answer.map(Response::into_inner)
}

/// Until when the register says that the secrecy training of somebody holds.
async fn holds_until(house: &House, login: &str) -> Option<Timestamp> {
    let name = house.employee(login);
    let mut client = house.administrator().organisation();
    let answer = client.get_employee(GetEmployeeRequest { name }).await;
    answer.unwrap().into_inner().training_valid_until
}

/// Clause OP-4.1: who fails takes it again until passed; each attempt is kept, and what is
/// overdue stays so however often it is tried.
#[tokio::test]
async fn who_fails_takes_it_again_until_passed() {
    let house = House::new().await;
    let by = trainer(&house);
    let course = create(&by, voluntary()).await.unwrap();
    let person = house.employee("li.wei");
    let held = held(&house, &course, &["li.wei"]).await;
    // The exam alone is no way to begin.
    let early = record(&by, again(&person, &course.name, 6))
        .await
        .unwrap_err();
    assert_eq!(reason(&early), "STATE_NOT_ALLOWED");
    let failed = record(&by, marks(&person, &held, 5)).await.unwrap();
    assert_eq!((failed.passed, failed.attempt), (false, 1));
    let twice = record(&by, marks(&person, &held, 10)).await.unwrap_err();
    assert_eq!(reason(&twice), "ALREADY_EXISTS");

    let open = owed(&house.person("li.wei"), "").await;
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].cause(), TrainingObligationCause::Failed);
    assert_eq!(open[0].state(), TrainingObligationState::Due);
    let due = to_proto(house.clock.now() + DAY * 7);
    assert_eq!(open[0].due_time, Some(due));
    house.clock.advance(DAY * 8);
    let late = told(&house, TrainingEvent::Overdue, 1).await;
    assert_eq!(late[0].1.obligation_id, id_of(&open[0].name));
    let failed = record(&by, again(&person, &course.name, 0)).await.unwrap();
    assert_eq!((failed.passed, failed.attempt), (false, 2));
    let still = owed(&by, "state = OVERDUE").await;
    assert_eq!(still.len(), 1);
    assert_eq!(
        (&still[0].name, still[0].due_time),
        (&open[0].name, Some(due))
    );

    let passed = record(&by, again(&person, &course.name, 6)).await.unwrap();
    assert_eq!((passed.passed, passed.attempt), (true, 3));
    assert_eq!(passed.qualification, "", "it is no secrecy training");
    let met = owed(&by, "").await;
    assert_eq!(met.len(), 1);
    assert_eq!(met[0].state(), TrainingObligationState::Met);
    assert_eq!(met[0].result, passed.name);
    let over = record(&by, again(&person, &course.name, 6))
        .await
        .unwrap_err();
    assert_eq!(reason(&over), "STATE_NOT_ALLOWED");
    let mut kept = results(&by, &person).await;
    kept.sort_by_key(|one| one.attempt);
    let kept: Vec<_> = kept.iter().map(|one| (one.attempt, one.passed)).collect();
    assert_eq!(kept, [(1, false), (2, false), (3, true)]);
    assert_eq!(holds_until(&house, "li.wei").await.map(|at| at.seconds), {
        let seeded = crate::house::SEEDED.parse::<jiff::Timestamp>().unwrap();
        Some((seeded + DAY * 120).as_second())
    });
}

/// Clauses CF-8.1, CF-5.3: passing secrecy training is a qualification until the second that
/// the course says; a correction by a second person takes it back, and gives it again.
#[tokio::test]
async fn passing_secrecy_training_qualifies_until_it_is_corrected() {
    let house = House::new().await;
    let by = trainer(&house);
    let course = create(&by, secrecy(&house)).await.unwrap();
    let lapsed = holds_until(&house, "xu.jing").await.unwrap();
    let person = house.employee("xu.jing");
    let held = held(&house, &course, &["xu.jing"]).await;
    let failed = record(&by, marks(&person, &held, 79)).await.unwrap();
    assert_eq!(holds_until(&house, "xu.jing").await, Some(lapsed));
    let passed = record(&by, again(&person, &course.name, 80)).await.unwrap();
    let until = passed.valid_until.unwrap();
    let year = "2027-03-02T09:00:01Z".parse::<jiff::Timestamp>().unwrap();
    assert_eq!(until, to_proto(year));
    assert_eq!(holds_until(&house, "xu.jing").await, Some(until));
    let list = ListQualificationsRequest {
        employee: person.clone(),
    };
    let kept = house
        .person("xu.jing")
        .staff()
        .list_qualifications(list.clone())
        .await;
    let kept = kept.unwrap().into_inner().qualifications;
    assert_eq!(kept.len(), 1);
    assert_eq!(
        (&kept[0].name, &kept[0].evidence),
        (&passed.qualification, &passed.name)
    );
    assert_eq!(kept[0].withdraw_time, None);
    let told = told(&house, TrainingEvent::Passed, 1).await;
    assert!(told[0].1.secrecy && told[0].1.policy_revision > 0);
    assert_eq!(told[0].1.valid_until, Some(until));

    // Not by who recorded it, nor by themselves.
    let own = correct(&by, &passed, 70).await.unwrap_err();
    assert_eq!(reason(&own), "NOT_THE_CALLERS_TURN");
    let candidate = house.caller(house.id("xu.jing"), Scope::All);
    let own = correct(&candidate, &passed, 100).await.unwrap_err();
    assert_eq!(reason(&own), "NOT_THE_CALLERS_TURN");
    let head = head(&house, "zhang.min", "call_centre");
    let corrected = correct(&head, &passed, 70).await.unwrap();
    assert_eq!((corrected.attempt, corrected.passed), (2, false));
    assert_eq!(corrected.corrects, passed.name);
    assert_eq!(holds_until(&house, "xu.jing").await, Some(lapsed));
    let kept = house
        .person("xu.jing")
        .staff()
        .list_qualifications(list)
        .await;
    assert!(
        kept.unwrap().into_inner().qualifications[0]
            .withdraw_time
            .is_some()
    );
    let open = owed(&by, "cause = FAILED AND state = DUE").await;
    assert_eq!(open.len(), 1);
    // The one that was corrected counts no more, nor is it corrected again.
    let gone = correct(&second(&house), &passed, 90).await.unwrap_err();
    assert_eq!(reason(&gone), "STATE_NOT_ALLOWED");
    let regained = correct(&second(&house), &corrected, 85).await.unwrap();
    assert_eq!(regained.valid_until, Some(until));
    assert_eq!(holds_until(&house, "xu.jing").await, Some(until));
    let open = owed(&by, "cause = FAILED AND state = DUE").await;
    assert!(open.is_empty());
    let all = results(&house.person("xu.jing"), &person).await;
    let counting = all.iter().filter(|one| !one.superseded);
    let mut counting: Vec<_> = counting.map(|one| (one.marks, &one.name)).collect();
    counting.sort_unstable();
    assert_eq!(all.len(), 4);
    assert_eq!(counting, [(79, &failed.name), (85, &regained.name)]);
}

/// Clause OP-4.1: what a later attempt led to stays, also where an earlier one turns out to have
/// been passed.
#[tokio::test]
async fn an_earlier_pass_meets_nothing_that_came_later() {
    let house = House::new().await;
    let by = trainer(&house);
    let course = create(&by, voluntary()).await.unwrap();
    let person = house.employee("li.wei");
    let first = held(&house, &course, &["li.wei"]).await;
    let failed = record(&by, marks(&person, &first, 5)).await.unwrap();
    record(&by, again(&person, &course.name, 6)).await.unwrap();
    let open = "cause = FAILED AND state = DUE";
    assert!(owed(&by, open).await.is_empty());
    house.clock.advance(DAY * 365);
    let second_time = held(&house, &course, &["li.wei"]).await;
    let third = record(&by, marks(&person, &second_time, 3)).await.unwrap();
    assert_eq!((third.attempt, third.passed), (3, false));
    let due = owed(&by, open).await;
    assert_eq!(due.len(), 1);
    let corrected = correct(&second(&house), &failed, 8).await.unwrap();
    assert_eq!((corrected.attempt, corrected.passed), (1, true));
    assert_eq!(owed(&by, open).await, due);
    // It is met by passing what was failed.
    record(&by, again(&person, &course.name, 6)).await.unwrap();
    assert!(owed(&by, open).await.is_empty());
}

/// Clause OP-4.1: results are not of the future, nor before the session or the attempt before;
/// nobody examines themselves; marks are those of the course.
#[tokio::test]
async fn a_result_is_of_its_time_and_by_another() {
    let house = House::new().await;
    let by = trainer(&house);
    let course = create(&by, voluntary()).await.unwrap();
    let held = held(&house, &course, &["li.wei", "sun.li"]).await;
    let own = record(&second(&house), marks(&house.employee("sun.li"), &held, 9)).await;
    assert_eq!(reason(&own.unwrap_err()), "NOT_THE_CALLERS_TURN");
    let person = house.employee("li.wei");
    let at = |when| RecordTrainingResultRequest {
        take_time: Some(to_proto(when)),
        ..marks(&person, &held, 4)
    };
    let now = house.clock.now();
    let future = record(&by, at(now + DAY)).await.unwrap_err();
    assert_eq!(violations(&future), ["take_time IN_FUTURE"]);
    let before = record(&by, at(now - DAY)).await.unwrap_err();
    assert_eq!(violations(&before), ["take_time CONTRADICTION"]);
    let wrong = RecordTrainingResultRequest {
        marks: 11,
        evidence: String::new(),
        course: course.name.clone(),
        ..marks(&person, &held, 0)
    };
    let refused = record(&by, wrong).await.unwrap_err();
    let all = [
        "course CONTRADICTION",
        "marks OUT_OF_RANGE",
        "evidence REQUIRED",
    ];
    assert_eq!(violations(&refused), all);
    let failed = record(&by, at(now)).await.unwrap();
    assert_eq!(failed.take_time, Some(to_proto(now)));
    house.clock.advance(DAY);
    let earlier = RecordTrainingResultRequest {
        take_time: Some(to_proto(now - Duration::from_secs(1))),
        ..again(&person, &course.name, 9)
    };
    let refused = record(&by, earlier).await.unwrap_err();
    assert_eq!(violations(&refused), ["take_time CONTRADICTION"]);
    let too_many = correct(&second(&house), &failed, 11).await.unwrap_err();
    assert_eq!(violations(&too_many), ["marks OUT_OF_RANGE"]);
}

/// Clause SG-6: a course shows a skill for as long as it holds, at the highest level that does.
#[tokio::test]
async fn courses_show_skills_for_their_time() {
    let house = House::new().await;
    let by = trainer(&house);
    let person = house.employee("li.wei");
    let expert = CourseDefinition {
        validity_months: 1,
        skill_level: 4,
        ..voluntary()
    };
    let lasting = create(&by, voluntary()).await.unwrap();
    let expert = create(&by, expert).await.unwrap();
    for course in [&lasting, &expert] {
        let held = held(&house, course, &["li.wei", "ma.chao"]).await;
        record(&by, marks(&person, &held, 10)).await.unwrap();
    }
    let skills = async |by: &Caller| {
        let request = ListSkillsRequest {
            employee: person.clone(),
        };
        let answer = by.training().list_skills(request).await;
        answer.map(|answer| answer.into_inner().skills)
    };
    let shown = skills(&house.person("li.wei")).await.unwrap();
    assert_eq!(shown.len(), 1);
    assert_eq!((shown[0].key.as_str(), shown[0].level), ("talking", 4));
    assert!(shown[0].valid_until.is_some());
    house.clock.advance(DAY * 31);
    let left = Skill {
        key: "talking".into(),
        level: 2,
        valid_until: None,
    };
    let head = head(&house, "zhang.min", "call_centre");
    assert_eq!(skills(&head).await.unwrap(), [left]);
    let hidden = skills(&house.person("ma.chao")).await.unwrap_err();
    assert_eq!(reason(&hidden), "NOT_FOUND_OR_OUT_OF_SCOPE");
}
