"""Requests of AWS' Query protocol, as EC2, Elastic Load Balancing and Auto Scaling take them."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

Parameters = Mapping[str, Any]
Refusal = tuple[str, str]
"""A code and a message."""


def parameters(body: bytes, query: Mapping[str, Any]) -> Parameters:
    """What is asked, in the body or in the address."""
    return {**query, **parse_qs(body.decode("utf-8", "replace"))}
