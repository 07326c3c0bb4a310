"""The `aws` package on the AWS emulator: a table of types over boto3, and a record of what that does not keep."""
