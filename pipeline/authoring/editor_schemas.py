"""JSON Schemas of the files that rule authors write, for editors to complete and underline."""

from __future__ import annotations

import json

from pydantic import BaseModel

from pipeline.rules.lint.case_format import TestFile
from pipeline.rules.source.format import RuleFile, TemplateFile


def rules() -> str:
    """Of rule files."""
    return _schema(RuleFile)


def templates() -> str:
    """Of templates.yaml."""
    return _schema(TemplateFile)


def tests() -> str:
    """Of rule tests."""
    return _schema(TestFile)


def _schema(model: type[BaseModel]) -> str:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(by_alias=True)}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
