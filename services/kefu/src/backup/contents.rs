//! What is in which file.

/// Customers' keys. They are not in the backups of the data, of which there are many and old ones, but in a file
/// of their own, of which only the newest are kept: a key that was destroyed is soon in none.
pub const KEYS: [&str; 3] = [
    "profile.customer_key",
    "ticket.customer_key",
    "orders.customer_key",
];

/// Tables without their rows in a dump: keys, and packages that are sealed under a key of their own which lies beside
/// them. Nothing is lost with these: all shares are taken back after a restore, and with them their packages; webhooks are
/// off then, until they have another secret.
pub const WITHOUT: [&str; 5] = [
    "profile.customer_key",
    "ticket.customer_key",
    "orders.customer_key",
    "access.export_chunk",
    "access.webhook_secret",
];

/// What was destroyed, and by which certificate: goes with the keys, as it has to be known as late as can be.
pub const DESTROYED: [&str; 2] = ["profile.certificate", "profile.tombstone"];

/// Rights that may end, for the same reason.
pub const STANDING: [&str; 3] = ["access.binding", "access.delegation", "access.employee"];
