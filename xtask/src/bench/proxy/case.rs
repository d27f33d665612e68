//! The kinds of load.

use super::subject::Subject;

/// One kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Case {
    /// A body of 13 bytes, 64 connections, HTTP/1.1.
    Small,
    /// A body of 16 KiB, 64 connections, HTTP/1.1.
    #[value(name = "16k")]
    Large,
    /// A body of 13 bytes, 8 connections with 8 streams each, HTTP/2 without TLS.
    H2c,
    /// A body of 13 bytes, one connection: what a request costs when nothing can be batched.
    One,
    /// Resident memory with 1 000 busy connections.
    Rss,
}

impl Case {
    /// All, in the order in which they are measured.
    pub(crate) const ALL: [Case; 5] = [Case::Small, Case::Large, Case::H2c, Case::One, Case::Rss];

    /// The heading of its table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Case::Small => "small: 13 bytes, 64 connections, HTTP/1.1",
            Case::Large => "16k: 16 KiB, 64 connections, HTTP/1.1",
            Case::H2c => "h2c: 13 bytes, 8 connections x 8 streams, HTTP/2 in, HTTP/1.1 out",
            Case::One => "one: 13 bytes, 1 connection, HTTP/1.1",
            Case::Rss => "rss: resident memory, fresh start and with 1000 busy connections",
        }
    }

    /// Connections of the load (wrk's; h2load has its own).
    pub(crate) fn connections(self) -> u32 {
        match self {
            Case::Small | Case::Large => 64,
            Case::H2c => 8,
            Case::One => 1,
            Case::Rss => 1000,
        }
    }

    /// The path asked for.
    pub(crate) fn path(self) -> &'static str {
        if self == Case::Large { "/16k" } else { "/" }
    }

    /// Whether the subject takes part.
    pub(crate) fn includes(self, subject: Subject) -> bool {
        subject != Subject::Direct || !matches!(self, Case::H2c | Case::Rss)
    }

    /// Our goal, as HAProxy's figure divided by ours: above 1 we are better.
    pub(crate) fn goal(self) -> Option<f64> {
        match self {
            Case::Small => Some(1.15),
            Case::Large => Some(1.2),
            Case::H2c | Case::Rss => Some(1.0),
            Case::One => None,
        }
    }
}
