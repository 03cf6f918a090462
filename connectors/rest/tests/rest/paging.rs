//! Every way to page, and everything that goes wrong between pages: nobody is lost, nobody comes twice,
//! or the pull is refused for what it was.

use std::collections::BTreeSet;

use rollcall_core::delta::Coverage;
use rollcall_peers::rest::generic::{Manners, Paging, peer};
use rollcall_peers::rest::{Trouble, When};
use rollcall_rest::RestConfig;
use rollcall_source::RefusalKind;

use crate::{config, ids, people, pull, says_nobody, values, want};

const SIZE: usize = 25;

/// A way to page: its name, the peer's, the configuration's.
struct Way {
    name: &'static str,
    paging: Paging,
    config: &'static str,
    /// It knows nothing of places: whoever moves is met once.
    steady: bool,
}

const WAYS: [Way; 9] = [
    Way {
        name: "whole",
        paging: Paging::None,
        config: "paging = 'one_page'",
        steady: true,
    },
    Way {
        name: "skip_top",
        paging: Paging::SkipTop,
        config: "paging.skip_top = { size = 25 }",
        steady: false,
    },
    Way {
        name: "offset",
        paging: Paging::Offset,
        config: "paging.offset = { size = 25 }",
        steady: false,
    },
    Way {
        name: "offset without overlap",
        paging: Paging::Offset,
        config: "paging.offset = { size = 25, overlap = false }",
        steady: false,
    },
    Way {
        name: "page from 1",
        paging: Paging::Page(1),
        config: "paging.page = { page = 'page', size_param = 'per_page', size = 25 }",
        steady: false,
    },
    Way {
        name: "page from 0",
        paging: Paging::Page(0),
        config: "paging.page = { page = 'page', first = 0, size = 25 }",
        steady: false,
    },
    Way {
        name: "link",
        paging: Paging::NextInBody,
        config: "paging.next_link = { at = 'next' }",
        steady: false,
    },
    Way {
        name: "header",
        paging: Paging::NextInHeader,
        config: "paging.next_link = { header = 'Link' }",
        steady: false,
    },
    Way {
        name: "cursor",
        paging: Paging::Cursor,
        config: "paging.cursor = { at = 'cursor', param = 'cursor', size_param = 'limit', size = 25 }",
        steady: true,
    },
];

pub(crate) fn generic(paging: &str, total: bool) -> RestConfig {
    let total = if total { "total = 'meta.total'" } else { "" };
    config(&format!(
        "[source.rest]
        origin = 'https://hr.example'
        path = '/v1/workers'
        records = 'items'
        id = 'id'
        auth = {{ header = {{ name = 'X-Api-Key', value = {{ env = 'k-1' }} }} }}
        attributes = {{ WorkerID = 'id', First = 'name.first', Manager = {{ at = 'manager.id', missing = 'empty' }} }}
        {total}
        {paging}"
    ))
}

fn manners(way: &Way, total: bool) -> Manners {
    Manners {
        paging: way.paging,
        total,
        size: SIZE,
    }
}

/// What is expected of a trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Everybody, as of now.
    Whole,
    /// Refused for this.
    Refused(RefusalKind),
    /// Either; nobody lost and nobody twice in any case.
    Sound,
}

#[tokio::test(start_paused = true)]
async fn every_way_comes_to_everybody_at_every_size_of_the_list() {
    for way in &WAYS {
        for total in [true, false] {
            // Around the ends of pages, with and without overlap.
            for count in [1, 2, 24, 25, 26, 48, 49, 50, 51, 73, 100, 110] {
                let led = matches!(
                    way.paging,
                    Paging::Cursor | Paging::NextInBody | Paging::NextInHeader
                );
                // A cursor with a total proves that a page that is not full is the last.
                let proven = total && way.paging == Paging::Cursor && count < SIZE;
                let one_page = led && !proven && count <= SIZE;
                let workers = people(count);
                let peer = peer(workers.clone(), manners(way, total), vec![]);
                let mut config = generic(way.config, total);
                if one_page {
                    config = generic(&way.config.replace(" }", ", one_page = true }"), total);
                }
                let want = want(&["WorkerID", "First"], "WorkerID");
                let (pulled, taken) = pull(&config, &peer, &want).await;
                let place = format!("{}, total {total}, {count}", way.name);
                let pulled = pulled.unwrap_or_else(|it| panic!("{place}: {it}"));
                assert_eq!(pulled.coverage, Coverage::Full, "{place}");
                let expected: Vec<&str> = workers.iter().map(|it| it.id.as_str()).collect();
                assert_eq!(values(&taken, "WorkerID"), expected, "{place}");
                assert!(taken.rows.iter().all(|it| !it.held), "{place}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_as_everybody_is_refused() {
    for way in &WAYS {
        for total in [true, false] {
            let peer = peer(vec![], manners(way, total), vec![]);
            let config = generic(way.config, total);
            let (pulled, taken) = pull(&config, &peer, &want(&["WorkerID"], "WorkerID")).await;
            let refused = pulled.expect_err(way.name);
            assert_eq!(refused.kind, RefusalKind::Empty, "{}", way.name);
            assert_eq!(taken.rows.len(), 0);
        }
    }
}

/// Troubles, and how a pull has to end: with many pages and a total, with many pages and none.
fn troubles() -> Vec<(Trouble, End, End)> {
    use RefusalKind::{Configuration, IncompletePage, Malformed, Unavailable};
    use When::{Page, Question};
    let incomplete = End::Refused(IncompletePage);
    vec![
        // Transient: the second pass, or the next try, comes to everybody.
        (Trouble::Repeats(Question(3)), End::Whole, End::Whole),
        (Trouble::Empty(Question(3)), End::Whole, End::Sound),
        (Trouble::Short(Question(3)), End::Whole, End::Sound),
        (Trouble::Total(Question(3)), End::Whole, End::Whole),
        (
            Trouble::Fails(Question(2), 500, 5, None),
            End::Whole,
            End::Whole,
        ),
        (
            Trouble::Fails(Question(2), 503, 5, Some(7)),
            End::Whole,
            End::Whole,
        ),
        (
            Trouble::Fails(Question(2), 429, 5, None),
            End::Whole,
            End::Whole,
        ),
        (Trouble::Cut(Question(2), 3), End::Whole, End::Whole),
        (Trouble::Expires(Question(3)), End::Whole, End::Whole),
        // Somebody comes and goes.
        (Trouble::Leaves(Question(3), 0), End::Sound, End::Sound),
        (Trouble::Leaves(Question(3), 30), End::Sound, End::Sound),
        (Trouble::Joins(Question(3), 0), End::Sound, End::Sound),
        (Trouble::Joins(Question(3), 200), End::Sound, End::Sound),
        (Trouble::Moves(Question(3), 90, 3), End::Sound, End::Sound),
        (Trouble::Moves(Question(3), 3, 90), End::Sound, End::Sound),
        (Trouble::Moves(Question(4), 60, 30), End::Sound, End::Sound),
        // For good.
        (Trouble::Repeats(Page(3)), incomplete, incomplete),
        (Trouble::Empty(Page(3)), incomplete, End::Sound),
        (Trouble::Short(Page(3)), End::Sound, End::Sound),
        (Trouble::Total(Page(3)), incomplete, End::Whole),
        (
            Trouble::Fails(Page(2), 500, 99, None),
            End::Refused(Unavailable),
            End::Refused(Unavailable),
        ),
        (
            Trouble::Fails(Page(2), 503, 1, Some(4000)),
            End::Refused(Unavailable),
            End::Refused(Unavailable),
        ),
        (
            Trouble::Cut(Page(2), 99),
            End::Refused(Malformed),
            End::Refused(Malformed),
        ),
        (
            Trouble::Masked(Page(3)),
            End::Refused(Malformed),
            End::Refused(Malformed),
        ),
        (
            Trouble::Fails(Page(2), 401, 99, None),
            End::Refused(RefusalKind::Credentials),
            End::Refused(RefusalKind::Credentials),
        ),
        (
            Trouble::Fails(Page(2), 403, 99, None),
            End::Refused(RefusalKind::Permission),
            End::Refused(RefusalKind::Permission),
        ),
        (
            Trouble::Fails(Page(2), 400, 99, None),
            End::Refused(Configuration),
            End::Refused(Configuration),
        ),
        (
            Trouble::Fails(Page(2), 302, 99, None),
            End::Refused(Configuration),
            End::Refused(Configuration),
        ),
        (
            Trouble::Fails(Page(2), 410, 99, None),
            incomplete,
            incomplete,
        ),
        (Trouble::Expires(Page(3)), incomplete, incomplete),
        (
            Trouble::Deep,
            End::Refused(Malformed),
            End::Refused(Malformed),
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_nobody_is_lost_and_nobody_comes_twice() {
    for way in WAYS.iter().filter(|it| it.paging != Paging::None) {
        for (trouble, with_total, without) in troubles() {
            for (total, end) in [(true, with_total), (false, without)] {
                let place = format!("{}, total {total}, {trouble:?}", way.name);
                let before = people(110);
                let peer = peer(before.clone(), manners(way, total), vec![trouble.clone()]);
                let config = generic(way.config, total);
                let want = want(&["WorkerID"], "WorkerID");
                let (pulled, taken) = pull(&config, &peer, &want).await;
                let after = peer.workers();
                match (&pulled, end) {
                    (Ok(_), End::Whole) => {
                        assert_eq!(values(&taken, "WorkerID").len(), after.len(), "{place}");
                    }
                    (Ok(_), End::Sound) => {}
                    (Err(refused), End::Refused(kind)) => {
                        assert_eq!(refused.kind, kind, "{place}: {refused}");
                    }
                    (Err(refused), End::Sound) => {
                        assert_eq!(
                            refused.kind,
                            RefusalKind::IncompletePage,
                            "{place}: {refused}"
                        );
                    }
                    _ => panic!("{place}: {pulled:?}"),
                }
                if let Err(refused) = &pulled {
                    says_nobody(refused);
                    continue;
                }
                let rows = values(&taken, "WorkerID");
                let set: BTreeSet<String> = rows.iter().cloned().collect();
                assert_eq!(set.len(), rows.len(), "twice: {place}");
                let (before, after) = (ids(&before), ids(&after));
                let all_along = before
                    .intersection(&after)
                    .cloned()
                    .collect::<BTreeSet<_>>();
                // Silence at the end of a list is the end of it for whoever is led by cursors or links
                // and told no total.
                let led = !total
                    && matches!(
                        way.paging,
                        Paging::Cursor | Paging::NextInBody | Paging::NextInHeader
                    )
                    && matches!(trouble, Trouble::Empty(_) | Trouble::Short(_));
                if !led {
                    let lost: Vec<_> = all_along.difference(&set).collect();
                    assert!(lost.is_empty(), "lost {lost:?}: {place}");
                }
                assert!(
                    set.is_subset(&before.union(&after).cloned().collect()),
                    "{place}"
                );
            }
        }
    }
}

/// What a way to page is known for: that a list that moved is read again, with what is there then.
#[tokio::test(start_paused = true)]
async fn a_list_that_moved_is_read_again_once() {
    for way in WAYS.iter().filter(|it| !it.steady) {
        for total in [true, false] {
            // One leaves and one joins: the total stays.
            let troubles = vec![
                Trouble::Leaves(When::Question(3), 30),
                Trouble::Joins(When::Question(3), 200),
            ];
            let peer = peer(people(110), manners(way, total), troubles);
            let config = generic(way.config, total);
            let want = want(&["WorkerID"], "WorkerID");
            let (pulled, taken) = pull(&config, &peer, &want).await;
            let place = format!("{}, total {total}", way.name);
            pulled.unwrap_or_else(|it| panic!("{place}: {it} {:#?}", peer.asked()));
            let set: BTreeSet<String> = values(&taken, "WorkerID").into_iter().collect();
            assert_eq!(set, ids(&peer.workers()), "{place}");

            // It moves in every pass.
            let moving = (3..40)
                .step_by(2)
                .map(|at| Trouble::Moves(When::Question(at), 90, 3));
            let peer = rollcall_peers::rest::generic::peer(
                people(110),
                manners(way, total),
                moving.collect(),
            );
            let (pulled, taken) = pull(&config, &peer, &want).await;
            if let Err(refused) = pulled {
                assert_eq!(refused.kind, RefusalKind::IncompletePage, "{place}");
                assert!(refused.hint.contains("next run"), "{place}: {refused}");
            } else {
                let rows: BTreeSet<String> = values(&taken, "WorkerID").into_iter().collect();
                assert_eq!(rows, ids(&peer.workers()), "{place}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_foreign_link_is_not_followed() {
    for way in WAYS
        .iter()
        .filter(|it| matches!(it.paging, Paging::NextInBody | Paging::NextInHeader))
    {
        let troubles = vec![Trouble::Foreign(When::Question(2))];
        let peer = peer(people(110), manners(way, true), troubles);
        let (pulled, _) = pull(
            &generic(way.config, true),
            &peer,
            &want(&["WorkerID"], "WorkerID"),
        )
        .await;
        let refused = pulled.expect_err("foreign");
        assert_eq!(refused.kind, RefusalKind::ForeignLink, "{refused}");
        assert!(peer.asked().iter().all(|it| !it.contains("elsewhere")));
        assert_eq!(peer.asked().len(), 2, "no second pass");
    }
}

/// A configuration that looks in the wrong place never makes the first page everybody.
#[tokio::test(start_paused = true)]
async fn one_page_is_not_taken_for_everybody() {
    use rollcall_source::Source as _;
    let wanted = want(&["WorkerID"], "WorkerID");
    for (paging, wrong) in [
        (Paging::NextInBody, "paging.next_link = { at = 'nextt' }"),
        (
            Paging::NextInHeader,
            "paging.next_link = { header = 'X-Link' }",
        ),
        (
            Paging::Cursor,
            "paging.cursor = { at = 'curser', param = 'cursor' }",
        ),
    ] {
        let manners = Manners {
            paging,
            total: false,
            size: SIZE,
        };
        for count in [20, 110] {
            let peer = peer(people(count), manners, vec![]);
            let config = generic(wrong, false);
            let refused = pull(&config, &peer, &wanted).await.0.expect_err(wrong);
            assert_eq!(refused.kind, RefusalKind::Configuration, "{refused}");
            assert!(refused.hint.contains("one_page = true"), "{refused}");
            let checked = crate::source(&config, peer.exchange()).check(&wanted).await;
            let problems = crate::problems(&checked.expect("an answer"));
            assert!(problems.contains("no other page"), "{problems}");
        }
        // What is called the total is that of the page.
        let manners = Manners {
            total: true,
            ..manners
        };
        let peer = peer(people(110), manners, vec![]);
        let mut config = generic(wrong, true);
        config.total = Some("meta.here".to_owned());
        let refused = pull(&config, &peer, &wanted).await.0.expect_err(wrong);
        assert_eq!(refused.kind, RefusalKind::Configuration, "{refused}");
        // Not a word about how a list comes.
        let problems = generic("", false).problems();
        assert!(
            problems.concat().contains("`paging` is missing"),
            "{problems:?}"
        );
    }
    // What is called the total is that of the page.
    let mut config = generic("paging.offset = { size = 25 }", true);
    config.total = Some("meta.here".to_owned());
    let manners = Manners {
        paging: Paging::Offset,
        total: true,
        size: SIZE,
    };
    for count in [26, 110] {
        let peer = peer(people(count), manners, vec![]);
        let refused = pull(&config, &peer, &wanted).await.0;
        let refused = refused.expect_err("a page as everybody");
        assert_eq!(refused.kind, RefusalKind::IncompletePage, "{refused}");
        assert!(refused.hint.contains("on a page, not in all"), "{refused}");
    }
    let peer = peer(people(24), manners, vec![]);
    assert_eq!(pull(&config, &peer, &wanted).await.0.expect("all").rows, 24);
}

/// What the source does by its own rules is told apart from what moved.
#[tokio::test(start_paused = true)]
async fn a_source_that_gives_less_or_ignores_places_is_refused_with_what_to_do() {
    let by_number = |way: &&Way| {
        matches!(
            way.paging,
            Paging::SkipTop | Paging::Offset | Paging::Page(_)
        )
    };
    for way in WAYS.iter().filter(by_number) {
        for total in [true, false] {
            let place = format!("{}, total {total}", way.name);
            let config = generic(way.config, total);
            let want = want(&["WorkerID"], "WorkerID");
            let manners = manners(way, total);
            let capped = peer(people(110), manners, vec![Trouble::Caps(10)]);
            let refused = pull(&config, &capped, &want).await.0.expect_err(&place);
            assert_eq!(refused.kind, RefusalKind::IncompletePage, "{place}");
            if total {
                assert!(refused.hint.contains("size = 10"), "{place}: {refused}");
            }
            // All of it would fit on a page that was given in full.
            let small = peer(people(15), manners, vec![Trouble::Caps(10)]);
            let refused = pull(&config, &small, &want).await.0.expect_err(&place);
            assert_eq!(refused.kind, RefusalKind::IncompletePage, "{place}");
            let stuck = peer(people(110), manners, vec![Trouble::IgnoresPlace]);
            let refused = pull(&config, &stuck, &want).await.0.expect_err(&place);
            assert_eq!(refused.kind, RefusalKind::IncompletePage, "{place}");
        }
    }
    // All at once, though a page was asked for.
    let all = Manners {
        paging: Paging::Page(1),
        total: false,
        size: 200,
    };
    let config = generic("paging.page = { page = 'page', size = 25 }", false);
    let peer = peer(people(110), all, vec![]);
    let refused = pull(&config, &peer, &want(&["WorkerID"], "WorkerID"))
        .await
        .0;
    assert_eq!(
        refused.expect_err("too many").kind,
        RefusalKind::Configuration
    );
}

/// The next place is counted from what was asked for.
#[tokio::test(start_paused = true)]
async fn places_are_those_of_the_configuration() {
    let ask = async |config: &str, paging| {
        let manners = Manners {
            paging,
            total: true,
            size: SIZE,
        };
        let peer = peer(people(60), manners, vec![]);
        let (pulled, _) = pull(
            &generic(config, true),
            &peer,
            &want(&["WorkerID"], "WorkerID"),
        )
        .await;
        pulled.expect("a pull");
        let targets = peer.asked();
        let query = |it: &String| {
            it.split_once('?')
                .map(|it| it.1.to_owned())
                .unwrap_or_default()
        };
        targets.iter().map(query).collect::<Vec<_>>()
    };
    assert_eq!(
        ask("paging.skip_top = { size = 25 }", Paging::SkipTop).await,
        [
            "$skip=0&$top=25",
            "$skip=24&$top=25",
            "$skip=48&$top=25",
            "$skip=0&$top=25"
        ]
    );
    assert_eq!(
        ask(
            "paging.offset = { size = 25, overlap = false, steady = true }",
            Paging::Offset
        )
        .await,
        [
            "offset=0&limit=25",
            "offset=25&limit=25",
            "offset=50&limit=25",
            "offset=0&limit=25"
        ]
    );
    assert_eq!(
        ask(
            "paging.page = { page = 'page', size_param = 'per_page', size = 30 }",
            Paging::Page(1)
        )
        .await,
        [
            "page=1&per_page=30",
            "page=2&per_page=30",
            "page=1&per_page=30",
            "page=2&per_page=30"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn bounds_refuse() {
    for (limits, kind) in [
        ("limits = { pages = 2 }", RefusalKind::TooLarge),
        ("limits = { records = 60 }", RefusalKind::TooLarge),
    ] {
        let config = generic(&format!("paging.offset = {{ size = 25 }}\n{limits}"), true);
        let manners = Manners {
            paging: Paging::Offset,
            total: true,
            size: SIZE,
        };
        let peer = peer(people(110), manners, vec![]);
        let refused = pull(&config, &peer, &want(&["WorkerID"], "WorkerID"))
            .await
            .0;
        let refused = refused.expect_err(limits);
        assert_eq!(refused.kind, kind, "{refused}");
    }
}
