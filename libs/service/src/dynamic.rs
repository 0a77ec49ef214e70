//! Messages that are known only by their descriptor: the contracts as they are read at run time,
//! and what carries such messages in a call.

use std::sync::LazyLock;

use kefu_contracts::DESCRIPTOR_SET;
use prost::Message;
use prost_reflect::{
    DescriptorError, DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor,
};
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use crate::error::Fault;

/// Read once a process, by whoever asks first.
static CONTRACTS: LazyLock<Result<DescriptorPool, DescriptorError>> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTOR_SET));

/// The contracts.
///
/// # Errors
/// When they cannot be read, which a test sees to.
pub fn contracts() -> Result<&'static DescriptorPool, Fault> {
    CONTRACTS
        .as_ref()
        .map_err(|error| Fault::internal(format!("contracts: {error}")))
}

/// Codec of one method.
pub struct DynamicCodec {
    output: MessageDescriptor,
}

impl DynamicCodec {
    /// For calls of this method.
    pub fn of(method: &MethodDescriptor) -> Self {
        Self {
            output: method.output(),
        }
    }
}

impl Codec for DynamicCodec {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = DynamicEncoder;
    type Decoder = DynamicDecoder;

    fn encoder(&mut self) -> DynamicEncoder {
        DynamicEncoder
    }

    fn decoder(&mut self) -> DynamicDecoder {
        DynamicDecoder {
            message: self.output.clone(),
        }
    }
}

/// Writes requests; they know their descriptor themselves.
pub struct DynamicEncoder;

impl Encoder for DynamicEncoder {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(
        &mut self,
        message: DynamicMessage,
        buffer: &mut EncodeBuf<'_>,
    ) -> Result<(), Status> {
        message
            .encode(buffer)
            .map_err(|error| Status::internal(format!("the request cannot be written: {error}")))
    }
}

/// Reads answers.
pub struct DynamicDecoder {
    message: MessageDescriptor,
}

impl Decoder for DynamicDecoder {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        DynamicMessage::decode(self.message.clone(), buffer)
            .map(Some)
            .map_err(|error| Status::internal(format!("the answer cannot be read: {error}")))
    }
}
