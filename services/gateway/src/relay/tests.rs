//! The streaming branch: no public method streams yet, and those to come must not
//! outlive what let them through. Issue 3, points 4 and 7.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::rand::SystemRandom;
use http_body_util::{BodyExt, StreamBody};
use jiff::Timestamp;
use kefu_access::ContextSigner;
use kefu_contracts::{
    access::{
        RoleRule, ScopeTemplate, SnapshotBinding, SnapshotRole, SnapshotSubject, SubjectKind,
        WatchSnapshotResponse,
    },
    method,
    policy::{DataClass, Purpose},
};
use kefu_service::{
    clock::{Clock, ManualClock},
    ids::{Ids, system_randomness},
    server::GrpcService,
    time::to_proto,
};
use tonic_types::StatusExt;
use tower::util::BoxCloneSyncService;
use uuid::Uuid;

use super::*;
use crate::{
    Environment, GatewayConfig, GatewayDeps, Upstreams,
    dev_issuer::{AUDIENCE, DevIssuer, ISSUER},
    error::{Journaling, Seen},
    keys::Keys,
    refusals::Refusals,
    snapshot::Policy,
    stack::Stack,
};

const AGENT: Uuid = Uuid::from_u128(0xa1);
const BINDING: Uuid = Uuid::from_u128(0xe1);
const GET_TICKET: &str = "/kefu.ticket.v1.TicketService/GetTicket";
/// How long the token of these streams is good, with the skew.
const TOKEN: Duration = Duration::from_secs(630);

/// How long the agent's confidentiality agreement is good.
const AGREEMENT: Duration = Duration::from_secs(300);

/// A stream under way.
struct Open {
    clock: ManualClock,
    policy: Arc<Policy>,
    body: Body,
}

fn start() -> Timestamp {
    "2026-03-02T08:00:00Z".parse().unwrap()
}

fn agent() -> SnapshotSubject {
    SnapshotSubject {
        id: AGENT.as_bytes().to_vec(),
        kind: SubjectKind::Employee.into(),
        agreement_valid_until: Some(to_proto(start() + AGREEMENT)),
        training_valid_until: Some(to_proto(start() + Duration::from_secs(86_400))),
        ..Default::default()
    }
}

fn full(class: DataClass) -> WatchSnapshotResponse {
    let permission = method(GET_TICKET).unwrap().permission;
    WatchSnapshotResponse {
        revision: 1,
        full: true,
        subjects: vec![agent()],
        roles: vec![SnapshotRole {
            id: "agent".into(),
            rules: vec![RoleRule {
                id: "all".into(),
                permissions: vec![permission.into()],
                scope: ScopeTemplate::All.into(),
                classes: vec![class.into()],
                purposes: vec![Purpose::Service.into()],
                ..Default::default()
            }],
        }],
        bindings: vec![SnapshotBinding {
            id: BINDING.as_bytes().to_vec(),
            subject_id: AGENT.as_bytes().to_vec(),
            role_id: "agent".into(),
            starts_at: Some(to_proto(Timestamp::UNIX_EPOCH)),
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn nobody() -> GrpcService {
    BoxCloneSyncService::new(tower::service_fn(|_: http::Request<Body>| async {
        Ok(Status::ok("").into_http())
    }))
}

/// A stack of its own, without the jobs: the policy moves when the test says so.
fn stack(clock: &ManualClock, issuer: &DevIssuer) -> Arc<Stack> {
    let config = GatewayConfig {
        environment: Environment::Development,
        allow_development_issuer: true,
        issuer: ISSUER.into(),
        audience: AUDIENCE.into(),
        jwks: issuer.jwks(),
        max_snapshot_age_seconds: 3600,
        // Nobody takes refusals here.
        refusal_wait_ms: 0,
        ..GatewayConfig::default()
    };
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let signer = || Arc::new(ContextSigner::generate(&SystemRandom::new()).0);
    let policy = Policy::new(&config, clock.clone());
    let (refusals, _) = Refusals::new(&config, clock.clone());
    let keys = Keys::new(&config, clock.clone()).unwrap();
    let deps = GatewayDeps {
        ids: Ids::new(clock.clone(), system_randomness()),
        clock,
        signer: signer(),
        identity: signer(),
    };
    let upstreams = Upstreams {
        profile: nobody(),
        ticket: nobody(),
        order: nobody(),
        analytics: nobody(),
        access: nobody(),
    };
    Arc::new(Stack::new(&config, deps, policy, keys, refusals, upstreams))
}

/// A stream that never waits (`busy`), or one that waits after its first message.
async fn open(busy: bool) -> Open {
    open_under(busy, full(DataClass::Basic)).await
}

async fn open_under(busy: bool, full: WatchSnapshotResponse) -> Open {
    let clock = ManualClock::at(start());
    let issuer = DevIssuer::generate(&SystemRandom::new()).unwrap();
    let stack = stack(&clock, &issuer);
    let policy = stack.policy.clone();
    policy.take(&full).unwrap();

    let now = clock.now();
    let token = issuer.issue(AGENT, now, Duration::from_secs(600)).unwrap();
    let bearer = format!("Bearer {token}").parse().unwrap();
    let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, bearer)]);
    let extensions = http::Extensions::new();
    let token = stack.tokens.believed(&headers, &extensions, now).unwrap();
    let held = policy.current(now).unwrap();
    let method = method(GET_TICKET).unwrap();
    let ready = stack
        .contexts
        .context(
            &held,
            AGENT,
            method,
            Purpose::Service,
            (now, Duration::ZERO),
        )
        .unwrap();
    drop(held);
    let seen = Seen {
        method: Some(method),
        subject: Some(AGENT),
        purpose: Purpose::Service,
        journaling: Journaling::Always,
        ..Seen::at(now)
    };
    let one = || Ok::<_, Status>(Frame::data(Bytes::from_static(b"one")));
    let frames: Body = if busy {
        Body::new(StreamBody::new(futures_util::stream::repeat_with(one)))
    } else {
        use futures_util::StreamExt;
        let first = futures_util::stream::iter([one()]);
        Body::new(StreamBody::new(
            first.chain(futures_util::stream::pending()),
        ))
    };
    let response = relay(
        Response::new(frames),
        Relay {
            permit: None,
            end: None,
            language: Language::English,
            streams: true,
            stack: stack.clone(),
            seen,
            standing: Some(Standing {
                stack,
                seen,
                ready,
                token,
                streams: true,
            }),
        },
    );
    let mut open = Open {
        clock,
        policy,
        body: response.into_body(),
    };
    assert!(open.next().await.unwrap().is_data());
    open
}

impl Open {
    /// The next frame, within a bound; none while the stream waits.
    async fn next(&mut self) -> Option<Frame<Bytes>> {
        let settled = async {
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            frame = self.body.frame() => Some(frame.unwrap().unwrap()),
            () = settled => None,
        }
    }

    /// It goes on: with another message, or by waiting for one.
    async fn goes_on(&mut self) {
        let frame = self.next().await;
        assert!(frame.is_none_or(|frame| frame.is_data()));
    }

    /// How it ends, at once.
    async fn end(mut self) -> String {
        let frame = self.next().await.expect("an end");
        let trailers = frame.into_trailers().expect("nothing more of the answer");
        assert!(self.body.frame().await.is_none());
        let status = Status::from_header_map(&trailers).unwrap();
        let details = status.get_error_details();
        details.error_info().unwrap().reason.clone()
    }

    fn change(&self, change: impl FnOnce(&mut SnapshotSubject)) {
        let mut subject = agent();
        change(&mut subject);
        let delta = WatchSnapshotResponse {
            revision: 2,
            subjects: vec![subject],
            ..Default::default()
        };
        self.policy.take(&delta).unwrap();
    }
}

/// Clause CC-2.5.
#[tokio::test]
async fn a_revoked_stream_ends_with_the_denial_busy_or_not() {
    for busy in [false, true] {
        let mut open = open(busy).await;
        open.goes_on().await;
        let removed_binding_ids = vec![BINDING.as_bytes().to_vec()];
        open.policy
            .take(&WatchSnapshotResponse {
                revision: 2,
                removed_binding_ids,
                ..Default::default()
            })
            .unwrap();
        assert_eq!(open.end().await, "PERMISSION_MISSING", "busy: {busy}");
    }
}

/// Clause CC-2.5.
#[tokio::test]
async fn a_stream_ends_in_the_second_in_which_its_token_does() {
    for busy in [false, true] {
        let mut open = open(busy).await;
        open.clock.advance(TOKEN - Duration::from_secs(1));
        open.goes_on().await;
        open.clock.advance(Duration::from_secs(1));
        assert_eq!(open.end().await, "TOKEN_EXPIRED", "busy: {busy}");
    }
}

/// Clause CC-2.5.
#[tokio::test]
async fn a_stream_ends_when_its_subject_leaves() {
    for busy in [false, true] {
        let at_once = open(busy).await;
        at_once.change(|subject| subject.leaves_at = Some(to_proto(start())));
        assert_eq!(at_once.end().await, "SUBJECT_UNKNOWN", "busy: {busy}");

        let mut full = full(DataClass::Basic);
        full.subjects[0].leaves_at = Some(to_proto(start() + Duration::from_secs(60)));
        let mut later = open_under(busy, full).await;
        later.clock.advance(Duration::from_secs(59));
        later.goes_on().await;
        later.clock.advance(Duration::from_secs(1));
        assert_eq!(later.end().await, "SUBJECT_UNKNOWN", "busy: {busy}");
    }
}

/// Clause CC-2.1. A new call would be let through to the classes that need no agreement,
/// so that is what the caller is told to make.
#[tokio::test]
async fn a_stream_ends_when_the_agreement_lapses() {
    for busy in [false, true] {
        let mut open = open_under(busy, full(DataClass::Contact)).await;
        open.clock.advance(AGREEMENT - Duration::from_secs(1));
        open.goes_on().await;
        open.clock.advance(Duration::from_secs(1));
        assert_eq!(open.end().await, "POLICY_STALE", "busy: {busy}");
    }
}
