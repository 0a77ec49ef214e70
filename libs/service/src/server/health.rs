//! `grpc.health.v1` of one server.

use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};
use tower::util::BoxCloneSyncService;

use super::GrpcService;

/// Whether a server takes calls, as load balancers and the kubelet ask it. All of
/// its names have the same state. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Health {
    reporter: HealthReporter,
    names: Vec<String>,
}

impl Health {
    /// NOT_SERVING under `""`, the server as a whole, and these names.
    pub async fn new(names: &[&str]) -> Self {
        let names = std::iter::once(&"")
            .chain(names)
            .map(|name| (*name).to_owned())
            .collect();
        let health = Self {
            reporter: HealthReporter::new(),
            names,
        };
        health.not_serving().await;
        health
    }

    /// Calls are welcome.
    pub async fn serving(&self) {
        self.set(ServingStatus::Serving).await;
    }

    /// Calls are answered still, but better sent elsewhere.
    pub async fn not_serving(&self) {
        self.set(ServingStatus::NotServing).await;
    }

    /// Ends the streams of those who watch, or draining would wait for them. Who
    /// asks after this learns NOT_FOUND.
    pub async fn end(&self) {
        let mut reporter = self.reporter.clone();
        for name in &self.names {
            reporter.clear_service_status(name).await;
        }
    }

    /// Health alone as a service, for a port of its own.
    pub fn service(&self) -> GrpcService {
        let service = HealthService::from_health_reporter(self.reporter.clone());
        BoxCloneSyncService::new(HealthServer::new(service))
    }

    async fn set(&self, status: ServingStatus) {
        for name in &self.names {
            self.reporter.set_service_status(name, status).await;
        }
    }
}
