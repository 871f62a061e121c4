//! Buffers of a core, lent to a connection only while it has something to read or write. Idle connections
//! hold none.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

/// Bytes of an input buffer. A plain request fits; a longer one goes to hyper.
pub(crate) const INPUT: usize = 8 * 1024;
/// Buffers that are kept for later; more than are ever in
/// use at once on a core that is not waiting for its store.
const KEPT_MAX: usize = 64;
/// An output buffer that grew beyond this is not kept.
const OUTPUT_KEPT: usize = 32 * 1024;

/// The spare buffers of a core.
#[derive(Default)]
pub(crate) struct Buffers {
    inputs: RefCell<Vec<Box<[u8]>>>,
    outputs: RefCell<Vec<Vec<u8>>>,
}

impl Buffers {
    /// A buffer to read into. What stands in it is left from before.
    #[inline]
    pub(crate) fn input(&self) -> Box<[u8]> {
        self.inputs.borrow_mut().pop().unwrap_or_else(|| vec![0; INPUT].into_boxed_slice())
    }

    /// Takes an input buffer back.
    #[inline]
    pub(crate) fn give_back(&self, input: Box<[u8]>) {
        let mut inputs = self.inputs.borrow_mut();
        if inputs.len() < KEPT_MAX {
            inputs.push(input);
        }
    }

    /// An empty buffer to write into.
    #[inline]
    pub(crate) fn output(self: &Rc<Self>) -> Output {
        Output { bytes: self.outputs.borrow_mut().pop().unwrap_or_default(), owner: self.clone() }
    }
}

/// An output buffer that returns by itself.
pub(crate) struct Output {
    bytes: Vec<u8>,
    owner: Rc<Buffers>,
}

impl Deref for Output {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.bytes
    }
}

impl DerefMut for Output {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let mut outputs = self.owner.outputs.borrow_mut();
        if outputs.len() < KEPT_MAX && self.bytes.capacity() <= OUTPUT_KEPT {
            self.bytes.clear();
            outputs.push(std::mem::take(&mut self.bytes));
        }
    }
}
