//! JSON bodies.

use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::body::{self, MediaType};
use super::{message, pointer};
use crate::error::Error;
use crate::problem::Problem;

/// A body of JSON, and as a response JSON.
///
/// ```
/// use nova::prelude::*;
///
/// #[derive(serde::Deserialize)]
/// struct NewUser { name: String, age: u8 }
///
/// async fn create(Json(user): Json<NewUser>) -> Reply {
///     Reply::json(json!({ "name": user.name, "age": user.age }))
/// }
///
/// # fn routes() -> Routes { Routes::new().group(Group::new("/").post("/", create)) }
/// # nova::testing::run(async {
/// let response = nova::testing::app(routes).post_json("/", &json!({ "name": "Ali", "age": "old" })).await;
/// assert_eq!(response.status(), 422);
/// assert_eq!(response.json::<nova::serde_json::Value>()["errors"], json!([
///     { "pointer": "/age", "detail": "invalid type: string, expected u8" }
/// ]));
/// # });
/// ```
///
/// The content type is `application/json`, or one that ends in `+json`. `Option<Json<T>>` is `None` for a request without a
/// content type.
///
/// # Refusals
///
/// Each is a [`Problem`]:
///
/// | status | |
/// | --- | --- |
/// | 400 | the body is no JSON (also one nested more than 127 deep, or with a number no type holds), or was cut |
/// | 413 | it is longer than `server.body_limit` |
/// | 415 | its content type is another |
/// | 422 | it is JSON, but no `T`: the error is at the field's JSON pointer |
///
/// The first thing that is wrong is told, not all. Inside of what serde reads twice (`flatten`, and enums that are `untagged`
/// or have a `tag`), the pointer is that of the whole.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json<T>(pub T);

super::wrapper!(Json);

const JSON: MediaType = MediaType {
    name: "application/json",
    is: |essence| {
        let subtype = essence.strip_prefix("application/");
        subtype.is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
    },
};

impl<T: DeserializeOwned> Json<T> {
    /// Reads a text.
    ///
    /// # Errors
    /// The refusal: 400 or 422.
    pub fn from_bytes(text: &[u8]) -> Result<Self, Problem> {
        match serde_json::from_slice(text) {
            Ok(value) => Ok(Self(value)),
            Err(error) => Err(refusal(text, &error, |text| serde_json::from_slice::<T>(text).err())),
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        Self::from_bytes(&body::read(request, &JSON).await?)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Option<Self>, Problem> {
        if !request.headers().contains_key(header::CONTENT_TYPE) {
            return Ok(None);
        }
        Self::from_bytes(&body::read(request, &JSON).await?).map(Some)
    }
}

/// A value that does not serialise is an error of the controller's: see [`nova::Error`](crate::Error).
impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        respond(serde_json::to_vec(&self.0))
    }
}

fn respond(serialised: serde_json::Result<Vec<u8>>) -> Response {
    match serialised {
        Ok(text) => {
            let json = HeaderValue::from_static(JSON.name);
            ([(header::CONTENT_TYPE, json)], text).into_response()
        }
        Err(error) => Error::new(error).into_response(),
    }
}

/// What is wrong with a text. `read` reads another as the same type, and gives the error.
fn refusal(text: &[u8], error: &serde_json::Error, read: fn(&[u8]) -> Option<serde_json::Error>) -> Problem {
    if error.classify() != Category::Data {
        let detail = format!("the body is not valid JSON: {error}");
        return Problem::new(StatusCode::BAD_REQUEST).with_detail(detail);
    }
    let said = message::without_place(error);
    let mut offset = pointer::offset(text, error.line(), error.column());
    // What is wrong with the last field, and serde_json does not see itself, it puts behind the end of the object or array,
    // and in an array what is wrong with any element behind the next comma.
    let before = text[..offset].trim_ascii_end();
    if let Some((b',' | b'}' | b']', before)) = before.split_last()
        && read(before).is_some_and(|error| message::without_place(&error) == said)
    {
        offset = before.len();
    }
    let mut pointer = pointer::at(text, offset);
    if let Some(field) = message::missing(&said) {
        pointer::push(&mut pointer, field);
    }
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY)
        .with_detail("the body does not have the expected form")
        .error(pointer, message::for_client(&said))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    /// Where and what is wrong with a text.
    fn fault<T: DeserializeOwned>(text: &str) -> (u16, String, String) {
        let problem = Json::<T>::from_bytes(text.as_bytes()).err().unwrap();
        let status = problem.status().as_u16();
        match problem.errors().next() {
            Some((place, detail)) => (status, place.to_owned(), detail.to_owned()),
            None => (status, String::new(), problem.detail().unwrap().to_owned()),
        }
    }

    fn at<T: DeserializeOwned>(text: &str) -> String {
        let (status, place, detail) = fault::<T>(text);
        assert_eq!(status, 422, "{detail}");
        place
    }

    /// What `serde_json` sees no place for.
    #[derive(Debug, Deserialize)]
    #[serde(try_from = "String")]
    struct Email(#[expect(dead_code, reason = "it is read into")] String);

    impl TryFrom<String> for Email {
        type Error = &'static str;

        fn try_from(text: String) -> Result<Self, &'static str> {
            match text.contains('@') {
                true => Ok(Self(text)),
                false => Err("expected an @"),
            }
        }
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "they are read into")]
    struct User {
        age: u8,
        email: Email,
        #[serde(default)]
        friends: Vec<User>,
        #[serde(default)]
        emails: Vec<Email>,
        #[serde(default, rename = "a/b~c")]
        odd: Option<bool>,
        #[serde(default)]
        by_name: BTreeMap<String, Email>,
    }

    #[test]
    fn it_names_the_field() {
        let cases = [
            (r#"{"age": "x"}"#, "/age", "invalid type: string, expected u8"),
            (r#"{"age": 300}"#, "/age", "invalid value: integer `300`, expected u8"),
            (r#"{"age": {"a": 1}}"#, "/age", "invalid type: object, expected u8"),
            (r#"{"age": [1]}"#, "/age", "invalid type: array, expected u8"),
            (r#"{"age": null}"#, "/age", "invalid type: null, expected u8"),
            (
                r#"{"age": 1.5 , "email":"@"}"#,
                "/age",
                "invalid type: floating point `1.5`, expected u8",
            ),
            (r#"{"age": 1}"#, "/email", "missing field `email`"),
            (r#"{"age":1,"age":2}"#, "/age", "duplicate field `age`"),
            (r#"{"email":"x"}"#, "/email", "expected an @"),
            ("{\"email\"\n:\n\"x\"\n ,\"age\":1}", "/email", "expected an @"),
            (r#"{"emails":["@","x"]}"#, "/emails/1", "expected an @"),
            (r#"{"emails":["@","x" , "@"]}"#, "/emails/1", "expected an @"),
            (r#"{"emails":["x",{}]}"#, "/emails/0", "expected an @"),
            (
                r#"{"emails":["@", {}]}"#,
                "/emails/1",
                "invalid type: object, expected a string",
            ),
            (
                r#"{"by_name":{"q\"u":"@","\u00e9":"x"}}"#,
                "/by_name/é",
                "expected an @",
            ),
            (
                r#"{"a/b~c":7}"#,
                "/a~1b~0c",
                "invalid type: integer `7`, expected a boolean",
            ),
            (
                r#"{"friends":[{"age":1,"email":"@"},{"age":2}]}"#,
                "/friends/1/email",
                "missing field `email`",
            ),
            (
                r#"{"friends":[{"age":1,"email":"@","friends":[{"age":-1}]}]}"#,
                "/friends/0/friends/0/age",
                "invalid value: integer `-1`, expected u8",
            ),
            ("7", "", "invalid type: integer `7`, expected an object"),
            ("\"}\"", "", "invalid type: string, expected an object"),
        ];
        for (text, place, detail) in cases {
            assert_eq!(
                fault::<User>(text),
                (422, place.to_owned(), detail.to_owned()),
                "{text}"
            );
        }
        assert_eq!(at::<Email>("\"x\""), "");
        assert_eq!(at::<Vec<Email>>("[\"@\",\"@\",\"x\"]"), "/2");
        assert_eq!(at::<User>(r#"{"other":1}"#), "/other");
        assert_eq!(at::<(u8, u8)>("[1]"), "");
    }

    #[test]
    fn what_is_read_twice_is_named_as_a_whole() {
        #[derive(Debug, Deserialize)]
        #[serde(tag = "kind", rename_all = "lowercase")]
        #[expect(dead_code, reason = "they are read into")]
        enum Shape {
            Circle { radius: u8 },
        }
        #[derive(Debug, Deserialize)]
        #[serde(untagged)]
        #[expect(dead_code, reason = "they are read into")]
        enum Secret {
            Number(u8),
            List(Vec<u8>),
        }
        assert_eq!(
            at::<Vec<Shape>>(r#"[{"kind":"circle","radius":1},{"kind":"circle","radius":"x"}]"#),
            "/1"
        );
        assert_eq!(
            fault::<BTreeMap<String, Secret>>(r#"{"a":1,"b":"x"}"#),
            (422, "/b".to_owned(), "none of the expected forms".to_owned())
        );
    }

    #[test]
    fn what_is_no_json_is_400() {
        let deep = "[".repeat(100_000);
        let deep_ignored = format!(r#"{{"a":{}"#, "[".repeat(1000));
        for text in [
            "",
            "{",
            "{\"age\":1,}",
            "nul",
            "1 2",
            "{\"age\":1e999}",
            "{\"email\":\"\\ud800\"}",
            &deep,
            &deep_ignored,
        ] {
            let (status, place, detail) = fault::<serde_json::Value>(text);
            assert_eq!((status, place.as_str()), (400, ""), "{detail}");
            assert!(
                detail.starts_with("the body is not valid JSON: ") && detail.len() < 120,
                "{detail}"
            );
        }
        let problem = Json::<String>::from_bytes(b"\"\xff\"").unwrap_err();
        assert_eq!(problem.status(), 400);
    }

    #[test]
    fn it_repeats_no_long_text() {
        let long = "x".repeat(100_000);
        let text = format!("{{\"{long}\":1,\"b\":{{\"{long}\":\"\"}}}}");
        let problem = Json::<BTreeMap<String, u8>>::from_bytes(text.as_bytes()).unwrap_err();
        assert!(problem.to_json().len() < 1000, "{problem}");
        let problem = Json::<User>::from_bytes(text.as_bytes()).unwrap_err();
        assert!(problem.to_json().len() < 1000, "{problem}");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in prop::collection::vec(prop::sample::select(b"{}[]\",:\\a@01-e. \n\xc3\xa9".to_vec()), 0..40)) {
            let _ = Json::<User>::from_bytes(&text);
            let _ = Json::<BTreeMap<String, Vec<Email>>>::from_bytes(&text);
        }

        #[test]
        fn a_pointer_leads_to_the_field(
            path in prop::collection::vec(prop_oneof!["[a-z/~\"\\\\é ]{0,4}".prop_map(Ok), (0..4_usize).prop_map(Err)], 0..6),
            pretty in any::<bool>(),
        ) {
            // A document whose only number is at the end of the path, read as one that has none.
            #[derive(Debug)]
            struct NoNumbers;
            impl<'de> Deserialize<'de> for NoNumbers {
                fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    struct Visitor;
                    impl<'de> serde::de::Visitor<'de> for Visitor {
                        type Value = NoNumbers;
                        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                            f.write_str("no number")
                        }
                        fn visit_str<E>(self, _: &str) -> Result<NoNumbers, E> {
                            Ok(NoNumbers)
                        }
                        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<NoNumbers, A::Error> {
                            while seq.next_element::<NoNumbers>()?.is_some() {}
                            Ok(NoNumbers)
                        }
                        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<NoNumbers, A::Error> {
                            while map.next_entry::<String, NoNumbers>()?.is_some() {}
                            Ok(NoNumbers)
                        }
                    }
                    deserializer.deserialize_any(Visitor)
                }
            }
            let mut document = serde_json::json!(7);
            for step in path.iter().rev() {
                document = match step {
                    Ok(key) => serde_json::json!({ "!before": "},]\"", key.as_str(): document, "~~after": [] }),
                    Err(index) => {
                        let mut list = vec![serde_json::json!(["[{,"]); *index];
                        list.push(document);
                        list.push(serde_json::json!({}));
                        list.into()
                    }
                };
            }
            let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) };
            let pointer = at::<NoNumbers>(&text.unwrap());
            prop_assert_eq!(document.pointer(&pointer), Some(&serde_json::json!(7)), "{}", pointer);
        }
    }
}
