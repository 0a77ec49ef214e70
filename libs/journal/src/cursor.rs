use std::{fmt, str::FromStr};

use kefu_contracts::journal;

/// A place in a journal. Readers go by transaction first, then position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Cursor {
    /// Transaction that wrote the entry (PostgreSQL's 64-bit id).
    pub transaction_id: i64,
    /// Number of the entry.
    pub position: i64,
}

impl Cursor {
    /// Before the first entry.
    pub const START: Self = Self {
        transaction_id: 0,
        position: 0,
    };
}

/// `812.55`, as `kefu-position` metadata carries it.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.transaction_id, self.position)
    }
}

/// Not of the form `812.55`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a journal position")]
pub struct NotACursor;

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let (transaction, position) = text.split_once('.').ok_or(NotACursor)?;
        let number = |part: &str| {
            part.parse::<i64>()
                .ok()
                .filter(|n| *n >= 0)
                .ok_or(NotACursor)
        };
        Ok(Self {
            transaction_id: number(transaction)?,
            position: number(position)?,
        })
    }
}

impl From<Cursor> for journal::Cursor {
    fn from(cursor: Cursor) -> Self {
        Self {
            transaction_id: u64::try_from(cursor.transaction_id).unwrap_or(0),
            position: cursor.position,
        }
    }
}

impl From<journal::Cursor> for Cursor {
    fn from(cursor: journal::Cursor) -> Self {
        Self {
            transaction_id: i64::try_from(cursor.transaction_id).unwrap_or(i64::MAX),
            position: cursor.position,
        }
    }
}
