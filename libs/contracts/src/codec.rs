//! How messages are read: as prost does, but none that would take many times its size.
//!
//! Two bytes are an empty message in a list, and hundreds once it is decoded: four mebibytes of
//! them would take a process's whole memory. So a larger message is walked over first, without
//! anything being kept, and what it would take is added up.

use std::marker::PhantomData;

use bytes::Buf;
use prost::{
    DecodeError, Message, Name,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};
use tonic::{
    Status,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder},
};
use tonic_prost::{ProstCodec, ProstDecoder, ProstEncoder};

/// What the lists of a request may take in memory, in bytes.
pub const MOST_DECODED: usize = 32 * 1024 * 1024;
/// No message of this size takes more than that.
const UNSEEN: usize = 32 * 1024;
/// prost refuses what is nested any deeper.
const DEEPEST: usize = 100;

/// Reads requests within [`MOST_DECODED`]; what is answered comes from the suite itself.
///
/// A request that is too large is RESOURCE_EXHAUSTED, one that is none INVALID_ARGUMENT, both
/// without details: the stack of a service says it in the suite's own words.
#[derive(Debug, Clone)]
pub struct Bounded<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Bounded<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for Bounded<T, U>
where
    T: Message + Send + 'static,
    U: Message + Name + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = BoundedDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(BufferSettings::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        BoundedDecoder(ProstDecoder::default())
    }
}

/// Reads one kind of message.
#[derive(Debug)]
pub struct BoundedDecoder<U>(ProstDecoder<U>);

impl<U: Message + Name + Default> Decoder for BoundedDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let Some(input) = input(&U::full_name()) else {
            return self.0.decode(bytes);
        };
        // One piece: tonic decodes from the buffer that it has gathered the message in.
        if bytes.remaining() > UNSEEN && takes(input, bytes.chunk()) > MOST_DECODED {
            return Err(Status::resource_exhausted("too large once it is decoded"));
        }
        let decoded = self.0.decode(bytes);
        decoded.map_err(|error| Status::invalid_argument(error.message()))
    }

    fn buffer_settings(&self) -> BufferSettings {
        self.0.buffer_settings()
    }
}

/// A field that may hold much.
struct Held {
    number: u32,
    /// What each one more of it takes.
    bytes: usize,
    /// Its place in MESSAGES.
    message: Option<usize>,
}

include!(concat!(env!("OUT_DIR"), "/decoded.rs"));

/// The place of a message in MESSAGES that some RPC takes.
fn input(name: &str) -> Option<usize> {
    let at = INPUTS.binary_search_by(|(input, _)| (*input).cmp(name));
    at.ok().map(|at| INPUTS[at].1)
}

/// What the lists of a message would take, in bytes; no more is counted once it is too much, or
/// where it ends being one, which decoding tells of.
fn takes(message: usize, bytes: &[u8]) -> usize {
    let mut total = 0;
    let _ = add(message, bytes, 0, &mut total);
    total
}

fn add(
    message: usize,
    mut bytes: &[u8],
    depth: usize,
    total: &mut usize,
) -> Result<(), DecodeError> {
    let fields = MESSAGES[message];
    while !bytes.is_empty() && *total <= MOST_DECODED {
        let (number, wire) = decode_key(&mut bytes)?;
        let held = fields.binary_search_by_key(&number, |held| held.number);
        let (WireType::LengthDelimited, Ok(at)) = (wire, held) else {
            skip_field(wire, number, &mut bytes, DecodeContext::default())?;
            continue;
        };
        let length = usize::try_from(decode_varint(&mut bytes)?).unwrap_or(usize::MAX);
        let Some((inner, behind)) = bytes.split_at_checked(length) else {
            return Ok(());
        };
        bytes = behind;
        *total += fields[at].bytes;
        if let Some(nested) = fields[at].message
            && depth < DEEPEST
        {
            add(nested, inner, depth + 1, total)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kefu::order::v1::{BulkRecordStagesRequest, StageNews},
        kefu::profile::v1::{CreateCustomerRequest, Customer, Phone},
    };

    fn taken<M: Message + Name>(message: &M) -> usize {
        takes(input(&M::full_name()).unwrap(), &message.encode_to_vec())
    }

    #[test]
    fn what_lists_take_is_what_their_messages_are_in_memory() {
        let news = vec![StageNews::default(); 1000];
        let request = BulkRecordStagesRequest { news };
        assert_eq!(taken(&request), 1000 * size_of::<StageNews>());

        // Nested, with texts in a list; a single message has its place in what holds it.
        let customer = Customer {
            phones: vec![Phone::default(); 3],
            tags: vec!["急".into(), "新".into()],
            disclosure: Some(Default::default()),
            ..Default::default()
        };
        let request = CreateCustomerRequest {
            customer: Some(customer),
            ..Default::default()
        };
        let expected = 3 * size_of::<Phone>() + 2 * size_of::<String>();
        assert_eq!(taken(&request), expected);
    }

    #[test]
    fn no_more_is_counted_than_is_too_much() {
        let most = MOST_DECODED / size_of::<StageNews>();
        let empty = [0x0a, 0x00];
        let of = |number| {
            let place = input(&BulkRecordStagesRequest::full_name()).unwrap();
            takes(place, &empty.repeat(number))
        };
        assert!(of(most) <= MOST_DECODED);
        let over = of(most + 1);
        assert!(over > MOST_DECODED);
        assert_eq!(of(2 * most), over);
    }

    /// Whatever is small enough not to be walked over is within the bound.
    #[test]
    fn what_is_not_walked_over_cannot_be_too_much() {
        let rows = MESSAGES.iter().flat_map(|fields| fields.iter());
        let largest = rows.map(|held| held.bytes).max().unwrap();
        assert!(largest * (UNSEEN / 2) <= MOST_DECODED, "{largest}");
    }

    /// What ends in the middle, or is of another kind, is for decoding to refuse.
    #[test]
    fn what_is_no_message_is_walked_over_as_far_as_it_goes() {
        let place = input(&BulkRecordStagesRequest::full_name()).unwrap();
        let news = vec![
            StageNews {
                name: "orders/1".into(),
                ..Default::default()
            };
            3
        ];
        let whole = BulkRecordStagesRequest { news }.encode_to_vec();
        for end in 0..whole.len() {
            assert!(takes(place, &whole[..end]) <= 3 * size_of::<StageNews>());
        }
        for nonsense in [&[0x0a, 0xff][..], &[0x08], &[0xff; 12], &[0x0b, 0x0b, 0x0a]] {
            assert_eq!(takes(place, nonsense), 0);
        }
    }
}
