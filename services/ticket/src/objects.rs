//! The company's store of objects: a folder, or S3. What lies in it is sealed.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use kefu_contracts::common::Reason;
use kefu_service::{config::Secret, error::Fault};
use object_store::{
    ClientOptions, Error, ObjectStore, ObjectStoreExt, PutPayload, aws::AmazonS3Builder,
    local::LocalFileSystem, path::Path,
};
use serde::{Deserialize, Serialize};

/// How long one object is waited for.
const PATIENCE: Duration = Duration::from_secs(8);

/// A bucket of S3, or of what speaks like it.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct S3Config {
    /// Its name.
    pub bucket: String,
    /// Where it is: `cn-north-1`.
    pub region: String,
    /// URL of a store of one's own; Amazon's where it is left out.
    pub endpoint: Option<String>,
    /// Put into `access_key_id_file`.
    pub access_key_id: Secret,
    /// Put into `secret_access_key_file`.
    pub secret_access_key: Secret,
    /// Whether the endpoint may be reached without TLS.
    #[serde(default)]
    pub allow_http: bool,
}

impl S3Config {
    pub(crate) fn problem(&self) -> Option<&'static str> {
        let keys = [&self.access_key_id, &self.secret_access_key];
        let plain = |url: &String| url.starts_with("http://");
        match () {
            () if self.bucket.is_empty() || self.region.is_empty() => {
                Some("bucket and region must be given")
            }
            () if keys.iter().any(|key| key.expose().trim().is_empty()) => {
                Some("access_key_id and secret_access_key must be given")
            }
            () if self.endpoint.as_ref().is_some_and(plain) && !self.allow_http => {
                Some("an endpoint without TLS takes allow_http")
            }
            () => None,
        }
    }
}

/// The store. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Objects(Arc<dyn ObjectStore>);

impl Objects {
    /// In a folder, which is made where there is none.
    pub(crate) fn in_folder(folder: &std::path::Path) -> Result<Self, Fault> {
        let trouble = |what: String| Fault::internal(format!("attachments.folder: {what}"));
        std::fs::create_dir_all(folder).map_err(|error| trouble(error.to_string()))?;
        let store = LocalFileSystem::new_with_prefix(folder);
        let store = store.map_err(|error| trouble(error.to_string()))?;
        // What a caller was told to be there is there after a power cut.
        let store = store.with_automatic_cleanup(true).with_fsync(true);
        Ok(Self(Arc::new(store)))
    }

    /// In a bucket.
    pub(crate) fn in_bucket(config: &S3Config) -> Result<Self, Fault> {
        let client = ClientOptions::new()
            .with_timeout(PATIENCE)
            .with_connect_timeout(Duration::from_secs(2));
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&config.bucket)
            .with_region(&config.region)
            .with_access_key_id(config.access_key_id.expose().trim())
            .with_secret_access_key(config.secret_access_key.expose().trim())
            .with_allow_http(config.allow_http)
            .with_client_options(client.with_allow_http(config.allow_http));
        if let Some(endpoint) = &config.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let store = builder.build();
        let store = store.map_err(|error| Fault::internal(format!("attachments.s3: {error}")))?;
        Ok(Self(Arc::new(store)))
    }

    /// Puts an object, in the place of one of the same name.
    pub(crate) async fn put(&self, object: &str, sealed: Vec<u8>) -> Result<(), Fault> {
        let path = Path::from(object);
        let put = self.0.put(&path, PutPayload::from(Bytes::from(sealed)));
        in_time(put).await.map(drop).map_err(unavailable)
    }

    pub(crate) async fn get(&self, object: &str) -> Result<Bytes, Fault> {
        let path = Path::from(object);
        let get = async { self.0.get(&path).await?.bytes().await };
        in_time(get).await.map_err(unavailable)
    }

    /// How large an object is; none where it is not there.
    pub(crate) async fn size(&self, object: &str) -> Result<Option<u64>, Fault> {
        let path = Path::from(object);
        match in_time(self.0.head(&path)).await {
            Ok(found) => Ok(Some(found.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Deletes an object, also where it is gone already.
    pub(crate) async fn delete(&self, object: &str) -> Result<(), Fault> {
        let path = Path::from(object);
        match in_time(self.0.delete(&path)).await {
            Err(Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }
}

async fn in_time<T>(
    work: impl Future<Output = object_store::Result<T>>,
) -> object_store::Result<T> {
    let late = |_| Error::Generic {
        store: "objects",
        source: "no answer in time".into(),
    };
    tokio::time::timeout(PATIENCE, work).await.map_err(late)?
}

/// What the store says stays here.
fn unavailable(error: Error) -> Fault {
    Fault {
        detail: format!("objects: {error}").into(),
        ..Fault::new(Reason::StorageUnavailable)
    }
    .retry_after(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is asked for again is not missed, and what is put again counts.
    #[tokio::test]
    async fn objects_are_put_read_and_deleted_however_often() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::in_folder(&folder.path().join("deep/er")).unwrap();
        objects.put("a/1", b"one".to_vec()).await.unwrap();
        objects.put("a/1", b"two".to_vec()).await.unwrap();
        assert_eq!(objects.get("a/1").await.unwrap().as_ref(), b"two");
        assert_eq!(objects.size("a/1").await.unwrap(), Some(3));
        objects.delete("a/1").await.unwrap();
        objects.delete("a/1").await.unwrap();
        assert_eq!(objects.size("a/1").await.unwrap(), None);
        let gone = objects.get("a/1").await.unwrap_err();
        assert_eq!(gone.reason, Reason::StorageUnavailable);
    }

    #[test]
    fn a_bucket_is_checked_at_start() {
        let right = S3Config {
            bucket: "kefu".into(),
            region: "cn-north-1".into(),
            endpoint: Some("https://s3.example.com".into()),
            access_key_id: Secret::new("id\n"),
            secret_access_key: Secret::new("key"),
            allow_http: false,
        };
        assert_eq!(right.problem(), None);
        Objects::in_bucket(&right).unwrap();
        let plain = S3Config {
            endpoint: Some("http://s3.example.com".into()),
            ..right.clone()
        };
        assert!(plain.problem().is_some());
        let open = S3Config {
            secret_access_key: Secret::new(" "),
            ..right
        };
        assert!(open.problem().is_some());
    }
}
