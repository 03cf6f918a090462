//! What is wrong with a configuration is said all at once, with what to write.

use rollcall_rest::RestConfig;

use crate::config;

fn read(text: &str) -> Result<RestConfig, String> {
    toml::from_str(text).map_err(|e| e.message().to_owned())
}

#[test]
fn every_mistake_is_said_at_once() {
    let text = "
        origin = 'http://hr.example'
        path = 'people?x=1'
        id = []
        records = 'a..b'
        body = '{'
        headers = { Authorization = 'x', 'a b' = 'y' }
        total = '$['
        scim = 'v2'
        query = { limit = '5' }
        paging = { offset = { size = 0 } }
        select = { style = 'names' }
        limits = { passes = 9, calls_per_minute = 0, pages = 0 }
        auth = { client_credentials = { token_url = 'http://login.example/t', client_id = '' } }
        changes = { changed_list = { path = 'c', since = '', entries = 'e', id = 'i', gone = ['x'], fetch = { each = { path = '/e' } } } }
        [attributes]
        A = { at = 'x', parts = ['y'], format = '%Y' }
        B = { at = 'x', type = 'date', format = '%H' }
        C = { at = 'x', type = 'boolean', true = ['1'], false = ['1'] }
        D = { at = 'x', separator = ',' }
        E = { at = 'x', zone = 'Europe/Berlin' }
        F = { at = 'x', type = 'date', zone = 'Europe/Nowhere' }
        G = { at = 'x', type = 'date', format = '%d.%m.%Y', zone = 'Europe/Berlin' }
    ";
    let problems = read(text).expect("readable").problems();
    let all = problems.join("\n");
    for words in [
        "`origin`: plain http",
        "`path` begins with `/`",
        "`headers.Authorization` is not for a configuration",
        "`a b` is no name of a header",
        "client_secret` is missing",
        "`auth.client_credentials.token_url`: plain http",
        "`auth.client_credentials.client_id` is empty",
        "`body` is for `method = \"POST\"`",
        "`records`: `a..b` is no path: at character 3: a name is expected",
        "`id` names at least one member",
        "`total`: `$[` is no path",
        "`scim` begins with `/`",
        "say either `at` or `parts`",
        "`format` is for days",
        "`%Y`, `%m` and `%d`",
        "`zone` is for days",
        "`Europe/Nowhere` is no time zone",
        "`zone` is for instants",
        "`1` cannot mean both yes and no",
        "`separator` is for `several = \"join\"`",
        "`paging.size` is 1 to 100,000",
        "`select.param` is missing",
        "`changes.changed_list.since` is empty",
        "has `{id}` once",
        "both `action` and `gone`",
        "`limits.passes` is 1 to 3",
        "`limits.calls_per_minute`",
        "`limits.pages`",
    ] {
        assert!(all.contains(words), "{words}\n{all}");
    }
    assert!(problems.len() >= 25);
}

#[test]
fn a_parameter_is_set_once() {
    let sound = "[source.rest]\norigin = 'https://a.example'\npath = '/a'\nid = 'id'\n";
    for (more, words) in [
        (
            "query = { offset = '1' }\npaging.offset = { size = 5 }",
            "`offset` is set by `paging`",
        ),
        (
            "query = { fields = 'a' }\nselect = { style = 'names', param = 'fields' }\nattributes = { A = 'a' }",
            "`fields` is set by `select`",
        ),
        (
            "query = { '$select' = 'a' }\nselect = { style = 'odata' }\nattributes = { A = 'a' }",
            "`$select` is set by `select`",
        ),
        (
            "paging.next_link = { at = 'a', header = 'b' }",
            "either `at` or `header`",
        ),
        ("paging.next_link = {}", "either `at` or `header`"),
        (
            "paging.cursor = { at = 'a', param = 'c', size = 5 }",
            "both `size` and `size_param`",
        ),
        (
            "paging.page = { page = 'p', first = 2, size = 5 }",
            "`paging.page.first` is 0 or 1",
        ),
        (
            "changes.filter = { param = 'q', template = 'x' }",
            "`{since}` once",
        ),
        ("select = { style = 'scim' }", "`select` needs `attributes`"),
        (
            "auth = { refresh_token = { token_url = 'https://a.example/t', client_id = 'c' } }",
            "refresh_token` is missing",
        ),
        (
            "auth = { basic = { user = 'a:b', password = { env = 'P' } } }",
            "without `:`",
        ),
    ] {
        let problems = config(&format!("{sound}{}", crate::paged(more))).problems();
        assert_eq!(problems.len(), 1, "{more}: {problems:?}");
        assert!(problems[0].contains(words), "{more}: {problems:?}");
    }
    assert!(
        config(&format!("{sound}{}", crate::paged("")))
            .problems()
            .is_empty()
    );
}

#[test]
fn what_is_not_known_is_not_read() {
    let sound = "origin = 'https://a.example'\npath = '/a'\nid = 'id'\n";
    for more in [
        "shoe = 1",
        "paging.offset = { size = 5, shoe = 1 }",
        "paging = 'sometimes'",
        "limits = { shoe = 1 }",
        "attributes = { A = { at = 'a', shoe = 1 } }",
        "auth = { basic = { user = 'u', password = 'secret' } }",
        "auth = { mtls = {} }",
        "select = { style = 'names', shoe = 1 }",
        "changes.filter = { param = 'q', template = '{since}', shoe = 1 }",
    ] {
        assert!(read(&format!("{sound}{more}")).is_err(), "{more}");
    }
}

#[test]
fn shipped_configurations_have_no_mistake() {
    for text in [
        include_str!("../../../../mappings/aquera/source.toml"),
        include_str!("../../../../mappings/bamboohr/source.toml"),
        include_str!("../../../../mappings/dynamics365/source.toml"),
    ] {
        assert_eq!(config(text).problems(), Vec::<String>::new());
    }
}
