//! A destruction that meets a hold, a death of its process, or another one.

use super::*;
use crate::retention::{holds, opening};

/// Clause CF-5.2: however a hold and a destruction meet, a held file is not destroyed.
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_and_a_destruction_never_both_win() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let mut files = Vec::new();
    for _ in 0..12 {
        files.push(enter(&erp, last_met(ago(&suite, 70))).await.name);
    }
    let mut ordered = Vec::new();
    for file in &files {
        ordered.push(scheduled(&suite, form(&[file])).await);
    }
    suite.clock.advance(COOLING);
    // Refused as stale until the policy was heard anew, each then at once.
    let holding = files.iter().map(|file| {
        let (suite, file) = (&suite, file.clone());
        async move {
            eventually(|| async {
                let keeper = suite.caller_for("feng.yulan", "administration");
                match holds(&keeper).open_hold(opening(&[&file])).await {
                    Ok(_) => Some(true),
                    Err(refused) if refused.code() == Code::NotFound => Some(false),
                    Err(_) => None,
                }
            })
            .await
        }
    });
    let held = futures_util::future::join_all(holding).await;
    for ((destruction, file), held) in ordered.iter().zip(&files).zip(held) {
        let issued = certificate(&suite, destruction).await;
        let expected = if held {
            DestructionOutcome::Held
        } else {
            DestructionOutcome::Destroyed
        };
        assert_eq!(outcomes(&issued), [(file.clone(), expected)]);
    }
}

/// Clause CF-10.2: whoever dies while files are destroyed leaves all of them, and no
/// certificate; the next look destroys all of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_destruction_that_is_cut_off_has_not_happened() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let mut files = Vec::new();
    for _ in 0..2 {
        files.push(enter(&erp, last_met(ago(&suite, 70))).await.name);
    }
    files.sort();
    let destruction = scheduled(&suite, form(&[&files[0], &files[1]])).await;
    // It stops at the last file until it is let go on. No transaction is left open meanwhile:
    // journals are read only below the oldest one.
    let mut sql = suite.database.connect().await.unwrap();
    sqlx::raw_sql(
        "CREATE FUNCTION profile.stop() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END';
         SELECT pg_advisory_lock(4711);",
    )
    .execute(&mut sql)
    .await
    .unwrap();
    let trigger = format!(
        "CREATE TRIGGER stop BEFORE UPDATE ON profile.customer FOR EACH ROW WHEN (OLD.id = '{}')
         EXECUTE FUNCTION profile.stop()",
        id(&files[1])
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(trigger))
        .execute(&mut sql)
        .await
        .unwrap();
    suite.clock.advance(COOLING);
    let cut_off = eventually(|| async {
        let mut admin = suite.database.connect().await.unwrap();
        sqlx::query_scalar::<_, bool>(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'advisory'",
        )
        .fetch_optional(&mut admin)
        .await
        .unwrap()
    })
    .await;
    assert!(cut_off);
    let mut look = suite.database.connect().await.unwrap();
    let whole: Vec<i16> = sqlx::query_scalar("SELECT state FROM profile.customer ORDER BY id")
        .fetch_all(&mut look)
        .await
        .unwrap();
    assert_eq!(whole, [2, 2], "both files stand");
    sqlx::raw_sql("SELECT pg_advisory_unlock(4711)")
        .execute(&mut sql)
        .await
        .unwrap();
    let issued = certificate(&suite, &destruction).await;
    let gone = files
        .iter()
        .map(|file| (file.clone(), DestructionOutcome::Destroyed));
    assert_eq!(outcomes(&issued), gone.collect::<Vec<_>>());
}

/// What is asked for at the same time is destroyed once.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_destroyed_once() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let file = enter(&erp, last_met(ago(&suite, 70))).await.name;
    let first = scheduled(&suite, form(&[&file])).await;
    let second = scheduled(&suite, form(&[&file])).await;
    suite.clock.advance(COOLING);
    let mut all = Vec::new();
    for one in [&first, &second] {
        all.extend(outcomes(&certificate(&suite, one).await));
    }
    all.sort();
    let expected = [
        (file.clone(), DestructionOutcome::Destroyed),
        (file.clone(), DestructionOutcome::Absent),
    ];
    assert_eq!(all, expected);
    let mut sql = suite.database.connect().await.unwrap();
    let told = "SELECT count(*) FROM profile.journal WHERE type = 'customer.destroyed' AND customer_id = $1";
    assert_eq!(count(&mut sql, told, &file).await, 1);
}
