"""What infra/data.yaml must hold, as checks that are each shown to fail on a template that does not."""

import re
from typing import Any

import pytest

from tests.infra.templates import of_type, statements, template

TABLE, QUEUE, BUCKET, KEY = "AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::S3::Bucket", "AWS::KMS::Key"
FOURTEEN_DAYS = 14 * 24 * 3600
CLASSES = {
    "MediaKey": {"EventsTable", "PhotosTable", "OriginalsBucket", "PreviewsBucket"},
    "PeopleKey": {
        "AccountsTable",
        "AuditTable",
        "CartsTable",
        "ConfigurationTable",
        "AnnouncementsTable",
        "WebhooksTable",
        "NotificationsTable",
        "OrganizationsTable",
        "ProfilesTable",
    },
    "DocumentsKey": {"VerificationTable", "PrivacyTable", "FacesTable", "DocumentsBucket"},
    "MoneyKey": {"OrdersTable", "PaymentsTable", "LedgerTable", "EntitlementsTable"},
    "MessagesKey": {"OutboxTable", "ClaimsTable", "ConnectionsTable"},
    "SecretKey": {"AppSecret"},
}
"""Whose key opens what. All queues are MessagesKey's."""
PASSING = (
    {"Id": "old-exports", "Status": "Enabled", "Prefix": "exports/", "ExpirationInDays": 8},
    {"Id": "old-slips", "Status": "Enabled", "Prefix": "slips/", "ExpirationInDays": 90},
    {"Id": "old-statements", "Status": "Enabled", "Prefix": "statements/", "ExpirationInDays": 7},
    {"Id": "old-selfies", "Status": "Enabled", "Prefix": "selfies/", "ExpirationInDays": 1},
    {"Id": "drawn-invoices", "Status": "Enabled", "Prefix": "invoices/", "ExpirationInDays": 1},
    {
        "Id": "uploaded-avatars",
        "Status": "Enabled",
        "Prefix": "avatars/",
        "ExpirationInDays": 1,
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
    },
    {
        "Id": "statements",
        "Status": "Enabled",
        "Prefix": "statements/",
        "ExpirationInDays": 1,
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
    },
    {
        "Id": "licensed-copies",
        "Status": "Enabled",
        "Prefix": "licensed/",
        "ExpirationInDays": 1,
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
    },
    {
        "Id": "sizes-of-photos",
        "Status": "Enabled",
        "Prefix": "sizes/",
        "ExpirationInDays": 30,
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
    },
    {
        "Id": "archives-of-orders",
        "Status": "Enabled",
        "Prefix": "archives/",
        "ExpirationInDays": 2,
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
    },
)
"""What may expire: nothing that was sold."""
SERVICES = {TABLE: "dynamodb", BUCKET: "s3", QUEUE: "sqs", "AWS::SecretsManager::Secret": "secretsmanager"}

Template = dict[str, Any]


def tables_that_lose_data(body: Template) -> list[str]:
    return [
        name
        for name, table in of_type(body, TABLE).items()
        if (table.get("DeletionPolicy"), table.get("UpdateReplacePolicy")) != ("RetainExceptOnCreate", "Retain")
        or table["Properties"].get("PointInTimeRecoverySpecification") != {"PointInTimeRecoveryEnabled": True}
        or table["Properties"].get("DeletionProtectionEnabled") is not True
    ]


def tables_that_keep_everything(body: Template) -> list[str]:
    return [
        name
        for name, table in of_type(body, TABLE).items()
        if table["Properties"].get("TimeToLiveSpecification") != {"AttributeName": "ttl", "Enabled": True}
    ]


def not_under_their_key(body: Template) -> list[str]:
    """Tables, buckets, queues and secrets that are not encrypted with the key of their class."""
    wrong = []
    for name, resource in body["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == TABLE:
            sse = properties.get("SSESpecification", {})
            key = sse.get("KMSMasterKeyId") if sse.get("SSEEnabled") is True and sse.get("SSEType") == "KMS" else None
        elif resource["Type"] == QUEUE:
            key = properties.get("KmsMasterKeyId")
        elif resource["Type"] == BUCKET:
            (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            default = rule["ServerSideEncryptionByDefault"]
            key = default.get("KMSMasterKeyID") if rule.get("BucketKeyEnabled") is True else None
        elif resource["Type"] == "AWS::SecretsManager::Secret":
            key = properties.get("KmsKeyId")
        else:
            continue
        of = "MessagesKey" if resource["Type"] == QUEUE else next((k for k in CLASSES if name in CLASSES[k]), "none")
        if key != f"{of}.Arn":
            wrong.append(name)
    return wrong


def keys_that_may_be_lost(body: Template) -> list[str]:
    """Keys that do not rotate, go with their stack, or have no alias."""
    aliased = {alias["Properties"]["TargetKeyId"] for alias in of_type(body, "AWS::KMS::Alias").values()}
    return [
        name
        for name, key in of_type(body, KEY).items()
        if key["Properties"].get("EnableKeyRotation") is not True
        or key["Properties"].get("PendingWindowInDays") != 30
        or (key.get("DeletionPolicy"), key.get("UpdateReplacePolicy")) != ("RetainExceptOnCreate", "Retain")
        or name not in aliased
    ]


def keys_open_to_others(body: Template) -> list[str]:
    """Keys that somebody may use other than through the services of their class, from this account."""
    wrong = []
    for name, key in of_type(body, KEY).items():
        held = {SERVICES[body["Resources"][resource]["Type"]] for resource in CLASSES[name]}
        if name == "MessagesKey":
            held |= {"sqs", "sns"}
        for statement in statements(key):
            principal, condition = statement["Principal"], statement.get("Condition", {}).get("StringEquals", {})
            actions = {statement["Action"]} if isinstance(statement["Action"], str) else set(statement["Action"])
            if principal == {"AWS": "*"}:
                vias = {via.removesuffix(".us-east-1.amazonaws.com") for via in condition.get("kms:ViaService", [])}
                wrong += [name] * (condition.get("kms:CallerAccount") != "123456789012" or vias != held)
            elif "AWS" in principal:
                wrong += [name] * any(re.match(r"kms:(\*|.*Encrypt|Decrypt|Generate|CreateGrant)", a) for a in actions)
            elif principal["Service"] == "s3.amazonaws.com":  # without a condition; see the template
                wrong += [name] * (name != "MessagesKey")
            else:
                wrong += [name] * (not {"aws:SourceAccount", "aws:SourceArn"} & condition.keys())
    return wrong


def public_buckets(body: Template) -> list[str]:
    return [
        name
        for name, bucket in of_type(body, BUCKET).items()
        if set(bucket["Properties"].get("PublicAccessBlockConfiguration", {}).values()) != {True}
        or len(bucket["Properties"]["PublicAccessBlockConfiguration"]) != 4
        or bucket["Properties"].get("OwnershipControls") != {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        or "*" in bucket["Properties"]["CorsConfiguration"]["CorsRules"][0]["AllowedOrigins"]
    ]


def buckets_that_lose_data(body: Template) -> list[str]:
    """Buckets that go with their stack, keep parts of broken uploads, or expire what was sold."""
    wrong = []
    for name, bucket in of_type(body, BUCKET).items():
        rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
        if (
            (bucket.get("DeletionPolicy"), bucket.get("UpdateReplacePolicy")) != ("RetainExceptOnCreate", "Retain")
            or not any("AbortIncompleteMultipartUpload" in rule for rule in rules)
            or any({"ExpirationInDays", "ExpirationDate"} & rule.keys() and rule not in PASSING for rule in rules)
        ):
            wrong.append(name)
    originals = body["Resources"]["OriginalsBucket"]["Properties"]
    if originals.get("VersioningConfiguration") != {"Status": "Enabled"}:
        wrong.append("OriginalsBucket")
    return wrong


def open_to_anybody(body: Template) -> list[str]:
    """Policies of buckets and queues that allow a principal without saying whose."""
    return [
        name
        for kind in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy")
        for name, policy in of_type(body, kind).items()
        for statement in statements(policy)
        if statement["Effect"] == "Allow"
        and (
            "Service" not in statement["Principal"]
            or not {"aws:SourceArn"} & {key for test in statement.get("Condition", {}).values() for key in test}
        )
    ]


def without_tls(body: Template) -> list[str]:
    """Buckets and queues that a request in the clear may reach."""
    refusing: set[str] = set()
    for policy in [*of_type(body, "AWS::S3::BucketPolicy").values(), *of_type(body, "AWS::SQS::QueuePolicy").values()]:
        service = "s3" if "Bucket" in policy["Properties"] else "sqs"
        if any(
            statement["Effect"] == "Deny"
            and statement["Principal"] == "*"
            and statement["Action"] == f"{service}:*"
            and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            for statement in statements(policy)
        ):
            refusing |= set(policy["Properties"].get("Queues", [policy["Properties"].get("Bucket")]))
    return sorted({*of_type(body, BUCKET), *of_type(body, QUEUE)} - refusing)


def queues_that_lose_messages(body: Template) -> list[str]:
    """Queues that give up too soon or for ever: five tries, then fourteen days in dead letters of their own."""
    wrong, taken = [], set()
    queues = of_type(body, QUEUE)
    for name, queue in queues.items():
        properties = queue["Properties"]
        redrive = properties.get("RedrivePolicy")
        if redrive is None:
            if properties.get("MessageRetentionPeriod") != FOURTEEN_DAYS:
                wrong.append(name)
            continue
        last = redrive["deadLetterTargetArn"].removesuffix(".Arn")
        if redrive["maxReceiveCount"] != 5 or last in taken or last != name.removesuffix("Queue") + "DeadLetters":
            wrong.append(name)
        taken.add(last)
    ends = {name for name, queue in queues.items() if "RedrivePolicy" not in queue["Properties"]}
    return wrong + sorted(ends - taken - {"RelayFailures"})


CHECKS = [
    tables_that_lose_data,
    tables_that_keep_everything,
    not_under_their_key,
    keys_that_may_be_lost,
    keys_open_to_others,
    public_buckets,
    buckets_that_lose_data,
    open_to_anybody,
    without_tls,
    queues_that_lose_messages,
]


@pytest.mark.parametrize("check", CHECKS)
def test_the_template_is_as_it_must_be(check):
    body = template("data.yaml")

    assert check(body) == []
    assert check(template("data.yaml", PreviewsDistributionArn="")) == []


def test_a_class_has_a_key_and_a_key_a_class():
    body = template("data.yaml")
    encrypted = {*of_type(body, TABLE), *of_type(body, BUCKET), *of_type(body, "AWS::SecretsManager::Secret")}

    assert set(of_type(body, KEY)) == set(CLASSES)
    assert set().union(*CLASSES.values()) == encrypted


def _drop(path: str):
    def change(body):
        *way, last = path.split("/")
        for step in way:
            body = body[int(step)] if isinstance(body, list) else body[step]
        del body[int(last) if isinstance(body, list) else last]

    return change


def _put(path: str, value: Any):
    def change(body):
        *way, last = path.split("/")
        for step in way:
            body = body[int(step)] if isinstance(body, list) else body[step]
        body[int(last) if isinstance(body, list) else last] = value

    return change


MISTAKES = [
    (tables_that_lose_data, _drop("LedgerTable/DeletionPolicy")),
    (tables_that_lose_data, _put("LedgerTable/UpdateReplacePolicy", "Delete")),
    (tables_that_lose_data, _drop("LedgerTable/Properties/PointInTimeRecoverySpecification")),
    (tables_that_lose_data, _put("LedgerTable/Properties/DeletionProtectionEnabled", False)),
    (tables_that_keep_everything, _drop("ClaimsTable/Properties/TimeToLiveSpecification")),
    (tables_that_keep_everything, _put("ClaimsTable/Properties/TimeToLiveSpecification/AttributeName", "expires")),
    (not_under_their_key, _put("OrdersTable/Properties/SSESpecification/KMSMasterKeyId", "PeopleKey.Arn")),
    (not_under_their_key, _drop("OrdersTable/Properties/SSESpecification/SSEType")),
    (not_under_their_key, _drop("JobsQueue/Properties/KmsMasterKeyId")),
    (not_under_their_key, _drop("AppSecret/Properties/KmsKeyId")),
    (
        not_under_their_key,
        _drop("PreviewsBucket/Properties/BucketEncryption/ServerSideEncryptionConfiguration/0/BucketKeyEnabled"),
    ),
    (keys_that_may_be_lost, _put("MoneyKey/Properties/EnableKeyRotation", False)),
    (keys_that_may_be_lost, _put("MoneyKey/DeletionPolicy", "Delete")),
    (keys_that_may_be_lost, _drop("MoneyKeyAlias")),
    (keys_open_to_others, _put("MoneyKey/Properties/KeyPolicy/Statement/0/Action", ["kms:*"])),
    (keys_open_to_others, _put("MoneyKey/Properties/KeyPolicy/Statement/0/Action", ["kms:Decrypt"])),
    (keys_open_to_others, _drop("MoneyKey/Properties/KeyPolicy/Statement/1/Condition")),
    (
        keys_open_to_others,
        _put(
            "MoneyKey/Properties/KeyPolicy/Statement/1/Condition/StringEquals/kms:ViaService",
            ["ec2.us-east-1.amazonaws.com"],
        ),
    ),
    (keys_open_to_others, _drop("MediaKey/Properties/KeyPolicy/Statement/2/Condition")),
    (public_buckets, _put("PreviewsBucket/Properties/PublicAccessBlockConfiguration/BlockPublicPolicy", False)),
    (public_buckets, _drop("PreviewsBucket/Properties/PublicAccessBlockConfiguration/IgnorePublicAcls")),
    (public_buckets, _put("PreviewsBucket/Properties/CorsConfiguration/CorsRules/0/AllowedOrigins", ["*"])),
    (buckets_that_lose_data, _drop("OriginalsBucket/Properties/VersioningConfiguration")),
    (buckets_that_lose_data, _put("OriginalsBucket/Properties/LifecycleConfiguration/Rules/0/ExpirationInDays", 30)),
    (buckets_that_lose_data, _drop("PreviewsBucket/Properties/LifecycleConfiguration/Rules/0")),
    (buckets_that_lose_data, _put("DocumentsBucket/Properties/LifecycleConfiguration/Rules/1/Prefix", "")),
    (open_to_anybody, _put("PreviewsBucketPolicy/Properties/PolicyDocument/Statement/1/Principal", "*")),
    (open_to_anybody, _drop("UploadsQueuePolicy/Properties/PolicyDocument/Statement/0/Condition/ArnEquals")),
    (without_tls, _drop("OriginalsBucketPolicy/Properties/PolicyDocument/Statement/0")),
    (without_tls, _put("UploadsQueuePolicy/Properties/PolicyDocument/Statement/1/Effect", "Allow")),
    (without_tls, _drop("QueuesTlsPolicy/Properties/Queues/3")),
    (queues_that_lose_messages, _put("JobsQueue/Properties/RedrivePolicy/maxReceiveCount", 1)),
    (queues_that_lose_messages, _drop("JobsQueue/Properties/RedrivePolicy")),
    (queues_that_lose_messages, _put("RelayFailures/Properties/MessageRetentionPeriod", 345600)),
]


@pytest.mark.parametrize(("check", "mistake"), MISTAKES)
def test_each_check_sees_its_mistakes(check, mistake):
    body = template("data.yaml")

    mistake(body["Resources"])

    assert check(body) != []


def test_no_check_is_without_a_mistake_it_sees():
    assert {check for check, _ in MISTAKES} == set(CHECKS)


@pytest.mark.parametrize(("stage", "kept"), [("prod", True), ("dev", True), ("local", False), ("test", False)])
def test_what_is_deleted_and_made_again_is_not_protected(stage, kept):
    tables = of_type(template("data.yaml", Stage=stage), TABLE).values()

    assert {table["Properties"]["DeletionProtectionEnabled"] for table in tables} == {kept}


def test_the_distribution_may_read_previews_and_nothing_else():
    def cloudfront(body):
        return {
            name: [
                statement["Action"]
                for statement in statements(resource)
                if statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
            ]
            for name, resource in body["Resources"].items()
            if resource["Type"] in (KEY, "AWS::S3::BucketPolicy")
        }

    granted = {name: actions for name, actions in cloudfront(template("data.yaml")).items() if actions}

    assert granted == {"MediaKey": ["kms:Decrypt"], "PreviewsBucketPolicy": ["s3:GetObject"]}
    assert not any(cloudfront(template("data.yaml", PreviewsDistributionArn="")).values())


def test_every_output_names_something_that_is_there():
    body = template("data.yaml")

    named = {name: output["Value"].split(".")[0] for name, output in body["Outputs"].items() if name != "MailFrom"}

    assert set(named.values()) <= set(body["Resources"])
