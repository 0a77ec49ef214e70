//! Files of conversations: how they come in, who sees them, and that nothing of them lies open.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use kefu_contracts::ticket::{
    Attachment, CloseTicketRequest, Direction, DownloadAttachmentRequest, FinishAttachmentRequest,
    GetTicketRequest, ReplyToTicketRequest, ResolveTicketRequest, StartAttachmentRequest,
    StartAttachmentResponse, Ticket, UploadPartRequest,
    attachment_service_client::AttachmentServiceClient,
};
use kefu_service::fields::name;
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tonic::{Code, Status};

use crate::{
    destruction::{COOLING, certificate, form, full, scheduled, scrubbed},
    leak::dump,
    records::{enter, open, person, refusal, said, ticket, tickets, violations},
};

const PART: usize = 1024 * 1024;
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Stands in every part of the picture.
const MARK: &[u8] = b"the customer's own living room";

fn attachments(caller: &Caller) -> AttachmentServiceClient<Caller> {
    AttachmentServiceClient::new(caller.clone())
}

/// A picture of two parts and a half.
fn picture() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    while bytes.len() < PART * 5 / 2 {
        bytes.extend_from_slice(&bytes.len().to_be_bytes());
        bytes.extend_from_slice(MARK);
    }
    bytes
}

pub(crate) fn announced(
    ticket: &str,
    name: &str,
    kind: &str,
    bytes: &[u8],
) -> StartAttachmentRequest {
    StartAttachmentRequest {
        ticket: ticket.into(),
        file_name: name.into(),
        content_type: kind.into(),
        size_bytes: i64::try_from(bytes.len()).unwrap(),
        sha256: digest(&SHA256, bytes).as_ref().to_vec(),
        request_id: String::new(),
    }
}

async fn start(
    caller: &Caller,
    request: StartAttachmentRequest,
) -> Result<StartAttachmentResponse, Status> {
    let started = attachments(caller).start_attachment(request).await;
    started.map(tonic::Response::into_inner)
}

async fn upload(caller: &Caller, name: &str, offset: usize, data: &[u8]) -> Result<i64, Status> {
    let request = UploadPartRequest {
        name: name.into(),
        offset: i64::try_from(offset).unwrap(),
        data: data.to_vec(),
    };
    let there = attachments(caller).upload_part(request).await;
    there.map(|answer| answer.into_inner().received_bytes)
}

async fn finish(caller: &Caller, name: &str) -> Result<Attachment, Status> {
    let request = FinishAttachmentRequest { name: name.into() };
    let finished = attachments(caller).finish_attachment(request).await;
    finished.map(tonic::Response::into_inner)
}

/// Puts in a whole file.
pub(crate) async fn put(
    caller: &Caller,
    request: StartAttachmentRequest,
    bytes: &[u8],
) -> Result<Attachment, Status> {
    let name = start(caller, request).await?.name;
    for (at, part) in bytes.chunks(PART).enumerate() {
        upload(caller, &name, at * PART, part).await?;
    }
    finish(caller, &name).await
}

async fn download(caller: &Caller, name: &str, offset: usize) -> Result<Vec<u8>, Status> {
    let request = DownloadAttachmentRequest {
        name: name.into(),
        offset: i64::try_from(offset).unwrap(),
    };
    let mut stream = attachments(caller)
        .download_attachment(request)
        .await?
        .into_inner();
    let mut bytes = Vec::new();
    while let Some(part) = stream.message().await? {
        assert_eq!(part.offset, i64::try_from(offset + bytes.len()).unwrap());
        bytes.extend(part.data);
    }
    Ok(bytes)
}

async fn get(caller: &Caller, ticket: &Ticket) -> Result<Ticket, Status> {
    let request = GetTicketRequest {
        name: ticket.name.clone(),
    };
    let found = tickets(caller).get_ticket(request).await;
    found.map(tonic::Response::into_inner)
}

async fn reply(caller: &Caller, ticket: &Ticket, files: &[&str]) -> Result<Ticket, Status> {
    let request = ReplyToTicketRequest {
        name: ticket.name.clone(),
        etag: get(caller, ticket).await?.etag,
        direction: Direction::In.into(),
        body: "照片见附件。".into(),
        attachments: files.iter().map(|one| (*one).to_owned()).collect(),
        ..Default::default()
    };
    let replied = tickets(caller).reply_to_ticket(request).await;
    replied.map(tonic::Response::into_inner)
}

fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => walk(&path, into),
            false => into.push(path),
        }
    }
}

/// What lies in the store of objects.
fn objects(suite: &TestSuite) -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk(suite.objects.path(), &mut found);
    found
}

async fn rows(suite: &TestSuite, of: &'static str) -> i64 {
    let mut sql = suite.database.connect().await.unwrap();
    sqlx::query_scalar(of).fetch_one(&mut sql).await.unwrap()
}

const PARTS: &str = "SELECT count(*) FROM ticket.attachment_part";
const DUE: &str = "SELECT count(*) FROM ticket.object_due";
const LOOKS: &str = "SELECT count(*) FROM ticket.journal WHERE type = 'attachment.viewed'";

/// Clauses OP-3.1, CC-2.4: parts come in any order and again, two at once; what leaves is what
/// came, and each look is journaled. Nothing of it lies open anywhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_in_by_parts_and_leaves_as_it_came() {
    let suite = TestSuite::start().await;
    let (erp, li) = (
        suite.caller_for("erp", "integration"),
        suite.caller("li.wei"),
    );
    let customer = enter(&erp, person()).await.name;
    let mine = open(&li.after(&erp), ticket(&customer)).await;
    let bytes = picture();
    let id = "0190c5a8-0000-7000-8000-0000000000ab";
    let request = StartAttachmentRequest {
        request_id: id.into(),
        ..announced(&mine.name, "客厅漏水.png", "image/png", &bytes)
    };
    let started = start(&li, request.clone()).await.unwrap();
    assert_eq!(start(&li, request).await.unwrap(), started);
    assert_eq!(started.part_bytes, i32::try_from(PART).unwrap());
    let name = started.name.as_str();
    let size = i64::try_from(bytes.len()).unwrap();
    upload(&li, name, 2 * PART, &bytes[2 * PART..])
        .await
        .unwrap();
    let other = vec![7; PART];
    upload(&li, name, 0, &other).await.unwrap();
    let two = &bytes[PART..2 * PART];
    let both = tokio::join!(upload(&li, name, PART, two), upload(&li, name, PART, two));
    assert!(both.0.is_ok() && both.1.is_ok());
    // The first part is not the right one yet: it can be brought anew.
    let refused = finish(&li, name).await.unwrap_err();
    assert_eq!(violations(&refused), ["sha256", "content_type"]);
    assert_eq!(get(&li, &mine).await.unwrap().attachments, []);
    assert_eq!(upload(&li, name, 0, &bytes[..PART]).await.unwrap(), size);
    assert_eq!(upload(&li, name, 0, &bytes[..PART]).await.unwrap(), size);
    let whole = finish(&li, name).await.unwrap();
    assert_eq!(
        (whole.file_name.as_str(), whole.size_bytes),
        ("客厅漏水.png", size)
    );
    assert_eq!(finish(&li, name).await.unwrap(), whole);
    let late = upload(&li, name, 0, &bytes[..PART]).await.unwrap_err();
    assert_eq!(said(&late, "state"), "FINISHED");

    let now = reply(&li, &mine, &[name]).await.unwrap();
    assert_eq!(now.attachments, std::slice::from_ref(&whole));
    assert_eq!(now.messages.last().unwrap().attachments, [name]);
    // It belongs to that reply, and to no other.
    let refused = reply(&li, &mine, &[name]).await.unwrap_err();
    assert_eq!(violations(&refused), ["attachments"]);

    // Start and end, each asked for again.
    assert_eq!(rows(&suite, LOOKS).await, 2);
    assert_eq!(download(&li, name, 0).await.unwrap(), bytes);
    let from = PART + 17;
    assert_eq!(download(&li, name, from).await.unwrap(), bytes[from..]);
    let beyond = download(&li, name, bytes.len()).await.unwrap_err();
    assert_eq!(violations(&beyond), ["offset"]);
    assert_eq!(rows(&suite, LOOKS).await, 4);

    // What was overwritten goes by itself; what is left can be read by nobody.
    eventually(async || (rows(&suite, DUE).await == 0).then_some(())).await;
    let lying = objects(&suite);
    assert_eq!(lying.len(), 3);
    for path in &lying {
        let sealed = fs::read(path).unwrap();
        assert!(!sealed.windows(MARK.len()).any(|one| one == MARK));
    }
    for (table, text) in dump::tables(&suite.database).await {
        assert!(!text.contains("客厅漏水"), "{table}");
    }
}

/// A file is by whoever began it, also when somebody else brings it to its end; each answer says
/// so, and another look at it is journaled.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_by_whom_it_was_begun() {
    let suite = TestSuite::start().await;
    let (erp, li) = (
        suite.caller_for("erp", "integration"),
        suite.caller("li.wei"),
    );
    let customer = enter(&erp, person()).await.name;
    let mine = open(&li.after(&erp), ticket(&customer)).await;
    let text = "订单 4711 的说明".as_bytes();
    let note = announced(&mine.name, "说明.txt", "text/plain", text);
    let begun = start(&li, note).await.unwrap().name;
    upload(&li, &begun, 0, text).await.unwrap();
    let erp = erp.after(&li);
    let whole = finish(&erp, &begun).await.unwrap();
    assert_eq!(whole.author, name("employees", employee_id("li.wei")));
    assert_eq!(rows(&suite, LOOKS).await, 0);
    assert_eq!(finish(&erp, &begun).await.unwrap(), whole);
    assert_eq!(rows(&suite, LOOKS).await, 1);
    assert_eq!(get(&erp, &mine).await.unwrap().attachments, [whole]);
}

/// Clauses OP-3.1, CC-2.4: what is refused, and nothing of it stays.
#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_said_comes_and_only_where_one_may() {
    let suite = TestSuite::start().await;
    let (erp, li) = (
        suite.caller_for("erp", "integration"),
        suite.caller("li.wei"),
    );
    let wang = suite.caller("wang.fang");
    let customer = enter(&erp, person()).await.name;
    let mine = open(&li.after(&erp), ticket(&customer)).await;
    let text = "订单 4711 的说明".as_bytes();
    let note = || announced(&mine.name, "说明.txt", "text/plain", text);

    // Too large, and of a type that the company does not take.
    let refused = start(
        &li,
        StartAttachmentRequest {
            size_bytes: 20 * 1024 * 1024 + 1,
            content_type: "application/x-msdownload".into(),
            ..note()
        },
    )
    .await
    .unwrap_err();
    assert_eq!(violations(&refused), ["content_type", "size_bytes"]);
    // The wrong type.
    let program = b"MZ\x90\0\x03\0\0\0 a program";
    let disguised = announced(&mine.name, "说明.txt", "text/plain", program);
    let refused = put(&li, disguised, program).await.unwrap_err();
    assert_eq!(violations(&refused), ["content_type"]);
    // The wrong hash.
    let wrong = StartAttachmentRequest {
        sha256: vec![0; 32],
        ..note()
    };
    let refused = put(&li, wrong, text).await.unwrap_err();
    assert_eq!(violations(&refused), ["sha256"]);
    // No part of it, and too much of it.
    let name = start(&li, note()).await.unwrap().name;
    let refused = finish(&li, &name).await.unwrap_err();
    assert_eq!(violations(&refused), ["size_bytes"]);
    for (offset, data, field) in [
        (1, text, "offset"),
        (0, &text[1..], "data"),
        (PART, text, "offset"),
        (0, &text[..0], "data"),
    ] {
        let refused = upload(&li, &name, offset, data).await.unwrap_err();
        assert_eq!(violations(&refused), [field]);
    }
    // What is not whole is not there.
    upload(&li, &name, 0, text).await.unwrap();
    assert_eq!(
        download(&li, &name, 0).await.unwrap_err().code(),
        Code::NotFound
    );
    assert_eq!(
        violations(&reply(&li, &mine, &[&name]).await.unwrap_err()),
        ["attachments"]
    );

    // Somebody else's ticket.
    let wang = wang.after(&li);
    assert_eq!(
        start(&wang, note()).await.unwrap_err().code(),
        Code::NotFound
    );
    for refused in [
        upload(&wang, &name, 0, text).await.unwrap_err(),
        finish(&wang, &name).await.map(|_| ()).unwrap_err(),
    ] {
        assert_eq!(refusal(&refused).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
    }
    finish(&li, &name).await.unwrap();
    assert_eq!(
        download(&wang, &name, 0).await.unwrap_err().code(),
        Code::NotFound
    );
    // Whoever sees the ticket and not what the customer said is told that there is something.
    let auditor = suite.caller_for("dong.jie", "audit").after(&li);
    let seen = get(&auditor, &mine).await.unwrap();
    assert_eq!(seen.attachments, []);
    let omitted = seen.disclosure.unwrap().omitted_fields;
    assert!(omitted.contains(&"attachments".to_owned()), "{omitted:?}");
    assert_eq!(
        download(&auditor, &name, 0).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    assert_eq!(rows(&suite, LOOKS).await, 0);

    // A closed ticket takes nothing more, and what is in it is still looked at.
    let late = start(&li, note()).await.unwrap().name;
    upload(&li, &late, 0, text).await.unwrap();
    let now = get(&li, &mine).await.unwrap();
    let resolve = ResolveTicketRequest {
        name: now.name,
        etag: now.etag,
        resolution: "已解答".into(),
        ..Default::default()
    };
    let now = tickets(&li)
        .resolve_ticket(resolve)
        .await
        .unwrap()
        .into_inner();
    let close = CloseTicketRequest {
        name: now.name,
        etag: now.etag,
        ..Default::default()
    };
    tickets(&erp.after(&li)).close_ticket(close).await.unwrap();
    let inspector = suite.caller_for("gao.yuan", "quality").after(&erp);
    assert_eq!(download(&inspector, &name, 0).await.unwrap(), text);
    let refused = finish(&erp, &late).await.unwrap_err();
    assert_eq!(said(&refused, "state"), "TICKET_CLOSED");
    let refused = start(&erp, note()).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
}

/// Clause CC-2.4: a file that nobody finished is gone after a day, and so are its objects, also
/// those that the store would not let go of at first.
#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_become_whole_is_swept() {
    let suite = TestSuite::start().await;
    let _twin = suite.twin();
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let one = open(&erp, ticket(&customer)).await;
    let text = b"half a file";
    let name = start(&erp, announced(&one.name, "a.txt", "text/plain", text))
        .await
        .unwrap()
        .name;
    upload(&erp, &name, 0, text).await.unwrap();
    let [object] = objects(&suite).try_into().unwrap();
    // A folder in its place cannot be deleted as an object is.
    fs::remove_file(&object).unwrap();
    fs::create_dir(&object).unwrap();
    fs::write(object.join("in the way"), b"x").unwrap();
    suite.clock.advance(DAY);
    eventually(async || (rows(&suite, PARTS).await == 0).then_some(())).await;
    let swept = "SELECT count(*) FROM ticket.journal WHERE type = 'attachment.swept'";
    assert_eq!(rows(&suite, swept).await, 1);
    assert_eq!(rows(&suite, DUE).await, 1);
    fs::remove_dir_all(&object).unwrap();
    fs::write(&object, b"sealed").unwrap();
    eventually(async || {
        suite.clock.advance(Duration::from_secs(61));
        (rows(&suite, DUE).await == 0).then_some(())
    })
    .await;
    assert!(objects(&suite).is_empty());
    suite.policy_is_fresh().await;
    let erp = suite.caller_for("erp", "integration");
    let late = upload(&erp, &name, 0, text).await.unwrap_err();
    assert_eq!(late.code(), Code::NotFound);
}

/// Clauses CC-2.4, CF-10.2: rows go with the customer, objects right after; those that were about to be
/// written as well.
#[tokio::test(flavor = "multi_thread")]
async fn files_go_with_their_customer() {
    let suite = TestSuite::start().await;
    let (file, opened) = full(&suite).await;
    let erp = suite.caller_for("erp", "integration");
    let text = b"what the customer wrote";
    let whole = put(
        &erp,
        announced(&opened.name, "letter.txt", "text/plain", text),
        text,
    )
    .await
    .unwrap();
    assert_eq!(download(&erp, &whole.name, 0).await.unwrap(), text);
    assert_eq!(objects(&suite).len(), 1);
    let destruction = scheduled(&suite, form(&[&file.name])).await;
    suite.clock.advance(COOLING);
    certificate(&suite, &destruction).await;
    scrubbed(&suite, &file.name).await;
    assert_eq!(rows(&suite, PARTS).await, 0);
    assert_eq!(
        rows(&suite, "SELECT count(*) FROM ticket.attachment").await,
        0
    );
    eventually(async || (rows(&suite, DUE).await == 0).then_some(())).await;
    assert!(objects(&suite).is_empty());
    let erp = suite.caller_for("erp", "integration");
    let gone = download(&erp, &whole.name, 0).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
}

/// The bucket that `make check-s3` made, and where it is.
fn bucket() -> (String, serde_json::Value) {
    let said = |name: &str| std::env::var(name).expect("make check-s3");
    let (endpoint, bucket) = (said("KEFU_TEST_S3_ENDPOINT"), said("KEFU_TEST_S3_BUCKET"));
    let config = serde_json::json!({
        "bucket": bucket,
        "region": "us-east-1",
        "endpoint": endpoint,
        "access_key_id": "test",
        "secret_access_key": "test",
        "allow_http": true,
    });
    (
        format!("{}/{bucket}", endpoint.trim_start_matches("http://")),
        config,
    )
}

/// What anybody is told there; moto asks nobody for a signature.
async fn told(address: &str, path: &str) -> Vec<u8> {
    let (host, bucket) = address.split_once('/').unwrap();
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let asked = format!("GET /{bucket}{path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    bytes
}

/// Names of the objects that lie there.
async fn lying(address: &str) -> Vec<String> {
    let list = String::from_utf8(told(address, "?list-type=2").await).unwrap();
    let keys = list.split("<Key>").skip(1);
    let key = |rest: &str| rest.split_once("</Key>").unwrap().0.to_owned();
    keys.map(key).collect()
}

/// Clauses OP-3.1, CF-10.2: in a bucket of S3 it is as in a folder.
#[ignore = "needs a bucket: make check-s3"]
#[tokio::test(flavor = "multi_thread")]
async fn files_come_to_lie_in_a_bucket_and_go_from_it() {
    let (address, config) = bucket();
    let suite = TestSuite::with_parts(|parts| {
        parts.ticket.attachments.s3 = serde_json::from_value(config).unwrap();
    })
    .await;
    let (file, opened) = full(&suite).await;
    let erp = suite.caller_for("erp", "integration");
    let bytes = picture();
    let request = announced(&opened.name, "客厅漏水.png", "image/png", &bytes);
    let name = start(&erp, request).await.unwrap().name;
    upload(&erp, &name, 0, &[7; PART]).await.unwrap();
    for (at, part) in bytes.chunks(PART).enumerate() {
        upload(&erp, &name, at * PART, part).await.unwrap();
    }
    finish(&erp, &name).await.unwrap();
    assert_eq!(download(&erp, &name, 0).await.unwrap(), bytes);
    assert!(objects(&suite).is_empty(), "it lies in the folder");
    // What was overwritten goes by itself.
    eventually(async || (rows(&suite, DUE).await == 0).then_some(())).await;
    let parts = lying(&address).await;
    assert_eq!(parts.len(), 3);
    for part in &parts {
        let sealed = told(&address, &format!("/{part}")).await;
        assert!(sealed.len() > PART / 2);
        assert!(!sealed.windows(MARK.len()).any(|one| one == MARK));
    }
    let destruction = scheduled(&suite, form(&[&file.name])).await;
    suite.clock.advance(COOLING);
    certificate(&suite, &destruction).await;
    scrubbed(&suite, &file.name).await;
    eventually(async || (rows(&suite, DUE).await == 0).then_some(())).await;
    assert_eq!(lying(&address).await, Vec::<String>::new());
}
