//! What of a flag's answer is always the same, as JSON made once: an answer is then a few copies, not a tree.
//!
//! Members stand in the order of the alphabet, as everywhere in this API, so the same evaluation is the same bytes.

use std::io::Write;

use fw_model::flag::{Assign, Flag, Reason};
use fw_model::{ServiceKey, Split};
use serde_json::{Value, json};

/// The constant parts of one flag's answers.
#[derive(Debug)]
pub(crate) struct Fragments {
    /// From the brace to within the metadata.
    head: String,
    /// The rest of the metadata, up to the reason.
    service: String,
    /// By variant: from after the reason to the brace.
    variants: Vec<String>,
    /// The answer depends on the split's epoch, so it says it.
    is_bound: bool,
}

impl Fragments {
    /// Of a flag of this service.
    pub(crate) fn new(flag: &Flag<Value>, service: &ServiceKey) -> Fragments {
        let tail =
            |(name, value): (&str, &Value)| format!(",\"value\":{value},\"variant\":{}}}", json!(name));
        Fragments {
            head: format!("{{\"key\":{},\"metadata\":{{", json!(flag.key)),
            service: format!("\"service\":{}}},\"reason\":", json!(service.to_string())),
            variants: flag.variants().into_iter().map(tail).collect(),
            is_bound: matches!(flag.assign, Assign::Rollout { .. }),
        }
    }

    /// Appends the answer with this variant; none = without a value.
    pub(super) fn write(&self, out: &mut Vec<u8>, variant: Option<usize>, reason: Reason, split: &Split) {
        out.extend_from_slice(self.head.as_bytes());
        if self.is_bound {
            // Writing to memory does not fail, nor does a text that becomes JSON.
            let _ = write!(out, "\"epoch\":{},", split.epoch.0);
            if let Some(run) = &split.rollout {
                out.extend_from_slice(b"\"rollout\":");
                let _ = serde_json::to_writer(&mut *out, run);
                out.push(b',');
            }
        }
        out.extend_from_slice(self.service.as_bytes());
        out.push(b'"');
        out.extend_from_slice(reason.as_str().as_bytes());
        out.push(b'"');
        let tail = variant.and_then(|variant| self.variants.get(variant));
        out.extend_from_slice(tail.map_or(b",\"variant\":\"\"}", |tail| tail.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use fw_model::flag::Weighted;
    use fw_model::{Epoch, LogId, Plan, Salt, Weight};

    use super::*;

    fn written(flag: &Flag<Value>, variant: Option<usize>, reason: Reason, run: Option<&str>) -> String {
        let service: ServiceKey = "shop@eu".parse().unwrap();
        let plan = Plan::seed(service.clone());
        let mut split = Split::resting(&plan, LogId("log".into()), Epoch(3), Salt::from_bits(7));
        split.rollout = run.map(Into::into);
        let mut out = vec![];
        Fragments::new(flag, &service).write(&mut out, variant, reason, &split);
        String::from_utf8(out).unwrap()
    }

    fn flag(assign: Assign<Value>) -> Flag<Value> {
        Flag { key: "a \"b\"".into(), enabled: true, assign, forced: vec![], rules: vec![], exclusive: None }
    }

    #[test]
    fn an_answer_has_its_members_in_order_and_is_escaped() {
        let bound = flag(Assign::Rollout { stable: json!("é\n"), canary: json!({ "b": 1.0, "a": [null] }) });
        assert_eq!(
            written(&bound, Some(1), Reason::Split, Some("shop@eu.3")),
            r#"{"key":"a \"b\"","metadata":{"epoch":3,"rollout":"shop@eu.3","service":"shop@eu"},"reason":"SPLIT","#
                .to_owned()
                + r#""value":{"a":[null],"b":1.0},"variant":"canary"}"#
        );
        assert_eq!(
            written(&bound, Some(0), Reason::Static, None),
            r#"{"key":"a \"b\"","metadata":{"epoch":3,"service":"shop@eu"},"reason":"STATIC","value":"é\n","variant":"stable"}"#
        );
        let one = Weighted { name: "\\".into(), value: json!(true), weight: Weight::FULL };
        let weighted = flag(Assign::Weights(vec![one]));
        assert_eq!(
            written(&weighted, Some(0), Reason::Static, Some("shop@eu.3")),
            r#"{"key":"a \"b\"","metadata":{"service":"shop@eu"},"reason":"STATIC","value":true,"variant":"\\"}"#
        );
        assert_eq!(
            written(&weighted, None, Reason::Disabled, None),
            r#"{"key":"a \"b\"","metadata":{"service":"shop@eu"},"reason":"DISABLED","variant":""}"#
        );
    }
}
