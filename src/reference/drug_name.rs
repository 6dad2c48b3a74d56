//! Names of drugs as lists and hospitals write them, brought to one spelling.
//!
//! Two names are the same drug only if their normal forms are equal. Nothing
//! here compares by substring: 阿扑吗啡 is not 吗啡.

/// Dosage forms as far as lists of controlled drugs tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DosageForm {
    Injection,
    Patch,
    Eye,
    OralLiquid,
    OralSolid,
    Other,
    /// Not a medicine yet: what lists call 原料药.
    RawMaterial,
    /// A herb as dispensed by weight.
    Herb,
}

/// The words of the `dosage_form` column of the table of controlled drugs.
pub const DOSAGE_FORM_WORDS: &[(&str, DosageForm)] = &[
    ("注射剂", DosageForm::Injection),
    ("透皮贴剂", DosageForm::Patch),
    ("眼用制剂", DosageForm::Eye),
    ("口服液体", DosageForm::OralLiquid),
    ("口服固体", DosageForm::OralSolid),
    ("其他", DosageForm::Other),
    ("原料药", DosageForm::RawMaterial),
    ("饮片", DosageForm::Herb),
];

/// Endings of generic names; the longest that fits is taken.
const ENDINGS: &[(&str, DosageForm)] = &[
    ("注射用浓溶液", DosageForm::Injection),
    ("注射液", DosageForm::Injection),
    ("注射剂", DosageForm::Injection),
    ("粉针剂", DosageForm::Injection),
    ("透皮贴剂", DosageForm::Patch),
    ("透皮贴片", DosageForm::Patch),
    ("贴剂", DosageForm::Patch),
    ("滴眼液", DosageForm::Eye),
    ("滴眼剂", DosageForm::Eye),
    ("眼膏", DosageForm::Eye),
    ("眼用凝胶", DosageForm::Eye),
    ("眼用制剂", DosageForm::Eye),
    ("口服溶液剂", DosageForm::OralLiquid),
    ("口服溶液", DosageForm::OralLiquid),
    ("口服混悬液", DosageForm::OralLiquid),
    ("口服混悬剂", DosageForm::OralLiquid),
    ("口服液体", DosageForm::OralLiquid),
    ("口服滴剂", DosageForm::OralLiquid),
    ("口服液", DosageForm::OralLiquid),
    ("混悬液", DosageForm::OralLiquid),
    ("糖浆剂", DosageForm::OralLiquid),
    ("糖浆", DosageForm::OralLiquid),
    ("合剂", DosageForm::OralLiquid),
    ("滴剂", DosageForm::OralLiquid),
    ("阴道片", DosageForm::Other),
    ("片剂", DosageForm::OralSolid),
    ("片", DosageForm::OralSolid),
    ("胶囊剂", DosageForm::OralSolid),
    ("胶囊", DosageForm::OralSolid),
    ("颗粒剂", DosageForm::OralSolid),
    ("颗粒", DosageForm::OralSolid),
    ("丸剂", DosageForm::OralSolid),
    ("滴丸", DosageForm::OralSolid),
    ("丸", DosageForm::OralSolid),
    ("散剂", DosageForm::OralSolid),
    ("散", DosageForm::OralSolid),
    ("口服固体", DosageForm::OralSolid),
    ("气雾剂", DosageForm::Other),
    ("喷雾剂", DosageForm::Other),
    ("吸入剂", DosageForm::Other),
    ("吸入溶液", DosageForm::Other),
    ("滴鼻液", DosageForm::Other),
    ("滴鼻剂", DosageForm::Other),
    ("滴耳液", DosageForm::Other),
    ("灌肠剂", DosageForm::Other),
    ("乳膏剂", DosageForm::Other),
    ("乳膏", DosageForm::Other),
    ("软膏", DosageForm::Other),
    ("凝胶", DosageForm::Other),
    ("栓剂", DosageForm::Other),
    ("栓", DosageForm::Other),
    ("酊", DosageForm::Other),
    ("搽剂", DosageForm::Other),
    ("原料药", DosageForm::RawMaterial),
    ("饮片", DosageForm::Herb),
];

/// Words between the drug and its form.
const RELEASE_WORDS: &[&str] = &[
    "缓释",
    "控释",
    "肠溶",
    "分散",
    "舌下",
    "口崩",
    "口腔崩解",
    "咀嚼",
    "泡腾",
    "薄膜衣",
    "糖衣",
    "速释",
    "双释放",
    "软",
    "硬",
    "含",
    "乳状",
    "吸入",
    "鼻",
    "干",
];

const SALTS: &[&str] = &[
    "盐酸",
    "硫酸",
    "磷酸",
    "重酒石酸",
    "酒石酸",
    "枸橼酸",
    "氢溴酸",
    "马来酸",
    "富马酸",
    "琥珀酸",
    "甲磺酸",
    "苯磺酸",
    "甲苯磺酸",
    "硝酸",
    "醋酸",
    "乳酸",
    "水杨酸",
    "草酸",
];

/// One spelling for names that lists and hospitals write in two.
const FOLDS: &[(&str, &str)] = &[("䓬", "卓"), ("噁", "恶"), ("哌醋甲酯", "哌甲酯"), ("麻黄素", "麻黄碱"), ("（", "("), ("）", ")")];

/// A name in normal form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrugName {
    /// The whole name without salts, brackets and spaces.
    pub whole: String,
    /// The same without the dosage form at its end; equal to `whole` if there is none.
    pub stem: String,
    /// The form that the name itself tells.
    pub form: Option<DosageForm>,
}

impl DrugName {
    pub fn new(name: &str) -> Self {
        let folded = without_brackets(&fold(name));
        let (bare, for_injection) = match folded.strip_prefix("注射用") {
            Some(rest) => (rest.to_owned(), true),
            None => (folded, false),
        };
        let (stem, ending) = without_ending(&bare);
        let form = if for_injection { Some(DosageForm::Injection) } else { ending };
        Self { whole: without_salts(&bare), stem: without_salts(stem), form }
    }
}

/// The form that a `drug_dosform` or `dosform_name` text tells.
pub fn form_of_text(text: &str) -> Option<DosageForm> {
    let text = without_brackets(&fold(text));
    if text.contains("注射") {
        return Some(DosageForm::Injection);
    }
    without_ending(&text).1
}

/// The form that a western drug code tells by its letter.
pub fn form_of_code(dosage_form: &str) -> Option<DosageForm> {
    match dosage_form.bytes().next()? {
        b'B' => Some(DosageForm::Injection),
        b'V' => Some(DosageForm::Patch),
        b'G' => Some(DosageForm::Eye),
        b'K' | b'X' => Some(DosageForm::OralLiquid),
        b'A' | b'E' | b'N' | b'P' | b'H' => Some(DosageForm::OralSolid),
        b'D' | b'F' | b'L' | b'S' | b'U' => Some(DosageForm::Other),
        _ => None,
    }
}

fn fold(name: &str) -> String {
    let mut text: String = name.chars().filter(|ch| !ch.is_whitespace()).collect();
    for (from, to) in FOLDS {
        if text.contains(from) {
            text = text.replace(from, to);
        }
    }
    text
}

fn without_brackets(name: &str) -> String {
    let mut depth = 0_usize;
    let mut out = String::with_capacity(name.len());
    for ch in name.chars() {
        match ch {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => out.push(ch),
            _ => {}
        }
    }
    out
}

/// The name before its dosage form. 阿片 loses its last character here, which
/// is why names are looked up whole first.
fn without_ending(name: &str) -> (&str, Option<DosageForm>) {
    let longest = ENDINGS.iter().filter(|(ending, _)| name.ends_with(ending)).max_by_key(|(ending, _)| ending.len());
    let Some((ending, form)) = longest else { return (name, None) };
    let mut stem = &name[..name.len() - ending.len()];
    while let Some(shorter) = RELEASE_WORDS.iter().find_map(|word| stem.strip_suffix(word)) {
        stem = shorter;
    }
    (stem, Some(*form))
}

fn without_salts(name: &str) -> String {
    let mut text = name.to_owned();
    for salt in SALTS {
        if text.contains(salt) {
            text = text.replace(salt, "");
        }
    }
    match text.strip_suffix('钠') {
        Some(acid) if acid.chars().count() >= 2 => acid.to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_to_one_stem() {
        for (name, stem, form) in [
            ("硫酸吗啡缓释片", "吗啡", Some(DosageForm::OralSolid)),
            ("盐酸吗啡注射液", "吗啡", Some(DosageForm::Injection)),
            ("注射用盐酸瑞芬太尼", "瑞芬太尼", Some(DosageForm::Injection)),
            ("盐酸哌醋甲酯控释片", "哌甲酯", Some(DosageForm::OralSolid)),
            ("氯氮䓬片", "氯氮卓", Some(DosageForm::OralSolid)),
            ("苯巴比妥钠注射液", "苯巴比妥", Some(DosageForm::Injection)),
            ("重酒石酸氢可酮", "氢可酮", None),
            ("复方磷酸可待因口服溶液（Ⅲ）", "复方可待因", Some(DosageForm::OralLiquid)),
            ("盐酸伪麻黄素 片", "伪麻黄碱", Some(DosageForm::OralSolid)),
            ("硫酸阿托品滴眼液", "阿托品", Some(DosageForm::Eye)),
            ("氢溴酸右美沙芬缓释混悬液", "右美沙芬", Some(DosageForm::OralLiquid)),
            ("依托咪酯乳状注射液", "依托咪酯", Some(DosageForm::Injection)),
            ("芬太尼透皮贴剂", "芬太尼", Some(DosageForm::Patch)),
        ] {
            let normal = DrugName::new(name);
            assert_eq!((normal.stem.as_str(), normal.form), (stem, form), "{name}");
        }
    }

    #[test]
    fn opium_keeps_its_last_character_in_the_whole_name() {
        assert_eq!(DrugName::new("阿片").whole, "阿片");
        assert_eq!(DrugName::new("阿片酊").stem, "阿片");
    }
}
