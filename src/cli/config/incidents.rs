//! `incidents:` which alerts belong together.

use super::super::node::timespan;
use super::Reader;
use super::policies::{field, pause};
use crate::alert::Grouping;
use crate::record::maps::Tags;
use crate::sigma::scalar::scalar_text;
use crate::sigma::yaml::Node;
use std::sync::Arc;

/// [`Grouping::default`] as it would be written.
pub(super) const DEFAULT: &str = "{by: [modbus.client], window: 1h, reopen: 1d}";

/// What is written to have no incidents.
const NONE: &str = "none";

pub(super) fn read(node: &Node<'_>, tags: &Arc<Tags>, reader: &mut Reader<'_>) -> Option<Grouping> {
    if scalar_text(node) == Some(NONE) {
        return None;
    }
    let default = Grouping::default();
    let fields = reader.fields(node, &["by", "window", "reopen"], "`incidents`")?;
    let by = match fields.get("by") {
        Some(node) => reader.several(Some(node), "a field", |node| field(node, tags))?,
        None => {
            reader.fill(&fields, "by", "[modbus.client]");
            default.by
        }
    };
    let window = reader.or(&fields, "window", default.window, |node| timespan(node, "the window"))?;
    let reopen = match fields.get("reopen") {
        Some(node) => reader.keep(pause(node, "the time to reopen"))?,
        None => default.reopen.inspect(|reopen| reader.fill(&fields, "reopen", reopen)),
    };
    Some(Grouping { by, window, reopen })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{folder, right, told};
    use crate::alert::Grouping;
    use crate::time::Span;

    #[test]
    fn incidents_are_of_what_is_written_or_none() {
        let of = |source: &str| right(&folder(), source).alerting.incidents;
        assert_eq!(of("incidents: none\n"), None);
        let [by, window] = [vec!["host".into()], Grouping::default().by];
        let never = Grouping { reopen: None, ..Grouping::default() };
        assert_eq!(of("incidents: {reopen: 0s}\n"), Some(never));
        assert_eq!(of("incidents: {by: host}\n"), Some(Grouping { by, ..Grouping::default() }));
        assert_eq!(
            of("incidents: {window: 1d}\n"),
            Some(Grouping { by: window, window: Span::from_secs(86_400), ..Grouping::default() })
        );
    }

    #[test]
    fn every_mistake_is_shown_in_its_place() {
        let all = [
            "incidents: off",
            "incidents: [modbus.client]",
            "incidents: {by: modbus.klient}",
            "incidents: {by: [], window: 0s}",
            "incidents: {per: host}",
            "incidents: {reopen: soon}",
        ];
        insta::assert_snapshot!(told(&folder(), &all));
    }
}
