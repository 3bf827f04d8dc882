"""infra/edge.yaml: what each option makes, and what it must hold."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import decode

from app import app
from chalicelib.core.routing import Route
from infra.local.gateway import BASE_PATHS

FILE = Path(__file__).resolve().parents[2] / "infra" / "edge.yaml"
TEMPLATE: dict[str, Any] = decode(str(FILE))[0]
ARN = "arn:aws:acm:us-east-1:000000000000:certificate/one"

BASE = {"Stage": "test", "RestAPIId": "api1"}
DOMAIN = {"DomainName": "*.shop.example", "ApiHost": "api.shop.example", "CertificateArn": ARN}
FIREWALL = {"Firewall": "on"}
PREVIEWS = {
    "PreviewsDomainName": "img.shop.example",
    "PreviewsCertificateArn": ARN,
    "PreviewsKeyA": "a public key",
    "AllowedOrigins": "https://shop.example,https://run.example",
}
ZONE = {"HostedZoneId": "Z1"}
KEY_B = {"PreviewsKeyB": "another public key", "PreviewsSigner": "B"}

IN_DOMAIN = {"Domain", "RootMapping", "ApiMapping", "ApiV1Mapping"}
IN_FIREWALL = {"WebAcl", "WebAclOfApi"}
IN_PREVIEWS = {
    "PreviewsAccess", "PreviewsPublicKeyA", "PreviewsSigners", "PreviewsCaching", "PreviewsHeaders",
    "PreviewsDistribution",
}  # fmt: skip


class Stack:
    """The template with its parameters filled in. A resource that is named stays its logical name."""

    def __init__(self, *given: Mapping[str, str]) -> None:
        self.values: dict[str, Any] = {name: each.get("Default") for name, each in TEMPLATE["Parameters"].items()} | {
            "AWS::Partition": "aws",
            "AWS::Region": "ap-southeast-1",
            "AWS::AccountId": "123456789012",
            "AWS::URLSuffix": "amazonaws.com",
        }
        for each in (BASE, *given):
            self.values |= each
        self.values["AllowedOrigins"] = self.values["AllowedOrigins"].split(",")
        here = {
            name: each
            for name, each in TEMPLATE["Resources"].items()
            if "Condition" not in each or self.holds({"Condition": each["Condition"]})
        }
        self.resources: dict[str, Any] = {name: self.filled(each) for name, each in here.items()}
        self.outputs: dict[str, Any] = {
            name: self.filled(each["Value"])
            for name, each in TEMPLATE["Outputs"].items()
            if self.holds({"Condition": each["Condition"]})
        }

    def properties(self, name: str) -> Any:
        return self.resources[name]["Properties"]

    def holds(self, expression: Mapping[str, Any]) -> bool:
        ((function, argument),) = expression.items()
        match function:
            case "Condition":
                return self.holds(TEMPLATE["Conditions"][argument])
            case "Fn::Not":
                return not self.holds(argument[0])
            case "Fn::And":
                return all(self.holds(each) for each in argument)
            case "Fn::Or":
                return any(self.holds(each) for each in argument)
            case "Fn::Contains":
                return self.filled(argument[1]) in self.filled(argument[0])
        assert function == "Fn::Equals"
        left, right = (self.filled(each) for each in argument)
        return bool(left == right)

    def filled(self, node: Any) -> Any:
        if isinstance(node, list):
            return [each for each in map(self.filled, node) if each != "AWS::NoValue"]
        if not isinstance(node, dict):
            return node
        match next(iter(node.items()), None):
            case ("Ref", name):
                return self.values.get(name, name)
            case ("Fn::Sub", text):
                return re.sub(r"\$\{([^}]+)\}", lambda found: str(self.values.get(found[1], found[1])), text)
            case ("Fn::GetAtt", path):
                return ".".join(path)
            case ("Fn::If", [condition, yes, no]):
                return self.filled(yes if self.holds({"Condition": condition}) else no)
        return {name: self.filled(each) for name, each in node.items()}

    def complaints(self) -> list[str]:
        """What the rules say of the parameters."""
        return [
            assertion["AssertDescription"]
            for rule in TEMPLATE["Rules"].values()
            if self.holds(rule["RuleCondition"])
            for assertion in rule["Assertions"]
            if not self.holds(assertion["Assert"])
        ]


ALL = Stack(DOMAIN, FIREWALL, PREVIEWS, ZONE, {"PreviewsKeyB": "another public key"})


def test_cfn_lint_finds_nothing():
    command = [str(Path(sys.executable).with_name("cfn-lint")), "-r", "us-east-1", "ap-southeast-1", "-t", str(FILE)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


# --- options ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], set()),
        ([ZONE], set()),
        ([DOMAIN], IN_DOMAIN),
        ([DOMAIN, ZONE], IN_DOMAIN | {"DomainRecord"}),
        ([FIREWALL], IN_FIREWALL),
        ([PREVIEWS], IN_PREVIEWS),
        ([PREVIEWS, KEY_B], IN_PREVIEWS | {"PreviewsPublicKeyB"}),
        ([PREVIEWS, KEY_B, {"PreviewsKeyA": ""}], IN_PREVIEWS - {"PreviewsPublicKeyA"} | {"PreviewsPublicKeyB"}),
        ([PREVIEWS, ZONE], IN_PREVIEWS | {"PreviewsRecord", "PreviewsRecordV6"}),
        ([PREVIEWS, {"PreviewsDomainName": ""}], set()),
    ],
)
def test_an_option_makes_what_it_needs_and_nothing_else(given: list[dict[str, str]], expected: set[str]):
    stack = Stack(*given)

    assert stack.complaints() == []
    assert stack.resources.keys() == expected


def test_all_options_together_are_the_whole_template():
    assert ALL.complaints() == []
    assert ALL.resources.keys() == TEMPLATE["Resources"].keys()
    assert ALL.outputs.keys() == TEMPLATE["Outputs"].keys()


@pytest.mark.parametrize(
    ("given", "missing", "complaint"),
    [
        (DOMAIN, {"CertificateArn": ""}, "DomainName needs a CertificateArn."),
        (DOMAIN, {"ApiHost": ""}, "DomainName needs an ApiHost."),
        (PREVIEWS, {"PreviewsCertificateArn": ""}, "PreviewsDomainName needs a PreviewsCertificateArn."),
        (PREVIEWS, {"PreviewsKeyA": ""}, "The key that PreviewsSigner names is empty."),
        (PREVIEWS, {"PreviewsSigner": "B"}, "The key that PreviewsSigner names is empty."),
        (PREVIEWS, {"AllowedOrigins": ""}, "PreviewsDomainName needs AllowedOrigins."),
        (PREVIEWS, {"AllowedOrigins": "https://shop.example,*"}, "AllowedOrigins are exact origins."),
    ],
)
def test_an_option_that_lacks_a_part_is_refused(given: dict[str, str], missing: dict[str, str], complaint: str):
    assert Stack(given, missing).complaints() == [complaint]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("DomainName", ["", "api.shop.example", "*.shop.example"], ["*", "*.*.example", "shop", "https://a.example"]),
        ("ApiHost", ["", "api.shop.example"], ["*.shop.example", "api.shop.example/"]),
        ("PreviewsDomainName", ["", "img.shop.example"], ["*.shop.example", "img"]),
    ],
)
def test_names_are_host_names(name: str, good: list[str], bad: list[str]):
    pattern = TEMPLATE["Parameters"][name]["AllowedPattern"]

    assert [re.fullmatch(pattern, text) is not None for text in good + bad] == [True] * len(good) + [False] * len(bad)


# --- domain -------------------------------------------------------------------------------------------------


def test_the_domain_maps_exactly_the_three_base_paths():
    mappings = [each["Properties"] for each in ALL.resources.values() if each["Type"].endswith("ApiMapping")]

    assert {f"/{each.get('ApiMappingKey', '')}".rstrip("/") for each in mappings} == set(BASE_PATHS)
    assert {(each["DomainName"], each["ApiId"], each["Stage"]) for each in mappings} == {("Domain", "api1", "api")}
    assert len(mappings) == 3


def test_tls_is_at_least_1_2_everywhere():
    (domain,) = ALL.properties("Domain")["DomainNameConfigurations"]
    viewer = ALL.properties("PreviewsDistribution")["DistributionConfig"]["ViewerCertificate"]

    assert (domain["SecurityPolicy"], domain["EndpointType"]) == ("TLS_1_2", "REGIONAL")
    assert viewer["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert "CloudFrontDefaultCertificate" not in viewer  # with it the minimum is not ours


def test_mails_link_to_the_host_they_are_told():
    assert ALL.outputs["ApiUrl"] == "https://api.shop.example"


# --- firewall -----------------------------------------------------------------------------------------------

WEB_ACL = ALL.properties("WebAcl")
FIREWALL_RULES = {rule["Name"]: rule for rule in WEB_ACL["Rules"]}


def _path_pattern(rule: str) -> re.Pattern[str]:
    for each in FIREWALL_RULES[rule]["Statement"]["AndStatement"]["Statements"]:
        match = each.get("NotStatement", {}).get("Statement", each).get("RegexMatchStatement")
        if match:
            assert match["FieldToMatch"] == {"UriPath": {}}
            return re.compile(match["RegexString"])
    raise LookupError(rule)


def _addresses(route: Route) -> set[str]:
    """All paths that a route answers at."""
    paths = {route.path, *(alias.split(" ")[1] for alias in route.aliases)}
    return {base + re.sub(r"\{\w+\}", "x", path) for base in BASE_PATHS for path in paths}


def test_it_stands_before_the_stage_of_the_api():
    (stage,) = {each["ResourceArn"] for each in [ALL.properties("WebAclOfApi")]}

    assert stage == "arn:aws:apigateway:ap-southeast-1::/restapis/api1/stages/api"
    assert (WEB_ACL["Scope"], WEB_ACL["DefaultAction"]) == ("REGIONAL", {"Allow": {}})


def test_the_managed_rules_are_there_and_block():
    managed = {
        rule["Statement"]["ManagedRuleGroupStatement"]["Name"]: rule
        for rule in WEB_ACL["Rules"]
        if "ManagedRuleGroupStatement" in rule["Statement"]
    }

    assert managed.keys() == {
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesCommonRuleSet",
    }
    assert [rule["OverrideAction"] for rule in managed.values()] == [{"None": {}}] * 3
    overridden = managed["AWSManagedRulesCommonRuleSet"]["Statement"]["ManagedRuleGroupStatement"]
    assert overridden["RuleActionOverrides"] == [{"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}]


def test_nobody_is_let_through_before_requests_are_counted():
    order = [rule["Name"] for rule in sorted(WEB_ACL["Rules"], key=lambda rule: rule["Priority"])]
    allowing = [rule["Name"] for rule in WEB_ACL["Rules"] if "Allow" in rule.get("Action", {})]

    assert order[:2] == ["requests-per-address", "payment-notices"]
    assert allowing == ["payment-notices"]


def test_it_keeps_nothing_of_anybody():
    views = [WEB_ACL["VisibilityConfig"], *(rule["VisibilityConfig"] for rule in WEB_ACL["Rules"])]

    assert {(view["CloudWatchMetricsEnabled"], view["SampledRequestsEnabled"]) for view in views} == {(True, False)}
    assert "AWS::WAFv2::LoggingConfiguration" not in {each["Type"] for each in ALL.resources.values()}


def test_payment_notices_and_nothing_else_pass_by_the_managed_rules():
    notices = _path_pattern("payment-notices")
    post = {"FieldToMatch": {"Method": {}}, "PositionalConstraint": "EXACTLY", "SearchString": "POST"}

    let_through = {route.name for route in app.mounted for path in _addresses(route) if notices.search(path)}

    assert let_through == {"POST /payments/webhook", "POST /payments/webhook/{gateway}"}
    (webhook,) = (route for route in app.mounted if route.name == "POST /payments/webhook")
    assert all(notices.search(path) for path in _addresses(webhook))
    statements = FIREWALL_RULES["payment-notices"]["Statement"]["AndStatement"]["Statements"]
    assert any(post.items() <= each.get("ByteMatchStatement", {}).items() for each in statements)


def test_a_large_body_passes_where_our_schemas_take_one():
    may_be_large = _path_pattern("large-bodies")
    rule = FIREWALL_RULES["large-bodies"]["Statement"]["AndStatement"]["Statements"][0]["SizeConstraintStatement"]
    assert (rule["ComparisonOperator"], rule["FieldToMatch"]) == ("GT", {"Body": {"OversizeHandling": "MATCH"}})
    limit = rule["Size"]
    largest = {route: _largest(route) for route in app.mounted if route.body is not None}

    large = {path for route, size in largest.items() if size > limit for path in _addresses(route)}
    small = ("/auth/login", "/orders", "/users/x/roles", "/photos/x/reject", "/payments/create", "/events/x/status")

    assert max(largest.values()) > 1 << 20
    assert {path for path in large if not may_be_large.search(path)} == set()
    assert {path for path in small for base in BASE_PATHS if may_be_large.search(base + path)} == set()


def _largest(route: Route) -> int:
    """Bytes of the largest body that a route takes, with three to a character, as Thai has."""
    assert route.body is not None
    schema = route.body.model_json_schema(by_alias=True)
    named = schema.get("$defs", {})

    def largest(part: Mapping[str, Any]) -> int:
        if "$ref" in part:
            return largest(named[part["$ref"].rpartition("/")[2]])
        if "anyOf" in part:
            return max(largest(each) for each in part["anyOf"])
        match part.get("type"):
            case "string":
                return 3 * int(part.get("maxLength", 64)) + 2
            case "array":
                return int(part["maxItems"]) * (largest(part["items"]) + 1) + 2
            case "object" if "properties" not in part:
                held = part["additionalProperties"]
                return int(part["maxProperties"]) * (70 + (largest(held) if isinstance(held, dict) else 1024)) + 2
            case "object":
                return sum(len(name) + 4 + largest(each) for name, each in part["properties"].items()) + 2
        return 24

    return largest(schema)


# --- previews -----------------------------------------------------------------------------------------------

DISTRIBUTION = ALL.properties("PreviewsDistribution")["DistributionConfig"]
HEADERS = ALL.properties("PreviewsHeaders")["ResponseHeadersPolicyConfig"]


def test_only_signed_addresses_reach_the_bucket_and_only_through_us():
    (origin,) = DISTRIBUTION["Origins"]
    behaviour = DISTRIBUTION["DefaultCacheBehavior"]
    access = ALL.properties("PreviewsAccess")["OriginAccessControlConfig"]

    assert origin["DomainName"] == "thepixstock-test-previews-123456789012.s3.ap-southeast-1.amazonaws.com"
    assert origin["OriginAccessControlId"] == "PreviewsAccess.Id"
    assert origin["S3OriginConfig"] == {"OriginAccessIdentity": ""}
    assert (access["SigningBehavior"], access["SigningProtocol"]) == ("always", "sigv4")
    assert behaviour["TrustedKeyGroups"] == ["PreviewsSigners"]
    assert behaviour["ViewerProtocolPolicy"] == "https-only"
    assert "CacheBehaviors" not in DISTRIBUTION
    assert DISTRIBUTION["HttpVersion"] == "http2and3"


@pytest.mark.parametrize(
    ("given", "accepted", "signer"),
    [
        ([], ["PreviewsPublicKeyA"], "PreviewsPublicKeyA"),
        ([{"PreviewsKeyB": "b"}], ["PreviewsPublicKeyA", "PreviewsPublicKeyB"], "PreviewsPublicKeyA"),
        ([KEY_B], ["PreviewsPublicKeyA", "PreviewsPublicKeyB"], "PreviewsPublicKeyB"),
        ([KEY_B, {"PreviewsKeyA": ""}], ["PreviewsPublicKeyB"], "PreviewsPublicKeyB"),
    ],
)
def test_a_key_is_accepted_before_it_signs_and_after(given: list[dict[str, str]], accepted: list[str], signer: str):
    stack = Stack(PREVIEWS, *given)

    assert stack.properties("PreviewsSigners")["KeyGroupConfig"]["Items"] == accepted
    assert stack.outputs["PreviewsKeyId"] == signer


def test_what_differs_between_two_addresses_of_a_picture_is_not_looked_at():
    key = ALL.properties("PreviewsCaching")["CachePolicyConfig"]["ParametersInCacheKeyAndForwardedToOrigin"]

    assert {part["QueryStringBehavior"] for part in [key["QueryStringsConfig"]]} == {"none"}
    assert (key["CookiesConfig"], key["HeadersConfig"]) == ({"CookieBehavior": "none"}, {"HeaderBehavior": "none"})


def test_scripts_of_known_origins_only_may_read_a_picture():
    cors = HEADERS["CorsConfig"]

    assert cors["AccessControlAllowOrigins"]["Items"] == ["https://shop.example", "https://run.example"]
    assert cors["AccessControlAllowCredentials"] is False
    assert cors["OriginOverride"] is True
    assert "*" not in json.dumps(cors)


def test_pictures_carry_the_security_headers():
    sent = HEADERS["SecurityHeadersConfig"]

    assert (
        sent["ContentSecurityPolicy"]["ContentSecurityPolicy"]
        == "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert sent["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 63072000
    assert sent["ReferrerPolicy"]["ReferrerPolicy"] == "no-referrer"
    assert sent["FrameOptions"]["FrameOption"] == "DENY"
    assert {part["Override"] for part in sent.values()} == {True}
    assert sent.keys() >= {"ContentTypeOptions"}
    (kept,) = HEADERS["CustomHeadersConfig"]["Items"]
    assert (kept["Header"], kept["Value"]) == ("Cache-Control", "private, max-age=300")


def test_what_the_other_stacks_take_has_the_names_they_take_it_by():
    assert ALL.outputs["PreviewsUrl"] == "https://img.shop.example"
    arn = ALL.outputs["PreviewsDistributionArn"]
    assert arn == "arn:aws:cloudfront::123456789012:distribution/PreviewsDistribution"
