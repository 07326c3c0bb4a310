"""For each type of the aws stand-in, inputs that AWS takes."""

import json
from typing import Any

ACCOUNT = "123456789012"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/node"
KEY_ARN = f"arn:aws:kms:us-west-2:{ACCOUNT}:key/12345678-1234-1234-1234-123456789012"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
)
BUCKET_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::team-data/*"},
        ],
    }
)
IMAGES = {
    "rules": [
        {
            "rulePriority": 1,
            "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 5},
            "action": {"type": "expire"},
        }
    ]
}

TOPIC_ARN = f"arn:aws:sns:us-west-2:{ACCOUNT}:k-alarms"
GROUP_ARN = f"arn:aws:elasticloadbalancing:us-west-2:{ACCOUNT}:targetgroup/k/0123456789abcdef"
SEEN = {"cloudwatchMetricsEnabled": True, "metricName": "all", "sampledRequestsEnabled": True}
BALANCER_ARN = f"arn:aws:elasticloadbalancing:us-west-2:{ACCOUNT}:loadbalancer/app/k/0123456789abcdef"
CERTIFICATE_ARN = f"arn:aws:acm:us-west-2:{ACCOUNT}:certificate/12345678-1234-1234-1234-123456789012"

GOOD: dict[str, dict[str, Any]] = {
    "aws:acm/certificate:Certificate": {"domainName": "kubeflow.example.com", "validationMethod": "DNS"},
    "aws:acm/certificateValidation:CertificateValidation": {
        "certificateArn": CERTIFICATE_ARN,
        "validationRecordFqdns": ["_x.kubeflow.example.com"],
    },
    "aws:autoscaling/attachment:Attachment": {"autoscalingGroupName": "eks-k", "lbTargetGroupArn": GROUP_ARN},
    "aws:lb/loadBalancer:LoadBalancer": {
        "name": "k",
        "loadBalancerType": "application",
        "subnets": ["subnet-1", "subnet-2"],
        "securityGroups": ["sg-1"],
        "idleTimeout": 3600,
        "accessLogs": {"bucket": "team-data", "prefix": "access-logs", "enabled": True},
        "tags": {"team": "a"},
    },
    "aws:lb/targetGroup:TargetGroup": {
        "name": "k",
        "port": 30080,
        "protocol": "HTTP",
        "targetType": "instance",
        "vpcId": "vpc-1",
        "healthCheck": {"port": "30021", "path": "/healthz/ready", "interval": 10, "healthyThreshold": 2},
    },
    "aws:lb/listener:Listener": {
        "loadBalancerArn": BALANCER_ARN,
        "port": 443,
        "protocol": "HTTPS",
        "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
        "certificateArn": CERTIFICATE_ARN,
        "defaultActions": [{"type": "forward", "targetGroupArn": GROUP_ARN}],
    },
    "aws:route53/record:Record": {
        "zoneId": "Z0123456789ABC",
        "name": "kubeflow.example.com",
        "type": "CNAME",
        "ttl": 300,
        "records": ["k.us-west-2.elb.amazonaws.com"],
    },
    "aws:ec2/vpc:Vpc": {"cidrBlock": "10.0.0.0/16", "tags": {"team": "a"}},
    "aws:ec2/subnet:Subnet": {"vpcId": "vpc-1", "cidrBlock": "10.0.0.0/20", "availabilityZone": "us-west-2a"},
    "aws:ec2/internetGateway:InternetGateway": {"vpcId": "vpc-1"},
    "aws:ec2/eip:Eip": {"domain": "vpc"},
    "aws:ec2/natGateway:NatGateway": {"subnetId": "subnet-1", "allocationId": "eipalloc-1"},
    "aws:ec2/vpcEndpoint:VpcEndpoint": {"vpcId": "vpc-1", "serviceName": "com.amazonaws.us-west-2.s3"},
    "aws:ec2/routeTable:RouteTable": {"vpcId": "vpc-1", "routes": [{"cidrBlock": "0.0.0.0/0", "gatewayId": "igw-1"}]},
    "aws:ec2/route:Route": {"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0", "gatewayId": "igw-1"},
    "aws:ec2/routeTableAssociation:RouteTableAssociation": {"routeTableId": "rtb-1", "subnetId": "subnet-1"},
    "aws:ec2/securityGroup:SecurityGroup": {
        "vpcId": "vpc-1",
        "ingress": [{"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["10.0.0.0/16"]}],
    },
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": {"vpcId": "vpc-1"},
    "aws:ec2/securityGroupRule:SecurityGroupRule": {
        "type": "ingress",
        "securityGroupId": "sg-1",
        "protocol": "tcp",
        "fromPort": 80,
        "toPort": 80,
        "cidrBlocks": ["10.0.0.0/16"],
    },
    "aws:ec2/launchTemplate:LaunchTemplate": {
        "blockDeviceMappings": [
            {"deviceName": "/dev/xvda", "ebs": {"volumeSize": 100, "volumeType": "gp3", "encrypted": "true"}}
        ],
        "metadataOptions": {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1},
        "tagSpecifications": [{"resourceType": "instance", "tags": {"Name": "node"}}],
    },
    "aws:iam/role:Role": {"assumeRolePolicy": TRUST, "description": "Nodes"},
    "aws:iam/rolePolicy:RolePolicy": {"role": "node", "policy": POLICY},
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": {
        "role": "node",
        "policyArn": "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy",
    },
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": {
        "url": "https://oidc.eks.us-west-2.amazonaws.com/id/ABC",
        "clientIdLists": ["sts.amazonaws.com"],
        "thumbprintLists": ["a" * 40],
    },
    "aws:s3/bucket:Bucket": {"bucket": "team-data"},
    "aws:s3/bucketVersioning:BucketVersioning": {
        "bucket": "team-data",
        "versioningConfiguration": {"status": "Enabled"},
    },
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": {
        "bucket": "team-data",
        "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
    },
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": {"bucket": "team-data", "blockPublicAcls": True},
    "aws:s3/bucketPolicy:BucketPolicy": {"bucket": "team-data", "policy": BUCKET_POLICY},
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": {
        "bucket": "team-data",
        "rules": [{"id": "old", "status": "Enabled", "noncurrentVersionExpiration": {"noncurrentDays": 30}}],
    },
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": {
        "bucket": "team-data",
        "rule": {"objectOwnership": "BucketOwnerEnforced"},
    },
    "aws:ecr/repository:Repository": {
        "name": "team/images",
        "imageTagMutability": "IMMUTABLE",
        "encryptionConfigurations": [{"encryptionType": "AES256"}],
    },
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": {"repository": "team/images", "policy": json.dumps(IMAGES)},
    "aws:kms/key:Key": {"description": "Secrets", "deletionWindowInDays": 7},
    "aws:kms/alias:Alias": {"name": "alias/secrets", "targetKeyId": "12345678"},
    "aws:cloudwatch/logGroup:LogGroup": {"name": "/aws/eks/k/cluster", "retentionInDays": 30},
    "aws:backup/vault:Vault": {"name": "k-backups", "tags": {"team": "a"}},
    "aws:backup/plan:Plan": {
        "name": "k-backups",
        "rules": [
            {
                "ruleName": "daily",
                "targetVaultName": "k-backups",
                "schedule": "cron(0 5 ? * * *)",
                "startWindow": 480,
                "completionWindow": 10080,
                "lifecycle": {"deleteAfter": 30},
                "recoveryPointTags": {"team": "a"},
            }
        ],
        "tags": {"team": "a"},
    },
    "aws:backup/selection:Selection": {
        "name": "volumes",
        "planId": "12345678-1234-1234-1234-123456789012",
        "iamRoleArn": ROLE_ARN,
        "resources": ["arn:aws:ec2:*:*:volume/*"],
        "conditions": [{"stringEquals": [{"key": "aws:ResourceTag/team", "value": "a"}]}],
    },
    "aws:cloudwatch/metricAlarm:MetricAlarm": {
        "name": "k-api-errors",
        "alarmDescription": "Errors.",
        "namespace": "AWS/EKS",
        "metricName": "apiserver_request_total_5XX",
        "dimensions": {"ClusterName": "k"},
        "statistic": "Sum",
        "comparisonOperator": "GreaterThanThreshold",
        "threshold": 10,
        "period": 300,
        "evaluationPeriods": 3,
        "treatMissingData": "notBreaching",
        "alarmActions": [TOPIC_ARN],
        "tags": {"team": "a"},
    },
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": {
        "name": "k-failed-runs",
        "logGroupName": "/aws/containerinsights/k/application",
        "pattern": "Failed",
        "metricTransformation": {"name": "FailedRuns", "namespace": "Kubeflow/k", "value": "1"},
    },
    "aws:wafv2/webAcl:WebAcl": {
        "name": "k-address",
        "scope": "REGIONAL",
        "defaultAction": {"allow": {}},
        "rules": [
            {
                "name": "flood",
                "priority": 0,
                "action": {"block": {}},
                "statement": {"rateBasedStatement": {"limit": 20000, "aggregateKeyType": "IP"}},
                "visibilityConfig": SEEN,
            }
        ],
        "visibilityConfig": SEEN,
    },
    "aws:wafv2/webAclAssociation:WebAclAssociation": {
        "resourceArn": BALANCER_ARN,
        "webAclArn": f"arn:aws:wafv2:us-west-2:{ACCOUNT}:regional/webacl/k-address/0123456789ab",
    },
    "aws:budgets/budget:Budget": {
        "name": "kubeflow-dev-monthly",
        "budgetType": "COST",
        "timeUnit": "MONTHLY",
        "limitAmount": "900",
        "limitUnit": "USD",
        "costFilters": [{"name": "TagKeyValue", "values": ["user:pulumi:stack$dev"]}],
        "notifications": [
            {
                "comparisonOperator": "GREATER_THAN",
                "notificationType": "ACTUAL",
                "threshold": 80,
                "thresholdType": "PERCENTAGE",
                "subscriberEmailAddresses": ["platform@example.com"],
            }
        ],
        "tags": {"team": "a"},
    },
    "aws:sns/topic:Topic": {"name": "k-alarms", "tags": {"team": "a"}},
    "aws:sns/topicSubscription:TopicSubscription": {
        "topic": TOPIC_ARN,
        "protocol": "email",
        "endpoint": "platform@example.com",
    },
    "aws:ecr/pullThroughCacheRule:PullThroughCacheRule": {
        "ecrRepositoryPrefix": "team/quay",
        "upstreamRegistryUrl": "quay.io",
    },
    "aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate": {
        "prefix": "team",
        "appliedFors": ["PULL_THROUGH_CACHE"],
        "imageTagMutability": "MUTABLE",
        "lifecyclePolicy": json.dumps(IMAGES),
    },
    "aws:efs/fileSystem:FileSystem": {
        "creationToken": "k-files",
        "encrypted": True,
        "throughputMode": "elastic",
        "availabilityZoneName": "us-west-2a",
        "lifecyclePolicies": [{"transitionToIa": "AFTER_30_DAYS"}],
        "tags": {"team": "a"},
    },
    "aws:efs/mountTarget:MountTarget": {
        "fileSystemId": "fs-12345678",
        "subnetId": "subnet-12345678",
        "securityGroups": ["sg-12345678"],
    },
    "aws:cognito/userPool:UserPool": {
        "name": "k-users",
        "usernameAttributes": ["email"],
        "autoVerifiedAttributes": ["email"],
        "adminCreateUserConfig": {"allowAdminCreateUserOnly": True},
        "passwordPolicy": {"minimumLength": 12, "requireSymbols": False, "temporaryPasswordValidityDays": 7},
        "mfaConfiguration": "OPTIONAL",
        "softwareTokenMfaConfiguration": {"enabled": True},
        "accountRecoverySetting": {"recoveryMechanisms": [{"name": "verified_email", "priority": 1}]},
        "deletionProtection": "INACTIVE",
        "tags": {"team": "a"},
    },
    "aws:cognito/userPoolDomain:UserPoolDomain": {"domain": "k-1", "userPoolId": "us-west-2_aBcDeFgHi"},
    "aws:cognito/userPoolClient:UserPoolClient": {
        "name": "k-platform",
        "userPoolId": "us-west-2_aBcDeFgHi",
        "generateSecret": True,
        "allowedOauthFlowsUserPoolClient": True,
        "allowedOauthFlows": ["code"],
        "allowedOauthScopes": ["openid"],
        "supportedIdentityProviders": ["COGNITO"],
        "callbackUrls": ["https://kubeflow.example.com/oauth2/callback"],
        "preventUserExistenceErrors": "ENABLED",
    },
    "aws:cognito/userGroup:UserGroup": {"name": "kubeflow", "userPoolId": "us-west-2_aBcDeFgHi"},
    "aws:cognito/user:User": {
        "userPoolId": "us-west-2_aBcDeFgHi",
        "username": "ada@example.com",
        "attributes": {"email": "ada@example.com", "email_verified": "true"},
        "desiredDeliveryMediums": ["EMAIL"],
    },
    "aws:cognito/userInGroup:UserInGroup": {
        "userPoolId": "us-west-2_aBcDeFgHi",
        "groupName": "kubeflow",
        "username": "ada@example.com",
    },
    "aws:rds/instance:Instance": {
        "identifier": "k-database",
        "engine": "mysql",
        "engineVersion": "8.4",
        "instanceClass": "db.t4g.medium",
        "allocatedStorage": 20,
        "storageEncrypted": True,
        "username": "kubeflow",
        "password": "a" * 32,
        "tags": {"team": "a"},
    },
    "aws:rds/subnetGroup:SubnetGroup": {"name": "k-database", "subnetIds": ["subnet-1", "subnet-2"]},
    "aws:rds/parameterGroup:ParameterGroup": {
        "name": "k-database",
        "family": "mysql8.4",
        "parameters": [{"name": "require_secure_transport", "value": "1"}],
    },
    "aws:eks/cluster:Cluster": {
        "name": "k",
        "roleArn": ROLE_ARN,
        "version": "1.35",
        "vpcConfig": {"subnetIds": ["subnet-1", "subnet-2"], "publicAccessCidrs": ["0.0.0.0/0"]},
        "kubernetesNetworkConfig": {"serviceIpv4Cidr": "172.20.0.0/16", "ipFamily": "ipv4"},
        "enabledClusterLogTypes": ["api"],
        "encryptionConfig": {"provider": {"keyArn": KEY_ARN}, "resources": ["secrets"]},
        "accessConfig": {"authenticationMode": "API"},
        "upgradePolicy": {"supportType": "STANDARD"},
    },
    "aws:eks/nodeGroup:NodeGroup": {
        "clusterName": "k",
        "nodeGroupNamePrefix": "k-",
        "nodeRoleArn": ROLE_ARN,
        "subnetIds": ["subnet-1"],
        "instanceTypes": ["m5.xlarge"],
        "amiType": "AL2023_x86_64_STANDARD",
        "scalingConfig": {"minSize": 1, "desiredSize": 2, "maxSize": 3},
        "launchTemplate": {"id": "lt-1", "version": "1"},
    },
    "aws:eks/addon:Addon": {
        "clusterName": "k",
        "addonName": "coredns",
        "addonVersion": "v1.13.2-eksbuild.31",
        "configurationValues": "{}",
        "resolveConflictsOnCreate": "OVERWRITE",
    },
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": {
        "clusterName": "k",
        "namespace": "kubeflow",
        "serviceAccount": "ml-pipeline",
        "roleArn": ROLE_ARN,
        "tags": {"team": "a"},
    },
    "aws:eks/accessEntry:AccessEntry": {"clusterName": "k", "principalArn": ROLE_ARN},
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": {
        "clusterName": "k",
        "principalArn": ROLE_ARN,
        "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
        "accessScope": {"type": "cluster"},
    },
}
