//! A section read as its owner's type, by serde, with errors that say where.

use std::collections::btree_map;
use std::fmt;

use serde::de::value::{StrDeserializer, StringDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::ConfigError;
use super::tree::{Node, Value};

/// Reads `node`, or an empty section in its place.
pub(super) fn deserialize<T: DeserializeOwned>(name: &str, node: Option<&Node>) -> Result<T, ConfigError> {
    let empty = Node::empty();
    let node = node.unwrap_or(&empty);
    T::deserialize(Reader(node)).map_err(|error| error.at(Some(name), node))
}

impl serde::de::Error for ConfigError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            message: message.to_string(),
            key: None,
            origin: None,
        }
    }
}

impl ConfigError {
    /// Adds the place of `node`, on the way out of it: the innermost place with an origin stays.
    fn at(mut self, key: Option<&str>, node: &Node) -> Self {
        if let Some(key) = key {
            self.key = Some(match self.key {
                Some(inner) => format!("{key}.{inner}"),
                None => key.to_owned(),
            });
        }
        if self.origin.is_none() {
            self.origin = node.origin.as_deref().map(str::to_owned);
        }
        self
    }
}

struct Reader<'a>(&'a Node);

/// The text of a variable as the first of these that it reads as; the visitor then says whether it wanted that.
macro_rules! read_untyped {
    ($($method:ident => $visit:ident: $type:ty,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
            match &self.0.value {
                Value::Untyped(text) => match text.trim().parse::<$type>() {
                    Ok(value) => visitor.$visit(value),
                    Err(_) => visitor.visit_str(text),
                },
                _ => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = ConfigError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        match &self.0.value {
            Value::Table(table) => visitor.visit_map(Table {
                entries: table.iter(),
                value: None,
            }),
            Value::Array(nodes) => visitor.visit_seq(Array(nodes.iter())),
            Value::Text(text) | Value::Untyped(text) => visitor.visit_str(text),
            Value::Integer(number) => visitor.visit_i64(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Boolean(value) => visitor.visit_bool(*value),
        }
    }

    read_untyped! {
        deserialize_bool => visit_bool: bool,
        deserialize_i8 => visit_i64: i64,
        deserialize_i16 => visit_i64: i64,
        deserialize_i32 => visit_i64: i64,
        deserialize_i64 => visit_i64: i64,
        deserialize_u8 => visit_u64: u64,
        deserialize_u16 => visit_u64: u64,
        deserialize_u32 => visit_u64: u64,
        deserialize_u64 => visit_u64: u64,
        deserialize_f32 => visit_f64: f64,
        deserialize_f64 => visit_f64: f64,
    }

    /// A variable is a list when a list is wanted: its parts between commas.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        match &self.0.value {
            Value::Untyped(text) => {
                let parts: Vec<_> = text
                    .split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty())
                    .map(|part| Node {
                        value: Value::Untyped(part.to_owned()),
                        origin: self.0.origin.clone(),
                    })
                    .collect();
                visitor.visit_seq(Array(parts.iter()))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        match &self.0.value {
            Value::Text(text) | Value::Untyped(text) => visitor.visit_enum(StrDeserializer::new(text)),
            Value::Table(table) if table.len() == 1 => {
                let (variant, node) = table
                    .iter()
                    .next()
                    .ok_or_else(|| ConfigError::custom("an empty table"))?;
                visitor.visit_enum(Variant { variant, node })
            }
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct identifier ignored_any
    }
}

struct Table<'a> {
    entries: btree_map::Iter<'a, String, Node>,
    value: Option<(&'a str, &'a Node)>,
}

impl<'de> MapAccess<'de> for Table<'_> {
    type Error = ConfigError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ConfigError> {
        let Some((key, node)) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some((key, node));
        let name: StringDeserializer<ConfigError> = key.clone().into_deserializer();
        seed.deserialize(name)
            .map(Some)
            .map_err(|error| error.at(Some(key), node))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ConfigError> {
        let (key, node) = self
            .value
            .take()
            .ok_or_else(|| ConfigError::custom("a value without a key"))?;
        seed.deserialize(Reader(node))
            .map_err(|error| error.at(Some(key), node))
    }
}

struct Array<'a>(std::slice::Iter<'a, Node>);

impl<'de> SeqAccess<'de> for Array<'_> {
    type Error = ConfigError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ConfigError> {
        self.0
            .next()
            .map(|node| seed.deserialize(Reader(node)).map_err(|error| error.at(None, node)))
            .transpose()
    }
}

struct Variant<'a> {
    variant: &'a str,
    node: &'a Node,
}

impl<'a, 'de> EnumAccess<'de> for Variant<'a> {
    type Error = ConfigError;
    type Variant = Reader<'a>;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Reader<'a>), ConfigError> {
        let name: StrDeserializer<'_, ConfigError> = self.variant.into_deserializer();
        Ok((seed.deserialize(name)?, Reader(self.node)))
    }
}

impl<'de> VariantAccess<'de> for Reader<'_> {
    type Error = ConfigError;

    fn unit_variant(self) -> Result<(), ConfigError> {
        Err(ConfigError::custom("this value takes no table"))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ConfigError> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, ConfigError> {
        self.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        self.deserialize_any(visitor)
    }
}
