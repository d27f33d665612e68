//! Format 1, byte for byte: the files under `golden/` are what servers in the field have on disk.
//!
//! A file of a format that was released is never changed; a new encoding gets a new number and new
//! files, and the old ones must still be read. `FW_GOLDEN_WRITE=1` writes files that are missing.

use std::fs;
use std::path::PathBuf;

use super::super::*;
use super::fixtures;

fn golden(name: &str, bytes: &[u8]) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "src/record/golden", name].iter().collect();
    if !path.exists() && std::env::var_os("FW_GOLDEN_WRITE").is_some() {
        fs::write(&path, bytes).unwrap();
    }
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn events_are_written_as_format_1_always_was_and_read_back() {
    for (name, event) in fixtures::events() {
        let (format, bytes) = encode_event(&event);
        let kept = golden(&format!("1-event-{name}.json"), &bytes);
        assert_eq!((format, text(&bytes)), (1, text(&kept)), "{name}");
        assert_eq!(decode_event(1, &kept), Ok(event), "{name}");
    }
}

#[test]
fn a_state_is_written_as_format_1_always_was_and_read_back() {
    let state = fixtures::state();
    let (format, bytes) = encode_state(&state);
    let kept = golden("1-state.json", &bytes);
    assert_eq!((format, text(&bytes)), (1, text(&kept)));
    assert_eq!(decode_state(1, &kept), Ok(state));
    let gated = fixtures::gated();
    let (format, bytes) = encode_state(&gated);
    let kept = golden("1-state-gated.json", &bytes);
    assert_eq!((format, text(&bytes)), (1, text(&kept)));
    assert_eq!(decode_state(1, &kept), Ok(gated));
}

#[test]
fn what_was_learnt_of_a_version_is_written_as_format_1_always_was_and_reads_back() {
    let history = fixtures::history();
    let (format, bytes) = encode_history("1.4.2", &history);
    let kept = golden("1-history.json", &bytes);
    assert_eq!((format, text(&bytes)), (1, text(&kept)));
    assert_eq!(decode_history(1, &kept), Ok(("1.4.2".to_owned(), history)));
    let refused = decode_history(2, &kept).unwrap_err();
    assert_eq!(refused, RecordError::Format { what: "a history", found: 2, known: 1 });
    let lacks = text(&kept).replace("clustersOf errors", "clustersOf mistakes");
    assert!(decode_history(1, lacks.as_bytes()).is_err());
}

#[test]
fn another_format_is_refused_with_advice() {
    let (_, bytes) = encode_event(&fixtures::events()[0].1);
    for format in [0, 2, u16::MAX] {
        let refused = decode_event(format, &bytes).unwrap_err();
        assert_eq!(refused, RecordError::Format { what: "an event", found: format, known: 1 });
        assert!(refused.to_string().contains("start the version of fw that wrote it"), "{refused}");
        assert!(matches!(decode_state(format, b"{}"), Err(RecordError::Format { .. })));
    }
}

#[test]
fn bytes_that_are_no_record_are_refused_and_say_why() {
    let (_, good) = encode_event(&fixtures::events()[1].1);
    for cut in 0..good.len() {
        assert!(matches!(decode_event(1, &good[..cut]), Err(RecordError::Shape { .. })), "{cut} bytes");
    }
    let bad: [(&[u8], &str); 5] = [
        (br#"{"event":"exploded"}"#, "unknown variant"),
        (br#"{"event":"paused","actor":"a","more":1}"#, "unknown field `more`"),
        (br#"{"event":"looked","watched":[0,1000000000]}"#, "ns are a second"),
        (br#"{"event":"superseded","by":"checkout"}"#, "a run is written"),
        (b"\xff", "can't be read"),
    ];
    for (bytes, why) in bad {
        let refused = decode_event(1, bytes).unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
    let odd = text(&encode_state(&fixtures::state()).1).replace("rolling_back", "rolling_on");
    assert!(decode_state(1, odd.as_bytes()).unwrap_err().to_string().contains("rolling_on"));
}
