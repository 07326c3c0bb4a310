"""Rules for types that a setting brings which is off by default, as `rules` has them for all others.

Read in terraform-provider-aws (main of late 2025): internal/service/{acm,autoscaling,backup,ecr,efs,elbv2,route53}.
"""

from localcloud.aws.checks import Each, Only, Row, address, arn, between, both, json_object, length, matching, one_of
from localcloud.providers.naming import SUFFIX

_IDLE_DAYS = (1, 7, 14, 30, 60, 90, 180, 270, 365)
_PORT = between(1, 65535)
_ELB_NAME = both(
    length(1, 32), matching(r"(?!internal-)[0-9A-Za-z]([0-9A-Za-z-]*[0-9A-Za-z])?", "a load balancer's name")
)
_HOST = matching(r"(\*\.)?([A-Za-z0-9_-]+\.)+[A-Za-z0-9-]+\.?", "a host")
_SUBNET = matching(r"subnet-[0-9a-zA-Z]+", "the id of a subnet")
_GROUP = matching(r"sg-[0-9a-zA-Z]+", "the id of a security group")
_BACKUP = matching(r"[0-9A-Za-z_.-]{1,50}", "a name of at most 50 letters, digits, dots, - and _")
_PROTOCOLS = ("application", "email", "email-json", "firehose", "http", "https", "lambda", "sms", "sqs")

ROWS: dict[str, tuple[Row, ...]] = {
    "aws:acm/certificate:Certificate": (
        Each("domainName", both(length(1, 253), _HOST)),
        Each("validationMethod", one_of("DNS", "EMAIL", "NONE")),
    ),
    "aws:acm/certificateValidation:CertificateValidation": (Each("certificateArn", arn),),
    "aws:autoscaling/attachment:Attachment": (
        Each("lbTargetGroupArn", arn),
        Only(("elb", "lbTargetGroupArn"), needed=True),
    ),
    "aws:backup/plan:Plan": (Each("name", _BACKUP), Each("rules.*.lifecycle.deleteAfter", between(1, 2**31))),
    "aws:backup/selection:Selection": (Each("iamRoleArn", arn),),
    "aws:backup/vault:Vault": (Each("name", both(length(2, 50), _BACKUP)), Each("kmsKeyArn", arn)),
    "aws:budgets/budget:Budget": (
        Each("name", both(length(1, 100), matching(r"[^:\\]+", "a budget's name"))),
        Each("limitAmount", matching(r"[0-9]+(\.[0-9]+)?", "an amount")),
    ),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": (
        Each("name", matching(r"[^:*]{1,512}", "a name without : and *")),
        Each("logGroupName", matching(r"[.\-_/#A-Za-z0-9]{1,512}", "a log group's name")),
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": (
        Each("name", length(1, 255)),
        Each("alarmActions.*", arn),
        Each("okActions.*", arn),
        Each("evaluationPeriods", between(1, 2**31)),
    ),
    "aws:ecr/pullThroughCacheRule:PullThroughCacheRule": (Each("credentialArn", arn), Each("customRoleArn", arn)),
    "aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate": (
        Each("lifecyclePolicy", json_object),
        Each("customRoleArn", arn),
    ),
    "aws:efs/fileSystem:FileSystem": (
        Each("creationToken", length(1, 64)),
        Each("lifecyclePolicies.*.transitionToIa", one_of(*(f"AFTER_{days}_DAYS" for days in _IDLE_DAYS))),
        Each("lifecyclePolicies.*.transitionToPrimaryStorageClass", one_of("AFTER_1_ACCESS")),
    ),
    "aws:efs/mountTarget:MountTarget": (Each("ipAddress", address),),
    "aws:lb/listener:Listener": (
        Each("loadBalancerArn", arn),
        Each("certificateArn", arn),
        Each("port", _PORT),
        Each("defaultActions.*.targetGroupArn", arn),
        Each("defaultActions.*.redirect.statusCode", one_of("HTTP_301", "HTTP_302")),
    ),
    "aws:lb/loadBalancer:LoadBalancer": (
        Each("namePrefix", length(0, 32 - SUFFIX)),
        Each("name", _ELB_NAME),
        Each("subnets.*", _SUBNET),
        Each("securityGroups.*", _GROUP),
        Each("idleTimeout", between(1, 4000)),
        Only(("subnets", "subnetMappings"), needed=True),
    ),
    "aws:lb/targetGroup:TargetGroup": (
        Each("name", _ELB_NAME),
        Each("port", _PORT),
        Each("healthCheck.interval", between(5, 300)),
        Each("healthCheck.timeout", between(2, 120)),
        Each("healthCheck.healthyThreshold", between(2, 10)),
        Each("healthCheck.unhealthyThreshold", between(2, 10)),
        Each("healthCheck.port", matching(r"traffic-port|\d{1,5}", "a port, or traffic-port")),
    ),
    "aws:route53/record:Record": (
        Each("zoneId", matching(r"(/hostedzone/)?Z[0-9A-Z]+", "the id of a zone")),
        Each("ttl", between(0, 2**31 - 1)),
        Only(("aliases", "records"), needed=True),
    ),
    # Without one AWS's provider makes up a name; this one makes up none, and says so before a create.
    "aws:rds/instance:Instance": (Only(("identifier",), needed=True),),
    "aws:wafv2/webAcl:WebAcl": (
        Each("name", matching(r"[0-9A-Za-z_-]{1,128}", "a name of at most 128 letters, digits, - and _")),
        Each("scope", one_of("CLOUDFRONT", "REGIONAL")),
        Each("rules.*.statement.rateBasedStatement.limit", between(10, 2_000_000_000)),
    ),
    "aws:wafv2/webAclAssociation:WebAclAssociation": (Each("resourceArn", arn), Each("webAclArn", arn)),
    "aws:sns/topic:Topic": (Each("name", matching(r"[0-9A-Za-z_-]{1,256}(\.fifo)?", "a topic's name")),),
    "aws:sns/topicSubscription:TopicSubscription": (
        Each("topic", arn),
        Each("protocol", one_of(*_PROTOCOLS)),
    ),
}
