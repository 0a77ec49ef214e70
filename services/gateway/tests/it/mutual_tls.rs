//! Tokens bound to a client certificate (RFC 8705), over real TLS. Issue 3, point 7.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Request;
use http_body_util::BodyExt;
use kefu_gateway::{
    GatewayConfig,
    dev_issuer::{AUDIENCE, ISSUER},
};
use kefu_service::{
    clock::Clock,
    server::{ServeOptions, serve},
    tls::{Callers, Files, Own, ServerTls},
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use serde_json::json;
use tokio::net::TcpListener;
use tonic::{
    Code, Status,
    body::Body,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};
use tonic_types::StatusExt;
use tower::ServiceExt;
use uuid::Uuid;

use crate::{
    policy::{AGENT, GET_TICKET, REVISION},
    world::World,
};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate and its key, PEM, and its thumbprint.
struct Holder {
    certificate: String,
    key: String,
    thumbprint: String,
}

impl Holder {
    fn new(authority: &Authority, usage: ExtendedKeyUsagePurpose) -> Self {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, authority).unwrap();
        Self {
            thumbprint: URL_SAFE_NO_PAD.encode(digest(&SHA256, certificate.der())),
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    fn client(authority: &Authority) -> Self {
        Self::new(authority, ExtendedKeyUsagePurpose::ClientAuth)
    }
}

/// The gateway behind TLS that takes client certificates of one authority.
struct Door {
    world: World,
    authority: Authority,
    address: String,
}

impl Door {
    async fn open(change: impl FnOnce(&mut GatewayConfig)) -> Self {
        let world = World::with(change).await;
        let authority = authority();
        let server = Holder::new(&authority, ExtendedKeyUsagePurpose::ServerAuth);
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let files = Files {
            own: Some(Own {
                certificate: file("tls.crt", &server.certificate),
                key: file("tls.key", &server.key),
            }),
            authorities: Some(file("ca.crt", &authority.pem())),
        };
        let options = ServeOptions {
            tls: Some(ServerTls::new(files, Callers::Anybody).unwrap()),
            ..ServeOptions::default()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        let stopped = world.stop.clone().cancelled_owned();
        tokio::spawn(serve(world.gateway.clone(), listener, options, stopped));
        Self {
            world,
            authority,
            address,
        }
    }

    /// A connection that shows this certificate.
    async fn connect(&self, holder: Option<&Holder>) -> Result<Channel, tonic::transport::Error> {
        let mut tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(self.authority.pem()))
            .domain_name("localhost");
        if let Some(holder) = holder {
            tls = tls.identity(Identity::from_pem(&holder.certificate, &holder.key));
        }
        let endpoint = Endpoint::from_shared(self.address.clone()).unwrap();
        let endpoint = endpoint.timeout(Duration::from_secs(20));
        endpoint.tls_config(tls).unwrap().connect().await
    }

    fn token(&self, subject: Uuid, bound: Option<&Holder>) -> String {
        let now = self.world.clock.now().as_second();
        let mut claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "exp": now + 600,
        });
        if let Some(holder) = bound {
            claims["cnf"] = json!({ "x5t#S256": holder.thumbprint });
        }
        self.world.issuer.sign(&claims).unwrap()
    }
}

/// Code and reason of the answer.
async fn call(channel: &Channel, token: &str) -> (Code, String) {
    let request = Request::post(GET_TICKET)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {token}"))
        .header("kefu-purpose", "service")
        .body(Body::empty())
        .unwrap();
    let (head, body) = channel.clone().oneshot(request).await.unwrap().into_parts();
    let trailers = body.collect().await.unwrap().trailers().cloned();
    let status = Status::from_header_map(&head.headers)
        .or_else(|| Status::from_header_map(&trailers.unwrap_or_default()))
        .unwrap();
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.clone());
    (status.code(), reason.unwrap_or_default())
}

fn ok() -> (Code, String) {
    (Code::Ok, String::new())
}

fn invalid() -> (Code, String) {
    (Code::Unauthenticated, "TOKEN_INVALID".into())
}

/// Clause CC-2.5.
#[tokio::test]
async fn a_bound_token_is_worth_nothing_without_its_certificate() {
    let door = Door::open(|_| {}).await;
    let (own, other) = (
        Holder::client(&door.authority),
        Holder::client(&door.authority),
    );
    let token = door.token(AGENT, Some(&own));
    let without = door.connect(None).await.unwrap();
    let with_other = door.connect(Some(&other)).await.unwrap();
    // Before it was ever believed, and again when it is remembered as believed.
    for _ in 0..2 {
        assert_eq!(call(&without, &token).await, invalid());
        assert_eq!(call(&with_other, &token).await, invalid());
        let with_own = door.connect(Some(&own)).await.unwrap();
        assert_eq!(call(&with_own, &token).await, ok());
        assert_eq!(call(&with_own, &token).await, ok());
    }
    assert_eq!(door.world.arrivals(), 4);
    // Whose token was stolen is in the journal.
    let journaled = door.world.access.journaled();
    assert_eq!(journaled.len(), 4);
    for refusal in journaled {
        assert_eq!(refusal.reason, "TOKEN_INVALID");
        assert_eq!(refusal.subject_id, AGENT.as_bytes());
    }
}

#[tokio::test]
async fn an_unbound_token_needs_no_certificate_and_minds_none() {
    let door = Door::open(|config| config.require_bound_tokens_for_system_accounts = true).await;
    let token = door.token(AGENT, None);
    let holder = Holder::client(&door.authority);
    let without = door.connect(None).await.unwrap();
    let with = door.connect(Some(&holder)).await.unwrap();
    assert_eq!(call(&without, &token).await, ok());
    assert_eq!(call(&with, &token).await, ok());
}

#[tokio::test]
async fn a_certificate_of_a_foreign_authority_ends_the_connection() {
    let door = Door::open(|_| {}).await;
    let foreign = Holder::client(&authority());
    let refused = match door.connect(Some(&foreign)).await {
        Err(_) => true,
        // TLS 1.3: the client learns of it with its first word.
        Ok(channel) => {
            let request = Request::post(GET_TICKET).body(Body::empty()).unwrap();
            channel.oneshot(request).await.is_err()
        }
    };
    assert!(refused);
    assert_eq!(door.world.arrivals(), 0);
}

/// Clause CC-2.5.
#[tokio::test]
async fn system_accounts_need_bound_tokens_where_it_is_asked() {
    for asked in [false, true] {
        let door =
            Door::open(|config| config.require_bound_tokens_for_system_accounts = asked).await;
        let access = &door.world.access;
        let mut full = access.full.lock().unwrap().clone();
        full.revision = REVISION + 1;
        full.subjects[0].kind = kefu_contracts::access::SubjectKind::SystemAccount.into();
        access.send(full);
        crate::world::settle().await;
        let holder = Holder::client(&door.authority);
        let channel = door.connect(Some(&holder)).await.unwrap();
        let unbound = call(&channel, &door.token(AGENT, None)).await;
        assert_eq!(unbound, if asked { invalid() } else { ok() });
        assert_eq!(
            call(&channel, &door.token(AGENT, Some(&holder))).await,
            ok()
        );
    }
}

/// What is bound in a way that cannot be checked here is not believed; and within one
/// process there are no certificates.
#[tokio::test]
async fn other_bindings_are_refused() {
    let world = World::new().await;
    let now = world.clock.now().as_second();
    let thumbprint = URL_SAFE_NO_PAD.encode([7; 32]);
    for cnf in [
        json!({ "x5t#S256": thumbprint }),
        json!({ "x5t#S256": "short" }),
        json!({ "x5t#S256": thumbprint, "jkt": thumbprint }),
        json!({ "jkt": thumbprint }),
        json!({}),
        json!("none"),
    ] {
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": AGENT, "exp": now + 600, "cnf": cnf,
        });
        let token = world.issuer.sign(&claims).unwrap();
        let call = world.bare(GET_TICKET).purpose("service");
        call.header("authorization", &format!("Bearer {token}"))
            .send()
            .await
            .is_refused(Code::Unauthenticated, "TOKEN_INVALID");
    }
    assert_eq!(world.arrivals(), 0);
}
