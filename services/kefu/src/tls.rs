//! TLS as it is configured: what a process shows, and how it reaches others.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, bail};
use kefu_gateway::Environment;
use kefu_service::{
    clock::Clock,
    config::{ConnectorsTls, FrontTls, ServicesTls},
    host::Job,
    peer::Way,
    tls::{Callers, ClientTls, Files, Own, Renew, ServerTls, renewal},
};

use crate::settings::Settings;

/// TLS of one process.
pub(crate) struct Tls {
    /// Of its server; none: plaintext.
    pub(crate) server: Option<ServerTls>,
    /// How it reaches the other services.
    pub(crate) services: Way,
    /// How it reaches the company's connectors.
    pub(crate) connectors: Way,
    followed: Vec<Arc<dyn Renew>>,
}

impl Tls {
    /// Reads the files of this service.
    ///
    /// # Errors
    /// When what is configured contradicts itself, or a file cannot be used.
    pub(crate) fn of(settings: &Settings, service: &str) -> anyhow::Result<Self> {
        let config = &settings.tls;
        let mut followed = Vec::new();
        let among = services(&config.services)?;
        let way = match &among {
            Some(files) => {
                let tls = ClientTls::new(files.clone()).context("tls.services")?;
                followed.push(tls.renew());
                Way::Tls(tls)
            }
            None => Way::Plaintext,
        };
        let is_gateway = service == kefu_gateway::NAME;
        let server = match is_gateway {
            true => front(&config.front)?,
            false => {
                let known = Callers::Known(config.services.callers.clone());
                let tls = among.map(|files| ServerTls::new(files, known));
                tls.transpose().context("tls.services")?
            }
        };
        followed.extend(server.as_ref().map(ServerTls::renew));
        // The gateway has none.
        let connectors = match is_gateway {
            true => Way::Plaintext,
            false => {
                let tls = connectors(&config.connectors)?;
                followed.push(tls.renew());
                let production = settings.environment == Environment::Production;
                match production && !config.connectors.allow_http {
                    true => Way::Tls(tls),
                    false => Way::Either(tls),
                }
            }
        };
        Ok(Self {
            server,
            services: way,
            connectors,
            followed,
        })
    }

    /// The job that takes new files.
    pub(crate) fn renewal(&self, clock: Arc<dyn Clock>) -> Job {
        renewal(clock, self.followed.clone())
    }
}

fn front(config: &FrontTls) -> anyhow::Result<Option<ServerTls>> {
    let Some(own) = own("tls.front", &config.certificate_file, &config.key_file)? else {
        if config.client_authority_file.is_some() {
            bail!("tls.front.client_authority_file needs tls.front.certificate_file");
        }
        return Ok(None);
    };
    if config.elsewhere {
        bail!("tls.front.elsewhere is set, and a certificate too: one of the two");
    }
    let files = Files {
        own: Some(own),
        authorities: config.client_authority_file.clone(),
    };
    let tls = ServerTls::new(files, Callers::Anybody).context("tls.front")?;
    Ok(Some(tls))
}

fn services(config: &ServicesTls) -> anyhow::Result<Option<Files>> {
    let own = own("tls.services", &config.certificate_file, &config.key_file)?;
    if own.is_some() != config.authority_file.is_some() {
        bail!("tls.services.certificate_file and tls.services.authority_file need each other");
    }
    if own.is_some() && config.elsewhere {
        bail!("tls.services.elsewhere is set, and a certificate too: one of the two");
    }
    if own.is_none() && !config.callers.is_empty() {
        bail!("tls.services.callers needs tls.services.certificate_file");
    }
    Ok(own.map(|own| Files {
        own: Some(own),
        authorities: config.authority_file.clone(),
    }))
}

fn connectors(config: &ConnectorsTls) -> anyhow::Result<ClientTls> {
    let files = Files {
        own: own("tls.connectors", &config.certificate_file, &config.key_file)?,
        authorities: config.authority_file.clone(),
    };
    ClientTls::new(files).context("tls.connectors")
}

fn own(
    section: &str,
    certificate: &Option<PathBuf>,
    key: &Option<PathBuf>,
) -> anyhow::Result<Option<Own>> {
    match (certificate.clone(), key.clone()) {
        (Some(certificate), Some(key)) => Ok(Some(Own { certificate, key })),
        (None, None) => Ok(None),
        _ => bail!("{section}.certificate_file and {section}.key_file need each other"),
    }
}
