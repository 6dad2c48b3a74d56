//! Made-up messages of realistic size and form, seeded: what tests and benches
//! of the decoders read. Nobody in them exists.

use std::fmt::Write as _;

use crate::events::camel_case;

/// How a writer lays its messages out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// `setlId` instead of `setl_id`.
    pub camel: bool,
    pub spacing: Spacing,
    /// Header members inside the event type's blocks.
    pub blocks: bool,
    /// Numbers as strings.
    pub quoted: bool,
    /// Leaves out members at random, or gives them as `null`.
    pub gaps: bool,
    /// Text outside ASCII as `\u` escapes.
    pub escaped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    Compact,
    /// One space behind colons and commas.
    Spaced,
    /// Indented, a member a line.
    Pretty,
}

impl Style {
    pub const PLAIN: Self = Self { camel: false, spacing: Spacing::Compact, blocks: false, quoted: false, gaps: false, escaped: false };
}

/// A small generator of its own, so that a seed means the same for ever.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
    fn pick<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.below(texts.len() as u64) as usize]
    }
    fn money(&mut self, cents: u64) -> String {
        let cents = self.below(cents);
        format!("{}.{:02}", cents / 100, cents % 100)
    }
}

enum Node {
    /// A number's own text.
    Number(String),
    Text(String),
    Null,
    List(Vec<Node>),
    Object(Members),
}

type Members = Vec<(&'static str, Node)>;

fn text(text: impl Into<String>) -> Node {
    Node::Text(text.into())
}

fn number(text: impl Into<String>) -> Node {
    Node::Number(text.into())
}

const DRUGS: &[(&str, &str)] = &[
    ("XC09AAY041A001010100001", "依那普利片"),
    ("XA10BAE046A001010100002", "二甲双胍缓释片"),
    ("XJ01CAA040E001010200003", "阿莫西林胶囊"),
    ("ZA04BAX0213020105004000", "小儿感冒颗粒"),
    ("XR05CBA173A001010100005", "氨溴索片"),
];
const SERVICES: &[(&str, &str)] =
    &[("001101000010000", "普通门诊诊察费"), ("002201000020000", "胸部正位X线摄影"), ("002504030010000", "血清丙氨酸氨基转移酶测定")];

/// One settlement: about 2.5 KB, 1 to 12 lines, some 130 values.
pub fn settlement(seed: u64, style: Style) -> String {
    let mut rng = Seeded(seed);
    let day = 1 + rng.below(28);
    let time = format!("2026-03-{day:02} {:02}:{:02}:{:02}", 8 + rng.below(10), rng.below(60), rng.below(60));
    let lines: Vec<_> = (0..1 + rng.below(12)).map(|line_no| settlement_line(&mut rng, seed, line_no, &time)).collect();
    let diagnoses: Vec<_> = (0..1 + rng.below(2)).map(|order| diagnosis(&mut rng, order)).collect();
    let mut header: Members = vec![
        ("setl_id", text(format!("99{:012}", seed))),
        ("mdtrt_id", text(format!("88{:012}", seed))),
        ("psn_no", text(format!("990101{:014}", rng.below(200_000)))),
        ("psn_name", text("某某")),
        ("certno", text("000000000000000000")),
        ("gend", text(rng.pick(&["1", "2"]))),
        ("brdy", text(format!("19{}-0{}-1{}", 40 + rng.below(60), 1 + rng.below(9), rng.below(9)))),
        ("age", number(format!("{}.0", rng.below(90)))),
        ("insutype", text(rng.pick(&["310", "390"]))),
        ("psn_type", text("11")),
        ("insu_admdvs", text("990101")),
        ("fixmedins_code", text(format!("H99010{}{:05}", 1 + rng.below(3), rng.below(120)))),
        ("fixmedins_name", text("云川市第一人民医院")),
        ("hosp_lv", text("05")),
        ("fix_blng_admdvs", text("990102")),
        ("med_type", text(rng.pick(&["11", "12", "13", "14"]))),
        ("biz_type_code", text(rng.pick(&["01", "02"]))),
        ("setl_time", text(time.clone())),
        ("begntime", text(time)),
    ];
    let amounts = [
        "medfee_sumamt",
        "fulamt_ownpay_amt",
        "overlmt_selfpay",
        "preselfpay_amt",
        "inscp_scp_amt",
        "act_pay_dedc",
        "hifp_pay",
        "cvlserv_pay",
        "hifes_pay",
        "hifmi_pay",
        "hifob_pay",
        "maf_pay",
        "oth_pay",
        "fund_pay_sumamt",
        "psn_part_amt",
        "acct_pay",
        "psn_cash_pay",
        "balc",
    ];
    for (order, name) in amounts.into_iter().enumerate() {
        let amount = if order % 3 == 2 { "0.00".to_owned() } else { rng.money(200_000) };
        header.push((name, number(amount)));
    }
    header.push(("clr_way", text("1")));
    header.push(("mid_setl_flag", text("0")));
    header.push(("unheard_of", number(rng.below(100).to_string())));
    let mut message = if style.blocks { vec![("setlinfo", Node::Object(header))] } else { header };
    message.push(("feedetl", Node::List(lines)));
    message.push(("diseinfo", Node::List(diagnoses)));
    render(message, style, rng.next(), &["setl_id", "psn_no", "setl_time", "medfee_sumamt", "feedetl_sn"])
}

fn settlement_line(rng: &mut Seeded, seed: u64, line_no: u64, time: &str) -> Node {
    let (code, name) = if rng.below(3) == 0 { SERVICES[rng.below(3) as usize] } else { DRUGS[rng.below(5) as usize] };
    Node::Object(vec![
        ("feedetl_sn", text(format!("{seed}{line_no:03}"))),
        ("fee_ocur_time", text(time)),
        ("med_list_codg", text(code)),
        ("medins_list_name", text(name)),
        ("det_item_fee_sumamt", number(rng.money(50_000))),
        ("cnt", number((1 + rng.below(6)).to_string())),
        ("pric", number(rng.money(9_000))),
        ("chrgitm_lv", text(rng.pick(&["01", "02", "03"]))),
        ("bilg_dr_codg", text(format!("D{:07}", rng.below(4_000)))),
        ("inscp_scp_amt", number(rng.money(50_000))),
    ])
}

fn diagnosis(rng: &mut Seeded, order: u64) -> Node {
    Node::Object(vec![
        ("diag_type", text("1")),
        ("maindiag_flag", text(if order == 0 { "1" } else { "0" })),
        ("diag_code", text(rng.pick(&["I10.x00", "E11.900", "J06.900", "K29.500"]))),
        ("diag_name", text("诊断")),
    ])
}

/// One prescription with 1 to 5 drugs.
pub fn prescription(seed: u64, style: Style) -> String {
    let mut rng = Seeded(seed ^ 0x5eed);
    let time = format!("2026-03-{:02}T{:02}:{:02}:00", 1 + rng.below(28), 8 + rng.below(10), rng.below(60));
    let drugs: Vec<_> = (0..1 + rng.below(5))
        .map(|_| {
            let (code, name) = DRUGS[rng.below(5) as usize];
            Node::Object(vec![
                ("med_list_codg", text(code)),
                ("drug_genname", text(name)),
                ("medc_days", number((1 + rng.below(30)).to_string())),
                ("sin_doscnt", number(format!("{}.5", rng.below(3)))),
                ("drug_cnt", number((1 + rng.below(5)).to_string())),
                ("drug_pric", number(format!("{}.123456", rng.below(90)))),
                ("drug_sumamt", number(rng.money(50_000))),
            ])
        })
        .collect();
    let order: Members = vec![
        ("hosp_rxno", text(format!("RX{seed:010}"))),
        ("prsc_time", text(time.clone())),
        ("rx_drug_cnt", number(drugs.len().to_string())),
        ("vali_days", number("3")),
        ("long_rx_flag", text("0")),
        ("rxdrugdetail", Node::List(drugs)),
        ("fixmedins_code", text(format!("H99010{}{:05}", 1 + rng.below(3), rng.below(120)))),
    ];
    let visit: Members = vec![
        ("mdtrt_id", text(format!("88{seed:012}"))),
        ("psn_no", text(format!("990101{:014}", rng.below(200_000)))),
        ("patn_name", text("某某")),
        ("patn_age", number(rng.below(90).to_string())),
        ("gend", text(rng.pick(&["1", "2"]))),
        ("dr_code", text(format!("D{:07}", rng.below(4_000)))),
        ("mdtrt_time", text(time)),
        ("fstdiag_flag", text(rng.pick(&["0", "1"]))),
    ];
    let diagnoses = Node::List(vec![diagnosis(&mut rng, 0)]);
    let message = if style.blocks {
        let inner = vec![("rxinfo", Node::Object(order)), ("mdtrtinfo", Node::Object(visit)), ("diseinfo", diagnoses)];
        vec![("data", Node::Object(inner))]
    } else {
        order.into_iter().chain(visit).chain([("diseinfo", diagnoses)]).collect()
    };
    render(message, style, rng.next(), &["hosp_rxno", "fixmedins_code", "psn_no", "prsc_time"])
}

/// Writes `message`; members named in `needed` are never left out.
fn render(message: Members, style: Style, seed: u64, needed: &[&str]) -> String {
    let mut writer = Writer { out: String::new(), style, rng: Seeded(seed), needed };
    writer.node(Node::Object(message), 0);
    writer.out
}

struct Writer<'n> {
    out: String,
    style: Style,
    rng: Seeded,
    needed: &'n [&'n str],
}

impl Writer<'_> {
    fn node(&mut self, node: Node, depth: usize) {
        match node {
            Node::Null => self.out.push_str("null"),
            Node::Number(number) if self.style.quoted => self.quote(&number),
            Node::Number(number) => self.out.push_str(&number),
            Node::Text(text) => self.quote(&text),
            Node::List(nodes) => {
                self.container('[', ']', nodes.into_iter().map(|node| (None, node)).collect(), depth);
            }
            Node::Object(members) => {
                let members = members.into_iter().filter_map(|(name, node)| Some((Some(name), self.gap(name, node)?))).collect();
                self.container('{', '}', members, depth);
            }
        }
    }

    fn gap(&mut self, name: &str, node: Node) -> Option<Node> {
        let needed = !self.style.gaps || self.needed.contains(&name) || matches!(node, Node::Object(_) | Node::List(_));
        match (needed, self.rng.below(8)) {
            (false, 0) => None,
            (false, 1) => Some(Node::Null),
            (false, 2) => Some(text("")),
            _ => Some(node),
        }
    }

    fn container(&mut self, open: char, close: char, members: Vec<(Option<&str>, Node)>, depth: usize) {
        self.out.push(open);
        let count = members.len();
        for (place, (name, node)) in members.into_iter().enumerate() {
            if place > 0 {
                self.out.push_str(if self.style.spacing == Spacing::Spaced { ", " } else { "," });
            }
            self.line(depth + 1);
            if let Some(name) = name {
                self.key(name);
            }
            self.node(node, depth + 1);
        }
        if count > 0 {
            self.line(depth);
        }
        self.out.push(close);
    }

    fn key(&mut self, name: &str) {
        let name = if self.style.camel { camel_case(name) } else { name.to_owned() };
        let colon = if self.style.spacing == Spacing::Compact { ":" } else { ": " };
        let _ = write!(self.out, "\"{name}\"{colon}");
    }

    fn line(&mut self, depth: usize) {
        if self.style.spacing == Spacing::Pretty {
            let _ = write!(self.out, "\n{:1$}", "", depth * 2);
        }
    }

    fn quote(&mut self, text: &str) {
        self.out.push('"');
        for ch in text.chars() {
            if ch.is_ascii() || !self.style.escaped {
                self.out.push(ch);
            } else {
                let _ = write!(self.out, "\\u{:04x}", u32::from(ch));
            }
        }
        self.out.push('"');
    }
}
