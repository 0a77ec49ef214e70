//! Borrowing: which copies of which files, until when, and what became of each (CF-9.2).
//! Whoever borrows sees nothing in the system by it.

mod item;
mod line;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::policy::Purpose;
use uuid::Uuid;

use super::approval::{Case, State, case::Terms};
pub use item::{ItemEvent, ItemState, TABLE};
pub use line::{BorrowedCopy, Condition, Line, Mark, Medium, inspected};

/// Collection of borrowings in resource names.
pub const BORROWINGS: &str = "borrowings";
/// Kind of these requests in `approvals.toml`.
pub const KIND: &str = "borrowing";
/// Most copies of one borrowing.
pub const MOST_ITEMS: usize = 100;
/// Most characters of a label.
pub const MOST_LABEL: usize = 60;
/// Longest way ahead that a borrowing may reach.
pub const FURTHEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BorrowingTerms {
    /// The copies, each once, in order.
    pub items: Vec<BorrowedCopy>,
    /// Not handed out before; absent: at once.
    pub not_before: Option<Timestamp>,
    /// Due: the first moment at which what is not back is overdue.
    pub until: Timestamp,
}

impl BorrowingTerms {
    /// Fields in which this asks for more than the other, by their names in the contract.
    pub fn wider_fields(&self, other: &Self) -> Vec<&'static str> {
        let sooner = other
            .not_before
            .is_some_and(|start| self.not_before < Some(start));
        let more = self.items.iter().any(|item| !other.items.contains(item));
        let fields = [
            ("items", more),
            ("start_time", sooner),
            ("end_time", self.until > other.until),
        ];
        let wider = fields.into_iter().filter(|(_, wider)| *wider);
        wider.map(|(field, _)| field).collect()
    }
}

impl Terms for BorrowingTerms {
    fn is_within(&self, wider: &Self) -> bool {
        self.wider_fields(wider).is_empty()
    }

    /// The applicant alone, who decides nothing anyway.
    fn beneficiaries(&self) -> &[Uuid] {
        &[]
    }

    fn over_at(&self) -> Timestamp {
        self.until
    }

    fn period(&self, activated_at: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let start = self
            .not_before
            .map_or(activated_at, |earliest| earliest.max(activated_at));
        (start < self.until).then_some((start, self.until))
    }
}

/// A borrowing: what the form says beside its terms, and the register.
#[derive(Debug, Clone, PartialEq)]
pub struct Borrowing {
    /// The one purpose it is for.
    pub purpose: Purpose,
    /// Why, for the approvers.
    pub justification: String,
    /// What was asked for; what is left of it is the case's.
    pub requested: BorrowingTerms,
    /// The borrowing that this one prolongs.
    pub extends: Option<Uuid>,
    /// What was handed out.
    pub lines: Vec<Line>,
    /// When it was last written down or chased that something is overdue.
    pub chased_at: Option<Timestamp>,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
}

/// Why something does not happen to a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemRefusal {
    /// The n-th copy is not of this borrowing.
    Unknown(usize),
    /// The copy does not stand where that could happen.
    State(BorrowedCopy, ItemState),
    /// Something is still out or not followed up.
    Unsettled(BorrowedCopy, ItemState),
    /// It was closed before.
    Closed,
}

/// What became of something that is overdue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// It is not back.
    Overdue,
    /// Who has it, and the head of their department, are reminded.
    Chased,
}

impl Borrowing {
    /// Where a copy stands; `None` when it is not of this borrowing.
    pub fn state_of(&self, case: &Case<BorrowingTerms>, copy: &BorrowedCopy) -> Option<ItemState> {
        if let Some(line) = self.lines.iter().find(|line| line.copy == *copy) {
            return Some(line.state);
        }
        let left = case.terms.items.contains(copy);
        let asked = self.requested.items.contains(copy);
        let event = match case.state {
            _ if !left && !asked => return None,
            _ if !left => ItemEvent::Drop,
            State::Draft | State::InReview | State::Returned => return Some(ItemState::Requested),
            State::Approved | State::Scheduled | State::Active => ItemEvent::Approve,
            _ => ItemEvent::Drop,
        };
        ItemState::Requested.after(event)
    }

    /// Every copy that may be handed out now.
    pub fn waiting(&self, case: &Case<BorrowingTerms>) -> Vec<BorrowedCopy> {
        let waits = |copy: &&BorrowedCopy| self.state_of(case, copy) == Some(ItemState::Approved);
        case.terms.items.iter().filter(waits).cloned().collect()
    }

    /// Hands copies out until the case's period is over.
    ///
    /// # Errors
    /// Why not; nothing is then handed out.
    pub fn hand_out(
        &mut self,
        case: &Case<BorrowingTerms>,
        copies: &[BorrowedCopy],
        by: Uuid,
        now: Timestamp,
    ) -> Result<(), ItemRefusal> {
        let mut lines = Vec::with_capacity(copies.len());
        for (place, copy) in copies.iter().enumerate() {
            let state = self.state_of(case, copy);
            let state = state.ok_or(ItemRefusal::Unknown(place))?;
            if state.after(ItemEvent::HandOut).is_none() {
                return Err(ItemRefusal::State(copy.clone(), state));
            }
            let due = case.period.map_or(case.terms.until, |(_, end)| end);
            lines.push(Line::out(copy.clone(), by, now, due));
        }
        self.lines.extend(lines);
        Ok(())
    }

    /// Something happens to a copy that was handed out.
    ///
    /// # Errors
    /// Why it cannot; the register is then as it was.
    pub fn change(
        &mut self,
        case: &Case<BorrowingTerms>,
        (place, copy): (usize, &BorrowedCopy),
        event: ItemEvent,
    ) -> Result<&mut Line, ItemRefusal> {
        let state = self.state_of(case, copy);
        let state = state.ok_or(ItemRefusal::Unknown(place))?;
        let refused = || ItemRefusal::State(copy.clone(), state);
        let next = state.after(event).ok_or_else(refused)?;
        let mut lines = self.lines.iter_mut();
        let line = lines.find(|line| line.copy == *copy);
        let line = line.ok_or_else(refused)?;
        line.state = next;
        Ok(line)
    }

    /// A file of it was destroyed: copies of it that are out are due at once, and none is
    /// handed out any more (CF-10.2). Whether that changed anything.
    pub fn lose(&mut self, left: &mut BorrowingTerms, customer: Uuid, now: Timestamp) -> bool {
        let before = left.items.len();
        left.items.retain(|copy| copy.customer != customer);
        let out = |line: &&mut Line| {
            line.copy.customer == customer && line.state == ItemState::Out && line.due_at > now
        };
        let mut changed = left.items.len() < before;
        for line in self.lines.iter_mut().filter(out) {
            line.due_at = now;
            changed = true;
        }
        changed
    }

    /// Ends it, once everything that went out is settled.
    ///
    /// # Errors
    /// What is not settled, or that it was closed before.
    pub fn close(&mut self, now: Timestamp) -> Result<(), ItemRefusal> {
        if self.closed_at.is_some() {
            return Err(ItemRefusal::Closed);
        }
        if let Some(line) = self.lines.iter().find(|line| !line.state.is_settled()) {
            return Err(ItemRefusal::Unsettled(line.copy.clone(), line.state));
        }
        self.closed_at = Some(now);
        Ok(())
    }

    /// When it is next written down that something is overdue: at its due moment, and from
    /// then on every so often. `None` while nothing is out.
    pub fn next_chase(&self, every: SignedDuration) -> Option<(Timestamp, Late)> {
        let out = self
            .lines
            .iter()
            .filter(|line| line.state == ItemState::Out);
        let due = out.map(|line| line.due_at).min()?;
        match self.chased_at.filter(|last| *last >= due) {
            None => Some((due, Late::Overdue)),
            Some(last) => Some((last.saturating_add(every).ok()?, Late::Chased)),
        }
    }

    /// What is overdue by now, each with its moment. Of chases that were missed, the last
    /// is made up for.
    pub fn late(&mut self, every: SignedDuration, now: Timestamp) -> Vec<(Timestamp, Late)> {
        let mut happened: Vec<(Timestamp, Late)> = Vec::new();
        while let Some((at, what)) = self.next_chase(every).filter(|(at, _)| *at <= now) {
            self.chased_at = Some(at);
            happened.retain(|(_, before)| *before == Late::Overdue);
            happened.push((at, what));
        }
        happened
    }
}
