//! `icd_in(codes, 'C00-C97', 'R52', ...)`: whether a diagnosis lies in ranges.

use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::datatypes::DataType;
use datafusion_common::Result;
use datafusion_common::exec_err;
use datafusion_expr::ColumnarValue;
use datafusion_expr::Expr;
use datafusion_expr::ScalarFunctionArgs;
use datafusion_expr::ScalarUDF;
use datafusion_expr::ScalarUDFImpl;
use datafusion_expr::Signature;
use datafusion_expr::Volatility;

use super::Function;
use super::constants;
use super::scalar_texts;
use super::text_column;
use super::text_types;

pub(super) const FUNCTION: Function = Function {
    name: "icd_in",
    usage: "icd_in(codes, 'C00-C97', 'R52', 'E11.9', ...) -> Boolean",
    zh: "诊断代码中是否有一个属于所列的类目、类目区间或亚目",
    en: "Whether one of the diagnoses lies in one of the ranges: `C00-C97` from one three-character category to another, both inclusive; \
         `R52` a category; a longer code, such as `E11.9`, itself and all that begin with it. Unknown if there is no diagnosis.",
    build: || ScalarUDF::new_from_impl(IcdIn { signature: Signature::user_defined(Volatility::Immutable) }),
    check,
};

fn check(args: &[Expr]) -> std::result::Result<(), String> {
    constants(args)?.into_iter().try_for_each(|text| match Item::parse(text) {
        Some(_) => Ok(()),
        None => Err(format!("'{text}' is no ICD range; expected a form such as 'C00-C97', 'R52' or 'E11.9'")),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct IcdIn {
    signature: Signature,
}

impl ScalarUDFImpl for IcdIn {
    fn name(&self) -> &'static str {
        FUNCTION.name
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }
    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        text_types(FUNCTION.name, types)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut items = Vec::new();
        for text in scalar_texts(&args.args)? {
            match Item::parse(text) {
                Some(item) => items.push(item),
                None => return exec_err!("no ICD range: {text}"),
            }
        }
        let lists = text_column(&args)?;
        let found: BooleanArray = lists.iter().map(|list| Some(any_in(list?, &items))).collect();
        Ok(ColumnarValue::Array(Arc::new(found)))
    }
}

type Category = [u8; 3];

/// One entry of the list.
enum Item {
    Range(Category, Category),
    Prefix(Vec<u8>),
}

impl Item {
    fn parse(text: &str) -> Option<Self> {
        if let Some((from, to)) = text.split_once('-') {
            let (from, to) = (category(from.as_bytes())?, category(to.as_bytes())?);
            return (from.len() == text.len() - 1 - to.len() && from <= to).then_some(Self::Range(from, to));
        }
        let own = category(text.as_bytes())?;
        if text.len() == own.len() {
            return Some(Self::Range(own, own));
        }
        text.is_ascii().then(|| Self::Prefix(text.to_ascii_uppercase().into_bytes()))
    }

    fn holds(&self, code: &[u8], own: Category) -> bool {
        match self {
            Self::Range(from, to) => *from <= own && own <= *to,
            Self::Prefix(prefix) => code.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)),
        }
    }
}

/// The first three characters, in capitals, if they are an ICD-10 category:
/// letter, digit, digit or letter.
fn category(code: &[u8]) -> Option<Category> {
    let own: Category = code.get(..3)?.try_into().ok()?;
    let own = own.map(|byte| byte.to_ascii_uppercase());
    (own[0].is_ascii_uppercase() && own[1].is_ascii_digit() && own[2].is_ascii_alphanumeric()).then_some(own)
}

fn any_in(list: &str, items: &[Item]) -> bool {
    list.as_bytes().split(|byte| *byte == b';').any(|code| category(code).is_some_and(|own| items.iter().any(|item| item.holds(code, own))))
}

#[cfg(test)]
mod tests {
    use crate::expr::testing::check;
    use crate::expr::testing::refused;

    #[test]
    fn ranges_go_by_category_and_longer_codes_by_prefix() {
        for (codes, list, expect) in [
            (";C34.9;", "'C00-C97'", "true"),
            (";C97;", "'C00-C97'", "true"),
            (";D00.1;", "'C00-C97'", "false"),
            (";I10.x00x002;", "'I10'", "true"),
            (";i10;", "'I10'", "true"),
            (";E11.900x001;", "'E11.9'", "true"),
            (";E11.8;", "'E11.9'", "false"),
            (";E11;", "'E11.9'", "false"),
            (";J06;R52.0;", "'C00-C97', 'R52'", "true"),
            (";Z3A.1;", "'Z30-Z39', 'Z3A'", "true"),
            ("", "'R52'", "false"),
            (";", "'R52'", "false"),
            (";痛;R5;", "'R52'", "false"),
            ("R52", "'R52'", "true"),
        ] {
            check(&format!("icd_in('{codes}', {list})"), expect);
        }
    }

    #[test]
    fn no_diagnosis_is_unknown() {
        check("icd_in(NULL, 'R52')", "NULL");
        check("icd_in(header.diag_codes, 'I10')", "true");
    }

    #[test]
    fn wrong_lists_are_refused_when_the_rule_is_read() {
        for list in ["'C97-C00'", "'C'", "'C00-'", "'C00.1-C97'", "''", "'癌'", "header.gend", "NULL"] {
            refused(&format!("icd_in(header.diag_codes, {list})"));
        }
        refused("icd_in(header.diag_codes)");
        refused("icd_in(line.cnt, 'R52')");
    }
}
