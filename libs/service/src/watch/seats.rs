use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kefu_contracts::common::Reason;
use uuid::Uuid;

use crate::error::Fault;

/// How many open answers each subject has in this process.
#[derive(Clone)]
pub struct Seats {
    most: usize,
    taken: Arc<Mutex<HashMap<Uuid, usize>>>,
}

/// The place of one open answer; dropped, it is free again.
pub struct Seat {
    seats: Seats,
    subject: Uuid,
}

impl Seats {
    /// At most so many each.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            taken: Arc::default(),
        }
    }

    /// One more for this subject.
    ///
    /// # Errors
    /// [`Reason::Overloaded`] when they have as many as there may be.
    pub fn take(&self, subject: Uuid) -> Result<Seat, Fault> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(subject).or_default();
        if *count >= self.most {
            let limit = self.most.to_string();
            return Err(Fault::new(Reason::Overloaded)
                .with("limit", limit)
                .retry_after(Duration::from_secs(1)));
        }
        *count += 1;
        Ok(Seat {
            seats: self.clone(),
            subject,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let taken = &self.seats.taken;
        let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.subject) {
            *count -= 1;
            // Who has none is not remembered.
            if *count == 0 {
                taken.remove(&self.subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_so_many_and_a_free_one_is_taken_again() {
        let seats = Seats::new(2);
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let first = seats.take(one).unwrap();
        let _second = seats.take(one).unwrap();
        assert_eq!(seats.take(one).err().unwrap().reason, Reason::Overloaded);
        drop(seats.take(other).unwrap());
        drop(first);
        let _third = seats.take(one).unwrap();
        assert_eq!(seats.taken.lock().unwrap().len(), 1);
    }
}
