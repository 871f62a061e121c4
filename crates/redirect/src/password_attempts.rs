//! Checks the passwords of links, and not too often for anybody who guesses.
//!
//! Attempts are limited per link and network (5 a minute) and per link (50 an hour), counted before the
//! password is looked at, and given back when it was right: who guesses learns nothing faster by guessing in
//! parallel.

use curtail_model::LinkId;
use curtail_runtime::attempts::{Attempts, Limit};
use curtail_runtime::network::customer_of;
use curtail_runtime::password::{Busy, Passwords};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Attempts for one link from one network (an IPv4 address, an IPv6 /64) in a minute.
const PER_VISITOR: Limit = Limit { attempts: 5, window: Duration::from_secs(60) };
/// Attempts for one link from everywhere in an hour.
const PER_LINK: Limit = Limit { attempts: 50, window: Duration::from_secs(3_600) };

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    Wrong,
    TooMany { seconds: u32 },
    Busy,
}

/// Checks what visitors take for the passwords of links, for all cores.
pub struct PasswordAttempts {
    passwords: Passwords,
    per_visitor: Attempts<(LinkId, IpAddr)>,
    per_link: Attempts<LinkId>,
}

impl PasswordAttempts {
    /// Nobody has guessed yet.
    pub fn new(passwords: Passwords) -> PasswordAttempts {
        PasswordAttempts {
            passwords,
            per_visitor: Attempts::new(PER_VISITOR),
            per_link: Attempts::new(PER_LINK),
        }
    }

    /// Checks a visitor's password against a PHC string.
    pub(crate) async fn check(
        &self,
        link: LinkId,
        visitor: IpAddr,
        hash: String,
        password: String,
    ) -> Verdict {
        let now = Instant::now();
        let allowed = self
            .per_visitor
            .attempt((link, customer_of(visitor)), now)
            .and_then(|()| self.per_link.attempt(link, now));
        if let Err(seconds) = allowed {
            return Verdict::TooMany { seconds };
        }
        match self.passwords.is_right(hash, password).await {
            Ok(true) => {
                self.give_back(link, visitor);
                Verdict::Right
            }
            Ok(false) => Verdict::Wrong,
            Err(Busy) => {
                // Nothing was looked at, so nothing was learnt.
                self.give_back(link, visitor);
                Verdict::Busy
            }
        }
    }

    fn give_back(&self, link: LinkId, visitor: IpAddr) {
        self.per_visitor.give_back(&(link, customer_of(visitor)));
        self.per_link.give_back(&link);
    }
}
