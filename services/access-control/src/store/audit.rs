//! The audit log: made longer, looked at, proved.

mod append;
mod read;

pub(crate) use append::append;
pub(crate) use read::{
    Filter, Listed, Look, Looked, checkpoints, checkpoints_beyond, customers, entries_beyond,
    hashes, head, latest_checkpoint, list, looks, nodes, put_checkpoint, stretch,
};
