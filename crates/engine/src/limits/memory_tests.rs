//! How much memory limits take, of the provider, of those who sign in and of those who call, when everybody in the world comes by once.

use std::{fs, net::IpAddr, process::Command};

use url::Url;

use super::*;
use crate::{
    clients::{Rates, sha256},
    operators::{Addresses, Attempts},
};

/// Set in the process that is measured.
const MEASURED: &str = "VALETKEY_TEST_LIMITS_MEASURED";
const KEYS: u32 = 1_000_000;
/// The bound of S43 in KiB.
const AT_MOST: u64 = 32 << 10;

/// What the process has in memory, in KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// How many limits there are, each with keys of its own.
const LIMITS: u32 = 8;

/// A key that nobody had before comes by one of the limits; each of them has its turn.
fn come_by(limits: &Limits, (attempts, addresses): (&Attempts, &Addresses), rates: &Rates, n: u32) {
    let now = valetkey_domain::Time::UNIX_EPOCH;
    let account = || format!("ca_{n:026}").parse::<AccountId>().unwrap();
    match n % LIMITS {
        0 => {
            let counted = Counted { value: Some(n.into()), ..Counted::all_of(&Whom::Account(account())) };
            limits.place(&counted, Rate { requests: 5, seconds: 1 }, 1, Duration::ZERO).unwrap();
        }
        1 => limits.pause(Whom::Account(account()), LONGEST, true),
        2 => drop(limits.places(&account(), 3)),
        3 => drop(limits.lane(&format!("conn_{n:026}").parse().unwrap())),
        4 => attempts.begin(sha256(&n.to_be_bytes()), now).unwrap(),
        5 => addresses.failed(IpAddr::from(n.to_be_bytes()), now),
        6 => rates.failure(IpAddr::from(n.to_be_bytes()), now).unwrap(),
        _ => {
            let [client, environment] = [format!("vkc_{n:026}"), format!("env_{n:026}")];
            rates.call(None, &client.parse().unwrap(), &environment.parse().unwrap(), now).unwrap();
        }
    }
}

/// S43: a million distinct keys add no more than 32 MiB to what the process has in memory. It is measured in a process of
/// its own, since other tests would be counted as well.
#[test]
fn limits_of_a_million_keys_take_bounded_memory() {
    if std::env::var_os(MEASURED).is_none() {
        let name = "limits::memory_tests::limits_of_a_million_keys_take_bounded_memory";
        let mut process = Command::new(std::env::current_exe().unwrap());
        process.args(["--exact", name, "--nocapture", "--test-threads", "1"]).env(MEASURED, "1");
        let done = process.output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
        assert!(said.contains("1 passed"), "nothing was measured: {said}");
        return;
    }
    let settings = EngineSettings::new(Url::parse("https://valetkey.example.com").unwrap());
    let (limits, attempts, addresses) = (Limits::new(&settings), Attempts::default(), Addresses::default());
    let signing_in = (&attempts, &addresses);
    let rates = Rates::new(&settings);
    // Everything that is made with the first use is there before.
    (KEYS..KEYS + LIMITS).for_each(|n| come_by(&limits, signing_in, &rates, n));
    let before = resident();
    let mut most = before;
    for n in 0..KEYS {
        come_by(&limits, signing_in, &rates, n);
        if n % 10_000 == 0 {
            most = most.max(resident());
        }
    }
    let grown = most.max(resident()) - before;
    println!("{grown} KiB more than before");
    assert!(grown <= AT_MOST, "{grown} KiB more than before");
}
