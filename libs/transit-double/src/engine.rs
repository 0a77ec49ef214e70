//! The engine: keys in versions, and what it says about each request.

use std::collections::BTreeMap;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Keys by name.
#[derive(Default)]
pub(crate) struct Engine(BTreeMap<String, Key>);

struct Key {
    derived: bool,
    /// The first is version 1; those that were trimmed are gone.
    versions: BTreeMap<u32, [u8; 32]>,
    min_decryption: u32,
    min_encryption: u32,
    min_available: u32,
}

/// In one body, names counted (`max_request_json_strings` of OpenBao's listener).
const MOST_STRINGS: usize = 1000;

/// A status and a body.
pub(crate) type Said = (u16, Value);

pub(crate) fn errors(status: u16, text: &str) -> Said {
    (status, json!({ "errors": [text] }))
}

impl Engine {
    pub(crate) fn make(&mut self, name: &str, derived: bool) {
        let key = Key {
            derived,
            versions: BTreeMap::from([(1, random())]),
            min_decryption: 1,
            min_encryption: 0,
            min_available: 0,
        };
        self.0.entry(name.to_owned()).or_insert(key);
    }

    pub(crate) fn rotate(&mut self, name: &str) {
        let key = self.0.get_mut(name).unwrap();
        let next = key.latest() + 1;
        key.versions.insert(next, random());
    }

    pub(crate) fn trim(&mut self, name: &str, version: u32) {
        let key = self.0.get_mut(name).unwrap();
        (key.min_decryption, key.min_encryption) = (version, version);
        key.min_available = version;
        key.versions.retain(|number, _| *number >= version);
    }

    /// `behind` leaves out so many of the newest versions, as a node does that is behind.
    pub(crate) fn answer(&mut self, line: &str, body: &Value, behind: u32) -> Said {
        let Some((method, path)) = line.split_once(" /v1/transit/") else {
            return errors(404, "no handler for route. route entry not found.");
        };
        if strings(body) > MOST_STRINGS {
            return errors(
                400,
                "refused JSON input due to high complexity: exceeded maximum number of strings",
            );
        }
        let parts: Vec<_> = path.split('/').collect();
        match (method, parts.as_slice()) {
            ("GET", ["keys", name]) => match self.0.get(*name) {
                Some(key) => (200, data(key.read(name))),
                None => (404, json!({ "errors": [] })),
            },
            ("POST", ["keys", name]) => {
                self.make(name, body["derived"] == true);
                (200, data(self.0[*name].read(name)))
            }
            ("POST", ["keys", name, "rotate"]) => {
                self.rotate(name);
                (200, data(self.0[*name].read(name)))
            }
            ("POST", ["keys", name, "config"]) => {
                let key = self.0.get_mut(*name).unwrap();
                let number = |field: &str| body[field].as_u64().map(|value| value as u32);
                key.min_decryption = number("min_decryption_version").unwrap_or(key.min_decryption);
                key.min_encryption = number("min_encryption_version").unwrap_or(key.min_encryption);
                (200, data(key.read(name)))
            }
            ("POST", ["keys", name, "trim"]) => {
                let key = self.0.get_mut(*name).unwrap();
                let version = body["min_available_version"].as_u64().unwrap() as u32;
                if key.min_encryption == 0 {
                    return errors(
                        400,
                        "minimum available version cannot be set when minimum encryption version is not set",
                    );
                }
                if version > key.min_decryption.min(key.min_encryption) {
                    return errors(
                        400,
                        "minimum available version cannot be greater than minimum decryption version",
                    );
                }
                key.min_available = version;
                key.versions.retain(|number, _| *number >= version);
                (200, data(key.read(name)))
            }
            ("POST", [operation @ ("encrypt" | "decrypt" | "rewrap"), name]) => {
                match self.0.get(*name) {
                    Some(key) => key.batch(operation, body, behind),
                    None => errors(400, "encryption key not found"),
                }
            }
            _ => errors(404, "unsupported path"),
        }
    }
}

impl Key {
    fn latest(&self) -> u32 {
        *self.versions.keys().last().unwrap()
    }

    fn read(&self, name: &str) -> Value {
        let times = self
            .versions
            .keys()
            .map(|number| (number.to_string(), json!(1_442_851_412)));
        json!({
            "name": name,
            "type": "aes256-gcm96",
            "derived": self.derived,
            "deletion_allowed": false,
            "exportable": false,
            "allow_plaintext_backup": false,
            "keys": times.collect::<serde_json::Map<_, _>>(),
            "latest_version": self.latest(),
            "min_available_version": self.min_available,
            "min_decryption_version": self.min_decryption,
            "min_encryption_version": self.min_encryption,
            "supports_encryption": true,
            "supports_decryption": true,
            "supports_derivation": true,
            "supports_signing": false,
            "imported_key": false,
        })
    }

    fn batch(&self, operation: &str, body: &Value, behind: u32) -> Said {
        let latest = self.latest().saturating_sub(behind).max(1);
        let Some(items) = body["batch_input"]
            .as_array()
            .filter(|items| !items.is_empty())
        else {
            return errors(400, "missing batch input to process");
        };
        let outcomes = items.iter().map(|item| self.one(operation, item, latest));
        let (mut results, mut refused) = (Vec::new(), false);
        for outcome in outcomes {
            results.push(match outcome {
                Ok(result) => result,
                Err(text) => {
                    refused = true;
                    // A refused item of `decrypt` has an empty text beside its error.
                    match operation {
                        "decrypt" => json!({ "plaintext": "", "error": text, "reference": "" }),
                        _ => json!({ "error": text, "reference": "" }),
                    }
                }
            });
        }
        // `rewrap` tells of refused items with 200.
        let status = if refused && operation != "rewrap" {
            400
        } else {
            200
        };
        (status, data(json!({ "batch_results": results })))
    }

    fn one(&self, operation: &str, item: &Value, latest: u32) -> Result<Value, String> {
        let context = item["context"].as_str().unwrap_or_default();
        let context = STANDARD
            .decode(context)
            .map_err(|error| error.to_string())?;
        if operation == "encrypt" {
            let plain = item["plaintext"]
                .as_str()
                .ok_or("missing plaintext to encrypt")?;
            let plain = STANDARD.decode(plain).map_err(|error| error.to_string())?;
            let text = self.seal(latest, &context, &plain)?;
            return Ok(json!({ "ciphertext": text, "key_version": latest, "reference": "" }));
        }
        let text = item["ciphertext"].as_str().unwrap_or_default();
        if text.is_empty() {
            return Err("missing ciphertext to decrypt".to_owned());
        }
        let plain = self.open(text, &context, latest)?;
        if operation == "decrypt" {
            return Ok(json!({ "plaintext": STANDARD.encode(plain), "reference": "" }));
        }
        let text = self.seal(latest, &context, &plain)?;
        Ok(json!({ "ciphertext": text, "key_version": latest, "reference": "" }))
    }

    fn seal(&self, version: u32, context: &[u8], plain: &[u8]) -> Result<String, String> {
        let cipher = self.cipher(version, context)?;
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).unwrap();
        let mut sealed = plain.to_vec();
        cipher
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::empty(),
                &mut sealed,
            )
            .unwrap();
        let bytes = [nonce.as_slice(), &sealed].concat();
        Ok(format!("vault:v{version}:{}", STANDARD.encode(bytes)))
    }

    fn open(&self, text: &str, context: &[u8], latest: u32) -> Result<Vec<u8>, String> {
        let rest = text
            .strip_prefix("vault:v")
            .ok_or("invalid ciphertext: no prefix")?;
        let (version, bytes) = rest
            .split_once(':')
            .ok_or("invalid ciphertext: wrong number of fields")?;
        let version: u32 = version
            .parse()
            .map_err(|_| "invalid ciphertext: version number could not be decoded")?;
        if version > latest {
            return Err("invalid ciphertext: version is too new".to_owned());
        }
        if version < self.min_decryption {
            return Err(
                "ciphertext or signature version is disallowed by policy (too old)".to_owned(),
            );
        }
        let bytes = STANDARD
            .decode(bytes)
            .map_err(|_| "invalid ciphertext: could not decode base64")?;
        let (nonce, sealed) = bytes
            .split_first_chunk::<NONCE_LEN>()
            .ok_or("invalid ciphertext length")?;
        let mut plain = sealed.to_vec();
        let length = self
            .cipher(version, context)?
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::empty(),
                &mut plain,
            )
            .map_err(|_| "cipher: message authentication failed")?
            .len();
        plain.truncate(length);
        Ok(plain)
    }

    /// Derived with HKDF-SHA256 where the key was made so; otherwise the context is not looked at.
    fn cipher(&self, version: u32, context: &[u8]) -> Result<LessSafeKey, String> {
        let key = self.versions.get(&version).ok_or("no such key version")?;
        let mut bytes = *key;
        if self.derived {
            if context.is_empty() {
                return Err("missing 'context' for key derivation".to_owned());
            }
            let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(key);
            let info = [context];
            let material = derived.expand(&info, hkdf::HKDF_SHA256).unwrap();
            material.fill(&mut bytes).unwrap();
        }
        Ok(LessSafeKey::new(
            UnboundKey::new(&AES_256_GCM, &bytes).unwrap(),
        ))
    }
}

fn data(data: Value) -> Value {
    json!({
        "request_id": "2c848454-2b53-1773-7589-d2c7dd3a46ed",
        "lease_id": "",
        "renewable": false,
        "lease_duration": 0,
        "data": data,
        "wrap_info": null,
        "warnings": null,
        "auth": null,
    })
}

fn strings(value: &Value) -> usize {
    match value {
        Value::String(_) => 1,
        Value::Array(items) => items.iter().map(strings).sum(),
        Value::Object(fields) => fields.values().map(|value| 1 + strings(value)).sum(),
        _ => 0,
    }
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).unwrap();
    bytes
}
