//! The salts of the day that all processes share: whoever comes to two servers on one day is one visitor.
//!
//! Redis forgets a salt when its day is over, as every process does. What Redis itself writes to its disk is
//! in its operator's hands.

use super::Redis;
use ::redis::cmd;
use std::time::Duration;

impl Redis {
    /// The salt that all processes use on a day (counted from 1970-01-01, UTC): ours, where nobody has left
    /// one yet. It is forgotten after `life`. Nothing where Redis does not answer within its budget.
    pub async fn common_salt(&self, day: i64, ours: [u8; 16], life: Duration) -> Option<[u8; 16]> {
        let key = self.keys.named(&format!("salt:{day}"));
        let life = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        let mut command = cmd("SET");
        command.arg(key).arg(&ours[..]).arg("NX").arg("GET").arg("PX").arg(life);
        let asked = self.ask(|connection| async move { connection.query::<Option<Vec<u8>>>(&command).await });
        match asked.await.ok()? {
            None => Some(ours),
            Some(common) => common.try_into().ok(),
        }
    }
}
