"""The plain CloudFormation behind the SAM template: what the service would make of it, offline.

    expand.py TEMPLATE              > plain.json
    expand.py TEMPLATE --policies   > who may do what, and what the evidence bucket refuses
"""

import json
import os
import re
import sys

STACK = "rollcall"
REGION = "eu-west-1"
ACCOUNT = "123456789012"

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


def expand(path):
    """Resources, parameters and outputs with no SAM in them."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    from samtranslator.translator.transform import transform
    from samtranslator.yaml_helper import yaml_parse

    with open(path, encoding="utf-8") as file:
        template = yaml_parse(file.read())
    template["Globals"]["Function"]["CodeUri"] = CODE
    # Aliases share objects, and the translator changes what it reads.
    return transform(json.loads(json.dumps(template)), {}, Policies())


class Resolver:
    """The intrinsic functions that the template uses, over what the stack made."""

    def __init__(self, plain, made, given=None):
        self.plain, self.made = plain, made
        self.parameters = {k: v.get("Default", "") for k, v in plain["Parameters"].items()} | (given or {})
        self.pseudo = {
            "AWS::StackName": STACK,
            "AWS::Region": REGION,
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": "aws",
        }

    def ref(self, name):
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.parameters:
            given = self.parameters[name]
            is_list = self.plain["Parameters"][name]["Type"] == "CommaDelimitedList"
            return given.split(",") if is_list else given
        return self.made[name]

    def attribute(self, name, which):
        kind = self.plain["Resources"][name]["Type"]
        made = self.made.get(name, name)
        here = f"{REGION}:{ACCOUNT}"
        arns = {
            "AWS::S3::Bucket": f"arn:aws:s3:::{made}",
            "AWS::Lambda::Function": f"arn:aws:lambda:{here}:function:{made}",
            "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/{made}",
            "AWS::KMS::Key": f"arn:aws:kms:{here}:key/{made}",
            "AWS::Logs::LogGroup": f"arn:aws:logs:{here}:log-group:{made}:*",
        }
        if kind == "AWS::SQS::Queue":
            queue = made.rsplit("/", 1)[-1]
            return queue if which == "QueueName" else f"arn:aws:sqs:{here}:{queue}"
        if kind == "AWS::CloudWatch::Alarm":
            alarm = self(self.plain["Resources"][name]["Properties"]["AlarmName"])
            return f"arn:aws:cloudwatch:{here}:alarm:{alarm}"
        return arns[kind]

    def condition(self, name):
        return self.test(self.plain["Conditions"][name])

    def test(self, rule):
        ((verb, given),) = rule.items()
        if verb == "Fn::Not":
            return not self.test(given[0])
        if verb == "Fn::Equals":
            return self(given[0]) == self(given[1])
        raise KeyError(verb)

    def __call__(self, value):
        if isinstance(value, list):
            out = [self(v) for v in value]
            return [v for v in out if v is not None]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((verb, given),) = value.items()
            if verb == "Ref":
                return None if given == "AWS::NoValue" else self.ref(given)
            if verb == "Fn::GetAtt":
                name, which = given if isinstance(given, list) else given.split(".", 1)
                return self.attribute(name, which)
            if verb == "Fn::Sub":
                def put(match):
                    name = match.group(1)
                    if "." in name:
                        return str(self.attribute(*name.split(".", 1)))
                    return str(self.ref(name))
                # What begins with ! is a variable of the policy, not of the template.
                return re.sub(r"\$\{([A-Za-z0-9:.]+)\}", put, given).replace("${!", "${")
            if verb == "Fn::Join":
                between, parts = given
                return between.join(self(parts))
            if verb == "Fn::FindInMap":
                table, first, second = given
                return self.plain["Mappings"][table][self(first)][second]
            if verb == "Fn::If":
                return self(given[1] if self.condition(given[0]) else given[2])
        out = {k: self(v) for k, v in value.items()}
        return {k: v for k, v in out.items() if v is not None}


def names(plain):
    """Physical names, where the template chooses them itself; logical ones elsewhere."""
    out = {name: name for name in plain["Resources"]}
    resolve = Resolver(plain, out)
    fields = ("BucketName", "QueueName", "FunctionName", "LogGroupName", "TopicName", "Name")
    for name, resource in plain["Resources"].items():
        for field in fields:
            given = resource.get("Properties", {}).get(field)
            if given is not None and resource["Type"] != "AWS::SecretsManager::Secret":
                out[name] = resolve(given)
    return out


def listed(value):
    return value if isinstance(value, list) else [value]


def allowed(document):
    for one in document["Statement"]:
        assert one["Effect"] == "Allow"
        yield {"sid": one["Sid"], "actions": listed(one["Action"]), "resources": listed(one["Resource"])}


def policies(plain):
    """{"allow": {function or "operator": [{sid, actions, resources}]}, "roles": {function: ARN},
    "deny": [{sid, actions, resources or not_resources, unconditional, but}]}

    `unconditional`: only writes without If-None-Match; `but`: not these principals.
    """
    resolve = Resolver(plain, names(plain))
    allow, roles, deny = {}, {}, []
    for resource in plain["Resources"].values():
        if resource["Type"] != "AWS::Lambda::Function":
            continue
        it = resource["Properties"]
        name = resolve(it["FunctionName"]).removeprefix(f"{STACK}-")
        roles[name] = resolve(it["Role"])
        role = plain["Resources"][it["Role"]["Fn::GetAtt"][0]]["Properties"]
        given = resolve(role["Policies"])
        allow[name] = [one for policy in given for one in allowed(policy["PolicyDocument"])]
    people = resolve(plain["Resources"]["OperatorPolicy"]["Properties"]["PolicyDocument"])
    allow["operator"] = list(allowed(people))
    bucket = resolve(plain["Resources"]["EvidenceBucketPolicy"]["Properties"]["PolicyDocument"])
    known = {("Null", "s3:if-none-match"), ("ArnNotEquals", "aws:PrincipalArn"), ("Bool", "aws:SecureTransport")}
    for one in bucket["Statement"]:
        assert (one["Effect"], one["Principal"]) == ("Deny", "*")
        conditions = {(test, key): value for test, keys in one.get("Condition", {}).items() for key, value in keys.items()}
        assert set(conditions) <= known, conditions
        if ("Bool", "aws:SecureTransport") in conditions:
            continue
        deny.append(
            {
                "sid": one["Sid"],
                "actions": listed(one["Action"]),
                "resources": listed(one.get("Resource", [])),
                "not_resources": listed(one.get("NotResource", [])),
                "unconditional": ("Null", "s3:if-none-match") in conditions,
                "but": listed(conditions.get(("ArnNotEquals", "aws:PrincipalArn"), [])),
            }
        )
    return {"allow": allow, "roles": roles, "deny": deny}


if __name__ == "__main__":
    plain = expand(sys.argv[1])
    json.dump(policies(plain) if "--policies" in sys.argv else plain, sys.stdout, indent=1)
