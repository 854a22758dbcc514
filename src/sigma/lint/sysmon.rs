//! The fields of Windows events, for telling slips of the pen. Sysmon's are those of its schema 4.90.
//!
//! Other collectors add fields of their own, so a name that is merely not here is never spoken of.

use super::super::diagnostic::nearest;

/// Fields that every event of Sysmon, or most events of Windows, have.
const COMMON: &[&str] = &[
    "Channel",
    "Computer",
    "EventID",
    "EventType",
    "Image",
    "ProcessGuid",
    "ProcessId",
    "Provider_Name",
    "RuleName",
    "User",
    "UtcTime",
];

const FILE: &[&str] = &[
    "TargetFilename",
    "CreationUtcTime",
    "PreviousCreationUtcTime",
    "Hashes",
    "Archived",
    "IsExecutable",
    "Contents",
    "Hash",
];
const REGISTRY: &[&str] = &["TargetObject", "Details", "NewName"];
const REMOTE: &[&str] = &[
    "SourceProcessGuid",
    "SourceProcessGUID",
    "SourceProcessId",
    "SourceThreadId",
    "SourceImage",
    "TargetProcessGuid",
    "TargetProcessGUID",
    "TargetProcessId",
    "TargetImage",
    "NewThreadId",
    "StartAddress",
    "StartModule",
    "StartFunction",
    "GrantedAccess",
    "CallTrace",
    "SourceUser",
    "TargetUser",
];

/// The other fields by category of log source.
const CATEGORIES: &[(&str, &[&str])] = &[
    (
        "process_creation",
        &[
            "FileVersion",
            "Description",
            "Product",
            "Company",
            "OriginalFileName",
            "CommandLine",
            "CurrentDirectory",
            "LogonGuid",
            "LogonId",
            "TerminalSessionId",
            "IntegrityLevel",
            "Hashes",
            "Imphash",
            "imphash",
            "md5",
            "sha1",
            "sha256",
            "ParentProcessGuid",
            "ParentProcessId",
            "ParentImage",
            "ParentCommandLine",
            "ParentUser",
            "Provider_Name",
            "NewProcessName",
            "ParentProcessName",
            "SubjectUserName",
            "SubjectUserSid",
            "SubjectLogonId",
            "GrandParentImage",
            "ProcessCommandLine",
            "TargetUserName",
        ],
    ),
    ("process_termination", &[]),
    (
        "network_connection",
        &[
            "Protocol",
            "Initiated",
            "SourceIsIpv6",
            "SourceIp",
            "SourceHostname",
            "SourcePort",
            "SourcePortName",
            "DestinationIsIpv6",
            "DestinationIp",
            "DestinationHostname",
            "DestinationPort",
            "DestinationPortName",
            "CommandLine",
            "ParentImage",
        ],
    ),
    (
        "driver_load",
        &["ImageLoaded", "Hashes", "Imphash", "Signed", "Signature", "SignatureStatus", "md5", "sha1", "sha256"],
    ),
    (
        "image_load",
        &[
            "ImageLoaded",
            "FileVersion",
            "Description",
            "Product",
            "Company",
            "OriginalFileName",
            "Hashes",
            "Imphash",
            "Signed",
            "Signature",
            "SignatureStatus",
            "CommandLine",
            "md5",
            "sha1",
            "sha256",
        ],
    ),
    ("create_remote_thread", REMOTE),
    ("process_access", REMOTE),
    ("raw_access_thread", &["Device"]),
    ("file_event", FILE),
    ("file_change", FILE),
    ("file_delete", FILE),
    ("file_rename", &["SourceFilename", "TargetFilename", "FileName", "OriginalFileName"]),
    ("file_access", &["FileName", "TargetFilename"]),
    ("create_stream_hash", FILE),
    ("file_executable_detected", FILE),
    ("registry_add", REGISTRY),
    ("registry_delete", REGISTRY),
    ("registry_set", REGISTRY),
    ("registry_rename", REGISTRY),
    ("registry_event", REGISTRY),
    ("pipe_created", &["PipeName"]),
    ("wmi_event", &["Operation", "EventNamespace", "Name", "Query", "Type", "Destination", "Consumer", "Filter"]),
    ("dns_query", &["QueryName", "QueryStatus", "QueryResults", "record_type", "answer"]),
    ("ps_script", &["ScriptBlockText", "ScriptBlockId", "MessageNumber", "MessageTotal", "Path"]),
    ("ps_module", &["Payload", "ContextInfo", "UserData"]),
    (
        "ps_classic_start",
        &["Data", "HostApplication", "HostName", "HostVersion", "EngineVersion", "CommandName", "CommandType"],
    ),
];

/// A category of log source whose fields are known.
pub(super) type Category = &'static [&'static str];

/// The fields of a category of `product: windows`.
pub(super) fn category(name: &str) -> Option<Category> {
    CATEGORIES.iter().find(|(known, _)| *known == name).map(|(_, fields)| *fields)
}

/// The field that was meant, if `field` is none of these events and looks like a slip of the pen.
pub(super) fn meant(category: Category, field: &str) -> Option<&'static str> {
    /// Shorter names are alike by chance.
    const SHORTEST: usize = 5;
    let fields = || category.iter().chain(COMMON).copied();
    let everywhere = || CATEGORIES.iter().flat_map(|(_, fields)| *fields).chain(COMMON);
    if field.len() < SHORTEST || everywhere().any(|known| *known == field) {
        return None;
    }
    let other_case = fields().find(|known| known.eq_ignore_ascii_case(field));
    other_case.or_else(|| nearest(field, fields().filter(|known| strsim::damerau_levenshtein(known, field) <= 2)))
}
