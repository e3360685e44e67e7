use crate::config::Timeouts;
use axum::extract::Request;
use axum::response::Response;
use channel::grpc_timeout;
use contracts::Policy;
use fault::{Common, Fault};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// A call with less time left than this is refused at once.
const MIN_REMAINING: Duration = Duration::from_millis(3);

/// Bounds of the time that is reserved for sending the response, which is a tenth of the caller's timeout. The response must arrive
/// before the caller's own timer expires, else the caller sees a bare CANCELLED (tonic) instead of our reason.
const RESPONSE_MARGIN: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(10));

/// When the call arrived.
#[derive(Clone, Copy)]
struct Arrived(Instant);

/// Until when a call is to be answered.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    pub(super) at: Instant,
    arrived: Instant,
    limit: Duration,
}

/// Records when the call arrived. The layers run only once the call is first polled,
/// which on a busy machine is later by more than [`RESPONSE_MARGIN`].
pub(crate) fn arrived<B>(mut request: http::Request<B>) -> http::Request<B> {
    request.extensions_mut().insert(Arrived(Instant::now()));
    request
}

impl Deadline {
    /// The method's timeout, or the caller's where that is shorter; DEADLINE_EXCEEDED where it is over.
    pub(super) fn of(
        timeouts: &Timeouts,
        policy: &Policy,
        request: &Request,
    ) -> Result<Self, Fault> {
        let own = timeouts.of(policy);
        let callers = grpc_timeout(request.headers()).map(in_time);
        let limit = callers.map_or(own, |callers| callers.min(own));
        let arrived = request.extensions().get::<Arrived>().map_or_else(Instant::now, |at| at.0);
        let at = arrived + limit;
        if at.saturating_duration_since(Instant::now()) < MIN_REMAINING {
            return Err(time_is_up("the time for this call was up before it began"));
        }
        Ok(Self { at, arrived, limit })
    }

    /// Ends the call with DEADLINE_EXCEEDED when its time is up. Dropping the handler cancels its SQL. For a stream the time runs until its
    /// answer begins.
    pub(super) async fn enforce(
        self,
        policy: &Policy,
        work: impl Future<Output = Result<Response, Fault>>,
    ) -> Result<Response, Fault> {
        let outcome = timeout_at(self.at, work).await;
        if self.arrived.elapsed() > self.limit.mul_f64(0.8) {
            let method = channel::measure::method(policy.path);
            metrics::counter!("rpc_near_timeouts_total", "method" => method).increment(1);
        }
        let late = || time_is_up("the time for this call was up before it was done");
        outcome.unwrap_or_else(|_| Err(late()))
    }
}

/// The caller's timeout less the time to send the response.
fn in_time(timeout: Duration) -> Duration {
    let (min, max) = RESPONSE_MARGIN;
    timeout.saturating_sub((timeout / 10).clamp(min, max))
}

fn time_is_up(message: &str) -> Fault {
    Fault::new(Common::DeadlineExceeded, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_is_a_tenth_of_the_callers_time_within_bounds() {
        let left = |ms| in_time(Duration::from_millis(ms)).as_millis();
        assert_eq!([1, 10, 60, 100, 5000].map(left), [0, 8, 54, 90, 4990]);
    }
}
