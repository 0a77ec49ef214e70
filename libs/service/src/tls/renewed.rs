//! What is made from files, and made anew when they change.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use aws_lc_rs::digest::Digest;

use super::{
    TlsError,
    material::{Files, Material},
};
use crate::{clock::Clock, error::Fault, host::Job};

/// How often the files are looked at. The kubelet takes about a minute to bring a changed
/// secret into a pod.
const EVERY: Duration = Duration::from_secs(10);

type Make<T> = dyn Fn(Material) -> Result<T, TlsError> + Send + Sync;

/// What was last made from the files.
pub(super) struct Renewed<T> {
    files: Files,
    make: Box<Make<T>>,
    made: ArcSwap<Made<T>>,
}

struct Made<T> {
    from: Digest,
    value: Arc<T>,
}

impl<T> Renewed<T> {
    pub(super) fn new(
        files: Files,
        make: impl Fn(Material) -> Result<T, TlsError> + Send + Sync + 'static,
    ) -> Result<Self, TlsError> {
        let contents = files.read()?;
        let made = Made {
            from: contents.digest(),
            value: Arc::new(make(files.parse(&contents)?)?),
        };
        Ok(Self {
            files,
            make: Box::new(make),
            made: ArcSwap::from_pointee(made),
        })
    }

    pub(super) fn current(&self) -> Arc<T> {
        self.made.load().value.clone()
    }
}

/// What looks at its files.
pub trait Renew: Send + Sync {
    /// Takes what the files hold now; says whether that is new.
    ///
    /// # Errors
    /// When it cannot be used: what was in use before stays so.
    fn renew(&self) -> Result<bool, TlsError>;
}

impl<T: Send + Sync> Renew for Renewed<T> {
    fn renew(&self) -> Result<bool, TlsError> {
        let contents = self.files.read()?;
        let from = contents.digest();
        if from.as_ref() == self.made.load().from.as_ref() {
            return Ok(false);
        }
        let value = (self.make)(self.files.parse(&contents)?)?;
        self.made.store(Arc::new(Made {
            from,
            value: Arc::new(value),
        }));
        Ok(true)
    }
}

/// The job that keeps these up to date. What is bad in new files is warned of and counted as
/// a failed look, for as long as it is there.
pub fn renewal(clock: Arc<dyn Clock>, all: Vec<Arc<dyn Renew>>) -> Job {
    let trouble = "new certificates cannot be used: the old ones stay";
    Job::every("certificates", clock, EVERY, trouble, move || {
        let all = all.clone();
        async move {
            let looked = tokio::task::spawn_blocking(move || renew(&all)).await;
            looked.map_err(|error| Fault::internal(error.to_string()))?
        }
    })
}

/// Each of them, also when one before it fails.
fn renew(all: &[Arc<dyn Renew>]) -> Result<(), Fault> {
    let mut outcome = Ok(());
    for one in all {
        match one.renew() {
            Ok(true) => tracing::info!("new certificates are in use"),
            Ok(false) => {}
            Err(error) => outcome = Err(Fault::internal(error.to_string())),
        }
    }
    outcome
}
