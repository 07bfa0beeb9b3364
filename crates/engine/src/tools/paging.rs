//! Pages over lists that are made on the spot. Their token is the place of the first row, so that it is short and
//! needs no state; the lists change only with the connector files and the accounts of one user.

use valetkey_domain::{
    Error, Page, PageRequest,
    page::{Cursor, DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE},
};

/// One page of `rows`.
///
/// # Errors
/// `invalid_argument` for a page token that is none.
pub(super) fn page<'a, T>(rows: &'a [T], wanted: &PageRequest) -> Result<Page<&'a T>, Error> {
    let size = match wanted.size {
        0 => DEFAULT_PAGE_SIZE,
        size => size.min(MAX_PAGE_SIZE),
    } as usize;
    let first = match &wanted.cursor {
        None => 0,
        Some(Cursor::After(token)) if token.len() <= 10 => token.parse::<usize>().map_err(|_| no_token())?,
        Some(_) => return Err(no_token()),
    };
    let end = first.saturating_add(size).min(rows.len());
    let items: Vec<&T> = rows.iter().skip(first).take(size).collect();
    Ok(Page {
        items,
        next: (end < rows.len()).then(|| end.to_string()),
        previous: (first > 0).then(|| first.saturating_sub(size).to_string()),
        total: rows.len() as u64,
    })
}

fn no_token() -> Error {
    Error::invalid("page_token", "is not a token that a page of this list gave")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(size: u32, token: &str) -> PageRequest {
        PageRequest::from_wire(size, token)
    }

    #[test]
    fn pages_walked_on_and_back_give_every_row_once() {
        let rows: Vec<u32> = (0..7).collect();
        let (mut token, mut seen) = (String::new(), Vec::new());
        loop {
            let page = page(&rows, &wanted(3, &token)).unwrap();
            assert_eq!(page.total, 7);
            seen.extend(page.items.into_iter().copied());
            let Some(next) = page.next else {
                assert_eq!(page.previous.as_deref(), Some("3"));
                break;
            };
            token = next;
        }
        assert_eq!(seen, rows);
    }

    #[test]
    fn page_odd_token_is_refused_and_a_far_one_is_empty() {
        let rows = [1, 2, 3];
        for token in ["~2", "x", "-1", "99999999999999999999"] {
            let refused = page(&rows, &wanted(3, token)).unwrap_err();
            assert_eq!(refused.details().fields[0].field, "page_token", "{token}");
        }
        let far = page(&rows, &wanted(3, "4000000000")).unwrap();
        assert!(far.items.is_empty() && far.next.is_none());
    }
}
