"""infra/edge.yaml in the emulator, as far as that knows its resources."""

import json
import re
import time
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from infra.local.emulator import Emulator
from infra.local.stack import emulator_client
from tests.infra.test_edge import BASE, DOMAIN, FIREWALL, PREVIEWS, TEMPLATE

pytestmark = pytest.mark.system

UNKNOWN_TO_THE_EMULATOR = {
    "AWS::WAFv2::WebACLAssociation",
    "AWS::CloudFront::KeyGroup",
    "AWS::CloudFront::PublicKey",
}


@pytest.fixture(scope="module")
def rest_api(emulator: Emulator) -> str:
    """An API with a stage `api`."""
    gateway = emulator_client("apigateway", emulator.endpoint)
    id: str = gateway.create_rest_api(name="thepixstock-test")["id"]
    gateway.create_deployment(restApiId=id, stageName="api")
    return id


def deployed(emulator: Emulator, name: str, parameters: Mapping[str, str], template: Mapping[str, Any]) -> Any:
    """Raises ClientError when it is refused."""
    cloudformation = emulator_client("cloudformation", emulator.endpoint)
    given: Any = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template), Parameters=given)
    deadline = time.monotonic() + 60
    while True:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            assert stack["StackStatus"] == "CREATE_COMPLETE", cloudformation.describe_stack_events(StackName=name)
            return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
        assert time.monotonic() < deadline, "the stack does not end"
        time.sleep(0.02)


def test_nothing_is_deployed_without_an_option(emulator: Emulator, rest_api: str):
    assert deployed(emulator, "edge-none", BASE | {"RestAPIId": rest_api}, TEMPLATE) == {}


def test_a_domain_is_deployed(emulator: Emulator, rest_api: str):
    outputs = deployed(emulator, "edge-domain", BASE | DOMAIN | {"RestAPIId": rest_api}, TEMPLATE)

    mappings = emulator_client("apigatewayv2", emulator.endpoint).get_api_mappings(DomainName="*.shop.example")
    found = {(each["ApiId"], each["Stage"], each.get("ApiMappingKey", "")) for each in mappings["Items"]}
    assert found == {(rest_api, "api", key) for key in ("", "api", "api/v1")}
    assert outputs["ApiUrl"] == "https://api.shop.example"


def test_a_domain_without_a_certificate_is_refused(emulator: Emulator, rest_api: str):
    with pytest.raises(ClientError, match="DomainName needs a CertificateArn"):
        deployed(emulator, "edge-bare", BASE | DOMAIN | {"RestAPIId": rest_api, "CertificateArn": ""}, TEMPLATE)


def test_the_rest_is_deployed_but_for_what_the_emulator_does_not_know(emulator: Emulator, rest_api: str):
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    given = BASE | FIREWALL | PREVIEWS | {"RestAPIId": rest_api, "PreviewsKeyA": pem}

    with pytest.raises(ClientError) as refusal:
        deployed(emulator, "edge-whole", given, TEMPLATE)
    outputs = deployed(emulator, "edge-rest", given, _without(UNKNOWN_TO_THE_EMULATOR))

    assert set(re.findall(r"AWS::\w+::\w+", str(refusal.value))) == UNKNOWN_TO_THE_EMULATOR
    cloudfront = emulator_client("cloudfront", emulator.endpoint)
    distribution = cloudfront.get_distribution(Id=outputs["PreviewsDistributionArn"].rpartition("/")[2])
    config = distribution["Distribution"]["DistributionConfig"]
    assert config["Aliases"]["Items"] == ["img.shop.example"]
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    headers = cloudfront.get_response_headers_policy(Id=config["DefaultCacheBehavior"]["ResponseHeadersPolicyId"])
    cors = headers["ResponseHeadersPolicy"]["ResponseHeadersPolicyConfig"]["CorsConfig"]
    assert cors["AccessControlAllowOrigins"]["Items"] == ["https://shop.example", "https://run.example"]
    acls = emulator_client("wafv2", emulator.endpoint).list_web_acls(Scope="REGIONAL")["WebACLs"]
    assert [acl["Name"] for acl in acls] == ["thepixstock-test"]


def _without(types: set[str]) -> dict[str, Any]:
    """The template less resources of these types, and whatever names them."""
    gone = {name for name, each in TEMPLATE["Resources"].items() if each["Type"] in types}

    def kept(node: Any) -> Any:
        if isinstance(node, list):
            return [kept(each) for each in node]
        if not isinstance(node, dict):
            return node
        return "gone" if node.get("Ref") in gone else {name: kept(each) for name, each in node.items()}

    resources = {name: each for name, each in TEMPLATE["Resources"].items() if name not in gone}
    remaining: dict[str, Any] = kept({**TEMPLATE, "Resources": resources})
    return remaining
