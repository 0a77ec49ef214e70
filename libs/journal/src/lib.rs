//! The journal of a service: one table, appended in the transaction of a change
//! or before an answer leaves, read by everyone who has to know (promise 3).
//!
//! Each service's schema holds a `journal` table of the shape in
//! [`TABLE`]; the connection's `search_path` tells which one is meant.

mod cursor;
mod entry;
mod group_commit;
mod reading;
mod settled;
mod trace;
mod writing;

pub use cursor::Cursor;
pub use entry::{Entry, Recorded};
pub use group_commit::{Sink, ViewWriter, WriteFailed};
pub use reading::{Batch, end, held_back, read, read_damaged_too, read_whole, resource};
pub use settled::{Running, Settled, running};
pub use trace::{TraceParent, trace_parent};
pub use writing::{append, append_traced};

/// Definition of the table, for the first migration of each service.
///
/// `transaction_id` orders entries by when their transaction began to write;
/// readers stay below the oldest transaction still running, so that an entry
/// that commits late is never skipped.
pub const TABLE: &str = include_str!("../journal.sql");
/// Definition of the index by which changes alone are read, for a later migration of each service.
pub const CHANGES: &str = include_str!("../changes.sql");
/// Definition of the column that names spans, for a later migration of each service.
pub const TRACES: &str = include_str!("../traces.sql");
/// Definition of what transaction ids count from, for a later migration of each service: a
/// database that was restored lies in a cluster that counts anew.
pub const LEAD: &str = include_str!("../lead.sql");
