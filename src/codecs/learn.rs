//! Learning shapes: from messages that the general decoder accepted to what
//! the quick decoder expects, within bounds of memory and time.

use crate::codecs::Accepted;
use crate::codecs::lex::Lexer;
use crate::codecs::plan::ColumnPlan;
use crate::codecs::plan::Member;
use crate::codecs::plan::Plan;
use crate::codecs::rows::Rows;
use crate::codecs::scalar;
use crate::codecs::shape;
use crate::codecs::shape::Frame;
use crate::codecs::shape::List;
use crate::codecs::shape::Literal;
use crate::codecs::shape::Object;
use crate::codecs::shape::Slot;
use crate::codecs::shape::Step;
use crate::codecs::shape::Width;
use crate::events::Kind;

/// Feeds of so many different writers stay quick when their messages mix.
const SHAPES_MAX: usize = 4;
/// Members of one object; a shape does not grow with keys that are data.
const SLOTS_MAX: usize = 256;
/// Messages learnt from in a row. Learning costs about as much as decoding, so
/// a feed that no shape fits must not be learnt from for ever.
const CREDIT_MAX: u32 = 16;
/// Messages that give back one credit.
const CREDIT_EVERY: u32 = 64;

/// The shapes seen so far.
pub(crate) struct Shapes {
    known: Vec<Object>,
    /// The one that fitted last.
    latest: usize,
    credit: u32,
    since_credit: u32,
}

impl Default for Shapes {
    fn default() -> Self {
        Self { known: Vec::new(), latest: 0, credit: CREDIT_MAX, since_credit: 0 }
    }
}

impl Shapes {
    /// Decodes `message` along whichever shape fits.
    pub fn push<'a>(&mut self, rows: &mut Rows, message: &'a [u8]) -> Option<Accepted<'a>> {
        self.since_credit += 1;
        if self.since_credit == CREDIT_EVERY {
            self.since_credit = 0;
            self.credit = (self.credit + 1).min(CREDIT_MAX);
        }
        let first = self.known.get(self.latest)?;
        if let Some(accepted) = shape::push(rows, first, message) {
            return Some(accepted);
        }
        for (place, shape) in self.known.iter().enumerate().filter(|(place, _)| *place != self.latest) {
            if let Some(accepted) = shape::push(rows, shape, message) {
                self.latest = place;
                return Some(accepted);
            }
        }
        None
    }

    /// Takes up the shape of `text`, which must have been accepted.
    pub fn learn(&mut self, plan: &Plan, text: &str) {
        if self.credit == 0 {
            return;
        }
        self.credit -= 1;
        let mut learner = Learner { plan, text, lexer: Lexer { bytes: text.as_bytes(), pos: 0 } };
        let Some(seen) = learner.object(0).filter(columns_once) else { return };
        for (place, known) in self.known.iter_mut().enumerate() {
            let mut merged = known.clone();
            if merge(&mut merged, &seen) && columns_once(&merged) {
                finish(&mut merged);
                *known = merged;
                self.latest = place;
                return;
            }
        }
        let mut shape = seen;
        finish(&mut shape);
        if self.known.len() == SHAPES_MAX {
            self.known.pop();
        }
        self.known.insert(0, shape);
        self.latest = 0;
    }
}

struct Learner<'a> {
    plan: &'a Plan,
    text: &'a str,
    lexer: Lexer<'a>,
}

impl Learner<'_> {
    fn space(&mut self) -> Box<[u8]> {
        let start = self.lexer.pos;
        self.lexer.space();
        self.since(start)
    }

    fn since(&self, start: usize) -> Box<[u8]> {
        self.lexer.bytes[start..self.lexer.pos].into()
    }

    /// Steps over what stands between two elements or behind the last, and
    /// notes it; `None` if it differs from before, else whether more follow.
    fn between(&mut self, frame: &mut Frame) -> Option<bool> {
        let start = self.lexer.pos;
        self.lexer.space();
        let more = self.lexer.peek()? == b',';
        self.lexer.pos += 1;
        if more {
            self.lexer.space();
        }
        let bytes = self.since(start);
        let place = if more { &mut frame.separator } else { &mut frame.tail };
        match place {
            Some(before) if *before != bytes => None,
            _ => {
                *place = Some(bytes);
                Some(more)
            }
        }
    }

    /// The shape of the object that starts here; `None` if it has none worth
    /// learning (escaped keys, uneven white space).
    fn object(&mut self, table_idx: usize) -> Option<Object> {
        let mut object = Object::default();
        self.lexer.expect(b'{').ok()?;
        let lead = self.space();
        if self.lexer.peek() == Some(b'}') {
            self.lexer.pos += 1;
            return Some(object);
        }
        object.frame.lead = Some(lead);
        loop {
            let start = self.lexer.pos;
            self.lexer.string().ok()?;
            let name = &self.text[start + 1..self.lexer.pos - 1];
            self.lexer.space();
            self.lexer.expect(b':').ok()?;
            self.lexer.space();
            let key = self.since(start);
            let step = self.step(table_idx, name).filter(|_| !name.contains('\\') && object.slots.len() < SLOTS_MAX)?;
            object.slots.push(Slot { key, literal: Literal::default(), step, width: Width::default() });
            if !self.between(&mut object.frame)? {
                return Some(object);
            }
        }
    }

    fn step(&mut self, table_idx: usize, name: &str) -> Option<Step> {
        let opening = self.lexer.peek()?;
        let step = match self.plan.tables[table_idx].member(name) {
            None => Step::Unknown,
            Some(Member::Column(column)) if table_idx == 0 && column == self.plan.person => Step::Person(column),
            Some(Member::Column(column)) => step_of(&self.plan.tables[table_idx].columns[column], column),
            Some(Member::Block) if opening == b'{' => return self.object(0).map(|block| Step::Block(Box::new(block))),
            Some(Member::Block) => Step::Block(Box::default()),
            Some(Member::List(child)) if opening == b'[' => return self.list(child).map(|list| Step::List(Box::new(list))),
            Some(Member::List(child)) => Step::List(Box::new(List { child, frame: Frame::default(), row: Object::default() })),
        };
        self.lexer.value(0).ok()?;
        Some(step)
    }

    fn list(&mut self, child: usize) -> Option<List> {
        let (mut frame, mut row) = (Frame::default(), Object::default());
        self.lexer.expect(b'[').ok()?;
        let lead = self.space();
        if self.lexer.peek() == Some(b']') {
            self.lexer.pos += 1;
            return Some(List { child, frame, row });
        }
        frame.lead = Some(lead);
        loop {
            let seen = self.object(child + 1)?;
            if !merge(&mut row, &seen) {
                return None;
            }
            if !self.between(&mut frame)? {
                return Some(List { child, frame, row });
            }
        }
    }
}

fn step_of(plan: &ColumnPlan, column: usize) -> Step {
    match plan.kind {
        _ if !plan.decoded() => Step::Skip,
        Kind::Text => Step::Text { column, flag: plan.flag },
        Kind::Amount | Kind::Quantity | Kind::Price | Kind::Rate => {
            Step::Decimal { column, scale: plan.kind.scale().unwrap_or(0), limit: 10_i64.pow(u32::from(scalar::precision(plan.kind))) }
        }
        Kind::Time => Step::Time(column),
        Kind::Date => Step::Date(column),
        Kind::Int | Kind::Flag => Step::Other(column),
    }
}

/// Adds what `seen` has to `known`, each new member behind the one it followed.
/// Returns false, `known` being spoilt then, if one shape cannot be both.
fn merge(known: &mut Object, seen: &Object) -> bool {
    if !merge_frame(&mut known.frame, &seen.frame) {
        return false;
    }
    let mut next = 0;
    for slot in &seen.slots {
        match known.slots.iter().position(|old| old.key == slot.key) {
            Some(place) if place < next => return false,
            Some(place) => {
                if !merge_step(&mut known.slots[place].step, &slot.step) {
                    return false;
                }
                next = place + 1;
            }
            None if known.slots.len() == SLOTS_MAX => return false,
            None => {
                known.slots.insert(next, slot.clone());
                next += 1;
            }
        }
    }
    true
}

fn merge_step(known: &mut Step, seen: &Step) -> bool {
    match (known, seen) {
        (Step::Block(known), Step::Block(seen)) => merge(known, seen),
        (Step::List(known), Step::List(seen)) => merge_frame(&mut known.frame, &seen.frame) && merge(&mut known.row, &seen.row),
        (known, seen) => known == seen,
    }
}

fn merge_frame(known: &mut Frame, seen: &Frame) -> bool {
    let parts = [(&mut known.lead, &seen.lead), (&mut known.separator, &seen.separator), (&mut known.tail, &seen.tail)];
    parts.into_iter().all(|(known, seen)| match (known.as_ref(), seen.as_ref()) {
        (Some(known), Some(seen)) => known == seen,
        (Some(_), None) => true,
        (None, _) => {
            known.clone_from(seen);
            true
        }
    })
}

/// Whether every column and list has at most one place, so that a walk can
/// meet none of them twice.
fn columns_once(shape: &Object) -> bool {
    fn visit(object: &Object, names: &mut Vec<(bool, usize)>) -> bool {
        object.slots.iter().all(|slot| {
            let place = match &slot.step {
                Step::Text { column, .. }
                | Step::Decimal { column, .. }
                | Step::Person(column)
                | Step::Time(column)
                | Step::Date(column)
                | Step::Other(column) => (false, *column),
                Step::List(list) if columns_once(&list.row) => (true, list.child),
                Step::List(_) => return false,
                Step::Block(block) => return visit(block, names),
                Step::Skip | Step::Unknown => return true,
            };
            let new = !names.contains(&place);
            names.push(place);
            new
        })
    }
    visit(shape, &mut Vec::new())
}

/// Puts the separators in front of the keys.
fn finish(object: &mut Object) {
    let separator = object.frame.separator.as_deref().unwrap_or(b",");
    for slot in &mut object.slots {
        slot.literal = Literal::new([separator, &slot.key].concat().into());
        match &mut slot.step {
            Step::Block(block) => finish(block),
            Step::List(list) => finish(&mut list.row),
            _ => {}
        }
    }
}
