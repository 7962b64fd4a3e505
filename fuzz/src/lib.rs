//! What the fuzz targets have in common.

use loghorn_domain::{Draft, Event, Seq, Timestamp, event::Limits};

/// An accepted event, received on a Monday; `None` where the text is none.
pub fn event(json: &str) -> Option<Event> {
    let new = Draft::from_json(json.as_bytes()).ok()?;
    let new = new.seal(Timestamp::from_millis(1_795_457_269_232), Limits::default()).ok()?;
    Some(Event::new(Seq(1), "e".parse().ok()?, new.head, new.tail))
}

/// Events that have something of every kind.
pub fn events() -> Vec<Event> {
    let texts = [
        "{}",
        r#"{"level":"ERROR","source":"payment-service","message":"card timeout","metadata":{"amount":1250.5,"region":"eu"}}"#,
        r#"{"level":"INFO","source":"a","message":"é\u0000\n","metadata":{"a":1,"b":"a","a.b":null,"c":{"a":true,"b":{"c":"x"}},"l":[1,"a",[],{}]}}"#,
        r#"{"level":"CRITICAL","source":"b-é","metadata":{"a":{"a":{"a":1},"a.a":2},"a.a":{"a":3},"a.a.a":4,"":{"":5}}}"#,
        r#"{"metadata":{"items":[{"sku":"x","price":5},{"sku":"y","price":2.5}],"big":9007199254740993,"f":25.210106717864755,"n":-0.0}}"#,
        r#"{"metadata":{"a":[[1,2],[1.0,2.0]],"b":{"x":1,"y":[]},"$":1,"$a":2,"p":"a|b","http.status_code":503,"k8s":{"pod.name":"web-1"}}}"#,
    ];
    texts.iter().filter_map(|text| event(text)).collect()
}
