"""An agent: reads its key from Secrets Manager, keeps it for some seconds, asks the provider with it.

Told by a line on stdin what time it is, it answers with the status of one request. Time is injected, so
nothing waits.
"""

import http.client
import sys

import boto3

secret_id, provider, cache_seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
secrets = boto3.client("secretsmanager")
key, read_at = None, None

for line in sys.stdin:
    now = float(line)
    if read_at is None or now - read_at >= cache_seconds:
        answer = secrets.get_secret_value(SecretId=secret_id, VersionStage="AWSCURRENT")
        key, read_at = answer["SecretString"], now
    connection = http.client.HTTPConnection(provider)
    connection.request("GET", "/v1/models?limit=1", headers={"x-api-key": key, "anthropic-version": "2023-06-01"})
    print(connection.getresponse().status, flush=True)
    connection.close()
