//! A package made of what the services hold: exactly the granted files and classes.

use std::{io::Read, time::Duration};

use age::{Decryptor, Identity, x25519};
use jiff::Timestamp;
use kefu_contracts::{
    access::{
        ApproveShareRequest, CarryOutExportRequest, CreateShareRequest, DownloadExportRequest,
        ExportState, GetExportRequest, ReceiverKey, Share, ShareMode, ShareTerms,
        SubmitShareRequest, export_service_client::ExportServiceClient, receiver_key,
        share_service_client::ShareServiceClient,
    },
    policy::{DataClass, Purpose},
};
use kefu_service::{clock::Clock, time::to_proto};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use serde_json::Value;

use crate::records::{consent, enter, open, person, ticket};

const CLASSES: [DataClass; 2] = [DataClass::Basic, DataClass::Contact];

/// A share as a package, approved by both.
pub(crate) async fn approved(
    suite: &TestSuite,
    customers: Vec<String>,
    classes: &[DataClass],
    purpose: Purpose,
) -> Share {
    let end = suite.clock.now() + Duration::from_secs(3600);
    approved_until(suite, customers, classes, purpose, end).await
}

/// The same until another moment.
pub(crate) async fn approved_until(
    suite: &TestSuite,
    customers: Vec<String>,
    classes: &[DataClass],
    purpose: Purpose,
    end: Timestamp,
) -> Share {
    let share = Share {
        purpose: purpose as i32,
        justification: "年度对账".into(),
        mode: ShareMode::Export as i32,
        requested: Some(ShareTerms {
            customers,
            classes: classes.iter().map(|class| *class as i32).collect(),
            receivers: vec![format!("employees/{}", employee_id("song.yue"))],
            end_time: Some(to_proto(end)),
            ..ShareTerms::default()
        }),
        ..Share::default()
    };
    let mut shares = ShareServiceClient::new(suite.caller("song.yue"));
    let request = CreateShareRequest {
        share: Some(share),
        request_id: String::new(),
    };
    let draft = shares.create_share(request).await.unwrap().into_inner();
    let request = SubmitShareRequest {
        name: draft.name,
        ..SubmitShareRequest::default()
    };
    let mut share = shares.submit_share(request).await.unwrap().into_inner();
    for login in ["qian.hua", "chen.guodong"] {
        let request = ApproveShareRequest {
            name: share.name,
            etag: share.etag,
            ..ApproveShareRequest::default()
        };
        let mut shares = ShareServiceClient::new(suite.caller(login));
        share = shares.approve_share(request).await.unwrap().into_inner();
    }
    share
}

pub(crate) async fn package(receiver: Caller, name: &str) -> Vec<u8> {
    let mut exports = ExportServiceClient::new(receiver);
    let get = GetExportRequest { name: name.into() };
    eventually(async || {
        let export = exports.get_export(get.clone()).await.unwrap().into_inner();
        (export.state() == ExportState::Ready).then_some(())
    })
    .await;
    let request = DownloadExportRequest {
        name: name.into(),
        offset: 0,
    };
    let mut stream = exports.download_export(request).await.unwrap().into_inner();
    let mut bytes = Vec::new();
    while let Some(part) = stream.message().await.unwrap() {
        bytes.extend(part.data);
    }
    bytes
}

/// What the receiver reads of the package of a share.
pub(crate) async fn carried_out(suite: &TestSuite, agent: Caller, share: &Share) -> String {
    let identity = x25519::Identity::generate();
    let request = CarryOutExportRequest {
        share: share.name.clone(),
        keys: vec![ReceiverKey {
            receiver: format!("employees/{}", employee_id("song.yue")),
            key: Some(receiver_key::Key::Recipient(
                identity.to_public().to_string(),
            )),
        }],
        request_id: String::new(),
    };
    let mut exports = ExportServiceClient::new(agent);
    let carried = exports.carry_out_export(request).await.unwrap();
    let name = carried.into_inner().exports[0].name.clone();
    let bytes = package(suite.caller("song.yue"), &name).await;
    let mut text = String::new();
    let decryptor = Decryptor::new(bytes.as_slice()).unwrap();
    let mut reader = decryptor
        .decrypt(std::iter::once(&identity as &dyn Identity))
        .unwrap();
    reader.read_to_string(&mut text).unwrap();
    text
}

/// Clauses CF-6.2, CF-6.3: the granted files in the granted classes and no other, and each
/// record is in its owner's journal as the receiver's view.
#[tokio::test(flavor = "multi_thread")]
async fn a_package_holds_exactly_the_granted_files_and_classes() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let wanted = enter(&erp, person()).await;
    let other = enter(&erp, person()).await;
    let agent = suite.caller("li.wei").after(&erp);
    for customer in [&wanted, &other] {
        open(&agent, ticket(&customer.name)).await;
    }
    let share = approved(
        &suite,
        vec![wanted.name.clone()],
        &CLASSES,
        Purpose::Service,
    )
    .await;
    let text = carried_out(&suite, agent, &share).await;
    assert!(!text.contains(&other.name));
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 4, "a header, a file, its ticket, a trailer");
    let file = &lines[1]["record"];
    assert_eq!(file["name"], wanted.name);
    assert_eq!(file["displayName"], "张三丰");
    assert_eq!(file["phones"][0]["number"], "+8613812345678");
    for hidden in ["11010519491231002X", "静音空气净化器"] {
        assert!(!text.contains(hidden), "{hidden} was not granted");
    }
    assert_eq!(lines[2]["record"]["customer"], wanted.name);
    let source = format!("grant:{}", share.name.strip_prefix("shares/").unwrap());
    assert_eq!(file["disclosure"]["sources"][0], source);
    let mut connection = suite.database.connect().await.unwrap();
    for table in ["profile", "ticket"] {
        let query =
            format!("SELECT count(*) FROM {table}.journal WHERE kind = 2 AND actor_id = $1");
        let views: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(query))
            .bind(employee_id("song.yue"))
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(views, 1, "{table}");
    }
}

/// Clause CC-2.2: a package for promotion holds none but who consented to it, whatever was
/// approved.
#[tokio::test(flavor = "multi_thread")]
async fn a_package_for_promotion_holds_who_consented() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let (consents, other) = (enter(&erp, person()).await, enter(&erp, person()).await);
    consent(&erp, &consents.name, Purpose::Marketing).await;
    let both = vec![consents.name.clone(), other.name.clone()];
    let share = approved(&suite, both, &CLASSES, Purpose::Marketing).await;
    let text = carried_out(&suite, suite.caller("li.wei"), &share).await;
    assert!(text.contains(&consents.name));
    assert!(!text.contains(&other.name), "{text}");
}
