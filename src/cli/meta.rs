//! Conditions on metadata as they are typed: `amount > 1000`, `region in eu,us`, `card.brand exists`.

use serde_json::{Map, Value, json};

use super::fail::Fail;

const EXAMPLES: &str = "Such as:  --meta 'amount > 1000'    --meta 'region in eu,us'    --meta 'card.brand exists'";

/// What stands between path and value, the longer ones first, and what the API calls it.
const SIGNS: [(&str, &str); 12] = [
    ("==", "eq"),
    ("=~", "regex"),
    ("!=", "ne"),
    (">=", "gte"),
    ("<=", "lte"),
    ("^=", "prefix"),
    ("$=", "suffix"),
    ("*=", "contains"),
    ("=", "eq"),
    (">", "gt"),
    ("<", "lt"),
    ("~", "regex"),
];

/// The member `metadata` of a filter: each path once, with all that is asked of it.
pub(crate) fn filter(texts: &[String]) -> Result<Map<String, Value>, Fail> {
    let mut paths = Map::new();
    for text in texts {
        let wrong = |why: String| Fail::usage(format!("--meta {text:?}: {why}")).remedy(EXAMPLES);
        let (path, operator, value) = read(text).map_err(wrong)?;
        if let Value::Object(operators) = paths.entry(path).or_insert_with(|| json!({}))
            && operators.insert(operator.to_owned(), value).is_some()
        {
            return Err(wrong(format!("{path} has {operator} already; `in` and `not in` take several values")));
        }
    }
    Ok(paths)
}

/// Path, operator and operand of one condition.
fn read(text: &str) -> Result<(&str, &'static str, Value), String> {
    let text = text.trim();
    let (path, rest) = text.split_at(path_end(text));
    let rest = rest.trim();
    if path.is_empty() {
        return Err("expected a path first".into());
    }
    match rest {
        "" => return Err("expected an operator after the path".into()),
        "exists" => return Ok((path, "exists", true.into())),
        "!exists" | "missing" => return Ok((path, "exists", false.into())),
        _ => {}
    }
    if let Some(rest) = word(rest, "in") {
        return Ok((path, "in", list(rest)?));
    }
    if let Some(rest) = word(rest, "not").and_then(|rest| word(rest, "in")) {
        return Ok((path, "not_in", list(rest)?));
    }
    let found = SIGNS.iter().find_map(|(sign, operator)| Some((*sign, *operator, rest.strip_prefix(sign)?.trim())));
    let (sign, operator, value) = found.ok_or_else(|| {
        "after the path expected one of = != > >= < <= ~ ^= $= *=, in, not in, exists, missing".to_owned()
    })?;
    if value.is_empty() {
        return Err(format!("expected a value after {sign}; \"\" is the empty text"));
    }
    let json = serde_json::from_str::<Value>(value).ok();
    let operand = match operator {
        "gt" | "gte" | "lt" | "lte" => {
            json.filter(Value::is_number).ok_or_else(|| format!("expected a number after {sign}"))?
        }
        // `=>` is no operator, and would be taken for a text.
        "eq" if value.starts_with(['<', '>', '=']) => return Err(format!("{sign}{value} is no operator with a value")),
        "regex" | "prefix" | "suffix" => json.filter(Value::is_string).unwrap_or_else(|| value.into()),
        _ => json.unwrap_or_else(|| value.into()),
    };
    Ok((path, operator, operand))
}

/// Where the path ends: before white space or an operator, those inside a JSONPath's brackets excepted.
fn path_end(text: &str) -> usize {
    let (mut depth, mut quote, mut is_escaped) = (0_usize, None, false);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') if depth > 0 => quote = Some(c),
            (None, '[') if text.starts_with('$') => depth += 1,
            (None, ']') => depth = depth.saturating_sub(1),
            (None, c) if depth == 0 && (c.is_whitespace() || is_sign(&text[..at], &text[at..])) => return at,
            (None, _) => {}
        }
    }
    text.len()
}

fn is_sign(before: &str, rest: &str) -> bool {
    // `$` alone is the metadata, and `.*` every member.
    let is_of_path = before.is_empty() || before.ends_with('.');
    rest.starts_with(['=', '!', '<', '>', '~'])
        || (!is_of_path && ["^=", "$=", "*="].iter().any(|sign| rest.starts_with(sign)))
}

/// What follows `word`, where `text` begins with it.
fn word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(word)?;
    (rest.is_empty() || rest.starts_with(|c: char| c.is_whitespace() || c == '[')).then(|| rest.trim_start())
}

fn list(text: &str) -> Result<Value, String> {
    if let Ok(list @ Value::Array(_)) = serde_json::from_str(text) {
        return Ok(list);
    }
    let one = |item: &str| -> Result<Value, String> {
        match item.trim() {
            "" => Err("expected values with commas between, or a JSON list".to_owned()),
            item => Ok(serde_json::from_str(item).unwrap_or_else(|_| item.into())),
        }
    };
    text.split(',').map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fail::Exit;
    use super::*;

    fn read_all(texts: &[&str]) -> Result<Value, Exit> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let metadata = filter(&texts).map_err(|fail| fail.exit)?;
        // The server takes what comes of it.
        let spec =
            json!({"name": "n", "url": "https://example.com/", "events": ["**"], "filters": {"metadata": metadata}});
        loghorn_domain::subscription::Spec::from_json(spec).unwrap();
        Ok(Value::Object(metadata))
    }

    #[test]
    fn every_operator_is_read() {
        for (text, path, operators) in [
            ("amount > 1000", "amount", json!({"gt": 1000})),
            ("amount>=1e3", "amount", json!({"gte": 1e3})),
            ("amount<5", "amount", json!({"lt": 5})),
            ("amount <= -5.5", "amount", json!({"lte": -5.5})),
            ("region=eu", "region", json!({"eq": "eu"})),
            ("region == \"5\"", "region", json!({"eq": "5"})),
            ("region != null", "region", json!({"ne": null})),
            ("code ~ ^5\\d\\d$", "code", json!({"regex": "^5\\d\\d$"})),
            ("code =~ 50", "code", json!({"regex": "50"})),
            ("host ^= web-", "host", json!({"prefix": "web-"})),
            ("host $= \".eu\"", "host", json!({"suffix": ".eu"})),
            ("tags *= [1]", "tags", json!({"contains": [1]})),
            ("card.brand in visa, amex,5", "card.brand", json!({"in": ["visa", "amex", 5]})),
            ("card.brand in[\"a,b\"]", "card.brand", json!({"in": ["a,b"]})),
            ("n not in 1,2", "n", json!({"not_in": [1, 2]})),
            ("n exists", "n", json!({"exists": true})),
            ("n !exists", "n", json!({"exists": false})),
            ("n missing", "n", json!({"exists": false})),
            ("$.items[?@.sku == 'a]'].n > 3", "$.items[?@.sku == 'a]'].n", json!({"gt": 3})),
            ("$.*= 5", "$.*", json!({"eq": 5})),
            ("$['a b'] = c d", "$['a b']", json!({"eq": "c d"})),
        ] {
            assert_eq!(read_all(&[text]), Ok(json!({path: operators})), "{text}");
        }
    }

    #[test]
    fn conditions_on_one_path_are_joined() {
        let read = read_all(&["n > 1", "m = x", "n <= 5"]);
        assert_eq!(read, Ok(json!({"n": {"gt": 1, "lte": 5}, "m": {"eq": "x"}})));
        assert_eq!(read_all(&["n > 1", "n > 2"]), Err(Exit::Usage));
    }

    #[test]
    fn what_is_wrong_is_told_with_an_example() {
        for text in
            ["", "n", "> 5", "n > many", "n =", "n => 5", "n !~ x", "n in", "n in a,,b", "n is 5", "n not 5", "n inx"]
        {
            let fail = filter(&[text.to_owned()]).unwrap_err();
            assert_eq!(fail.exit, Exit::Usage, "{text}");
            assert_eq!(fail.clone().remedy(EXAMPLES), fail, "{text}");
        }
    }
}
