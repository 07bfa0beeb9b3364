use proptest::prelude::*;

use super::*;

const LABEL: &[u8] = br#"{"kind":"backup"}"#;

fn master() -> MasterKey {
    MasterKey::generate().unwrap()
}

fn archive(master: &MasterKey, content: &[u8]) -> Vec<u8> {
    let mut writer = ArchiveWriter::begin(Vec::new(), master, LABEL).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

fn read(bytes: &[u8], masters: &[&MasterKey]) -> io::Result<Vec<u8>> {
    let mut reader = ArchiveReader::open(bytes, masters)?;
    let mut content = Vec::new();
    reader.read_to_end(&mut content)?;
    assert_eq!(reader.label(), LABEL);
    Ok(content)
}

fn refusal(bytes: &[u8], masters: &[&MasterKey]) -> ArchiveError {
    let error = read(bytes, masters).unwrap_err();
    *error.get_ref().and_then(|inner| inner.downcast_ref()).unwrap_or_else(|| panic!("{error}"))
}

/// Content of this length that repeats nowhere near a chunk.
fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8 ^ (at / 251 % 256) as u8).collect()
}

#[test]
fn archive_of_any_length_reads_back() {
    let master = master();
    for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 7, 5 * CHUNK] {
        let written = archive(&master, &content(length));
        assert_eq!(read(&written, &[&master]).unwrap(), content(length), "{length}");
        assert_eq!(unverified_label(written.as_slice()).unwrap(), LABEL);
    }
}

/// S38: whichever bit is flipped, the archive is refused. Every bit of the first and last bytes, and 1,000 elsewhere.
#[test]
fn archive_with_a_flipped_bit_is_refused() {
    let master = master();
    let written = archive(&master, &content(2 * CHUNK + 1000));
    let bits = written.len() * 8;
    let edge = (0..4000).chain(bits - 4000..bits);
    let step = bits / 1000;
    let spread = (0..1000).map(|n| n * step + n % 8);
    for bit in edge.chain(spread) {
        let mut altered = written.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&altered, &[&master]).is_err(), "bit {bit} of {bits}");
    }
    assert!(read(&written, &[&master]).is_ok());
}

/// S38: wherever an archive is cut off, and whatever is put behind it.
#[test]
fn archive_cut_off_or_longer_is_refused() {
    let master = master();
    let written = archive(&master, &content(2 * CHUNK));
    let cuts =
        [0, 10, 40, 70, 100, CHUNK + 85, CHUNK + 86, CHUNK + 87, written.len() - CHUNK, written.len() - 1];
    for cut in cuts {
        assert!(read(&written[..cut], &[&master]).is_err(), "{cut}");
    }
    for more in [1, 16, CHUNK + TAG] {
        let mut longer = written.clone();
        longer.extend(vec![0; more]);
        assert!(read(&longer, &[&master]).is_err(), "{more}");
    }
}

#[test]
fn archive_with_chunks_in_another_order_is_refused() {
    let master = master();
    let written = archive(&master, &content(3 * CHUNK));
    let first = written.len() - 3 * (CHUNK + TAG);
    let chunk = |n: usize| written[first + n * (CHUNK + TAG)..first + (n + 1) * (CHUNK + TAG)].to_vec();
    for order in [&[1, 0, 2][..], &[0, 2], &[0, 0, 2], &[0, 1, 1, 2], &[2], &[]] {
        let mut altered = written[..first].to_vec();
        order.iter().for_each(|n| altered.extend(chunk(*n)));
        assert!(read(&altered, &[&master]).is_err(), "{order:?}");
    }
}

#[test]
fn archive_opens_under_its_own_key_only() {
    let (old, new) = (master(), master());
    let written = archive(&old, b"content");
    assert_eq!(refusal(&written, &[&new]), ArchiveError::DoesNotOpen);
    assert_eq!(refusal(&written, &[]), ArchiveError::DoesNotOpen);
    assert_eq!(read(&written, &[&new, &old]).unwrap(), b"content");
    assert_eq!(ArchiveReader::open(written.as_slice(), &[&new, &old]).unwrap().opened_by(), 1);
}

#[test]
fn file_of_another_kind_is_no_archive() {
    let master = master();
    for other in [&b""[..], b"SQLite format 3\0 and so on and so on", &[0xff; 200]] {
        assert_eq!(refusal(other, &[&master]), ArchiveError::NotAnArchive);
    }
    let mut newer = archive(&master, b"");
    newer[16] = 2;
    assert_eq!(refusal(&newer, &[&master]), ArchiveError::UnknownFormat { format: 2 });
}

/// S28: the content is in no archive in the clear, and no two archives of it are alike.
#[test]
fn archive_shows_nothing_of_its_content() {
    let master = master();
    let canary = b"canary-7f3a-secret-value";
    let (one, two) = (archive(&master, &canary.repeat(100)), archive(&master, &canary.repeat(100)));
    assert!(!one.windows(canary.len()).any(|w| w == canary));
    assert_ne!(one[one.len() - 200..], two[two.len() - 200..]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn archive_written_and_read_in_pieces_is_the_same(length in 0..3 * CHUNK, piece in 1..2 * CHUNK) {
        let master = master();
        let whole = content(length);
        let mut writer = ArchiveWriter::begin(Vec::new(), &master, b"").unwrap();
        for part in whole.chunks(piece) {
            writer.write_all(part).unwrap();
            writer.flush().unwrap();
        }
        let written = writer.finish().unwrap();
        let mut reader = ArchiveReader::open(written.as_slice(), &[&master]).unwrap();
        let (mut back, mut buffer) = (Vec::new(), vec![0; piece]);
        loop {
            match reader.read(&mut buffer).unwrap() {
                0 => break,
                read => back.extend_from_slice(&buffer[..read]),
            }
        }
        prop_assert_eq!(back, whole);
    }

    #[test]
    fn bytes_that_are_no_archive_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
        let master = master();
        prop_assert!(read(&bytes, &[&master]).is_err());
        let mut disguised = MAGIC.to_vec();
        disguised.push(FORMAT);
        disguised.extend(bytes);
        prop_assert!(read(&disguised, &[&master]).is_err());
    }
}
