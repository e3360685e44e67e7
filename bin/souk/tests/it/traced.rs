//! One trace through a call, the outbox, the broker and a consumer, as a collector receives it.

use crate::project::Project;
use crate::shop;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use pricing_api::v1::{Item, PriceDraft, SetPriceRequest, item::Name};
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use testkit::eventually;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// Everything that was exported.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans.into_iter();
        let scopes = resources.flat_map(|own| own.scope_spans);
        self.0.lock().unwrap().extend(scopes.flat_map(|own| own.spans));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = TraceServiceServer::new(self.clone());
        let incoming = TcpIncoming::from(listener);
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
        format!("http://{address}")
    }

    /// The spans of the trace to which the span of this name belongs.
    fn trace_of(&self, name: &str) -> Vec<Span> {
        let all = self.0.lock().unwrap();
        let trace = all.iter().find(|span| span.name == name).map(|span| &span.trace_id);
        let mut spans: Vec<Span> =
            all.iter().filter(|span| Some(&span.trace_id) == trace).cloned().collect();
        spans.sort_by_key(|span| span.start_time_unix_nano);
        spans
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_is_one_trace_from_the_call_to_search() {
    let collector = Collector::default();
    let project = Project::new("traced");
    let mut up = project.souk(&["dev", "up"]);
    up.env("SOUK_OTLP_ENDPOINT", collector.serve().await);
    assert!(up.output().unwrap().status.success());
    shop::fill(&project, 1);
    let item = Item { name: Some(Name::Sku("SCREW-0".to_owned())) };
    let base = contracts::types::v1::Money { currency_code: "USD".into(), minor_units: Some(1) };
    let price = PriceDraft { item: Some(item), base: Some(base), ..PriceDraft::default() };
    let request = SetPriceRequest { price: Some(price), ..SetPriceRequest::default() };
    project.pricing().set_price(request).await.unwrap();

    let call = "/souk.pricing.v1.PricingService/SetPrice";
    let spans = eventually("the trace reaches catalog and search", async || {
        let spans = collector.trace_of(call);
        let consumed = spans.iter().filter(|span| span.name.starts_with("consume ")).count();
        (consumed == 2).then_some(spans)
    })
    .await;
    let mut tree = String::new();
    let roots: Vec<&Span> = spans.iter().filter(|span| span.parent_span_id.is_empty()).collect();
    assert_eq!(roots.len(), 1, "{spans:?}");
    print(&mut tree, &spans, roots[0], 0);
    eprintln!("{tree}");
    let expected = "\
/souk.pricing.v1.PricingService/SetPrice
  /souk.catalog.v1.CatalogService/ResolveItems
  publish pricing.price.updated
    consume pricing.price.updated
    consume pricing.price.updated
";
    assert_eq!(tree, expected);
}

fn print(tree: &mut String, spans: &[Span], span: &Span, depth: usize) {
    writeln!(tree, "{}{}", "  ".repeat(depth), span.name).unwrap();
    for child in spans.iter().filter(|own| own.parent_span_id == span.span_id) {
        print(tree, spans, child, depth + 1);
    }
}
