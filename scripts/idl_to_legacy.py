"""Turn the native IDL (Anchor spec 0.1.0) into the older format that anchorpy reads.

The older format has no discriminators: its readers compute them from names. So each one in the native IDL is checked
to be what they will compute, and whatever the older format cannot say is refused instead of dropped.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

SNAKE = re.compile(r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")


class LegacyIdlError(ValueError):
    """The native IDL says something that the older format cannot."""


def expected_discriminator(kind: str, name: str) -> list[int]:
    """The first eight bytes of sha256("kind:name")."""
    return list(hashlib.sha256(f"{kind}:{name}".encode()).digest()[:8])


def check_discriminator(kind: str, entry: dict[str, Any]) -> None:
    if entry["discriminator"] != expected_discriminator(kind, entry["name"]):
        raise LegacyIdlError(f"{kind} {entry['name']} has a discriminator of its own, {entry['discriminator']}")


def legacy_type(node: Any) -> Any:
    """One type reference."""
    if isinstance(node, str):
        return "publicKey" if node == "pubkey" else node
    (key, value), *more = node.items()
    if more:
        raise LegacyIdlError(f"type {node} has more than one form")
    if key == "defined":
        if value.get("generics"):
            raise LegacyIdlError(f"type {value['name']} is generic")
        return {"defined": value["name"]}
    if key in ("option", "vec"):
        return {key: legacy_type(value)}
    if key == "array" and isinstance(value[1], int):
        return {"array": [legacy_type(value[0]), value[1]]}
    raise LegacyIdlError(f"type {node} has no form in the older format")


def stable_name(name: str) -> str:
    """A name that anchorpy's change of case leaves as it is."""
    if not SNAKE.match(name):
        raise LegacyIdlError(f"{name!r} would not survive a change of case: use snake_case without leading underscore")
    return name


def legacy_field(field: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {"name": stable_name(field["name"]), "type": legacy_type(field["type"])}
    return {**out, "docs": field["docs"]} if field.get("docs") else out


def legacy_body(entry: dict[str, Any]) -> dict[str, Any]:
    """The body of a struct or an enum."""
    if entry.get("generics"):
        raise LegacyIdlError(f"type {entry['name']} is generic")
    body = entry["type"]
    if body["kind"] == "struct":
        return {"kind": "struct", "fields": [legacy_field(field) for field in body.get("fields") or []]}
    if body["kind"] != "enum":
        raise LegacyIdlError(f"type {entry['name']} is a {body['kind']}")
    variants = []
    for variant in body["variants"]:
        fields = variant.get("fields")
        item: dict[str, Any] = {"name": variant["name"]}
        if fields:
            named = isinstance(fields[0], dict) and "name" in fields[0]
            item["fields"] = [legacy_field(field) if named else legacy_type(field) for field in fields]
        variants.append(item)
    return {"kind": "enum", "variants": variants}


def legacy_account(item: dict[str, Any]) -> dict[str, Any]:
    """One account of an instruction; composites keep their nesting."""
    if "accounts" in item:
        inner = [legacy_account(each) for each in item["accounts"]]
        return {"name": stable_name(item["name"]), "accounts": inner}
    out: dict[str, Any] = {
        "name": stable_name(item["name"]),
        "isMut": bool(item.get("writable", False)),
        "isSigner": bool(item.get("signer", False)),
    }
    if item.get("optional"):
        out["isOptional"] = True
    return {**out, "docs": item["docs"]} if item.get("docs") else out


def legacy_instruction(entry: dict[str, Any]) -> dict[str, Any]:
    check_discriminator("global", entry)
    return {
        "name": stable_name(entry["name"]),
        "docs": entry.get("docs", []),
        "accounts": [legacy_account(item) for item in entry["accounts"]],
        "args": [legacy_field(item) for item in entry["args"]],
    }


def legacy_event(entry: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    fields = [{"name": field["name"], "type": field["type"], "index": False} for field in body["fields"]]
    return {"name": entry["name"], "fields": fields}


def convert(idl: dict[str, Any]) -> dict[str, Any]:
    """The older IDL of a native one. Raises LegacyIdlError for what cannot be said in it."""
    bodies = {entry["name"]: legacy_body(entry) for entry in idl["types"]}
    docs = {entry["name"]: entry.get("docs", []) for entry in idl["types"]}
    for kind, key in (("account", "accounts"), ("event", "events")):
        for entry in idl[key]:
            check_discriminator(kind, entry)
            if entry["name"] not in bodies:
                raise LegacyIdlError(f"{kind} {entry['name']} has no type")
    accounts = [entry["name"] for entry in idl["accounts"]]
    events = [entry["name"] for entry in idl["events"]]
    plain = [name for name in bodies if name not in accounts and name not in events]
    return {
        "version": idl["metadata"]["version"],
        "name": idl["metadata"]["name"],
        "docs": idl.get("docs", []),
        "instructions": [legacy_instruction(entry) for entry in idl["instructions"]],
        "accounts": [{"name": name, "docs": docs[name], "type": bodies[name]} for name in accounts],
        "types": [{"name": name, "docs": docs[name], "type": bodies[name]} for name in plain],
        "events": [legacy_event(entry, bodies[entry["name"]]) for entry in idl["events"]],
        "errors": [{"code": e["code"], "name": e["name"], "msg": e.get("msg", e["name"])} for e in idl["errors"]],
        "metadata": {"address": idl["address"]},
    }
