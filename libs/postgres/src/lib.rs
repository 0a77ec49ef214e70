//! A private PostgreSQL cluster from the programs installed on the machine, for
//! `kefu dev` and the tests. To whoever runs it this is embedded: nothing to
//! start or configure by hand, and one folder to delete.
//!
//! ```text
//! DIR/lock, in-use      held while starting or stopping; shared by all who use the cluster
//! DIR/password, port    the superuser's password (mode 0600) and the last port
//! DIR/server/data       PostgreSQL's data, owned by the user the server runs as
//! DIR/server/log        what the server says
//! ```
//!
//! - **As root** the server runs as `postgres`, else as `nobody`. Where that user
//!   cannot reach `DIR` (`/root/…`), `DIR/server` is a link to a folder in
//!   `/var/lib/kefu-postgres` (or `/var/tmp/kefu-postgres`). Once `DIR` has been
//!   deleted, the next start on the same path removes what is left there.
//! - **After a crash** of our process the server goes on running, and the next
//!   start on the folder adopts it: same port, same password, same data. A server
//!   whose folder is deleted notices within a minute and ends.
//! - **Several processes** may start one folder at once: one of them does it, the
//!   others adopt. The last to [`Cluster::stop`] ends the server.
//!
//! `KEFU_PG_BIN` names the folder of PostgreSQL's programs where they are not
//! found by themselves. `KEFU_DATABASE_URL` is for the callers; only
//! [`shared_for_tests`] reads it here.
//!
//! Why not the `postgresql_embedded` crate: it downloads its own server, keeps no
//! port, adopts nothing, and cannot run as root.

mod binaries;
mod cluster;
mod error;
mod launch;
mod lock;
mod place;
mod postmaster;
mod server;
mod test_cluster;

pub use cluster::{Cluster, ClusterOptions};
pub use error::StartError;
pub use test_cluster::{
    GivenServer, TEST_CONNECTIONS, TestCluster, name_for_test, shared_for_tests,
};
