//! Properties of sealing: S28 (nothing in the clear), S29 (bound to its place), S31 (nonces never repeat).

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::MasterKey;

const FIELDS: [&str; 4] = ["credential", "client_secret", "pkce_verifier", ""];

fn ring(terms: u32) -> Keyring {
    let ring = Keyring::new();
    for term in 1..=terms {
        ring.add(term, &TermKey::generate().unwrap());
        assert!(ring.activate(term));
    }
    ring
}

fn context<'a>(environment: &'a str, record: &'a str, field: usize, generation: u64) -> SealContext<'a> {
    SealContext { environment, record, field: FIELDS[field], generation }
}

proptest! {
    #[test]
    fn seal_any_value_opens_in_its_place(
        value in prop::collection::vec(any::<u8>(), 0..2000),
        environment in ".{0,20}", record in ".{0,40}", field in 0..FIELDS.len(), generation: u64,
    ) {
        let ring = ring(1);
        let place = context(&environment, &record, field, generation);
        let sealed = ring.seal(&place, &value).unwrap();
        prop_assert_eq!(&*ring.open(&place, &sealed).unwrap(), &value);
    }

    /// S29: the place is unambiguous, so moving a boundary between two components gives another place.
    #[test]
    fn seal_in_any_other_place_is_refused(
        environment in "[ab]{0,3}", record in "[ab]{0,3}", field in 0..FIELDS.len(), generation in 0_u64..3,
        other_environment in "[ab]{0,3}", other_record in "[ab]{0,3}",
        other_field in 0..FIELDS.len(), other_generation in 0_u64..3,
    ) {
        let ring = ring(1);
        let place = context(&environment, &record, field, generation);
        let other = context(&other_environment, &other_record, other_field, other_generation);
        let sealed = ring.seal(&place, b"secret").unwrap();
        let opened = ring.open(&other, &sealed);
        if place == other {
            prop_assert!(opened.is_ok());
        } else {
            prop_assert_eq!(opened.unwrap_err(), OpenError::DoesNotOpen);
        }
    }

    /// Arbitrary bytes, and a real blob with a stretch of it replaced, never panic and never open.
    #[test]
    fn open_malformed_bytes_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0_usize..150) {
        fuzz_open(&bytes);
        let ring = ring(1);
        let place = context("env", "record", 0, 1);
        let mut sealed = ring.seal(&place, &[5; 40]).unwrap();
        let original = sealed.0.clone();
        sealed.0.truncate(at);
        sealed.0.extend_from_slice(&bytes);
        prop_assume!(sealed.0 != original);
        prop_assert!(ring.open(&place, &sealed).is_err());
    }
}

#[test]
fn seal_with_any_bit_flipped_is_refused() {
    let ring = ring(1);
    let place = context("env_a", "ca_b", 0, 7);
    let sealed = ring.seal(&place, b"ya29.secret").unwrap();
    for bit in 0..sealed.0.len() * 8 {
        let mut altered = sealed.clone();
        altered.0[bit / 8] ^= 1 << (bit % 8);
        assert!(ring.open(&place, &altered).is_err(), "bit {bit}");
    }
}

#[test]
fn seal_cut_anywhere_is_refused() {
    let ring = ring(1);
    let place = context("env_a", "ca_b", 0, 7);
    let sealed = ring.seal(&place, b"ya29.secret").unwrap();
    for length in 0..sealed.0.len() {
        assert!(ring.open(&place, &SealedBlob(sealed.0[..length].to_vec())).is_err(), "{length} bytes");
    }
}

/// S29: two rows whose ciphertexts were swapped both refuse.
#[test]
fn seals_swapped_between_records_are_refused() {
    let ring = ring(1);
    let places = [
        context("env_a", "ca_1", 0, 1),
        context("env_a", "ca_2", 0, 1),
        context("env_b", "ca_1", 0, 1),
        context("env_a", "ca_1", 1, 1),
        context("env_a", "ca_1", 0, 2),
    ];
    let sealed = places.map(|place| ring.seal(&place, b"secret").unwrap());
    for (i, place) in places.iter().enumerate() {
        for (j, blob) in sealed.iter().enumerate() {
            assert_eq!(ring.open(place, blob).is_ok(), i == j, "{j} in the place of {i}");
        }
    }
}

/// S29: the term is part of what is bound, even when two terms had the same key.
#[test]
fn seal_relabelled_to_another_term_is_refused() {
    let ring = Keyring::new();
    let key = TermKey::generate().unwrap();
    ring.add(1, &key);
    ring.add(2, &key);
    let place = context("env_a", "ca_1", 0, 1);
    let mut sealed = ring.seal_in(1, &place, b"secret").unwrap();
    sealed.0[4] = 2;
    assert_eq!(ring.open(&place, &sealed).unwrap_err(), OpenError::DoesNotOpen);
    sealed.0[4] = 3;
    assert_eq!(ring.open(&place, &sealed).unwrap_err(), OpenError::UnknownTerm { term: 3 });
}

/// S31: over many seals of equal values, no nonce, no wrapped data key and no ciphertext comes twice.
#[test]
fn seals_of_one_value_never_repeat_a_nonce_or_a_key() {
    const SEALS: usize = 100_000;
    let ring = ring(1);
    let place = context("env_a", "ca_1", 0, 1);
    let (mut nonces, mut keys, mut values) = (HashSet::new(), HashSet::new(), HashSet::new());
    for _ in 0..SEALS {
        let sealed = ring.seal(&place, &[0; 16]).unwrap().0;
        nonces.insert(sealed[HEADER..WRAPPED_AT].to_vec());
        nonces.insert(sealed[NONCE_AT..VALUE_AT].to_vec());
        keys.insert(sealed[WRAPPED_AT..NONCE_AT].to_vec());
        values.insert(sealed[VALUE_AT..].to_vec());
    }
    assert_eq!((nonces.len(), keys.len(), values.len()), (2 * SEALS, SEALS, SEALS));
}

/// S28: the value is nowhere in the sealed bytes, nor is any eight-byte stretch of it.
#[test]
fn seal_holds_no_stretch_of_the_value() {
    let ring = ring(1);
    let value: Vec<u8> = (0..64_u8).map(|i| b'A' + i % 26).collect();
    let sealed = ring.seal(&context("env_a", "ca_1", 0, 1), &value).unwrap();
    for stretch in value.windows(8) {
        assert!(!sealed.0.windows(8).any(|w| w == stretch));
    }
}

#[test]
fn term_key_wrapped_opens_only_under_its_master_key_and_number() {
    let (master, other) = (MasterKey::generate().unwrap(), MasterKey::generate().unwrap());
    let key = TermKey::generate().unwrap();
    let wrapped = master.wrap(3, &key).unwrap();
    assert_eq!(*master.unwrap(3, &wrapped).unwrap().0, *key.0);
    assert_eq!(master.unwrap(4, &wrapped).unwrap_err(), OpenError::DoesNotOpen);
    assert_eq!(other.unwrap(3, &wrapped).unwrap_err(), OpenError::DoesNotOpen);
    for bit in 0..wrapped.0.len() * 8 {
        let mut altered = wrapped.clone();
        altered.0[bit / 8] ^= 1 << (bit % 8);
        assert!(master.unwrap(3, &altered).is_err(), "bit {bit}");
    }
}

#[test]
fn keyring_activated_while_in_use_seals_anew_and_still_opens_the_old() {
    let ring = ring(1);
    let place = context("env_a", "ca_1", 0, 1);
    let old = ring.seal(&place, b"old").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let sealed = ring.seal(&place, b"value").unwrap();
                    assert_eq!(&**ring.open(&place, &sealed).unwrap(), b"value");
                }
            });
        }
        ring.add(2, &TermKey::generate().unwrap());
        assert!(ring.activate(2));
    });
    assert!(!ring.activate(1), "an old term never comes back");
    assert_eq!(term_of(&ring.seal(&place, b"new").unwrap()), Ok(2));
    assert_eq!(&**ring.open(&place, &old).unwrap(), b"old");
}

#[test]
fn keyring_without_a_term_seals_nothing() {
    let place = context("env_a", "ca_1", 0, 1);
    assert_eq!(Keyring::new().seal(&place, b"x").unwrap_err(), SealError::NoTerm);
    assert!(!Keyring::new().activate(1));
}
