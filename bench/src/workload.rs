//! What the servers are asked: links with destinations of
//! 90 bytes, keys by Zipf's law, and visitors' headers.

pub(crate) mod agents;
pub(crate) mod clicks;
mod zipf;

use crate::load::Exchange;
use crate::load::response::Response;
use anyhow::{Result, ensure};
use curtail_model::{Alphabet, CodeScheme, Codes, LinkId};
use std::collections::HashSet;
use zipf::Zipf;

/// Bytes of every destination.
pub(crate) const DESTINATION_LENGTH: usize = 90;
/// The most common key is asked for in each run as often as Zipf's law with this exponent says.
const EXPONENT: f64 = 1.0;
/// Requests after which the drawn keys begin anew.
const DRAWN: usize = 1 << 22;
/// Every so many answers, the destination is compared; the status of every answer is.
const SAMPLE: u64 = 16;

/// The destination of a link by its number: [`DESTINATION_LENGTH`] bytes, different for every number.
pub(crate) fn destination(number: u32) -> String {
    let site = number % 9973;
    let length = DESTINATION_LENGTH - 10;
    let mut url =
        format!("https://www.site-{site:04}.example/2025/11/a-page-with-a-title-of-usual-length-to-read/");
    url.truncate(length);
    while url.len() < length {
        url.push('-');
    }
    url + &format!("{number:010}")
}

/// A generated code: seven characters at most, then zeros. Flat in memory, because a client that misses its
/// cache for each request is no cheap client.
type GeneratedCode = [u8; 8];

/// Links that exist on a server: the code of each, by number.
pub(crate) struct Links {
    codes: Vec<GeneratedCode>,
    /// The numbers that are asked for.
    asked: Vec<u32>,
}

impl Links {
    /// Links with these codes, in the order of their numbers. Of codes that differ only by case just the
    /// first is asked for, because nginx's `map` does not tell them apart.
    pub(crate) fn new<C: AsRef<str>>(codes: impl Iterator<Item = C>) -> Result<Links> {
        let codes = codes.map(|code| generated(code.as_ref())).collect::<Result<Vec<_>>>()?;
        let mut seen: HashSet<GeneratedCode> = HashSet::with_capacity(codes.len());
        let numbers = 0..codes.len() as u32;
        let asked = numbers
            .filter(|&number| seen.insert(codes[number as usize].map(|c| c.to_ascii_lowercase())))
            .collect();
        Ok(Links { codes, asked })
    }

    /// So many links with codes as Curtail makes them, for measuring a peer alone.
    pub(crate) fn invented(count: usize) -> Result<Links> {
        let codes = Codes::new(CodeScheme::Permuted, Alphabet::Base62, *b"a key for peers.");
        let code = |number: usize| LinkId::new(number as u64).and_then(|id| codes.encode(id));
        Links::new((0..count).map_while(code))
    }

    /// The same links, of which only the first so many are asked for.
    pub(crate) fn first(&self, count: usize) -> Links {
        Links { codes: self.codes.clone(), asked: self.asked[..count].to_vec() }
    }

    /// How many links there are, asked for or not.
    pub(crate) fn len(&self) -> usize {
        self.codes.len()
    }

    /// The code of a link.
    pub(crate) fn code(&self, number: u32) -> &[u8] {
        let code = &self.codes[number as usize];
        let length = code.iter().position(|&byte| byte == 0).unwrap_or(code.len());
        &code[..length]
    }

    /// The numbers of the links that are asked for.
    pub(crate) fn asked(&self) -> &[u32] {
        &self.asked
    }
}

fn generated(code: &str) -> Result<GeneratedCode> {
    let mut padded = GeneratedCode::default();
    ensure!(code.len() < padded.len(), "{code:?} is longer than a generated code");
    padded[..code.len()].copy_from_slice(code.as_bytes());
    Ok(padded)
}

/// Redirects to ask for.
pub(crate) struct Redirects<'a> {
    links: &'a Links,
    /// Numbers of links, asked for in this order, again and again.
    order: Vec<u32>,
    /// What follows the code in each request: the rest of the line and the headers.
    tails: Vec<Vec<u8>>,
    next: usize,
    next_tail: usize,
    answered: u64,
}

impl<'a> Redirects<'a> {
    /// Popular links often and others rarely, by Zipf's law; which links are popular has nothing to do with
    /// their age. Headers are those of [`Redirects::set_tails`].
    pub(crate) fn by_popularity(links: &'a Links) -> Redirects<'a> {
        let asked = links.asked();
        let mut zipf = Zipf::new(asked.len(), EXPONENT, 0x5eed);
        let order = (0..DRAWN).map(|_| asked[zipf.draw()]).collect();
        Redirects { links, order, tails: Vec::new(), next: 0, next_tail: 0, answered: 0 }
    }

    /// Every link once, and then again.
    pub(crate) fn each_once(links: &'a Links, tails: Vec<Vec<u8>>) -> Redirects<'a> {
        Redirects { links, order: links.asked().to_vec(), tails, next: 0, next_tail: 0, answered: 0 }
    }

    /// How many requests there are before they begin anew.
    pub(crate) fn distinct(&self) -> u64 {
        self.order.len() as u64
    }

    /// Sends these after the codes, in turn.
    pub(crate) fn set_tails(&mut self, tails: Vec<Vec<u8>>) {
        self.tails = tails;
        self.next_tail = 0;
    }
}

impl Exchange for Redirects<'_> {
    fn request(&mut self, out: &mut Vec<u8>) -> u32 {
        let number = self.order[self.next];
        self.next = if self.next + 1 == self.order.len() { 0 } else { self.next + 1 };
        let tail = &self.tails[self.next_tail];
        self.next_tail = if self.next_tail + 1 == self.tails.len() { 0 } else { self.next_tail + 1 };
        out.extend_from_slice(b"GET /");
        out.extend_from_slice(self.links.code(number));
        out.extend_from_slice(tail);
        number
    }

    fn is_right(&mut self, tag: u32, response: &Response<'_>) -> bool {
        self.answered += 1;
        response.status == 302
            && (!self.answered.is_multiple_of(SAMPLE)
                || response.location == Some(destination(tag).as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::{DESTINATION_LENGTH, Links, destination};
    use std::collections::HashSet;

    #[test]
    fn destinations_have_90_bytes_and_differ() {
        let some: HashSet<String> = (0..20_000).map(destination).collect();
        assert_eq!(some.len(), 20_000);
        assert!(some.iter().all(|url| url.len() == DESTINATION_LENGTH));
    }

    #[test]
    fn of_codes_that_differ_only_by_case_one_is_asked_for() {
        let links = Links::new(["aB", "ab", "c"].iter()).unwrap();
        assert_eq!((links.len(), links.asked()), (3, &[0, 2][..]));
    }
}
