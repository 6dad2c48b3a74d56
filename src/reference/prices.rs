//! Prices by code, area and institution: payment ceilings and guide prices.

use hashbrown::HashMap;

use crate::reference::registry::NATURE_WORDS;
use crate::reference::sheet::Sheet;
use crate::reference::tables::Key;
use crate::reference::tables::Kind;
use crate::reference::tables::SOURCE;
use crate::reference::tables::Table;
use crate::reference::tables::VALID_FROM;
use crate::reference::tables::VALID_TO;
use crate::reference::tables::col;
use crate::reference::validity::Validity;

/// Places of a price: 元 times 10^6.
pub const PLACES: u32 = 6;

const PRICE: Kind = Kind::Number { places: PLACES, unit: "元" };

pub static CEILINGS: Table = Table {
    name: "ceilings",
    zh: "医保支付标准（最高限价）",
    en: "The most that the insurance pays for one unit of an item. The most exact row wins.",
    columns: &[
        col("med_list_codg", Kind::Item, "医疗目录编码", "item").asked(),
        col("area", Kind::AreaPrefix, "行政区划前缀", "area of the institution; empty: everywhere").may_be_empty(),
        col("level", Kind::Level, "医院等级", "level of the institution; empty: all").may_be_empty(),
        col("ceiling", PRICE, "支付上限", "price of one unit; 999999 means none"),
        VALID_FROM,
        VALID_TO,
        SOURCE,
    ],
    key: Key::Cells(&["med_list_codg", "area", "level"]),
    example: "XC08CAX032A010010199901,990101,05,24.500000,2025-01-01,,list of 2025",
};

pub static GUIDE_PRICES: Table = Table {
    name: "guide_prices",
    zh: "政府指导价",
    en: "Guide prices of services. The most exact row wins.",
    columns: &[
        col("med_list_codg", Kind::Item, "医疗目录编码", "item").asked(),
        col("area", Kind::AreaPrefix, "行政区划前缀", "area of the institution; empty: everywhere").may_be_empty(),
        col("level", Kind::Level, "医院等级", "level of the institution; empty: all").may_be_empty(),
        col("nature", Kind::Word(&NATURE_WORDS), "机构性质", "ownership; empty: all").may_be_empty(),
        col("price", PRICE, "指导价", "price of one unit; 999999 says that the market sets it"),
        VALID_FROM,
        VALID_TO,
        SOURCE,
    ],
    key: Key::Cells(&["med_list_codg", "area", "level", "nature"]),
    example: "001102000010000,,02,public,25.000000,2025-01-01,,price list of 2025",
};

/// Whom a price is asked for. What is not known fits only rows that ask for none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place<'a> {
    pub area: Option<&'a str>,
    pub level: Option<&'a str>,
    pub nature: Option<&'a str>,
}

#[derive(Debug, Default)]
pub struct Prices {
    /// By code; the more exact row first.
    by_code: HashMap<String, Vec<Entry>>,
}

/// The prices of one code.
#[derive(Clone, Copy, Debug)]
pub struct OfCode<'a>(&'a [Entry]);

#[derive(Debug)]
struct Entry {
    area: String,
    level: Option<String>,
    nature: Option<&'static str>,
    price: i128,
    validity: Validity,
}

impl Prices {
    pub fn ceilings(sheets: &[Sheet]) -> Self {
        Self::build(sheets, "ceiling", false)
    }

    pub fn guide_prices(sheets: &[Sheet]) -> Self {
        Self::build(sheets, "price", true)
    }

    /// `by_nature`: whether rows may ask for a nature.
    fn build(sheets: &[Sheet], value: &str, by_nature: bool) -> Self {
        let mut built = Self::default();
        for row in sheets.iter().flat_map(Sheet::rows) {
            let (validity, price, code) = (row.validity(), row.decimal(value), row.sound("med_list_codg"));
            let nature = by_nature.then(|| row.choice("nature", NATURE_WORDS)).flatten();
            let (Some(validity), Some(price), Some(code)) = (validity, price, code) else { continue };
            let area = row.text("area");
            let level = row.sound("level").map(str::to_owned);
            built.by_code.entry(code.to_owned()).or_default().push(Entry { area: area.to_owned(), level, nature, price, validity });
        }
        for entries in built.by_code.values_mut() {
            entries.sort_by_key(|entry| std::cmp::Reverse((entry.area.len(), entry.level.is_some(), entry.nature.is_some())));
        }
        built
    }

    /// `None`: no row names the code.
    pub fn of(&self, code: &str) -> Option<OfCode<'_>> {
        self.by_code.get(code).map(|entries| OfCode(entries))
    }

    /// See [`OfCode::price`].
    pub fn price(&self, code: &str, place: Place<'_>, day: i64) -> Option<i128> {
        self.of(code)?.price(place, day)
    }
}

impl OfCode<'_> {
    /// The most exact price in force. Without an area, a level or a nature only
    /// rows that ask for none apply. 999999 is a price like any other here.
    pub fn price(self, place: Place<'_>, day: i64) -> Option<i128> {
        let fits = |entry: &&Entry| {
            entry.validity.holds(day)
                && place.area.unwrap_or_default().starts_with(&entry.area)
                && (entry.level.is_none() || entry.level.as_deref() == place.level)
                && (entry.nature.is_none() || entry.nature == place.nature)
        };
        self.0.iter().find(fits).map(|entry| entry.price)
    }
}
