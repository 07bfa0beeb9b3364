use serde_json::json;

use super::*;

fn asked(path: &str) -> Asked<'_> {
    Asked { path, method: "GET", ..Asked::default() }
}

#[test]
fn fault_for_two_requests_hits_two() {
    let mut faults = Faults::default();
    let down = FaultKind::Status { status: 503, retry_after_s: None, headers: BTreeMap::new() };
    faults.add(Fault::once(Endpoint::Token, down.clone()).times(2)).unwrap();
    assert!(faults.take(Endpoint::Api, &asked("/api/v1/me")).is_empty());
    assert_eq!(faults.take(Endpoint::Token, &asked("/oauth/token")), std::slice::from_ref(&down));
    assert_eq!(faults.take(Endpoint::Token, &asked("/oauth/token")), [down]);
    assert!(faults.take(Endpoint::Token, &asked("/oauth/token")).is_empty());
}

#[test]
fn faults_of_two_kinds_hit_together_and_of_one_kind_in_turn() {
    let mut faults = Faults::default();
    for (endpoint, kind) in [
        (Endpoint::Any, FaultKind::Delay { delay_ms: 1 }),
        (Endpoint::Api, FaultKind::Cut),
        (Endpoint::Api, FaultKind::Delay { delay_ms: 2 }),
    ] {
        faults.add(Fault::once(endpoint, kind)).unwrap();
    }
    assert_eq!(
        faults.take(Endpoint::Api, &asked("/api/v1/me")),
        [FaultKind::Delay { delay_ms: 1 }, FaultKind::Cut]
    );
    assert_eq!(faults.take(Endpoint::Api, &asked("/api/v1/me")), [FaultKind::Delay { delay_ms: 2 }]);
}

#[test]
fn fault_with_a_bad_field_names_it() {
    for (wire, field) in [
        (json!({"endpoint": "api", "kind": "status", "status": 200}), "status"),
        (json!({"endpoint": "api", "kind": "delay"}), "delay_ms"),
        (json!({"endpoint": "api", "kind": "explode"}), "kind"),
        (json!({"endpoint": "api", "kind": "cut", "times": 0}), "times"),
        (json!({"endpoint": "api", "kind": "cut", "color": 1}), "color"),
        (json!({"endpoint": "moon", "kind": "cut"}), "moon"),
        (json!({"endpoint": "api", "kind": "html", "status": 100}), "status"),
        (json!({"endpoint": "api", "kind": "headers"}), "headers"),
        (json!({"endpoint": "api", "kind": "headers", "headers": {"a b": "c"}}), "headers"),
        (json!({"endpoint": "token", "kind": "error"}), "error"),
        (json!({"endpoint": "token", "kind": "error", "aadsts": 12}), "aadsts"),
        (json!({"endpoint": "api", "kind": "cut", "status": 500}), "status"),
        (json!({"endpoint": "api", "kind": "delay", "delay_ms": 1, "error": "x"}), "error"),
    ] {
        let error = serde_json::from_value::<Fault>(wire).unwrap_err().to_string();
        assert!(error.contains(field), "{error}");
    }
}

#[test]
fn fault_for_one_user_lets_the_others_pass() {
    let mut faults = Faults::default();
    let wire = json!({"endpoint": "api", "kind": "cut", "user": "ada", "client_id": "app", "method": "post"});
    faults.add(serde_json::from_value(wire).unwrap()).unwrap();
    let ada = Asked { user: Some("ada"), client_id: Some("app"), ..asked("/api/v1/me") };
    for other in [asked("/api/v1/me"), Asked { user: Some("grace"), method: "POST", ..ada }, Asked { ..ada }]
    {
        assert!(faults.take(Endpoint::Api, &other).is_empty(), "{other:?}");
    }
    assert_eq!(faults.take(Endpoint::Api, &Asked { method: "POST", ..ada }), [FaultKind::Cut]);
}

#[test]
fn fault_that_skips_lets_so_many_pass_first() {
    let mut faults = Faults::default();
    faults.add(Fault { skip: 2, ..Fault::once(Endpoint::Api, FaultKind::Cut) }).unwrap();
    let hit: Vec<bool> =
        (0..4).map(|_| !faults.take(Endpoint::Api, &asked("/api/v1/me")).is_empty()).collect();
    assert_eq!(hit, [false, false, true, false]);
}

#[test]
fn fault_written_out_is_read_back_the_same() {
    for wire in [
        json!({"endpoint": "token", "kind": "error", "aadsts": 50_173, "user": "ada"}),
        json!({"endpoint": "api", "kind": "status", "status": 429, "retry_after_s": 3,
            "headers": {"x-ratelimit-remaining": "0"}, "times": 3, "skip": 1}),
        json!({"endpoint": "api", "kind": "error", "error": "missing_scope", "shape": "slack", "needed": "chat:write"}),
        json!({"endpoint": "api", "kind": "trickle", "delay_ms": 5, "grant": 3}),
    ] {
        let fault: Fault = serde_json::from_value(wire).unwrap();
        let again: Fault = serde_json::from_str(&serde_json::to_string(&fault).unwrap()).unwrap();
        assert_eq!(again, fault);
    }
}
