//! Whether a node hears all that others change: their sequences
//! without holes, their answers to its beats in time.
//!
//! A pure machine: messages and the time go in, a verdict and a lease come out. Why the lease is right stands
//! in docs/architecture/caching.md, "Why nothing is older than 2 s".

use super::message::{Beat, Message, Node, Said};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// How long the answer to a beat is good for, from when the beat was sent.
pub(crate) const LEASE: Duration = Duration::from_secs(1);
/// A node that says nothing for so long is given up.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Beats that are remembered: those that are still good for something, and some more.
const BEATS_MAX: usize = 32;
/// Nodes that are remembered. A beat has no room for more.
const NODES_MAX: usize = Beat::NODES_MAX;

/// What hears.
#[derive(Debug)]
pub(crate) struct Hearing {
    me: Node,
    /// My beats and when each was sent, the newest last.
    sent: VecDeque<(u64, Instant)>,
    nodes: BTreeMap<Node, Peer>,
    /// Who has said goodbye, and when: what another way still brings of them brings nobody back.
    departed: BTreeMap<Node, Instant>,
}

/// Another node, or this one as it hears itself.
#[derive(Debug)]
struct Peer {
    /// The sequence of its newest message.
    sequence: u64,
    /// Its newest beat.
    beat: u64,
    last_heard: Instant,
    /// When my beat was sent that it has answered, settled.
    answered: Option<Instant>,
}

/// What a message means for what is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing was missed.
    Whole,
    /// Something may have been missed: nothing from before is to be believed.
    Hole,
}

impl Hearing {
    pub(crate) fn new(me: Node, now: Instant) -> Hearing {
        let myself = Peer { sequence: 0, beat: 0, last_heard: now, answered: None };
        let (sent, nodes) = (VecDeque::new(), BTreeMap::from([(me, myself)]));
        Hearing { me, sent, nodes, departed: BTreeMap::new() }
    }

    /// The next beat.
    pub(crate) fn beat(&mut self, sequence: u64, settled: bool, now: Instant) -> Message {
        let number = self.sent.back().map_or(1, |(number, _)| number + 1);
        if self.sent.len() == BEATS_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back((number, now));
        let heard = self.nodes.iter().map(|(node, peer)| (*node, peer.beat)).collect();
        Message { from: self.me, said: Said::Beat(Beat { sequence, number, settled, heard }) }
    }

    /// Takes a message in.
    pub(crate) fn hear(&mut self, message: &Message, now: Instant) -> Verdict {
        if message.from == self.me {
            self.hear_myself(message, now);
            return Verdict::Whole;
        }
        if let Said::Goodbye = message.said {
            self.nodes.remove(&message.from);
            self.departed.retain(|_, left| now.saturating_duration_since(*left) <= SILENCE_MAX);
            if self.departed.len() < NODES_MAX {
                self.departed.insert(message.from, now);
            }
            return Verdict::Whole;
        }
        let has_left = |left: &Instant| now.saturating_duration_since(*left) <= SILENCE_MAX;
        if self.departed.get(&message.from).is_some_and(has_left) {
            return Verdict::Whole;
        }
        let is_new = !self.nodes.contains_key(&message.from);
        if is_new && self.nodes.len() >= NODES_MAX {
            return Verdict::Hole;
        }
        let fresh = Peer { sequence: 0, beat: 0, last_heard: now, answered: None };
        let peer = self.nodes.entry(message.from).or_insert(fresh);
        peer.last_heard = now;
        match &message.said {
            Said::Changes { sequence, .. } => peer.follow(sequence.saturating_sub(1), *sequence),
            Said::Reset { sequence } => {
                let repeated = *sequence <= peer.sequence;
                peer.sequence = peer.sequence.max(*sequence);
                if repeated { Verdict::Whole } else { Verdict::Hole }
            }
            Said::Beat(beat) => {
                peer.beat = peer.beat.max(beat.number);
                let answered = beat.heard.iter().find(|(node, _)| *node == self.me);
                let sent = answered.and_then(|(_, number)| sent_at(&self.sent, *number));
                if beat.settled && sent > peer.answered {
                    peer.answered = sent;
                }
                peer.follow(beat.sequence, beat.sequence)
            }
            Said::Goodbye => Verdict::Whole,
        }
    }

    fn hear_myself(&mut self, message: &Message, now: Instant) {
        let Said::Beat(beat) = &message.said else { return };
        let sent = sent_at(&self.sent, beat.number);
        let Some(myself) = self.nodes.get_mut(&self.me) else { return };
        myself.last_heard = now;
        myself.beat = myself.beat.max(beat.number);
        if beat.settled {
            myself.answered = myself.answered.max(sent);
        }
    }

    /// Until when what is remembered may be served unchecked: nothing until every node has answered.
    pub(crate) fn lease(&self) -> Option<Instant> {
        let answers = self.nodes.values().map(|peer| peer.answered);
        answers.min().flatten().map(|sent| sent + LEASE)
    }

    /// Nodes that have said nothing for too long.
    pub(crate) fn silent(&self, now: Instant) -> Vec<Node> {
        let others = self.nodes.iter().filter(|(node, _)| **node != self.me);
        let silent = others.filter(|(_, peer)| now.saturating_duration_since(peer.last_heard) > SILENCE_MAX);
        silent.map(|(node, _)| *node).collect()
    }

    /// Does not wait for a node any more.
    pub(crate) fn forget(&mut self, node: Node) {
        self.nodes.remove(&node);
    }

    /// How many nodes it knows, itself included.
    pub(crate) fn nodes(&self) -> usize {
        self.nodes.len()
    }
}

impl Peer {
    /// Goes on to `to`, where all up to `from` must have been heard before. What comes again, over another
    /// way, is neither a hole nor a step back.
    fn follow(&mut self, from: u64, to: u64) -> Verdict {
        let verdict = if from > self.sequence { Verdict::Hole } else { Verdict::Whole };
        self.sequence = self.sequence.max(to);
        verdict
    }
}

fn sent_at(sent: &VecDeque<(u64, Instant)>, number: u64) -> Option<Instant> {
    sent.iter().rev().find(|(sent, _)| *sent == number).map(|(_, at)| *at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: Node = 1;
    const OTHER: Node = 2;

    fn changes(sequence: u64) -> Message {
        Message { from: OTHER, said: Said::Changes { sequence, changes: Vec::new() } }
    }

    fn answer(sequence: u64, number: u64, settled: bool, to: u64) -> Message {
        Message { from: OTHER, said: Said::Beat(Beat { sequence, number, settled, heard: vec![(ME, to)] }) }
    }

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn there_is_no_lease_before_it_hears_itself() {
        let start = Instant::now();
        let mut hearing = Hearing::new(ME, start);
        let beat = hearing.beat(0, true, start);
        assert_eq!(hearing.lease(), None);
        hearing.hear(&beat, after(start, 300));
        assert_eq!(hearing.lease(), Some(start + LEASE), "it runs from when the beat was sent");
    }

    #[test]
    fn a_node_has_no_lease_while_what_it_changed_itself_is_not_settled() {
        let start = Instant::now();
        let mut hearing = Hearing::new(ME, start);
        let beat = hearing.beat(1, false, start);
        hearing.hear(&beat, start);
        assert_eq!(hearing.lease(), None);
        let beat = hearing.beat(1, true, after(start, 250));
        hearing.hear(&beat, after(start, 250));
        assert_eq!(hearing.lease(), Some(after(start, 250) + LEASE));
    }

    #[test]
    fn one_node_that_does_not_answer_takes_the_lease_from_all_that_hear_it() {
        let start = Instant::now();
        let mut hearing = Hearing::new(ME, start);
        let first = hearing.beat(0, true, start);
        hearing.hear(&first, start);
        hearing.hear(&changes(1), start);
        assert_eq!(hearing.lease(), None, "a node is known, and has not answered");
        hearing.hear(&answer(1, 1, false, 1), start);
        assert_eq!(hearing.lease(), None, "what it changed is not settled");
        hearing.hear(&answer(1, 2, true, 1), start);
        assert_eq!(hearing.lease(), Some(start + LEASE));
        let second = hearing.beat(0, true, after(start, 500));
        hearing.hear(&second, after(start, 500));
        assert_eq!(hearing.lease(), Some(start + LEASE), "it has not answered the second");
        hearing.hear(&answer(1, 3, true, 2), after(start, 900));
        assert_eq!(hearing.lease(), Some(after(start, 500) + LEASE));
    }

    #[test]
    fn a_late_message_does_not_lengthen_the_lease() {
        let start = Instant::now();
        let mut hearing = Hearing::new(ME, start);
        let beat = hearing.beat(0, true, start);
        hearing.hear(&beat, after(start, 30_000));
        hearing.hear(&answer(0, 1, true, 1), after(start, 30_000));
        assert_eq!(hearing.lease(), Some(start + LEASE));
    }

    #[test]
    fn a_lost_message_leaves_a_hole_that_the_next_change_or_beat_shows() {
        let start = Instant::now();
        let mut hearing = Hearing::new(ME, start);
        assert_eq!(hearing.hear(&changes(1), start), Verdict::Whole);
        assert_eq!(hearing.hear(&changes(3), start), Verdict::Hole);
        assert_eq!(hearing.hear(&changes(4), start), Verdict::Whole);
        assert_eq!(hearing.hear(&answer(5, 1, true, 0), start), Verdict::Hole);
        assert_eq!(hearing.hear(&answer(5, 2, true, 0), start), Verdict::Whole);
        assert_eq!(hearing.hear(&changes(5), start), Verdict::Whole, "it came over another way");
        assert_eq!(hearing.hear(&changes(6), start), Verdict::Whole);
    }

    #[test]
    fn a_node_that_was_there_before_may_have_said_something() {
        let start = Instant::now();
        let mut hearing = Hearing::new(ME, start);
        assert_eq!(hearing.hear(&answer(7, 40, true, 0), start), Verdict::Hole);
        assert_eq!(Hearing::new(ME, start).hear(&answer(0, 1, true, 0), start), Verdict::Whole);
    }

    #[test]
    fn a_reset_counts_once() {
        let start = Instant::now();
        let mut hearing = Hearing::new(ME, start);
        let reset = Message { from: OTHER, said: Said::Reset { sequence: 1 } };
        assert_eq!(hearing.hear(&reset, start), Verdict::Hole);
        assert_eq!(hearing.hear(&reset, start), Verdict::Whole);
    }

    #[test]
    fn who_has_said_goodbye_is_not_waited_for_though_another_way_brings_more_of_it() {
        let start = Instant::now();
        let mut hearing = Hearing::new(ME, start);
        let beat = hearing.beat(0, true, start);
        hearing.hear(&beat, start);
        hearing.hear(&changes(1), start);
        hearing.hear(&Message { from: OTHER, said: Said::Goodbye }, start);
        assert_eq!((hearing.lease(), hearing.nodes()), (Some(start + LEASE), 1));
        for late in [changes(1), answer(1, 4, true, 0), Message { from: OTHER, said: Said::Goodbye }] {
            assert_eq!(hearing.hear(&late, after(start, 500)), Verdict::Whole);
            assert_eq!((hearing.lease(), hearing.nodes()), (Some(start + LEASE), 1));
        }
    }

    #[test]
    fn who_is_silent_is_given_up() {
        let start = Instant::now();
        let mut hearing = Hearing::new(ME, start);
        let beat = hearing.beat(0, true, start);
        hearing.hear(&beat, start);
        hearing.hear(&changes(1), start);
        assert!(hearing.silent(start + SILENCE_MAX).is_empty());
        assert_eq!(hearing.silent(after(start + SILENCE_MAX, 1)), [OTHER]);
        hearing.forget(OTHER);
        assert_eq!(hearing.lease(), Some(start + LEASE));
    }
}
