//! What must hold for any bytes: nothing panics, and what is let through reads the same to another parser.

use proptest::prelude::*;

use super::*;
use crate::settings::Limits;

/// Pieces that heads are made of, sound and unsound.
const PIECES: &[&str] = &[
    "GET",
    "POST",
    " ",
    "/",
    "/a?b",
    "http://a/x",
    " HTTP/1.1",
    " HTTP/1.0",
    "\r\n",
    "\r\n",
    "\r\n",
    "\n",
    "\r",
    "Host: a",
    "host:b",
    "Content-Length: 3",
    "content-length:0",
    "Transfer-Encoding: chunked",
    "transfer-encoding: gzip",
    "X: y",
    "X:",
    ":",
    "\t",
    "\0",
    "\u{7f}",
    "Connection: close",
    "\r\n\r\n",
    "abc",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "Upgrade: h2c",
];

fn head() -> impl Strategy<Value = Vec<u8>> {
    let soup = prop::collection::vec(prop::sample::select(PIECES), 0..14);
    let sound = prop::collection::vec(("[A-Za-z-]{1,9}", "[ -~\t]{0,12}"), 0..5);
    prop_oneof![
        soup.prop_map(|pieces| pieces.concat().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..80),
        sound.prop_map(|fields| {
            let fields: String = fields.iter().map(|(name, value)| format!("{name}:{value}\r\n")).collect();
            format!("PUT /p HTTP/1.1\r\nHost: a\r\n{fields}\r\n").into_bytes()
        }),
    ]
}

/// A request as the strict reading has it, whole: with its length.
fn strict(bytes: &[u8]) -> Option<(usize, Head, Asked)> {
    let end = find_end(bytes, &mut 0).ok()??;
    let mut asked = Asked::default();
    let head = read_request(&bytes[..end], &Limits::default(), &mut asked).ok()?;
    Some((end, head, asked))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Another parser finds the same request in it, and in what goes on to the upstream.
    #[test]
    fn what_is_let_through_reads_the_same_to_another_parser(bytes in head()) {
        let Some((end, _, asked)) = strict(&bytes) else { return Ok(()) };
        let mut out = Buf::new(&std::rc::Rc::default());
        asked.write_to(&mut out);
        for (text, whole) in [(&bytes[..end], false), (out.data(), true)] {
            let mut fields = [httparse::EMPTY_HEADER; 100];
            let mut other = httparse::Request::new(&mut fields);
            let status = other.parse(text);
            prop_assert_eq!(status, Ok(httparse::Status::Complete(text.len())), "{:?}", text);
            prop_assert_eq!(other.method, Some(asked.method.as_str()));
            if whole {
                prop_assert_eq!(other.path.map(str::as_bytes), Some(asked.target.as_slice()));
            }
            let theirs: Vec<(Vec<u8>, Vec<u8>)> = other
                .headers
                .iter()
                .map(|field| (field.name.to_ascii_lowercase().into_bytes(), field.value.to_vec()))
                .filter(|(name, _)| !whole || name != b"transfer-encoding")
                .collect();
            let ours: Vec<(Vec<u8>, Vec<u8>)> = asked
                .fields
                .iter()
                .map(|(name, value)| (name.to_vec(), value.to_vec()))
                .filter(|(name, _)| !whole || name != b"transfer-encoding")
                .collect();
            // An absolute target gives a Host where there was none.
            prop_assert!(theirs == ours || ours.len() == theirs.len() + 1, "{theirs:?} {ours:?}");
        }
    }

    /// However a request is cut, it is read the same.
    #[test]
    fn the_end_of_a_head_does_not_depend_on_the_pieces(bytes in head(), cuts in prop::collection::vec(1..9_usize, 1..40)) {
        let whole = find_end(&bytes, &mut 0);
        let (mut from, mut seen, mut found) = (0, 0, Ok(None));
        for cut in cuts.into_iter().chain(std::iter::repeat(7)) {
            seen = (seen + cut).min(bytes.len());
            found = find_end(&bytes[..seen], &mut from);
            if seen == bytes.len() || found != Ok(None) {
                break;
            }
        }
        prop_assert_eq!(found, whole);
    }

    /// A body ends at the same place and has the same data, in whatever pieces it comes; and always goes on.
    #[test]
    fn a_body_does_not_depend_on_the_pieces(bytes in head(), cut in 1..40_usize, length in prop::option::of(0..50_u64)) {
        let framing = length.map_or(Framing::Chunked, Framing::Length);
        let mut whole = Body::begin(framing);
        let all = whole.follow(&bytes);
        let mut body = Body::begin(framing);
        let mut sum = Ok((0, 0));
        for piece in bytes.chunks(cut) {
            let Ok((taken, data)) = sum else { break };
            sum = body.follow(piece).map(|(t, d)| (taken + t, data + d));
            prop_assert!(sum.is_err() || body.is_over() || sum.unwrap().0 == taken + piece.len());
        }
        prop_assert_eq!(sum, all);
        prop_assert_eq!(body.is_over(), whole.is_over() && all.is_ok());
    }

    /// Nothing an upstream sends makes the reading of it panic, or go past what came.
    #[test]
    fn any_bytes_may_come_from_an_upstream(status in "(HTTP/1\\.[01] [0-9]{3}( OK)?\r\n)?", rest in head()) {
        let bytes = [status.as_bytes(), &rest].concat();
        let mut into = RespHead::default();
        if let Read::Head(taken, mut body) = read_response(&bytes, false, &mut into) {
            prop_assert!(taken <= bytes.len() && (into.status == 101 || into.status >= 200));
            let _ = body.follow(&bytes[taken..]);
        }
    }
}
