//! Answers in the JSON that proto3 defines.

use prost_reflect::{DynamicMessage, SerializeOptions};

use crate::binding::Binding;

/// A message in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The object, in one line.
    pub json: Vec<u8>,
    /// Its `etag`, where it has one.
    pub etag: Option<String>,
}

impl Binding {
    /// The answer, or one message of a stream, from its bytes: names in JSON's way of writing,
    /// enums by name, what is empty left out.
    ///
    /// # Errors
    /// When the bytes are no message of the contract.
    pub fn answer(&self, bytes: &[u8]) -> Result<Written, String> {
        let message = DynamicMessage::decode(self.method.output(), bytes);
        let message = message.map_err(|error| error.to_string())?;
        let mut json = Vec::with_capacity(bytes.len() * 2);
        let options = SerializeOptions::new().skip_default_fields(true);
        message
            .serialize_with_options(&mut serde_json::Serializer::new(&mut json), &options)
            .map_err(|error| error.to_string())?;
        let etag = message.get_field_by_name("etag");
        let etag = etag.and_then(|etag| etag.as_str().map(str::to_owned));
        Ok(Written {
            json,
            etag: etag.filter(|etag| !etag.is_empty()),
        })
    }
}
