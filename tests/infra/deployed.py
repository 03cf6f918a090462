"""The template on a stand-in for AWS (moto): made as a stack, then read back through the API.

moto reports CREATE_COMPLETE for stacks of which it left out what it does not know. So nothing is
taken from its word: every resource is looked for, the kinds that it leaves out are known one by one,
and those are made here from the same expanded template before they are read back. What a stand-in
cannot show at all (that a schedule fires, that a policy refuses) is not claimed.

    deployed.py            run by tests/run
"""

import io
import json
import logging
import os
import re
import sys
import unittest
import warnings
import zipfile
from pathlib import Path

os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_DEFAULT_REGION="eu-west-1",
    AWS_CONFIG_FILE="/dev/null",
    AWS_SHARED_CREDENTIALS_FILE="/dev/null",
    AWS_EC2_METADATA_DISABLED="true",
)
for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
    os.environ.pop(name, None)

import boto3  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

logging.disable(logging.WARNING)
warnings.simplefilter("ignore")

sys.path.insert(0, str(Path(__file__).parent))
from expand import ACCOUNT, REGION, STACK, Resolver, expand  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "infra/template.yaml"
GIVEN = {"AlarmEmail": "identity@woodgrove.example", "EvidenceLockDays": "7", "TimeZone": "Europe/Berlin",
         "SigningKeyArn": "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"}

# What moto's CloudFormation leaves out without a word.
LEFT_OUT = {
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::Schedule",
    "AWS::SecretsManager::Secret",
}


class Deployed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        cls.server.start()
        _, port = cls.server.get_host_and_port()
        os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
        cls.plain = expand(TEMPLATE)
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("bootstrap", "not run here")
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket="artifacts", Key="bootstrap.zip", Body=archive.getvalue())
        # A secret is left out, and roles that name it would be refused: it is made first.
        cls.made = {}
        cls.resolve = Resolver(cls.plain, {"Key": "the-key"}, GIVEN)
        secrets = boto3.client("secretsmanager")
        given = json.loads(json.dumps(cls.plain))
        # It names alarms, which moto leaves out too.
        del given["Resources"]["Dashboard"]
        body = json.dumps(given)
        for name, it in cls.of("AWS::SecretsManager::Secret").items():
            text = secrets.get_random_password(**it["GenerateSecretString"])["RandomPassword"]
            made = secrets.create_secret(Name=it["Name"], SecretString=text)["ARN"]
            cls.made[name] = made
            body = body.replace(json.dumps({"Ref": name}), json.dumps(made))
        stacks = boto3.client("cloudformation")
        stacks.create_stack(
            StackName=STACK,
            TemplateBody=body,
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in GIVEN.items()],
        )
        cls.status = stacks.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"]
        listed = stacks.describe_stack_resources(StackName=STACK)["StackResources"]
        made = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in listed if r.get("PhysicalResourceId")}
        cls.by_stack = set(made)
        cls.made |= made
        cls.resolve = Resolver(cls.plain, cls.made, GIVEN)
        cls.make_what_was_left_out()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    @classmethod
    def of(cls, kind):
        """Resources of a kind that the conditions let be: logical id and resolved properties."""
        out = {}
        for name, resource in cls.plain["Resources"].items():
            wanted = "Condition" not in resource or cls.resolve.condition(resource["Condition"])
            if resource["Type"] == kind and wanted:
                out[name] = cls.resolve(resource.get("Properties", {}))
        return out

    @classmethod
    def make_what_was_left_out(cls):
        topics = boto3.client("sns")
        for name, it in cls.of("AWS::SNS::Subscription").items():
            topics.subscribe(TopicArn=it["TopicArn"], Protocol=it["Protocol"], Endpoint=it["Endpoint"])
        schedules = boto3.client("scheduler")
        for it in cls.of("AWS::Scheduler::Schedule").values():
            schedules.create_schedule(**it)
        watch = boto3.client("cloudwatch")
        for it in cls.of("AWS::CloudWatch::Alarm").values():
            for number in ("Threshold",):
                it[number] = float(it[number])
            for number in ("EvaluationPeriods", "Period", "DatapointsToAlarm"):
                if number in it:
                    it[number] = int(it[number])
            watch.put_metric_alarm(**it)
        for it in cls.of("AWS::CloudWatch::Dashboard").values():
            watch.put_dashboard(DashboardName=it["DashboardName"], DashboardBody=it["DashboardBody"])
        s3 = boto3.client("s3")
        for it in cls.of("AWS::S3::BucketPolicy").values():
            s3.put_bucket_policy(Bucket=it["Bucket"], Policy=json.dumps(it["PolicyDocument"]))
        for it in cls.of("AWS::S3::Bucket").values():
            cls.furnish(s3, it)
        functions = boto3.client("lambda")
        for it in cls.of("AWS::Lambda::EventInvokeConfig").values():
            functions.put_function_event_invoke_config(**it)
        queues = boto3.client("sqs")
        for it in cls.of("AWS::SQS::QueuePolicy").values():
            for url in it["Queues"]:
                queues.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(it["PolicyDocument"])})

    @staticmethod
    def furnish(s3, it):
        """moto's stack makes a bucket with its encryption; the rest of it is asked for here."""
        bucket = it["BucketName"]
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=it["VersioningConfiguration"])
        s3.put_public_access_block(
            Bucket=bucket, PublicAccessBlockConfiguration=it["PublicAccessBlockConfiguration"]
        )
        s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=it["OwnershipControls"])
        if "ObjectLockConfiguration" in it:
            lock = it["ObjectLockConfiguration"]
            lock["Rule"]["DefaultRetention"]["Days"] = int(lock["Rule"]["DefaultRetention"]["Days"])
            s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=lock)
        rules = []
        for rule in it["LifecycleConfiguration"]["Rules"]:
            out = {"ID": rule["Id"], "Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
            if "ExpirationInDays" in rule:
                out["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
            for same in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"):
                if same in rule:
                    out[same] = rule[same]
            if "Transitions" in rule:
                out["Transitions"] = [
                    {"StorageClass": t["StorageClass"], "Days": t["TransitionInDays"]} for t in rule["Transitions"]
                ]
            rules.append(out)
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
        if "NotificationConfiguration" in it:
            asked = [
                {
                    "QueueArn": one["Queue"],
                    "Events": [one["Event"]],
                    "Filter": {"Key": {"FilterRules": one["Filter"]["S3Key"]["Rules"]}},
                }
                for one in it["NotificationConfiguration"]["QueueConfigurations"]
            ]
            s3.put_bucket_notification_configuration(
                Bucket=bucket, NotificationConfiguration={"QueueConfigurations": asked}
            )

    def queue(self, name):
        name = self.made[name].rsplit("/", 1)[-1]
        client = boto3.client("sqs")
        url = client.get_queue_url(QueueName=name)["QueueUrl"]
        return client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    def function(self, name):
        return boto3.client("lambda").get_function_configuration(FunctionName=self.made[name])

    # ------------------------------------------------------------------ the stack itself

    def test_every_resource_is_there_or_known_to_be_left_out(self):
        self.assertEqual(self.status, "CREATE_COMPLETE")
        missing = set()
        for name, resource in self.plain["Resources"].items():
            wanted = "Condition" not in resource or self.resolve.condition(resource["Condition"])
            if wanted and name not in self.by_stack:
                missing.add(resource["Type"])
        self.assertLessEqual(missing, LEFT_OUT, "moto makes less than was known")
        self.assertGreaterEqual(len(self.by_stack), 35)

    def test_nothing_of_the_serverless_transform_is_left(self):
        kinds = {r["Type"] for r in self.plain["Resources"].values()}
        self.assertFalse([k for k in kinds if k.startswith("AWS::Serverless")])

    # ------------------------------------------------------------------ what is stored

    def test_evidence_is_locked_and_everything_is_encrypted(self):
        s3 = boto3.client("s3")
        evidence, values = self.made["EvidenceBucket"], self.made["ValuesBucket"]
        lock = s3.get_object_lock_configuration(Bucket=evidence)["ObjectLockConfiguration"]
        retention = lock["Rule"]["DefaultRetention"]
        self.assertEqual((retention["Mode"], retention["Days"]), ("GOVERNANCE", 7))
        for bucket in (evidence, values, self.made["AccessLogBucket"]):
            self.assertEqual(s3.get_bucket_versioning(Bucket=bucket)["Status"], "Enabled")
            rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
            kind = rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]
            self.assertEqual(kind, "AES256" if bucket.endswith(f"access-{ACCOUNT}-{REGION}") else "aws:kms")
            public = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
            self.assertTrue(all(public.values()) and len(public) == 4)
            policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
            tls = [s for s in policy["Statement"] if s["Sid"] == "OnlyOverTls"][0]
            self.assertEqual((tls["Effect"], tls["Principal"]), ("Deny", "*"))

    def test_a_locked_version_cannot_be_deleted(self):
        s3 = boto3.client("s3")
        bucket = self.made["EvidenceBucket"]
        # moto reads no conditions: the fence below would refuse every write.
        policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
        s3.delete_bucket_policy(Bucket=bucket)
        self.addCleanup(s3.put_bucket_policy, Bucket=bucket, Policy=policy)
        put = s3.put_object(Bucket=bucket, Key="log/000000000001.json", Body=b"{}", IfNoneMatch="*")
        with self.assertRaisesRegex(Exception, "AccessDenied"):
            s3.delete_object(Bucket=bucket, Key="log/000000000001.json", VersionId=put["VersionId"])
        with self.assertRaisesRegex(Exception, "PreconditionFailed"):
            s3.put_object(Bucket=bucket, Key="log/000000000001.json", Body=b"[]", IfNoneMatch="*")

    def test_the_log_takes_conditional_writes_only(self):
        s3 = boto3.client("s3")
        policy = json.loads(s3.get_bucket_policy(Bucket=self.made["EvidenceBucket"])["Policy"])
        fence = [s for s in policy["Statement"] if s["Sid"] == "OnlyWhereNothingIs"][0]
        self.assertEqual(fence["Effect"], "Deny")
        self.assertEqual(fence["Condition"], {"Null": {"s3:if-none-match": "true"}})
        kinds = {resource.rsplit("/", 2)[1] for resource in fence["Resource"]}
        self.assertEqual(kinds, {"approvals", "log", "once", "signatures", "stops"})

    def test_only_who_closes_runs_signs(self):
        signing = [(name, policy) for name, policy in self.of("AWS::IAM::Policy").items() if "kms:Sign" in json.dumps(policy)]
        ((name, policy),) = signing
        self.assertEqual(name, "LogSigningPolicy")
        report = self.function("ReportFunction")["Role"].rsplit("/", 1)[-1]
        self.assertEqual([role.rsplit("/", 1)[-1] for role in policy["Roles"]], [report])
        (signs,) = [s for s in policy["PolicyDocument"]["Statement"] if "kms:Sign" in s["Action"]]
        self.assertEqual(signs["Resource"], GIVEN["SigningKeyArn"])
        roles = json.dumps(self.of("AWS::IAM::Role"))
        self.assertNotIn("kms:Sign", roles)

    def test_how_long_evidence_is_locked_is_said_before_the_first_write(self):
        parameters = self.plain["Parameters"]
        self.assertEqual(parameters["EvidenceLockMode"]["AllowedValues"], ["GOVERNANCE", "COMPLIANCE"])
        # Seven years, as records of financial controls often ask for, fit.
        self.assertGreaterEqual(int(parameters["EvidenceLockDays"]["MaxValue"]), 2557)
        rule = self.plain["Resources"]["EvidenceBucket"]["Properties"]["ObjectLockConfiguration"]["Rule"]
        chosen = {"Mode": {"Ref": "EvidenceLockMode"}, "Days": {"Ref": "EvidenceLockDays"}}
        self.assertEqual(rule["DefaultRetention"], chosen)

    def test_who_may_write_evidence(self):
        s3 = boto3.client("s3")
        bucket = self.made["EvidenceBucket"]
        policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
        by_name = {s["Sid"]: s for s in policy["Statement"]}
        self.assertTrue(all(s["Effect"] == "Deny" for s in by_name.values()))
        own = f"arn:aws:s3:::{bucket}/approvals/${{aws:userid}}/*"
        self.assertIn(own, by_name["OnlyOwnApprovals"]["NotResource"])
        self.assertNotIn(f"arn:aws:s3:::{bucket}/approvals/*", by_name["OnlyOwnApprovals"]["NotResource"])
        keepers = by_name["OnlyFunctionsKeepTheLog"]["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]
        roles = {self.function(f"{f}Function")["Role"] for f in ("Pull", "Plan", "Release", "Report", "Reconcile")}
        self.assertEqual({k.rsplit("/", 1)[-1] for k in keepers}, {r.rsplit("/", 1)[-1] for r in roles})
        self.assertEqual(by_name["LockHolds"]["Action"], "s3:BypassGovernanceRetention")
        people = self.of("AWS::IAM::ManagedPolicy")["OperatorPolicy"]["PolicyDocument"]["Statement"]
        writes = [s for s in people if "s3:PutObject" in s["Action"]]
        self.assertEqual([s["Resource"] for s in writes], [own])
        on_call = self.of("AWS::IAM::ManagedPolicy")["OnCallPolicy"]["PolicyDocument"]["Statement"]
        self.assertFalse([s for s in on_call if "Put" in json.dumps(s["Action"])])

    def test_values_expire_and_state_does_not(self):
        s3 = boto3.client("s3")
        rules = s3.get_bucket_lifecycle_configuration(Bucket=self.made["ValuesBucket"])["Rules"]
        days, old = {}, {}
        for rule in rules:
            prefix = rule.get("Prefix") or rule.get("Filter", {}).get("Prefix", "")
            if "Expiration" in rule:
                days[prefix] = rule["Expiration"]["Days"]
            if "NoncurrentVersionExpiration" in rule:
                old[prefix] = rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
        self.assertEqual(days, {"values/": 35, "inbox/": 35, "runs/": 400})
        # Of overlapping rules the shortest would win.
        self.assertEqual(old, {"values/": 1, "inbox/": 1, "runs/": 1, "state/": 14, "state/seed.json": 1})
        kept = s3.get_bucket_lifecycle_configuration(Bucket=self.made["EvidenceBucket"])["Rules"]
        self.assertFalse([rule for rule in kept if "Expiration" in rule])

    def test_a_dropped_file_is_announced(self):
        s3 = boto3.client("s3")
        got = s3.get_bucket_notification_configuration(Bucket=self.made["ValuesBucket"])
        (one,) = got["QueueConfigurations"]
        self.assertEqual(one["QueueArn"], f"arn:aws:sqs:{REGION}:{ACCOUNT}:{STACK}-drops")
        self.assertEqual(one["Events"], ["s3:ObjectCreated:*"])
        (rule,) = one["Filter"]["Key"]["FilterRules"]
        self.assertEqual((rule["Name"].lower(), rule["Value"]), ("prefix", "inbox/"))

    # ------------------------------------------------------------------ queues and who takes from them

    def test_lanes_hold_a_message_longer_than_a_function_runs(self):
        for queue, function, times in [
            ("UrgentQueue", "ApplyUrgentFunction", 6),
            ("BulkQueue", "ApplyBulkFunction", 6),
            # Its 15 minutes are for HR systems, which a drop does not ask.
            ("DropsQueue", "PullFunction", 2),
        ]:
            attributes = self.queue(queue)
            timeout = self.function(function)["Timeout"]
            self.assertGreaterEqual(int(attributes["VisibilityTimeout"]), times * timeout, queue)
            self.assertTrue(attributes["KmsMasterKeyId"], queue)
            redrive = json.loads(attributes["RedrivePolicy"])
            self.assertEqual(int(redrive["maxReceiveCount"]), 5)
            dead = self.queue({"UrgentQueue": "UrgentDead", "BulkQueue": "BulkDead", "DropsQueue": "DropsDead"}[queue])
            self.assertEqual(redrive["deadLetterTargetArn"], dead["QueueArn"])
            self.assertEqual(attributes.get("FifoQueue"), dead.get("FifoQueue"))
            self.assertEqual(int(dead["MessageRetentionPeriod"]), 1209600)

    def test_event_sources(self):
        client = boto3.client("lambda")
        found = {m["EventSourceArn"].rsplit(":", 1)[-1]: m for m in client.list_event_source_mappings()["EventSourceMappings"]}
        self.assertEqual(set(found), {f"{STACK}-urgent.fifo", f"{STACK}-bulk.fifo", f"{STACK}-drops"})
        for name, function in [("urgent", "apply-urgent"), ("bulk", "apply-bulk")]:
            one = found[f"{STACK}-{name}.fifo"]
            self.assertTrue(one["FunctionArn"].endswith(f"{STACK}-{function}"))
            self.assertEqual(one["BatchSize"], 10)
            self.assertEqual(one["FunctionResponseTypes"], ["ReportBatchItemFailures"])
            self.assertEqual(one["ScalingConfig"]["MaximumConcurrency"], 2)

    def test_what_is_called_again_anyway_is_not_tried_twice(self):
        client = boto3.client("lambda")
        for step in ("plan", "release", "report"):
            it = client.get_function_event_invoke_config(FunctionName=f"{STACK}-{step}", Qualifier="$LATEST")
            self.assertEqual((it["MaximumRetryAttempts"], it["MaximumEventAgeInSeconds"]), (0, 300))
            self.assertNotIn("DeadLetterConfig", self.of("AWS::Lambda::Function")[f"{step.title()}Function"])
        for rare in ("pull", "reconcile"):
            it = client.get_function_event_invoke_config(FunctionName=f"{STACK}-{rare}", Qualifier="$LATEST")
            self.assertEqual((it["MaximumRetryAttempts"], it["MaximumEventAgeInSeconds"]), (2, 3600))
            dead = self.of("AWS::Lambda::Function")[f"{rare.title()}Function"]["DeadLetterConfig"]["TargetArn"]
            self.assertEqual(dead, self.queue("MissedEvents")["QueueArn"])

    def test_every_queue_has_a_policy_of_its_own(self):
        for name, it in self.of("AWS::SQS::QueuePolicy").items():
            self.assertEqual(len(it["Queues"]), 1, name)
        for name in self.of("AWS::SQS::Queue"):
            policy = json.loads(self.queue(name)["Policy"])
            (tls,) = [s for s in policy["Statement"] if s["Sid"] == "OnlyOverTls"]
            self.assertEqual((tls["Effect"], tls["Resource"]), ("Deny", self.queue(name)["QueueArn"]))

    def test_what_a_file_drop_may_do_to_the_queue(self):
        policy = json.loads(self.queue("DropsQueue")["Policy"])
        (allow,) = [s for s in policy["Statement"] if s["Effect"] == "Allow"]
        self.assertEqual(allow["Principal"], {"Service": "s3.amazonaws.com"})
        self.assertEqual(
            allow["Condition"]["ArnEquals"]["aws:SourceArn"], f"arn:aws:s3:::{STACK}-values-{ACCOUNT}-{REGION}"
        )

    # ------------------------------------------------------------------ functions, roles, schedules

    def test_each_function_is_itself_and_has_its_own_role(self):
        expected = {
            "PullFunction": ("pull", None),
            "PlanFunction": ("plan", "0.05"),
            "ReleaseFunction": ("release", "0.03"),
            "ReportFunction": ("report", None),
            "ReconcileFunction": ("reconcile", "0.02"),
            "ApplyUrgentFunction": ("apply", "0.1"),
            "ApplyBulkFunction": ("apply", "0.34"),
        }
        roles = set()
        for name, (role, share) in expected.items():
            it = self.function(name)
            variables = it["Environment"]["Variables"]
            self.assertEqual(variables["ROLLCALL_FUNCTION"], role)
            self.assertEqual(variables.get("ROLLCALL_SHARE"), share)
            self.assertEqual(variables["ROLLCALL_CONFIG"], f"s3://{self.made['EvidenceBucket']}/config/rollcall.toml")
            self.assertEqual((it["Runtime"], it["Handler"]), ("provided.al2023", "bootstrap"))
            # moto forgets this one.
            self.assertEqual(self.of("AWS::Lambda::Function")[name]["TracingConfig"]["Mode"], "Active")
            self.assertFalse([v for v in variables if "SECRET" in v or "KEY" in v])
            roles.add(it["Role"])
        self.assertEqual(len(roles), len(expected), "a role each")
        iam = boto3.client("iam")
        for role in roles:
            name = role.rsplit("/", 1)[-1]
            attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
            self.assertEqual(attached, [], "managed policies are wider than they need to be")
            self.assertGreaterEqual(len(iam.list_role_policies(RoleName=name)["PolicyNames"]), 1)

    def test_pull_alone_reads_the_secrets_of_sources(self):
        arns = [f"arn:aws:secretsmanager:{REGION}:123456789012:secret:hr-{n}" for n in "ab"]
        resolve = Resolver(self.plain, self.made, GIVEN | {"SourceSecretArns": ",".join(arns)})
        self.assertTrue(resolve.condition("HasSourceSecrets"))
        self.assertFalse(self.resolve.condition("HasSourceSecrets"))
        policy = resolve(self.plain["Resources"]["SourcesPolicy"]["Properties"])
        self.assertEqual(policy["Roles"], [self.made["PullRole"]])
        (statement,) = policy["PolicyDocument"]["Statement"]
        self.assertEqual(statement["Action"], "secretsmanager:GetSecretValue")
        self.assertEqual(statement["Resource"], arns)

    def test_schedules(self):
        client = boto3.client("scheduler")
        pull = client.get_schedule(Name=f"{STACK}-pull")
        self.assertEqual(pull["ScheduleExpressionTimezone"], "Europe/Berlin")
        self.assertEqual(pull["ScheduleExpression"], "cron(30 4 * * ? *)")
        for step in ("plan", "release", "report"):
            it = client.get_schedule(Name=f"{STACK}-{step}")
            self.assertEqual(it["ScheduleExpression"], "rate(5 minutes)")
            self.assertTrue(it["Target"]["Arn"].endswith(f"function:{STACK}-{step}"))
        weekly = client.get_schedule(Name=f"{STACK}-reconcile")
        self.assertEqual(weekly["ScheduleExpression"], "cron(30 5 ? * SUN *)")
        self.assertEqual(weekly["ScheduleExpressionTimezone"], "Europe/Berlin")
        for step in ("pull", "plan", "release", "report", "reconcile"):
            it = client.get_schedule(Name=f"{STACK}-{step}")
            self.assertEqual(it["State"], "ENABLED")
            retry = it["Target"]["RetryPolicy"]
            self.assertLessEqual(retry["MaximumEventAgeInSeconds"], 3600, "the default is a day")
            self.assertTrue(it["Target"]["DeadLetterConfig"]["Arn"].endswith(f"{STACK}-missed"))
            self.assertNotIn("fifo", it["Target"]["DeadLetterConfig"]["Arn"])

    def test_logs_end(self):
        groups = boto3.client("logs").describe_log_groups()["logGroups"]
        names = {g["logGroupName"]: g.get("retentionInDays") for g in groups}
        self.assertEqual(len(names), 7)
        self.assertEqual(set(names.values()), {90})

    def test_the_evidence_key_is_long_and_secret(self):
        secret = boto3.client("secretsmanager").get_secret_value(SecretId=f"{STACK}/evidence-key")
        self.assertEqual(len(secret["SecretString"]), 64)
        self.assertNotIn(secret["SecretString"], json.dumps(self.plain))

    # ------------------------------------------------------------------ alarms

    def alarms(self):
        found = boto3.client("cloudwatch").describe_alarms()["MetricAlarms"]
        return {a["AlarmName"].removeprefix(f"{STACK}-"): a for a in found}

    def test_silence_is_an_alarm(self):
        alarms = self.alarms()
        missing = alarms["missing-run"]
        self.assertEqual(missing["TreatMissingData"], "breaching")
        self.assertEqual((missing["Period"], missing["EvaluationPeriods"]), (3600, 26))
        self.assertEqual((missing["Statistic"], missing["ComparisonOperator"]), ("Sum", "LessThanThreshold"))
        self.assertEqual(alarms["silent"]["TreatMissingData"], "breaching")
        for alarm in alarms.values():
            # At most a day, or a week for periods of an hour and more (PutMetricAlarm).
            periods = [alarm.get("Period")] + [
                m["MetricStat"]["Period"] for m in alarm.get("Metrics", []) if "MetricStat" in m
            ]
            period = max(p for p in periods if p)
            limit = 604800 if period >= 3600 else 86400
            self.assertLessEqual(period * alarm["EvaluationPeriods"], limit, alarm["AlarmName"])

    def test_every_dead_letter_rings(self):
        watched = set()
        for alarm in self.alarms().values():
            if alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible":
                watched.add(alarm["Dimensions"][0]["Value"])
                self.assertEqual(alarm["Threshold"], 0)
        queues = {self.made[n].rsplit("/", 1)[-1] for n in ("UrgentDead", "BulkDead", "DropsDead", "MissedEvents")}
        self.assertEqual(watched, queues)

    def test_every_alarm_tells_somebody_and_is_in_the_runbook(self):
        runbook = (ROOT / "infra/runbook.md").read_text(encoding="utf-8")
        headings = set(re.findall(r"^## (.+)$", runbook, re.M))
        topic = self.made["AlarmTopic"]
        alarms = self.alarms()
        self.assertGreaterEqual(len(alarms), 16)
        for name, alarm in alarms.items():
            self.assertEqual(alarm["AlarmActions"], [topic], name)
            found = re.search(r'Runbook, "([^"]+)"', alarm["AlarmDescription"])
            self.assertTrue(found, name)
            self.assertIn(found.group(1), headings)
        subscribed = boto3.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        self.assertEqual([s["Endpoint"] for s in subscribed], [GIVEN["AlarmEmail"]])

    def test_every_figure_that_is_watched_is_said_by_a_function(self):
        said = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "functions/lambda/src").glob("*.rs"))
        text = json.dumps([self.of("AWS::CloudWatch::Alarm"), self.of("AWS::CloudWatch::Dashboard")])
        own = set()
        for alarm in self.alarms().values():
            if alarm.get("Namespace") == "Rollcall":
                own.add(alarm["MetricName"])
                self.assertEqual(alarm["Dimensions"], [{"Name": "Deployment", "Value": STACK}])
        body = json.loads(boto3.client("cloudwatch").get_dashboard(DashboardName=STACK)["DashboardBody"])
        for widget in body["widgets"]:
            rows = widget["properties"].get("metrics", [])
            previous = []
            for row in rows:
                row = [previous[n] if part == "." else part for n, part in enumerate(row)]
                previous = row
                if row[0] == "Rollcall":
                    own.add(row[1])
                    self.assertEqual(row[2:4], ["Deployment", STACK])
        self.assertGreater(len(own), 15)
        self.assertIn("ActionsFailed", text)
        for name in own:
            self.assertIn(f'"{name}"', said, "nobody says this figure")

    def test_the_dashboard_shows_every_alarm(self):
        body = boto3.client("cloudwatch").get_dashboard(DashboardName=STACK)["DashboardBody"]
        for alarm in self.alarms().values():
            self.assertIn(alarm["AlarmArn"], body)

    # ------------------------------------------------------------------ the rate budget

    def test_shares_are_given_once(self):
        shares = self.plain["Mappings"]["Shares"]
        total = sum(int(s["Concurrency"]) * float(s["Share"]) for s in shares.values())
        self.assertAlmostEqual(total, 1.0)
        self.assertAlmostEqual(2 * float(shares["Urgent"]["Share"]), 0.2)
        # Whatever takes a share runs no more often at once than the sum counts on.
        for name, share in shares.items():
            if name == "Laptop":
                continue
            function = {"Bulk": "ApplyBulk", "Urgent": "ApplyUrgent"}.get(name, name) + "Function"
            reserved = self.resolve(self.plain["Resources"][function]["Properties"]["ReservedConcurrentExecutions"])
            self.assertEqual(reserved, share["Concurrency"], name)
            self.assertEqual(self.function(function)["Environment"]["Variables"]["ROLLCALL_SHARE"], share["Share"])

    # ------------------------------------------------------------------ nothing wide

    def test_no_role_may_do_just_anything(self):
        for name, role in (self.of("AWS::IAM::Role") | self.of("AWS::IAM::ManagedPolicy")).items():
            documents = [p["PolicyDocument"] for p in role.get("Policies", [])] or [role["PolicyDocument"]]
            for document in documents:
                for statement in document["Statement"]:
                    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                    self.assertFalse([a for a in actions if "*" in a], f"{name}: {actions}")
                    if statement["Resource"] == "*":
                        # These know no resource ("Actions, resources, and condition keys").
                        self.assertIn(statement["Sid"], {"Trace", "Federation", "Look"}, name)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
