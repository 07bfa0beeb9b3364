//! The queue of one connection: a bounded number of calls at work, the others in line, the accounts taking turns so that
//! a noisy one does not starve the others.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::oneshot;
use valetkey_domain::AccountId;

/// The queue of one connection.
#[derive(Debug)]
pub(super) struct Lane {
    at_once: usize,
    most: usize,
    /// Everybody who is here: at work, in line, or waiting for the provider before that.
    present: AtomicUsize,
    state: Mutex<State>,
}

/// A place among those who are here.
#[derive(Debug)]
pub(super) struct Present<'a>(&'a AtomicUsize);

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[derive(Debug, Default)]
struct State {
    at_work: usize,
    next: u64,
    waiting: usize,
    /// The accounts that wait, in the order of their turns, each with its calls in line.
    lines: VecDeque<(AccountId, VecDeque<Waiter>)>,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    tell: oneshot::Sender<Turn>,
}

/// A place among the calls at work; given on when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    lane: Option<Arc<Lane>>,
}

/// There is no place left in the line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Lane {
    pub(super) fn new(at_once: usize, most: usize) -> Self {
        Self { at_once: at_once.max(1), most, present: AtomicUsize::new(0), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Comes here; `None` if too many are here already.
    pub(super) fn join(&self) -> Option<Present<'_>> {
        let present = Present(&self.present);
        let before = self.present.fetch_add(1, Ordering::AcqRel);
        (before < self.at_once.saturating_add(self.most)).then_some(present)
    }

    /// Waits for a turn. Dropping the future leaves the line.
    pub(super) async fn enter(self: &Arc<Self>, account: &AccountId) -> Result<Turn, Full> {
        let (ticket, told) = {
            let mut state = self.state();
            if state.at_work < self.at_once {
                state.at_work += 1;
                return Ok(Turn { lane: Some(Arc::clone(self)) });
            }
            if state.waiting >= self.most {
                return Err(Full);
            }
            let (tell, told) = oneshot::channel();
            state.next += 1;
            let ticket = state.next;
            state.waiting += 1;
            let waiter = Waiter { ticket, tell };
            match state.lines.iter_mut().find(|(other, _)| other == account) {
                Some((_, line)) => line.push_back(waiter),
                None => state.lines.push_back((account.clone(), VecDeque::from([waiter]))),
            }
            (ticket, told)
        };
        let place = InLine { lane: self, account, ticket };
        let turn = told.await;
        drop(place);
        // The sender lives in the line until it has told: there is always a turn.
        turn.map_err(|_| Full)
    }

    /// Gives a place on to the first call of the account whose turn it is.
    fn give_on(self: Arc<Self>) {
        let next = {
            let mut state = self.state();
            let next = state.lines.pop_front().and_then(|(account, mut line)| {
                let waiter = line.pop_front();
                if !line.is_empty() {
                    state.lines.push_back((account, line));
                }
                waiter
            });
            match &next {
                Some(_) => state.waiting -= 1,
                None => state.at_work -= 1,
            }
            next
        };
        if let Some(waiter) = next {
            // Whoever left meanwhile drops the turn, which gives it on again.
            let _ = waiter.tell.send(Turn { lane: Some(self) });
        }
    }

    /// Whether nobody is at work or in line.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        let state = self.state();
        state.at_work == 0 && state.waiting == 0
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(lane) = self.lane.take() {
            lane.give_on();
        }
    }
}

/// A call in line; it leaves when it is dropped.
struct InLine<'a> {
    lane: &'a Lane,
    account: &'a AccountId,
    ticket: u64,
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        let mut state = self.lane.state();
        let Some(at) = state.lines.iter().position(|(account, _)| account == self.account) else { return };
        let line = &mut state.lines[at].1;
        let before = line.len();
        line.retain(|waiter| waiter.ticket != self.ticket);
        let left = before - line.len();
        if line.is_empty() {
            state.lines.remove(at);
        }
        state.waiting -= left;
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::Pin, task::Poll};

    use super::*;

    fn account(n: u8) -> AccountId {
        format!("ca_{n:026}").parse().unwrap()
    }

    type Entering = Pin<Box<dyn Future<Output = Result<Turn, Full>> + Send>>;

    fn entering(lane: &Arc<Lane>, n: u8) -> Entering {
        let lane = Arc::clone(lane);
        Box::pin(async move { lane.enter(&account(n)).await })
    }

    async fn poll(entering: &mut Entering) -> Option<Turn> {
        match futures::poll!(entering) {
            Poll::Ready(turn) => Some(turn.unwrap()),
            Poll::Pending => None,
        }
    }

    /// Twenty calls of a noisy account are in line; one of another waits for one of them, not for twenty.
    #[tokio::test]
    async fn accounts_take_turns() {
        let lane = Arc::new(Lane::new(1, 100));
        let first = poll(&mut entering(&lane, 0)).await.unwrap();
        let mut noisy: Vec<_> = (0..20).map(|_| entering(&lane, 0)).collect();
        for call in &mut noisy {
            assert!(poll(call).await.is_none());
        }
        let mut quiet = entering(&lane, 1);
        assert!(poll(&mut quiet).await.is_none());
        drop(first);
        let turn = poll(&mut noisy[0]).await.unwrap();
        assert!(poll(&mut noisy[1]).await.is_none() && poll(&mut quiet).await.is_none());
        drop(turn);
        let turn = poll(&mut quiet).await.unwrap();
        assert!(poll(&mut noisy[1]).await.is_none());
        drop(turn);
        for call in &mut noisy[1..] {
            drop(poll(call).await.unwrap());
        }
        assert!(lane.is_idle());
    }

    /// S43: the line is bounded, and whoever leaves it makes room.
    #[tokio::test]
    async fn line_is_bounded_and_can_be_left() {
        let lane = Arc::new(Lane::new(2, 2));
        let turns =
            [poll(&mut entering(&lane, 0)).await.unwrap(), poll(&mut entering(&lane, 1)).await.unwrap()];
        let (mut third, mut fourth) = (entering(&lane, 2), entering(&lane, 3));
        assert!(poll(&mut third).await.is_none() && poll(&mut fourth).await.is_none());
        assert_eq!(entering(&lane, 4).await.unwrap_err(), Full);
        drop(third);
        let mut fifth = entering(&lane, 4);
        assert!(poll(&mut fifth).await.is_none());
        drop(turns);
        let fourth = poll(&mut fourth).await.unwrap();
        drop(poll(&mut fifth).await.unwrap());
        drop(fourth);
        assert!(lane.is_idle());
    }

    /// A turn that was given to somebody who left at that moment goes on to the next one.
    #[tokio::test]
    async fn turn_given_to_nobody_goes_on() {
        let lane = Arc::new(Lane::new(1, 10));
        let turn = poll(&mut entering(&lane, 0)).await.unwrap();
        let (mut leaving, mut next) = (entering(&lane, 1), entering(&lane, 2));
        assert!(poll(&mut leaving).await.is_none() && poll(&mut next).await.is_none());
        drop(turn);
        drop(leaving);
        drop(poll(&mut next).await.unwrap());
        assert!(lane.is_idle());
    }
}
