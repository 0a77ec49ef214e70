"""Who may open connections to whom by the NetworkPolicies, against who should (arrows.toml)."""

import re
import tomllib

from objects import NAME, name_of, of_kind, selects, title, workloads

# How the gateway calls the services (services/gateway/src/forward.rs).
OF_THE_GATEWAY = {
    "profile": "customer-profile", "ticket": "ticket", "order": "order-followup",
    "analytics": "analytics", "access": "access-control",
}


def wanted(path, overlay):
    """Arrows (from, to, port) of the table for one overlay."""
    table = tomllib.loads(path.read_text())
    arrows = set()
    for part in ("all", overlay):
        for source, targets in table.get(part, {}).items():
            for target in targets:
                name, _, port = target.partition(":")
                arrows.add((source, name, int(port or table["ports"][name])))
    return arrows


def unlike_the_code(path, services):
    """Where the table differs from what the services are put together from."""
    table = tomllib.loads(path.read_text())["all"]
    for folder in sorted(services.iterdir()):
        source = folder / "src" / ("forward.rs" if folder.name == "gateway" else "lib.rs")
        fields = _fields(source) if source.exists() else None
        if fields is None:
            continue
        called = {OF_THE_GATEWAY.get(field, field) if folder.name == "gateway" else field.replace("_", "-")
                  for field in fields}
        known = {folder.name for folder in services.iterdir()}
        said = {target for target in table.get(folder.name, []) if target in known}
        if called != said:
            yield f"{folder.name} calls {sorted(called)} by its code ({source.name}), {sorted(said)} by the table"


def _fields(source):
    found = re.search(r"pub struct (?:Peers|Upstreams) \{(.*?)\n\}", source.read_text(), re.DOTALL)
    return re.findall(r"pub (\w+): GrpcService", found[1]) if found else None


def problems(found, arrows):
    policies = of_kind(found, "NetworkPolicy")
    if not any(_denies_all(policy["spec"]) for policy in policies):
        yield "no NetworkPolicy denies what is not named"
    yield from (said for policy in policies for said in _too_open(policy))
    pods = {name_of(template): template["metadata"]["labels"] for _, template in workloads(found)}
    arrows = {(one, target, port) for source, target, port in arrows
              for one in (pods if source == "*" else [source])}
    out = {(name, *end) for name, labels in pods.items() for end in _ends(policies, labels, pods, "egress")}
    into = {(source, name, port) for name, labels in pods.items()
            for source, port in _ends(policies, labels, pods, "ingress")}
    # Within the namespace both ends have to agree; beyond it, the one that is ours.
    for arrow in sorted(arrows | out | into):
        source, target, port = arrow
        told = f"{source} → {target}:{port}"
        sides = [side for side, ours, has in (
            ("egress", source in pods, arrow in out), ("ingress", target in pods, arrow in into)) if ours and not has]
        if arrow not in arrows:
            yield f"{told} is open and not in arrows.toml"
        elif source not in pods and target not in pods:
            yield f"{told} is in arrows.toml and nobody has these names"
        for side in sides if arrow in arrows else []:
            yield f"{told} is in arrows.toml and closed by {side}"


def _denies_all(spec):
    return spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def _too_open(policy):
    for way, peers in (("ingress", "from"), ("egress", "to")):
        if way in policy["spec"] and way.capitalize() not in policy["spec"].get("policyTypes", []):
            yield f"{title(policy)}: has {way} and not its type"
        for rule in policy["spec"].get(way, []):
            if not rule.get(peers) or not rule.get("ports"):
                yield f"{title(policy)}: a rule of {way} names not whom or not at which port"
            if any(not isinstance(port.get("port"), int) or "endPort" in port for port in rule.get("ports", [])):
                yield f"{title(policy)}: a port of {way} is not a number"


def _ends(policies, labels, pods, way):
    """The other ends, with ports, that policies open for the pod with these labels."""
    for policy in policies:
        if not selects(policy["spec"]["podSelector"], labels):
            continue
        for rule in policy["spec"].get(way, []):
            for peer in rule.get("to" if way == "egress" else "from", []):
                for end in _names(peer, pods):
                    for port in rule.get("ports", []):
                        yield end, port["port"]


def _names(peer, pods):
    if "ipBlock" in peer:
        return ["outside"]
    if "namespaceSelector" in peer:
        labels = peer["namespaceSelector"].get("matchLabels", {})
        return ["ns/" + labels.get("kubernetes.io/metadata.name", "*")]
    return [name for name, labels in pods.items() if selects(peer["podSelector"], {NAME: name, **labels})]
