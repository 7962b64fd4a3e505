//! What a file of subscriptions would change of those that there are. They are told apart by their names.

use std::collections::{BTreeMap, BTreeSet};

use loghorn_domain::{
    credentials::MASK,
    subscription::{SHOWN_ONLY, Spec},
};
use loghorn_web::api::subscriptions::Shown;
use serde_json::{Map, Value};
use url::Url;

use super::{
    fail::{Exit, Fail},
    sub::name,
};

/// What is to be done with one subscription.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    Create {
        name: String,
        spec: Map<String, Value>,
    },
    Update {
        name: String,
        id: String,
        version: u32,
        spec: Map<String, Value>,
        /// What it is now.
        old: Map<String, Value>,
        members: Vec<String>,
    },
    Keep {
        name: String,
    },
    /// It is not in the file.
    Extra {
        name: String,
        id: String,
        spec: Map<String, Value>,
    },
}

/// The subscriptions of a file: a list, alone or under `subscriptions`.
pub(super) fn wanted(file: &Value) -> Result<Vec<Map<String, Value>>, Fail> {
    let refused = |why: String| Fail::new(Exit::Refused, why).remedy("See how it should look:  loghorn sub export");
    let list = match file {
        Value::Object(members) => match members.keys().find(|name| *name != "subscriptions") {
            Some(other) => {
                return Err(refused(format!("{other:?} means nothing here: expected a list `subscriptions`")));
            }
            None => members.get("subscriptions").unwrap_or(&Value::Null),
        },
        other => other,
    };
    let items = list.as_array().ok_or_else(|| refused("expected a list `subscriptions`".into()))?;
    let mut names = BTreeSet::new();
    let mut all = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let at = at + 1;
        let mut spec = item.as_object().cloned().ok_or_else(|| refused(format!("number {at} is no subscription")))?;
        SHOWN_ONLY.iter().for_each(|member| drop(spec.remove(*member)));
        let name =
            spec.get("name").and_then(Value::as_str).ok_or_else(|| refused(format!("number {at} has no name")))?;
        if !names.insert(name.to_owned()) {
            return Err(refused(format!("{name:?} stands there twice")));
        }
        check(name, &spec)?;
        all.push(spec);
    }
    Ok(all)
}

/// What can be told without the server is told before anything is done.
pub(super) fn check(name: &str, spec: &Map<String, Value>) -> Result<(), Fail> {
    let mut bare = spec.clone();
    bare.remove("secret");
    let bare = Value::Object(bare);
    let Err(mut problems) = Spec::from_json(bare.clone()) else { return Ok(()) };
    // What is masked is known to the server alone.
    let is_masked = |value: &Value| value.to_string().contains(MASK);
    problems.retain(|problem| problem.pointer.is_empty() || !bare.pointer(&problem.pointer).is_some_and(is_masked));
    if problems.is_empty() {
        return Ok(());
    }
    let fail = Fail::new(Exit::Refused, format!("{name}: it is not acceptable, and nothing was changed"));
    Err(problems.iter().fold(fail, |fail, problem| fail.why(format!("{}: {}", problem.pointer, problem.detail))))
}

pub(super) fn plan(wanted: Vec<Map<String, Value>>, known: &[Shown]) -> Result<Vec<Step>, Fail> {
    let mut by_name: BTreeMap<&str, Vec<&Shown>> = BTreeMap::new();
    known.iter().for_each(|shown| by_name.entry(name(shown)).or_default().push(shown));
    let mut steps = Vec::new();
    for mut spec in wanted {
        let name = spec.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        steps.push(match by_name.remove(&*name).as_deref() {
            None => Step::Create { name, spec },
            Some([shown]) => {
                // It has one already; another is set by `secret rotate`.
                spec.remove("secret");
                let members = changed(&spec, &shown.spec);
                match members.is_empty() {
                    true => Step::Keep { name },
                    false => {
                        let (id, old) = (shown.id.clone(), shown.spec.clone());
                        Step::Update { name, id, version: shown.version, spec, old, members }
                    }
                }
            }
            Some(many) => {
                let why = format!("{name:?} is the name of {} subscriptions: which one is meant?", many.len());
                return Err(Fail::new(Exit::Refused, why).remedy("Give them names of their own:  loghorn sub edit ID"));
            }
        });
    }
    let extra =
        |shown: &Shown| Step::Extra { name: name(shown).into(), id: shown.id.clone(), spec: shown.spec.clone() };
    steps.extend(by_name.into_values().flatten().map(extra));
    Ok(steps)
}

/// The members in which they differ, as the server would read both.
pub(super) fn changed(wanted: &Map<String, Value>, shown: &Map<String, Value>) -> Vec<String> {
    let (wanted, shown) = (as_read(wanted), as_read(shown));
    let names: BTreeSet<&String> = wanted.keys().chain(shown.keys()).collect();
    names.into_iter().filter(|name| wanted.get(*name) != shown.get(*name)).cloned().collect()
}

/// With what is left out filled in, and URLs written alike.
fn as_read(spec: &Map<String, Value>) -> Map<String, Value> {
    let read = serde_json::from_value::<Spec>(Value::Object(spec.clone())).ok();
    let Some(Ok(Value::Object(mut read))) = read.map(serde_json::to_value) else { return spec.clone() };
    let alike = |value: &mut Value| {
        if let Some(url) = value.as_str().and_then(|text| text.parse::<Url>().ok()) {
            *value = String::from(url).into();
        }
    };
    read.get_mut("url").into_iter().for_each(alike);
    let regions = read.get_mut("regions").and_then(|regions| regions.get_mut("urls")).and_then(Value::as_object_mut);
    regions.into_iter().flat_map(Map::values_mut).for_each(alike);
    read
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::{sub_edit::written, yaml};

    fn shown(name: &str, more: Value) -> Shown {
        let mut spec = json!({"name": name, "url": "https://example.com/", "events": ["**"]});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let spec = serde_json::to_value(Spec::from_json(spec).unwrap()).unwrap();
        let known = json!({"id": format!("sub_{name}"), "state": "active", "disabled_reason": null, "circuit": "closed",
            "version": 3, "created_at": "", "updated_at": ""});
        let mut all = known.as_object().unwrap().clone();
        all.extend(spec.as_object().unwrap().clone());
        serde_json::from_value(Value::Object(all)).unwrap()
    }

    fn steps(yaml: &str, known: &[Shown]) -> Vec<String> {
        let steps = plan(wanted(&yaml::read(yaml, "f").unwrap()).unwrap(), known).unwrap();
        let words = |step: &Step| match step {
            Step::Create { name, .. } => format!("+ {name}"),
            Step::Update { name, members, .. } => format!("~ {name} {}", members.join(",")),
            Step::Keep { name } => format!("= {name}"),
            Step::Extra { name, .. } => format!("- {name}"),
        };
        steps.iter().map(words).collect()
    }

    #[test]
    fn only_what_differs_is_changed() {
        let known =
            [shown("a", json!({})), shown("b", json!({"filters": {"min_level": "ERROR"}})), shown("c", json!({}))];
        let file = "
subscriptions:
  - {name: a, url: 'https://example.com', events: ['**'], version: 9}
  - {name: b, url: 'https://example.com/', events: ['**'], filters: {min_level: WARNING}, timeout: 5s}
  - {name: d, url: 'https://example.com/', events: [log.error]}
";
        assert_eq!(steps(file, &known), ["= a", "~ b filters,timeout", "+ d", "- c"]);
        let exported: Vec<Value> = known.iter().map(|shown| Value::Object(written(&shown.spec))).collect();
        assert_eq!(exported[0], json!({"name": "a", "url": "https://example.com/", "events": ["**"]}));
        assert_eq!(steps(&yaml::of_value(&json!(exported)).unwrap(), &known), ["= a", "= b", "= c"]);
    }

    #[test]
    fn masks_mean_as_it_is() {
        let mut known = shown("a", json!({"auth": {"type": "bearer", "token": "hush"}}));
        known.spec.insert("auth".into(), json!({"type": "bearer", "token": MASK}));
        let file = yaml::of_value(&json!([known.spec])).unwrap();
        assert_eq!(steps(&file, &[known]), ["= a"]);
    }

    #[test]
    fn a_file_that_is_wrong_changes_nothing() {
        let wrong = |yaml: &str| wanted(&yaml::read(yaml, "f").unwrap()).unwrap_err().exit;
        for yaml in [
            "subscription: []",
            "x",
            "- {url: 'https://example.com/'}",
            "- {name: a, url: 'https://example.com/', events: ['**'], fliters: {}}",
            // A mask says nothing of the rest.
            "- {name: a, url: 'https://example.com/', events: [], auth: {type: bearer, token: ••••}}",
            "- {name: a, events: ['**'], auth: {type: bearer, token: ••••}}",
            "- {name: a, url: 'https://x.example/', events: ['**']}\n- {name: a, url: 'https://x.example/', events: ['**']}",
        ] {
            assert_eq!(wrong(yaml), Exit::Refused, "{yaml}");
        }
        let twice = [shown("a", json!({})), shown("a", json!({}))];
        let file = yaml::read("- {name: a, url: 'https://x.example/', events: ['**']}", "f").unwrap();
        assert!(plan(wanted(&file).unwrap(), &twice).is_err());
    }
}
