//! Ids come in from outside: UUIDv7 (RFC 9562) from the clock and given randomness.

use std::sync::Arc;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;

use crate::{clock::Clock, error::Fault};

/// Randomness of cryptographic quality.
pub type Randomness = Arc<dyn SecureRandom + Send + Sync>;

/// The operating system's randomness.
pub fn system_randomness() -> Randomness {
    Arc::new(SystemRandom::new())
}

/// Makes ids that sort by the moment they were made.
#[derive(Clone)]
pub struct Ids {
    clock: Arc<dyn Clock>,
    randomness: Randomness,
}

impl Ids {
    /// Ids by this clock and randomness.
    pub fn new(clock: Arc<dyn Clock>, randomness: Randomness) -> Self {
        Self { clock, randomness }
    }

    /// A new UUIDv7.
    ///
    /// # Errors
    /// When the machine has no randomness to give.
    pub fn next(&self) -> Result<Uuid, Fault> {
        let mut random = [0; 10];
        self.randomness
            .fill(&mut random)
            .map_err(|_| Fault::internal("no randomness"))?;
        let millis = u64::try_from(self.clock.now().as_millisecond()).unwrap_or(0);
        Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// 256 random bits that nobody can guess.
    ///
    /// # Errors
    /// When the machine has no randomness to give.
    pub fn secret(&self) -> Result<[u8; 32], Fault> {
        let mut secret = [0; 32];
        self.randomness
            .fill(&mut secret)
            .map_err(|_| Fault::internal("no randomness"))?;
        Ok(secret)
    }
}
