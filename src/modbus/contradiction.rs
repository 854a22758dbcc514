//! Does an answer say what its request lets it say?

use super::body::Body;

/// Whether `answer` names another address, quantity or value than its `request`, or carries another number of values
/// than were asked for. What cannot be compared does not contradict.
pub(super) fn contradicts(request: &Body<'_>, answer: &Body<'_>) -> bool {
    match (*request, *answer) {
        (Body::ReadQuery { quantity, .. }, Body::Bits { byte_count, .. }) => {
            quantity.div_ceil(8) != u16::from(byte_count)
        }
        (
            Body::ReadQuery { quantity, .. } | Body::ReadWriteQuery { read_quantity: quantity, .. },
            Body::Registers { byte_count, .. },
        ) => quantity.saturating_mul(2) != u16::from(byte_count),
        (
            Body::WriteMultiple { address, quantity, .. },
            Body::WriteMultipleResponse { address: written, quantity: count },
        ) => (address, quantity) != (written, count),
        // These echo the request (6.5, 6.6, 6.15, 6.16).
        (Body::WriteSingle { .. }, Body::WriteSingle { .. })
        | (Body::MaskWrite { .. }, Body::MaskWrite { .. })
        | (Body::WriteFile { .. }, Body::WriteFile { .. }) => request != answer,
        (
            Body::Diagnostics { sub_function: asked, data: sent },
            Body::Diagnostics { sub_function: answered, data: returned },
        ) => asked != answered || asked == 0 && sent != returned,
        (Body::ReadFileQuery { .. }, Body::ReadFileResponse { .. }) => {
            let asked = request.file_groups().map(|group| group.length);
            let answered = answer.file_groups().map(|group| group.length);
            !asked.eq(answered)
        }
        (Body::DeviceIdQuery { code: asked, .. }, Body::DeviceIdResponse { code: answered, .. }) => asked != answered,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;

    fn contradict(function_code: u8, request: &[u8], answer: &[u8]) -> bool {
        let (request, _) = Body::decode(Kind::Query, function_code, request);
        let (answer, _) = Body::decode(Kind::Response, function_code, answer);
        contradicts(&request, &answer)
    }

    #[test]
    fn a_read_is_answered_by_as_many_values_as_asked_for() {
        assert!(!contradict(1, &[0, 0, 0, 9], &[2, 0xFF, 0x01]));
        assert!(contradict(1, &[0, 0, 0, 9], &[1, 0xFF]));
        assert!(!contradict(3, &[0, 0, 0, 2], &[4, 0, 1, 0, 2]));
        assert!(contradict(3, &[0, 0, 0, 2], &[2, 0, 1]));
        assert!(!contradict(23, &[0, 3, 0, 1, 0, 14, 0, 1, 2, 0, 255], &[2, 0, 254]));
        assert!(contradict(23, &[0, 3, 0, 2, 0, 14, 0, 1, 2, 0, 255], &[2, 0, 254]));
        assert!(!contradict(20, &[7, 6, 0, 4, 0, 1, 0, 2], &[6, 5, 6, 1, 2, 3, 4]));
        assert!(contradict(20, &[7, 6, 0, 4, 0, 1, 0, 2], &[4, 3, 6, 1, 2]));
    }

    #[test]
    fn a_write_is_answered_by_its_echo() {
        assert!(!contradict(6, &[0, 1, 0, 3], &[0, 1, 0, 3]));
        assert!(contradict(6, &[0, 1, 0, 3], &[0, 1, 0, 4]));
        assert!(contradict(5, &[0, 1, 0xFF, 0], &[0, 2, 0xFF, 0]));
        assert!(!contradict(16, &[0, 1, 0, 1, 2, 0, 9], &[0, 1, 0, 1]));
        assert!(contradict(16, &[0, 1, 0, 1, 2, 0, 9], &[0, 1, 0, 2]));
        assert!(contradict(22, &[0, 4, 0, 0xF2, 0, 0x25], &[0, 4, 0, 0xF2, 0, 0x24]));
        assert!(!contradict(8, &[0, 0, 1, 2], &[0, 0, 1, 2]));
        assert!(contradict(8, &[0, 0, 1, 2], &[0, 0, 1, 3]));
        assert!(!contradict(8, &[0, 11, 0, 0], &[0, 11, 0, 51]));
    }
}
