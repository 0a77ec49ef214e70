//! Another company system at the other end of a webhook: it keeps what it is told, and answers as
//! it is ordered to. It checks signatures by itself, as docs/webhooks.md has receivers do.

use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use kefu_testkit::eventually;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// How it answers.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// With this status and no more.
    Status(u16),
    /// With this status and these further lines of the head.
    With(u16, &'static str),
    /// Never.
    Silence,
}

/// What it was sent.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) headers: HashMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Letter {
    pub(super) fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub(super) fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Whether one of its signatures is of this secret.
    pub(super) fn is_signed_with(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap());
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key.unwrap());
        let time = &self.headers["webhook-timestamp"];
        let mut signed = format!("{}.{time}.", self.id()).into_bytes();
        signed.extend(&self.body);
        let mut signatures = self.headers["webhook-signature"].split(' ');
        signatures.any(|one| {
            let tag = STANDARD.decode(one.strip_prefix("v1,").unwrap()).unwrap();
            hmac::verify(&key, &signed, &tag).is_ok()
        })
    }

    pub(super) fn signatures(&self) -> usize {
        self.headers["webhook-signature"].split(' ').count()
    }
}

pub(super) struct Receiver {
    address: SocketAddr,
    letters: Arc<Mutex<Vec<Letter>>>,
    answer: Arc<Mutex<Answer>>,
    listening: JoinHandle<()>,
}

impl Receiver {
    pub(super) async fn that(answers: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (letters, answer) = (Arc::default(), Arc::new(Mutex::new(answers)));
        let (kept, ordered) = (Arc::clone(&letters), Arc::clone(&answer));
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(hear(stream, Arc::clone(&kept), Arc::clone(&ordered)));
            }
        });
        Self {
            address,
            letters,
            answer,
            listening,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }

    pub(super) fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    pub(super) fn letters(&self) -> Vec<Letter> {
        self.letters.lock().unwrap().clone()
    }

    pub(super) fn ids(&self) -> BTreeSet<String> {
        let letters = self.letters();
        letters.iter().map(|one| one.id().to_owned()).collect()
    }

    /// What it was sent, once there is so much of it.
    pub(super) async fn heard(&self, at_least: usize) -> Vec<Letter> {
        eventually(async || {
            let letters = self.letters();
            (letters.len() >= at_least).then_some(letters)
        })
        .await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn hear(mut stream: TcpStream, letters: Arc<Mutex<Vec<Letter>>>, answer: Arc<Mutex<Answer>>) {
    let Some(letter) = read(&mut stream).await else {
        return;
    };
    letters.lock().unwrap().push(letter);
    let answer = answer.lock().unwrap().clone();
    let (status, more) = match answer {
        Answer::Status(status) => (status, ""),
        Answer::With(status, more) => (status, more),
        Answer::Silence => std::future::pending().await,
    };
    let head =
        format!("HTTP/1.1 {status} X\r\n{more}content-length: 0\r\nconnection: close\r\n\r\n");
    let _ = stream.write_all(head.as_bytes()).await;
}

/// One request of HTTP/1.1, with its length said.
async fn read(stream: &mut TcpStream) -> Option<Letter> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).ok()?;
    let mut lines = text.split("\r\n");
    assert_eq!(lines.next(), Some("POST /hooks HTTP/1.1"));
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers["content-length"].parse().ok()?;
    while bytes.len() < head + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = bytes[head + 4..].to_vec();
    Some(Letter { headers, body })
}
