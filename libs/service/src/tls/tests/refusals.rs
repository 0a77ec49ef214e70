//! Who is not taken, and whom nobody calls.

use rcgen::ExtendedKeyUsagePurpose;

use super::*;

/// A server that takes the gateway, and its authority.
async fn ticket() -> (Authority, Served) {
    let authority = Authority::new();
    let side = Side::new(&authority.issue(&["ticket", "localhost"]), &authority);
    let server = side.server(Callers::Known(vec!["gateway".into()]));
    (authority, Served::start(&server).await)
}

/// Clause CF-5.3.
#[tokio::test]
async fn who_shows_no_certificate_is_refused() {
    let (authority, served) = ticket().await;
    assert!(!reaches(&served, &Side::believing(&authority).client()).await);
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let (authority, served) = ticket().await;
    let foreign = Authority::new().issue(&["gateway"]);
    assert!(!reaches(&served, &Side::new(&foreign, &authority).client()).await);
}

#[tokio::test]
async fn a_name_that_may_not_call_is_refused() {
    let (authority, served) = ticket().await;
    for (name, taken) in [
        ("analytics", false),
        ("gateway.example", false),
        ("gateway", true),
    ] {
        let side = Side::new(&authority.issue(&[name]), &authority);
        assert_eq!(reaches(&served, &side.client()).await, taken, "{name}");
    }
}

#[tokio::test]
async fn an_expired_certificate_of_a_caller_is_refused() {
    let (authority, served) = ticket().await;
    let side = Side::new(&authority.issue_expired(&["gateway"]), &authority);
    assert!(!reaches(&served, &side.client()).await);
}

#[tokio::test]
async fn a_certificate_for_servers_alone_is_no_callers() {
    let (authority, served) = ticket().await;
    let own = authority.issue_with(&["gateway"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    assert!(!reaches(&served, &Side::new(&own, &authority).client()).await);
}

/// A server of another authority, of another name, or past its time is not called.
#[tokio::test]
async fn a_server_that_is_not_the_one_meant_is_not_called() {
    let authority = Authority::new();
    let client = Side::new(&authority.issue(&["gateway"]), &authority).client();
    for (own, called) in [
        (authority.issue(&["localhost"]), true),
        (Authority::new().issue(&["localhost"]), false),
        (authority.issue(&["ticket"]), false),
        (authority.issue_expired(&["localhost"]), false),
    ] {
        let server = Side::new(&own, &authority).server(Callers::Known(Vec::new()));
        let served = Served::start(&server).await;
        assert_eq!(reaches(&served, &client).await, called);
    }
}

/// Neither plaintext to a server that speaks TLS, nor the other way round.
#[tokio::test]
async fn plaintext_is_not_taken() {
    let (_, served) = ticket().await;
    let uri = served.uri().replace("https", "http");
    assert_eq!(call(&Way::Plaintext.to(&uri).unwrap()).await, None);
}

/// Named with the file, and without a word of what it holds.
#[test]
fn files_that_cannot_be_used_are_named() {
    let authority = Authority::new();
    let (one, other) = (authority.issue(&["a"]), authority.issue(&["a"]));
    let good = || Side::new(&one, &authority);
    let told = |side: &Side| {
        let known = Callers::Known(Vec::new());
        let error = ServerTls::new(side.files(), known).unwrap_err();
        error.to_string()
    };
    for (file, text, part) in [
        ("tls.crt", "", "tls.crt: holds no certificate"),
        ("tls.key", "hunter2", "tls.key: holds nothing of the kind"),
        (
            "tls.key",
            "-----BEGIN PRIVATE KEY-----\nhunter2\n",
            "tls.key: is not PEM",
        ),
        ("ca.crt", "nothing", "ca.crt: holds no certificate"),
    ] {
        let side = good();
        side.put(file, text);
        let told = told(&side);
        assert!(told.contains(part) && !told.contains("hunter2"), "{told}");
    }
    let side = good();
    side.show(&other);
    std::fs::remove_file(side.path("tls.key")).unwrap();
    assert!(told(&side).contains("cannot read"));
    side.show(&other);
    let both = Side::showing(&one);
    let certificate = std::fs::read(both.path("tls.crt")).unwrap();
    side.put("tls.crt", certificate);
    assert!(told(&side).contains("certificate and key"));
    // Who is to be known cannot be told without an authority.
    assert!(told(&Side::showing(&one)).contains("no authority"));
    let nobody = Callers::Known(vec!["not a name".into()]);
    let error = ServerTls::new(good().files(), nobody).unwrap_err();
    assert!(error.to_string().contains("DNS name"));
}
