//! Page tokens: opaque, authenticated, and bound to the list, the filter, the
//! order and the caller they were given to.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use kefu_contracts::common::Reason;
use kefu_vault::IndexKey;
use uuid::Uuid;

use crate::{
    call::Call,
    error::{Fault, Violation},
    fields::Fields,
    scope::After,
};

const MOST: i32 = 200;
const USUAL: usize = 50;

/// The size asked for: 1–200, 50 when it is left out.
pub fn size(fields: &mut Fields, asked: i32) -> usize {
    match asked {
        0 => USUAL,
        1..=MOST => usize::try_from(asked).unwrap_or(USUAL),
        _ => {
            fields.refuse("page_size", Violation::OutOfRange(1, MOST.into()));
            USUAL
        }
    }
}

/// What a token is bound to.
pub struct Binding([u8; 32]);

impl Binding {
    /// This list, for this caller, with this filter and order.
    pub fn of(call: &Call, filter: &str, order_by: &str) -> Self {
        let mut text = Vec::new();
        for part in [
            call.method.path.as_bytes(),
            call.context.subject.id.as_bytes(),
            filter.as_bytes(),
            order_by.as_bytes(),
        ] {
            text.extend((part.len() as u64).to_be_bytes());
            text.extend(part);
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, &text).as_ref());
        Self(bytes)
    }

    fn mac(&self, key: &IndexKey, payload: &[u8]) -> Vec<u8> {
        let text = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(self.0),
            URL_SAFE_NO_PAD.encode(payload)
        );
        key.blind("page", "token", &text).to_vec()
    }

    /// The token of the page after this record.
    pub fn token(&self, key: &IndexKey, after: After) -> String {
        let mut bytes = after.at.as_microsecond().to_be_bytes().to_vec();
        bytes.extend(after.id.as_bytes());
        let mac = self.mac(key, &bytes);
        bytes.extend(mac);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Where the page of a token begins; the first page has no token.
    ///
    /// # Errors
    /// When it is not one of ours for this list.
    pub fn after(&self, key: &IndexKey, token: &str) -> Result<Option<After>, Fault> {
        if token.is_empty() {
            return Ok(None);
        }
        let refused = || Fault::new(Reason::InvalidPageToken);
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| refused())?;
        let (payload, mac) = bytes.split_at_checked(24).ok_or_else(refused)?;
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.mac(key, payload), mac)
            .map_err(|_| refused())?;
        let (at, id) = payload.split_at(8);
        let micros = i64::from_be_bytes(at.try_into().map_err(|_| refused())?);
        Ok(Some(After {
            at: Timestamp::from_microsecond(micros).map_err(|_| refused())?,
            id: Uuid::from_slice(id).map_err(|_| refused())?,
        }))
    }
}
