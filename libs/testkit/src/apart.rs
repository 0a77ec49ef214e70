use std::{net::SocketAddr, time::Duration};

use kefu::suite::Parts;
use kefu_access_control::Peers;
use kefu_service::{
    host::{self, Seat},
    peer::remote,
    server::{GrpcService, Reflected, ServeError, ServeOptions},
};
use tokio::{
    net::{TcpListener, TcpSocket},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// How long its connections and jobs may take to end; the stream of the policy never
/// ends by itself.
const DRAIN: Duration = Duration::from_millis(100);

/// access-control in a server of its own.
pub(crate) struct AccessControl {
    parts: Parts,
    address: SocketAddr,
    listener: Option<TcpListener>,
    /// Held while it is stopped, so that nobody else takes it; nobody listens there.
    place: Option<TcpSocket>,
    running: Option<(CancellationToken, JoinHandle<Result<(), ServeError>>)>,
}

impl AccessControl {
    /// Its place, at which the others of these parts will find it once it is started.
    pub(crate) async fn beside(parts: &mut Parts) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        parts.access_control_apart = Some(remote(&format!("http://{address}")).unwrap());
        Self {
            parts: parts.clone(),
            address,
            listener: Some(listener),
            place: None,
            running: None,
        }
    }

    pub(crate) async fn start(&mut self, services: &[(&'static str, GrpcService)]) {
        let peer = |name: &str| {
            let (_, service) = services.iter().find(|(known, _)| *known == name).unwrap();
            service.clone()
        };
        let hosted = self.parts.access_control(Peers {
            customer_profile: peer("customer-profile"),
            ticket: peer("ticket"),
            order_followup: peer("order-followup"),
            analytics: peer("analytics"),
        });
        let listener = match self.listener.take() {
            Some(listener) => listener,
            None => self.place.take().unwrap().listen(1024).unwrap(),
        };
        let seat = Seat {
            listener,
            health_listener: None,
            options: ServeOptions {
                drain: DRAIN,
                ..ServeOptions::default()
            },
            notice: Duration::ZERO,
            reflection: Reflected::Nothing,
        };
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let running = tokio::spawn(host::run(hosted.unwrap(), seat, stopped));
        self.running = Some((stop, running));
    }

    pub(crate) async fn stop(&mut self) {
        let (stop, running) = self.running.take().unwrap();
        stop.cancel();
        running.await.unwrap().unwrap();
        let place = TcpSocket::new_v4().unwrap();
        place.set_reuseaddr(true).unwrap();
        place.bind(self.address).unwrap();
        self.place = Some(place);
    }
}

impl Drop for AccessControl {
    fn drop(&mut self) {
        if let Some((stop, _)) = &self.running {
            stop.cancel();
        }
    }
}
