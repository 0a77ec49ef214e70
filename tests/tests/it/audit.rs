//! The audit log: everything that happens comes to stand in it once, and whatever is done
//! to it afterwards is found and named.

use std::time::Duration;

use kefu::audit::{Check, Finding};
use kefu_access_control::domain::audit::SERVICES;
use kefu_audit::{CheckpointVerifier, Hash, leaf_hash, verify_consistency, verify_inclusion};
use kefu_contracts::{
    access::{
        AuditEntry, ExportAuditLogRequest, ExportJournalRequest, GetAuditEntryRequest,
        GetCheckpointRequest, ListAuditEntriesRequest, audit_service_client::AuditServiceClient,
    },
    journal::EntryKind,
};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tonic::Code;

use crate::records::{enter, get, open, person, refusal, ticket, violations};

struct World {
    suite: TestSuite,
    sql: PgConnection,
    customer: String,
}

impl World {
    /// A customer, a ticket, some looks and some refusals, all of it collected and signed.
    async fn new() -> Self {
        let suite = TestSuite::start().await;
        let erp = suite.caller_for("erp", "integration");
        let customer = enter(&erp, person()).await.name;
        let agent = suite.caller("li.wei").after(&erp);
        open(&agent, ticket(&customer)).await;
        for _ in 0..6 {
            get(&agent, &customer).await.unwrap();
        }
        get(&suite.caller("ma.chao"), &customer).await.unwrap_err();
        get(&suite.caller_for("zheng.xue", "marketing"), &customer)
            .await
            .unwrap_err();
        let sql = suite.database.connect().await.unwrap();
        let mut world = Self {
            suite,
            sql,
            customer,
        };
        world.settled().await;
        world
    }

    /// Waits until what was journaled so far is in the log and signed; looks a few times
    /// more, so that the log holds looks at itself.
    async fn settled(&mut self) {
        eventually(async || {
            let behind: i64 = sqlx::query_scalar(
                "SELECT (SELECT count(*) FROM profile.journal) + (SELECT count(*) FROM access.journal)
                      + (SELECT count(*) FROM ticket.journal) + (SELECT count(*) FROM orders.journal)
                      + (SELECT count(*) FROM analytics.journal)
                      - (SELECT COALESCE(max(size), 0) FROM access.audit_checkpoint)",
            )
            .fetch_one(&mut self.sql)
            .await
            .unwrap();
            (behind == 0).then_some(())
        })
        .await;
    }

    /// Holds the signer's door shut until it stands before it, and opens it.
    async fn signer_comes(&mut self) {
        let mut door = self.suite.database.connect().await.unwrap();
        door.execute("BEGIN; LOCK TABLE access.audit_checkpoint IN ACCESS EXCLUSIVE MODE")
            .await
            .unwrap();
        let waits = "SELECT EXISTS (SELECT FROM pg_locks
             WHERE relation = 'access.audit_checkpoint'::regclass AND NOT granted)";
        let stands = async {
            while !sqlx::query_scalar::<_, bool>(waits)
                .fetch_one(&mut self.sql)
                .await
                .unwrap()
            {
                self.suite.clock.advance(Duration::from_secs(1));
            }
        };
        tokio::time::timeout(Duration::from_secs(30), stands)
            .await
            .expect("the signer comes");
        door.execute("COMMIT").await.unwrap();
    }

    async fn tamper(&mut self, statement: &str) {
        self.sql
            .execute(AssertSqlSafe(statement.to_owned()))
            .await
            .unwrap();
    }

    /// From now on nothing more comes into the log. The lock waits for a batch that is on
    /// its way in, which the revocation alone would let through.
    async fn still(&mut self) {
        let close = "BEGIN; LOCK TABLE access.audit_entry IN SHARE ROW EXCLUSIVE MODE;
                     REVOKE INSERT ON access.audit_entry FROM kefu_access; COMMIT";
        self.tamper(close).await;
    }

    fn auditor(&self) -> Caller {
        self.suite.caller_for("dong.jie", "audit")
    }

    fn verifier(&self) -> CheckpointVerifier {
        CheckpointVerifier::from_text(&self.suite.keys.audit_verifier().unwrap()).unwrap()
    }

    /// As `kefu audit verify` does it.
    async fn check(&self) -> Check {
        let mut check = Check::new(self.verifier());
        let mut client = client(&self.auditor());
        let mut log = client
            .export_audit_log(ExportAuditLogRequest {})
            .await
            .unwrap()
            .into_inner();
        while let Some(stretch) = log.message().await.unwrap() {
            check.stretch(&stretch);
        }
        check.log_ends();
        for service in SERVICES {
            let request = ExportJournalRequest {
                service: service.into(),
            };
            let mut journal = client.export_journal(request).await.unwrap().into_inner();
            let mut leaves = Vec::new();
            while let Some(stretch) = journal.message().await.unwrap() {
                leaves.extend(stretch.leaves);
            }
            check.journal(service, &leaves);
        }
        check
    }

    async fn findings(&self) -> Vec<Finding> {
        self.check().await.findings().to_vec()
    }

    async fn listed(&self, request: ListAuditEntriesRequest) -> Vec<AuditEntry> {
        let answer = client(&self.auditor()).list_audit_entries(request).await;
        answer.unwrap().into_inner().entries
    }
}

fn client(caller: &Caller) -> AuditServiceClient<Caller> {
    AuditServiceClient::new(caller.clone())
}

/// Clause CF-8.1: nothing that happened is missing, nothing is there twice, and nobody
/// changed it.
#[tokio::test(flavor = "multi_thread")]
async fn an_untouched_log_is_whole() {
    let world = World::new().await;
    let check = world.check().await;
    assert_eq!(check.findings(), []);
    assert!(check.size() > 10 && check.checkpoints() > 0);
}

/// A byte changed by hand, a column, a row taken out, two that change places, the tail cut
/// off, a checkpoint forged: each is found, and said where.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_done_to_the_log_is_found_and_named() {
    let mut world = World::new().await;
    world
        .tamper("CREATE TABLE public.kept AS SELECT * FROM access.audit_entry")
        .await;
    let row = "UPDATE access.audit_entry SET leaf = set_byte(leaf, 20, get_byte(leaf, 20) # 1) WHERE seq = 5";
    let hash =
        "UPDATE access.audit_entry SET leaf_hash = sha256('\\x00'::bytea || leaf) WHERE seq = 5";
    let restore = "DELETE FROM access.audit_entry e USING public.kept k WHERE e.seq = k.seq OR e.seq > 1000000;
                   INSERT INTO access.audit_entry SELECT * FROM public.kept";
    let swap = "UPDATE access.audit_entry SET seq = -seq + 2000000 WHERE seq IN (8, 9);
                UPDATE access.audit_entry SET seq = 17 - (2000000 - seq) WHERE seq > 1000000";
    let below = |first, last| Finding::Subtree { first, last };
    type Named = Box<dyn Fn(&Finding) -> bool>;
    let cases: [(String, Named); 6] = [
        (row.into(), Box::new(|found| *found == Finding::Changed(5))),
        (format!("{row}; {hash}"), Box::new(move |found| *found == below(4, 5))),
        (
            "UPDATE access.audit_entry SET actor_id = NULL WHERE seq = (SELECT min(seq) FROM access.audit_entry WHERE actor_id IS NOT NULL)".into(),
            Box::new(|found| matches!(found, Finding::Relabelled(_))),
        ),
        (
            "UPDATE access.audit_entry SET recorded_at = recorded_at + interval '1 day' WHERE seq = 3".into(),
            Box::new(|found| *found == Finding::Relabelled(3)),
        ),
        (
            "DELETE FROM access.audit_entry WHERE seq = 7".into(),
            Box::new(|found| *found == Finding::Removed(7)),
        ),
        (swap.into(), Box::new(move |found| *found == below(8, 9))),
    ];
    for (statement, named) in cases {
        // The log goes on while it is looked at; only what stood before is touched.
        let reset =
            "ALTER TABLE access.audit_entry DROP CONSTRAINT IF EXISTS audit_entry_seq_check";
        world.tamper(reset).await;
        world.tamper(&statement).await;
        let findings = world.findings().await;
        assert!(findings.iter().any(&named), "{statement}: {findings:?}");
        world.tamper(restore).await;
    }
    // With an entry that comes after the cut it is a gap, and is named as one.
    world.still().await;
    let cut = "DELETE FROM access.audit_entry WHERE seq >= 11";
    world.tamper(cut).await;
    let findings = world.findings().await;
    let gone = |found: &Finding| matches!(found, Finding::Shortened { left: 11, .. });
    assert!(findings.iter().any(gone), "{findings:?}");
    let forge =
        "UPDATE access.audit_checkpoint SET note = replace(note, 'kefu-audit', 'other-audit')";
    world.tamper(forge).await;
    let findings = world.findings().await;
    let forged = |found: &Finding| matches!(found, Finding::Forged(_));
    assert!(findings.iter().any(forged), "{findings:?}");
}

/// Whoever cuts the log off sets its count back as well: its own checkpoints tell.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_cut_off_with_its_count_is_found() {
    let mut world = World::new().await;
    world.still().await;
    let cut = "DELETE FROM access.audit_entry WHERE seq >= 11;
               DELETE FROM access.audit_node WHERE (index + 1) << level > 11;
               UPDATE access.audit_head SET size = 11";
    world.tamper(cut).await;
    let found = world.findings().await;
    let shortened = |found: &Finding| matches!(found, Finding::Shortened { left: 11, .. });
    assert!(found.iter().any(shortened), "{found:?}");
    // A count set back by itself leaves entries behind the end.
    let mut world = World::new().await;
    world.still().await;
    world
        .tamper("UPDATE access.audit_head SET size = size - 1")
        .await;
    let found = world.findings().await;
    let added = |found: &Finding| matches!(found, Finding::Added(_));
    assert!(found.iter().any(added), "{found:?}");
}

/// A log that somebody rewrote does not get a signature again, even where its checkpoints
/// were taken away.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_changed_is_not_signed_again() {
    let mut world = World::new().await;
    let change = "UPDATE access.audit_entry SET leaf_hash = sha256('x') WHERE seq < 2;
                  UPDATE access.audit_node SET hash = sha256('x');
                  DELETE FROM access.audit_checkpoint";
    world.tamper(change).await;
    let grown = "SELECT size FROM access.audit_head";
    let before: i64 = sqlx::query_scalar(grown)
        .fetch_one(&mut world.sql)
        .await
        .unwrap();
    get(&world.suite.caller("li.wei"), &world.customer)
        .await
        .unwrap();
    eventually(async || {
        let now: i64 = sqlx::query_scalar(grown)
            .fetch_one(&mut world.sql)
            .await
            .unwrap();
        (now != before).then_some(())
    })
    .await;
    // When the signer comes a third time, it has looked twice.
    for _ in 0..3 {
        world.signer_comes().await;
    }
    let signed: i64 = sqlx::query_scalar("SELECT count(*) FROM access.audit_checkpoint")
        .fetch_one(&mut world.sql)
        .await
        .unwrap();
    assert_eq!(signed, 0);
}

/// A process that dies in the middle of a batch leaves nothing of it; the next one takes
/// it in whole, and once.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_breaks_off_is_taken_in_again_and_once() {
    let mut world = World::new().await;
    // Entries and nodes are written, then the transaction breaks, all but one time in four.
    let breaks = "CREATE SEQUENCE public.times;
        GRANT USAGE ON SEQUENCE public.times TO PUBLIC;
        CREATE FUNCTION public.break_off() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF nextval('public.times') % 4 <> 0 THEN RAISE 'broken off'; END IF; RETURN NEW;
        END $$;
        CREATE TRIGGER break_off BEFORE UPDATE ON access.audit_head FOR EACH ROW EXECUTE FUNCTION public.break_off()";
    world.tamper(breaks).await;
    let agent = world.suite.caller("li.wei");
    for _ in 0..5 {
        get(&agent, &world.customer).await.unwrap();
    }
    world.settled().await;
    let tried: i64 = sqlx::query_scalar("SELECT last_value FROM public.times")
        .fetch_one(&mut world.sql)
        .await
        .unwrap();
    assert!(tried >= 4, "nothing broke: {tried}");
    assert_eq!(world.findings().await, []);
}

/// Not even access-control itself can change what it wrote.
#[tokio::test(flavor = "multi_thread")]
async fn the_service_can_only_append_to_its_log() {
    let world = World::new().await;
    let url = world.suite.database.url_of("access").unwrap();
    let mut service = PgConnection::connect(&url).await.unwrap();
    for table in ["audit_entry", "audit_node", "audit_checkpoint", "journal"] {
        for statement in [
            format!("DELETE FROM access.{table}"),
            format!("TRUNCATE access.{table}"),
        ] {
            let refused = service.execute(AssertSqlSafe(statement)).await.unwrap_err();
            let refused = refused.as_database_error().unwrap().code().unwrap();
            assert_eq!(refused, "42501", "{table}");
        }
    }
    for (table, column) in [
        ("audit_entry", "leaf = leaf"),
        ("audit_node", "hash = hash"),
        ("audit_checkpoint", "note = note"),
    ] {
        let change = format!("UPDATE access.{table} SET {column}");
        assert!(
            service.execute(AssertSqlSafe(change)).await.is_err(),
            "{table}"
        );
    }
}

/// The journals themselves are held against the log.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_done_to_a_journal_is_found_and_named() {
    let mut world = World::new().await;
    type Named = fn(&Finding) -> bool;
    let cases: [(&str, Named); 4] = [
        (
            "UPDATE profile.journal SET actor_id = gen_random_uuid() WHERE position = 2",
            |found| matches!(found, Finding::JournalChanged(place) if place.service == "customer-profile" && place.position == 2),
        ),
        // What cannot even be read any more hides nothing else.
        (
            "UPDATE profile.journal SET event = '\\xff' WHERE position = 3",
            |found| matches!(found, Finding::JournalChanged(place) if place.service == "customer-profile" && place.position == 3),
        ),
        (
            "DELETE FROM ticket.journal WHERE position = 1",
            |found| matches!(found, Finding::JournalRemoved(place) if place.service == "ticket" && place.position == 1),
        ),
        (
            "INSERT INTO profile.journal (transaction_id, recorded_at, purpose, request_id, kind, resource, type, event)
             SELECT 1, recorded_at, purpose, request_id, kind, resource, type, event FROM profile.journal LIMIT 1",
            |found| matches!(found, Finding::NotCollected(place) if place.service == "customer-profile"),
        ),
    ];
    for (statement, named) in cases {
        world.tamper(statement).await;
        let findings = world.findings().await;
        assert!(findings.iter().any(named), "{statement}: {findings:?}");
    }
}

/// Clause IH-5: who saw a customer, found by customer, subject, permission, kind, reason.
#[tokio::test(flavor = "multi_thread")]
async fn who_saw_what_is_found() {
    let world = World::new().await;
    let usual = ListAuditEntriesRequest::default();
    let of = |login: &str| format!("employees/{}", employee_id(login));
    let seen = world
        .listed(ListAuditEntriesRequest {
            customer: world.customer.clone(),
            kind: EntryKind::View.into(),
            subject: of("li.wei"),
            permission: "profile.customers.get".into(),
            ..usual.clone()
        })
        .await;
    assert_eq!(seen.len(), 6);
    assert!(
        seen.iter()
            .all(|one| one.actor == of("li.wei") && one.customer == world.customer)
    );
    assert!(seen.windows(2).all(|two| two[0].seq < two[1].seq));
    let refused = ListAuditEntriesRequest {
        kind: EntryKind::Refusal.into(),
        subject: of("zheng.xue"),
        ..usual.clone()
    };
    let refused = world.listed(refused).await;
    assert_eq!(refused[0].reason, "PERMISSION_MISSING");
    // Paged, each entry once.
    let mut request = ListAuditEntriesRequest {
        page_size: 4,
        ..usual
    };
    let mut all = Vec::new();
    loop {
        let page = client(&world.auditor())
            .list_audit_entries(request.clone())
            .await
            .unwrap();
        let page = page.into_inner();
        all.extend(page.entries.iter().map(|one| one.seq));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
        if all.len() > 20 {
            break;
        }
    }
    assert_eq!(all, (0..all.len() as i64).collect::<Vec<_>>());
    // Looking at the log comes to stand in it.
    let mut world = world;
    world.settled().await;
    let looks = ListAuditEntriesRequest {
        subject: of("dong.jie"),
        permission: "access.audit.list".into(),
        ..ListAuditEntriesRequest::default()
    };
    assert!(world.listed(looks).await.len() >= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_and_a_checkpoint_prove_themselves() {
    let mut world = World::new().await;
    let mut auditor = client(&world.auditor());
    let found = auditor
        .get_audit_entry(GetAuditEntryRequest { seq: 3 })
        .await
        .unwrap()
        .into_inner();
    let checkpoint = world.verifier().open(&found.checkpoint).unwrap();
    let hashes = |proof: &[Vec<u8>]| -> Vec<Hash> {
        proof
            .iter()
            .map(|hash| hash.as_slice().try_into().unwrap())
            .collect()
    };
    let proof = hashes(&found.inclusion_proof);
    assert!(verify_inclusion(
        &leaf_hash(&found.leaf),
        3,
        checkpoint.size,
        &proof,
        &checkpoint.root
    ));

    get(&world.suite.caller("li.wei"), &world.customer)
        .await
        .unwrap();
    world.settled().await;
    let request = GetCheckpointRequest {
        old_size: checkpoint.size as i64,
    };
    let later = auditor.get_checkpoint(request).await.unwrap().into_inner();
    let newer = world.verifier().open(&later.checkpoint).unwrap();
    assert!(newer.size > checkpoint.size);
    let (old, new) = (
        (checkpoint.size, &checkpoint.root),
        (newer.size, &newer.root),
    );
    assert!(verify_consistency(
        old,
        new,
        &hashes(&later.consistency_proof)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_of_the_log_is_refused() {
    let world = World::new().await;
    let mut auditor = client(&world.auditor());
    let bad = ListAuditEntriesRequest {
        page_size: 201,
        subject: "customers/x".into(),
        customer: "x".into(),
        grant: "x".into(),
        service: "gateway".into(),
        purpose: 99,
        kind: 99,
        ..ListAuditEntriesRequest::default()
    };
    let mut named = violations(&auditor.list_audit_entries(bad).await.unwrap_err());
    named.sort();
    let fields = [
        "customer",
        "grant",
        "kind",
        "page_size",
        "purpose",
        "service",
        "subject",
    ];
    assert_eq!(named, fields);
    let foreign = ListAuditEntriesRequest {
        page_token: "AAAA".into(),
        ..ListAuditEntriesRequest::default()
    };
    let foreign = auditor.list_audit_entries(foreign).await.unwrap_err();
    assert_eq!(refusal(&foreign).1, "INVALID_PAGE_TOKEN");
    for seq in [-1, 1_000_000] {
        auditor
            .get_audit_entry(GetAuditEntryRequest { seq })
            .await
            .unwrap_err();
    }
    let beyond = GetCheckpointRequest {
        old_size: 1_000_000,
    };
    assert_eq!(
        violations(&auditor.get_checkpoint(beyond).await.unwrap_err()),
        ["old_size"]
    );
    let unknown = ExportJournalRequest {
        service: "gateway".into(),
    };
    assert_eq!(
        violations(&auditor.export_journal(unknown).await.unwrap_err()),
        ["service"]
    );
    // Not even who keeps the register, nor who leads the company by their own post.
    for login in ["han.bing", "li.wei", "zhang.min"] {
        let mut other = client(&world.suite.caller_for(login, "audit"));
        let refused = other
            .export_audit_log(ExportAuditLogRequest {})
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{login}");
    }
}
