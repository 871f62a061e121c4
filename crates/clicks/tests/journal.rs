//! The promises of the journal.

#[path = "support/folder.rs"]
mod folder;
#[path = "journal/kill.rs"]
mod kill;
#[path = "journal/missing.rs"]
mod missing;
#[path = "journal/node.rs"]
mod node;
#[path = "journal/recovery.rs"]
mod recovery;
#[path = "journal/repair.rs"]
mod repair;
#[path = "journal/rewind.rs"]
mod rewind;
#[path = "journal/room.rs"]
mod room;
#[path = "journal/shipped.rs"]
mod shipped;
#[path = "journal/size.rs"]
mod size;
#[path = "journal/support.rs"]
mod support;
#[path = "journal/sync.rs"]
mod sync;
