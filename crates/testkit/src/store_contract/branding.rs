//! The branding and its logo.

use std::sync::Arc;

use valetkey_domain::{Branding, Change, Changes, Store};

use super::fixture::{Fixture, assert_conflict};

/// Every field, and none of them.
pub async fn branding_written_reads_back_whole(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    assert_eq!(f.store.branding().await.unwrap(), None);
    let logo = f.logo();
    let full = f.branding(1, Some(&logo));
    f.commit(Change::PutBranding(full.clone())).await.unwrap();
    assert_eq!(f.store.branding().await.unwrap(), Some(full));
    let bare = Branding { version: 2, updated_at: f.now(), ..Branding::default() };
    f.commit(Change::PutBranding(bare.clone())).await.unwrap();
    assert_eq!(f.store.branding().await.unwrap(), Some(bare));
}

/// Of two who change the same state, one is first.
pub async fn branding_stale_is_a_conflict(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    assert_conflict(f.commit(Change::PutBranding(f.branding(2, None))).await, "branding");
    f.commit(Change::PutBranding(f.branding(1, None))).await.unwrap();
    for version in [1, 3] {
        assert_conflict(f.commit(Change::PutBranding(f.branding(version, None))).await, "branding");
    }
    let second = f.branding(2, None);
    f.commit(Change::PutBranding(second.clone())).await.unwrap();
    assert_eq!(f.store.branding().await.unwrap(), Some(second));
}

/// The same picture is kept once; of the others one may stay.
pub async fn logos_kept_until_they_are_dropped(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let logos = [f.logo(), f.logo(), f.logo()];
    for logo in &logos {
        let twice = Changes::from(Change::PutLogo(logo.clone())).and(Change::PutLogo(logo.clone()));
        f.commit(twice).await.unwrap();
        assert_eq!(f.store.logo(&logo.hash).await.unwrap().as_ref(), Some(logo));
    }
    assert_eq!(f.store.logo(&f.hash()).await.unwrap(), None);
    f.commit(Change::DropLogos { keep: Some(logos[1].hash) }).await.unwrap();
    for (logo, kept) in logos.iter().zip([false, true, false]) {
        assert_eq!(f.store.logo(&logo.hash).await.unwrap().is_some(), kept);
    }
    f.commit(Change::DropLogos { keep: None }).await.unwrap();
    assert_eq!(f.store.logo(&logos[1].hash).await.unwrap(), None);
}
