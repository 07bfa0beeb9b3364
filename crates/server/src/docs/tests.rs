//! Every page holds together: links lead somewhere, anchors exist, nothing is in it that the page's policy refuses.

use valetkey_domain::ErrorCode;

use super::{
    book::{Page, book},
    render::{self, Target},
};

fn anchors_of(page: &Page) -> Vec<String> {
    render::anchors(page.body())
}

#[test]
fn links_of_every_page_lead_to_a_page_and_a_place_on_it() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let mut checked = 0;
    for page in book().pages() {
        for link in render::links(page.body()) {
            checked += 1;
            let (target, anchor) = match Target::of(book(), page, &link) {
                Target::Elsewhere(url) => {
                    assert!(url::Url::parse(&url).is_ok(), "{}: {url}", page.file);
                    continue;
                }
                Target::OpenApi => continue,
                Target::Here(anchor) => (page, anchor),
                Target::Page(path, anchor) => (book().at(&path).unwrap(), anchor),
                Target::Repository => {
                    let file = link.split('#').next().unwrap();
                    let path = root.join(&*page.file).parent().unwrap().join(file);
                    assert!(path.exists(), "{}: {link} leads nowhere", page.file);
                    continue;
                }
            };
            assert!(
                anchor.is_empty() || anchors_of(target).contains(&anchor),
                "{}: {link}: {} has no such place: {:?}",
                page.file,
                target.file,
                anchors_of(target)
            );
        }
    }
    assert!(checked > 300, "only {checked} links");
}

#[test]
fn pages_all_have_a_title_a_summary_and_an_address_of_their_own() {
    let mut seen = std::collections::HashSet::new();
    for page in book().pages() {
        assert!(!page.title.is_empty() && !page.summary.is_empty(), "{}", page.file);
        assert!(seen.insert(&page.path), "{} twice", page.path);
    }
    for path in ["", "troubleshooting", "errors", "skill", "compatible-api"] {
        assert!(book().at(path).is_some(), "{path} is missing");
    }
    let listed: usize = book().contents().iter().map(|(_, pages)| pages.len()).sum();
    assert_eq!(listed + ErrorCode::ALL.len(), book().pages().len(), "every page is in the list, once");
}

#[test]
fn pages_rendered_hold_no_style_no_script_and_no_dead_link() {
    for page in book().pages() {
        let html = render::render(book(), page, "/prefix").html;
        for forbidden in ["style=", "<script", "javascript:", "<img", " on", ".md\"", ".md#"] {
            let found = html.match_indices(forbidden).any(|(at, _)| {
                // Only within tags; text may speak of anything.
                html[..at].rfind('<') > html[..at].rfind('>')
            });
            assert!(!found, "{}: {forbidden} in a tag", page.file);
        }
        for href in html.split("href=\"").skip(1) {
            let href = href.split('"').next().unwrap();
            let fits = ["/prefix/docs", "/prefix/openapi.json", "#", "https://"];
            assert!(fits.iter().any(|start| href.starts_with(start)), "{}: {href}", page.file);
        }
    }
}

#[test]
fn html_in_a_page_shown_as_text() {
    let page = super::book::Page::for_test(
        "x.md",
        "# X\n\nA <b onclick=\"x\">bold</b> [link](javascript:alert(1)).\n\n<script>x</script>\n",
    );
    let html = render::render(book(), &page, "").html;
    assert!(!html.contains("<b") && !html.contains("<script") && !html.contains("javascript:"), "{html}");
}
