//! The primary of the database is killed and its standby takes over.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};

use crate::{
    fleet::{Caller, Fleet, STRICT, eventually, sized},
    provider::{Provider, Rules, Verdict},
};

fn script(arguments: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/postgres.sh");
    let output = Command::new("bash").arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A primary with a synchronous standby, and one address that leads to whichever is primary.
struct Pair {
    folders: Vec<PathBuf>,
    address: Arc<Mutex<String>>,
    /// The URL of the fixed address.
    url: String,
    place: PathBuf,
}

fn host_of(url: &str) -> String {
    let rest = url.rsplit_once('@').unwrap().1;
    rest.split(['/', '?']).next().unwrap().to_owned()
}

impl Pair {
    async fn start(place: &Path) -> Self {
        let (one, two) = (place.join("pg1"), place.join("pg2"));
        let url = script(&["start", one.to_str().unwrap()]);
        script(&["standby", one.to_str().unwrap(), two.to_str().unwrap()]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fixed = listener.local_addr().unwrap().to_string();
        let address = Arc::new(Mutex::new(host_of(&url)));
        let target = address.clone();
        tokio::spawn(async move {
            loop {
                let Ok((mut inside, _)) = listener.accept().await else { continue };
                let to = target.lock().unwrap().clone();
                tokio::spawn(async move {
                    // Nobody there yet: the caller sees its connection closed and tries again.
                    if let Ok(mut outside) = TcpStream::connect(to).await {
                        let _closed = copy_bidirectional(&mut inside, &mut outside).await;
                    }
                });
            }
        });
        let url = url.replace(&host_of(&url), &fixed);
        Self { folders: vec![one, two], address, url, place: place.to_owned() }
    }

    /// Kills the primary with no chance to say anything, and makes the standby primary.
    fn fail_over(&mut self) {
        let (primary, standby) = (self.folders.remove(0), self.folders[0].clone());
        script(&["kill", primary.to_str().unwrap()]);
        let url = script(&["promote", standby.to_str().unwrap()]);
        *self.address.lock().unwrap() = host_of(&url);
        script(&["stop", primary.to_str().unwrap()]);
    }

    /// A new standby behind the present primary.
    fn restore_standby(&mut self, number: usize) {
        let fresh = self.place.join(format!("pg{number}"));
        script(&["standby", self.folders[0].to_str().unwrap(), fresh.to_str().unwrap()]);
        self.folders.push(fresh);
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for folder in &self.folders {
            script(&["stop", folder.to_str().unwrap()]);
        }
    }
}

/// R14, I7: what was acknowledged is there after the failover, tokens in flight are kept until they can be stored, and
/// nobody is taken for dead because the database was away.
#[tokio::test(flavor = "multi_thread")]
async fn primary_killed_and_standby_promoted_loses_nothing() {
    let place = tempfile::Builder::new().prefix("valetkey-pair").tempdir().unwrap();
    // The database runs as another user than a test that runs as root.
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    let mut pair = Pair::start(place.path()).await;
    let mut fleet = Fleet::sqlite();
    fleet.set("DATABASE_URL", pair.url.clone());
    let provider = Provider::start(Rules { delay: Duration::from_secs(1), ..Rules::default() }).await;
    let replicas = [fleet.start(), fleet.start()];
    let caller = Caller::of(&replicas[0]).await;
    caller.connection(&replicas[0], "failover", STRICT, &provider).await;
    for round in 0..sized(2, 20) {
        let mut ids = Vec::new();
        for n in 0..10 {
            let lives = time::Duration::hours(1);
            let identifier = format!("u{round}-{n}");
            ids.push(caller.account(&replicas[0], "failover", &identifier, &provider, lives).await.0);
        }
        let before = provider.count(Verdict::Granted);
        let asked: Vec<_> = ids
            .iter()
            .enumerate()
            .map(|(n, id)| {
                let (caller, url, id) = (caller.clone(), replicas[n % 2].url.clone(), id.clone());
                tokio::spawn(async move { caller.refresh(&url, &id).await })
            })
            .collect();
        eventually("the refreshes are with the provider", Duration::from_secs(10), || async {
            (provider.in_flight() == ids.len()).then_some(())
        })
        .await;
        pair.fail_over();
        // Whoever waits may be answered late or told to come back.
        for call in asked {
            let _answer = call.await.unwrap();
        }
        for id in &ids {
            let me = eventually("the account works again", Duration::from_secs(60), || async {
                caller.me(&replicas[round % 2].url, STRICT, id).await.ok()
            })
            .await;
            assert_eq!(me["data"]["rotation"], 1, "the pair of tokens in flight was kept");
            assert_eq!(caller.get(&replicas[0].url, id).await["status"], "ACTIVE");
        }
        assert_eq!(provider.count(Verdict::Granted) - before, ids.len());
        assert_eq!(provider.count(Verdict::Reuse), 0);
        pair.restore_standby(round + 3);
    }
    assert_eq!(provider.dead(), Vec::<usize>::new());
}
