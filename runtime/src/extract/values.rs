//! Names with values, as queries and forms have them, read as a type.
//!
//! A name that comes several times is a list where the type has one, and so is one that comes once. Where a value is refused
//! its name is known: it is noted as the value is read.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;

use http::StatusCode;
use serde::de::value::Error;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::message;
use crate::problem::Problem;

/// How long a name may be that is repeated to the client, in bytes.
const MAX_NAME: usize = 200;

/// The name by which a type asks for a file.
#[cfg(feature = "multipart")]
pub(super) const FILE: &str = "$nova::Upload";

/// A value.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    /// The number of a file, where the type that asks for it finds it.
    #[cfg(feature = "multipart")]
    File(u64),
}

/// Names and values, in their order.
pub(super) type Pairs<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

/// What is wrong, with the name where one alone is.
#[derive(Debug)]
pub(super) struct Fault {
    name: String,
    said: String,
}

impl Fault {
    pub(super) fn problem(self, status: StatusCode, what: &'static str) -> Problem {
        let name = shortened(self.name);
        let said = message::for_client(&self.said);
        Problem::new(status).with_detail(what).parameter(name, said)
    }
}

/// Reads the values as a `T`.
pub(super) fn read<T: DeserializeOwned>(pairs: Pairs<'_>) -> Result<T, Fault> {
    let notes = Notes::default();
    let read = T::deserialize(Fields { pairs, notes: &notes });
    read.map_err(|error| {
        let said = error.to_string();
        let name = match message::missing(&said) {
            Some(field) => field.to_owned(),
            None => notes.name.take().unwrap_or_default(),
        };
        Fault { name, said }
    })
}

/// The names that a `T` has, where it is a struct that says so.
#[cfg(feature = "multipart")]
pub(super) fn names<T: DeserializeOwned>() -> Option<&'static [&'static str]> {
    let notes = Notes {
        asks: true,
        ..Notes::default()
    };
    // It is refused as soon as it has said so.
    let _ = T::deserialize(Fields {
        pairs: Vec::new(),
        notes: &notes,
    });
    notes.names.take()
}

pub(super) fn shortened(mut name: String) -> String {
    if name.len() > MAX_NAME {
        name.truncate(name.floor_char_boundary(MAX_NAME));
        name.push('…');
    }
    name
}

/// What is noted while it is read.
#[derive(Default)]
struct Notes {
    /// The name of what was refused.
    name: RefCell<Option<String>>,
    /// Whether nothing but the names of the fields is asked for.
    asks: bool,
    names: RefCell<Option<&'static [&'static str]>>,
}

impl Notes {
    fn noting<T>(&self, name: &str, read: Result<T, Error>) -> Result<T, Error> {
        if read.is_err() {
            *self.name.borrow_mut() = Some(name.to_owned());
        }
        read
    }
}

/// All of them.
struct Fields<'a, 'n> {
    pairs: Pairs<'a>,
    notes: &'n Notes,
}

impl<'de> Deserializer<'de> for Fields<'_, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Groups::new(self))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.notes.asks {
            *self.notes.names.borrow_mut() = Some(fields);
            return Err(de::Error::custom("asked"));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Each {
            pairs: self.pairs.into_iter(),
            notes: self.notes,
        })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf tuple_struct map enum identifier
        ignored_any
    }
}

/// As a map: each name once, where it comes first.
struct Groups<'a, 'n> {
    rest: std::vec::IntoIter<(Cow<'a, str>, Vec<Value<'a>>)>,
    current: Option<(Cow<'a, str>, Vec<Value<'a>>)>,
    notes: &'n Notes,
}

impl<'a, 'n> Groups<'a, 'n> {
    fn new(fields: Fields<'a, 'n>) -> Self {
        let mut places: HashMap<Cow<'a, str>, usize> = HashMap::new();
        let mut groups: Vec<(Cow<'a, str>, Vec<Value<'a>>)> = Vec::new();
        for (name, value) in fields.pairs {
            if let Some((_, values)) = places.get(&name).and_then(|place| groups.get_mut(*place)) {
                values.push(value);
            } else {
                places.insert(name.clone(), groups.len());
                groups.push((name, vec![value]));
            }
        }
        Self {
            rest: groups.into_iter(),
            current: None,
            notes: fields.notes,
        }
    }
}

impl<'de> MapAccess<'de> for Groups<'_, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.current = self.rest.next();
        let Some((name, _)) = &self.current else {
            return Ok(None);
        };
        let read = seed.deserialize(Values {
            name,
            values: vec![Value::Text(Cow::Borrowed(name))],
        });
        self.notes.noting(name, read).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let Some((name, values)) = self.current.take() else {
            return Err(de::Error::custom("a value was asked for before its name"));
        };
        let read = seed.deserialize(Values { name: &name, values });
        self.notes.noting(&name, read)
    }
}

/// As a list of pairs.
struct Each<'a, 'n> {
    pairs: std::vec::IntoIter<(Cow<'a, str>, Value<'a>)>,
    notes: &'n Notes,
}

impl<'de> SeqAccess<'de> for Each<'_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some((name, value)) = self.pairs.next() else {
            return Ok(None);
        };
        let text = Value::Text(Cow::Owned(name.clone().into_owned()));
        let read = seed.deserialize(Values {
            name: &name,
            values: vec![text, value],
        });
        self.notes.noting(&name, read).map(Some)
    }
}

/// What there is of one name.
struct Values<'a, 'n> {
    name: &'n str,
    values: Vec<Value<'a>>,
}

impl<'a> Values<'a, '_> {
    /// The value, where there is one alone.
    fn one(mut self) -> Result<Value<'a>, Error> {
        match (self.values.pop(), self.values.is_empty()) {
            (Some(value), true) => Ok(value),
            _ => Err(de::Error::custom(format_args!("duplicate field `{}`", self.name))),
        }
    }

    /// The text of one.
    #[cfg_attr(
        not(feature = "multipart"),
        expect(unused_variables, reason = "where there are no files, all is text")
    )]
    fn text(self, expected: &dyn de::Expected) -> Result<Cow<'a, str>, Error> {
        match self.one()? {
            Value::Text(text) => Ok(text),
            #[cfg(feature = "multipart")]
            Value::File(_) => Err(de::Error::invalid_type(de::Unexpected::Other("file"), expected)),
        }
    }

    fn string<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.text(&visitor)? {
            Cow::Borrowed(text) => visitor.visit_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }
}

macro_rules! parsed {
    ($($method:ident $visit:ident)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
                let parsed = self.text(&visitor)?.parse().map_err(de::Error::custom)?;
                visitor.$visit(parsed)
            }
        )*
    };
}

macro_rules! as_text {
    ($($method:ident)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
                self.string(visitor)
            }
        )*
    };
}

impl<'de> Deserializer<'de> for Values<'_, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.values.len() {
            1 => self.string(visitor),
            _ => self.deserialize_seq(visitor),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(List {
            name: self.name,
            values: self.values.into_iter(),
        })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        match name {
            #[cfg(feature = "multipart")]
            FILE => match self.one()? {
                Value::File(number) => visitor.visit_u64(number),
                Value::Text(_) => Err(de::Error::custom("expected a file")),
            },
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let text = self.text(&visitor)?;
        visitor.visit_enum(text.into_deserializer())
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    parsed! {
        deserialize_bool visit_bool
        deserialize_i8 visit_i8
        deserialize_i16 visit_i16
        deserialize_i32 visit_i32
        deserialize_i64 visit_i64
        deserialize_i128 visit_i128
        deserialize_u8 visit_u8
        deserialize_u16 visit_u16
        deserialize_u32 visit_u32
        deserialize_u64 visit_u64
        deserialize_u128 visit_u128
        deserialize_f32 visit_f32
        deserialize_f64 visit_f64
    }

    as_text! {
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_identifier
    }

    forward_to_deserialize_any! { unit unit_struct map struct }
}

/// As a list.
struct List<'a, 'n> {
    name: &'n str,
    values: std::vec::IntoIter<Value<'a>>,
}

impl<'de> SeqAccess<'de> for List<'_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(value) = self.values.next() else {
            return Ok(None);
        };
        let values = Values {
            name: self.name,
            values: vec![value],
        };
        seed.deserialize(values).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.values.len())
    }
}
