//! What goes wrong, on demand.

/// One trouble. Pages are those of the long list of people, from 1; questions by key have none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// A page is answered with a status, so many times.
    FailsPage {
        /// Which.
        page: u32,
        /// How often.
        times: u32,
        /// With what.
        status: u16,
    },
    /// Metadata are being generated: 500, so many times.
    Busy(u32),
    /// Questions about people are answered with a status and a body, so many times.
    Answers {
        /// With what.
        status: u16,
        /// The body.
        body: Vec<u8>,
        /// How often.
        times: u32,
    },
    /// 429 without Retry-After, so many times.
    Throttles(u32),
    /// 503 with a page for people, so many times.
    Maintenance(u32),
    /// People of a page come again on the next.
    PageAgain(u32),
    /// The link of a page leads to the first page.
    LinkBack(u32),
    /// The link of a page leads to another host.
    ForeignLink(u32),
    /// The link of a page leaves a page out.
    LosesPage(u32),
    /// The last person of a page is missing.
    ShortPage(u32),
    /// A page has nobody, and a link.
    EmptyPage(u32),
    /// A page is no JSON.
    Garbage(u32),
    /// The list of the snapshot is gone when this page is asked for.
    SnapshotOver(u32),
    /// No snapshot is begun any more.
    SnapshotBlocked,
    /// Every count is one more than the one before.
    CountMoves,
    /// `paging` is not looked at: pages are cut from whatever is there then.
    IgnoresPaging,
    /// Behind a page, the first person is gone and another one comes in at the end.
    ShiftsAfter(u32),
    /// Behind a page, so many people at the beginning are gone and as many others come in at the end.
    Swaps {
        /// Behind which.
        page: u32,
        /// How many.
        people: usize,
    },
    /// A property never comes: where (`employmentNav/userNav`) and which.
    Hides(&'static str, &'static str),
    /// A navigation comes as an address only.
    Defers(&'static str),
    /// The technical user may not read this.
    Forbidden,
    /// A token is good for so many questions.
    TokenEnds(u32),
    /// Errors are XML.
    XmlErrors,
    /// The technical user sees nobody.
    NobodySeen,
    /// Somebody never comes when asked for by key.
    LosesKey(String),
    /// Somebody else comes as well when asked by key.
    Stranger,
}

/// A trouble and how often it struck.
pub(crate) struct Counted {
    trouble: Trouble,
    struck: u32,
}

impl From<Trouble> for Counted {
    fn from(trouble: Trouble) -> Self {
        Self { trouble, struck: 0 }
    }
}

impl super::State {
    /// Whether a trouble is there.
    pub(crate) fn has(&self, trouble: &Trouble) -> bool {
        self.troubles.iter().any(|it| it.trouble == *trouble)
    }

    /// What `pick` finds in a trouble that has not struck as often as it may.
    pub(crate) fn strikes<T>(&mut self, pick: impl Fn(&Trouble) -> Option<(T, u32)>) -> Option<T> {
        for it in &mut self.troubles {
            if let Some((found, most)) = pick(&it.trouble)
                && it.struck < most
            {
                it.struck += 1;
                return Some(found);
            }
        }
        None
    }

    /// What `pick` finds in the troubles.
    pub(crate) fn find<'t, T>(&'t self, pick: impl Fn(&'t Trouble) -> Option<T>) -> Option<T> {
        self.troubles.iter().find_map(|it| pick(&it.trouble))
    }
}
