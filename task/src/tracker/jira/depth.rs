//! JSON of a *bounded depth*.
//!
//! The parser gives up a whole answer for one value that is nested more than 128 levels deep. Lists in lists get there, and
//! anybody who may comment can write them: one comment would hide its issue, and one issue all others of its page. So what
//! people write is read as deep as a reader of documents looks, and what is below that is null.

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};

/// Levels that are read; what is around them in an answer has a few more.
const MAX_LEVELS: usize = 100;

/// A value that strangers can nest.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Bounded(#[serde(deserialize_with = "bounded")] pub(super) Value);

pub(super) fn bounded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Within(MAX_LEVELS).deserialize(deserializer)
}

/// As many levels as there is room for.
#[derive(Clone, Copy)]
struct Within(usize);

impl<'de> DeserializeSeed<'de> for Within {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.0 == 0 {
            // It is skipped without being entered.
            return IgnoredAny::deserialize(deserializer).map(|_| Value::Null);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Within {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(Self(self.0 - 1))? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            values.insert(name, entries.next_value_seed(Self(self.0 - 1))?);
        }
        Ok(Value::Object(values))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Value {
        serde_json::from_str::<Bounded>(text).unwrap().0
    }

    #[test]
    fn what_is_not_deep_is_read_as_it_is() {
        let value = json!({ "a": [1, -2, 1.5, true, null, "b", { "c": {} }], "d": u64::MAX });
        assert_eq!(read(&value.to_string()), value);
    }

    #[test]
    fn what_is_deeper_is_null_and_hides_nothing() {
        for levels in [MAX_LEVELS - 1, MAX_LEVELS, 127, 128, 100_000] {
            let text = format!("[{}{}, \"after\"]", "[".repeat(levels), "]".repeat(levels));
            let value = read(&text);
            assert_eq!(value[1], "after", "{levels}");
            let mut depth = 0;
            let mut at = &value;
            while let Some(next) = at.get(0) {
                (depth, at) = (depth + 1, next);
            }
            assert_eq!(depth, levels.min(MAX_LEVELS), "{levels}");
            assert_eq!(at.is_null(), levels >= MAX_LEVELS, "{levels}");
        }
    }
}
