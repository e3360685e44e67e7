//! The HTTP face: every request is counted, its caller known and allowed, before a kept answer is given or a service asked.

mod calls;
mod kept;

use crate::config::Gateway;
use crate::domain::topics;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use bus::Bus;
use cache::answers::{Made, Question};
use cache::{Answers, Limiter};
use calls::Calls;
use contracts::Policy;
use fault::context::{Context, scope};
use fault::trace::TraceParent;
use fault::{Common, Fault};
use futures::FutureExt;
use kept::{Kept, Passed};
use mesh::{Backing, BootError, Door, Visitor};
use rest::{At, Front, Route, Routes};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tonic::body::Body;
use tracing::Instrument;

const CORRELATION: HeaderName = HeaderName::from_static("x-correlation-id");
/// Whoever shows this key may send what a browser sees; all browsers of a shop share it, so each counts by its address.
const FOR_BROWSERS: &str = "/souk.analytics.v1.AnalyticsService/RecordBrowserEvents";

type Answered = (http::Response<Body>, Option<At>);

/// Answers requests.
pub(crate) struct Gate {
    routes: Routes,
    calls: Calls,
    answers: Arc<Answers>,
    bus: Bus,
    door: Door,
    /// None: callers are not limited.
    limiter: Option<Limiter>,
    settings: Gateway,
}

/// The gate with the process's own methods behind it.
struct Open {
    gate: Gate,
    front: Front<Calls>,
}

impl Gate {
    pub(crate) fn open(
        backing: &Backing<'_>,
        settings: &Gateway,
        answers: Arc<Answers>,
        routes: Routes,
    ) -> Result<Self, BootError> {
        let limits = &backing.config().rate_limit;
        let limiter = || Limiter::new(backing.redis(), limits.instances);
        Ok(Self {
            calls: Calls::open(backing, &routes)?,
            routes,
            answers,
            bus: backing.bus.clone(),
            door: backing.door(),
            limiter: limits.enabled.then(limiter),
            settings: settings.clone(),
        })
    }

    /// The router of the port for HTTP; `own` are the gRPC methods of this process.
    pub(crate) fn router(self, own: axum::Router) -> axum::Router {
        let routes = self.routes.clone();
        let calls = self.calls.clone().with(own);
        let front = Front::new(routes.clone(), calls, self.settings.max_body_bytes);
        let open = Arc::new(Open { gate: self, front });
        let answer = move |request| {
            let open = Arc::clone(&open);
            async move { open.answer(request).await }.boxed()
        };
        mesh::front::served(&routes, Arc::new(answer))
    }

    /// Counts a request, and refuses one too many.
    async fn count(&self, key: &str, kind: &'static str, has_token: bool) -> Result<(), Fault> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        let limit = self.settings.limit(has_token);
        let decision = limiter.take("gateway", &format!("{kind} {key}"), limit).await;
        if decision.allowed {
            return Ok(());
        }
        metrics::counter!("gateway_limited_total", "caller" => kind).increment(1);
        let pause = decision.retry_after + Duration::from_millis(1);
        let message = format!(
            "{} requests a minute are taken of one {kind}, {} at once; wait for {} ms, then retry",
            limit.per_minute,
            limit.burst,
            pause.as_millis()
        );
        Err(Fault::new(Common::RateLimited, message).retry_after(pause))
    }

    /// Who sends a request for a method, once it was counted.
    async fn visitor(&self, head: &Parts, policy: Option<&Policy>) -> Result<Visitor, Fault> {
        let outcome = match policy {
            Some(policy) => self.door.visitor(head, policy).await,
            // Nothing is there, which is not said to who asks for anything.
            None => Err(Fault::new(Common::MethodUnknown, "nothing is served at this path")),
        };
        match &outcome {
            Ok(visitor) if visitor.has_token() => {
                let is_browser = policy.is_some_and(|policy| policy.path == FOR_BROWSERS);
                let (key, kind) = match is_browser {
                    true => (visitor.address(), "address"),
                    false => (visitor.caller().subject.as_str(), "subject"),
                };
                self.count(key, kind, true).await?;
            }
            _ => self.count(&self.door.address(head), "address", false).await?,
        }
        outcome
    }
}

impl Open {
    async fn answer(&self, mut request: Request) -> Answered {
        let id = rest::correlation(request.headers());
        if let Ok(id) = HeaderValue::from_str(&id) {
            request.headers_mut().insert(CORRELATION, id);
        }
        let limit = Duration::from_millis(self.gate.settings.timeout_ms);
        let path = request.uri().path().to_owned();
        let span = tracing::info_span!("request", path, correlation_id = %id, otel.kind = "server");
        let sent = request.headers().get("traceparent").and_then(|sent| sent.to_str().ok());
        let trace = TraceParent::enter(&span, sent.and_then(TraceParent::parse));
        let context = Context {
            work: "request",
            correlation_id: id.clone(),
            traceparent: Some(trace.to_string()),
            deadline: Some(Instant::now() + limit),
            ..Context::of_service("gateway")
        };
        let work = scope(context.clone(), self.within(request, &id, context)).instrument(span);
        let (mut response, at) = match tokio::time::timeout(limit, work).await {
            Ok(answered) => answered,
            Err(_) => {
                let message = "the time for this request was up before it was done";
                (rest::refuse(Fault::new(Common::DeadlineExceeded, message), &id), None)
            }
        };
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(CORRELATION, id);
        }
        (response, at)
    }

    async fn within(&self, request: Request, id: &str, context: Context) -> Answered {
        let (head, body) = request.into_parts();
        let route = self.gate.routes.at(&head.method, head.uri.path());
        let policy = route.and_then(|route| contracts::policy(&route.method_path()));
        let visitor = match self.gate.visitor(&head, policy).await {
            Ok(visitor) => visitor,
            // The path decides what is said of one that is not served.
            Err(fault) if route.is_none() && fault.is(Common::MethodUnknown) => {
                return self.front.answer(Request::from_parts(head, body)).await;
            }
            Err(fault) => return (rest::refuse(fault, id), route.map(at)),
        };
        let context = Context { caller: visitor.caller().clone(), ..context };
        scope(context, async {
            let question = route.and_then(|route| self.question(route, &head));
            let request = Request::from_parts(head, body);
            match (question, route) {
                (Some((question, age)), Some(route)) => {
                    (self.kept(&question, age, request, route).await, Some(at(route)))
                }
                _ => self.front.answer(request).await,
            }
        })
        .await
    }

    /// What of an answer may be kept, and for how long. Nothing while changes are not heard of.
    fn question(&self, route: &Route, head: &Parts) -> Option<(Question, Duration)> {
        let method = route.method_path();
        let (path, sent) = (head.uri.path(), head.uri.query().unwrap_or_default());
        let (topics, age) = topics::of(method.rsplit('/').next()?, path, sent)?;
        if !self.gate.bus.connected() {
            return None;
        }
        let mut query: Vec<&str> = sent.split('&').collect();
        query.sort_unstable();
        let key = format!("{method} {path}?{}", query.join("&"));
        Some((Question { key, topics }, age))
    }

    async fn kept(
        &self,
        question: &Question,
        age: Duration,
        request: Request,
        route: &Route,
    ) -> http::Response<Body> {
        let (mut head, body) = request.into_parts();
        // What is kept is whole, whatever this caller has already.
        let asked = head.headers.clone();
        head.headers.remove(header::IF_NONE_MATCH);
        let only_head = head.method == http::Method::HEAD;
        if only_head {
            head.method = http::Method::GET;
        }
        let make = async {
            let (response, _) = self.front.answer(Request::from_parts(head, body)).await;
            Kept::of(response).await.map(|bytes| Made { bytes, age })
        };
        let mut response = match self.gate.answers.get(question, make).await {
            Ok((bytes, source)) => {
                metrics::counter!("gateway_answers_total", "path" => route.path().to_owned(), "source" => source.name())
                    .increment(1);
                Kept::read(&bytes).response(&asked, source)
            }
            Err(passed) => Passed::response(&passed),
        };
        if only_head {
            response = response.map(|_| Body::empty());
        }
        response
    }
}

fn at(route: &Route) -> At {
    At { service: route.service(), path: route.path().to_owned() }
}
