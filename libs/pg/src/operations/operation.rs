//! The row of an operation.

use crate::schema::operations;
use chrono::{DateTime, Utc};
use contracts::operations::v1::{Operation as Message, OperationState};
use convert::timestamp;
use diesel::prelude::*;
use uuid::Uuid;

/// A long-running operation of one service.
#[derive(Debug, Clone, Queryable, Selectable, QueryableByName)]
#[diesel(table_name = operations)]
pub struct Operation {
    /// UUIDv7: newer operations have larger ids.
    pub id: Uuid,
    /// Type of work, e.g. `reindex`.
    pub kind: String,
    state: String,
    /// Steps done so far.
    pub done: i64,
    /// Total number of steps; 0 if not known yet.
    pub total: i64,
    /// Current step, or why it failed.
    pub message: String,
    result: Option<Vec<u8>>,
    result_type: Option<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it last made progress.
    pub updated_at: DateTime<Utc>,
    /// Parameters, encoded by the kind.
    pub request: Option<Vec<u8>>,
    pub(super) leased_by: Option<Uuid>,
}

impl Operation {
    /// Whether it is still running.
    pub fn is_running(&self) -> bool {
        self.state == "running"
    }

    /// Its result, if it has succeeded and its kind has one of type `R`.
    pub fn result<R: prost::Message + prost::Name + Default>(&self) -> Option<R> {
        let result = self.result.as_deref().filter(|_| self.result_type == Some(R::full_name()));
        result.and_then(|bytes| R::decode(bytes).ok())
    }

    /// The operation as an API message.
    pub fn message(self, service: &str) -> Message {
        let state = match self.state.as_str() {
            "running" => OperationState::Running,
            "succeeded" => OperationState::Succeeded,
            _ => OperationState::Failed,
        };
        let result = self.result_type.zip(self.result).map(|(name, value)| prost_types::Any {
            type_url: format!("type.googleapis.com/{name}"),
            value,
        });
        Message {
            name: format!("{service}/{}/{}", self.kind, self.id),
            state: state.into(),
            done: self.done,
            total: self.total,
            message: self.message,
            result,
            create_time: Some(timestamp(self.created_at)),
            update_time: Some(timestamp(self.updated_at)),
        }
    }
}
