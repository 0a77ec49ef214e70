//! What time does to shares, written down by the job.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::*;

/// Looks until the share is as wanted; the job looks once a second of our clock.
async fn until(house: &House, name: &str, wanted: impl Fn(&Share) -> bool) -> Share {
    let person = house.person("song.yue");
    let bound = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        house.clock.advance(Duration::from_secs(1));
        let share = get(&person, name).await.unwrap();
        if wanted(&share) {
            return share;
        }
        assert!(tokio::time::Instant::now() < bound, "{:?}", events(&share));
        tokio::task::yield_now().await;
    }
}

/// Clause CF-6.3: chased, handed on, and in the end over; each once, also with two
/// replicas looking.
#[tokio::test]
async fn what_nobody_decides_is_chased_and_expires() {
    let house = House::new().await;
    let _replica = house.replica();
    let mut long = form(&house);
    long.requested.as_mut().unwrap().end_time = in_hours(&house, 300);
    let share = handed_in(&house, long).await;
    use ApprovalEvent::{Created, Escalated, Expired, Reminded, Submitted};
    house.clock.advance(Duration::from_secs(24 * 3600));
    let reminded = until(&house, &share.name, |share| {
        events(share).contains(&Reminded)
    })
    .await;
    assert_eq!(
        reminded.stage.unwrap().approvers,
        [house.employee("qian.hua")]
    );
    house.clock.advance(Duration::from_secs(48 * 3600));
    let escalated = until(&house, &share.name, |share| {
        events(share).contains(&Escalated)
    })
    .await;
    let stage = escalated.stage.unwrap();
    assert!(stage.escalated);
    let both = ["qian.hua", "chen.guodong"].map(|login| house.employee(login));
    assert_eq!(stage.approvers, both);
    house.clock.advance(Duration::from_secs(72 * 3600));
    let expired = until(&house, &share.name, |share| {
        events(share).contains(&Expired)
    })
    .await;
    assert_eq!(expired.state(), ApprovalState::Expired);
    assert_eq!(
        events(&expired),
        [Created, Submitted, Reminded, Escalated, Expired]
    );
    assert!(expired.steps[2..].iter().all(|step| step.actor.is_empty()));
    // The moment is when it happened, not when it was found.
    let at = |step: usize| expired.steps[step].event_time.unwrap().seconds;
    assert_eq!(
        (at(2) - at(1), at(3) - at(1), at(4) - at(1)),
        (24 * 3600, 72 * 3600, 144 * 3600)
    );
}

/// A share that cannot be looked at holds up no other.
#[tokio::test]
async fn one_that_fails_holds_up_no_other() {
    let house = House::new().await;
    let mut long = form(&house);
    long.requested.as_mut().unwrap().end_time = in_hours(&house, 300);
    let broken = handed_in(&house, long.clone()).await;
    house.clock.advance(Duration::from_secs(1));
    let other = handed_in(&house, long).await;
    let id = broken.name.strip_prefix("shares/").unwrap();
    let mut sql = house.sql().await;
    sqlx::raw_sql(AssertSqlSafe(format!(
        "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''broken''; END';
         CREATE TRIGGER broken BEFORE UPDATE ON approval FOR EACH ROW WHEN (OLD.id = '{id}')
             EXECUTE FUNCTION broken()"
    )))
    .execute(&mut sql)
    .await
    .unwrap();
    use ApprovalEvent::{Created, Reminded, Submitted};
    house.clock.advance(Duration::from_secs(24 * 3600));
    let reminded = |share: &Share| events(share).contains(&Reminded);
    until(&house, &other.name, reminded).await;
    let left = get(&house.person("song.yue"), &broken.name).await.unwrap();
    assert_eq!(events(&left), [Created, Submitted]);
}

/// Clause CF-6.3: begins and ends to the second, whenever it is written down.
#[tokio::test]
async fn a_period_begins_and_ends_by_itself() {
    let house = House::new().await;
    let mut later = form(&house);
    later.requested.as_mut().unwrap().start_time = in_hours(&house, 1);
    later.requested.as_mut().unwrap().end_time = in_hours(&house, 2);
    let share = approved(&house, later).await;
    let scheduled = activate(&house.person("song.yue"), &share.name)
        .await
        .unwrap();
    assert_eq!(scheduled.state(), ApprovalState::Scheduled);
    house.clock.advance(Duration::from_secs(3600));
    let active = |share: &Share| share.state() == ApprovalState::Active;
    until(&house, &share.name, active).await;
    house.clock.advance(Duration::from_secs(3600));
    let ended = until(&house, &share.name, |share| {
        share.state() == ApprovalState::Ended
    })
    .await;
    assert_eq!(
        ended.steps.last().unwrap().event_time,
        scheduled.active_until
    );
    // Gateways know for a while that it ended, so that a refusal can say so.
    let mut stream = watch(&house).await;
    assert!(grant_of(&news(&mut stream).await, &share).is_some());
    house.clock.advance(Duration::from_secs(8 * 24 * 3600));
    let mut stream = watch(&house).await;
    assert!(grant_of(&news(&mut stream).await, &share).is_none());
}

/// Whoever acts first finds the share where time has brought it.
#[tokio::test]
async fn a_late_job_lets_nobody_through() {
    let house = House::new().await;
    let share = handed_in(&house, form(&house)).await;
    house.clock.advance(Duration::from_secs(48 * 3600));
    let late = approve(&house.person("qian.hua"), &share, None)
        .await
        .unwrap_err();
    // Whether the job has written it down by then or not: once it has, it is no longer
    // theirs to decide.
    let refusals = [
        "STATE_NOT_ALLOWED",
        "ETAG_MISMATCH",
        "NOT_FOUND_OR_OUT_OF_SCOPE",
    ];
    assert!(refusals.contains(&reason(&late).as_str()), "{late:?}");
    let _: Timestamp = house.clock.now();
}
