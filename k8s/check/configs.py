"""How a service is configured against how it is deployed: ports, health, secrets, its end."""

import tomllib

from objects import container, of_kind, services, title

SECRETS = "/run/secrets/kefu"
COMPONENT = "app.kubernetes.io/component"

# How a process ends (libs/service/src/host.rs, server.rs, telemetry.rs), in seconds, beside the
# draining of calls and that of jobs, which are `drain_seconds` each.
NOTICE, CUTTING, TELEMETRY = 0.5, 1, 5


def problems(found):
    for one in services(found):
        for said in _service(one, found):
            yield f"{title(one)}: {said}"
    environments = {one["metadata"]["name"]: _environment(one, found) for one in services(found)}
    if len(set(environments.values())) > 1:
        yield f"services run in different environments: {environments}"


def _service(one, found):
    name = one["metadata"]["name"]
    pod, process = one["spec"]["template"]["spec"], container(one)
    if process["args"] != ["serve", name]:
        yield f"runs {process['args']}"
    config = _config(pod, found)
    if one["metadata"]["labels"].get(COMPONENT) != "service":
        yield f"is not among {COMPONENT}=service, which all services are ended and started by"
    if config is None:
        yield "has no config.toml"
        return
    server = config.get(name.replace("-", "_"), {}).get("server", {})
    yield from _ports(name, server, process, found)
    yield from _end(server, pod, process)
    yield from _certificate(name, config, found)
    mounted = _mounted(pod)
    for path in _files(config):
        if path not in mounted:
            yield f"its config.toml names {path}, which is not mounted"


def _config(pod, found):
    for volume in pod["volumes"]:
        for one in of_kind(found, "ConfigMap"):
            if one["metadata"]["name"] == volume.get("configMap", {}).get("name") and "config.toml" in one["data"]:
                return tomllib.loads(one["data"]["config.toml"])
    return None


def _environment(one, found):
    """What production refuses is refused to all of them, or to none."""
    config = _config(one["spec"]["template"]["spec"], found) or {}
    said = {variable["name"]: variable.get("value") for variable in container(one)["env"]}
    return said.get("KEFU__ENVIRONMENT") or config.get("environment", "production")


def _ports(name, server, process, found):
    ports = {port["name"]: port["containerPort"] for port in process["ports"]}
    for setting, port in (("listen", "grpc"), ("health_listen", "health")):
        if server.get(setting) != f"0.0.0.0:{ports.get(port)}":
            yield f"{setting} is not its port {port}"
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        if process.get(probe, {}).get("grpc", {}).get("port") != ports.get("health"):
            yield f"{probe} does not ask for its health"
    for service in of_kind(found, "Service"):
        if service["metadata"]["name"] == name:
            # Other services call all but the gateway.
            if service["spec"].get("clusterIP") != "None" and name != "gateway":
                yield "its Service is not headless"
            break
    else:
        yield "has no Service of its name"
    if not server.get("max_connection_age_seconds"):
        yield "its connections live for ever, so that new pods are not found"


def _certificate(name, config, found):
    if not config.get("tls", {}).get("services", {}).get("certificate_file"):
        yield "speaks plaintext with the other services"
    for upstream in config.get("upstream", {}).values():
        if not upstream["uri"].startswith("https://"):
            yield f"calls {upstream['uri']} in plaintext"
    for one in of_kind(found, "Certificate"):
        if one["spec"]["secretName"] == f"services-tls-{name}":
            spec = one["spec"]
            if name not in spec["dnsNames"] or not {"server auth", "client auth"} <= set(spec["usages"]):
                yield "its certificate is not one of its name, for servers and clients"


def _end(server, pod, process):
    waits = process.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    if waits < 5:
        yield "ends before others have heard of it (preStop.sleep)"
    needed = waits + NOTICE + 2 * server.get("drain_seconds", 10) + CUTTING + TELEMETRY
    if pod.get("terminationGracePeriodSeconds", 30) < needed + 5:
        yield f"is killed after {pod.get('terminationGracePeriodSeconds', 30)} s and may need {needed} s to end"


def _mounted(pod):
    return {
        f"{SECRETS}/{item['path']}"
        for volume in pod["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
        for item in source.get("secret", {}).get("items", [])
    }


def _files(value):
    if isinstance(value, str):
        return [value] if value.startswith(f"{SECRETS}/") else []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [path for one in inner for path in _files(one)]
