//! One immutable set of reference tables, named by a digest of its content.

use std::sync::Arc;

use crate::base::diagnostic::Diagnostic;
use crate::base::ids::Digest;
use crate::reference::agreements::AgreementKind;
use crate::reference::agreements::Agreements;
use crate::reference::baseline::Baseline;
use crate::reference::baseline::Baselines;
use crate::reference::bundle::Bundle;
use crate::reference::bundle::FolderVersion;
use crate::reference::departments::Departments;
use crate::reference::disease::DiseaseGroups;
use crate::reference::drug_master::DrugMaster;
use crate::reference::drug_name::form_of_text;
use crate::reference::folder::Folder;
use crate::reference::frequencies::Frequencies;
use crate::reference::frequencies::Frequency;
use crate::reference::item::Item;
use crate::reference::knowledge::KnowledgePoints;
use crate::reference::prices::Prices;
use crate::reference::registry::Institution;
use crate::reference::registry::Registry;
use crate::reference::special_drug::Match;
use crate::reference::special_drug::SpecialClass;
use crate::reference::special_drug::SpecialDrugs;
use crate::reference::staff::DoctorFacts;
use crate::reference::staff::Staff;

#[derive(Clone, Debug)]
pub struct Snapshot {
    digest: Digest,
    folders: Vec<FolderVersion>,
    registry: Arc<Registry>,
    special: Arc<SpecialDrugs>,
    master: Arc<DrugMaster>,
    diseases: Arc<DiseaseGroups>,
    knowledge: Arc<KnowledgePoints>,
    ceilings: Arc<Prices>,
    guide_prices: Arc<Prices>,
    agreements: Arc<Agreements>,
    departments: Arc<Departments>,
    staff: Arc<Staff>,
    frequencies: Arc<Frequencies>,
    baselines: Baselines,
}

impl Snapshot {
    /// Loads `folders`; tables of the same name are one table. With any
    /// mistake nothing is loaded and all mistakes are told.
    pub fn load(folders: &[Folder]) -> Result<Self, Vec<Diagnostic>> {
        let (bundle, diagnostics) = Bundle::read(folders);
        Self::of(&bundle, diagnostics)
    }

    /// Makes a snapshot of a bundle unless there is a mistake in it;
    /// `diagnostics` are those that its reading found.
    pub fn of(bundle: &Bundle, mut diagnostics: Vec<Diagnostic>) -> Result<Self, Vec<Diagnostic>> {
        let table = |name: &str| bundle.sheets(name);
        let snapshot = Self {
            digest: bundle.digest(),
            folders: bundle.folders.clone(),
            registry: Arc::new(Registry::build(table("institutions"))),
            special: Arc::new(SpecialDrugs::build(table("special_drug"), &mut diagnostics)),
            master: Arc::new(DrugMaster::build(table("drug_master"))),
            diseases: Arc::new(DiseaseGroups::build(table("disease_groups"), &mut diagnostics)),
            knowledge: Arc::new(KnowledgePoints::build(table("knowledge_points"), &mut diagnostics)),
            ceilings: Arc::new(Prices::ceilings(table("ceilings"))),
            guide_prices: Arc::new(Prices::guide_prices(table("guide_prices"))),
            agreements: Arc::new(Agreements::build(table("agreements"))),
            departments: Arc::new(Departments::build(table("departments"))),
            staff: Arc::new(Staff::build(table("staff"))),
            frequencies: Arc::new(Frequencies::build(table("frequencies"), &mut diagnostics)),
            baselines: Baselines::build(bundle, &mut diagnostics),
        };
        if diagnostics.is_empty() { Ok(snapshot) } else { Err(diagnostics) }
    }

    /// The same tables with the baselines of `bundle` in place of all others;
    /// `diagnostics` are those that the bundle's reading found.
    pub fn with_baselines(&self, bundle: &Bundle, mut diagnostics: Vec<Diagnostic>) -> Result<Self, Vec<Diagnostic>> {
        let baselines = Baselines::build(bundle, &mut diagnostics);
        let digest = Digest::of([self.digest, bundle.digest()].iter().map(|digest| digest.0.as_slice()));
        if diagnostics.is_empty() { Ok(Self { digest, baselines, ..self.clone() }) } else { Err(diagnostics) }
    }

    /// Names the content: independent of file names, row order, column order,
    /// file format and the division into folders.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The folders, in the order in which they were given.
    pub fn folders(&self) -> &[FolderVersion] {
        &self.folders
    }

    /// Resolves an item for all days. `name` is the generic name where the
    /// event has one, else the institution's own; the drug master's name for
    /// the code takes its place, because that is what the code means.
    pub fn resolve_item(&self, code: Option<&str>, name: Option<&str>, form: Option<&str>) -> Item {
        let (name, form) = self.meant(code, name, form);
        let (classes, otherwise) = self.special.resolve(code, name, form.and_then(form_of_text));
        Item {
            code: code.map(str::to_owned),
            classes,
            otherwise,
            points: code.map(|code| self.knowledge.resolve(code)).unwrap_or_default(),
            master: code.map_or(&[][..], |code| self.master.rows(code)).to_vec(),
        }
    }

    /// How the class of a code comes about: the entries that may answer, first
    /// match first, and the class where none is in force.
    pub fn special_matches(&self, code: &str) -> (Vec<Match>, Option<SpecialClass>) {
        let (name, form) = self.meant(Some(code), None, None);
        self.special.matches(Some(code), name, form.and_then(form_of_text))
    }

    /// Name and form as the drug master has them for the code, else as told.
    fn meant<'a>(&'a self, code: Option<&str>, name: Option<&'a str>, form: Option<&'a str>) -> (Option<&'a str>, Option<&'a str>) {
        match code.and_then(|code| self.master.rows(code).last()) {
            Some(row) => (Some(row.value.generic_name.as_str()), Some(row.value.dosage_form.as_str())),
            None => (name, form),
        }
    }

    /// Payment ceilings of items, in 元 times 10^6.
    pub fn ceilings(&self) -> &Prices {
        &self.ceilings
    }

    /// Guide prices of services, in 元 times 10^6.
    pub fn guide_prices(&self) -> &Prices {
        &self.guide_prices
    }

    /// The state of an institution's agreement; see [`Agreements::state`].
    pub fn agreement(&self, institution: &str, kind: AgreementKind, day: i64) -> Option<&'static str> {
        self.agreements.state(institution, kind, day)
    }

    /// Whether an institution is licensed for a department; see [`Departments::licensed`].
    pub fn department_licensed(&self, institution: &str, department: &str, day: i64) -> Option<bool> {
        self.departments.licensed(institution, department, day)
    }

    /// What is known of a doctor at an institution.
    pub fn doctor(&self, doctor: &str, institution: &str, day: i64) -> DoctorFacts {
        let host = self.institution(institution, day).and_then(|row| row.host_code.as_deref());
        self.staff.facts(doctor, [Some(institution), host], day)
    }

    pub fn institution(&self, code: &str, day: i64) -> Option<&Institution> {
        self.registry.institution(code, day)
    }

    /// What a frequency code means on a day; `None` for one of an institution's own.
    pub fn frequency(&self, code: &str, day: i64) -> Option<Frequency> {
        self.frequencies.frequency(code, day)
    }

    /// The version of a baseline of that name.
    pub fn baseline(&self, name: &str) -> Option<&Baseline> {
        self.baselines.baseline(name)
    }

    /// All baselines, by name.
    pub fn baselines(&self) -> impl Iterator<Item = (&str, &Baseline)> {
        self.baselines.all()
    }

    /// The disease groups of one diagnosis on a day.
    pub fn disease_groups(&self, icd: &str, day: i64) -> impl Iterator<Item = &str> {
        self.diseases.groups(icd, day)
    }
}

#[cfg(test)]
pub(in crate::reference) mod tests {
    use super::*;
    use crate::reference::prices::Place;
    use std::path::Path;
    use std::sync::LazyLock;

    use crate::base::diagnostic::render;
    use crate::base::time::Civil;
    use crate::reference::drug_master::FormGroup;
    use crate::reference::folder::MANIFEST;
    use crate::reference::prices;

    /// The tables of this repository: the product's and the demo city's.
    pub fn shipped() -> &'static Snapshot {
        static SHIPPED: LazyLock<Snapshot> = LazyLock::new(|| match Snapshot::load(&shipped_folders()) {
            Ok(snapshot) => snapshot,
            Err(diagnostics) => panic!("{}", render(&diagnostics)),
        });
        &SHIPPED
    }

    fn shipped_folders() -> Vec<Folder> {
        ["rules/reference", "demo/reference"].map(|path| Folder::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()).into()
    }

    fn day(text: &str) -> i64 {
        Civil::parse(text).unwrap().day()
    }

    fn folder(table: &str, file: &str, content: &[u8]) -> Folder {
        let manifest = format!("name: t\nversion: 1\ntables:\n  - {{ table: {table}, file: {file} }}\n");
        Folder { path: "t".to_owned(), files: vec![(MANIFEST.to_owned(), manifest.into_bytes()), (file.to_owned(), content.to_vec())] }
    }

    /// Loads one table and expects these (line, message) pairs.
    #[track_caller]
    fn check(table: &str, content: &str, expect: &[(usize, &str)]) {
        let told = match Snapshot::load(&[folder(table, "t.csv", content.as_bytes())]) {
            Ok(_) => Vec::new(),
            Err(diagnostics) => diagnostics,
        };
        let told: Vec<(usize, String)> = told.iter().map(|one| (one.line(), one.message.clone())).collect();
        let told: Vec<(usize, &str)> = told.iter().map(|(line, message)| (*line, message.as_str())).collect();
        assert_eq!(told, expect);
    }

    const CEILINGS: &str = "med_list_codg,area,level,ceiling,valid_from,valid_to,source\n";
    const CODE: &str = "XA10BAE006A001010199901";

    #[test]
    fn every_mistake_has_its_place() {
        let ceilings = |rows: &str, expect: &[(usize, &str)]| check("ceilings", &format!("{CEILINGS}{rows}"), expect);
        ceilings(&format!("{CODE},,,1.5,2026-01-01,,x\n"), &[]);
        ceilings(
            &format!("{CODE},,,1.5,2026-02-30,,x\n{CODE},,,1.5,2026-1-1,,x\n"),
            &[(2, "`2026-02-30` is not a day"), (3, "`2026-1-1` is not a day")],
        );
        ceilings(&format!("{CODE},,,1.5,2026-01-01,2026-01-01,x\n"), &[(2, "valid_to is not after valid_from")]);
        ceilings(
            &format!("{CODE},,,1.5,2026-01-01,2026-03-01,x\n{CODE},,,2,2026-02-28,,x\n"),
            &[(3, "duplicate key `XA10BAE006A001010199901` with overlapping dates")],
        );
        ceilings(&format!("{CODE},,,1.5,2026-01-01,2026-03-01,x\n{CODE},,,2,2026-03-01,,x\n"), &[]);
        ceilings("XA10,,,1.5,2026-01-01,,x\n", &[(2, "`XA10` is no national code")]);
        ceilings(&format!("{CODE},,,1元,2026-01-01,,x\n"), &[(2, "`1元` is not a number of this kind")]);
        ceilings(&format!("{CODE},,,1.5,2026-01-01,x\n"), &[(2, "6 cells in a row of 7")]);
        check(
            "ceilings",
            "med_list_codg,area,ceiling,valid_from,valid_to,remark\n",
            &[(1, "unknown column `remark`"), (1, "missing column `level`"), (1, "missing column `source`")],
        );
        check("celings", CEILINGS, &[(4, "unknown table `celings`")]);
        check("ceilings", "", &[(1, "no header row")]);
    }

    #[test]
    fn mistakes_in_drug_tables_have_their_place() {
        let header = "code_prefix,generic_name,dosage_form,class,single_or_compound,strength_max_mg,valid_from,valid_to,source,verified\n";
        let special = |rows: &str, expect: &[(usize, &str)]| check("special_drug", &format!("{header}{rows}"), expect);
        special(",吗啡,,NARCO,single,,2013-11-11,,x,0\n", &[(2, "unknown class `NARCO`")]);
        special("XN0,吗啡,,NARC,single,,2013-11-11,,x,0\n", &[(2, "neither or both of code_prefix and generic_name")]);
        special("N02AB,,,NARC,single,,2013-11-11,,x,0\n", &[(2, "`N02AB` starts no drug code")]);
        special(
            "XN02AXD131,,,PSY1,single,,2013-11-11,,x,0\nXN02AXD131V,,,PSY1,single,,2015-01-01,,x,0\n",
            &[(3, "prefix `XN02AXD131V` says the same as `XN02AXD131`")],
        );
        // 盐酸吗啡 is 吗啡.
        special(
            ",吗啡,,NARC,single,,2013-11-11,,x,0\n,盐酸吗啡,,NARC,single,,2015-01-01,,x,0\n",
            &[(3, "duplicate key `吗啡` with overlapping dates")],
        );
        check(
            "knowledge_points",
            "kind,code,value,name,valid_from,valid_to,source\nsex,XG04BEX006*,3,x,2025-05-26,,x\n",
            &[(2, "unknown value `3`")],
        );
        check(
            "knowledge_points",
            "kind,code,value,name,valid_from,valid_to,source\nsexes,XG04BEX006*,1,x,2025-05-26,,x\n",
            &[(2, "unknown kind `sexes`")],
        );
    }

    #[test]
    fn gbk_is_told_and_nothing_is_loaded() {
        let mut content = CEILINGS.as_bytes().to_vec();
        content.extend_from_slice(b"XA10BAE006A001010199901,,,1.5,2026-01-01,,\xd4\xc6\xb4\xa8\n");
        let diagnostics = Snapshot::load(&[folder("ceilings", "t.csv", &content)]).err().unwrap();
        assert_eq!((diagnostics.len(), diagnostics[0].line()), (1, 2));
        let text = render(&diagnostics);
        assert!(text.contains("not UTF-8") && text.contains("GB18030") && text.contains("t/t.csv:2"), "{text}");
    }

    #[test]
    fn digest_names_content_not_layout() {
        let load = |content: &str| Snapshot::load(&[folder("ceilings", "t.csv", content.as_bytes())]).unwrap().digest();
        let row = format!("{CODE},,,1.5,2026-01-01,2026-02-01,x\n{CODE},,,2,2026-02-01,,x\n");
        let same = format!("{CODE},,,2,2026-02-01,,x\n\"{CODE}\",,,1.5,2026-01-01,2026-02-01,x\n");
        let other_order = format!(
            "source,valid_to,valid_from,ceiling,level,area,med_list_codg\r\nx,2026-02-01,2026-01-01,1.5,,,{CODE}\r\nx,,2026-02-01,2,,,{CODE}\r\n"
        );
        let first = load(&format!("{CEILINGS}{row}"));
        assert_eq!(first, load(&format!("\u{feff}{CEILINGS}{same}")));
        assert_eq!(first, load(&other_order));
        assert_ne!(first, load(&format!("{CEILINGS}{}", row.replace("1.5", "1.6"))));
    }

    #[test]
    fn parquet_says_what_csv_says() {
        use std::sync::Arc;

        use arrow::array::ArrayRef;
        use arrow::array::RecordBatch;
        use arrow::array::StringArray;
        use parquet::arrow::ArrowWriter;

        let columns: Vec<(&str, ArrayRef)> = prices::CEILINGS
            .columns
            .iter()
            .zip([Some(CODE), None, None, Some("1.5"), Some("2026-01-01"), None, Some("a \"b\", c")])
            .map(|(column, cell)| (column.name, Arc::new(StringArray::from(vec![cell])) as ArrayRef))
            .collect();
        let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let parquet = Snapshot::load(&[folder("ceilings", "t.parquet", &bytes)]).unwrap();
        let csv = format!("{CEILINGS}{CODE},,,1.5,2026-01-01,,\"a \"\"b\"\", c\"\n");
        assert_eq!(parquet.digest(), Snapshot::load(&[folder("ceilings", "t.csv", csv.as_bytes())]).unwrap().digest());
        assert_eq!(parquet.ceilings().price(CODE, Place::default(), day("2026-03-01")), Some(1_500_000));
    }

    #[test]
    fn points_hold_from_their_day() {
        let facts = |code: &str, at: &str| {
            let item = shipped().resolve_item(Some(code), None, None);
            let facts = item.at(day(at));
            (facts.sex_limit, facts.child_only, facts.delivery_item, facts.online_item)
        };
        let no = Some(false);
        assert_eq!(facts("XG04BEX006A001010199901", "2025-05-25"), (Some(0), no, no, no));
        assert_eq!(facts("XG04BEX006A001010199901", "2025-05-26"), (Some(1), no, no, no));
        assert_eq!(facts("ZD02AAF0202010205046", "2026-03-10"), (Some(2), no, no, no));
        assert_eq!(facts("ZA01CAX0351010101453", "2026-03-10"), (Some(0), Some(true), no, no));
        assert_eq!(facts("990101000010000", "2026-03-10"), (Some(0), no, Some(true), no));
        assert_eq!(facts("990102000010000", "2026-03-10"), (Some(0), no, no, Some(true)));
        let without_code = shipped().resolve_item(None, Some("枸橼酸西地那非片"), None);
        assert_eq!(without_code.at(day("2026-03-10")).sex_limit, None);
    }

    #[test]
    fn substance_and_form_come_from_the_master_else_from_the_code() {
        let check = |code: &str, substance: Option<&str>, form: Option<FormGroup>| {
            let item = shipped().resolve_item(Some(code), None, None);
            let facts = item.at(day("2026-03-10"));
            assert_eq!((facts.substance, facts.form_group), (substance, form), "{code}");
        };
        check("XN02AAM059A010010199901", Some("吗啡"), Some(FormGroup::Sustained));
        check("XN02AAQ777A010010112345", Some("XN02AAQ777"), Some(FormGroup::Sustained));
        check("XN02AAQ777A001010112345", Some("XN02AAQ777"), Some(FormGroup::Other));
        check("XN02AAQ777E013010112345", Some("XN02AAQ777"), None);
        check("XN02AAQ777B002010112345", Some("XN02AAQ777"), Some(FormGroup::Injection));
        check("ZA04CAE0023010100166", Some("ZA04CAE0023"), None);
        check("003105120040000", None, None);
        check("nonsense", None, None);
    }

    #[test]
    fn the_most_exact_ceiling_wins() {
        let nifedipine = "XC08CAX032A010010199901";
        for (area, level, expect) in [
            (Some("990101"), Some("05"), 24_500_000),
            (Some("990102"), Some("05"), 22_050_000),
            (Some("990102"), Some("10"), 22_050_000),
            (Some("990103"), Some("10"), 20_000_000),
            (None, None, 24_500_000),
        ] {
            let place = Place { area, level, nature: None };
            assert_eq!(shipped().ceilings().price(nifedipine, place, day("2026-03-10")), Some(expect), "{area:?} {level:?}");
        }
        assert_eq!(shipped().ceilings().price(nifedipine, Place::default(), day("2024-12-31")), None);
    }

    #[test]
    fn registry_and_groups_answer_by_day() {
        let online = shipped().institution("H99010100091", day("2026-03-10")).unwrap();
        assert_eq!((online.kind, online.host_code.as_deref()), ("online", Some("H99010100001")));
        assert_eq!(shipped().institution("H99010100091", day("2014-12-31")), None);
        assert_eq!(shipped().institution("H99010199999", day("2026-03-10")), None);
        let groups = |icd: &str| shipped().disease_groups(icd, day("2026-03-10")).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(groups("I10.x00x002"), ["hypertension"]);
        assert_eq!(groups("E11.9"), ["diabetes"]);
        assert_eq!(groups("C34.900"), ["tumour_lung", "pain"]);
        assert!(groups("Z00.0").is_empty() && groups("").is_empty() && groups("中风").is_empty());
    }

    #[test]
    fn classes_of_demo_drugs_are_what_the_demo_says() {
        for (code, class) in [
            ("XN02AAM059A001010199901", SpecialClass::Narcotic),
            ("XN06BAP010A010010199901", SpecialClass::PsychotropicOne),
            ("XN05CFZ047A001010199901", SpecialClass::PsychotropicTwo),
            ("XR05FAM069K001010199901", SpecialClass::NotSpecial),
            ("XS01FAA042G001010199901", SpecialClass::NotSpecial),
            ("XC08CAA001A001010199901", SpecialClass::NotSpecial),
        ] {
            let item = shipped().resolve_item(Some(code), Some("医院自己的名字"), None);
            assert_eq!(item.at(day("2026-03-10")).special_class, Some(class), "{code}");
        }
    }
}
