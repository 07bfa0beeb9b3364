use std::{ffi::OsString, sync::Arc};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use valetkey_domain::Change;
use valetkey_engine::keyring::{SealLimits, VaultKeeper};
use valetkey_store::SqliteStore;
use valetkey_testkit::store_contract::Fixture;

use super::*;
use crate::settings::Mode;

const KEY: &str = "0qdIiLh+9+zB2GK9S2OSsnQ7QgOgmPHSPRs1rFjLmlU=";
const OTHER_KEY: &str = "Zm9vT9bXq1L7sPz3Kd0yHc5VwRj8NuGt2MaEiQxYbUo=";

fn settings(folder: &Path, database: &str, keys: &[(&str, &str)]) -> Settings {
    let url = format!("sqlite://{}/{database}", folder.display());
    let variables = keys.iter().copied().chain([("DATABASE_URL", url.as_str())]);
    let variables = variables.map(|(name, value)| (OsString::from(format!("VALETKEY_{name}")), value.into()));
    Settings::load(Mode::Beside, &Flags::default(), variables.collect::<Vec<_>>()).unwrap()
}

async fn ask(command: &str, settings: &Settings, file: &Path) -> Result<(), Failure> {
    let (file, flags) = (file.to_owned(), Flags::default());
    let command = match command {
        "backup" => Command::Backup { file, flags },
        "restore" => Command::Restore { file, flags },
        "verify" => Command::Verify { file, flags },
        other => panic!("{other}"),
    };
    run(command, settings).await
}

/// A database with more in it than one chunk of an archive holds, and a keyring.
async fn database(folder: &Path) -> Settings {
    let settings = settings(folder, "valetkey.db", &[("MASTER_KEY", KEY)]);
    let store = Arc::new(SqliteStore::open(&settings.storage.database).unwrap());
    let key = MasterKey::from_text(KEY).unwrap();
    let clock = Arc::new(SystemClock);
    VaultKeeper::start(Arc::clone(&store) as _, key, clock, SealLimits::default()).await.unwrap();
    let fixture = Fixture::new(Arc::clone(&store) as _).await;
    let connection = fixture.stored_connection("one").await;
    let account = fixture.stored_account(&connection, "user_1").await;
    for _ in 0..500 {
        fixture.commit(Change::AppendEvent(fixture.event(&account))).await.unwrap();
    }
    store.close().await.unwrap();
    settings
}

/// S38: 1,000 archives with one bit of each flipped at random, 1,000 refused, and nothing left of any of them.
#[tokio::test]
async fn archive_with_a_flipped_bit_is_never_restored() {
    let folder = tempfile::tempdir().unwrap();
    let source = database(folder.path()).await;
    let file = folder.path().join("backup.vk");
    ask("backup", &source, &file).await.unwrap();
    let written = std::fs::read(&file).unwrap();
    assert!(written.len() > 70_000, "more than one chunk: {}", written.len());
    let target = settings(folder.path(), "new.db", &[("MASTER_KEY", KEY)]);
    let (flipped, mut random) = (folder.path().join("flipped.vk"), StdRng::seed_from_u64(38));
    for _ in 0..1000 {
        let bit = random.random_range(0..written.len() * 8);
        let mut bytes = written.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&flipped, bytes).unwrap();
        let refused = restored_when_free(&target, &flipped).await.unwrap_err();
        assert_eq!(refused.exit, Exit::Refused, "bit {bit}: {}", refused.text);
        let left = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name());
        let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with("new.db")).collect();
        assert!(left.is_empty(), "bit {bit}: {left:?}");
    }
    restored_when_free(&target, &file).await.unwrap();
    assert!(target.storage.database.exists());
}

/// A child that another test starts holds what this process had open, locks too, until it has become the other program.
async fn restored_when_free(target: &Settings, file: &Path) -> Result<(), Failure> {
    let begun = std::time::Instant::now();
    loop {
        match ask("restore", target, file).await {
            Err(refused)
                if refused.text.contains("another valetkey is running") && begun.elapsed().as_secs() < 30 =>
            {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            answer => return answer,
        }
    }
}

/// S28: neither what is in the database nor its sealed values are to be seen in an archive.
#[tokio::test]
async fn archive_shows_nothing_of_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let source = database(folder.path()).await;
    let file = folder.path().join("backup.vk");
    ask("backup", &source, &file).await.unwrap();
    let written = std::fs::read(&file).unwrap();
    let (database, log) = (source.storage.database.clone(), "user_1");
    let clear = std::fs::read(database).unwrap();
    let holds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(&clear, log) && holds(&clear, "account.created"));
    assert!(!holds(&written, log) && !holds(&written, "account.created") && !holds(&written, "events"));
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

/// S34: neither a backup under a key that is not the database's, nor a restore under another key.
#[tokio::test]
async fn archive_under_another_key_is_neither_made_nor_read() {
    let folder = tempfile::tempdir().unwrap();
    let source = database(folder.path()).await;
    let file = folder.path().join("backup.vk");
    let other = settings(folder.path(), "valetkey.db", &[("MASTER_KEY", OTHER_KEY)]);
    let refused = ask("backup", &other, &file).await.unwrap_err();
    assert!(refused.text.contains("master key does not open term 1"), "{}", refused.text);
    let left = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().contains("backup")));

    ask("backup", &source, &file).await.unwrap();
    for command in ["verify", "restore"] {
        let target = settings(folder.path(), "new.db", &[("MASTER_KEY", OTHER_KEY)]);
        let refused = ask(command, &target, &file).await.unwrap_err();
        assert!(refused.text.contains("another master key"), "{command}: {}", refused.text);
    }
    // After a change of the master key the old one still opens old archives.
    let keys = [("MASTER_KEY", OTHER_KEY), ("PREVIOUS_MASTER_KEY", KEY)];
    for command in ["verify", "restore"] {
        ask(command, &settings(folder.path(), "new.db", &keys), &file).await.unwrap();
    }
}

#[tokio::test]
async fn backup_of_no_database_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = settings(folder.path(), "nothing.db", &[("MASTER_KEY", KEY)]);
    let refused = ask("backup", &nothing, &folder.path().join("backup.vk")).await.unwrap_err();
    assert!(refused.text.contains("there is none"), "{}", refused.text);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
