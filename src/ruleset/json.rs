//! JSON values as a case writes them: key order and the digits of numbers are
//! kept, because what a decoder does with `2.50` or `"2"` is what cases test.

use std::fmt::Write as _;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    Null,
    Bool(bool),
    /// The digits as written; a valid JSON number.
    Number(String),
    Text(String),
    List(Vec<Self>),
    /// In the order written.
    Map(Vec<(String, Self)>),
}

impl Json {
    /// Appends the value as JSON text without spaces.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(digits) => out.push_str(digits),
            Self::Text(text) => write_text(text, out),
            Self::List(items) => {
                out.push('[');
                for (idx, item) in items.iter().enumerate() {
                    if idx > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Map(members) => {
                out.push('{');
                for (idx, (key, value)) in members.iter().enumerate() {
                    if idx > 0 {
                        out.push(',');
                    }
                    write_text(key, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    /// The value as JSON text.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for ch in text.chars() {
        match ch {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\u{0}'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(ch));
            }
            _ => out.push(ch),
        }
    }
    out.push('"');
}

/// Whether a plain text is a JSON number.
pub(crate) fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole.len() == 1 || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_valid_json_with_the_digits_kept() {
        let value = Json::Map(vec![
            ("a".to_owned(), Json::Number("2.50".to_owned())),
            ("\"\\\n\u{1}青".to_owned(), Json::List(vec![Json::Null, Json::Bool(true), Json::Text("2".to_owned())])),
        ]);
        assert_eq!(value.to_text(), "{\"a\":2.50,\"\\\"\\\\\\n\\u0001青\":[null,true,\"2\"]}");
        assert!(serde_json::from_str::<serde_json::Value>(&value.to_text()).is_ok());
    }

    #[test]
    fn numbers_are_those_of_json() {
        for text in ["0", "-1", "2.50", "1e3", "1.5E-2", "10"] {
            assert!(is_number(text) && serde_json::from_str::<serde_json::Value>(text).is_ok(), "{text}");
        }
        for text in ["", "-", "01", ".5", "5.", "+1", "1e", "0x1", "1_0", "nan", "1.e3"] {
            assert!(!is_number(text), "{text}");
        }
    }
}
