//! Talks to a gateway as any client does: where it is, who asks, why, and in
//! which language; and what it says when it refuses.

mod refusal;
mod token;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use kefu_service::call::PURPOSE;
use tonic::{
    Request,
    metadata::{MetadataMap, MetadataValue},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};

pub(crate) use refusal::Refusal;
#[cfg(test)]
pub(crate) use refusal::tests;

/// Longest that one call may take, connecting included.
const CALL_LIMIT: Duration = Duration::from_secs(30);

/// Where the gateway is, and who asks.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ConnectArgs {
    /// Address of the gateway
    #[arg(
        long,
        env = "KEFU_ADDRESS",
        default_value = "http://127.0.0.1:7700",
        value_name = "URL"
    )]
    pub(crate) address: String,
    /// PEM file of the authority to trust with an https address, instead of the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Asks with this login's token from the development tokens (.kefu/tokens.toml, here or above), or as
    /// the first who holds this post in the example company: agent, auditor, company_leader, …
    #[arg(long = "as", value_name = "LOGIN|POST", conflicts_with = "token_file")]
    login: Option<String>,
    /// File with the bearer token; without it and --as, KEFU_TOKEN holds the token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl ConnectArgs {
    /// The same gateway, asked by somebody of the development tokens.
    pub(crate) fn of(&self, login: &str) -> Self {
        Self {
            login: Some(login.to_owned()),
            token_file: None,
            ..self.clone()
        }
    }
}

/// The file of this name in a folder, or in the nearest above it that has one.
pub(crate) fn nearest(from: &Path, file: &str) -> Option<PathBuf> {
    let folders = from.ancestors();
    folders
        .map(|folder| folder.join(file))
        .find(|path| path.is_file())
}

/// A gateway, and what goes along with every call to it. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    channel: Channel,
    metadata: MetadataMap,
}

impl Client {
    /// Makes ready to call; the connection is made with the first call, and
    /// again whenever it was lost.
    ///
    /// # Errors
    /// When the address, the token or the certificate cannot be used.
    pub(crate) fn new(
        args: &ConnectArgs,
        purpose: Option<&str>,
        language: &str,
    ) -> anyhow::Result<Self> {
        let token = token::find(args.login.as_deref(), args.token_file.as_deref())?;
        let mut metadata = MetadataMap::new();
        let bearer = MetadataValue::try_from(format!("Bearer {token}"))
            .context("the token contains letters that no token has")?;
        metadata.insert("authorization", bearer);
        metadata.insert(
            "accept-language",
            MetadataValue::try_from(language).context("not a language tag")?,
        );
        if let Some(purpose) = purpose {
            let purpose = MetadataValue::try_from(purpose).context("not a purpose")?;
            metadata.insert(PURPOSE, purpose);
        }
        Ok(Self {
            channel: endpoint(args)?.connect_lazy(),
            metadata,
        })
    }

    /// Where calls go.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// The message with what goes along with every call; answered within
    /// the limit or not at all.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = self.streaming_request(message);
        request.set_timeout(CALL_LIMIT);
        request
    }

    /// As [`Client::request`], for a call whose answer may go on for ever.
    pub(crate) fn streaming_request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        *request.metadata_mut() = self.metadata.clone();
        request
    }
}

fn endpoint(args: &ConnectArgs) -> anyhow::Result<Endpoint> {
    let address = &args.address;
    let mut endpoint = Endpoint::from_shared(address.clone())
        .with_context(|| format!("--address {address} is not an address"))?
        .connect_timeout(Duration::from_secs(5))
        // A connection that went silent is noticed, not waited for.
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .tcp_nodelay(true);
    match endpoint.uri().scheme_str() {
        Some("https") => endpoint = endpoint.tls_config(tls(args)?)?,
        Some("http") if args.ca_file.is_some() => bail!("--ca-file needs an https address"),
        Some("http") => {}
        _ => bail!("--address {address} must begin with http:// or https://"),
    }
    Ok(endpoint)
}

fn tls(args: &ConnectArgs) -> anyhow::Result<ClientTlsConfig> {
    let Some(path) = &args.ca_file else {
        return Ok(ClientTlsConfig::new().with_native_roots());
    };
    let pem = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)))
}
