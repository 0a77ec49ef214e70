//! Packages leave: how often, for how long, and what counts of those that were cut short.

use std::time::Duration;

use kefu_contracts::{
    access::{Employee, ExportState, GetEmployeeRequest, ShareMode, UpdateEmployeeRequest},
    journal::{EntryKind, ExportDownloaded, event},
    policy::DataClass,
};
use kefu_journal::Recorded;
use kefu_service::{clock::Clock, time::to_proto};
use sqlx::Connection;

use super::{approved_of, begun, broken_off, carrier, download, get, packaged, ready, revoke};
use crate::house::{House, eventually, reason, said, violations};

/// Clause CF-6.3: so often and no oftener, for its receiver alone, until its end to the second.
#[tokio::test]
async fn downloads_are_counted_and_end_with_the_deadline() {
    let house = House::new().await;
    let (_, export, _) = ready(&house).await;
    let receiver = house.person("song.yue");
    let refused = download(&carrier(&house), &export.name, 0)
        .await
        .unwrap_err();
    assert_eq!(said(&refused, "rule"), "only its receiver");
    let beyond = download(&receiver, &export.name, export.size_bytes)
        .await
        .unwrap_err();
    assert_eq!(violations(&beyond), ["offset OUT_OF_RANGE"]);
    for _ in 0..2 {
        download(&receiver, &export.name, 0).await.unwrap();
    }
    house.clock.advance(Duration::from_secs(48 * 3600 - 3));
    download(&receiver, &export.name, 10).await.unwrap();
    let refused = download(&receiver, &export.name, 0).await.unwrap_err();
    assert_eq!(
        said(&refused, "rule"),
        "it was downloaded as often as it may be"
    );
    house.clock.advance(Duration::from_secs(3));
    let refused = download(&receiver, &export.name, export.size_bytes - 1)
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "STATE_NOT_ALLOWED");
}

/// Clause CF-6.3: an open download ends with the grant.
#[tokio::test]
async fn an_open_download_ends_when_the_share_is_revoked() {
    let house = House::new().await;
    *house.records.length.lock().unwrap() = 1_000_000;
    let (share, export, _) = ready(&house).await;
    let receiver = house.person("song.yue");
    let mut stream = begun(&receiver, &export.name).await;
    stream.message().await.unwrap().unwrap();
    revoke(&house, &share).await;
    let (_, ended) = broken_off(stream).await;
    assert_eq!(reason(&ended), "STATE_NOT_ALLOWED");
    let recalled = get(&receiver, &export.name).await.unwrap();
    assert_eq!(recalled.state(), ExportState::Recalled);
}

/// Clauses CF-6.3, CF-8.1: an open download of sensitive data ends with the receiver's agreement.
#[tokio::test]
async fn an_open_download_ends_with_the_receivers_agreement() {
    let house = House::new().await;
    *house.records.length.lock().unwrap() = 1_000_000;
    let classes = [DataClass::Basic, DataClass::Contact];
    let share = approved_of(&house, ShareMode::Export, &classes).await;
    let (_, export, _) = packaged(&house, share).await;
    let receiver = house.person("song.yue");
    let mut stream = begun(&receiver, &export.name).await;
    stream.message().await.unwrap().unwrap();
    let mut organisation = house.administrator().organisation();
    let request = GetEmployeeRequest {
        name: house.employee("song.yue"),
    };
    let employee = organisation.get_employee(request).await.unwrap();
    let request = UpdateEmployeeRequest {
        employee: Some(Employee {
            agreement_valid_until: Some(to_proto(house.clock.now())),
            ..employee.into_inner()
        }),
        request_id: String::new(),
    };
    organisation.update_employee(request).await.unwrap();
    let (_, ended) = broken_off(stream).await;
    assert_eq!(reason(&ended), "NOT_THE_CALLERS_TURN");
    assert_eq!(said(&ended, "receiver"), house.employee("song.yue"));
}

/// Clause CF-6.3: a download whose key cannot be had is none of those that there may be.
#[tokio::test]
async fn a_download_that_cannot_begin_counts_for_nothing() {
    let house = House::new().await;
    let (_, export, _) = ready(&house).await;
    let receiver = house.person("song.yue");
    house.keys.down(true);
    for _ in 0..4 {
        let refused = download(&receiver, &export.name, 0).await.unwrap_err();
        assert_eq!(reason(&refused), "STORAGE_UNAVAILABLE");
    }
    // Whom it is not for is told no more than ever.
    let refused = download(&carrier(&house), &export.name, 0)
        .await
        .unwrap_err();
    assert_eq!(said(&refused, "rule"), "only its receiver");
    house.keys.down(false);
    assert_eq!(house.count("SELECT count(*) FROM export_download").await, 0);
    for _ in 0..3 {
        download(&receiver, &export.name, 0).await.unwrap();
    }
}

/// Clause CF-6.3: whoever goes away while a download begins has had nothing of it.
#[tokio::test]
async fn a_download_that_is_dropped_as_it_begins_counts_for_nothing() {
    let house = House::new().await;
    let (_, export, _) = ready(&house).await;
    let receiver = house.person("song.yue");
    let mut sql = house.sql().await;
    let mut lock = sql.begin().await.unwrap();
    sqlx::query("SELECT id FROM export FOR UPDATE")
        .execute(&mut *lock)
        .await
        .unwrap();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND wait_event_type = 'Lock' AND query LIKE 'SELECT id FROM access.export %'";
    let waits = eventually(async || (house.count(waiting).await > 0).then_some(()));
    tokio::select! {
        _ = begun(&receiver, &export.name) => panic!("it waits for the lock"),
        () = waits => {}
    }
    lock.rollback().await.unwrap();
    let nothing = "SELECT count(*) FROM export_download
        WHERE ended_at IS NOT NULL AND to_offset = from_offset";
    eventually(async || (house.count(nothing).await == 1).then_some(())).await;
    for _ in 0..3 {
        download(&receiver, &export.name, 0).await.unwrap();
    }
}

/// Clause CF-6.3: a download that nobody carries on, as its process went away or its receiver takes
/// nothing, is ended with what was handed on, and counts for no more.
#[tokio::test]
async fn a_download_that_nobody_carries_on_counts_what_was_handed_on() {
    let house = House::new().await;
    *house.records.length.lock().unwrap() = 1_000_000;
    let (_, export, _) = ready(&house).await;
    let receiver = house.person("song.yue");
    let mut stream = begun(&receiver, &export.name).await;
    let first = stream.message().await.unwrap().unwrap();
    house.clock.advance(Duration::from_secs(300));
    let ended = "SELECT count(*) FROM export_download WHERE ended_at IS NOT NULL AND NOT completed";
    eventually(async || {
        house.clock.advance(Duration::from_secs(1));
        (house.count(ended).await == 1).then_some(())
    })
    .await;
    let handed_on = house.count("SELECT to_offset FROM export_download").await;
    let size = export.size_bytes;
    assert!(handed_on < size / 2, "{handed_on} of {size}");
    let (rest, status) = broken_off(stream).await;
    assert_eq!(reason(&status), "DEADLINE_EXCEEDED");
    let first = i64::try_from(first.data.len()).unwrap();
    assert_eq!(first + rest, handed_on);
    // Its end is told of once, and by nobody.
    let over = |one: &Recorded| match one.entry.event.clone()?.event? {
        event::Event::ExportDownloaded(told) if told.ended => {
            Some((one.entry.actor_id.clone(), told))
        }
        _ => None,
    };
    let told: Vec<(_, ExportDownloaded)> = house
        .journaled(EntryKind::Change, |entries| {
            Some(entries.iter().filter_map(over).collect())
        })
        .await;
    assert_eq!(told.len(), 1);
    let (actor, told) = &told[0];
    assert!(actor.is_empty());
    assert_eq!((told.to_offset, told.completed), (handed_on, false));
    for offset in [0, 0, handed_on] {
        download(&receiver, &export.name, offset).await.unwrap();
    }
    let refused = download(&receiver, &export.name, size - 1)
        .await
        .unwrap_err();
    assert_eq!(
        said(&refused, "rule"),
        "it was downloaded as often as it may be"
    );
}
