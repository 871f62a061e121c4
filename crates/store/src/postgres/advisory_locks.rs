//! The advisory locks of PostgreSQL that are taken here, all until the end of a transaction, which works
//! through poolers too.
//!
//! | key | taken |
//! |---|---|
//! | 4920851300917213 | by whoever migrates |
//! | 4920851300917215 | by whoever empties the list of words that are not in their index yet (`sql/words_flush.sql`) |
//! | 4920851300917217 | alone by whoever leases ids, shared by whoever makes a link whose chosen code looks like a generated one |
//! | 20852 and a lane | by whoever writes rollups of the lane (`sql/lane_lock.sql`) |
//! | any other | shared hashes of what may be asked for twice: idempotency keys, and destinations to reuse (`sql/keys_lock.sql`) |

/// Waits until nobody else migrates.
pub(super) const MIGRATING: &str = "SELECT pg_advisory_xact_lock(4920851300917213)";
/// Says whether nobody else migrates, and keeps all others from it then.
pub(super) const TRY_MIGRATING: &str = "SELECT pg_try_advisory_xact_lock(4920851300917213)";
/// What a transaction that leases ids begins with.
pub(super) const LEASING: &str = "SELECT pg_advisory_xact_lock(4920851300917217)";
/// What a transaction begins with in which a link gets a chosen code that looks like a generated one.
pub(super) const CHOOSING: &str = "SELECT pg_advisory_xact_lock_shared(4920851300917217)";
