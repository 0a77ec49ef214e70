//! Files of conversations after the suite was restored from a backup: they lie in the store of objects, which was not
//! restored with it.

use futures_util::{StreamExt, TryStreamExt, stream};
use kefu_service::error::Fault;

use crate::{config::TicketConfig, objects::Objects};

/// Objects that are asked for at once.
const AT_ONCE: usize = 16;

/// The store that a service with this configuration would have.
pub struct Store(Objects);

impl Store {
    /// Opens it.
    ///
    /// # Errors
    /// When the configuration cannot be carried out.
    pub fn open(config: &TicketConfig) -> Result<Self, Fault> {
        config.attachments.open().map(Self)
    }

    /// How many of these objects are not there in their size, which is that of what is in them before it is sealed.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn missing(&self, objects: &[(String, i32)]) -> Result<u64, Fault> {
        let there = stream::iter(objects).map(|(object, size)| async move {
            let lies = self.0.size(object).await?;
            let whole = lies.is_some_and(|lies| lies >= u64::try_from(*size).unwrap_or_default());
            Ok::<u64, Fault>(u64::from(!whole))
        });
        let missing = there.buffer_unordered(AT_ONCE);
        missing
            .try_fold(0, |sum, one| async move { Ok(sum + one) })
            .await
    }
}
