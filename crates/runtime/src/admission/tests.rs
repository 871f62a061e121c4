//! What callers may rely on. Where it depends on time, the test decides what that is.

use super::{Asked, Bounds, Gate, Place, QUEUE_TIMEOUT, Refusal, STANDING_QUEUE_TIMEOUT};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Never late: how fast the machine is that tests run on is no matter here.
const BOUNDS: Bounds = Bounds { places: 2, waiting: 3, late: Duration::MAX };

fn enter(gate: &Arc<Gate>, now: Instant) -> Place {
    assert!(matches!(gate.ask(now), Asked::Free), "no place is free");
    gate.place()
}

/// Somebody who waits, and for how long he will.
fn queue(gate: &Gate, now: Instant) -> (oneshot::Receiver<Place>, Duration) {
    match gate.ask(now) {
        Asked::Queued(place, patience) => (place, patience),
        Asked::Free | Asked::Full => panic!("there is no queue to stand in"),
    }
}

#[test]
fn so_many_are_let_in_so_many_wait_and_the_others_are_refused_at_once() {
    let (gate, now) = (Gate::new(BOUNDS), Instant::now());
    let inside = [enter(&gate, now), enter(&gate, now)];
    let waiting = [queue(&gate, now), queue(&gate, now), queue(&gate, now)];
    assert!(matches!(gate.ask(now), Asked::Full));
    assert_eq!(gate.under_way(), 2);
    drop(inside);
    for (mut place, _) in waiting {
        drop(place.try_recv().expect("a place has become free"));
    }
    assert_eq!(gate.under_way(), 0);
}

#[test]
fn a_queue_that_stands_is_waited_in_for_a_moment_only() {
    let (gate, start) = (Gate::new(Bounds { places: 1, ..BOUNDS }), Instant::now());
    let _inside = enter(&gate, start);
    let (_first, patience) = queue(&gate, start);
    assert_eq!(patience, QUEUE_TIMEOUT);
    let (second, patience) = queue(&gate, start + QUEUE_TIMEOUT * 2);
    assert_eq!(patience, STANDING_QUEUE_TIMEOUT);
    // All have given up, so it stands no more.
    drop((_first, second));
    assert_eq!(queue(&gate, start + QUEUE_TIMEOUT * 3).1, QUEUE_TIMEOUT);
}

#[test]
fn the_oldest_goes_first_in_a_burst_and_the_newest_in_a_queue_that_stands() {
    let (gate, start) = (Gate::new(Bounds { places: 1, ..BOUNDS }), Instant::now());
    drop(enter(&gate, start));
    let _inside = enter(&gate, start);
    let [(mut first, _), (mut second, _), (mut third, _)] = [(); 3].map(|()| queue(&gate, start));
    let later = start + QUEUE_TIMEOUT * 2;
    assert!(gate.next(start).unwrap().send(gate.place()).is_ok());
    assert!(first.try_recv().map(std::mem::forget).is_ok(), "in a burst, the oldest");
    assert!(gate.next(later).unwrap().send(gate.place()).is_ok());
    assert!(third.try_recv().map(std::mem::forget).is_ok(), "later, the newest");
    assert!(second.try_recv().is_err());
}

#[test]
fn a_place_is_not_lost_to_who_has_gone() {
    let (gate, now) = (Gate::new(Bounds { places: 1, ..BOUNDS }), Instant::now());
    let inside = enter(&gate, now);
    let (gone, (mut stays, _)) = (queue(&gate, now), queue(&gate, now));
    drop(gone);
    drop(inside);
    let inside = stays.try_recv().expect("the one before has gone");
    let unread = queue(&gate, now);
    drop(inside);
    assert_eq!(gate.under_way(), 1, "it was handed over");
    drop(unread);
    assert_eq!(gate.under_way(), 0, "and nobody wanted it any more");
}

#[test]
fn who_steps_aside_leaves_the_place_to_others_and_comes_back_in_any_case() {
    let (gate, now) = (Gate::new(Bounds { places: 1, ..BOUNDS }), Instant::now());
    let slow = enter(&gate, now);
    slow.step_aside();
    slow.step_aside();
    assert_eq!(gate.under_way(), 0);
    let quick = enter(&gate, now);
    slow.come_back();
    slow.come_back();
    assert_eq!(gate.under_way(), 2);
    let (mut waiting, _) = queue(&gate, now);
    drop(quick);
    assert!(waiting.try_recv().is_err(), "the place that became free is the one too many");
    drop(slow);
    drop(waiting.try_recv().expect("now there is one"));
    assert_eq!(gate.under_way(), 0);
}

#[tokio::test]
async fn who_gets_no_place_in_time_is_refused_and_counted() {
    let gate = Gate::new(Bounds { places: 1, waiting: 1, late: Duration::MAX });
    let inside = gate.enter().await.unwrap();
    let (one, other) = tokio::join!(gate.enter(), gate.enter());
    assert!(one.is_err() && other.is_err());
    assert_eq!(gate.refused(), [(Refusal::Late, 0), (Refusal::Full, 1), (Refusal::Waited, 1)]);
    drop(inside);
    assert!(gate.enter().await.is_ok());
}

#[tokio::test]
async fn one_at_a_time_is_let_in_on_a_core_that_is_late_and_all_again_once_it_is_not() {
    const LATE: Duration = Duration::from_millis(5);
    let gate = Gate::new(Bounds { late: LATE, ..BOUNDS });
    let busy = tokio::spawn(async {
        loop {
            let end = Instant::now() + 4 * LATE;
            while Instant::now() < end {
                std::hint::spin_loop();
            }
            tokio::task::yield_now().await;
        }
    });
    let inside = gate.enter().await.unwrap();
    while gate.enter().await.is_ok() {}
    assert_eq!(gate.refused()[Refusal::Late as usize].1, 1);
    drop(inside);
    let _inside = gate.enter().await.expect("nobody is inside");
    busy.abort();
    while gate.enter().await.is_err() {}
}
