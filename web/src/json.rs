//! Bodies that are one JSON object.

use actix_web::{HttpRequest, web};
use loghorn_domain::Problem;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    State,
    body::{self, Reading, value_room},
    error::Error,
};

/// The body as a `T`, with a pointer to what is wrong. `nested`: members that are objects too.
pub(crate) async fn read<T: DeserializeOwned>(
    state: &web::Data<State>,
    request: &HttpRequest,
    payload: web::Payload,
    nested: &[&str],
) -> Result<T, Error> {
    let object = object(state, request, payload, nested).await?;
    serde_path_to_error::deserialize(Value::Object(object)).map_err(|error| Error::invalid([Problem::of_json(&error)]))
}

/// The body's members. serde also reads a struct from a list: `[]` would be one with all its defaults, and an empty
/// filter means everything; so neither the body nor what is `nested` may be one.
pub(crate) async fn object(
    state: &web::Data<State>,
    request: &HttpRequest,
    payload: web::Payload,
    nested: &[&str],
) -> Result<Map<String, Value>, Error> {
    let bytes_max = body::object_bytes_max(state);
    let mut body = body::read(state, request, payload, bytes_max, Reading::Strict).await?;
    body.room.pass(value_room(&body.bytes))?;
    let bad = |error: serde_json::Error| {
        Error::malformed(format!("not well-formed JSON: {error}"), "send one JSON object in UTF-8")
    };
    let expected = |pointer: String| Error::invalid([Problem::new(pointer, "expected a JSON object")]);
    let Value::Object(object) = serde_json::from_slice(&body.bytes).map_err(bad)? else {
        return Err(expected(String::new()));
    };
    match nested.iter().find(|member| object.get(**member).is_some_and(Value::is_array)) {
        Some(member) => Err(expected(format!("/{member}"))),
        None => Ok(object),
    }
}
