"""What stands before MiniStack's handlers of files, databases, images and backups."""

from urllib.parse import quote

from tests.unit.conduct.conftest import ACCOUNT, ROLE, Cloud


def test_a_mount_target_takes_its_time_and_holds_its_subnet_and_its_group(cloud: Cloud) -> None:
    group = cloud.ec2("CreateSecurityGroup", GroupName="nfs", GroupDescription="nfs", VpcId=cloud.vpc)
    status, system = cloud.efs("POST", "/file-systems", CreationToken="t", Encrypted=True)
    assert (status, system["LifeCycleState"]) == (201, "creating")
    wanted = {"FileSystemId": system["FileSystemId"], "SubnetId": cloud.subnets[0], "SecurityGroups": [group]}
    assert cloud.efs("POST", "/mount-targets", **wanted)[1]["ErrorCode"] == "IncorrectFileSystemLifeCycleState"
    cloud.minutes(1)
    target = cloud.efs("POST", "/mount-targets", **wanted)[1]
    assert target["LifeCycleState"] == "creating"
    asked = {"MountTargetId": target["MountTargetId"]}
    cloud.minutes(2)
    assert cloud.efs("GET", "/mount-targets", asked)[1]["MountTargets"][0]["LifeCycleState"] == "available"
    assert cloud.ec2("DeleteSubnet", SubnetId=cloud.subnets[0]) == "DependencyViolation"
    assert cloud.ec2("DeleteSecurityGroup", GroupId=group) == "DependencyViolation"
    assert cloud.efs("DELETE", f"/file-systems/{system['FileSystemId']}")[1]["ErrorCode"] == "FileSystemInUse"
    assert cloud.efs("DELETE", f"/mount-targets/{target['MountTargetId']}")[0] == 204
    assert cloud.efs("GET", "/mount-targets", asked)[1]["MountTargets"][0]["LifeCycleState"] == "deleting"
    cloud.minutes(1)
    assert cloud.efs("GET", "/mount-targets", asked)[0] == 404
    assert "DependencyViolation" not in cloud.ec2("DeleteSubnet", SubnetId=cloud.subnets[0])


def test_a_token_names_one_file_system(cloud: Cloud) -> None:
    cloud.efs("POST", "/file-systems", CreationToken="t")
    status, refused = cloud.efs("POST", "/file-systems", CreationToken="t")
    assert (status, refused["ErrorCode"]) == (409, "FileSystemAlreadyExists")
    assert cloud.efs("POST", "/file-systems", CreationToken="u")[0] == 201


def test_a_database_takes_its_time_and_holds_its_subnets_until_its_last_snapshot(cloud: Cloud) -> None:
    group = {f"SubnetIds.member.{number}": subnet for number, subnet in enumerate(cloud.subnets, 1)}
    cloud.rds("CreateDBSubnetGroup", DBSubnetGroupName="k", DBSubnetGroupDescription="k", **group)
    wanted = {"Engine": "mysql", "DBInstanceClass": "db.t4g.medium", "AllocatedStorage": "20", "DBSubnetGroupName": "k"}
    cloud.rds("CreateDBInstance", **wanted, MasterUsername="a", MasterUserPassword="b" * 32)
    assert "<DBInstanceStatus>creating<" in cloud.rds("DescribeDBInstances")
    assert "InvalidDBInstanceState" in cloud.rds("ModifyDBInstance", BackupRetentionPeriod="9")
    cloud.minutes(7)
    assert "<DBInstanceStatus>available<" in cloud.rds("DescribeDBInstances")
    assert cloud.ec2("DeleteSubnet", SubnetId=cloud.subnets[0]) == "DependencyViolation"
    assert "InvalidParameterCombination" in cloud.rds("DeleteDBInstance")
    assert "<DBInstanceStatus>deleting<" in cloud.rds("DeleteDBInstance", FinalDBSnapshotIdentifier="last-1")
    cloud.minutes(6)
    assert "DBInstanceNotFound" in cloud.rds("DescribeDBInstances")
    assert "<DBSnapshotIdentifier>last-1<" in cloud.rds("DescribeDBSnapshots")
    assert "DependencyViolation" not in cloud.ec2("DeleteSubnet", SubnetId=cloud.subnets[0])


def test_a_database_does_not_shrink_nor_come_back_smaller(cloud: Cloud) -> None:
    wanted = {"Engine": "mysql", "DBInstanceClass": "db.t4g.medium", "AllocatedStorage": "60", "StorageType": "gp3"}
    cloud.rds("CreateDBInstance", **wanted, MasterUsername="a", MasterUserPassword="b" * 32)
    cloud.minutes(7)
    refused = cloud.rds("ModifyDBInstance", AllocatedStorage="20")
    assert "Invalid storage size for engine name mysql and storage type gp3: 20<" in refused
    cloud.rds("DeleteDBInstance", FinalDBSnapshotIdentifier="last-1")
    cloud.minutes(6)
    cloud.rds("RestoreDBInstanceFromDBSnapshot", DBSnapshotIdentifier="last-1", StorageType="gp3")
    cloud.minutes(7)
    assert "InvalidParameterCombination" in cloud.rds("ModifyDBInstance", AllocatedStorage="59")
    assert "<AllocatedStorage>60<" in cloud.rds("ModifyDBInstance", AllocatedStorage="60")


def test_ecr_keeps_one_rule_and_one_template_of_a_prefix(cloud: Cloud) -> None:
    rule = {"ecrRepositoryPrefix": "k/quay", "upstreamRegistryUrl": "quay.io"}
    status, made = cloud.ecr("CreatePullThroughCacheRule", **rule)
    assert (status, made["registryId"], made["upstreamRegistryUrl"]) == (200, ACCOUNT, "quay.io")
    assert cloud.ecr("CreatePullThroughCacheRule", **rule)[1]["__type"] == "PullThroughCacheRuleAlreadyExistsException"
    cloud.ecr("UpdatePullThroughCacheRule", ecrRepositoryPrefix="k/quay", credentialArn="arn")
    [found] = cloud.ecr("DescribePullThroughCacheRules")[1]["pullThroughCacheRules"]
    assert (found["upstreamRegistryUrl"], found["credentialArn"]) == ("quay.io", "arn")
    assert cloud.ecr("DeletePullThroughCacheRule", ecrRepositoryPrefix="k/quay")[0] == 200
    asked = cloud.ecr("DescribePullThroughCacheRules", ecrRepositoryPrefixes=["k/quay"])[1]
    assert asked["__type"] == "PullThroughCacheRuleNotFoundException"
    cloud.ecr("CreateRepositoryCreationTemplate", prefix="k", appliedFor=["PULL_THROUGH_CACHE"])
    [template] = cloud.ecr("DescribeRepositoryCreationTemplates", prefixes=["k"])[1]["repositoryCreationTemplates"]
    assert template["appliedFor"] == ["PULL_THROUGH_CACHE"]
    refused = cloud.ecr("DeleteRepositoryCreationTemplate", prefix="of-nobody")[1]
    assert refused["__type"] == "TemplateNotFoundException"
    assert cloud.ecr("CreateRepository", repositoryName="k/quay/a")[0] == 200


def test_a_backup_takes_its_time_and_holds_its_vault(cloud: Cloud) -> None:
    volume = cloud.ec2("CreateVolume", AvailabilityZone="us-west-2a", Size="3").split("<volumeId>")[1].split("<")[0]
    source = f"arn:aws:ec2:us-west-2:{ACCOUNT}:volume/{volume}"
    asked = {"BackupVaultName": "v", "ResourceArn": source, "IamRoleArn": ROLE}
    assert cloud.backup("PUT", "/backup-vaults/v")[0] == 200
    assert cloud.backup("PUT", "/backup-jobs", **{**asked, "ResourceArn": f"{source}0"})[0] == 400
    assert cloud.backup("PUT", "/backup-jobs", **{**asked, "IamRoleArn": f"{ROLE}s"})[0] == 400
    job = cloud.backup("PUT", "/backup-jobs", **asked)[1]["BackupJobId"]
    assert cloud.backup("GET", f"/backup-jobs/{job}")[1]["State"] == "RUNNING"
    assert cloud.backup("GET", "/backup-vaults/v/recovery-points")[1]["RecoveryPoints"] == []
    cloud.minutes(3)
    assert cloud.backup("GET", f"/backup-jobs/{job}")[1]["State"] == "COMPLETED"
    [point] = cloud.backup("GET", "/backup-vaults/v/recovery-points")[1]["RecoveryPoints"]
    assert (point["ResourceArn"], point["ResourceType"], point["Status"]) == (source, "EBS", "COMPLETED")

    status, told = cloud.backup("DELETE", "/backup-vaults/v")
    assert (status, told["__type"]) == (400, "InvalidRequestException")
    assert "cannot be deleted because it contains recovery points" in told["Message"]

    wanted = {"availabilityZone": "us-west-2b", "volumeType": "gp3"}
    about = {"RecoveryPointArn": point["RecoveryPointArn"], "IamRoleArn": ROLE, "Metadata": wanted}
    restoring = cloud.backup("PUT", "/restore-jobs", **about)[1]["RestoreJobId"]
    assert cloud.backup("GET", f"/restore-jobs/{restoring}")[1]["Status"] == "RUNNING"
    cloud.minutes(3)
    made = cloud.backup("GET", f"/restore-jobs/{restoring}")[1]["CreatedResourceArn"].rpartition("/")[2]
    assert made != volume
    assert "<size>3</size>" in cloud.ec2("DescribeVolumes", **{"VolumeId.1": made})

    path = f"/backup-vaults/v/recovery-points/{quote(point['RecoveryPointArn'], safe='')}"
    assert cloud.backup("DELETE", path)[0] == 200
    assert cloud.backup("GET", path)[1]["Status"] == "DELETING"
    assert cloud.backup("DELETE", "/backup-vaults/v")[0] == 400
    cloud.minutes(1)
    assert cloud.backup("GET", path)[0] == 400
    assert cloud.backup("DELETE", "/backup-vaults/v")[0] == 200


def test_a_plan_stays_as_long_as_it_is_for_something(cloud: Cloud) -> None:
    rule = {"RuleName": "daily", "TargetBackupVaultName": "v"}
    plan = cloud.backup("PUT", "/backup/plans", BackupPlan={"BackupPlanName": "p", "Rules": [rule]})[1]["BackupPlanId"]
    wanted = {"SelectionName": "volumes", "IamRoleArn": ROLE, "Resources": ["*"]}
    selections = f"/backup/plans/{plan}/selections"
    made = cloud.backup("PUT", selections, BackupSelection=wanted)[1]["SelectionId"]
    assert "selections must be deleted prior" in cloud.backup("DELETE", f"/backup/plans/{plan}")[1]["Message"]
    assert cloud.backup("DELETE", f"{selections}/{made}")[0] == 200
    assert cloud.backup("DELETE", f"/backup/plans/{plan}")[0] == 200


def test_a_database_starts_from_what_was_backed_up_of_another(cloud: Cloud) -> None:
    wanted = {"Engine": "mysql", "DBInstanceClass": "db.t4g.medium", "AllocatedStorage": "20"}
    cloud.rds("CreateDBInstance", **wanted, MasterUsername="a", MasterUserPassword="b" * 32)
    cloud.minutes(7)
    source = f"arn:aws:rds:us-west-2:{ACCOUNT}:db:db"
    cloud.backup("PUT", "/backup-vaults/v")
    cloud.backup("PUT", "/backup-jobs", BackupVaultName="v", ResourceArn=source, IamRoleArn=ROLE)
    cloud.minutes(3)
    [point] = cloud.backup("GET", "/backup-vaults/v/recovery-points")[1]["RecoveryPoints"]
    assert "snapshot:awsbackup:job-" in point["RecoveryPointArn"]
    asked = {"DBInstanceIdentifier": "again", "DBSnapshotIdentifier": point["RecoveryPointArn"].split(":", 6)[6]}
    answer = cloud.rds("RestoreDBInstanceFromDBSnapshot", **asked)
    assert "<DBInstanceIdentifier>again<" in answer, answer


def test_files_come_back_into_a_file_system_that_is_there(cloud: Cloud) -> None:
    system = cloud.efs("POST", "/file-systems", CreationToken="t")[1]["FileSystemId"]
    source = f"arn:aws:elasticfilesystem:us-west-2:{ACCOUNT}:file-system/{system}"
    cloud.backup("PUT", "/backup-vaults/files")
    cloud.backup("PUT", "/backup-jobs", BackupVaultName="files", ResourceArn=source, IamRoleArn=ROLE)
    cloud.minutes(3)
    [point] = cloud.backup("GET", "/backup-vaults/files/recovery-points")[1]["RecoveryPoints"]
    about = {"RecoveryPointArn": point["RecoveryPointArn"], "IamRoleArn": ROLE}
    refused = cloud.backup("PUT", "/restore-jobs", **about, Metadata={"file-system-id": "fs-of-nobody"})
    assert (refused[0], refused[1]["Message"]) == (400, "File system fs-of-nobody does not exist.")
    wanted = {"file-system-id": system, "newFileSystem": "false"}
    job = cloud.backup("PUT", "/restore-jobs", **about, Metadata=wanted)[1]["RestoreJobId"]
    cloud.minutes(3)
    ended = cloud.backup("GET", f"/restore-jobs/{job}")[1]
    assert (ended["Status"], ended["CreatedResourceArn"]) == ("COMPLETED", source)
