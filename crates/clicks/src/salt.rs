//! The random salt of the day that turns an address into a visitor who cannot be followed into the next day.
//!
//! The salt lives in memory and in one small file, readable by the owner only and outside any database or
//! write-ahead log. When the (UTC) day changes, the file is written over in place: without the old salt the
//! old hashes cannot be traced back to addresses. The file system or the disk may keep older blocks; that is
//! not in our hands.
//!
//! # Format of the file
//!
//! 64 bytes, little-endian: magic `CURTSALT` (8), day since 1970 (8), its salt (16), the salt of the next day
//! (16), zero (12), CRC-32C of the 60 bytes before (4). The next day's salt is made ahead, so that no
//! recorder waits at midnight.
//!
//! Servers that share a Redis share their salts through it ([`Salts::adopt`]), so that whoever comes to two
//! of them is one visitor.

use crc32c::crc32c;
use curtail_model::Timestamp;
use siphasher::sip::SipHasher13;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::net::IpAddr;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

const MAGIC: &[u8; 8] = b"CURTSALT";
const FILE_BYTES: usize = 64;

/// The salt of one day.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Salt {
    /// The UTC day, counted from 1970-01-01.
    pub(crate) day: i64,
    key: [u8; 16],
}

impl Salt {
    /// Of a time before all days: whoever has it asks for another one.
    pub(crate) const NONE: Salt = Salt { day: i64::MIN, key: [0; 16] };
}

/// The salts of today and tomorrow, shared by all recorders. They ask once a day.
#[derive(Debug)]
pub struct Salts {
    file: File,
    days: Mutex<Days>,
    /// Whether the file was damaged when it was opened, so that today's salt is another one than before.
    was_damaged: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Days {
    today: Salt,
    tomorrow: [u8; 16],
}

/// The UTC day of a point in time.
pub(crate) fn day_of(at: Timestamp) -> i64 {
    at.millis().div_euclid(Timestamp::DAY)
}

impl Salt {
    /// Who the visitor is on this day. `user_agent` stands
    /// for the user agent, the same number for the same one.
    #[inline]
    pub(crate) fn visitor(&self, address: IpAddr, user_agent: u64) -> u64 {
        let mut bytes = [0; 24];
        let address = match address {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        bytes[..16].copy_from_slice(&address.octets());
        bytes[16..].copy_from_slice(&user_agent.to_le_bytes());
        SipHasher13::new_with_key(&self.key).hash(&bytes)
    }
}

impl Salts {
    /// Opens the file, or makes it. Salts of another day than `now`'s (or its eve's) are replaced, as is a
    /// damaged file.
    pub(crate) fn open(path: &Path, now: Timestamp) -> io::Result<Salts> {
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let mut bytes = Vec::with_capacity(FILE_BYTES);
        file.by_ref().take(FILE_BYTES as u64).read_to_end(&mut bytes)?;
        let kept = Days::decode(&bytes);
        // An empty file is no damage: its maker was killed before it wrote.
        let was_damaged = kept.is_none() && !bytes.is_empty();
        if was_damaged {
            tracing::warn!(
                path = %path.display(),
                "the salt of the day is damaged, and another one is made: visitors who come back today are counted as new \
                 ones once more; clicks are counted as ever"
            );
        }
        let days = match kept {
            Some(days) => days.on(day_of(now))?,
            None => Days::fresh(day_of(now))?,
        };
        let salts = Salts { file, days: Mutex::new(days), was_damaged };
        if kept != Some(days) {
            salts.write(&days)?;
        }
        Ok(salts)
    }

    /// Whether the file was damaged when it was opened: then today's salt is another one than before.
    pub(crate) fn was_damaged(&self) -> bool {
        self.was_damaged
    }

    /// Makes sure that the salts are those of this day and the next. The keeper calls it all the time.
    pub(crate) fn turn(&self, now: Timestamp) -> io::Result<()> {
        let day = day_of(now);
        let mut days = self.days();
        if day <= days.today.day {
            return Ok(());
        }
        let turned = days.on(day)?;
        // In memory first: should the disk be full, the new day still has its new salt.
        *days = turned;
        self.write(&turned)
    }

    /// The salt to use on a day: that day's if it is today or tomorrow, else the one nearest to it. A clock
    /// that runs ahead of the keeper's, or back, does not make a recorder wait or bring an old salt back.
    pub(crate) fn of_day(&self, day: i64) -> Salt {
        let days = *self.days();
        if day > days.today.day { Salt { day, key: days.tomorrow } } else { days.today }
    }

    /// Today and tomorrow (days since 1970-01-01, UTC) with their salts.
    pub fn days_and_salts(&self) -> [(i64, [u8; 16]); 2] {
        let Days { today, tomorrow } = *self.days();
        [(today.day, today.key), (today.day + 1, tomorrow)]
    }

    /// Uses the salt of others on a day, if that is today or tomorrow. Who has recorded something
    /// today goes on with the salt that was: today's is to be adopted before the first click.
    pub fn adopt(&self, day: i64, salt: [u8; 16]) -> io::Result<()> {
        let mut days = self.days();
        let before = *days;
        if day == days.today.day {
            days.today.key = salt;
        } else if day == days.today.day + 1 {
            days.tomorrow = salt;
        }
        if *days == before { Ok(()) } else { self.write(&days) }
    }

    fn days(&self) -> MutexGuard<'_, Days> {
        self.days.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, days: &Days) -> io::Result<()> {
        self.file.write_all_at(&days.encode(), 0)?;
        self.file.sync_data()
    }
}

impl Days {
    fn fresh(day: i64) -> io::Result<Days> {
        Ok(Days { today: Salt { day, key: random()? }, tomorrow: random()? })
    }

    /// The salts as they are on `day`: these, the next ones, or fresh ones.
    fn on(self, day: i64) -> io::Result<Days> {
        if day == self.today.day {
            return Ok(self);
        }
        if Some(day) == self.today.day.checked_add(1) {
            return Ok(Days { today: Salt { day, key: self.tomorrow }, tomorrow: random()? });
        }
        Days::fresh(day)
    }

    fn encode(&self) -> [u8; FILE_BYTES] {
        let mut bytes = [0; FILE_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..16].copy_from_slice(&self.today.day.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.today.key);
        bytes[32..48].copy_from_slice(&self.tomorrow);
        let checksum = crc32c(&bytes[..60]);
        bytes[60..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Days> {
        let bytes: &[u8; FILE_BYTES] = bytes.try_into().ok()?;
        if !bytes.starts_with(MAGIC) || crc32c(&bytes[..60]).to_le_bytes() != bytes[60..] {
            return None;
        }
        let day = i64::from_le_bytes(*bytes[8..].first_chunk()?);
        Some(Days {
            today: Salt { day, key: *bytes[16..].first_chunk()? },
            tomorrow: *bytes[32..].first_chunk()?,
        })
    }
}

// A salt is a secret: it does not show in logs.
impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Salt").field("day", &self.day).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Days {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Days").field("today", &self.today).finish_non_exhaustive()
    }
}

fn random() -> io::Result<[u8; 16]> {
    let mut key = [0; 16];
    getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 77));

    fn noon(day: i64) -> Timestamp {
        Timestamp::from_millis(day * Timestamp::DAY + Timestamp::DAY / 2)
    }

    #[test]
    fn a_visitor_is_the_same_all_day_and_after_a_restart_and_another_one_tomorrow() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("salt");
        let salts = Salts::open(&path, noon(20_000)).unwrap();
        let today = salts.of_day(20_000).visitor(ADDRESS, 7);
        let tomorrow = salts.of_day(20_001).visitor(ADDRESS, 7);
        assert_ne!(today, tomorrow);
        drop(salts);
        let salts = Salts::open(&path, noon(20_000)).unwrap();
        assert_eq!(salts.of_day(20_000).visitor(ADDRESS, 7), today);
        salts.turn(noon(20_001)).unwrap();
        assert_eq!(salts.of_day(20_001).visitor(ADDRESS, 7), tomorrow);
        assert_ne!(salts.of_day(20_000).visitor(ADDRESS, 7), today, "yesterday's salt is gone");
    }

    #[test]
    fn the_old_salt_is_gone_from_the_file_when_the_day_changes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("salt");
        let salts = Salts::open(&path, noon(20_000)).unwrap();
        let old = salts.of_day(20_000).key;
        let holds = |key: [u8; 16]| std::fs::read(&path).unwrap().windows(16).any(|window| window == key);
        assert!(holds(old));
        salts.turn(noon(20_001)).unwrap();
        assert!(!holds(old));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(salts);
        let fresh = Salts::open(&path, noon(20_500)).unwrap();
        assert!(holds(fresh.of_day(20_500).key));
    }

    #[test]
    fn a_damaged_file_gives_fresh_salts_and_says_that_it_was_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("salt");
        let made = Salts::open(&path, noon(20_000)).unwrap();
        let before = made.of_day(20_000);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[20] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let anew = Salts::open(&path, noon(20_000)).unwrap();
        assert!(before != anew.of_day(20_000));
        let again = Salts::open(&path, noon(20_000)).unwrap();
        assert_eq!([made, anew, again].map(|salts| salts.was_damaged()), [false, true, false]);
    }

    #[test]
    fn salts_of_others_are_used_on_their_days_and_after_a_restart() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let open =
            |folder: &tempfile::TempDir| Salts::open(&folder.path().join("salt"), noon(20_000)).unwrap();
        let (one, other) = (open(&folders[0]), open(&folders[1]));
        let of = |salts: &Salts, day| salts.of_day(day).visitor(ADDRESS, 7);
        assert_ne!(of(&one, 20_000), of(&other, 20_000));
        for (day, salt) in one.days_and_salts() {
            other.adopt(day, salt).unwrap();
        }
        other.adopt(20_002, [9; 16]).unwrap();
        drop(other);
        let other = open(&folders[1]);
        for day in [20_000, 20_001] {
            assert_eq!(of(&one, day), of(&other, day));
        }
    }

    #[test]
    fn addresses_and_user_agents_tell_visitors_apart() {
        let salt = Salt { day: 0, key: [3; 16] };
        let neighbour = IpAddr::from([192, 0, 2, 78]);
        assert_ne!(salt.visitor(ADDRESS, 1), salt.visitor(neighbour, 1));
        assert_ne!(salt.visitor(ADDRESS, 1), salt.visitor(ADDRESS, 2));
        let IpAddr::V4(plain) = ADDRESS else { unreachable!() };
        assert_eq!(salt.visitor(ADDRESS, 1), salt.visitor(plain.to_ipv6_mapped().into(), 1));
    }
}
