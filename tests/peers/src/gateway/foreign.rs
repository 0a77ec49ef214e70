//! nginx and Envoy, with what each needs to pass gRPC on without a log.

use std::{env, fs, net::TcpListener, path::Path, process::Stdio};

use anyhow::Context;

use crate::{PROXY_CORE, Process, on};

pub(crate) struct Peer {
    pub(crate) address: String,
    pub(crate) process: Process,
    _folder: tempfile::TempDir,
}

pub(crate) fn nginx(upstream: &str) -> anyhow::Result<Option<Peer>> {
    let upstream = upstream.trim_start_matches("http://");
    start("KEFU_BENCH_NGINX", |port, folder| {
        let folder = folder.display();
        let config = format!(
            "worker_processes 1; daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log warn;\n\
             events {{ worker_connections 4096; }}\n\
             http {{ access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;\n\
             fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;\n\
             keepalive_requests 1000000000; keepalive_time 1h; http2_max_concurrent_streams 1024;\n\
             upstream echo {{ server {upstream}; keepalive 128; keepalive_requests 1000000000; keepalive_time 1h; }}\n\
             server {{ listen 127.0.0.1:{port} http2; location / {{ grpc_pass grpc://echo; }} }} }}\n"
        );
        (config, &["-e", "stderr", "-c"][..])
    })
}

pub(crate) fn envoy(upstream: &str) -> anyhow::Result<Option<Peer>> {
    let echo = upstream.rsplit(':').next().context("a port")?;
    start("KEFU_BENCH_ENVOY", |port, _| {
        let address = |port: &str| serde_json::json!({ "socket_address": { "address": "127.0.0.1", "port_value": port.parse::<u16>().unwrap_or(0) } });
        let rbac = serde_json::json!({
            "name": "envoy.filters.http.rbac",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
                "rules": { "action": "ALLOW", "policies": { "agent": {
                    "permissions": [{ "url_path": { "path": { "prefix": "/kefu.profile.v1.CustomerService/" } } }],
                    "principals": [{ "header": { "name": "kefu-purpose", "string_match": { "exact": "service" } } }],
                } } },
            },
        });
        let router = serde_json::json!({
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
        });
        let config = serde_json::json!({ "static_resources": {
            "listeners": [{ "address": address(&port.to_string()), "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                    "stat_prefix": "bench", "codec_type": "HTTP2", "generate_request_id": false,
                    "http2_protocol_options": { "max_concurrent_streams": 1024 },
                    "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"],
                        "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "echo" } }] }] },
                    "http_filters": [rbac, router],
                },
            }] }] }],
            "clusters": [{
                "name": "echo", "type": "STATIC", "connect_timeout": "2s",
                "typed_extension_protocol_options": { "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "explicit_http_config": { "http2_protocol_options": {} },
                } },
                "load_assignment": { "cluster_name": "echo", "endpoints": [{ "lb_endpoints": [
                    { "endpoint": { "address": address(echo) } }] }] },
            }],
        } });
        (
            config.to_string(),
            &[
                "--concurrency",
                "1",
                "--log-level",
                "error",
                "--disable-hot-restart",
                "-c",
            ][..],
        )
    })
}

/// Starts the program that the variable names, with its configuration, where there is one.
fn start(
    variable: &str,
    config: impl Fn(u16, &Path) -> (String, &'static [&'static str]),
) -> anyhow::Result<Option<Peer>> {
    let Some(program) = env::var(variable)
        .ok()
        .filter(|program| !program.is_empty())
    else {
        return Ok(None);
    };
    let folder = tempfile::tempdir()?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let (text, arguments) = config(port, folder.path());
    // JSON is YAML too.
    let file = folder.path().join("config.yaml");
    fs::write(&file, text)?;
    let child = on(PROXY_CORE, &program)
        .args(arguments)
        .arg(&file)
        .stdout(Stdio::null())
        .spawn()?;
    let process = Process(child);
    let reached = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    anyhow::ensure!(reached, "{program} does not listen");
    Ok(Some(Peer {
        address: format!("http://127.0.0.1:{port}"),
        process,
        _folder: folder,
    }))
}
