//! One address of a service, with its connection.

use crate::health::{Health, Outcome, Standing};
use http::{Request, Response};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;
use tonic::body::Body;
use tonic::transport::{self, Channel};
use tower::ServiceExt;

/// A replica of a service.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) address: SocketAddr,
    /// When its connection is replaced.
    pub(crate) expires: Instant,
    connection: Channel,
    in_flight: AtomicUsize,
    health: Mutex<Health>,
}

impl Replica {
    pub(crate) fn new(address: SocketAddr, connection: Channel, expires: Instant) -> Self {
        Self {
            address,
            expires,
            connection,
            in_flight: AtomicUsize::new(0),
            health: Mutex::default(),
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn standing(&self, now: Instant) -> Standing {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).standing(now)
    }

    /// Whether a call may go to it now.
    pub(crate) fn takes_calls(&self, now: Instant) -> bool {
        match self.standing(now) {
            Standing::In => true,
            Standing::Trial => self.in_flight() == 0,
            Standing::Out => false,
        }
    }

    pub(crate) fn note(&self, outcome: Outcome, spare: bool) -> bool {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        health.note(outcome, spare, Instant::now())
    }

    /// Counts a call that goes to it.
    pub(crate) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a call that has ended.
    pub(crate) fn end(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) async fn send(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Body>, transport::Error> {
        self.connection.clone().oneshot(request).await
    }
}
