//! What a process can be. A role is a file that only composes: it makes the parts, joins them, starts them, and takes them
//! down in the opposite order.

pub(crate) mod all;
