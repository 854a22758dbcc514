//! The names of MITRE ATT&CK that tags may hold: tactics of both matrices, techniques of the ICS matrix.
//!
//! Enterprise tactics are those of version 19. The ICS techniques are those of version 18.1, of which version 17 has the
//! same; version 19 made nine of them parts of new techniques, which are named here as well ([`SINCE_19`]).

/// The tactics of both matrices. `defense-evasion` was split in version 19; rules that name it are still about.
pub const TACTICS: [&str; 19] = [
    "reconnaissance",
    "resource-development",
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "defense-evasion",
    "stealth",
    "defense-impairment",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "command-and-control",
    "exfiltration",
    "impact",
    "evasion",
    "inhibit-response-function",
    "impair-process-control",
];

/// A technique of the ICS matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Technique {
    /// `843` for T0843.
    pub number: u16,
    /// Its name.
    pub name: &'static str,
    /// What it is used for, out of [`TACTICS`].
    pub tactics: &'static [&'static str],
    /// Whether it is still in use.
    pub standing: Standing,
}

/// What is to be said of a technique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is in use, or newer than the table.
    Current,
    /// It is in use, and version 19 has it under this id.
    Moved(&'static str),
    /// It is no more; what took its place.
    Retired(Option<u16>),
    /// There was never such a one.
    Unknown,
}

/// The numbers of techniques begin here.
const FIRST: u16 = 800;

const fn current(number: u16, name: &'static str, tactics: &'static [&'static str]) -> Technique {
    Technique { number, name, tactics, standing: Standing::Current }
}

const fn moved(number: u16, name: &'static str, tactics: &'static [&'static str], to: &'static str) -> Technique {
    Technique { number, name, tactics, standing: Standing::Moved(to) }
}

const fn retired(number: u16, name: &'static str, tactics: &'static [&'static str], heir: Option<u16>) -> Technique {
    Technique { number, name, tactics, standing: Standing::Retired(heir) }
}

/// The techniques of the ICS matrix by number, those that are no more included.
#[rustfmt::skip]
pub const TECHNIQUES: [Technique; 96] = [
    current(800, "Activate Firmware Update Mode", &["inhibit-response-function"]),
    current(801, "Monitor Process State", &["collection"]),
    current(802, "Automated Collection", &["collection"]),
    moved(803, "Block Command Message", &["inhibit-response-function"], "T1691.001"),
    moved(804, "Block Reporting Message", &["inhibit-response-function"], "T1691.002"),
    moved(805, "Block Serial COM", &["inhibit-response-function"], "T1695.001"),
    current(806, "Brute Force I/O", &["impair-process-control"]),
    current(807, "Command-Line Interface", &["execution"]),
    retired(808, "Control Device Identification", &["discovery"], Some(888)),
    current(809, "Data Destruction", &["inhibit-response-function"]),
    retired(810, "Data Historian Compromise", &["initial-access"], None),
    current(811, "Data from Information Repositories", &["collection"]),
    moved(812, "Default Credentials", &["lateral-movement"], "T1694.001"),
    current(813, "Denial of Control", &["impact"]),
    current(814, "Denial of Service", &["inhibit-response-function"]),
    current(815, "Denial of View", &["impact"]),
    current(816, "Device Restart/Shutdown", &["inhibit-response-function"]),
    current(817, "Drive-by Compromise", &["initial-access"]),
    retired(818, "Engineering Workstation Compromise", &["initial-access"], None),
    current(819, "Exploit Public-Facing Application", &["initial-access"]),
    current(820, "Exploitation for Evasion", &["evasion"]),
    current(821, "Modify Controller Tasking", &["execution"]),
    current(822, "External Remote Services", &["initial-access"]),
    current(823, "Graphical User Interface", &["execution"]),
    retired(824, "I/O Module Discovery", &["discovery"], Some(888)),
    retired(825, "Location Identification", &["collection"], None),
    current(826, "Loss of Availability", &["impact"]),
    current(827, "Loss of Control", &["impact"]),
    current(828, "Loss of Productivity and Revenue", &["impact"]),
    current(829, "Loss of View", &["impact"]),
    current(830, "Adversary-in-the-Middle", &["collection"]),
    current(831, "Manipulation of Control", &["impact"]),
    current(832, "Manipulation of View", &["impact"]),
    retired(833, "Modify Control Logic", &["inhibit-response-function", "impair-process-control"], None),
    current(834, "Native API", &["execution"]),
    current(835, "Manipulate I/O Image", &["inhibit-response-function"]),
    current(836, "Modify Parameter", &["impair-process-control"]),
    current(837, "Loss of Protection", &["impact"]),
    current(838, "Modify Alarm Settings", &["inhibit-response-function"]),
    moved(839, "Module Firmware", &["persistence", "impair-process-control"], "T1693.002"),
    current(840, "Network Connection Enumeration", &["discovery"]),
    retired(841, "Network Service Scanning", &["discovery"], Some(846)),
    current(842, "Network Sniffing", &["discovery"]),
    current(843, "Program Download", &["lateral-movement"]),
    retired(844, "Program Organization Units", &["execution", "lateral-movement"], None),
    current(845, "Program Upload", &["collection"]),
    current(846, "Remote System Discovery", &["discovery"]),
    current(847, "Replication Through Removable Media", &["initial-access"]),
    current(848, "Rogue Master", &["initial-access"]),
    current(849, "Masquerading", &["evasion"]),
    retired(850, "Role Identification", &["collection"], Some(888)),
    current(851, "Rootkit", &["evasion", "inhibit-response-function"]),
    current(852, "Screen Capture", &["collection"]),
    current(853, "Scripting", &["execution"]),
    retired(854, "Serial Connection Enumeration", &["discovery"], None),
    moved(855, "Unauthorized Command Message", &["impair-process-control"], "T1692.001"),
    moved(856, "Spoof Reporting Message", &["evasion", "impair-process-control"], "T1692.002"),
    moved(857, "System Firmware", &["persistence", "inhibit-response-function"], "T1693.001"),
    current(858, "Change Operating Mode", &["execution", "evasion"]),
    current(859, "Valid Accounts", &["persistence", "lateral-movement"]),
    current(860, "Wireless Compromise", &["initial-access"]),
    current(861, "Point & Tag Identification", &["collection"]),
    current(862, "Supply Chain Compromise", &["initial-access"]),
    current(863, "User Execution", &["execution"]),
    current(864, "Transient Cyber Asset", &["initial-access"]),
    current(865, "Spearphishing Attachment", &["initial-access"]),
    current(866, "Exploitation of Remote Services", &["initial-access", "lateral-movement"]),
    current(867, "Lateral Tool Transfer", &["lateral-movement"]),
    current(868, "Detect Operating Mode", &["collection"]),
    current(869, "Standard Application Layer Protocol", &["command-and-control"]),
    retired(870, "Detect Program State", &["collection"], Some(868)),
    current(871, "Execution through API", &["execution"]),
    current(872, "Indicator Removal on Host", &["evasion"]),
    current(873, "Project File Infection", &["persistence"]),
    current(874, "Hooking", &["execution", "privilege-escalation"]),
    retired(875, "Change Program State", &["execution", "impair-process-control"], Some(858)),
    retired(876, "Loss of Safety", &["impact"], Some(880)),
    current(877, "I/O Image", &["collection"]),
    current(878, "Alarm Suppression", &["inhibit-response-function"]),
    current(879, "Damage to Property", &["impact"]),
    current(880, "Loss of Safety", &["impact"]),
    current(881, "Service Stop", &["inhibit-response-function"]),
    current(882, "Theft of Operational Information", &["impact"]),
    current(883, "Internet Accessible Device", &["initial-access"]),
    current(884, "Connection Proxy", &["command-and-control"]),
    current(885, "Commonly Used Port", &["command-and-control"]),
    current(886, "Remote Services", &["initial-access", "lateral-movement"]),
    current(887, "Wireless Sniffing", &["discovery", "collection"]),
    current(888, "Remote System Information Discovery", &["discovery"]),
    current(889, "Modify Program", &["persistence"]),
    current(890, "Exploitation for Privilege Escalation", &["privilege-escalation"]),
    moved(891, "Hardcoded Credentials", &["persistence", "lateral-movement"], "T1694.002"),
    current(892, "Change Credential", &["inhibit-response-function"]),
    current(893, "Data from Local System", &["collection"]),
    current(894, "System Binary Proxy Execution", &["evasion"]),
    current(895, "Autorun Image", &["execution"]),
];

/// What version 19 added to the ICS matrix: id, name, tactics.
#[rustfmt::skip]
pub const SINCE_19: [(&str, &str, &[&str]); 22] = [
    ("T0843.001", "Program Download: Download All", &["lateral-movement"]),
    ("T0843.002", "Program Download: Online Edit", &["lateral-movement"]),
    ("T0843.003", "Program Download: Program Append", &["lateral-movement"]),
    ("T0846.001", "Remote System Discovery: Port Scan", &["discovery"]),
    ("T0846.002", "Remote System Discovery: Broadcast Discovery", &["discovery"]),
    ("T0846.003", "Remote System Discovery: Multicast Discovery", &["discovery"]),
    ("T0873.001", "Project File Infection: Siemens Project File Format", &["persistence"]),
    ("T1691", "Block Operational Technology Message", &["inhibit-response-function"]),
    ("T1691.001", "Block Operational Technology Message: Command Message", &["inhibit-response-function"]),
    ("T1691.002", "Block Operational Technology Message: Reporting Message", &["inhibit-response-function"]),
    ("T1692", "Unauthorized Message", &["evasion", "impair-process-control"]),
    ("T1692.001", "Unauthorized Message: Command Message", &["impair-process-control"]),
    ("T1692.002", "Unauthorized Message: Reporting Message", &["evasion", "impair-process-control"]),
    ("T1693", "Modify Firmware", &["persistence", "inhibit-response-function", "impair-process-control"]),
    ("T1693.001", "Modify Firmware: System Firmware", &["persistence", "inhibit-response-function"]),
    ("T1693.002", "Modify Firmware: Module Firmware", &["persistence", "impair-process-control"]),
    ("T1694", "Insecure Credentials", &["persistence", "lateral-movement"]),
    ("T1694.001", "Insecure Credentials: Default Credentials", &["lateral-movement"]),
    ("T1694.002", "Insecure Credentials: Hardcoded Credentials", &["persistence", "lateral-movement"]),
    ("T1695", "Block Communications", &["inhibit-response-function"]),
    ("T1695.001", "Block Communications: Serial COM", &["inhibit-response-function"]),
    ("T1695.002", "Block Communications: Ethernet", &["inhibit-response-function"]),
];

/// The name of a technique of the ICS matrix and what it is used for, by its id in capitals: `T0843`, `T1691.001`.
#[must_use]
pub fn named(id: &str) -> Option<(&'static str, &'static [&'static str])> {
    let newer = SINCE_19.iter().find(|(newer, ..)| *newer == id).map(|(_, name, tactics)| (*name, *tactics));
    newer.or_else(|| {
        let number: u16 = id.strip_prefix('T')?.parse().ok()?;
        technique(number).map(|technique| (technique.name, technique.tactics))
    })
}

/// The technique of a number: `843` for T0843. `None` for one of the enterprise matrix, or newer than the table.
#[must_use]
pub fn technique(number: u16) -> Option<&'static Technique> {
    let at = TECHNIQUES.binary_search_by_key(&number, |technique| technique.number).ok()?;
    TECHNIQUES.get(at)
}

/// The standing of a technique: `843` for T0843.
#[must_use]
pub fn standing(number: u16) -> Standing {
    match technique(number) {
        Some(technique) => technique.standing,
        None if number < FIRST => Standing::Unknown,
        None => Standing::Current,
    }
}

/// A name in the namespace `attack` that is no tactic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// `t0843`, `t1059.001`
    Technique(u16),
    /// A group, a piece of software, a campaign, a data source, a mitigation, a detection strategy or an analytic.
    Other,
}

/// Reads `t1059.001`, `g0010`, `s0002` and their like.
#[must_use]
pub fn object(name: &str) -> Option<Object> {
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    if let Some(technique) = name.strip_prefix('t') {
        let (number, sub) = technique.split_once('.').map_or((technique, None), |(number, sub)| (number, Some(sub)));
        if digits(number, 4) && sub.is_none_or(|sub| digits(sub, 3)) {
            return number.parse().ok().map(Object::Technique);
        }
    }
    let is_other = ["ds", "dc", "det", "an", "ta", "g", "s", "c", "m"]
        .iter()
        .any(|kind| name.strip_prefix(kind).is_some_and(|number| digits(number, 4)));
    is_other.then_some(Object::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn techniques_are_in_order_have_known_tactics_and_heirs_that_are_in_use() {
        assert!(TECHNIQUES.is_sorted_by(|a, b| a.number < b.number));
        for Technique { number, tactics, standing, .. } in TECHNIQUES {
            assert!(!tactics.is_empty() && tactics.iter().all(|tactic| TACTICS.contains(tactic)), "T0{number}");
            if let Standing::Retired(Some(heir)) = standing {
                assert!(
                    technique(heir).is_some_and(|heir| !matches!(heir.standing, Standing::Retired(_))),
                    "T0{number}"
                );
            }
        }
    }

    #[test]
    fn a_number_has_its_name_and_standing() {
        assert_eq!(technique(843).map(|technique| technique.name), Some("Program Download"));
        assert_eq!((standing(855), standing(841)), (Standing::Moved("T1692.001"), Standing::Retired(Some(846))));
        assert_eq!(named("T0843").map(|(name, _)| name), Some("Program Download"));
        assert_eq!(named("T1695.002").map(|(name, _)| name), Some("Block Communications: Ethernet"));
        assert_eq!((named("T1059.001"), named("T0843.009"), named("843")), (None, None, None));
        for (id, _, tactics) in SINCE_19 {
            assert!(!tactics.is_empty() && tactics.iter().all(|tactic| TACTICS.contains(tactic)), "{id}");
        }
        let moved = TECHNIQUES.iter().filter_map(|technique| match technique.standing {
            Standing::Moved(to) => Some(to),
            _ => None,
        });
        assert!(moved.into_iter().all(|to| named(to).is_some()));
        assert_eq!((standing(1059), standing(799), technique(1059)), (Standing::Current, Standing::Unknown, None));
    }
}
