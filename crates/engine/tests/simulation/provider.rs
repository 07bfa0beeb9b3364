//! The simulated provider: refresh tokens work once and their reuse kills the grant, sometimes with a grace. It sees
//! which process asks, and it may look into storage, so that it can tell an avoidable loss from one that nobody could
//! have prevented.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response, StatusCode, body::Incoming, header, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::json;
use turmoil::net::TcpListener;
use valetkey_domain::Store as _;

use crate::world::{ACCOUNTS, World, elapsed};

pub(crate) const HOST: &str = "provider";
const PORT: u16 = 80;
/// How long the provider forgives where it does.
pub(crate) const GRACE: Duration = Duration::from_secs(60);
/// How long access tokens live.
const LIVES: Duration = Duration::from_secs(50);
/// The deadline of a token call, as the connector of the simulation states it, with what storing may take: before this
/// is over, an answer that was sent may still be stored by whoever asked.
pub(crate) const AWAITED: Duration = Duration::from_secs(30 + 15);

/// How the provider treats the next requests.
#[derive(Debug, Clone, Copy, Default)]
struct Mood {
    until: Duration,
    /// Chances in a hundred.
    unavailable: u32,
    cut_before: u32,
    cut_after: u32,
    garbled: u32,
    slow: u32,
}

struct Grant {
    alive: bool,
    rotation: u64,
    spent_at: Duration,
    /// Who got, or was to get, the newest tokens, and whether its answer left.
    taken_by: Option<(IpAddr, u64)>,
    answered: bool,
    died_at: Option<Duration>,
    unavoidable: bool,
    told_of_death: Vec<Duration>,
}

struct State {
    random: StdRng,
    strict: bool,
    mood: Mood,
    grants: Vec<Grant>,
    granted: u64,
    journal: Vec<String>,
}

/// The provider, as everybody in the simulation can ask about it.
pub(crate) struct Provider(Mutex<State>);

impl Provider {
    pub(crate) fn new(seed: u64, strict: bool) -> Self {
        let grant = |_| Grant {
            alive: true,
            rotation: 0,
            spent_at: Duration::ZERO,
            taken_by: None,
            answered: true,
            died_at: None,
            unavoidable: false,
            told_of_death: Vec::new(),
        };
        Self(Mutex::new(State {
            random: StdRng::seed_from_u64(seed),
            strict,
            mood: Mood::default(),
            grants: (0..ACCOUNTS).map(grant).collect(),
            granted: 0,
            journal: Vec::new(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn is_strict(&self) -> bool {
        self.state().strict
    }

    pub(crate) fn misbehave(&self, random: &mut StdRng, until: Duration) {
        let mut chance = || random.random_range(0..50);
        let mood = Mood {
            until,
            unavailable: chance(),
            cut_before: chance() / 4,
            cut_after: chance() / 8,
            garbled: chance() / 8,
            slow: chance(),
        };
        self.state().mood = mood;
    }

    pub(crate) fn calm(&self) {
        self.state().mood = Mood::default();
    }

    pub(crate) fn granted(&self) -> u64 {
        self.state().granted
    }

    pub(crate) fn journal(&self) -> Vec<String> {
        self.state().journal.clone()
    }

    /// Whether a grant lives; if not, whether nobody could have saved it; its newest rotation.
    pub(crate) fn fate(&self, grant: usize) -> (bool, bool, u64) {
        let state = self.state();
        let grant = &state.grants[grant];
        (grant.alive, grant.unavoidable, grant.rotation)
    }

    /// The most requests about a grant that were told of its death, within any time of this length.
    pub(crate) fn most_told_of_death(&self, grant: usize, within: Duration) -> usize {
        let state = self.state();
        let told = &state.grants[grant].told_of_death;
        told.iter()
            .map(|from| told.iter().filter(|at| *at >= from && **at < *from + within).count())
            .max()
            .unwrap_or(0)
    }
}

/// The tokens of a grant at a rotation.
pub(crate) fn tokens(grant: usize, rotation: u64) -> (String, String) {
    (format!("at-{grant}-{rotation}"), format!("rt-{grant}-{rotation}"))
}

fn parsed(token: &str, kind: &str) -> Option<(usize, u64)> {
    let (grant, rotation) = token.strip_prefix(kind)?.strip_prefix('-')?.split_once('-')?;
    Some((grant.parse().ok()?, rotation.parse().ok()?))
}

type Reply = Result<Response<Full<Bytes>>, std::io::Error>;

fn reply(status: u16, body: &serde_json::Value) -> Response<Full<Bytes>> {
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap()
}

pub(crate) async fn serve(world: Arc<World>) -> turmoil::Result {
    let listener = TcpListener::bind((IpAddr::from(Ipv4Addr::UNSPECIFIED), PORT)).await?;
    loop {
        let (stream, peer) = listener.accept().await?;
        let world = world.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let world = world.clone();
                async move { answer(&world, peer.ip(), request).await }
            });
            // An error is a line that was cut.
            let _cut = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(world: &World, peer: IpAddr, request: Request<Incoming>) -> Reply {
    let path = request.uri().path().to_owned();
    let bearer = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .map(str::to_owned);
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    if path.starts_with("/api") {
        return Ok(api(world, bearer.as_deref()).await);
    }
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    let token = form.get("refresh_token").and_then(|token| parsed(token, "rt"));
    let Some((grant, rotation)) = token else { return Ok(reply(400, &json!({"error": "invalid_request"}))) };
    token_request(world, peer, grant, rotation).await
}

async fn token_request(world: &World, peer: IpAddr, id: usize, rotation: u64) -> Reply {
    let (fault, delay) = {
        let mut state = world.provider.state();
        let mood = if elapsed() < state.mood.until { state.mood } else { Mood::default() };
        let (roll, slow) = (state.random.random_range(0..100), state.random.random_range(0..100));
        let quick = Duration::from_millis(state.random.random_range(5..300));
        let long = Duration::from_millis(state.random.random_range(500..25_000));
        let fault = [mood.unavailable, mood.cut_before, mood.cut_after, mood.garbled]
            .iter()
            .scan(0, |sum, chance| {
                *sum += chance;
                Some(*sum)
            })
            .position(|sum| roll < sum);
        (fault, if slow < mood.slow { long } else { quick })
    };
    match fault {
        Some(0) => {
            tokio::time::sleep(delay).await;
            return Ok(reply(503, &json!({"error": "temporarily_unavailable"})));
        }
        Some(1) => return Err(std::io::Error::other("cut")),
        _ => {}
    }
    let incarnation =
        world.sites.iter().find(|site| site.is_at(peer)).map_or(0, crate::replica::Site::incarnation);
    let was_alive = world.provider.state().grants[id].alive;
    let response = refresh(world, (peer, incarnation), id, rotation);
    tokio::time::sleep(delay).await;
    {
        let grant = &mut world.provider.state().grants[id];
        match fault {
            Some(2 | 3) => grant.answered = false,
            // Who was not told, or has not lived to hear it, may ask again.
            _ if !was_alive && is_there(world, peer, incarnation) => {
                grant.told_of_death.push(elapsed());
            }
            _ => {}
        }
    }
    match fault {
        Some(2) => Err(std::io::Error::other("cut")),
        Some(3) => Ok(Response::new(Full::new(Bytes::from_static(b"{\"access_token\": \"at")))),
        _ => Ok(response),
    }
}

/// Whether that process lives.
fn is_there(world: &World, address: IpAddr, incarnation: u64) -> bool {
    world.sites.iter().any(|site| site.is_at(address) && site.incarnation() == incarnation && site.is_up())
}

fn refresh(world: &World, by: (IpAddr, u64), id: usize, rotation: u64) -> Response<Full<Bytes>> {
    let mut state = world.provider.state();
    let strict = state.strict;
    let grant = &mut state.grants[id];
    let (response, verdict) = if !grant.alive {
        (None, "dead")
    } else if rotation == grant.rotation {
        grant.rotation += 1;
        grant.spent_at = elapsed();
        grant.taken_by = Some(by);
        grant.answered = true;
        (Some(grant.rotation), "granted")
    } else if !strict && rotation + 1 == grant.rotation && elapsed() < grant.spent_at + GRACE {
        grant.taken_by = Some(by);
        grant.answered = true;
        (Some(grant.rotation), "repeated")
    } else {
        grant.alive = false;
        grant.died_at = Some(elapsed());
        // Nobody could have the successor: its answer never left, who asked has died since, or has waited in vain.
        let gone = grant.taken_by.is_none_or(|(peer, incarnation)| !is_there(world, peer, incarnation));
        let waited = elapsed() >= grant.spent_at + AWAITED;
        grant.unavoidable = !grant.answered || gone || waited;
        (None, "reuse")
    };
    state.journal.push(format!("{:?} {} grant {id} token {rotation}: {verdict}", elapsed(), by.0));
    match response {
        Some(rotation) => {
            state.granted += u64::from(verdict == "granted");
            let (access, refresh) = tokens(id, rotation);
            reply(
                200,
                &json!({
                    "access_token": access, "refresh_token": refresh, "token_type": "Bearer",
                    "expires_in": LIVES.as_secs(),
                }),
            )
        }
        None => reply(400, &json!({"error": "invalid_grant"})),
    }
}

async fn api(world: &World, bearer: Option<&str>) -> Response<Full<Bytes>> {
    let Some((id, rotation)) = bearer.and_then(|bearer| parsed(bearer, "at")) else {
        return reply(401, &json!({"error": "invalid_token"}));
    };
    // I2, I3: who uses a token of this rotation must have stored it, and what is stored never goes back. The generation
    // counts the import as 1.
    if let Some(account) = world.account(id) {
        let stored = world.store.credential(&account).await.unwrap().map_or(0, |stored| stored.generation);
        if stored < rotation + 1 {
            world.violated(format!(
                "token {rotation} of grant {id} was used before it was stored (at {stored})"
            ));
        }
    }
    let alive = world.provider.state().grants[id].alive;
    if alive { reply(200, &json!({"grant": id})) } else { reply(401, &json!({"error": "invalid_token"})) }
}
