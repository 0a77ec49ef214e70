//! A log that shows when it was changed (promise 3): the Merkle tree of RFC 9162, its
//! proofs, and checkpoints signed as notes (c2sp.org/tlog-checkpoint). Pure: where the
//! leaves and nodes are kept is for whoever keeps them.
//!
//! | file         | subject                                              |
//! |--------------|------------------------------------------------------|
//! | `leaf`       | a journal entry as bytes, and back                   |
//! | `tree`       | hashes, growing, and which nodes a range is made of  |
//! | `proof`      | inclusion and consistency: made, and checked         |
//! | `checkpoint` | how large the log is and what it hashes to, signed   |

mod checkpoint;
mod leaf;
mod proof;
mod tree;

pub use checkpoint::{Checkpoint, CheckpointKey, CheckpointVerifier, NoteError};
pub use leaf::{Leaf, NotALeaf};
pub use proof::{consistency, inclusion, verify_consistency, verify_inclusion};
pub use tree::{
    Frontier, Hash, Node, NodeId, leaf_hash, node_hash, parts, range_root, root_of_nothing,
};
