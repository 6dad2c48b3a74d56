//! `in_group(groups, 'pain', ...)`: whether one of the names is in the list.

use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::datatypes::DataType;
use datafusion_common::Result;
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
    name: "in_group",
    usage: "in_group(groups, 'pain', 'hypertension', ...) -> Boolean",
    zh: "所列的组中是否有一个在以分号分隔的组名中",
    en: "Whether one of the names is an entry of a text such as `;hypertension;pain;`. Unknown if the text is.",
    build: || ScalarUDF::new_from_impl(InGroup { signature: Signature::user_defined(Volatility::Immutable) }),
    check,
};

fn check(args: &[Expr]) -> std::result::Result<(), String> {
    let wrong = constants(args)?.into_iter().find(|name| name.is_empty() || name.contains(';'));
    wrong.map_or(Ok(()), |name| Err(format!("'{name}' is no group name")))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct InGroup {
    signature: Signature,
}

impl ScalarUDFImpl for InGroup {
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
        let names = scalar_texts(&args.args)?;
        let lists = text_column(&args)?;
        let found: BooleanArray = lists.iter().map(|list| Some(list?.split(';').any(|entry| names.contains(&entry)))).collect();
        Ok(ColumnarValue::Array(Arc::new(found)))
    }
}

#[cfg(test)]
mod tests {
    use crate::expr::testing::check;
    use crate::expr::testing::refused;

    #[test]
    fn only_whole_names_count() {
        check("in_group(';hypertension;pain;', 'pain')", "true");
        check("in_group(';hypertension;pain;', 'asthma', 'hypertension')", "true");
        check("in_group(';hypertension;pain;', 'pai')", "false");
        check("in_group(';', 'pain')", "false");
        check("in_group(NULL, 'pain')", "NULL");
        refused("in_group(header.diag_codes, 'a;b')");
        refused("in_group(header.diag_codes, '')");
        refused("in_group(header.diag_codes)");
    }
}
