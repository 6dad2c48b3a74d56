//! The closed word lists of rule and configuration files: each word once,
//! with what it means in Chinese and English.

/// A word that a file may use, for editors and pages.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    pub word: &'static str,
    pub zh: &'static str,
    pub en: &'static str,
}

/// A type whose values are written as one of a few words.
pub trait Words: Copy + 'static {
    /// In the order of [`Self::CHOICES`].
    const ALL: &'static [Self];
    const CHOICES: &'static [Choice];

    fn from_word(word: &str) -> Option<Self> {
        let idx = Self::CHOICES.iter().position(|choice| choice.word == word)?;
        Self::ALL.get(idx).copied()
    }
}

/// Declares an enum together with its words, so that neither can lack the other's entry.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal, $zh:literal, $en:literal;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $(#[doc = $en] $(#[$doc])* $variant,)* }

        impl $name {
            /// The word in files, clues, headers and metrics.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
            pub const fn zh(self) -> &'static str {
                match self { $(Self::$variant => $zh,)* }
            }
        }

        impl $crate::ruleset::words::Words for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)*];
            const CHOICES: &'static [$crate::ruleset::words::Choice] =
                &[$($crate::ruleset::words::Choice { word: $word, zh: $zh, en: $en },)*];
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// How far a rule has come. Only `live` rules tell clues; `shadow` rules
    /// tell them to a topic of their own.
    Status {
        Draft = "draft", "草稿", "checked and tested, never evaluated on a feed";
        Shadow = "shadow", "试运行", "evaluated, clues go to the shadow topic";
        Live = "live", "启用", "evaluated, clues go to the clue topic";
        Retired = "retired", "停用", "kept for the record, with its reason";
    }
}

words! {
    /// How sure a clue is.
    Grade {
        Clear = "clear", "明确违规", "breaks a stated limit on its face";
        Suspected = "suspected", "可疑", "to be verified by a person";
    }
}

words! {
    Severity {
        Low = "low", "低", "small amounts, no harm to the person";
        Medium = "medium", "中", "fund loss";
        High = "high", "高", "danger to a person or organised loss";
    }
}

words! {
    /// Whom a clue is about.
    Party {
        Institution = "institution", "机构", "the institution";
        Person = "person", "参保人", "the insured person";
        Both = "both", "机构与参保人", "both";
    }
}

words! {
    /// What a rule judges.
    RuleEvent {
        Settlement = "settlement", "医保结算", "settlements";
        Prescription = "prescription", "电子处方", "prescriptions";
        Supply = "supply", "用药供给", "supplies, joined from both";
    }
}

words! {
    /// What one row of a rule is.
    Grain {
        Header = "header", "主单", "one row per event";
        Line = "line", "明细", "one row per fee or drug line";
        Supply = "supply", "供给", "one row per supply";
        Case = "case", "病例", "one visit, or one finished stay with all its bills";
    }
}

words! {
    /// What a history rule looks for.
    LookFor {
        EarlierContact = "earlier_contact", "既往就诊", "an earlier visit of the person for the same disease; its absence is told";
        OverlappingSupply = "overlapping_supply", "重叠供给", "another supply while an earlier one still lasts";
    }
}

words! {
    /// Which supplies are held against each other.
    Institutions {
        Several = "several", "跨机构", "supplies of different institutions";
        One = "one", "同一机构", "supplies of the same institution, from one visit to another";
    }
}

words! {
    /// What a ratio rule counts as one case.
    GroupCase {
        Stay = "stay", "住院", "a finished stay, its interim bills summed";
        Visit = "visit", "就诊", "a visit that is no stay and no purchase at a pharmacy";
    }
}

words! {
    /// What the cases of a group are held against.
    Compare {
        Expected = "expected", "实际/预期", "what the baseline expects of such cases (O/E)";
        OverCeiling = "over_ceiling", "超上限比", "the ceilings of such cases";
    }
}

words! {
    /// Which of the three over-ceiling ratios a rule tells about; the others stand beside it.
    Headline {
        ByCase = "by_case", "超上限例数占比", "share of cases above the ceiling";
        ByLine = "by_line", "超上限笔数占比", "share of lines above their ceilings";
        ByAmount = "by_amount", "超上限金额占比", "what lies above the ceilings";
    }
}

words! {
    /// Whose cases are summed.
    UnitWord {
        Institution = "institution", "机构", "an institution";
        Department = "department", "科室", "a department of an institution";
        Doctor = "doctor", "医师", "a doctor of an institution";
    }
}

words! {
    /// Over which slice of event time cases are summed.
    PaneWord {
        Month = "month", "月", "a calendar month";
        Quarter = "quarter", "季", "a calendar quarter";
        YearToDate = "year_to_date", "年初至今", "from January to the end of a month";
    }
}

words! {
    /// What the numbers of a case's baseline are.
    CaseUnit {
        Amount = "amount", "金额", "元";
        Quantity = "quantity", "数量", "days or things";
    }
}

words! {
    /// How much peers differ in a case's baseline.
    CasePrior {
        Fixed = "fixed", "固定", "around 1 with a standard deviation of 0.2, for all kinds of units and all ratios";
        None = "none", "无", "not told, so that nothing can be concluded";
    }
}

words! {
    /// What a case expects of its rule.
    Expect {
        Clue = "clue", "有线索", "a clue";
        Quiet = "quiet", "无线索", "nothing";
        Unknown = "unknown", "无法判断", "unknown, counted, no clue";
    }
}
