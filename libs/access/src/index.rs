//! Maps of the policy in memory. A decision looks into half a dozen of them, and their
//! keys are ids and names of the company's own register: nobody outside can choose
//! them to collide, so a fast hash will do.

use foldhash::fast::RandomState;

pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;
pub(crate) type HashSet<T> = std::collections::HashSet<T, RandomState>;
