//! Where an open answer goes on: opaque, sealed, and bound to the caller, the permission and
//! the filter that it was given to. Sealed, as a place in the journal tells how much happens
//! that the caller must not know of.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use kefu_contracts::common::Reason;
use kefu_journal::Cursor;
use kefu_vault::IndexKey;

use crate::{call::Call, error::Fault, ids::Ids};

/// How long a token is good for: who was away longer reads the list anew.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(24);
/// Transaction, position, and when it was given.
const PLAIN: usize = 24;

/// Makes and reads the tokens of one open answer.
pub struct ResumeTokens {
    key: LessSafeKey,
    ids: Ids,
}

impl ResumeTokens {
    /// Those of this caller, permission and filter.
    ///
    /// # Errors
    /// When the cipher cannot be made.
    pub fn of(call: &Call, filter: &str, key: &IndexKey, ids: &Ids) -> Result<Self, Fault> {
        let parts = [
            call.context.subject.id.to_string(),
            call.context.permission.clone(),
            filter.to_owned(),
        ];
        // Told apart by their lengths.
        let bound: String = parts
            .iter()
            .map(|part| format!("{}:{part}", part.len()))
            .collect();
        let secret = key.blind("watch", "token", &bound).to_vec();
        let key = UnboundKey::new(&AES_128_GCM, &secret);
        let key = key.map_err(|_| Fault::internal("the key of resume tokens"))?;
        Ok(Self {
            key: LessSafeKey::new(key),
            ids: ids.clone(),
        })
    }

    /// The token of this place.
    ///
    /// # Errors
    /// When the machine has no randomness to give.
    pub fn token(&self, at: Cursor, now: Timestamp) -> Result<String, Fault> {
        let numbers = [at.transaction_id, at.position, now.as_microsecond()];
        let mut sealed: Vec<u8> = numbers.into_iter().flat_map(i64::to_be_bytes).collect();
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&self.ids.secret()?[..NONCE_LEN]);
        let unique = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(unique, Aad::empty(), &mut sealed)
            .map_err(|_| Fault::internal("a resume token cannot be sealed"))?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// The place of a token; none without one.
    ///
    /// # Errors
    /// [`Reason::InvalidPageToken`] when it is not one of ours for this caller and filter, or
    /// too old.
    pub fn place(&self, token: &str, now: Timestamp) -> Result<Option<Cursor>, Fault> {
        if token.is_empty() {
            return Ok(None);
        }
        let refused = || Fault::new(Reason::InvalidPageToken);
        let (at, given) = self.open(token).ok_or_else(refused)?;
        match now.duration_since(given) < GOOD_FOR {
            true => Ok(Some(at)),
            false => Err(refused()),
        }
    }

    fn open(&self, token: &str) -> Option<(Cursor, Timestamp)> {
        let mut bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = self.key.open_in_place(nonce, Aad::empty(), sealed).ok()?;
        let plain: &[u8; PLAIN] = (&*plain).try_into().ok()?;
        let number = |at: usize| {
            let bytes = plain[at * 8..][..8].try_into().unwrap_or_default();
            i64::from_be_bytes(bytes)
        };
        let place = Cursor {
            transaction_id: number(0),
            position: number(1),
        };
        Some((place, Timestamp::from_microsecond(number(2)).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kefu_access::{AccessContext, Subject};
    use kefu_contracts::{access::SubjectKind, method, policy::Purpose};
    use uuid::Uuid;

    use super::*;
    use crate::{clock::SystemClock, error::Language, ids::system_randomness};

    const NOW: Timestamp = Timestamp::constant(1_760_000_000, 0);

    fn tokens(who: u128, permission: &str, filter: &str) -> ResumeTokens {
        let context = AccessContext {
            subject: Subject {
                id: Uuid::from_u128(who),
                kind: SubjectKind::Employee,
                departments: Vec::new(),
            },
            permission: permission.into(),
            purpose: Purpose::Service,
            rules: Vec::new(),
            policy_revision: 0,
            issued_at: NOW,
            expires_at: NOW,
        };
        let call = Call {
            service: "ticket",
            context: Arc::new(context),
            method: method("/kefu.ticket.v1.TicketService/ListTickets").unwrap(),
            now: NOW,
            id: String::new(),
            language: Language::English,
        };
        let ids = Ids::new(Arc::new(SystemClock), system_randomness());
        let key = IndexKey::from_bytes(&[7; 32]);
        ResumeTokens::of(&call, filter, &key, &ids).unwrap()
    }

    #[test]
    fn a_token_goes_on_for_whom_and_for_what_it_was_given() {
        let mine = tokens(1, "ticket.tickets.list", "state = OPEN");
        let at = Cursor {
            transaction_id: 812,
            position: 55,
        };
        let token = mine.token(at, NOW).unwrap();
        assert_eq!(mine.place(&token, NOW).unwrap(), Some(at));
        assert_eq!(mine.place("", NOW).unwrap(), None);
        assert_ne!(token, mine.token(at, NOW).unwrap(), "no two are alike");
        let others = [
            tokens(2, "ticket.tickets.list", "state = OPEN"),
            tokens(1, "ticket.tickets.get", "state = OPEN"),
            tokens(1, "ticket.tickets.list", "state = NEW"),
            tokens(1, "ticket.tickets.lists", "tate = OPEN"),
        ];
        for other in &others {
            let refused = other.place(&token, NOW).unwrap_err();
            assert_eq!(refused.reason, Reason::InvalidPageToken);
        }
        let late = NOW + GOOD_FOR;
        assert!(
            mine.place(&token, late - SignedDuration::from_secs(1))
                .is_ok()
        );
        assert!(mine.place(&token, late).is_err());
    }

    #[test]
    fn a_token_with_any_bit_changed_is_none() {
        let mine = tokens(1, "p", "");
        let token = mine.token(Cursor::START, NOW).unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for at in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[at / 8] ^= 1 << (at % 8);
            let changed = URL_SAFE_NO_PAD.encode(changed);
            assert!(mine.place(&changed, NOW).is_err(), "bit {at}");
        }
        for text in ["x", "AAAA", "!"] {
            assert!(mine.place(text, NOW).is_err());
        }
    }
}
