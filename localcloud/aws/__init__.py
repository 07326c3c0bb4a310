"""The `aws` package on moto: a table of types over boto3, and a record of what moto does not keep."""
