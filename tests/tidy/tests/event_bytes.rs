//! Bytes of every event in every shape that it ever had, in `golden/`: a stream and an outbox hold events for weeks, so
//! whatever was once published has to mean the same for ever.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use contracts::{EventInfo, Fact, events};
use prost::Message;
use prost::encoding::{WireType, encode_key};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, ReflectMessage, Value};
use serde_json::Value as Json;
use souk as _;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// One file of bytes and what stands beside it.
struct Golden {
    name: String,
    event: &'static EventInfo,
    bytes: Vec<u8>,
    record: Json,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../libs/contracts/golden")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Every file that there is. An event that is no longer in the contract cannot be read any more.
fn all() -> Vec<Golden> {
    let mut found = Vec::new();
    for subject in names(&folder()) {
        let event = events().iter().find(|event| event.subject == subject);
        assert!(event.is_some(), "{subject} was published and must stay");
        let event = event.unwrap();
        let files = names(&folder().join(&subject));
        let stems: BTreeSet<&str> =
            files.iter().map(|file| file.rsplit_once('.').unwrap().0).collect();
        for stem in stems {
            let path = folder().join(&subject).join(stem);
            let bytes = std::fs::read(path.with_extension("bin")).unwrap();
            let record = std::fs::read(path.with_extension("json")).unwrap();
            let record = serde_json::from_slice(&record).unwrap();
            found.push(Golden { name: format!("{subject}/{stem}"), event, bytes, record });
        }
    }
    found
}

/// One pool for all: messages of two pools are never equal.
static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(contracts::descriptors()).unwrap());

fn descriptor(event: &EventInfo) -> MessageDescriptor {
    POOL.get_message_by_name(event.message).unwrap()
}

/// Does `visit` with the message and each message in it.
fn each(message: &mut DynamicMessage, visit: &mut impl FnMut(&mut DynamicMessage)) {
    for (_, value) in message.fields_mut() {
        match value {
            Value::Message(inner) => each(inner, visit),
            Value::List(list) => {
                list.iter_mut().filter_map(Value::as_message_mut).for_each(|m| each(m, visit));
            }
            Value::Map(map) => {
                map.values_mut().filter_map(Value::as_message_mut).for_each(|m| each(m, visit));
            }
            _ => {}
        }
    }
    visit(message);
}

/// What is wrong with a file, if anything is.
fn fault_of(golden: &Golden) -> Result<(), String> {
    let Golden { event, bytes, record, .. } = golden;
    let fact = (event.read)(bytes).map_err(|error| format!("does not decode: {error}"))?;
    if !fact.violations.is_empty() {
        return Err(format!("breaks rules that it kept: {:?}", fact.violations));
    }
    if (Some(&*fact.key), Some(fact.version))
        != (record["key"].as_str(), record["version"].as_i64())
    {
        return Err(format!("has key {} and version {}", fact.key, fact.version));
    }
    let decode = |bytes: &[u8]| DynamicMessage::decode(descriptor(event), bytes).unwrap();
    let mut message = decode(bytes);
    let mut unknown = Vec::new();
    each(&mut message, &mut |message| {
        for field in message.unknown_fields() {
            unknown.push(format!("{} of {}", field.number(), message.descriptor().full_name()));
        }
    });
    if !unknown.is_empty() {
        return Err(format!("has fields that nobody knows any more: {unknown:?}"));
    }
    let read = serde_json::to_value(&message).unwrap();
    if read != record["event"] {
        return Err(format!("means something else: {read} where it was {}", record["event"]));
    }
    let moved = moved_values(record);
    if !moved.is_empty() {
        return Err(format!("has values that mean something else now: {moved:?}"));
    }
    if decode(&fact.payload) != message {
        return Err("loses something when it is encoded again".to_owned());
    }
    Ok(())
}

/// Values of enumerations that no longer have the number that they had.
fn moved_values(record: &Json) -> Vec<String> {
    let mut moved = Vec::new();
    for (enumeration, values) in record["values"].as_object().unwrap() {
        let now = POOL.get_enum_by_name(enumeration);
        for (name, number) in values.as_object().unwrap() {
            let value = now.as_ref().and_then(|now| now.get_value_by_name(name));
            if value.map(|value| i64::from(value.number())) != number.as_i64() {
                moved.push(format!("{enumeration}.{name} was {number}"));
            }
        }
    }
    moved
}

#[test]
fn every_event_has_bytes_of_its_shape() {
    let kept: BTreeSet<(&str, String)> = all()
        .iter()
        .map(|golden| (golden.event.subject, golden.record["shape"].as_str().unwrap().to_owned()))
        .collect();
    let missing: Vec<&str> = events()
        .iter()
        .filter(|event| !kept.contains(&(event.subject, event.shape.to_owned())))
        .map(|event| event.subject)
        .collect();
    assert!(
        missing.is_empty(),
        "no bytes are kept of the present shape of {missing:?}; `./dev gen` adds them"
    );
}

#[test]
fn what_was_ever_published_means_the_same() {
    let broken: Vec<String> = all()
        .iter()
        .filter_map(|golden| {
            fault_of(golden).err().map(|fault| format!("{}: {fault}", golden.name))
        })
        .collect();
    assert!(broken.is_empty(), "events that are published already:\n{}", broken.join("\n"));
}

/// A field of each wire type, under numbers that no message of ours uses.
fn newer() -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_key(5001, WireType::Varint, &mut bytes);
    bytes.push(1);
    encode_key(5002, WireType::SixtyFourBit, &mut bytes);
    bytes.extend([2; 8]);
    encode_key(5003, WireType::LengthDelimited, &mut bytes);
    bytes.extend(b"\x03new");
    encode_key(5004, WireType::ThirtyTwoBit, &mut bytes);
    bytes.extend([4; 4]);
    bytes
}

#[test]
fn fields_of_a_newer_publisher_take_nothing_from_what_is_known() {
    for golden in all() {
        let mut message = DynamicMessage::decode(descriptor(golden.event), &*golden.bytes).unwrap();
        let mut grown = 0;
        each(&mut message, &mut |message| {
            message.merge(&*newer()).unwrap();
            assert_eq!(message.unknown_fields().count(), 4);
            grown += 1;
        });
        let bytes = message.encode_to_vec();
        assert!(bytes.len() >= golden.bytes.len() + grown * newer().len());
        let read: Fact = (golden.event.read)(&bytes).unwrap();
        assert_eq!(read, (golden.event.read)(&golden.bytes).unwrap(), "{}", golden.name);
    }
}
