//! `souk.operations.v1`, mounted once in each process: it finds the service by its name, and there the operations, the dead
//! letters and the outbox. One file for each method. Whoever changes something is written down ([`audit`]).

mod discard_dead_letters;
mod get_dead_letter;
mod get_operation;
mod json;
mod list_dead_letters;
mod list_operations;
mod list_refused_events;
mod refused_events;
mod replay_dead_letters;
mod republish_events;
mod retry_refused_events;
mod times;

use crate::Paging;
use bus::Bus;
use contracts::operations::v1::operations_service_server::OperationsService;
use contracts::operations::v1::{
    DiscardDeadLettersRequest, DiscardDeadLettersResponse, GetDeadLetterRequest,
    GetDeadLetterResponse, GetOperationRequest, GetOperationResponse, ListDeadLettersRequest,
    ListDeadLettersResponse, ListOperationsRequest, ListOperationsResponse,
    ListRefusedEventsRequest, ListRefusedEventsResponse, Reason, ReplayDeadLettersRequest,
    ReplayDeadLettersResponse, RepublishEventsRequest, RepublishEventsResponse,
    RetryRefusedEventsRequest, RetryRefusedEventsResponse,
};
use fault::{Fault, context};
use pg::Db;
use std::collections::BTreeMap;
use std::fmt;
use tonic::{Request, Response, Status};

/// What operators can look at and change: the services of this process, and the broker.
#[derive(Clone)]
pub struct Operations {
    databases: BTreeMap<&'static str, Db>,
    bus: Bus,
    paging: Paging,
}

impl Operations {
    /// Of the services with these databases.
    pub fn new(databases: impl IntoIterator<Item = Db>, bus: Bus, paging: Paging) -> Self {
        let databases = databases.into_iter().map(|db| (db.service(), db)).collect();
        Self { databases, bus, paging }
    }

    /// The database of a service of this process. Refused with SERVICE_UNKNOWN.
    fn database(&self, service: &str) -> Result<&Db, Fault> {
        self.databases.get(service).ok_or_else(|| {
            let message = format!("{service} is not served by this process");
            Fault::field(Reason::ServiceUnknown, "service", message)
        })
    }
}

/// Writes down who changed what, and how much of it.
fn audit(service: &str, what: &str, count: i64, which: &impl fmt::Debug) {
    let context = context::current();
    let caller = &context.caller.subject;
    tracing::info!(caller, service, count, ?which, "an operator {what}");
}

#[tonic::async_trait]
impl OperationsService for Operations {
    async fn get_operation(
        &self,
        request: Request<GetOperationRequest>,
    ) -> Result<Response<GetOperationResponse>, Status> {
        let answer = get_operation::get_operation(self, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn list_operations(
        &self,
        request: Request<ListOperationsRequest>,
    ) -> Result<Response<ListOperationsResponse>, Status> {
        let answer = list_operations::list_operations(self, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn list_dead_letters(
        &self,
        request: Request<ListDeadLettersRequest>,
    ) -> Result<Response<ListDeadLettersResponse>, Status> {
        let answer = list_dead_letters::list_dead_letters(self, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn get_dead_letter(
        &self,
        request: Request<GetDeadLetterRequest>,
    ) -> Result<Response<GetDeadLetterResponse>, Status> {
        let answer = get_dead_letter::get_dead_letter(self, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn replay_dead_letters(
        &self,
        request: Request<ReplayDeadLettersRequest>,
    ) -> Result<Response<ReplayDeadLettersResponse>, Status> {
        let answer = replay_dead_letters::replay_dead_letters(self, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn discard_dead_letters(
        &self,
        request: Request<DiscardDeadLettersRequest>,
    ) -> Result<Response<DiscardDeadLettersResponse>, Status> {
        let answer = discard_dead_letters::discard_dead_letters(self, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn republish_events(
        &self,
        request: Request<RepublishEventsRequest>,
    ) -> Result<Response<RepublishEventsResponse>, Status> {
        let answer = republish_events::republish_events(self, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn list_refused_events(
        &self,
        request: Request<ListRefusedEventsRequest>,
    ) -> Result<Response<ListRefusedEventsResponse>, Status> {
        let answer = list_refused_events::list_refused_events(self, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn retry_refused_events(
        &self,
        request: Request<RetryRefusedEventsRequest>,
    ) -> Result<Response<RetryRefusedEventsResponse>, Status> {
        let answer = retry_refused_events::retry_refused_events(self, request.into_inner()).await?;
        Ok(Response::new(answer))
    }
}
