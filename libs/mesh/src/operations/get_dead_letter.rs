//! Returns one dead letter with headers and payload.

use super::{Operations, json};
use bus::dead;
use contracts::operations::v1::{DeadLetter, GetDeadLetterRequest, GetDeadLetterResponse, Reason};
use fault::Fault;

/// Finds a dead letter by its consumer and the event's id.
pub(super) async fn get_dead_letter(
    app: &Operations,
    request: GetDeadLetterRequest,
) -> Result<GetDeadLetterResponse, Fault> {
    let service = app.database(&request.service)?.service();
    let (consumer, id) = (&request.consumer, &request.event_id);
    let dead_letter = dead::find(&app.bus, service, consumer, id).await?.ok_or_else(|| {
        Fault::new(
            Reason::DeadLetterNotFound,
            format!(
                "{consumer} has no dead letter {id}; it was replayed or discarded, or never was"
            ),
        )
    })?;
    let payload_json = json::of_event(&dead_letter.original_subject, &dead_letter.payload);
    let payload = dead_letter.payload.to_vec();
    let dead_letter = DeadLetter { payload, payload_json, ..dead_letter.message() };
    Ok(GetDeadLetterResponse { letter: Some(dead_letter) })
}
