//! Short messages from each process to all: a hint that something changed. They may be lost or late; whoever
//! listens must notice by what the messages say.

use crate::StoreFuture;
use tokio::sync::mpsc;

/// Carries messages between the processes that share a store.
///
/// Messages of one sender that are not lost arrive in the
/// order in which they were sent, at the sender itself too.
pub trait Notifications: Send + Sync {
    /// Its name in logs and metrics.
    fn name(&self) -> &'static str;

    /// Sends a message of at most [`PAYLOAD_MAX`] bytes to
    /// all who listen. Answers when it has been handed over.
    fn notify(&self, payload: Vec<u8>) -> StoreFuture<'_, ()>;

    /// What is heard from now on. The connection is kept up as long as the receiver is kept; a receiver that
    /// does not keep up loses messages.
    fn listen(&self) -> mpsc::Receiver<Notice>;
}

/// The longest message, in bytes. PostgreSQL carries less
/// than 8,000 bytes of text, and bytes become text as Base64.
pub const PAYLOAD_MAX: usize = 5_900;

/// What is heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// From here on messages are heard.
    Connected,
    /// Messages may be missed until [`Notice::Connected`].
    Lost,
    /// A message.
    Payload(Vec<u8>),
}
