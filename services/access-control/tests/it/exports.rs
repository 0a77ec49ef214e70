//! Exports: carried out, downloaded, recalled, confirmed (CF-6.3).

mod downloads;

use std::{io::Read, time::Duration};

use age::{Decryptor, Identity, scrypt, secrecy::SecretString, x25519};
use aws_lc_rs::digest::{SHA256, digest};
use jiff::SignedDuration;
use kefu_contracts::{
    access::{
        ActivateShareRequest, ApproveShareRequest, CarryOutExportRequest, ConfirmDeletionRequest,
        CreateShareRequest, DownloadExportRequest, DownloadExportResponse, Export, ExportEvent,
        ExportState, GetExportRequest, GetShareReceiptRequest, IdentifyWatermarkRequest,
        ListExportsRequest, ReceiverKey, RevokeShareRequest, Share, ShareMode, ShareTerms,
        SubmitShareRequest, WithdrawShareRequest, receiver_key,
    },
    journal::{EntryKind, event},
    policy::{DataClass, Purpose},
};
use kefu_journal::Recorded;
use kefu_service::{clock::Clock, time::to_proto};
use serde_json::Value;
use tonic::{Status, Streaming};
use uuid::Uuid;

use crate::house::{Caller, House, eventually, reason, said, violations};
use kefu_access::Scope;

const FILES: [u128; 2] = [0xA1, 0xA2];
const PASSPHRASE: &str = "三体问题 correct horse";

/// Somebody of customer service, let through as the post is.
fn carrier(house: &House) -> Caller {
    house.caller(house.id("li.wei"), Scope::All)
}

pub(crate) async fn approved(house: &House, mode: ShareMode) -> Share {
    approved_of(house, mode, &[DataClass::Basic, DataClass::Purchase]).await
}

async fn approved_of(house: &House, mode: ShareMode, classes: &[DataClass]) -> Share {
    let applicant = house.person("song.yue");
    let share = Share {
        purpose: Purpose::Service as i32,
        justification: "年度对账".into(),
        mode: mode as i32,
        requested: Some(ShareTerms {
            customers: FILES
                .map(|id| format!("customers/{}", Uuid::from_u128(id)))
                .to_vec(),
            classes: classes.iter().map(|class| *class as i32).collect(),
            receivers: vec![house.employee("song.yue")],
            end_time: Some(to_proto(house.clock.now() + SignedDuration::from_hours(48))),
            ..ShareTerms::default()
        }),
        ..Share::default()
    };
    let request = CreateShareRequest {
        share: Some(share),
        request_id: String::new(),
    };
    let draft = applicant
        .shares()
        .create_share(request)
        .await
        .unwrap()
        .into_inner();
    let request = SubmitShareRequest {
        name: draft.name,
        ..SubmitShareRequest::default()
    };
    let mut share = applicant
        .shares()
        .submit_share(request)
        .await
        .unwrap()
        .into_inner();
    for approver in ["qian.hua", "chen.guodong"] {
        let request = ApproveShareRequest {
            name: share.name,
            etag: share.etag,
            ..ApproveShareRequest::default()
        };
        let by = house.person(approver);
        share = by
            .shares()
            .approve_share(request)
            .await
            .unwrap()
            .into_inner();
    }
    share
}

fn key(house: &House, key: receiver_key::Key) -> ReceiverKey {
    ReceiverKey {
        receiver: house.employee("song.yue"),
        key: Some(key),
    }
}

async fn carry(by: &Caller, share: &Share, keys: Vec<ReceiverKey>) -> Result<Vec<Export>, Status> {
    let request = CarryOutExportRequest {
        share: share.name.clone(),
        keys,
        request_id: String::new(),
    };
    let answer = by.exports().carry_out_export(request).await?;
    Ok(answer.into_inner().exports)
}

async fn get(by: &Caller, name: &str) -> Result<Export, Status> {
    let request = GetExportRequest { name: name.into() };
    Ok(by.exports().get_export(request).await?.into_inner())
}

/// Once it stands there; never for long.
async fn until(by: &Caller, name: &str, state: ExportState) -> Export {
    eventually(async || {
        let export = get(by, name).await.unwrap();
        (export.state() == state).then_some(export)
    })
    .await
}

async fn download(by: &Caller, name: &str, offset: i64) -> Result<Vec<u8>, Status> {
    let request = DownloadExportRequest {
        name: name.into(),
        offset,
    };
    let mut stream = by.exports().download_export(request).await?.into_inner();
    let mut bytes = Vec::new();
    while let Some(part) = stream.message().await? {
        assert_eq!(part.offset, offset + i64::try_from(bytes.len()).unwrap());
        bytes.extend(part.data);
    }
    Ok(bytes)
}

fn lines(bytes: &[u8], identity: &dyn Identity) -> Vec<Value> {
    let decryptor = Decryptor::new(bytes).unwrap();
    let mut text = String::new();
    let mut reader = decryptor.decrypt(std::iter::once(identity)).unwrap();
    reader.read_to_string(&mut text).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A download that has begun.
async fn begun(by: &Caller, name: &str) -> Streaming<DownloadExportResponse> {
    let request = DownloadExportRequest {
        name: name.into(),
        offset: 0,
    };
    let answer = by.exports().download_export(request).await;
    answer.unwrap().into_inner()
}

/// How many bytes of it still come, and why no more do.
async fn broken_off(mut stream: Streaming<DownloadExportResponse>) -> (i64, Status) {
    let mut bytes = 0;
    loop {
        match stream.message().await {
            Ok(Some(part)) => bytes += i64::try_from(part.data.len()).unwrap(),
            Ok(None) => panic!("the whole package left"),
            Err(status) => return (bytes, status),
        }
    }
}

/// An export that is ready, and the key that opens it.
async fn ready(house: &House) -> (Share, Export, x25519::Identity) {
    packaged(house, approved(house, ShareMode::Export).await).await
}

async fn packaged(house: &House, share: Share) -> (Share, Export, x25519::Identity) {
    let identity = x25519::Identity::generate();
    let recipient = receiver_key::Key::Recipient(identity.to_public().to_string());
    let by = carrier(house);
    let exports = carry(&by, &share, vec![key(house, recipient)])
        .await
        .unwrap();
    let export = until(&by, &exports[0].name, ExportState::Ready).await;
    (share, export, identity)
}

async fn revoke(house: &House, share: &Share) {
    let request = RevokeShareRequest {
        name: share.name.clone(),
        comment: "不再需要".into(),
        request_id: String::new(),
    };
    let by = house.person("qian.hua");
    by.shares().revoke_share(request).await.unwrap();
}

async fn events(house: &House, at_least: usize) -> Vec<ExportEvent> {
    let of = |one: &Recorded| match one.entry.event.as_ref()?.event.as_ref()? {
        event::Event::ExportChanged(changed) => Some(changed.event()),
        _ => None,
    };
    let enough = |entries: Vec<Recorded>| {
        let seen: Vec<ExportEvent> = entries.iter().filter_map(of).collect();
        (seen.len() >= at_least).then_some(seen)
    };
    house.journaled(EntryKind::Change, enough).await
}

/// Clause CF-6.3: the receiver's key opens exactly the granted files, each row marked;
/// what left is in the receipt; after the recall nothing is stored, and the receiver confirms.
#[tokio::test]
async fn a_package_leaves_once_carried_out_and_is_recalled_with_a_receipt() {
    let house = House::new().await;
    *house.records.length.lock().unwrap() = 200_000;
    let (share, export, identity) = ready(&house).await;
    let receiver = house.person("song.yue");
    assert_eq!(export.customer_count, 2);
    assert_eq!(export.carrier, house.employee("li.wei"));
    let bytes = download(&receiver, &export.name, 0).await.unwrap();
    assert_eq!(i64::try_from(bytes.len()).unwrap(), export.size_bytes);
    assert_eq!(digest(&SHA256, &bytes).as_ref(), export.sha256);
    house.clock.advance(Duration::from_secs(1));
    let resumed = download(&receiver, &export.name, 150_000).await.unwrap();
    assert_eq!(resumed, bytes[150_000..]);

    let lines = lines(&bytes, &identity);
    assert_eq!(lines.len(), 4, "a header, two files, a trailer");
    assert_eq!(lines[0]["_kefu"]["share"], share.name);
    assert_eq!(lines[0]["_kefu"]["receiver"], house.employee("song.yue"));
    assert_eq!(lines[3]["_kefu"]["contents"]["customers"], 2);
    for (at, id) in FILES.iter().enumerate() {
        let line = &lines[at + 1];
        let name = format!("customers/{}", Uuid::from_u128(*id));
        assert_eq!(line["record"]["name"], name);
        let request = IdentifyWatermarkRequest {
            mark: line["_kefu"]["mark"].as_str().unwrap().to_owned(),
            record: name,
        };
        let auditor = house.caller(house.id("dong.jie"), Scope::All);
        let found = auditor.exports().identify_watermark(request).await.unwrap();
        assert_eq!(found.into_inner().export.unwrap().name, export.name);
    }
    let asked = house.records.asked.lock().unwrap()[0].clone();
    assert_eq!(asked.receiver_id, house.id("song.yue").as_bytes());
    assert_eq!(asked.classes, export.classes);

    revoke(&house, &share).await;
    let recalled = get(&receiver, &export.name).await.unwrap();
    assert_eq!(recalled.state(), ExportState::Recalled);
    assert_eq!(house.count("SELECT count(*) FROM export_chunk").await, 0);
    assert_eq!(
        house
            .count("SELECT count(*) FROM export WHERE wrapped IS NOT NULL")
            .await,
        0
    );
    let refused = download(&receiver, &export.name, 0).await.unwrap_err();
    assert_eq!(reason(&refused), "STATE_NOT_ALLOWED");

    let request = GetShareReceiptRequest { name: share.name };
    let receipt = receiver.shares().get_share_receipt(request).await;
    let opened = receipt.unwrap().into_inner().exports[0].clone();
    let places: Vec<_> = opened
        .downloads
        .iter()
        .map(|one| (one.from_offset, one.to_offset, one.completed))
        .collect();
    let size = export.size_bytes;
    assert_eq!(places, [(0, size, true), (150_000, size, true)]);
    assert_eq!(opened.export.unwrap().contents[0].record_count, 2);

    let request = ConfirmDeletionRequest {
        name: export.name.clone(),
        statement: "已删除全部副本".into(),
        request_id: String::new(),
    };
    let by_another = carrier(&house)
        .exports()
        .confirm_deletion(request.clone())
        .await;
    assert_eq!(reason(&by_another.unwrap_err()), "NOT_THE_CALLERS_TURN");
    let deleted = receiver
        .exports()
        .confirm_deletion(request.clone())
        .await
        .unwrap();
    assert_eq!(deleted.into_inner().state(), ExportState::Deleted);
    let again = receiver
        .exports()
        .confirm_deletion(request)
        .await
        .unwrap_err();
    assert_eq!(said(&again, "state"), "DELETED");
    use ExportEvent::{Approved, CarriedOut, Confirmed, Packaged, Recalled};
    let seen = events(&house, 5).await;
    assert_eq!(seen, [Approved, CarriedOut, Packaged, Recalled, Confirmed]);
}

/// Clause CF-6.3: customer service carries it out, and neither who applied nor who receives.
#[tokio::test]
async fn nobody_but_customer_service_carries_an_export_out() {
    let house = House::new().await;
    let share = approved(&house, ShareMode::Export).await;
    let keys = || {
        vec![key(
            &house,
            receiver_key::Key::Passphrase(PASSPHRASE.into()),
        )]
    };
    let request = ActivateShareRequest {
        name: share.name.clone(),
        ..ActivateShareRequest::default()
    };
    let activated = house
        .person("song.yue")
        .shares()
        .activate_share(request)
        .await;
    assert_eq!(said(&activated.unwrap_err(), "ask"), "CarryOutExport");
    for login in ["song.yue", "feng.yulan"] {
        let by = house.caller(house.id(login), Scope::All);
        let refused = carry(&by, &share, keys()).await.unwrap_err();
        assert_eq!(
            said(&refused, "rule"),
            "only customer service carries it out"
        );
    }
    let by = carrier(&house);
    let refused = carry(
        &by,
        &share,
        vec![
            ReceiverKey::default(),
            key(&house, receiver_key::Key::Recipient("age1x".into())),
        ],
    )
    .await;
    let wanted = [
        "keys[0].receiver RESOURCE_NAME",
        "keys[0].key REQUIRED",
        "keys[1].recipient UNKNOWN_VALUE",
    ];
    let seen = violations(&refused.unwrap_err());
    assert!(
        wanted.iter().all(|one| seen.iter().any(|had| had == one)) || seen.len() == 3,
        "{seen:?}"
    );
    let other = approved(&house, ShareMode::Access).await;
    let refused = carry(&by, &other, keys()).await.unwrap_err();
    assert_eq!(violations(&refused), ["share CONTRADICTION"]);
    let unreached = carry(&house.person("zheng.xue"), &share, keys())
        .await
        .unwrap_err();
    assert_eq!(reason(&unreached), "NOT_FOUND_OR_OUT_OF_SCOPE");
    carry(&by, &share, keys()).await.unwrap();
    let again = carry(&by, &share, keys()).await.unwrap_err();
    assert_eq!(reason(&again), "STATE_NOT_ALLOWED");
}

/// Clause CF-6.3: a passphrase opens it too, and stands nowhere.
#[tokio::test]
async fn a_passphrase_is_kept_nowhere() {
    let house = House::new().await;
    let share = approved(&house, ShareMode::Export).await;
    let by = carrier(&house);
    let request = CarryOutExportRequest {
        share: share.name.clone(),
        keys: vec![key(
            &house,
            receiver_key::Key::Passphrase(PASSPHRASE.into()),
        )],
        request_id: Uuid::from_u128(9).to_string(),
    };
    let first = by
        .exports()
        .carry_out_export(request.clone())
        .await
        .unwrap()
        .into_inner();
    let again = by
        .exports()
        .carry_out_export(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first, again);
    let name = &first.exports[0].name;
    until(&by, name, ExportState::Ready).await;
    let bytes = download(&house.person("song.yue"), name, 0).await.unwrap();
    let identity = scrypt::Identity::new(SecretString::from(PASSPHRASE.to_owned()));
    assert_eq!(lines(&bytes, &identity).len(), 4);
    let wrong = scrypt::Identity::new(SecretString::from("another passphrase".to_owned()));
    let decryptor = Decryptor::new(bytes.as_slice()).unwrap();
    assert!(
        decryptor
            .decrypt(std::iter::once(&wrong as &dyn Identity))
            .is_err()
    );
}

/// Clause CF-6.3: who does not confirm is reminded, then reported to those who approved.
#[tokio::test]
async fn overdue_confirmations_are_chased() {
    let house = House::new().await;
    let (share, export, _) = ready(&house).await;
    let receiver = house.person("song.yue");
    download(&receiver, &export.name, 0).await.unwrap();
    let request = WithdrawShareRequest {
        name: share.name,
        ..WithdrawShareRequest::default()
    };
    receiver.shares().withdraw_share(request).await.unwrap();
    house.clock.advance(Duration::from_secs(73 * 3600));
    until(&receiver, &export.name, ExportState::Overdue).await;
    let request = ListExportsRequest {
        filter: "state = OVERDUE".into(),
        ..ListExportsRequest::default()
    };
    let listed = carrier(&house)
        .exports()
        .list_exports(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(listed.exports.len(), 1);
    assert_eq!(listed.exports[0].reminder_count, 3);
    let overdue = |one: &Recorded| match one.entry.event.as_ref()?.event.as_ref()? {
        event::Event::ExportChanged(changed) if changed.event() == ExportEvent::Overdue => {
            Some(changed.approver_ids.clone())
        }
        _ => None,
    };
    let told = house
        .journaled(EntryKind::Change, |entries| {
            entries.iter().find_map(overdue)
        })
        .await;
    let approvers = ["qian.hua", "chen.guodong"].map(|login| house.id(login).as_bytes().to_vec());
    assert_eq!(told, approvers);
}

/// A making that stopped half-way offers nothing: with a public key it is made anew, with a
/// passphrase it is carried out anew. Nothing that left nothing has to be confirmed.
#[tokio::test]
async fn half_a_package_is_never_offered() {
    let house = House::new().await;
    *house.records.length.lock().unwrap() = 300_000;
    *house.records.down.lock().unwrap() = true;
    let by = carrier(&house);
    let public = approved(&house, ShareMode::Export).await;
    let secret = approved(&house, ShareMode::Export).await;
    let identity = x25519::Identity::generate();
    let recipient = receiver_key::Key::Recipient(identity.to_public().to_string());
    let public_export = carry(&by, &public, vec![key(&house, recipient)])
        .await
        .unwrap();
    let passphrase = receiver_key::Key::Passphrase(PASSPHRASE.into());
    let secret_export = carry(&by, &secret, vec![key(&house, passphrase)])
        .await
        .unwrap();
    eventually(async || (*house.records.cut.lock().unwrap() == 2).then_some(())).await;
    let chunks = "SELECT count(DISTINCT export_id) FROM export_chunk";
    assert_eq!(house.count(chunks).await, 2, "each stopped half-way");
    let receiver = house.person("song.yue");
    let refused = download(&receiver, &public_export[0].name, 0)
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "STATE_NOT_ALLOWED");
    *house.records.down.lock().unwrap() = false;
    house.clock.advance(Duration::from_secs(301));
    let whole = until(&by, &public_export[0].name, ExportState::Ready).await;
    let bytes = download(&receiver, &whole.name, 0).await.unwrap();
    assert_eq!(lines(&bytes, &identity).len(), 4);
    let left = until(&by, &secret_export[0].name, ExportState::ToCarryOut).await;
    revoke(&house, &secret).await;
    assert_eq!(
        get(&by, &left.name).await.unwrap().state(),
        ExportState::Unused
    );
}
