use std::{fs, sync::Mutex};

use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::*;

/// Names are judged by where they lead.
#[tokio::test]
async fn a_name_that_leads_to_this_machine_leads_nowhere() {
    let name: Name = "localhost".parse().unwrap();
    let refused = Looked(Limits::default()).call(name.clone()).await;
    assert!(is_refused(&refused.unwrap_err()));
    let loose = Limits {
        allow_local: true,
        allow_plaintext: false,
    };
    let found = Looked(loose).call(name).await.unwrap();
    assert!(found.count() > 0);
}

/// A receiver over TLS that answers everything with 204; its port, its certificate and what it heard.
async fn receiver(name: &str) -> (u16, String, Arc<Mutex<Vec<String>>>) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = heard.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Who does not trust us goes away.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let (mut text, mut some) = (Vec::new(), [0; 4096]);
            while !text.ends_with(b"{}") {
                match stream.read(&mut some).await {
                    Ok(0) | Err(_) => break,
                    Ok(count) => text.extend_from_slice(&some[..count]),
                }
            }
            kept.lock().unwrap().push(String::from_utf8(text).unwrap());
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    (port, made.cert.pem(), heard)
}

/// A letter goes over TLS to whom a configured authority vouches for under the name that it was
/// sent to, and to nobody else; and never without TLS, unless that is configured.
#[tokio::test]
async fn a_letter_goes_to_whom_an_authority_vouches_for() {
    let (port, authority, heard) = receiver("localhost").await;
    let (strange, _, nothing) = receiver("localhost").await;
    let (misnamed, other, nobody) = receiver("receiver.example").await;
    let folder = tempfile::tempdir().unwrap();
    let authority_file = folder.path().join("authority.pem");
    // Of the misnamed one as well: only its name is wrong.
    fs::write(&authority_file, authority + &other).unwrap();
    let config = WebhooksConfig {
        allow_local: true,
        authority_file: Some(authority_file),
        ..WebhooksConfig::default()
    };
    let receiver = Receiver::new(&config).unwrap();
    let send = async |url: String| {
        let letter = Letter {
            url,
            id: "evt".into(),
            time: 1_700_000_000,
            signature: "v1,x".into(),
            body: b"{}".to_vec(),
        };
        let answer = receiver.send(letter).await;
        (answer.outcome, answer.status)
    };

    let accepted = send(format!("https://localhost:{port}/hooks?of=kefu")).await;
    assert_eq!(accepted, (Outcome::Accepted, 204));
    let text = heard.lock().unwrap().pop().unwrap();
    assert!(
        text.starts_with("POST /hooks?of=kefu HTTP/1.1\r\n"),
        "{text}"
    );
    for header in [
        "webhook-id: evt",
        "webhook-timestamp: 1700000000",
        "webhook-signature: v1,x",
    ] {
        assert!(text.contains(&format!("\r\n{header}\r\n")), "{text}");
    }

    let unreachable = (Outcome::Unreachable, 0);
    assert_eq!(
        send(format!("https://localhost:{strange}/")).await,
        unreachable
    );
    assert_eq!(
        send(format!("https://localhost:{misnamed}/")).await,
        unreachable
    );
    let plain = send(format!("http://localhost:{port}/")).await;
    assert_eq!(plain, (Outcome::AddressRefused, 0));
    for silent in [heard, nothing, nobody] {
        assert!(silent.lock().unwrap().is_empty());
    }
}
