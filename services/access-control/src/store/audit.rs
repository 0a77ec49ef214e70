//! The audit log: made longer, looked at, proved.

mod append;
mod read;

pub(crate) use append::append;
pub(crate) use read::{
    Filter, Listed, checkpoints, hashes, head, latest_checkpoint, list, nodes, put_checkpoint,
    stretch,
};
