//! Bad days of the disk: no room, and bytes that are not what they were.

mod counts;
mod damage;
mod full;
