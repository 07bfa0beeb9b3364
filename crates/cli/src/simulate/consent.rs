//! An end user without a browser: opens an authorization link, goes on to the simulator, decides there, and comes back.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use clap::Args;
use reqwest::{Certificate, Client, Response, header, redirect};
use url::Url;

use super::remote::trusted;
use crate::{
    dev,
    failure::{Exit, Failure},
    output,
};

/// Where the simulator's consent page sends its decision.
const DECISION: &str = "/oauth/authorize/decision";

#[derive(Debug, Args)]
pub(super) struct Consent {
    /// The authorization link, as `valetkey account link` prints it
    link: Url,
    /// Who decides: ada, grace or alan
    #[arg(long, default_value = "ada")]
    user: String,
    /// Refuse
    #[arg(long)]
    deny: bool,
    /// A certificate to trust. Repeatable; otherwise VALETKEY_CA_FILE, SIMULATOR_CA_FILE and the one of the `valetkey
    /// dev` of this folder
    #[arg(long = "ca-file", value_name = "FILE")]
    ca_files: Vec<PathBuf>,
}

impl Consent {
    fn client(&self) -> Result<Client, Failure> {
        let mut files = self.ca_files.clone();
        if files.is_empty() {
            let named = ["VALETKEY_CA_FILE", "SIMULATOR_CA_FILE"].map(|name| std::env::var(name).ok());
            files.extend(named.into_iter().flatten().filter(|path| !path.is_empty()).map(PathBuf::from));
            files.extend(dev::sandbox_here().map(|(_, ca_file)| ca_file));
        }
        let mut certificates: Vec<Certificate> = Vec::new();
        for path in &files {
            certificates.extend(trusted(path)?);
        }
        let mut http =
            Client::builder().timeout(Duration::from_secs(60)).redirect(redirect::Policy::none()).no_proxy();
        if !certificates.is_empty() {
            http = http.tls_certs_only(certificates);
        }
        http.build().map_err(|error| Failure::usage(format!("HTTP client: {error}")))
    }
}

pub(super) async fn run(consent: Consent) -> Result<(), Failure> {
    let http = consent.client()?;
    let page = sent(http.get(consent.link.clone())).await?;
    let cookies: Vec<String> = page
        .headers()
        .get_all(header::SET_COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok()?.split(';').next().map(str::to_owned))
        .collect();
    let cookies = cookies.join("; ");
    let fields = hidden(&text(page, "the link").await?);
    let started =
        sent(http.post(consent.link.clone()).header(header::COOKIE, &cookies).form(&fields)).await?;
    let authorize = location(started, "the link").await?;
    let page = sent(http.get(authorize.clone())).await?;
    if page.status().is_redirection() {
        // The provider turned the user away without asking.
        return finish(&http, location(page, "the provider").await?, &cookies).await;
    }
    let page = text(page, "the provider").await?;
    if !page.contains(&format!("action=\"{DECISION}\"")) {
        return Err(Failure::usage(format!("{authorize} is not the simulator's page")));
    }
    let mut fields = hidden(&page);
    // Without it the boxes that are not sent along do not count as unticked.
    fields.remove("scopes_shown");
    fields.insert("user".to_owned(), consent.user);
    fields.insert("decision".to_owned(), if consent.deny { "deny" } else { "allow" }.to_owned());
    let decision = authorize.join(DECISION).map_err(|error| Failure::usage(error.to_string()))?;
    let decided = sent(http.post(decision).form(&fields)).await?;
    finish(&http, location(decided, "the provider").await?, &cookies).await
}

/// Follows the user back to the server.
async fn finish(http: &Client, callback: Url, cookies: &str) -> Result<(), Failure> {
    let mut answer = sent(http.get(callback.clone()).header(header::COOKIE, cookies)).await?;
    if answer.status().is_redirection() {
        let next = location(answer, "the server").await?;
        if next.origin() != callback.origin() {
            // To the developer's own app, which is not asked here.
            return output::print_line(&format!("sent on to {next}"));
        }
        answer = sent(http.get(next)).await?;
    }
    output::print_line(&words(&text(answer, "the server").await?))
}

async fn sent(request: reqwest::RequestBuilder) -> Result<Response, Failure> {
    request.send().await.map_err(|error| Failure::new(Exit::Unreachable, format!("no answer: {error}")))
}

async fn text(response: Response, whose: &str) -> Result<String, Failure> {
    let status = response.status();
    let body = response.text().await;
    let body = body.map_err(|error| Failure::new(Exit::Unreachable, format!("no answer: {error}")))?;
    if status.is_success() {
        return Ok(body);
    }
    Err(Failure::new(Exit::Refused, format!("{whose} answered {status}: {}", words(&body))))
}

async fn location(response: Response, whose: &str) -> Result<Url, Failure> {
    let found = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    let to = found.and_then(|text| response.url().join(text).ok());
    match to {
        Some(url) => Ok(url),
        None => {
            let status = response.status();
            let body = words(&response.text().await.unwrap_or_default());
            Err(Failure::new(Exit::Refused, format!("{whose} answered {status}: {body}")))
        }
    }
}

/// The hidden fields of a page's form.
fn hidden(page: &str) -> BTreeMap<String, String> {
    let attribute = |input: &str, name: &str| {
        let rest = input.split_once(&format!(" {name}=\""))?.1;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let inputs = page.split("<input").skip(1).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag);
    let fields = inputs.filter(|tag| tag.contains("type=\"hidden\""));
    fields.filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value")?))).collect()
}

/// A page as a person reads it: no head, no tags, single spaces.
fn words(page: &str) -> String {
    let body = page.split_once("<body").map_or(page, |(_, body)| body);
    let body = body.split_once("</body").map_or(body, |(body, _)| body);
    let mut text = String::new();
    let mut in_tag = page.len() != body.len();
    for c in body.chars() {
        match c {
            '<' => in_tag = true,
            '>' => {
                in_tag = false;
                text.push(' ');
            }
            c if !in_tag && !c.is_control() => text.push(c),
            c if !in_tag && c.is_whitespace() => text.push(' '),
            _ => {}
        }
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // What our pages escape, the ampersand last.
    let escaped =
        [("&#39;", "'"), ("&quot;", "\""), ("&#34;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    escaped.iter().fold(text, |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_gives_its_hidden_fields_and_its_words() {
        let page = "<html><head><title>No</title></head><body class=\"x\">\n<h1>Connect</h1><form>\
            <input type=\"hidden\" name=\"csrf\" value=\"abc\"><input type=\"radio\" name=\"user\" value=\"ada\">\
            <p>Go\non</p></form></body></html>";
        assert_eq!(hidden(page), BTreeMap::from([("csrf".to_owned(), "abc".to_owned())]));
        assert_eq!(words(page), "Connect Go on");
        assert_eq!(words("plain text"), "plain text");
        assert_eq!(words("<p>The app&#39;s &lt;own&gt; &amp;lt;</p>"), "The app's <own> &lt;");
    }
}
