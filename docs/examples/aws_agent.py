"""An AWS agent that no rotation disturbs: it tells for each line of its input who AWS says it is."""

import sys

import boto3

identity = boto3.Session(profile_name="publish").client("sts")

for line in sys.stdin:
    print(identity.get_caller_identity()["Arn"], flush=True)
