//! A configuration file, from its bytes to what it says.

use super::super::outcome::{Failure, reason};
use super::super::{colour_on_stderr, note};
use super::reader::{Notes, Reader};
use super::{Config, refused};
use crate::sigma::diagnostic::{Problem, Span};
use crate::sigma::scalar::is_null;
use crate::sigma::yaml::{self, Node};
use crate::sigma::{Loaded, Severity, SourceText};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The largest configuration that is read: as many assets as there can be take some 6 MB.
const MAX_BYTES: u64 = 16 << 20;

/// The most values (texts, lists, maps) of a configuration: as many assets as there can be take some 800,000.
const MAX_NODES: usize = 2_000_000;

/// A configuration as it lies there.
pub(super) struct File {
    pub(super) path: PathBuf,
    text: String,
    /// The first byte that is not UTF-8.
    broken: Option<usize>,
}

/// What a configuration says.
pub(super) struct Understood<'f> {
    /// As far as it is right.
    pub(super) config: Config,
    /// The tree it was read from; `None` of a file that says nothing.
    pub(super) root: Option<Node<'f>>,
    /// What the tree does not tell.
    pub(super) notes: Notes,
    /// What is wrong with it and with the files it names.
    pub(super) told: Loaded,
}

impl File {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or is too large.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let unreadable = |reason: &str| Failure::failed(format!("cannot read {}: {reason}", path.display()));
        let mut bytes = Vec::new();
        let read = std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
        read.map_err(|error| unreadable(&reason(&error)))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(unreadable(&format!("it has more than the {MAX_BYTES} bytes a configuration may have")));
        }
        Ok(Self::new(path, &bytes))
    }

    /// A file of this content.
    pub(super) fn new(path: &Path, bytes: &[u8]) -> Self {
        let broken = std::str::from_utf8(bytes).err().map(|error| error.valid_up_to());
        Self { path: path.to_owned(), text: String::from_utf8_lossy(bytes).into_owned(), broken }
    }

    /// What it says, and all that is wrong with it.
    pub(super) fn understand(&self) -> Understood<'_> {
        let name: Arc<str> = self.path.display().to_string().into();
        let mut reader = Reader::new(self.path.parent().unwrap_or(Path::new("")), &name, &self.text);
        let root = self.root(&mut reader);
        let config = root.as_ref().map_or_else(Config::default, |root| Config::read(root, &mut reader));
        let Reader { problems, elsewhere, notes, .. } = reader;
        let mut told = Loaded { diagnostics: problems.locate(&name, &self.text), ..Loaded::default() };
        told.sources.push(SourceText::new(name, notes.masked(&self.text)));
        for (source, found) in elsewhere {
            told.sources.push(source);
            told.diagnostics.extend(found);
        }
        Understood { config: Config { origin: Some(self.path.clone()), ..config }, root, notes, told }
    }

    fn root(&self, reader: &mut Reader<'_>) -> Option<Node<'_>> {
        if let Some(at) = self.broken {
            reader.problems.push(Problem::error("not-utf8", Span::new(at, at), "this is not UTF-8"));
            return None;
        }
        let mut documents = yaml::parse_up_to(MAX_NODES, &self.text, &mut reader.problems);
        if let Some(second) = documents.get(1) {
            reader.problems.push(Problem::error("too-many-documents", second.span, "a configuration is one document"));
        }
        documents.truncate(1);
        // A file of nothing but comments says nothing.
        documents.pop().filter(|root| !is_null(root))
    }

    /// The configuration, if all of it is right. What is wrong is told on standard error.
    ///
    /// # Errors
    /// When something is wrong.
    pub(super) fn config(&self) -> Result<Config, Failure> {
        let understood = self.understand();
        understood.settle()?;
        let config = understood.config;
        if config.secret_key.is_none() && config.maps.has_secrets() {
            note(
                "sigmabus: note: no `secret_key` is configured, so the marks of secret registers are of this run only",
            );
        }
        Ok(config)
    }
}

impl Understood<'_> {
    /// Tells what is wrong on standard error.
    pub(super) fn tell(&self) {
        if !self.told.diagnostics.is_empty() {
            note(&format!("{}\n", self.told.render(colour_on_stderr()).trim_end()));
        }
    }

    /// The same, and refuses what has errors.
    ///
    /// # Errors
    /// When there are any.
    pub(super) fn settle(&self) -> Result<(), Failure> {
        self.tell();
        match self.errors() {
            0 => Ok(()),
            errors => Err(refused(errors)),
        }
    }

    /// How many errors there are.
    pub(super) fn errors(&self) -> usize {
        self.told.diagnostics.iter().filter(|found| found.severity == Severity::Error).count()
    }
}
