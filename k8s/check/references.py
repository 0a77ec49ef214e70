"""What objects name is there: secrets with their keys, configurations, services and their ports."""

import functools
import pathlib
import subprocess
import tempfile

from objects import of_kind, selects, title, workloads


@functools.cache
def made_by_hand(script):
    """Secrets and keys that new-keys makes."""
    with tempfile.TemporaryDirectory() as folder:
        keys = pathlib.Path(folder, "keys")
        subprocess.run(["sh", str(script), str(keys), "postgres"], check=True, stderr=subprocess.DEVNULL)
        return {secret.name: {key.name for key in secret.iterdir()} for secret in keys.iterdir()}


def problems(found, by_hand):
    fetched = _secrets(found)
    secrets = fetched or by_hand
    configs = {one["metadata"]["name"] for one in of_kind(found, "ConfigMap")}
    accounts = {one["metadata"]["name"] for one in of_kind(found, "ServiceAccount")}
    for one, template in workloads(found):
        spec = template["spec"]
        for name, key in _secret_keys(spec):
            if key not in secrets.get(name, set()):
                yield f"{title(one)}: there is no {key} in the secret {name}"
        if any(name.startswith("database-") for name, _ in _secret_keys(spec)) and "database-ca" not in _projected(spec):
            yield f"{title(one)}: has a database, and no place for its authority"
        for name in (volume["configMap"]["name"] for volume in spec.get("volumes", []) if "configMap" in volume):
            if name not in configs:
                yield f"{title(one)}: there is no ConfigMap {name}"
        if spec["serviceAccountName"] not in accounts:
            yield f"{title(one)}: there is no ServiceAccount {spec['serviceAccountName']}"
    yield from _services(found)
    yield from _needless(found, fetched)


def _secrets(found):
    """Those of External Secrets and cert-manager; none where they are made by hand."""
    secrets = {
        one["spec"]["target"]["name"]: {item["secretKey"] for item in one["spec"]["data"]}
        for one in of_kind(found, "ExternalSecret")
    }
    for one in of_kind(found, "Certificate"):
        secrets[one["spec"]["secretName"]] = {"tls.crt", "tls.key", "ca.crt"}
    return secrets


def _needless(found, fetched):
    """Keys that External Secrets waits for and nobody reads: without one of them there is no secret at all."""
    used = {reference for _, template in workloads(found) for reference in _secret_keys(template["spec"])}
    for one in of_kind(found, "ExternalSecret"):
        name = one["spec"]["target"]["name"]
        for key in sorted(fetched[name]):
            if (name, key) not in used:
                yield f"{title(one)}: nobody reads {key}"


def _projected(spec):
    """ConfigMaps that files of its volumes come from."""
    sources = [source for volume in spec.get("volumes", []) for source in volume.get("projected", {}).get("sources", [])]
    return {source["configMap"]["name"] for source in sources if "configMap" in source}


def _secret_keys(spec):
    for container in spec["containers"]:
        for variable in container.get("env", []):
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            if reference:
                yield reference["name"], reference["key"]
    for volume in spec.get("volumes", []):
        for source in volume.get("projected", {}).get("sources", []):
            for item in source.get("secret", {}).get("items", []):
                yield source["secret"]["name"], item["key"]


def _services(found):
    ports = {}
    for one in of_kind(found, "Service"):
        ports[one["metadata"]["name"]] = {port["port"] for port in one["spec"]["ports"]}
        chosen = [template for _, template in workloads(found)
                  if selects({"matchLabels": one["spec"]["selector"]}, template["metadata"]["labels"])]
        if len(chosen) != 1:
            yield f"{title(one)}: stands for {len(chosen)} workloads"
    for route in [*of_kind(found, "GRPCRoute"), *of_kind(found, "HTTPRoute")]:
        for backend in (backend for rule in route["spec"]["rules"] for backend in rule["backendRefs"]):
            if backend["port"] not in ports.get(backend["name"], set()):
                yield f"{title(route)}: no Service {backend['name']} at port {backend['port']}"
    for policy in of_kind(found, "BackendTLSPolicy"):
        for target in policy["spec"]["targetRefs"]:
            if target["name"] not in ports:
                yield f"{title(policy)}: no Service {target['name']}"
    for monitor in of_kind(found, "ServiceMonitor"):
        watched = [one for one in of_kind(found, "Service")
                   if selects(monitor["spec"]["selector"], one["metadata"].get("labels", {}))]
        names = {port["name"] for one in watched for port in one["spec"]["ports"]}
        if not {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= names:
            yield f"{title(monitor)}: watches no port that there is"
