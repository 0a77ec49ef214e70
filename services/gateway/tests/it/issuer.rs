//! Stands in for the company's identity provider: keys over HTTP, or not.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use kefu_gateway::dev_issuer::DevIssuer;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, pki_types::PrivateKeyDer},
};

/// What is answered at a path.
#[derive(Clone)]
pub(crate) enum Page {
    Json(String),
    Status(u16),
    /// Nothing, and the connection stays open.
    Silence,
}

pub(crate) struct TestIssuer {
    pub(crate) url: String,
    /// Its certificate, where it speaks TLS.
    pub(crate) ca: Option<String>,
    pages: Mutex<HashMap<String, Page>>,
    asked: AtomicUsize,
}

impl TestIssuer {
    pub(crate) async fn start() -> Arc<Self> {
        Self::listen(None).await
    }

    pub(crate) async fn with_tls() -> Arc<Self> {
        let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self::listen(Some(made)).await
    }

    async fn listen(tls: Option<CertifiedKey<rcgen::KeyPair>>) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let issuer = Arc::new(Self {
            url: format!("{scheme}://localhost:{port}"),
            ca: tls.as_ref().map(|made| made.cert.pem()),
            pages: Mutex::default(),
            asked: AtomicUsize::new(0),
        });
        let acceptor = tls.map(|made| {
            let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
            let config = ServerConfig::builder()
                .with_no_client_auth()
                .with_single_cert(vec![made.cert.der().clone()], key)
                .unwrap();
            TlsAcceptor::from(Arc::new(config))
        });
        let serving = issuer.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (issuer, acceptor) = (serving.clone(), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => issuer.answer(stream).await,
                        Some(acceptor) => {
                            // A client that does not trust us goes away.
                            if let Ok(stream) = acceptor.accept(stream).await {
                                issuer.answer(stream).await;
                            }
                        }
                    }
                });
            }
        });
        issuer
    }

    pub(crate) fn put(&self, path: &str, page: Page) {
        self.pages.lock().unwrap().insert(path.to_owned(), page);
    }

    /// Publishes the keys of these and no others.
    pub(crate) fn publish(&self, keys: &[&DevIssuer]) {
        self.put("/keys", Page::Json(set(keys)));
    }

    /// Requests that came.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    async fn answer(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else {
                return;
            };
            request.push(byte);
        }
        let request = String::from_utf8(request).unwrap();
        let path = request.split(' ').nth(1).unwrap();
        let page = self.pages.lock().unwrap().get(path).cloned();
        self.asked.fetch_add(1, Ordering::SeqCst);
        let (status, body) = match page {
            None => (404, String::new()),
            Some(Page::Status(status)) => (status, String::new()),
            Some(Page::Json(body)) => (200, body),
            Some(Page::Silence) => return std::future::pending().await,
        };
        let length = body.len();
        let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n\r\n{body}");
        // The gateway may not want to read it all.
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
    }
}

/// One JWK set of these keys.
pub(crate) fn set(keys: &[&DevIssuer]) -> String {
    let keys: Vec<_> = keys
        .iter()
        .map(|key| {
            let mut set: serde_json::Value = serde_json::from_str(&key.jwks()).unwrap();
            set["keys"][0].take()
        })
        .collect();
    serde_json::json!({ "keys": keys }).to_string()
}
