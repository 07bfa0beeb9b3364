//! The standard details of `google.rpc`, for clients that know nothing of this API's own: as trailers under the names
//! that grpc-java gave them (`google.rpc.RetryInfo-bin`). They cannot stand among the details of the status, where the
//! official SDKs take every one for their own `ErrorInfo`. What fields are wrong and where to read on is in that one;
//! a second copy would not fit into the 8 KiB that clients take.

use std::collections::BTreeMap;

use prost::Message;
use tonic::metadata::{MetadataMap, MetadataValue};
use valetkey_domain::Error;

use crate::error::retry_after_ms;

/// Whose codes they are.
const DOMAIN: &str = "valetkey";
const ERROR_INFO: &str = "google.rpc.errorinfo-bin";
const RETRY_INFO: &str = "google.rpc.retryinfo-bin";

/// `google.rpc.ErrorInfo`
#[derive(Clone, PartialEq, Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    domain: String,
    #[prost(btree_map = "string, string", tag = "3")]
    metadata: BTreeMap<String, String>,
}

/// `google.rpc.RetryInfo`
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<prost_types::Duration>,
}

/// Puts the details of `error` among the trailers.
pub(super) fn add(error: &Error, metadata: &mut MetadataMap) {
    let entry = error.code().entry();
    let info = ErrorInfo {
        reason: entry.code.to_owned(),
        domain: DOMAIN.to_owned(),
        metadata: BTreeMap::from([
            ("actor".to_owned(), entry.actor.as_str().to_owned()),
            ("retry".to_owned(), entry.retry.as_str().to_owned()),
        ]),
    };
    metadata.insert_bin(ERROR_INFO, MetadataValue::from_bytes(&info.encode_to_vec()));
    if let Some(millis) = retry_after_ms(error) {
        // A day is longer than anybody waits.
        let millis = i64::try_from(millis).unwrap_or(i64::MAX).min(86_400_000);
        let nanos = i32::try_from(millis % 1000 * 1_000_000).unwrap_or_default();
        let delay = prost_types::Duration { seconds: millis / 1000, nanos };
        let info = RetryInfo { retry_delay: Some(delay) };
        metadata.insert_bin(RETRY_INFO, MetadataValue::from_bytes(&info.encode_to_vec()));
    }
}

#[cfg(test)]
mod tests {
    use valetkey_domain::ErrorCode;

    use super::*;

    #[test]
    fn details_of_every_code_are_there_and_short() {
        for code in ErrorCode::ALL {
            let mut metadata = MetadataMap::new();
            add(&Error::new(*code).retry_after_ms(1500), &mut metadata);
            let bytes = metadata.get_bin(ERROR_INFO).unwrap().to_bytes().unwrap();
            let info = ErrorInfo::decode(bytes).unwrap();
            assert_eq!((info.reason.as_str(), info.domain.as_str()), (code.as_str(), "valetkey"));
            assert_eq!(info.metadata["actor"], code.entry().actor.as_str());
            let bytes = metadata.get_bin(RETRY_INFO).unwrap().to_bytes().unwrap();
            let delay = RetryInfo::decode(bytes).unwrap().retry_delay.unwrap();
            assert_eq!((delay.seconds, delay.nanos), (1, 500_000_000));
            let size: usize = metadata.into_headers().iter().map(|(k, v)| k.as_str().len() + v.len()).sum();
            assert!(size < 260, "{code:?}: {size}");
        }
    }

    #[test]
    fn wait_unknown_is_not_told() {
        let mut metadata = MetadataMap::new();
        add(&Error::new(ErrorCode::AccountRevoked), &mut metadata);
        assert!(metadata.get_bin(RETRY_INFO).is_none());
    }
}
