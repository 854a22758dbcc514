//! Files: what is written is read back, what is wrong is refused with its place.

use super::{file, matrix, page};
use crate::modbus::Table;
use crate::record::baseline::{
    Approval, Baseline, Bounds, Device, Entry, Extent, Number, Pair, Period, Query, Region, Seen, Thing, Touch,
};
use crate::sigma::render;
use crate::time::{Span, Timestamp};
use proptest::prelude::*;
use std::net::IpAddr;
use std::sync::Arc;

fn host() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u16; 8]>().prop_map(IpAddr::from)]
}

fn thing() -> impl Strategy<Value = Thing> {
    let pair = || (host(), host()).prop_map(|(client, server)| Pair { client, server });
    let device = || (host(), any::<u8>()).prop_map(|(server, unit)| Device { server, unit });
    let table = prop::sample::select(&[Table::Coils, Table::InputRegisters, Table::File, Table::Fifo][..]);
    let touch = prop::sample::select(&[Touch::Read, Touch::Write][..]);
    let region = (device(), table, touch).prop_map(|(device, table, touch)| Region { device, table, touch });
    let number = prop_oneof![
        any::<i64>().prop_map(|number| Number::Int(number.into())),
        any::<u64>().prop_map(|number| Number::Int(number.into())),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Number::Float),
    ];
    let numbers = (number.clone(), number).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let words = prop::collection::btree_set(any::<String>().prop_map(Arc::from), 0..4);
    let extent = (prop::option::of(numbers), words).prop_map(|(numbers, words)| Extent { numbers, words });
    let extent = extent.prop_filter("not empty", |extent| extent.numbers.is_some() || !extent.words.is_empty());
    let query = (any::<u8>(), 0_u8..=127, any::<Option<(u16, u16)>>()).prop_map(|(unit, function, place)| Query {
        unit,
        function,
        place,
    });
    let spans = (0..i64::MAX, 0..i64::MAX)
        .prop_map(|(a, b)| Period { least: Span::from_nanos(a.min(b)), greatest: Span::from_nanos(a.max(b)) });
    let tag = "[A-Za-z0-9_-]{1,9}".prop_map(Arc::from);
    prop_oneof![
        pair().prop_map(Thing::Pair),
        (pair(), any::<u8>(), 0_u8..=127).prop_map(|(pair, unit, function)| Thing::Function(pair, unit, function)),
        (region, any::<u16>(), any::<u16>()).prop_map(|(region, a, b)| Thing::Address(region, a.min(b), a.max(b))),
        (device(), tag, extent).prop_map(|(device, tag, extent)| Thing::Value(device, tag, extent)),
        (pair(), query, spans).prop_map(|(pair, query, period)| Thing::Period(pair, query, period)),
        (host(), any::<[u8; 6]>()).prop_map(|(host, mac)| Thing::Mac(host, mac)),
    ]
}

fn baseline() -> impl Strategy<Value = Baseline> {
    let time = || (-9_000_000_000_000_000_000_i64..9_000_000_000_000_000_000).prop_map(Timestamp::from_nanos);
    let approval = (time(), "\\PC{1,9}").prop_filter("a name", |(_, by)| !by.trim().is_empty());
    let entry =
        (thing(), time(), time(), 0..i64::MAX, prop::option::of(approval)).prop_map(|(thing, a, b, count, by)| {
            let seen = Seen { first: a.min(b), last: a.max(b), count: count.unsigned_abs() };
            Entry { thing, seen, approved: by.map(|(at, by)| Approval { at, by: by.into() }) }
        });
    (prop::collection::vec(entry, 0..9), prop::option::of(time()), prop::option::of(time())).prop_map(
        |(entries, since, frozen)| {
            let mut baseline = Baseline::default();
            (baseline.since, baseline.frozen) = (since, frozen);
            entries.iter().for_each(|entry| assert!(baseline.add(entry, Bounds::default())));
            baseline
        },
    )
}

fn read(source: &str) -> Result<Baseline, String> {
    file::read(&"baseline.yml".into(), source).map_err(|found| {
        let told: Vec<String> = found.iter().map(|found| render(found, source, false)).collect();
        told.join("\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// The law: what is written is read back, whatever the wire put in it.
    #[test]
    fn what_is_written_is_read_back(baseline in baseline()) {
        let text = page::write(&baseline);
        let again = read(&text);
        prop_assert_eq!(again.as_ref(), Ok(&baseline), "{}", text);
        prop_assert_eq!(page::write(&again.unwrap()), text);
        // And can be shown.
        let shown = matrix::text(&baseline);
        prop_assert!(shown.lines().count() > baseline.entries().len());
        for entry in baseline.entries() {
            matrix::line(&entry);
            let json = serde_json::to_string(&matrix::object("baseline", &entry)).unwrap();
            prop_assert!(!json.contains('\n'));
        }
    }

    /// The law: a file that was cut anywhere is refused.
    #[test]
    fn a_cut_file_is_refused(baseline in baseline(), at in any::<prop::sample::Index>()) {
        let text = page::write(&baseline);
        let cut = text.floor_char_boundary(at.index(text.trim_end().len()));
        prop_assert!(read(&text[..cut]).is_err());
    }

    /// The law: no text does harm.
    #[test]
    fn no_text_does_harm(text in "\\PC{0,80}") {
        prop_assert!(read(&text).is_err());
        let _ = read(&format!("version: 1\npairs:\n- {text}\n...\n"));
    }
}

#[test]
fn every_mistake_is_shown_in_its_place() {
    let seen = "first: 2020-09-23T08:55:39Z, last: 2020-09-23T08:55:40Z, count: 2";
    let file = |rest: &str| format!("version: 1\n{rest}\n...\n");
    let pair = |rest: &str| file(&format!("pairs:\n- {{client: 192.0.2.1, server: 192.0.2.2, {rest}}}"));
    let address = |rest: &str| format!("- {{server: 192.0.2.2, unit: 1, access: read, {rest}, {seen}}}");
    let value = |rest: &str| file(&format!("values:\n- {{server: 192.0.2.2, unit: 1, tag: t, {rest}, {seen}}}"));
    let period = |rest: &str| {
        file(&format!("periods:\n- {{client: 192.0.2.1, server: 192.0.2.2, unit: 1, function: 3, {rest}, {seen}}}"))
    };
    let all = [
        String::new(),
        "just text\n...\n".into(),
        "pairs: []\n...\n".into(),
        "version: 2\nthings: {what: ever}\n...\n".into(),
        "version: one\n...\n".into(),
        "version: 1\npairs: []\n".into(),
        "version: 1\npairs:\n- {client: 192.0.2.1, ser".into(),
        "version: 1\n...\n---\nversion: 1\n...\n".into(),
        file("piars: []"),
        file("pairs: {}"),
        file("since: yesterday"),
        pair("first: 2020-09-23T08:55:39Z, last: 2020-09-23T08:55:38Z, count: 2"),
        pair("first: 2020-09-23T08:55:39Z, last: 2020-09-23, count: -1"),
        pair("count: 2"),
        pair(&format!("{seen}, approved: ann")),
        pair(&format!("{seen}, approved: {{by: ann}}")),
        pair(&format!("{seen}, unit: 1")),
        file(&format!("pairs:\n- {{client: 192.0.2, server: 192.0.2.300, {seen}}}")),
        file(&format!("functions:\n- {{client: 192.0.2.1, server: 192.0.2.2, unit: 256, function: 128, {seen}}}")),
        file(&format!("addresses:\n{}", address("table: holding_register, addresses: 5"))),
        file(&format!("addresses:\n{}", address("table: coils, addresses: 9-5"))),
        file(&format!("addresses:\n{}", address("table: coils, addresses: 5-70000"))),
        file(&format!(
            "addresses:\n{}\n{}",
            address("table: coils, addresses: 0-9"),
            address("table: coils, addresses: 10")
        )),
        pair(&format!("{seen}}}\n- {{client: 192.0.2.1, server: 192.0.2.2, {seen}")),
        value("min: 5, max: 4"),
        value("min: 5"),
        value("words: on"),
        value("mean: 5"),
        period("least: 2s, greatest: 1s"),
        period("least: 2 seconds, greatest: 4s"),
        period("least: 2s, greatest: 4s, address: 5"),
        file(&format!("macs:\n- {{host: 192.0.2.1, mac: 080027bb1824, {seen}}}")),
    ];
    let told: Vec<String> = all.iter().map(|source| read(source).unwrap_err()).collect();
    assert!(told.iter().all(|told| told.starts_with("error[")), "{told:?}");
    insta::assert_snapshot!(told.join("\n"));
}
