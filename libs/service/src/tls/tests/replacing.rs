//! Files that are replaced while calls go on.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use super::*;

/// The certificate that a server shows on a new connection.
async fn shown(served: &Served, client: &ClientTls) -> Vec<u8> {
    let io = TcpStream::connect(served.address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let io = client.connect(name, io).await.unwrap();
    io.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

/// Calls without end: over one connection, and over a new one each time.
struct Load {
    done: Arc<AtomicBool>,
    answered: Arc<[AtomicU64; 2]>,
    tasks: Vec<JoinHandle<u64>>,
}

impl Load {
    fn begin(served: &Served, client: &ClientTls) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let answered: Arc<[AtomicU64; 2]> = Arc::default();
        let way = Way::Tls(client.clone());
        let tasks = [(0, false), (0, false), (1, true), (1, true)].map(|(kind, anew)| {
            let (done, answered) = (done.clone(), answered.clone());
            let (way, uri) = (way.clone(), served.uri());
            tokio::spawn(async move {
                let mut service = way.to(&uri).unwrap();
                let mut failed = 0;
                while !done.load(Ordering::Relaxed) {
                    if anew {
                        service = way.to(&uri).unwrap();
                    }
                    match call(&service).await {
                        Some(_) => drop(answered[kind].fetch_add(1, Ordering::Relaxed)),
                        None => failed += 1,
                    }
                }
                failed
            })
        });
        Self {
            done,
            answered,
            tasks: tasks.into(),
        }
    }

    /// Until more calls of both kinds were answered.
    async fn goes_on(&self) {
        let count = || [0, 1].map(|kind| self.answered[kind].load(Ordering::Relaxed));
        let before = count();
        let more = async {
            while count()
                .iter()
                .zip(before)
                .any(|(now, before)| *now < before + 8)
            {
                tokio::task::yield_now().await;
            }
        };
        timeout(SOON, more).await.unwrap();
    }

    /// How many calls were not answered.
    async fn end(self) -> u64 {
        self.done.store(true, Ordering::Relaxed);
        let mut failed = 0;
        for task in self.tasks {
            failed += timeout(SOON, task).await.unwrap().unwrap();
        }
        failed
    }
}

/// Both sides' certificates, and then the authority itself, without a call that fails.
/// Clause CF-5.3.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_replaced_under_load() {
    let (old, new) = (Authority::new(), Authority::new());
    let first = old.issue(&["localhost"]);
    let (ticket, gateway) = (
        Side::new(&first, &old),
        Side::new(&old.issue(&["gateway"]), &old),
    );
    let server = ticket.server(Callers::Known(vec!["gateway".into()]));
    let client = gateway.client();
    let served = Served::start(&server).await;
    let renew = || {
        [
            server.renew().renew().unwrap(),
            client.renew().renew().unwrap(),
        ]
    };
    let load = Load::begin(&served, &client);
    load.goes_on().await;
    assert_eq!(shown(&served, &client).await, first.der);
    assert_eq!(renew(), [false, false]);

    // Of the same authority.
    let second = old.issue(&["localhost"]);
    ticket.show(&second);
    assert_eq!(renew(), [true, false]);
    load.goes_on().await;
    assert_eq!(shown(&served, &client).await, second.der);

    // Both authorities are believed before anything of the new one is shown.
    ticket.believe(&[&old, &new]);
    gateway.believe(&[&old, &new]);
    assert_eq!(renew(), [true, true]);
    load.goes_on().await;
    let third = new.issue(&["localhost"]);
    ticket.show(&third);
    gateway.show(&new.issue(&["gateway"]));
    assert_eq!(renew(), [true, true]);
    load.goes_on().await;
    assert_eq!(shown(&served, &client).await, third.der);
    ticket.believe(&[&new]);
    gateway.believe(&[&new]);
    assert_eq!(renew(), [true, true]);
    load.goes_on().await;
    assert_eq!(load.end().await, 0);

    // What only the old authority vouches for is over.
    let late = Side::new(&old.issue(&["gateway"]), &new);
    assert!(!reaches(&served, &late.client()).await);
}

#[tokio::test]
async fn bad_files_leave_what_was_in_use() {
    let authority = Authority::new();
    let first = authority.issue(&["localhost"]);
    let side = Side::new(&first, &authority);
    let server = side.server(Callers::Known(Vec::new()));
    let client = Side::new(&authority.issue(&["gateway"]), &authority).client();
    let served = Served::start(&server).await;
    let (second, third) = (
        authority.issue(&["localhost"]),
        authority.issue(&["localhost"]),
    );
    let spoil: [&dyn Fn(); 4] = [
        &|| side.put("tls.crt", "no certificate"),
        &|| side.put("ca.crt", ""),
        &|| std::fs::remove_file(side.path("tls.key")).unwrap(),
        // A certificate whose key has not come yet.
        &|| {
            let key = std::fs::read(side.path("tls.key")).unwrap();
            side.show(&second);
            side.put("tls.key", key);
        },
    ];
    for spoil in spoil {
        spoil();
        server.renew().renew().unwrap_err();
        // And again: a bad file is complained of for as long as it is there.
        server.renew().renew().unwrap_err();
        assert_eq!(shown(&served, &client).await, first.der);
        assert!(reaches(&served, &client).await);
        side.show(&first);
        side.believe(&[&authority]);
        assert!(!server.renew().renew().unwrap());
    }
    side.show(&third);
    assert!(server.renew().renew().unwrap());
    assert_eq!(shown(&served, &client).await, third.der);
}

/// As a process does it: the job looks at once, then ever again, by the clock it is given.
#[tokio::test]
async fn the_job_takes_new_files() {
    let authority = Authority::new();
    let first = authority.issue(&["localhost"]);
    let side = Side::new(&first, &authority);
    let server = side.server(Callers::Known(Vec::new()));
    let client = side.client();
    let served = Served::start(&server).await;
    let clock = crate::clock::ManualClock::at(jiff::Timestamp::UNIX_EPOCH);
    let job = renewal(Arc::new(clock.clone()), vec![server.renew()]);
    let running = crate::host::start_jobs(vec![job], CancellationToken::new());
    let second = authority.issue(&["localhost"]);
    side.show(&second);
    let taken = async {
        while shown(&served, &client).await != second.der {
            clock.advance(std::time::Duration::from_secs(10));
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, taken).await.unwrap();
    running.stop(SOON).await;
}
