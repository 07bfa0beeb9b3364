//! The template language.

use serde_json::json;

use super::*;

fn fill(template: Value, root: &Value) -> Option<Value> {
    Template::parse(&template).unwrap().fill(Scope::new(root)).unwrap()
}

#[test]
fn template_keeps_types_and_omits_what_is_absent() {
    let input = json!({"n": 3, "list": [1, 2], "text": "x", "null": null, "flag": false});
    assert_eq!(fill(json!("{n}"), &input), Some(json!(3)));
    assert_eq!(fill(json!("{list}"), &input), Some(json!([1, 2])));
    assert_eq!(fill(json!("a{n}b{text}"), &input), Some(json!("a3bx")));
    assert_eq!(fill(json!("a{missing}"), &input), None);
    assert_eq!(
        fill(json!({"a": "{n}", "b": "{missing}", "c": {"d": "{null}"}, "e": {}, "f": "{flag}"}), &input),
        Some(json!({"a": 3, "e": {}, "f": false})),
    );
    assert_eq!(fill(json!({"c": {"d": "{missing}"}}), &input), None);
    let inner = json!({"c": {"d": "{missing}", "kind": "constant"}, "e": {"only": "constants"}});
    assert_eq!(fill(inner, &input), Some(json!({"e": {"only": "constants"}})));
    assert_eq!(fill(json!({"d": "{missing}", "kind": "root"}), &input), Some(json!({"kind": "root"})));
    let needed = json!({"a": {"n": "{n}", "x": "{missing!}"}, "b": {"n": "{n!}", "x": "{missing}"}});
    assert_eq!(fill(needed, &input), Some(json!({"b": {"n": 3}})));
    assert_eq!(fill(json!(["{missing}", "{n}"]), &input), Some(json!([3])));
    assert_eq!(fill(json!("{missing || n}"), &input), Some(json!(3)));
    assert_eq!(fill(json!("{missing || 'a|b'}"), &input), Some(json!("a|b")));
    assert_eq!(fill(json!({"$$each": "{{n}}"}), &input), Some(json!({"$each": "{n}"})));
}

#[test]
fn template_each_maps_items() {
    let input = json!({"people": [{"mail": "a@x"}, {"mail": "b@x", "name": "B"}], "all": 1});
    let template =
        json!({"$each": "{people}", "as": {"address": "{.mail}", "name": "{.name}", "all": "{all}"}});
    assert_eq!(
        fill(template, &input),
        Some(json!([{"address": "a@x", "all": 1}, {"address": "b@x", "name": "B", "all": 1}])),
    );
    assert_eq!(fill(json!({"$each": "{missing}", "as": "{.}"}), &input), None);
}

#[test]
fn template_join_skips_what_is_absent() {
    let template =
        json!({"$join": ["name contains {name | quote}", "{raw}", "trashed = false"], "with": " and "});
    assert_eq!(
        fill(template.clone(), &json!({"name": "x"})),
        Some(json!("name contains 'x' and trashed = false"))
    );
    assert_eq!(fill(template, &json!({"raw": "a or b"})), Some(json!("a or b and trashed = false")));
    assert_eq!(fill(json!({"$join": ["{a}"], "with": ","}), &json!({})), None);
}

#[test]
fn template_malformed_is_refused() {
    for bad in [
        json!("{"),
        json!("{a | nofilter}"),
        json!({"$if": 1}),
        json!({"$each": "{a}"}),
        json!({"$each": "a", "as": 1}),
        json!("{a b}"),
        json!("{'x}"),
        json!({"$mime": 3}),
        json!("{}"),
    ] {
        assert!(Template::parse(&bad).is_err(), "{bad}");
    }
}
