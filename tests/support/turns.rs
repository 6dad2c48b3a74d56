//! Threads that run one at a time, in an order that a seed decides: each asks
//! before every effect, and one is let go on.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::collections::BTreeMap;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;

pub type Seat = u64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    Running,
    Waiting,
    Gone,
}

#[derive(Default)]
struct State {
    seats: BTreeMap<Seat, Is>,
    granted: Option<Seat>,
}

#[derive(Default)]
pub struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

impl Turns {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A seat for a thread that is about to start.
    pub fn sit(&self) -> Seat {
        let mut state = self.state();
        let seat = state.seats.len() as Seat;
        state.seats.insert(seat, Is::Running);
        seat
    }

    /// Waits for a turn.
    pub fn pass(&self, seat: Seat) {
        let mut state = self.state();
        state.seats.insert(seat, Is::Waiting);
        self.changed.notify_all();
        while state.granted != Some(seat) {
            state = self.changed.wait(state).unwrap();
        }
        state.granted = None;
        state.seats.insert(seat, Is::Running);
    }

    pub fn leave(&self, seat: Seat) {
        self.state().seats.insert(seat, Is::Gone);
        self.changed.notify_all();
    }

    /// Those that wait, once nobody runs.
    pub fn waiting(&self) -> Vec<Seat> {
        let mut state = self.state();
        while state.granted.is_some() || state.seats.values().any(|is| *is == Is::Running) {
            state = self.changed.wait(state).unwrap();
        }
        state.seats.iter().filter(|(_, is)| **is == Is::Waiting).map(|(seat, _)| *seat).collect()
    }

    pub fn grant(&self, seat: Seat) {
        self.state().granted = Some(seat);
        self.changed.notify_all();
    }
}
