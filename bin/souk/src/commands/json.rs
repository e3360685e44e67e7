//! JSON output.

use anyhow::{Context, Result};
use prost_reflect::{DescriptorPool, DynamicMessage};

/// A message in protobuf's JSON, on one line.
pub fn json<M: prost::Message + prost::Name>(message: &M) -> Result<String> {
    let pool = DescriptorPool::decode(contracts::descriptors()).context("read the contract")?;
    let name = M::full_name();
    let descriptor = pool.get_message_by_name(&name);
    let descriptor = descriptor.with_context(|| format!("{name} is not in the contract"))?;
    let shown = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())?;
    Ok(serde_json::to_string(&shown)?)
}
