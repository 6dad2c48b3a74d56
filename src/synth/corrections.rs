//! Corrections put into messages of their own: from a feed, the same feed with
//! reversals, refunds, later versions, deletions and double uploads.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::base::time::Civil;
use crate::events::EVENT_TYPES;
use crate::events::PRESCRIPTION_INPUT;
use crate::events::SETTLEMENT_INPUT;

use super::draft::Draft;
use super::draft::DraftLine;
use super::draft::yuan;
use super::random::Dice;
use super::stream::Generated;

/// What is corrected, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CorrectionKind {
    /// Reversed by a bill of negative amounts that names it.
    Reversed,
    /// The same, with lines that name the lines that they take back.
    ReversedByLine,
    /// Reversed, and billed again under another number.
    BilledAgain,
    /// Reversed by a bill of its own amounts with a refund flag.
    ReversedByFlag,
    /// A later version says that the bill itself was refunded.
    Flagged,
    /// Reversed by a negative bill that names nothing.
    Unlinked,
    /// The same, of two bills that are alike: nobody knows which.
    UnlinkedOfTwo,
    /// Reversed by a negative bill that names nothing, billed again, and that too.
    UnlinkedInTurn,
    /// A later version has fewer lines and another total.
    Replaced,
    /// Two later versions.
    ReplacedTwice,
    /// A later version is deleted.
    Deleted,
    /// Deleted by a version that does not say when.
    DeletedUndated,
    /// Deleted, and valid again in a yet later version.
    Restored,
    /// The same bytes again.
    SentTwice,
    /// The sender's number again under another number of the settlement.
    UploadedTwice,
    /// Reversed by a bill that is deleted itself.
    ReversalDeleted,
    /// The reversal is heard of before what it reverses.
    ReversalFirst,
    /// A line is taken back whole by a line of a later bill.
    LineReturned,
    /// A part of a line is taken back by a line of a later bill.
    PartReturned,
    /// A line is taken back whole by a negative bill that names the bill.
    LineReversed,
    /// A line is taken back by a later bill that is reversed itself.
    ReturnReversed,
    /// A prescription is withdrawn.
    Withdrawn,
    /// The withdrawal is heard of before the prescription.
    WithdrawnFirst,
    /// Withdrawn, and valid again in a yet later version.
    WithdrawnAndRestored,
    /// A later version of a prescription has fewer drugs.
    PrescriptionReplaced,
}

impl CorrectionKind {
    pub const ALL: [Self; 25] = [
        Self::Reversed,
        Self::ReversedByLine,
        Self::BilledAgain,
        Self::ReversedByFlag,
        Self::Flagged,
        Self::Unlinked,
        Self::UnlinkedOfTwo,
        Self::UnlinkedInTurn,
        Self::Replaced,
        Self::ReplacedTwice,
        Self::Deleted,
        Self::DeletedUndated,
        Self::Restored,
        Self::SentTwice,
        Self::UploadedTwice,
        Self::ReversalDeleted,
        Self::ReversalFirst,
        Self::LineReturned,
        Self::PartReturned,
        Self::LineReversed,
        Self::ReturnReversed,
        Self::Withdrawn,
        Self::WithdrawnFirst,
        Self::WithdrawnAndRestored,
        Self::PrescriptionReplaced,
    ];

    /// Whether lines are taken back in other messages: what is left of them is
    /// then no message that could have been sent.
    pub fn takes_lines(self) -> bool {
        matches!(self, Self::LineReturned | Self::PartReturned | Self::LineReversed)
    }

    /// Whether the visit comes to something that nobody knows.
    pub fn leaves_doubt(self) -> bool {
        matches!(self, Self::UnlinkedOfTwo | Self::LineReversed)
    }

    fn of_prescription(self) -> bool {
        matches!(self, Self::Withdrawn | Self::WithdrawnFirst | Self::WithdrawnAndRestored | Self::PrescriptionReplaced)
    }
}

/// A feed with its corrections, in order of arrival.
#[derive(Debug, Default)]
pub struct Corrected {
    pub feed: Vec<Generated>,
    /// How many messages were corrected in each way.
    pub made: BTreeMap<CorrectionKind, u32>,
}

/// Puts corrections of the kinds in turn into a feed, of so many messages in a
/// thousand. Of its messages those are corrected that mean what they say: no
/// rejects, repeats or traps.
pub fn correct(feed: Vec<Generated>, kinds: &[CorrectionKind], per_mille: u64, seed: u64) -> Corrected {
    let mut maker = Maker { dice: Dice::new(seed, 77), numbers: line_numbers(&feed), made: 0, out: Vec::new() };
    let mut corrected = Corrected::default();
    let of_input = |prescription: bool| kinds.iter().copied().filter(|kind| kind.of_prescription() == prescription).collect::<Vec<_>>();
    let kinds = [of_input(false), of_input(true)];
    let mut turn = [0; 2];
    for message in feed {
        let own = &kinds[message.input];
        let plain = message.reject.is_none() && message.trap.is_none() && !message.duplicate;
        if plain && !own.is_empty() && maker.dice.per_mille(per_mille) {
            // The first of the kinds that fits, from the one whose turn it is.
            let fits = (0..own.len()).map(|step| own[(turn[message.input] + step) % own.len()]).find(|kind| maker.act(*kind, &message));
            if let Some(kind) = fits {
                *corrected.made.entry(kind).or_default() += 1;
                turn[message.input] += 1;
                continue;
            }
        }
        maker.out.push(message);
    }
    corrected.feed = maker.out;
    corrected.feed.sort_by_key(|message| message.timestamp_ms);
    corrected
}

/// How often a person has a line of a number at an institution.
type LineNumbers = BTreeMap<(String, String, String), u32>;

fn line_numbers(feed: &[Generated]) -> LineNumbers {
    let mut numbers = LineNumbers::new();
    for message in feed.iter().filter(|message| message.input == SETTLEMENT_INPUT && message.reject.is_none() && !message.duplicate) {
        let Some(draft) = Draft::read(EVENT_TYPES[SETTLEMENT_INPUT], &message.json) else { continue };
        let institution = draft.text("fixmedins_code").unwrap_or_default();
        for number in draft.lines().iter().filter_map(|line| line.text("feedetl_sn")) {
            *numbers.entry((message.person.clone(), institution.clone(), number)).or_default() += 1;
        }
    }
    numbers
}

struct Maker {
    dice: Dice,
    numbers: LineNumbers,
    made: u64,
    out: Vec<Generated>,
}

impl Maker {
    /// Puts the message and its corrections; false, having put nothing, where the kind does not fit.
    fn act(&mut self, kind: CorrectionKind, message: &Generated) -> bool {
        let Some(draft) = Draft::read(EVENT_TYPES[message.input], &message.json) else { return false };
        let own = Own { message, draft };
        let puts = match kind {
            CorrectionKind::Reversed => self.reversed(&own),
            CorrectionKind::ReversedByLine => self.reversed_by_line(&own),
            CorrectionKind::BilledAgain => self.billed_again(&own),
            CorrectionKind::ReversedByFlag => self.reversed_by_flag(&own),
            CorrectionKind::Flagged => self.versions(&own, &[Change::Refunded]),
            CorrectionKind::Unlinked => self.unlinked(&own),
            CorrectionKind::UnlinkedOfTwo => self.unlinked_of_two(&own),
            CorrectionKind::UnlinkedInTurn => self.unlinked_in_turn(&own),
            CorrectionKind::Replaced | CorrectionKind::PrescriptionReplaced => self.versions(&own, &[Change::Shorter]),
            CorrectionKind::ReplacedTwice => self.versions(&own, &[Change::Shorter, Change::Touched]),
            CorrectionKind::Deleted | CorrectionKind::Withdrawn => self.versions(&own, &[Change::Deleted]),
            CorrectionKind::DeletedUndated => self.versions(&own, &[Change::DeletedUndated]),
            CorrectionKind::Restored | CorrectionKind::WithdrawnAndRestored => self.versions(&own, &[Change::Deleted, Change::Touched]),
            CorrectionKind::SentTwice => self.sent_twice(&own),
            CorrectionKind::UploadedTwice => self.uploaded_twice(&own),
            CorrectionKind::ReversalDeleted => self.reversal_deleted(&own),
            CorrectionKind::ReversalFirst => self.reversal_first(&own),
            CorrectionKind::LineReturned => self.returned(&own, false),
            CorrectionKind::PartReturned => self.returned(&own, true),
            CorrectionKind::LineReversed => self.line_reversed(&own),
            CorrectionKind::ReturnReversed => self.return_reversed(&own),
            CorrectionKind::WithdrawnFirst => self.withdrawn_first(&own),
        };
        let Some(puts) = puts else { return false };
        self.out.extend(puts);
        true
    }

    /// Some time within three days.
    fn later(&mut self) -> i64 {
        self.dice.between(600, 3 * 86_400)
    }

    fn number(&mut self, own: &Own<'_>, mark: char) -> String {
        self.made += 1;
        format!("{}{mark}{}", own.id(), self.made)
    }

    /// A negative bill without a link.
    fn negative(&mut self, own: &Own<'_>, after: i64) -> Option<Put> {
        own.draft.fen("medfee_sumamt").filter(|total| *total > 0)?;
        let mut put = own.copy(after);
        put.draft.negate();
        let mut lines = put.draft.lines();
        for line in &mut lines {
            let number = format!("{}R", line.text("feedetl_sn")?);
            line.tell("feedetl_sn", &number);
        }
        put.draft.set_lines(lines);
        let number = self.number(own, 'R');
        put.draft.tell("setl_id", &number);
        Some(put)
    }

    fn linked(&mut self, own: &Own<'_>, after: i64) -> Option<Put> {
        let mut put = self.negative(own, after)?;
        put.draft.tell("init_setl_id", &own.id());
        if self.dice.per_mille(500) {
            put.draft.tell("refd_setl_flag", "1");
        }
        Some(put)
    }

    fn reversed(&mut self, own: &Own<'_>) -> Option<Vec<Generated>> {
        let after = self.later();
        let put = self.linked(own, after)?;
        Some(vec![own.message.clone(), put.message()])
    }

    fn reversal_first(&mut self, own: &Own<'_>) -> Option<Vec<Generated>> {
        // Within a day: what is told of a later day is rejected.
        let after = self.dice.between(600, 70_000);
        let mut put = self.linked(own, after)?;
        put.arrives = -300;
        Some(vec![own.message.clone(), put.message()])
    }

    fn reversed_by_line(&mut self, own: &Own<'_>) -> Option<Vec<Generated>> {
        if !own.draft.lines().iter().all(|line| self.is_alone(own, line)) {
            return None;
        }
        let after = self.later();
        let mut put = self.linked(own, after)?;
        let mut lines = put.draft.lines();
        for (line, original) in lines.iter_mut().zip(own.draft.lines()) {
            line.tell("init_feedetl_sn", &original.text("feedetl_sn")?);
        }
        put.draft.set_lines(lines);
        Some(vec![own.message.clone(), put.message()])
    }

    fn billed_again(&mut self, own: &Own<'_>) -> Option<Vec<Generated>> {
        let after = self.later();
        let reversal = self.linked(own, after)?;
        let again = self.again(own, after + 300);
        Some(vec![own.message.clone(), reversal.message(), again.message()])
    }

    fn again(&mut self, own: &Own<'_>, after: i64) -> Put {
        let mut again = own.copy(after);
        let number = self.number(own, 'A');
        again.draft.tell("setl_id", &number);
        again
    }

    fn reversed_by_flag(&mut self, own: &Own<'_>) -> Option<Vec<Generated>> {
        let after = self.later();
        let mut put = self.again(own, after);
        put.draft.tell("init_setl_id", &own.id());
        put.draft.tell("refd_setl_flag", "1");
        Some(vec![own.message.clone(), put.message()])
    }

    fn unlinked(&mut self, own: &Own<'_>) -> Option<Vec<Generated>> {
        own.draft.text("mdtrt_id")?;
        let after = self.later();
        let put = self.negative(own, after)?;
        Some(vec![own.message.clone(), put.message()])
    }

    fn unlinked_of_two(&mut self, own: &Own<'_>) -> Option<Vec<Generated>> {
        own.draft.text("mdtrt_id")?;
        let after = self.later();
        let twin = self.again(own, 60);
        let put = self.negative(own, after)?;
        Some(vec![own.message.clone(), twin.message(), put.message()])
    }

    fn unlinked_in_turn(&mut self, own: &Own<'_>) -> Option<Vec<Generated>> {
        own.draft.text("mdtrt_id")?;
        let after = self.later();
        let first = self.negative(own, after)?;
        let again = self.again(own, after + 300);
        let second = self.negative(own, after + 600)?;
        Some(vec![own.message.clone(), first.message(), again.message(), second.message()])
    }

    /// Later versions of the message, one after the other.
    fn versions(&mut self, own: &Own<'_>, changes: &[Change]) -> Option<Vec<Generated>> {
        let mut puts = vec![own.message.clone()];
        let mut after = 0;
        for change in changes {
            after += self.later();
            let mut put = own.copy_of_day();
            put.arrives = after;
            change.make(&mut put.draft, own.message.event_time.plus_seconds(after))?;
            puts.push(put.message());
        }
        Some(puts)
    }

    fn sent_twice(&mut self, own: &Own<'_>) -> Option<Vec<Generated>> {
        let after = self.later();
        let mut again = own.message.clone();
        (again.duplicate, again.truth) = (true, None);
        again.timestamp_ms += after * 1000;
        Some(vec![own.message.clone(), again])
    }

    fn uploaded_twice(&mut self, own: &Own<'_>) -> Option<Vec<Generated>> {
        own.draft.text("fixmedins_code")?;
        let number = format!("MS{}", own.id());
        let mut first = own.copy_of_day();
        first.draft.tell("medins_setl_id", &number);
        let mut second = first.clone();
        let id = self.number(own, 'U');
        second.draft.tell("setl_id", &id);
        second.arrives = self.later();
        let mut first = first.message();
        first.truth = own.message.truth;
        Some(vec![first, second.message()])
    }

    fn reversal_deleted(&mut self, own: &Own<'_>) -> Option<Vec<Generated>> {
        let after = self.later();
        let reversal = self.linked(own, after)?;
        let mut deleted = reversal.clone();
        deleted.arrives += self.later();
        Change::Deleted.make(&mut deleted.draft, own.message.event_time.plus_seconds(deleted.arrives))?;
        Some(vec![own.message.clone(), reversal.message(), deleted.message()])
    }

    /// Whether no other line of the person at the institution has its number.
    fn is_alone(&self, own: &Own<'_>, line: &DraftLine) -> bool {
        let key =
            (own.message.person.clone(), own.draft.text("fixmedins_code").unwrap_or_default(), line.text("feedetl_sn").unwrap_or_default());
        self.numbers.get(&key) == Some(&1)
    }

    /// A line of drugs that a refund can name, of two packs or more where a part is wanted.
    fn returnable(&mut self, own: &Own<'_>, packs_least: i64) -> Option<DraftLine> {
        let lines = own.draft.lines();
        let named = |line: &DraftLine| line.text("init_feedetl_sn");
        let fits = |line: &&DraftLine| {
            let taken = lines.iter().any(|other| named(other).is_some() && named(other) == line.text("feedetl_sn"));
            let packs = line.count("cnt").is_some_and(|packs| packs >= packs_least);
            packs && !taken && line.text("list_type").as_deref() == Some("101") && line.fen("det_item_fee_sumamt").is_some()
        };
        lines.iter().filter(fits).find(|line| self.is_alone(own, line)).cloned()
    }

    /// The line that takes back so many packs.
    fn refund(&mut self, line: &DraftLine, packs: i64) -> Option<DraftLine> {
        let (all, number) = (line.count("cnt")?, line.text("feedetl_sn")?);
        let mut refund = line.clone();
        refund.set("cnt", Value::from(packs));
        refund.scale(packs, all);
        refund.negate();
        self.made += 1;
        refund.tell("feedetl_sn", &format!("{number}B{}", self.made));
        refund.tell("init_feedetl_sn", &number);
        Some(refund)
    }

    /// A later bill, of this visit or another one, with a refund among its lines.
    fn carrier(&mut self, own: &Own<'_>, refund: DraftLine) -> Option<Put> {
        let after = self.later();
        let mut put = self.again(own, after);
        let back = -refund.fen("det_item_fee_sumamt")?;
        let mut fee = DraftLine::new(EVENT_TYPES[SETTLEMENT_INPUT]);
        self.made += 1;
        fee.tell("feedetl_sn", &format!("F{}", self.made));
        fee.tell("list_type", "201");
        fee.tell("med_list_codg", "009999000020000");
        fee.tell("medins_list_name", "综合服务费");
        fee.set("cnt", Value::from(1));
        fee.set("pric", yuan(back + 1000));
        fee.set("det_item_fee_sumamt", yuan(back + 1000));
        fee.tell("fee_ocur_time", &own.message.event_time.plus_seconds(after).to_string());
        put.draft.set_lines(vec![fee, refund]);
        put.draft.set("medfee_sumamt", yuan(1000));
        if self.dice.per_mille(500) {
            let visit = format!("{}B", own.draft.text("mdtrt_id")?);
            put.draft.tell("mdtrt_id", &visit);
        }
        Some(put)
    }

    fn returned(&mut self, own: &Own<'_>, part: bool) -> Option<Vec<Generated>> {
        let line = self.returnable(own, if part { 2 } else { 1 })?;
        let packs = if part { 1 } else { line.count("cnt")? };
        let refund = self.refund(&line, packs)?;
        let carrier = self.carrier(own, refund)?;
        Some(vec![own.message.clone(), carrier.message()])
    }

    fn line_reversed(&mut self, own: &Own<'_>) -> Option<Vec<Generated>> {
        let line = self.returnable(own, 1)?;
        let refund = self.refund(&line, line.count("cnt")?)?;
        let (total, back) = (own.draft.fen("medfee_sumamt")?, -refund.fen("det_item_fee_sumamt")?);
        if back <= 0 || back >= total {
            return None;
        }
        let after = self.later();
        let mut put = self.linked(own, after)?;
        put.draft.set_lines(vec![refund]);
        put.draft.set("medfee_sumamt", yuan(-back));
        Some(vec![own.message.clone(), put.message()])
    }

    fn return_reversed(&mut self, own: &Own<'_>) -> Option<Vec<Generated>> {
        let mut puts = self.returned(own, false)?;
        let carrier = puts.pop()?;
        let of_carrier = Own { draft: Draft::read(EVENT_TYPES[SETTLEMENT_INPUT], &carrier.json)?, message: &carrier };
        let after = self.later();
        let mut reversal = self.linked(&of_carrier, after)?;
        // Lines that give back what was taken back say nothing more.
        reversal.draft.set_lines(Vec::new());
        puts.extend([carrier.clone(), reversal.message()]);
        Some(puts)
    }

    fn withdrawn_first(&mut self, own: &Own<'_>) -> Option<Vec<Generated>> {
        let mut puts = self.versions(own, &[Change::Deleted])?;
        if let Some(withdrawal) = puts.last_mut() {
            withdrawal.timestamp_ms = own.message.timestamp_ms - 1000;
        }
        Some(puts)
    }
}

/// What a later version says otherwise.
#[derive(Clone, Copy, Debug)]
enum Change {
    Refunded,
    Shorter,
    Touched,
    Deleted,
    DeletedUndated,
}

impl Change {
    fn make(self, draft: &mut Draft, time: Civil) -> Option<()> {
        if !matches!(self, Self::DeletedUndated) {
            draft.tell_time("updt_time", time);
        }
        match self {
            Self::Refunded => draft.tell("refd_setl_flag", "1"),
            Self::Deleted | Self::DeletedUndated => draft.tell("vali_flag", "0"),
            Self::Touched => {}
            Self::Shorter => {
                let mut lines = draft.lines();
                let last = lines.pop().filter(|_| !lines.is_empty())?;
                draft.set_lines(lines);
                if let (Some(total), Some(fen)) = (draft.fen("medfee_sumamt"), last.fen("det_item_fee_sumamt")) {
                    draft.set("medfee_sumamt", yuan(total - fen));
                }
            }
        }
        Some(())
    }
}

/// The message that is corrected.
struct Own<'a> {
    message: &'a Generated,
    draft: Draft,
}

impl Own<'_> {
    fn id(&self) -> String {
        self.draft.text(if self.message.input == PRESCRIPTION_INPUT { "hosp_rxno" } else { "setl_id" }).unwrap_or_default()
    }

    fn copy_of_day(&self) -> Put {
        Put { like: self.message.clone(), draft: self.draft.clone(), arrives: 0 }
    }

    /// The same, settled so many seconds later.
    fn copy(&self, after: i64) -> Put {
        let mut put = self.copy_of_day();
        put.like.event_time = self.message.event_time.plus_seconds(after);
        put.draft.tell_time("setl_time", put.like.event_time);
        put.arrives = after;
        put
    }
}

/// A message that is put beside it.
#[derive(Clone)]
struct Put {
    like: Generated,
    draft: Draft,
    /// Seconds after the message that is corrected.
    arrives: i64,
}

impl Put {
    fn message(self) -> Generated {
        let json = self.draft.write();
        let timestamp_ms = self.like.timestamp_ms + self.arrives * 1000;
        Generated { json, timestamp_ms, truth: None, ..self.like }
    }
}
