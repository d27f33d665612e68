//! What came from outside stays text in every form.

use fw_reports::{Kind, report};

use super::simulated::told;

#[test]
fn names_and_reasons_are_never_markup() {
    let (mut story, _) = told("error-rate=20%", 2);
    let nasty = "<script>alert(1)</script> | **b** \u{7}";
    (story.canary, story.reason) = (nasty.into(), Some(nasty.into()));
    story.moments[0].reason = Some(nasty.into());
    story.visits[0].description = nasty.into();
    story.rollbacks[0].evidence[0] = nasty.into();
    for kind in Kind::ALL {
        let made = report(&story, kind).unwrap();
        let html = made.html();
        assert!(!html.contains("<script"), "{kind:?}");
        assert!(html.contains("&lt;script&gt;") && !html.contains('\u{7}'), "{kind:?}");
        // No request leaves the page.
        assert!(
            !html.contains("http://") && !html.contains("https://") && !html.contains("url("),
            "{kind:?}"
        );
        assert!(made.markdown().contains("\\<script\\>"), "{kind:?}");
    }
}
