//! All connectors that this process knows.

use std::{collections::HashMap, sync::Arc};

use super::{Connector, LoadError, load};
use crate::tool::Tool;

/// An immutable catalogue of connector files.
#[derive(Debug, Clone, Default)]
pub struct Connectors {
    connectors: Vec<Arc<Connector>>,
    /// Lower-case slugs, provider names and aliases.
    by_name: HashMap<String, usize>,
    /// Names and aliases of tools.
    by_tool: HashMap<String, (usize, usize)>,
}

impl Connectors {
    /// The connector files that are compiled into the binary.
    ///
    /// # Errors
    /// When one of them is wrong; a test sees to it that none is.
    pub fn embedded() -> Result<Self, LoadError> {
        Self::embedded_and([])
    }

    /// The files that are compiled into the binary, and further ones, given as name and text.
    ///
    /// # Errors
    /// As [`Connectors::from_files`].
    pub fn embedded_and(further: impl IntoIterator<Item = (String, String)>) -> Result<Self, LoadError> {
        let files = super::embedded::FILES.iter();
        let files = files.map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Self::from_files(files.chain(further))
    }

    /// Reads files, given as name and text.
    ///
    /// # Errors
    /// When a file is not a connector file, needs what cannot be carried out yet, or takes a name that another one has.
    pub fn from_files(files: impl IntoIterator<Item = (String, String)>) -> Result<Self, LoadError> {
        let mut catalogue = Self::default();
        for (file, text) in files {
            let connector = load::read(&file, &text)?;
            catalogue.add(&file, connector)?;
        }
        Ok(catalogue)
    }

    fn add(&mut self, file: &str, connector: Connector) -> Result<(), LoadError> {
        let index = self.connectors.len();
        let names = [&connector.slug, &connector.provider].into_iter().chain(&connector.aliases);
        for name in names {
            let taken = self.by_name.insert(name.to_ascii_lowercase(), index);
            if let Some(other) = taken.filter(|other| *other != index) {
                let other = &self.connectors[other].slug;
                return Err(LoadError::new(
                    file,
                    "aliases",
                    format!("the name \"{name}\" is taken by {other}"),
                ));
            }
        }
        for (position, tool) in connector.tools.iter().enumerate() {
            for name in std::iter::once(&tool.name).chain(&tool.aliases) {
                if self.by_tool.insert(name.clone(), (index, position)).is_some() {
                    let place = format!("tools[{position}]");
                    return Err(LoadError::new(file, place, format!("the tool name \"{name}\" is taken")));
                }
            }
        }
        self.connectors.push(Arc::new(connector));
        Ok(())
    }

    /// The connector of this slug, provider name or alias, whatever the case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Connector>> {
        self.by_name.get(&name.to_ascii_lowercase()).and_then(|index| self.connectors.get(*index))
    }

    /// The tool of this name or alias, with its connector.
    #[must_use]
    pub fn tool(&self, name: &str) -> Option<(&Arc<Connector>, &Arc<Tool>)> {
        let (connector, tool) = self.by_tool.get(name)?;
        let connector = self.connectors.get(*connector)?;
        Some((connector, connector.tools.get(*tool)?))
    }

    /// Every connector, in the order of the files.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Connector>> {
        self.connectors.iter()
    }
}
