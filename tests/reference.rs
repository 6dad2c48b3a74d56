//! `claimsift reference`, and the loader that it shares with the main job.

#[path = "support/feed.rs"]
mod feed;

use std::path::Path;
use std::process::Command;

use claimsift::base::diagnostic::Diagnostic;
use claimsift::base::time::Civil;
use claimsift::engine::items::Items;
use claimsift::engine::items::pack_of;
use claimsift::evaluators::dosage::Told;
use claimsift::evaluators::dosage::count;
use claimsift::reference::folder::Folder;
use claimsift::reference::snapshot::Snapshot;
use claimsift::reference::tables::TABLES;
use tempfile::TempDir;

/// Exit code, standard output, standard error.
fn claimsift(args: &[&str]) -> (Option<i32>, String, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_claimsift")).args(args).output().expect("claimsift starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (done.status.code(), text(done.stdout), text(done.stderr))
}

/// A reference folder of these tables.
fn folder(tables: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = "name: t\nversion: \"1\"\ntables:\n".to_owned();
    for (table, content) in tables {
        manifest.push_str(&format!("  - {{ table: {table}, file: {table}.csv }}\n"));
        std::fs::write(folder.path().join(format!("{table}.csv")), content).unwrap();
    }
    std::fs::write(folder.path().join("manifest.yaml"), manifest).unwrap();
    folder
}

fn load(path: &Path) -> Result<Snapshot, Vec<Diagnostic>> {
    Snapshot::load(&[Folder::read(path).unwrap()])
}

/// The shipped tables, as arguments.
fn shipped() -> [String; 3] {
    let [rules, demo] = feed::references().map(|path| path.display().to_string());
    ["--reference".to_owned(), rules, demo]
}

const CODE: &str = "XA10BAE006A001010199901";

#[test]
fn every_mistake_of_every_file_is_told_in_one_run_and_nothing_is_loaded() {
    let mut gbk = b"dr_code,fixmedins_code,filing,narcotic_right,psychotropic_right,suspended_from,suspended_to,valid_from,valid_to,source\nD1,H99010100001,registered,1,1,,,2018-01-01,,".to_vec();
    gbk.extend_from_slice(b"\xd4\xc6\xb4\xa8\n");
    let ceilings = format!(
        "med_list_codg,area,level,ceiling,valid_from,valid_to,source\n\
         {CODE},,,1.5,2026-01-01,2026-03-01,x\n{CODE},,,2,2026-02-28,,x\n{CODE},99,,2,2026-02-28,,x\n"
    );
    let special = "code_prefix,generic_name,dosage_form,class,single_or_compound,strength_max_mg,valid_from,valid_to,source,verified,narrows\n\
                   XN02AXD131,,,PSY1,single,,2013-11-11,,x,0,\n\
                   XN02AXD131V,,,PSY2,single,,2013-11-11,,x,0,\n\
                   XN02AXD131B,,,PSY2,single,,2013-11-11,,x,0,XN02AXD131\n\
                   XN02AXD131A,,,PSY1,single,,2013-11-11,,x,0,\n\
                   ,吗啡,,NARCO,single,,2013-11-11,,x,0,\n\
                   XN05CDM084,,,PSY2,single,,2013-11-11,2024-07-01,x,0,\n\
                   XN05CDM084B,,,PSY1,single,,2024-07-01,,x,0,\n\
                   XN06BAP010,,,PSY1,single,,2013-11-11,,x,0,XN06\n";
    let agreements = "fixmedins_code,kind,state,valid_from,valid_to,source\n\
                      H99010100001,main,active,2026-02-30,,x\n\
                      H99010100002,main,active,2026-01-01,2025-01-01,x\n\
                      H99010100003,main,paused,,2025-01-01,x\n\
                      9901,main,active,2026-01-01,,x\n";
    let master = format!(
        "med_list_codg,generic_name,dosage_form,form_group,spec,min_prepunt,min_pacunt,min_pac_cnt,convrat,each_dos,substance,valid_from,valid_to,content\n\
         {CODE},x,,,,片,盒,10,,,,2015-01-01,2020-01-01,5片\n{CODE},x,,,,片,盒,min,,,,2020-01-01,,\n"
    );
    let told: &[(&str, &[u8], &[(usize, &str)])] = &[
        ("ceilings", ceilings.as_bytes(), &[(3, "duplicate key `XA10BAE006A001010199901` with overlapping dates")]),
        (
            "special_drug",
            special.as_bytes(),
            &[
                (3, "prefix `XN02AXD131V` shadows `XN02AXD131`, which says PSY1"),
                (5, "prefix `XN02AXD131A` says the same as `XN02AXD131`"),
                (6, "unknown class `NARCO`"),
                (9, "no row of `XN06` holds on these days"),
            ],
        ),
        (
            "agreements",
            agreements.as_bytes(),
            &[
                (2, "`2026-02-30` is not a day"),
                (3, "valid_to is not after valid_from"),
                (4, "unknown state `paused`"),
                (4, "`valid_from` is empty"),
                (4, "valid_to without valid_from"),
                (5, "`9901` is no institution code"),
            ],
        ),
        (
            "frequencies",
            b"code,kind,times,cycle_days,name,valid_from,valid_to,source\n\
              qd,regular,1,1,,2007-05-01,,x\nQD,regular,1,1,,2020-01-01,,x\nx,regular,,1,,2007-05-01,,x\nprn,as_needed,1,,,2007-05-01,,x\n",
            &[
                (3, "duplicate key `qd` with overlapping dates"),
                (4, "a regular frequency without times"),
                (5, "times of a frequency that is not regular"),
            ],
        ),
        ("drug_master", master.as_bytes(), &[(2, "`5片` is no content"), (3, "`min` is not a number of this kind")]),
        ("staff", &gbk, &[(2, "not UTF-8")]),
        ("departments", b"fixmedins_code,dept_code,valid_from,valid_to,source\n", &[(1, "missing column `caty`")]),
        ("guide_prices", b"med_list_codg,area,level,nature,price,valid_from,valid_to,source,remark\n", &[(1, "unknown column `remark`")]),
    ];
    let tables: Vec<(&str, &[u8])> = told.iter().map(|(table, content, _)| (*table, *content)).collect();
    let folder = folder(&tables);
    let mut expect: Vec<(String, usize, &str)> = told
        .iter()
        .flat_map(|(table, _, mistakes)| {
            let file = folder.path().join(format!("{table}.csv")).display().to_string();
            mistakes.iter().map(move |(line, message)| (file.clone(), *line, *message))
        })
        .collect();
    expect.sort();

    let diagnostics = load(folder.path()).expect_err("nothing is loaded");
    let mut found: Vec<(String, usize, &str)> =
        diagnostics.iter().map(|one| (one.source.name.clone(), one.line(), one.message.as_str())).collect();
    found.sort();
    assert_eq!(found, expect);
    assert!(diagnostics.iter().all(|one| one.help.is_some()), "every mistake says what to do");

    let path = folder.path().display().to_string();
    let (code, printed, said) = claimsift(&["reference", "check", "--reference", &path]);
    assert_eq!(code, Some(1), "{said}");
    for (file, line, message) in &expect {
        assert!(
            said.contains(&format!("error: {message}")) && said.contains(&format!("{file}:{line}:")),
            "{file}:{line} {message}\n{said}"
        );
    }
    assert!(said.contains(&format!("{} mistakes, nothing was loaded", expect.len())), "{said}");
    assert!(printed.contains("agreements") && !printed.contains("no mistakes"), "{printed}");
    for verb in [&["show", CODE, "--at", "2026-03-10"][..], &["unmatched", &path]] {
        let (code, printed, _) = claimsift(&[&["reference"], verb, &["--reference", &path]].concat());
        assert_eq!((code, printed.as_str()), (Some(1), ""), "{verb:?}");
    }
}

#[test]
fn sound_tables_tell_what_they_hold() {
    let args = shipped();
    let args = [&["reference", "check"][..], &args.each_ref().map(String::as_str)].concat();
    let (code, printed, said) = claimsift(&args);
    assert_eq!(code, Some(0), "{said}");
    for table in TABLES {
        assert!(printed.contains(table.name), "{}", table.name);
    }
    assert!(printed.contains("1988-12-27") && printed.contains("open") && printed.contains("no mistakes"), "{printed}");
}

/// The rows that the page of formats shows.
#[test]
fn examples_of_all_tables_are_sound() {
    let files: Vec<(&str, Vec<u8>)> = TABLES
        .iter()
        .map(|table| {
            let heads: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
            let needed = if table.name == "special_drug" { "XN02AXD131,,,PSY1,single,,2013-11-11,,x,0,\n" } else { "" };
            (table.name, format!("{}\n{needed}{}\n", heads.join(","), table.example).into_bytes())
        })
        .collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(table, content)| (*table, content.as_slice())).collect();
    let folder = folder(&files);
    if let Err(diagnostics) = load(folder.path()) {
        panic!("{}", claimsift::base::diagnostic::render(&diagnostics));
    }
}

#[track_caller]
fn show(code: &str, at: &str) -> (Option<i32>, String, String) {
    let args = shipped();
    claimsift(&[&["reference", "show", code, "--at", at][..], &args.each_ref().map(String::as_str)].concat())
}

#[test]
fn show_tells_every_row_of_a_code_and_which_decides() {
    // By prefix, of two that fit, on the day of the change and the day before.
    let (code, text, said) = show("XN05CDM084B002010112345", "2024-07-01");
    assert_eq!(code, Some(0), "{said}");
    assert!(text.contains("special class: PSY1 (by code_prefix `XN05CDM084B`, ") && text.contains("special_drug.csv:"), "{text}");
    assert!(text.contains("source 来源 = 国家药监局"), "{text}");
    let (_, text, _) = show("XN05CDM084B002010112345", "2024-06-30");
    assert!(text.contains("special class: PSY2 (by code_prefix `XN05CDM084`, "), "{text}");
    let (now, later) = text.split_once("not in force at 2024-06-30:").unwrap();
    assert!(now.contains("2013-11-11 to open") && later.contains("2024-07-01 to open, by code_prefix `XN05CDM084B`"), "{text}");
    // By the master's name.
    let (_, text, _) = show("XN05BAA046A001010199901", "2026-03-10");
    assert!(text.contains("special class: PSY2 (by generic_name `阿普唑仑`"), "{text}");
    assert!(text.contains("drug_master 2") && text.contains("substance: 阿普唑仑 (by the drug master)"), "{text}");
    // A point by prefix, with its provenance.
    let (_, text, _) = show("002101030300000", "2026-03-10");
    assert!(text.contains("by code `00210103030*`") && text.contains("国家医保局两库知识点第一批"), "{text}");
    // Everything that hangs on an institution, its online body too.
    let (_, text, _) = show("H99010100001", "2026-03-10");
    for part in ["institutions ", "by host_code `H99010100001`", "agreements ", "departments ", "staff "] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let (_, text, _) = show("D990101000001", "2026-03-10");
    assert!(text.contains("by dr_code `D990101000001`") && !text.contains("disease_groups"), "{text}");
    let (_, text, _) = show("E11.900", "2026-03-10");
    assert!(text.contains("by icd_from to icd_to `E10` to `E14`") && text.contains("diabetes"), "{text}");
    let (_, text, _) = show("BID", "2026-03-10");
    assert!(text.contains("frequencies 2007-05-01 to open, by code `bid`") && text.contains("times 次数 = 2"), "{text}");
    let (_, text, _) = show("H99010100001", "1999-01-01");
    assert!(text.contains("no row is in force at 1999-01-01") && text.contains("not in force at 1999-01-01:"), "{text}");
    let (code, text, said) = show("XJ01CAA777E001010112345", "2026-03-10");
    assert_eq!((code, text.as_str()), (Some(1), ""));
    assert!(said.contains("no reference table knows this code"), "{said}");
}

fn bill(id: &str, institution: &str, lines: &str) -> String {
    format!(
        r#"{{"setl_id":"{id}","psn_no":"P1","psn_name":"张三","setl_time":"2026-03-1{} 10:00:00","medfee_sumamt":1,"fixmedins_code":"{institution}","med_type":"11","chfpdr_code":"D990101000001","diseinfo":[{{"diag_type":"1","diag_code":"高血压"}},{{"diag_type":"1","diag_code":"I10.x00"}},{{"diag_type":"2","diag_code":"BNG"}}],"feedetl":[{lines}]}}"#,
        id.len()
    )
}

fn line(number: u32, kind: &str, code: &str, name: &str, amount: &str) -> String {
    let code = if code.is_empty() { "null".to_owned() } else { format!("\"{code}\"") };
    format!(
        r#"{{"feedetl_sn":"{number}","list_type":"{kind}","med_list_codg":{code},"medins_list_name":"{name}","cnt":1,"det_item_fee_sumamt":{amount}}}"#
    )
}

#[test]
fn unmatched_lists_what_a_feed_tells_and_no_table_knows() {
    let master = "XC08CAA001A001010199901";
    let bills = [
        bill("A", "H99010100001", &[line(1, "101", "OWN-17", "某药", "10.50"), line(2, "101", master, "氨氯地平", "1")].join(",")),
        bill("AB", "H99010199999", &[line(1, "101", "OWN-17", "别药", "0.07"), line(2, "201", "", "=自费床位", "3")].join(",")),
        bill(
            "ABC",
            "H99010100001",
            &[line(1, "101", "XJ01CAA777E001010112345", "吗啡阿托品片", "2"), line(2, "201", "001102000010000", "诊查费", "3")].join(","),
        ),
        // Who somebody is never comes out, whatever field tells it.
        bill("ABCD", "H99010100001", &line(1, "301", "110101199003070011", "支架", "4")),
    ];
    let again = bills[0].clone();
    let prescription = r#"{"hosp_rxno":"R1","fixmedins_code":"H99010100001","psn_no":"P1","prsc_time":"2026-03-15 10:00:00","med_type":"X1","dr_code":"D990101999999","prsc_dept_code":"999","rxdrugdetail":[{"med_list_codg":"XC08CAA001A001010199901","drug_genname":"苯磺酸氨氯地平片","drug_sumamt":5,"used_frqu_codg":"XYZ","drug_dosunt":"瓶","sin_dosunt":"张三"}]}"#;
    let folder = tempfile::tempdir().unwrap();
    let feed = bills.iter().chain([&again]).map(|text| format!("{text}\n")).collect::<String>();
    std::fs::write(folder.path().join("settlement.ndjson"), feed).unwrap();
    std::fs::write(folder.path().join("prescription.ndjson"), format!("{prescription}\nnot json\n")).unwrap();
    let (path, out) = (folder.path().display().to_string(), folder.path().join("out.csv").display().to_string());
    let args = shipped();
    let args = args.each_ref().map(String::as_str);
    let (code, _, said) = claimsift(&[&["reference", "unmatched", &path, "--out", &out][..], &args].concat());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("7 messages: 5 looked at (8 lines), 1 rejected, 1 duplicate"), "{said}");
    let bytes = std::fs::read(&out).unwrap();
    let text = std::str::from_utf8(&bytes).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "\u{feff}类别,编码,名称,单据数,明细数,金额,首日,末日",
            "医药机构 institution,\"=\"\"H99010199999\"\"\",,1,2,3.07,\"=\"\"2026-03-12\"\"\",\"=\"\"2026-03-12\"\"\"",
            "药品 drug,\"=\"\"OWN-17\"\"\",别药,2,2,10.57,\"=\"\"2026-03-11\"\"\",\"=\"\"2026-03-12\"\"\"",
            "药品目录缺行 drug_master,\"=\"\"XJ01CAA777E001010112345\"\"\",吗啡阿托品片,1,1,2.00,\"=\"\"2026-03-13\"\"\",\"=\"\"2026-03-13\"\"\"",
            "管理类别未定 unclassified,\"=\"\"XJ01CAA777E001010112345\"\"\",吗啡阿托品片,1,1,2.00,\"=\"\"2026-03-13\"\"\",\"=\"\"2026-03-13\"\"\"",
            "项目 item,,\"=\"\"=自费床位\"\"\",1,1,3.00,\"=\"\"2026-03-12\"\"\",\"=\"\"2026-03-12\"\"\"",
            "项目 item,\"=\"\"(不是编码 no code)\"\"\",支架,1,1,4.00,\"=\"\"2026-03-14\"\"\",\"=\"\"2026-03-14\"\"\"",
            // At an institution that no register knows nobody is.
            "医师 doctor,\"=\"\"D990101000001\"\"\",,1,2,3.07,\"=\"\"2026-03-12\"\"\",\"=\"\"2026-03-12\"\"\"",
            "医师 doctor,\"=\"\"D990101999999\"\"\",,1,1,5.00,\"=\"\"2026-03-15\"\"\",\"=\"\"2026-03-15\"\"\"",
            "科室 department,\"=\"\"H99010100001/999\"\"\",,1,1,5.00,\"=\"\"2026-03-15\"\"\",\"=\"\"2026-03-15\"\"\"",
            "诊断 diagnosis,\"=\"\"(不是编码 no code)\"\"\",,4,7,23.57,\"=\"\"2026-03-11\"\"\",\"=\"\"2026-03-14\"\"\"",
            "频次 frequency,\"=\"\"XYZ\"\"\",,1,1,5.00,\"=\"\"2026-03-15\"\"\",\"=\"\"2026-03-15\"\"\"",
            "单位 unit,\"=\"\"(不是编码 no code)\"\"\",苯磺酸氨氯地平片,1,1,5.00,\"=\"\"2026-03-15\"\"\",\"=\"\"2026-03-15\"\"\"",
            "单位 unit,\"=\"\"XC08CAA001A001010199901/瓶\"\"\",苯磺酸氨氯地平片,1,1,5.00,\"=\"\"2026-03-15\"\"\",\"=\"\"2026-03-15\"\"\"",
            "医疗类别 med_type,\"=\"\"X1\"\"\",,1,1,5.00,\"=\"\"2026-03-15\"\"\",\"=\"\"2026-03-15\"\"\"",
        ]
    );
    let (_, table, _) = claimsift(&[&["reference", "unmatched", "--settlement", &format!("{path}/settlement.ndjson")][..], &args].concat());
    assert!(table.contains("OWN-17") && !table.contains("张三") && !table.contains("110101199003070011"), "{table}");
    assert!(!table.contains("X1"), "{table}");
}

/// From the shipped tables to days: units, contents and frequencies together.
#[test]
fn days_of_a_prescription_come_of_the_masters_row_and_the_frequency() {
    let folders: Vec<Folder> = feed::references().iter().map(|path| Folder::read(path).unwrap()).collect();
    let snapshot = Snapshot::load(&folders).unwrap();
    let day = Civil::parse("2026-03-10").unwrap().day();
    let (insulin, morphine, amoxicillin) = ("XA10ABM037B002010199901", "XN02AAM059B002010199901", "XJ01CAA027E001010199901");
    for (code, quantity, unit, dose, dose_unit, often, days) in [
        (insulin, 2, "支", 20, "IU", "tid", Some(100_000)),
        (insulin, 2, "支", 20, "单位", "qd", Some(300_000)),
        (insulin, 2, "支", 20, "IU", "q72h", None),
        (insulin, 2, "支", 20, "mg", "tid", None),
        (morphine, 2, "支", 1, "支", "q12h", Some(10_000)),
        // The shipped master does not say what an ampoule holds.
        (morphine, 2, "支", 10, "mg", "q12h", None),
        (amoxicillin, 1, "盒", 500, "mg", "TID", Some(40_000)),
        (amoxicillin, 1, "盒", 500, "mg", "prn", None),
    ] {
        let mut items = Items::default();
        let id = items.resolve(&snapshot, Some(code), None, None);
        let pack = pack_of(&items.at(id, day)).expect(code);
        let frequency = snapshot.frequency(often, day);
        let told = Told { quantity: quantity * 10_000, unit, dose: Some(dose * 10_000), dose_unit, form: "", frequency };
        assert_eq!(count(&pack, &told).days, days, "{code} {dose} {dose_unit} {often}");
    }
}
