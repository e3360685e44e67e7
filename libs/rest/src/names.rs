//! Fields by either spelling: `pageSize` and `page_size`.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

/// A field of a message.
pub(crate) fn field(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    message.get_field_by_json_name(name).or_else(|| message.get_field_by_name(name))
}

/// The fields on the way to the last name of a dotted path; none where there is no such field.
pub(crate) fn path(message: &MessageDescriptor, dotted: &str) -> Option<Vec<FieldDescriptor>> {
    let (mut at, mut fields) = (Some(message.clone()), Vec::new());
    for name in dotted.split('.') {
        let own = field(&at?, name)?;
        at = match own.kind() {
            Kind::Message(inner) if !own.is_list() && !own.is_map() => Some(inner),
            _ => None,
        };
        fields.push(own);
    }
    Some(fields)
}

/// Whether a message is one of ours, and no well-known type with a JSON form of its own.
pub(crate) fn is_plain(message: &MessageDescriptor) -> bool {
    message.package_name() != "google.protobuf"
}
