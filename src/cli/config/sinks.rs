//! `sinks:` where lines can go.

use super::super::node::{Fields, entries, integer, list, refuse_twice, text, timespan, word, wrong_type, wrong_value};
use super::Reader;
use crate::sigma::diagnostic::{Problem, Refusal, Span, short};
use crate::sigma::ir::Expr;
use crate::sigma::yaml::Node;
use crate::sink::{
    Backoff, Body, Bounds, Delivery, Drop, FACILITIES, FileSpec, Form, Kind, MAX_SINKS, Manner, Packing, Peer, Route,
    Secret, SinkSpec, Sync, SyslogSpec, Target, Tls, Transport, WebhookSpec,
};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// The keys of any sink.
const COMMON: [&str; 5] = ["name", "type", "queue", "batch", "retry"];

const FILE: [&str; 3] = ["path", "rotate", "sync"];

const SYSLOG: [&str; 10] =
    ["address", "transport", "tls", "facility", "app_name", "hostname", "sd_id", "format", "max_size", "timeout"];

const WEBHOOK: [&str; 6] = ["url", "format", "headers", "bearer", "tls", "timeout"];

const WHAT: &str = "a sink";

/// What a sink can be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Stdout,
    File,
    Syslog,
    Webhook,
}

const TYPES: [(&str, Type); 4] =
    [("stdout", Type::Stdout), ("file", Type::File), ("syslog", Type::Syslog), ("webhook", Type::Webhook)];

const PACKINGS: [(&str, Packing); 3] = [("none", Packing::None), ("gzip", Packing::Gzip), ("zstd", Packing::Zstd)];

/// The transports of syslog; the last one is a stream with TLS.
const TRANSPORTS: [(&str, (Transport, bool)); 3] =
    [("udp", (Transport::Udp, false)), ("tcp", (Transport::Stream, false)), ("tls", (Transport::Stream, true))];

/// Sizes of queues and batches, in items and in bytes.
const ITEMS: RangeInclusive<i64> = 1..=10_000_000;
const BYTES: RangeInclusive<u64> = 1..=16 << 30;

/// Reads the sinks. Until routes are read, all alerts go to each of them.
pub(super) fn read(node: &Node<'_>, delivery: &mut Delivery, reader: &mut Reader<'_>) {
    let items = reader.keep(list(node, "`sinks`")).unwrap_or_default();
    let sinks: Vec<(SinkSpec, Span)> = items.iter().filter_map(|item| sink(item, reader)).collect();
    if sinks.len() >= MAX_SINKS {
        let message = format!("{} sinks are more than the {} there can be", sinks.len(), MAX_SINKS - 1);
        reader.problems.push(wrong_value(node, message));
    }
    refuse_twice(sinks.iter().map(|(sink, name)| (&*sink.name, *name)), &mut reader.problems);
    refuse_shared_files(&sinks, reader);
    delivery.sinks = sinks.into_iter().map(|(sink, _)| sink).collect();
    let to: Vec<usize> = (0..delivery.sinks.len()).collect();
    if !to.is_empty() {
        delivery.routes = vec![Route { from: Kind::Alert, when: Expr::All(Vec::new()), to, stop: false }];
    }
}

/// Two sinks that write one file would rotate it away from each other.
fn refuse_shared_files(sinks: &[(SinkSpec, Span)], reader: &mut Reader<'_>) {
    let path = |sink: &SinkSpec| match &sink.target {
        Target::File(file) => Some(file.path.clone()),
        _ => None,
    };
    for (place, (sink, name)) in sinks.iter().enumerate() {
        let before = sinks.iter().take(place).find(|(other, _)| path(sink).is_some() && path(other) == path(sink));
        if let Some((other, first)) = before {
            let message = format!("the sinks `{}` and `{}` write the same file", other.name, sink.name);
            let problem = Problem::error("duplicate-file", *name, message).label("again here");
            reader.problems.push(problem.related(*first, "first here"));
        }
    }
}

/// A sink, and where its name is written.
fn sink(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<(SinkSpec, Span)> {
    let all: Vec<&str> = [&COMMON[..], &FILE, &SYSLOG, &WEBHOOK].concat();
    let fields = reader.fields(node, &all, WHAT)?;
    let name = reader.need(&fields, "name", WHAT, |node| Ok((Arc::from(text(node, "a name")?), node.span)));
    let kind = reader.need(&fields, "type", WHAT, |node| word(node, "type of sink", &TYPES));
    let (bounds, drop) = queue(&fields, reader);
    let manner = manner(&fields, reader);
    let target = kind.and_then(|kind| {
        refuse_strangers(&fields, kind, reader);
        match kind {
            Type::Stdout => Some(Target::Stdout),
            Type::File => file(&fields, reader).map(Target::File),
            Type::Syslog => syslog(&fields, reader).map(Target::Syslog),
            Type::Webhook => webhook(&fields, reader).map(Target::Webhook),
        }
    });
    let (name, place) = name?;
    let spec = SinkSpec {
        name,
        // One that is wrong still has its name, so that routes to it are not wrong as well.
        target: target.unwrap_or(Target::Stdout),
        bounds: bounds.unwrap_or_default(),
        drop: drop.unwrap_or_default(),
        manner: manner.unwrap_or_default(),
    };
    if let Err(problem) = spec.check() {
        let node = fields.get("tls").or(fields.get("headers")).unwrap_or(node);
        reader.problems.push(wrong_value(node, problem));
    }
    Some((spec, place))
}

/// Refuses keys that say nothing of this type.
fn refuse_strangers(fields: &Fields<'_>, kind: Type, reader: &mut Reader<'_>) {
    let own: &[&str] = match kind {
        Type::Stdout => &[],
        Type::File => &FILE,
        Type::Syslog => &SYSLOG,
        Type::Webhook => &WEBHOOK,
    };
    let known = |key: &str| own.contains(&key) || COMMON.contains(&key) && kind != Type::Stdout || is_named(key);
    for entry in fields.entries().iter().filter(|entry| !known(&entry.key.text)) {
        let all = [&COMMON[..], &FILE, &SYSLOG, &WEBHOOK].concat();
        // One that no sink has was told already.
        if all.contains(&&*entry.key.text) {
            let word = TYPES.iter().find(|(_, other)| *other == kind).map_or("", |(word, _)| word);
            let message = format!("`{}` says nothing of a sink of type {word}", entry.key.text);
            reader.problems.push(Problem::error("unused-key", entry.key.span, message));
        }
    }
}

fn is_named(key: &str) -> bool {
    ["name", "type"].contains(&key)
}

fn queue(fields: &Fields<'_>, reader: &mut Reader<'_>) -> (Option<Bounds>, Option<Drop>) {
    const DROPS: [(&str, Drop); 2] = [("newest", Drop::Newest), ("oldest", Drop::Oldest)];
    let default = Bounds::default();
    let Some(node) = fields.get("queue") else { return (Some(default), Some(Drop::default())) };
    let Some(fields) = reader.fields(node, &["items", "size", "drop"], "`queue`") else { return (None, None) };
    let drop = fields.get("drop").map_or(Ok(Drop::default()), |node| word(node, "choice of what to drop", &DROPS));
    (bounds(&fields, default, reader), reader.keep(drop))
}

fn bounds(fields: &Fields<'_>, default: Bounds, reader: &mut Reader<'_>) -> Option<Bounds> {
    let items = match fields.get("items") {
        Some(node) => reader.keep(integer(node, "a number of items", ITEMS)).map(|items| items as usize),
        None => Some(default.items),
    };
    let bytes = match fields.get("size") {
        Some(node) => reader.keep(size(node, "a size")).map(|size| size as usize),
        None => Some(default.bytes),
    };
    Some(Bounds { items: items?, bytes: bytes? })
}

fn manner(fields: &Fields<'_>, reader: &mut Reader<'_>) -> Option<Manner> {
    let default = Manner::default();
    let batch = match fields.get("batch") {
        Some(node) => {
            let fields = reader.fields(node, &["items", "size"], "`batch`");
            fields.and_then(|fields| bounds(&fields, default.batch, reader))
        }
        None => Some(default.batch),
    };
    let backoff = match fields.get("retry") {
        Some(node) => {
            let fields = reader.fields(node, &["first", "longest"], "`retry`");
            fields.and_then(|fields| backoff(&fields, reader))
        }
        None => Some(default.backoff),
    };
    Some(Manner { batch: batch?, backoff: backoff? })
}

fn backoff(fields: &Fields<'_>, reader: &mut Reader<'_>) -> Option<Backoff> {
    let default = Backoff::default();
    let first = fields.get("first").map_or(Some(default.first), |node| duration(node, "a pause", reader));
    let longest = fields.get("longest").map_or(Some(default.longest), |node| duration(node, "a pause", reader));
    let (first, longest) = first.zip(longest)?;
    if let Some(node) = fields.get("longest").or(fields.get("first")).filter(|_| longest < first) {
        reader.problems.push(wrong_value(node, "the longest pause is shorter than the first"));
        return None;
    }
    Some(Backoff { first, longest, ..default })
}

/// The value of a key, or its default.
fn given<T>(
    fields: &Fields<'_>,
    key: &str,
    default: T,
    reader: &mut Reader<'_>,
    read: impl FnOnce(&Node<'_>, &mut Reader<'_>) -> Option<T>,
) -> Option<T> {
    fields.get(key).map_or(Some(default), |node| read(node, reader))
}

fn file(fields: &Fields<'_>, reader: &mut Reader<'_>) -> Option<FileSpec> {
    let path = reader.need(fields, "path", "a file", |node| text(node, "the path of a file"));
    let rotation = given(fields, "rotate", Some(FileSpec::new("")), reader, |node, reader| Some(rotate(node, reader)));
    let sync = given(fields, "sync", Sync::Never, reader, |node, reader| {
        Some(match reader.keep(text(node, "`sync`"))? {
            "never" => Sync::Never,
            "always" => Sync::Always,
            _ => Sync::Every(duration(node, "`sync`, if it is neither `never` nor `always`,", reader)?),
        })
    });
    let path = reader.path(path?);
    Some(FileSpec { path, sync: sync?, ..rotation?? })
}

/// What `rotate` says, in a file without a path.
fn rotate(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<FileSpec> {
    let default = FileSpec::new("");
    let fields = reader.fields(node, &["size", "every", "keep", "compress"], "`rotate`")?;
    let size = given(&fields, "size", None, reader, |node, reader| reader.keep(size(node, "a size")).map(Some));
    let every = given(&fields, "every", None, reader, |node, reader| reader.keep(timespan(node, "`every`")).map(Some));
    if fields.get("size").is_none() && fields.get("every").is_none() {
        reader.problems.push(wrong_value(node, "expected `size`, `every` or both"));
    }
    let keep = i64::from(default.keep);
    let keep = reader.or(&fields, "keep", keep, |node| integer(node, "a number of files", 1..=9_999));
    let packing = given(&fields, "compress", Packing::None, reader, |node, reader| {
        reader.keep(word(node, "way to compress", &PACKINGS))
    });
    Some(FileSpec { rotate_bytes: size?, rotate_every: every?, keep: keep? as u32, packing: packing?, ..default })
}

fn syslog(fields: &Fields<'_>, reader: &mut Reader<'_>) -> Option<SyslogSpec> {
    const FORMS: [(&str, Form); 2] = [("json", Form::Json), ("cef", Form::Cef)];
    if fields.get("transport").is_none() {
        reader.fill(fields, "transport", "udp");
    }
    let transport = given(fields, "transport", (Transport::Udp, false), reader, |node, reader| {
        reader.keep(word(node, "transport", &TRANSPORTS))
    });
    let (kind, encrypted) = transport.unwrap_or((Transport::Stream, true));
    let usual = if encrypted { 6514 } else { 514 };
    let address = reader.need(fields, "address", "a log server", |node| address(node, usual));
    let tls = tls(fields, reader);
    if let Some(node) = fields.get("tls").filter(|_| !encrypted) {
        reader.problems.push(wrong_value(node, "`tls` says nothing without `transport: tls`"));
    }
    let nowhere = Peer { host: String::new(), port: 0, tls: None };
    let default = SyslogSpec::new(kind, nowhere);
    let facilities: Vec<(&str, u8)> = FACILITIES.into_iter().zip(0..).collect();
    let facility = given(fields, "facility", default.facility, reader, |node, reader| {
        reader.keep(word(node, "facility", &facilities))
    });
    let mut header = |key, longest, default: &str| {
        given(fields, key, default.to_owned(), reader, |node, reader| reader.keep(self::header(node, key, longest)))
    };
    let app_name = header("app_name", 48, &default.app_name);
    let hostname = header("hostname", 255, &default.hostname);
    let sd_id = header("sd_id", 32, &default.sd_id);
    let form = given(fields, "format", Form::Json, reader, |node, reader| {
        reader.keep(word(node, "form of a message", &FORMS))
    });
    let max_bytes = given(fields, "max_size", default.max_bytes, reader, |node, reader| {
        let given = reader.keep(size(node, "a size"))? as usize;
        let range = 480..=default.max_bytes;
        let expected = || wrong_value(node, format!("expected a size from {} to {} bytes", range.start(), range.end()));
        reader.keep(if range.contains(&given) { Ok(given) } else { Err(expected()) })
    });
    let timeout = timeout(fields, default.timeout, reader);
    let (host, port) = address?;
    let tls = tls?;
    let peer = Peer { host, port, tls: encrypted.then_some(tls) };
    let (transport, _) = transport?;
    Some(SyslogSpec {
        transport,
        peer,
        facility: facility?,
        app_name: app_name?,
        hostname: hostname?,
        sd_id: sd_id?,
        form: form?,
        max_bytes: max_bytes?,
        timeout: timeout?,
    })
}

/// A field of syslog's header (RFC 5424, 6.2 and 6.3.2): printable ASCII.
fn header(node: &Node<'_>, key: &str, longest: usize) -> Result<String, Refusal> {
    let written = text(node, key)?;
    let fits = |c: char| c.is_ascii_graphic() && (key != "sd_id" || !matches!(c, '=' | ']' | '"'));
    if written.len() > longest || !written.chars().all(fits) {
        return Err(wrong_value(node, format!("no {key} for syslog: `{}`", short(written)))
            .hint(format!("it has up to {longest} printable ASCII characters and no spaces")));
    }
    Ok(written.to_owned())
}

/// `HOST`, `HOST:PORT`, `[::1]:PORT`
fn address(node: &Node<'_>, usual: u16) -> Result<(String, u16), Refusal> {
    let written = text(node, "an address")?;
    let wrong = || {
        wrong_value(node, format!("no address of a host: `{}`", short(written)))
            .hint("write HOST or HOST:PORT, and [ADDRESS]:PORT for IPv6")
    };
    let bare = written.parse::<std::net::Ipv6Addr>().is_ok();
    let (host, port) = match written.rsplit_once(':').filter(|_| !bare && !written.ends_with(']')) {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?),
        None => (written, usual),
    };
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = bracketed.unwrap_or(host);
    let fits = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') || (bracketed.is_some() || bare) && c == ':'
    };
    if host.is_empty() || !host.chars().all(fits) {
        return Err(wrong());
    }
    Ok((host.to_owned(), port))
}

fn tls(fields: &Fields<'_>, reader: &mut Reader<'_>) -> Option<Tls> {
    let Some(node) = fields.get("tls") else { return Some(Tls::default()) };
    let fields = reader.fields(node, &["ca", "server_name"], "`tls`")?;
    let ca = given(&fields, "ca", None, reader, |node, reader| {
        let name = reader.keep(text(node, "the path of a file"))?;
        // Whether it can be read is told with its place.
        reader.file(name, node)?;
        Some(Some(reader.path(name)))
    });
    let server_name = given(&fields, "server_name", None, reader, |node, reader| {
        Some(Some(reader.keep(text(node, "a name"))?.to_owned()))
    });
    Some(Tls { ca: ca?, server_name: server_name? })
}

fn webhook(fields: &Fields<'_>, reader: &mut Reader<'_>) -> Option<WebhookSpec> {
    const BODIES: [(&str, Body); 2] = [("array", Body::Array), ("lines", Body::Lines)];
    let spec = url(fields, reader);
    let tls = tls(fields, reader);
    if let (Some(node), Some(spec)) = (fields.get("tls"), &spec)
        && spec.peer.tls.is_none()
    {
        reader.problems.push(wrong_value(node, "`tls` says nothing of an http:// address"));
    }
    let body =
        given(fields, "format", Body::Array, reader, |node, reader| reader.keep(word(node, "form of a body", &BODIES)));
    let headers = given(fields, "headers", Vec::new(), reader, |node, reader| {
        let entries = reader.keep(entries(node, "`headers`"))?;
        let values = entries.iter().map(|entry| {
            let name = &entry.key.text;
            Some((name.to_string(), header_value(name, &entry.value, reader)?))
        });
        // All of them are read, so that all that is wrong is told.
        values.collect::<Vec<Option<_>>>().into_iter().collect::<Option<Vec<_>>>()
    });
    let bearer = given(fields, "bearer", None, reader, |node, reader| Some(Some(reader.secret(node, "the token")?)));
    let timeout = timeout(fields, WebhookSpec::TIMEOUT, reader);
    let (mut spec, tls, mut headers) = (spec?, tls?, headers?);
    if let Some(token) = bearer? {
        headers.push(("Authorization".to_owned(), Secret::new([b"Bearer ", token.bytes()].concat())));
    }
    spec.peer.tls = spec.peer.tls.map(|_| tls);
    Some(WebhookSpec { headers, body: body?, timeout: timeout?, ..spec })
}

/// A web server at its address. Many addresses hold a token, so one may be kept elsewhere.
fn url(fields: &Fields<'_>, reader: &mut Reader<'_>) -> Option<WebhookSpec> {
    let node = reader.keep(fields.need("url", "a web server"))?;
    let written = reader.keep(text(node, "an address"))?;
    let url = if is_reference(written) { plain(node, "the address", reader)? } else { written.to_owned() };
    reader.keep(WebhookSpec::new(&url).map_err(|problem| wrong_value(node, problem)))
}

fn is_reference(written: &str) -> bool {
    written.starts_with("${") || written.starts_with("file:")
}

/// The text of a secret that has to be one.
fn plain(node: &Node<'_>, what: &str, reader: &mut Reader<'_>) -> Option<String> {
    let secret = reader.secret(node, what)?;
    let text = secret.text().map(str::to_owned);
    reader.keep(text.ok_or_else(|| wrong_value(node, format!("{what} is not UTF-8"))))
}

/// The value of a header: as it is written, or where it is kept. One that says who we are is never written here.
fn header_value(name: &str, node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Secret> {
    let written = reader.keep(text(node, "the value of a header"))?;
    let telling = ["authorization", "proxy-authorization", "cookie"].contains(&&*name.to_ascii_lowercase());
    if is_reference(written) || telling {
        return reader.secret(node, &format!("`{}`", short(name)));
    }
    Some(Secret::new(written))
}

fn timeout(fields: &Fields<'_>, default: Duration, reader: &mut Reader<'_>) -> Option<Duration> {
    given(fields, "timeout", default, reader, |node, reader| duration(node, "`timeout`", reader))
}

/// A length of time on the clock on the wall.
pub(super) fn duration(node: &Node<'_>, what: &str, reader: &mut Reader<'_>) -> Option<Duration> {
    let span = reader.keep(timespan(node, what))?;
    Some(Duration::from_nanos(u64::try_from(span.nanos()).unwrap_or(0)))
}

/// A number of bytes: `4096`, `16KiB`, `100MiB`, `2GiB`.
fn size(node: &Node<'_>, what: &str) -> Result<u64, Refusal> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let expected = || {
        wrong_type(node, format!("expected {what} in bytes, or with KiB, MiB or GiB behind it")).hint("such as 100MiB")
    };
    let crate::sigma::yaml::Kind::Scalar(scalar) = &node.kind else { return Err(expected()) };
    let unit = units.into_iter().find_map(|(unit, shift)| Some((scalar.text.strip_suffix(unit)?, shift)));
    let (digits, shift) = unit.unwrap_or((&scalar.text, 0));
    let number: u64 = digits.trim().parse().map_err(|_| expected())?;
    let bytes = number.checked_mul(1 << shift).filter(|bytes| BYTES.contains(bytes));
    bytes.ok_or_else(|| wrong_value(node, format!("expected {what} from 1 to {} bytes", BYTES.end())))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{folder, right, told};

    #[test]
    fn every_type_is_read() {
        let source = "sinks:\n\
            - {name: out, type: stdout}\n\
            - {name: plain, type: file, path: logs/a.ndjson}\n\
            - name: full\n  type: file\n  path: /var/log/b.ndjson\n  sync: 1s\n  queue: {items: 5, size: 4KiB, drop: oldest}\n\
            \x20 rotate: {size: 100MiB, every: 1d, keep: 14, compress: zstd}\n  batch: {items: 7}\n  retry: {first: 2s, longest: 5m}\n\
            - {name: udp, type: syslog, address: 'log.example', hostname: sensor}\n\
            - {name: tcp, type: syslog, address: '[::1]:1514', transport: tcp, facility: auth, app_name: plant1, sd_id: 'a@1', \
              format: cef, max_size: 2048, timeout: 3s, hostname: sensor}\n\
            - {name: web, type: webhook, url: 'http://localhost:8080/in?x=1', format: lines, headers: {X-Site: plant, X-Key: file:key}, bearer: file:key}\n\
            deliver_within: 5s\n";
        let folder = folder();
        let delivery = right(&folder, source).delivery;
        let shown = format!("{delivery:#?}").replace(&folder.path().display().to_string(), "FOLDER");
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn every_mistake_is_shown_in_its_place() {
        let sink = |fields: &str| format!("sinks:\n- {{name: a, {fields}}}\n");
        let all = [
            "sinks: {name: a}".into(),
            "sinks: [{}]".into(),
            sink("type: fiel, path: a"),
            sink("type: file"),
            sink("type: file, paht: a"),
            sink("type: file, path: a, url: b"),
            sink("type: stdout, queue: {items: 5}"),
            sink("type: file, path: a, rotate: {keep: 5}"),
            sink("type: file, path: a, rotate: {size: 5MB}"),
            sink("type: file, path: a, rotate: {size: 0, keep: 0, compress: lz4}"),
            sink("type: file, path: a, rotate: {every: daily}"),
            sink("type: file, path: a, sync: sometimes"),
            sink("type: file, path: a, queue: {items: 0, drop: all}"),
            sink("type: file, path: a, retry: {first: 1m, longest: 5s}"),
            sink("type: syslog"),
            sink("type: syslog, address: 'log server'"),
            sink("type: syslog, address: 'log:99999'"),
            sink("type: syslog, address: log, transport: tpc"),
            sink("type: syslog, address: log, tls: {ca: key}"),
            sink("type: syslog, address: log, transport: tls, tls: {ca: nofile}"),
            sink("type: syslog, address: log, transport: tls, tls: {ca: key}"),
            sink("type: syslog, address: log, facility: local8, format: leef"),
            sink("type: syslog, address: log, app_name: 'a b', max_size: 100"),
            sink("type: webhook, url: 'ftp://x'"),
            sink("type: webhook, url: 'https://me:pw@x'"),
            sink("type: webhook, url: 'http://x', tls: {ca: key}"),
            sink("type: webhook, url: '${SIGMABUS_NO_SUCH_URL}'"),
            sink("type: webhook, url: 'http://x', headers: {Authorization: Bearer abc}"),
            sink("type: webhook, url: 'http://x', headers: {'a b': c}"),
            sink("type: webhook, url: 'http://x', bearer: abc, timeout: 0s"),
            "sinks:\n- {name: a, type: file, path: x}\n- {name: a, type: file, path: x}\n".into(),
            "deliver_within: soon".into(),
        ];
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        insta::assert_snapshot!(told(&folder(), &all));
    }
}
