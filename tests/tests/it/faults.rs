//! Connections that go silent without closing, and callers that go away.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kefu_contracts::common::Reason;
use kefu_service::{
    config::{DatabaseConfig, Secret},
    database::Db,
    error::Fault,
};
use kefu_testkit::TestDatabase;
use sqlx::PgConnection;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

/// Stands between a service and its database; silenced, the connections it has
/// stay open and carry nothing more, while new ones are good.
struct Wire {
    port: u16,
    silenced: Arc<std::sync::Mutex<Vec<Arc<AtomicBool>>>>,
}

impl Wire {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire = Self {
            port: listener.local_addr().unwrap().port(),
            silenced: Arc::default(),
        };
        let connections = wire.silenced.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let silent = Arc::new(AtomicBool::new(false));
                connections.lock().unwrap().push(silent.clone());
                let ((near_read, near_write), (far_read, far_write)) =
                    (near.into_split(), far.into_split());
                tokio::spawn(carry(near_read, far_write, silent.clone()));
                tokio::spawn(carry(far_read, near_write, silent));
            }
        });
        wire
    }

    fn silence(&self) {
        for connection in self.silenced.lock().unwrap().iter() {
            connection.store(true, Ordering::SeqCst);
        }
    }
}

async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    silent: Arc<AtomicBool>,
) {
    let mut buffer = [0; 4096];
    while let Ok(size @ 1..) = from.read(&mut buffer).await {
        if silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if to.write_all(&buffer[..size]).await.is_err() {
            return;
        }
    }
}

fn database(url: &str, port: u16) -> Db {
    let (front, back) = url.rsplit_once(':').unwrap();
    let (_, path) = back.split_once('/').unwrap();
    let config = DatabaseConfig {
        url: Secret::new(format!("{front}:{port}/{path}")),
        encrypted_elsewhere: false,
        max_connections: 4,
        statement_timeout_ms: 200,
        acquire_timeout_ms: 5_000,
        idle_in_transaction_timeout_ms: 5_000,
    };
    Db::new(&config, "profile").unwrap()
}

fn port_of(url: &str) -> u16 {
    let (_, back) = url.rsplit_once(':').unwrap();
    back.split('/').next().unwrap().parse().unwrap()
}

async fn one(db: &Db) -> Result<i32, Fault> {
    db.run(|connection| {
        Box::pin(async move { Ok(sqlx::query_scalar("SELECT 1").fetch_one(connection).await?) })
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn service_returns_after_connections_went_silent() {
    let test = TestDatabase::create().await.unwrap();
    let url = test.url_of("profile").unwrap();
    let wire = Wire::to(port_of(&url)).await;
    let db = database(&url, wire.port);
    let all = futures_util::future::join_all((0..4).map(|_| one(&db))).await;
    assert!(all.into_iter().all(|outcome| outcome == Ok(1)));

    wire.silence();
    // Each silent connection costs one call its answer, in bounded time, and is gone.
    let mut failed = 0;
    while one(&db).await.is_err() {
        failed += 1;
        assert!(failed <= 4, "a silent connection was used again");
    }
    assert!(failed >= 1, "no connection was silent");
    assert_eq!(one(&db).await, Ok(1));
}

/// A transaction whose caller went away is whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_cuts_no_transaction_in_half() {
    let test = TestDatabase::create().await.unwrap();
    let url = test.url_of("profile").unwrap();
    let db = database(&url, port_of(&url));
    let (begun, has_begun) = oneshot::channel();
    let begun = Arc::new(std::sync::Mutex::new(Some(begun)));
    let calling = tokio::spawn({
        let db = db.clone();
        async move {
            db.transaction(move |connection| {
                let begun = begun.clone();
                Box::pin(async move {
                    let insert = "INSERT INTO profile.file_number_series VALUES ($1, 1)";
                    sqlx::query(insert)
                        .bind("a")
                        .execute(&mut *connection)
                        .await?;
                    if let Some(begun) = begun.lock().unwrap().take() {
                        begun.send(()).unwrap();
                    }
                    sqlx::query("SELECT pg_sleep(0.02)")
                        .execute(&mut *connection)
                        .await?;
                    sqlx::query(insert).bind("b").execute(connection).await?;
                    Ok(())
                })
            })
            .await
        }
    });
    has_begun.await.unwrap();
    calling.abort();
    let mut connection = test.connect().await.unwrap();
    let both = async {
        loop {
            let count: i64 = sqlx::query_scalar("SELECT count(*) FROM profile.file_number_series")
                .fetch_one(&mut connection)
                .await
                .unwrap();
            match count {
                0 => tokio::task::yield_now().await,
                count => break count,
            }
        }
    };
    assert_eq!(
        tokio::time::timeout(Duration::from_secs(10), both)
            .await
            .unwrap(),
        2
    );
}

/// What did not happen is told as a fault of storage, in words of ours.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_gone_is_unavailable() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let db = database(
        "postgres://kefu_profile:x@127.0.0.1:1/kefu?sslmode=disable",
        closed,
    );
    assert_eq!(
        one(&db).await.unwrap_err().reason,
        Reason::StorageUnavailable
    );
}

/// What is counted and listed in one look agrees, whoever writes between the two; nothing is
/// written in it, and the connection goes on as before.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_sees_the_database_at_one_moment() {
    let test = TestDatabase::create().await.unwrap();
    let url = test.url_of("profile").unwrap();
    let db = database(&url, port_of(&url));
    let writer = db.clone();
    let (before, after) = db
        .snapshot(move |connection| {
            Box::pin(async move {
                let before = series(&mut *connection).await?;
                write(&writer, "a").await?;
                Ok((before, series(connection).await?))
            })
        })
        .await
        .unwrap();
    assert_eq!((before, after), (0, 0));
    let count = db.run(|connection| Box::pin(series(connection)));
    assert_eq!(count.await, Ok(1));
    let refused = db.snapshot(|connection| {
        Box::pin(async move {
            let insert = "INSERT INTO profile.file_number_series VALUES ('b', 1)";
            Ok(sqlx::query(insert)
                .execute(connection)
                .await?
                .rows_affected())
        })
    });
    assert!(refused.await.is_err());
    write(&db, "c").await.unwrap();
    let count = db.run(|connection| Box::pin(series(connection)));
    assert_eq!(count.await, Ok(2));
}

async fn series(connection: &mut PgConnection) -> Result<i64, Fault> {
    let count = sqlx::query_scalar("SELECT count(*) FROM profile.file_number_series");
    Ok(count.fetch_one(connection).await?)
}

async fn write(db: &Db, series: &'static str) -> Result<(), Fault> {
    let write = db.run(move |connection| {
        Box::pin(async move {
            let insert = "INSERT INTO profile.file_number_series VALUES ($1, 1)";
            sqlx::query(insert).bind(series).execute(connection).await?;
            Ok(())
        })
    });
    write.await
}
