//! Processes are killed in the middle of what they do (kill -9): what they did is whole or not
//! there, and what they were to do is done once they are back.

use std::{
    fs,
    future::Future,
    process::{Command, Stdio},
    time::Duration,
};

use kefu_contracts::{
    access::{
        ApproveDestructionRequest, CreateDestructionRequest, Destruction, DestructionTerms,
        SubmitDestructionRequest, destruction_service_client::DestructionServiceClient,
    },
    profile::{
        ApproveCustomerRequest, CustomerState, MergeFilesRequest,
        intake_service_client::IntakeServiceClient, merge_service_client::MergeServiceClient,
    },
};
use kefu_testkit::eventually;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::processes::{Process, Site, Stop, enter, enter_nth, request};

/// Bound of what comes about by itself.
const BOUND: Duration = Duration::from_secs(180);
/// Records of the import that is killed.
const ROWS: i64 = 400;

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(BOUND, what).await.expect("in time")
}

/// Early, and by its last approver's word alone still to come.
async fn agreed_but_for_one(site: &Site, customer: &str) -> Destruction {
    let mut service = DestructionServiceClient::new(site.gateway());
    let agent = site.token("li.wei");
    let form = CreateDestructionRequest {
        destruction: Some(Destruction {
            justification: "客户要求".into(),
            early: true,
            requested: Some(DestructionTerms {
                customers: vec![customer.to_owned()],
            }),
            ..Destruction::default()
        }),
        request_id: String::new(),
    };
    let made = service
        .create_destruction(request(form, &agent, "service", ""))
        .await
        .unwrap();
    let submit = SubmitDestructionRequest {
        name: made.into_inner().name,
        ..SubmitDestructionRequest::default()
    };
    let submitted = service
        .submit_destruction(request(submit, &agent, "service", ""))
        .await
        .unwrap();
    approve(site, "feng.yulan", submitted.into_inner()).await
}

async fn approve(site: &Site, login: &str, destruction: Destruction) -> Destruction {
    let body = ApproveDestructionRequest {
        name: destruction.name,
        etag: destruction.etag,
        ..ApproveDestructionRequest::default()
    };
    let token = site.token(login);
    let mut service = DestructionServiceClient::new(site.gateway());
    let approved = service
        .approve_destruction(request(body, &token, "administration", ""))
        .await;
    approved.unwrap().into_inner()
}

async fn state(sql: &mut PgConnection, customer: Uuid) -> (i16, i64, i64) {
    sqlx::query_as(
        "SELECT c.state, (SELECT count(*) FROM profile.certificate),
                (SELECT count(*) FROM profile.journal j WHERE j.customer_id = c.id AND j.type = 'customer.destroyed')
         FROM profile.customer c WHERE c.id = $1",
    )
    .bind(customer)
    .fetch_one(sql)
    .await
    .unwrap()
}

/// Clause CF-10.2: customer-profile dies while it destroys a file. The file stands, whole and
/// without a certificate; the next that starts destroys it, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_destruction_whose_process_is_killed_happens_once() {
    let site = Site::prepare().await;
    let _others = ["access-control", "gateway"].map(|service| site.start(service));
    let profile = site.start("customer-profile");
    let (customer, _) = enter(&site.gateway(), &site.token("li.wei")).await;
    let id: Uuid = customer.split_once('/').unwrap().1.parse().unwrap();
    let destruction = agreed_but_for_one(&site, &customer).await;

    let mut sql = site.database.connect().await.unwrap();
    sqlx::query("UPDATE access.destruction SET cooling_seconds = 1")
        .execute(&mut sql)
        .await
        .unwrap();
    let change = format!("UPDATE ON profile.customer FOR EACH ROW WHEN (OLD.id = '{id}')");
    let stop = Stop::at(&site, "profile", &change).await;
    stop.kill(profile, approve(&site, "chen.guodong", destruction))
        .await;
    let archived = CustomerState::InReview as i16;
    assert_eq!(state(&mut sql, id).await, (archived, 0, 0));

    let _profile = site.start("customer-profile");
    let destroyed = (CustomerState::Destroyed as i16, 1, 1);
    eventually(async || (state(&mut sql, id).await == destroyed).then_some(())).await;
}

async fn files(sql: &mut PgConnection) -> (i64, i64) {
    sqlx::query_as("SELECT count(*), count(DISTINCT external_ref) FROM profile.customer WHERE external_ref IS NOT NULL")
        .fetch_one(sql)
        .await
        .unwrap()
}

/// A file of each kind of step: its state, what it is part of, and how many rows it has of what
/// moves with it.
async fn standing(sql: &mut PgConnection, files: [Uuid; 2]) -> Vec<(i16, Option<Uuid>, i64, i64)> {
    let mut all = Vec::new();
    for file in files {
        let one = sqlx::query_as(
            "SELECT c.state, c.merged_into, (SELECT count(*) FROM profile.file_number n WHERE n.customer_id = c.id),
                    c.revision
             FROM profile.customer c WHERE c.id = $1",
        );
        all.push(one.bind(file).fetch_one(&mut *sql).await.unwrap());
    }
    all
}

/// Clause IH-2.2: customer-profile dies in the middle of a merge: both files are as they were,
/// and merging them again makes them one.
#[tokio::test(flavor = "multi_thread")]
async fn a_merge_whose_process_is_killed_has_not_happened() {
    let site = Site::prepare().await;
    let _others = ["access-control", "gateway"].map(|service| site.start(service));
    let profile = site.start("customer-profile");
    let (agent, reviewer) = (site.token("li.wei"), site.token("lin.na"));
    let mut files = Vec::new();
    for number in 1..=2 {
        let (name, _) = enter_nth(&site.gateway(), &agent, number).await;
        let request_of = ApproveCustomerRequest {
            name,
            etag: "r1".into(),
            request_id: String::new(),
        };
        let mut intake = IntakeServiceClient::new(site.gateway());
        let approved = intake
            .approve_customer(request(request_of, &reviewer, "service", ""))
            .await;
        files.push(approved.unwrap().into_inner());
    }
    let id = |at: usize| -> Uuid { files[at].name.split_once('/').unwrap().1.parse().unwrap() };
    let ids = [id(0), id(1)];
    let merge = async || {
        let body = MergeFilesRequest {
            survivor: files[0].name.clone(),
            survivor_etag: files[0].etag.clone(),
            absorbed: files[1].name.clone(),
            absorbed_etag: files[1].etag.clone(),
            reason: "twice".into(),
            request_id: "0190c5a8-0000-7000-8000-000000004713".into(),
            ..MergeFilesRequest::default()
        };
        let mut service = MergeServiceClient::new(site.gateway());
        let token = site.token("feng.yulan");
        service
            .merge_files(request(body, &token, "administration", ""))
            .await
    };

    let mut sql = site.database.connect().await.unwrap();
    let before = standing(&mut sql, ids).await;
    // It stops when everything is done but the journal.
    let stop = Stop::before(&site, "profile", "merge.made").await;
    let cut_off = stop.kill(profile, merge()).await;
    assert!(cut_off.is_err());
    assert_eq!(standing(&mut sql, ids).await, before);

    let _profile = site.start("customer-profile");
    let made = eventually(async || merge().await.ok()).await.into_inner();
    let merged = CustomerState::Merged as i16;
    let [survivor, absorbed] = <[_; 2]>::try_from(standing(&mut sql, ids).await).unwrap();
    assert_eq!((survivor.1, survivor.2), (None, 2));
    assert_eq!(
        (absorbed.0, absorbed.1, absorbed.2),
        (merged, Some(ids[0]), 0)
    );
    assert_eq!(merge().await.unwrap().into_inner(), made, "once");
    assert_eq!(standing(&mut sql, ids).await, [survivor, absorbed]);
}

/// An import is killed in the middle, and so is the service that it writes to; run again, each
/// record is there once.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_killed_brings_each_record_once() {
    let site = Site::prepare().await;
    let _others = ["access-control", "gateway"].map(|service| site.start(service));
    let profile = site.start("customer-profile");
    enter(&site.gateway(), &site.token("li.wei")).await;

    let folder = site.folder.path();
    let rows = (0..ROWS).map(|row| format!("c-{row},客户{row}\n"));
    let rows: String = std::iter::once("id,name\n".to_owned())
        .chain(rows)
        .collect();
    fs::write(folder.join("customers.csv"), rows).unwrap();
    let mapping = "external_ref = \"{id}\"\n[customer]\ntype = \"CUSTOMER_TYPE_PERSON\"\ndisplay_name = \"{name}\"\n";
    fs::write(folder.join("map.toml"), mapping).unwrap();
    fs::write(folder.join("token"), site.token("erp")).unwrap();
    let import = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kefu"));
        command
            .args(["import", "customers"])
            .arg(folder.join("customers.csv"))
            .arg("--mapping")
            .arg(folder.join("map.toml"))
            .args(["--address", &site.address(), "--token-file"])
            .arg(folder.join("token"))
            .args(["--concurrency", "2"])
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command.spawn().unwrap()
    };
    let first = Process(import());
    let mut sql = site.database.connect().await.unwrap();
    eventually(async || (files(&mut sql).await.0 > 20).then_some(())).await;
    drop(first);
    let (some, _) = files(&mut sql).await;
    assert!(some < ROWS, "it was killed in the middle");

    let mut second = Process(import());
    eventually(async || (files(&mut sql).await.0 > some + 20).then_some(())).await;
    drop(profile);
    let _profile = site.start("customer-profile");
    let ended = within(tokio::task::spawn_blocking(move || second.0.wait())).await;
    assert!(ended.unwrap().unwrap().success());
    assert_eq!(files(&mut sql).await, (ROWS, ROWS));
}
