//! An account of points (OP-3.3): what may be posted to it, so that its balance is always the
//! sum of its postings and never below nothing, and those points go first that end first.

use jiff::Timestamp;
use kefu_contracts::{common::Reason, order::PointsKind};
use kefu_service::error::Fault;

/// What was posted, as far as it says which points are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Movement {
    pub(crate) kind: PointsKind,
    /// Gained, or lost where they are below nothing; never 0.
    pub(crate) points: i64,
    /// When those that were gained end; none: never.
    pub(crate) expires_at: Option<Timestamp>,
}

/// Points that came together, and end together.
#[derive(Debug, Clone, Copy)]
struct Lot {
    left: i64,
    expires_at: Option<Timestamp>,
}

/// Points that go from one account to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HandOver {
    /// What is posted where they were; none: nothing goes.
    pub(crate) out: Vec<Movement>,
    /// What is posted where they come to, with the ends that they had.
    pub(crate) lots: Vec<Movement>,
}

/// An account.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    /// Those that end first before the others, of the same end the older ones.
    lots: Vec<Lot>,
    owed: i64,
}

impl Ledger {
    /// As these postings leave it, oldest first; `owed` is what could not be taken back yet.
    pub(crate) fn of(postings: impl IntoIterator<Item = Movement>, owed: i64) -> Self {
        let mut ledger = Self {
            lots: Vec::new(),
            owed,
        };
        for posting in postings {
            ledger.apply(posting);
        }
        ledger
    }

    pub(crate) fn balance(&self) -> i64 {
        self.lots.iter().map(|lot| lot.left).sum()
    }

    /// What is taken of what is earned next.
    pub(crate) fn owed(&self) -> i64 {
        self.owed
    }

    /// When the next points end.
    pub(crate) fn next_end(&self) -> Option<Timestamp> {
        self.lots.iter().find_map(|lot| lot.expires_at)
    }

    /// Posts that those have ended whose end is not after `now`.
    pub(crate) fn expire(&mut self, now: Timestamp) -> Vec<Movement> {
        let ended = |lot: &&Lot| lot.expires_at.is_some_and(|at| at <= now);
        let points: i64 = self.lots.iter().filter(ended).map(|lot| lot.left).sum();
        self.post(PointsKind::Expired, -points)
            .into_iter()
            .collect()
    }

    /// Posts what an order earned, and that what is owed goes off it.
    pub(crate) fn earn(&mut self, points: i64, expires_at: Option<Timestamp>) -> Vec<Movement> {
        let earned = Movement {
            kind: PointsKind::Earned,
            points,
            expires_at,
        };
        if points <= 0 {
            return Vec::new();
        }
        self.apply(earned);
        std::iter::once(earned).chain(self.pay()).collect()
    }

    /// Posts that what an order had earned goes back; what has been spent of it is owed.
    pub(crate) fn take_back(&mut self, points: i64) -> Vec<Movement> {
        let there = points.min(self.balance());
        self.owed = self.owed.saturating_add(points - there);
        self.post(PointsKind::Reversed, -there)
            .into_iter()
            .collect()
    }

    /// Posts what a reward takes.
    ///
    /// # Errors
    /// `BEYOND_LIMIT` when there is less.
    pub(crate) fn spend(&mut self, points: i64) -> Result<Vec<Movement>, Fault> {
        self.ensure(points)?;
        Ok(self.post(PointsKind::Spent, -points).into_iter().collect())
    }

    /// Posts what two people agreed on.
    ///
    /// # Errors
    /// `BEYOND_LIMIT` when more is to be taken than there is.
    pub(crate) fn correct(
        &mut self,
        points: i64,
        expires_at: Option<Timestamp>,
    ) -> Result<Vec<Movement>, Fault> {
        if points < 0 {
            self.ensure(-points)?;
            return Ok(self
                .post(PointsKind::Corrected, points)
                .into_iter()
                .collect());
        }
        let correction = Movement {
            kind: PointsKind::Corrected,
            points,
            expires_at,
        };
        self.apply(correction);
        Ok(vec![correction])
    }

    /// Posts that so many go to another account, those that end first, as far as there are so many.
    pub(crate) fn hand_over(&mut self, points: i64) -> HandOver {
        let mut rest = points;
        let mut lots = Vec::new();
        for lot in &self.lots {
            let taken = lot.left.min(rest);
            if taken <= 0 {
                break;
            }
            rest -= taken;
            lots.push(Movement {
                kind: PointsKind::Merged,
                points: taken,
                expires_at: lot.expires_at,
            });
        }
        let gone: i64 = lots.iter().map(|lot| lot.points).sum();
        let out = self.post(PointsKind::Merged, -gone).into_iter().collect();
        HandOver { out, lots }
    }

    /// Posts what another account hands over; what it owes goes off it, as does what is owed here.
    pub(crate) fn take_over(&mut self, lots: &[Movement], owed: i64) -> Vec<Movement> {
        self.owed = self.owed.saturating_add(owed);
        for lot in lots {
            self.apply(*lot);
        }
        lots.iter().copied().chain(self.pay()).collect()
    }

    /// Lets go of so much of what is owed, as far as it is; how much that was.
    pub(crate) fn remit(&mut self, points: i64) -> i64 {
        let gone = self.owed.min(points);
        self.owed -= gone;
        gone
    }

    /// Posts what goes off the account of what is owed.
    fn pay(&mut self) -> Option<Movement> {
        let back = self.owed.min(self.balance());
        self.owed -= back;
        self.post(PointsKind::Reversed, -back)
    }

    fn ensure(&self, points: i64) -> Result<(), Fault> {
        let balance = self.balance();
        match points <= balance {
            true => Ok(()),
            false => Err(Fault::new(Reason::BeyondLimit).with("limit", balance.to_string())),
        }
    }

    /// Posts what takes points, if it takes any.
    fn post(&mut self, kind: PointsKind, points: i64) -> Option<Movement> {
        let movement = Movement {
            kind,
            points,
            expires_at: None,
        };
        (points != 0).then(|| {
            self.apply(movement);
            movement
        })
    }

    fn apply(&mut self, posting: Movement) {
        if posting.points > 0 {
            let ends = |at: Option<Timestamp>| at.unwrap_or(Timestamp::MAX);
            let later = |lot: &Lot| ends(lot.expires_at) <= ends(posting.expires_at);
            let at = self.lots.partition_point(later);
            let lot = Lot {
                left: posting.points,
                expires_at: posting.expires_at,
            };
            self.lots.insert(at, lot);
            return;
        }
        let mut points = posting.points.unsigned_abs();
        for lot in &mut self.lots {
            let taken = lot.left.unsigned_abs().min(points);
            lot.left -= i64::try_from(taken).unwrap_or_default();
            points -= taken;
        }
        self.lots.retain(|lot| lot.left > 0);
    }
}

#[cfg(test)]
mod tests;
