//! `secret_key:` what secret registers are marked with.

use super::Reader;
use crate::sigma::yaml::Node;
use crate::sink::Secret;

pub(super) fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Secret> {
    reader.secret(node, "`secret_key`")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{folder, right, told};
    use crate::sink::Secret;

    #[test]
    fn a_key_comes_from_the_environment_or_from_a_file_beside_the_configuration() {
        assert_eq!(right(&folder(), "secret_key: file:key").secret_key, Some(Secret::new(" k")));
        let path = std::env::var("PATH").unwrap();
        assert_eq!(right(&folder(), "secret_key: ${PATH}").secret_key, Some(Secret::new(path)));
        assert_eq!(right(&folder(), "secret_key:\n").secret_key, None);
    }

    #[test]
    fn every_mistake_is_shown_in_its_place() {
        let all = [
            "secret_key: abcdef",
            "secret_key: ${SIGMABUS_NO_SUCH_KEY}",
            "secret_key: ${}",
            "secret_key: file:nokey",
            "secret_key: file:empty",
            "secret_key: file:long",
            "secret_key: [a]",
        ];
        insta::assert_snapshot!(told(&folder(), &all));
    }
}
