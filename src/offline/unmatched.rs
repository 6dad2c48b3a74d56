//! What a feed tells that no reference table knows, added up for whoever keeps
//! the tables: the engine's own intake and enrichment, without any rule.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::decimal::Decimal;
use crate::base::pseudonym::IdentityKey;
use crate::base::record::Message;
use crate::base::record::Messages;
use crate::base::time::Civil;
use crate::base::time::SECONDS_PER_DAY;
use crate::base::time::Zone;
use crate::clues::sheets::Cell;
use crate::clues::sheets::Sheet;
use crate::codecs::json::JsonDecoder;
use crate::engine::Engine;
use crate::engine::effects::Counts;
use crate::engine::enrich::Batch;
use crate::engine::enrich::enrich;
use crate::engine::enrich::institutions;
use crate::engine::intake::Gate;
use crate::engine::items::Items;
use crate::engine::settings::EngineSettings;
use crate::engine::unlisted::KINDS;
use crate::engine::unlisted::Survey;
use crate::engine::unlisted::Unlisted;
use crate::engine::unlisted::may_be_shown;
use crate::events::EVENT_TYPES;
use crate::events::InputId;
use crate::events::SETTLEMENT_INPUT;
use crate::reference::snapshot::Snapshot;
use crate::ruleset::compile::compile;
use crate::ruleset::read::read;
use crate::state::events::EventIdx;
use crate::state::versions::Versions;

/// Messages that are looked at together.
const RUN_MESSAGES: usize = 4096;
/// Instead of a text that is no code and may say who somebody is.
const NO_CODE: &str = "(不是编码 no code)";
/// 9999-01-01: no event of a file lies in the future of its record.
const TIMESTAMP_MS: i64 = 253_370_764_800_000;

/// One thing that no table knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub kind: &'static str,
    /// Empty if the feed gives it no code.
    pub code: String,
    /// Of a drug or an item, as told; of several the least.
    pub name: String,
    pub events: u64,
    /// Fee or drug lines that it stands on, or that stand under it.
    pub lines: u64,
    /// Their amount in 分, refunds of the same message taken off.
    pub fen: i64,
    /// Days since 1970-01-01 on which it was told first and last.
    pub first: i64,
    pub last: i64,
}

/// Takes a feed in and adds up.
pub struct Unmatched {
    engine: Engine,
    decoders: Vec<JsonDecoder>,
    versions: Versions,
    items: Items,
    waiting: Vec<Vec<Vec<u8>>>,
    entries: BTreeMap<(usize, String, String), Entry>,
    pub counts: Counts,
}

struct Run<'a>(&'a [Vec<u8>]);

impl Messages for Run<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, idx: usize) -> Message<'_> {
        Message { offset: idx as i64, timestamp_ms: TIMESTAMP_MS, key: None, value: Some(&self.0[idx]), watermark: None }
    }
}

impl Unmatched {
    pub fn new(references: Arc<Snapshot>, zone: Zone) -> Self {
        let (mut rules, _) = compile(&read(&[]).0, &[]);
        let bills = EVENT_TYPES[SETTLEMENT_INPUT];
        assert!(rules.projections[SETTLEMENT_INPUT].keep(bills, bills.header.name, "chfpdr_code"), "bills name their doctor");
        let decoders = EVENT_TYPES.iter().zip(&rules.projections).map(|(event, own)| JsonDecoder::new(event, own.clone())).collect();
        let settings = EngineSettings { zone, ..EngineSettings::default() };
        // No pseudonym leaves this.
        let key = IdentityKey::from_bytes(&[0; 32]);
        Self {
            engine: Engine::new(Arc::new(rules), references, settings, key),
            decoders,
            versions: Versions::default(),
            items: Items::default(),
            waiting: vec![Vec::new(); EVENT_TYPES.len()],
            entries: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    pub fn take(&mut self, input: InputId, message: &[u8]) {
        self.waiting[input].push(message.to_vec());
        if self.waiting[input].len() >= RUN_MESSAGES {
            self.look(input);
        }
    }

    /// Everything that was found: by kind, then most lines first.
    pub fn finish(mut self) -> (Vec<Entry>, Counts) {
        for input in 0..self.waiting.len() {
            self.look(input);
        }
        let mut entries: Vec<Entry> = self.entries.into_values().collect();
        let kind = |entry: &Entry| KINDS.iter().position(|(kind, _)| *kind == entry.kind);
        entries.sort_by(|a, b| (kind(a), b.lines, &a.code, &a.name).cmp(&(kind(b), a.lines, &b.code, &b.name)));
        (entries, self.counts)
    }

    fn look(&mut self, input: InputId) {
        let messages = std::mem::take(&mut self.waiting[input]);
        let gate = Gate { engine: &self.engine, shard: 0, input };
        let intake = gate.take_in(&Run(&messages), &mut self.decoders[input], &mut self.versions, EventIdx(0), &mut self.counts);
        let references = Arc::clone(&self.engine.references);
        let batch = enrich(input, intake.decoded, &references, &mut self.items, &BTreeSet::new());
        let institutions = institutions(&batch, &references);
        let mut found: BTreeMap<(usize, String, String), Found> = BTreeMap::new();
        let survey = Survey { batch: &batch, snapshot: &references, items: &self.items, institutions: &institutions };
        survey.all(&mut |unlisted| {
            let kind = KINDS.iter().position(|(kind, _)| *kind == unlisted.kind).unwrap_or(KINDS.len());
            found.entry(key(kind, &unlisted)).or_default().add(&batch, &unlisted);
        });
        for (key, found) in found {
            let entry = found.entry(KINDS[key.0].0, &key.1, &batch);
            match self.entries.get_mut(&key) {
                Some(own) => own.add(&entry),
                None => self.entries.extend([(key, entry)]),
            }
        }
    }
}

/// What has no code goes by its name.
fn key(kind: usize, unlisted: &Unlisted<'_>) -> (usize, String, String) {
    match unlisted.code.as_deref() {
        Some(code) if may_be_shown(unlisted.kind, code) => (kind, code.to_owned(), String::new()),
        Some(_) => (kind, NO_CODE.to_owned(), unlisted.name.unwrap_or_default().to_owned()),
        None => (kind, String::new(), unlisted.name.unwrap_or_default().to_owned()),
    }
}

/// Where one thing stands in a run; a line that tells it twice counts once.
#[derive(Default)]
struct Found {
    name: Option<String>,
    headers: BTreeSet<usize>,
    lines: BTreeSet<usize>,
    first: Option<i64>,
    last: Option<i64>,
}

impl Found {
    fn add(&mut self, batch: &Batch, unlisted: &Unlisted<'_>) {
        let header = &batch.headers[unlisted.header];
        self.headers.insert(unlisted.header);
        match unlisted.line {
            Some(line) => self.lines.extend([line]),
            None => self.lines.extend(header.lines.clone()),
        }
        let time = unlisted.line.map_or(header.fact_time, |line| batch.lines[line].fact_time);
        let day = time.div_euclid(SECONDS_PER_DAY);
        self.first = Some(self.first.map_or(day, |first| first.min(day)));
        self.last = self.last.max(Some(day));
        if let Some(name) = unlisted.name
            && self.name.as_deref().is_none_or(|known| name < known)
        {
            self.name = Some(name.to_owned());
        }
    }

    fn entry(self, kind: &'static str, code: &str, batch: &Batch) -> Entry {
        Entry {
            kind,
            code: code.to_owned(),
            name: self.name.unwrap_or_default(),
            events: self.headers.len() as u64,
            lines: self.lines.len() as u64,
            fen: self.lines.iter().filter_map(|line| batch.lines[*line].net_amount).sum(),
            first: self.first.unwrap_or_default(),
            last: self.last.unwrap_or_default(),
        }
    }
}

impl Entry {
    fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.lines += other.lines;
        self.fen += other.fen;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        if !other.name.is_empty() && (self.name.is_empty() || other.name < self.name) {
            self.name.clone_from(&other.name);
        }
    }

    /// The kind in both languages.
    pub fn kind_text(&self) -> String {
        let zh = KINDS.iter().find(|(kind, _)| *kind == self.kind).map_or("", |(_, zh)| zh);
        format!("{zh} {}", self.kind)
    }

    pub fn amount(&self) -> Decimal {
        Decimal::yuan(self.fen)
    }

    /// First and last day.
    pub fn days(&self) -> [String; 2] {
        [self.first, self.last].map(|day| Civil(day * SECONDS_PER_DAY).to_string().chars().take(10).collect())
    }
}

pub const HEADS: &[&str] = &["类别", "编码", "名称", "单据数", "明细数", "金额", "首日", "末日"];

/// The list as a table for Excel.
pub fn sheet(entries: &[Entry]) -> Sheet {
    let text = |text: &str| if text.is_empty() { Cell::Empty } else { Cell::Text(text.to_owned()) };
    let count = |number: u64| Cell::Number(Decimal::new(i128::from(number), 0));
    let row = |entry: &Entry| {
        let [first, last] = entry.days();
        let code = if entry.code.is_empty() { Cell::Empty } else { Cell::Code(entry.code.clone()) };
        let amount = Cell::Number(entry.amount());
        vec![text(&entry.kind_text()), code, text(&entry.name), count(entry.events), count(entry.lines), amount, text(&first), text(&last)]
    };
    Sheet::new("unmatched", HEADS, entries.iter().map(row).collect())
}
