use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use http::{HeaderValue, Request, Response};
use kefu_journal::Cursor;
use kefu_service::{
    call::{POSITION, PURPOSE},
    position,
    server::GrpcService,
};
use tonic::body::Body;
use tower::{Service, ServiceExt};

/// How far each journal is known.
#[derive(Clone, Default)]
struct Places(BTreeMap<String, Cursor>);

impl Places {
    /// Also this far. A place already passed takes nothing back: neither another's
    /// earlier write nor an answer that comes late.
    fn reach(&mut self, places: impl IntoIterator<Item = (String, Cursor)>) {
        for (journal, place) in places {
            let known = self.0.entry(journal).or_insert(place);
            *known = place.max(*known);
        }
    }
}

/// Somebody at the gateway; what generated clients are put upon. Sends the places
/// of its own writes along, so that it reads them wherever it looks.
#[derive(Clone)]
pub struct Caller {
    gateway: GrpcService,
    token: HeaderValue,
    purpose: HeaderValue,
    language: HeaderValue,
    /// The latest of each journal.
    places: Arc<Mutex<Places>>,
}

impl Caller {
    pub(crate) fn new(gateway: GrpcService, token: &str, purpose: &str) -> Self {
        Self {
            gateway,
            token: HeaderValue::from_str(&format!("Bearer {token}")).unwrap(),
            purpose: HeaderValue::from_str(purpose).unwrap(),
            language: HeaderValue::from_static("en"),
            places: Arc::default(),
        }
    }

    /// The same person with another purpose.
    #[must_use]
    pub fn purpose(&self, purpose: &str) -> Self {
        Self {
            purpose: HeaderValue::from_str(purpose).unwrap(),
            ..self.clone()
        }
    }

    /// Knows of everything that the other wrote so far.
    #[must_use]
    pub fn after(&self, other: &Self) -> Self {
        let known = other.places.lock().unwrap().clone();
        self.places.lock().unwrap().reach(known.0);
        self.clone()
    }
}

impl Service<Request<Body>> for Caller {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let headers = request.headers_mut();
        headers
            .entry("authorization")
            .or_insert_with(|| self.token.clone());
        // An empty purpose is none: the metadata is then left out.
        if !self.purpose.is_empty() {
            headers
                .entry(PURPOSE)
                .or_insert_with(|| self.purpose.clone());
        }
        headers
            .entry("accept-language")
            .or_insert_with(|| self.language.clone());
        let known = self.places.lock().unwrap();
        for (journal, place) in &known.0 {
            let value = HeaderValue::try_from(format!("{journal}:{place}")).unwrap();
            headers.append(POSITION, value);
        }
        drop(known);
        let (gateway, places) = (self.gateway.clone(), self.places.clone());
        Box::pin(async move {
            let response = gateway.oneshot(request).await?;
            if let Some(place) = response.headers().get(POSITION) {
                let reached = position::parse(place.to_str().unwrap());
                places.lock().unwrap().reach(reached);
            }
            Ok(response)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_learns_of_anothers_earlier_write_forgets_none_of_their_own() {
        let at = |places: &str| {
            let mut known = Places::default();
            known.reach(position::parse(places));
            known
        };
        let (own, other) = (
            "customer-profile:812.56",
            "customer-profile:812.55,ticket:9.1",
        );
        for (first, second) in [(own, other), (other, own)] {
            let mut known = at(first);
            known.reach(at(second).0);
            assert_eq!(known.0, at("customer-profile:812.56,ticket:9.1").0);
        }
    }
}
