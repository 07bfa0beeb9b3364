//! What the URL of an MCP client says: for whom, and which tools.

use valetkey_domain::Error;
use valetkey_engine::Offer;

/// Reads the query. `connection_name` and `tool_name` may come several times.
///
/// # Errors
/// `invalid_argument` for a parameter that there is not, that is empty, or that comes twice where it may not: a misspelt
/// one would offer more than was meant.
pub(super) fn read(query: &str) -> Result<Offer, Error> {
    let mut offer = Offer::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let value = value.into_owned();
        if value.is_empty() {
            return Err(Error::invalid(name, "is empty"));
        }
        match &*name {
            "identifier" => once(&name, &mut offer.identifier, value)?,
            "account_name" => once(&name, &mut offer.account_name, value)?,
            "connection_name" => offer.connections.push(value),
            "tool_name" => offer.tools.push(value),
            _ => {
                let known = "this parameter is not known; expected one of identifier, account_name, connection_name, \
                             tool_name";
                return Err(Error::invalid(name, known));
            }
        }
    }
    Ok(offer)
}

fn once(name: &str, field: &mut Option<String>, value: String) -> Result<(), Error> {
    if field.replace(value).is_some() {
        return Err(Error::invalid(name, "is given twice"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_says_for_whom_and_which_tools() {
        let offer = read(
            "identifier=user%20123&connection_name=gmail&connection_name=work&tool_name=t&account_name=a",
        );
        let expected = Offer {
            identifier: Some("user 123".into()),
            account_name: Some("a".into()),
            connections: vec!["gmail".into(), "work".into()],
            tools: vec!["t".into()],
        };
        assert_eq!(offer.unwrap(), expected);
        assert_eq!(read("").unwrap(), Offer::default());
    }

    #[test]
    fn query_with_what_it_may_not_have_is_refused_by_name() {
        for (query, field) in [
            ("identifer=user_123", "identifer"),
            ("identifier=", "identifier"),
            ("identifier=a&identifier=b", "identifier"),
            ("account_name=a&account_name=b", "account_name"),
            ("tool_name=t&tool_name=", "tool_name"),
        ] {
            assert_eq!(read(query).unwrap_err().details().fields[0].field, field, "{query}");
        }
    }
}
