"""The plain CloudFormation behind the SAM template: what the service would make of it, offline.

    expand.py TEMPLATE [CODE_URI] > plain.json
"""

import json
import os
import sys

CODE = "s3://artifacts/bootstrap.zip"
# The only managed policies that the translator asks for here.
MANAGED = {
    name: f"arn:aws:iam::aws:policy/{path}{name}"
    for name, path in [
        ("AWSLambdaBasicExecutionRole", "service-role/"),
        ("AWSLambdaSQSQueueExecutionRole", "service-role/"),
        ("AWSXRayDaemonWriteAccess", ""),
        ("AWSXrayWriteOnlyAccess", ""),
    ]
}


class Policies:
    """What the translator calls where it would ask the service."""

    def load(self):
        return MANAGED


def expand(path, code=CODE):
    """Resources, parameters and outputs with no SAM in them."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    from samtranslator.translator.transform import transform
    from samtranslator.yaml_helper import yaml_parse

    with open(path, encoding="utf-8") as file:
        template = yaml_parse(file.read())
    template["Globals"]["Function"]["CodeUri"] = code
    # Aliases share objects, and the translator changes what it reads.
    return transform(json.loads(json.dumps(template)), {}, Policies())


if __name__ == "__main__":
    json.dump(expand(*sys.argv[1:3]), sys.stdout, indent=1)
