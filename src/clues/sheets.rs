//! Tables of clues for people: by problem type, by item and by line, with the
//! column heads that inspectors use, as CSV that opens well in Excel.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::base::decimal::Decimal;
use crate::clues::told::Evidence;
use crate::clues::told::Told;
use crate::clues::totals::Totals;
use crate::clues::totals::fund_parts;
use crate::clues::totals::is_settlement;

/// Rows that a sheet of Excel can show.
pub const EXCEL_ROWS: usize = 1_048_576;
/// Characters of a text inside an Excel formula.
const FORMULA_TEXT_MAX: usize = 255;

/// One table.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// Part of the file's name.
    pub name: &'static str,
    heads: &'static [&'static str],
    rows: Vec<Vec<Cell>>,
}

/// A value, by how Excel has to take it.
#[derive(Clone, Debug)]
pub enum Cell {
    Empty,
    /// Always text, whatever it looks like.
    Code(String),
    Text(String),
    Number(Decimal),
}

const TYPES: &[&str] =
    &["问题类型", "问题情形", "线索来源", "问题性质", "机构数", "人次", "线索数", "问题数量", "问题金额", "医保支付", "医保支付不明数"];
const ITEMS: &[&str] = &[
    "问题类型",
    "问题情形",
    "线索来源",
    "问题性质",
    "代码",
    "名称",
    "规格",
    "机构数",
    "人次",
    "问题数量",
    "数量",
    "医疗金额",
    "问题金额",
    "医保支付",
];
const LINES: &[&str] = &[
    "线索编号",
    "就医来源",
    "线索来源",
    "问题类型",
    "问题情形",
    "问题性质",
    "违规项目类型",
    "机构编码",
    "机构名称",
    "科室",
    "医生",
    "参保人假名",
    "参保地",
    "就医地",
    "就医日期",
    "结算或处方编号",
    "明细号",
    "就诊编号",
    "处方号",
    "代码",
    "名称",
    "规格",
    "单价",
    "数量",
    "医疗金额",
    "问题金额",
    "医保支付",
    "金额状态",
    "问题内容",
    "依据",
    "主办",
    "抄送",
];

/// The three levels.
pub fn sheets(clues: &[&Told]) -> [Sheet; 3] {
    [types(clues), items(clues), lines(clues)]
}

/// An item of evidence that the clue is about, and not only related.
fn offends(item: &Evidence) -> bool {
    item.vola_item_type == 1 || item.vola_amt.is_some()
}

/// The items that count: lines of bills, and of prescriptions only where the
/// clue has no bill, because both tell of the same drugs.
fn counted(told: &Told) -> impl Iterator<Item = (&Evidence, Option<Decimal>)> {
    let evidence = &told.finding.evidence;
    let billed = evidence.iter().any(|item| offends(item) && is_settlement(item));
    let funds = fund_parts(&told.finding);
    evidence.iter().zip(funds).filter(move |(item, _)| offends(item) && is_settlement(item) == billed)
}

/// What names a line or an event, whatever number of clues tell of it.
type ItemKey = (String, String, String, Option<String>);

fn key_of(item: &Evidence) -> ItemKey {
    (item.event.clone(), item.fixmedins_code.clone().unwrap_or_default(), item.id.clone(), item.line.clone())
}

/// What a row of a summary adds up.
#[derive(Clone, Debug, Default)]
struct Sum {
    institutions: BTreeSet<String>,
    /// Persons by visit.
    visits: BTreeSet<(String, String)>,
    clues: BTreeSet<String>,
    /// Quantity and amount of each item.
    items: BTreeMap<ItemKey, (Option<Decimal>, Option<Decimal>)>,
    fund_unknown: BTreeSet<ItemKey>,
    totals: Totals,
}

impl Sum {
    fn add(&mut self, told: &Told, item: &Evidence, fund: Option<Decimal>) {
        self.institutions.extend(item.fixmedins_code.clone());
        let visit = item.mdtrt_id.clone().unwrap_or_else(|| item.id.clone());
        self.visits.insert((told.finding.subject.person.clone().unwrap_or_default(), visit));
        self.clues.insert(told.finding.clue_id.clone());
        self.items.insert(key_of(item), (item.cnt, item.amount));
        if fund.is_none() {
            self.fund_unknown.insert(key_of(item));
        }
        self.totals.add_item(item, fund);
    }

    /// A clue about a group has numbers and no items.
    fn add_group(&mut self, told: &Told) {
        self.institutions.extend(told.finding.subject.fixmedins_code.clone());
        self.clues.insert(told.finding.clue_id.clone());
    }

    fn quantity(&self) -> Decimal {
        let quantities = self.items.values().filter_map(|(cnt, _)| *cnt).map(|cnt| cnt.rescale(4).units);
        Decimal::new(quantities.sum(), 4).trim_to(0)
    }

    fn amount(&self) -> Decimal {
        Decimal::new(self.items.values().filter_map(|(_, amount)| *amount).map(|amount| amount.rescale(2).units).sum(), 2)
    }
}

fn count(number: usize) -> Cell {
    Cell::Number(Decimal::new(i128::try_from(number).unwrap_or(i128::MAX), 0))
}

fn text(value: &str) -> Cell {
    if value.is_empty() { Cell::Empty } else { Cell::Text(value.to_owned()) }
}

fn code(value: Option<&str>) -> Cell {
    value.filter(|value| !value.is_empty()).map_or(Cell::Empty, |value| Cell::Code(value.to_owned()))
}

fn number(value: Option<Decimal>, places: u8) -> Cell {
    value.map_or(Cell::Empty, |value| Cell::Number(value.trim_to(places)))
}

fn grade(result: &str) -> &'static str {
    if result == "clear" { "明确违规" } else { "可疑" }
}

/// Problem type, case, rule and grade: the first columns of both summaries.
type Kind = (String, String, String, &'static str);

fn kind(told: &Told) -> Kind {
    let finding = &told.finding;
    (finding.problem_type.clone(), finding.rule.title.zh.clone(), finding.rule.id.clone(), grade(&finding.result))
}

fn kind_cells((problem, title, rule, grade): &Kind) -> Vec<Cell> {
    vec![text(problem), text(title), Cell::Code(rule.clone()), text(grade)]
}

fn types(clues: &[&Told]) -> Sheet {
    let mut sums: BTreeMap<Kind, Sum> = BTreeMap::new();
    let mut all = Sum::default();
    for told in clues {
        if told.finding.evidence.is_empty() {
            sums.entry(kind(told)).or_default().add_group(told);
            all.add_group(told);
        }
        for (item, fund) in counted(told) {
            sums.entry(kind(told)).or_default().add(told, item, fund);
            all.add(told, item, fund);
        }
    }
    let row = |mut cells: Vec<Cell>, sum: &Sum| {
        let (vola, fund) = sum.totals.sums();
        cells.extend([sum.institutions.len(), sum.visits.len(), sum.clues.len(), sum.items.len()].map(count));
        cells.extend([Cell::Number(vola), Cell::Number(fund), count(sum.fund_unknown.len())]);
        cells
    };
    let mut rows: Vec<Vec<Cell>> = sums.iter().map(|(kind, sum)| row(kind_cells(kind), sum)).collect();
    // Less than the rows together where several rules hit one line.
    rows.push(row(vec![text("合计（同一明细只计一次）"), Cell::Empty, Cell::Empty, Cell::Empty], &all));
    Sheet { name: "types", heads: TYPES, rows }
}

fn items(clues: &[&Told]) -> Sheet {
    type Item = (Kind, [Option<String>; 3]);
    let mut sums: BTreeMap<Item, Sum> = BTreeMap::new();
    for told in clues {
        for (item, fund) in counted(told) {
            let named = [item.code.clone(), item.name.clone(), item.spec.clone()];
            sums.entry((kind(told), named)).or_default().add(told, item, fund);
        }
    }
    let rows = sums.iter().map(|((kind, [item_code, name, spec]), sum)| {
        let (vola, fund) = sum.totals.sums();
        let mut cells = kind_cells(kind);
        cells.extend([code(item_code.as_deref()), text(name.as_deref().unwrap_or_default()), text(spec.as_deref().unwrap_or_default())]);
        cells.extend([sum.institutions.len(), sum.visits.len(), sum.items.len()].map(count));
        cells.extend([sum.quantity(), sum.amount(), vola, fund].map(Cell::Number));
        cells
    });
    Sheet { name: "items", heads: ITEMS, rows: rows.collect() }
}

fn lines(clues: &[&Told]) -> Sheet {
    let mut rows = Vec::new();
    for told in clues {
        let finding = &told.finding;
        let subject = &finding.subject;
        let basis = finding.basis.iter().map(|basis| format!("《{}》{}", basis.text, basis.article)).collect::<Vec<_>>().join("；");
        let status = match finding.money.vola_amt_stas.as_str() {
            "exact" => "精确",
            "estimated" => "估算",
            _ => "不可计算",
        };
        let items = finding.evidence.iter().map(Some).zip(fund_parts(finding));
        // A clue about a group has a row of its own, without an item.
        for (item, fund) in items.chain(finding.evidence.is_empty().then_some((None, None))) {
            let institution = item.map_or(subject.fixmedins_code.as_deref(), |item| item.fixmedins_code.as_deref());
            let own = institution == subject.fixmedins_code.as_deref();
            let name = subject.fixmedins_name.as_deref().filter(|_| own).unwrap_or_default();
            let of = |part: fn(&Evidence) -> Option<&str>| item.and_then(part);
            let amount = |part: fn(&Evidence) -> Option<Decimal>| item.and_then(part);
            let offends = item.is_none_or(|item| item.vola_item_type == 1);
            rows.push(vec![
                Cell::Code(finding.clue_id.clone()),
                text(&finding.scene),
                Cell::Code(finding.rule.id.clone()),
                text(&finding.problem_type),
                text(&finding.rule.title.zh),
                text(grade(&finding.result)),
                text(if offends { "违规项" } else { "涉及项" }),
                code(institution),
                text(name),
                code(subject.department.as_deref()),
                code(subject.doctor.as_deref()),
                code(subject.person.as_deref()),
                code(subject.area_of_insurance.as_deref()),
                code(subject.area_of_care.as_deref()),
                text(item.map_or(&finding.fact_time, |item| &item.time)),
                code(of(|item| Some(&item.id))),
                code(of(|item| item.line.as_deref())),
                code(of(|item| item.mdtrt_id.as_deref())),
                code(of(|item| item.rx_no.as_deref())),
                code(of(|item| item.code.as_deref())),
                text(of(|item| item.name.as_deref()).unwrap_or_default()),
                text(of(|item| item.spec.as_deref()).unwrap_or_default()),
                number(amount(|item| item.pric), 2),
                number(amount(|item| item.cnt), 0),
                number(amount(|item| item.amount), 2),
                number(amount(|item| item.vola_amt), 2),
                number(fund, 2),
                text(status),
                text(&finding.vola_cont.zh),
                text(&basis),
                text(&finding.lead),
                text(&finding.copy_to.join("、")),
            ]);
        }
    }
    Sheet { name: "lines", heads: LINES, rows }
}

impl Sheet {
    pub fn new(name: &'static str, heads: &'static [&'static str], rows: Vec<Vec<Cell>>) -> Self {
        Self { name, heads, rows }
    }

    /// Rows, the heads included.
    pub fn len(&self) -> usize {
        self.rows.len() + 1
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// UTF-8 with a byte order mark and CRLF: without the mark Excel reads the
    /// machine's own code page.
    pub fn csv(&self) -> Vec<u8> {
        let mut out = "\u{feff}".to_owned();
        let heads: Vec<Cell> = self.heads.iter().map(|head| text(head)).collect();
        for row in std::iter::once(&heads).chain(&self.rows) {
            for (idx, cell) in row.iter().enumerate() {
                if idx > 0 {
                    out.push(',');
                }
                out.push_str(&field(cell));
            }
            out.push_str("\r\n");
        }
        out.into_bytes()
    }
}

/// Excel takes `001`, `1E5` or `3-1` for numbers and dates, cuts the digits of
/// long codes, and runs what begins with `=`, `+`, `-` or `@`; quotes around a
/// field change none of that. Only `="..."` survives: the cell then holds the
/// text itself, so that looking it up finds it. A tab before the text would
/// hold it too, and would become part of it.
fn field(cell: &Cell) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Number(number) => number.to_string(),
        Cell::Code(value) => formula(&plain(value)),
        Cell::Text(value) => {
            let value = plain(value);
            let taken = value.starts_with(['=', '+', '-', '@', '\'']) || is_number_like(&value);
            if taken { formula(&value) } else { quoted(&value) }
        }
    }
}

/// Control characters, line ends among them, are blanks in a table.
fn plain(value: &str) -> String {
    value.chars().map(|ch| if ch.is_control() { ' ' } else { ch }).collect::<String>().trim().to_owned()
}

/// Whether Excel may see something else than text, a time as events tell it
/// not counted: that may be seen as a time.
fn is_number_like(value: &str) -> bool {
    let time = crate::base::time::Civil::parse(value).is_some() && value.len() == 19;
    let marks = |ch: char| ch.is_ascii_digit() || matches!(ch, '.' | ',' | '-' | '/' | ':' | '%' | 'E' | 'e' | ' ' | '(' | ')');
    !time && value.chars().any(|ch| ch.is_ascii_digit()) && value.chars().all(marks)
}

fn formula(value: &str) -> String {
    if value.is_empty() {
        return String::new();
    }
    if value.chars().count() > FORMULA_TEXT_MAX {
        return quoted(&format!("'{value}"));
    }
    quoted(&format!("=\"{}\"", value.replace('"', "\"\"")))
}

fn quoted(value: &str) -> String {
    if value.contains(['"', ',', '\n', '\r', ';']) || value.starts_with(' ') {
        format!("\"{}\"", value.replace('"', "\"\""))
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clues::told::fixture::clue;

    #[test]
    fn what_excel_would_change_is_held() {
        for (cell, expect) in [
            (Cell::Code("00120".to_owned()), "\"=\"\"00120\"\"\""),
            (Cell::Code("123456789012345678".to_owned()), "\"=\"\"123456789012345678\"\"\""),
            (Cell::Code(String::new()), ""),
            (Cell::Text("青禾区中医医院".to_owned()), "青禾区中医医院"),
            (Cell::Text("阿莫西林,0.25g".to_owned()), "\"阿莫西林,0.25g\""),
            (Cell::Text("三\r\n四".to_owned()), "三  四"),
            (Cell::Text("3-1".to_owned()), "\"=\"\"3-1\"\"\""),
            (Cell::Text("1E5".to_owned()), "\"=\"\"1E5\"\"\""),
            (Cell::Text("=1+1".to_owned()), "\"=\"\"=1+1\"\"\""),
            (Cell::Text("@SUM(\"a\")".to_owned()), "\"=\"\"@SUM(\"\"\"\"a\"\"\"\")\"\"\""),
            (Cell::Text("2026-03-10 09:00:00".to_owned()), "2026-03-10 09:00:00"),
            (Cell::Text("\t=cmd".to_owned()), "\"=\"\"=cmd\"\"\""),
            (Cell::Number(Decimal::new(-5, 2)), "-0.05"),
            (Cell::Empty, ""),
        ] {
            assert_eq!(field(&cell), expect, "{cell:?}");
        }
        let long = format!("={}", "长".repeat(FORMULA_TEXT_MAX));
        assert_eq!(field(&Cell::Text(long.clone())), format!("'{long}"));
    }

    #[test]
    fn a_clue_about_a_group_is_told_without_an_item() {
        let mut group = clue("1", "", None, &[]);
        group.finding.subject.person = None;
        let [types, items, lines] = sheets(&[&group]);
        let text = |sheet: &Sheet| String::from_utf8(sheet.csv()).unwrap();
        assert!(text(&types).contains("超标准收费,规则,\"=\"\"a-rule\"\"\",明确违规,1,0,1,0,0.00,0.00,0\r\n"), "{}", text(&types));
        assert_eq!((items.len(), lines.len()), (1, 2));
        assert!(text(&lines).contains("内容") && text(&lines).contains("H99010100002"));
    }

    #[test]
    fn totals_of_the_first_level_count_a_line_once() {
        let mut excess = clue("2", "S1", Some(140), &[(Some("1"), 200)]);
        excess.finding.problem_type = "超支付范围".to_owned();
        let clues = [clue("1", "S1", Some(700), &[(Some("1"), 1000)]), excess];
        let [types, items, lines] = sheets(&clues.iter().collect::<Vec<_>>());
        let text = |sheet: &Sheet| String::from_utf8(sheet.csv()).unwrap();
        assert_eq!(
            text(&types),
            "\u{feff}问题类型,问题情形,线索来源,问题性质,机构数,人次,线索数,问题数量,问题金额,医保支付,医保支付不明数\r\n\
             超支付范围,规则,\"=\"\"a-rule\"\"\",明确违规,1,1,1,1,2.00,1.40,0\r\n\
             超标准收费,规则,\"=\"\"a-rule\"\"\",明确违规,1,1,1,1,10.00,7.00,0\r\n\
             合计（同一明细只计一次）,,,,1,1,2,1,10.00,7.00,0\r\n"
        );
        assert_eq!((items.len(), lines.len()), (3, 3));
        for sheet in [&types, &items, &lines] {
            assert!(sheet.rows.iter().all(|row| row.len() == sheet.heads.len()), "{}", sheet.name);
        }
        assert!(text(&lines).contains("\"=\"\"0012\"\"\""));
    }
}
