//! How a long list comes.

use serde::Deserialize;

/// How a long list comes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PagingConfig {
    /// All at once: everybody is in one answer.
    OnePage,
    /// `$skip` and `$top`.
    SkipTop(OffsetConfig),
    /// `offset` and `limit`.
    Offset(OffsetConfig),
    /// A number of the page.
    Page(PageConfig),
    /// `startIndex` and `count` of SCIM, from 1 (RFC 7644, section 3.4.2.4).
    StartIndex(StartIndexConfig),
    /// Each page says where the next one is.
    NextLink(LinkConfig),
    /// Each page has a word that the next one is asked for with.
    Cursor(CursorConfig),
}

/// So many from there on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OffsetConfig {
    /// The parameter of the place; `$skip`, or `offset`, where nobody says.
    #[serde(default, alias = "skip")]
    pub offset: Option<String>,
    /// The parameter of the number; `$top`, or `limit`, where nobody says.
    #[serde(default, alias = "top")]
    pub limit: Option<String>,
    /// How many are asked for at once.
    pub size: u32,
    /// Each page begins with the last record of the one before, which shows whether the list moved.
    #[serde(default = "yes")]
    pub overlap: bool,
    /// What is on a page stays there while the list is read: a snapshot, or a sort by a key that only
    /// grows where nobody is taken off. Otherwise pages that do not overlap are read twice.
    #[serde(default)]
    pub steady: bool,
}

/// A page by its number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageConfig {
    /// The parameter of the number.
    pub page: String,
    /// The number of the first one.
    #[serde(default = "one")]
    pub first: u32,
    /// The parameter of the size, where it can be said.
    #[serde(default)]
    pub size_param: Option<String>,
    /// How many a page has.
    pub size: u32,
    /// What is on a page stays there while the list is read: a snapshot, or a sort by a key that only
    /// grows where nobody is taken off. Otherwise pages that do not overlap are read twice.
    #[serde(default)]
    pub steady: bool,
}

/// SCIM's index.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartIndexConfig {
    /// How many are asked for at once.
    pub size: u32,
    /// As with an offset.
    #[serde(default = "yes")]
    pub overlap: bool,
    /// As with an offset.
    #[serde(default)]
    pub steady: bool,
}

/// Where the link to the next page is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkConfig {
    /// At this path in the answer.
    #[serde(default)]
    pub at: Option<String>,
    /// Or in this header, with `rel="next"` (RFC 8288).
    #[serde(default)]
    pub header: Option<String>,
    /// As with an offset.
    #[serde(default)]
    pub steady: bool,
    /// Everybody may come on one page, which then leads to no other. Otherwise, and where nobody says a
    /// total, a first page without a link is refused: a link that is looked for in the wrong place
    /// would make it everybody.
    #[serde(default)]
    pub one_page: bool,
}

/// A word for the next page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CursorConfig {
    /// Where an answer has it: `nextCursor` (RFC 9865), `meta.page.nextCursor`.
    pub at: String,
    /// The parameter it is sent in.
    pub param: String,
    /// The first page is asked for with the parameter, empty, as RFC 9865 wants it.
    #[serde(default)]
    pub first_empty: bool,
    /// The parameter of the size.
    #[serde(default)]
    pub size_param: Option<String>,
    /// How many are asked for at once.
    #[serde(default)]
    pub size: Option<u32>,
    /// Nobody who is on the list all along can be passed over. Otherwise, and where nobody says a total,
    /// it is read twice.
    #[serde(default)]
    pub steady: bool,
    /// As with a link.
    #[serde(default)]
    pub one_page: bool,
}

const fn yes() -> bool {
    true
}

const fn one() -> u32 {
    1
}
