//! A copy, and its line in the register.

use jiff::Timestamp;
use kefu_contracts::access::{CopyCondition, CopyMedium};
use uuid::Uuid;

use super::item::{ItemEvent, ItemState};

/// On paper, or on a carrier.
pub type Medium = CopyMedium;
/// As it was found at inspection.
pub type Condition = CopyCondition;

/// A copy of a file. Two are the same when their labels count as the same.
#[derive(Debug, Clone)]
pub struct BorrowedCopy {
    /// Whose file.
    pub customer: Uuid,
    /// What it is on.
    pub medium: Medium,
    /// Number of the box, volume or carrier, as it was written.
    pub label: String,
}

impl BorrowedCopy {
    /// The label as it counts: letters large or small, wide or narrow, and spaces at the
    /// ends or in a row make no other copy of it.
    pub fn label_key(&self) -> String {
        let narrow = |letter: char| match letter {
            '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(letter) - 0xFEE0).unwrap_or(letter),
            other => other,
        };
        let narrowed: String = self.label.chars().map(narrow).collect();
        let words: Vec<&str> = narrowed.split_whitespace().collect();
        words.join(" ").to_lowercase()
    }

    fn key(&self) -> (Uuid, i32, String) {
        (self.customer, self.medium as i32, self.label_key())
    }
}

impl PartialEq for BorrowedCopy {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for BorrowedCopy {}

impl PartialOrd for BorrowedCopy {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for BorrowedCopy {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// Who did something, and when.
pub type Mark = (Uuid, Timestamp);

/// A line of the register: a copy that was handed out, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Which.
    pub copy: BorrowedCopy,
    /// Where it stands.
    pub state: ItemState,
    /// Who handed it out.
    pub out: Mark,
    /// First moment at which it is overdue.
    pub due_at: Timestamp,
    /// Who inspected it when it came back.
    pub inspected: Option<Mark>,
    /// As it was found then.
    pub condition: Option<Condition>,
    /// What was seen at inspection, or said of the loss.
    pub note: String,
    /// Who said that it is lost.
    pub lost: Option<Mark>,
    /// What was decided where it was damaged or lost.
    pub follow_up: String,
    /// Who recorded that.
    pub followed_up: Option<Mark>,
}

impl Line {
    /// Handed out just now.
    pub fn out(copy: BorrowedCopy, by: Uuid, at: Timestamp, due_at: Timestamp) -> Self {
        Self {
            copy,
            state: ItemState::Out,
            out: (by, at),
            due_at,
            inspected: None,
            condition: None,
            note: String::new(),
            lost: None,
            follow_up: String::new(),
            followed_up: None,
        }
    }

    /// When it came back.
    pub fn back_at(&self) -> Option<Timestamp> {
        let back = matches!(self.condition, Some(Condition::Intact | Condition::Damaged));
        self.inspected.filter(|_| back).map(|(_, at)| at)
    }

    /// Exact to the nanosecond: at its due moment it is overdue.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.state == ItemState::Out && self.due_at <= now
    }
}

/// What an inspection makes of a copy; `None` where nothing was said.
pub fn inspected(condition: Condition) -> Option<ItemEvent> {
    match condition {
        Condition::Intact => Some(ItemEvent::PassIntact),
        Condition::Damaged => Some(ItemEvent::FindDamage),
        Condition::Lost => Some(ItemEvent::Lose),
        Condition::Unspecified => None,
    }
}
