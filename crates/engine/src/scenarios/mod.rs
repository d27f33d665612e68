//! What the contract says, told as short stories: a script of looks and commands, and what follows.
//!
//! Each script is plain text (see `script` for its words), each expectation is what a person would
//! have seen: published events, splits, refusals, and, where the script says `show`, how it stands.
//! `UPDATE_EXPECT=1 cargo test -p fw-engine scenarios` writes new expectations; read them then.

mod advance;
mod alerts;
mod clock;
mod concentrated;
mod confirm;
mod gates;
mod guard;
mod hold;
mod life;
mod notices;
mod overrides;
mod policies;
mod promise;
mod quarantine;
mod rollback;
mod script;
mod settings;
mod telling;

/// Tells the story of a script and compares it with what is expected.
fn check(script: &str, expected: expect_test::Expect) {
    expected.assert_eq(&script::tell(script));
}
