"""Run by the Python that has aws-parallelcluster: what its schema says of configurations of images.

It gets JSON on standard input, name -> configuration, and answers with name -> what is wrong, for those with flaws.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from marshmallow import ValidationError
from pcluster.schemas.imagebuilder_schema import ImageBuilderSchema


def main() -> None:
    found: dict[str, Any] = {}
    for name, configuration in json.load(sys.stdin).items():
        try:
            ImageBuilderSchema().load(configuration)
        except ValidationError as error:
            found[name] = error.messages
    print(json.dumps(found, default=str))


if __name__ == "__main__":
    main()
